"""What an operation remembers between its forward and its backward call, and what it draws with."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from minicnn.backends.spec import Array, Backend


class Context:
    """A bag of named values owned by one stage of the network.

    Two uses, one object:

    * ``ctx.save(cols=cols)`` keeps a value for the backward pass; read it back as ``ctx.cols``.
    * ``ctx.buffer("cols", shape, dtype)`` hands out an uninitialised array, and hands out *the
      same memory* next time, so that only the first step allocates. A request that is smaller
      along the first axis (the last batch of an epoch) gets the leading part of it.

    ``freeze()`` turns any later allocation into an error; tests use it to show that a warm step
    allocates nothing. A recorded step on a GPU holds its arrays through ``memory()``.

    Attributes:
        ops: the backend module that computes.
        training: whether dropout drops and batch statistics are taken from the batch.
        need_dx: whether anybody reads the gradient with respect to the input.
        forward_only: whether no backward call follows: what only that would read may be left out,
            and y may be rounded differently.
        step: (1,) uint32, counts training steps; shared by all contexts of a model.
        deferred: what ``defer`` keeps for the update of the weights; None outside of a training
            step, where it is done at once.
    """

    def __init__(self, ops: "Backend", step: "Array | None" = None, training: bool = False) -> None:
        self.ops = ops
        self.training = training
        self.need_dx = True
        self.forward_only = False
        self.step = step if step is not None else ops.zeros((1,), "uint32")
        self.deferred: list[tuple[Callable[..., object], tuple[Any, ...]]] | None = None
        self._buffers: dict[str, Array] = {}
        self._frozen = False

    def save(self, **values: object) -> None:
        """Keep ``values`` for the backward pass, readable as attributes of that name."""
        for name in values.keys() & _RESERVED:
            raise ValueError(
                f"ctx.save({name}=...) would overwrite the context's own {name!r}; "
                "choose another name"
            )
        self.__dict__.update(values)

    def defer(self, change: Callable[..., object], *arguments: Any) -> None:
        """Call ``change(*arguments)`` with the update of the weights: moving averages, for example.

        A training step may still be refused after its forward pass, and then changes nothing.
        """
        if self.deferred is None:
            change(*arguments)
        else:
            self.deferred.append((change, arguments))

    def forget(self) -> None:
        """Let go of what was kept for a backward pass that does not come; buffers stay."""
        for name in [name for name in self.__dict__ if name not in (*_RESERVED, *_PRIVATE)]:
            del self.__dict__[name]

    def __getattr__(self, name: str) -> Any:
        # only reached when the attribute does not exist
        raise AttributeError(
            f"backward asked for ctx.{name}, but forward never kept it; "
            f"call ctx.save({name}=...) in forward"
        )

    def buffer(self, name: str, shape: Sequence[int], dtype: "str | np.dtype") -> "Array":
        """Uninitialised memory of ``shape`` and ``dtype``, the same at every call.

        Raises:
            RuntimeError: the context is frozen and the memory at hand is too small.
            MemoryError: the machine has none left; the message says for what.
        """
        array = self._buffers.get(name)
        if array is not None and array.dtype == dtype:
            if array.shape == tuple(shape):
                return array
            if shape and array.shape[1:] == tuple(shape[1:]) and array.shape[0] > shape[0]:
                return array[: shape[0]]
        if self._frozen:
            raise RuntimeError(
                f"buffer {name!r} of shape {tuple(shape)} was asked for after the buffers were "
                "frozen; run one step with this batch size first"
            )
        try:
            array = self.ops.empty(tuple(shape), dtype)
        except MemoryError as error:
            raise MemoryError(
                f"there is no memory for {name!r} of shape {tuple(shape)} and type {dtype} "
                f"({error}): half the batch_size needs half as much"
            ) from error
        self._buffers[name] = array
        return array

    def memory(self) -> "list[Array]":
        """The arrays that ``buffer`` has handed out; whoever holds them keeps them in place."""
        return list(self._buffers.values())

    def freeze(self) -> None:
        """From now on, ``buffer`` raises rather than allocates."""
        self._frozen = True


_RESERVED = {
    "ops", "training", "need_dx", "forward_only", "step", "deferred",
    "save", "defer", "buffer", "memory", "freeze", "forget",
}  # fmt: skip
_PRIVATE = {"_buffers", "_frozen"}

_MASK64 = (1 << 64) - 1


def draw_keys(seed: int, step: int) -> tuple[int, int]:
    """Two 32-bit keys for the draws of one layer in one step: see ``spec.dropout_forward``.

    SplitMix64 (Steele, Lea, Flood 2014, OOPSLA) of the 64-bit number (seed, step), cut in half.
    """
    z = (((seed & 0xFFFFFFFF) << 32) | (step & 0xFFFFFFFF)) + 0x9E3779B97F4A7C15 & _MASK64
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & _MASK64
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB & _MASK64
    z ^= z >> 31
    return z & 0xFFFFFFFF, z >> 32
