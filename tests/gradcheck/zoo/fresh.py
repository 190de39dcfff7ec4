"""Second set, learnt from after it was tried: 32 of 39 were named right at first sight."""
# ruff: noqa: RUF059

import numpy as np

from minicnn.layers import Conv2D, Dense, Dropout, Layer, MaxPooling2D, ReLU, Softmax

from . import bug, weights


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


@bug("axes_permuted", (3, 4, 4))
def matrix_transpose_forgotten():
    def forward(x):
        return x.transpose(0, 2, 1).copy(), None

    def backward(dout, cache):
        return dout.copy()

    return forward, backward


@bug("overwritten", (7, 4), w=weights(5, 3))
def embedding_rows_assigned():
    index = np.array([0, 1, 1, 2, 2, 2, 4])

    def forward(x, w):
        return np.hstack([x, w[index]]), (x, w)

    def backward(dout, cache):
        x, w = cache
        dw = np.zeros_like(w)
        dw[index] += dout[:, x.shape[1] :]
        return dout[:, : x.shape[1]], dw

    return forward, backward


@bug("sum_missing", (4, 3, 5), scale=weights(5))
def scale_of_first_position():
    def forward(x, scale):
        return x * scale, (x, scale)

    def backward(dout, cache):
        x, scale = cache
        return dout * scale, (dout * x)[:, 0].sum(0)

    return forward, backward


@bug("wrong_axis", (5, 5), w=weights(5))
def row_and_column_confused():
    def forward(x, w):
        return x * w, (x, w)

    def backward(dout, cache):
        x, w = cache
        return dout * w, np.einsum("ij,ij->i", dout, x)

    return forward, backward


@bug("missing_term", (4, 6))
class Mish(Layer):
    def forward(self, ctx, x):
        ctx.save(x=x, t=np.tanh(np.log1p(np.exp(x))))
        return x * ctx.t

    def backward(self, ctx, dy):
        return dy * ctx.t


@bug("missing_term", (4, 3), w=weights(3, 6), v=weights(3, 6))
def gated_unit():
    def forward(x, w, v):
        a, g = x @ w, 1 / (1 + np.exp(-x @ v))
        return a * g, (x, w, v, a, g)

    def backward(dout, cache):
        x, w, v, a, g = cache
        da, dz = dout * g, dout * a * g * (1 - g)
        return da @ w.T, x.T @ da, x.T @ dz

    return forward, backward


@bug("missing_term", (3, 5, 4, 4), w=weights(4, 4))
def residual_of_feature_maps():
    def forward(x, w):
        h = np.maximum(x @ w, 0)
        return x + h, (x, w, h)

    def backward(dout, cache):
        x, w, h = cache
        dh = dout * (h > 0)
        return dh @ w.T, np.einsum("nhwc,nhwf->cf", x, dh)

    return forward, backward


@bug("missing_term", (5, 4))
def length_normalisation():
    def forward(x):
        r = np.sqrt((x**2).sum(1, keepdims=True))
        return x / r, (x, r)

    def backward(dout, cache):
        x, r = cache
        return dout / r

    return forward, backward


@bug("missing_term", (5, 4), y=np.array([0, 3, 2, 1, 1]))
def multiclass_hinge():
    def forward(x, y):
        rows = np.arange(len(y))
        margins = np.maximum(0, x - x[rows, y][:, None] + 1)
        margins[rows, y] = 0
        return margins.sum() / len(y), (margins, y)

    def backward(dout, cache):
        margins, y = cache
        return dout * (margins > 0) / len(y)

    return forward, backward


@bug("factor", (5, 4))
def temperature():
    def forward(x):
        e = np.exp(x / 2.5)
        y = e / e.sum(1, keepdims=True)
        return y, y

    def backward(dout, y):
        return y * (dout - (dout * y).sum(1, keepdims=True))

    return forward, backward


@bug("batchnorm_variance", (6, 4))
def standardise_factor_lost():
    def forward(x):
        s = np.sqrt(x.var(0) + 1e-3)
        xhat = (x - x.mean(0)) / s
        return xhat, (xhat, s)

    def backward(dout, cache):
        xhat, s = cache
        n = len(dout)
        return (n * dout - dout.sum(0)) / (n * s)

    return forward, backward


@bug("batchnorm_mean", (2, 3, 3, 4), g=weights(4), b=weights(4))
def group_norm_one_group():
    def forward(x, g, b):
        axes = (1, 2, 3)
        s = np.sqrt(x.var(axes, keepdims=True) + 1e-5)
        xhat = (x - x.mean(axes, keepdims=True)) / s
        return g * xhat + b, (xhat, s, g)

    def backward(dout, cache):
        xhat, s, g = cache
        d = dout * g
        dx = (d - xhat * (d * xhat).mean((1, 2, 3), keepdims=True)) / s
        return dx, (dout * xhat).sum((0, 1, 2)), dout.sum((0, 1, 2))

    return forward, backward


@bug("wrong_array", (6, 3), g=weights(3), b=weights(3))
def gamma_from_raw_input():
    def forward(x, g, b):
        s = np.sqrt(x.var(0) + 1e-3)
        xhat = (x - x.mean(0)) / s
        return g * xhat + b, (x, xhat, s, g)

    def backward(dout, cache):
        x, xhat, s, g = cache
        d = dout * g
        dx = (d - d.mean(0) - xhat * (d * xhat).mean(0)) / s
        return dx, (dout * x).sum(0), dout.sum(0)

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


@bug("pool_ties", (3, 4, 5))
class MaxOverTime(Layer):
    def forward(self, ctx, x):
        ctx.save(x=x, y=x.max(1, keepdims=True))
        return ctx.y[:, 0].copy()

    def backward(self, ctx, dy):
        return np.where(ctx.x == ctx.y, dy[:, None], 0)


@bug("relu_mask", (4, 6))
class HardTanh(Layer):
    def forward(self, ctx, x):
        ctx.save(x=x)
        return np.clip(x, -1, 1)

    def backward(self, ctx, dy):
        return dy * (np.abs(ctx.x) > 1)


@bug("relu_mask", (5, 4), w=weights(4, 6), b=weights(6))
def dense_relu_mask_inverted():
    def forward(x, w, b):
        z = x @ w + b
        return np.maximum(z, 0), (x, w, z)

    def backward(dout, cache):
        x, w, z = cache
        dz = dout * (z < 0)
        return dz @ w.T, x.T @ dz, dz.sum(0)

    return forward, backward


@bug("loss_not_divided", (4, 6), t=np.eye(6)[[1, 2, 0, 5]])
def soft_target_crossentropy():
    def forward(z, t):
        logp = z - np.log(np.exp(z).sum(1, keepdims=True))
        return -(t * logp).sum() / len(z), (np.exp(logp), t)

    def backward(cache):
        p, t = cache
        return p - t

    return forward, backward


@bug("factor", (4, 6), t=weights(4, 6))
def half_squared_error_doubled():
    def forward(p, t):
        return 0.5 * np.sum((p - t) ** 2), p - t

    def backward(d):
        return 2 * d

    return forward, backward


@bug("untouched", (4, 3), w=weights(3, 5), v=weights(5, 2))
def second_layer_forgotten():
    def forward(x, w, v):
        h = np.tanh(x @ w)
        return h @ v, (x, w, v, h)

    def backward(dout, cache):
        x, w, v, h = cache
        dz = (dout @ v.T) * (1 - h**2)
        return dz @ w.T, x.T @ dz, None

    return forward, backward


@bug("cotangent_modified", (4, 3), w=weights(3, 5))
def scaled_in_place():
    def forward(x, w):
        return 3 * (x @ w), (x, w)

    def backward(dout, cache):
        x, w = cache
        dout *= 3
        return dout @ w.T, x.T @ dout

    return forward, backward


@bug("wrong_dtype", (4, 5))
class ForwardInSingle(Layer):
    def forward(self, ctx, x):
        ctx.save(x=x)
        return np.sin(x).astype("float32")

    def backward(self, ctx, dy):
        return dy * np.cos(ctx.x)


@bug("wrong_shape", (4, 3), w=weights(3, 5))
def flattened_kernel_gradient():
    def forward(x, w):
        return x @ w, (x, w)

    def backward(dout, cache):
        x, w = cache
        return dout @ w.T, (x.T @ dout).ravel()

    return forward, backward
