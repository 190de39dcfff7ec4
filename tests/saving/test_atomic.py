"""Whatever happens while a model is saved, the file's name stands for a whole model."""

import errno
import os
import random
import resource
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from minicnn.models import load_model
from minicnn.saving.atomic import replacing
from tests.saving import samples

SAVE_FOREVER = """
import sys
from minicnn import config, layers
from minicnn.models import Sequential
config.set_backend("numpy")
model = Sequential([layers.Input((2000,)), layers.Dense(500, kernel_initializer="zeros")])
value = 0
while True:
    value += 1
    model.layers[0].bias.assign([value] * 500)
    model.save(sys.argv[1])
    print(value, flush=True)
"""


def test_killed_at_any_moment(tmp_path):
    """kill -9 at ten moments: a whole model lies there, and the next save removes what is left."""
    path = tmp_path / "m.keras"
    rng = random.Random(3)
    left_behind = 0
    for _ in range(10):
        command = [sys.executable, "-c", SAVE_FOREVER, path]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            saved = int(process.stdout.readline())
            time.sleep(rng.uniform(0, 0.04))
            process.kill()
            saved = max([saved, *map(int, process.stdout.read().split())])
        bias = load_model(path).layers[0].bias.numpy()
        assert bias[0] in (saved, saved + 1)
        assert (bias == bias[0]).all()
        left_behind += len(list(tmp_path.glob(".m.keras.*")))
        samples.small().save(path)
        assert [p.name for p in tmp_path.iterdir()] == ["m.keras"]
    assert left_behind > 0, "every kill fell between two saves; the test showed nothing"


def test_a_full_disk(tmp_path):
    model = samples.small()
    model.save(tmp_path / "m.keras")
    model.save_weights(tmp_path / "m.weights.h5")
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    for save in (model.save, model.save_weights):
        name = "m.keras" if save == model.save else "m.weights.h5"
        for size in (0, 100, 5000):
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
            try:
                with pytest.raises(OSError, match=f"cannot save: .*unchanged.*{name}") as caught:
                    save(tmp_path / name)
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, limits)
            assert caught.value.errno == errno.EFBIG
            assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


def test_folders_that_cannot_be_written(tmp_path, monkeypatch):
    model = samples.small()
    with pytest.raises(FileNotFoundError, match=r"there is no folder '.*nowhere'"):
        model.save(tmp_path / "nowhere" / "m.keras")
    (tmp_path / "file").write_text("x")
    with pytest.raises(NotADirectoryError, match="cannot save"):
        model.save(tmp_path / "file" / "m.keras")
    (tmp_path / "m.keras").mkdir()
    with pytest.raises(IsADirectoryError, match="it is a folder"):
        model.save(tmp_path / "m.keras")
    if Path("/proc").is_dir():  # where not even root can make a file
        with pytest.raises(OSError, match="cannot save"):
            model.save("/proc/m.keras")

    def denied(path, *args, **kwargs):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)

    monkeypatch.setattr(os, "open", denied)
    with pytest.raises(PermissionError, match="cannot save: Permission denied"):
        model.save_weights(tmp_path / "m.weights.h5")


def test_a_write_protected_file_is_respected(tmp_path, monkeypatch):
    samples.small().save(tmp_path / "m.keras")
    (tmp_path / "m.keras").chmod(0o444)
    before = (tmp_path / "m.keras").read_bytes()
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may write everything
    with pytest.raises(PermissionError, match="write-protected"):
        samples.small().save(tmp_path / "m.keras")
    assert (tmp_path / "m.keras").read_bytes() == before


def test_permissions_and_links_are_kept(tmp_path):
    model = samples.small()
    mask = os.umask(0o027)
    try:
        model.save(tmp_path / "m.keras")
    finally:
        os.umask(mask)
    assert stat.S_IMODE((tmp_path / "m.keras").stat().st_mode) == 0o640
    (tmp_path / "m.keras").chmod(0o604)
    (tmp_path / "link.keras").symlink_to("m.keras")
    other = samples.small()
    other.save(tmp_path / "link.keras")
    assert (tmp_path / "link.keras").is_symlink()
    assert stat.S_IMODE((tmp_path / "m.keras").stat().st_mode) == 0o604
    samples.assert_same(load_model(tmp_path / "m.keras"), other)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_neither_replaced_nor_read(tmp_path):
    os.mkfifo(tmp_path / "m.keras")
    with pytest.raises(OSError, match="not an ordinary file"):
        samples.small().save(tmp_path / "m.keras")
    with pytest.raises(ValueError, match="a pipe or a device"):
        load_model(tmp_path / "m.keras")


def test_an_error_in_the_middle_leaves_the_old_file(tmp_path):
    (tmp_path / "f").write_bytes(b"old")
    for error in (KeyboardInterrupt, ValueError):

        def half(error=error):
            with replacing(tmp_path / "f") as file:
                file.write(b"new")
                raise error

        with pytest.raises(error):
            half()
        assert [p.name for p in tmp_path.iterdir()] == ["f"]
        assert (tmp_path / "f").read_bytes() == b"old"


def test_two_savers_do_not_remove_each_others_files(tmp_path):
    with replacing(tmp_path / "f") as slow:
        slow.write(b"slow")
        with replacing(tmp_path / "f") as quick:
            quick.write(b"quick")
        assert (tmp_path / "f").read_bytes() == b"quick"
    assert (tmp_path / "f").read_bytes() == b"slow"
    (tmp_path / ".f.0123abcd.minicnn-tmp").write_bytes(b"left behind")
    (tmp_path / ".other.0123abcd.minicnn-tmp").write_bytes(b"of another file")
    with replacing(tmp_path / "f"):
        pass
    assert sorted(p.name for p in tmp_path.iterdir()) == [".other.0123abcd.minicnn-tmp", "f"]


def test_many_threads_save_to_one_name(tmp_path):
    models = [samples.small() for _ in range(4)]
    for i, model in enumerate(models):
        model.set_weights([np.full_like(w, i) for w in model.get_weights()])
    threads = [threading.Thread(target=m.save, args=(tmp_path / "m.keras",)) for m in models]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    values = {float(v) for w in load_model(tmp_path / "m.keras").get_weights() for v in w.ravel()}
    assert len(values) == 1
    assert [p.name for p in tmp_path.iterdir()] == ["m.keras"]


def test_a_signal_while_saving(tmp_path):
    """Ctrl-C: the exception comes through, the old file stays."""
    samples.small().save(tmp_path / "m.keras")
    before = (tmp_path / "m.keras").read_bytes()

    def interrupted():
        with replacing(tmp_path / "m.keras") as file:
            file.write(b"x")
            signal.raise_signal(signal.SIGINT)
            file.write(b"y")

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert (tmp_path / "m.keras").read_bytes() == before
