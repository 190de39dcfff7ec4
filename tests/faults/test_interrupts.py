"""Ctrl-C in every phase of ``fit``: the weights are those of a whole step, and all can go on."""

import os
import random
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest

from minicnn.callbacks import Callback, LambdaCallback, ModelCheckpoint
from minicnn.engine import interrupts
from minicnn.layers import Layer
from minicnn.models import load_model
from minicnn.optimizers import AdamW
from minicnn.saving import files
from tests.faults.trained import data, small, state


def ctrl_c():
    signal.raise_signal(signal.SIGINT)


class Pressing(Layer):
    """y = x; presses Ctrl-C at the third training step, or validation batch, in ``phase``."""

    def __init__(self, phase, times=1, **kwargs):
        super().__init__(**kwargs)
        self.phase, self.times, self.calls, self.came_back = phase, times, 0, False

    def compute_output_shape(self, input_shape):
        return input_shape

    def forward(self, ctx, x):
        if ctx.training == (self.phase == "forward"):
            self._count("forward" if ctx.training else "validation")
        return x

    def backward(self, ctx, dy):
        self._count("backward")
        return dy

    def _count(self, phase):
        if phase == self.phase:
            self.calls += 1
            if self.calls == 3:
                for _ in range(self.times):
                    ctrl_c()
                self.came_back = True


class PressingOptimizer(AdamW):
    """Presses Ctrl-C between the two calls that make the third update."""

    calls = 0

    def update(self, w, g, slots):
        super().update(w, g, slots)
        self.calls += 1
        if self.calls == 5:
            ctrl_c()
            ctrl_c()  # a second one waits too: here nothing can be undone


class States(Callback):
    """The state after each number of updates."""

    def __init__(self):
        super().__init__()
        self.after = {}

    def on_train_batch_end(self, batch, logs=None):
        self.after[self.model.optimizer.iterations] = state(self.model)


def states_of_an_undisturbed_training(model, epochs=4):
    """The same model, trained without Ctrl-C: what its state is after each update."""
    x, y = data()
    seen = States()
    seen.after[0] = state(model)
    model.fit(x, y, batch_size=8, epochs=epochs, verbose=0, callbacks=[seen])
    return seen.after


def fresh(phase):
    """Models with equal weights at each call; the first of the layers does the pressing."""
    random.seed(5)
    if phase == "update":
        return small(Pressing("never"), optimizer=PressingOptimizer(0.01))
    return small(Pressing(phase), optimizer=AdamW(0.01))


def press_while_gathering(monkeypatch, model):
    ops = model.executor().ops
    calls, original = [], ops.gather_batch

    def gather_batch(ctx, name, *arguments):
        calls.append(name)
        if calls.count("y") == 3 and name == "y":
            ctrl_c()
        return original(ctx, name, *arguments)

    monkeypatch.setattr(ops, "gather_batch", gather_batch)


#: phase -> updates that are whole when Ctrl-C has been pressed in the third step
PHASES = {"gather": 2, "forward": 2, "backward": 2, "update": 3, "validation": 3, "callback": 3}


@pytest.mark.parametrize("phase", PHASES)
def test_the_weights_are_those_of_a_whole_step(phase, backend, monkeypatch, capsys):
    handler = signal.getsignal(signal.SIGINT)
    expected = states_of_an_undisturbed_training(fresh("never"))
    x, y = data()
    model = fresh(phase)
    callbacks = []
    if phase == "gather":
        press_while_gathering(monkeypatch, model)
    if phase == "callback":
        callbacks = [LambdaCallback(on_train_batch_end=lambda b, logs: ctrl_c() if b == 2 else 0)]
    with pytest.raises(KeyboardInterrupt):
        model.fit(x, y, batch_size=8, epochs=4, validation_data=(x, y), callbacks=callbacks)
    monkeypatch.undo()
    done = model.optimizer.iterations
    assert done == PHASES[phase]
    assert state(model) == expected[done]
    assert capsys.readouterr().out.endswith("\n"), "the running line was left open"
    assert len(model.history.history.get("loss", [])) == (done - 1) // 3, "whole epochs only"
    assert signal.getsignal(signal.SIGINT) is handler

    # and it can go on as if nothing had been
    seen = States()
    model.fit(x, y, batch_size=8, epochs=1, verbose=0, callbacks=[seen])
    assert len(seen.after) == 3
    if done == 3:  # where an epoch begins the order of the samples is the same
        assert seen.after.items() <= expected.items()
    assert model.predict(x, verbose=0).shape == (24, 3)


def test_any_moment(backend):
    """Pressed at 40 random moments, one batch an epoch: the path of the weights is the same."""
    x, y = data()
    random.seed(3)
    expected = {}

    def trained(model, epochs, **more):
        model.fit(x, y, batch_size=24, epochs=epochs, shuffle=False, **more)

    # kernels that run on the CPU in a GPU's place take their time
    updates, presses, window = (60, 6, 0.3) if backend == "cupy" else (1000, 40, 0.006)
    model = small()
    seen = States()
    trained(model, updates, verbose=0, callbacks=[seen])
    expected = seen.after
    random.seed(3)
    model, pressed = small(), 0
    moments = random.Random(11)
    while pressed < presses:
        timer = threading.Timer(moments.uniform(0, window), os.kill, (os.getpid(), signal.SIGINT))
        try:
            timer.start()
            try:
                trained(model, 10**6, verbose=0, validation_data=(x, y))
            finally:
                timer.join()
        except KeyboardInterrupt:
            pressed += 1
        done = model.optimizer.iterations
        if done >= updates:
            break
        assert not done or state(model) == expected[done], f"after {done} updates"
    assert pressed >= presses * 3 // 4
    assert not interrupts.step.blocks
    assert not interrupts.update.blocks


@pytest.mark.parametrize(("times", "came_back"), [(1, True), (2, False)])
def test_a_second_one_does_not_wait(times, came_back):
    """A layer of one's own may never come back: the first waits for it, the second does not."""
    x, y = data()
    layer = Pressing("forward", times)
    model = small(layer)
    with pytest.raises(KeyboardInterrupt):
        model.fit(x, y, batch_size=8, verbose=0)
    assert layer.came_back == came_back
    assert model.optimizer.iterations == 2
    assert model.executor().steps_done == 2


@pytest.mark.parametrize("call", ["evaluate", "predict", "train_on_batch", "test_on_batch"])
def test_other_calls(call, capsys):
    x, y = data()
    model = small(Pressing("forward" if call == "train_on_batch" else "validation"))
    model.evaluate(x[:1], y[:1], verbose=0)
    before = None
    with pytest.raises(KeyboardInterrupt):
        for _ in range(3):
            before = state(model)
            if call == "predict":
                model.predict(x, batch_size=8)
            elif call == "evaluate":
                model.evaluate(x, y, batch_size=8)
            else:
                getattr(model, call)(x, y)
    assert state(model) == before
    assert capsys.readouterr().out.endswith("\n") or call.endswith("on_batch")
    assert np.isfinite(model.predict(x, verbose=0)).all()


def test_while_saving(tmp_path, monkeypatch):
    """The checkpoint of the epoch before stays, whole; nothing else is left behind."""
    x, y = data()
    model = small()
    original, calls = files.write_zip, []

    def write(file, members):
        calls.append(1)
        if len(calls) == 2:
            file.write(b"half of it")
            ctrl_c()
        original(file, members)

    monkeypatch.setattr(files, "write_zip", write)
    with pytest.raises(KeyboardInterrupt):
        model.fit(x, y, epochs=3, verbose=0, callbacks=[ModelCheckpoint(tmp_path / "m.keras")])
    assert [p.name for p in tmp_path.iterdir()] == ["m.keras"]
    assert load_model(tmp_path / "m.keras").optimizer.iterations == 1
    assert model.optimizer.iterations == 2
    model.save(tmp_path / "m.keras")
    assert state(load_model(tmp_path / "m.keras")) == state(model)


def test_a_handler_of_ones_own_is_called_late_and_kept():
    """A program that only takes notice of Ctrl-C trains to the end."""
    x, y = data()
    layer = Pressing("forward")
    model = small(layer)
    heard = []

    def handler(number, frame):
        heard.append((number, layer.came_back, model.optimizer.iterations))

    before = signal.signal(signal.SIGINT, handler)
    try:
        model.fit(x, y, batch_size=8, verbose=0)
        assert signal.getsignal(signal.SIGINT) is handler
    finally:
        signal.signal(signal.SIGINT, before)
    assert heard == [(signal.SIGINT, True, 2)]
    assert model.optimizer.iterations == 3


def test_the_main_thread_is_interrupted_and_a_training_thread_is_not():
    x, y = data()
    model = small()
    in_a_step, go_on = threading.Event(), threading.Event()

    class Waiting(Layer):
        def compute_output_shape(self, input_shape):
            return input_shape

        def forward(self, ctx, x):
            in_a_step.set()
            go_on.wait(20)
            return x

        def backward(self, ctx, dy):
            return dy

    model = small(Waiting())
    thread = threading.Thread(target=model.fit, args=(x, y), kwargs={"verbose": 0})
    thread.start()
    try:
        assert in_a_step.wait(20)
        with pytest.raises(KeyboardInterrupt):
            ctrl_c()
    finally:
        go_on.set()
        thread.join()
    assert model.optimizer.iterations == 1


COMPILING = """
import hashlib, random, sys
import numpy as np
from minicnn.layers import Dense, Input
from minicnn.models import Sequential

random.seed(0)
model = Sequential([Input((5,)), Dense(4, activation="relu"), Dense(3, activation="softmax")])
model.compile("sgd", "sparse_categorical_crossentropy")
first = model.get_weights()
from minicnn.engine import interrupts
hear = interrupts._on_signal
def heard(*arguments):
    print("heard", flush=True)
    hear(*arguments)
interrupts._on_signal = heard  # two signals that arrive at once would be one
x, y = np.ones((8, 5), "float32"), np.arange(8) % 3
try:
    model.fit(x, y, verbose=0)
except KeyboardInterrupt:
    print("interrupted after", model.optimizer.iterations, "updates")
    assert all((a == b).all() for a, b in zip(first, model.get_weights()))
model.fit(x, y, verbose=0)
print(model.optimizer.iterations, np.isfinite(model.get_weights()[0]).all())
"""


@pytest.mark.parametrize("times", [1, 2])
def test_while_kernels_compile(times, tmp_path):
    """Nothing is trained then; the next call compiles what is missing."""
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path), "MINICNN_BACKEND": "numba"}
    with subprocess.Popen(
        [sys.executable, "-c", COMPILING],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment,
    ) as process:  # fmt: skip
        assert "compiling kernels" in process.stderr.readline()
        for _ in range(times):
            process.send_signal(signal.SIGINT)
            assert process.stdout.readline() == "heard\n"
        # not communicate: it does not know of what readline has read ahead
        out, error = process.stdout.read(), process.stderr.read()
    assert process.returncode == 0, error
    assert out == "interrupted after 0 updates\n1 True\n"
