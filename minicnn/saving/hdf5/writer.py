"""Arrays into an HDF5 file, with checksums."""

import json
from typing import Any, BinaryIO

import numpy as np

from minicnn.saving.hdf5.reader import CHECKSUM, STATE, checksum


def write(
    file: BinaryIO, arrays: dict[str, np.ndarray], groups: dict[str, str], state: dict[str, Any]
) -> None:
    """Write an HDF5 file.

    Args:
        file: open for writing.
        arrays: by path, such as "layers/dense/vars/0".
        groups: path -> "name" attribute of that group.
        state: what is to be kept beside the arrays; numbers and text.
    """
    import h5py

    # version 1.8 of the format has checksums for its headers, and every HDF5 since 2008 reads it
    with h5py.File(file, "w", libver=("v108", "v108")) as target:
        for path, name in groups.items():
            target.require_group(path).attrs["name"] = name
        for path, array in arrays.items():
            dataset = target.create_dataset(path, data=array)
            dataset.attrs[CHECKSUM] = np.uint32(checksum(array))
        target.attrs[STATE] = np.bytes_(json.dumps(state).encode())
