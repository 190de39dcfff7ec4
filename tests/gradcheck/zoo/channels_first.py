"""Broken convolutions of images with channels first, as pairs of functions."""
# ruff: noqa: RUF059

import numpy as np

from . import bug, weights

NCHW = {"w": weights(4, 3, 3, 3), "b": weights(4)}
IMAGES = (2, 3, 6, 5)


@bug("sign", (2, 2, 5, 4), w=weights(3, 2, 2, 2), b=weights(3))
def naive_nchw():
    def forward(x, w, b):
        N, C, H, W = x.shape
        F, _, HH, WW = w.shape
        out = np.zeros((N, F, H - HH + 1, W - WW + 1))
        for n in range(N):
            for f in range(F):
                for i in range(out.shape[2]):
                    for j in range(out.shape[3]):
                        out[n, f, i, j] = np.sum(x[n, :, i : i + HH, j : j + WW] * w[f]) + b[f]
        return out, (x, w, b)

    def backward(dout, cache):
        x, w, b = cache
        HH, WW = w.shape[2:]
        dx, dw = np.zeros_like(x), np.zeros_like(w)
        for n, f, i, j in np.ndindex(dout.shape):
            dw[f] += dout[n, f, i, j] * x[n, :, i : i + HH, j : j + WW]
            dx[n, :, i : i + HH, j : j + WW] -= dout[n, f, i, j] * w[f]
        return dx, dw, dout.sum((0, 2, 3))

    return forward, backward


@bug("shifted", (2, 2, 5, 4), w=weights(3, 2, 2, 2), b=weights(3))
def naive_nchw_off_by_one():
    forward, _ = naive_nchw()

    def backward(dout, cache):
        x, w, b = cache
        HH, WW = w.shape[2:]
        dx, dw = np.zeros_like(x), np.zeros_like(w)
        for n, f, i, j in np.ndindex(dout.shape):
            dw[f] += dout[n, f, i, j] * x[n, :, i : i + HH, j : j + WW]
            target = dx[n, :, i + 1 : i + 1 + HH, j : j + WW]
            target += (dout[n, f, i, j] * w[f])[:, : target.shape[1]]
        return dx, dw, dout.sum((0, 2, 3))

    return forward, backward


def im2col_indices(shape, k, s, p):
    N, C, H, W = shape
    OH, OW = (H + 2 * p - k) // s + 1, (W + 2 * p - k) // s + 1
    i0 = np.tile(np.repeat(np.arange(k), k), C)
    i1 = s * np.repeat(np.arange(OH), OW)
    j0 = np.tile(np.arange(k), k * C)
    j1 = s * np.tile(np.arange(OW), OH)
    c = np.repeat(np.arange(C), k * k).reshape(-1, 1)
    return c, i0.reshape(-1, 1) + i1, j0.reshape(-1, 1) + j1, OH, OW


def conv_fast(k=3, s=1, p=1):
    """CS231n's convolution through fancy indexing; returns forward and the pieces of backward."""

    def forward(x, w, b):
        c, i, j, OH, OW = im2col_indices(x.shape, k, s, p)
        xp = np.pad(x, ((0, 0), (0, 0), (p, p), (p, p)))
        cols = xp[:, c, i, j].transpose(1, 2, 0).reshape(len(c), -1)
        out = (w.reshape(len(w), -1) @ cols + b[:, None]).reshape(len(w), OH, OW, len(x))
        return out.transpose(3, 0, 1, 2), (x, w, b, cols)

    def scatter(dcols, shape, add=True):
        N, C, H, W = shape
        c, i, j, *_ = im2col_indices(shape, k, s, p)
        xp = np.zeros((N, C, H + 2 * p, W + 2 * p))
        dcols = dcols.reshape(len(c), -1, N).transpose(2, 0, 1)
        if add:
            np.add.at(xp, (slice(None), c, i, j), dcols)
        else:
            xp[:, c, i, j] += dcols
        return xp

    return forward, scatter


@bug("overwritten", IMAGES, **NCHW)
def col2im_by_fancy_index():
    forward, scatter = conv_fast()

    def backward(dout, cache):
        x, w, b, cols = cache
        d = dout.transpose(1, 2, 3, 0).reshape(len(w), -1)
        xp = scatter(w.reshape(len(w), -1).T @ d, x.shape, add=False)
        return xp[:, :, 1:-1, 1:-1], (d @ cols.T).reshape(w.shape), dout.sum((0, 2, 3))

    return forward, backward


@bug("axes_permuted", IMAGES, **NCHW)
def cotangent_flattened_without_transpose():
    forward, scatter = conv_fast()

    def backward(dout, cache):
        x, w, b, cols = cache
        d = dout.reshape(len(w), -1)
        xp = scatter(w.reshape(len(w), -1).T @ d, x.shape)
        return xp[:, :, 1:-1, 1:-1], (d @ cols.T).reshape(w.shape), d.sum(1)

    return forward, backward


@bug("padding_side", IMAGES, **NCHW)
def padding_cut_at_the_end():
    forward, scatter = conv_fast()

    def backward(dout, cache):
        x, w, b, cols = cache
        d = dout.transpose(1, 2, 3, 0).reshape(len(w), -1)
        xp = scatter(w.reshape(len(w), -1).T @ d, x.shape)
        return xp[:, :, :-2, :-2], (d @ cols.T).reshape(w.shape), dout.sum((0, 2, 3))

    return forward, backward


@bug("wrong_axis", (2, 3, 5, 5), **NCHW)
def bias_summed_as_if_channels_were_last():
    forward, scatter = conv_fast()

    def backward(dout, cache):
        x, w, b, cols = cache
        d = dout.transpose(1, 2, 3, 0).reshape(len(w), -1)
        xp = scatter(w.reshape(len(w), -1).T @ d, x.shape)
        return xp[:, :, 1:-1, 1:-1], (d @ cols.T).reshape(w.shape), dout.sum((0, 1, 2))

    return forward, backward


@bug("stride_ignored", (2, 3, 8, 6), w=weights(4, 3, 2, 2))
def strided_nchw():
    def forward(x, w):
        N, C, H, W = x.shape
        out = np.zeros((N, len(w), H // 2, W // 2))
        for i, j in np.ndindex(H // 2, W // 2):
            out[:, :, i, j] = np.tensordot(
                x[:, :, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2], w, ([1, 2, 3], [1, 2, 3])
            )
        return out, (x, w)

    def backward(dout, cache):
        x, w = cache
        dx, dw = np.zeros_like(x), np.zeros_like(w)
        for i, j in np.ndindex(dout.shape[2:]):
            dx[:, :, i : i + 2, j : j + 2] += np.tensordot(dout[:, :, i, j], w, 1)
            dw += np.tensordot(
                dout[:, :, i, j], x[:, :, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2], ([0], [0])
            )
        return dx, dw

    return forward, backward


@bug("stride_ignored", (2, 8, 8, 2), w=weights(3, 3, 2, 3))
def strided_kernel_gradient():
    def forward(x, w):
        OH = OW = 3
        y = sum(
            x[:, i : i + 2 * OH : 2, j : j + 2 * OW : 2] @ w[i, j]
            for i in range(3)
            for j in range(3)
        )
        return y, (x, w)

    def backward(dout, cache):
        x, w = cache
        dx, dw = np.zeros_like(x), np.zeros_like(w)
        for i in range(3):
            for j in range(3):
                dx[:, i : i + 6 : 2, j : j + 6 : 2] += dout @ w[i, j].T
                dw[i, j] = np.einsum("nhwc,nhwf->cf", x[:, i : i + 3, j : j + 3], dout)
        return dx, dw

    return forward, backward


@bug("shifted", (2, 8, 7, 3), w=weights(3, 3, 3))
def depthwise_one_off():
    def forward(x, w):
        H, W = x.shape[1] - 2, x.shape[2] - 2
        y = sum(x[:, i : i + H, j : j + W] * w[i, j] for i in range(3) for j in range(3))
        return y, (x, w)

    def backward(dout, cache):
        x, w = cache
        H, W = dout.shape[1:3]
        dx, dw = np.zeros_like(x), np.zeros_like(w)
        for i in range(3):
            for j in range(3):
                dw[i, j] = (x[:, i : i + H, j : j + W] * dout).sum((0, 1, 2))
                dx[:, i : i + H, j - 1 : j - 1 + W] += (dout * w[i, j])[
                    :, :, : 0 if j == 0 else None
                ]
        return dx, dw

    return forward, backward


@bug("edge_missing", (3, 7, 2), w=weights(3, 2, 4))
def kernel_gradient_misses_its_last_tap():
    def forward(x, w):
        L = x.shape[1] - 2
        return sum(x[:, k : k + L] @ w[k] for k in range(3)), (x, w)

    def backward(dout, cache):
        x, w = cache
        L = dout.shape[1]
        dx, dw = np.zeros_like(x), np.zeros_like(w)
        for k in range(3):
            dx[:, k : k + L] += dout @ w[k].T
        for k in range(2):
            dw[k] = np.einsum("nlc,nlf->cf", x[:, k : k + L], dout)
        return dx, dw

    return forward, backward


@bug("wrong_shape", (4, 3), w=weights(3, 5))
def flattened_kernel_gradient():
    def forward(x, w):
        return x @ w, (x, w)

    def backward(dout, cache):
        x, w = cache
        return dout @ w.T, (x.T @ dout).ravel()

    return forward, backward


def convolve(x, w, stride=1, pad=0):
    """(N, C, H, W), (F, C, K, K) by loops over positions."""
    x = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    K = w.shape[2]
    OH, OW = (x.shape[2] - K) // stride + 1, (x.shape[3] - K) // stride + 1
    y = np.empty((len(x), len(w), OH, OW))
    for i in range(OH):
        for j in range(OW):
            part = x[:, :, i * stride : i * stride + K, j * stride : j * stride + K]
            y[:, :, i, j] = np.einsum("nckl,fckl->nf", part, w)
    return y


def gradients(x, w, dy, stride=1, pad=0):
    x = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    dx, dw, K = np.zeros_like(x), np.zeros_like(w), w.shape[2]
    for i in range(dy.shape[2]):
        for j in range(dy.shape[3]):
            here = np.s_[:, :, i * stride : i * stride + K, j * stride : j * stride + K]
            dw += np.einsum("nckl,nf->fckl", x[here], dy[:, :, i, j])
            dx[here] += np.einsum("fckl,nf->nckl", w, dy[:, :, i, j])
    return dx, dw


@bug("kernel_flipped", (2, 2, 5, 6), w=weights(3, 2, 3, 3))
def nchw_kernel_flipped():
    def forward(x, w):
        return convolve(x, w), (x, w)

    def backward(dout, cache):
        x, w = cache
        dx, dw = gradients(x, w, dout)
        return dx, dw[..., ::-1, ::-1]

    return forward, backward


@bug("padding_side", (2, 2, 5, 6), w=weights(3, 2, 3, 3))
def nchw_padding_removed_at_the_wrong_end():
    def forward(x, w):
        return convolve(x, w, pad=1), (x, w)

    def backward(dout, cache):
        x, w = cache
        dx, dw = gradients(x, w, dout, pad=1)
        return dx[:, :, 2:, 2:], dw

    return forward, backward


@bug("stride_ignored", (2, 2, 7, 9), w=weights(3, 2, 3, 3))
def nchw_stride_one():
    def forward(x, w):
        return convolve(x, w, stride=2), (x, w)

    def backward(dout, cache):
        x, w = cache
        dx, _ = gradients(x, w, dout, stride=1)
        return dx, gradients(x, w, dout, stride=2)[1]

    return forward, backward


@bug("edge_missing", (2, 2, 6, 7), w=weights(3, 2, 3, 3))
def nchw_last_positions():
    def forward(x, w):
        return convolve(x, w), (x, w)

    def backward(dout, cache):
        x, w = cache
        return gradients(x, w, dout[:, :, :-1, :-1])

    return forward, backward


@bug("axes_permuted", (2, 2, 6, 6), w=weights(2, 2, 3, 3))
def nchw_filters_and_channels():
    def forward(x, w):
        return convolve(x, w), (x, w)

    def backward(dout, cache):
        x, w = cache
        dx, dw = gradients(x, w, dout)
        return dx, dw.swapaxes(0, 1)

    return forward, backward


@bug("factor", (2, 2, 6, 6), w=weights(2, 2, 3, 3))
def nchw_window_mean():
    def forward(x, w):
        return convolve(x, w), (x, w)

    def backward(dout, cache):
        x, w = cache
        dx, dw = gradients(x, w, dout)
        return dx / 9, dw

    return forward, backward


@bug("sum_missing", (3, 2, 5, 5), w=weights(2, 2, 3, 3))
def nchw_one_sample():
    def forward(x, w):
        return convolve(x, w), (x, w)

    def backward(dout, cache):
        x, w = cache
        return gradients(x, w, dout)[0], gradients(x[:1], w, dout[:1])[1]

    return forward, backward
