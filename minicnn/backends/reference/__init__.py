"""The reference backend: every operation of ``minicnn/backends/spec.py`` in plain NumPy.

Meant to be read. It makes a new array for every result; the fast backends reuse memory.
"""

# ruff: noqa: F403  (all names of these files, to be called as ``ops.conv2d_forward`` and so on)

from typing import TYPE_CHECKING

from minicnn.backends.reference.activations import *
from minicnn.backends.reference.augmentation import *
from minicnn.backends.reference.conv import *
from minicnn.backends.reference.dense import *
from minicnn.backends.reference.dropout import *
from minicnn.backends.reference.losses import *
from minicnn.backends.reference.memory import *
from minicnn.backends.reference.metrics import *
from minicnn.backends.reference.normalization import *
from minicnn.backends.reference.optimizers import *
from minicnn.backends.reference.pooling import *

if TYPE_CHECKING:  # mypy compares this module with the contract, function by function
    from minicnn.backends import reference
    from minicnn.backends.spec import Array, Backend

    _contract: Backend[Array] = reference
