"""Arrays in an HDF5 file, written by the HDF5 library and read by hand.

Nothing here knows about models: ``write`` takes arrays by path, ``opened`` gives them back.

* ``blocks``: bytes at an address, under bounds; checksums of blocks.
* ``objects``: groups and arrays as lists of messages.
* ``btree``, ``heap``, ``groups``: which objects a group holds.
* ``datatypes``, ``arrays``: shapes, types, attributes, entries.
* ``reader``, ``writer``: whole files.
"""

from minicnn.saving.hdf5.reader import Array, Content, opened
from minicnn.saving.hdf5.writer import write

__all__ = ["Array", "Content", "opened", "write"]
