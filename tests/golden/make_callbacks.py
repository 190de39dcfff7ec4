"""Writes callbacks.json: what Keras's callbacks do when a scripted training calls them.

Run it with a Python that has keras and tensorflow:  python tests/golden/make_callbacks.py
The test plays the same script (``drive``) to minicnn's callbacks.
"""

import contextlib
import io
import json
import os
import tempfile
import warnings
from pathlib import Path


class Optimizer:
    learning_rate = 0.5


class Model:
    """What a callback may ask of a model; everything it does to it is recorded in ``events``."""

    def __init__(self):
        self.optimizer = Optimizer()
        self.stop_training = False
        self.metrics = []
        self.epoch = None
        self.events = []

    def get_weights(self):
        return self.epoch

    def set_weights(self, weights):
        self.events.append(f"set_weights of epoch {weights}")

    def save(self, path, overwrite=True):
        self.events.append(f"save {path}")

    def save_weights(self, path, overwrite=True):
        self.events.append(f"save_weights {path}")


def drive(callback, epochs, batches=0):
    """Train for the given epoch logs, with ``batches`` batches in each; return what happened."""
    model, seen, printed = Model(), [], io.StringIO()
    with (
        warnings.catch_warnings(record=True) as caught,
        contextlib.redirect_stdout(printed),
    ):
        warnings.simplefilter("always")
        callback.set_model(model)
        callback.on_train_begin({})
        for model.epoch, given in enumerate(epochs):
            logs = dict(given)
            callback.on_epoch_begin(model.epoch, {})
            for batch in range(batches):
                callback.on_train_batch_begin(batch, logs={})
                callback.on_train_batch_end(batch, logs=dict(given))
            callback.on_epoch_end(model.epoch, logs)
            seen.append([logs, model.optimizer.learning_rate, model.stop_training])
            if model.stop_training:
                break
        callback.on_train_end(logs)
    return {
        "seen": seen,
        "events": model.events,
        "printed": printed.getvalue(),
        "warnings": [str(w.message) for w in caught],
    }


def losses(*values, name="val_loss"):
    return [{"loss": 1.0, name: value} for value in values]


NAN = float("nan")
#: (class, arguments, logs of the epochs, batches an epoch)
CASES = [
    ("EarlyStopping", {"verbose": 1}, losses(5, 4, 6, 3), 0),
    ("EarlyStopping", {"patience": 1, "verbose": 1}, losses(5, 6, 3), 0),
    ("EarlyStopping", {"patience": 2, "verbose": 1}, losses(5, 4, 4, 4, 1), 0),
    ("EarlyStopping", {"patience": 2, "min_delta": 0.5}, losses(5, 4.6, 4.4, 4.2, 4, 3.8), 0),
    ("EarlyStopping", {"patience": 2, "min_delta": -0.5}, losses(5, 4.6, 4.4, 4.2, 4, 3.8), 0),
    ("EarlyStopping", {"patience": 1, "mode": "max"}, losses(0.5, 0.7, 0.7, 0.9), 0),
    ("EarlyStopping", {"patience": 2, "restore_best_weights": True, "verbose": 1},
     losses(5, 3, 4, 4, 4), 0),
    ("EarlyStopping", {"patience": 9, "restore_best_weights": True, "verbose": 1},
     losses(5, 3, 4), 0),
    ("EarlyStopping", {"patience": 2, "baseline": 2.0}, losses(5, 4, 3, 2, 1), 0),
    ("EarlyStopping", {"patience": 2, "baseline": 2.0}, losses(1, 4, 3, 2, 1), 0),
    ("EarlyStopping", {"patience": 1, "start_from_epoch": 2}, losses(1, 2, 3, 4, 5), 0),
    ("EarlyStopping", {"patience": 2}, losses(5, NAN, 4, NAN, NAN, 3), 0),
    ("EarlyStopping", {"monitor": "loss"}, losses(1, 1), 0),
    ("EarlyStopping", {}, losses(1, 2, name="val_mae"), 0),
    ("EarlyStopping", {"mode": "smallest", "patience": 2}, losses(1, 2), 0),
    ("ReduceLROnPlateau", {"patience": 1, "factor": 0.5, "verbose": 1}, losses(5, 5, 5, 4, 4), 0),
    ("ReduceLROnPlateau", {"patience": 2, "factor": 0.5}, losses(5, 5, 5, 5, 5), 0),
    ("ReduceLROnPlateau", {"patience": 1, "factor": 0.5, "cooldown": 2}, losses(*[5] * 9), 0),
    ("ReduceLROnPlateau", {"patience": 1, "factor": 0.5, "min_lr": 0.25, "verbose": 1},
     losses(*[5] * 5), 0),
    ("ReduceLROnPlateau", {"patience": 1, "factor": 0.5, "min_delta": 1.0},
     losses(5, 4.5, 3.5, 2), 0),
    ("ReduceLROnPlateau", {"patience": 1, "factor": 0.5, "mode": "max"}, losses(1, 2, 2, 3), 0),
    ("ReduceLROnPlateau", {"monitor": "val_loss"}, losses(1, 2, name="val_mae"), 0),
    ("ModelCheckpoint", {"filepath": "a.keras", "verbose": 1}, losses(5, 6), 0),
    ("ModelCheckpoint", {"filepath": "{epoch:02d}-{val_loss:.2f}.keras"}, losses(5, 6), 0),
    ("ModelCheckpoint", {"filepath": "a.keras", "save_best_only": True, "verbose": 1},
     losses(5, 6, 4.123456, NAN), 0),
    ("ModelCheckpoint",
     {"filepath": "a.weights.h5", "save_weights_only": True, "save_best_only": True,
      "mode": "max", "verbose": 1}, losses(5, 6, 4), 0),
    ("ModelCheckpoint",
     {"filepath": "a.keras", "save_best_only": True, "initial_value_threshold": 4.5, "verbose": 1},
     losses(5, 4, 4), 0),
    ("ModelCheckpoint", {"filepath": "a.h5"}, losses(5), 0),
    ("ModelCheckpoint", {"filepath": "{epoch}-{batch:02d}.keras", "save_freq": 3},
     losses(5, 4, 3), 4),
    ("ModelCheckpoint", {"filepath": "{epoch}-{batch:02d}.keras", "save_freq": 5, "verbose": 1},
     losses(5, 4, 3), 2),
    ("TerminateOnNaN", {}, [{"loss": 1.0}, {"loss": NAN}], 1),
    ("TerminateOnNaN", {}, [{"loss": 1.0}, {"loss": float("-inf")}], 1),
]  # fmt: skip


def main():
    os.environ["KERAS_BACKEND"] = "tensorflow"
    import keras

    recorded = []
    here = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for name, arguments, epochs, batches in CASES:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                callback = getattr(keras.callbacks, name)(**arguments)
            result = drive(callback, epochs, batches)
            recorded.append({
                "class": name, "arguments": arguments, "epochs": epochs, "batches": batches,
                "result": result, "warnings_made": [str(w.message) for w in caught],
            })  # fmt: skip
        os.chdir(here)
    golden = {"keras": keras.__version__, "cases": recorded}
    Path(__file__).with_name("callbacks.json").write_text(json.dumps(golden) + "\n")


if __name__ == "__main__":
    main()
