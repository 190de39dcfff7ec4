"""Whole trainings on the GPU backend: equal to the reference, replayed, and never read back."""

import random
import threading

import numpy as np
import pytest

from minicnn import NonFiniteError, config
from minicnn.callbacks import Callback, LambdaCallback, LearningRateScheduler
from minicnn.engine.runners import Recorder
from minicnn.layers import Layer
from minicnn.losses import Loss
from minicnn.optimizers import SGD, Adam, AdamW, RMSprop
from minicnn.optimizers.schedules import ExponentialDecay
from tests.gpu.models import data, fit, network, same_bits, weights

pytestmark = pytest.mark.gpu


def on_reference(make, *args, **kwargs):
    """(history, weights) of the same training on the textbook backend."""
    before = config.backend()
    config.set_backend("numpy")
    try:
        model = make()
        return fit(model, *args, **kwargs), weights(model)
    finally:
        config.set_backend(before)


def launch_by_launch(monkeypatch):
    """From now on no step is recorded."""
    monkeypatch.setattr(Recorder, "_run", Recorder._launch)


OPTIMIZERS = {
    "adam": lambda: Adam(0.01, amsgrad=False, global_clipnorm=1.0),
    "amsgrad": lambda: Adam(0.01, amsgrad=True, clipnorm=0.5),
    "adamw": lambda: AdamW(0.01, weight_decay=0.1, clipvalue=0.2),
    "sgd": lambda: SGD(0.05, momentum=0.9, nesterov=True),
    "rmsprop": lambda: RMSprop(0.003, momentum=0.5, centered=True),
}


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_two_epochs_agree_with_the_reference(gpu, optimizer):
    x, y = data()
    more = {"validation_data": (x[:20], y[:20])}
    model = network(OPTIMIZERS[optimizer]())
    history = fit(model, **more)
    expected, expected_weights = on_reference(lambda: network(OPTIMIZERS[optimizer]()), **more)
    assert history.keys() == expected.keys()
    for key, values in expected.items():
        assert history[key] == pytest.approx(values, rel=1e-5, abs=1e-5), key
    for found, wanted in zip(weights(model), expected_weights, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)


def test_in_float64_too(gpu):
    config.set_floatx("float64")
    try:
        model = network()
        history = fit(model)
        expected, expected_weights = on_reference(network)
    finally:
        config.set_floatx("float32")
    assert history["loss"] == pytest.approx(expected["loss"], rel=1e-6)
    for found, wanted in zip(weights(model), expected_weights, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-9)


def test_recorded_steps_give_the_same_bits_as_launches(gpu, monkeypatch):
    recorded = network()
    history = fit(recorded, epochs=3)
    launch_by_launch(monkeypatch)
    launched = network()
    assert fit(launched, epochs=3) == history
    assert same_bits(weights(recorded), weights(launched))


def test_the_same_bits_every_time(gpu):
    first, second = network(), network()
    assert fit(first) == fit(second)
    assert same_bits(weights(first), weights(second))


@pytest.mark.parametrize("order", [1, 5, 77])
def test_the_same_bits_in_any_order_of_threads(device, order):
    first, second = network(), network()
    fit(first)
    device.thread_order = order
    fit(second)
    assert same_bits(weights(first), weights(second))


def test_steps_are_replayed_the_tail_too(device):
    model = network()
    fit(model, epochs=4)  # an epoch: 16, 16, 6
    # of 8 full batches one is launched, seven replayed; of 4 tails one is launched
    assert device.counts.replays == 7 + 3


def test_nothing_is_read_back_or_uploaded_within_an_epoch(device):
    def traffic(batch_size):
        model = network()
        x, y = data()
        device.counts.reset()
        model.fit(x, y, batch_size=batch_size, epochs=3, verbose=0, validation_data=(x, y))
        return device.counts.read_backs, device.counts.uploads

    assert traffic(2) == traffic(19)  # 19 batches an epoch as much as 2


def test_a_batch_needs_no_more_launches_than_these(device):
    """One replay a batch, and what is in it: a step that grows should be seen to grow."""
    model = network()
    x, y = data(32)
    model.fit(x, y, batch_size=16, epochs=2, verbose=0)
    recorded = model._trainer.made._runner._recorded
    assert not recorded, "recordings go with the data they were made for"
    nodes = []
    model.fit(x, y, batch_size=16, epochs=2, verbose=0, callbacks=[
        LambdaCallback(on_epoch_end=lambda epoch, logs: nodes.extend(
            node.name for steps in recorded.values() for replay, _ in filter(None, steps.values())
            for node in replay._graph.nodes
        )),
    ])  # fmt: skip
    step = nodes[: len(nodes) // 2]
    assert 20 < len(step) < 70, step
    assert step.count("adam_step") == 2  # in front of the moving averages, and behind them


def test_no_buffer_is_made_after_the_first_steps(gpu):
    model = network()
    fit(model)
    for ctx in model._trainer.made.contexts():
        ctx.freeze()
    fit(model)


def test_a_shape_that_was_never_seen_shows_that_freezing_holds(gpu):
    model = network()
    fit(model)
    for ctx in model._trainer.made.contexts():
        ctx.freeze()
    with pytest.raises(RuntimeError, match="frozen"):
        fit(model, batch_size=17)


def test_loaded_weights_are_copied_into_place(gpu, tmp_path):
    start = network()
    path = tmp_path / "start.weights.h5"
    start.save_weights(path)
    expected = network()
    expected.load_weights(path)
    fit(expected, epochs=1)

    model = network()
    fit(model)
    address = model._trainer.made.executor.store.values.data.ptr

    class Reload(Callback):
        """Puts the first weights back before the second epoch, whose steps are replayed."""

        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                self.model.load_weights(path)
                self.model.set_weights(self.model.get_weights())

        def on_epoch_end(self, epoch, logs=None):
            self.before = weights(self.model)

    reload = Reload()
    fit(model, epochs=2, callbacks=[reload])
    assert model._trainer.made.executor.store.values.data.ptr == address
    assert not same_bits(reload.before, weights(start))


@pytest.mark.parametrize(
    "change",
    [
        ("schedule", lambda: SGD(ExponentialDecay(0.05, 2, 0.5)), []),
        ("callback", lambda: SGD(0.05), [LearningRateScheduler(lambda epoch: 0.05 / (epoch + 1))]),
    ],
    ids=lambda change: change[0],
)
def test_the_learning_rate_changes_between_replays(gpu, change):
    _, optimizer, callbacks = change
    model = network(optimizer())
    history = fit(model, epochs=3, callbacks=callbacks)
    expected, expected_weights = on_reference(
        lambda: network(optimizer()), epochs=3, callbacks=callbacks
    )
    assert history["loss"] == pytest.approx(expected["loss"], rel=1e-5)
    for found, wanted in zip(weights(model), expected_weights, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)


def changed(model):
    """Settings that a recording holds, changed one after the other."""
    model.optimizer.momentum = 0.5
    model.layers[-2].rate = 0.6
    model.layers[1].trainable = False
    model.layers[1].kernel.regularizer.l2 = 0.3


def test_settings_that_change_are_recorded_again(gpu):
    """Momentum, a dropout rate, a frozen layer, a penalty: set in the middle of a training."""

    def trained():
        model = network(SGD(0.05, momentum=0.9))
        change = LambdaCallback(on_epoch_begin=lambda e, logs: changed(model) if e == 2 else None)
        return model, fit(model, epochs=4, callbacks=[change])

    model, history = trained()
    config.set_backend("numpy")
    reference, expected = trained()
    assert history["loss"] == pytest.approx(expected["loss"], rel=1e-5)
    for found, wanted in zip(weights(model), weights(reference), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)


def test_a_setting_may_change_between_two_batches(gpu):
    def trained():
        model = network(SGD(0.05))

        def change(batch, logs):
            model.layers[-2].rate = 0.1 * (batch + 1)

        return fit(model, epochs=3, callbacks=[LambdaCallback(on_train_batch_end=change)])

    history = trained()
    config.set_backend("numpy")
    assert history["loss"] == pytest.approx(trained()["loss"], rel=1e-5)


@pytest.mark.parametrize("bad", [0, 17, 37])
def test_a_loss_that_is_not_finite_leaves_the_last_good_step(gpu, bad):
    """The sample ``bad`` holds a NaN: the batches in front of it count, those behind it do not."""
    x, y = data(dtype="float32")
    x[bad, 3, 3, 0] = np.nan

    def trained():
        model = network()
        with pytest.raises(NonFiniteError) as error:
            model.fit(x, y, batch_size=8, epochs=2, verbose=0, shuffle=False)
        return model, str(error.value)

    model, message = trained()
    config.set_backend("numpy")
    reference, expected = trained()
    assert message == expected
    assert "the input x (NaN in 1 of" in message
    assert model.optimizer.iterations == reference.optimizer.iterations == bad // 8
    for found, wanted in zip(weights(model), weights(reference), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)


def test_one_batch_that_is_not_finite(gpu):
    x, y = data(8, "float32")
    model = network()
    model.train_on_batch(x, y)
    before = weights(model)
    with pytest.raises(NonFiniteError, match="weights are unchanged"):
        model.train_on_batch(x * np.nan, y)
    assert same_bits(before, weights(model))
    model.train_on_batch(x, y)
    assert model.optimizer.iterations == 2


def test_after_an_error_training_goes_on(gpu):
    x, y = data(dtype="float32")
    model = network()
    with pytest.raises(NonFiniteError):
        model.fit(x * np.nan, y, verbose=0)
    before = weights(model)
    model.fit(x, y, verbose=0)
    assert not same_bits(before, weights(model))


def test_generators_and_weights_of_samples(gpu):
    x, y = data()
    sample_weight = np.linspace(0.1, 2, len(x))

    def batches():
        for start in range(0, len(x), 10):
            part = slice(start, start + 10)
            yield x[part], y[part], sample_weight[part]

    def trained():
        model = network()
        history = model.fit(batches(), epochs=1, verbose=0).history["loss"]
        more = {"batch_size": 16, "verbose": 0, "sample_weight": sample_weight}
        return history + model.fit(x, y, epochs=2, **more).history["loss"]

    losses = trained()
    config.set_backend("numpy")
    assert losses == pytest.approx(trained(), rel=1e-5)


class Swish(Layer):
    """A layer of one's own, in operators and functions that CuPy's arrays answer too."""

    def forward(self, ctx, x):
        gate = 1 / (1 + np.exp(-x))
        ctx.save(x=x, gate=gate)
        return x * gate

    def backward(self, ctx, dy):
        return dy * ctx.gate * (1 + ctx.x * (1 - ctx.gate))


class Roots(Layer):
    """A layer that wants NumPy's arrays."""

    def forward(self, ctx, x):
        return np.sqrt(np.asarray(x))

    def backward(self, ctx, dy):
        return dy


class Host(Roots):
    """A layer that brings the arrays to the host itself."""

    def forward(self, ctx, x):
        return np.ones(x.shape, x.dtype)


def test_a_layer_of_ones_own_runs_launch_by_launch(gpu):
    random.seed(2)
    model = network(extra=[Swish(name="swish")])
    history = fit(model)
    expected, _ = on_reference(lambda: network(extra=[Swish(name="swish")]))
    assert history["loss"] == pytest.approx(expected["loss"], rel=1e-5)


@pytest.mark.parametrize("layer", [Roots, Host])
def test_a_layer_in_numpy_is_told_what_to_do(gpu, layer):
    model = network(extra=[layer(name="mine")])
    with pytest.raises(TypeError, match=r"mine.*arrays are CuPy's.*set_backend\('numba'\)"):
        fit(model)


def test_a_loss_in_numpy_is_told_what_to_do(gpu):
    class Mine(Loss):
        def forward(self, ctx, y_true, y_pred):
            return np.asarray(y_pred).sum(axis=-1), y_pred

        def backward(self, ctx, dvalues):
            return dvalues

    model = network(loss=Mine(name="mine"), metrics=[])
    with pytest.raises(TypeError, match=r"loss 'mine' failed.*arrays are CuPy's"):
        model.fit(data()[0], np.zeros((38, 4)), verbose=0)


def test_a_function_in_numpy_may_be_a_metric(gpu):
    def mean_of_the_largest(y_true, y_pred):
        return np.max(y_pred, axis=-1)

    model = network(metrics=[mean_of_the_largest, "accuracy"])
    history = fit(model)
    expected, _ = on_reference(lambda: network(metrics=[mean_of_the_largest, "accuracy"]))
    for key, values in expected.items():
        assert history[key] == pytest.approx(values, rel=1e-5), key


def test_tf32_is_a_choice(gpu):
    model = network()
    history = fit(model)
    config.set_precision("tf32")
    try:
        rounded = network()
        assert fit(rounded)["loss"] == pytest.approx(history["loss"], rel=1e-2)
    finally:
        config.set_precision("float32")
    with pytest.raises(ValueError, match="'float32' or 'tf32'"):
        config.set_precision("float16")


def test_what_other_threads_launch_is_not_recorded(gpu):
    """They may use arrays at any time, also while a step is recorded."""
    y = gpu.zeros((4,), "float32")

    def other():
        y[...] = 3
        seen.append(gpu.to_numpy(y + 1).tolist())

    def step():
        gpu.advance(counter)
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()

    seen = []
    counter = gpu.zeros((1,), "int64")
    with gpu.running():
        replay = gpu.capture(step)
        y[...] = 5
        replay()
    assert seen == [[4, 4, 4, 4]]
    assert gpu.to_numpy(y).tolist() == [5, 5, 5, 5], "the other thread's work was replayed"
    assert gpu.to_numpy(counter).tolist() == [1]


def test_a_larger_prediction_between_replays(gpu):
    """It takes new buffers; the recorded evaluation goes on in the old ones."""
    x, y = data()

    def trained():
        model = network()
        predict = LambdaCallback(
            on_epoch_begin=lambda epoch, logs: model.predict(x, batch_size=5 + 7 * epoch, verbose=0)
        )
        return fit(
            model, epochs=4, callbacks=[predict], validation_data=(x[:12], y[:12]),
            validation_batch_size=4,
        )  # fmt: skip

    history = trained()
    config.set_backend("numpy")
    for key, values in trained().items():
        assert history[key] == pytest.approx(values, rel=1e-5, abs=1e-5), key


def test_memory_of_a_recording_is_nobody_elses(gpu):
    """A larger prediction takes new buffers; what is allocated then must not get the old ones."""
    x, y = data()
    model = network()
    later = []

    def on_epoch_begin(epoch, logs):
        if epoch == 3:  # the evaluation is recorded by now
            contexts = model._trainer.made.executor.plan.inference
            sizes = [array.nbytes for ctx in contexts for array in ctx.memory()]
            model.predict(x, batch_size=30, verbose=0)
            later.extend(gpu.zeros((size,), "uint8") for size in sizes)

    more = {"validation_data": (x[:12], y[:12]), "validation_batch_size": 4}
    fit(model, epochs=5, callbacks=[LambdaCallback(on_epoch_begin=on_epoch_begin)], **more)
    assert later
    assert not any(gpu.to_numpy(array).any() for array in later)
