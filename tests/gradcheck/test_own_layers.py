"""The library checks itself: every layer, activation and loss, and a model, on every backend.

The inputs are random and, a second time, small whole numbers: full of ties and exact zeros.
"""

import inspect

import pytest

from minicnn import layers, losses
from minicnn.gradcheck import assert_gradients
from minicnn.models import Sequential
from tests.conftest import load_backend

IMAGE = (3, 7, 6, 4)  # N, H, W, C
LAYERS = [
    (layers.Activation("tanh"), (3, 5)),
    (layers.AveragePooling2D((3, 2)), IMAGE),
    (layers.AveragePooling2D((2, 3), strides=(2, 1), padding="same"), IMAGE),
    (layers.BatchNormalization(), (6, 5)),
    (layers.BatchNormalization(), IMAGE),
    (layers.BatchNormalization(axis=1), IMAGE),
    (layers.BatchNormalization(center=False), IMAGE),
    (layers.BatchNormalization(scale=False), IMAGE),
    (layers.Conv2D(5, (3, 2)), IMAGE),
    (layers.Conv2D(5, (2, 3), strides=(2, 3)), IMAGE),
    (layers.Conv2D(5, (3, 2), padding="same"), IMAGE),
    (layers.Conv2D(5, (3, 4), strides=(3, 2), padding="same", activation="relu"), IMAGE),
    (layers.Conv2D(5, (3, 2), dilation_rate=(2, 3)), IMAGE),
    (layers.Conv2D(5, (2, 3), dilation_rate=(3, 2), padding="same"), IMAGE),
    (layers.Conv2D(6, (3, 2), groups=2), IMAGE),
    (layers.Conv2D(4, (2, 2), groups=4, strides=2, padding="same"), IMAGE),
    (layers.Conv2D(5, 1), IMAGE),
    (layers.Conv2D(5, (3, 2), use_bias=False), IMAGE),
    (layers.Conv2D(5, (3, 2), activation="tanh"), IMAGE),
    (layers.Dense(4), (3, 5)),
    (layers.Dense(4, use_bias=False), (3, 5)),
    (layers.Dense(4, activation="relu"), (3, 5)),
    (layers.Dense(4, activation="softmax"), (2, 3, 5)),
    (layers.Dropout(0.4, seed=1), (3, 5)),
    (layers.Flatten(), IMAGE),
    (layers.GlobalAveragePooling2D(), IMAGE),
    (layers.GlobalAveragePooling2D(keepdims=True), IMAGE),
    (layers.GlobalMaxPooling2D(), IMAGE),
    (layers.GlobalMaxPooling2D(keepdims=True), IMAGE),
    (layers.LeakyReLU(0.2), (3, 5)),
    (layers.MaxPooling2D((3, 2)), IMAGE),
    (layers.MaxPooling2D((2, 3), strides=(1, 2), padding="same"), IMAGE),
    (layers.RandomFlip(seed=1), IMAGE),
    (layers.RandomTranslation(0.3, (-0.2, 0.4), seed=1), IMAGE),
    (layers.ReLU(), IMAGE),
    (layers.ReLU(max_value=1.5, negative_slope=0.1, threshold=0.5), (3, 5)),
    (layers.Rescaling(1 / 3, offset=-1), (3, 5)),
    (layers.Reshape((-1, 3)), IMAGE),
    (layers.Softmax(), (3, 5)),
    (layers.Softmax(axis=1), (2, 3, 5)),
    (layers.ZeroPadding2D(((1, 2), (0, 3))), IMAGE),
]
ACTIVATIONS = (
    "linear", "relu", "relu6", "leaky_relu", "elu", "celu", "selu", "gelu", "silu", "softplus",
    "softsign", "sigmoid", "hard_sigmoid", "hard_silu", "tanh", "softmax", "log_softmax",
    "exponential", "mish",
)  # fmt: skip
NO_GRADIENT = {layers.Input, layers.InputLayer, layers.Layer}


def label(value):
    return None if isinstance(value, tuple) else type(value).__name__


@pytest.fixture(params=["numpy", "numba", pytest.param("cupy", marks=pytest.mark.gpu)])
def backend(request):
    """Name of every backend in turn."""
    load_backend(request.param)
    return request.param


@pytest.fixture(params=["random", "ties"])
def filled(request, rng):
    """Makes the input of a shape: the shape itself, for a random one, or whole numbers."""
    if request.param == "random":
        return lambda shape: shape
    return lambda shape: rng.integers(-2, 3, shape).astype(float)


@pytest.mark.parametrize(("layer", "shape"), LAYERS, ids=label)
def test_layer(layer, shape, filled, backend):
    report = assert_gradients(layer, filled(shape), backend=backend)
    assert report.arrays[0].name == "x"
    copy = type(layer).from_config(layer.get_config())
    copy.ensure_built(shape)
    assert len(report.arrays) == 1 + len(copy.trainable_weights)


def test_no_layer_is_left_out():
    public = {c for name in layers.__all__ if inspect.isclass(c := getattr(layers, name))}
    assert public - NO_GRADIENT == {type(layer) for layer, _ in LAYERS}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation(name, filled, backend):
    assert_gradients(layers.Activation(name), filled((4, 5)), backend=backend)


@pytest.mark.parametrize("loss", losses.CLASSES, ids=lambda loss: loss.__name__)
def test_loss(loss, backend):
    assert_gradients(loss(), (4, 5), backend=backend)


def test_model(backend):
    model = Sequential(
        [
            layers.Input((9, 8, 2)),
            layers.Conv2D(4, 3, padding="same", use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.MaxPooling2D(2),
            layers.Conv2D(3, (2, 3), activation="relu"),
            layers.Flatten(),
            layers.Dense(6, activation="relu"),
            layers.Dropout(0.3, seed=2),
            layers.Dense(4, activation="softmax"),
        ]
    )
    report = assert_gradients(
        model, (5, 9, 8, 2), loss="sparse_categorical_crossentropy", backend=backend
    )
    assert len(report.arrays) == 1 + len(model.trainable_weights)
