"""A small trained model and its data, for pictures of it."""

import random

import numpy as np
import pytest

from minicnn import config
from minicnn.datasets import rendered_digits
from minicnn.layers import Conv2D, Dense, Dropout, Flatten, Input, MaxPooling2D
from minicnn.models import Sequential


@pytest.fixture(scope="session")
def digits():
    """(model, x_test, y_test): trained for one epoch on the textbook backend."""
    before, state = config.backend(), random.getstate()
    config.set_backend("numpy")
    random.seed(1)
    (x, y), (x_test, y_test) = rendered_digits.load_data(300, 40)
    x, x_test = (np.divide(a[..., None], 255, dtype="float32") for a in (x, x_test))
    model = Sequential(
        [
            Input((28, 28, 1)),
            Conv2D(5, 5, strides=2, activation="relu", name="conv2d"),
            MaxPooling2D(name="pool"),
            Flatten(name="flatten"),
            Dropout(0.2, name="dropout"),
            Dense(10, activation="softmax", name="dense"),
        ],
        name="digits",
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(x, y, batch_size=30, epochs=1, verbose=0)
    config.set_backend(before)
    random.setstate(state)
    return model, x_test, y_test
