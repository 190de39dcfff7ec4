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
    number = ctypes.c_float if single else ctypes.c_double
    compute = _COMPUTE_64F
    if single:
        compute = _COMPUTE_32F_TF32 if precision() == "tf32" else _COMPUTE_32F
    use_stream()
    _handle().call(
        "cublasGemmEx", int(transpose_b), int(transpose_a), n, m, k,
        ctypes.byref(number(1.0)), *_matrix("b", b), *_matrix("a", a),
        ctypes.byref(number(1.0 if accumulate else 0.0)), *_matrix("out", out),
        compute, _DEFAULT_ALGORITHM,
    )  # fmt: skip
    return out


@contextmanager
def on_stream(other: cupy.cuda.Stream) -> Iterator[None]:
    """Inside, products are launched on another stream."""
    _handle().use(other)
    try:
        yield
    finally:
        _handle().use(stream())


def _matrix(name: str, array: Array) -> tuple[ctypes.c_void_p, int, int]:
    """Address, type, and entries from one row to the next: the leading dimension."""
    rows, columns = array.shape
    stride = array.strides[0] // array.itemsize if rows > 1 else columns
    if (columns > 1 and array.strides[1] != array.itemsize) or stride < columns:
        raise ValueError(
            f"gemm: the rows of {name}, shape {array.shape}, are not contiguous: strides "
            f"{array.strides}"
        )
    kind = _R_32F if array.dtype == "float32" else _R_64F
    return ctypes.c_void_p(array.data.ptr), kind, max(stride, 1)


class _Handle:
    """A cuBLAS handle on one stream at a time, with a workspace that lives as long as it does."""

    def __init__(self) -> None:
        from cuda.pathfinder import load_nvidia_dynamic_lib

        self._library = ctypes.CDLL(load_nvidia_dynamic_lib("cublas").abs_path)
        self._handle = ctypes.c_void_p()
        _check("cublasCreate_v2", self._library.cublasCreate_v2(ctypes.byref(self._handle)))
        self._workspace = cupy.empty((WORKSPACE,), "uint8")
        self.use(stream())

    def use(self, stream: cupy.cuda.Stream) -> None:
        """Launch on ``stream`` from now on."""
        self.call("cublasSetStream_v2", ctypes.c_void_p(stream.ptr))
        # after the stream, which puts cuBLAS's own workspace back
        workspace = ctypes.c_void_p(self._workspace.data.ptr)
        self.call("cublasSetWorkspace_v2", workspace, ctypes.c_size_t(WORKSPACE))

    def call(self, name: str, *arguments: object) -> None:
        """Call ``name`` of the library with the handle; a Python number is passed as an int."""
        _check(name, getattr(self._library, name)(self._handle, *arguments))


def _check(name: str, status: int) -> None:
    if status:
        raise RuntimeError(f"{name} failed with cuBLAS status {status}")


@cache
def _handle() -> _Handle:
    """The handle; made before the first capture, by the step that runs in front of it."""
    return _Handle()
