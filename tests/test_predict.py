"""predict computes as many samples together as is fast: what a user sees of it, and what not."""

import gc
import weakref

import numpy as np
import pytest

import minicnn
from minicnn import layers
from minicnn.engine import plan


@pytest.fixture
def few_at_once(monkeypatch):
    """Thirteen samples of the model below at once: neither a batch nor a multiple of one."""
    numbers = 6 * 5 * 4 + 6 * 5 * 4 + 3
    monkeypatch.setattr(plan, "NUMBERS_AT_ONCE", 13 * numbers + 1)
    monkeypatch.setattr(plan, "FEWEST_SAMPLES", 1)


def small(extra=()):
    return minicnn.Sequential([
        layers.Input((8, 7, 3)), layers.Conv2D(4, 3, activation="relu"), *extra,
        layers.Flatten(), layers.Dense(3, activation="softmax"),
    ])  # fmt: skip


class Sizes(layers.Layer):
    """Somebody's layer, which writes down how many samples it was given."""

    def __init__(self, name=None):
        super().__init__(name=name)
        self.seen = []

    def compute_output_shape(self, input_shape):
        return input_shape

    def forward(self, ctx, x):
        self.seen.append(len(x))
        return x

    def backward(self, ctx, dy):
        return dy


@pytest.mark.parametrize("batch_size", [1, 4, 13, 20, 50])
@pytest.mark.parametrize("dtype", ["float32", "uint8"])
def test_the_size_of_a_batch_changes_nothing(few_at_once, rng, batch_size, dtype):
    model, x = small(), (255 * rng.random((47, 8, 7, 3))).astype(dtype)
    expected = np.concatenate([np.asarray(model(x[i : i + 1])) for i in range(len(x))])
    actual = model.predict(x, batch_size=batch_size, verbose=0)
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-6)
    steps = model.predict(x, batch_size=batch_size, steps=2, verbose=0)
    assert len(steps) == min(47, 2 * batch_size)
    np.testing.assert_allclose(steps, expected[: len(steps)], rtol=1e-5, atol=1e-6)


def test_a_callback_sees_every_batch(few_at_once, rng):
    seen = []

    class Watch(minicnn.callbacks.Callback):
        def on_predict_batch_end(self, batch, logs=None):
            seen.append((batch, logs["outputs"].shape))

    small().predict(rng.random((11, 8, 7, 3)), batch_size=4, verbose=0, callbacks=[Watch()])
    assert seen == [(0, (4, 3)), (1, (4, 3)), (2, (3, 3))]


def test_somebody_elses_layer_is_given_batches(few_at_once, rng):
    layer = Sizes()
    small([layer]).predict(rng.random((11, 8, 7, 3)), batch_size=4, verbose=0)
    assert layer.seen[-3:] == [4, 4, 3]


def test_the_progress_bar_counts_batches(few_at_once, rng, capsys):
    small().predict(rng.random((47, 8, 7, 3)), batch_size=4, verbose=1)
    assert "12/12" in capsys.readouterr().out


def test_the_data_is_left_as_it_was_and_let_go(rng):
    model, x = small(), rng.random((40, 8, 7, 3), dtype="float32")
    before = x.copy()
    model.predict(x, verbose=0)
    np.testing.assert_array_equal(x, before)
    watch = weakref.ref(x)
    del x
    gc.collect()
    assert watch() is None


def test_arrays_that_kernels_cannot_take_as_they_are(rng):
    model, x = small(), rng.random((40, 8, 7, 3), dtype="float32")
    expected = model.predict(x, verbose=0)
    x.flags.writeable = False
    np.testing.assert_array_equal(model.predict(x, verbose=0), expected)
    wide = np.repeat(x, 2, axis=0)[::2]
    np.testing.assert_array_equal(model.predict(wide, verbose=0), expected)
