"""Broken convolutions along one axis."""

import numpy as np

from minicnn.layers import (
    Layer,
)

from . import bug, weights


class Conv1D(Layer):
    """y[n, l] = sum_k x[n, l + k] w[k] + b."""

    def build(self, shape):
        self.w = self.add_weight(name="w", shape=(3, shape[-1], 4))
        self.b = self.add_weight(name="b", shape=(4,))

    def forward(self, ctx, x):
        ctx.save(x=x)
        L = x.shape[1] - 2
        return sum(x[:, k : k + L] @ self.w.value[k] for k in range(3)) + self.b.value

    order = (0, 1, 2)
    offset = 0

    def backward(self, ctx, dy):
        L = dy.shape[1]
        dx = np.zeros_like(ctx.x)
        for k in range(3):
            self.w.grad[k] = np.tensordot(ctx.x[:, k : k + L], dy, ([0, 1], [0, 1]))
            dx[:, k : k + L] += dy @ self.w.value[self.order[k]].T
        self.b.grad[...] = dy.sum((0, 1))
        return dx


@bug("kernel_flipped", (2, 8, 3))
class Conv1DFlipped(Conv1D):
    order = (2, 1, 0)


@bug("shifted", (2, 9, 3))
class Conv1DKernelIndex(Conv1D):
    def backward(self, ctx, dy):
        dx = super().backward(ctx, dy)
        L = dy.shape[1]
        for k in range(3):
            part = np.roll(ctx.x, -1, axis=1)[:, k : k + L]
            self.w.grad[k] = np.tensordot(part, dy, ([0, 1], [0, 1]))
        return dx


@bug("edge_missing", (2, 8, 3))
class Conv1DLoopShort(Conv1D):
    def backward(self, ctx, dy):
        super().backward(ctx, dy)
        dx = np.zeros_like(ctx.x)
        for t in range(dy.shape[1] - 1):
            for k in range(3):
                dx[:, t + k] += dy[:, t] @ self.w.value[k].T
        return dx


@bug("sum_missing", (3, 8, 2))
class Conv1DKernelOfOneSample(Conv1D):
    def backward(self, ctx, dy):
        dx = super().backward(ctx, dy)
        for k in range(3):
            self.w.grad[k] = ctx.x[0, k : k + dy.shape[1]].T @ dy[0]
        return dx


@bug("factor", (2, 8, 3))
class Conv1DTripled(Conv1D):
    def backward(self, ctx, dy):
        dx = super().backward(ctx, dy)
        self.b.grad[...] *= 3
        return dx


@bug("padding_side", (2, 6, 5, 2), k=weights(2, 2, 2, 3))
def same_padding_of_an_even_kernel():
    def forward(x, k):
        xp = np.pad(x, ((0, 0), (0, 1), (0, 1), (0, 0)))
        H, W = x.shape[1:3]
        out = sum(xp[:, i : i + H, j : j + W] @ k[i, j] for i in range(2) for j in range(2))
        return out, (xp, k)

    def backward(dout, cache):
        xp, k = cache
        H, W = dout.shape[1:3]
        dxp, dk = np.zeros_like(xp), np.zeros_like(k)
        for i in range(2):
            for j in range(2):
                dxp[:, i : i + H, j : j + W] += dout @ k[i, j].T
                dk[i, j] = np.tensordot(xp[:, i : i + H, j : j + W], dout, ([0, 1, 2], [0, 1, 2]))
        return dxp[:, 1:, 1:], dk

    return forward, backward


@bug("stride_ignored", (2, 9, 3))
def every_second_step():
    def forward(x):
        return x[:, ::2].copy(), x.shape

    def backward(dout, shape):
        dx = np.zeros(shape)
        dx[:, : dout.shape[1]] = dout
        return dx

    return forward, backward
