"""The reader of HDF5 files gives what the HDF5 library gives, for every layout that it accepts."""

import io
import json
from random import Random

import h5py
import numpy as np
import pytest

from minicnn.saving import ModelFileError, hdf5
from minicnn.saving.hdf5.blocks import checksum
from tests.faults.hostile import spoil_bytes

ROOM = 1 << 26
VERSIONS = ["earliest", ("v108", "v108"), ("v110", "v110"), ("v112", "v112"), "latest"]


def made(**options):
    """(file in memory, the library's handle to write it)."""
    file = io.BytesIO()
    return file, h5py.File(file, "w", **options)


def read(file, room=ROOM):
    """({path: array}, state) as minicnn reads them."""
    content = hdf5.Content(file, "file", room)
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
        for i in range(12 if groups == 8 and version == "earliest" else 0):
            target.attrs[f"more{i}"] = i
    assert assert_read_alike(file) == state


def test_a_state_too_large_for_one_attribute():
    state = {f"layers/dropout_{i}": i for i in range(9000)}
    file = io.BytesIO()
    hdf5.write(file, {"a": np.ones(3)}, {}, state)
    assert assert_read_alike(file) == state


@pytest.mark.parametrize("version", VERSIONS[1:], ids=str)
@pytest.mark.parametrize("attributes", [{"a": b"x" * 300_000}, {str(i): b"x" for i in range(12)}])
def test_attributes_that_do_not_fit_the_header_are_refused(version, attributes):
    """Newer HDF5 puts them elsewhere; with them, minicnn's own would be overlooked."""
    file, target = made(libver=version)
    with target:
        for name, value in attributes.items():
            target.attrs[name] = np.bytes_(value)
    with pytest.raises(ModelFileError, match="attributes outside its header, which are not read"):
        read(file)


@pytest.mark.parametrize("version", ["earliest", "latest"])
@pytest.mark.parametrize(
    "options",
    [
        {"chunks": (5, 7)}, {"maxshape": (None, 30)}, {"compression": "gzip"}, {"shuffle": True},
        {"fletcher32": True}, {"compression": "lzf"}, {"scaleoffset": 2},
    ],
    ids=str,
)  # fmt: skip
def test_chunks_and_filters_are_refused(version, options):
    file, target = made(libver=version)
    with target:
        target.create_dataset("a", data=np.ones((20, 30), "f4"), **options)
    with pytest.raises(ModelFileError, match="which are not read; save it again with Keras, or"):
        read(file)


def test_what_is_put_into_the_header_itself():
    """Compact entries: small, and written by those who care for every block."""
    file, target = made()
    with target:
        properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        properties.set_layout(h5py.h5d.COMPACT)
        space = h5py.h5s.create_simple((2, 3))
        made_here = h5py.h5d.create(target.id, b"a", h5py.h5t.IEEE_F32LE, space, properties)
        made_here.write(h5py.h5s.ALL, h5py.h5s.ALL, np.arange(6, dtype="f4").reshape(2, 3))
    assert assert_read_alike(file) is None


# -- whole models in the older format -------------------------------------------------------------

LAYERS = ["conv2d", "flatten", "dense"]


def older(keras, file, split=False):
    """A file as ``model.save("m.h5")`` of Keras 1, 2 or 3 writes it; returns what is in it."""
    weights = {
        "conv2d": {"kernel": (3, 3, 1, 2), "bias": (2,)},
        "flatten": {},
        "dense": {"kernel": (8, 4), "bias": (4,)},
    }
    rng = np.random.default_rng(keras)
    config = {"class_name": "Sequential", "config": {"name": "모델", "layers": ["x" * 90_000]}}
    attributes = {
        ("", "keras_version"): ["", "1.2.2", "2.15.0", "3.15.1"][keras],
        ("", "backend"): "tensorflow",
        ("", "model_config"): json.dumps(config),
        ("", "training_config"): json.dumps({"loss": "mse"}),
        ("model_weights", "layer_names"): LAYERS,
    }
    arrays = {}
    with h5py.File(file, "w") as target:
        for (_, name), value in list(attributes.items())[:4]:
            target.attrs[name] = value if keras == 3 else value.encode()
        top = target.create_group("model_weights")
        top.attrs["layer_names"] = LAYERS if keras == 3 else [n.encode() for n in LAYERS]
        top.attrs["backend"] = b"tensorflow"
        optimizer = target.create_group("optimizer_weights")
        for layer, shapes in weights.items():
            group = top.create_group(layer)
            names = [f"{layer}/{n}{'' if keras == 3 else ':0'}" for n in shapes]
            if keras == 1:
                names = [n.replace("/", "_") for n in names]
            for name, shape in zip(names, shapes.values(), strict=True):
                group[name] = rng.normal(size=shape).astype("f4")
                arrays[f"model_weights/{layer}/{name}"] = group[name][()]
            attributes[f"model_weights/{layer}", "weight_names"] = names
            encoded = [n.encode() for n in names]
            if split and names:
                group.attrs["weight_names0"], group.attrs["weight_names1"] = (
                    encoded[:1],
                    encoded[1:],
                )
            else:
                group.attrs["weight_names"] = names if keras == 3 and names else encoded
        optimizer["Adam/iterations:0"] = np.int64(7)
        arrays["optimizer_weights/Adam/iterations:0"] = np.int64(7)
        optimizer.attrs["weight_names"] = [b"Adam/iterations:0"]
        attributes["optimizer_weights", "weight_names"] = ["Adam/iterations:0"]
    return arrays, attributes


@pytest.mark.parametrize("split", [False, True])
@pytest.mark.parametrize("keras", [1, 2, 3])
def test_whole_models_in_the_older_format(keras, split):
    file = io.BytesIO()
    arrays, attributes = older(keras, file, split)
    content = hdf5.Content(file, "file", ROOM)
    assert set(content.arrays) == set(arrays)
    for path, array in arrays.items():
        np.testing.assert_array_equal(content.arrays[path].read(), array)
    for (path, name), value in attributes.items():
        found = content.attribute(path, name)
        assert (found if isinstance(value, str) else list(found)) == value
    assert content.attribute("", "other") is None
    assert content.attribute("other", "weight_names") is None
    assert content.state is None


@pytest.mark.parametrize("keras", [1, 2, 3])
def test_older_files_that_are_damaged(keras):
    """Whatever is wrong with one: an error of ours, or what is in it."""
    file = io.BytesIO()
    _, attributes = older(keras, file)
    whole = file.getvalue()
    rng = Random(keras)
    refused = 0
    for _ in range(300):
        try:
            spoilt = io.BytesIO(spoil_bytes.spoilt(whole, rng))
            content = hdf5.Content(spoilt, "file", ROOM)
            for path in content.arrays:
                content.arrays[path].read()
            for path, name in attributes:
                content.attribute(path, name)
        except ModelFileError:
            refused += 1
    assert 50 < refused < 300


def test_types_inside_types_without_end():
    file, target = made()
    with target:
        target.attrs["truths"] = np.full(2000, True)
    whole = file.getvalue()
    at = whole.index(b"\x18\x02\x00\x00\x01\x00\x00\x00")  # the type: two names for one byte
    nested = whole[:at] + whole[at : at + 8] * 200 + whole[at + 1600 :]
    content = hdf5.Content(io.BytesIO(nested), "file", ROOM)
    with pytest.raises(ModelFileError):
        content.attribute("", "truths")


def test_an_axis_of_no_length_does_not_allow_the_others_any():
    file, target = made()
    with target:
        target.create_dataset("a", (0, 3, 5), "f4")
        target.create_dataset("b", (0, 3, 7), "f4")
    assert_read_alike(file)
    five = (5).to_bytes(8, "little")
    changed = file.getvalue().replace(b"\3" + bytes(7) + five, b"\3" + bytes(7) + b"\xff" * 8)
    with pytest.raises(ModelFileError, match="an impossible shape"):
        hdf5.Content(io.BytesIO(changed), "file", ROOM)


def test_attributes_of_every_type():
    values = {
        "text": "글", "bytes": b"text", "fixed": np.bytes_(b"text"), "empty": "", "none": [],
        "texts": ["a", "", "글" * 99], "fixed_texts": np.array([b"a", b"bcd"]), "true": True,
        "truths": np.array([True, False]), "integer": 7, "big": np.array([1, -2], ">i4"),
        "floats": np.arange(6.0).reshape(2, 3), "unsigned": np.uint8(255),
    }  # fmt: skip
    for version in VERSIONS:
        file, target = made(libver=version)
        with target:
            for i, (name, value) in enumerate(values.items()):
                target.require_group(f"g{i // 8}").attrs[name] = value
        content = hdf5.Content(file, "file", ROOM)
        for i, (name, value) in enumerate(values.items()):
            if isinstance(value, bytes):
                value = value.decode()
            elif name == "fixed_texts":
                value = ["a", "bcd"]
            found = content.attribute(f"g{i // 8}", name)
            np.testing.assert_array_equal(found, value, name)
            assert isinstance(found, type(value) if isinstance(value, str) else object)


@pytest.mark.parametrize(
    "value",
    [1j, h5py.Empty("f4"), np.zeros(2, "f4,f4"), np.bytes_(b"\xff\xfe"), np.void(b"xx")],
    ids=repr,
)
def test_attributes_of_other_types_are_refused_when_they_are_wanted(value):
    file, target = made()
    with target:
        target["layers/a"] = np.ones(3)
        target["layers"].attrs["odd"] = value
    content = hdf5.Content(file, "file", ROOM)
    content.arrays["layers/a"].read()
    with pytest.raises(ModelFileError, match="attribute 'odd' of layers is damaged"):
        content.attribute("layers", "odd")


def test_texts_that_are_not_in_their_heap():
    """Their place is out of the file, their length a lie, or all 4000 are one of a megabyte."""
    file, target = made()
    with target:
        target.attrs["texts"] = ["first", "second"]
    whole = file.getvalue()
    at = whole.index(b"GCOL")
    place = whole.index(at.to_bytes(8, "little")) - 4  # of the first text: length, heap, number
    for change in (
        whole[:place] + b"\xff\xff" + whole[place + 2 :],
        whole[: place + 4] + b"\xff" * 8 + whole[place + 12 :],
        whole[: place + 12] + b"\x63" + whole[place + 13 :],
        whole[:at] + b"GXOL" + whole[at + 4 :],
        whole[: at + 8] + b"\xff" * 8 + whole[at + 16 :],
        whole[: at + 24] + b"\xff" * 7 + whole[at + 31 :],
    ):
        content = hdf5.Content(io.BytesIO(change), "file", ROOM)
        with pytest.raises(ModelFileError, match="attribute 'texts' of the file is damaged"):
            content.attribute("", "texts")
    file, target = made()
    with target:
        target.attrs["texts"] = ["x" * 1_000_000] + ["y"] * 4000
    whole = file.getvalue()
    long = whole.index((1_000_000).to_bytes(4, "little"))
    many = whole[:long] + whole[long : long + 16] * 4001 + whole[long + 16 * 4001 :]
    content = hdf5.Content(io.BytesIO(many), "file", ROOM)
    with pytest.raises(ModelFileError, match="than any model"):
        content.attribute("", "texts")


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
