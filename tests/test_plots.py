"""Pictures: what is drawn is what was measured, and drawing leaves nothing behind."""

import subprocess
import sys
from collections import Counter
from types import SimpleNamespace

import matplotlib as mpl
import numpy as np
import pytest

from minicnn import plots
from minicnn.drawing.style import BLUE, VERMILION

HISTORY = {
    "accuracy": [0.5, 0.75, 0.875],
    "loss": [2.0, 1.0, 0.5],
    "val_accuracy": [0.6, 0.8, 0.7],
    "val_loss": [1.5, 0.9, 1.1],
}


def texts(axes):
    return [t.get_text() for t in axes.texts]


def test_training_curves_draws_every_number_and_marks_the_best_validation_epoch():
    figure = plots.training_curves(SimpleNamespace(history=HISTORY))
    panels = {axes.get_title(loc="left"): axes for axes in figure.axes}
    assert list(panels) == ["Loss", "Accuracy"]
    train, val, ring = panels["Loss"].lines
    np.testing.assert_array_equal(train.get_xydata(), [[1, 2.0], [2, 1.0], [3, 0.5]])
    np.testing.assert_array_equal(val.get_ydata(), HISTORY["val_loss"])
    np.testing.assert_array_equal(ring.get_xydata(), [[2, 0.9]])
    assert texts(panels["Accuracy"]) == ["best 80.00%"]


def test_training_curves_takes_a_dictionary_with_one_epoch_and_other_keys():
    figure = plots.training_curves({"loss": [1.0], "val_mae": [2.0], "learning_rate": [0.1]})
    titles = {axes.get_title(loc="left") for axes in figure.axes}
    assert titles == {"Loss", "Learning rate", "Mae"}
    assert figure._repr_png_()


@pytest.mark.parametrize("empty", [{}, {"loss": []}])
def test_training_curves_refuses_an_empty_history(empty):
    with pytest.raises(ValueError, match="no epoch"):
        plots.training_curves(empty)


def test_prediction_grid_shows_verdict_and_likeliest_classes():
    rng = np.random.default_rng(1)
    images = rng.random((3, 6, 5, 1))
    p = np.array([[0.1, 0.7, 0.2], [0.5, 0.2, 0.3], [0.05, 0.05, 0.9]])
    names = ["cat", "dog", "owl"]
    figure = plots.prediction_grid(images, [[1], [2], [2]], p, names, columns=2, top=2)
    pictures, bars = figure.axes[0::2], figure.axes[1::2]
    assert [a.get_title(loc="left") for a in pictures] == ["✓ dog", "✗ cat, truth: owl", "✓ owl"]
    for axes, image in zip(pictures, images, strict=True):
        np.testing.assert_allclose(axes.images[0].get_array(), image[..., 0], rtol=1e-12)
    assert texts(bars[1]) == ["cat", "50.0%", "owl", "30.0%"]
    assert [bar.get_width() for bar in bars[1].patches[:2]] == [0.5, 0.3]
    assert [mpl.colors.to_hex(b.patches[0].get_facecolor()).upper() for b in bars] == [
        BLUE,
        VERMILION,
        BLUE,
    ]


def test_prediction_grid_names_a_mismatch():
    with pytest.raises(ValueError, match=r"2 images, 3 labels and probabilities of shape \(2, 4\)"):
        plots.prediction_grid(np.zeros((2, 3, 3)), [0, 1, 2], np.zeros((2, 4)))


def test_images_keep_their_range_or_are_stretched():
    bright = np.array([[0, 255], [51, 102]], np.uint8)
    wide = np.array([[-1.0, 3.0], [0.0, 1.0]])
    p = np.ones((1, 2)) / 2
    shown = plots.prediction_grid(bright[None], [0], p).axes[0].images[0]
    np.testing.assert_array_equal(shown.get_array(), bright)
    assert shown.get_clim() == (0, 255)
    shown = plots.prediction_grid(wide[None], [0], p).axes[0].images[0]
    np.testing.assert_allclose(shown.get_array(), (wide + 1) / 4)
    with pytest.raises(ValueError, match=r"\(2, 2, 2\)"):
        plots.prediction_grid(np.zeros((1, 2, 2, 2)), [0], p)


@pytest.mark.parametrize("form", ["numbers", "column", "one-hot"])
def test_confusion_matrix_counts(form):
    rng = np.random.default_rng(2)
    truth, answer = rng.integers(0, 4, 200), rng.integers(0, 4, 200)
    given = {"numbers": truth, "column": truth[:, None], "one-hot": np.eye(4)[truth]}[form]
    probabilities = np.eye(4)[answer] * 0.6 + 0.1
    axes = plots.confusion_matrix(given, probabilities).axes[0]
    written = {
        tuple(int(v) for v in t.get_position()): int(t.get_text())
        for t in axes.texts
        if t.get_text().isdigit()
    }
    pairs = Counter((int(j), int(i)) for i, j in zip(truth, answer, strict=True))
    assert written == dict(pairs)
    right = sum(n for (j, i), n in pairs.items() if i == j)
    assert axes.get_title(loc="left") == f"{right / 200:.2%} of 200 right, {200 - right} mistaken"
    assert np.diag(axes.images[0].get_array()).max() == 0  # colours count mistakes alone


def test_confusion_matrix_of_many_classes_has_no_numbers():
    axes = plots.confusion_matrix(np.arange(40), np.arange(40)).axes[0]
    assert not axes.texts


@pytest.mark.parametrize(
    ("truth", "answer", "message"),
    [
        ([0, 1], [0], "got 2 and 1"),
        ([], [], "at least one"),
        ([0, -1], [0, 1], "whole class numbers"),
        ([0, 1], [[0.2], [0.9]], "single sigmoid"),
        (np.zeros((2, 2, 2)), [0, 1], r"\(2, 2, 2\)"),
    ],
)
def test_confusion_matrix_refuses(truth, answer, message):
    with pytest.raises(ValueError, match=message):
        plots.confusion_matrix(truth, answer)


def test_class_names_must_suffice():
    with pytest.raises(ValueError, match="2 names for 3 classes"):
        plots.confusion_matrix([0, 2], [0, 2], ["a", "b"])


def layer(kernel):
    return SimpleNamespace(name="conv2d", kernel=kernel)


def test_filters_of_one_channel_share_one_scale_around_zero():
    kernel = np.random.default_rng(3).normal(size=(3, 2, 1, 5))
    model = SimpleNamespace(layers=[SimpleNamespace(name="flatten"), layer(kernel)])
    figure = plots.filters(model)
    tiles = [axes.images[0] for axes in figure.axes[:5]]
    reach = np.abs(kernel).max()
    for f, tile in enumerate(tiles):
        np.testing.assert_array_equal(tile.get_array(), kernel[:, :, 0, f])
        assert tile.get_clim() == (-reach, reach)


def test_filters_on_colour_images_put_zero_at_grey():
    kernel = np.random.default_rng(4).normal(size=(2, 2, 3, 4))
    kernel[0, 0, :, 0] = 0
    shown = plots.filters(layer(kernel)).axes[0].images[0].get_array()
    np.testing.assert_allclose(shown[0, 0], 0.5)
    np.testing.assert_allclose(shown, 0.5 + kernel[..., 0] / (2 * np.abs(kernel).max()))


def test_filters_shows_the_channel_that_was_asked_for():
    kernel = np.random.default_rng(5).normal(size=(2, 2, 7, 3))
    tile = plots.filters(layer(kernel), channel=6).axes[2].images[0]
    np.testing.assert_array_equal(tile.get_array(), kernel[:, :, 6, 2])
    with pytest.raises(ValueError, match="7 input channels, there is no 7"):
        plots.filters(layer(kernel), channel=7)
    with pytest.raises(ValueError, match="no convolution"):
        plots.filters(SimpleNamespace(layers=[]))


def test_drawing_leaves_settings_alone_and_follows_none():
    before = dict(mpl.rcParams)
    with mpl.rc_context({"lines.linewidth": 99, "figure.facecolor": "black"}):
        figure = plots.training_curves(HISTORY)
        assert mpl.rcParams["lines.linewidth"] == 99
    assert dict(mpl.rcParams) == before
    assert figure.axes[0].lines[0].get_linewidth() < 10
    assert mpl.colors.to_hex(figure.get_facecolor()) == "#ffffff"


def test_a_figure_shows_itself_in_a_notebook():
    assert plots.training_curves(HISTORY)._repr_png_().startswith(b"\x89PNG")


def test_no_window_system_is_touched():
    code = (
        "import sys; from minicnn import plots; plots.confusion_matrix([0, 1], [0, 1]);"
        "sys.exit('matplotlib.pyplot' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
