"""Two hundred epochs take as much memory, and as much work each, as the first ones."""

import gc
import sys
import tracemalloc
from pathlib import Path

import pytest

from minicnn import config
from minicnn.callbacks import BackupAndRestore, Callback, CSVLogger, ModelCheckpoint
from tests.faults.trained import data, small

EPOCHS, WARM = 200, 20


class Measuring(Callback):
    """Function calls in an epoch when training is warm and in the last one, and memory after both.

    Attributes:
        calls, bytes, objects, resident: of these two epochs; bytes of Python and NumPy.
    """

    def __init__(self, last):
        super().__init__()
        self.epochs = (WARM, last)
        self.calls, self.bytes, self.objects, self.resident = [], [], [], []

    def on_epoch_begin(self, epoch, logs=None):
        if epoch in self.epochs:
            self.calls.append(0)
            sys.setprofile(self._count)

    def on_epoch_end(self, epoch, logs=None):
        sys.setprofile(None)
        if epoch in self.epochs:
            gc.collect()
            self.bytes.append(tracemalloc.get_traced_memory()[0])
            self.objects.append(len(gc.get_objects()))
            self.resident.append(resident())

    def _count(self, frame, event, argument):
        self.calls[-1] += event in ("call", "c_call")


def resident():
    """Bytes of memory that the process has, native ones included; 0 where nobody tells."""
    statm = Path("/proc/self/statm")
    return int(statm.read_text().split()[1]) * 4096 if statm.exists() else 0


@pytest.mark.parametrize(
    ("computes", "extra"), [("numpy", "alone"), ("numba", "alone"), ("numba", "with files")]
)
def test_a_long_training(computes, extra, tmp_path, monkeypatch):
    monkeypatch.setattr(config, "_backend", computes)
    x, y = data()
    model, measuring = small(), Measuring(last=EPOCHS - 1)
    callbacks = [measuring]
    if extra == "with files":
        callbacks += [
            CSVLogger(tmp_path / "log.csv"),
            ModelCheckpoint(tmp_path / "m.keras", "val_loss", save_best_only=True),
            BackupAndRestore(tmp_path / "backup", save_freq=90),
        ]
    tracemalloc.start()
    try:
        model.fit(x, y, batch_size=8, epochs=EPOCHS, verbose=0, validation_data=(x, y),
                  callbacks=callbacks)  # fmt: skip
    finally:
        sys.setprofile(None)
        tracemalloc.stop()
    grown = {
        name: getattr(measuring, name)[1] - getattr(measuring, name)[0]
        for name in ("bytes", "objects", "resident")
    }
    print(f"{computes}, {extra}: grown by {grown}; calls in an epoch {measuring.calls}")
    # History keeps four numbers an epoch, and BackupAndRestore the same four
    assert grown["bytes"] < 450 * (EPOCHS - WARM)
    assert grown["objects"] < EPOCHS - WARM
    assert grown["resident"] < 8e6
    # an epoch's work does not grow, but for a file that one of the two may write
    warm, last = measuring.calls
    assert last <= 1.02 * warm or (extra == "with files" and last <= 2 * warm)


def test_what_predicts_once_keeps_nothing():
    """Models, data and buffers go when nobody holds them any more."""
    x, _ = data(2000)
    gc.collect()

    def use():
        model = small()
        model.predict(x, verbose=0, batch_size=1000)
        model.fit(*data(500), batch_size=500, verbose=0)

    use()
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(20):
            use()
        gc.collect()
        after = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert after - before < 100_000
