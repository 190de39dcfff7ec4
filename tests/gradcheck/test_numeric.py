"""Slopes by finite differences: accurate where smooth, an interval at a kink."""

import numpy as np
import pytest

from minicnn import layers
from minicnn.gradcheck import check_gradients, directional_errors
from minicnn.gradcheck.numeric import direction_slope, element_slope, slope

POINTS = np.array([-1.7, -0.3, 0.2, 1.1])


@pytest.mark.parametrize(
    ("f", "derivative"),
    [
        (np.sin, np.cos),
        (np.exp, np.exp),
        (lambda x: x**3, lambda x: 3 * x**2),
        (lambda x: np.tanh(20 * x), lambda x: 20 / np.cosh(20 * x) ** 2),
        (lambda x: 1e6 + x, np.ones_like),
    ],
)
def test_smooth_functions(f, derivative):
    s = slope(lambda t: f(POINTS + t), 1.0, f(POINTS))
    assert not s.kink.any()
    np.testing.assert_array_equal(s.low, s.high)
    exact = derivative(POINTS)
    assert (np.abs(s.low - exact) <= 3 * s.error + 1e-9 * np.abs(exact).max()).all()
    assert (s.error <= 1e-4 * max(1.0, np.abs(f(POINTS)).max())).all()


def test_at_a_kink_the_slope_is_an_interval():
    x = np.array([0.0, 0.5])
    s = slope(
        lambda t: np.abs(x + t) + 2 * np.maximum(x + t, 0), 1.0, np.abs(x) + 2 * np.maximum(x, 0)
    )
    assert list(s.kink) == [True, False]
    np.testing.assert_allclose(s.low, [-1, 3], atol=1e-6)
    np.testing.assert_allclose(s.high, [3, 3], atol=1e-6)


@pytest.mark.parametrize("distance", [3e-5, -3e-5, 4e-6, -9e-6, 3e-6])
def test_a_kink_close_by_does_not_disturb(distance):
    x = np.array([distance])
    s = slope(lambda t: np.maximum(x + t, 0), 1.0, np.maximum(x, 0))
    assert not s.kink.any()
    np.testing.assert_allclose(s.low, [distance > 0], atol=1e-5)


def test_interval_follows_the_sign_of_the_cotangent():
    x = np.zeros(2)
    s = slope(lambda t: np.maximum(x + t, 0), 1.0, x)
    low, high, _ = s.along(np.array([2.0, -3.0]))
    assert (low, high) == pytest.approx((-3, 2), abs=1e-6)


def test_elements_and_directions_agree(rng):
    values = {"x": rng.standard_normal((2, 3)), "w": rng.standard_normal((3, 4))}

    def forward(v):
        return np.tanh(v["x"] @ v["w"])

    y = forward(values)
    u = rng.standard_normal((3, 4))
    along = direction_slope(forward, values, "w", u, y).middle
    single = sum(
        u.reshape(-1)[i] * element_slope(forward, values, "w", i, y).middle for i in range(12)
    )
    np.testing.assert_allclose(along, single, rtol=1e-7, atol=1e-8)


def test_kinks_are_judged_by_the_interval_and_said(rng):
    report = check_gradients(layers.ReLU, rng.integers(-1, 2, (4, 5)))
    assert report.ok
    zeros = report["x"].kinks
    assert zeros > 0
    assert any("sit on a kink" in note for note in report.notes)
    assert not any("several kinks meet" in note for note in report.notes)


def test_outside_of_the_interval_is_wrong_at_a_kink_too():
    class TooMuch(layers.Layer):
        def forward(self, ctx, x):
            ctx.save(x=x)
            return np.maximum(x, 0)

        def backward(self, ctx, dy):
            return dy * np.where(ctx.x == 0, 1.5, ctx.x > 0)

    class Half(TooMuch):
        def backward(self, ctx, dy):
            return dy * np.where(ctx.x == 0, 0.5, ctx.x > 0)

    x = np.array([[0.0, 1.0, -1.0, 0.0, 2.0]])
    assert check_gradients(Half, x).ok
    assert not check_gradients(TooMuch, x).ok
    assert not check_gradients(TooMuch, np.zeros((3, 4))).ok


def test_where_kinks_meet_the_points_next_to_it_decide():
    class Identity(layers.Layer):
        """relu(x) - relu(-x): the slope is 1 at 0 too, but both branches answer 0 there."""

        def forward(self, ctx, x):
            ctx.save(x=x)
            return np.maximum(x, 0) - np.maximum(-x, 0)

        def backward(self, ctx, dy):
            return dy * (ctx.x > 0) + dy * (ctx.x < 0)

    report = check_gradients(Identity, np.array([[0.0, 1.0, -1.0], [0.0, 0.0, 2.0]]))
    assert report.ok
    assert any("several kinks meet" in note for note in report.notes)


def tanh_of_product(rng, change=lambda grads: grads):
    """directional_errors of y = tanh(x @ w), with the gradients changed."""
    values = {"x": rng.standard_normal((3, 2)), "w": rng.standard_normal((2, 5))}
    y = np.tanh(values["x"] @ values["w"])

    def backward(dy):
        inner = dy * (1 - y**2)
        return change({"x": inner @ values["w"].T, "w": values["x"].T @ inner})

    return directional_errors(lambda v: np.tanh(v["x"] @ v["w"]), backward, values, rng)


def test_directional_errors_of_right_gradients(rng):
    errors = tanh_of_product(rng)
    assert errors.keys() == {"x", "w"}
    assert max(errors.values()) < 1e-9


@pytest.mark.parametrize("wrong", ["x", "w"])
def test_directional_errors_see_a_millionth_and_a_wrong_place(rng, wrong):
    other = {"x": "w", "w": "x"}[wrong]
    scaled = tanh_of_product(rng, lambda grads: {**grads, wrong: grads[wrong] * (1 + 1e-6)})
    assert scaled[wrong] > 1e-7
    assert scaled[other] < 1e-9
    moved = tanh_of_product(rng, lambda grads: {**grads, wrong: np.roll(grads[wrong], 1)})
    assert moved[wrong] > 1e-2


def test_directional_errors_refuse_a_gradient_of_another_shape(rng):
    with pytest.raises(ValueError, match=r"gradient of w has shape \(5,\), w has \(2, 5\)"):
        tanh_of_product(rng, lambda grads: {**grads, "w": grads["w"].sum(0)})


def test_slope_next_to_a_minimum_keeps_its_digits():
    """A curve with hardly any slope is no kink: smaller steps would only add rounding."""
    s = slope(lambda t: 1000 + np.cosh(POINTS * 1e-4 + t), 1.0, 1000 + np.cosh(POINTS * 1e-4))
    np.testing.assert_allclose(s.low, np.sinh(POINTS * 1e-4), atol=3e-8)
    assert not s.kink.any()
