"""Ways to use layers, losses, metrics and optimizers one by one that Keras programs have."""

import numpy as np
import pytest

from minicnn import Input, Sequential, layers
from minicnn.layers import Layer

rng = np.random.default_rng(20)


# -- layers --------------------------------------------------------------------------------------


def test_a_layer_built_by_hand_keeps_its_weights_when_called():
    x = rng.normal(size=(3, 5)).astype("float32")
    layer = layers.Dense(2)
    layer.build((None, 5))
    assert layer.built
    w, b = rng.normal(size=(5, 2)), rng.normal(size=2)
    layer.set_weights([w, b])
    np.testing.assert_allclose(layer(x), x @ w + b, rtol=1e-5, atol=1e-6)
    assert len(layer.weights) == 2


class Scale(Layer):
    """A layer of one's own, whose build says nothing of ``built``."""

    def build(self, input_shape):
        self.gain = self.add_weight((input_shape[-1],), "ones", name="gain")

    def forward(self, ctx, x):
        return x * self.gain.value


def test_so_does_a_layer_of_ones_own_and_one_derived_from_it():
    class Twice(Scale):
        def build(self, input_shape):
            super().build(input_shape)
            self.shift = self.add_weight((1,), "zeros", name="shift")

    layer = Twice()
    assert not layer.built
    layer.build((None, 3))
    assert layer.built and len(layer.weights) == 2
    layer.gain.assign([1.0, 2.0, 3.0])
    np.testing.assert_array_equal(layer(np.ones((2, 3))), [[1, 2, 3]] * 2)
    assert len(layer.weights) == 2


def test_who_adds_a_build_to_a_layer_without_weights_has_something_to_build():
    class Counted(layers.MaxPooling2D):
        def build(self, input_shape):
            self.count = self.add_weight((), "zeros", trainable=False, name="count")

    assert layers.MaxPooling2D().built and layers.Softmax().built
    assert not Counted().built


@pytest.mark.parametrize("rows", [2, 7])
def test_a_batch_size_of_the_input_does_not_limit_the_number_of_samples(rows):
    model = Sequential([Input((3,), batch_size=4), layers.Dense(2)])
    model.compile("sgd", "mse")
    x, y = rng.normal(size=(rows, 3)), rng.normal(size=(rows, 2))
    assert model.predict(x, verbose=0).shape == (rows, 2)
    model.fit(x, y, batch_size=4, verbose=0)
