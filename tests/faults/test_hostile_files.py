"""A share of the campaign of bad files, and what the campaigns found, each as a file of its own."""

import io
import struct
import tracemalloc
import zipfile
import zlib

import h5py
import numpy as np
import pytest

from minicnn.datasets import DatasetFileError
from minicnn.datasets.npz import read_npz
from minicnn.models import load_model
from minicnn.saving import ModelFileError, hdf5
from minicnn.saving.hdf5.blocks import Blocks, checksum
from minicnn.saving.hdf5.objects import HDF5Object, Kind, root
from tests.datasets import helpers as h
from tests.faults.hostile import campaign, good, judge

MB = 1 << 20


def test_a_share_of_the_campaign():
    """Two per cent of all: every kind of file, every kind of fault."""
    result = campaign.campaign(per_mille=20, processes=2)
    assert result.faults == []
    assert sum(result.outcomes.values()) > 1500
    for kind in campaign.COUNTS:
        assert result.outcomes[kind, "refused"] > 20, kind
        assert result.outcomes[kind, "same"] > 0, kind  # some faults do no harm


@pytest.fixture(scope="module")
def watch():
    """One for all: what listens to Python's audit events cannot be taken away again."""
    return judge.Watch()


@pytest.mark.parametrize(
    ("spoil", "what"),
    [
        (lambda arrays: [a + 1 for a in arrays], "other arrays"),
        (lambda arrays: (_ for _ in ()).throw(KeyError("x")), "KeyError"),
        (lambda arrays: (_ for _ in ()).throw(ModelFileError("elsewhere", "a", "b")), "path"),
        (lambda arrays: [arrays, open("/etc/hostname").close()][0], "what no reader may"),
        (lambda arrays: [arrays, open("left", "w").close()][0], "a file was written"),
        (lambda arrays: [arrays, eval("1 + 1")][0], "what no reader may"),
        (lambda arrays: [arrays, np.ones(300 * MB, np.uint8).sum()][0], "of memory"),
    ],
)  # fmt: skip
def test_the_judge_sees_what_a_bad_reader_does(tmp_path, monkeypatch, watch, spoil, what):
    (tmp_path / "files").mkdir()
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    monkeypatch.setattr(good, "read", lambda kind, variant, path: spoil(good.saved(kind, variant)))
    bad = good.variants("keras")[0].content
    _, fault, *_ = judge.judged(
        "keras", judge.generator.Bad(bad, 0, True, ""), tmp_path / "files", watch, judge.Memory()
    )
    assert what in fault


# -- what was found -----------------------------------------------------------------------------


def refused(path, content, match):
    """A .keras file is refused without much memory."""
    path.write_bytes(content)
    tracemalloc.start()
    with pytest.raises(ModelFileError, match=match) as caught:
        load_model(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20 * MB + 4 * len(content)
    assert len(str(caught.value)) < 2000


def test_a_member_that_unpacks_to_more_than_it_claims(tmp_path):
    """zipfile unpacks it whole when it is asked for all of it: 60 MB behind 60 KB."""
    zeros = bytes(60 * MB)
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress(zeros) + packer.flush()
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", zeros)
        archive.writestr("model.weights.h5", b"x")
    true, claimed = struct.pack("<L", len(zeros)), struct.pack("<L", 100)
    assert len(packed) < MB
    refused(tmp_path / "m.keras", file.getvalue().replace(true, claimed), "damaged|claims")


def test_a_directory_of_a_million_members(tmp_path):
    """zipfile makes an object of each before anybody can look at their number."""
    entry = struct.pack("<4s6H3L5H2L", b"PK\x01\x02", *[0] * 16)
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 0, 0, 46 * 300_000, 4, 0)
    content = b"PK\x03\x04" + entry * 300_000 + end
    refused(tmp_path / "m.keras", content, "directory has 13,800,000 bytes")
    (tmp_path / "d.npz").write_bytes(content)
    with pytest.raises(DatasetFileError, match="directory has"):
        read_npz(tmp_path / "d.npz", h.SHAPES._replace(x_train=(10**6, 28, 28)), exact=False)


def test_an_error_does_not_carry_the_file(tmp_path):
    """A name of 50,000 characters stands in the message of zipfile's error."""
    content = bytearray()
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("x" * 50_000, b"")
    content = file.getvalue().replace(b"x" * 50_000, b"y" * 50_000, 1)
    refused(tmp_path / "m.keras", content, "x{60}")
    with h5py.File(tmp_path / "m.weights.h5", "w") as target:
        target["layers/dense/vars/0"] = np.ones(3, "f4")
        target["layers/dense/vars/0"].attrs["crc32"] = np.bytes_(b"x" * 50_000)
    content = (tmp_path / "m.weights.h5").read_bytes()
    found = hdf5.Content(io.BytesIO(content), "file", MB)
    with pytest.raises(ModelFileError) as caught:
        found.arrays["layers/dense/vars/0"].read()
    assert len(str(caught.value)) < 300


def test_a_chunk_of_no_bytes():
    """One byte of a file: the HDF5 library ends the process when it reads such a chunk."""
    file = io.BytesIO()
    with h5py.File(file, "w") as target:
        target.create_dataset("a", data=np.arange(12.0), chunks=(6,), compression="gzip")
    content = bytearray(file.getvalue())
    tree = content.index(b"TREE\x01")
    assert 0 < content[tree + 24] < 255
    assert content[tree + 25 : tree + 28] == bytes(3)
    content[tree + 24] = 0  # the size of the first chunk
    with pytest.raises(ModelFileError, match="a: its entries lie in chunks"):
        hdf5.Content(io.BytesIO(bytes(content)), "file", MB)


@pytest.mark.parametrize("version", ["earliest", ("v108", "v108")], ids=str)
def test_headers_that_go_on_in_circles(version):
    """The second part of an object's messages is the second part again."""
    file = io.BytesIO()
    with h5py.File(file, "w", libver=version) as target:
        target["a"] = np.ones(3)
        for i in range(6):  # too many for the first part
            target["a"].attrs[f"name{i}"] = "x" * 90
    content = bytearray(file.getvalue())
    top = root(Blocks(file))
    pointer = HDF5Object(top.blocks, top.links()["a"]).one(Kind.CONTINUATION)
    part, size = pointer.number(8), pointer.number(8)
    if version == "earliest":
        again = struct.pack("<HHB3xQQ", Kind.CONTINUATION, 16, 0, part, size)
        nothing = struct.pack("<HHB3x", 0, size - 32, 0) + bytes(size - 32)
        content[part : part + size] = again + nothing
    else:
        again = b"OCHK" + struct.pack("<BHBQQ", Kind.CONTINUATION, 16, 0, part, size)
        nothing = struct.pack("<BHB", 0, size - 32, 0) + bytes(size - 32)
        block = again + nothing
        content[part : part + size] = block + struct.pack("<L", checksum(block))
    assert len(content) == len(file.getvalue())
    with pytest.raises(ModelFileError, match=r"claims to have|than any model, or a circle"):
        hdf5.Content(io.BytesIO(bytes(content)), "file", MB)
