"""Small files in the formats of the data sets, good ones to begin with."""

import gzip
import hashlib
import io
import struct
import tarfile

import numpy as np

from minicnn.datasets.cache import PublishedFile
from minicnn.datasets.readers import TEST_BATCH, TRAIN_BATCHES, Shapes

SHAPES = Shapes((6, 4, 5), (6,), (3, 4, 5), (3,))
IMAGES_PER_BATCH = 2


def small_arrays():
    rng = np.random.default_rng(7)
    return {
        name: rng.integers(256 if name[0] == "x" else 10, size=shape, dtype=np.uint8)
        for name, shape in SHAPES._asdict().items()
    }


def npz_bytes(arrays, save=np.savez):
    out = io.BytesIO()
    save(out, **arrays)
    return out.getvalue()


def idx_bytes(array, kind=8):
    return struct.pack(f">HBB{array.ndim}I", 0, kind, array.ndim, *array.shape) + array.tobytes()


def cifar_records():
    """The records of the six batches, (2, 3073) each, the test batch last."""
    rng = np.random.default_rng(8)
    batches = rng.integers(256, size=(6, IMAGES_PER_BATCH, 3073), dtype=np.uint8)
    batches[:, :, 0] %= 10
    return list(batches)


def cifar_members():
    """The archive's members as (TarInfo, content), in the order of the published one."""
    batches = [r.tobytes() for r in cifar_records()]
    members = [member("cifar-10-batches-bin", kind=tarfile.DIRTYPE)]
    members += [member(name, b) for name, b in zip(TRAIN_BATCHES, batches[:5], strict=True)]
    members += [member("cifar-10-batches-bin/batches.meta.txt", b"airplane\n")]
    members += [member(TEST_BATCH, batches[5]), member("cifar-10-batches-bin/readme.html", b"<a>")]
    return members


def member(name, content=b"", kind=tarfile.REGTYPE, link=""):
    info = tarfile.TarInfo(name)
    info.type, info.size, info.linkname = kind, len(content), link
    return info, content


def tar_bytes(members, form=tarfile.USTAR_FORMAT):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as tar:
        for info, content in members:
            tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


def gz(content):
    return gzip.compress(content, mtime=0)


def published(content, urls, name="mnist.npz"):
    """The description of a file with this content, as if its authors had published it."""
    sha256, md5 = hashlib.sha256(content).hexdigest(), hashlib.md5(content).hexdigest()
    return PublishedFile(name, tuple(urls), len(content), sha256, md5)
