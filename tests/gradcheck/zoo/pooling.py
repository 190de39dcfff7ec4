"""Broken max- and average-pooling."""
# ruff: noqa: RUF059

import numpy as np

from minicnn.layers import (
    Layer,
)

from . import bug

SHAPE = (2, 7, 6, 3)


class Pool(Layer):
    """A right max-pooling by loops over the outputs."""

    def __init__(self, size=2, stride=2, **kwargs):
        super().__init__(**kwargs)
        self.k, self.s = size, stride

    def windows(self, x):
        N, H, W, C = x.shape
        for h in range((H - self.k) // self.s + 1):
            for w in range((W - self.k) // self.s + 1):
                rows = slice(h * self.s, h * self.s + self.k)
                yield h, w, rows, slice(w * self.s, w * self.s + self.k)

    def forward(self, ctx, x):
        ctx.save(x=x)
        N, H, W, C = x.shape
        y = np.zeros((N, (H - self.k) // self.s + 1, (W - self.k) // self.s + 1, C))
        for h, w, rows, cols in self.windows(x):
            y[:, h, w] = x[:, rows, cols].max((1, 2))
        return y

    def give(self, window, g, h, w):
        """What one window's gradient g (N, C) becomes."""
        N, k, _, C = window.shape
        best = window.reshape(N, -1, C).argmax(1)
        return (np.arange(k * k)[None, :, None] == best[:, None]).reshape(window.shape) * g[
            :, None, None
        ]

    def backward(self, ctx, dy):
        dx = np.zeros_like(ctx.x)
        for h, w, rows, cols in self.windows(ctx.x):
            dx[:, rows, cols] += self.give(ctx.x[:, rows, cols], dy[:, h, w], h, w)
        return dx


@bug("pool_ties", SHAPE)
class EveryTie(Pool):
    def give(self, window, g, h, w):
        return (window == window.max((1, 2), keepdims=True)) * g[:, None, None]


@bug("pool_winner", SHAPE)
class SmallestWins(Pool):
    def give(self, window, g, h, w):
        return (window == window.min((1, 2), keepdims=True)) * g[:, None, None]


@bug("pool_winner", SHAPE)
class FirstWins(Pool):
    def give(self, window, g, h, w):
        out = np.zeros_like(window)
        out[:, 0, 0] = g
        return out


@bug("pool_winner", SHAPE, size=3, stride=3)
class WinnerUnravelledWrongly(Pool):
    def give(self, window, g, h, w):
        out = np.zeros_like(window)
        best = window.reshape(len(g), -1, g.shape[1]).argmax(1)
        for n, c in np.ndindex(g.shape):
            out[n, best[n, c] % 3, best[n, c] // 3, c] = g[n, c]
        return out


@bug("pool_winner", SHAPE)
class SpreadLikeAnAverage(Pool):
    def give(self, window, g, h, w):
        return np.ones_like(window) * g[:, None, None] / window[0, :, :, 0].size


@bug("overwritten", SHAPE, size=3, stride=2)
class OverlapAssigned(Pool):
    def backward(self, ctx, dy):
        dx = np.zeros_like(ctx.x)
        for h, w, rows, cols in self.windows(ctx.x):
            dx[:, rows, cols] = self.give(ctx.x[:, rows, cols], dy[:, h, w], h, w)
        return dx


@bug("overwritten", (2, 6, 5, 2), size=3, stride=1)
class WinnerAssigned(Pool):
    def backward(self, ctx, dy):
        dx = np.zeros_like(ctx.x)
        for h, w, rows, cols in self.windows(ctx.x):
            given = self.give(ctx.x[:, rows, cols], dy[:, h, w], h, w)
            view = dx[:, rows, cols]
            view[given != 0] = given[given != 0]
        return dx


@bug("stride_ignored", (2, 9, 8, 2), size=3, stride=2)
class WindowsWithoutStride(Pool):
    def backward(self, ctx, dy):
        dx = np.zeros_like(ctx.x)
        for h, w, rows, cols in self.windows(ctx.x):
            dx[:, h : h + self.k, w : w + self.k] += self.give(
                ctx.x[:, rows, cols], dy[:, h, w], h, w
            )
        return dx


@bug("stride_ignored", (2, 9, 8, 2), size=2, stride=2)
class WinnerSoughtWithoutStride(Pool):
    def backward(self, ctx, dy):
        dx = np.zeros_like(ctx.x)
        for h, w, _, _ in self.windows(ctx.x):
            rows, cols = slice(h, h + self.k), slice(w, w + self.k)
            dx[:, rows, cols] += self.give(ctx.x[:, rows, cols], dy[:, h, w], h, w)
        return dx


@bug("edge_missing", (2, 8, 8, 2))
class LastRowOfWindowsSkipped(Pool):
    def backward(self, ctx, dy):
        dx = np.zeros_like(ctx.x)
        for h, w, rows, cols in self.windows(ctx.x):
            if h + 1 < dy.shape[1]:
                dx[:, rows, cols] += self.give(ctx.x[:, rows, cols], dy[:, h, w], h, w)
        return dx


@bug("shifted", SHAPE)
class WinnerOneToTheRight(Pool):
    def backward(self, ctx, dy):
        return np.roll(super().backward(ctx, dy), 1, axis=2)


@bug("sign", SHAPE)
class NegativePool(Pool):
    def backward(self, ctx, dy):
        return super().backward(ctx, -dy)


@bug("factor", (2, 6, 4, 3))
def average_not_divided():
    def forward(x):
        N, H, W, C = x.shape
        return x.reshape(N, H // 2, 2, W // 2, 2, C).mean((2, 4)), None

    def backward(dout, cache):
        return dout.repeat(2, axis=1).repeat(2, axis=2)

    return forward, backward


@bug("axes_permuted", (2, 6, 6, 3))
def average_transposed():
    def forward(x):
        N, H, W, C = x.shape
        return x.reshape(N, H // 2, 2, W // 2, 2, C).mean((2, 4)), None

    def backward(dout, cache):
        return dout.transpose(0, 2, 1, 3).repeat(2, axis=1).repeat(2, axis=2) / 4

    return forward, backward


@bug("pool_ties", (2, 3, 6, 4))
def reshaped_pool():
    def forward(x):
        N, C, H, W = x.shape
        r = x.reshape(N, C, H // 2, 2, W // 2, 2)
        out = r.max(axis=3).max(axis=4)
        return out, (x, r, out)

    def backward(dout, cache):
        x, r, out = cache
        mask = r == out[:, :, :, None, :, None]
        return (mask * dout[:, :, :, None, :, None]).reshape(x.shape)

    return forward, backward


@bug("batch_mean", (3, 5, 4, 2), also=("factor",))
def global_average_over_batch():
    def forward(x):
        return x.mean((1, 2)), x.shape

    def backward(dout, shape):
        return np.broadcast_to(dout[:, None, None] / (shape[1] * shape[2] * shape[0]), shape).copy()

    return forward, backward


@bug("pool_winner", (3, 5, 4, 2))
class GlobalMaxByLastAxis(Layer):
    def forward(self, ctx, x):
        ctx.save(x=x)
        return x.max((1, 2))

    def backward(self, ctx, dy):
        N, H, W, C = ctx.x.shape
        flat = ctx.x.reshape(N, H * W, C)
        dx = np.zeros_like(flat)
        where = np.abs(flat).argmax(1)
        np.put_along_axis(dx, where[:, None], dy[:, None], 1)
        return dx.reshape(ctx.x.shape)


@bug("pool_ties", (4, 9))
class MaxOfThree(Layer):
    def forward(self, ctx, x):
        t = x.reshape(len(x), -1, 3)
        ctx.save(t=t)
        return t.max(-1)

    def backward(self, ctx, dy):
        winners = ctx.t >= ctx.t.max(-1, keepdims=True)
        return (winners * dy[..., None]).reshape(len(dy), -1)


@bug("overwritten", (2, 9, 2))
class OverlappingMax1D(Layer):
    def forward(self, ctx, x):
        ctx.save(x=x)
        return np.stack([x[:, t : t + 3].max(1) for t in range(0, 7, 2)], 1)

    def backward(self, ctx, dy):
        dx = np.zeros_like(ctx.x)
        n, c = np.ogrid[: len(dy), : dy.shape[2]]
        for i, t in enumerate(range(0, 7, 2)):
            dx[n, t + ctx.x[:, t : t + 3].argmax(1), c] = dy[:, i]
        return dx


@bug("factor", (2, 6, 6, 2))
class AverageTimesWindow(Layer):
    def forward(self, ctx, x):
        N, H, W, C = x.shape
        return x.reshape(N, H // 3, 3, W // 3, 3, C).mean((2, 4))

    def backward(self, ctx, dy):
        return np.kron(dy, np.ones((1, 3, 3, 1)))


@bug("pool_ties", (3, 4, 5))
class MaxOverTime(Layer):
    def forward(self, ctx, x):
        ctx.save(x=x, y=x.max(1, keepdims=True))
        return ctx.y[:, 0].copy()

    def backward(self, ctx, dy):
        return np.where(ctx.x == ctx.y, dy[:, None], 0)


@bug("pool_ties", (2, 6, 6, 2))
def pool_by_comparison():
    def forward(x):
        N, H, W, C = x.shape
        y = x.reshape(N, H // 2, 2, W // 2, 2, C).max(axis=(2, 4))
        return y, (x, y)

    def backward(dout, cache):
        x, y = cache
        up = y.repeat(2, 1).repeat(2, 2)
        return dout.repeat(2, 1).repeat(2, 2) * (x == up)

    return forward, backward


@bug("pool_winner", (2, 6, 6, 2))
def pool_to_the_last():
    def forward(x):
        N, H, W, C = x.shape
        return x.reshape(N, H // 2, 2, W // 2, 2, C).max(axis=(2, 4)), x.shape

    def backward(dout, shape):
        dx = np.zeros(shape)
        dx[:, 1::2, 1::2] = dout
        return dx

    return forward, backward


@bug("overwritten", (2, 6, 7, 2))
def average_windows_assigned():
    def forward(x):
        y = np.stack([x[:, i : i + 3].mean(axis=1) for i in range(4)], axis=1)
        return y, x.shape

    def backward(dout, shape):
        dx = np.zeros(shape)
        for i in range(dout.shape[1]):
            dx[:, i : i + 3] = dout[:, i : i + 1] / 3
        return dx

    return forward, backward
