"""Broken dropout."""
# ruff: noqa: RUF059, NPY002

import numpy as np

from minicnn.layers import Layer

from . import bug, weights

SHAPE = (6, 8)


class Dropout(Layer):
    def __init__(self, rate=0.4, **kwargs):
        super().__init__(**kwargs)
        self.rate = rate

    def draw(self, ctx, shape, extra=0):
        rng = np.random.default_rng(int(ctx.step[0]) + extra)
        return rng.random(shape) >= self.rate

    def forward(self, ctx, x):
        mask = self.draw(ctx, x.shape)
        ctx.save(mask=mask)
        return x * mask / (1 - self.rate)


@bug("dropout_mask", SHAPE)
class NoMask(Dropout):
    def backward(self, ctx, dy):
        return dy / (1 - self.rate)


@bug("dropout_mask", SHAPE)
class NothingAtAll(Dropout):
    def backward(self, ctx, dy):
        return dy * 1.0


@bug("dropout_mask", SHAPE)
class MaskDrawnAgain(Dropout):
    def backward(self, ctx, dy):
        return dy * self.draw(ctx, dy.shape, extra=1) / (1 - self.rate)


@bug("dropout_mask", SHAPE)
class MaskInverted(Dropout):
    def backward(self, ctx, dy):
        return dy * ~ctx.mask / (1 - self.rate)


@bug("dropout_scale", SHAPE)
class NoScale(Dropout):
    def backward(self, ctx, dy):
        return dy * ctx.mask


@bug("dropout_scale", SHAPE)
class ScaleTwice(Dropout):
    def backward(self, ctx, dy):
        return dy * ctx.mask / (1 - self.rate) ** 2


@bug("dropout_scale", SHAPE, dropout_param={"p": 0.7, "seed": 3})
def inverted_dropout():
    def forward(x, dropout_param):
        np.random.seed(dropout_param["seed"])
        p = dropout_param["p"]
        mask = (np.random.rand(*x.shape) < p) / p
        return x * mask, (dropout_param, mask)

    def backward(dout, cache):
        dropout_param, mask = cache
        return dout * (mask > 0)

    return forward, backward


@bug("dropout_mask", SHAPE, p=0.5)
def fresh_mask():
    def forward(x, p):
        rng = np.random.default_rng(5)
        mask = (rng.random(x.shape) < p) / p
        return x * mask, p

    def backward(dout, p):
        return dout * (np.random.default_rng(6).random(dout.shape) < p) / p

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
