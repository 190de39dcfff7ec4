"""An optimizer's variables: its own state, as files and users see it, and those it serves alone.

Without a model an optimizer updates variables that somebody else holds, as in Keras: each is a
:class:`~minicnn.engine.parameters.Parameter`, or anything with ``assign`` that NumPy makes an array
of. The arithmetic is the same as in ``fit``.
"""

import math
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from minicnn import config
from minicnn.backends.spec import Array, Backend
from minicnn.engine.arrays import host_array
from minicnn.engine.parameters import Parameter, ParameterStore


class OptimizerVariable:
    """A view of optimizer state: the step counter, the learning rate, or one weight's moment.

    Attributes:
        name: such as "conv2d_kernel_momentum".
        path: "adam/conv2d_kernel_momentum".
        value: the array, where the backend ``ops`` keeps it; a scalar lives in shape (1,).
        shape: the shape that files hold, () for a scalar.
    """

    def __init__(
        self, name: str, owner: str, value: Array, shape: Sequence[int], ops: Backend
    ) -> None:
        self.name = name
        self.path = f"{owner}/{name}"
        self.value = value
        self.shape = tuple(shape)
        self._ops = ops

    @property
    def dtype(self) -> str:
        """Name of the dtype, such as "float32"."""
        return str(self.value.dtype)

    @property
    def size(self) -> int:
        """Number of scalars."""
        return math.prod(self.shape)

    def __eq__(self, other: object) -> Any:
        return self.numpy() == other

    __hash__ = object.__hash__

    def __float__(self) -> float:
        return float(self.numpy())

    def __array__(self, dtype: str | None = None, copy: bool | None = None) -> Array:
        return self.numpy() if dtype is None else self.numpy().astype(dtype)

    def numpy(self) -> Array:
        """A copy as a NumPy array of ``shape``."""
        return self._ops.to_numpy(self.value).reshape(self.shape).copy()

    def assign(self, value: object) -> None:
        """Copy ``value`` into place.

        Raises:
            ValueError: the shapes differ, or ``value`` does not hold numbers.
        """
        array = host_array(value, f"the value of {self.path!r}", self.dtype)
        if array.shape != self.shape:
            raise ValueError(
                f"optimizer variable {self.path!r} has shape {self.shape}, cannot take a value of "
                f"shape {array.shape}"
            )
        self.value[...] = self._ops.asarray(array.reshape(self.value.shape))

    def move(self, ops: Backend) -> None:
        """Keep the value where ``ops`` computes from now on."""
        self.value = ops.asarray(self._ops.to_numpy(self.value))
        self._ops = ops

    def __repr__(self) -> str:
        return f"<OptimizerVariable path={self.path}, shape={self.shape}, dtype={self.dtype}>"


class LearningRate(float):
    """The rate of an optimizer's next update: a float, which can be set as Keras's variable can.

    ``optimizer.learning_rate.assign(0.01)`` is ``optimizer.learning_rate = 0.01``.
    """

    _optimizer: Any
    _variable: OptimizerVariable

    def __new__(cls, optimizer: Any, variable: OptimizerVariable) -> "LearningRate":
        """The rate of ``optimizer``, which it keeps in ``variable``, as it is now."""
        rate = super().__new__(cls, float(variable))
        rate._optimizer, rate._variable = optimizer, variable
        return rate

    def numpy(self) -> Array:
        """The number as an array () of the stored precision."""
        return self._variable.numpy()

    value = property(numpy)

    def assign(self, value: float | Callable[..., float]) -> None:
        """Give the optimizer another rate.

        Raises:
            TypeError: a schedule decides.
        """
        self._optimizer.learning_rate = value

    def __reduce__(self) -> tuple[type[float], tuple[float]]:
        return float, (float(self),)


def follow(
    slots: Mapping[str, Array], old: ParameterStore, new: ParameterStore, ops: Backend,
    unknown: Callable[[object], ValueError],
) -> dict[str, Array]:  # fmt: skip
    """What is kept beside the weights of the store ``old``, laid out beside those of ``new``.

    Raises:
        ValueError: other weights; made by ``unknown``.
    """
    starts = {id(p): start for p, start in zip(old.parameters, old.starts, strict=True)}
    others = [p for p in new.parameters if id(p) not in starts]
    if others or len(new.parameters) != len(starts):
        raise unknown(others[0] if others else "another set of weights")
    moved = {name: new.like(ops) for name in slots}
    for p, start in zip(new.parameters, new.starts, strict=True):
        for name, slot in moved.items():
            new.view(slot, p, start)[...] = old.view(slots[name], p, starts[id(p)])
    return moved


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


def step_alone(
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
