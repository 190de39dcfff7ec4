"""Sequential: how it is built, what can be looked up in it, and how it is written down."""

import numpy as np
import pytest

from minicnn import utils
from minicnn.gradcheck import assert_gradients
from minicnn.layers import (
    Activation,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    Input,
    InputLayer,
    Layer,
    MaxPooling2D,
    ReLU,
    Softmax,
)
from minicnn.models import Sequential
from tests.helpers import gradient

RNG = np.random.default_rng(11)


@pytest.fixture(autouse=True)
def fresh_names():
    utils.clear_session()


def small(**kwargs):
    return Sequential(
        [
            Input((9, 7, 2)),
            Conv2D(3, (3, 2), activation="relu"),
            MaxPooling2D(2),
            Flatten(),
            Dense(4, activation="softmax"),
        ],
        **kwargs,
    )


@pytest.mark.parametrize(
    "layers",
    [
        [Input((9, 7, 2)), Conv2D(3, 3)],
        [InputLayer((9, 7, 2)), Conv2D(3, 3)],
        [InputLayer(input_shape=(9, 7, 2)), Conv2D(3, 3)],
        [Conv2D(3, 3, input_shape=(9, 7, 2))],
        [Conv2D(3, 3, batch_input_shape=(None, 9, 7, 2))],
    ],
    ids=["Input", "InputLayer", "InputLayer(input_shape=)", "input_shape=", "batch_input_shape="],
)
def test_every_spelling_of_the_input_builds_at_once(layers):
    model = Sequential(layers)
    assert model.built
    assert len(model.layers) == 1
    assert model.input_shape == (None, 9, 7, 2)
    assert model.output_shape == (None, 7, 5, 3)
    assert model.layers[0].kernel.shape == (3, 3, 2, 3)


def test_shapes_and_parameter_counts():
    model = small()
    assert [layer.output.shape for layer in model.layers] == [
        (None, 7, 6, 3), (None, 3, 3, 3), (None, 27), (None, 4),
    ]  # fmt: skip
    assert [layer.count_params() for layer in model.layers] == [39, 0, 0, 112]
    assert model.count_params() == 151
    assert [w.path for w in model.weights] == [
        "sequential/conv2d/kernel", "sequential/conv2d/bias",
        "sequential/dense/kernel", "sequential/dense/bias",
    ]  # fmt: skip


def test_deferred_build():
    model = Sequential([Conv2D(3, 3), Flatten(), Dense(2)])
    assert not model.built
    assert model.weights == []
    with pytest.raises(AttributeError, match="no defined input shape"):
        _ = model.input_shape
    with pytest.raises(ValueError, match="isn't built"):
        model.count_params()
    y = model.predict(RNG.random((5, 6, 4, 1)), verbose=0)
    assert y.shape == (5, 2)
    assert y.dtype == np.float32
    assert model.input_shape == (None, 6, 4, 1)


def test_build_by_hand():
    model = Sequential([Dense(3)])
    model.build((None, 5))
    assert model.weights[0].shape == (5, 3)
    model.build((None, 5))  # the same shape again is no mistake
    with pytest.raises(ValueError, match="has no layers"):
        Sequential().build((None, 5))


def test_a_failed_add_leaves_the_model_as_it_was():
    model = Sequential([Input((6, 6, 1)), Conv2D(2, 3)])
    with pytest.raises(ValueError, match="zero or negative"):
        model.add(Conv2D(2, 9))
    assert len(model.layers) == 1
    model.add(Flatten())
    assert model.output_shape == (None, 32)


def test_add_pop_and_refit():
    model = small()
    last = model.pop()
    assert isinstance(last, Dense)
    assert model.output_shape == (None, 27)
    model.add(Dense(2, activation="softmax"))
    x, y = RNG.random((6, 9, 7, 2)), RNG.integers(0, 2, 6)
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.fit(x, y, verbose=0)
    assert model.predict(x, verbose=0).shape == (6, 2)
    with pytest.raises(TypeError, match="no layers"):
        Sequential().pop()


def test_names_follow_the_class():
    model = Sequential([Input((8, 8, 1)), Conv2D(1, 1), ReLU(), MaxPooling2D(), Conv2D(1, 1)])
    model.add(Flatten())
    model.add(Dense(2))
    model.add(Activation("softmax"))
    assert [layer.name for layer in model.layers] == [
        "conv2d", "re_lu", "max_pooling2d", "conv2d_1", "flatten", "dense", "activation",
    ]  # fmt: skip
    assert model.name == "sequential"
    assert Sequential().name == "sequential_1"
    assert repr(model) == "<Sequential name=sequential, built=True>"
    assert repr(model.layers[0]) == "<Conv2D name=conv2d, built=True>"


def test_get_layer_and_weights():
    model = small()
    assert model.get_layer("dense") is model.layers[3]
    assert model.get_layer(index=0) is model.layers[0]
    weights = [RNG.random(w.shape).astype("float32") for w in model.weights]
    model.set_weights(weights)
    for ours, given in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(ours, given)
    model.get_weights()[0][...] = 0  # copies: the model's own stay
    np.testing.assert_array_equal(model.layers[0].kernel.numpy(), weights[0])


def test_config_round_trip():
    model = small(name="net")
    model.add(Dropout(0.3, seed=4))
    again = Sequential.from_config(model.get_config())
    assert again.name == "net"
    assert again.get_config() == model.get_config()
    assert [w.shape for w in again.weights] == [w.shape for w in model.weights]
    again.set_weights(model.get_weights())
    x = RNG.random((3, 9, 7, 2))
    np.testing.assert_array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))


def test_unknown_class_in_a_config():
    config = small().get_config()
    config["layers"][1]["class_name"] = "Conv2DD"
    with pytest.raises(ValueError, match="'Conv2D'"):
        Sequential.from_config(config)


def test_nested_sequential_equals_flat(backend):
    inner = Sequential([Conv2D(3, 3, activation="relu"), MaxPooling2D()], name="inner")
    nested = Sequential([Input((9, 7, 2)), inner, Flatten(), Dense(4, activation="softmax")])
    flat = Sequential([Input((9, 7, 2)), Conv2D(3, 3, activation="relu"), MaxPooling2D()])
    flat.add(Flatten())
    flat.add(Dense(4, activation="softmax"))
    flat.set_weights(nested.get_weights())
    x, y = RNG.random((6, 9, 7, 2)), RNG.integers(0, 4, 6)
    for model in (nested, flat):
        model.compile("adam", "sparse_categorical_crossentropy")
    assert nested.train_on_batch(x, y) == flat.train_on_batch(x, y)
    np.testing.assert_array_equal(nested.predict(x, verbose=0), flat.predict(x, verbose=0))


def test_a_built_model_inside_another_must_fit():
    inner = small(name="inner")
    with pytest.raises(ValueError, match=r"inner.*\(None, 9, 7, 2\).*\(None, 8, 7, 2\)"):
        Sequential([Input((8, 7, 2)), inner])


def test_calls_on_arrays(backend):
    model = small()
    x = RNG.random((5, 9, 7, 2)).astype("float32")
    y = x
    for layer in model.layers:
        y = layer(y)
    np.testing.assert_allclose(model(x), y, rtol=1e-6)
    np.testing.assert_array_equal(model(x), model.predict(x, verbose=0))
    np.testing.assert_array_equal(model.predict_on_batch(x), model(x))


def test_activation_spellings_agree(backend):
    x = RNG.standard_normal((5, 6)).astype("float32")
    dense = Dense(3, activation="softmax")
    y = dense(x)
    linear = Dense(3)
    linear(x)
    linear.set_weights(dense.get_weights())
    np.testing.assert_array_equal(Softmax()(linear(x)), y)
    np.testing.assert_array_equal(Activation("softmax")(linear(x)), y)


def test_predict_in_batches_equals_predict_at_once(backend):
    model = small()
    x = RNG.random((23, 9, 7, 2))
    whole = model.predict(x, batch_size=23, verbose=0)
    np.testing.assert_allclose(model.predict(x, batch_size=5, verbose=0), whole, rtol=1e-6)
    np.testing.assert_array_equal(model.predict(x, batch_size=8, steps=2, verbose=0).shape, (16, 4))


class Swish(Layer):
    def forward(self, ctx, x):
        gate = 1 / (1 + np.exp(-x))
        ctx.save(x=x, gate=gate)
        return x * gate

    def backward(self, ctx, dy):
        return dy * ctx.gate * (1 + ctx.x * (1 - ctx.gate))


class Scale(Layer):
    def build(self, input_shape):
        self.gain = self.add_weight(name="gain", shape=(input_shape[-1],), initializer="ones")

    def forward(self, ctx, x):
        ctx.save(x=x)
        return x * self.gain.value

    def backward(self, ctx, dy):
        self.gain.grad[...] = (dy * ctx.x).sum(axis=tuple(range(dy.ndim - 1)))
        return dy * self.gain.value


@pytest.mark.parametrize("layer", [Swish, Scale])
def test_gradients_of_layers_of_ones_own(layer):
    assert_gradients(layer, (3, 4, 5, 2))


def test_layers_of_ones_own_train(backend):
    model = Sequential([Input((4, 4, 2)), Conv2D(3, 3), Scale(), Swish(), Flatten(), Dense(2)])
    model.compile("adam", "mse")
    twin = Sequential([Input((4, 4, 2)), Conv2D(3, 3, activation="silu"), Flatten(), Dense(2)])
    twin.compile("adam", "mse")
    weights = model.get_weights()
    twin.set_weights([w for i, w in enumerate(weights) if i != 2])
    x, y = RNG.random((8, 4, 4, 2)), RNG.random((8, 2))
    assert model.train_on_batch(x, y) == pytest.approx(twin.train_on_batch(x, y), rel=1e-5)
    ours = [gradient(p) for i, p in enumerate(model.weights) if i != 2]
    for a, p in zip(ours, twin.weights, strict=True):
        np.testing.assert_allclose(a, gradient(p), rtol=2e-4, atol=1e-7)
    assert not np.array_equal(model.get_weights()[2], weights[2])


def test_a_subclass_of_an_activation_runs_its_own_code(backend):
    class Backwards(ReLU):
        def backward(self, ctx, dy):
            return 3 * super().backward(ctx, dy)

    gradients = []
    for activation in (ReLU(), Backwards()):
        model = Sequential([Input((4,)), Dense(3, kernel_initializer="ones"), activation, Dense(1)])
        model.layers[2].set_weights([np.ones((3, 1)), np.zeros(1)])
        model.compile("sgd", "mse")
        model.train_on_batch(np.ones((2, 4)), np.zeros((2, 1)))
        gradients.append(gradient(model.layers[0].kernel))
    np.testing.assert_allclose(gradients[1], 3 * gradients[0], rtol=1e-6)


def test_a_subclass_of_a_layer_is_never_replaced_by_a_fused_operation(backend):
    class Doubled(Conv2D):
        def forward(self, ctx, x):
            return 2 * super().forward(ctx, x)

        def backward(self, ctx, dy):
            return super().backward(ctx, 2 * dy)

    plain = Sequential([Input((6, 6, 1)), Conv2D(2, 3, activation="relu"), MaxPooling2D()])
    double = Sequential([Input((6, 6, 1)), Doubled(2, 3, activation="relu"), MaxPooling2D()])
    double.set_weights(plain.get_weights())
    x = RNG.random((3, 6, 6, 1))
    np.testing.assert_allclose(
        double.predict(x, verbose=0), 2 * plain.predict(x, verbose=0), rtol=1e-6
    )
