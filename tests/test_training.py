"""Training: it learns, it repeats itself bit for bit, and its numbers are averaged as in Keras."""

import os
import subprocess
import sys

import numpy as np
import pytest

from minicnn import callbacks, losses, metrics, optimizers, utils
from minicnn.layers import Conv2D, Dense, Dropout, Flatten, Input, MaxPooling2D
from minicnn.models import Sequential
from tests.helpers import gradient

RNG = np.random.default_rng(3)
X = RNG.random((70, 8, 7, 2)).astype("float32")
Y = RNG.integers(0, 3, 70)


def model(dropout=0.0, units=3):
    return Sequential(
        [
            Input((8, 7, 2)),
            Conv2D(4, 3, padding="same", activation="relu"),
            MaxPooling2D(),
            Flatten(),
            Dense(8, activation="relu"),
            Dropout(dropout, seed=1),
            Dense(units, activation="softmax"),
        ]
    )


def compiled(loss="sparse_categorical_crossentropy", optimizer="adam", seed=0, **kwargs):
    utils.set_random_seed(seed)
    made = model(**kwargs)
    made.compile(optimizer, loss, metrics=["accuracy"])
    return made


def test_it_learns_64_images_by_heart(backend, mnist):
    (x, y), _ = mnist
    x, y = x[:64, ..., None] / 255, y[:64]
    utils.set_random_seed(1)
    made = Sequential([Input((28, 28, 1)), Conv2D(8, 3, activation="relu"), MaxPooling2D()])
    made.add(Flatten())
    made.add(Dense(10, activation="softmax"))
    made.compile(optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
    made.fit(x, y, epochs=15, batch_size=16, verbose=0)
    assert made.evaluate(x, y, verbose=0)[1] == 1.0


def test_convolutions_that_do_not_learn_are_noticed(mnist):
    """With its convolutions frozen the same network must reach visibly less."""
    (x, y), (x_test, y_test) = mnist
    x, y = x[:6000] / 255, y[:6000]
    accuracy = {}
    for frozen in (False, True):
        utils.set_random_seed(2)
        made = Sequential([Input((28, 28, 1))])
        for filters in (8, 8):
            made.add(Conv2D(filters, 3, activation="relu"))
            made.add(MaxPooling2D(3))
        made.add(Flatten())
        made.add(Dense(10, activation="softmax"))
        for layer in made.layers[:4]:
            layer.trainable = not frozen
        before = made.layers[0].get_weights()[0]
        made.compile(
            optimizers.Adam(0.005), "sparse_categorical_crossentropy", metrics=["accuracy"]
        )
        made.fit(x, y, epochs=4, verbose=0)
        assert np.array_equal(before, made.layers[0].get_weights()[0]) == frozen
        accuracy[frozen] = made.evaluate(x_test[:2000], y_test[:2000], verbose=0)[1]
    assert accuracy[False] > 0.9
    assert accuracy[False] > accuracy[True] + 0.05


def test_the_same_seed_gives_the_same_losses(backend):
    runs = [
        compiled(dropout=0.4).fit(X, Y, epochs=3, batch_size=16, verbose=0).history
        for _ in range(2)
    ]
    assert runs[0] == runs[1]
    other = compiled(dropout=0.4, seed=1).fit(X, Y, epochs=3, batch_size=16, verbose=0).history
    assert other != runs[0]


def test_one_and_two_threads_give_the_same_losses():
    program = (
        "import sys; sys.path.insert(0, '.');"
        "from tests.test_training import X, Y, compiled;"
        "h = compiled(dropout=0.4).fit(X, Y, epochs=2, batch_size=33, verbose=0).history;"
        "print([v.hex() for values in h.values() for v in values])"
    )
    printed = [
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "NUMBA_NUM_THREADS": threads, "MINICNN_BACKEND": "numba"},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for threads in ("1", "2")
    ]
    assert printed[0] == printed[1]
    assert "0x1" in printed[0]


def test_backends_agree_on_a_whole_training():
    from minicnn import config

    histories = {}
    for name in ("numpy", "numba"):
        config.set_backend(name)
        try:
            histories[name] = compiled(dropout=0.3).fit(X, Y, epochs=3, verbose=0).history
        finally:
            config.set_backend("numba")
    np.testing.assert_allclose(histories["numpy"]["loss"], histories["numba"]["loss"], rtol=1e-5)


def test_the_epoch_loss_is_the_mean_over_samples():
    """A smaller last batch counts by its size: 70 samples in batches of 32, nothing learnt."""
    made = compiled(optimizer=optimizers.SGD(0.0))
    p = made.predict(X, verbose=0).astype("float64")
    expected = -np.log(p[np.arange(70), Y]).mean()
    history = made.fit(X, Y, batch_size=32, verbose=0).history
    assert history["loss"][0] == pytest.approx(expected, rel=1e-6)
    assert history["accuracy"][0] == pytest.approx((p.argmax(1) == Y).mean(), rel=1e-6)
    assert made.evaluate(X, Y, batch_size=32, verbose=0)[0] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("kind", ["sample", "class", "sample (n, 1)"])
def test_weights_are_summed_and_divided_by_the_count(backend, kind):
    made = compiled(optimizer=optimizers.SGD(0.0))
    made.compile(optimizers.SGD(0.0), "sparse_categorical_crossentropy",
                 metrics=["accuracy"], weighted_metrics=["acc"])  # fmt: skip
    p = made.predict(X, verbose=0).astype("float64")
    values = -np.log(p[np.arange(70), Y])
    hits = p.argmax(1) == Y
    if kind == "class":
        table = {0: 2.0, 2: 0.25}
        weights = np.array([table.get(int(c), 1.0) for c in Y])
        history = made.fit(X, Y, verbose=0, class_weight=table).history
    else:
        weights = np.random.default_rng(0).random(70)
        given = weights[:, None] if kind.endswith("1)") else weights
        history = made.fit(X, Y, verbose=0, sample_weight=given).history
    assert history["loss"][0] == pytest.approx((weights * values).sum() / 70, rel=1e-5)
    assert history["accuracy"][0] == pytest.approx(hits.mean(), rel=1e-6)
    assert history["acc"][0] == pytest.approx((weights * hits).sum() / weights.sum(), rel=1e-5)


def test_weights_weigh_the_gradient(backend):
    """A weight of 2 is the sample twice: the same gradient up to the divisor."""
    weights = np.where(np.arange(6) < 2, 2.0, 1.0)
    doubled = np.r_[0, 0, 1, 1, 2, 3, 4, 5]
    once, twice = compiled(), compiled()
    once.train_on_batch(X[:6], Y[:6], sample_weight=weights)
    twice.train_on_batch(X[doubled], Y[doubled])
    for a, b in zip(once.weights, twice.weights, strict=True):
        np.testing.assert_allclose(gradient(a) * 6, gradient(b) * 8, rtol=1e-4, atol=1e-6)


def test_validation_split_takes_the_end_before_shuffling():
    made = compiled(optimizer=optimizers.SGD(0.0))
    history = made.fit(X, Y, validation_split=0.3, verbose=0).history
    assert history["val_loss"][0] == made.evaluate(X[49:], Y[49:], verbose=0)[0]
    assert history["loss"][0] == pytest.approx(made.evaluate(X[:49], Y[:49], verbose=0)[0])


def test_history_and_epochs():
    made = compiled()
    history = made.fit(X, Y, epochs=5, initial_epoch=2, verbose=0, validation_data=(X, Y),
                       validation_freq=2)  # fmt: skip
    assert history.epoch == [2, 3, 4]
    assert list(history.history) == ["accuracy", "loss", "val_accuracy", "val_loss"]
    assert len(history.history["loss"]) == 3
    assert len(history.history["val_loss"]) == 1
    assert all(type(v) is float for values in history.history.values() for v in values)
    assert made.history is history
    assert made.fit(X, Y, epochs=0, verbose=0).history == {}


def test_results_of_evaluate_and_batch_calls():
    made = compiled()
    loss, accuracy = made.evaluate(X, Y, verbose=0)
    assert made.evaluate(X, Y, verbose=0, return_dict=True) == {"accuracy": accuracy, "loss": loss}
    assert made.test_on_batch(X, Y) == pytest.approx([loss, accuracy], rel=1e-6)
    assert made.train_on_batch(X, Y, return_dict=True)["loss"] == pytest.approx(loss, rel=1e-6)
    made.compile("sgd", "sparse_categorical_crossentropy")
    assert isinstance(made.evaluate(X, Y, verbose=0), float)


def test_shuffle():
    """Without shuffling, two epochs see the batches in the order given."""
    seen = []

    class Watch(callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append(logs["loss"])

    made = compiled(optimizer=optimizers.SGD(0.0))
    made.fit(X, Y, epochs=2, verbose=0, shuffle=False, callbacks=[Watch()])
    assert seen[:3] == seen[3:]
    seen.clear()
    made.fit(X, Y, epochs=2, verbose=0, callbacks=[Watch()])
    assert seen[:3] != seen[3:]


def test_steps_per_epoch_goes_on_where_it_stopped():
    """Seven batches, five an epoch: the second epoch has the other two, and says so."""
    seen = []

    class Watch(callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append(batch)

    made = compiled(optimizer=optimizers.SGD(0.0))
    with pytest.warns(UserWarning, match="ran out of data"):
        made.fit(X, Y, batch_size=10, epochs=3, steps_per_epoch=5, verbose=0, callbacks=[Watch()])
    assert seen == [0, 1, 2, 3, 4, 0, 1, 0, 1, 2, 3, 4]
    seen.clear()
    made.fit(X, Y, batch_size=10, epochs=2, steps_per_epoch=7, verbose=0, callbacks=[Watch()])
    assert seen == [*range(7), *range(7)]


def test_generator(backend):
    def batches():
        for start in range(0, 70, 20):
            yield X[start : start + 20], Y[start : start + 20]

    by_generator, by_arrays = compiled(), compiled()
    a = by_generator.fit(batches(), epochs=1, verbose=0).history
    b = by_arrays.fit(X, Y, batch_size=20, shuffle=False, verbose=0).history
    assert a == b
    assert by_generator.evaluate(batches(), verbose=0) == by_arrays.evaluate(
        X, Y, batch_size=20, verbose=0
    )


def test_stop_training_after_a_batch():
    class Stop(callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training = batch == 1

    made = compiled()
    history = made.fit(X, Y, epochs=4, batch_size=10, verbose=0, callbacks=[Stop()])
    assert history.epoch == [0]
    assert made.optimizer.iterations == 2


def test_recompiling_forgets_the_old_metrics():
    made = compiled()
    made.evaluate(X, Y, verbose=0)
    made.compile("sgd", "sparse_categorical_crossentropy")
    assert isinstance(made.evaluate(X, Y, verbose=0), float)


def test_trainable_takes_effect_on_the_next_step(backend):
    made = compiled()
    made.train_on_batch(X, Y)
    conv = made.layers[0]
    conv.trainable = False
    before = [w.numpy() for w in made.weights]
    made.train_on_batch(X, Y)
    after = [w.numpy() for w in made.weights]
    moved = [not np.array_equal(a, b) for a, b in zip(before, after, strict=True)]
    assert moved[-4:] == [True, True, True, True]
    assert [w.path for w in made.trainable_weights] == [
        w.path for w in made.weights if f"/{conv.name}/" not in w.path
    ]
    np.testing.assert_array_equal(conv.kernel.numpy(), before[made.weights.index(conv.kernel)])
    conv.trainable = True
    made.train_on_batch(X, Y)
    assert not np.array_equal(conv.kernel.numpy(), before[made.weights.index(conv.kernel)])


def test_frozen_model_warns():
    made = compiled()
    made.trainable = False
    with pytest.warns(UserWarning, match="does not have any trainable weights"):
        made.fit(X, Y, verbose=0)


def test_a_warm_step_allocates_nothing(backend):
    """After one epoch every context is frozen; training and evaluating go on, last batch too."""
    made = compiled(dropout=0.5)
    made.fit(X, Y, batch_size=16, verbose=0, validation_data=(X, Y))
    for ctx in made._trainer.made.contexts():
        ctx.freeze()
    made.fit(X, Y, batch_size=16, verbose=0, validation_data=(X, Y))


@pytest.mark.parametrize("labels", ["sparse", "one-hot"])
def test_float64_input_is_cast_batch_by_batch(backend, labels):
    y = Y if labels == "sparse" else np.eye(3)[Y]
    loss = losses.get(f"{'sparse_' if labels == 'sparse' else ''}categorical_crossentropy")
    a, b = compiled(loss), compiled(loss)
    assert a.fit(X.astype("float64"), y, verbose=0).history == b.fit(X, y, verbose=0).history


def test_sparse_and_one_hot_labels_give_the_same_training(backend):
    a = compiled("sparse_categorical_crossentropy").fit(X, Y, epochs=2, verbose=0).history
    b = compiled("categorical_crossentropy").fit(X, np.eye(3)[Y], epochs=2, verbose=0).history
    np.testing.assert_allclose(a["loss"], b["loss"], rtol=1e-6)
    assert a["accuracy"] == b["accuracy"]


def test_binary_crossentropy_with_one_unit(backend):
    made = Sequential([Input((8, 7, 2)), Flatten(), Dense(1, activation="sigmoid")])
    made.compile(optimizers.Adam(0.01), "binary_crossentropy", metrics=["accuracy"])
    y = (X.mean(axis=(1, 2, 3)) > np.median(X.mean(axis=(1, 2, 3)))).astype(int)
    history = made.fit(X, y, epochs=60, verbose=0).history
    assert history["accuracy"][-1] > 0.8
    assert isinstance(made.metrics[0], metrics.BinaryAccuracy)


def test_a_metric_of_ones_own():
    def spread(y_true, y_pred):
        return y_pred.max(axis=-1) - y_pred.min(axis=-1)

    made = compiled()
    made.compile("sgd", "sparse_categorical_crossentropy", metrics=[spread, "accuracy"])
    _, value, _ = made.evaluate(X, Y, verbose=0)
    p = made.predict(X, verbose=0)
    assert value == pytest.approx(float((p.max(-1) - p.min(-1)).mean()), rel=1e-6)


def test_a_loss_of_ones_own():
    class AbsoluteError(losses.Loss):
        def forward(self, ctx, y_true, y_pred):
            ctx.save(sign=np.sign(y_pred - y_true))
            return abs(y_pred - y_true).mean(axis=-1), y_pred

        def backward(self, ctx, dvalues):
            return ctx.sign * dvalues[:, None] / ctx.sign.shape[-1]

    made = Sequential([Input((8, 7, 2)), Flatten(), Dense(2)])
    made.compile("sgd", AbsoluteError())
    y = RNG.random((70, 2))
    expected = np.abs(made.predict(X, verbose=0) - y).mean()
    first, *_, last = made.fit(X, y, epochs=20, batch_size=70, verbose=0).history["loss"]
    assert first == pytest.approx(expected, rel=1e-5)
    assert last < first
