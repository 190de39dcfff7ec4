"""Fourth set, learnt from after it was tried: 21 of 26 were named right at first sight."""

# ruff: noqa: RUF059, NPY002
import numpy as np

from minicnn.layers import Conv2D, Dense, Dropout, Layer, MaxPooling2D

from . import bug, weights


def W(*shape):
    return weights(*shape, seed=3)


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


@bug("edge_missing", (2, 6, 6, 2))
class SumOfNeighboursShort(Layer):
    def forward(self, ctx, x):
        ctx.save(s=x.shape)
        return x[:, :-1] + x[:, 1:]

    def backward(self, ctx, dy):
        dx = np.zeros(ctx.s)
        dx[:, :-1] += dy
        dx[:, 1:-1] += dy[:, :-1]
        return dx


@bug("missing_term", (2, 6, 6, 2))
class OneOfTwoNeighbours(Layer):
    def forward(self, ctx, x):
        ctx.save(s=x.shape)
        return x[:, :-1] * 2 + x[:, 1:]

    def backward(self, ctx, dy):
        dx = np.zeros(ctx.s)
        dx[:, :-1] += 2 * dy
        return dx


@bug("batch_mean", (4, 6))
class DenseTanhMean(Dense):
    def __init__(self, **k):
        super().__init__(3, activation="tanh")

    def backward(self, ctx, dy):
        dx = super().backward(ctx, dy)
        self.kernel.grad[...] /= len(dy)
        self.bias.grad[...] /= len(dy)
        return dx


@bug("softmax_cross_terms", (4, 6))
class SoftmaxSquares(Layer):
    def forward(self, ctx, x):
        e = np.exp(x)
        ctx.save(p=e / e.sum(1, keepdims=True))
        return ctx.p * 1

    def backward(self, ctx, dy):
        return ctx.p * dy - ctx.p**2 * dy


@bug("wrong_axis", (4, 3, 5), g=W(5), b=W(5))
def layer_norm_summed_as_batch_norm():
    def f(x, g, b):
        m = x.mean(-1, keepdims=True)
        s = np.sqrt(x.var(-1, keepdims=True) + 1e-5)
        h = (x - m) / s
        return g * h + b, (h, s, g)

    def bk(d, c):
        h, s, g = c
        q = d * g
        return (
            (q - q.mean(1, keepdims=True) - h * (q * h).mean(1, keepdims=True)) / s,
            (d * h).sum((0, 1)),
            d.sum((0, 1)),
        )

    return f, bk


@bug("batchnorm_variance", (4, 3, 5), g=W(5), b=W(5))
def layer_norm_variance():
    f, _ = layer_norm_summed_as_batch_norm()

    def bk(d, c):
        h, s, g = c
        q = d * g
        return (q - q.mean(-1, keepdims=True)) / s, (d * h).sum((0, 1)), d.sum((0, 1))

    return f, bk


@bug("pool_winner", (2, 6, 6, 2), pool_size=2)
class PoolGivesToAll(MaxPooling2D):
    def backward(self, ctx, dy):
        return dy.repeat(2, 1).repeat(2, 2)


@bug("dropout_mask", (4, 8), rate=0.5)
class DropoutOtherMask(Dropout):
    def backward(self, ctx, dy):
        return dy * (np.random.default_rng(8).random(dy.shape) > 0.5) * 2


@bug("not_repeatable", (4, 8))
class UnseededMask(Layer):
    def forward(self, ctx, x):
        m = np.random.rand(*x.shape) > 0.5
        ctx.save(m=m)
        return x * m

    def backward(self, ctx, dy):
        return dy * ctx.m


@bug("dropout_mask", (4, 8))
class UnseededMaskForgotten(Layer):
    def forward(self, ctx, x):
        m = np.random.rand(*x.shape) > 0.5
        ctx.save(m=m)
        return x * m * 2

    def backward(self, ctx, dy):
        return dy * 2


@bug("loss_not_divided", (4, 3), y=np.array([0, 2, 1, 1]))
def crossentropy_of_cache():
    def f(x, y):
        p = np.exp(x) / np.exp(x).sum(1, keepdims=True)
        return -np.mean(np.log(p[np.arange(4), y])), (p, y)

    def bk(c):
        p, y = c
        d = p.copy()
        d[np.arange(len(y)), y] -= 1
        return d

    return f, bk


@bug("untouched", (4, 3), a=W(3), b=W(3))
def frequency_left_at_zero():
    def f(x, a, b):
        return x * a + np.sin(x * b), (x, a, b)

    def bk(d, c):
        x, a, b = c
        return d * (a + b * np.cos(x * b)), (d * x).sum(0), np.zeros(3)

    return f, bk


@bug("missing_term", (4, 3), a=W(3), b=W(3))
def linear_part_left_out():
    def f(x, a, b):
        return x * a + np.sin(x * b), (x, a, b)

    def bk(d, c):
        x, a, b = c
        return d * b * np.cos(x * b), (d * x).sum(0), (d * x * np.cos(x * b)).sum(0)

    return f, bk


@bug("shifted", (2, 8, 3))
class RunningSumMoved(Layer):
    def forward(self, ctx, x):
        ctx.save(s=x.shape)
        return np.cumsum(x, 1)

    def backward(self, ctx, dy):
        g = np.cumsum(dy[:, ::-1], 1)[:, ::-1]
        out = np.zeros(ctx.s)
        out[:, :-1] = g[:, 1:]
        return out


@bug("accumulated", (4, 3), units=2)
class DenseKeepsTotal(Dense):
    def backward(self, ctx, dy):
        if not hasattr(self, "total"):
            self.total = np.zeros(self.kernel.shape)
        dx = super().backward(ctx, dy)
        self.total += self.kernel.grad
        self.kernel.grad[...] = self.total
        return dx


@bug("axes_permuted", (2, 3, 4, 5))
class TransposeByReshape(Layer):
    def forward(self, ctx, x):
        return np.ascontiguousarray(x.transpose(0, 3, 1, 2))

    def backward(self, ctx, dy):
        return dy.reshape(len(dy), 3, 4, 5)


@bug("factor", (3, 4))
class HalfSquareDoubled(Layer):
    def forward(self, ctx, x):
        ctx.save(x=x)
        return 0.5 * x**2

    def backward(self, ctx, dy):
        return 2 * ctx.x * dy


@bug("sign", (3, 4), w=W(4, 4))
def difference_one_weight_sign():
    def f(x, w):
        return x - x @ w, (x, w)

    def bk(d, c):
        x, w = c
        return d - d @ w.T, x.T @ d

    return f, bk


@bug("sign", (3, 4), w=W(4, 4))
def difference_all_signs():
    def f(x, w):
        return x - x @ w, (x, w)

    def bk(d, c):
        x, w = c
        return d + d @ w.T, -x.T @ d

    return f, bk


@bug("sum_missing", (3, 4, 5), w=W(5, 2))
def positions_not_summed_over_batch():
    def f(x, w):
        return x @ w, (x, w)

    def bk(d, c):
        x, w = c
        return d @ w.T, np.einsum("nlc,nlf->ncf", x, d)

    return f, bk
