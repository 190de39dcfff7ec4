"""Broken softmax."""

import numpy as np

from minicnn.layers import Layer

from . import bug

SHAPE = (4, 5)


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


@bug("softmax_cross_terms", (2, 3, 4))
class SoftmaxLastAxis3D(Layer):
    def forward(self, ctx, x):
        e = np.exp(x)
        ctx.save(p=e / e.sum(-1, keepdims=True))
        return ctx.p.copy()

    def backward(self, ctx, dy):
        return ctx.p * (dy + (dy * ctx.p).sum(-1, keepdims=True))


@bug("wrong_axis", (3, 4, 2))
class SoftmaxOtherAxis(Layer):
    def forward(self, ctx, x):
        e = np.exp(x)
        ctx.save(p=e / e.sum(1, keepdims=True))
        return ctx.p.copy()

    def backward(self, ctx, dy):
        return ctx.p * (dy - (dy * ctx.p).sum(-1, keepdims=True))


@bug("factor", (5, 4))
def temperature():
    def forward(x):
        e = np.exp(x / 2.5)
        y = e / e.sum(1, keepdims=True)
        return y, y

    def backward(dout, y):
        return y * (dout - (dout * y).sum(1, keepdims=True))

    return forward, backward


@bug("softmax_cross_terms", (3, 5))
def softmax_with_kronecker_only():
    def forward(x):
        e = np.exp(x - x.max(axis=1, keepdims=True))
        s = e / e.sum(axis=1, keepdims=True)
        return s, s

    def backward(dout, s):
        dx = np.empty_like(s)
        for n in range(len(s)):
            for k in range(s.shape[1]):
                dx[n, k] = s[n, k] * (1 - s[n, k]) * dout[n, k]
        return dx

    return forward, backward


@bug("softmax_cross_terms", (4, 6))
class SoftmaxSquares(Layer):
    def forward(self, ctx, x):
        e = np.exp(x)
        ctx.save(p=e / e.sum(1, keepdims=True))
        return ctx.p * 1

    def backward(self, ctx, dy):
        return ctx.p * dy - ctx.p**2 * dy
