"""Looking at a model leaves no mark on it."""

import copy
import random

import numpy as np
import pytest

import minicnn
from minicnn.layers import Dense, Flatten, Input, Layer
from minicnn.models import Sequential
from tests.tracing.conftest import SHAPE, network


def trained(rng):
    model = network()
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    x, y = rng.normal(size=(12, *SHAPE)).astype("float32"), rng.integers(0, 5, 12)
    model.fit(x, y, batch_size=4, epochs=2, verbose=0)
    return model, x, y


def everything(model):
    """Weights, gradients, moments, counters, and what the contexts of training keep."""
    executor = model.executor()
    kept = [executor.store.values, executor.store.grads, executor.step_number]
    kept += [v.value for v in model.optimizer.variables]
    for ctx in [*executor.contexts(), *model._trainer.step(model).contexts()]:
        kept += [v for v in vars(ctx).values() if hasattr(v, "dtype")]
        kept += list(ctx._buffers.values())
    return [np.array(executor.ops.to_numpy(a) if hasattr(a, "dtype") else a) for a in kept]


def test_a_trained_model_is_the_same_after_a_trace(backend, rng):
    model, x, y = trained(rng)
    model.executor().store.grads[...] = 3.25
    before, state = everything(model), random.getstate()
    grads = [id(p.grad) for p in model.parameters]
    minicnn.trace(model, x[0])
    minicnn.trace(model, x[1], y=int(y[1]))
    assert random.getstate() == state
    assert [id(p.grad) for p in model.parameters] == grads
    for a, b in zip(before, everything(model), strict=True):
        np.testing.assert_array_equal(a, b)


def test_training_goes_on_as_if_nothing_had_been_looked_at(backend, rng):
    model, x, y = trained(rng)
    twin = copy.deepcopy(model)
    minicnn.trace(model, x[0], y=int(y[0]))
    for m in (model, twin):
        m.fit(x, y, batch_size=4, epochs=1, verbose=0)
    for a, b in zip(model.get_weights(), twin.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_fresh_model_is_traced_without_being_compiled(backend, image):
    model = network()
    weights = model.get_weights()
    trace = minicnn.trace(model, image)
    assert not model.compiled
    for a, b in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert trace["conv"].gradients["kernel"].shape == (3, 2, 2, 4)


def test_the_arrays_of_a_trace_are_copies(backend, image):
    model = network()
    given = image[None].astype("float32")
    trace = minicnn.trace(model, given)
    kept = copy.deepcopy([(r.x, r.y, r.dx, r.weights, r.gradients) for r in trace.layers])
    kept.append((trace.image, trace.dimage, trace.logits, {}, {}))
    kept = copy.deepcopy(kept)
    minicnn.trace(model, 2 * image, score=1)
    given[...] = 0
    for weight in model.weights:
        weight.assign(np.zeros(weight.shape))
    now = [(r.x, r.y, r.dx, r.weights, r.gradients) for r in trace.layers]
    now.append((trace.image, trace.dimage, trace.logits, {}, {}))
    for old, new in zip(kept, now, strict=True):
        for a, b in zip(old[:3], new[:3], strict=True):
            np.testing.assert_array_equal(a, b)
        for a, b in zip(old[3:], new[3:], strict=True):
            assert a.keys() == b.keys()
            for name in a:
                np.testing.assert_array_equal(a[name], b[name])


class Broken(Layer):
    def forward(self, ctx, x):
        return x

    def backward(self, ctx, dy):
        raise RuntimeError("out of order")


def test_after_an_error_the_model_has_its_gradients_back(image):
    model = Sequential([Input(SHAPE), Broken(), Flatten(), Dense(3)])
    model.predict(image[None], verbose=0)
    grads = [p.grad for p in model.parameters]
    grads[0][...] = 7.0
    with pytest.raises(RuntimeError, match="out of order"):
        minicnn.trace(model, image)
    assert [p.grad is g for p, g in zip(model.parameters, grads, strict=True)] == [True] * 2
    assert (grads[0] == 7.0).all()
