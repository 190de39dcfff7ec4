"""Broken dense layers."""

import numpy as np

from minicnn.layers import Layer

from . import bug, weights


class Dense(Layer):
    """A right y = x w + b."""

    def __init__(self, units=4, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, shape):
        self.w = self.add_weight(name="kernel", shape=(shape[-1], self.units))
        self.b = self.add_weight(name="bias", shape=(self.units,))

    def forward(self, ctx, x):
        ctx.save(x=x)
        return x @ self.w.value + self.b.value

    def backward(self, ctx, dy):
        self.w.grad[...] = ctx.x.T @ dy
        self.b.grad[...] = dy.sum(0)
        return dy @ self.w.value.T


@bug("sign", (5, 3))
class NegativeBias(Dense):
    def backward(self, ctx, dy):
        dx = super().backward(ctx, dy)
        self.b.grad[...] = -dy.sum(0)
        return dx


@bug("batch_mean", (5, 3))
class EverythingMean(Dense):
    def backward(self, ctx, dy):
        self.w.grad[...] = ctx.x.T @ dy / len(dy)
        self.b.grad[...] = dy.mean(0)
        return dy @ self.w.value.T


@bug("factor", (5, 3))
class CotangentOverBatch(Dense):
    def backward(self, ctx, dy):
        return super().backward(ctx, dy) / len(dy)


@bug("axes_permuted", (5, 4))
class WeightNotTransposed(Dense):
    def backward(self, ctx, dy):
        super().backward(ctx, dy)
        return dy @ self.w.value


@bug("axes_permuted", (5, 4))
class GradientTransposed(Dense):
    def backward(self, ctx, dy):
        dx = super().backward(ctx, dy)
        self.w.grad[...] = dy.T @ ctx.x
        return dx


@bug("axes_permuted", (5, 3))
class GradientTransposedOtherShape(Dense):
    def backward(self, ctx, dy):
        dx = super().backward(ctx, dy)
        self.w.grad[...] = dy.T @ ctx.x
        return dx


@bug("sum_missing", (5, 3))
class BiasWithoutSum(Dense):
    def backward(self, ctx, dy):
        dx = super().backward(ctx, dy)
        self.b.grad[...] = dy
        return dx


@bug("wrong_axis", (4, 3))
class BiasOverUnits(Dense):
    def backward(self, ctx, dy):
        dx = super().backward(ctx, dy)
        self.b.grad[...] = dy.sum(1)
        return dx


@bug("wrong_axis", (5, 3))
class BiasOverEverything(Dense):
    def backward(self, ctx, dy):
        dx = super().backward(ctx, dy)
        self.b.grad[...] = dy.sum()
        return dx


@bug("overwritten", (5, 3), also=("sum_missing",))
class SamplesAssigned(Dense):
    def backward(self, ctx, dy):
        dx = super().backward(ctx, dy)
        for x, g in zip(ctx.x, dy, strict=True):
            self.w.grad[...] = np.outer(x, g)
        return dx


@bug("bias_forgotten", (5, 3))
class NoBiasGradient(Dense):
    def backward(self, ctx, dy):
        self.w.grad[...] = ctx.x.T @ dy
        return dy @ self.w.value.T


@bug("untouched", (5, 3))
class NoInputGradient(Dense):
    def backward(self, ctx, dy):
        super().backward(ctx, dy)
        return np.zeros_like(ctx.x)


@bug("untouched", (5, 3))
class GradientRebound(Dense):
    def backward(self, ctx, dy):
        self.w.grad = ctx.x.T @ dy
        self.b.grad[...] = dy.sum(0)
        return dy @ self.w.value.T


@bug("accumulated", (5, 3))
class GradientsAddUp(Dense):
    def backward(self, ctx, dy):
        self.w.grad += ctx.x.T @ dy
        self.b.grad += dy.sum(0)
        return dy @ self.w.value.T


@bug("relu_mask", (5, 3))
class ReluOfCotangent(Dense):
    def forward(self, ctx, x):
        return np.maximum(super().forward(ctx, x), 0)

    def backward(self, ctx, dy):
        dy = np.where(dy > 0, dy, 0)
        return super().backward(ctx, dy)


@bug("relu_mask", (5, 3))
class ReluMaskBeforeBias(Dense):
    def forward(self, ctx, x):
        return np.maximum(super().forward(ctx, x), 0)

    def backward(self, ctx, dy):
        return super().backward(ctx, dy * (ctx.x @ self.w.value > 0))


@bug("missing_term", (4, 5))
class ResidualForgotten(Dense):
    def __init__(self):
        super().__init__(units=5)

    def forward(self, ctx, x):
        return x + np.tanh(super().forward(ctx, x))

    def backward(self, ctx, dy):
        t = np.tanh(ctx.x @ self.w.value + self.b.value)
        return super().backward(ctx, dy * (1 - t**2))


@bug("bias_forgotten", (5, 3), w=weights(3, 4), b=weights(4))
def bias_left_out():
    def forward(x, w, b):
        return x @ w + b, (x, w)

    def backward(dout, cache):
        x, w = cache
        return dout @ w.T, x.T @ dout

    return forward, backward


@bug("factor", (5, 3))
class RegularisationLikeHalf(Dense):
    def backward(self, ctx, dy):
        dx = super().backward(ctx, dy)
        self.w.grad[...] *= 0.5
        return dx


@bug("edge_missing", (5, 3))
class LastSampleLeftOut(Dense):
    def backward(self, ctx, dy):
        dx = super().backward(ctx, dy)
        self.w.grad[...] = ctx.x[:-1].T @ dy[:-1]
        return dx


@bug("relu_mask", (6, 4), w=weights(4, 4))
def dense_relu_mask_from_input():
    def forward(x, w):
        z = x @ w
        return np.maximum(z, 0), (x, w)

    def backward(dout, cache):
        x, w = cache
        dz = dout * (x > 0)
        return dz @ w.T, x.T @ dz

    return forward, backward


@bug("relu_mask", (5, 4), w=weights(4, 3))
def relu_before_dense():
    def forward(x, w):
        return np.maximum(x, 0) @ w, (x, w)

    def backward(dout, cache):
        x, w = cache
        return dout @ w.T, np.maximum(x, 0).T @ dout

    return forward, backward


@bug("relu_mask", (5, 4), w=weights(4, 6), b=weights(6))
def dense_relu_mask_inverted():
    def forward(x, w, b):
        z = x @ w + b
        return np.maximum(z, 0), (x, w, z)

    def backward(dout, cache):
        x, w, z = cache
        dz = dout * (z < 0)
        return dz @ w.T, x.T @ dz, dz.sum(0)

    return forward, backward


@bug("untouched", (4, 3), w=weights(3, 5), v=weights(5, 2))
def second_layer_forgotten():
    def forward(x, w, v):
        h = np.tanh(x @ w)
        return h @ v, (x, w, v, h)

    def backward(dout, cache):
        x, w, v, h = cache
        dz = (dout @ v.T) * (1 - h**2)
        return dz @ w.T, x.T @ dz, None

    return forward, backward


@bug("missing_term", (4, 3), w=weights(3, 3))
def squared_layer():
    def forward(x, w):
        return (x @ w) ** 2 + x @ w, (x, w)

    def backward(dout, cache):
        x, w = cache
        d = dout * 2 * (x @ w)
        return d @ w.T, x.T @ d

    return forward, backward
