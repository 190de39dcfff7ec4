"""Right numbers in the wrong dtype or shape."""

import numpy as np

from minicnn.layers import (
    Layer,
)

from . import bug, weights

SHAPE = (4, 5)


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


@bug("wrong_dtype", (2, 5, 4, 2))
class PoolIntoSingle(Layer):
    def forward(self, ctx, x):
        ctx.save(shape=x.shape)
        return x.mean((1, 2))

    def backward(self, ctx, dy):
        dx = np.zeros(ctx.shape, np.float32)
        dx += (dy / (ctx.shape[1] * ctx.shape[2]))[:, None, None].astype(np.float32)
        return dx


@bug("wrong_shape", (2, 3, 4, 2))
class GlobalAverageReturnsColumn(Layer):
    def forward(self, ctx, x):
        ctx.save(n=x.shape[1] * x.shape[2])
        return x.mean((1, 2))

    def backward(self, ctx, dy):
        return dy[:, None, None] / ctx.n


@bug("wrong_dtype", (4, 5))
class ForwardInSingle(Layer):
    def forward(self, ctx, x):
        ctx.save(x=x)
        return np.sin(x).astype("float32")

    def backward(self, ctx, dy):
        return dy * np.cos(ctx.x)


@bug("wrong_shape", (4, 5))
class SumKeepsNoAxis(Layer):
    def forward(self, ctx, x):
        ctx.save(shape=x.shape)
        return x.sum(axis=1)

    def backward(self, ctx, dy):
        return dy[:, None]


@bug("wrong_dtype", (4, 5))
class HalfPrecision(Layer):
    def forward(self, ctx, x):
        ctx.save(x=x)
        return np.tanh(x)

    def backward(self, ctx, dy):
        return (dy * (1 - np.tanh(ctx.x) ** 2)).astype(np.float16)
