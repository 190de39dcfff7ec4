"""What a network does with an image: the arrays in the pictures are those of the trace."""

import numpy as np
import pytest

import minicnn
from minicnn import plots
from minicnn.layers import Conv2D, Dense, Flatten, Input
from minicnn.models import Sequential
from minicnn.tracing import occlusion_map, saliency_map


@pytest.fixture
def trace(digits):
    model, x_test, y_test = digits
    return minicnn.trace(model, x_test[1], y=int(y_test[1]))


def images(figure):
    """The arrays drawn in a figure, colour bars left out."""
    drawn = [i for axes in figure.axes if axes.get_label() != "<colorbar>" for i in axes.images]
    return [np.asarray(i.get_array()) for i in drawn], [i.get_clim() for i in drawn]


def title(figure):
    return figure._suptitle.get_text()


def test_feature_maps_are_the_channels_on_one_scale(trace, digits):
    figure = plots.feature_maps(trace)
    (image, *maps), (_, *limits) = images(figure)
    np.testing.assert_allclose(image, trace.image[..., 0])
    for c, tile in enumerate(maps):
        np.testing.assert_array_equal(tile, trace["conv2d"].y[..., c])
    assert len(maps) == 5
    assert set(limits) == {(0.0, float(trace["conv2d"].y.max()))}
    assert title(figure) == "conv2d: 5 feature maps of 12 × 12, after relu"
    model, x_test, _ = digits
    again = images(plots.feature_maps(model, x_test[1]))[0]
    np.testing.assert_array_equal(again[3], maps[2])


def test_feature_maps_before_the_activation_have_zero_in_the_middle(trace):
    figure = plots.feature_maps(trace, layer="conv2d", before_activation=True, most=3)
    (_, *maps), (_, *limits) = images(figure)
    assert len(maps) == 3
    np.testing.assert_array_equal(maps[2], trace["conv2d"].z[..., 2])
    reach = float(np.abs(trace["conv2d"].z).max())
    assert set(limits) == {(-reach, reach)}
    assert title(figure) == "conv2d: 3 of 5 feature maps of 12 × 12, before relu"
    assert title(plots.feature_maps(trace, layer="pool")) == "pool: 5 feature maps of 6 × 6"


def test_a_map_without_a_spark_says_so():
    model = Sequential([Input((4, 4, 1)), Conv2D(3, 2, activation="relu", name="conv")])
    model.layers[0].kernel.assign(-np.ones((2, 2, 1, 3)))
    model.layers[0].bias.assign([-1.0, 9.0, -1.0])
    figure = plots.feature_maps(model, np.ones((4, 4)))
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles[1:4] == ["0, all 0", "1", "2, all 0"]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"layer": "dense"}, ValueError, r"'dense' has shape \(10,\)"),
        ({"layer": "con2d"}, KeyError, "did you mean 'conv2d'"),
        ({"layer": "pool", "before_activation": True}, ValueError, "no activation= to look"),
        ({"most": 0}, ValueError, "`most`, expected a positive integer, got 0"),
        ({"image": np.zeros((28, 28))}, ValueError, "a trace has its image already"),
    ],
)
def test_maps_that_are_not_there(trace, arguments, error, message):
    with pytest.raises(error, match=message):
        plots.feature_maps(trace, **arguments)


def test_a_model_needs_an_image_and_feature_maps_a_layer_of_images(digits):
    with pytest.raises(ValueError, match="a model needs an image"):
        plots.feature_maps(digits[0])
    model = Sequential([Input((6,)), Dense(3)])
    with pytest.raises(ValueError, match="no layer of"):
        plots.feature_maps(model, np.zeros(6))


@pytest.mark.parametrize("gradients", [False, True])
def test_all_layers_have_a_row_each(trace, gradients):
    figure = plots.all_layers(trace, most=4, gradients=gradients)
    tiles, limits = images(figure)
    first = trace.dimage if gradients else trace.image
    np.testing.assert_allclose(tiles[0], first[..., 0], rtol=1e-6)
    for row, name in enumerate(("conv2d", "pool")):
        array = trace[name].dy if gradients else trace[name].y
        for c in range(4):
            np.testing.assert_array_equal(tiles[1 + 4 * row + c], array[..., c])
        if gradients:
            reach = float(np.abs(array).max())
            assert set(limits[1 + 4 * row : 5 + 4 * row]) == {(-reach, reach)}
    assert len(tiles) == 9
    [bars] = [axes for axes in figure.axes if axes.patches]
    answers = trace["dense"].dz if gradients else trace["dense"].y
    np.testing.assert_allclose([b.get_height() for b in bars.patches], answers)
    assert [t.get_text() for t in bars.get_xticklabels()] == list("0123456789")
    words = {t.get_text() for part in figure.subfigs for f in (part, *part.subfigs)
             for t in f.texts}  # fmt: skip
    assert {"image", "conv2d", "pool", "dense", "28 × 28 × 1"} <= words
    assert "flatten: the same 180 numbers, in one row" in words
    assert "dropout: the same 180 numbers, unchanged" in words
    assert ("10, before softmax" if gradients else "10, softmax") in words


def test_saliency_shows_the_gradient_and_its_size(digits):
    model, x_test, _ = digits
    figure = plots.saliency(model, x_test[2], score=4)
    (image, slopes, size), limits = images(figure)
    np.testing.assert_allclose(image, x_test[2, ..., 0])
    np.testing.assert_array_equal(size, saliency_map(model, x_test[2], 4))
    np.testing.assert_array_equal(np.abs(slopes), size)
    np.testing.assert_array_equal(slopes, minicnn.trace(model, x_test[2], score=4).dimage[..., 0])
    assert limits[1][0] == -limits[1][1]
    assert limits[2][0] == 0
    assert title(figure) == "The gradient of the score of class 4"


def test_saliency_of_colour_keeps_the_strongest_channel(rng):
    model = Sequential([Input((4, 5, 3)), Flatten(), Dense(2, name="dense")])
    w = model.layers[1].kernel.numpy()[:, 1].reshape(4, 5, 3)
    slopes = images(plots.saliency(model, rng.random((4, 5, 3)), score=1))[0][1]
    for i, j in np.ndindex(4, 5):
        assert slopes[i, j] == max(w[i, j], key=abs)


def test_occlusion_shows_the_change_of_the_output(digits):
    model, x_test, _ = digits
    figure = plots.occlusion(model, x_test[3], label=2, size=6, stride=4, fill=0.5)
    image, change = figure.axes[0].images[0], figure.axes[1].images[0]
    whole = model.predict(x_test[3:4], verbose=0)[0, 2]
    expected = occlusion_map(model, x_test[3], 2, 6, 4, 0.5) - whole
    np.testing.assert_allclose(change.get_array(), expected, atol=1e-7)
    assert change.get_clim()[0] == -change.get_clim()[1]
    assert change.get_extent() == [-0.5, 27.5, 27.5, -0.5]
    assert image.get_array().shape == (28, 28)
    square = figure.axes[0].patches[0]
    assert (square.get_width(), square.get_height()) == (6, 6)
    assert title(figure) == f"Class 2: {whole:.3g} for the whole image"


def test_gradient_errors_are_the_reports_own_picture(rng):
    report = minicnn.check_gradients(Dense(3), rng.normal(size=(2, 4)))
    figure = plots.gradient_errors(report)
    assert title(figure) == title(report.plot())
    with pytest.raises(TypeError, match=r"report of minicnn.check_gradients, got ndarray"):
        plots.gradient_errors(np.zeros(3))
