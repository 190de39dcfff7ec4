"""Mistakes in using the checker: one message, the user's own line, no traceback from inside."""

import re
import traceback

import numpy as np
import pytest

from minicnn import layers
from minicnn.gradcheck import GradientCheckError, assert_gradients, check_gradients
from minicnn.layers import Layer


class NoBackward(Layer):
    def forward(self, ctx, x):
        return x


class ForgotReturn(Layer):
    def forward(self, ctx, x):
        x * 2

    def backward(self, ctx, dy):
        return dy


class BackwardForgotReturn(Layer):
    def forward(self, ctx, x):
        return 2 * x

    def backward(self, ctx, dy):
        2 * dy


class Raises(Layer):
    def forward(self, ctx, x):
        return x @ np.ones((7, 7))  # the wrong line

    def backward(self, ctx, dy):
        return dy


class BackwardRaises(Layer):
    def forward(self, ctx, x):
        return x

    def backward(self, ctx, dy):
        return dy + ctx.missing  # asks for what was not kept


class NotFinite(Layer):
    def forward(self, ctx, x):
        return x / 0.0

    def backward(self, ctx, dy):
        return dy


class NeedsArgument(Layer):
    def __init__(self, units):
        super().__init__()

    forward = backward = lambda self, ctx, x: x


def fail(x):
    return None


MISTAKES = [
    (NoBackward, (2, 3), {}, r"has no backward.*\n.*test_usage\.py:\d+: class NoBackward"),
    (ForgotReturn, (2, 3), {}, r"return.*\n.*test_usage\.py:\d+: def forward"),
    (BackwardForgotReturn, (2, 3), {}, r"return.*\n.*test_usage\.py:\d+: def backward"),
    (Raises, (2, 3), {}, r"raised ValueError.*(\n.*)*test_usage\.py:\d+: .*the wrong line"),
    (BackwardRaises, (2, 3), {}, r"ctx\.missing.*\n.*test_usage\.py:\d+: .*asks for what"),
    (NotFinite, (2, 3), {}, r"NaN or infinity"),
    (NeedsArgument, (2, 3), {}, r"creating NeedsArgument raised TypeError.*units"),
    (NeedsArgument, None, {}, r"needs an input: give a shape"),
    (layers.Conv2D(2, 3), (2, 5), {}, r"expects 4 axes"),
    (layers.Conv2D(2, 9), (2, 5, 5, 1), {}, r"build of Conv2D raised ValueError.*conv2d"),
    (layers.ReLU, (2, 0), {}, r"without entries"),
    (layers.ReLU, np.array([[1.0, np.nan]]), {}, r"NaN"),
    (layers.ReLU, "text", {}, r"must hold numbers"),
    ((fail, fail), (2, 3), {}, r"return.*\n.*test_usage\.py:\d+: def fail"),
    (fail, (2, 3), {}, r"fail.*no backward"),
    ((lambda x, w: x, fail), (2, 3), {}, r"also needs w"),
    ((lambda x: x, fail), (2, 3), {"w": np.ones(3)}, r"no argument 'w'"),
    (42, (2, 3), {}, r"cannot check a int"),
]  # fmt: skip


@pytest.mark.parametrize(("target", "x", "params", "message"), MISTAKES)
def test_one_clear_message(target, x, params, message):
    with pytest.raises(GradientCheckError) as caught:
        check_gradients(target, x, params=params)
    assert re.search(message, str(caught.value)), str(caught.value)
    assert caught.value.__suppress_context__
    frames = [f.name for f in traceback.extract_tb(caught.value.__traceback__)]
    assert frames[-1] == "check_gradients"


def test_shape_from_keyword_and_from_the_layer():
    assert check_gradients(layers.Dense(3), input_shape=(2, 4)).ok
    assert check_gradients(layers.Dense(3, input_shape=(4,))).ok


def test_too_many_gradients(rng):
    def forward(x):
        return 2 * x

    def backward(dy):
        return 2 * dy, dy

    with pytest.raises(GradientCheckError, match="returned 2 gradients"):
        check_gradients((forward, backward), (2, 3))


def test_assert_gradients_shows_the_report():
    class Wrong(layers.Dense):
        def backward(self, ctx, dy):
            return -super().backward(ctx, dy)

    with pytest.raises(AssertionError, match="Likeliest cause: sign"):
        assert_gradients(Wrong(3), (2, 4))
