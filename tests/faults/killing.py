"""Kills a process at random moments of its work: ``kill -9``, which nothing can catch.

This runs as a program of its own with one thread, which forks what is killed: fifty times that a
Python starts would take longer than all the rest.
"""

import os
import random
import select
import signal
import sys
import time
from pathlib import Path

ROUNDS = 50


def kill_while(work, longest, examine, seed=7):
    """Fork, work, kill, examine, fifty times.

    Args:
        work: called with a function to be called with a number whenever a piece of work is done.
        longest: seconds after the first piece (or after the start, if there is none), at most.
        examine: called with the last number of a killed worker, None if there was none.
        seed: of the moments.
    """
    rng = random.Random(seed)
    for _ in range(ROUNDS):
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            try:
                work(lambda number, out=writing: os.write(out, number.to_bytes(4, "little")))
            finally:
                os._exit(1)  # no end is an end of its own accord
        os.close(writing)
        if not rng.random() < 0.1:  # one in ten is killed at any moment from the start
            select.select([reading], [], [], 20)
        time.sleep(rng.uniform(0, longest))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        done = b""
        while piece := os.read(reading, 1 << 16):
            done += piece
        os.close(reading)
        ended = os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 1
        assert ended, status
        examine(int.from_bytes(done[-4:], "little") if done else None)


def saving(path):
    """A model is saved again and again, each time with another bias."""
    from minicnn.layers import Dense, Input
    from minicnn.models import Sequential, load_model

    model = Sequential([Input((1000,)), Dense(500, kernel_initializer="zeros")])  # 2 MB
    saves = [load_model, lambda p: model.load_weights(p) or model][path.endswith(".h5")]
    left = []

    def work(done):
        for value in range(1, 1 << 20):
            model.layers[0].bias.assign([value] * 500)
            (model.save_weights if path.endswith(".h5") else model.save)(path)
            done(value)

    def examine(last):
        left.append(len(list(Path(path).parent.glob(".*.minicnn-tmp"))))
        if last is None:
            if Path(path).exists():
                saves(path)
            return
        bias = saves(path).layers[0].bias.numpy()
        assert bias[0] in (last, last + 1), (bias[0], last)
        assert (bias == bias[0]).all()

    kill_while(work, 0.03, examine)
    model.save_weights(path) if path.endswith(".h5") else model.save(path)
    assert [p.name for p in Path(path).parent.iterdir()] == [Path(path).name]
    return sum(left)


def checkpointing(path):
    """A model trains and is saved after every batch; what lies there is a moment of that."""
    from minicnn.callbacks import LambdaCallback, ModelCheckpoint
    from minicnn.models import load_model
    from tests.faults.trained import data, small, state

    x, y = data()

    def train(epochs, *callbacks):
        random.seed(1)
        model = small()
        model.fit(x, y, batch_size=8, epochs=epochs, verbose=0, callbacks=list(callbacks))

    moments, steps = {}, []

    def note(batch, logs, model=None):
        moments[len(steps) + 1] = state(model)
        steps.append(batch)

    class Noting(LambdaCallback):
        def on_train_batch_end(self, batch, logs=None):
            note(batch, logs, self.model)

    train(40, Noting())
    left = []

    def work(done):
        numbers = iter(range(1, 1 << 20))
        said = LambdaCallback(on_train_batch_end=lambda batch, logs: done(next(numbers)))
        train(1 << 10, ModelCheckpoint(path, save_freq=1), said)

    def examine(last):
        left.append(len(list(Path(path).parent.glob(".*.minicnn-tmp"))))
        if not Path(path).exists():
            assert last is None
            return
        model = load_model(path)
        step = int(model.optimizer.iterations)
        assert last is None or step in (last, last + 1), (step, last)
        assert step > len(moments) or state(model) == moments[step], step

    kill_while(work, 0.05, examine)
    return sum(left)


def downloading(path, url, size, sha256, md5):
    """A file is fetched from a server."""
    from minicnn.datasets.cache import PublishedFile, difference, download

    file = PublishedFile(Path(path).name, (url,), int(size), sha256, md5)
    target, left = Path(path), []

    def work(done):
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - until it is killed
        download(file, target)
        done(1)
        time.sleep(60)

    def examine(last):
        left.append(len(list(target.parent.glob("*.part"))) > sum(left))
        assert last is None or target.exists()
        if target.exists():
            assert difference(target, file) is None
            target.unlink()

    kill_while(work, 0.02, examine)
    download(file, target)
    return sum(left)


if __name__ == "__main__":
    from minicnn import config

    config.set_backend("numpy")
    print(globals()[sys.argv[1]](*sys.argv[2:]))
