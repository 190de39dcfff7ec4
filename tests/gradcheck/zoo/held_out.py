"""First set written after the hypotheses: 35 of 41 were named right at first sight."""
# ruff: noqa: RUF059, NPY002

import numpy as np

from minicnn.layers import Layer
from minicnn.losses import Loss

from . import bug, weights


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


NCHW = {"w": weights(4, 3, 3, 3), "b": weights(4)}
IMAGES = (2, 3, 6, 5)


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


@bug("sign", (3, 4))
class TanhTurnedRound(Layer):
    def forward(self, ctx, x):
        ctx.save(y=np.tanh(x))
        return np.tanh(x)

    def backward(self, ctx, dy):
        return dy * (ctx.y**2 - 1)


@bug("relu_mask", (4, 6))
class Relu6WithoutCeiling(Layer):
    def forward(self, ctx, x):
        x = 5 * x
        ctx.save(x=x)
        return np.clip(x, 0, 6)

    def backward(self, ctx, dy):
        return 5 * dy * (ctx.x > 0)


@bug("relu_mask", (6, 4), w=weights(4, 4))
def dense_relu_mask_from_input():
    def forward(x, w):
        z = x @ w
        return np.maximum(z, 0), (x, w)

    def backward(dout, cache):
        x, w = cache
        dz = dout * (x > 0)
        return dz @ w.T, x.T @ dz

    return forward, backward


@bug("relu_mask", (5, 4), w=weights(4, 3))
def relu_before_dense():
    def forward(x, w):
        return np.maximum(x, 0) @ w, (x, w)

    def backward(dout, cache):
        x, w = cache
        return dout @ w.T, np.maximum(x, 0).T @ dout

    return forward, backward


@bug("wrong_array", (5, 6))
class TanhOfInput(Layer):
    def forward(self, ctx, x):
        ctx.save(x=x)
        return np.tanh(x)

    def backward(self, ctx, dy):
        return dy * (1 - ctx.x**2)


@bug("missing_term", (4, 5), a=weights(5, 5))
def quadratic_form():
    def forward(x, a):
        return np.einsum("ni,ij,nj->n", x, a, x), (x, a)

    def backward(dout, cache):
        x, a = cache
        return dout[:, None] * (x @ a.T), np.einsum("n,ni,nj->ij", dout, x, x)

    return forward, backward


@bug("missing_term", (4, 5), w=weights(5, 5))
def tied_weights():
    def forward(x, w):
        h = np.tanh(x @ w)
        return h @ w.T, (x, w, h)

    def backward(dout, cache):
        x, w, h = cache
        dh = (dout @ w) * (1 - h**2)
        return dh @ w.T, x.T @ dh

    return forward, backward


@bug("missing_term", (4, 6))
class GluFirstHalf(Layer):
    """x * sin(x): the product rule has two terms."""

    def forward(self, ctx, x):
        ctx.save(x=x)
        return x * np.sin(x)

    def backward(self, ctx, dy):
        return dy * ctx.x * np.cos(ctx.x)


@bug("missing_term", (3, 5), w=weights(5, 5), v=weights(5, 5))
def two_branches():
    def forward(x, w, v):
        return x @ w + np.tanh(x @ v), (x, w, v)

    def backward(dout, cache):
        x, w, v = cache
        d = dout * (1 - np.tanh(x @ v) ** 2)
        return d @ v.T, x.T @ dout, x.T @ d

    return forward, backward


@bug("dropout_mask", (4, 5), w=weights(5, 6))
def dense_then_dropout():
    def forward(x, w):
        mask = (np.random.default_rng(0).random((len(x), w.shape[1])) < 0.6) / 0.6
        return (x @ w) * mask, (x, w, mask)

    def backward(dout, cache):
        x, w, mask = cache
        return dout @ w.T, x.T @ dout

    return forward, backward


@bug("dropout_scale", (2, 4, 4, 3))
class SpatialDropout(Layer):
    rate = 0.3

    def forward(self, ctx, x):
        keep = np.random.default_rng(2).random((len(x), 1, 1, x.shape[-1])) > self.rate
        ctx.save(keep=keep)
        return np.where(keep, x / (1 - self.rate), 0)

    def backward(self, ctx, dy):
        return np.where(ctx.keep, dy, 0)


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


@bug("loss_not_divided", (5, 1), t=np.array([[1.0], [0], [1], [1], [0]]))
def logistic_loss():
    def forward(z, t):
        return np.mean(np.log1p(np.exp(-np.abs(z))) + np.maximum(z, 0) - z * t), (z, t)

    def backward(dout, cache):
        z, t = cache
        return dout * (1 / (1 + np.exp(-z)) - t)

    return forward, backward


@bug("missing_term", (4, 3))
class LogisticWithoutTarget(Loss):
    def forward(self, ctx, y_true, y_pred):
        ctx.save(z=y_pred)
        return (np.log1p(np.exp(y_pred)) - y_true * y_pred).mean(-1), y_pred

    def backward(self, ctx, dvalues):
        return dvalues[..., None] / (1 + np.exp(-ctx.z)) / ctx.z.shape[-1]


@bug("sign", (4, 3))
class ErrorTurnedRound(Loss):
    def forward(self, ctx, y_true, y_pred):
        ctx.save(d=y_true - y_pred)
        return (ctx.d**2).mean(-1), y_pred

    def backward(self, ctx, dvalues):
        return 2 * ctx.d * dvalues[..., None] / ctx.d.shape[-1]


@bug("untouched", (4, 5))
class GammaForgotten(Layer):
    def build(self, shape):
        self.gamma = self.add_weight(name="gamma", shape=(shape[-1],), initializer="ones")

    def forward(self, ctx, x):
        return x * self.gamma.value

    def backward(self, ctx, dy):
        return dy * self.gamma.value


@bug("batchnorm_variance", (3, 4, 3, 2))
def instance_norm():
    def forward(x):
        mu, var = x.mean((1, 2), keepdims=True), x.var((1, 2), keepdims=True)
        return (x - mu) / np.sqrt(var + 1e-5), var

    def backward(dout, var):
        return (dout - dout.mean((1, 2), keepdims=True)) / np.sqrt(var + 1e-5)

    return forward, backward


@bug("batchnorm_mean", (3, 2, 4, 3), gamma=weights(2), beta=weights(2))
def spatial_batchnorm_nchw():
    def forward(x, gamma, beta):
        g, b = gamma[None, :, None, None], beta[None, :, None, None]
        inv = 1 / np.sqrt(x.var((0, 2, 3), keepdims=True) + 1e-5)
        xhat = (x - x.mean((0, 2, 3), keepdims=True)) * inv
        return g * xhat + b, (g, xhat, inv)

    def backward(dout, cache):
        g, xhat, inv = cache
        dgamma, dbeta = (dout * xhat).sum((0, 2, 3)), dout.sum((0, 2, 3))
        m = dout.size / len(dbeta)
        return g * inv * (dout - xhat * dgamma[None, :, None, None] / m), dgamma, dbeta

    return forward, backward


@bug("wrong_axis", (3, 2, 4, 2), gamma=weights(2), beta=weights(2))
def beta_over_the_wrong_axes():
    forward, _ = spatial_batchnorm_nchw()

    def backward(dout, cache):
        g, xhat, inv = cache
        dgamma, dbeta = (dout * xhat).sum((0, 2, 3)), dout.sum((0, 2, 3))
        m = dout.size / len(dbeta)
        a, b = dbeta[None, :, None, None], dgamma[None, :, None, None]
        return g * inv * (dout - (a + xhat * b) / m), dgamma, dout.sum((0, 1, 2))

    return forward, backward


@bug("accumulated", (4, 5), w=weights(5, 3))
def closure_keeps_a_sum():
    total = {}

    def forward(x, w):
        return x @ w, (x, w)

    def backward(dout, cache):
        x, w = cache
        total["dw"] = total.get("dw", 0) + x.T @ dout
        return dout @ w.T, total["dw"]

    return forward, backward


@bug("cotangent_modified", (4, 5), w=weights(5, 3))
def zeroed_in_place():
    def forward(x, w):
        z = x @ w
        return np.maximum(z, 0), (x, w, z)

    def backward(dout, cache):
        x, w, z = cache
        dout[z <= 0] = 0
        return dout @ w.T, x.T @ dout

    return forward, backward


@bug("input_modified", (4, 5))
def exponential_in_place():
    def forward(x):
        np.exp(x, out=x)
        return x.copy(), x.copy()

    def backward(dout, y):
        return dout * y

    return forward, backward


@bug("not_repeatable", (4, 5))
def global_noise():
    def forward(x):
        noise = np.random.randn(*x.shape)
        return x * noise, noise

    def backward(dout, noise):
        return dout * noise

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


@bug("batch_mean", (5, 6), table=weights(4, 3))
def attention_values_averaged():
    def forward(x, table):
        return x[:, :4] @ table, (x, table)

    def backward(dout, cache):
        x, table = cache
        dx = np.zeros_like(x)
        dx[:, :4] = dout @ table.T
        return dx, x[:, :4].T @ dout / len(x)

    return forward, backward
