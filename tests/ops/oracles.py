"""Definitions written out as loops over single numbers: slow, and obviously what is meant.

Nothing here shares code or an idea with a backend: no im2col, no matrix product, no vectors.
"""

import math
from itertools import product

import numpy as np


def conv2d(x, w, b, strides, pads, dilation, groups):
    """y[n,oh,ow,f] = b[f] + sum over the window and the channels of f's group."""
    N, H, W, C = x.shape
    KH, KW, _, F = w.shape
    (SH, SW), (DH, DW), ((top, bottom), (left, right)) = strides, dilation, pads
    OH = len(range(0, H + top + bottom - (KH - 1) * DH, SH))
    OW = len(range(0, W + left + right - (KW - 1) * DW, SW))
    y = np.zeros((N, OH, OW, F), x.dtype)
    for n, oh, ow, f in np.ndindex(y.shape):
        first = f // (F // groups) * (C // groups)  # the first channel that filter f sees
        terms = [0.0 if b is None else b[f]]
        for i, j, c in product(range(KH), range(KW), range(C // groups)):
            h, v = oh * SH + i * DH - top, ow * SW + j * DW - left
            if 0 <= h < H and 0 <= v < W:
                terms.append(x[n, h, v, first + c] * w[i, j, c, f])
        y[n, oh, ow, f] = math.fsum(terms)
    return y


def maxpool2d(x, dy_seed, pool_size, strides, pads):
    """(y, dy, dx): the first NaN, else the first largest entry; dy goes to that entry."""
    N, H, W, C = x.shape
    (KH, KW), (SH, SW), ((top, bottom), (left, right)) = pool_size, strides, pads
    OH = len(range(0, H + top + bottom - KH + 1, SH))
    OW = len(range(0, W + left + right - KW + 1, SW))
    y = np.zeros((N, OH, OW, C), x.dtype)
    dy = np.random.default_rng(dy_seed).integers(-9, 10, y.shape).astype(x.dtype)
    dx = np.zeros_like(x)
    for n, oh, ow, c in np.ndindex(y.shape):
        best, winner = None, None
        for i, j in product(range(KH), range(KW)):
            h, v = oh * SH + i - top, ow * SW + j - left
            if not (0 <= h < H and 0 <= v < W):
                continue
            value = x[n, h, v, c]
            if best is None or value > best or (math.isnan(value) and not math.isnan(best)):
                best, winner = value, (n, h, v, c)
        y[n, oh, ow, c] = best
        dx[winner] += dy[n, oh, ow, c]
    return y, dy, dx


def dropout_bits(seed, step, position):
    """The hash of ``spec.dropout_forward``, in Python's unbounded integers."""
    M32, M64 = 2**32 - 1, 2**64 - 1
    z = (seed % 2**32 * 2**32 + step % 2**32 + 0x9E3779B97F4A7C15) & M64
    z = ((z ^ z >> 30) * 0xBF58476D1CE4E5B9) & M64
    z = ((z ^ z >> 27) * 0x94D049BB133111EB) & M64
    z ^= z >> 31
    k0, k1 = z & M32, z >> 32
    h = position ^ k0
    h ^= h >> 16
    h = (h * 0x7FEB352D + k1) & M32
    h ^= h >> 15
    h = (h * 0x846CA68B) & M32
    return h ^ h >> 16


def relu(x, negative_slope, max_value, threshold):
    if math.isnan(x):
        return x
    if max_value is not None and x >= max_value:
        return max_value
    return x if x > threshold else negative_slope * (x - threshold)


def _sigmoid(x):
    return 1 / (1 + math.exp(-x))


#: f(x, alpha) of one number, straight from the definitions
ELEMENTWISE = {
    "elu": lambda x, a: x if x > 0 else a * math.expm1(x),
    "celu": lambda x, a: max(x, 0) + min(0, a * math.expm1(x / a)),
    "selu": lambda x, a: 1.0507009873554805 * (x if x > 0 else 1.6732632423543772 * math.expm1(x)),
    "gelu": lambda x, a: x * math.erfc(-x / math.sqrt(2)) / 2,
    "gelu_tanh": lambda x, a: (
        0.5 * x * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
    ),
    "silu": lambda x, a: x * _sigmoid(x),
    "softplus": lambda x, a: math.log1p(math.exp(x)),
    "softsign": lambda x, a: x / (1 + abs(x)),
    "hard_sigmoid": lambda x, a: min(max(x / 6 + 0.5, 0), 1),
    "hard_silu": lambda x, a: x * min(max(x / 6 + 0.5, 0), 1),
    "exponential": lambda x, a: math.exp(x),
    "mish": lambda x, a: x * math.tanh(math.log1p(math.exp(x))),
}


# Losses of one sample: z or p and y are sequences of K numbers, label a class.


def softmax_crossentropy(z, y, smoothing):
    total = sum(math.exp(v) for v in z)
    y = [t * (1 - smoothing) + smoothing / len(z) for t in y]
    return -sum(t * math.log(math.exp(v) / total) for t, v in zip(y, z, strict=True))


def sparse_softmax_crossentropy(z, label, ignore_class):
    if label == ignore_class:
        return 0.0
    return -math.log(math.exp(z[label]) / sum(math.exp(v) for v in z))


def categorical_crossentropy(p, y, smoothing):
    total = sum(p)
    y = [t * (1 - smoothing) + smoothing / len(p) for t in y]
    return -sum(t * math.log(_clip(v / total)) for t, v in zip(y, p, strict=True))


def sparse_categorical_crossentropy(p, label, ignore_class):
    if label == ignore_class:
        return 0.0
    q = [_clip(v) for v in p]
    return -math.log(q[label] / sum(q))


def sigmoid_crossentropy(z, y, smoothing):
    return binary_crossentropy([_sigmoid(v) for v in z], y, smoothing)


def binary_crossentropy(p, y, smoothing):
    terms = []
    for v, t in zip(map(_clip, p), y, strict=True):
        t = t * (1 - smoothing) + smoothing / 2
        terms.append(-t * math.log(v) - (1 - t) * math.log(1 - v))
    return sum(terms) / len(terms)


def mean_squared_error(p, y):
    return sum((a - b) ** 2 for a, b in zip(p, y, strict=True)) / len(p)


def _signs(y):
    return [2 * v - 1 for v in y] if set(y) <= {0, 1} else y


def _log_eps(v):
    return math.log(max(v, 1e-7) + 1)


#: f(p, y, delta) of one number, straight from the definitions; y = -1 or 1 for the two hinges
REGRESSION = {
    "absolute_error": lambda p, y, d: abs(p - y),
    "percentage_error": lambda p, y, d: 100 * abs(p - y) / max(abs(y), 1e-7),
    "squared_logarithmic_error": lambda p, y, d: (_log_eps(p) - _log_eps(y)) ** 2,
    "huber": lambda p, y, d: (p - y) ** 2 / 2 if abs(p - y) <= d else d * (abs(p - y) - d / 2),
    "log_cosh": lambda p, y, d: math.log(math.cosh(p - y)),
    "hinge": lambda p, y, d: max(0, 1 - y * p),
    "squared_hinge": lambda p, y, d: max(0, 1 - y * p) ** 2,
    "poisson": lambda p, y, d: p - y * math.log(p + 1e-7),
    "kl_divergence": lambda p, y, d: (
        min(max(y, 1e-7), 1) * math.log(min(max(y, 1e-7), 1) / min(max(p, 1e-7), 1))
    ),
}


def regression_loss(p, y, kind, delta):
    y = _signs(y) if "hinge" in kind else y
    total = math.fsum(REGRESSION[kind](a, b, delta) for a, b in zip(p, y, strict=True))
    return total if kind == "kl_divergence" else total / len(p)


def _clip(p):
    return min(max(p, 1e-7), 1 - 1e-7)


def in_top_k(label, scores, k):
    if not 0 <= label < len(scores) or not all(map(math.isfinite, scores)):
        return False
    return sum(score > scores[label] for score in scores) < k
