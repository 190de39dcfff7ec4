"""Broken convolutions: layers with im2col, layers with loops, a pair of functions."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from minicnn.layers import (
    Layer,
)

from . import bug, weights

SHAPE = (2, 6, 5, 2)


class Conv(Layer):
    """A right convolution by loops over the kernel: y = sum_ij x_pad[:, i::s, j::s] w[i, j]."""

    def __init__(self, filters=4, kernel_size=3, stride=1, pad=0, **kwargs):
        super().__init__(**kwargs)
        self.filters, self.k, self.s, self.p = filters, kernel_size, stride, pad

    def build(self, shape):
        self.w = self.add_weight(name="kernel", shape=(self.k, self.k, shape[-1], self.filters))
        self.b = self.add_weight(name="bias", shape=(self.filters,))

    def pad(self, x):
        return np.pad(x, ((0, 0), (self.p, self.p), (self.p, self.p), (0, 0)))

    def part(self, x, i, j):
        """What kernel entry (i, j) sees."""
        return x[
            :,
            i : i + self.s * (self.OH - 1) + 1 : self.s,
            j : j + self.s * (self.OW - 1) + 1 : self.s,
        ]

    def forward(self, ctx, x):
        xp = self.pad(x)
        self.OH, self.OW = (
            (xp.shape[1] - self.k) // self.s + 1,
            (xp.shape[2] - self.k) // self.s + 1,
        )
        ctx.save(x=x, xp=xp)
        y = np.zeros((len(x), self.OH, self.OW, self.filters)) + self.b.value
        for i in range(self.k):
            for j in range(self.k):
                y += self.part(xp, i, j) @ self.w.value[i, j]
        return y

    def backward(self, ctx, dy):
        dxp = np.zeros_like(ctx.xp)
        for i in range(self.k):
            for j in range(self.k):
                self.w.grad[i, j] = np.einsum("nhwc,nhwf->cf", self.part(ctx.xp, i, j), dy)
                self.part(dxp, i, j)[...] += dy @ self.w.value[i, j].T
        self.b.grad[...] = dy.sum((0, 1, 2))
        return self.crop(dxp)

    def crop(self, dxp):
        H, W = dxp.shape[1] - 2 * self.p, dxp.shape[2] - 2 * self.p
        return dxp[:, self.p : self.p + H, self.p : self.p + W]


@bug("sign", SHAPE)
class NegativeKernelGradient(Conv):
    def backward(self, ctx, dy):
        dx = super().backward(ctx, dy)
        self.w.grad[...] *= -1
        return dx


@bug("factor", SHAPE)
class DoubledInputGradient(Conv):
    def backward(self, ctx, dy):
        return 2 * super().backward(ctx, dy)


@bug("batch_mean", SHAPE)
class KernelGradientOverBatch(Conv):
    def backward(self, ctx, dy):
        dx = super().backward(ctx, dy)
        self.w.grad[...] /= len(dy)
        return dx


@bug("batch_mean", SHAPE)
class BiasMean(Conv):
    def backward(self, ctx, dy):
        dx = super().backward(ctx, dy)
        self.b.grad[...] = dy.mean((0, 1, 2))
        return dx


@bug("axes_permuted", SHAPE)
class SquareKernelTransposed(Conv):
    def backward(self, ctx, dy):
        dx = super().backward(ctx, dy)
        self.w.grad[...] = self.w.grad.transpose(1, 0, 2, 3).copy()
        return dx


@bug("axes_permuted", (2, 6, 6, 3))
class CotangentTransposed(Conv):
    def backward(self, ctx, dy):
        return super().backward(ctx, dy.transpose(0, 2, 1, 3))


@bug("axes_permuted", SHAPE)
class CotangentReadAsNCHW(Conv):
    def backward(self, ctx, dy):
        N, OH, OW, F = dy.shape
        return super().backward(ctx, dy.reshape(N, F, OH, OW).transpose(0, 2, 3, 1))


@bug("kernel_flipped", SHAPE)
class KernelGradientFlipped(Conv):
    def backward(self, ctx, dy):
        dx = super().backward(ctx, dy)
        self.w.grad[...] = self.w.grad[::-1, ::-1].copy()
        return dx


@bug("kernel_flipped", SHAPE, w=weights(3, 3, 2, 4), b=weights(4))
def full_convolution_without_flip():
    def forward(x, w, b):
        windows = sliding_window_view(x, w.shape[:2], axis=(1, 2))  # (N, OH, OW, C, KH, KW)
        return np.einsum("nhwcij,ijcf->nhwf", windows, w) + b, (x, w)

    def backward(dout, cache):
        x, w = cache
        KH, KW = w.shape[:2]
        windows = sliding_window_view(x, (KH, KW), axis=(1, 2))
        padded = np.pad(dout, ((0, 0), (KH - 1, KH - 1), (KW - 1, KW - 1), (0, 0)))
        around = sliding_window_view(padded, (KH, KW), axis=(1, 2))
        dx = np.einsum("nhwfij,ijcf->nhwc", around, w)  # w[::-1, ::-1] belongs here
        return dx, np.einsum("nhwcij,nhwf->ijcf", windows, dout), dout.sum((0, 1, 2))

    return forward, backward


@bug("shifted", SHAPE)
class InputGradientRolled(Conv):
    def backward(self, ctx, dy):
        return np.roll(super().backward(ctx, dy), 1, axis=1)


@bug("shifted", SHAPE, kernel_size=2)
class ScatterOneTooFar(Conv):
    def backward(self, ctx, dy):
        good = super().backward(ctx, dy)
        dx = np.zeros_like(good)
        dx[:, :, 1:] = good[:, :, :-1]
        return dx


@bug("sum_missing", SHAPE)
class BiasOfFirstSample(Conv):
    def backward(self, ctx, dy):
        dx = super().backward(ctx, dy)
        self.b.grad[...] = dy[0].sum((0, 1))
        return dx


@bug("sum_missing", SHAPE)
class BiasNotSummed(Conv):
    def backward(self, ctx, dy):
        dx = super().backward(ctx, dy)
        self.b.grad[...] = dy.sum((1, 2))
        return dx


@bug("wrong_axis", (4, 7, 6, 3), filters=4)
class BiasOverChannels(Conv):
    def backward(self, ctx, dy):
        dx = super().backward(ctx, dy)
        self.b.grad[...] = dy.sum((1, 2, 3))
        return dx


@bug("overwritten", SHAPE)
class WindowsAssigned(Conv):
    def backward(self, ctx, dy):
        super().backward(ctx, dy)
        dxp = np.zeros_like(ctx.xp)
        for h in range(self.OH):
            for w in range(self.OW):
                block = np.einsum("nf,ijcf->nijc", dy[:, h, w], self.w.value)
                dxp[:, h : h + self.k, w : w + self.k] = block
        return self.crop(dxp)


@bug("overwritten", SHAPE, also=("sum_missing",))
class KernelGradientOfLastPosition(Conv):
    def backward(self, ctx, dy):
        dx = super().backward(ctx, dy)
        for h in range(self.OH):
            for w in range(self.OW):
                block = ctx.xp[:, h : h + self.k, w : w + self.k]
                self.w.grad[...] = np.einsum("nijc,nf->ijcf", block, dy[:, h, w])
        return dx


@bug("edge_missing", (2, 8, 7, 3))
class LastRowOfOutputsSkipped(Conv):
    def backward(self, ctx, dy):
        dy = dy.copy()
        dy[:, -1] = 0
        return super().backward(ctx, dy)


@bug("edge_missing", SHAPE)
class LastColumnOfInputZero(Conv):
    def backward(self, ctx, dy):
        dx = super().backward(ctx, dy)
        dx[:, :, -1] = 0
        return dx


@bug("padding_side", SHAPE, pad=1)
class CropFromTheStart(Conv):
    def crop(self, dxp):
        return dxp[:, : dxp.shape[1] - 2 * self.p, : dxp.shape[2] - 2 * self.p]


@bug("padding_side", SHAPE, pad=1)
class CropFromTheEnd(Conv):
    def crop(self, dxp):
        return dxp[:, 2 * self.p :, self.p : -self.p]


@bug("wrong_shape", SHAPE, pad=1)
class PaddingNotCutOff(Conv):
    def crop(self, dxp):
        return dxp


@bug("stride_ignored", (2, 9, 8, 2), stride=2)
class ScatterWithoutStride(Conv):
    def backward(self, ctx, dy):
        super().backward(ctx, dy)
        dxp = np.zeros_like(ctx.xp)
        for i in range(self.k):
            for j in range(self.k):
                dxp[:, i : i + self.OH, j : j + self.OW] += dy @ self.w.value[i, j].T
        return self.crop(dxp)


@bug("stride_ignored", (2, 9, 8, 2), stride=2)
class KernelGradientWithoutStride(Conv):
    def backward(self, ctx, dy):
        dx = super().backward(ctx, dy)
        for i in range(self.k):
            for j in range(self.k):
                part = ctx.xp[:, i : i + self.OH, j : j + self.OW]
                self.w.grad[i, j] = np.tensordot(part, dy, ([0, 1, 2], [0, 1, 2]))
        return dx


@bug("untouched", SHAPE)
class KernelForgotten(Conv):
    def backward(self, ctx, dy):
        keep = self.w.grad.copy()
        dx = super().backward(ctx, dy)
        self.w.grad[...] = keep
        return dx


@bug("bias_forgotten", SHAPE)
class BiasForgotten(Conv):
    def backward(self, ctx, dy):
        keep = self.b.grad.copy()
        dx = super().backward(ctx, dy)
        self.b.grad[...] = keep
        return dx


@bug("accumulated", SHAPE)
class KernelGradientAddsUp(Conv):
    def backward(self, ctx, dy):
        keep = self.w.grad.copy()
        dx = super().backward(ctx, dy)
        self.w.grad[...] += keep
        return dx


@bug("relu_mask", SHAPE)
class ConvReluMaskFromCotangent(Conv):
    def forward(self, ctx, x):
        y = super().forward(ctx, x)
        ctx.save(mask=y > 0)
        return np.maximum(y, 0)

    def backward(self, ctx, dy):
        return super().backward(ctx, dy * (dy > 0))


@bug("relu_mask", SHAPE)
class ConvReluMaskForgotten(Conv):
    def forward(self, ctx, x):
        return np.maximum(super().forward(ctx, x), 0)


@bug("edge_missing", (3, 7, 6, 2))
class LoopStopsOneSampleEarly(Conv):
    def backward(self, ctx, dy):
        good = super().backward(ctx, dy)
        dx = np.zeros_like(good)
        for n in range(len(dy) - 1):
            dx[n] = good[n]
        return dx
