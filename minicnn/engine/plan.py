"""From layers to stages: what a compiled model runs.

*Lowering* takes the stages of every layer in order: ``Conv2D(activation="relu")`` becomes two.
*Fusing* replaces runs of stages for which the backend has one function: convolution, ReLU and
max-pooling in one pass over the image, say. Layers know nothing of either.
"""

from collections.abc import Iterable, Sequence
from typing import Any, cast

from minicnn.backends.context import Context
from minicnn.backends.spec import Array, Backend, FusedBackend
from minicnn.engine import interrupts
from minicnn.engine.guard import Guarded, guarded, is_own
from minicnn.engine.stages import Stage


class Fused:
    """A run of stages that a backend does in one call. ``run`` holds the stages it stands for."""

    #: the kinds of the stages in a row, and the backend function (without _forward) that it needs
    pattern: tuple[str, ...]
    operation: str

    def __init__(self, run: Sequence[Any]) -> None:
        self.run = tuple(run)
        self.name = " + ".join(stage.name for stage in run)
        self.parameters = [p for stage in run for p in stage.parameters]
        self.kind = self.operation

    @classmethod
    def applies(cls, run: Sequence[Any]) -> bool:
        """Whether the fused function is defined for the arguments of these stages."""
        return True

    def weights(self) -> tuple[Array, Array | None]:
        """(w, b) of the first stage; b may be None."""
        first = self.run[0]
        return first.kernel.value, first.bias.value if first.bias is not None else None

    def backward(self, ctx: Context, dy: Array) -> Array:
        first = self.run[0]
        db = first.bias.grad if first.bias is not None else None
        function = getattr(ctx.ops, f"{self.operation}_backward")
        return function(ctx, dy, first.kernel.value, first.kernel.grad, db)


class Conv2DReLU(Fused):
    """Convolution, then ReLU."""

    pattern = ("conv2d", "relu")
    operation = "conv2d_relu"

    @classmethod
    def applies(cls, run: Sequence[Any]) -> bool:
        return run[0].groups == 1 and run[0].dilation_rate == (1, 1)

    def forward(self, ctx: Context, x: Array) -> Array:
        conv = self.run[0]
        return cast(FusedBackend, ctx.ops).conv2d_relu_forward(
            ctx, x, *self.weights(), conv.strides, conv.pads(x.shape)
        )


class Conv2DReLUMaxPooling2D(Fused):
    """Convolution, ReLU, then max-pooling whose windows do not overlap."""

    pattern = ("conv2d", "relu", "maxpool2d")
    operation = "conv2d_relu_maxpool2d"

    @classmethod
    def applies(cls, run: Sequence[Any]) -> bool:
        pool = run[2]
        apart = all(s >= k for s, k in zip(pool.strides, pool.pool_size, strict=True))
        return Conv2DReLU.applies(run) and apart and pool.padding == "valid"

    def forward(self, ctx: Context, x: Array) -> Array:
        conv, _, pool = self.run
        return cast(FusedBackend, ctx.ops).conv2d_relu_maxpool2d_forward(
            ctx, x, *self.weights(), conv.strides, conv.pads(x.shape), pool.pool_size, pool.strides
        )


class DenseReLU(Fused):
    """Dense, then ReLU."""

    pattern = ("dense", "relu")
    operation = "dense_relu"

    def forward(self, ctx: Context, x: Array) -> Array:
        return cast(FusedBackend, ctx.ops).dense_relu_forward(ctx, x, *self.weights())


class DenseReLUDropout(Fused):
    """Dense, ReLU, then dropout."""

    pattern = ("dense", "relu", "dropout")
    operation = "dense_relu_dropout"

    def forward(self, ctx: Context, x: Array) -> Array:
        dropout = self.run[2]
        return cast(FusedBackend, ctx.ops).dense_relu_dropout_forward(
            ctx, x, *self.weights(), dropout.rate, dropout.mask_seed
        )


#: longer runs first
FUSED: tuple[type[Fused], ...] = (Conv2DReLUMaxPooling2D, DenseReLUDropout, Conv2DReLU, DenseReLU)


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
        for kind in FUSED:
            run = stages[i : i + len(kind.pattern)]
            if (
                tuple(getattr(stage, "kind", "") for stage in run) == kind.pattern
                and all(is_own(stage) for stage in run)
                and hasattr(ops, f"{kind.operation}_forward")
                and kind.applies(run)
            ):
                fused.append(kind(run))
                i += len(run)
                break
        else:
            fused.append(stages[i])
            i += 1
    return fused


#: numbers that the layers of a model put out at once in inference, and samples all the same
AT_ONCE, FEWEST = 1 << 24, 32


class Plan:
    """The stages of a model on one backend, with a context for each.

    Training and inference have contexts of their own, so that an evaluation in the middle of an
    epoch touches nothing that training keeps.

    Attributes:
        first: index of the first stage that learns; the number of stages if none does.
        penalties: training -> (stage, context) of the penalties on what a layer puts out.
    """

    def __init__(self, stages: Sequence[Stage], ops: Backend, step: Array) -> None:
        self.stages = [guarded(stage) for stage in fuse(stages, ops)]
        self.training = [Context(ops, step, training=True) for _ in self.stages]
        self.inference = [Context(ops, step, training=False) for _ in self.stages]
        for ctx in self.inference:
            ctx.forward_only = True
        self.penalties = {
            training: [
                (stage, ctx)
                for stage, ctx in zip(self.stages, contexts, strict=True)
                if stage.kind == "activity_penalty"
            ]
            for training, contexts in ((True, self.training), (False, self.inference))
        }
        self._committing = [
            (stage, ctx)
            for stage, ctx in zip(self.stages, self.training, strict=True)
            if hasattr(stage, "commit")
        ]
        self.refresh()

    def refresh(self) -> None:
        """See which stages learn now: somebody may have frozen a layer."""
        learn = (any(p.is_trained for p in stage.parameters) for stage in self.stages)
        self.first = next((i for i, learns in enumerate(learn) if learns), len(self.stages))

    def forward(self, x: Array, training: bool, last: int | None = None, first: int = 0) -> Array:
        """Run the stages on a batch (N, ...), from ``first`` up to but not including ``last``."""
        contexts = self.training if training else self.inference
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
        """Apply what the last forward pass in training has computed beside its output."""
        for stage, ctx in self._committing:
            stage.commit(ctx)

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
        return max(AT_ONCE // max(1, numbers), min(batch_size, FEWEST))

    def contexts(self) -> list[Context]:
        """All contexts, those of training first."""
        return [*self.training, *self.inference]
