"""The definitions, number by number, in plain Python: the lowest rung of the ladder.

Functions of ``minicnn/backends/spec.py`` for the few operations of the ladder, so that the
engine can run them as a backend. Nothing here is clever, on purpose.
"""

from itertools import product

import numpy as np

from minicnn.backends.reference import (  # noqa: F401  (a backend needs them)
    asarray,
    empty,
    running,
    to_numpy,
    zeros,
)


def conv2d_forward(ctx, x, w, b, strides, pads, dilation, groups):
    """y[n,oh,ow,f] = b[f] + sum over i, j, c of x_pad[n, oh SH + i, ow SW + j, c] w[i,j,c,f]."""
    assert dilation == (1, 1)
    assert groups == 1
    SH, SW = strides
    KH, KW, C, F = w.shape
    x_pad = np.pad(x, ((0, 0), *pads, (0, 0)))  # (N, H + top + bottom, W + left + right, C)
    ctx.save(x_pad=x_pad, strides=strides, pads=pads)
    N, H, W, _ = x_pad.shape
    OH, OW = (H - KH) // SH + 1, (W - KW) // SW + 1
    y = np.empty((N, OH, OW, F), x.dtype)
    X, K = x_pad.tolist(), w.tolist()
    for n, oh, ow, f in product(range(N), range(OH), range(OW), range(F)):
        total = 0.0 if b is None else float(b[f])
        for i in range(KH):
            for j in range(KW):
                pixel, weights = X[n][oh * SH + i][ow * SW + j], K[i][j]
                for c in range(C):
                    total += pixel[c] * weights[c][f]
        y[n, oh, ow, f] = total
    return y


def conv2d_backward(ctx, dy, w, dw, db):
    """Every product of forward once more: dw takes x dy, dx takes w dy."""
    SH, SW = ctx.strides
    KH, KW, C, F = w.shape
    X, K, DY = ctx.x_pad.tolist(), w.tolist(), dy.tolist()
    dX, dK = np.zeros_like(ctx.x_pad).tolist(), np.zeros_like(w).tolist()
    N, OH, OW, _ = dy.shape
    for n, oh, ow, i, j in product(range(N), range(OH), range(OW), range(KH), range(KW)):
        pixel, dpixel = X[n][oh * SH + i][ow * SW + j], dX[n][oh * SH + i][ow * SW + j]
        slopes = DY[n][oh][ow]
        for c in range(C):
            total = 0.0
            for f in range(F):
                dK[i][j][c][f] += pixel[c] * slopes[f]
                total += K[i][j][c][f] * slopes[f]
            dpixel[c] += total
    dw[...] = dK
    if db is not None:
        db[...] = dy.sum(axis=(0, 1, 2))
    if not ctx.need_dx:
        return None
    (top, bottom), (left, right) = ctx.pads
    H, W = ctx.x_pad.shape[1:3]
    return np.array(dX, dy.dtype)[:, top : H - bottom, left : W - right]


def maxpool2d_forward(ctx, x, pool_size, strides, pads):
    """The largest entry of each window; the first one on a tie."""
    assert pads == ((0, 0), (0, 0))
    (PH, PW), (SH, SW) = pool_size, strides
    N, H, W, C = x.shape
    OH, OW = (H - PH) // SH + 1, (W - PW) // SW + 1
    y = np.empty((N, OH, OW, C), x.dtype)
    winners = {}
    for n, oh, ow, c in product(range(N), range(OH), range(OW), range(C)):
        window = list(product(range(oh * SH, oh * SH + PH), range(ow * SW, ow * SW + PW)))
        h, w = max(window, key=lambda place: x[n, place[0], place[1], c])
        winners[n, oh, ow, c] = h, w
        y[n, oh, ow, c] = x[n, h, w, c]
    ctx.save(winners=winners, shape=x.shape)
    return y


def maxpool2d_backward(ctx, dy):
    """Each dy goes to the winner of its window."""
    dx = np.zeros(ctx.shape, dy.dtype)
    for (n, oh, ow, c), (h, w) in ctx.winners.items():
        dx[n, h, w, c] += dy[n, oh, ow, c]
    return dx


def relu_forward(ctx, x, negative_slope, max_value, threshold):
    """max(x, 0)."""
    assert (negative_slope, max_value, threshold) == (0.0, None, 0.0)
    y = np.array([value if value > 0 else 0.0 for value in x.ravel().tolist()], x.dtype)
    ctx.save(y=y)
    return y.reshape(x.shape)


def relu_backward(ctx, dy):
    """dy where y > 0."""
    pairs = zip(dy.ravel().tolist(), ctx.y.tolist(), strict=True)
    return np.array([d if y > 0 else 0.0 for d, y in pairs], dy.dtype).reshape(dy.shape)


def dense_forward(ctx, x, w, b):
    """y[n,u] = b[u] + sum over d of x[n,d] w[d,u]."""
    ctx.save(x=x)
    D, U = w.shape
    y = np.empty((len(x), U), x.dtype)
    X, K = x.tolist(), w.tolist()
    for n, u in product(range(len(x)), range(U)):
        total = 0.0 if b is None else float(b[u])
        for d in range(D):
            total += X[n][d] * K[d][u]
        y[n, u] = total
    return y


def dense_backward(ctx, dy, w, dw, db):
    """dw[d,u] = sum over n of x[n,d] dy[n,u];   dx[n,d] = sum over u of dy[n,u] w[d,u]."""
    D, U = w.shape
    X, K, DY = ctx.x.tolist(), w.tolist(), dy.tolist()
    for d, u in product(range(D), range(U)):
        dw[d, u] = sum(X[n][d] * DY[n][u] for n in range(len(X)))
    if db is not None:
        db[...] = dy.sum(axis=0)
    if not ctx.need_dx:
        return None
    rows = [[sum(DY[n][u] * K[d][u] for u in range(U)) for d in range(D)] for n in range(len(X))]
    return np.array(rows, dy.dtype)
