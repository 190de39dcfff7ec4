"""An optimizer without a model: it updates variables that somebody else holds, as in Keras.

A variable is a :class:`~minicnn.engine.parameters.Parameter`, or anything with ``assign`` that
NumPy makes an array of. The arithmetic is the same as in ``fit``.
"""

import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from minicnn import config
from minicnn.backends.spec import Array, Backend
from minicnn.engine.arrays import host_array
from minicnn.engine.parameters import Parameter, ParameterStore


class Shadow(Parameter):
    """A weight that stands for a variable outside: copied in before a step, back after it."""

    def __init__(self, variable: Any) -> None:
        name = str(getattr(variable, "name", "variable"))
        super().__init__(name, host_array(variable, f"variable {name!r}", config.floatx()))
        self.path = str(getattr(variable, "path", name))
        self.variable = variable


def store_of(variables: Iterable[Any], ops: Backend) -> ParameterStore:
    """A store of weights that stand for ``variables``."""
    return ParameterStore([Shadow(v) for v in variables], ops, config.floatx())


def served(store: ParameterStore) -> list[Shadow]:
    """Those weights of a store that stand for a variable outside."""
    return [p for p in store.parameters if isinstance(p, Shadow)]


def step(
    store: ParameterStore, grads: Sequence[Array | None], variables: Sequence[Any],
    update: Callable[[], None], unknown: Callable[[object], ValueError],
) -> None:  # fmt: skip
    """One update of ``variables``, which ``store`` stands for.

    Args:
        update: updates the weights of the store.
        unknown: makes the error for a variable that is not served.

    Raises:
        ValueError: every gradient is None, a shape differs, or a variable is not served.
    """
    given = dict(zip(map(id, variables), grads, strict=True))
    shadows = served(store)
    if strange := given.keys() - {id(p.variable) for p in shadows}:
        raise unknown(next(v for v in variables if id(v) in strange))
    trained = [p for p in shadows if given.get(id(p.variable)) is not None]
    if not trained:
        raise ValueError("No gradients provided for any variable.")
    if missing := [p.path for p in shadows if given.get(id(p.variable), p) is None]:
        warnings.warn(
            f"Gradients do not exist for variables {missing} when minimizing the loss.",
            stacklevel=4,
        )
    gradients = [host_array(given[id(p.variable)], f"the gradient of {p.path!r}") for p in trained]
    for p, gradient in zip(trained, gradients, strict=True):
        p.assign(p.variable)
        p.grad[...] = gradient
    for p in shadows:
        p.frozen = p not in trained
    update()
    for p in shadows:
        p.frozen = False
    for p in trained:
        limit = getattr(p.variable, "constraint", None)
        p.variable.assign(p.numpy() if limit is None else limit(p.numpy()))
