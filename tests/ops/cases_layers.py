"""Hypothesis strategies for the operations of the further layers; ``cases`` explains the style."""

from dataclasses import dataclass, replace

from hypothesis import strategies as st

from tests.helpers import Case
from tests.ops.sizes import WIDTHS, draw_pads, draw_pair, draw_size, shapes

#: name -> function(draw, rng) that returns a Case in float64
OPERATIONS = {}


def operation(name):
    """Enter a function into the table."""

    def enter(function):
        OPERATIONS[name] = function
        return function

    return enter


@dataclass
class Normalization(Case):
    """A call whose further arrays have one entry a channel, not a sample."""

    def first(self, n):
        return replace(self, arrays={**self.arrays, "x": self.arrays["x"][:n]})


def channels(draw, rng):
    """x with its channels along an axis of their own, gamma, beta, and that axis."""
    shape = draw(shapes())
    axis = draw(st.integers(1, len(shape) - 1)) - draw(st.sampled_from([0, len(shape)]))
    C = shape[axis]
    arrays = {
        "x": 2 * rng.standard_normal(shape) + 3 * rng.standard_normal(1),
        "gamma": draw(st.sampled_from([rng.standard_normal(C), None])),
        "beta": draw(st.sampled_from([rng.standard_normal(C), None])),
    }
    return arrays, axis


@operation("batchnorm")
def batchnorm(draw, rng):
    arrays, axis = channels(draw, rng)
    return Normalization("batchnorm", arrays, (axis, draw(st.sampled_from([1e-3, 0.5]))))


@operation("normalize")
def normalize(draw, rng):
    arrays, axis = channels(draw, rng)
    C = arrays["x"].shape[axis]
    rest = (rng.standard_normal(C), rng.uniform(0, 3, C), axis, 1e-3)
    return Normalization("normalize", arrays, rest)


@operation("avgpool2d")
def avgpool2d(draw, rng):
    window, strides = draw_pair(draw, 1, 4), draw_pair(draw, 1, 4)
    # as padding="same" gives them: every window keeps at least one real entry
    pads = tuple((draw(st.integers(0, (k - 1) // 2)), draw(st.integers(0, k // 2))) for k in window)
    H, W = (draw_size(draw, k, pad) for k, pad in zip(window, pads, strict=True))
    x = rng.standard_normal((draw(st.integers(1, 3)), H, W, draw(WIDTHS)))
    return Case("avgpool2d", {"x": x}, (window, strides, pads))


@operation("pad2d")
def pad2d(draw, rng):
    return Case("pad2d", {"x": rng.standard_normal(draw(images()))}, (draw_pads(draw, 3),))


@operation("rescale")
def rescale(draw, rng):
    rest = draw(st.sampled_from([(1 / 255, 0.0), (-2.0, 0.5), (0.0, 1.0)]))
    return Case("rescale", {"x": rng.standard_normal(draw(shapes()))}, rest)


@operation("flip")
def flip(draw, rng):
    rest = (draw(st.integers(0, 2**32 - 1)), draw(st.booleans()), draw(st.booleans()))
    return Case("flip", {"x": rng.standard_normal(draw(images()))}, rest)


FACTORS = st.sampled_from([(0.0, 0.0), (-0.3, 0.3), (0.2, 0.9), (-1.0, -0.1), (1.0, 1.0)])


@operation("translate")
def translate(draw, rng):
    rest = (
        draw(st.integers(0, 2**32 - 1)),
        draw(FACTORS),
        draw(FACTORS),
        draw(st.sampled_from(["constant", "nearest", "reflect", "wrap"])),
        draw(st.sampled_from([0.0, 2.5])),
        draw(st.sampled_from(["nearest", "bilinear"])),
    )
    return Case("translate", {"x": rng.standard_normal(draw(images()))}, rest)


def images():
    """(N, H, W, C), small, odd and unequal."""
    return st.tuples(st.integers(1, 4), st.integers(1, 6), st.integers(1, 7), WIDTHS)
