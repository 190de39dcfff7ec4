"""From layers to stages: what a compiled model runs.

*Lowering* takes the stages of every layer in order: ``Conv2D(activation="relu")`` becomes two.
*Fusing* replaces runs of stages for which the backend has one function: convolution, ReLU and
max-pooling in one pass over the image, say. Layers know nothing of either.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from minicnn.backends.context import Context
from minicnn.backends.spec import Array, Backend
from minicnn.engine import interrupts
from minicnn.engine.guard import Guarded, guarded, is_own
from minicnn.engine.stages import Stage

#: what a backend may do in one call, longer runs first: the name says which kinds of stages
FUSED = ("conv2d_relu_maxpool2d", "dense_relu_dropout", "conv2d_relu", "dense_relu")


class Fused:
    """A run of stages that a backend does in one call; ``run`` holds the stages it stands for.

    The fused operation takes what the simple ones take, one after the other:
    conv2d_relu_maxpool2d_forward(ctx, x, w, b, strides, pads, pool_size, pool_strides).
    """

    def __init__(self, operation: str, run: Sequence[Any]) -> None:
        self.kind = operation
        self.run = tuple(run)
        self.name = " + ".join(stage.name for stage in run)
        self.parameters = [p for stage in run for p in stage.parameters]

    def forward(self, ctx: Context, x: Array) -> Array:
        """y of the last stage."""
        kernel, bias = self.run[0].kernel, self.run[0].bias
        function = getattr(ctx.ops, f"{self.kind}_forward")
        arguments = [a for stage in self.run for a in _arguments(stage, x.shape)]
        return function(ctx, x, kernel.value, None if bias is None else bias.value, *arguments)

    def backward(self, ctx: Context, dy: Array) -> Array:
        """dx of the first stage; dw and db are assigned."""
        kernel, bias = self.run[0].kernel, self.run[0].bias
        function = getattr(ctx.ops, f"{self.kind}_backward")
        return function(ctx, dy, kernel.value, kernel.grad, None if bias is None else bias.grad)


def _arguments(stage: Any, x_shape: tuple[int, ...]) -> tuple[Any, ...]:
    """What a fused forward takes of a stage, beside x, w and b."""
    if stage.kind == "conv2d":
        return stage.strides, stage.pads(x_shape)
    if stage.kind == "maxpool2d":
        return stage.pool_size, stage.strides
    return (stage.rate, stage.mask_seed) if stage.kind == "dropout" else ()


def _is_plain(stage: Any) -> bool:
    """Whether fused operations are defined for the arguments of a stage."""
    if stage.kind == "conv2d":
        return bool(stage.groups == 1 and stage.dilation_rate == (1, 1))
    if stage.kind == "maxpool2d":  # windows that do not overlap
        apart = all(s >= k for s, k in zip(stage.strides, stage.pool_size, strict=True))
        return apart and stage.padding == "valid"
    return True


def lower(layers: Iterable[Any]) -> list[Stage]:
    """The stages of all layers, in order."""
    return [stage for layer in layers for stage in layer.stages()]


def fuse(stages: Sequence[Stage], ops: Backend) -> list[Any]:
    """Replace, left to right, each run of stages that ``ops`` does in one call.

    Only the library's own classes are replaced: a subclass may compute something else.
    """
    fused: list[Any] = []
    i = 0
    while i < len(stages):
        for operation in FUSED:
            kinds = operation.split("_")
            run = stages[i : i + len(kinds)]
            if (
                [getattr(stage, "kind", "") for stage in run] == kinds
                and all(is_own(stage) and _is_plain(stage) for stage in run)
                and hasattr(ops, f"{operation}_forward")
            ):
                fused.append(Fused(operation, run))
                i += len(run)
                break
        else:
            fused.append(stages[i])
            i += 1
    return fused


#: inference takes so many samples at once that the layers put out 2^24 numbers in all; and at least
#: a batch or 32 samples, whichever is fewer
NUMBERS_AT_ONCE, FEWEST_SAMPLES = 1 << 24, 32


class Plan:
    """The stages of a model on one backend, with a context for each.

    Training and inference have contexts of their own, so that an evaluation in the middle of an
    epoch touches nothing that training keeps.

    Attributes:
        first: index of the first stage that learns; the number of stages if none does.
        penalties: training -> (stage, context) of the penalties on what a layer puts out.
        deferred: what the last forward pass in training leaves for ``commit``.
    """

    def __init__(self, stages: Sequence[Stage], ops: Backend, step: Array) -> None:
        self.stages = [guarded(stage) for stage in fuse(stages, ops)]
        self.training = [Context(ops, step, training=True) for _ in self.stages]
        self.inference = [Context(ops, step, training=False) for _ in self.stages]
        for ctx in self.inference:
            ctx.forward_only = True
        penalties = [i for i, stage in enumerate(self.stages) if stage.kind == "activity_penalty"]
        self.penalties = {
            training: [(self.stages[i], contexts[i]) for i in penalties]
            for training, contexts in ((True, self.training), (False, self.inference))
        }
        self.deferred: list[Any] = []
        for ctx in self.training:
            ctx.deferred = self.deferred
        self.refresh()

    def refresh(self) -> None:
        """See which stages learn now: somebody may have frozen a layer."""
        learn = (any(p.is_trained for p in stage.parameters) for stage in self.stages)
        self.first = next((i for i, learns in enumerate(learn) if learns), len(self.stages))

    def forward(self, x: Array, training: bool, last: int | None = None, first: int = 0) -> Array:
        """Run the stages on a batch (N, ...), from ``first`` up to but not including ``last``."""
        contexts = self.training if training else self.inference
        if training and first == 0:
            self.deferred.clear()  # of a step that was refused
        for stage, ctx in zip(self.stages[first:last], contexts[first:], strict=False):
            x = stage.forward(ctx, x)
            if interrupts.waiting:
                interrupts.point()
        return x

    def backward(self, dy: Array, last: int) -> None:
        """Run the stages before ``last`` backwards, as far as the first that learns.

        Nobody needs the gradient of that one's input.
        """
        for i in range(last - 1, self.first - 1, -1):
            ctx = self.training[i]
            ctx.need_dx = i > self.first
            dy = self.stages[i].backward(ctx, dy)
            if interrupts.waiting:
                interrupts.point()

    def commit(self) -> None:
        """Make the changes that the last forward pass in training has deferred."""
        for change, arguments in self.deferred:
            change(*arguments)
        self.deferred.clear()

    def forget(self) -> None:
        """Let go of the arrays that inference was given."""
        for ctx in self.inference:
            ctx.forget()

    def samples_at_once(self, batch_size: int, numbers: int) -> int:
        """Samples that inference computes together, when its layers put out ``numbers`` for each.

        Few samples leave a machine waiting, and many leave its caches. A batch stays as it is where
        a custom layer might look from one sample at another.
        """
        if any(isinstance(stage, Guarded) for stage in self.stages):
            return batch_size
        return max(NUMBERS_AT_ONCE // max(1, numbers), min(batch_size, FEWEST_SAMPLES))

    def contexts(self) -> list[Context]:
        """All contexts, those of training first."""
        return [*self.training, *self.inference]
