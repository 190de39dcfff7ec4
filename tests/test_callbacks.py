"""Callbacks: against what Keras's do in the same scripted training, then inside a real one."""

import json
import re
import warnings
from pathlib import Path

import numpy as np
import pytest

from minicnn import callbacks as cb
from tests.golden.make_callbacks import Model, drive

CASES = json.loads((Path(__file__).parent / "golden" / "callbacks.json").read_text())["cases"]


class Metric:
    def __init__(self, name, direction):
        self.name, self.direction = name, direction


def attached(callback, *metrics):
    """The callback with a scripted model that has these metrics, at the start of training."""
    model = Model()
    model.metrics = [Metric(*m) for m in metrics]
    callback.set_model(model)
    callback.on_train_begin({})
    return callback


# -- Keras's behaviour -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "case", [pytest.param(c, id=f"{i}_{c['class']}") for i, c in enumerate(CASES)]
)
def test_behaves_as_in_keras(case, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        callback = getattr(cb, case["class"])(**case["arguments"])
    result = drive(callback, case["epochs"], case["batches"])
    expected = case["result"]
    # by way of text, so that NaN equals NaN; the logs of an epoch come first in each entry
    assert repr(result["seen"]) == repr(expected["seen"])
    assert result["events"] == expected["events"]
    assert result["printed"] == expected["printed"]
    assert [str(w.message) for w in caught] == case["warnings_made"]
    assert len(result["warnings"]) == len(expected["warnings"])
    for ours, theirs in zip(result["warnings"], expected["warnings"], strict=True):
        assert ours.startswith(theirs)


# -- the base ----------------------------------------------------------------------------------


class Recorder(cb.Callback):
    """Notes each hook, with how its arguments were passed."""

    def __init__(self, notes, name=""):
        super().__init__()
        self.notes, self.name = notes, name


def _note(hook):
    def method(self, *args, **kwargs):
        self.notes.append((self.name + hook, args, tuple(kwargs)))

    return method


for _hook in cb.base.HOOKS:
    setattr(Recorder, _hook, _note(_hook))


def test_list_calls_every_hook_in_order_as_keras_does():
    notes, logs = [], {"loss": 1.0}
    listed = cb.CallbackList([Recorder(notes, "a."), [Recorder(notes, "b.")]])
    for hook in cb.base.HOOKS:
        notes.clear()
        if "batch" in hook:
            getattr(listed, hook)(3, logs=logs)
            passed, keywords = (3,), ("logs",)
        elif "epoch" in hook:
            getattr(listed, hook)(3, logs)
            passed, keywords = (3, logs), ()
        else:
            getattr(listed, hook)(logs)
            passed, keywords = (logs,), ()
        assert notes == [(f"a.{hook}", passed, keywords), (f"b.{hook}", passed, keywords)]


def test_a_key_that_a_callback_adds_reaches_those_after_it():
    seen = []
    listed = cb.CallbackList(
        [
            cb.LambdaCallback(on_epoch_end=lambda epoch, logs: logs.update(extra=epoch)),
            cb.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(logs["extra"])),
        ],
        add_history=True,
        model=(model := Model()),
        params={"epochs": 2},
        steps=7,
    )
    listed.on_train_begin({})
    listed.on_epoch_end(0, {"loss": 2.0})
    listed.on_epoch_end(1, {"loss": 1.0, "val_loss": 5.0})
    assert seen == [0, 1]
    assert model.history.history == {"loss": [2.0, 1.0], "extra": [0, 1], "val_loss": [5.0]}
    assert model.history.epoch == [0, 1]
    assert model.history.params == {"epochs": 2, "steps": 7}
    assert model.history.model is model
    assert listed.callbacks[-1] is model.history


def test_a_history_of_ones_own_is_used():
    mine = cb.History()
    listed = cb.CallbackList([mine], add_history=True, model=(model := Model()))
    assert listed.callbacks == [mine]
    assert model.history is mine
    late = cb.LambdaCallback()
    listed.append(late)
    assert late.model is model


@pytest.mark.parametrize(
    ("item", "message"),
    [
        (cb.EarlyStopping, r"got the class EarlyStopping; write EarlyStopping\(\.\.\.\)"),
        (print, "must be objects of minicnn.callbacks.Callback, got <built-in"),
    ],
)
def test_list_refuses_what_is_no_callback(item, message):
    with pytest.raises(TypeError, match=message):
        cb.CallbackList([cb.History(), [item]])


class OldStyle(cb.Callback):
    def on_batch_end(self, batch, logs=None):
        pass


class Saver(cb.ModelCheckpoint):
    pass


@pytest.mark.parametrize(
    ("callback", "wants"),
    [
        (cb.Callback(), False),
        (cb.History(), False),
        (cb.EarlyStopping(), False),
        (cb.CSVLogger("x.csv"), False),
        (cb.ModelCheckpoint("x.keras"), False),
        (cb.ModelCheckpoint("x.keras", save_freq=2), True),
        (Saver("x.keras"), True),
        (OldStyle(), True),
        (cb.TerminateOnNaN(), True),
        (cb.LambdaCallback(on_epoch_end=print), False),
        (cb.LambdaCallback(on_test_batch_end=print), True),
    ],
)
def test_batches_are_announced_only_to_those_who_listen(callback, wants):
    assert callback.wants_batches is wants
    assert cb.CallbackList([cb.History(), callback]).wants_batches is wants


def test_train_batch_hooks_forward_to_the_older_names():
    called = []
    callback = cb.LambdaCallback(
        on_batch_begin=lambda batch, logs: called.append(("begin", batch, logs)),
        on_batch_end=lambda batch, logs: called.append(("end", batch, logs)),
    )
    callback.on_train_batch_begin(1, logs={})
    callback.on_train_batch_end(1, logs={"loss": 2.0})
    assert called == [("begin", 1, {}), ("end", 1, {"loss": 2.0})]


def test_lambda_callback_refuses_what_is_no_hook():
    with pytest.raises(ValueError, match="'on_epoch_edn' is no hook; did you mean 'on_epoch_end'"):
        cb.LambdaCallback(on_epoch_edn=print)
    with pytest.raises(ValueError, match="on_epoch_end must be a function, got 3"):
        cb.LambdaCallback(on_epoch_end=3)


# -- what is watched ---------------------------------------------------------------------------


def test_direction_comes_from_the_metric():
    stop = attached(cb.EarlyStopping("val_accuracy", patience=1), ("accuracy", "up"))
    for epoch, value in enumerate([0.5, 0.7, 0.6]):
        assert not stop.model.stop_training
        stop.on_epoch_end(epoch, {"val_accuracy": value})
    assert stop.model.stop_training
    stop = attached(cb.EarlyStopping("val_mae", patience=1), ("mae", "down"))
    for epoch, value in enumerate([0.7, 0.5, 0.4]):
        stop.on_epoch_end(epoch, {"val_mae": value})
    assert not stop.model.stop_training


@pytest.mark.parametrize(
    "make", [cb.EarlyStopping, cb.ReduceLROnPlateau, lambda m: cb.ModelCheckpoint("x.keras", m)]
)
def test_a_misspelt_metric_is_an_error_after_the_first_epoch(make):
    callback = attached(make("val_acuracy"), ("accuracy", "up"), ("odd", None))
    message = (
        r"monitor=val_acuracy.*; did you mean 'accuracy'\? Pass `mode='max'`.*: loss, accuracy, odd"
    )
    with pytest.raises(ValueError, match=message):
        callback.on_epoch_end(0, {"accuracy": 0.5})
    with pytest.raises(ValueError, match=r"monitor=odd.*minimized\. Pass"):
        attached(make("odd"), ("odd", None)).on_epoch_end(0, {"odd": 0.5})


def test_a_nan_at_first_does_not_bar_what_is_better(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    best = attached(cb.ModelCheckpoint("a{epoch}.keras", save_best_only=True))
    for epoch, value in enumerate([float("nan"), float("nan"), 5.0, 6.0, float("nan"), 4.0]):
        best.on_epoch_end(epoch, {"val_loss": value})
    assert best.model.events == ["save a1.keras", "save a3.keras", "save a6.keras"]


def test_callbacks_start_afresh_in_a_second_training():
    stop = cb.EarlyStopping(patience=2, restore_best_weights=True)
    reduce = cb.ReduceLROnPlateau(patience=2, factor=0.5)
    for callback in (stop, reduce):
        first = drive(callback, [{"val_loss": v} for v in (1.0, 2.0, 3.0)])
        second = drive(callback, [{"val_loss": v} for v in (1.0, 2.0, 3.0)])
        assert first == second


# -- learning rate -----------------------------------------------------------------------------


@pytest.mark.parametrize("schedule", [lambda epoch, lr: lr / 2, lambda epoch: 0.5 ** (epoch + 2)])
def test_learning_rate_scheduler(schedule, capsys):
    result = drive(cb.LearningRateScheduler(schedule, verbose=1), [{"loss": 1.0}] * 2)
    assert [rate for _, rate, _ in result["seen"]] == [0.25, 0.125]
    assert [logs["learning_rate"] for logs, _, _ in result["seen"]] == [0.25, 0.125]
    assert result["printed"] == (
        "\nEpoch 1: LearningRateScheduler setting learning rate to 0.25.\n"
        "\nEpoch 2: LearningRateScheduler setting learning rate to 0.125.\n"
    )


def test_learning_rate_scheduler_wants_a_float():
    with pytest.raises(ValueError, match=r"should be a float\. Got: 1"):
        drive(cb.LearningRateScheduler(lambda epoch: 1), [{"loss": 1.0}])

    def broken(epoch, lr):
        return lr + "a"  # a TypeError inside is not taken for a missing argument

    with pytest.raises(TypeError, match="unsupported operand"):
        drive(cb.LearningRateScheduler(broken), [{"loss": 1.0}])


def test_reduce_on_plateau_refuses_a_schedule_before_training():
    from minicnn.optimizers import SGD, schedules

    callback, model = cb.ReduceLROnPlateau(), Model()
    model.optimizer = SGD(schedules.CosineDecay(0.1, 10))
    callback.set_model(model)
    with pytest.raises(TypeError, match="not settable"):
        callback.on_train_begin({})
    with pytest.raises(ValueError, match=r"does not support a factor >= 1\.0"):
        cb.ReduceLROnPlateau(factor=1.0)


# -- files -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"filepath": "x.ckpt"}, "must end in `.keras`"),
        ({"filepath": "x.keras", "save_weights_only": True}, "must end in `.weights.h5`"),
        ({"filepath": "x.keras", "save_freq": "batch"}, "Unrecognized save_freq: batch"),
        ({"filepath": "x.keras", "save_freq": 0}, "Unrecognized save_freq: 0"),
    ],
)
def test_checkpoint_arguments(arguments, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        cb.ModelCheckpoint(**arguments)


def test_checkpoint_paths(tmp_path):
    save = attached(cb.ModelCheckpoint(tmp_path / "new" / "folder" / "{epoch}.keras"))
    save.on_epoch_end(0, {})
    assert (tmp_path / "new" / "folder").is_dir()
    assert save.model.events == [f"save {tmp_path}/new/folder/1.keras"]
    with pytest.raises(KeyError, match=r"Failed to format.*val_loss.*; there are epoch, loss"):
        attached(cb.ModelCheckpoint("{val_loss}.keras")).on_epoch_end(0, {"loss": 1.0})
    (tmp_path / "a.keras").mkdir()
    with pytest.raises(IsADirectoryError, match="non-directory filepath"):
        attached(cb.ModelCheckpoint(tmp_path / "a.keras")).on_epoch_end(0, {})


def test_best_of_batches(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save = attached(cb.ModelCheckpoint("{batch}.keras", "loss", save_best_only=True, save_freq=1))
    save.on_epoch_begin(0, {})
    for batch, loss in enumerate([3.0, 4.0, 2.0]):
        save.on_train_batch_end(batch, logs={"loss": loss})
    assert save.model.events == ["save 1.keras", "save 3.keras"]


def test_csv(tmp_path):
    path = tmp_path / "log.csv"
    drive(cb.CSVLogger(path), [{"loss": 0.5, "accuracy": 1.0}, {"accuracy": 0.25, "loss": 2.0}])
    assert path.read_bytes() == (
        b"epoch,accuracy,loss,val_accuracy,val_loss\r\n0,1.0,0.5,NA,NA\r\n1,0.25,2.0,NA,NA\r\n"
    )
    drive(cb.CSVLogger(path, append=True), [{"loss": 0.5, "accuracy": 1.0}])
    assert path.read_bytes().endswith(b"\r\n1,0.25,2.0,NA,NA\r\n0,1.0,0.5,NA,NA\r\n")
    logger = cb.CSVLogger(path, separator=";")
    for _ in range(2):
        drive(logger, [{"loss": np.array([1, 2]), "val_loss": np.float32(3)}])
        assert path.read_bytes() == b'epoch;loss;val_loss\r\n0;"""[1, 2]""";3.0\r\n'
    fresh = tmp_path / "fresh.csv"
    drive(cb.CSVLogger(fresh, append=True), [{"loss": 0.5}])
    assert fresh.read_bytes() == b"epoch,loss,val_loss\r\n0,0.5,NA\r\n"


def test_csv_says_what_it_leaves_out(tmp_path):
    logger = attached(cb.CSVLogger(tmp_path / "log.csv"))
    logger.on_epoch_end(0, {"loss": 1.0})
    with pytest.warns(UserWarning, match=r"CSVLogger leaves out extra: the header"):
        logger.on_epoch_end(1, {"loss": 1.0, "val_loss": 2.0, "extra": 3})


def test_csv_needs_its_folder_before_the_first_epoch(tmp_path):
    with pytest.raises(FileNotFoundError):
        attached(cb.CSVLogger(tmp_path / "none" / "log.csv"))


def test_terminate_on_nan_may_raise():
    callback = attached(cb.TerminateOnNaN(raise_error=True))
    callback.on_train_batch_end(0, logs={"loss": 1.0})
    callback.on_train_batch_end(0, logs={})
    with pytest.raises(RuntimeError, match="NaN or Inf loss encountered at batch 7"):
        callback.on_train_batch_end(7, logs={"loss": float("inf")})


# -- in a real training ------------------------------------------------------------------------


@pytest.fixture
def model(monkeypatch):
    """A small model on the textbook backend, with 10 samples to fit."""
    from minicnn import Input, Sequential, config, layers

    monkeypatch.setattr(config, "_backend", "numpy")
    model = Sequential([Input((3,)), layers.Dense(2, activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    rng = np.random.default_rng(0)
    model.x, model.y = rng.standard_normal((10, 3)), rng.integers(0, 2, 10)
    return model


def test_order_of_calls_in_fit(model):
    notes = []
    model.fit(
        model.x, model.y, batch_size=4, validation_split=0.2, verbose=0, callbacks=Recorder(notes)
    )
    test = ["on_test_begin", "on_test_batch_begin", "on_test_batch_end", "on_test_end"]
    batch = ["on_train_batch_begin", "on_train_batch_end"]
    assert [hook for hook, _, _ in notes] == [
        "on_train_begin", "on_epoch_begin", *batch, *batch, *test, "on_epoch_end", "on_train_end",
    ]  # fmt: skip
    epoch, logs = notes[-2][1]
    assert epoch == 0
    assert list(logs) == ["accuracy", "loss", "val_accuracy", "val_loss"]
    assert all(type(value) is float for value in logs.values())
    assert notes[-1][1] == (logs,)


def test_the_weights_of_the_best_epoch_come_back(model):
    kept = []
    history = model.fit(
        model.x, model.y, epochs=9, verbose=0, batch_size=5,
        callbacks=[
            cb.LearningRateScheduler(lambda epoch: 0.1 if epoch < 3 else -5.0),
            cb.LambdaCallback(on_epoch_end=lambda epoch, logs: kept.append(model.get_weights())),
            cb.EarlyStopping("loss", patience=2, restore_best_weights=True),
        ],
    )  # fmt: skip
    losses = history.history["loss"]
    best = int(np.argmin(losses))
    assert len(losses) == best + 3 < 9
    for ours, then in zip(model.get_weights(), kept[best], strict=True):
        np.testing.assert_array_equal(ours, then)
    assert history.history["learning_rate"][0] == pytest.approx(0.1)


def test_reduced_rate_trains_on(model):
    history = model.fit(
        model.x, model.y, epochs=4, verbose=0,
        callbacks=cb.ReduceLROnPlateau("loss", factor=0.5, patience=1, min_delta=10.0),
    )  # fmt: skip
    rates = history.history["learning_rate"]
    np.testing.assert_allclose(rates, [0.01, 0.01, 0.005, 0.0025], rtol=1e-6)
    assert model.optimizer.learning_rate == pytest.approx(0.00125)


@pytest.mark.parametrize("name", ["best.keras", "best.weights.h5"])
def test_checkpoint_holds_the_weights_of_its_epoch(model, tmp_path, name):
    path = tmp_path / "{epoch}" / name
    save = cb.ModelCheckpoint(path, "loss", save_weights_only=name.endswith(".weights.h5"))
    kept = []
    keep = cb.LambdaCallback(on_epoch_end=lambda epoch, logs: kept.append(model.get_weights()))
    model.fit(model.x, model.y, epochs=2, verbose=0, callbacks=[save, keep])
    model.load_weights(tmp_path / "1" / name)
    for ours, then in zip(model.get_weights(), kept[0], strict=True):
        np.testing.assert_array_equal(ours, then)
