"""Broken layers with several ways from the input to the output, or that only move entries."""
# ruff: noqa: RUF059

import numpy as np

from minicnn.layers import (
    Layer,
)

from . import bug, weights


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


@bug("missing_term", (3, 5), w=weights(5, 5), v=weights(5, 5))
def two_branches():
    def forward(x, w, v):
        return x @ w + np.tanh(x @ v), (x, w, v)

    def backward(dout, cache):
        x, w, v = cache
        d = dout * (1 - np.tanh(x @ v) ** 2)
        return d @ v.T, x.T @ dout, x.T @ d

    return forward, backward


@bug("missing_term", (3, 5, 4, 4), w=weights(4, 4))
def residual_of_feature_maps():
    def forward(x, w):
        h = np.maximum(x @ w, 0)
        return x + h, (x, w, h)

    def backward(dout, cache):
        x, w, h = cache
        dh = dout * (h > 0)
        return dh @ w.T, np.einsum("nhwc,nhwf->cf", x, dh)

    return forward, backward


@bug("missing_term", (4, 5))
class SkipConnection(Layer):
    def build(self, shape):
        self.w = self.add_weight(name="w", shape=(shape[-1], shape[-1]))

    def forward(self, ctx, x):
        ctx.save(x=x)
        return x + x @ self.w.value

    def backward(self, ctx, dy):
        self.w.grad[...] = ctx.x.T @ dy
        return dy @ self.w.value.T


@bug("edge_missing", (2, 6, 6, 2))
class SumOfNeighboursShort(Layer):
    def forward(self, ctx, x):
        ctx.save(s=x.shape)
        return x[:, :-1] + x[:, 1:]

    def backward(self, ctx, dy):
        dx = np.zeros(ctx.s)
        dx[:, :-1] += dy
        dx[:, 1:-1] += dy[:, :-1]
        return dx


@bug("missing_term", (2, 6, 6, 2))
class OneOfTwoNeighbours(Layer):
    def forward(self, ctx, x):
        ctx.save(s=x.shape)
        return x[:, :-1] * 2 + x[:, 1:]

    def backward(self, ctx, dy):
        dx = np.zeros(ctx.s)
        dx[:, :-1] += 2 * dy
        return dx


@bug("missing_term", (4, 3), a=weights(3, seed=3), b=weights(3, seed=3))
def linear_part_left_out():
    def f(x, a, b):
        return x * a + np.sin(x * b), (x, a, b)

    def bk(d, c):
        x, a, b = c
        return d * b * np.cos(x * b), (d * x).sum(0), (d * x * np.cos(x * b)).sum(0)

    return f, bk


@bug("shifted", (2, 8, 3))
class RunningSumMoved(Layer):
    def forward(self, ctx, x):
        ctx.save(s=x.shape)
        return np.cumsum(x, 1)

    def backward(self, ctx, dy):
        g = np.cumsum(dy[:, ::-1], 1)[:, ::-1]
        out = np.zeros(ctx.s)
        out[:, :-1] = g[:, 1:]
        return out


@bug("axes_permuted", (2, 3, 4, 5))
class TransposeByReshape(Layer):
    def forward(self, ctx, x):
        return np.ascontiguousarray(x.transpose(0, 3, 1, 2))

    def backward(self, ctx, dy):
        return dy.reshape(len(dy), 3, 4, 5)
