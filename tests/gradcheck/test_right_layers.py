"""Right gradients pass: the library's layers, other styles, inputs full of kinks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicnn import layers, losses
from minicnn.gradcheck import assert_gradients, check_gradients
from minicnn.models import Sequential

from .zoo.convolution import Conv
from .zoo.normalisation import BatchNorm
from .zoo.objects import OtherStyle
from .zoo.pooling import Pool

CASES = [
    (layers.Conv2D, (2, 7, 6, 3), {"filters": 4, "kernel_size": (3, 2), "strides": (2, 1)}),
    (layers.Conv2D, (1, 5, 6, 1), {"filters": 2, "kernel_size": 2, "padding": "same"}),
    (layers.MaxPooling2D, (2, 7, 6, 3), {"pool_size": 3, "strides": 2}),
    (layers.MaxPooling2D, (2, 5, 6, 2), {"pool_size": 2, "strides": 1, "padding": "same"}),
    (layers.Dense, (3, 5), {"units": 4, "activation": "softmax"}),
    (layers.ReLU, (4, 5), {"negative_slope": 0.1, "max_value": 1.0}),
    (layers.Dropout, (4, 5), {"rate": 0.4, "seed": 1}),
    (layers.Softmax, (4, 5), {}),
    (layers.Flatten, (2, 3, 4, 2), {}),
    (Conv, (2, 7, 6, 3), {"stride": 2, "pad": 1}),
    (Pool, (2, 7, 6, 3), {"size": 3, "stride": 2}),
    (BatchNorm, (6, 3), {}),
]  # fmt: skip


@pytest.mark.parametrize(("layer", "shape", "params"), CASES)
@pytest.mark.parametrize("kind", ["generic", "ties", "zeros"])
def test_layers_pass(layer, shape, params, kind, rng):
    x = {"generic": shape, "ties": rng.integers(-1, 2, shape), "zeros": np.zeros(shape)}[kind]
    report = assert_gradients(layer, x, params=params)
    assert report.cause is None
    assert all(a.ok and a.wrong == 0 for a in report.arrays)


@given(
    shape=st.tuples(st.integers(1, 3), st.integers(3, 7), st.integers(3, 7), st.integers(1, 3)),
    kernel=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    stride=st.integers(1, 3),
    padding=st.sampled_from(["same", "valid"]),
    seed=st.integers(0, 99),
)
def test_convolutions_of_any_shape_pass(shape, kernel, stride, padding, seed):
    layer = layers.Conv2D(2, kernel, strides=stride, padding=padding, activation="relu")
    assert_gradients(layer, np.random.default_rng(seed).integers(-1, 2, shape))


@pytest.mark.parametrize(
    "loss",
    [
        losses.MeanSquaredError(),
        losses.CategoricalCrossentropy(),
        losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1),
        losses.SparseCategoricalCrossentropy(from_logits=True),
        losses.BinaryCrossentropy(),
    ],
    ids=lambda loss: loss.name,
)
def test_losses_pass(loss):
    assert_gradients(loss, (4, 5))


def test_given_targets_are_used(rng):
    report = assert_gradients(
        losses.MeanSquaredError(), rng.standard_normal((3, 2)), y=np.ones((3, 2))
    )
    assert report.target == "MeanSquaredError"


@pytest.mark.parametrize("loss", ["sparse_categorical_crossentropy", None])
def test_whole_model_with_its_loss(loss):
    model = Sequential(
        [
            layers.Input((8, 7, 1)),
            layers.Conv2D(3, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dropout(0.3, seed=4),
            layers.Dense(4, activation="softmax"),
        ]
    )
    before = model.get_weights()
    report = assert_gradients(model, (3, 8, 7, 1), loss=loss)
    assert len(report.arrays) == 5
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_a_wrong_layer_in_a_model_is_named():
    class Backwards(layers.Dense):
        def backward(self, ctx, dy):
            return -super().backward(ctx, dy)

    model = Sequential(
        [layers.Input((5,)), layers.Dense(4, activation="tanh"), Backwards(3, name="odd_one")]
    )
    report = check_gradients(model, (2, 5), loss="mse")
    assert report.cause == "sign"
    assert "odd_one" in report.explanation


def test_other_styles_pass(rng):
    w, b = rng.standard_normal((5, 3)), np.zeros(3)

    def forward(x, w, b):
        return x @ w + b, (x, w)

    def backward(dout, cache):
        return dout @ cache[1].T, cache[0].T @ dout, dout.sum(0)

    def out_only(x, w):
        return x @ w

    def backward_from_inputs(dy, x, w):
        return {"dx": dy @ w.T, "dw": x.T @ dy}

    def closure(x, w):
        return x @ w, lambda dy: (dy @ w.T, x.T @ dy)

    def cache_first(cache, dout):
        return backward(dout, cache)

    def mse(p, t):
        return np.mean((p - t) ** 2), 2 * (p - t) / p.size

    assert_gradients((forward, backward), (4, 5), params={"w": w, "b": b})
    assert_gradients((forward, backward), (4, 5), params=[w, b])
    assert_gradients((forward, cache_first), (4, 5), params={"w": w, "b": b})
    assert_gradients((out_only, backward_from_inputs), (4, 5), params={"w": w})
    assert_gradients(closure, (4, 5), params={"w": w})
    assert_gradients(mse, (4, 5), params={"t": rng.standard_normal((4, 5))})
    assert_gradients(OtherStyle, (4, 5))
    assert_gradients(OtherStyle(5, 2), (4, 5))


def test_built_layer_is_copied_not_changed(rng):
    layer = layers.Dense(3)
    layer.ensure_built((None, 4))
    before = layer.get_weights()
    assert_gradients(layer)  # its shape is known
    assert_gradients(layer, (2, 4))
    assert [w.dtype for w in layer.get_weights()] == ["float32", "float32"]
    np.testing.assert_array_equal(layer.get_weights()[0], before[0])


def test_casts_are_said():
    report = assert_gradients(layers.Softmax, np.arange(6).reshape(2, 3))
    assert any("int64" in note and "float64" in note for note in report.notes)


def test_same_answer_every_time():
    np.random.seed(1)  # noqa: NPY002  (the program's own numbers are not touched)
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    params = {"filters": 2, "kernel_size": 2}
    first, again = (
        check_gradients(layers.Conv2D, (2, 4, 5, 1), params=params, seed=3).arrays for _ in range(2)
    )
    assert [(a.index, a.numeric) for a in first] == [(a.index, a.numeric) for a in again]
    np.testing.assert_array_equal(before, np.random.get_state()[1])  # noqa: NPY002


def test_cheap_check_finds_an_error_in_a_single_entry():
    class OneEntry(layers.Flatten):
        def backward(self, ctx, dy):
            dx = super().backward(ctx, dy).copy()
            dx[0, 3, 2, 1] += 1e-3
            return dx

    assert not check_gradients(OneEntry, (4, 12, 12, 16)).ok


def test_a_layer_may_refuse_other_inputs():
    class Picky(layers.Flatten):
        def forward(self, ctx, x):
            if x.max() > 3:
                raise ValueError("too bright")
            return super().forward(ctx, x)

    class PickyAndWrong(Picky):
        def backward(self, ctx, dy):
            return -super().backward(ctx, dy)

    assert_gradients(Picky, (2, 3, 3, 1))
    assert check_gradients(PickyAndWrong, (2, 3, 3, 1)).cause == "sign"


def test_positive_input_where_forward_needs_it():
    class Log(layers.Layer):
        def forward(self, ctx, x):
            ctx.save(x=x)
            return np.log(x)

        def backward(self, ctx, dy):
            return dy / ctx.x

    report = assert_gradients(Log, (3, 4))
    assert any("positive" in note for note in report.notes)
