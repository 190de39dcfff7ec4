"""Right numbers, or nearly, by wrong conduct: memory written to, state kept, random draws."""
# ruff: noqa: NPY002

import numpy as np

from minicnn.layers import (
    Layer,
)

from . import bug, weights

SHAPE = (4, 5)


@bug("cotangent_modified", SHAPE)
class ReluInPlace(Layer):
    def forward(self, ctx, x):
        ctx.save(mask=x > 0)
        return np.maximum(x, 0)

    def backward(self, ctx, dy):
        dy *= ctx.mask
        return dy


@bug("input_modified", SHAPE)
class ReluOverwritesInput(Layer):
    def forward(self, ctx, x):
        ctx.save(mask=x > 0)
        x[x < 0] = 0
        return x.copy()

    def backward(self, ctx, dy):
        return dy * ctx.mask


@bug("input_modified", SHAPE)
class WeightStepInBackward(Layer):
    def build(self, shape):
        self.g = self.add_weight(name="gain", shape=(shape[-1],), initializer="ones")

    def forward(self, ctx, x):
        ctx.save(x=x)
        return x * self.g.value

    def backward(self, ctx, dy):
        dx = dy * self.g.value
        self.g.grad[...] = (dy * ctx.x).sum(0)
        self.g.value[...] -= 0.1 * self.g.grad
        return dx


@bug("context_modified", SHAPE)
class MaskUsedUp(Layer):
    def forward(self, ctx, x):
        ctx.save(y=np.tanh(x))
        return ctx.y.copy()

    def backward(self, ctx, dy):
        slope = ctx.y
        slope *= slope
        return dy * (1 - slope)


@bug("accumulated", SHAPE)
class InputGradientKept(Layer):
    def forward(self, ctx, x):
        ctx.save(x=x, dx=np.zeros_like(x))
        return x**2

    def backward(self, ctx, dy):
        ctx.dx += 2 * ctx.x * dy
        return ctx.dx


@bug("not_repeatable", SHAPE)
class Noise(Layer):
    def forward(self, ctx, x):
        return x + 0.1 * np.random.default_rng().standard_normal(x.shape)

    def backward(self, ctx, dy):
        return dy.copy()


@bug("not_repeatable", SHAPE)
class CallsCounted(Layer):
    calls = 0

    def forward(self, ctx, x):
        self.calls += 1
        ctx.save(scale=self.calls)
        return x * self.calls

    def backward(self, ctx, dy):
        return dy * ctx.scale


@bug("accumulated", (4, 5), w=weights(5, 3))
def closure_keeps_a_sum():
    total = {}

    def forward(x, w):
        return x @ w, (x, w)

    def backward(dout, cache):
        x, w = cache
        total["dw"] = total.get("dw", 0) + x.T @ dout
        return dout @ w.T, total["dw"]

    return forward, backward


@bug("cotangent_modified", (4, 5), w=weights(5, 3))
def zeroed_in_place():
    def forward(x, w):
        z = x @ w
        return np.maximum(z, 0), (x, w, z)

    def backward(dout, cache):
        x, w, z = cache
        dout[z <= 0] = 0
        return dout @ w.T, x.T @ dout

    return forward, backward


@bug("input_modified", (4, 5))
def exponential_in_place():
    def forward(x):
        np.exp(x, out=x)
        return x.copy(), x.copy()

    def backward(dout, y):
        return dout * y

    return forward, backward


@bug("not_repeatable", (4, 5))
def global_noise():
    def forward(x):
        noise = np.random.randn(*x.shape)
        return x * noise, noise

    def backward(dout, noise):
        return dout * noise

    return forward, backward


@bug("cotangent_modified", (4, 3), w=weights(3, 5))
def scaled_in_place():
    def forward(x, w):
        return 3 * (x @ w), (x, w)

    def backward(dout, cache):
        x, w = cache
        dout *= 3
        return dout @ w.T, x.T @ dout

    return forward, backward


@bug("not_repeatable", (4, 5))
class RunningScale(Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.mean = 0.0

    def forward(self, ctx, x):
        self.mean = 0.9 * self.mean + 0.1 * x.max()
        ctx.save(scale=1 + self.mean)
        return x * ctx.scale

    def backward(self, ctx, dy):
        return dy * ctx.scale
