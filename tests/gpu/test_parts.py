"""Convolution of a batch that is taken in parts, because something would become too large."""

import numpy as np
import pytest

from minicnn.backends import reference
from tests.conftest import load_backend
from tests.helpers import Case, context
from tests.ops.test_fusion import composition


@pytest.fixture
def ops(monkeypatch):
    ops = load_backend("cupy")
    from minicnn.backends.cupy_gpu import geometry

    # two images of (7, 6, 6) to (6, 5, F), window 2 x 3: 30 rows of 36 float64
    monkeypatch.setattr(geometry, "COLS_BYTES", 2 * 30 * 36 * 8 + 100)
    return ops


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("images", [1, 2, 5])
def test_conv2d_parts_add_up(ops, groups, images, rng):
    shapes = {"x": (images, 7, 6, 6 * groups), "w": (2, 3, 6, 4), "b": (4,)}
    arrays = {name: rng.integers(-3, 4, s).astype("float64") for name, s in shapes.items()}
    case = Case("conv2d", arrays, ((1, 1), ((0, 0), (0, 1)), (1, 1), groups))
    dy = rng.integers(-3, 4, (images, 6, 5, 4)).astype("float64")
    ctx = context(ops)
    for again in range(2):
        actual = case.run(ops, ctx, dy)
        for array, value in case.run(reference, dy=dy).items():
            np.testing.assert_array_equal(actual[array], value, err_msg=f"{array}, {again}")
    assert len(ctx._buffers["cols"]) == 30 * min(images, 2)  # it was taken in parts indeed


def test_pooled_conv2d_parts_add_up(ops, rng):
    shapes = {"x": (5, 7, 6, 6), "w": (2, 3, 6, 4), "b": (4,)}
    arrays = {name: rng.integers(-3, 4, s).astype("float64") for name, s in shapes.items()}
    rest = ((1, 1), ((0, 0), (0, 1)), (3, 2), (3, 2))
    case = Case("conv2d_relu_maxpool2d", arrays, rest)
    dy = rng.integers(-3, 4, (5, 2, 2, 4)).astype("float64")
    actual = case.run(ops, dy=dy)
    for array, value in composition(reference, case, True, dy).items():
        np.testing.assert_array_equal(actual[array], value, err_msg=array)


def test_conv2d_of_more_lines_than_splits(ops, monkeypatch, rng):
    """Few channels: each split sums dw over several lines of outputs, the last over fewer."""
    from minicnn.backends.cupy_gpu import direct

    monkeypatch.setattr(direct, "MOST_SPLITS", 3)
    shapes = {"x": (2, 11, 6, 2), "w": (2, 3, 2, 4), "b": (4,)}  # 20 lines
    arrays = {name: rng.integers(-3, 4, s).astype("float64") for name, s in shapes.items()}
    case = Case("conv2d", arrays, ((1, 1), ((0, 0), (0, 1)), (1, 1), 1))
    dy = rng.integers(-3, 4, (2, 10, 5, 4)).astype("float64")
    actual = case.run(ops, dy=dy)
    for array, value in case.run(reference, dy=dy).items():
        np.testing.assert_array_equal(actual[array], value, err_msg=array)
