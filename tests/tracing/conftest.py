"""Models of every kind of layer, small and of odd sizes, in float64."""

import numpy as np
import pytest

from minicnn import config
from minicnn.layers import (
    AveragePooling2D,
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    Input,
    LeakyReLU,
    MaxPooling2D,
    RandomFlip,
)
from minicnn.models import Sequential

SHAPE = (11, 9, 2)  # H, W, C


@pytest.fixture
def in_float64():
    """New models are float64 inside, so that finite differences tell something."""
    before = config.floatx()
    config.set_floatx("float64")
    yield
    config.set_floatx(before)


@pytest.fixture
def image(rng):
    """One image of SHAPE, float64."""
    return rng.normal(size=SHAPE)


def network(last="softmax", activation="relu"):
    """Strides, padding, an activation inside and as a layer, both poolings, a nested model."""
    model = Sequential(
        [
            Input(SHAPE),
            RandomFlip("horizontal", name="flip"),
            Conv2D(4, (3, 2), strides=(1, 2), padding="same", activation=activation, name="conv"),
            BatchNormalization(name="norm"),
            MaxPooling2D((2, 2), padding="same", name="pool"),
            Sequential(
                [
                    Conv2D(6, (2, 2), groups=2, dilation_rate=(2, 1), use_bias=False, name="conv"),
                    LeakyReLU(name="leaky"),
                    AveragePooling2D((2, 1), strides=(1, 1), name="mean"),
                ],
                name="block",
            ),
            Flatten(name="flatten"),
            Dropout(0.5, name="dropout"),
            Dense(5, activation=last, name="dense"),
        ],
        name="net",
    )
    rng = np.random.default_rng(3)
    for weight in model.weights:  # no zeros, no ones: a bias or an average left out shows
        values = rng.normal(size=weight.shape) * 0.5
        weight.assign(np.abs(values) + 0.5 if "variance" in weight.name else values)
    return model
