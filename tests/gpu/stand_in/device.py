"""The one device of the stand-in: its memory, what is being captured, and what it counts."""

import ctypes
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from tests.gpu.stand_in import build

#: bytes of poison on either side of an allocation, which every launch looks at again
FENCE = 64
#: a float of these bytes is a NaN
POISON = 0xFF


class CUDARuntimeError(RuntimeError):
    """What CuPy raises when the CUDA runtime refuses."""

    def __init__(self, name, explanation):
        super().__init__(f"{name}: {explanation}")


@dataclass
class Counts:
    """What has happened since the last ``reset``."""

    launches: int = 0  # kernels, products and array operations that ran, graphs' nodes included
    read_backs: int = 0
    uploads: int = 0
    replays: int = 0

    def reset(self):
        self.__init__()


@dataclass
class Device:
    """State of the device that tests look at."""

    counts: Counts = field(default_factory=Counts)
    capturing: int = 0  # address of the stream that is being captured, 0: none
    captured: list | None = None  # nodes of its graph
    stream_of_thread: Callable = int  # returns the address of the calling thread's stream
    invalidated: bool = False  # somebody did in the capture what must not be done there
    thread_order: int = 0  # see cuda_on_cpu.h
    allocators: list = field(default_factory=list)  # those of using_allocator, innermost last

    def records(self, stream=None):
        """Whether what is launched on a stream, by default the thread's, is recorded."""
        return self.capturing and self.capturing == (stream or self.stream_of_thread())

    def run(self, node, stream=None):
        """Run ``node()`` now, or record it if its stream is being captured."""
        if not self.records(stream):
            self.counts.launches += 1
            node()
        else:
            self.captured.append(node)

    def wait(self):
        """The host waits for its stream: an error while that is captured."""
        if self.records():
            self.invalidated = True
            raise CUDARuntimeError(
                "cudaErrorStreamCaptureUnsupported", "operation not permitted in a capture"
            )


DEVICE = Device()


class Buffer:
    """An allocation: bytes between two fences. Views of arrays share it."""

    def __init__(self, nbytes, pool):
        self.nbytes = nbytes
        self.fence = 0 if build.sanitized() else FENCE  # AddressSanitizer has fences of its own
        self._all = pool.take(nbytes + 2 * self.fence)
        self._all[:] = POISON
        self.host = self._all[self.fence : self.fence + nbytes]
        pool.lend(self, self._all)

    def check(self, kernel):
        """Raise if ``kernel`` wrote beside the allocation."""
        sides = self._all[: self.fence], self._all[self.fence + self.nbytes :]
        if any((side != POISON).any() for side in sides):
            raise AssertionError(f"kernel {kernel} wrote outside an array of {self.nbytes} bytes")


class MemoryPool:
    """Memory that was freed is handed out again, with other contents: as CuPy's pool does."""

    def __init__(self):
        self._free = {}  # bytes -> list of blocks
        self._lent = []  # (reference to the buffer, its block)
        self._total = 0

    def malloc(self, nbytes):
        return Buffer(nbytes, self)

    def take(self, nbytes):
        self._take_back()
        blocks = self._free.get(nbytes)
        if blocks:
            return blocks.pop()
        self._total += nbytes
        return np.empty(nbytes, np.uint8)

    def lend(self, buffer, block):
        self._lent.append((weakref.ref(buffer), block))

    def _take_back(self):
        """Free what nobody holds any more. (Not by a callback at its end: an exception that a
        signal raises there would be lost, which does not happen with CuPy.)
        """
        lent, self._lent = self._lent, []
        for buffer, block in lent:
            if buffer() is None:
                block[:] = POISON
                self._free.setdefault(block.nbytes, []).append(block)
            else:
                self._lent.append((buffer, block))

    def total_bytes(self):
        return self._total

    def free_all_blocks(self):
        self._take_back()
        self._total -= sum(size * len(blocks) for size, blocks in self._free.items())
        self._free.clear()


DEFAULT_POOL = MemoryPool()


def allocate(nbytes):
    """Memory from the pool that is in use."""
    malloc = DEVICE.allocators[-1] if DEVICE.allocators else DEFAULT_POOL.malloc
    return malloc(nbytes)


class RawKernel:
    """A kernel of the library made from the module's source."""

    def __init__(self, library, name, arguments):
        self._run = getattr(library, f"run_{name}")
        self._set_order = library.set_thread_order
        self.name, self._arguments = name, arguments

    @property
    def kernel(self):
        """What CuPy has compiled; here the library is compiled as a whole."""
        return self._run

    def __call__(self, grid, block, arguments):
        from tests.gpu.stand_in.arrays import ndarray

        if len(arguments) != len(self._arguments):
            raise AssertionError(f"{self.name}: {len(arguments)} arguments were passed")
        values, buffers = [], []
        for expected, value in zip(self._arguments, arguments, strict=True):
            if isinstance(value, ndarray):
                buffers.append(weakref.ref(value.buffer))
                value = np.uint64(value.data.ptr)
            # a driver copies as many bytes as the kernel's argument has
            size = 8 if expected.is_pointer else expected.dtype.itemsize
            if not isinstance(value, np.generic) or value.itemsize != size:
                raise AssertionError(f"{self.name}: {expected.name} got {value!r}, {size} bytes")
            values.append(np.array(value))
        pointers = (ctypes.c_void_p * len(values))(*(v.ctypes.data for v in values))
        grid, block = ((ctypes.c_uint * 3)(*(*size, 1, 1)[:3]) for size in (grid, block))

        def node():
            self._set_order(DEVICE.thread_order)
            result = self._run(grid, block, pointers)
            if result == 1:
                raise AssertionError(f"kernel {self.name}: not all threads reach a barrier")
            if result == 2:
                raise CUDARuntimeError("cudaErrorInvalidConfiguration", f"{grid[:]} {block[:]}")
            for buffer in buffers:
                if (alive := buffer()) is not None:
                    alive.check(self.name)

        # numbers live as long as the node; arrays need not, as a graph on a GPU does not keep
        # them alive either (their memory stays with the pool, for somebody else)
        node.values = values
        node.name = self.name
        DEVICE.run(node)


class RawModule:
    """A module of kernels from CUDA C; compiled when the first one is asked for."""

    def __init__(self, *, code, options=()):
        self._code = code

    def get_function(self, name):
        from minicnn.backends.cupy_gpu.signatures import parse_signatures

        real = "double" if "typedef double real;" in self._code else "float"
        return RawKernel(build.kernels(self._code), name, parse_signatures(self._code, real)[name])
