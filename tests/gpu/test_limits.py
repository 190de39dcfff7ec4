"""Numbers that Python and the kernels must agree on, and what a kernel cannot take."""

import numpy as np
import pytest

from tests.conftest import load_backend
from tests.helpers import Case, context


@pytest.fixture(scope="module")
def ops():
    return load_backend("cupy")


def test_numbers_of_kernels_are_read_from_them(ops):
    from minicnn.backends.cupy_gpu import bias, direct, geometry

    assert (bias.SUM_BLOCK, direct.WEIGHTS, geometry.BAND) == ((32, 16), 14, 4096)


@pytest.mark.parametrize(("width", "fits"), [(682, True), (683, False)])
def test_a_line_that_sees_more_than_shared_memory_holds_is_a_product(ops, width, fits):
    from minicnn.backends.cupy_gpu.geometry import BAND, geometry_of

    geometry = geometry_of((9, width, 2), (3, 3, 2, 5), (1, 1), ((0, 0), (0, 0)), (1, 1), 1, None)
    assert (3 * width * 2 <= BAND) == fits == geometry.is_direct


def test_the_names_of_kinds_are_read_from_the_kernels(ops):
    from minicnn.backends.cupy_gpu.signatures import enumerators

    assert enumerators("FillMode") == ("constant", "nearest", "reflect", "wrap")
    assert enumerators("Activation")[:2] == ("sigmoid", "tanh")
    assert {"huber", "kl_divergence"} < set(enumerators("RegressionLoss"))
    for number, name in enumerate(enumerators("Source")):
        assert np.dtype(name).name == name, number


def test_a_dropout_mask_in_too_many_pieces_is_an_error(ops):
    x = np.ones((2, 2, 2, 2, 2, 2, 2))
    mask = Case("dropout", {"x": x}, (0.5, 1, (2, 1, 2, 1, 2, 1, 2)))
    with pytest.raises(ValueError, match=r"mask \(2, 1, 2, 1, 2, 1, 2\) .* at most 3"):
        mask.forward(ops, context(ops))
