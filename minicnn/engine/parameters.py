"""Every weight of a model in one flat array, every gradient in another.

A layer holds *views* into the two arrays, so the optimizer updates the whole model with one
call over one vector, and saving a model is one pass.
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

from minicnn.backends.spec import Array, Backend
from minicnn.engine.arrays import host_array
from minicnn.engine.threads import setting

#: each weight starts on a multiple of this many entries: 256 bytes in float32, as GPUs load it
ALIGN = 64


class Parameter:
    """A named weight: ``value`` and ``grad`` are arrays of the same shape.

    ``backward`` *assigns* the gradient, ``p.grad[...] = ...``; it is never accumulated.

    Attributes:
        name: the last part of the path, such as "kernel".
        path: "model/layer/name".
        trainable: what kind of weight it is; a moving average is not trainable.
        frozen: whether its layer was switched off with ``layer.trainable = False``.
        ops: the backend that holds the arrays; None while they are NumPy's.
        regularizer, constraint: objects of ``minicnn.regularizers`` and ``constraints``, or None.
    """

    def __init__(self, name: str, value: np.ndarray, trainable: bool = True) -> None:
        self.name = name
        self.path = name
        self._home: ParameterStore | None = None  # whose flat arrays they are parts of
        self.trainable = trainable
        self.frozen = False
        self.regularizer: Any = None
        self.constraint: Any = None
        self.value: Array = value
        self.grad: Array = np.zeros_like(value)
        self.ops: Backend | None = None

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name in ("trainable", "frozen") and self._home is not None:
            self._home.changes += 1

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the weight."""
        return tuple(self.value.shape)

    @property
    def size(self) -> int:
        """Number of scalars."""
        return math.prod(self.shape)

    @property
    def is_trained(self) -> bool:
        """Whether the optimizer changes it now."""
        return self.trainable and not self.frozen

    @property
    def dtype(self) -> str:
        """Name of the dtype, such as "float32"."""
        return str(self.value.dtype)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    def numpy(self) -> np.ndarray:
        """A copy of the weight as a NumPy array."""
        return np.array(self.value if self.ops is None else self.ops.to_numpy(self.value))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        value = self.numpy()
        return value if dtype is None else value.astype(dtype)

    def __getstate__(self) -> dict[str, Any]:
        """What a copy or a pickle holds: arrays of its own, in NumPy."""
        value = self.numpy()
        own = {"value": value, "grad": np.zeros_like(value), "ops": None, "_home": None}
        return {**vars(self), **own}

    def assign(self, value: Any) -> None:
        """Copy ``value`` into place.

        Raises:
            ValueError: the shapes differ.
        """
        array = np.asarray(value)
        if array.shape != self.shape:
            raise ValueError(
                f"weight {self.path!r} has shape {self.shape}, it cannot take a value of shape "
                f"{array.shape}"
            )
        array = array.astype(self.dtype)
        self.value[...] = array if self.ops is None else self.ops.asarray(array)

    def __repr__(self) -> str:
        return f"<Parameter path={self.path}, shape={self.shape}, dtype={self.dtype}>"


class ParameterStore:
    """The flat arrays behind a list of parameters, laid out in their order.

    Parameters that are parts of another model's flat arrays already stay there: a model made of
    some layers of another one shares its arrays. Where they come from several models they move to
    arrays of their own; those models find out by :meth:`holds` and follow.

    Attributes:
        values, grads: flat arrays of one length. The gaps between two weights stay zero.
        starts: where each parameter begins.
        home: the store whose flat arrays these are: itself, or that of another model.
        abandoned: whether a parameter has left the flat arrays made here.
        changes: how often a weight of the flat arrays made here was frozen or let go.
        seen: what that number of ``home`` was when ``trained`` was made.
        trained: where the optimizer may change the flat arrays: slices, merged where they touch.
    """

    def __init__(self, parameters: Sequence[Parameter], ops: Backend, dtype: str) -> None:
        self.parameters = list(parameters)
        self.starts: list[int] = []
        self.values: Array
        self.grads: Array
        self.home = self._common_home(ops, dtype) or self
        self.abandoned = False
        self.changes = self.seen = 0
        if self.home is self:
            self._lay_out(ops, dtype)
        else:
            self.values, self.grads = self.home.values, self.home.grads
            places = zip(self.home.parameters, self.home.starts, strict=True)
            start_of = {id(p): start for p, start in places}
            self.starts = [start_of[id(p)] for p in self.parameters]
        self.trained: list[slice] = []
        self.refresh()

    def _common_home(self, ops: Backend, dtype: str) -> "ParameterStore | None":
        """The store that all parameters are parts of, if it is one that fits."""
        homes = {id(p._home): p._home for p in self.parameters}
        home = next(iter(homes.values()), None)
        fits = len(homes) == 1 and home is not None and self.parameters[0].ops is ops
        return home if fits and self.parameters[0].dtype == dtype else None

    def _lay_out(self, ops: Backend, dtype: str) -> None:
        """Make flat arrays, and move every parameter there."""
        end = 0
        for p in self.parameters:
            self.starts.append(end)
            end += _aligned(p)
        self.values = ops.zeros((end,), dtype)
        self.grads = ops.zeros((end,), dtype)
        for p, start in zip(self.parameters, self.starts, strict=True):
            value = self.view(self.values, p, start)
            value[...] = ops.asarray(np.asarray(p.numpy(), dtype))
            if p._home is not None:
                p._home.abandoned = True
            # filled, and then moved there in one go: a weight is whole at any moment
            p.value, p.grad, p.ops = value, self.view(self.grads, p, start), ops
            p._home = self

    def holds(self) -> bool:
        """Whether the parameters are where this store has them: no other model took them away."""
        home = self.home
        return not home.abandoned or all(p._home is home for p in self.parameters)

    @staticmethod
    def view(flat: Array, p: Parameter, start: int) -> Array:
        """The part of ``flat`` that belongs to ``p``, in its shape."""
        return flat[start : start + math.prod(p.shape)].reshape(p.shape)

    def like(self, ops: Backend) -> Array:
        """A flat array of zeros beside ``values``, for an optimizer's moments."""
        return ops.zeros(self.values.shape, str(self.values.dtype))

    def refresh(self) -> None:
        """See which weights learn now: somebody may have frozen a layer."""
        self.seen = self.home.changes
        self.trained = []
        for p, start in zip(self.parameters, self.starts, strict=True):
            end = start + _aligned(p)
            if not p.is_trained:
                continue
            if self.trained and self.trained[-1].stop == start:
                self.trained[-1] = slice(self.trained[-1].start, end)
            else:
                self.trained.append(slice(start, end))


def _aligned(p: Parameter) -> int:
    """Entries that a weight takes in a flat array, with the gap after it."""
    return -(-p.size // ALIGN) * ALIGN


#: entries that new weights may still have while a model is rebuilt from a file; None: no limit
_entries_left: ContextVar[int | None] = ContextVar("entries_left", default=None)


@contextmanager
def weights_from_file(limit: int) -> Iterator[None]:
    """Inside, new weights are zeros, for their values come from a file, and may have ``limit``
    entries in all: a file that describes a larger model than it holds gets no memory for it.
    """
    token = _entries_left.set(limit)
    try:
        yield
    finally:
        _entries_left.reset(token)


def first_value(initializer: Any, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """What a new weight holds: what ``initializer`` makes, or zeros while a file is loaded.

    Raises:
        ValueError: the weights would have more entries than the file.
    """
    left = _entries_left.get()
    if left is None:
        return initializer(shape, dtype=dtype)
    left -= math.prod(shape)
    if left < 0:
        raise ValueError(f"a weight of shape {shape} is larger than what the file holds")
    _entries_left.set(left)
    return np.zeros(shape, dtype)


def assign_all(owner: str, parameters: list[Parameter], weights: Sequence[Any]) -> None:
    """Copy ``weights`` into ``parameters``, all or none."""
    if len(weights) != len(parameters):
        raise ValueError(
            f"set_weights: {owner} has {len(parameters)} weights, but a list of {len(weights)} "
            "was given"
        )
    arrays = [host_array(w, f"weight {i}") for i, w in enumerate(weights)]
    for parameter, array in zip(parameters, arrays, strict=True):
        if parameter.shape != array.shape:
            raise ValueError(
                f"set_weights: weight {parameter.path!r} of {owner} has shape {parameter.shape}, "
                f"but an array of shape {array.shape} was given"
            )
    with setting(parameters):
        for parameter, array in zip(parameters, arrays, strict=True):
            parameter.assign(array)
