"""Good files of every kind that minicnn reads, how it reads them, and what is in them."""

import functools
import io
import tempfile
import zipfile
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch

import h5py
import numpy as np

from minicnn import config, utils
from minicnn.datasets.cifar_binary import read_cifar_tar_gz
from minicnn.datasets.idx import read_idx_gz
from minicnn.datasets.npz import read_npz
from minicnn.models import load_model
from tests.datasets import helpers as h
from tests.saving import samples

GOLDEN = Path(__file__).parents[2] / "golden"


class Good(NamedTuple):
    """A good file, and whether each byte of it stands under a checksum."""

    content: bytes
    summed: bool


#: kind of file -> ending of its name
KINDS = {
    "keras": ".keras", "weights": ".weights.h5", "npz": ".npz", "tar.gz": ".tar.gz",
    "idx.gz": ".gz", "tar": ".tar.gz", "idx": ".gz",
}  # fmt: skip


def variants(kind: str) -> list[Good]:
    """The good files of a kind; those of "tar" and "idx" are spoilt before they are compressed."""
    return _VARIANTS[kind]()


def read(kind: str, variant: int, path: Path) -> list[np.ndarray]:
    """The arrays that minicnn reads from a file."""
    if kind == "keras":
        return load_model(path).get_weights()
    if kind == "weights":
        model = receiver(variant)
        model.load_weights(path)
        return model.get_weights()
    if kind == "npz":
        (a, b), (c, d) = read_npz(path, h.SHAPES, exact=True)
        return [a, b, c, d]
    if kind.startswith("idx"):
        return [read_idx_gz(path, IDX[variant].shape)]
    (a, b), (c, d) = read_cifar_tar_gz(path, h.IMAGES_PER_BATCH)
    return [a, b, c, d]


@functools.cache
def saved(kind: str, variant: int) -> list[np.ndarray]:
    """What is in a good file, from where it was made and not from the reader."""
    if kind in ("keras", "weights"):
        return arrays_by_library(kind, variants(kind)[variant].content)
    if kind == "npz":
        return list(h.small_arrays().values())
    if kind.startswith("idx"):
        return [IDX[variant]]
    return cifar_arrays(h.cifar_records())


def arrays_by_library(kind: str, content: bytes) -> list[np.ndarray]:
    """The weights in a model file, sorted by path, as zipfile and the HDF5 library read them."""
    if kind == "keras":
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            content = archive.read("model.weights.h5")
    found = {}

    def keep(path, item):
        if isinstance(item, h5py.Dataset) and path.startswith("layers/"):
            exact = np.can_cast(item.dtype, np.float32, "safe")  # weights of a model are float32
            found[path] = item[()].astype(np.float32) if exact else item[()]

    with h5py.File(io.BytesIO(content), "r") as file:
        file["layers"].visititems(lambda path, item: keep(f"layers/{path}", item))
    return [found[path] for path in sorted(found)]


def same(found: list[np.ndarray], wanted: list[np.ndarray]) -> bool:
    """Whether both are the same arrays, bit for bit, in whatever order."""
    return sorted(map(_print, found)) == sorted(map(_print, wanted))


def _print(array: np.ndarray) -> tuple:
    plain = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    return array.shape, array.dtype.newbyteorder("<").str, plain.tobytes()


# -- models -----------------------------------------------------------------------------------


@functools.cache
def _model():
    """The trained model in all files but Keras's own, the same in every process."""
    config.set_backend("numpy")
    utils.clear_session()
    utils.set_random_seed(0)
    model = samples.small()
    model.fit(*samples.data(), verbose=0)
    return model


@functools.cache
def receiver(variant: int):
    """A model for the weights of a variant; it holds what no file does."""
    config.set_backend("numpy")
    model = load_model(GOLDEN / "keras_model.keras") if variant == 3 else samples.small()
    clear(model)
    return model


def clear(model) -> None:
    """Fill a model with sevens, so that a change of any weight can be seen."""
    model.set_weights([np.full_like(weight, 7) for weight in model.get_weights()])


@functools.cache
def _keras() -> list[Good]:
    file = io.BytesIO()
    path = Path(_FOLDER.name, "m.keras")
    with patch("time.strftime", return_value="2026-01-02@03:04:05"):
        _model().save(path)
    own = path.read_bytes()
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as out:
        for name in archive.namelist():
            member = zipfile.ZipInfo(name)  # with a date that stays
            out.writestr(member, archive.read(name), zipfile.ZIP_DEFLATED)
    keras = (GOLDEN / "keras_model.keras").read_bytes()
    return [Good(own, True), Good(file.getvalue(), True), Good(keras, True)]


@functools.cache
def _weights() -> list[Good]:
    path = Path(_FOLDER.name, "m.weights.h5")
    _model().save_weights(path)
    own = path.read_bytes()
    with zipfile.ZipFile(GOLDEN / "keras_model.keras") as archive:
        keras = archive.read("model.weights.h5")
    return [
        Good(own, True),
        Good(_again(own, "earliest"), False),
        Good(_again(own, "latest"), False),
        Good(keras, False),
    ]


def _again(content: bytes, version: str) -> bytes:
    """The same arrays in the oldest or newest layout, without minicnn's checksums."""
    file = io.BytesIO()
    with (
        h5py.File(io.BytesIO(content), "r") as source,
        h5py.File(file, "w", libver=version) as target,
    ):

        def copy(path, item):
            if isinstance(item, h5py.Dataset):
                target.create_dataset(path, data=item[()])
            else:
                target.require_group(path)

        source.visititems(copy)
    return file.getvalue()


_FOLDER = tempfile.TemporaryDirectory(prefix="minicnn-good-")  # goes when the process ends


# -- data sets ---------------------------------------------------------------------------------

IDX = [h.small_arrays()["x_train"], h.small_arrays()["y_train"]]


@functools.cache
def _npz() -> list[Good]:
    arrays = h.small_arrays()
    turned = {**arrays, "x_train": np.asfortranarray(arrays["x_train"])}
    kinds = ((arrays, np.savez), (arrays, np.savez_compressed), (turned, np.savez))
    return [Good(h.npz_bytes(a, save), True) for a, save in kinds]


@functools.cache
def _tar() -> list[Good]:
    import tarfile

    forms = (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)
    return [Good(h.tar_bytes(h.cifar_members(), form), False) for form in forms]


@functools.cache
def _idx() -> list[Good]:
    return [Good(h.idx_bytes(array), False) for array in IDX]


_VARIANTS = {
    "keras": _keras,
    "weights": _weights,
    "npz": _npz,
    "tar": _tar,
    "idx": _idx,
    "tar.gz": lambda: [Good(h.gz(g.content), True) for g in _tar()],
    "idx.gz": lambda: [Good(h.gz(g.content), True) for g in _idx()],
}


def cifar_arrays(batches: list[np.ndarray]) -> list[np.ndarray]:
    """Records (n, 3073) of six batches -> images (n, 32, 32, 3) and labels (n, 1) of both parts."""
    train, test = np.concatenate(batches[:5]), batches[5]
    row, column, colour = np.indices((32, 32, 3))
    where = 1 + 1024 * colour + 32 * row + column  # of each pixel in its record
    return [train[:, where], train[:, :1], test[:, where], test[:, :1]]
