"""Hypothesis strategies: a random but valid call of every operation.

Sizes are small, odd and unequal on purpose (H != W, KH != KW, SH != SW, C != F, one image, one
channel, remainders that no window reaches), and wide enough in C, F and U to fill vector
registers and leave a rest.
"""

from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from minicnn.backends import reference, spec
from tests.helpers import Case, context, grid
from tests.ops import cases_layers
from tests.ops.sizes import MANY, WIDTHS, draw_pads, draw_pair, draw_size, prediction_shapes, shapes

#: name -> function(draw, rng) that returns a Case in float64; see ``cases``
OPERATIONS = dict(cases_layers.OPERATIONS)
#: the fused operations, each the composition of simple ones
FUSED = {}


def operation(name, table=OPERATIONS):
    """Enter a function into a table."""

    def enter(function):
        table[name] = function
        return function

    return enter


@st.composite
def cases(draw, name):
    """A call of the operation ``name`` in float64, with every kink of it well away."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return (OPERATIONS | FUSED)[name](draw, rng)


# -- convolution and pooling ------------------------------------------------------------------


@operation("conv2d")
def conv2d(draw, rng):
    groups = draw(st.sampled_from([1, 1, 1, 2, 3]))
    channels, filters = draw(WIDTHS), draw(WIDTHS)
    if groups > 1:
        channels, filters = groups * min(channels, 3), groups * min(filters, 5)
    return conv_case(draw, rng, "conv2d", channels, filters, groups)


def conv_case(draw, rng, op, channels, filters, groups=1, plain=False, max_window=4):
    """A convolution; ``plain`` leaves dilation and groups out of the arguments."""
    KH, KW = draw_pair(draw, 1, max_window)
    strides = draw_pair(draw, 1, 3)
    dilation = (1, 1) if plain else draw(st.sampled_from([(1, 1), (1, 1), (1, 2), (2, 1), (3, 2)]))
    usual = draw(st.sampled_from([None, None, "first layer", "further layer"]))
    if usual:  # what most networks have, and backends take short cuts for
        KH = KW = draw(st.integers(2, 3))
        channels, filters = draw(WIDTHS if usual == "first layer" else MANY), draw(MANY)
        strides = dilation = (1, 1)
        groups = 1
    pads = draw_pads(draw, 2)
    N = draw(st.integers(1, 3))
    H = draw_size(draw, (KH - 1) * dilation[0] + 1, pads[0])
    W = draw_size(draw, (KW - 1) * dilation[1] + 1, pads[1])
    arrays = {
        "x": rng.standard_normal((N, H, W, channels)),
        "w": rng.standard_normal((KH, KW, channels // groups, filters)),
        "b": draw(st.sampled_from([rng.standard_normal(filters), None])),
    }
    rest = (strides, pads) if plain else (strides, pads, dilation, groups)
    return Case(op, arrays, rest)


@operation("maxpool2d")
def maxpool2d(draw, rng):
    window, strides = draw_pair(draw, 1, 4), draw_pair(draw, 1, 4)
    # as padding="same" gives them: every window keeps at least one real entry
    pads = tuple((draw(st.integers(0, (k - 1) // 2)), draw(st.integers(0, k // 2))) for k in window)
    H, W = (draw_size(draw, k, pad) for k, pad in zip(window, pads, strict=True))
    shape = (draw(st.integers(1, 3)), H, W, draw(WIDTHS))
    return Case("maxpool2d", {"x": grid(rng, shape)}, (window, strides, pads))


# -- dense and activations --------------------------------------------------------------------


@operation("dense")
def dense(draw, rng):
    return dense_case(draw, rng, "dense")


def dense_case(draw, rng, op, rest=()):
    D, U = draw(st.integers(1, 40)), draw(WIDTHS)
    leading = draw(st.sampled_from([(1,), (2,), (5,), (2, 3), (3, 1, 2)]))
    arrays = {
        "x": rng.standard_normal((*leading, D)),
        "w": rng.standard_normal((D, U)),
        "b": draw(st.sampled_from([rng.standard_normal(U), None])),
    }
    return Case(op, arrays, rest)


@operation("relu")
def relu(draw, rng):
    rest = draw(
        st.sampled_from(
            [(0.0, None, 0.0), (0.2, None, 0.0), (0.0, 6.0, 0.0), (0.3, 2.0, 1.0), (0.1, 1.0, 0.5)]
        )
    )
    return Case("relu", {"x": grid(rng, draw(shapes()))}, rest)


def smooth(op):
    def build(draw, rng):
        return Case(op, {"x": 2 * rng.standard_normal(draw(shapes()))})

    return build


def along_axis(op):
    def build(draw, rng):
        shape = draw(shapes())
        axis = draw(st.integers(-len(shape), len(shape) - 1))
        return Case(op, {"x": 2 * rng.standard_normal(shape)}, (axis,))

    return build


OPERATIONS |= {op: smooth(op) for op in ("sigmoid", "tanh")}
OPERATIONS |= {op: along_axis(op) for op in ("softmax", "log_softmax")}

SMOOTH_KINDS = ("gelu", "gelu_tanh", "silu", "softplus", "softsign", "exponential", "mish")
KINKED_KINDS = ("elu", "celu", "selu", "hard_sigmoid", "hard_silu")


def elementwise(kind):
    def build(draw, rng):
        shape = draw(shapes())
        x = grid(rng, shape) if kind in KINKED_KINDS else 2 * rng.standard_normal(shape)
        return Case("elementwise", {"x": x}, (kind, draw(st.sampled_from([1.0, 0.7, 2.5]))))

    return build


OPERATIONS |= {f"elementwise {kind}": elementwise(kind) for kind in SMOOTH_KINDS + KINKED_KINDS}


@operation("dropout")
def dropout(draw, rng):
    shape = draw(shapes())
    n = len(shape)
    noise_shape = draw(
        st.sampled_from([None, (None,) * n, (None,) * (n - 1) + (1,), (1, *shape[1:])])
    )
    rate = draw(st.sampled_from([0.0, 0.25, 0.5, 0.9, 1.0]))
    seed = draw(st.integers(0, 2**32 - 1))
    return Case("dropout", {"x": rng.standard_normal(shape)}, (rate, seed, noise_shape))


# -- losses -----------------------------------------------------------------------------------

SMOOTHING = st.sampled_from([0.0, 0.1, 0.5])


@operation("softmax_crossentropy")
def softmax_crossentropy(draw, rng):
    shape = draw(prediction_shapes())
    y = rng.dirichlet(np.ones(shape[-1]), shape[:-1])
    return Case("softmax_crossentropy", {"x": 3 * rng.standard_normal(shape)}, (y, draw(SMOOTHING)))


@operation("sparse_softmax_crossentropy")
def sparse_softmax_crossentropy(draw, rng):
    shape = draw(prediction_shapes())
    y, ignore_class = draw_labels(draw, rng, shape)
    rest = (y, ignore_class)
    return Case("sparse_softmax_crossentropy", {"x": 3 * rng.standard_normal(shape)}, rest)


def draw_labels(draw, rng, shape):
    """Labels of which some may be ignored, and the class that is: a real one or none at all."""
    y = rng.integers(0, shape[-1], shape[:-1])
    ignore_class = draw(st.sampled_from([None, None, 0, -1, 255]))
    if ignore_class is not None:
        y[rng.random(y.shape) < 0.3] = ignore_class
    return y, ignore_class


@operation("categorical_crossentropy")
def categorical_crossentropy(draw, rng):
    shape = draw(prediction_shapes(smallest=2))  # a single class is always clipped to 1 - eps
    p, y = rng.uniform(0.1, 2, shape), rng.uniform(0, 1, shape)
    return Case("categorical_crossentropy", {"x": p}, (y, draw(SMOOTHING)))


@operation("sparse_categorical_crossentropy")
def sparse_categorical_crossentropy(draw, rng):
    shape = draw(prediction_shapes())
    rest = draw_labels(draw, rng, shape)
    return Case("sparse_categorical_crossentropy", {"x": rng.uniform(0.05, 0.95, shape)}, rest)


@operation("sigmoid_crossentropy")
def sigmoid_crossentropy(draw, rng):
    shape = draw(prediction_shapes())
    y = rng.uniform(0, 1, shape)
    logits = grid(rng, shape)  # the formula has max(z, 0) and |z|, whose kinks cancel
    return Case("sigmoid_crossentropy", {"x": logits}, (y, draw(SMOOTHING)))


@operation("binary_crossentropy")
def binary_crossentropy(draw, rng):
    shape = draw(prediction_shapes())
    p, y = rng.uniform(0.05, 0.95, shape), rng.uniform(0, 1, shape)
    return Case("binary_crossentropy", {"x": p}, (y, draw(SMOOTHING)))


@operation("mean_squared_error")
def mean_squared_error(draw, rng):
    shape = draw(prediction_shapes())
    return Case(
        "mean_squared_error", {"x": rng.standard_normal(shape)}, (rng.standard_normal(shape),)
    )


def regression_loss(kind):
    """Predictions off every kink: p = y, p = 0, p = 1, |p - y| = delta and y p = 1."""

    def build(draw, rng):
        shape = draw(prediction_shapes())
        delta = draw(st.sampled_from([1.0, 0.51]))
        if "hinge" in kind:
            y = rng.choice(draw(st.sampled_from([(-1.0, 1.0), (0.0, 1.0)])), shape)
            return Case("regression_loss", {"x": grid(rng, shape)}, (y, kind, delta))
        if kind == "kl_divergence":
            p, y = rng.uniform(0.05, 0.95, shape), rng.uniform(0, 1, shape)
            return Case("regression_loss", {"x": p}, (y, kind, delta))
        y = rng.integers(0, 9, shape) / 2  # p lies between two multiples of 1/2, and off both
        p = rng.integers(0, 9, shape) / 2 + rng.uniform(0.05, 0.45, shape)
        return Case("regression_loss", {"x": p}, (y, kind, delta))

    return build


REGRESSION_KINDS = (
    "absolute_error", "percentage_error", "squared_logarithmic_error", "huber", "log_cosh",
    "hinge", "squared_hinge", "poisson", "kl_divergence",
)  # fmt: skip
OPERATIONS |= {f"regression_loss {kind}": regression_loss(kind) for kind in REGRESSION_KINDS}


@operation("weighted_sum")
def weighted_sum(draw, rng):
    shape = draw(prediction_shapes())[:-1]
    weights = draw(st.sampled_from([rng.uniform(0, 2, shape), None]))
    return Case("weighted_sum", {"x": rng.standard_normal(shape)}, (weights, 1 / shape[0]))


# -- fused ------------------------------------------------------------------------------------


@operation("conv2d_relu", FUSED)
def conv2d_relu(draw, rng):
    return conv_case(draw, rng, "conv2d_relu", draw(WIDTHS), draw(WIDTHS), plain=True)


@operation("conv2d_relu_maxpool2d", FUSED)
def conv2d_relu_maxpool2d(draw, rng):
    case = conv_case(draw, rng, "conv2d_relu_maxpool2d", draw(WIDTHS), draw(WIDTHS), plain=True)
    pool = draw_pair(draw, 1, 3)
    strides = tuple(k + draw(st.integers(0, 1)) for k in pool)  # windows do not overlap
    # grow the image until at least one window, and sometimes a remainder, fits the convolution's y
    KH, KW = case.arrays["w"].shape[:2]
    (SH, SW), pads = case.rest
    sizes = [
        max(1, k + s * (p - 1) - sum(pad)) + draw(st.integers(0, 3 * s))
        for k, s, p, pad in zip((KH, KW), (SH, SW), pool, pads, strict=True)
    ]
    N, _, _, C = case.arrays["x"].shape
    case.arrays["x"] = rng.standard_normal((N, *sizes, C))
    case.rest += (pool, strides)
    return case


@operation("dense_relu", FUSED)
def dense_relu(draw, rng):
    return dense_case(draw, rng, "dense_relu")


@operation("dense_relu_dropout", FUSED)
def dense_relu_dropout(draw, rng):
    rest = (draw(st.sampled_from([0.0, 0.25, 0.5, 0.9])), draw(st.integers(0, 2**32 - 1)))
    return dense_case(draw, rng, "dense_relu_dropout", rest)


# -- what is there ----------------------------------------------------------------------------


def missing_operations():
    """What the contract has and no strategy here covers; a test wants this empty."""
    names = (*spec.REQUIRED, *spec.OPTIONAL)
    forward = {n.removesuffix("_forward") for n in names if n.endswith("_forward")}
    return forward - {name.split()[0] for name in OPERATIONS | FUSED}


def integers(case, rng):
    """The same call with small whole numbers: every sum is exact, in any order and precision, and
    ties and exact zeros are common.
    """
    arrays = {
        name: None if a is None else rng.integers(-3, 4, a.shape).astype(a.dtype)
        for name, a in case.arrays.items()
    }
    return replace(case, arrays=arrays)


# -- what a fused operation is made of --------------------------------------------------------


def unfuse(case):
    """The simple operations of a fused case, in order: (op, arguments after the arrays)."""
    if case.op == "dense_relu":
        return [("dense", ()), ("relu", (0.0, None, 0.0))]
    if case.op == "dense_relu_dropout":
        return [("dense", ()), ("relu", (0.0, None, 0.0)), ("dropout", (*case.rest, None))]
    convolution = [("conv2d", (*case.rest[:2], (1, 1), 1)), ("relu", (0.0, None, 0.0))]
    if case.op == "conv2d_relu":
        return convolution
    return [*convolution, ("maxpool2d", (*case.rest[2:], ((0, 0), (0, 0))))]


def kink_distance(case):
    """How far the inside of a fused case stays from a clipped zero and from a tie in a window."""
    (op, rest), *others = unfuse(case)
    inner = Case(op, case.arrays, rest).forward(reference, context(reference))
    distance = np.abs(inner).min()
    if others[-1][0] == "maxpool2d" and case.rest[2] != (1, 1):
        pool, strides, _ = others[-1][1]
        windows = reference.im2col(np.maximum(inner, 0), pool, strides)  # (N, OH, OW, KH, KW, C)
        N, OH, OW, KH, KW, C = windows.shape
        entries = np.sort(windows.reshape(N, OH, OW, KH * KW, C), axis=3)
        largest, second = entries[:, :, :, -1], entries[:, :, :, -2]
        distance = min(distance, (largest - second)[largest > 0].min(initial=np.inf))
    return distance
