"""A small network with all that a step can have, and data for it."""

import random

import numpy as np

from minicnn.layers import (
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    Input,
    MaxPooling2D,
)
from minicnn.models import Sequential

SIDE, CLASSES = 9, 4


def data(count=38, dtype="uint8"):
    """Images (count, 9, 9, 1) and labels (count,); with batches of 16 the last one is smaller."""
    rng = np.random.default_rng(7)
    x = rng.integers(0, 256, (count, SIDE, SIDE, 1)).astype(dtype)
    return x, rng.integers(0, CLASSES, count)


def network(optimizer="adam", extra=(), loss="sparse_categorical_crossentropy", metrics=None):
    """The same weights, masks and shuffles at every call."""
    random.seed(1)
    model = Sequential(
        [
            Input((SIDE, SIDE, 1)),
            BatchNormalization(),  # takes uint8 images as they are
            Conv2D(5, 3, activation="relu", kernel_regularizer="l2"),
            MaxPooling2D(2),
            Conv2D(6, 2, activation="relu", padding="same"),
            *extra,
            Flatten(),
            Dense(12, activation="relu"),
            Dropout(0.3),
            Dense(CLASSES, activation="softmax"),
        ]
    )
    model.shuffle_seed = 5
    model.compile(optimizer, loss, metrics=["accuracy"] if metrics is None else metrics)
    return model


def fit(model, epochs=2, batch_size=16, **more):
    """History of a training on ``data()``."""
    x, y = data()
    return model.fit(x, y, batch_size=batch_size, epochs=epochs, verbose=0, **more).history


def weights(model):
    """All weights as NumPy arrays."""
    return [w.numpy() for w in model.weights]


def same_bits(a, b):
    """Whether two lists of arrays are equal bit for bit."""
    return all(p.tobytes() == q.tobytes() for p, q in zip(a, b, strict=True))
