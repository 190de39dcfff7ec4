"""Broken products with weights: gates, attention, embeddings, differences of neighbours."""
# ruff: noqa: RUF059

import numpy as np

from minicnn.layers import (
    Layer,
)

from . import bug, weights


@bug("missing_term", (4, 5), w=weights(5, 5))
def gate_without_its_own_gradient():
    def forward(x, w):
        gate = 1 / (1 + np.exp(-x @ w))
        return x * gate, (x, w, gate)

    def backward(dout, cache):
        x, w, gate = cache
        dz = dout * x * gate * (1 - gate)
        return dout * gate, x.T @ dz

    return forward, backward


@bug("wrong_shape", (5, 3), w=weights(3, 4), b=weights(4))
def bias_keeps_its_axis():
    def forward(x, w, b):
        return x @ w + b, (x, w)

    def backward(dout, cache):
        x, w = cache
        return dout @ w.T, x.T @ dout, dout.sum(0, keepdims=True)

    return forward, backward


@bug("sum_missing", (5, 3), w=weights(3, 4), b=weights(4))
def outer_products_not_summed():
    def forward(x, w, b):
        return x @ w + b, (x, w)

    def backward(dout, cache):
        x, w = cache
        return dout @ w.T, x[:, :, None] * dout[:, None, :], dout.sum(0)

    return forward, backward


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


@bug("untouched", (4, 3), a=weights(3, seed=3), b=weights(3, seed=3))
def frequency_left_at_zero():
    def f(x, a, b):
        return x * a + np.sin(x * b), (x, a, b)

    def bk(d, c):
        x, a, b = c
        return d * (a + b * np.cos(x * b)), (d * x).sum(0), np.zeros(3)

    return f, bk


@bug("sign", (3, 4), w=weights(4, 4, seed=3))
def difference_one_weight_sign():
    def f(x, w):
        return x - x @ w, (x, w)

    def bk(d, c):
        x, w = c
        return d - d @ w.T, x.T @ d

    return f, bk


@bug("sign", (3, 4), w=weights(4, 4, seed=3))
def difference_all_signs():
    def f(x, w):
        return x - x @ w, (x, w)

    def bk(d, c):
        x, w = c
        return d + d @ w.T, -x.T @ d

    return f, bk


@bug("sum_missing", (3, 4, 5), w=weights(5, 2, seed=3))
def positions_not_summed_over_batch():
    def f(x, w):
        return x @ w, (x, w)

    def bk(d, c):
        x, w = c
        return d @ w.T, np.einsum("nlc,nlf->ncf", x, d)

    return f, bk
