"""The library's own layers with a broken backward."""

import numpy as np

from minicnn.layers import (
    AveragePooling2D,
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    MaxPooling2D,
    ReLU,
    Softmax,
)

from . import bug


@bug("kernel_flipped", (2, 7, 6, 3), filters=4, kernel_size=3, strides=2)
class LibraryConvKernelUpsideDown(Conv2D):
    def backward(self, ctx, dy):
        dx = super().backward(ctx, dy)
        self.kernel.grad[...] = np.flip(np.array(self.kernel.grad), axis=0)
        return dx


@bug("kernel_flipped", (2, 7, 6, 3), filters=4, kernel_size=(3, 2))
class LibraryConvInputThroughFlippedKernel(Conv2D):
    def backward(self, ctx, dy):
        dw, db = np.zeros(self.kernel.shape), np.zeros(self.filters)
        ctx.ops.conv2d_backward(ctx, dy, self.kernel.value, self.kernel.grad, self.bias.grad)
        flipped = np.ascontiguousarray(self.kernel.value[::-1, ::-1])
        return ctx.ops.conv2d_backward(ctx, dy, flipped, dw, db)


@bug("axes_permuted", (2, 6, 6, 4), filters=4, kernel_size=3)
class LibraryConvChannelsAndFiltersSwapped(Conv2D):
    def backward(self, ctx, dy):
        dw, db = np.zeros(self.kernel.shape), np.zeros(self.filters)
        ctx.ops.conv2d_backward(ctx, dy, self.kernel.value, self.kernel.grad, self.bias.grad)
        swapped = np.ascontiguousarray(self.kernel.value.transpose(0, 1, 3, 2))
        return ctx.ops.conv2d_backward(ctx, dy, swapped, dw, db)


@bug("batch_mean", (3, 6, 5, 2), filters=4, kernel_size=3, padding="same")
class LibraryConvMeanOfAll(Conv2D):
    def backward(self, ctx, dy):
        dx = super().backward(ctx, dy)
        self.kernel.grad /= dy.shape[0] * dy.shape[1] * dy.shape[2]
        self.bias.grad /= dy.shape[0] * dy.shape[1] * dy.shape[2]
        return dx


@bug("bias_forgotten", (3, 6, 5, 2), filters=4, kernel_size=3)
class LibraryConvBiasZero(Conv2D):
    def backward(self, ctx, dy):
        dx = super().backward(ctx, dy)
        self.bias.grad[...] = 0
        return dx


@bug("padding_side", (2, 6, 7, 2), filters=3, kernel_size=3, padding="same", strides=1)
class LibraryConvMovedUpAndLeft(Conv2D):
    def backward(self, ctx, dy):
        dx = super().backward(ctx, dy)
        wide = np.pad(dx, ((0, 0), (1, 1), (1, 1), (0, 0)))
        return wide[:, :-2, :-2]


@bug("relu_mask", (2, 6, 5, 2), filters=3, kernel_size=2, activation="relu")
class LibraryConvActivationTwice(Conv2D):
    def backward(self, ctx, dy):
        return super().backward(ctx, dy * (dy < 0))


@bug("edge_missing", (2, 7, 7, 2), pool_size=2)
class LibraryPoolLastColumn(MaxPooling2D):
    def backward(self, ctx, dy):
        dx = np.array(super().backward(ctx, dy))
        dx[:, :, 4:6] = 0
        return dx


@bug("pool_winner", (2, 6, 6, 2), pool_size=3, strides=1)
class LibraryPoolLoserGetsIt(MaxPooling2D):
    def forward(self, ctx, x):
        ctx.save(mine=np.array(x))
        return super().forward(ctx, x)

    def backward(self, ctx, dy):
        dx = np.zeros_like(ctx.mine)
        for n, h, w, c in np.ndindex(dy.shape):
            part = ctx.mine[n, h : h + 3, w : w + 3, c]
            i, j = np.unravel_index(part.argmin(), part.shape)
            dx[n, h + i, w + j, c] += dy[n, h, w, c]
        return dx


@bug("overwritten", (2, 7, 7, 2), pool_size=3, strides=2)
class LibraryPoolLastWindowWins(MaxPooling2D):
    def forward(self, ctx, x):
        ctx.save(mine=np.array(x))
        return super().forward(ctx, x)

    def backward(self, ctx, dy):
        dx = np.zeros_like(ctx.mine)
        for n, h, w, c in np.ndindex(dy.shape):
            part = ctx.mine[n, 2 * h : 2 * h + 3, 2 * w : 2 * w + 3, c]
            i, j = np.unravel_index(part.argmax(), part.shape)
            dx[n, 2 * h + i, 2 * w + j, c] = dy[n, h, w, c]
        return dx


@bug("sign", (4, 6), units=3)
class LibraryDenseDescends(Dense):
    def backward(self, ctx, dy):
        dx = super().backward(ctx, dy)
        self.kernel.grad *= -1
        self.bias.grad *= -1
        return dx


@bug("accumulated", (4, 6), units=3)
class LibraryDenseSums(Dense):
    def backward(self, ctx, dy):
        kernel, bias = np.array(self.kernel.grad), np.array(self.bias.grad)
        dx = super().backward(ctx, dy)
        self.kernel.grad += kernel
        self.bias.grad += bias
        return dx


@bug("dropout_mask", (5, 7), rate=0.3)
class LibraryDropoutStraightThrough(Dropout):
    def backward(self, ctx, dy):
        return dy / 0.7


@bug("dropout_scale", (5, 7), rate=0.3)
class LibraryDropoutUnscaled(Dropout):
    def backward(self, ctx, dy):
        return super().backward(ctx, dy) * 0.7


@bug("relu_mask", (5, 7), negative_slope=0.2)
class LibraryLeakyEverywhere(ReLU):
    def backward(self, ctx, dy):
        return dy * 0.2


@bug("softmax_cross_terms", (5, 4))
class LibrarySoftmaxAlone(Softmax):
    def forward(self, ctx, x):
        y = super().forward(ctx, x)
        ctx.save(mine=np.array(y))
        return y

    def backward(self, ctx, dy):
        return ctx.mine * (1 - ctx.mine) * dy


@bug("shifted", (2, 7, 6, 2), filters=3, kernel_size=3)
class ConvGradientOneColumnRight(Conv2D):
    def backward(self, ctx, dy):
        dx = super().backward(ctx, dy)
        out = np.zeros_like(dx)
        out[:, :, 1:] = dx[:, :, :-1]
        return out


@bug("untouched", (2, 6, 5, 2), filters=3, kernel_size=3)
class ConvKernelIntoACopy(Conv2D):
    def backward(self, ctx, dy):
        return ctx.ops.conv2d_backward(
            ctx, dy, self.kernel.value, self.kernel.grad.copy(), self.bias.grad
        )


@bug("sum_missing", (2, 6, 5, 2), filters=3, kernel_size=3)
class ConvBiasOfOneCorner(Conv2D):
    def backward(self, ctx, dy):
        dx = super().backward(ctx, dy)
        self.bias.grad[...] = dy[:, 0, 0].sum(axis=0)
        return dx


@bug("shifted", (2, 6, 6, 2), pool_size=2)
class PoolOneRowDown(MaxPooling2D):
    def backward(self, ctx, dy):
        return np.roll(super().backward(ctx, dy), 1, axis=1)


@bug("axes_permuted", (2, 6, 6, 2), pool_size=2)
class PoolTurned(MaxPooling2D):
    def backward(self, ctx, dy):
        return super().backward(ctx, np.ascontiguousarray(dy.transpose(0, 2, 1, 3)))


@bug("factor", (2, 6, 6, 2), pool_size=2)
class AverageTwice(AveragePooling2D):
    def backward(self, ctx, dy):
        return super().backward(ctx, dy) / 4


@bug("batchnorm_mean", (6, 3))
class NormWithoutMean(BatchNormalization):
    def forward(self, ctx, x):
        y = super().forward(ctx, x)
        inv = 1 / np.sqrt(x.var(0) + self.epsilon)
        ctx.save(mine=((x - x.mean(0)) * inv, inv))
        return y

    def backward(self, ctx, dy):
        super().backward(ctx, dy)
        xhat, inv = ctx.mine
        return self.gamma.value * inv * (dy - xhat * (dy * xhat).mean(0))


@bug("accumulated", (4, 5), units=3)
class DensePlusEquals(Dense):
    def backward(self, ctx, dy):
        before = self.bias.grad.copy()
        dx = super().backward(ctx, dy)
        self.bias.grad[...] = before + self.bias.grad
        return dx


@bug("sum_missing", (3, 5, 5, 2), filters=3, kernel_size=3)
class ConvBiasOfFirstSample(Conv2D):
    def backward(self, ctx, dy):
        dx = super().backward(ctx, dy)
        self.bias.grad[...] = dy[0].sum((0, 1))
        return dx


@bug("overwritten", (3, 5, 5, 2), also=("sum_missing",), filters=3, kernel_size=3)
class ConvKernelOfLastSample(Conv2D):
    def forward(self, ctx, x):
        ctx.save(xx=np.array(x))
        return super().forward(ctx, x)

    def backward(self, ctx, dy):
        dx = super().backward(ctx, dy)
        for n in range(len(dy)):
            for i in range(3):
                for j in range(3):
                    self.kernel.grad[i, j] = np.einsum(
                        "hwc,hwf->cf", ctx.xx[n, i : i + 3, j : j + 3], dy[n]
                    )
        return dx


@bug("stride_ignored", (2, 8, 8, 2), filters=3, kernel_size=2, strides=2)
class ConvInputWithoutStride(Conv2D):
    def backward(self, ctx, dy):
        super().backward(ctx, dy)
        dx = np.zeros((len(dy), 8, 8, 2))
        for h in range(dy.shape[1]):
            for w in range(dy.shape[2]):
                dx[:, h : h + 2, w : w + 2] += np.einsum(
                    "nf,ijcf->nijc", dy[:, h, w], self.kernel.value
                )
        return dx


@bug("padding_side", (2, 5, 6, 2), filters=3, kernel_size=3, padding="same")
class ConvPaddedOnOneSide(Conv2D):
    def forward(self, ctx, x):
        ctx.save(xx=np.array(x))
        return super().forward(ctx, x)

    def backward(self, ctx, dy):
        dx = super().backward(ctx, dy)
        xp = np.pad(ctx.xx, ((0, 0), (2, 0), (2, 0), (0, 0)))
        for i in range(3):
            for j in range(3):
                self.kernel.grad[i, j] = np.einsum("nhwc,nhwf->cf", xp[:, i : i + 5, j : j + 6], dy)
        return dx


@bug("kernel_flipped", (2, 5, 6, 2), filters=3, kernel_size=3, padding="same")
class ConvNotTurnedRound(Conv2D):
    def backward(self, ctx, dy):
        super().backward(ctx, dy)
        d = np.pad(dy, ((0, 0), (1, 1), (1, 1), (0, 0)))
        return sum(
            d[:, i : i + 5, j : j + 6] @ self.kernel.value[i, j].T
            for i in range(3)
            for j in range(3)
        )


@bug("relu_mask", (2, 5, 6, 2), filters=2, kernel_size=3, padding="same")
class ConvReluMaskOfInput(Conv2D):
    def forward(self, ctx, x):
        ctx.save(xx=np.array(x))
        return np.maximum(super().forward(ctx, x), 0)

    def backward(self, ctx, dy):
        return super().backward(ctx, dy * (ctx.xx > 0))


@bug("batch_mean", (4, 6))
class DenseTanhMean(Dense):
    def __init__(self, **k):
        super().__init__(3, activation="tanh")

    def backward(self, ctx, dy):
        dx = super().backward(ctx, dy)
        self.kernel.grad[...] /= len(dy)
        self.bias.grad[...] /= len(dy)
        return dx


@bug("pool_winner", (2, 6, 6, 2), pool_size=2)
class PoolGivesToAll(MaxPooling2D):
    def backward(self, ctx, dy):
        return dy.repeat(2, 1).repeat(2, 2)


@bug("dropout_mask", (4, 8), rate=0.5)
class DropoutOtherMask(Dropout):
    def backward(self, ctx, dy):
        return dy * (np.random.default_rng(8).random(dy.shape) > 0.5) * 2


@bug("accumulated", (4, 3), units=2)
class DenseKeepsTotal(Dense):
    def backward(self, ctx, dy):
        if not hasattr(self, "total"):
            self.total = np.zeros(self.kernel.shape)
        dx = super().backward(ctx, dy)
        self.total += self.kernel.grad
        self.kernel.grad[...] = self.total
        return dx
