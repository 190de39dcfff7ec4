"""Saliency against finite differences, occlusion against a loop."""

import numpy as np
import pytest

from minicnn.layers import Dense, Input
from minicnn.models import Sequential
from minicnn.tracing import occlusion_map, saliency_map
from tests.tracing.conftest import SHAPE, network


def test_saliency_is_the_largest_slope_of_each_pixel(in_float64, image):
    model = network(last=None)
    found = saliency_map(model, image, score=2)
    H, W, C = SHAPE
    moved = np.repeat(image[None], 2 * H * W * C, axis=0)
    for k, at in enumerate(np.ndindex(SHAPE)):
        moved[(2 * k, *at)] += 1e-6
        moved[(2 * k + 1, *at)] -= 1e-6
    scores = model.predict(moved, verbose=0)[:, 2]
    slopes = (scores[::2] - scores[1::2]) / 2e-6
    np.testing.assert_allclose(found, np.abs(slopes).reshape(SHAPE).max(axis=-1), atol=1e-7)
    best = int(model.predict(image[None], verbose=0).argmax())
    np.testing.assert_array_equal(saliency_map(model, image), saliency_map(model, image, best))


@pytest.mark.parametrize(("size", "stride", "fill"), [(3, 1, 0.0), (4, 3, 0.5), (1, 2, -1.0)])
def test_occlusion_covers_one_square_after_another(backend, image, size, stride, fill):
    model = network()
    found = occlusion_map(model, image, label=1, size=size, stride=stride, fill=fill)
    H, W, _ = SHAPE
    assert found.shape == (-(-H // stride), -(-W // stride))
    for i, j in np.ndindex(found.shape):
        covered = image.copy()
        for row in range(H):
            for column in range(W):
                down = row - (i * stride - size // 2)
                across = column - (j * stride - size // 2)
                if 0 <= down < size and 0 <= across < size:
                    covered[row, column] = fill
        expected = model.predict(covered[None], verbose=0)[0, 1]
        assert found[i, j] == pytest.approx(expected, rel=1e-4, abs=1e-6)


def test_occlusion_watches_the_likeliest_class_by_default(image):
    model = network()
    best = int(model.predict(image[None], verbose=0).argmax())
    np.testing.assert_array_equal(
        occlusion_map(model, image, stride=5), occlusion_map(model, image, best, stride=5)
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"size": 0}, "size of the occluding square must be a whole number of pixels.*got 0"),
        ({"stride": 1.5}, "stride of the occluding square.*got 1.5"),
        ({"label": 5}, "label must be a class from 0 to 4, got 5"),
        ({"label": True}, "got True"),
    ],
)
def test_squares_and_classes_that_cannot_be(image, arguments, message):
    with pytest.raises(ValueError, match=message):
        occlusion_map(network(), image, **arguments)


def test_maps_need_images(rng):
    model = Sequential([Input((4,)), Dense(3)])
    for make in (saliency_map, occlusion_map):
        with pytest.raises(ValueError, match=r"needs a model of images.*samples of shape \(4,\)"):
            make(model, rng.normal(size=4))
