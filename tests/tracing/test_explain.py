"""The numbers behind one entry, against loops written out."""

import numpy as np
import pytest

import minicnn
from minicnn.layers import (
    Conv2D,
    Dense,
    Flatten,
    GlobalAveragePooling2D,
    GlobalMaxPooling2D,
    Input,
    MaxPooling2D,
)
from minicnn.models import Sequential
from tests.tracing.conftest import SHAPE, network


@pytest.fixture
def trace(image):
    return minicnn.trace(network(), image)


@pytest.mark.parametrize(
    "arguments",
    [
        {"kernel_size": (3, 2)},
        {"kernel_size": (3, 2), "padding": "same", "strides": (2, 3)},
        {"kernel_size": (2, 3), "padding": "same", "dilation_rate": (2, 1)},
        {"kernel_size": 2, "groups": 2, "use_bias": False, "activation": "tanh"},
    ],
)
def test_every_entry_of_a_convolution(in_float64, image, arguments):
    model = Sequential([Input(SHAPE), Conv2D(4, name="conv", **arguments)])
    for weight in model.weights:
        weight.assign(np.random.default_rng(5).normal(size=weight.shape))
    trace = minicnn.trace(model, image)
    conv = model.layers[0]
    w, x = trace["conv"].weights["kernel"].astype("d"), trace.image.astype("d")
    KH, KW, C, F = w.shape
    (top, _), (left, _) = conv.pads((1, *SHAPE))
    (SH, SW), (DH, DW) = conv.strides, conv.dilation_rate
    linear = trace["conv"].y if trace["conv"].z is None else trace["conv"].z
    for row, column, f in np.ndindex(linear.shape):
        e = trace.explain("conv", row, column, f)
        first = f // (F // conv.groups) * C  # channel
        total = 0.0
        for i in range(KH):
            for j in range(KW):
                r, k = row * SH - top + i * DH, column * SW - left + j * DW
                inside = 0 <= r < SHAPE[0] and 0 <= k < SHAPE[1]
                assert (e.rows[i], e.columns[j]) == (r, k)
                assert e.padding[i, j] == (not inside)
                for c in range(C):
                    pixel = x[r, k, first + c] if inside else 0.0
                    assert e.window[i, j, c] == pytest.approx(pixel)
                    assert e.products[i, j, c] == pytest.approx(pixel * w[i, j, c, f])
                    total += pixel * w[i, j, c, f]
        bias = trace["conv"].weights["bias"][f] if conv.use_bias else 0.0
        assert e.bias == bias
        assert e.before == pytest.approx(total + bias) == pytest.approx(linear[row, column, f])
        assert e.value == trace["conv"].y[row, column, f]
    assert e.axes == ("row", "column", "channel")


def test_a_dense_entry(trace):
    e = trace.explain("dense", 3)
    record = trace["dense"]
    np.testing.assert_array_equal(e.window, record.x)
    products = [x * w for x, w in zip(record.x, record.weights["kernel"][:, 3], strict=True)]
    np.testing.assert_allclose(e.products, products, rtol=1e-6)
    assert e.before == pytest.approx(sum(products) + record.weights["bias"][3], rel=1e-5)
    assert e.before == pytest.approx(record.z[3], rel=1e-5)
    assert (e.value, e.activation) == (record.y[3], "softmax")


def test_the_winner_of_a_window(trace):
    x, y = trace["pool"].x, trace["pool"].y
    for row, column, c in np.ndindex(y.shape):
        e = trace.explain("pool", row, column, c)
        places = [(r, k) for r in e.rows for k in e.columns if r < x.shape[0] and k < x.shape[1]]
        best = max(places, key=lambda at: x[(*at, c)])  # max() takes the first of equals
        assert e.source == (*best, c)
        assert e.value == x[e.source]


def test_a_maximum_never_comes_from_the_padding():
    model = Sequential([Input((3, 3, 1)), MaxPooling2D(2, padding="same", name="pool")])
    trace = minicnn.trace(model, np.full((3, 3), -4.0))
    e = trace.explain("pool", 1, 1, 0)
    assert (e.value, e.source) == (-4.0, (2, 2, 0))
    assert np.isneginf(e.window).sum() == 3


def test_a_mean_and_the_poolings_of_a_whole_image(trace, image):
    mean = trace["block/mean"]
    e = trace.explain("block/mean", 1, 1, 3)
    assert e.value == pytest.approx(mean.x[1:3, 1, 3].mean(), rel=1e-5)
    for layer, best in ((GlobalMaxPooling2D, np.max), (GlobalAveragePooling2D, np.mean)):
        model = Sequential([Input(SHAPE), layer(name="all")])
        e = minicnn.trace(model, image).explain("all", 1)
        assert e.value == pytest.approx(best(image[..., 1]), rel=1e-5)
        np.testing.assert_allclose(e.window[..., 0], image[..., 1], rtol=1e-6)


def test_flatten_is_a_copy(trace):
    for unit in range(trace["flatten"].y.size):
        e = trace.explain("flatten", unit)
        assert trace["flatten"].x[e.source] == e.value == trace["flatten"].y[unit]


def test_the_text_has_the_sum_written_out(trace):
    e = trace.explain("conv", 4, 2, 1)
    text = str(e)
    assert text.startswith("conv (Conv2D), row 4, column 2, channel 1: ")
    assert f"sum of 12 products  {e.products.sum():.6g}" in text
    assert f"plus the bias  {e.bias:.6g}" in text
    assert f"makes  {e.before:.6g}" in text
    assert f"after relu  {e.value:.6g}" in text
    for value in e.kernel.ravel():
        assert f"{value:.4g}" in text
    assert "window: rows 3 to 5, columns 4, 5 of the input" in text
    row, column, _ = trace.explain("pool", 2, 1, 1).source
    assert f"is at row {row}, column {column}" in str(trace.explain("pool", 2, 1, 1))
    assert "the mean of those inside the image" in str(trace.explain("block/mean", 0, 0, 0))
    assert "a copy of entry [0, 0, 5]" in str(trace.explain("flatten", 5))


def test_a_long_sum_is_cut_short_but_its_rest_is_told(image):
    model = Sequential([Input(SHAPE), Conv2D(7, 1), Conv2D(2, 1, name="conv"), Flatten(),
                        Dense(3, name="dense")])  # fmt: skip
    trace = minicnn.trace(model, image)
    e = trace.explain("conv", 0, 0, 0)
    assert f"the other 3 channels add up to {e.products[..., 4:].sum():.6g}" in str(e)
    e = trace.explain("dense", 1)
    largest = np.sort(np.abs(e.products))[-8:]
    rest = e.products[np.abs(e.products) < largest.min()].sum()
    assert f"the other {e.products.size - 8} products add up to {rest:.6g}" in str(e)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (("conv", 1, 2), IndexError, "has 3 numbers, row, column, channel.*got 2"),
        (("conv", 11, 0, 0), IndexError, "has no row 11.*row goes from 0 to 10"),
        (("conv", 0, 0, -1), IndexError, "no channel -1"),
        (("dense", 5), IndexError, "no unit 5"),
        (("norm", 0, 0, 0), ValueError, r"'norm' is a BatchNormalization.*trace\['norm'\].x"),
        (("cov", 0, 0, 0), KeyError, "did you mean 'conv'"),
    ],
)
def test_entries_that_cannot_be_explained(trace, call, error, message):
    with pytest.raises(error, match=message):
        trace.explain(*call)


class Other(Conv2D):
    """A convolution that somebody changed: its arithmetic is not known."""

    def forward(self, ctx, x):
        return 2 * super().forward(ctx, x)


def test_a_changed_convolution_is_not_explained_as_a_convolution(image):
    model = Sequential([Input(SHAPE), Other(2, 3, name="other"), Flatten()])
    with pytest.raises(ValueError, match="'other' is a Other"):
        minicnn.trace(model, image).explain("other", 0, 0, 0)
