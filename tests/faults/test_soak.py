"""Eight threads predict while the model is saved again and again.

For some seconds in ``make test``; for five minutes, or ``MINICNN_SOAK_SECONDS``, in ``make soak``.
"""

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from minicnn.layers import (
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    Input,
    MaxPooling2D,
)
from minicnn.models import Sequential, load_model

SECONDS = float(os.environ.get("MINICNN_SOAK_SECONDS", "3"))
THREADS = 8


def model_and_images():
    """Large enough that kernels run on several threads, and each thread has images of its own."""
    rng = np.random.default_rng(0)
    model = Sequential([
        Input((28, 28, 1)),
        Conv2D(16, 3, activation="relu"), MaxPooling2D(), BatchNormalization(),
        Conv2D(24, 3, activation="relu"), Flatten(), Dropout(0.3),
        Dense(40, activation="relu"), Dense(10, activation="softmax"),
    ])  # fmt: skip
    model.compile("adam", "sparse_categorical_crossentropy")
    x = rng.random((64, 28, 28, 1), dtype="float32")
    model.fit(x, rng.integers(0, 10, 64), epochs=2, verbose=0)
    return model, [rng.random((90 + 7 * i, 28, 28, 1), dtype="float32") for i in range(THREADS)]


def test_predicting_while_saving(backend, tmp_path):
    if backend == "cupy" and os.environ.get("MINICNN_TEST_GPU") != "1":
        pytest.skip("the stand-in for a GPU is too slow to tell anything here")
    model, images = model_and_images()
    expected = [model.predict(x, batch_size=50, verbose=0) for x in images]
    begin = time.monotonic()
    saved, stop = [], threading.Event()

    def predict(i):
        predictions = 0
        while not stop.is_set():
            if predictions % 2:
                found = model.predict(images[i], batch_size=50, verbose=0)
            else:
                found = model(images[i])
            # another size of batch may round differently in the last digit
            np.testing.assert_allclose(found, expected[i], rtol=0, atol=1e-6)
            if predictions % 2:
                np.testing.assert_array_equal(found, expected[i])
            predictions += 1
        return predictions

    def save():
        """Every second, under names that alternate: a file is replaced too."""
        try:
            while time.monotonic() - begin < SECONDS:
                path = tmp_path / f"{len(saved) % 7}.keras"
                model.save(path)
                loaded = load_model(path)
                found = loaded.predict(images[0], batch_size=50, verbose=0)
                np.testing.assert_array_equal(found, expected[0])
                saved.append(path)
                stop.wait(min(1.0, SECONDS / 6))
        finally:
            stop.set()

    with ThreadPoolExecutor(THREADS + 1) as pool:
        saving = pool.submit(save)
        counts = [pool.submit(predict, i) for i in range(THREADS)]
        saving.result()
        counts = [count.result() for count in counts]
    assert min(counts) >= 1
    assert len(saved) >= 1
    print(f"{backend}: {sum(counts):,} predictions, {len(saved)} files, {SECONDS:.0f} s")
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted({p.name for p in saved})
