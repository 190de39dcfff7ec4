"""Right numbers, or nearly, by wrong conduct: memory written to, state kept, dtypes lost."""

import numpy as np

from minicnn.layers import Layer

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


@bug("wrong_dtype", SHAPE)
class SinglePrecision(Layer):
    def forward(self, ctx, x):
        ctx.save(x=x)
        return np.sin(x)

    def backward(self, ctx, dy):
        return (dy * np.cos(ctx.x)).astype(np.float32)


@bug("wrong_dtype", SHAPE, w=weights(5, 3))
def integer_gradient():
    def forward(x, w):
        return x @ w, (x, w)

    def backward(dout, cache):
        x, w = cache
        return dout @ w.T, (x.T @ dout).astype(int)

    return forward, backward


class OtherStyle:
    """Weights and gradients as attributes, no context."""

    def __init__(self, inputs=5, units=3):
        self.W, self.b = weights(inputs, units), np.zeros(units)

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, dy):
        self.dW, self.db = self.x.T @ dy, dy.sum(0)
        return dy @ self.W.T


@bug("sign", SHAPE)
class OtherStyleSign(OtherStyle):
    def backward(self, dy):
        dx = super().backward(dy)
        self.dW = -self.dW
        return dx


@bug("accumulated", SHAPE)
class OtherStyleAddsUp(OtherStyle):
    def __init__(self):
        super().__init__()
        self.dW, self.db = np.zeros_like(self.W), np.zeros_like(self.b)

    def backward(self, dy):
        self.dW += self.x.T @ dy
        self.db += dy.sum(0)
        return dy @ self.W.T
