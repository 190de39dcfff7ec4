"""What every metric is: a number that is updated batch by batch and read at any time."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from minicnn import initializers, registry
from minicnn.backends.spec import Array, Backend


class Variable(np.lib.mixins.NDArrayOperatorsMixin):
    """A number or array that a metric of one's own accumulates in; it computes like an array.

    Attributes:
        value: the array (``shape``, ``dtype``).
        start: what it holds at first and after a reset.
    """

    def __init__(self, start: np.ndarray, name: str | None) -> None:
        self.name = name or "variable"
        self.start = start
        self.value = start.copy()

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array."""
        return self.value.shape

    @property
    def dtype(self) -> str:
        """Name of the dtype."""
        return str(self.value.dtype)

    def assign(self, value: ArrayLike) -> None:
        """Hold ``value`` from now on."""
        self.value[...] = value

    def assign_add(self, value: ArrayLike) -> None:
        """Hold ``value`` more."""
        self.value[...] += value

    def numpy(self) -> np.ndarray:
        """A copy of the array."""
        return self.value.copy()

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> np.ndarray:
        return self.value.astype(dtype or self.value.dtype)

    def __array_ufunc__(
        self, ufunc: np.ufunc, method: str, *inputs: ArrayLike, **kwargs: object
    ) -> Any:
        return getattr(ufunc, method)(*map(np.asarray, inputs), **kwargs)

    def __float__(self) -> float:
        return float(self.value)


class Metric(registry.Configured):
    """Base of the metrics; one of your own writes ``update_state`` and ``result``.

    What it accumulates stands in variables, so that ``reset_state`` finds them::

        class Largest(Metric):
            def __init__(self, name="largest"):
                super().__init__(name=name)
                self.largest = self.add_variable(name="largest")

            def update_state(self, y_true, y_pred, sample_weight=None):  # NumPy arrays
                self.largest.assign(max(float(self.largest), y_pred.max()))

            def result(self):
                return float(self.largest)

    Args:
        name: the key in logs and ``History``.

    Attributes:
        direction: "up" when larger is better, "down" when smaller is, None when unknown.
    """

    saved_arguments: tuple[str, ...] = ("name", "dtype")
    #: the name where none is given; by default made from the class's name
    usual_name: str | None = None
    direction: str | None = None
    #: whether ``update`` only computes where the batch lives, and reads nothing back
    on_device = False
    #: what ``y_true`` must be: "labels" (integers), "like y_pred", or None for anything
    targets: str | None = None
    #: ``kind`` of the output activation that can be skipped: the metric then reads the logits
    inverse_of: str | None = None

    def __init__(self, name: str | None = None, dtype: str | None = None) -> None:
        self.name = name or self.usual_name or registry.unique_name(type(self))
        self._dtype = dtype or "float32"
        self._variables: list[Variable] = []

    @property
    def dtype(self) -> str:
        """Float type of the variables; settled when the metric is made."""
        return self._dtype

    def add_variable(
        self, shape: tuple[int, ...] = (), initializer: registry.Identifier = "zeros",
        dtype: str | None = None, name: str | None = None,
    ) -> Variable:  # fmt: skip
        """A variable that starts as ``initializer`` says, again after every ``reset_state``.

        Raises:
            ValueError: an unknown initializer.
        """
        make = initializers.get(initializer or "zeros")
        variable = Variable(np.asarray(make(tuple(shape), dtype=dtype or self.dtype)), name)
        self._variables.append(variable)
        return variable

    add_weight = add_variable

    @property
    def variables(self) -> list[Any]:
        """What the metric has accumulated."""
        return self._variables

    def update_state(self, y_true: object, y_pred: object, sample_weight: object = None) -> None:
        """Add a batch of arrays of any kind."""
        raise NotImplementedError(f"metric {self.name!r} has no update_state")

    def result(self) -> Any:
        """The number so far."""
        raise NotImplementedError(f"metric {self.name!r} has no result")

    def reset_state(self) -> None:
        """Start again from the beginning, zero as a rule."""
        for variable in self._variables:
            variable.assign(variable.start)

    def totals(self) -> list[Any]:
        """Copies of what has been accumulated, as NumPy arrays; ``set_totals`` takes them."""
        return [variable.numpy() for variable in self._variables]

    def set_totals(self, totals: list[Any]) -> None:
        """Go on from there."""
        for variable, total in zip(self._variables, totals, strict=True):
            variable.assign(total)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Add a batch and return the number so far."""
        self.update_state(*args, **kwargs)
        return self.result()

    def attach(self, ops: Backend) -> None:
        """Batches come from the backend ``ops`` now; start again from zero."""
        self._ops = ops
        self.reset_state()

    def update(self, y_true: Array, y_pred: Array, weights: Array | None = None) -> None:
        """Add a batch of arrays that live where ``attach`` said."""
        arrays = (a if a is None else self._ops.to_numpy(a) for a in (y_true, y_pred, weights))
        self.update_state(*arrays)

    def before_activation(self) -> "Metric":
        """The same metric, with the same sums, computed from what goes into the final softmax."""
        raise NotImplementedError(f"metric {self.name!r} is not the inverse of an activation")

    def __getstate__(self) -> dict[str, Any]:
        """What a copy or a pickle holds: all but the backend, which ``attach`` gives again."""
        return {k: v for k, v in vars(self).items() if k not in ("_ops", "_ctx")}

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"
