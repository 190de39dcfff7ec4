"""What keeps numbers in registers: memory that nobody else can see, and indices without a sign.

Between arrays that a function is given the compiler must assume overlaps: before each loop it
compares their addresses, and after each store it loads again. A function's own memory cannot
overlap with anything, so that a few loops over 16 or 32 numbers of it become vector registers.
And Python counts a negative index from the end, which must be looked for unless there is none.
"""

# Numba infers the types of the kernels
# mypy: ignore-errors

from llvmlite import ir
from llvmlite.binding import get_host_cpu_name
from numba import config, types
from numba.core.codegen import get_host_cpu_features
from numba.extending import intrinsic

#: whether loops become instructions on vector registers of 64 bytes, of which there are 32: the
#: sums of ``sums.py`` and ``windows.py`` do not fit any others. On Intel's processors LLVM chooses
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
