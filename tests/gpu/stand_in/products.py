"""The product behind the stand-in's cuBLAS: NumPy's, on the memory that the pointers name."""

import ctypes

import numpy as np

from tests.gpu.stand_in import build
from tests.gpu.stand_in.device import DEVICE

_INT, _POINTER = ctypes.c_int, ctypes.c_void_p
_PRODUCT = ctypes.CFUNCTYPE(
    _INT, _POINTER, _INT, _INT, _INT, _INT, _INT, _POINTER, _POINTER, _INT, _INT, _POINTER, _INT,
    _INT, _POINTER, _POINTER, _INT, _INT, _INT, _INT,
)  # fmt: skip

#: cudaDataType -> NumPy's, C's; and which compute types go with it
_TYPES = {0: (np.float32, ctypes.c_float, (68, 77)), 1: (np.float64, ctypes.c_double, (70,))}
_INVALID_VALUE, _NOT_SUPPORTED = 7, 15
_kept = []  # the function that the library calls must not be collected


def install():
    """Give the library its product."""
    function = _PRODUCT(_gemm)
    _kept.append(function)
    ctypes.CDLL(str(build.cublas_path())).set_product(function)


def _gemm(
    stream, transa, transb, m, n, k, alpha, a, atype, lda, b, btype, ldb, beta, c, ctype, ldc,
    compute, algorithm,
):  # fmt: skip
    """C (m, n) = alpha op(A) op(B) + beta C, all column-major, or a cuBLAS status."""
    if atype not in _TYPES or not atype == btype == ctype:
        return _NOT_SUPPORTED
    dtype, number, allowed = _TYPES[atype]
    if compute not in allowed:
        return _NOT_SUPPORTED
    rows_a, columns_a = (k, m) if transa else (m, k)
    rows_b, columns_b = (n, k) if transb else (k, n)
    if min(m, n, k) < 0 or lda < max(1, rows_a) or ldb < max(1, rows_b) or ldc < max(1, m):
        return _INVALID_VALUE
    if not (a and b and c) or any(p % np.dtype(dtype).itemsize for p in (a, b, c)):
        return _INVALID_VALUE
    # host pointer mode: the two factors are read at the call, not when a graph runs
    alpha, beta = (number.from_address(p).value for p in (alpha, beta))

    def matrix(pointer, rows, columns, leading):
        """(rows, columns) in column-major memory: the transpose of a row-major view."""
        count = (columns - 1) * leading + rows if columns else 0
        flat = np.frombuffer((ctypes.c_char * (count * np.dtype(dtype).itemsize))
                             .from_address(pointer), dtype)  # fmt: skip
        shape, step = (columns, rows), flat.itemsize
        return np.lib.stride_tricks.as_strided(flat, shape, (leading * step, step)).T

    def node():
        left, right = matrix(a, rows_a, columns_a, lda), matrix(b, rows_b, columns_b, ldb)
        out = matrix(c, m, n, ldc)
        with np.errstate(all="ignore"):
            product = (left.T if transa else left) @ (right.T if transb else right)
            out[...] = alpha * product + (beta * out if beta else 0)

    node.name = "gemm"
    DEVICE.run(node, stream)
    return 0
