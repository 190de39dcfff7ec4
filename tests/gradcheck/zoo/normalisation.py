"""Broken batch and layer normalisation."""

import numpy as np

from minicnn.layers import Layer

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
