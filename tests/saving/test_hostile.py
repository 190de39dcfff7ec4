"""Files that are damaged or mean harm: each is refused, or gives exactly what was saved.

Every bad file is made here, from good ones; flips and cuts come from a seeded generator.
"""

import io
import json
import pickle
import random
import tracemalloc
import warnings
import zipfile

import h5py
import numpy as np
import pytest

from minicnn.layers import Dense, Input
from minicnn.models import Sequential, load_model, model_from_json
from minicnn.saving import ModelFileError
from tests.saving import samples

MB = 1 << 20


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """(folder with m.keras and m.weights.h5, the model in them)."""
    from minicnn import config

    before = config.backend()
    config.set_backend("numpy")
    folder = tmp_path_factory.mktemp("saved")
    model = samples.small()
    model.fit(*samples.data(), verbose=0)
    model.save(folder / "m.keras")
    model.save_weights(folder / "m.weights.h5")
    config.set_backend(before)
    return folder, model


@pytest.fixture
def peak_memory():
    """Bytes asked for, at most, since the test began."""
    tracemalloc.start()
    yield lambda: tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()


def load(path):
    """The model in either kind of file."""
    if path.suffix == ".keras":
        return load_model(path)
    model = samples.small()
    model.load_weights(path)
    return model


def refused_or_equal(path, model):
    """Whether the file was refused; if not, what came out is what was saved."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # a part left out with a warning is refused, too
            loaded = load(path)
    except (ModelFileError, UserWarning):
        return True
    samples.assert_same(loaded, model)
    return False


# -- other kinds of files -----------------------------------------------------------------------


def _tar():
    import tarfile

    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("x"))
    return file.getvalue()


def _npy():
    file = io.BytesIO()
    np.save(file, np.zeros(3))
    return file.getvalue()


@pytest.mark.parametrize("name", ["m.keras", "m.weights.h5"])
@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", "an empty file"),
        (pickle.dumps({"a": 1}), "a Python pickle"),
        (pickle.dumps({"a": 1}, protocol=2), "a Python pickle"),
        (_npy(), "a NumPy array"),
        (_tar(), "a tar archive"),
        (b"\x1f\x8b\x08", "gzip"),
        (b"<!DOCTYPE html><html>404</html>", "an HTML page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer"),
        (b"import os\n", "text"),
        ("모델".encode(), "text"),
        (bytes(range(200, 256)), "data of an unknown type"),
    ],
)
def test_other_files_are_named(tmp_path, name, content, kind):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ModelFileError, match=kind) as caught:
        load(tmp_path / name)
    assert caught.value.found.startswith("this is")
    assert caught.value.expected.startswith(("a .keras file", "an HDF5 file"))
    assert "allow_pickle" not in str(caught.value)


def test_a_folder_and_a_swapped_file(tmp_path, saved):
    (tmp_path / "m.keras").mkdir()
    with pytest.raises(ModelFileError, match="this is a folder"):
        load_model(tmp_path / "m.keras")
    (tmp_path / "w.keras").write_bytes((saved[0] / "m.weights.h5").read_bytes())
    with pytest.raises(ModelFileError, match="this is an HDF5 file"):
        load_model(tmp_path / "w.keras")
    (tmp_path / "m.weights.h5").write_bytes((saved[0] / "m.keras").read_bytes())
    with pytest.raises(ModelFileError, match="this is a zip archive"):
        load(tmp_path / "m.weights.h5")


# -- damage -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["m.keras", "m.weights.h5"])
def test_truncated_anywhere(tmp_path, saved, name):
    folder, _ = saved
    whole = (folder / name).read_bytes()
    rng = random.Random(1)
    cuts = {1, 4, 8, 30, 96, len(whole) - 1, len(whole) - 22}
    cuts |= {rng.randrange(len(whole)) for _ in range(40)}
    if name == "m.keras":
        with zipfile.ZipFile(folder / name) as archive:
            cuts |= {i.header_offset for i in archive.infolist()} | {archive.start_dir}
    for cut in sorted(cuts - {0}):
        (tmp_path / name).write_bytes(whole[:cut])
        with pytest.raises(ModelFileError):
            load(tmp_path / name)


@pytest.mark.parametrize("name", ["m.keras", "m.weights.h5"])
def test_flipped_bits(tmp_path, saved, name):
    folder, model = saved
    whole = (folder / name).read_bytes()
    rng = random.Random(2)
    heads = range(min(len(whole), 120))  # the first headers, byte by byte, then anywhere
    places = [*heads, *(rng.randrange(len(whole)) for _ in range(250))]
    if name == "m.keras":
        places += range(len(whole) - 120, len(whole))
    refused = 0
    for place in places:
        spoilt = bytearray(whole)
        spoilt[place] ^= 1 << rng.randrange(8)
        (tmp_path / name).write_bytes(spoilt)
        refused += refused_or_equal(tmp_path / name, model)
    assert refused > len(places) / 4


def test_a_changed_digit_in_the_state_is_seen(tmp_path, saved):
    """The checksums of HDF5's blocks are compared: nothing else would tell step 3 from step 4."""
    whole = (saved[0] / "m.weights.h5").read_bytes()
    step = whole.index(b'"step": ') + 8
    changed = whole[:step] + bytes([whole[step] ^ 1]) + whole[step + 1 :]
    (tmp_path / "m.weights.h5").write_bytes(changed)
    with pytest.raises(ModelFileError, match="checksum of a block is wrong"):
        load(tmp_path / "m.weights.h5")


# -- the archive --------------------------------------------------------------------------------


def members_of(path):
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(path, members, **kwargs):
    """Write a zip of (name, content) pairs."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a name given twice
        with zipfile.ZipFile(path, "w", **kwargs) as archive:
            for name, content in members:
                archive.writestr(name, content)
    return path


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: [*m, ("config.json", b"{}")], "config.json more than once"),
        (lambda m: [*m, ("../../evil", b"x")], "holds '../../evil'"),
        (lambda m: [*m, ("/etc/passwd", b"x")], "holds '/etc/passwd'"),
        (lambda m: [*m, ("config.json\x1b[2J", b"x")], r"holds 'config.json\\x1b"),
        (lambda m: [*m, ("assets/vocabulary.txt", b"x")], "holds 'assets/vocabulary.txt'"),
        (lambda m: m[:2], "no model.weights.h5"),
        (lambda m: m[2:], "no config.json"),
        (lambda m: [(n, b"{}") for n, _ in m], "HDF5 data is damaged"),
        (lambda m: [("model.weights.npz", b""), *m[:2]], "model.weights.npz"),
    ],
)
def test_members_of_the_archive(tmp_path, saved, change, message):
    members = list(members_of(saved[0] / "m.keras").items())
    with pytest.raises(ModelFileError, match=message):
        load_model(zipped(tmp_path / "m.keras", change(members)))


@pytest.mark.parametrize("name", ["config.json", "metadata.json", "model.weights.h5"])
def test_bombs(tmp_path, saved, name, peak_memory):
    members = members_of(saved[0] / "m.keras")
    members[name] += b" " * (70 * MB)
    zipped(tmp_path / "m.keras", members.items(), compression=zipfile.ZIP_DEFLATED)
    del members
    assert (tmp_path / "m.keras").stat().st_size < MB
    tracemalloc.reset_peak()
    with pytest.raises(ModelFileError, match=rf"{name} claims to unpack from"):
        load_model(tmp_path / "m.keras")
    assert peak_memory() < 20 * MB


def test_lying_headers(tmp_path, saved):
    members = members_of(saved[0] / "m.keras").items()
    path = tmp_path / "m.keras"
    zipped(path, members, compression=zipfile.ZIP_BZIP2)
    with pytest.raises(ModelFileError, match="compressed by method 12"):
        load_model(path)
    whole = bytearray(zipped(path, members).read_bytes())
    entry = whole.index(b"PK\x01\x02")  # the directory: its first entry, metadata.json
    encrypted, longer = bytearray(whole), bytearray(whole)
    encrypted[entry + 8] |= 1
    longer[entry + 20 : entry + 28] = b"\x00\x00\x00\x70" * 2
    for spoilt, message in ((encrypted, "is encrypted"), (longer, "longer than the file")):
        path.write_bytes(spoilt)
        with pytest.raises(ModelFileError, match=message):
            load_model(path)


# -- the configuration --------------------------------------------------------------------------


def with_config(path, saved, text):
    members = members_of(saved[0] / "m.keras")
    members["config.json"] = text
    return zipped(path, members.items())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "Expecting value"), (b"{", "Expecting property name"), (b"{} {}", "Extra data"),
        (b"[]", "is a JSON list"), (b"3", "is a JSON int"), (b'"x"', "is a JSON str"),
        (b"\xff\xfe", "can't decode"), (b'{"a": "\\ud800"}', "can't encode"),
        (b'{"a": NaN}', "NaN is not JSON"), (b'{"a": -Infinity}', "-Infinity is not JSON"),
        (b'{"a": 1e999}', "1e999 is too large"), (b'{"a": 1, "a": 2}', "'a' stands there twice"),
        (b'{"a": ' + b"9" * 30 + b"}", "more than 63 bits"),
        (b'{"a": ' + b"9" * 5000 + b"}", "Exceeds the limit"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a":' * 100 + b"1" + b"}" * 100, "nested more than 64 deep"),
        (b'{"a": "' + b"x" * 70_000 + b'"}', "70,000 characters"),
        (b" " * (1 << 25), "at most 4,194,304"),
        (b'{"config": {}}', "not an object with a class_name and a config"),
        (b'{"class_name": "Sequential", "config": {}}', "no list of layers"),
        (b'{"class_name": ["Sequential"], "config": {"layers": []}}', "not an object with"),
        (b'{"class_name": "Dense", "config": {"units": 3}}', "a single Dense"),
        (b'{"class_name": "Sequential", "config": {"layers": [3]}}', "not an object with"),
        (b'{"class_name": "Sequential", "config": {"layers": {"a": 1}}}', "no list of layers"),
    ],
)  # fmt: skip
def test_json_that_is_no_model(tmp_path, saved, text, message):
    with pytest.raises(ModelFileError, match=message):
        load_model(with_config(tmp_path / "m.keras", saved, text))


def changed_layer(saved, change, index=-1):
    """The configuration of the saved model with a change in one layer."""
    data = json.loads(members_of(saved[0] / "m.keras")["config.json"])
    change(data["config"]["layers"][index])
    return json.dumps(data).encode()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"class_name": "Dence"}, r"no layer class 'Dence'; did you mean 'Dense'\?"),
        ({"class_name": "Lambda"}, "no layer class 'Lambda'"),
        ({"class_name": "Ｄense"}, "no layer class 'Ｄense'"),
        ({"module": "os", "class_name": "system"}, "no layer class 'system' of module 'os'"),
        ({"module": "evil.layers"}, "no layer class 'Dense' of module 'evil.layers'"),
        ({"module": None, "registered_name": "pkg>Dense"}, "no layer class 'Dense'"),
        ({"class_name": "Layer"}, "no layer class 'Layer'"),
        ({"class_name": "Functional"}, "no models but Sequential"),
        ({"inbound": 1}, r"unknown keys \['inbound'\]"),
        ({"config": {"units": 3, "name": "../x"}}, "name must be"),
        ({"config": {"units": 3, "name": "a\x1b[2J"}}, "control characters"),
        ({"config": {"units": 3, "kernel_initializer": "\x1b[2J"}}, r"identifier: \\x1b\[2J"),
        ({"config": {"units": 3, "kernel_initializer": {"class_name": "HeNormal", "config":
         {"\u202e": 1}}}}, r"argument '\\u202e'"),
        ({"config": {"units": 3, "name": "middle"}}, "unique names"),
        ({"config": {"units": 3, "lora_thing": {"class_name": "L2"}}},
         "'lora_thing': L2, which minicnn does not have"),
        ({"config": {"units": 3, "unit": 4}}, "'unit': 4.*did you mean 'units'"),
        ({"config": {"units": "3"}}, "cannot be rebuilt"),
        ({"config": {"units": -1}}, "cannot be rebuilt"),
        ({"config": {"units": 3, "activation": {"class_name": "eval"}}}, "cannot be rebuilt"),
        ({"config": {"units": 3, "dtype": "float16"}}, "dtype must be"),
        ({"config": {}}, "cannot be rebuilt"),
    ],
)  # fmt: skip
def test_layers_that_cannot_be(tmp_path, saved, change, message):
    text = changed_layer(saved, lambda layer: layer.update(change))
    with pytest.raises(ModelFileError, match=message) as caught:
        load_model(with_config(tmp_path / "m.keras", saved, text))
    assert str(caught.value).replace("\n", "").isprintable()  # nothing that a terminal would obey


def test_thousands_of_layers():
    """A few kilobytes ask for them; names are worked out once a class, not once a layer."""
    from minicnn import registry

    before = registry.snake_case.cache_info().misses
    data = {"class_name": "Sequential", "config": {"layers": []}}
    data["config"]["layers"] = [
        {"class_name": "InputLayer", "config": {"batch_shape": [None, 2]}},
        *[{"class_name": "BatchNormalization", "config": {}}] * 3000,
    ]
    model = model_from_json(json.dumps(data))
    assert len(model.layers) == 3000
    assert model.layers[-1].gamma.path.startswith(f"{model.name}/batch_normalization")
    assert registry.snake_case.cache_info().misses - before < 200


def test_every_unusable_layer_is_listed_up_to_twenty():
    layer = {"class_name": "Dense", "config": {"units": 3, "lora_rank": 4}}
    data = {"class_name": "Sequential", "config": {"layers": [layer] * 2}}
    with pytest.raises(ModelFileError) as caught:
        model_from_json(json.dumps(data))
    assert str(caught.value).count("'lora_rank': 4") == 2
    layer["config"] |= {f"k{i}": 1 for i in range(100)}
    data["config"]["layers"] = [layer] * 1000
    with pytest.raises(ModelFileError, match="and more") as caught:
        model_from_json(json.dumps(data))
    assert len(str(caught.value)) < 10_000


def test_arguments_that_ask_for_nothing_are_accepted():
    unused = ("kernel_regularizer", "bias_constraint", "activity_regularizer", "lora_rank",
              "quantization_config")  # fmt: skip
    dense = {"units": 3, "autocast": True, "build_config": None, **dict.fromkeys(unused)}
    layers = [
        {"class_name": "InputLayer", "config": {"batch_shape": [None, 4]}},
        {"class_name": "Dense", "config": dense, "shared_object_id": 3},
    ]
    data = {"class_name": "Sequential", "config": {"layers": layers}}
    assert model_from_json(json.dumps(data)).output_shape == (None, 3)


def test_no_memory_for_what_the_file_does_not_hold(tmp_path, saved, peak_memory):

    def large_input(layer):
        layer["config"]["layers"][0]["config"]["batch_shape"] = [None, 10**6, 10**6, 2]

    for index, change in (
        (-1, lambda layer: layer["config"].update(units=10**9)),
        (-1, lambda layer: layer["config"].update(units=2**62)),
        (2, large_input),
    ):
        text = changed_layer(saved, change, index)
        with pytest.raises(ModelFileError, match=r"larger than what the file holds|does not take"):
            load_model(with_config(tmp_path / "m.keras", saved, text))
    data = {"class_name": "Sequential", "config": {"layers": []}}
    data["config"]["layers"] = [{"class_name": "Flatten", "config": {}}] * 20_000
    with pytest.raises(ModelFileError, match="more than 4096 layers"):
        load_model(with_config(tmp_path / "m.keras", saved, json.dumps(data).encode()))
    assert peak_memory() < 250 * MB


# -- the arrays ---------------------------------------------------------------------------------


@pytest.fixture
def one(tmp_path):
    """(a model of one layer, an HDF5 file to spoil with its weights in it)."""
    model = Sequential([Input((3,)), Dense(4)])
    path = tmp_path / "m.weights.h5"
    with h5py.File(path, "w") as file:
        file["layers/dense/vars/0"] = np.ones((3, 4), "float32")
        file["layers/dense/vars/1"] = np.ones(4, "float32")
    model.load_weights(path)  # such a file is good
    model.set_weights([np.full((3, 4), 7.0), np.full(4, 7.0)])
    return model, path


def external_link(file, path):
    file["layers/dense/vars/0"] = h5py.ExternalLink("other.h5", "/x")


def soft_link(file, path):
    file["layers/dense/vars/0"] = h5py.SoftLink("/layers/dense/vars/1")


def soft_link_of_a_group(file, path):
    file["x"] = np.ones((3, 4), "float32")
    file["layers/dense/vars/more"] = h5py.SoftLink("/")


def hard_link(file, path):
    file["elsewhere"] = np.ones((3, 4), "float32")
    file["layers/dense/vars/0"] = file["elsewhere"]


def circle(file, path):
    file["layers/dense/vars/0"] = np.ones((3, 4), "float32")
    file["layers/dense/again"] = file["layers"]


def virtual(file, path):
    layout = h5py.VirtualLayout((3, 4), "float32")
    layout[...] = h5py.VirtualSource("other.h5", "x", (3, 4))
    file.create_virtual_dataset("layers/dense/vars/0", layout)


def external_storage(file, path):
    (path.parent / "secret").write_bytes(b"x" * 48)
    file.create_dataset("layers/dense/vars/0", (3, 4), "float32",
                        external=[(str(path.parent / "secret"), 0, 48)])  # fmt: skip


def never_written(file, path):
    file.create_dataset("layers/dense/vars/0", (3, 4), "float32")


def large(file, path):
    file.create_dataset("layers/dense/vars/0", (1 << 20, 1 << 20), "float32")


def packed_bomb(file, path):
    file.create_dataset("layers/dense/vars/0", (1 << 20, 1 << 20), "float32", chunks=(1024, 1024),
                        compression="gzip")  # fmt: skip


def giant_chunk(file, path):
    file.create_dataset("layers/dense/vars/0", (3, 4), "float32", maxshape=(None, None),
                        chunks=(1 << 12, 1 << 12), compression="gzip")  # fmt: skip
    file["layers/dense/vars/0"][...] = 1


def packed(file, path):
    file.create_dataset("layers/dense/vars/0", data=np.ones((3, 4), "f4"), compression="gzip")


def text(file, path):
    file["layers/dense/vars/0"] = np.full((3, 4), b"text")


def objects(file, path):
    file["layers/dense/vars/0"] = ["a", "b"]


def records(file, path):
    file["layers/dense/vars/0"] = np.zeros((3, 4), "f4,f4")


def half(file, path):
    file["layers/dense/vars/0"] = np.ones((3, 4), "float64")


def integers(file, path):
    file["layers/dense/vars/0"] = np.ones((3, 4), "int64")


def nothing(file, path):
    file["layers/dense/vars/0"] = h5py.Empty("float32")


def missing(file, path):
    del file["layers/dense/vars/1"]


def turned(file, path):
    file["layers/dense/vars/0"] = np.ones((4, 3), "float32")


def too_many(file, path):
    file["layers/dense/vars/0"] = np.ones((3, 4), "float32")
    file["layers/dense_1/vars/0"] = np.ones((3, 4), "float32")


def not_finite(file, path):
    file["layers/dense/vars/0"] = np.full((3, 4), np.nan, "float32")


def a_type(file, path):
    file["layers/dense/vars/0"] = np.dtype("float32")


def odd_name(file, path):
    file["layers/dense/\x1b[2J"] = np.ones((3, 4), "float32")


def deep(file, path):
    file["/".join("a" * 200)] = 1


def group_for_array(file, path):
    file.create_group("layers/dense/vars/0")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (external_link, "is a ExternalLink"), (soft_link, "is a SoftLink"),
        (soft_link_of_a_group, "is a SoftLink"), (hard_link, "more than one place"),
        (circle, "more than one place"), (virtual, "is virtual"),
        (external_storage, "is external"), (never_written, "only 0 are stored"),
        (large, "4,398,046,511,104 bytes, but only 0 are stored"),
        (packed_bomb, "lie in chunks"), (giant_chunk, "lie in chunks"), (packed, "lie in chunks"),
        (text, "not hold an array of numbers"), (objects, "not hold an array of numbers"),
        (records, "not hold an array of numbers"), (half, "float64 in the file, float32"),
        (integers, "int64 in the file, float32"), (nothing, "not hold an array of numbers"),
        (missing, r"vars/1 \(.*bias\) \(4,\) is missing"), (turned, r"\(4, 3\) in the file"),
        (too_many, "dense_1/vars/0 .* no place"), (not_finite, "NaN or infinite"),
        (a_type, "neither a group nor an array"), (odd_name, r"impossible name '\\x1b\[2J'"),
        (deep, "too deeply nested"), (group_for_array, "is missing"),
    ],
)  # fmt: skip
def test_arrays_that_are_none(one, spoil, message, peak_memory):
    model, path = one
    with h5py.File(path, "a") as file:
        if spoil is not missing:
            del file["layers/dense/vars/0"]
        spoil(file, path)
    with pytest.raises(ModelFileError, match=message):
        model.load_weights(path)
    assert peak_memory() < 20 * MB
    for weight in model.get_weights():
        assert (weight == 7).all()


def test_layouts_that_are_fine(one):
    """Byte order, column-major sources, and what Keras 3 once stored."""
    model, path = one
    kernel = np.arange(12.0).reshape(3, 4)
    with h5py.File(path, "w") as file:
        file["layers/dense/vars/0"] = kernel.astype(">f4")
        file["layers/dense/vars/1"] = np.asfortranarray(np.ones(4, "<f4"))
        file["layers/dense/seed_generator/vars/0"] = np.zeros(2, "uint32")
        file["metrics/mean/vars/0"] = np.float32(3)
    model.load_weights(path)
    np.testing.assert_array_equal(model.get_weights()[0], kernel)
    assert model.weights[0].numpy().dtype == np.float32
    assert model.weights[0].numpy().dtype.isnative


@pytest.mark.parametrize(
    ("state", "message"),
    [
        (b"{", "damaged"),
        (b"[]", "no JSON object"),
        (b"{}", "seeds in it are damaged"),
        (b'{"format": 1, "step": -1, "shuffle_seed": 0, "layer_seeds": {}}', "seeds in it"),
        (b'{"format": 1, "step": 0, "shuffle_seed": 1e9, "layer_seeds": {}}', "seeds in it"),
        (b'{"format": 1, "step": 0, "shuffle_seed": 0, "layer_seeds": [1]}', "seeds in it"),
        (b'{"format": 1, "step": 0, "shuffle_seed": 0, "layer_seeds": {"a": true}}', "seeds in it"),
        (
            b'{"format": 2, "minicnn_version": "9.1"}',
            r"written by minicnn 9\.1 in format 2; expected format 1.*please update",
        ),
        (7, "damaged"),
        (np.zeros(1000, "S10"), "damaged"),
    ],
)
def test_the_state_in_the_file(one, state, message):
    model, path = one
    with h5py.File(path, "a") as file:
        file.attrs["minicnn"] = np.bytes_(state) if isinstance(state, bytes) else state
    with pytest.raises(ModelFileError, match=message):
        model.load_weights(path)


def test_a_wrong_checksum(one):
    model, path = one
    model.save_weights(path)
    with h5py.File(path, "a") as file:
        file["layers/dense/vars/0"][1, 2] = 3.5
    with pytest.raises(ModelFileError, match="layers/dense/vars/0 is damaged; expected entries"):
        model.load_weights(path)
