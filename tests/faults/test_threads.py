"""Several threads use one model: results are those of one thread, and a rule says who may what."""

import copy
import random
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from minicnn.callbacks import LambdaCallback
from minicnn.layers import Conv2D, Dense, Flatten
from minicnn.models import Sequential, load_model
from tests.faults.trained import data, small, state


def together(functions):
    """The results of functions that begin at the same moment, each in a thread of its own."""
    barrier = threading.Barrier(len(functions))

    def begin(function):
        barrier.wait(30)
        return function()

    with ThreadPoolExecutor(len(functions)) as pool:
        return [f.result(120) for f in [pool.submit(begin, f) for f in functions]]


@pytest.mark.parametrize("call", ["predict", "__call__", "predict_on_batch"])
def test_predictions_equal_those_of_one_thread(call, backend):
    model = small()
    inputs = [data(40 + i, seed=i)[0] for i in range(6)]
    options = {"verbose": 0, "batch_size": 7} if call == "predict" else {}
    expected = [np.array(getattr(model, call)(x, **options)) for x in inputs]

    def many(i):
        return [getattr(model, call)(inputs[i], **options) for _ in range(25)]

    found = together([lambda i=i: many(i) for i in range(6)])
    for results, right in zip(found, expected, strict=True):
        for result in results:
            np.testing.assert_array_equal(result, right)


def test_the_first_call_of_all(backend):
    """Building, and laying out the weights, happens once, and training then learns with them."""
    for _ in range(5):
        random.seed(1)
        model = Sequential([Conv2D(3, 3), Flatten(), Dense(3, activation="softmax")])
        model.compile("sgd", "sparse_categorical_crossentropy")
        x, y = data()
        together([lambda: model.predict(x, verbose=0)] * 4)  # noqa: B023
        store = model.executor().store
        assert all(np.shares_memory(p.value, store.values) for p in model.parameters) or (
            backend == "cupy"
        )
        before = model.get_weights()
        model.fit(x, y, verbose=0)
        assert all((a != b).any() for a, b in zip(before, model.get_weights(), strict=True))


def epochs_on(backend):
    """Kernels that run on the CPU in a GPU's place take their time."""
    return 3 if backend == "cupy" else 30


def test_predicting_while_another_thread_trains(backend):
    """Each batch is predicted with the weights of a whole step, and training is not disturbed."""
    x, y = data()
    random.seed(2)
    model = small()
    states = {}  # prediction -> after which step

    def note(*_, logs=None):
        states[model.predict(x, verbose=0).tobytes()] = model.optimizer.iterations

    callback = LambdaCallback(on_train_batch_end=note)
    note()
    undisturbed = copy.deepcopy(model)
    done = threading.Event()
    seen = set()

    def train():
        model.fit(x, y, batch_size=8, epochs=epochs_on(backend), verbose=0, callbacks=[callback])
        done.set()

    def predict():
        while not done.is_set():
            seen.add(model.predict(x, verbose=0).tobytes())
            seen.add(model(x).tobytes())

    together([train, predict, predict])
    assert seen <= states.keys()
    undisturbed.fit(x, y, batch_size=8, epochs=epochs_on(backend), verbose=0)
    assert state(undisturbed) == state(model)


def test_saving_while_another_thread_trains(backend, tmp_path):
    """Each file holds a whole step; so do the weights that are asked for."""
    x, y = data()
    random.seed(2)
    model = small()
    states, done = {}, threading.Event()

    def note(*_, logs=None):
        states[model.optimizer.iterations] = state(model)

    callback = LambdaCallback(on_train_batch_end=note)

    def train():
        model.fit(x, y, batch_size=8, epochs=epochs_on(backend), verbose=0, callbacks=[callback])
        done.set()

    def save():
        n = 0
        while not done.is_set():
            model.save(tmp_path / f"{n}.keras")
            n += 1
        return n

    model.train_on_batch(x, y)
    note()
    _, saved = together([train, save])
    for n in range(saved):
        loaded = load_model(tmp_path / f"{n}.keras")
        assert state(loaded) == states[loaded.optimizer.iterations]


@pytest.mark.parametrize("call", ["fit", "evaluate", "train_on_batch", "test_on_batch"])
def test_only_one_thread_trains_or_evaluates(call):
    """The second one hears so at once; nothing of the first one's training is touched."""
    x, y = data()
    model = small()
    inside, go_on = threading.Event(), threading.Event()

    def wait(*_, logs=None):
        inside.set()
        assert go_on.wait(30)

    with ThreadPoolExecutor(1) as pool:
        training = pool.submit(
            model.fit, x, y, epochs=2, verbose=0, callbacks=[LambdaCallback(on_train_begin=wait)]
        )
        assert inside.wait(30)
        history = model.history
        try:
            with pytest.raises(RuntimeError, match="another thread is training"):
                getattr(model, call)(x, y)
            assert model.history is history
            assert model.predict(x, verbose=0).shape == (24, 3)
        finally:
            go_on.set()
        assert len(training.result(60).history["loss"]) == 2
    getattr(model, call)(x, y)


def test_a_callback_may_evaluate_and_even_train():
    """The same thread may enter again."""
    x, y = data()
    model = small()
    calls = []

    def again(epoch, logs):
        calls.append((model.evaluate(x, y, verbose=0), model.train_on_batch(x, y)))

    model.fit(x, y, epochs=2, verbose=0, callbacks=[LambdaCallback(on_epoch_end=again)])
    assert len(calls) == 2
    assert model.optimizer.iterations == 4


def test_two_models_in_two_threads(backend):
    """Each trains as it does alone."""
    x, y = data()
    models = [small() for _ in range(3)]
    copies = [copy.deepcopy(model) for model in models]
    together([lambda m=m: m.fit(x, y, batch_size=5, epochs=6, verbose=0) for m in models])
    for model, alone in zip(models, copies, strict=True):
        alone.fit(x, y, batch_size=5, epochs=6, verbose=0)
        assert state(model) == state(alone)


def test_every_thread_gives_blas_one_thread_and_gives_them_back():
    """threadpoolctl would let the first thread only; products then differ in their last digit."""
    threadpoolctl = pytest.importorskip("threadpoolctl")
    from minicnn import backends

    ops = backends.get("numba")

    def counts():
        found = threadpoolctl.threadpool_info()
        return [library["num_threads"] for library in found if library["user_api"] == "blas"]

    def inside():
        with ops.running():
            return counts()

    before = counts()
    ones = [1] * len(before)
    assert inside() == ones
    assert together([inside] * 3) == [ones] * 3
    assert inside() == ones
    assert counts() == before
    with threadpoolctl.threadpool_limits(1, "blas"):
        assert together([inside] * 2) == [ones] * 2
    assert counts() == before
