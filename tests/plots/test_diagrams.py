"""Windows, winners, curves and roofs: the numbers in the pictures are the right ones."""

from types import SimpleNamespace

import numpy as np
import pytest

import minicnn
from minicnn import plots
from minicnn.drawing.cells import Colors, Numbers, luminance
from minicnn.layers import Conv2D, Input, MaxPooling2D
from minicnn.models import Sequential
from tests.plots.test_movies import grids, read

__all__ = ["grids"]  # a fixture


def words(axes):
    return [t.get_text() for t in axes.texts]


def test_a_window_its_kernel_and_their_products(grids, rng):
    x, kernel = rng.integers(-9, 10, (6, 7)), rng.integers(-5, 6, (3, 2))
    figure = plots.convolution_window(x, kernel, bias=-0.5, row=1, column=2, strides=(2, 2))
    window = x[2:5, 4:6]
    for grid, expected in zip(grids, (x, window, kernel, window * kernel), strict=True):
        np.testing.assert_array_equal(read(grid), expected)
    total = (window * kernel).sum()
    text = " ".join(words(figure.axes[0])).replace("−", "-")
    assert f"sum of the products {total} - bias 0.5 = " in text
    assert f"{total - 0.5:.4g}" in words(figure.axes[0])[-1].replace("−", "-")


def test_the_padding_of_a_window_is_grey_and_zero(grids):
    plots.convolution_window(np.full((4, 4), 7), np.ones((3, 3)), padding="same")
    window = grids[1]
    np.testing.assert_array_equal(read(window), [[0, 0, 0], [0, 7, 7], [0, 7, 7]])
    colors = {tuple(window.boxes[0, j].get_facecolor()) for j in range(3)}
    assert len(colors) == 1
    assert tuple(window.boxes[1, 1].get_facecolor()) not in colors


def test_each_channel_has_a_line_and_the_sum_is_over_all(grids, rng):
    x, kernel = rng.integers(0, 5, (3, 3, 6)), rng.integers(0, 5, (2, 2, 6))
    figure = plots.convolution_window(x, kernel)
    assert len(grids) == 4 * 4  # image, window, kernel, products; four channels of six
    total = (x[:2, :2] * kernel).sum()
    assert any(f"sum of the products {total:.4g} (all 6 channels)" in w
               for w in words(figure.axes[0]))  # fmt: skip


def test_the_picture_of_an_explanation(grids, rng):
    conv = Conv2D(3, 2, padding="same", activation="relu", name="conv")
    model = Sequential([Input((5, 5, 2)), conv, MaxPooling2D(name="pool")])
    trace = minicnn.trace(model, rng.normal(size=(5, 5, 2)))
    e = trace.explain("conv", 4, 4, 1)
    figure = e.plot()
    for c in range(2):
        np.testing.assert_allclose(read(grids[3 * c]), e.window[..., c], atol=0.006)
        np.testing.assert_allclose(read(grids[3 * c + 2]), e.products[..., c], atol=0.006)
    texts = words(figure.axes[0])
    assert "conv: row 4, column 4, channel 1" in texts
    assert "after relu: " in texts
    assert texts[-1] == f"{e.value:.4g}".replace("-", "−")
    with pytest.raises(ValueError, match=r"explanation of a convolution.*of 'pool'"):
        trace.explain("pool", 0, 0, 0).plot()
    with pytest.raises(ValueError, match="nothing else"):
        plots.convolution_window(e, np.ones((2, 2)))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"x": np.zeros((4, 4, 2)), "kernel": np.zeros((3, 3))}, ValueError, "as many channels"),
        ({"x": np.zeros((2, 2)), "kernel": np.zeros((3, 3))}, ValueError, "does not fit"),
        ({"x": np.zeros((4, 4)), "kernel": np.zeros((3, 3)), "row": 2}, IndexError, "2 × 2.*got 2"),
        ({"x": np.zeros((4, 4)), "kernel": np.zeros(3)}, ValueError, r"\(4, 4\) and \(3,\)"),
        ({"x": np.zeros((4, 4))}, ValueError, "kernel"),
    ],
)
def test_windows_that_cannot_be_drawn(arguments, error, message):
    with pytest.raises(error, match=message):
        plots.convolution_window(**arguments)


@pytest.mark.parametrize(
    ("pool", "strides", "padding"),
    [(2, None, "valid"), ((2, 3), (1, 2), "valid"), (3, 2, "same")],
)
def test_winners_get_the_gradients(grids, rng, pool, strides, padding):
    x = rng.integers(0, 4, (6, 7)).astype(float)  # many ties
    step = pool if strides is None else strides
    PH, PW = (pool, pool) if isinstance(pool, int) else pool
    SH, SW = (step, step) if isinstance(step, int) else step
    size = [-(-6 // SH), -(-7 // SW)] if padding == "same" else [(6 - PH) // SH + 1,
                                                                (7 - PW) // SW + 1]  # fmt: skip
    dy = rng.integers(1, 9, size)
    top, left = (0, 0)
    if padding == "same":
        top = max((size[0] - 1) * SH + PH - 6, 0) // 2
        left = max((size[1] - 1) * SW + PW - 7, 0) // 2
    y, dx, winners = np.zeros(size), np.zeros_like(x), set()
    for i, j in np.ndindex(*size):
        cells = [(r, k) for r in range(i * SH - top, i * SH - top + PH)
                 for k in range(j * SW - left, j * SW - left + PW)
                 if 0 <= r < 6 and 0 <= k < 7]  # fmt: skip
        best = max(cells, key=lambda at: x[at])
        y[i, j] = x[best]
        dx[best] += dy[i, j]
        winners.add(best)
    figure = plots.pooling_winners(x, pool, strides, padding, dy)
    for grid, expected in zip(grids, (x, y, dx, dy), strict=True):
        np.testing.assert_array_equal(read(grid), expected)
    frames = {p.get_bbox().bounds for p in figure.axes[0].patches
              if hasattr(p, "get_xy") and p.get_linewidth() > 3}  # fmt: skip
    for grid in (grids[0], grids[2]):
        for row, column in winners:
            assert any(np.allclose(f, (grid.left + column, grid.top + row, 1, 1)) for f in frames)
    assert len(frames) == 2 * len(winners)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"x": np.zeros((13, 4))}, r"at most 12 × 12, got shape \(13, 4\)"),
        ({"x": np.zeros((4, 4, 1))}, r"got shape \(4, 4, 1\)"),
        ({"x": np.zeros((2, 2)), "pool_size": 3}, "does not fit"),
        ({"x": np.zeros((4, 4)), "dy": np.zeros((3, 3))}, r"\(2, 2\), got \(3, 3\)"),
    ],
)
def test_poolings_that_cannot_be_drawn(arguments, message):
    with pytest.raises(ValueError, match=message):
        plots.pooling_winners(**arguments)


def test_curves_of_several_trainings():
    histories = {
        "slow": SimpleNamespace(history={"loss": [2.0, 1.5, 1.2], "accuracy": [0.1, 0.2, 0.3]}),
        "fast": {"loss": [2.0, 0.5, 0.25], "accuracy": [0.2, 0.6, 0.8]},
        "wild": {"loss": [2.0, 9.0, float("nan")], "accuracy": [0.1, 0.1, 0.1]},
    }
    axes = plots.compare_histories(histories, log=True, limit=4.0).axes[0]
    for line, name in zip(axes.lines, histories, strict=True):
        given = getattr(histories[name], "history", histories[name])["loss"]
        np.testing.assert_array_equal(line.get_ydata(), given)
        np.testing.assert_array_equal(line.get_xdata(), [1, 2, 3])
    legend = [t.get_text() for t in axes.get_legend().get_texts()]
    assert legend == ["slow: 1.2", "fast: 0.25", "wild: diverged"]
    assert len({(line.get_color(), line.get_linestyle()) for line in axes.lines}) == 3
    assert len({line.get_linestyle() for line in axes.lines}) == 3  # told apart without colour
    assert (axes.get_yscale(), axes.get_ylim()[1], axes.get_xlabel()) == ("log", 4.0, "epoch")
    axes = plots.compare_histories(histories, "accuracy", title="How often right").axes[0]
    assert axes.get_title(loc="left") == "How often right"
    assert axes.get_legend().get_texts()[1].get_text() == "fast: 80.0%"


@pytest.mark.parametrize(
    ("histories", "key", "message"),
    [
        ({}, "loss", "histories is empty"),
        ({"a": {"loss": [1.0]}}, "mae", "'a' has no 'mae'; it has loss"),
        ({"a": []}, "loss", "at least one"),
        ({"a": [[1.0], [2.0]]}, "loss", "list of one number"),
    ],
)
def test_curves_that_are_none(histories, key, message):
    with pytest.raises(ValueError, match=message):
        plots.compare_histories(histories, key)


def test_the_roof_and_the_points_under_it():
    points = {"product": (2e9, 4e7, 0.02), "copy": (1e6, 8e6, 0.001), "loops": (2e9, 4e7, 90),
              "best": (2e9, 4e7, 0.01)}  # fmt: skip
    axes = plots.roofline(points, peak=2e11, bandwidth=1e10).axes[0]
    roof = axes.lines[0].get_xydata()
    np.testing.assert_allclose(roof[1], [20, 2e11])  # the ridge
    np.testing.assert_allclose(roof[0][1], roof[0][0] * 1e10)
    assert roof[2][1] == 2e11
    dots = [line for line in axes.lines if line.get_marker() != "None"]
    places = [[50, 1e11], [0.125, 1e9], [50, 2e9 / 90], [50, 2e11]]
    np.testing.assert_allclose([d.get_xydata()[0] for d in dots], places)
    assert len({d.get_marker() for d in dots}) == 4  # told apart without colour
    labels = [t.get_text() for t in axes.get_legend().get_texts()]
    assert labels == [f"{name} of the roof" for name in (
        "product: 50%", "copy: 80%", "loops: 0.011%", "best: 100%",
    )]  # fmt: skip
    assert {"arithmetic: 200 GFLOP/s", "memory: 10 GB/s", "20 operations a byte"} <= set(
        words(axes)
    )
    assert axes.get_xlabel() == "arithmetic intensity, operations a byte"
    assert axes.get_ylabel() == "operations a second"


@pytest.mark.parametrize(
    ("points", "peak", "message"),
    [
        ({}, 1.0, "points is empty"),
        ({"a": (1, 0, 1)}, 1.0, r"a: all numbers must be larger than 0, got \(1, 0, 1\)"),
        ({"a": (1, 1, 1)}, float("inf"), "peak: all numbers"),
    ],
)
def test_roofs_that_cannot_be_drawn(points, peak, message):
    with pytest.raises(ValueError, match=message):
        plots.roofline(points, peak, 1.0)


@pytest.mark.parametrize("values", [np.linspace(0, 7, 50), np.linspace(-3, 2, 50), [4.0], [0, 0]])
def test_numbers_stand_out_from_their_cells(values):
    """At least 4.5 to 1, what WCAG 2 asks of text."""
    colors = Colors(values)
    for value in values:
        background, ink = colors(value)
        light, dark = sorted((luminance(background), 1.0 if ink == "white" else 0.0), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ([1, 20, -3], ["1", "20", "−3"]),
        ([0.5, -0.1, 0.0], ["0.5", "−0.1", "0"]),
        ([0.123, -0.001, 12.0], ["0.12", "0.00", "12.00"]),
        ([123.45, 1.0], ["123.5", "1.0"]),
        ([np.inf, -np.inf, 2.0], ["∞", "−∞", "2"]),
    ],
)
def test_numbers_have_the_decimals_that_all_of_them_need(values, texts):
    numbers = Numbers(values)
    assert [numbers(v) for v in values] == texts
    assert numbers.longest == max(map(len, texts))
    assert numbers.plus(values[0])[0] == "+"
