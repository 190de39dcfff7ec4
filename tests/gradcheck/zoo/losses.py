"""Broken losses: this library's kind, pairs of functions, one function with its gradient."""

import numpy as np

from minicnn.losses import CategoricalCrossentropy, Loss, MeanSquaredError

from . import bug, weights

LABELS = np.array([0, 2, 1, 4, 3, 2])


def softmax(x):
    e = np.exp(x - x.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


@bug("loss_not_divided", (6, 5), y=LABELS)
def crossentropy_not_divided():
    def forward(x, y):
        p = softmax(x)
        return -np.log(p[np.arange(len(y)), y]).mean(), (p, y)

    def backward(dout, cache):
        p, y = cache
        d = p.copy()
        d[np.arange(len(y)), y] -= 1
        return dout * d

    return forward, backward


def softmax_loss(x, y):
    p = softmax(x)
    d = p.copy()
    d[np.arange(len(y)), y] -= 1
    return -np.log(p[np.arange(len(y)), y]).sum() / len(y), d


@bug("loss_not_divided", (6, 5), y=LABELS)
def loss_and_gradient_in_one():
    return softmax_loss


@bug("missing_term", (6, 5), y=LABELS)
def crossentropy_without_minus_one():
    def forward(x, y):
        p = softmax(x)
        return -np.log(p[np.arange(len(y)), y]).mean(), (p, y)

    def backward(dout, cache):
        p, y = cache
        return dout * p / len(y)

    return forward, backward


@bug("sign", (6, 5), y=LABELS)
def crossentropy_sign():
    def forward(x, y):
        p = softmax(x)
        return -np.log(p[np.arange(len(y)), y]).mean(), (p, y)

    def backward(dout, cache):
        p, y = cache
        onehot = np.eye(p.shape[1])[y]
        return dout * (onehot - p) / len(y)

    return forward, backward


@bug("factor", (4, 3))
class SquaredErrorWithoutTwo(Loss):
    def forward(self, ctx, y_true, y_pred):
        ctx.save(d=y_pred - y_true)
        return (ctx.d**2).mean(-1), y_pred

    def backward(self, ctx, dvalues):
        return ctx.d * dvalues[..., None] / ctx.d.shape[-1]


@bug("missing_term", (4, 3))
class SquaredErrorWithoutTarget(Loss):
    def forward(self, ctx, y_true, y_pred):
        ctx.save(p=y_pred)
        return ((y_pred - y_true) ** 2).mean(-1), y_pred

    def backward(self, ctx, dvalues):
        return 2 * ctx.p * dvalues[..., None] / ctx.p.shape[-1]


@bug("loss_not_divided", (6, 4), t=weights(6, 4))
def squared_error_not_divided():
    def forward(p, t):
        return np.mean((p - t) ** 2), (p, t)

    def backward(cache):
        p, t = cache
        return 2 * (p - t)

    return forward, backward


@bug("sum_missing", (5, 3), also=("wrong_shape", "wrong_axis"), b=weights(3))
def penalty_of_scores():
    def forward(x, b):
        s = x + b
        return (s**2).sum(), s

    def backward(dout, s):
        return 2 * s * dout, 2 * s * dout

    return forward, backward


@bug("loss_not_divided", (6, 4), y=LABELS % 4)
def hinge():
    def forward(x, y):
        rows = np.arange(len(y))
        margins = np.maximum(0, x - x[rows, y][:, None] + 1)
        margins[rows, y] = 0
        return margins.sum() / len(y), (margins, y)

    def backward(dout, cache):
        margins, y = cache
        d = (margins > 0).astype(float)
        d[np.arange(len(y)), y] -= d.sum(1)
        return d * dout

    return forward, backward


@bug("cotangent_ignored", (6, 4), t=weights(6, 4))
def cotangent_left_out():
    def forward(p, t):
        return np.mean((p - t) ** 2), (p, t)

    def backward(dout, cache):
        p, t = cache
        return 2 * (p - t) / p.size

    return forward, backward


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
