"""One training step: what outlives it changes at its end, and it sees what somebody has changed."""

import gc
import itertools
import weakref

import numpy as np
import pytest

from minicnn import callbacks, config, optimizers
from minicnn.layers import (
    BatchNormalization,
    Conv2D,
    Dense,
    Flatten,
    Input,
    Layer,
    MaxPooling2D,
)
from minicnn.models import Sequential
from minicnn.regularizers import L2

rng = np.random.default_rng(0)
X = rng.normal(size=(64, 8)).astype("float32")
Y = np.arange(64) % 4


def compiled(*layers, optimizer="sgd"):
    model = Sequential([Input((8,)), *layers, Dense(4, activation="softmax")])
    model.compile(optimizer, "sparse_categorical_crossentropy")
    return model


class Normalised(Layer):
    """A custom layer that has a batch normalisation inside."""

    def build(self, input_shape):
        self.inner = BatchNormalization(momentum=0.5)
        self.inner.build(input_shape)

    @property
    def parameters(self):
        return self.inner.parameters if hasattr(self, "inner") else []

    def compute_output_shape(self, input_shape):
        return input_shape

    def forward(self, ctx, x):
        return self.inner.forward(ctx, x)

    def backward(self, ctx, dy):
        return self.inner.backward(ctx, dy)


def test_a_normalisation_inside_a_custom_layer_moves_its_averages(backend):
    model = compiled(Normalised())
    model.train_on_batch(X, Y)
    moved = model.layers[0].inner.moving_mean.numpy()
    np.testing.assert_allclose(moved, 0.5 * X.mean(axis=0), rtol=1e-5)
    with pytest.raises(ValueError, match="not a finite number"):
        model.train_on_batch(np.full_like(X, np.nan), Y)
    np.testing.assert_array_equal(model.layers[0].inner.moving_mean.numpy(), moved)
    model.train_on_batch(X, Y)  # nothing of the refused step is left over
    twice = model.layers[0].inner.moving_mean.numpy()
    np.testing.assert_allclose(twice, 0.5 * moved + 0.5 * X.mean(axis=0), rtol=1e-5)


class Scaled(BatchNormalization):
    """A subclass that computes something else, without averages."""

    def forward(self, ctx, x):
        ctx.save(x=x)
        return x * self.gamma.value

    def backward(self, ctx, dy):
        self.gamma.grad[...] = (dy * ctx.x).sum(axis=0)
        self.beta.grad[...] = 0
        return dy * self.gamma.value


def test_a_subclass_of_the_normalisation_runs_its_own_forward():
    model = compiled(Scaled())
    model.train_on_batch(X, Y)
    assert model.executor().steps_done == model.optimizer.iterations == 1
    np.testing.assert_array_equal(model.layers[0].moving_mean.numpy(), np.zeros(8))


class Damped(optimizers.SGD):
    """Overrides ``apply``: a tenth of each gradient."""

    def apply(self, grads=None, trainable_variables=None):
        self._store.grads[...] *= 0.1
        super().apply(grads, trainable_variables)


class Warming(optimizers.SGD):
    """Overrides ``refresh_learning_rate``: the rate grows with the updates."""

    def refresh_learning_rate(self):
        self._rate.assign(0.01 * (self.iterations + 1))


@pytest.mark.parametrize(
    ("optimizer", "rates"), [(Damped(0.1), (0.01, 0.01)), (Warming(1.0), (0.01, 0.02))]
)
def test_what_a_subclass_of_an_optimizer_overrides_is_called(optimizer, rates):
    models = [compiled(optimizer=made) for made in (optimizer, optimizers.SGD(1.0))]
    models[1].set_weights(models[0].get_weights())
    for rate in rates:
        models[1].optimizer.learning_rate = rate
        for model in models:
            model.train_on_batch(X, Y)
    for ours, theirs in zip(models[0].get_weights(), models[1].get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-7)


def test_a_layer_that_a_generator_freezes_stays_as_it_is_from_the_next_step_on(backend):
    first = Dense(16, activation="relu", kernel_regularizer=L2(0.5))
    model = compiled(first)
    seen = []

    def batches():
        for i in range(6):
            if i in (2, 4):
                first.trainable = i == 4
            seen.append(first.kernel.numpy())
            yield X[8 * i : 8 * i + 8], Y[8 * i : 8 * i + 8]

    model.fit(batches(), verbose=0)
    changed = [not np.array_equal(a, b) for a, b in itertools.pairwise(seen)]
    assert changed == [True, True, False, False, True]


def test_loss_and_optimizer_are_attributes_that_can_be_set():
    model = compiled()
    model.fit(X, Y, verbose=0)
    model.optimizer = optimizers.SGD(0.0)
    before = model.get_weights()
    model.train_on_batch(X, Y)
    assert model.optimizer.iterations == 1
    for array, copy in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(array, copy)

    class Named(Sequential):
        def __init__(self):
            super().__init__([Input((8,)), Dense(4)])
            self.loss = "mine"

    assert Named().loss == "mine"


def test_the_hooks_of_a_list_of_callbacks_have_their_names():
    listed = callbacks.CallbackList([])
    listed.on_epoch_begin(epoch=0, logs={})
    listed.on_train_batch_end(batch=0, logs={})
    assert listed.on_epoch_end.__name__ == "on_epoch_end"


def test_a_refused_step_has_its_number_in_the_epoch_after_a_resumption_too(backend):
    model = compiled()
    model.train_on_batch(X, Y)
    step = model._trainer.step(model)
    x = X.copy()
    x[40] = np.nan
    source = model._trainer.source(model, x, Y, None, None, 16, None, "train")
    step.reset(steps=7)
    for rows in source.epoch(False, rng):
        step.train(rows)
    step.logs()
    number, rows = step.refused
    assert (number, rows.start) == (7 + 3, 32)


@pytest.mark.parametrize(
    ("convolution", "pooling"),
    [
        ({"groups": 2}, {}),
        ({"dilation_rate": 2}, {}),
        ({}, {"strides": 1}),
        ({}, {"padding": "same"}),
        ({"groups": 2, "dilation_rate": 2}, {"strides": 1}),
    ],
)
def test_what_no_fused_operation_knows_is_computed_stage_by_stage(backend, convolution, pooling):
    """Against the reference, which fuses nothing."""
    layers = [
        Input((9, 11, 4)), Conv2D(6, 3, activation="relu", **convolution),
        MaxPooling2D(3, **{"strides": 2, **pooling}), Flatten(), Dense(4),
    ]  # fmt: skip
    model = Sequential(layers)
    x = rng.normal(size=(5, 9, 11, 4)).astype("float32")
    ours = model.predict(x, verbose=0)
    config.set_backend("numpy")
    twin = Sequential(
        [Input((9, 11, 4)), *(type(a).from_config(a.get_config()) for a in model.layers)]
    )
    twin.set_weights(model.get_weights())
    np.testing.assert_allclose(ours, twin.predict(x, verbose=0), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("call", ["fit", "train_on_batch"])
def test_training_lets_go_of_the_data(call, backend):
    model = compiled()
    x = X.copy()
    alive = weakref.ref(x)
    getattr(model, call)(x, Y, **({"verbose": 0} if call == "fit" else {}))
    del x
    gc.collect()
    assert alive() is None
