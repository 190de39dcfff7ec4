"""Broken activations: ReLU and its like, sigmoid, tanh, swish."""
# ruff: noqa: RUF059

import numpy as np

from minicnn.layers import Layer

from . import bug

SHAPE = (4, 5)


class ReLU(Layer):
    def forward(self, ctx, x):
        y = np.maximum(x, 0)
        ctx.save(x=x, y=y)
        return y


@bug("relu_mask", SHAPE)
class MaskFromCotangent(ReLU):
    def backward(self, ctx, dy):
        return dy * (dy > 0)


@bug("relu_mask", SHAPE)
class MaskForgotten(ReLU):
    def backward(self, ctx, dy):
        return dy * 1.0


@bug("relu_mask", SHAPE)
class MaskInverted(ReLU):
    def backward(self, ctx, dy):
        return dy * (ctx.x < 0)


@bug("relu_mask", (4, 4))
class MaskTransposed(ReLU):
    def backward(self, ctx, dy):
        return dy * (ctx.x.T > 0)


@bug("relu_mask", SHAPE)
class GuidedBackpropagation(ReLU):
    def backward(self, ctx, dy):
        return dy * (ctx.x > 0) * (dy > 0)


@bug("relu_mask", SHAPE)
class LeakyWithoutLeak(Layer):
    def forward(self, ctx, x):
        ctx.save(x=x)
        return np.where(x > 0, x, 0.1 * x)

    def backward(self, ctx, dy):
        return np.where(ctx.x > 0, dy, 0)


@bug("sign", SHAPE)
def sigmoid_sign():
    def forward(x):
        y = 1 / (1 + np.exp(-x))
        return y, y

    def backward(dout, y):
        return dout * y * (y - 1)

    return forward, backward


@bug("wrong_array", (6, 7))
def sigmoid_of_x():
    def forward(x):
        y = 1 / (1 + np.exp(-x))
        return y, (x, y)

    def backward(dout, cache):
        x, y = cache
        return dout * x * (1 - x)

    return forward, backward


@bug("wrong_array", (6, 7))
class SigmoidTwice(Layer):
    def sigmoid(self, x):
        return 1 / (1 + np.exp(-x))

    def forward(self, ctx, x):
        y = self.sigmoid(x)
        ctx.save(y=y)
        return y

    def backward(self, ctx, dy):
        return dy * self.sigmoid(ctx.y) * (1 - self.sigmoid(ctx.y))


@bug("factor", SHAPE)
class SquareHalf(Layer):
    def forward(self, ctx, x):
        ctx.save(x=x)
        return x**2

    def backward(self, ctx, dy):
        return dy * ctx.x


@bug("missing_term", SHAPE)
class SwishGateOnly(Layer):
    def forward(self, ctx, x):
        gate = 1 / (1 + np.exp(-x))
        ctx.save(x=x, gate=gate)
        return x * gate

    def backward(self, ctx, dy):
        return dy * ctx.gate


@bug("missing_term", SHAPE)
class SwishSlopeOnly(Layer):
    def forward(self, ctx, x):
        gate = 1 / (1 + np.exp(-x))
        ctx.save(x=x, gate=gate)
        return x * gate

    def backward(self, ctx, dy):
        return dy * ctx.x * ctx.gate * (1 - ctx.gate)


@bug("missing_term", SHAPE)
def cubic_without_linear_term():
    def forward(x):
        return x**3 + 2 * x, x

    def backward(dout, x):
        return dout * 3 * x**2

    return forward, backward


@bug("chain_rule", SHAPE)
class TanhForgotten(Layer):
    def forward(self, ctx, x):
        return np.tanh(x)

    def backward(self, ctx, dy):
        return dy.copy()


@bug("sign", (3, 4))
class TanhTurnedRound(Layer):
    def forward(self, ctx, x):
        ctx.save(y=np.tanh(x))
        return np.tanh(x)

    def backward(self, ctx, dy):
        return dy * (ctx.y**2 - 1)


@bug("relu_mask", (4, 6))
class Relu6WithoutCeiling(Layer):
    def forward(self, ctx, x):
        x = 5 * x
        ctx.save(x=x)
        return np.clip(x, 0, 6)

    def backward(self, ctx, dy):
        return 5 * dy * (ctx.x > 0)


@bug("wrong_array", (5, 6))
class TanhOfInput(Layer):
    def forward(self, ctx, x):
        ctx.save(x=x)
        return np.tanh(x)

    def backward(self, ctx, dy):
        return dy * (1 - ctx.x**2)


@bug("missing_term", (4, 6))
class Mish(Layer):
    def forward(self, ctx, x):
        ctx.save(x=x, t=np.tanh(np.log1p(np.exp(x))))
        return x * ctx.t

    def backward(self, ctx, dy):
        return dy * ctx.t


@bug("relu_mask", (4, 6))
class HardTanh(Layer):
    def forward(self, ctx, x):
        ctx.save(x=x)
        return np.clip(x, -1, 1)

    def backward(self, ctx, dy):
        return dy * (np.abs(ctx.x) > 1)


@bug("missing_term", (4, 5))
class SineTimesSquare(Layer):
    def forward(self, ctx, x):
        ctx.save(x=x)
        return x**2 * np.sin(x)

    def backward(self, ctx, dy):
        return dy * 2 * ctx.x * np.sin(ctx.x)


@bug("sign", (4, 3))
class Reciprocal(Layer):
    def forward(self, ctx, x):
        ctx.save(x=x)
        return 1 / (x**2 + 1)

    def backward(self, ctx, dy):
        return dy * 2 * ctx.x / (ctx.x**2 + 1) ** 2


@bug("factor", (3, 4))
class HalfSquareDoubled(Layer):
    def forward(self, ctx, x):
        ctx.save(x=x)
        return 0.5 * x**2

    def backward(self, ctx, dy):
        return 2 * ctx.x * dy
