"""ONNX files: what onnxruntime computes from one is what the model predicts."""

import builtins

import numpy as np
import pytest

from minicnn import activations, layers
from minicnn.engine import stages
from minicnn.export import to_onnx
from minicnn.layers import (
    Activation,
    AveragePooling2D,
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePooling2D,
    GlobalMaxPooling2D,
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
)  # fmt: skip
from minicnn.models import Sequential
from minicnn.regularizers import L2

onnx = pytest.importorskip("onnx", reason="the package onnx is not installed")
onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")

IMAGE = (7, 9, 4)

LAYERS = {
    "conv valid": [Conv2D(5, (2, 3))],
    "conv same, even kernel": [Conv2D(5, (2, 4), padding="same")],
    "conv same, strides": [Conv2D(5, 3, strides=(2, 3), padding="same", activation="relu")],
    "conv same, stride beyond the kernel": [Conv2D(5, 1, strides=2, padding="same")],
    "conv dilated": [Conv2D(5, (3, 2), dilation_rate=(2, 3), padding="same")],
    "conv in groups": [Conv2D(6, 3, groups=2)],
    "conv depthwise, no bias": [Conv2D(4, 3, groups=4, use_bias=False)],
    "conv softmax": [Conv2D(5, 3, activation="softmax")],
    "max pooling": [MaxPooling2D()],
    "max pooling same": [MaxPooling2D((2, 3), strides=(2, 1), padding="same")],
    "average pooling": [AveragePooling2D((3, 2), strides=1)],
    "average pooling same": [AveragePooling2D((3, 4), strides=2, padding="same")],
    "global average": [GlobalAveragePooling2D()],
    "global average, kept": [GlobalAveragePooling2D(keepdims=True), Dense(3)],
    "global max": [GlobalMaxPooling2D(), Dense(3)],
    "global max, kept": [GlobalMaxPooling2D(keepdims=True)],
    "batch norm": [Conv2D(5, 3), BatchNormalization(), ReLU()],
    "batch norm of rows": [Flatten(), BatchNormalization(epsilon=0.1)],
    "batch norm axis 1": [BatchNormalization(axis=1)],
    "batch norm axis 2": [Conv2D(5, 3), BatchNormalization(axis=2), Conv2D(2, 1)],
    "batch norm of three axes": [Reshape((7, 36)), BatchNormalization()],
    "batch norm, no gamma": [BatchNormalization(scale=False)],
    "batch norm, no beta": [BatchNormalization(center=False)],
    "dense on images": [Dense(5, activation="tanh"), Conv2D(3, 2)],
    "dense, no bias": [Flatten(), Dense(5, use_bias=False)],
    "flatten after conv": [Conv2D(5, 3), Flatten(), Dense(6)],
    "dropout": [Dropout(0.5), Conv2D(3, 2), Dropout(0.5, noise_shape=(None, 1, 1, None))],
    "padding": [ZeroPadding2D(((1, 0), (2, 3)))],
    "padding after conv": [Conv2D(5, 3), ZeroPadding2D(((1, 0), (2, 3))), Conv2D(2, 2)],
    "padding of negative numbers wins": [
        Conv2D(5, 3, activation="softplus"), Rescaling(-1.0), ZeroPadding2D(1), MaxPooling2D(2),
    ],
    "padding, then pooling that pads": [
        Conv2D(5, 3, activation="softplus"), Rescaling(-1.0), ZeroPadding2D(1),
        MaxPooling2D(3, strides=1, padding="same"),
    ],
    "padding, then a mean": [
        Conv2D(5, 3), ZeroPadding2D(1), AveragePooling2D(3, strides=1, padding="same"),
    ],
    "reshape": [Conv2D(4, 1), Reshape((9, -1, 2))],
    "rescaling": [Rescaling(0.25, -1.5)],
    "augmentation": [RandomFlip(), RandomTranslation(0.3, 0.3), Conv2D(2, 2)],
    "nothing": [Dropout(0.5)],
    "softmax of rows": [Conv2D(3, 2), Softmax(axis=1)],
    "penalty on the output": [Flatten(), Dense(3, activity_regularizer=L2(0.1))],
    "nested": [
        Sequential([Conv2D(4, 2, name="a"), MaxPooling2D(name="b")], name="one"),
        Sequential([Conv2D(3, 2, name="a", activation="elu"), Flatten(name="b")], name="two"),
        Dense(3),
    ],
    "a layer as activation": [
        Flatten(), Dense(9, activation=LeakyReLU(0.2)), Dense(5, activation=Activation("linear")),
    ],
    "relu with a ceiling": [ReLU(max_value=0.75)],
    "relu with a slope": [LeakyReLU(0.3)],
    "relu with everything": [ReLU(max_value=1.5, negative_slope=0.1, threshold=0.5)],
    "relu with a threshold": [ReLU(threshold=0.5)],
    "relu with an unreachable ramp": [ReLU(max_value=0.25, threshold=0.5)],
    "gelu by tanh": [
        Flatten(),
        Dense(9, activation=stages.Operation("elementwise", function="gelu_tanh", alpha=1.0)),
    ],
    "elu with alpha": [
        Flatten(),
        Dense(9, activation=stages.Operation("elementwise", function="elu", alpha=0.3)),
    ],
}  # fmt: skip


def model_of(parts, shape=IMAGE, seed=3):
    """A model with random weights; variances are positive."""
    rng = np.random.default_rng(seed)
    model = Sequential([Input(shape), *parts])
    for weight in model.weights:
        value = rng.standard_normal(weight.shape) / np.sqrt(np.prod(weight.shape[:-1]))
        weight.assign(rng.random(weight.shape) + 0.3 if "variance" in weight.name else value)
    return model


def assert_same(model, path, x):
    to_onnx(model, path)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"input": x})
    expected = model.predict(x, verbose=0)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    return onnx.load(path)


@pytest.mark.parametrize("name", LAYERS)
def test_layers(name, tmp_path):
    x = np.random.default_rng(1).standard_normal((3, *IMAGE)).astype("float32")
    assert_same(model_of(LAYERS[name]), tmp_path / "m.onnx", x)


@pytest.mark.parametrize("name", [n for n in activations._FUNCTIONS if n != "linear"])
def test_activations(name, tmp_path):
    x = np.linspace(-8, 8, 3 * 252, dtype="float32").reshape(3, *IMAGE)
    made = assert_same(model_of([Activation(name)]), tmp_path / "m.onnx", x)
    assert "Transpose" not in {node.op_type for node in made.graph.node}


@pytest.mark.parametrize("size", [(11, 8), (6, 13)])
def test_an_image_of_any_size(size, tmp_path):
    model = model_of(
        [
            Conv2D(5, (3, 2), strides=2, padding="same", activation="relu"),
            Conv2D(5, 3, dilation_rate=2, padding="same"),
            ZeroPadding2D(1),
            MaxPooling2D((3, 2), strides=1, padding="same"),
            AveragePooling2D((2, 3), strides=2, padding="same"),
            GlobalMaxPooling2D(),
            Dense(4, activation="softmax"),
        ],
        (None, None, 3),
    )
    x = np.random.default_rng(1).standard_normal((2, *size, 3)).astype("float32")
    assert_same(model, tmp_path / "m.onnx", x)


def test_a_usual_network_is_transposed_only_where_it_must_be(tmp_path):
    model = model_of(
        [
            Conv2D(4, 3, activation="relu"), BatchNormalization(), MaxPooling2D(), Dropout(0.2),
            Conv2D(4, 2, activation="gelu"), Flatten(), Dense(9), Dense(3, activation="softmax"),
        ],
        (12, 10, 1),
    )  # fmt: skip
    x = np.random.default_rng(1).standard_normal((5, 12, 10, 1)).astype("float32")
    made = assert_same(model, tmp_path / "m.onnx", x)
    assert [node.op_type for node in made.graph.node].count("Transpose") == 2
    (given,), (result,) = made.graph.input, made.graph.output
    sizes = [d.dim_param or d.dim_value for d in given.type.tensor_type.shape.dim]
    assert (given.name, sizes) == ("input", ["batch", 12, 10, 1])
    sizes = [d.dim_param or d.dim_value for d in result.type.tensor_type.shape.dim]
    assert (result.name, sizes) == ("output", ["batch", 3])


def test_a_float64_model_is_written_in_float32(tmp_path):
    model = Sequential([Input(IMAGE), Conv2D(3, 2, dtype="float64"), Flatten(dtype="float64")])
    made = assert_same(model, tmp_path / "m.onnx", np.ones((1, *IMAGE), "float32"))
    assert made.graph.output[0].type.tensor_type.elem_type == onnx.TensorProto.FLOAT


class Swish(layers.Layer):
    def forward(self, ctx, x):
        return x / (1 + np.exp(-x))

    def backward(self, ctx, dy):
        return dy


class Doubled(Dense):
    def forward(self, ctx, x):
        return 2 * super().forward(ctx, x)


@pytest.mark.parametrize(
    "own", [Swish(name="mine"), Doubled(3, name="mine"), Dense(3, activation=Swish(name="mine"))]
)
def test_a_layer_of_ones_own_is_named_and_nothing_is_written(own, tmp_path):
    model = model_of([Flatten(), own])
    path = tmp_path / "m.onnx"
    path.write_bytes(b"older")
    with pytest.raises(ValueError, match=r"layer 'mine' \((Swish|Doubled)\) cannot be written"):
        to_onnx(model, path)
    assert path.read_bytes() == b"older"
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_no_built_model(tmp_path):
    with pytest.raises(ValueError, match="is not built yet"):
        to_onnx(Sequential([Dense(3)]), tmp_path / "m.onnx")
    with pytest.raises(TypeError, match="Sequential model, got Dense"):
        to_onnx(Dense(3), tmp_path / "m.onnx")
    with pytest.raises(OSError, match="there is no folder"):
        to_onnx(model_of([Flatten()]), tmp_path / "none" / "m.onnx")


def test_without_onnx_the_message_names_the_extra(tmp_path, monkeypatch):
    real_import = builtins.__import__

    def without_onnx(name, *args, **kwargs):
        if name.partition(".")[0] == "onnx":
            raise ImportError("No module named 'onnx'")
        return real_import(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_onnx)
    with pytest.raises(ImportError, match=r"minicnn\[onnx\]"):
        to_onnx(model_of([Flatten()]), tmp_path / "m.onnx")
