"""A training that is killed, whenever, and started again ends as one that was not: bit for bit."""

import json
import os
import random
import signal

import numpy as np
import pytest

from minicnn import callbacks, config, utils
from minicnn.callbacks import BackupAndRestore, Callback
from minicnn.optimizers import AdamW
from tests.faults.trained import data, small, state

X, Y = data(30)
OTHERS = data(12, seed=5)  # labels at random: what is learned here is soon of no use there


class Noting(Callback):
    """A callback of one's own, with a state of its own."""

    kept = ("notes",)

    def __init__(self):
        super().__init__()
        self.notes = {"losses": [], "largest": float("-inf"), "sum": np.zeros(2)}

    def on_epoch_end(self, epoch, logs=None):
        self.notes["losses"].append(logs["loss"])
        self.notes["largest"] = max(self.notes["largest"], logs["loss"])
        self.notes["sum"] = self.notes["sum"] + [1, logs["accuracy"]]


class KilledAt(Callback):
    """Ends the process, as SIGKILL does, the n-th time that a hook is called."""

    def __init__(self, n):
        super().__init__()
        self.n = n

    def _count(self, *args, logs=None):
        self.n -= 1
        if self.n == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    on_epoch_begin = on_epoch_end = on_train_batch_end = on_train_end = _count


def train(folder, save_freq="epoch", kill=None, epochs=9, patience=20, **fit):
    """A training with everything that has a state; its results go to result.json."""
    config.set_backend("numpy")
    utils.set_random_seed(7)
    model = small(optimizer=AdamW(0.05))
    noting = Noting()
    stopping = callbacks.EarlyStopping("val_loss", patience=patience, restore_best_weights=True)
    backup = BackupAndRestore(folder / "backup", save_freq=save_freq)
    listed = [
        backup,  # wherever it stands, it is called last
        callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.97),
        callbacks.ReduceLROnPlateau("val_loss", factor=0.5, patience=1, cooldown=2, min_delta=0.02),
        stopping,
        callbacks.ModelCheckpoint(folder / "best.weights.h5", "val_loss", save_best_only=True,
                                  save_weights_only=True),
        callbacks.CSVLogger(folder / "log.csv"),
        noting,
    ]  # fmt: skip
    if kill:
        listed.append(KilledAt(kill))
    model.fit(X, Y, batch_size=8, epochs=epochs, verbose=0, callbacks=listed,
              validation_data=OTHERS, **fit)  # fmt: skip
    result = {
        "state": state(model),
        "history": backup.history,
        "epochs": backup.epoch,
        "notes": [noting.notes["losses"], noting.notes["largest"], noting.notes["sum"].tolist()],
        "stopping": [stopping.best, stopping.best_epoch, stopping.wait, stopping.stopped_epoch],
        "csv": (folder / "log.csv").read_text(),
        "best": (folder / "best.weights.h5").stat().st_size,
        "left": sorted(p.name for p in folder.iterdir()),
    }
    (folder / "result.json").write_text(json.dumps(result))


def finished(folder):
    return json.loads((folder / "result.json").read_text())


def uninterrupted(tmp_path, **arguments):
    folder = tmp_path / "uninterrupted"
    folder.mkdir()
    before = config.backend()
    train(folder, **arguments)
    config.set_backend(before)
    return finished(folder)


VARIANTS = {
    "epochs": {},
    "batches": {"save_freq": 3},
    "steps": {"save_freq": 5, "fit": {"steps_per_epoch": 2}},  # a pass over the data is 4 batches
    "stopped": {"epochs": 60, "patience": 3},
    "in order": {"save_freq": 1, "fit": {"shuffle": "batch"}},
}


def arguments_of(variant):
    arguments = dict(VARIANTS[variant])
    fit = arguments.pop("fit", {})
    return {**arguments, **fit}


@pytest.mark.parametrize("variant", VARIANTS)
def test_killed_at_random_moments(variant, processes, tmp_path):
    """Killed from outside ten times in one training, each time a little later."""
    arguments = arguments_of(variant)
    expected = uninterrupted(tmp_path, **arguments)
    moments = random.Random(variant)
    folder = tmp_path / "killed"
    folder.mkdir()
    kills, patience = 0, 0.03
    while not (folder / "result.json").exists():
        process = processes.Process(target=train, args=(folder,), kwargs=arguments)
        process.start()
        process.join(moments.uniform(0, patience) if kills < 10 else 60)
        if process.is_alive():
            process.kill()
            process.join()
            kills += 1
            patience *= 1.3
        else:
            assert process.exitcode == 0
    print(f"{variant}: killed {kills} times from outside")
    assert kills
    assert finished(folder) == expected


@pytest.mark.parametrize("variant", VARIANTS)
def test_killed_again_and_again_at_every_hook(variant, processes, tmp_path):
    """Killed at the 1st, 2nd, 3rd, ... call of a hook: every place of the loop is met."""
    arguments = arguments_of(variant)
    expected = uninterrupted(tmp_path, **arguments)
    folder = tmp_path / "killed"
    folder.mkdir()
    kill = 0
    while not (folder / "result.json").exists():
        kill += 1
        process = processes.Process(
            target=train, args=(folder,), kwargs={**arguments, "kill": 2 + 3 * kill % 7 + kill // 9}
        )
        process.start()
        process.join(60)
        assert process.exitcode in (0, -signal.SIGKILL)
    print(f"{variant}: killed {kill - 1} times at hooks")
    assert kill > 1
    assert finished(folder) == expected


# -- without ending the process -------------------------------------------------------------------


class RaisingAt(Callback):
    def __init__(self, epoch=None, batch=None):
        super().__init__()
        self.place = epoch, batch

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch
        if self.place == (epoch, None):
            raise RuntimeError("interrupted")

    def on_train_batch_end(self, batch, logs=None):
        if self.place == (self.epoch, batch):
            raise RuntimeError("interrupted")


def fit(model, *listed, epochs=5, **more):
    return model.fit(X, Y, batch_size=8, epochs=epochs, verbose=0, callbacks=list(listed), **more)


def test_keras_example(tmp_path):
    """Of ten epochs the first four are done; History then holds six."""
    backup = BackupAndRestore(tmp_path / "a" / "b")
    with pytest.raises(RuntimeError, match="interrupted"):
        fit(small(), backup, RaisingAt(4), epochs=10)
    assert [p.name for p in (tmp_path / "a" / "b").iterdir()] == ["latest.weights.h5"]
    history = fit(small(), BackupAndRestore(tmp_path / "a" / "b"), epochs=10)
    assert history.epoch == [4, 5, 6, 7, 8, 9]
    assert not (tmp_path / "a" / "b").exists()


@pytest.mark.parametrize("place", [(2, None), (2, 1), (0, 0), (4, 3)])
def test_every_backend(place, backend, tmp_path):
    """A new model, with weights and seeds of its own, goes on as the one that broke off."""
    random.seed(1)
    model = small()
    model.save(tmp_path / "start.keras")
    fit(model)
    expected = state(model)
    from minicnn.models import load_model

    with pytest.raises(RuntimeError, match="interrupted"):
        fit(
            load_model(tmp_path / "start.keras"),
            BackupAndRestore(tmp_path / "backup", save_freq=2),
            RaisingAt(*place),
        )
    random.seed(99)
    resumed = small()
    fit(resumed, BackupAndRestore(tmp_path / "backup", save_freq=2))
    assert state(resumed) == expected


def test_a_generator_goes_on_behind_what_was_used(tmp_path):
    def batches():
        for i in range(12):
            yield X[i : i + 8], Y[i : i + 8]

    def train(model, *listed):
        model.fit(batches(), epochs=3, steps_per_epoch=4, verbose=0, callbacks=list(listed))

    random.seed(1)
    expected = small()
    train(expected)
    random.seed(1)
    with pytest.raises(RuntimeError, match="interrupted"):
        train(small(), BackupAndRestore(tmp_path / "b"), RaisingAt(1, 2))
    resumed = small()
    train(resumed, BackupAndRestore(tmp_path / "b"))
    assert state(resumed) == state(expected)


def test_the_backup_may_stay_and_its_folder_may_hold_more(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    fit(small(), BackupAndRestore(tmp_path, delete_checkpoint=False), epochs=2)
    model, backup = small(), BackupAndRestore(tmp_path)
    assert fit(model, backup, epochs=2).history == {}
    assert backup.epoch == [0, 1]
    assert model.optimizer.iterations == 8
    assert [p.name for p in tmp_path.iterdir()] == ["notes.txt"]


def broken_off(folder, *listed, **more):
    model = small(**more)
    with pytest.raises(RuntimeError, match="interrupted"):
        fit(model, BackupAndRestore(folder), RaisingAt(3), *listed)
    return model


def test_damage_and_misfits_are_named_and_change_nothing(tmp_path):
    broken_off(tmp_path)
    path = tmp_path / "latest.weights.h5"
    content = path.read_bytes()
    model = small(optimizer="sgd")
    model.evaluate(X, Y, verbose=0)  # lays out the optimizer's state
    before = state(model)
    with pytest.raises(ValueError, match="does not fit 'sgd"):
        fit(model, BackupAndRestore(tmp_path))
    assert state(model) == before
    assert path.read_bytes() == content
    for end in (0, 1000, len(content) - 1):
        path.write_bytes(content[:end])
        with pytest.raises(ValueError, match=r"latest\.weights\.h5"):
            fit(small(), BackupAndRestore(tmp_path))
    small().save_weights(path)
    with pytest.raises(ValueError, match="it holds weights, but no training"):
        fit(small(), BackupAndRestore(tmp_path))


def test_other_callbacks_are_named(tmp_path):
    broken_off(tmp_path, callbacks.EarlyStopping("loss"))
    with pytest.warns(UserWarning, match="EarlyStopping 1, Noting 1"):
        fit(small(), BackupAndRestore(tmp_path), Noting())


@pytest.mark.parametrize("kept", [object(), {1: 2}, np.array(["text"]), [{"a": {3}}]])
def test_what_no_file_can_hold_is_named_before_the_first_step(kept, tmp_path):
    noting = Noting()
    noting.notes = kept
    model = small()
    with pytest.raises(TypeError, match=r"\['notes'\].* cannot be backed up"):
        fit(model, BackupAndRestore(tmp_path), noting)
    assert model.optimizer.iterations == 0
    assert not list(tmp_path.iterdir())


def test_a_log_that_was_changed_meanwhile_is_added_to(tmp_path):
    broken_off(tmp_path / "b", callbacks.CSVLogger(tmp_path / "log.csv"))
    (tmp_path / "log.csv").unlink()
    with pytest.warns(UserWarning, match="shorter than when the backup was made"):
        fit(small(), BackupAndRestore(tmp_path / "b"), callbacks.CSVLogger(tmp_path / "log.csv"))
    lines = (tmp_path / "log.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in lines] == ["epoch", "3", "4"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"backup_dir": ""}, "Empty `backup_dir`"),
        ({"backup_dir": "b", "save_freq": "batch"}, "Expected either 'epoch' or an integer"),
        ({"backup_dir": "b", "save_freq": 0}, "Expected either 'epoch' or an integer"),
        ({"backup_dir": "b", "save_freq": True}, "Expected either 'epoch' or an integer"),
    ],
)
def test_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        BackupAndRestore(**arguments)


def test_load_weights_reads_a_backup(tmp_path):
    broken_off(tmp_path)
    model = small()
    model.load_weights(tmp_path / "latest.weights.h5")
    assert model.optimizer.iterations == 12
