"""Where arrays live: made, handed over, and gathered into batches."""

import numpy as np
import pytest

from minicnn.backends.context import Context

DTYPES = pytest.mark.parametrize("dtype", ["float32", "float64"])


def sources(rng, folder):
    """What people hand to ``fit``: one array of each kind, (20, 3, 4)."""
    numbers = rng.integers(0, 256, (20, 3, 4))
    np.save(folder / "x.npy", numbers.astype("uint8"))
    signed = numbers - 128
    halves = (signed / 7).astype("float16")
    halves[7, 0] = [np.inf, -np.inf, np.nan, 2.0**-24]  # the last: the smallest of its numbers
    kinds = ("int8", "int16", "int32", "int64", "float32", "float64")
    return {
        **{kind: signed.astype(kind) for kind in kinds},
        **{kind: numbers.astype(kind) for kind in ("uint8", "uint16", "uint32", "uint64")},
        "float16": halves,
        "bool": numbers > 128,
        "fractions": rng.standard_normal((20, 3, 4)),
        "every other row": numbers.repeat(2, axis=0)[::2].astype("uint8"),
        "backwards": numbers.astype("float32")[::-1],
        "channels first": numbers.astype("float32").transpose(0, 2, 1).copy().transpose(0, 2, 1),
        "Fortran order": np.asfortranarray(numbers.astype("uint8")),
        "read-only file": np.load(folder / "x.npy", mmap_mode="r"),
    }


@pytest.mark.parametrize("small", [0, 10**9])
@DTYPES
def test_gather_batch(ops, dtype, small, rng, tmp_path, monkeypatch):
    """``small``: the work that Numba's backend leaves to one thread."""
    monkeypatch.setattr("minicnn.backends.numba_cpu.runtime.SMALL", small)
    index = np.array([7, 0, 19, 7, 3])
    for kind, source in sources(rng, tmp_path).items():
        ctx, there = Context(ops), ops.asarray(source)
        for rows in (index, index[:2], index[::-1].copy()):  # full, smaller, full again
            with ops.running():
                batch = ops.gather_batch(ctx, "x", there, ops.asarray(rows), dtype)
            assert batch.dtype == dtype
            expected = source[rows].astype(dtype)
            np.testing.assert_array_equal(ops.to_numpy(batch), expected, err_msg=kind)
            ctx.freeze()


@pytest.mark.parametrize("dtype", ["uint8", "int64", "float32"])
def test_gather_batch_of_labels(ops, dtype):
    labels = ops.asarray(np.array([[3], [1], [2]], dtype))
    batch = ops.gather_batch(Context(ops), "y", labels, ops.asarray(np.array([2, 0])), "int64")
    assert batch.dtype == "int64"
    assert ops.to_numpy(batch).tolist() == [[2], [3]]


def test_gather_batch_of_large_labels_is_exact(ops):
    labels = np.array([2**53 + 1, -1, 2**62 + 1])
    index = ops.asarray(np.array([2, 0]))
    batch = ops.gather_batch(Context(ops), "y", ops.asarray(labels), index, "int64")
    assert ops.to_numpy(batch).tolist() == [2**62 + 1, 2**53 + 1]


def test_gather_batch_of_large_images_and_of_vectors(ops, rng):
    """More entries than one pass of a device's threads takes, and a single one."""
    index = np.array([2, 0])
    for shape in ((3, 150, 221, 3), (3,)):
        source = rng.integers(0, 256, shape).astype("uint8")
        there, where = ops.asarray(source), ops.asarray(index)
        batch = ops.gather_batch(Context(ops), "x", there, where, "float32")
        np.testing.assert_array_equal(ops.to_numpy(batch), source[index])


def test_memory_functions(ops):
    zeros = ops.to_numpy(ops.zeros((2, 3), "float64"))
    assert zeros.dtype == "float64"
    np.testing.assert_array_equal(zeros, np.zeros((2, 3)))
    assert ops.empty((2, 3), "float32").shape == (2, 3)
    for dtype in ("float32", "float64", "int64", "uint8"):
        array = np.arange(6).reshape(2, 3).astype(dtype)
        there = ops.asarray(array)
        assert there.dtype == dtype
        assert ops.asarray(there) is there
        np.testing.assert_array_equal(ops.to_numpy(there), array)
