"""im2col and col2im, by their definition and as each other's adjoint."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicnn.backends.reference import col2im, im2col
from tests.ops.cases import draw_pair


@given(data=st.data())
def test_col2im_is_the_adjoint_of_im2col(data):
    """<im2col(x), c> = <x, col2im(c)>: exact, no finite difference."""
    window, strides, dilation = (draw_pair(data.draw, 1, 4) for _ in range(3))
    sizes = [
        (k - 1) * d + 1 + data.draw(st.integers(0, 7))
        for k, d in zip(window, dilation, strict=True)
    ]
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    shape = (data.draw(st.integers(1, 3)), *sizes, data.draw(st.integers(1, 3)))
    x = rng.standard_normal(shape)
    cols = im2col(x, window, strides, dilation)
    c = rng.standard_normal(cols.shape)
    there, back = (cols * c).sum(), (x * col2im(c, shape, strides, dilation)).sum()
    assert abs(there - back) <= 1e-12 * np.abs(cols * c).sum()


@given(data=st.data())
def test_im2col_copies_what_the_formula_says(data):
    window, strides, dilation = (draw_pair(data.draw, 1, 3) for _ in range(3))
    H, W = (
        (k - 1) * d + 1 + data.draw(st.integers(0, 4))
        for k, d in zip(window, dilation, strict=True)
    )
    x = np.arange(2 * H * W * 3).reshape(2, H, W, 3)
    cols = im2col(x, window, strides, dilation)
    assert cols.dtype == x.dtype
    assert cols.shape[1] == len(range(0, H - (window[0] - 1) * dilation[0], strides[0]))
    assert cols.shape[2] == len(range(0, W - (window[1] - 1) * dilation[1], strides[1]))
    for n, oh, ow, i, j, c in np.ndindex(cols.shape):
        h, v = oh * strides[0] + i * dilation[0], ow * strides[1] + j * dilation[1]
        assert cols[n, oh, ow, i, j, c] == x[n, h, v, c]


def test_col2im_counts_how_many_windows_see_a_pixel():
    counts = col2im(np.ones((1, 2, 2, 3, 3, 1)), (1, 6, 5, 1), (2, 2))[0, :, :, 0]
    once, twice = [1, 1, 2, 1, 1], [2, 2, 4, 2, 2]
    np.testing.assert_array_equal(counts, [once, once, twice, once, once, [0] * 5])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dtype_is_kept(dtype):
    x = np.ones((1, 4, 4, 2), dtype)
    cols = im2col(x, (2, 2), (1, 1))
    assert cols.dtype == col2im(cols, x.shape, (1, 1)).dtype == dtype
