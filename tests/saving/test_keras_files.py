"""Files that Keras 3.15 wrote; golden/make_keras_files.py wrote them and what Keras computed."""

import zipfile
from pathlib import Path

import numpy as np
import pytest

from minicnn import losses, metrics, optimizers
from minicnn.layers import Conv2D, Dense, Dropout, Flatten, Input
from minicnn.models import Sequential, load_model

GOLDEN = Path(__file__).parent.parent / "golden"


@pytest.fixture(scope="module")
def expected():
    with np.load(GOLDEN / "keras_files.npz") as file:
        return dict(file)


def test_predictions_of_a_model_that_keras_saved(expected):
    model = load_model(GOLDEN / "keras_model.keras")
    assert model.name == "from_keras"
    assert [layer.name for layer in model.layers][3:7] == [
        "batch_normalization", "max_pooling2d", "average_pooling2d", "second",
    ]  # fmt: skip
    np.testing.assert_allclose(model.predict(expected["x"], verbose=0), expected["p"], atol=1e-6)


def test_training_goes_on_where_keras_stopped(expected):
    model = load_model(GOLDEN / "keras_model.keras")
    assert isinstance(model.optimizer.get_config()["learning_rate"], dict)
    assert model.optimizer.iterations == expected["iterations"]
    assert isinstance(model.loss, losses.SparseCategoricalCrossentropy)
    assert model.metrics_names == ["loss", "accuracy", "ce"]
    assert isinstance(model.metrics[0], metrics.SparseCategoricalCrossentropy)
    x, labels = expected["x"], expected["labels"]
    found = [model.train_on_batch(x, labels)[0] for _ in expected["further_loss"]]
    np.testing.assert_allclose(found, expected["further_loss"], atol=2e-6)
    np.testing.assert_allclose(model.predict(x, verbose=0), expected["further_p"], atol=5e-6)


def test_weights_that_keras_saved(expected):
    model = Sequential(
        [
            Input((9, 8, 2)),
            Sequential([Conv2D(3, 3, activation="relu"), Dropout(0.5)]),
            Flatten(),
            Dense(4, activation="sigmoid"),
        ]
    )
    model.compile(optimizers.SGD(0.1, momentum=0.9), "mse")
    model.load_weights(GOLDEN / "keras_weights.weights.h5")
    p = model.predict(expected["x"], verbose=0)
    np.testing.assert_allclose(p, expected["nested_p"], atol=1e-6)
    momentum = model.optimizer.variables[2].numpy()
    np.testing.assert_array_equal(momentum, expected["nested_momentum"])


def test_a_packed_archive(tmp_path, expected):
    with zipfile.ZipFile(GOLDEN / "keras_model.keras") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(tmp_path / "m.keras", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in reversed(members.items()):
            archive.writestr(name, content)
    model = load_model(tmp_path / "m.keras")
    np.testing.assert_allclose(model.predict(expected["x"], verbose=0), expected["p"], atol=1e-6)


def test_a_loaded_model_saved_again_is_the_same(tmp_path, expected):
    model = load_model(GOLDEN / "keras_model.keras")
    model.save(tmp_path / "m.keras")
    again = load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(
        again.predict(expected["x"], verbose=0), model.predict(expected["x"], verbose=0)
    )
    for a, b in zip(again.optimizer.variables, model.optimizer.variables, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())
