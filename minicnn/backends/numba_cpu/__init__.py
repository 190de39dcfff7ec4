"""The fast backend: every operation of ``minicnn/backends/spec.py`` on the cores of this machine.

Same function names as ``reference/``, and mostly the same file names; Numba compiles the loops,
BLAS does the products. Results are the same bits for any number of threads.
"""

# ruff: noqa: F401, F403  (the names are here to be called as ``ops.conv2d_forward`` and so on)

from typing import TYPE_CHECKING

from minicnn.backends.numba_cpu.activations import *
from minicnn.backends.numba_cpu.augmentation import *
from minicnn.backends.numba_cpu.conv import *
from minicnn.backends.numba_cpu.dense import *
from minicnn.backends.numba_cpu.dropout import dropout_backward, dropout_forward
from minicnn.backends.numba_cpu.losses import *
from minicnn.backends.numba_cpu.memory import *
from minicnn.backends.numba_cpu.metrics import *
from minicnn.backends.numba_cpu.normalization import *
from minicnn.backends.numba_cpu.optimizers import *
from minicnn.backends.numba_cpu.pooling import *

if TYPE_CHECKING:  # mypy compares this module with the contract, function by function
    from minicnn.backends import numba_cpu
    from minicnn.backends.spec import Array, FusedBackend

    _contract: FusedBackend[Array] = numba_cpu
