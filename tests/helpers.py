"""One operation with everything it needs, so that a test can be written once for all of them."""

import contextlib
from dataclasses import dataclass, replace

import numpy as np

from minicnn.backends.context import Context
from minicnn.gradcheck import directional_errors


@dataclass
class Case:
    """A call of one operation: ``<op>_forward(ctx, *arrays, *rest)`` and its backward.

    Attributes:
        op: name without "_forward", such as "conv2d".
        arrays: what there is a gradient for: x first, then the weights where the operation has
            some, such as w and b.
        rest: the remaining arguments in order; NumPy arrays among them are targets or weights
            with one entry a sample.
    """

    op: str
    arrays: dict
    rest: tuple = ()

    def forward(self, ops, ctx, **changed):
        """y as a fresh NumPy array (of a loss: the losses); ``changed`` replaces arrays."""
        arrays = [_put(ops, a) for a in {**self.arrays, **changed}.values()]
        rest = [_put(ops, a) for a in self.rest]
        with _running(ops):
            y = getattr(ops, f"{self.op}_forward")(ctx, *arrays, *rest)
        return _take(ops, y[0] if isinstance(y, tuple) else y)

    def backward(self, ops, ctx, dy):
        """The gradients of sum(y dy) as fresh NumPy arrays under the names in ``arrays``."""
        backward = getattr(ops, f"{self.op}_backward")
        _, *names = self.arrays
        weights = [self.arrays[name] for name in names]
        # NaN in, so that a gradient which is added to instead of assigned shows
        grads = [None if w is None else _put(ops, np.full_like(w, np.nan)) for w in weights]
        with _running(ops):
            if self.op == "weighted_sum":  # where a backward pass begins: nothing comes in
                return {"x": _take(ops, backward(ctx)) * dy}
            first_weight = [_put(ops, w) for w in weights[:1]]
            dx = backward(ctx, _put(ops, dy), *first_weight, *grads)
        named = zip(self.arrays, [dx, *grads], strict=True)
        return {name: _take(ops, g) for name, g in named if g is not None}

    def run(self, ops, ctx=None, dy=None):
        """{"y": y, "x": dx, ...} of one forward and backward call; dy is random but repeatable."""
        ctx = ctx or context(ops)
        y = self.forward(ops, ctx)
        if dy is None:
            dy = np.random.default_rng(y.size).standard_normal(y.shape).astype(y.dtype)
        return {"y": y, **self.backward(ops, ctx, dy)}

    def first(self, n):
        """The same call for the first ``n`` samples."""
        arrays = {**self.arrays, "x": self.arrays["x"][:n]}
        rest = tuple(a[:n] if isinstance(a, np.ndarray) else a for a in self.rest)
        return replace(self, arrays=arrays, rest=rest)

    def astype(self, dtype):
        """The same call with floats of ``dtype``."""
        return replace(
            self,
            arrays={name: _cast(a, dtype) for name, a in self.arrays.items()},
            rest=tuple(_cast(a, dtype) for a in self.rest),
        )


def context(ops, training=True, step=3):
    """A context in the middle of training."""
    ctx = Context(ops, training=training)
    ctx.step[0] = step
    return ctx


def gradient(parameter):
    """A copy of the gradient of a model's weight as a NumPy array."""
    return np.array(parameter.ops.to_numpy(parameter.grad))


def gradient_errors(ops, case, rng):
    """{"x": relative error of dx, ...} of one call, by the gradient checker itself."""
    ctx = context(ops)
    differentiated = {name: a for name, a in case.arrays.items() if a is not None}
    errors = directional_errors(
        lambda values: case.forward(ops, ctx, **values),
        lambda dy: case.backward(ops, ctx, dy),
        differentiated,
        rng,
    )
    assert errors.keys() == differentiated.keys(), "a gradient is missing"
    return errors


def grid(rng, shape, gap=0.05):
    """Shuffled values around 0, any two at least ``gap`` apart and none nearer than gap / 2 to a
    multiple of it: no step of a finite difference crosses a tie or a kink.
    """
    n = int(np.prod(shape))
    return rng.permutation((np.arange(n) - n // 2 + 0.5) * gap).reshape(shape)


@contextlib.contextmanager
def _running(ops):
    """As in training, but NumPy's overflow and invalid values are errors, as a formula that
    produces them on the way is wrong even where its result looks right.
    """
    with ops.running(), np.errstate(over="raise", divide="raise", invalid="raise"):
        yield


def _put(ops, value):
    return ops.asarray(value) if isinstance(value, np.ndarray) else value


def _take(ops, array):
    return np.array(ops.to_numpy(array))


def _cast(value, dtype):
    is_float = isinstance(value, np.ndarray) and value.dtype.kind == "f"
    return value.astype(dtype) if is_float else value
