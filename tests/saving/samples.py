"""Models to save, data to train them on, and what must be equal afterwards."""

import numpy as np

from minicnn import initializers
from minicnn.layers import (
    Activation,
    AveragePooling2D,
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePooling2D,
    Input,
    LeakyReLU,
    MaxPooling2D,
    RandomFlip,
    RandomTranslation,
    ReLU,
    Rescaling,
    Reshape,
    Softmax,
    ZeroPadding2D,
)
from minicnn.models import Sequential


def data(n=20):
    """x (n, 7, 6, 2), labels (n,) of 3 classes."""
    rng = np.random.default_rng(5)
    return rng.random((n, 7, 6, 2), dtype="float32"), rng.integers(0, 3, n)


def small(compiled=True):
    """Dropout, a model inside, layers with names of their own."""
    model = Sequential(
        [
            Input((7, 6, 2)),
            RandomFlip("horizontal"),
            Sequential([Conv2D(3, (3, 2), activation="relu", name="first"), Dropout(0.3)]),
            MaxPooling2D((2, 1)),
            BatchNormalization(momentum=0.7),
            Flatten(),
            Dropout(0.25, seed=77),
            Dense(5, activation="tanh", name="middle"),
            Dropout(0.5),
            Dense(3, activation="softmax"),
        ]
    )
    if compiled:
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def every_layer():
    """Every kind of layer, every argument other than its default."""
    return Sequential(
        [
            Input(batch_shape=(None, 13, 11, 4), name="picture"),
            Conv2D(
                6, (3, 2), padding="same", dilation_rate=(2, 1), groups=2, use_bias=False,
                kernel_initializer=initializers.HeUniform(seed=3), name="grouped",
            ),
            ReLU(max_value=1.5, negative_slope=0.2, threshold=0.1),
            MaxPooling2D((3, 2), strides=(2, 1), padding="same"),
            Conv2D(
                3, 2, strides=(2, 1), activation="gelu", trainable=False,
                kernel_initializer=initializers.VarianceScaling(2.0, "fan_out", "uniform"),
                bias_initializer=initializers.Constant(0.5),
            ),
            Dropout(0.4, noise_shape=(None, 1, 1, 3), seed=9),
            Activation("softsign"),
            Rescaling(3.0, offset=-0.5),
            RandomTranslation(0.1, (-0.2, 0.3), fill_mode="nearest", seed=4),
            ZeroPadding2D(((1, 0), (2, 3))),
            BatchNormalization(momentum=0.9, epsilon=0.01, center=False, name="normal"),
            AveragePooling2D((2, 1), strides=1, padding="same"),
            LeakyReLU(0.05),
            Conv2D(6, 1, kernel_regularizer="l2"),
            GlobalAveragePooling2D(keepdims=True),
            Reshape((2, -1)),
            Flatten(),
            Dense(4, use_bias=False, kernel_initializer="orthogonal"),
            Softmax(axis=1),
        ],
        name="everything",
    )  # fmt: skip


def assert_same(a, b):
    """Weights, optimizer state and seeds of two models are equal, bit for bit."""
    for left, right in zip(a.get_weights(), b.get_weights(), strict=True):
        assert left.dtype == right.dtype
        np.testing.assert_array_equal(left, right)
    assert (a.optimizer is None) == (b.optimizer is None)
    if a.optimizer is not None:
        for left, right in zip(a.optimizer.variables, b.optimizer.variables, strict=True):
            assert left.dtype == right.dtype
            np.testing.assert_array_equal(left.numpy(), right.numpy(), left.path)
    assert a.shuffle_seed == b.shuffle_seed
