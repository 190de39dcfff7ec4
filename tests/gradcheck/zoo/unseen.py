"""Third set, learnt from after it was tried: 33 of 37 were named right at first sight."""

import numpy as np

from minicnn.layers import AveragePooling2D, BatchNormalization, Conv2D, Dense, Layer, MaxPooling2D
from minicnn.losses import CategoricalCrossentropy, MeanSquaredError

from . import bug, weights


class Linear:
    """PyTorch's names, no context."""

    def __init__(self, inputs=4, outputs=3):
        self.weight, self.bias = weights(outputs, inputs), weights(outputs)

    def forward(self, x):
        self.x = x
        return x @ self.weight.T + self.bias

    def backward(self, dy):
        self.grad_weight, self.grad_bias = dy.T @ self.x, dy.sum(axis=0)
        return dy @ self.weight


@bug("batch_mean", (5, 4))
class LinearMeanGradient(Linear):
    def backward(self, dy):
        dx = super().backward(dy)
        self.grad_weight = self.grad_weight / len(dy)
        return dx


@bug("bias_forgotten", (5, 4))
class LinearBiasZeros(Linear):
    def backward(self, dy):
        dx = super().backward(dy)
        self.grad_bias = np.zeros_like(self.bias)
        return dx


@bug("wrong_axis", (5, 5))
class LinearBiasOverFeatures(Linear):
    def __init__(self):
        super().__init__(5, 5)

    def backward(self, dy):
        dx = super().backward(dy)
        self.grad_bias = dy.sum(axis=1)
        return dx


@bug("cotangent_modified", (5, 4))
class LinearWithReluInPlace(Linear):
    def forward(self, x):
        self.z = super().forward(x)
        return np.maximum(self.z, 0)

    def backward(self, dy):
        dy[self.z < 0] = 0.0
        return super().backward(dy)


@bug("relu_mask", (5, 4))
class LinearReluMaskOfInput(Linear):
    def __init__(self):
        super().__init__(4, 4)

    def forward(self, x):
        return np.maximum(super().forward(x), 0)

    def backward(self, dy):
        return super().backward(np.where(self.x > 0, dy, 0))


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


@bug("factor", (2, 6, 6, 2), pool_size=2)
class AverageTwice(AveragePooling2D):
    def backward(self, ctx, dy):
        return super().backward(ctx, dy) / 4


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


@bug("dropout_mask", (3, 4, 4, 2))
class NoiseWithoutMask(Layer):
    def forward(self, ctx, x):
        keep = np.random.default_rng(int(ctx.step[0])).binomial(1, 0.75, x.shape)
        return x * keep / 0.75

    def backward(self, ctx, dy):
        return dy / 0.75


@bug("dropout_scale", (6, 9), w=weights(9, 5))
def dropout_then_dense():
    def forward(x, w):
        keep = np.random.default_rng(4).random(x.shape) < 0.8
        return (x * keep / 0.8) @ w, (x, w, keep)

    def backward(dout, cache):
        x, w, keep = cache
        return (dout @ w.T) * keep, (x * keep / 0.8).T @ dout

    return forward, backward


@bug("missing_term", (4, 5))
class SineTimesSquare(Layer):
    def forward(self, ctx, x):
        ctx.save(x=x)
        return x**2 * np.sin(x)

    def backward(self, ctx, dy):
        return dy * 2 * ctx.x * np.sin(ctx.x)


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


@bug("missing_term", (4, 3), w=weights(3, 3))
def squared_layer():
    def forward(x, w):
        return (x @ w) ** 2 + x @ w, (x, w)

    def backward(dout, cache):
        x, w = cache
        d = dout * 2 * (x @ w)
        return d @ w.T, x.T @ d

    return forward, backward


@bug("sign", (4, 3))
class Reciprocal(Layer):
    def forward(self, ctx, x):
        ctx.save(x=x)
        return 1 / (x**2 + 1)

    def backward(self, ctx, dy):
        return dy * 2 * ctx.x / (ctx.x**2 + 1) ** 2


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


@bug("softmax_cross_terms", (4, 5), w=weights(5, 4))
def attention_over_inputs():
    def forward(x, w):
        z = x @ w
        e = np.exp(z)
        s = e / e.sum(axis=1, keepdims=True)
        return s, (x, w, s)

    def backward(dout, cache):
        x, w, s = cache
        dz = dout * s * (1 - s)
        return dz @ w.T, x.T @ dz

    return forward, backward


@bug("loss_not_divided", (5, 3))
class MeanSquaredErrorSum(MeanSquaredError):
    def backward(self, ctx, dvalues):
        return super().backward(ctx, dvalues) * len(dvalues)


@bug("sign", (5, 3), from_logits=True)
class CrossentropyUphill(CategoricalCrossentropy):
    def backward(self, ctx, dvalues):
        return -super().backward(ctx, dvalues)


@bug("loss_not_divided", (6, 1), t=weights(6, 1))
def absolute_error():
    def forward(p, t):
        return np.abs(p - t).mean(), (p, t)

    def backward(dout, cache):
        p, t = cache
        return dout * np.sign(p - t)

    return forward, backward


@bug("accumulated", (4, 5), units=3)
class DensePlusEquals(Dense):
    def backward(self, ctx, dy):
        before = self.bias.grad.copy()
        dx = super().backward(ctx, dy)
        self.bias.grad[...] = before + self.bias.grad
        return dx


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


@bug("not_repeatable", (4, 5))
class RunningScale(Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.mean = 0.0

    def forward(self, ctx, x):
        self.mean = 0.9 * self.mean + 0.1 * x.max()
        ctx.save(scale=1 + self.mean)
        return x * ctx.scale

    def backward(self, ctx, dy):
        return dy * ctx.scale
