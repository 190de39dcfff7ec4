"""What is saved comes back, whole, and nothing else does."""

import json
import pathlib
import random
import zipfile

import h5py
import numpy as np
import pytest

import minicnn
from minicnn import config, layers, optimizers
from minicnn.models import Sequential, clone_model, load_model, model_from_json, save_model
from minicnn.saving import ModelFileError
from tests.saving import samples


class Scale(layers.Layer):
    """A layer of the user's own, with an argument, a weight and a running value."""

    def __init__(self, power=1.0, **kwargs):
        super().__init__(**kwargs)
        self.power = power

    def build(self, input_shape):
        self.count = self.add_weight(name="count", shape=(2,), initializer="zeros", trainable=False)
        self.gain = self.add_weight(name="gain", shape=(input_shape[-1],), initializer="ones")

    def forward(self, ctx, x):
        ctx.save(x=x)
        return x * self.gain.value**self.power

    def backward(self, ctx, dy):
        self.gain.grad[...] = 0
        return dy

    def get_config(self):
        return {**super().get_config(), "power": self.power}


class Forgetful(Scale):
    def get_config(self):
        config = super().get_config()
        del config["power"]
        return config


def test_every_layer_comes_back_with_its_arguments_and_weights(tmp_path):
    model = samples.every_layer()
    model.save(tmp_path / "m.keras")
    loaded = load_model(tmp_path / "m.keras")
    assert json.dumps(loaded.get_config()) == json.dumps(model.get_config())
    samples.assert_same(loaded, model)
    assert [layer.trainable for layer in loaded.layers] == [
        layer.trainable for layer in model.layers
    ]
    x = np.random.default_rng(0).random((3, 13, 11, 4), dtype="float32")
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))


@pytest.mark.parametrize("ending", ["m.keras", "m.weights.h5"])
def test_a_trained_model_comes_back(tmp_path, ending):
    x, y = samples.data()
    model = samples.small()
    model.fit(x, y, epochs=2, batch_size=8, verbose=0)
    if ending == "m.keras":
        model.save(tmp_path / ending)
        loaded = load_model(tmp_path / ending)
        assert loaded.name == model.name
        assert [a.name for a in loaded.layers] == [a.name for a in model.layers]
    else:
        model.save_weights(tmp_path / ending)
        loaded = samples.small()
        loaded.load_weights(tmp_path / ending)
    samples.assert_same(loaded, model)
    assert loaded.optimizer.iterations == 6
    assert loaded.evaluate(x, y, verbose=0) == model.evaluate(x, y, verbose=0)


def test_weights_of_a_whole_model_file(tmp_path):
    model, other = samples.small(compiled=False), samples.small(compiled=False)
    save_model(model, tmp_path / "m.keras")
    other.load_weights(tmp_path / "m.keras")
    seed = other.shuffle_seed
    for a, b in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert other.shuffle_seed == seed != model.shuffle_seed  # only training state brings seeds


def test_float64_comes_back_as_float64(tmp_path):
    config.set_floatx("float64")
    try:
        model = samples.small()
    finally:
        config.set_floatx("float32")
    x, y = samples.data()
    model.train_on_batch(x, y)
    model.save(tmp_path / "m.keras")
    loaded = load_model(tmp_path / "m.keras")
    assert loaded.dtype == loaded.weights[0].dtype == "float64"
    assert config.floatx() == "float32"
    samples.assert_same(loaded, model)


def test_float32_weights_fit_a_float64_model_but_not_the_reverse(tmp_path):
    single = samples.small(compiled=False)
    single.save_weights(tmp_path / "single.weights.h5")
    config.set_floatx("float64")
    try:
        double = samples.small(compiled=False)
    finally:
        config.set_floatx("float32")
    double.save_weights(tmp_path / "double.weights.h5")
    double.load_weights(tmp_path / "single.weights.h5")
    for a, b in zip(double.get_weights(), single.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    with pytest.raises(ModelFileError, match="float64 in the file, float32 in the model"):
        single.load_weights(tmp_path / "double.weights.h5")


def test_a_model_that_is_not_built_keeps_its_configuration(tmp_path):
    model = Sequential([layers.Conv2D(3, 2), layers.Flatten(), layers.Dense(4)])
    with pytest.warns(UserWarning, match="not yet been built"):
        model.save(tmp_path / "m.keras")
    loaded = load_model(tmp_path / "m.keras")
    assert not loaded.built
    assert loaded(np.zeros((2, 5, 4, 1), "float32")).shape == (2, 4)
    with pytest.raises(ValueError, match="saving a model that has not yet been built"):
        model.save_weights(tmp_path / "m.weights.h5")
    with pytest.raises(ValueError, match="into a model that has not yet been built"):
        model.load_weights(tmp_path / "m.weights.h5")


def test_compiled_but_never_trained_and_not_compiled(tmp_path):
    samples.small().save(tmp_path / "compiled.keras")
    loaded = load_model(tmp_path / "compiled.keras")
    assert loaded.compiled
    assert loaded.optimizer.iterations == 0
    assert not load_model(tmp_path / "compiled.keras", compile=False).compiled
    samples.small(compiled=False).save(tmp_path / "bare.keras")
    assert not load_model(tmp_path / "bare.keras").compiled


def test_a_layer_of_ones_own(tmp_path):
    model = Sequential([layers.Input((5,)), Scale(2.0), layers.Dense(3)])
    model.layers[0].gain.assign(np.arange(5.0))
    model.layers[0].count.assign([3.0, 4.0])
    model.save(tmp_path / "m.keras")
    with pytest.raises(ModelFileError, match=r"no layer class 'Scale'.*custom_objects"):
        load_model(tmp_path / "m.keras")
    loaded = load_model(tmp_path / "m.keras", custom_objects={"Scale": Scale})
    assert loaded.layers[0].power == 2.0
    samples.assert_same(loaded, model)
    with h5py.File(_weights_of(tmp_path / "m.keras", tmp_path)) as file:
        assert file["layers/scale/vars/0"].shape == (5,)  # trainable weights first, as in Keras


def test_what_could_not_be_loaded_is_not_saved(tmp_path):
    (tmp_path / "m.keras").write_bytes(b"old")
    model = Sequential([layers.Input((5,)), Forgetful(power=2.0, name="odd")])
    with pytest.raises(ValueError, match=r"layer 'odd' \(Forgetful\) leaves out power"):
        model.save(tmp_path / "m.keras")

    class NeedsMore(Scale):
        @classmethod
        def from_config(cls, config):
            return cls(**config, unknown=1)

    model = Sequential([layers.Input((5,)), NeedsMore(name="odd")])
    with pytest.raises(ValueError, match=r"layer 'odd' \(NeedsMore\) could not be rebuilt"):
        model.save(tmp_path / "m.keras")
    model = Sequential([layers.Input((5,)), Scale(name="odd")])
    model.layers[0].power = np.sqrt
    with pytest.raises(ValueError, match="not JSON serializable"):
        model.save(tmp_path / "m.keras")
    assert (tmp_path / "m.keras").read_bytes() == b"old"


def test_diverged_weights_do_not_replace_a_good_file(tmp_path):
    model = samples.small()
    model.save(tmp_path / "m.keras")
    good = (tmp_path / "m.keras").read_bytes()
    kernel = model.get_layer("middle").kernel
    kernel.assign(np.where(kernel.numpy() > 0.1, np.inf, 0.0))
    with pytest.raises(ValueError, match="middle/kernel' holds NaN or infinite"):
        model.save(tmp_path / "m.keras")
    assert (tmp_path / "m.keras").read_bytes() == good


def test_paths_and_endings(tmp_path, monkeypatch):
    model = samples.small()
    for bad in ("m.h5", "m.hdf5", "m.pkl", "m", "m.keras.zip"):
        with pytest.raises(ValueError, match="Invalid filepath extension"):
            model.save(tmp_path / bad)
    with pytest.raises(ValueError, match=r"must end in `\.weights\.h5`"):
        model.save_weights(tmp_path / "m.h5")
    with pytest.raises(ValueError, match="not supported: \\['save_format'\\]"):
        model.save(tmp_path / "m.keras", save_format="h5")
    with pytest.raises(ValueError, match="zipped=False"):
        model.save(tmp_path / "m.keras", zipped=False)
    with pytest.raises(ValueError, match="loads weights from"):
        model.load_weights(tmp_path / "m.h5")
    with pytest.raises(TypeError, match="must be a path"):
        load_model(7)
    with pytest.raises(ValueError, match=r"File not found: filepath=.*accessible `\.keras` zip"):
        load_model(tmp_path / "none.keras")
    with pytest.raises(FileNotFoundError, match="No such weights file"):
        model.load_weights(tmp_path / "none.weights.h5")
    with pytest.raises(ValueError, match="File format not supported"):
        load_model(tmp_path / "m.h5")
    assert not list(tmp_path.iterdir())
    monkeypatch.chdir(tmp_path)
    model.save("모델 1.keras")
    samples.assert_same(load_model(pathlib.Path("모델 1.keras")), model)


def test_an_existing_file_is_kept_if_so_asked(tmp_path):
    model = samples.small()
    model.save(tmp_path / "m.keras")
    model.save(tmp_path / "m.keras")
    with pytest.raises(FileExistsError, match="overwrite=False"):
        model.save(tmp_path / "m.keras", overwrite=False)
    model.save_weights(tmp_path / "m.weights.h5", overwrite=False)
    with pytest.raises(FileExistsError, match="overwrite=False"):
        model.save_weights(tmp_path / "m.weights.h5", overwrite=False)


def test_every_difference_is_listed_and_the_model_is_unchanged(tmp_path):
    samples.small().save_weights(tmp_path / "m.weights.h5")
    other = Sequential(
        [layers.Input((7, 6, 2)), layers.Flatten(), layers.Dense(5, name="a"), layers.Dense(3)]
    )
    before = other.get_weights()
    with pytest.raises(ModelFileError) as caught:
        other.load_weights(tmp_path / "m.weights.h5")
    message = str(caught.value)
    assert "layers/sequential/layers/conv2d/vars/0 (3, 2, 2, 3) has no place" in message
    assert "layers/dense/vars/0 (" in message
    assert "a/kernel) has shape (30, 5) in the file, (84, 5) in the model" in message
    assert message.count("\n") == 8  # dense_1 and both biases fit
    assert caught.value.path == str(tmp_path / "m.weights.h5")
    for a, b in zip(before, other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    with pytest.warns(UserWarning, match="left as it was"):
        other.load_weights(tmp_path / "m.weights.h5", skip_mismatch=True)
    np.testing.assert_array_equal(before[0], other.get_weights()[0])
    np.testing.assert_array_equal(before[1], other.get_weights()[1])  # its layer does not fit
    assert not np.array_equal(before[2], other.get_weights()[2])


def test_the_state_of_another_optimizer_is_left_out_with_a_warning(tmp_path):
    x, y = samples.data()
    model = samples.small()
    model.train_on_batch(x, y)
    model.save_weights(tmp_path / "m.weights.h5")
    other = samples.small()
    other.compile(optimizers.SGD(0.1), "sparse_categorical_crossentropy")
    seed = other.shuffle_seed
    with pytest.warns(UserWarning, match=r"state of the optimizer.*\(SGD\) and was left out"):
        other.load_weights(tmp_path / "m.weights.h5")
    np.testing.assert_array_equal(other.get_weights()[0], model.get_weights()[0])
    assert other.shuffle_seed == seed


def test_json(tmp_path):
    model = samples.small()
    again = model_from_json(model.to_json(indent=2))
    assert json.loads(again.to_json()) == json.loads(model.to_json())
    assert again.compiled
    assert not np.array_equal(again.get_weights()[0], model.get_weights()[0])
    with pytest.raises(ModelFileError, match="not usable JSON"):
        model_from_json("{")


def test_clones_share_nothing():
    model = Sequential([layers.Input((5,)), Scale(2.0, name="own"), layers.Dense(3)])
    clone = clone_model(model)
    assert [layer.name for layer in clone.layers] == [layer.name for layer in model.layers]
    assert clone.layers[0].power == 2.0
    assert not np.array_equal(clone.get_weights()[2], model.get_weights()[2])
    clone = clone_model(model, clone_function=lambda layer: layers.Dense(3))
    assert [w.shape for w in clone.weights] == [(5, 3), (3,), (3, 3), (3,)]
    with pytest.raises(ValueError, match="input_tensors"):
        clone_model(model, input_tensors=[])


def test_safe_mode_is_the_only_one(tmp_path):
    samples.small().save(tmp_path / "m.keras")
    with pytest.warns(UserWarning, match="safe_mode=False changes nothing"):
        load_model(tmp_path / "m.keras", safe_mode=False)


def test_the_archive_is_kerass(tmp_path):
    samples.small().save(tmp_path / "m.keras")
    with zipfile.ZipFile(tmp_path / "m.keras") as archive:
        assert archive.namelist() == ["metadata.json", "config.json", "model.weights.h5"]
        assert {i.compress_type for i in archive.infolist()} == {zipfile.ZIP_STORED}
        metadata = json.loads(archive.read("metadata.json"))
    assert metadata["minicnn_version"] == minicnn.__version__
    path = _weights_of(tmp_path / "m.keras", tmp_path)
    assert path.read_bytes()[8] == 2  # the version of HDF5's headers that has checksums
    with h5py.File(path) as file:
        assert set(file) == {"layers", "optimizer", "vars"}
        assert file["layers/dense/vars"].attrs["name"] == "middle"
        assert set(file["layers"]) == {
            "random_flip", "sequential", "max_pooling2d", "batch_normalization", "flatten",
            "dropout", "dense", "dropout_1", "dense_1",
        }  # fmt: skip


def test_loading_builds_no_random_weights(tmp_path, monkeypatch):
    samples.small().save(tmp_path / "m.keras")

    def forbidden(self):
        raise AssertionError("drew random numbers for weights that the file has")

    monkeypatch.setattr(minicnn.initializers.GlorotUniform, "generator", forbidden)
    load_model(tmp_path / "m.keras")


def test_saving_draws_no_random_numbers(tmp_path):
    model = samples.small()
    before = random.getstate()
    model.save(tmp_path / "m.keras")
    assert random.getstate() == before


def _weights_of(path, folder):
    with zipfile.ZipFile(path) as archive:
        (folder / "inside.h5").write_bytes(archive.read("model.weights.h5"))
    return folder / "inside.h5"


def test_files_of_every_format_so_far():
    golden = pathlib.Path(__file__).parent.parent / "golden"
    model = load_model(golden / "minicnn_format_1.keras")
    with np.load(golden / "minicnn_format_1.npz") as expected:
        x, y = expected["x"], expected["y"]
        np.testing.assert_allclose(model.predict(x, verbose=0), expected["p"], atol=1e-6)
        found = model.fit(x, y, epochs=3, verbose=0).history["loss"]
        np.testing.assert_allclose(found, expected["further_loss"], atol=1e-5)
