"""What Numba has no words for: BLAS inside a kernel, and what keeps numbers in registers.

Between arrays that a function is given the compiler must assume overlaps: before each loop it
compares their addresses, and after each store it loads again. A function's own memory cannot
overlap with anything, so that a few loops over 16 or 32 numbers of it become vector registers.
And Python counts a negative index from the end, which must be looked for unless there is none.
"""

import llvmlite.binding
from llvmlite import ir
from llvmlite.binding import get_host_cpu_name
from numba import config, types
from numba.core import cgutils
from numba.core.codegen import get_host_cpu_features
from numba.extending import get_cython_function_address, intrinsic

from minicnn.backends.numba_cpu.caching import part

#: whether loops become instructions on vector registers of 64 bytes, of which there are 32: the
#: sums of ``direct.py`` do not fit any others. On Intel's processors LLVM chooses
#: those of 32 bytes even where there are longer ones.
WIDE = "+avx512f" in (config.CPU_FEATURES or get_host_cpu_features()) and (
    config.CPU_NAME or get_host_cpu_name()
).startswith("znver")

#: unsigned(i) is an index that is not looked at
unsigned = types.uintp


@intrinsic(prefer_literal=True)
def local(typing, like, count):
    """A pointer, for ``numba.carray``, to ``count`` numbers of the type of the array ``like``.

    They belong to the function that calls it, and are gone when that returns.
    """
    dtype = like.dtype

    def generate(context, builder, signature, arguments):
        number = context.get_value_type(dtype)
        with builder.goto_entry_block():
            memory = builder.alloca(ir.ArrayType(number, count.literal_value))
            memory.align = 64
        return builder.bitcast(memory, number.as_pointer())

    return types.CPointer(dtype)(like, count), generate


for letter in "sd":
    llvmlite.binding.add_symbol(
        f"minicnn_{letter}gemm",
        get_cython_function_address("scipy.linalg.cython_blas", f"{letter}gemm"),
    )


@intrinsic
def _gemm(typing, transpose_a, transpose_b, m, n, k, a, lda, b, ldb, beta, c, ldc):
    """BLAS's C = op(A) op(B) + beta C on column-major arrays: the plain Fortran call."""
    real = c.dtype

    def generate(context, builder, signature, arguments):
        def pointer(value):
            return cgutils.alloca_once_value(builder, value)

        def flag(transposed):
            letters = (ir.Constant(ir.IntType(8), ord(letter)) for letter in "TN")
            return pointer(builder.select(transposed, *letters))

        def integer(value):
            return pointer(builder.trunc(value, ir.IntType(32)))

        def data(i):
            return context.make_array(signature.args[i])(context, builder, arguments[i]).data

        ta, tb, m, n, k, _, lda, _, ldb, beta, _, ldc = arguments
        one = ir.Constant(context.get_value_type(real), 1.0)
        call = [
            flag(ta), flag(tb), integer(m), integer(n), integer(k), pointer(one),
            data(5), integer(lda), data(7), integer(ldb), pointer(beta), data(10), integer(ldc),
        ]  # fmt: skip
        name = "minicnn_sgemm" if real == types.float32 else "minicnn_dgemm"
        function = ir.FunctionType(ir.VoidType(), [argument.type for argument in call])
        builder.call(cgutils.get_or_insert_function(builder.module, function, name), call)
        return context.get_dummy_value()

    size = types.intp
    signature = types.void(
        types.boolean, types.boolean, size, size, size, a, size, b, size, real, c, size
    )
    return signature, generate


@part()
def multiply(a, b, beta, c):
    """c = a @ b + beta c.  Each of a and b has unit stride along one axis, c along the last."""
    M, K = a.shape
    N = b.shape[1]
    item = c.itemsize
    a_down, a_right = a.strides[0] // item, a.strides[1] // item
    b_down, b_right = b.strides[0] // item, b.strides[1] // item
    # BLAS counts columns first, so that our row-major a is its A': it computes c' = b' a'
    ta, tb = a_right != 1, b_right != 1
    lda = max(a_right, M) if ta else max(a_down, K)
    ldb = max(b_right, K) if tb else max(b_down, N)
    _gemm(tb, ta, N, M, K, b, ldb, a, lda, c.dtype.type(beta), c, max(c.strides[0] // item, N))
