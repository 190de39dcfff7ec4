"""Models that share layers: all of them see the weights that any of them trains."""

import numpy as np
import pytest

from minicnn import config
from minicnn.callbacks import LambdaCallback
from minicnn.layers import Conv2D, Dense, Dropout, Flatten, Input
from minicnn.models import Sequential
from minicnn.optimizers import Adam
from tests.faults.trained import data, state

X, Y = data()


def whole():
    model = Sequential([
        Input((6, 5, 2)), Conv2D(4, 3, activation="relu"), Flatten(), Dropout(0.2),
        Dense(5, activation="relu"), Dense(3, activation="softmax"),
    ])  # fmt: skip
    model.compile(Adam(0.01), "sparse_categorical_crossentropy")
    return model


def train(model, epochs=2):
    model.fit(X, Y, batch_size=8, epochs=epochs, verbose=0)


def test_the_first_layers_as_a_model_of_their_own(backend):
    """As when the feature maps are looked at in the midst of training."""
    model, alone = whole(), whole()
    alone.set_weights(model.get_weights())
    alone.shuffle_seed = model.shuffle_seed
    for mine, other in zip(model.layers, alone.layers, strict=True):
        if hasattr(mine, "mask_seed"):
            other.mask_seed = mine.mask_seed
    train(model)
    features = Sequential([Input((6, 5, 2)), *model.layers[:2]])
    before = features.predict(X, verbose=0)
    train(model)
    after = features.predict(X, verbose=0)
    assert (before != after).any(), "the features stayed behind"
    train(alone, 4)
    assert state(model) == state(alone), "looking changed the training"


def test_a_model_inside_another_one(backend):
    """Weights move to the outer model's arrays; the inner model, and its optimizer, follow."""
    inner = Sequential([Input((6, 5, 2)), Flatten(), Dense(3, activation="softmax")])
    inner.compile(Adam(0.01), "sparse_categorical_crossentropy")
    train(inner)
    moments = [v.numpy() for v in inner.optimizer.variables]
    outer = Sequential([inner, Dense(3, activation="softmax")])
    outer.compile("sgd", "sparse_categorical_crossentropy")
    before = inner.predict(X, verbose=0)
    train(outer)
    assert (inner.predict(X, verbose=0) != before).any()
    assert inner.executor().store.holds()
    assert outer.executor().store.holds()
    weights = outer.get_weights()
    inner._trainer.step(inner)
    for variable, moment in zip(inner.optimizer.variables, moments, strict=True):
        np.testing.assert_array_equal(variable.numpy(), moment)
    steps = inner.executor().steps_done
    train(inner, 1)
    assert inner.executor().steps_done == steps + 3
    assert [(a != b).any() for a, b in zip(weights, outer.get_weights(), strict=True)] == [
        True, True, False, False,
    ]  # fmt: skip


def test_two_models_around_one_in_turn(backend):
    """As in adversarial training: each step of either is seen by the other."""
    shared = Sequential([Input((6, 5, 2)), Flatten(), Dense(4, activation="relu")])
    models = [Sequential([shared, Dense(3, activation="softmax")]) for _ in range(2)]
    for model in models:
        model.compile(Adam(0.01), "sparse_categorical_crossentropy")
    for turn in range(6):
        before = shared.get_weights()[0]
        models[turn % 2].train_on_batch(X, Y)
        now = [m.get_weights()[0] for m in (shared, *models)]
        assert (now[0] != before).any()
        np.testing.assert_array_equal(now[0], now[1])
        np.testing.assert_array_equal(now[0], now[2])
    assert [model.optimizer.iterations for model in models] == [3, 3]


def test_weights_taken_away_within_fit_are_noticed():
    model = whole()

    def take(epoch, logs):
        Sequential([Input((6, 5, 2)), *model.layers[:2], Dense(2)]).predict(X, verbose=0)

    with pytest.raises(RuntimeError, match="took weights of this one along"):
        model.fit(X, Y, epochs=2, verbose=0, callbacks=[LambdaCallback(on_epoch_end=take)])
    before = model.get_weights()[0]
    train(model)
    assert (model.get_weights()[0] != before).any()


def test_on_two_backends():
    """The weights of a layer are those of the model that was used last."""
    before = config.backend()
    try:
        config.set_backend("numba")
        model = whole()
        train(model)
        config.set_backend("numpy")
        features = Sequential([Input((6, 5, 2)), *model.layers[:2]])
        for _ in range(2):
            seen = features.predict(X, verbose=0)
            train(model)
            assert (features.predict(X, verbose=0) != seen).any()
    finally:
        config.set_backend(before)
