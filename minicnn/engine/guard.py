"""A layer that somebody else wrote, watched: what it returns is checked, every step.

The library's own stages are tested; a learner's layer may forget its ``return``, answer in another
shape or widen float32 to float64. The message then names the layer, not a place deep inside.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from minicnn.backends.context import Context
from minicnn.backends.spec import Array, Backend


def guarded(stage: Any) -> Any:
    """``stage`` itself if it is the library's own, else the same with its answers checked."""
    return stage if is_own(stage) else Guarded(stage)


def unguarded(part: Any) -> Any:
    """The stage or loss that somebody wrote, without its guard."""
    if isinstance(part, Guarded):
        return part.stage
    return part.loss if isinstance(part, GuardedLoss) else part


def is_own(stage: object) -> bool:
    """Whether the library wrote this very class (a subclass made elsewhere is not its own)."""
    return type(stage).__module__.startswith("minicnn.")


@contextmanager
def on_device(ops: Backend, who: str) -> Iterator[None]:
    """Inside, code of somebody else's runs, with arrays of the backend ``ops``.

    What it raises comes through as it is, with a note that tells ``who`` it was.

    Raises:
        TypeError: it took arrays on a GPU for NumPy's; the message says what to do.
    """
    try:
        yield
    except Exception as error:
        error.add_note(f"raised by {who}")
        if not (isinstance(error, TypeError) and hasattr(ops, "capture")):
            raise
        raise TypeError(f"{who} failed: {error}. {_ADVICE}") from error


class GuardedLoss:
    """A loss whose errors on a GPU are explained; all else is the loss's."""

    def __init__(self, loss: Any) -> None:
        self.loss = loss

    def __getattr__(self, name: str) -> Any:
        return getattr(self.loss, name)

    def forward(self, ctx: Context, y_true: Array, y_pred: Array) -> tuple[Array, Array]:
        """``loss.forward``."""
        with on_device(ctx.ops, f"loss {self.loss.name!r}"):
            return self.loss.forward(ctx, y_true, y_pred)

    def backward(self, ctx: Context, dvalues: Array) -> Array:
        """``loss.backward``."""
        with on_device(ctx.ops, f"loss {self.loss.name!r}"):
            return self.loss.backward(ctx, dvalues)


_ADVICE = (
    "On the GPU arrays are CuPy's: compute with their operators and methods and with NumPy's "
    "functions of them alone (x * 2, x.sum(), np.exp(x)), and make new arrays with "
    "ctx.ops.asarray, ctx.ops.zeros or ctx.buffer, not with np.zeros or np.asarray. Or train on "
    "the CPU: minicnn.config.set_backend('numba')"
)


class Guarded:
    """Runs ``stage`` and checks that arrays of the expected shape and dtype come back."""

    def __init__(self, stage: Any) -> None:
        self.stage = stage
        self.name = stage.name
        self.kind = getattr(stage, "kind", "")
        self.parameters = stage.parameters
        self._output_shapes: dict[Any, Any] = {}  # input shape of a sample -> output shape

    def forward(self, ctx: Context, x: Array) -> Array:
        """``stage.forward``, checked."""
        with on_device(ctx.ops, self._who("forward")):
            y = self.stage.forward(ctx, x)
        y = self._array("forward", y, "y", x)
        sample = tuple(x.shape[1:])
        if sample not in self._output_shapes:
            self._output_shapes[sample] = self.stage.compute_output_shape((None, *sample))
        expected = self._output_shapes[sample]
        if tuple(y.shape) != (x.shape[0], *expected[1:]):
            raise ValueError(
                f"{self._who('forward')} returned shape {tuple(y.shape)} for an input of shape "
                f"{tuple(x.shape)}, expected {(x.shape[0], *expected[1:])} from its "
                "compute_output_shape"
            )
        ctx.save(guard_x_shape=tuple(x.shape))
        return y if y.dtype == x.dtype else y.astype(x.dtype)

    def backward(self, ctx: Context, dy: Array) -> Array:
        """``stage.backward``, checked."""
        with on_device(ctx.ops, self._who("backward")):
            dx = self.stage.backward(ctx, dy)
        if not ctx.need_dx:
            return dx
        dx = self._array("backward", dx, "dx", dy)
        if tuple(dx.shape) != ctx.guard_x_shape:
            raise ValueError(
                f"{self._who('backward')} returned shape {tuple(dx.shape)}, expected the shape of "
                f"its input, {ctx.guard_x_shape}"
            )
        return dx if dx.dtype == dy.dtype else dx.astype(dy.dtype)

    def _array(self, method: str, value: Any, what: str, given: Any) -> Any:
        if not hasattr(value, "shape"):
            raise TypeError(
                f"{self._who(method)} returned {type(value).__name__}, expected the array {what}; "
                f"is 'return {what}' missing?"
            )
        if isinstance(value, np.ndarray) and not isinstance(given, np.ndarray):
            raise TypeError(f"{self._who(method)} returned an array of NumPy's. {_ADVICE}")
        return value

    def _who(self, method: str) -> str:
        return f"{method} of layer {self.name!r} ({type(self.stage).__name__})"
