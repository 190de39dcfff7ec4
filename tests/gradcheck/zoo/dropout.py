"""Broken dropout."""
# ruff: noqa: RUF059, NPY002

import numpy as np

from minicnn.layers import Layer

from . import bug

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
