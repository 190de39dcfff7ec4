"""HDF5 files that use more of HDF5 than weights need, that lie, or have right checksums."""

import functools
import io
import json
from random import Random
from typing import Any
from unittest.mock import patch

import h5py
import numpy as np

from minicnn.saving import hdf5
from minicnn.saving.hdf5.blocks import Blocks, checksum
from tests.faults.hostile import spoil_bytes

_NAMES = [
    "..",
    "a b",
    "\x1b[2J",
    "x" * 300,
    "데이터",
    ".",
    "vars",
    "0",
    "a\\b",
    "C:",
    "%00",
    "-" * 99,
]


def spoilt(content: bytes, rng: Random) -> bytes:
    """One fault of structure, or spoilt bytes under a checksum that is right again."""
    if rng.random() < 0.45 and (blocks := _summed_blocks(content)):
        spoilt = content
        for _ in range(rng.choice([1, 1, 2, 4])):
            spoilt = _under_a_right_checksum(spoilt, rng.choice(blocks), rng)
        return spoilt
    file = io.BytesIO(content)
    try:
        with h5py.File(file, "a") as opened:
            for _ in range(rng.choice([1, 1, 1, 2])):
                rng.choice(_FAULTS)(opened, rng)
    except (OSError, ValueError, KeyError, RuntimeError, TypeError, MemoryError):
        return spoil_bytes.spoilt(content, rng)  # the library refuses to do such a thing
    return file.getvalue()


@functools.lru_cache(maxsize=8)
def _summed_blocks(content: bytes) -> list[tuple[int, int]]:
    """(address, size) of every block of a good file that ends with a checksum."""
    found: list[tuple[int, int]] = []

    class Noting(Blocks):
        def checked(self, address: int, size: int, signature: bytes):
            found.append((address, size))
            return super().checked(address, size, signature)

    with patch.object(hdf5, "Blocks", Noting):
        hdf5.Content(io.BytesIO(content), "good", 1 << 30)
    return found


def _under_a_right_checksum(content: bytes, block: tuple[int, int], rng: Random) -> bytes:
    address, size = block
    inside = bytearray(content[address : address + size - 4])
    place, width = rng.randrange(4, len(inside)), rng.choice([1, 1, 2, 4, 8])
    other = rng.randrange(len(inside))
    number = rng.choice([0, 1, 2, 255, 65535, 2**32 - 1, 2**63, 2**64 - 1, len(content), address,
                         rng.randrange(256)]) % (1 << 8 * width)  # fmt: skip
    if rng.random() < 0.3:
        inside[place] ^= 1 << rng.randrange(8)
    elif rng.random() < 0.7:
        inside[place : place + width] = number.to_bytes(width, "little")
    else:
        inside[place : place + width] = inside[other : other + width]
    inside = inside[: size - 4].ljust(size - 4, b"\0")
    right = checksum(bytes(inside)).to_bytes(4, "little")
    return content[:address] + bytes(inside) + right + content[address + size :]


# -- faults of structure ------------------------------------------------------------------------


def _paths(file: Any) -> list[str]:
    found: list[str] = []
    file.visititems(
        lambda path, item: found.append(path) if isinstance(item, h5py.Dataset) else None
    )
    return found


def _taken(file: Any, rng: Random) -> tuple[str, np.ndarray]:
    """An array is taken out: (its path, its entries)."""
    path = rng.choice(_paths(file))
    array = file[path][()]
    del file[path]
    return path, np.asarray(array)


def _linked(file: Any, rng: Random) -> None:
    path, _ = _taken(file, rng)
    elsewhere = rng.choice(_paths(file))
    file[path] = rng.choice([
        h5py.SoftLink("/" + elsewhere), h5py.SoftLink("/"), h5py.SoftLink("../x"),
        h5py.ExternalLink("other.h5", "/x"), h5py.ExternalLink("/etc/passwd", "/"),
        file[elsewhere], file["layers"],
    ])  # fmt: skip


def _elsewhere(file: Any, rng: Random) -> None:
    """Virtual or external entries."""
    path, array = _taken(file, rng)
    if rng.random() < 0.5:
        layout = h5py.VirtualLayout(array.shape, array.dtype)
        if array.shape:
            layout[...] = h5py.VirtualSource(rng.choice(["other.h5", "."]), "x", array.shape)
        file.create_virtual_dataset(path, layout)
    else:
        name = rng.choice(["/etc/passwd", "../secret", "secret"])
        file.create_dataset(path, array.shape, array.dtype, external=[(name, 0, array.nbytes)])


def _typed(file: Any, rng: Random) -> None:
    """The same numbers as another type."""
    path, array = _taken(file, rng)
    kind = rng.choice(["f2", "f8", ">f4", "i4", "u1", "S4", "c8", "bool", "f4,f4", "V4", "enum",
                       "text", "references", "empty", "3f4", "bfloat16"])  # fmt: skip
    if kind == "enum":
        file.create_dataset(path, array.shape, h5py.enum_dtype({"a": 1}, "i4"))
    elif kind == "text":
        file.create_dataset(path, array.shape, h5py.string_dtype())
    elif kind == "references":
        file.create_dataset(path, array.shape, h5py.ref_dtype)
    elif kind == "empty":
        file[path] = h5py.Empty("f4")
    elif kind == "bfloat16":
        raw = h5py.h5t.IEEE_F32LE.copy()
        raw.set_fields(15, 7, 8, 0, 7)
        raw.set_size(2)
        h5py.h5d.create(file.id, path.encode(), raw, h5py.h5s.create_simple(array.shape))
    else:
        file.create_dataset(path, data=np.zeros(array.shape, kind))


def _shaped(file: Any, rng: Random) -> None:
    path, array = _taken(file, rng)
    shapes = [array.T, array.reshape(-1), array[None], array.ravel()[:-1], np.zeros((0, 3), "f4"),
              np.zeros((1,) * 31, "f4"), array.reshape(1, -1)]  # fmt: skip
    file[path] = rng.choice(shapes)


def _huge(file: Any, rng: Random) -> None:
    """Shapes that nothing stands behind."""
    path, _ = _taken(file, rng)
    shape = rng.choice([(1 << 20, 1 << 20), (1 << 40,), (1 << 31, 2, 2), (3, 4)])
    chunks = rng.choice([None, (1024,) * len(shape), (1,) * len(shape)])
    packed = {"compression": "gzip"} if chunks else {}
    made = file.create_dataset(path, shape, "f4", chunks=chunks, **packed)
    if chunks and rng.random() < 0.5:
        made[(0,) * len(shape)] = 1.0


def _zeros(file: Any, rng: Random) -> None:
    """Much in little: zeros, packed."""
    path, _ = _taken(file, rng)
    rows = rng.choice([1000, 1000, 1000, 100_000, 100_000, 2_000_000])
    file.create_dataset(path, data=np.zeros((rows, 8), "f4"), chunks=(min(rows, 30_000), 8),
                        compression="gzip", shuffle=True)  # fmt: skip


def _filtered(file: Any, rng: Random) -> None:
    path, array = _taken(file, rng)
    array = np.atleast_1d(array)
    how = rng.choice([{"compression": "lzf"}, {"scaleoffset": 2}, {"compression": "gzip"},
                      {"fletcher32": True}, {"shuffle": True}])  # fmt: skip
    file.create_dataset(path, data=array, chunks=tuple(max(n // 2, 1) for n in array.shape), **how)


def _missing(file: Any, rng: Random) -> None:
    _taken(file, rng)


def _renamed(file: Any, rng: Random) -> None:
    path = rng.choice(_paths(file))
    parent = path.rpartition("/")[0]
    target = rng.choice(
        [f"{parent}/{rng.choice(_NAMES)}", rng.choice(_NAMES), f"{path}0", "vars/0"]
    )
    file.move(path, target)


def _more(file: Any, rng: Random) -> None:
    for i in range(rng.choice([1, 9, 50, 700])):
        file[f"layers/{rng.choice(['dense', 'extra', 'conv2d'])}_{i}/vars/0"] = np.float32(i)


def _deep(file: Any, rng: Random) -> None:
    file["/".join("a" * rng.choice([20, 70, 500]))] = 1


def _not_finite(file: Any, rng: Random) -> None:
    path, array = _taken(file, rng)
    file[path] = np.full(array.shape, rng.choice([np.nan, np.inf]), "f4")


def _attribute(file: Any, rng: Random) -> None:
    """minicnn's own attributes as something else."""
    path = rng.choice(["/", "/", rng.choice(_paths(file))])
    name = "minicnn" if path == "/" else "crc32"
    state = {"format": 1, "minicnn_version": "0", "step": 1, "shuffle_seed": 1, "layer_seeds": {}}
    state[rng.choice([*state, "x"])] = rng.choice([None, -1, 2**32, 2**70, 1.5, "x", [], {"a": 1},
                                                   {"a": "b"}, True, 99])  # fmt: skip
    value = rng.choice([
        np.bytes_(json.dumps(state).encode()), np.bytes_(b"{"), np.bytes_(b"[" * 50_000), "text", 7,
        np.zeros(9, "S3"), np.zeros((2, 3)), np.uint32(7), np.uint64(7), h5py.Empty("f4"),
        np.bytes_(b'{"a":' * 9000 + b"1" + b"}" * 9000), np.bytes_(b"\xff\xfe"), np.float32(1),
    ])  # fmt: skip
    file[path].attrs[name] = value


def _named_type(file: Any, rng: Random) -> None:
    path, array = _taken(file, rng)
    file["type"] = np.dtype("f4")
    file.create_dataset(path, data=array.astype("f4"), dtype=file["type"])


def _group(file: Any, rng: Random) -> None:
    path, _ = _taken(file, rng)
    file.create_group(path, track_order=rng.random() < 0.5)


_FAULTS = [
    _linked, _elsewhere, _typed, _shaped, _huge, _zeros, _filtered, _missing, _renamed, _more,
    _deep, _not_finite, _attribute, _attribute, _named_type, _group,
]  # fmt: skip
