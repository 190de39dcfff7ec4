"""A loss, and a model with its loss: targets made up where none are given."""

import copy
from typing import Any

import numpy as np

from minicnn import backends
from minicnn.gradcheck import source
from minicnn.gradcheck.errors import GradientCheckError, definition, guarded
from minicnn.gradcheck.layer_target import CheckContext, LayerTarget, instance_maker, missing_return
from minicnn.gradcheck.targets import (
    Array,
    Run,
    Shrink,
    Target,
    Values,
    host,
    input_array,
    layer_axes,
)


class LossTarget(Target):
    """A loss of this library's kind, ``forward(ctx, y_true, y_pred)``, reduced as in training.

    The checked output is the batch's loss: the sum of the values divided by ``loss.divisor``.

    Args:
        y_true: targets; by default random ones of the kind that ``loss.targets`` names.
        x: predictions or their shape.
    """

    kind = "loss"

    def __init__(self, loss: Any, x: Any, y_true: Any, *, seed: int, backend: str) -> None:
        super().__init__(type(loss).__name__)
        self.loss, self.seed, self.backend = copy.deepcopy(loss), seed, backend
        self.ops = backends.get(backend)
        for method in ("forward", "backward"):
            if not hasattr(loss, method):
                raise GradientCheckError(
                    f"loss {self.name} has no {method}\n  {definition(type(loss))}"
                )
        self.values["x"] = input_array(x, seed, self.notes)
        self.axes["x"] = layer_axes("x", self.values["x"].shape)
        if isinstance(x, tuple) and _takes_probabilities(loss):
            self.values["x"] = probabilities(self.values["x"], loss.inverse_of)
            self.notes.append("the input was made positive: this loss takes probabilities")
        self.given_targets = y_true
        self.constants["y_true"] = targets_for(loss, self.values["x"].shape, y_true, seed)

    def _forward(self, ctx: Any, x: Any) -> tuple[Any, float]:
        y_true = self.ops.asarray(np.array(self.constants["y_true"]))
        with self.ops.running():
            out = guarded(self.loss.forward, f"forward of {self.name}", ctx, y_true, x)
        values = out[0] if isinstance(out, tuple) else out
        if not hasattr(values, "shape"):
            raise GradientCheckError(missing_return(self.loss.forward, self.name, values))
        return values, 1.0 / self.loss.divisor(max(int(np.prod(values.shape)), 1), None)

    def _context(self) -> CheckContext:
        return CheckContext(self.ops, training=True)

    def forward(self, values: Values) -> Array:
        losses, scale = self._forward(self._context(), self.ops.asarray(np.array(values["x"])))
        return np.asarray(host(losses).sum() * scale)

    def run(self, values: Values, dy: Array, fill: float = 0.0, twice: bool = False) -> Run:
        x, ctx = self.ops.asarray(np.array(values["x"])), self._context()
        losses, scale = self._forward(ctx, x)
        run = Run(np.asarray(host(losses).sum() * scale), {})
        self._note_changes(run, "forward", x, values)
        weights = np.full(losses.shape, float(dy) * scale)
        run.grads = self._backward(ctx, weights, run)
        self._note_changes(run, "backward", x, values)
        if twice:
            run.again = self._backward(ctx, weights, Run(run.y, {}))
        return run

    def _backward(self, ctx: Any, weights: Array, run: Run) -> dict[str, Array | None]:
        lent = self.ops.asarray(np.array(weights))
        with self.ops.running():
            dx = guarded(self.loss.backward, f"backward of {self.name}", ctx, lent)
        if not hasattr(dx, "shape"):
            raise GradientCheckError(missing_return(self.loss.backward, self.name, dx))
        run.dtypes["x"] = str(dx.dtype)
        if not np.array_equal(host(lent), weights):
            run.changed.add(("backward", "dy"))
        return {"x": host(dx)}

    def _note_changes(self, run: Run, who: str, x: Any, values: Values) -> None:
        if not np.array_equal(host(x), values["x"]):
            run.changed.add((who, "x"))
            x[...] = self.ops.asarray(np.array(values["x"]))

    def resized(self, shrink: Shrink) -> "Target | None":
        shape = shrink.shape(self.values["x"].shape, keep_channels=True)
        if shape == self.values["x"].shape:
            return None
        return LossTarget(self.loss, shape, None, seed=self.seed, backend=self.backend)

    def source(self, name: str) -> list[str]:
        return source.returns(type(self.loss).backward, 0)


class ModelTarget(LayerTarget):
    """The layers of a model in a row, and its loss where one is given.

    Args:
        layers: the model's layers, built or not; copies are checked.
    """

    kind = "model"

    def __init__(
        self, name: str, layers: list[Any], x: Any, loss: Any, y_true: Any, *,
        seed: int, training: bool, backend: str,
    ) -> None:  # fmt: skip
        super().__init__(name, None, layers, x, seed=seed, training=training, backend=backend)
        self.loss: LossTarget | None = None
        if loss is not None:
            out = super().forward(self.values)
            self.loss = LossTarget(loss, out, y_true, seed=seed, backend=backend)

    def forward(self, values: Values) -> Array:
        out = super().forward(values)
        return out if self.loss is None else self.loss.forward({"x": out})

    def run(self, values: Values, dy: Array, fill: float = 0.0, twice: bool = False) -> Run:
        if self.loss is None:
            return super().run(values, dy, fill, twice)
        out = super().forward(values)
        end = self.loss.run({"x": out}, dy)
        dout = end.grads["x"]
        assert dout is not None
        run = super().run(values, dout, fill, twice)
        run.y = end.y
        run.changed |= end.changed
        return run

    def resized(self, shrink: Shrink) -> "Target | None":
        return None

    def parts(self) -> list[Target]:
        """Each layer alone, with the input that it gets inside the model, and the loss."""
        x, parts = self.values["x"], list[Target]()
        for layer in self.layers:
            alone = LayerTarget(
                layer.name, instance_maker(layer), self._bare(layer), x, seed=self.seed,
                training=self.training, backend=self.backend,
            )  # fmt: skip
            parts.append(alone)
            x = alone.forward(alone.values)
        return parts if self.loss is None else [*parts, self.loss]


def _takes_probabilities(loss: Any) -> bool:
    return getattr(loss, "inverse_of", None) is not None and not getattr(loss, "from_logits", False)


def probabilities(x: Array, activation: str | None) -> Array:
    """What the activation in front of a loss would hand it."""
    if activation == "softmax":
        e = np.exp(x)
        return np.asarray(e / e.sum(axis=-1, keepdims=True))
    return np.asarray(1 / (1 + np.exp(-x)))


def targets_for(loss: Any, shape: tuple[int, ...], given: Any, seed: int) -> Array:
    """The given targets as the loss wants them, or random ones of its kind."""
    labels = loss.targets == "labels"
    if given is not None:
        array = np.asarray(host(given)).astype("int64" if labels else "float64")
        fits = shape[:-1] if labels else shape
        if array.shape != fits and array.size == int(np.prod(fits)):
            array = array.reshape(fits)
        if array.shape != fits:
            raise GradientCheckError(
                f"the targets must have the shape {fits} for predictions of shape {shape}, "
                f"got {array.shape}"
            )
        return array
    rng = np.random.default_rng(seed + 2)
    if labels:
        return rng.integers(0, shape[-1], shape[:-1])
    if loss.targets == "one_hot":
        return np.asarray(np.eye(shape[-1])[rng.integers(0, shape[-1], shape[:-1])])
    if getattr(loss, "inverse_of", None) is not None:
        return rng.integers(0, 2, shape).astype("float64")
    return rng.standard_normal(shape)
