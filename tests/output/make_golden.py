"""Record what Keras prints, for the tests beside this file to compare with.

Run it with an environment that has keras and tensorflow (recorded with Keras 3.15.1 on
TensorFlow 2.21, rich 15.0), from the repository's root::

    python -m tests.output.make_golden

It writes ``golden/progress.json`` (Keras's ProgbarLogger under a clock of our own: exact, times
included), ``golden/summary.json`` (what the model held, as plain data, and what was printed) and
``golden/fit.json`` (whole calls of fit, evaluate and predict).
"""

import contextlib
import io
import json
import os
import random
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from keras.src.utils import progbar

from tests.output.cases import fit_calls, flat_model, models, on_screen

HERE = Path(__file__).parent / "golden"


# -- progress ---------------------------------------------------------------------------------


class Clock:
    now = 0.0

    def time(self):
        return self.now


def record_progress(target, verbose, events, epoch=0, epochs=1):
    """What ProgbarLogger prints when these ``events`` (time, what, step, logs) happen."""
    clock = Clock()
    clock.now = 1000.0
    progbar.time = clock
    logger = keras.callbacks.ProgbarLogger()
    logger.set_params({"verbose": verbose, "epochs": epochs, "steps": target})
    with contextlib.redirect_stdout(io.StringIO()) as out:
        logger.on_epoch_begin(epoch)
        for seconds, what, step, logs in events:
            clock.now = 1000.0 + seconds
            if what == "update":
                logger.on_train_batch_end(step - 1, logs)
            else:
                logger.on_epoch_end(epoch, logs)
    return {
        "target": target,
        "verbose": verbose,
        "epoch": epoch,
        "epochs": epochs,
        "events": events,
        "printed": out.getvalue(),
    }


def run(steps, first, rest, names=("accuracy", "loss"), seed=0, end=None):
    """Events of an epoch: the first step takes ``first`` seconds, the others about ``rest``."""
    rng = random.Random(seed)
    events, now = [], first
    values = {}
    stride = max(1, steps // 40)  # a few dozen lines show it
    for step in range(1, steps + 1, stride):
        values = {name: round(rng.expovariate(1.0) * 10 ** rng.randint(-4, 2), 7) for name in names}
        events.append([round(now, 7), "update", step, values])
        now += stride * rest * rng.uniform(0.5, 1.5)
    final = dict(values) if end is None else end
    events.append([round(now, 7), "finish", steps, final])
    return events


def progress_cases():
    validation = {"accuracy": 0.225, "loss": 1.2188, "val_accuracy": 0.0004, "val_loss": -1.5}
    added = validation | {"learning_rate": 0.0005, "zzz": 2.0, "aaa": 0.0}
    shapes = {
        "one step": (1, run(1, 0.3, 0.1)),
        "slow steps": (3, run(3, 2.6, 1.4)),
        "milliseconds": (12, run(12, 0.9, 0.04, end=validation)),
        "microseconds": (1000, run(1000, 0.2, 0.0004)),
        "minutes left": (1719, run(1719, 5.0, 1.1)),
        "hours left": (937, run(937, 40.0, 160.0)),
        "no time at all": (5, run(5, 0.0, 0.0)),
        "no values": (7, run(7, 0.1, 0.06, names=())),
        "keys added at the end": (4, run(4, 0.1, 0.06, end=added)),
        "a key of the running line alone": (4, run(4, 0.1, 0.06, ("loss", "x"), end=validation)),
        "line grows shorter": (9, run(9, 9000.0, 0.2, ("loss", "mean_absolute_error"), seed=3)),
        "unknown length": (None, run(25, 0.2, 0.03)),
        "unknown length, nothing came": (None, [[0.5, "finish", 0, {}]]),
        "a minute left": (61, [
            [1.0, "update", 1, {}],
            [2.03, "update", 2, {}],
            [6.01, "update", 6, {}],
            [60.5, "finish", 61, {}],
        ]),
        "an hour left": (3601, [[1.0, "update", 1, {}], [2.001, "update", 2, {}]]),
        "no steps": (0, [[0.5, "finish", 0, {}]]),
        "not a number": (2, [
            [0.1, "update", 1, {"loss": float("inf")}],
            [0.2, "finish", 2, {"loss": float("nan"), "mse": float("-inf"), "n": 3}],
        ]),
        "thresholds": (2, [
            [0.999, "update", 1, {"a": 0.001, "b": 0.0010001, "c": -0.001, "d": -0.5}],
            [0.9995, "finish", 2, {"a": 0.0, "b": 1e-9, "c": 123456789.5}],
        ]),
    }  # fmt: skip
    cases = {}
    for name, (target, events) in shapes.items():
        for verbose in (1, 2):
            cases[f"{name}, verbose={verbose}"] = record_progress(target, verbose, events)
    short = run(3, 0.1, 0.1)
    for verbose in (0, True, "auto", 3):
        cases[f"verbose={verbose!r}"] = record_progress(3, verbose, short, epoch=1, epochs=12)
    for verbose in (1, 2):
        cases[f"second of twelve epochs, verbose={verbose}"] = record_progress(
            3, verbose, short, epoch=1, epochs=12
        )
    return cases


# -- summary ----------------------------------------------------------------------------------


def weights_data(weights):
    return [[int(np.prod(w.shape)), keras.backend.standardize_dtype(w.dtype)] for w in weights]


def layer_data(layer):
    try:
        shape = list(layer.output.shape)
    except AttributeError:
        shape = None
    data = {
        "name": layer.name,
        "class_name": type(layer).__name__,
        "built": layer.built,
        "shape": shape,
        "params": layer.count_params() if layer.built else None,
        "trainable": layer.trainable,
        "weights": len(layer.weights),
    }
    if hasattr(layer, "layers"):
        data["layers"] = [layer_data(inner) for inner in layer.layers]
    return data


def model_data(model):
    built = model.compiled and model.optimizer.built
    return {
        "name": model.name,
        "layers": [layer_data(layer) for layer in model.layers],
        "trainable_weights": weights_data(model.trainable_weights),
        "non_trainable_weights": weights_data(model.non_trainable_weights),
        "optimizer": weights_data(model.optimizer.variables) if built else None,
    }


def print_in(model, columns, terminal=False, **arguments):
    """What summary prints with a console of ``columns`` characters."""
    os.environ["COLUMNS"] = str(columns)
    os.environ["TERM"] = "xterm-256color"
    os.environ.pop("FORCE_COLOR", None)
    if terminal:
        os.environ["FORCE_COLOR"] = "1"
    with contextlib.redirect_stdout(io.StringIO()) as out:
        model.summary(**arguments)
    return {
        "columns": columns,
        "terminal": terminal,
        "arguments": arguments,
        "printed": out.getvalue(),
    }


def summary_cases():
    cases = {}
    for name, model in models(keras, keras.backend.clear_session):
        columns = [80] if name == "many layers" else [20, 50, 80, 120]
        if name == "two convolutions":
            columns = [20, 21, 25, 33, 50, 60, 80, 91, 92, 93, 100, 120, 200]
        prints = [print_in(model, n) for n in columns]
        if name == "many layers":
            names = [layer.name for layer in model.layers]
            for first, last in ((3, 5), (5, 3), (24, 2)):
                prints.append(print_in(model, 80, layer_range=[names[first], names[last]]))
            prints.append(print_in(model, 80, layer_range=["dense", ".*9"]))
        else:
            prints += [print_in(model, n, show_trainable=True) for n in (36, 80, 120)]
            prints += [print_in(model, 80, terminal=True, show_trainable=t) for t in (False, True)]
        if name in ("two convolutions", "long names"):
            prints += [
                print_in(model, 80, line_length=50),
                print_in(model, 80, line_length=120),
                print_in(model, 200, line_length=120, positions=[0.3, 0.6, 1.0]),
            ]
        if name == "nested":
            prints += [print_in(model, n, expand_nested=True) for n in (50, 80)]
            prints.append(
                print_in(model, 80, terminal=True, expand_nested=True, show_trainable=True)
            )
        cases[name] = {"model": model_data(model), "prints": prints}
    return cases


# -- whole calls ------------------------------------------------------------------------------


def fit_cases():
    cases = {}
    for name, call in fit_calls(keras).items():
        for verbose in (0, 1, 2, 3, "auto") if name == "fit, epochs" else (1, 2):
            with contextlib.redirect_stdout(io.StringIO()) as out:
                call(flat_model(keras), verbose)
            cases[f"{name}, verbose={verbose!r}"] = on_screen(out.getvalue())
    return cases


def save(name, data):
    HERE.mkdir(exist_ok=True)
    cases = (json.dumps(k) + ": " + json.dumps(v, ensure_ascii=False) for k, v in data.items())
    text = "{\n" + ",\n".join(cases) + "\n}\n"
    (HERE / f"{name}.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    save("progress", progress_cases())
    progbar.time = time
    save("summary", summary_cases())
    save("fit", fit_cases())
