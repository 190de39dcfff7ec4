"""Matrix products by cuBLAS, through a handle of our own.

CuPy's own cuBLAS calls refuse to be captured into a graph. A handle of our own may be: it stays on
one stream and has its workspace from the start, so that nothing is allocated while a graph is
captured. One handle, one stream and one workspace are also what cuBLAS asks for to give the same
bits at every run.

cuBLAS is column-major, our arrays are row-major: read by columns, the memory of C is C^T. So
C = op(A) op(B) is asked for as C^T = op(B)^T op(A)^T, with the two factors exchanged.

Source: NVIDIA cuBLAS documentation, cublasGemmEx, cublasSetWorkspace, "Results reproducibility".
"""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import cupy
from cupy import ndarray as Array  # NumPy's has no address

from minicnn.backends.cupy_gpu.runtime import stream, use_stream
from minicnn.backends.precision import precision

#: bytes of workspace, what NVIDIA suggests for its largest GPUs
WORKSPACE = 32 << 20

_R_32F, _R_64F = 0, 1  # cudaDataType
_COMPUTE_32F, _COMPUTE_32F_TF32, _COMPUTE_64F = 68, 77, 70  # cublasComputeType_t
_DEFAULT_ALGORITHM = -1


def gemm(
    a: Array, b: Array, out: Array, *, transpose_a: bool = False, transpose_b: bool = False,
    accumulate: bool = False,
) -> Array:  # fmt: skip
    """out = op(a) op(b), or out += with ``accumulate``; op transposes where it is asked to.

    op(a) (M, K), op(b) (K, N), out (M, N), all of one dtype (float32 or float64) and row-major;
    rows may lie apart (a block of columns of a wider matrix).

    Raises:
        ValueError: shapes, dtypes or strides that do not fit.
        RuntimeError: cuBLAS refuses.
    """
    m, k = a.shape[::-1] if transpose_a else a.shape
    k_b, n = b.shape[::-1] if transpose_b else b.shape
    if k != k_b or tuple(out.shape) != (m, n):
        raise ValueError(
            f"gemm: op(a) is {(m, k)} and op(b) {(k_b, n)}, out {tuple(out.shape)}; expected "
            "(M, K) (K, N) = (M, N)"
        )
    if not a.dtype == b.dtype == out.dtype:
        raise ValueError(f"gemm: dtypes differ: {a.dtype}, {b.dtype}, {out.dtype}")
    if out.size == 0:
        return out
    if k == 0:  # of an empty batch, whose arrays have no address that cuBLAS would take
        if not accumulate:
            out[...] = 0
        return out
    single = out.dtype == "float32"
    number: Any = ctypes.c_float if single else ctypes.c_double
    kind = _R_32F if single else _R_64F
    compute = _COMPUTE_64F
    if single:
        compute = _COMPUTE_32F_TF32 if precision() == "tf32" else _COMPUTE_32F
    use_stream()
    _handle().call(
        "cublasGemmEx", int(transpose_b), int(transpose_a), n, m, k,
        ctypes.byref(number(1.0)),
        b.data.ptr, kind, _row_length("b", b),
        a.data.ptr, kind, _row_length("a", a),
        ctypes.byref(number(1.0 if accumulate else 0.0)),
        out.data.ptr, kind, _row_length("out", out),
        compute, _DEFAULT_ALGORITHM,
    )  # fmt: skip
    return out


@contextmanager
def on_stream(other: Any) -> Iterator[None]:
    """Inside, products are launched on another stream."""
    _handle().use(other)
    try:
        yield
    finally:
        _handle().use(stream())


def _row_length(name: str, array: Array) -> int:
    """Entries from one row to the next: the leading dimension."""
    rows, columns = array.shape
    stride = array.strides[0] // array.itemsize if rows > 1 else columns
    if (columns > 1 and array.strides[1] != array.itemsize) or stride < columns:
        raise ValueError(
            f"gemm: the rows of {name}, shape {array.shape}, are not contiguous: strides "
            f"{array.strides}"
        )
    return max(stride, 1)


_INT, _POINTER, _SIZE = ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t
#: arguments behind the handle
_ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "cublasSetStream_v2": (_POINTER,),
    "cublasSetWorkspace_v2": (_POINTER, _SIZE),
    "cublasGemmEx": (
        _INT, _INT, _INT, _INT, _INT, _POINTER, _POINTER, _INT, _INT, _POINTER, _INT, _INT,
        _POINTER, _POINTER, _INT, _INT, _INT, _INT,
    ),
}  # fmt: skip


class _Handle:
    """A cuBLAS handle on one stream at a time, with a workspace that lives as long as it does."""

    def __init__(self) -> None:
        from cuda.pathfinder import load_nvidia_dynamic_lib

        self._library = ctypes.CDLL(load_nvidia_dynamic_lib("cublas").abs_path)
        for name, arguments in _ARGUMENTS.items():
            getattr(self._library, name).argtypes = (_POINTER, *arguments)
        self._handle = ctypes.c_void_p()
        _check("cublasCreate_v2", self._library.cublasCreate_v2(ctypes.byref(self._handle)))
        self._workspace = cupy.empty((WORKSPACE,), "uint8")
        self.use(stream())

    def use(self, stream: Any) -> None:
        """Launch on ``stream`` from now on."""
        self.call("cublasSetStream_v2", stream.ptr)
        # after the stream, which puts cuBLAS's own workspace back
        self.call("cublasSetWorkspace_v2", self._workspace.data.ptr, WORKSPACE)

    def call(self, name: str, *arguments: Any) -> None:
        """Call ``name`` of the library with the handle."""
        _check(name, getattr(self._library, name)(self._handle, *arguments))


def _check(name: str, status: int) -> None:
    if status:
        raise RuntimeError(f"{name} failed with cuBLAS status {status}")


@cache
def _handle() -> _Handle:
    """The handle; made before the first capture, by the step that runs in front of it."""
    return _Handle()
