"""The reader of HDF5 files gives what the HDF5 library gives, for every layout that it accepts."""

import io
import itertools
import json

import h5py
import numpy as np
import pytest

from minicnn.saving import ModelFileError, hdf5
from minicnn.saving.hdf5.blocks import checksum

ROOM = 1 << 26
VERSIONS = ["earliest", ("v108", "v108"), ("v110", "v110"), ("v112", "v112"), "latest"]


def made(**options):
    """(file in memory, the library's handle to write it)."""
    file = io.BytesIO()
    return file, h5py.File(file, "w", **options)


def read(file, room=ROOM):
    """({path: array}, state) as minicnn reads them."""
    with hdf5.opened(file, "file", room) as content:
        return {path: array.read() for path, array in content.arrays.items()}, content.state


def assert_read_alike(file):
    """All arrays are the library's, in this machine's byte order; returns the state."""
    wanted = {}

    def keep(name, item):
        if isinstance(item, h5py.Dataset):
            wanted[name] = item[()]

    with h5py.File(file, "r") as source:
        source.visititems(keep)
    found, state = read(file)
    assert set(found) == set(wanted)
    for path, array in found.items():
        assert array.dtype == wanted[path].dtype.newbyteorder("=")
        assert array.shape == wanted[path].shape
        np.testing.assert_array_equal(array, wanted[path], path)
    return state


@pytest.mark.parametrize("groups", [1, 8, 9, 47, 700])  # 9: in a heap; 47 and 700: in deeper trees
@pytest.mark.parametrize("version", VERSIONS, ids=str)
def test_groups_shapes_and_types(version, groups):
    rng = np.random.default_rng(groups)
    types = ["<f4", ">f4", "<f8", ">f8", "<f2", "<i1", ">i8", ">u2", "<u4"]
    file, target = made(libver=version)
    state = {"text": "x" * (60_000 if groups == 47 else 7)}
    with target:
        for i in range(groups):
            shape = tuple(rng.integers(1, 5, rng.integers(0, 4)))
            array = np.asarray(rng.normal(0, 50, shape)).clip(0, 99).astype(rng.choice(types))
            target[f"layers/dense_{i}/vars/0"] = array
            if i % 9 == 0:
                target[f"layers/dense_{i}/vars"].attrs["name"] = "이름" * i
        target.attrs["minicnn"] = np.bytes_(json.dumps(state).encode())
        target.attrs["several"] = np.arange(5)
        for i in range(12 if groups == 8 else 0):
            target.attrs[f"more{i}"] = i
    assert assert_read_alike(file) == state


@pytest.mark.parametrize("version", VERSIONS[1:], ids=str)
def test_an_attribute_too_large_for_a_header(version):
    file, target = made(libver=version)
    with target:
        target.attrs["minicnn"] = np.bytes_(json.dumps(["x" * 300_000]).encode())
    with pytest.raises(ModelFileError, match="no JSON object"):
        read(file)


@pytest.mark.parametrize(
    "filters",
    [
        {}, {"compression": "gzip"}, {"shuffle": True}, {"fletcher32": True},
        {"compression": "gzip", "shuffle": True, "fletcher32": True},
    ],
    ids=lambda f: "-".join(f) or "plain",
)  # fmt: skip
@pytest.mark.parametrize("kind", ["<f4", ">f8", "<i2", "u1"])
def test_chunks(filters, kind):
    rng = np.random.default_rng(1)
    shapes = [((20, 31), (5, 7)), ((1000,), (3,)), ((7, 6, 5, 4), (2, 3, 5, 1)), ((9,), (9,))]
    file, target = made()
    with target:
        for (shape, chunks), zero in itertools.product(shapes, (False, True)):
            array = (rng.random(shape) * (0 if zero else 200)).astype(kind)
            target.create_dataset(f"{len(shape)}{len(chunks)}{chunks[0]}{zero}", data=array,
                                  chunks=chunks, **filters)  # fmt: skip
    assert_read_alike(file)


def test_what_only_newer_versions_know_is_refused():
    file, target = made(libver="latest")
    with target:
        target.create_dataset("a", data=np.ones((20, 30)), chunks=(5, 7))
    with pytest.raises(ModelFileError, match="a: its entries are laid out in a way that only"):
        read(file, room=1 << 20)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda t: t.create_dataset("a", data=[True, False]),
        lambda t: t.create_dataset("a", data=np.complex64(1)),
        lambda t: t.create_dataset("a", data=np.ones(3, h5py.opaque_dtype("V4"))),
        lambda t: t.create_dataset("a", (2,), dtype=h5py.ref_dtype),
        lambda t: t.__setitem__("a", h5py.SoftLink("/b")),
        lambda t: t.__setitem__("a", h5py.ExternalLink("b.h5", "/b")),
        lambda t: t.create_dataset("a", (1 << 40,), "f4", chunks=(1 << 10,), compression="gzip"),
        lambda t: t.create_dataset("a", (20, 30), "f4", chunks=(5, 7)).__setitem__((0, 0), 1.0),
        lambda t: t.create_dataset("a", data=np.zeros(200_000), chunks=(50_000,),
                                   compression="gzip"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("version", VERSIONS[:2], ids=str)
def test_what_weights_have_no_need_of_is_refused(version, spoil):
    file, target = made(libver=version)
    with target:
        spoil(target)
    with pytest.raises(ModelFileError) as caught:
        read(file, room=1 << 20)
    assert caught.value.expected


def test_the_checksum_is_the_published_one():
    """Two values that the source of lookup3.c gives."""
    assert checksum(b"") == 0xDEADBEEF
    assert checksum(b"Four score and seven years ago") == 0x17770551
