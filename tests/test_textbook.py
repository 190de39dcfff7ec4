"""The textbook's network is the engine's: the same weights, bit for bit, after the same epoch."""

import os
import subprocess
import sys

import numpy as np
import pytest

from minicnn import config, textbook
from minicnn.datasets import rendered_digits
from minicnn.layers import Conv2D, Dense, Flatten, Input, MaxPooling2D
from minicnn.models import Sequential


@pytest.fixture
def reference():
    before = config.backend()
    config.set_backend("numpy")
    yield
    config.set_backend(before)


def test_an_epoch_of_fit_ends_with_the_same_bits(reference, capsys):
    (x, y), _ = rendered_digits.load_data(300, 0)  # nine batches of 32, and one of 12
    x, y = x[..., None].astype("float32") / 255, y.astype("int64")
    w = textbook.new_weights(np.random.default_rng(3))
    model = Sequential([
        Input((28, 28, 1)), Conv2D(16, 5, activation="relu"), MaxPooling2D(), Flatten(),
        Dense(128, activation="relu"), Dense(10, activation="softmax"),
    ])  # fmt: skip
    model.compile("adam", "sparse_categorical_crossentropy")
    model.set_weights(list(w.values()))
    model.shuffle_seed = 5

    history = model.fit(x, y, batch_size=textbook.BATCH, epochs=2, verbose=0).history
    losses = textbook.train(w, x, y, seed=5, epochs=2)

    assert not np.array_equal(
        model.get_weights()[0], textbook.new_weights(np.random.default_rng(3))["w1"]
    )
    for ours, (name, theirs) in zip(model.get_weights(), w.items(), strict=True):
        np.testing.assert_array_equal(ours, theirs, err_msg=name)
    np.testing.assert_array_equal(np.float32(losses), np.float32(history["loss"]))
    right = (model.predict(x, verbose=0).argmax(axis=1) == y).mean()
    assert textbook.accuracy(w, x, y) == right > 0.2
    assert "epoch 2:    300 images" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.data
def test_it_reaches_98_percent_on_mnist(mnist):
    command = [sys.executable, "-m", "minicnn.textbook"]
    # beside other tests BLAS's threads would spin in each other's way, ten times as long
    env = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    run = subprocess.run(command, capture_output=True, text=True, check=True, env=env)
    assert float(run.stdout.split()[-1].rstrip("%")) > 98, run.stdout
