"""A stand-in for CuPy on machines without a GPU: ``install()`` puts it where ``import cupy`` looks.

Its kernels are the real source run on the CPU (``cuda_on_cpu.h``), its cuBLAS a library of the same
calling conventions whose product NumPy does (``products.py``). It has what the ``cupy_gpu`` backend
uses and no more, and raises what CuPy raises where CuPy refuses.
"""

import contextlib
import sys
from types import ModuleType, SimpleNamespace

from tests.gpu.stand_in import arrays, build, products, streams
from tests.gpu.stand_in.device import (
    DEFAULT_POOL,
    DEVICE,
    CUDARuntimeError,
    MemoryPool,
    RawModule,
)


@contextlib.contextmanager
def _using_allocator(malloc):
    DEVICE.allocators.append(malloc)
    try:
        yield
    finally:
        DEVICE.allocators.pop()


def install():
    """Make ``import cupy`` and ``from cuda import pathfinder`` find the stand-in."""
    if "cupy" in sys.modules:
        return
    products.install()
    cupy = ModuleType("cupy")
    cupy.__version__ = "0 (stand-in)"
    cupy.is_stand_in = True
    for name in ("ndarray", "empty", "zeros", "asarray", "asnumpy", "moveaxis"):
        setattr(cupy, name, getattr(arrays, name))
    cupy.RawModule = RawModule
    cupy.get_default_memory_pool = lambda: DEFAULT_POOL
    cupy.cuda = ModuleType("cupy.cuda")
    cupy.cuda.Stream, cupy.cuda.Graph = streams.Stream, streams.Graph
    cupy.cuda.get_current_stream = streams.get_current_stream
    cupy.cuda.MemoryPool, cupy.cuda.using_allocator = MemoryPool, _using_allocator
    cupy.cuda.is_available = lambda: True
    cupy.cuda.Device = lambda number=0: SimpleNamespace(
        id=number, compute_capability="00", synchronize=DEVICE.wait
    )
    cupy.cuda.runtime = ModuleType("cupy.cuda.runtime")
    cupy.cuda.runtime.CUDARuntimeError = CUDARuntimeError
    cupy.cuda.runtime.getDeviceCount = lambda: 1
    cupy.cuda.runtime.runtimeGetVersion = cupy.cuda.runtime.driverGetVersion = lambda: 13_000
    cupy.cuda.runtime.getDeviceProperties = lambda number: {
        "name": b"stand-in", "totalGlobalMem": 2**30, "multiProcessorCount": 1, "major": 0,
        "minor": 0,
    }  # fmt: skip
    pathfinder = ModuleType("cuda.pathfinder")
    pathfinder.load_nvidia_dynamic_lib = lambda name: SimpleNamespace(
        abs_path=str(build.cublas_path()) if name == "cublas" else name
    )
    pathfinder.find_nvidia_header_directory = lambda name: "not needed"
    cuda = ModuleType("cuda")
    cuda.pathfinder = pathfinder
    sys.modules |= {
        "cupy": cupy, "cupy.cuda": cupy.cuda, "cupy.cuda.runtime": cupy.cuda.runtime,
        "cuda": cuda, "cuda.pathfinder": pathfinder,
    }  # fmt: skip
