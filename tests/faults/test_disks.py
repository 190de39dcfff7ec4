"""Disks that are full and folders that may not be written, for all that minicnn writes."""

import contextlib
import errno
import json
import os
import resource

import numpy as np
import pytest

from minicnn import config
from minicnn.callbacks import CSVLogger, ModelCheckpoint
from minicnn.datasets import DownloadError, cache
from minicnn.models import load_model
from tests.datasets import helpers as h
from tests.datasets.conftest import keras_home, server  # noqa: F401  (fixtures)
from tests.faults.privileges import read_only, run_obedient
from tests.faults.trained import data, small, state
from tests.saving import samples


@contextlib.contextmanager
def room_for(size):
    """No file can grow beyond ``size`` bytes here: what a full disk is to a program."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def contents(folder):
    return {p.name: p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize("size", [0, 70_000, 299_999])
def test_a_download_onto_a_full_disk(keras_home, server, size):  # noqa: F811
    content = np.random.default_rng(3).bytes(300_000)
    file = h.published(content, [server.url("good", content)])
    with room_for(size), pytest.raises(DownloadError, match=r"(?s)Cannot keep.*KERAS_HOME"):
        cache.fetch(file)
    assert contents(keras_home) == {}
    assert cache.fetch(file).read_bytes() == content  # when there is room again


@pytest.mark.parametrize("name", ["m.keras", "m.weights.h5"])
def test_a_checkpoint_onto_a_full_disk(tmp_path, name):
    """fit ends with the reason; the older checkpoint and the model in memory are whole."""
    x, y = data()
    model = small()
    checkpoint = ModelCheckpoint(tmp_path / name, save_weights_only=name.endswith(".h5"))
    model.fit(x, y, verbose=0, callbacks=[checkpoint])
    before, weights = contents(tmp_path), state(model)
    with room_for(5000), pytest.raises(OSError, match="cannot save") as caught:
        model.fit(x, y, verbose=0, callbacks=[checkpoint])
    assert caught.value.errno == errno.EFBIG
    assert contents(tmp_path) == before
    assert state(model) != weights  # it trained until then
    model.fit(x, y, verbose=0, callbacks=[checkpoint])  # and goes on when there is room
    assert contents(tmp_path) != before


def test_a_log_onto_a_full_disk(tmp_path):
    x, y = data()
    model = small()
    with room_for(0), pytest.raises(OSError, match=os.strerror(errno.EFBIG)):
        model.fit(x, y, verbose=0, callbacks=[CSVLogger(tmp_path / "log.csv")])
    assert model.evaluate(x, y, verbose=0)


SAVE = """
import sys
from minicnn import config
config.set_backend("numpy")
from minicnn.models import load_model
model = load_model(sys.argv[1])
try:
    model.save(sys.argv[2] + "/m.keras")
except PermissionError as error:
    print(error)
"""
FETCH = """
import json, sys
from minicnn.datasets.cache import PublishedFile, fetch
from minicnn.datasets import DownloadError
try:
    fetch(PublishedFile(**json.loads(sys.argv[1])))
except DownloadError as error:
    print(error)
"""


def test_saving_into_a_folder_that_may_not_be_written(tmp_path):
    folder = tmp_path / "read only"
    folder.mkdir()
    config_before = config.backend()
    config.set_backend("numpy")
    model = samples.small()
    config.set_backend(config_before)
    model.save(folder / "m.keras")
    before = contents(folder)
    read_only(folder)
    done = run_obedient(SAVE, folder / "m.keras", folder)
    assert done.returncode == 0, done.stderr
    assert "cannot save: Permission denied; a file that was there is unchanged" in done.stdout
    assert contents(folder) == before
    samples.assert_same(load_model(folder / "m.keras"), model)


def test_a_cache_of_data_sets_that_may_not_be_written(tmp_path, server):  # noqa: F811
    content = np.random.default_rng(3).bytes(3000)
    file = h.published(content, [server.url("good", content)])
    folder = read_only(tmp_path / "home")
    done = run_obedient(
        FETCH, json.dumps(file.__dict__), KERAS_HOME=str(folder / "keras"), MINICNN_DATA=""
    )
    assert done.returncode == 0, done.stderr
    assert "Permission denied. Set KERAS_HOME to a folder that can be written" in done.stdout
    assert server.asked == []  # nothing is fetched that cannot be kept


def test_weights_of_every_layout_in_memory_come_back(tmp_path):
    """Turned, byte-swapped and strided arrays, handed to a model, are saved as what they mean."""
    model = samples.small()
    rng = np.random.default_rng(4)
    given = []
    for i, weight in enumerate(model.get_weights()):
        array = rng.random(weight.shape, dtype="float32")
        layouts = [np.asfortranarray(array), array.astype(">f4"), np.repeat(array, 2, 0)[::2]]
        given.append(layouts[i % 3])
    model.set_weights(given)
    for name in ("m.keras", "m.weights.h5"):
        (model.save if name == "m.keras" else model.save_weights)(tmp_path / name)
        other = samples.small()
        other.load_weights(tmp_path / name)
        for found, wanted in zip(other.get_weights(), given, strict=True):
            np.testing.assert_array_equal(found, wanted)
            assert found.dtype == np.float32
