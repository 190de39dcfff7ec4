"""The GPU backend: every operation of ``minicnn/backends/spec.py`` on an NVIDIA GPU.

Same file names and function names as ``reference/``; the kernels are the CUDA C in ``kernels/``,
products are cuBLAS's, and a whole training step is captured once and replayed (``graph.py``).
"""

# ruff: noqa: F401, F403  (the names are here to be called as ``ops.conv2d_forward`` and so on)

from typing import TYPE_CHECKING

from minicnn.backends.cupy_gpu import device  # first: says what is missing, if something is
from minicnn.backends.cupy_gpu.activations import *
from minicnn.backends.cupy_gpu.augmentation import *
from minicnn.backends.cupy_gpu.conv import *
from minicnn.backends.cupy_gpu.dense import *
from minicnn.backends.cupy_gpu.dropout import dropout_backward, dropout_forward
from minicnn.backends.cupy_gpu.graph import *
from minicnn.backends.cupy_gpu.losses import *
from minicnn.backends.cupy_gpu.memory import *
from minicnn.backends.cupy_gpu.metrics import *
from minicnn.backends.cupy_gpu.normalization import *
from minicnn.backends.cupy_gpu.optimizers import *
from minicnn.backends.cupy_gpu.pooling import *

if TYPE_CHECKING:  # mypy compares this module with the contract, function by function
    from minicnn.backends import cupy_gpu
    from minicnn.backends.spec import Array, DeviceBackend, FusedBackend

    _contract: DeviceBackend[Array] = cupy_gpu
    _fused: FusedBackend[Array] = cupy_gpu
