"""A small model with everything that a step changes, and what its state is."""

import hashlib

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
from minicnn.optimizers import AdamW

N = 24


def data(n=N, seed=1):
    """x (n, 6, 5, 2) float32 and labels (n,) of three classes."""
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, 6, 5, 2)).astype("float32"), rng.integers(0, 3, n)


def small(*extra, optimizer=None, metrics=("accuracy",)):
    """A compiled model. A frozen layer in the middle parts the flat weights in two, so that an
    update is made of several calls; ``extra`` layers stand in front of the last one.
    """
    model = Sequential([
        Input((6, 5, 2)),
        Conv2D(4, 3, activation="relu", kernel_regularizer="l2"),
        BatchNormalization(),
        MaxPooling2D(),
        Flatten(),
        Dense(7, activation="relu", name="frozen"),
        Dropout(0.3),
        *extra,
        Dense(3, activation="softmax"),
    ])  # fmt: skip
    model.get_layer("frozen").trainable = False
    model.compile(
        optimizer or AdamW(0.01), "sparse_categorical_crossentropy", metrics=list(metrics)
    )
    return model


def state(model):
    """A hash of all that training changes: weights, moments, counters."""
    found = hashlib.sha256()
    for array in [*model.get_weights(), *(v.numpy() for v in model.optimizer.variables)]:
        found.update(np.ascontiguousarray(array).tobytes())
    executor = model.executor()
    found.update(np.asarray(executor.ops.to_numpy(executor.step_number)).tobytes())
    return found.hexdigest()
