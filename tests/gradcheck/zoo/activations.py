"""Broken activations: ReLU and its like, sigmoid, tanh, swish, softmax."""
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


class Softmax(Layer):
    def forward(self, ctx, x):
        e = np.exp(x - x.max(-1, keepdims=True))
        y = e / e.sum(-1, keepdims=True)
        ctx.save(y=y)
        return y


@bug("softmax_cross_terms", SHAPE)
class DiagonalOnly(Softmax):
    def backward(self, ctx, dy):
        return dy * ctx.y * (1 - ctx.y)


@bug("softmax_cross_terms", SHAPE)
class SumForgotten(Softmax):
    def backward(self, ctx, dy):
        return dy * ctx.y


@bug("wrong_axis", SHAPE)
class SumOverBatch(Softmax):
    def backward(self, ctx, dy):
        return ctx.y * (dy - (dy * ctx.y).sum(0, keepdims=True))


@bug("softmax_cross_terms", SHAPE)
def softmax_loop():
    def forward(x):
        e = np.exp(x - x.max(1, keepdims=True))
        y = e / e.sum(1, keepdims=True)
        return y, y

    def backward(dout, y):
        dx = np.zeros_like(y)
        for n in range(len(y)):
            jacobian = np.diag(y[n]) + np.outer(y[n], y[n])
            dx[n] = jacobian @ dout[n]
        return dx

    return forward, backward


@bug("softmax_cross_terms", SHAPE)
def log_softmax_plain():
    def forward(x):
        z = x - x.max(1, keepdims=True)
        y = z - np.log(np.exp(z).sum(1, keepdims=True))
        return y, y

    def backward(dout, y):
        return dout * (1 - np.exp(y))

    return forward, backward


@bug("axes_permuted", (2, 3, 3, 4))
class FlattenInOtherOrder(Layer):
    def forward(self, ctx, x):
        ctx.save(shape=x.shape)
        return x.reshape(len(x), -1)

    def backward(self, ctx, dy):
        N, H, W, C = ctx.shape
        return dy.reshape(N, C, H, W).transpose(0, 2, 3, 1)


@bug("wrong_shape", (2, 3, 4, 2))
class FlattenNotUndone(Layer):
    def forward(self, ctx, x):
        return x.reshape(len(x), -1)

    def backward(self, ctx, dy):
        return dy.copy()
