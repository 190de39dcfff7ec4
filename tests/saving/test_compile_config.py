"""Loss, optimizer and metrics come back; what cannot is said."""

import json

import numpy as np
import pytest

from minicnn import losses, metrics, optimizers
from minicnn.layers import Dense, Input
from minicnn.models import Sequential, load_model, model_from_json
from minicnn.optimizers import schedules


def my_metric(y_true, y_pred):
    return np.abs(y_true - y_pred).max(axis=-1)


class MyLoss(losses.MeanSquaredError):
    pass


class MyMetric(metrics.CategoricalAccuracy):
    pass


def my_rate(step):
    return 0.5 / (step + 1)


CUSTOM = {c.__name__: c for c in (my_metric, MyLoss, MyMetric, my_rate)}


def trained(**arguments):
    model = Sequential([Input((4,)), Dense(3, activation="softmax")])
    model.compile(**arguments)
    rng = np.random.default_rng(1)
    x, y = rng.random((6, 4), "float32"), np.eye(3)[rng.integers(0, 3, 6)]
    model.fit(x, y, verbose=0)
    return model, x, y


@pytest.mark.parametrize(
    "arguments",
    [
        {"loss": "categorical_crossentropy"},
        {"loss": losses.CategoricalCrossentropy, "metrics": ["mse"]},
        {"loss": losses.categorical_crossentropy, "metrics": ["acc", losses.mean_squared_error]},
        {"loss": losses.CategoricalCrossentropy(label_smoothing=0.2, name="soft")},
        {"loss": MyLoss("sum"), "metrics": [MyMetric("mine")]},
        {"loss": "mse", "metrics": {"out": [metrics.CategoricalAccuracy(name="a")]}},
        {"loss": "mse", "metrics": [metrics.BinaryAccuracy(threshold=0.3)]},
        {"loss": "mse", "metrics": [my_metric], "weighted_metrics": ["accuracy"]},
        {"loss": "mse", "metrics": [metrics.BinaryCrossentropy("bits")]},
        {"loss": "huber", "metrics": ["mae", losses.huber, metrics.TopKCategoricalAccuracy(2)]},
        {"loss": ["mse"], "optimizer": optimizers.Adam(schedules.ExponentialDecay(0.1, 3, 0.5))},
        {"loss": "mse", "optimizer": optimizers.SGD(my_rate, momentum=0.5)},
        {"loss": "mse", "optimizer": optimizers.AdamW(0.1, global_clipnorm=0.1, name="mine")},
    ],
)
def test_the_loaded_model_computes_and_learns_alike(tmp_path, arguments):
    model, x, y = trained(**arguments)
    model.save(tmp_path / "m.keras")
    loaded = load_model(tmp_path / "m.keras", custom_objects=CUSTOM)
    assert type(loaded.optimizer) is type(model.optimizer)
    assert json.dumps(loaded.optimizer.get_config()) == json.dumps(model.optimizer.get_config())
    for _ in range(2):
        assert loaded.evaluate(x, y, verbose=0, return_dict=True) == (
            model.evaluate(x, y, verbose=0, return_dict=True)
        )
        loaded.fit(x, y, verbose=0)
        model.fit(x, y, verbose=0)


@pytest.mark.parametrize(
    ("arguments", "lacking"),
    [
        ({"loss": MyLoss()}, "MyLoss"),
        ({"loss": "mse", "metrics": [my_metric]}, "my_metric"),
        ({"loss": "mse", "optimizer": optimizers.SGD(my_rate)}, "my_rate"),
    ],
)
def test_what_cannot_be_had_again_is_named(tmp_path, arguments, lacking):
    model, x, _ = trained(**arguments)
    model.save(tmp_path / "m.keras")
    with pytest.warns(UserWarning, match=rf"loaded but not compiled.*{lacking}"):
        loaded = load_model(tmp_path / "m.keras")
    assert not loaded.compiled
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))
    load_model(tmp_path / "m.keras", compile=False)  # nothing to warn of


@pytest.mark.parametrize(
    "change",
    [
        {"optimizer": {"class_name": "Lion", "config": {}}},
        {"optimizer": {"class_name": "Adam", "config": {"learning_rate": "fast"}}},
        {"optimizer": {"class_name": "Adam", "config": {"use_ema": True}}},
        {"optimizer": 3},
        {"loss": {"class_name": "function", "config": "system"}},
        {"loss": 5},
        {"metrics": [{"class_name": "AUC", "config": {}}]},
        {"metrics": 7},
        {"loss_weights": [0.3]},
        {"unheard_of": 1},
    ],
)
def test_a_foreign_compile_config_is_a_warning(change):
    model, _, _ = trained(loss="mse")
    data = json.loads(model.to_json())
    data["compile_config"].update(change)
    with pytest.warns(UserWarning, match="loaded but not compiled"):
        loaded = model_from_json(json.dumps(data))
    assert not loaded.compiled
