"""Broken batch and layer normalisation."""
# ruff: noqa: RUF059

import numpy as np

from minicnn.layers import (
    Layer,
)

from . import bug, weights

SHAPE = (7, 3)


class BatchNorm(Layer):
    axes = 0

    def build(self, shape):
        self.gamma = self.add_weight(name="gamma", shape=(shape[-1],), initializer="ones")
        self.beta = self.add_weight(name="beta", shape=(shape[-1],), initializer="zeros")

    def forward(self, ctx, x):
        mu, var = x.mean(self.axes), x.var(self.axes)
        inv = 1 / np.sqrt(var + 1e-3)
        xhat = (x - mu) * inv
        ctx.save(xhat=xhat, inv=inv, x=x)
        return self.gamma.value * xhat + self.beta.value

    def backward(self, ctx, dy):
        self.gamma.grad[...] = (dy * ctx.xhat).sum(self.axes)
        self.beta.grad[...] = dy.sum(self.axes)
        d = dy * self.gamma.value
        return self.dx(ctx, d, d.mean(self.axes), (d * ctx.xhat).mean(self.axes))

    def dx(self, ctx, d, mean, cross):
        return ctx.inv * (d - mean - ctx.xhat * cross)


@bug("batchnorm_mean", SHAPE)
class MeanForgotten(BatchNorm):
    def dx(self, ctx, d, mean, cross):
        return ctx.inv * (d - ctx.xhat * cross)


@bug("batchnorm_variance", SHAPE)
class VarianceForgotten(BatchNorm):
    def dx(self, ctx, d, mean, cross):
        return ctx.inv * (d - mean)


@bug("batchnorm_mean", SHAPE, also=("batchnorm_variance",))
class BothForgotten(BatchNorm):
    def dx(self, ctx, d, mean, cross):
        return ctx.inv * d


@bug("batchnorm_variance", (3, 4, 3, 2))
class VarianceForgottenInImages(BatchNorm):
    axes = (0, 1, 2)

    def dx(self, ctx, d, mean, cross):
        return ctx.inv * (d - mean)


@bug("sum_missing", (6, 2, 3, 2), also=("wrong_shape",))
class GammaSummedOverBatchOnly(BatchNorm):
    axes = (0, 1, 2)

    def backward(self, ctx, dy):
        dx = super().backward(ctx, dy)
        self.gamma.grad[...] = (dy * ctx.xhat).sum(0)
        return dx


@bug("batch_mean", SHAPE)
class GammaMean(BatchNorm):
    def backward(self, ctx, dy):
        dx = super().backward(ctx, dy)
        self.gamma.grad[...] = (dy * ctx.xhat).mean(0)
        return dx


@bug("bias_forgotten", SHAPE)
class BetaForgotten(BatchNorm):
    def backward(self, ctx, dy):
        keep = self.beta.grad.copy()
        dx = super().backward(ctx, dy)
        self.beta.grad[...] = keep
        return dx


@bug("batchnorm_mean", (5, 4), gamma=weights(4), beta=weights(4), bn_param={"eps": 1e-5})
def staged_batchnorm():
    def forward(x, gamma, beta, bn_param):
        mu = x.mean(axis=0)
        xmu = x - mu
        var = (xmu**2).mean(axis=0)
        ivar = 1 / np.sqrt(var + bn_param["eps"])
        return gamma * xmu * ivar + beta, (xmu, ivar, gamma)

    def backward(dout, cache):
        xmu, ivar, gamma = cache
        N = len(dout)
        dxhat = dout * gamma
        divar = (dxhat * xmu).sum(axis=0)
        dvar = -0.5 * ivar**3 * divar
        dxmu = dxhat * ivar + 2 * xmu * dvar / N
        return dxmu, (dout * xmu * ivar).sum(axis=0), dout.sum(axis=0)

    return forward, backward


@bug("batchnorm_variance", (4, 6), g=weights(6), b=weights(6))
def layernorm_without_variance():
    def forward(x, g, b):
        mu = x.mean(1, keepdims=True)
        s = np.sqrt(x.var(1, keepdims=True) + 1e-5)
        xhat = (x - mu) / s
        return g * xhat + b, (xhat, s, g)

    def backward(dout, cache):
        xhat, s, g = cache
        d = dout * g
        return (d - d.mean(1, keepdims=True)) / s, (dout * xhat).sum(0), dout.sum(0)

    return forward, backward


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


@bug("missing_term", (5, 4))
def length_normalisation():
    def forward(x):
        r = np.sqrt((x**2).sum(1, keepdims=True))
        return x / r, (x, r)

    def backward(dout, cache):
        x, r = cache
        return dout / r

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


@bug("wrong_axis", (4, 3, 5), g=weights(5, seed=3), b=weights(5, seed=3))
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


@bug("batchnorm_variance", (4, 3, 5), g=weights(5, seed=3), b=weights(5, seed=3))
def layer_norm_variance():
    f, _ = layer_norm_summed_as_batch_norm()

    def bk(d, c):
        h, s, g = c
        q = d * g
        return (q - q.mean(-1, keepdims=True)) / s, (d * h).sum((0, 1)), d.sum((0, 1))

    return f, bk
