"""From a name, function, class or serialized form to a loss, and back."""

from typing import Any

from minicnn.engine.identify import lookup, suggestion
from minicnn.losses import functions
from minicnn.losses.base import Loss
from minicnn.losses.crossentropy import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
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
FUNCTIONS: dict[Any, type[Loss]] = {
    functions.categorical_crossentropy: CategoricalCrossentropy,
    functions.sparse_categorical_crossentropy: SparseCategoricalCrossentropy,
    functions.binary_crossentropy: BinaryCrossentropy,
    functions.mean_squared_error: MeanSquaredError,
    functions.mean_absolute_error: MeanAbsoluteError,
    functions.mean_absolute_percentage_error: MeanAbsolutePercentageError,
    functions.mean_squared_logarithmic_error: MeanSquaredLogarithmicError,
    functions.huber: Huber,
    functions.log_cosh: LogCosh,
    functions.hinge: Hinge,
    functions.squared_hinge: SquaredHinge,
    functions.poisson: Poisson,
    functions.kl_divergence: KLDivergence,
}
CLASSES = tuple(FUNCTIONS.values())
#: short name -> function; each also in capitals
ALIASES = {
    "mse": functions.mean_squared_error,
    "mae": functions.mean_absolute_error,
    "mape": functions.mean_absolute_percentage_error,
    "msle": functions.mean_squared_logarithmic_error,
    "bce": functions.binary_crossentropy,
    "kld": functions.kl_divergence,
}
#: function by every name it has
NAMES = {function.__name__: function for function in FUNCTIONS} | ALIASES
NAMES |= {alias.upper(): function for alias, function in ALIASES.items()}
NAMES["logcosh"] = functions.log_cosh
#: these names stand for one of three cross-entropies, told by the shapes
CROSSENTROPY = ("crossentropy", "ce")


def get(identifier: Any) -> Any:
    """The loss that ``identifier`` stands for, as in Keras.

    Args:
        identifier: the name of a function ("mse", "categorical_crossentropy") gives the function;
            the name of a class, a class or a serialized loss gives an object; a function or an
            object gives itself; None gives None.

    Raises:
        ValueError: an unknown name; the nearest known one is suggested.
    """
    if identifier is None:
        return None
    if isinstance(identifier, str) and identifier in NAMES:
        return NAMES[identifier]
    if isinstance(identifier, dict):
        return deserialize(identifier)
    if isinstance(identifier, str) and identifier not in {c.__name__ for c in CLASSES}:
        known = [*NAMES, *CROSSENTROPY]
        raise ValueError(
            f"Could not interpret loss identifier: {identifier}{suggestion(identifier, known)}"
        )
    return lookup(identifier, "loss", CLASSES)


def as_loss(identifier: Any) -> Any:
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


def resolve_crossentropy(y_shape: tuple[Any, ...], p_shape: tuple[Any, ...], name: str) -> Loss:
    """What "crossentropy" means, from the shapes alone, as in Keras.

    One output: binary. Labels with fewer axes, or of width 1: sparse. Otherwise one-hot.
    """
    if p_shape[-1] == 1:
        return BinaryCrossentropy(name=name)
    if len(y_shape) < len(p_shape) or y_shape[-1] == 1:
        return SparseCategoricalCrossentropy(name=name)
    return CategoricalCrossentropy(name=name)


def serialize(loss: Any) -> dict[str, Any]:
    """Keras's dictionary of a loss object or function."""
    if not isinstance(loss, Loss):
        return {
            "module": "builtins", "class_name": "function", "config": loss.__name__,
            "registered_name": "function",
        }  # fmt: skip
    own = type(loss) in CLASSES
    return {
        "module": "keras.losses" if own else type(loss).__module__,
        "class_name": type(loss).__name__,
        "config": loss.get_config(),
        "registered_name": None if own else type(loss).__name__,
    }


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """The loss of a dictionary (or name) that ``serialize`` made.

    Args:
        config: the dictionary, or a name.
        custom_objects: losses of your own, by name.

    Raises:
        ValueError: an unknown name; the nearest known one is suggested.
    """
    custom = custom_objects or {}
    if isinstance(config, str):
        return custom[config] if config in custom else get(config)
    if not isinstance(config, dict) or "class_name" not in config:
        raise ValueError(
            f"Could not interpret serialized loss: {config!r}; expected a dictionary with "
            "class_name and config"
        )
    if config["class_name"] == "function":
        return deserialize(str(config["config"]), custom)
    classes = {c.__name__: c for c in CLASSES} | custom
    return lookup(config, "loss", CLASSES, classes)
