"""What a person hands over wrongly, and what the message says."""

import numpy as np
import pytest

import minicnn
from minicnn.layers import Conv2D, Dense, Flatten, Input
from minicnn.models import Sequential
from tests.tracing.conftest import network


def grey(**compiled):
    model = Sequential([Input((6, 7, 1)), Conv2D(2, 3), Flatten(), Dense(4, activation="softmax")])
    if compiled:
        model.compile(**compiled)
    return model


@pytest.mark.parametrize("shape", [(6, 7, 1), (1, 6, 7, 1), (6, 7), (1, 6, 7)])
@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8"])
def test_one_image_in_every_form(rng, shape, dtype):
    x = (rng.random((6, 7)) * 9).astype(dtype)
    model = grey()
    trace = minicnn.trace(model, x.reshape(shape))
    assert trace.image.shape == trace.dimage.shape == (6, 7, 1)
    assert trace.image.dtype == np.float32
    np.testing.assert_array_equal(trace.image[..., 0], x.astype("float32"))


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((3, 6, 7, 1), r"a batch of 3, take one of them: x\[0\]"),
        ((3, 6, 7), r"a batch of 3, take one of them: x\[0\]"),
        ((1, 6, 7, 3), r"shape \(6, 7, 1\) \(height, width, channels\).*got shape \(1, 6, 7, 3\)"),
        ((7, 6), r"got shape \(7, 6\)"),
        ((), r"got shape \(\)"),
    ],
)
def test_an_image_that_does_not_fit(shape, message):
    with pytest.raises(ValueError, match=message):
        minicnn.trace(grey(), np.zeros(shape))


def test_channels_first_is_recognised():
    with pytest.raises(ValueError, match=r"channels-first, use image.transpose\(1, 2, 0\)"):
        minicnn.trace(network(), np.zeros((2, 11, 9)))


def test_text_is_no_image():
    with pytest.raises(ValueError, match="image must hold numbers"):
        minicnn.trace(grey(), "five")


def test_a_model_is_needed_and_it_must_be_built():
    with pytest.raises(TypeError, match="expected a model"):
        minicnn.trace(Conv2D(2, 3), np.zeros((6, 7, 1)))
    with pytest.raises(ValueError, match="not built yet"):
        minicnn.trace(Sequential([Conv2D(2, 3)]), np.zeros((6, 7, 1)))
    with pytest.raises(ValueError, match="not built yet"):
        minicnn.trace(Sequential([Input((6, 7, 1))]), np.zeros((6, 7, 1)))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"y": 1}, "has no loss, so that y says nothing yet: compile it"),
        ({"y": 1, "score": 1}, "not both"),
        ({"score": 4}, "a class from 0 to 3, the model's outputs; got 4"),
        ({"score": -1}, "got -1"),
        ({"score": "cat"}, "got 'cat'"),
        ({"score": 1.5}, "got 1.5"),
    ],
)
def test_targets_that_say_nothing(arguments, message):
    with pytest.raises(ValueError, match=message):
        minicnn.trace(grey(), np.zeros((6, 7)), **arguments)


@pytest.mark.parametrize(
    ("loss", "y", "message"),
    [
        ("sparse_categorical_crossentropy", 4, r"labels must lie in \[0, 4\)"),
        ("categorical_crossentropy", 4, "classes go from 0 to 3"),
        ("categorical_crossentropy", np.eye(3)[1], "y has shape"),
        ("mean_squared_error", [1.0, 2.0], "same shape"),
    ],
)
def test_targets_that_do_not_fit_the_loss(loss, y, message):
    model = grey(optimizer="sgd", loss=loss)
    with pytest.raises(ValueError, match=message):
        minicnn.trace(model, np.zeros((6, 7)), y=y)


def test_a_name_that_is_nearly_right():
    trace = minicnn.trace(network(), np.zeros((11, 9, 2)))
    with pytest.raises(KeyError, match="did you mean 'dense'"):
        trace["denes"]
    with pytest.raises(KeyError, match="there are flip, conv, norm"):
        trace["x"]
