"""A layer that somebody else wrote, watched: what it returns is checked, every step.

The library's own stages are tested; a learner's layer may forget its ``return``, answer in another
shape or widen float32 to float64. The message then names the layer, not a place deep inside.
"""

from typing import Any


def guarded(stage: Any) -> Any:
    """``stage`` itself if it is the library's own, else the same with its answers checked."""
    return stage if is_own(stage) else Guarded(stage)


def is_own(stage: Any) -> bool:
    """Whether the library wrote this very class (a subclass made elsewhere is not its own)."""
    return type(stage).__module__.startswith("minicnn.")


class Guarded:
    """Runs ``stage`` and checks that arrays of the expected shape and dtype come back."""

    def __init__(self, stage: Any) -> None:
        self.stage = stage
        self.name = stage.name
        self.kind = getattr(stage, "kind", "")
        self.parameters = stage.parameters
        self._output_shapes: dict[Any, Any] = {}  # input shape of a sample -> output shape

    def forward(self, ctx: Any, x: Any) -> Any:
        """``stage.forward``, checked."""
        y = self._array("forward", self.stage.forward(ctx, x), "y")
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

    def backward(self, ctx: Any, dy: Any) -> Any:
        """``stage.backward``, checked."""
        dx = self.stage.backward(ctx, dy)
        if not ctx.need_dx:
            return dx
        dx = self._array("backward", dx, "dx")
        if tuple(dx.shape) != ctx.guard_x_shape:
            raise ValueError(
                f"{self._who('backward')} returned shape {tuple(dx.shape)}, expected the shape of "
                f"its input, {ctx.guard_x_shape}"
            )
        return dx if dx.dtype == dy.dtype else dx.astype(dy.dtype)

    def _array(self, method: str, value: Any, what: str) -> Any:
        if not hasattr(value, "shape"):
            raise TypeError(
                f"{self._who(method)} returned {type(value).__name__}, expected the array {what}; "
                f"is 'return {what}' missing?"
            )
        return value

    def _who(self, method: str) -> str:
        return f"{method} of layer {self.name!r} ({type(self.stage).__name__})"
