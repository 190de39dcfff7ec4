"""Drawn digits: MNIST's shapes, the same bytes for a seed, and as hard as they should be."""

import hashlib

import numpy as np
import pytest

from minicnn.datasets import glyphs, rendered_digits


@pytest.fixture(scope="module")
def drawn():
    return rendered_digits.load_data(6000, 1000)


def test_shapes_and_types_are_mnists(drawn):
    (x_train, y_train), (x_test, y_test) = drawn
    assert x_train.shape == (6000, 28, 28)
    assert x_test.shape == (1000, 28, 28)
    assert (y_train.shape, y_test.shape) == ((6000,), (1000,))
    assert all(a.dtype == np.uint8 for a in (x_train, y_train, x_test, y_test))
    assert x_train.min() == 0
    assert x_train.max() == 255


def test_statistics_are_near_mnists(drawn):
    (x, y), _ = drawn
    assert x.mean() == pytest.approx(33.3, abs=5)  # MNIST: 33.3 and 78.6
    assert x.std() == pytest.approx(78.6, abs=5)
    assert np.bincount(y, minlength=10) == pytest.approx(np.full(10, 600), abs=120)
    # Each has ink, centred within a pixel or so, and hardly any touches the border.
    ink = x.sum(axis=(1, 2), dtype=np.int64)
    assert ink.min() > 20 * 255
    for axis in (1, 2):
        centre = (x.sum(axis=3 - axis) * np.arange(28)).sum(axis=1) / ink
        assert np.abs(centre - 13.5).mean() < 1.5
        assert np.abs(centre - 13.5).max() < 7
    border = np.concatenate([x[:, 0], x[:, -1], x[:, :, 0], x[:, :, -1]], axis=1)
    assert border.sum() < 0.001 * ink.sum()


def test_a_seed_gives_the_same_bytes_everywhere():
    """Found alike with NumPy 2.0 and 2.4, matplotlib 3.8 and 3.11, with and without AVX2."""
    (x, y), (x_test, y_test) = rendered_digits.load_data(3000, 1000)
    found = [hashlib.sha256(a.tobytes()).hexdigest()[:12] for a in (x, y, x_test, y_test)]
    assert found == ["978853da6390", "6ddc162664b2", "038ba41f410a", "5f81e6f6e188"]


def test_fewer_images_are_the_first_ones(drawn):
    (x, y), (x_test, y_test) = rendered_digits.load_data(n_train=7, n_test=501)
    np.testing.assert_array_equal(x, drawn[0][0][:7])
    np.testing.assert_array_equal(y, drawn[0][1][:7])
    np.testing.assert_array_equal(x_test, drawn[1][0][:501])
    np.testing.assert_array_equal(y_test, drawn[1][1][:501])


def test_no_image_comes_twice(drawn):
    other = rendered_digits.load_data(1000, 0, seed=1)
    images = np.concatenate([drawn[0][0], drawn[1][0], other[0][0]])
    assert len({image.tobytes() for image in images}) == len(images)
    assert other[1][0].shape == (0, 28, 28)


def test_negative_numbers_are_refused():
    for wrong in ({"n_train": -1}, {"n_test": -1}, {"seed": -1}):
        with pytest.raises(ValueError, match=f"{next(iter(wrong))} must not be negative, got -1"):
            rendered_digits.load_data(**{"n_train": 1, "n_test": 1, **wrong})


def softmax_regression(x, y, steps=80):
    """Weights (785, 10) by gradient descent with momentum on the whole set."""
    x = np.hstack([x, np.ones((len(x), 1), np.float32)])
    w, velocity = np.zeros((785, 10), np.float32), np.zeros((785, 10), np.float32)
    target = np.eye(10, dtype=np.float32)[y]
    for _ in range(steps):
        scores = x @ w
        p = np.exp(scores - scores.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        velocity = 0.9 * velocity - 0.05 * x.T @ (p - target) / len(x)
        w += velocity
    return w


def test_a_linear_classifier_is_not_enough(drawn):
    (x, y), (x_test, y_test) = ((x.reshape(-1, 784).astype(np.float32) / 255, y) for x, y in drawn)
    w = softmax_regression(x, y)
    accuracy = np.mean((x_test @ w[:-1] + w[-1]).argmax(axis=1) == y_test)
    assert 0.75 < accuracy < 0.97


def test_the_labels_are_right(drawn):
    """The nearest of 6000 training images mostly has the same label."""
    (x, y), (x_test, y_test) = ((x.reshape(-1, 784).astype(np.float32) / 255, y) for x, y in drawn)
    distance = (x * x).sum(axis=1) - 2 * x_test @ x.T  # (1000, 6000), less a term of each row
    assert np.mean(y[distance.argmin(axis=1)] == y_test) > 0.9


def test_a_distance_field_measures_distances():
    """A square ring 20 pixels high, its walls 4 thick: the distances are known."""
    outer = np.array([[-10, -10], [10, -10], [10, 10], [-10, 10]], float)
    inner = (0.6 * outer)[::-1]
    segments = np.concatenate([np.stack([p, np.roll(p, -1, axis=0)], 1) for p in (outer, inner)])
    field = glyphs._distance_field(segments) / glyphs.STEPS
    centre = (np.arange(128) + 0.5) / glyphs.CELLS - 16  # of each cell, in pixels
    px, py = np.meshgrid(np.abs(centre), np.abs(centre))
    beyond = [np.hypot(np.maximum(px - h, 0), np.maximum(py - h, 0)) for h in (10, 6)]
    reach = np.maximum(px, py)  # the square through this cell
    wall = np.minimum(10 - reach, beyond[1])
    wanted = np.where(reach > 10, -beyond[0], np.where(reach > 6, wall, reach - 6))
    wanted = np.maximum(wanted, -127 / glyphs.STEPS)
    # Where two walls are equally near the interpolation rounds the ridge off.
    np.testing.assert_allclose(field, wanted, atol=0.2)
    assert np.mean(np.abs(field - wanted) < 0.04) > 0.9


def test_every_font_has_every_digit():
    fields = glyphs.distance_fields()
    assert fields.shape == (10, len(glyphs.FONTS), 128, 128)
    inside = (fields > 0).reshape(180, -1)
    assert inside.sum(axis=1).min() > 500  # cells, of which a pixel has 16
    assert len({row.tobytes() for row in inside}) == 180
