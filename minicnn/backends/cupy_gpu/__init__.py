"""The GPU backend: every operation of ``minicnn/backends/spec.py`` on an NVIDIA GPU.

Same file names and function names as ``reference/``; the kernels are the CUDA C in ``kernels/``,
products are cuBLAS's, and a whole training step is captured once and replayed (``graph.py``).
"""

# ruff: noqa: F401  (the names are here to be called as ``ops.conv2d_forward`` and so on)

from minicnn.backends.cupy_gpu.memory import asarray, empty, running, to_numpy, zeros
