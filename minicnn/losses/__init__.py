"""Losses: one value a sample, and how the values of a batch become one number.

A loss is an operation like any other: ``forward(ctx, y_true, y_pred)`` returns one value a sample,
``backward(ctx, dvalues)`` the gradient with respect to ``y_pred``. The batch's loss is their
weighted sum, ``sum(w_i l_i) / N``: sample weights and reduction live in one place for all of them.
"""

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from minicnn import registry
from minicnn.backends.spec import Array
from minicnn.losses.base import (
    REDUCTIONS,
    BinaryCrossentropy,
    CategoricalCrossentropy,
    Loss,
    SparseCategoricalCrossentropy,
)
from minicnn.losses.regression import (
    Hinge,
    Huber,
    KLDivergence,
    LogCosh,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    Poisson,
    SquaredHinge,
)

#: function -> the class it gives the values of
FUNCTIONS: dict[Callable[..., Array], type[Loss]] = {}


def _values_of(cls: type[Loss]) -> Callable[..., Array]:
    """``cls`` as a function of two arrays: its values, one a sample. (..., K) -> (...)."""
    arguments = inspect.signature(cls).parameters.values()
    own = [p for p in arguments if p.name not in ("reduction", "name", "dtype")]
    signature = inspect.Signature(own)

    def function(y_true: object, y_pred: object, *args: object, **kwargs: object) -> Array:
        given = signature.bind(*args, **kwargs).arguments
        return cls(reduction="none", **given)(y_true, y_pred)

    arrays = [*inspect.signature(function).parameters.values()][:2]
    vars(function)["__signature__"] = inspect.Signature([*arrays, *own])
    function.__name__ = function.__qualname__ = registry.snake_case(cls.__name__)
    function.__doc__ = f"Values of :class:`{cls.__name__}`, one a sample."
    FUNCTIONS[function] = cls
    return function


# every loss as a function, too
categorical_crossentropy = _values_of(CategoricalCrossentropy)
sparse_categorical_crossentropy = _values_of(SparseCategoricalCrossentropy)
binary_crossentropy = _values_of(BinaryCrossentropy)
mean_squared_error = _values_of(MeanSquaredError)
mean_absolute_error = _values_of(MeanAbsoluteError)
mean_absolute_percentage_error = _values_of(MeanAbsolutePercentageError)
mean_squared_logarithmic_error = _values_of(MeanSquaredLogarithmicError)
huber = _values_of(Huber)
log_cosh = _values_of(LogCosh)
hinge = _values_of(Hinge)
squared_hinge = _values_of(SquaredHinge)
poisson = _values_of(Poisson)
kl_divergence = _values_of(KLDivergence)

CLASSES = tuple(FUNCTIONS.values())
#: short name -> function; each also in capitals
_SHORT = {
    "mse": mean_squared_error, "mae": mean_absolute_error, "mape": mean_absolute_percentage_error,
    "msle": mean_squared_logarithmic_error, "bce": binary_crossentropy, "kld": kl_divergence,
}  # fmt: skip
#: these names stand for one of three cross-entropies, told by the shapes
CROSSENTROPY = ("crossentropy", "ce")

_FAMILY = registry.Registry(
    "loss", "keras.losses",
    {c.__name__: c for c in CLASSES}
    | {f.__name__: f for f in FUNCTIONS}
    | _SHORT
    | {name.upper(): function for name, function in _SHORT.items()}
    | {"logcosh": log_cosh},
    further=CROSSENTROPY, foreign=lambda cls: cls.__module__,
)  # fmt: skip
get, deserialize = _FAMILY.get, _FAMILY.deserialize


def serialize(loss: Any) -> dict[str, Any]:
    """Keras's dictionary of a loss object or function."""
    return _FAMILY.serialize(loss) if isinstance(loss, Loss) else registry.serialized_function(loss)


def as_loss(identifier: registry.Identifier) -> Any:
    """What ``get`` gives as a :class:`Loss` that can train, under its name in ``identifier``.

    "crossentropy" stays a name until shapes are known: see :func:`resolve_crossentropy`.

    Raises:
        ValueError: an unknown name, or a plain function, which has no hand-written derivative.
    """
    if isinstance(identifier, str) and identifier.lower() in CROSSENTROPY:
        return identifier
    loss = get(identifier)
    if callable(loss) and loss in FUNCTIONS:
        name = identifier if isinstance(identifier, str) else loss.__name__
        return FUNCTIONS[loss](name=name)
    written = [getattr(type(loss), m, None) for m in ("forward", "backward")]
    if None in written or written[0] is Loss.forward or written[1] is Loss.backward:
        raise ValueError(
            f"Could not interpret loss identifier: {identifier!r}. minicnn writes every derivative "
            "by hand, so a plain function, or a loss with a `call` only, cannot train: subclass "
            "minicnn.losses.Loss and write forward and backward"
        )
    return loss


def resolve_crossentropy(
    y_shape: Sequence[int | None], p_shape: Sequence[int | None], name: str
) -> Loss:
    """What "crossentropy" means, from the shapes alone, as in Keras.

    One output: binary. Labels with fewer axes, or of width 1: sparse. Otherwise one-hot.
    """
    if p_shape[-1] == 1:
        return BinaryCrossentropy(name=name)
    if len(y_shape) < len(p_shape) or y_shape[-1] == 1:
        return SparseCategoricalCrossentropy(name=name)
    return CategoricalCrossentropy(name=name)


__all__ = ["CLASSES", "CROSSENTROPY", "FUNCTIONS", "REDUCTIONS"]  # and the classes and functions:
__all__ += registry.public_names(__name__)
