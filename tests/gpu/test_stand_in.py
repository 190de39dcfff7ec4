"""The stand-in itself: faults planted in kernels must be seen, and sound kernels must run."""

import numpy as np
import pytest

from tests.gpu import stand_in
from tests.gpu.stand_in.device import DEVICE, CUDARuntimeError

PROLOGUE = "typedef float real;\n"
BLOCK_SUMS = """
extern "C" __global__ void block_sums(const float* x, float* sums, int n) {
    __shared__ float part[64];
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    part[threadIdx.x] = i < n ? x[i] : 0.0f;
    BARRIER
    for (unsigned half = blockDim.x / 2; half > 0; half /= 2) {
        if (threadIdx.x < half) part[threadIdx.x] += part[threadIdx.x + half];
        __syncthreads();
    }
    if (threadIdx.x == 0) sums[blockIdx.x] = part[0];
}
"""
FILL = """
extern "C" __global__ void fill(float* y, int n) { if (CONDITION) y[threadIdx.x] = 1; }
"""


@pytest.fixture(params=[0, 1, 5, 77])
def thread_order(request):
    DEVICE.thread_order = request.param
    yield request.param
    DEVICE.thread_order = 0


@pytest.fixture
def cupy():
    stand_in.install()
    import cupy

    if not getattr(cupy, "is_stand_in", False):
        pytest.skip("a real CuPy is in use: this is about the stand-in")
    return cupy


def run(cupy, code, name, grid, block, *arguments):
    kernel = cupy.RawModule(code=PROLOGUE + code).get_function(name)
    kernel(grid, block, arguments)


def sums_of_blocks(cupy, code):
    x = np.arange(1, 151, dtype=np.float32)
    sums = cupy.empty(3, np.float32)
    run(cupy, code, "block_sums", (3,), (64,), cupy.asarray(x), sums, np.int32(150))
    expected = [x[:64].sum(), x[64:128].sum(), x[128:].sum()]
    return sums.get(), expected


def test_a_sound_kernel_with_barriers(cupy, thread_order):
    found, expected = sums_of_blocks(cupy, BLOCK_SUMS.replace("BARRIER", "__syncthreads();"))
    np.testing.assert_array_equal(found, expected)


def test_a_missing_barrier_is_seen(cupy):
    wrong = []
    for DEVICE.thread_order in (0, 1, 5, 77):
        found, expected = sums_of_blocks(cupy, BLOCK_SUMS.replace("BARRIER", ""))
        wrong.append(not np.array_equal(found, expected))
    DEVICE.thread_order = 0
    assert wrong == [True, False, True, True]  # descending, each thread finds what it needs


def test_a_barrier_that_some_threads_do_not_reach_is_seen(cupy, thread_order):
    code = BLOCK_SUMS.replace("BARRIER", "if (i >= n) return; __syncthreads();")
    with pytest.raises(AssertionError, match="not all threads reach a barrier"):
        sums_of_blocks(cupy, code)


def test_a_write_past_the_end_is_seen(cupy, thread_order):
    code = FILL.replace("CONDITION", "threadIdx.x <= n")
    with pytest.raises(AssertionError, match="wrote outside"):
        run(cupy, code, "fill", (1,), (32,), cupy.empty(10, np.float32), np.int32(10))


def test_a_read_past_the_end_gives_nan(cupy, thread_order):
    code = (
        'extern "C" __global__ void next(const float* x, float* y, int n) '
        "{ if (threadIdx.x < n) y[threadIdx.x] = x[threadIdx.x + 1]; }"
    )
    y = cupy.empty(10, np.float32)
    run(cupy, code, "next", (1,), (32,), cupy.asarray(np.ones(10, "f4")), y, np.int32(10))
    assert np.isnan(y.get()[-1])


def test_an_output_that_nobody_wrote_is_nan(cupy, thread_order):
    code = FILL.replace("CONDITION", "threadIdx.x < n - 1")
    y = cupy.empty(10, np.float32)
    run(cupy, code, "fill", (1,), (32,), y, np.int32(10))
    np.testing.assert_array_equal(np.isnan(y.get()), [False] * 9 + [True])


def test_an_output_that_depends_on_the_order_of_blocks_is_seen(cupy):
    code = 'extern "C" __global__ void last(float* y) { if (threadIdx.x == 0) y[0] = blockIdx.x; }'
    seen = set()
    for DEVICE.thread_order in (0, 1):
        y = cupy.empty(1, np.float32)
        run(cupy, code, "last", (7,), (32,), y)
        seen.add(y.item())
    DEVICE.thread_order = 0
    assert seen == {0.0, 6.0}


def test_warp_shuffles(cupy, thread_order):
    code = """
extern "C" __global__ void warp_sum(const float* x, float* y) {
    float v = x[threadIdx.x];
    for (int by = 16; by > 0; by /= 2) v += __shfl_xor_sync(0xffffffffu, v, by);
    y[threadIdx.x] = v;
}"""
    x = np.arange(64, dtype=np.float32)
    y = cupy.empty(64, np.float32)
    run(cupy, code, "warp_sum", (1,), (64,), cupy.asarray(x), y)
    np.testing.assert_array_equal(y.get(), np.repeat([x[:32].sum(), x[32:].sum()], 32))


def test_a_read_back_breaks_a_capture(cupy):
    x = cupy.asarray(np.ones(3, np.float32))
    with cupy.cuda.Stream(non_blocking=True) as stream:
        stream.begin_capture()
        for read in (float, bool, cupy.asnumpy, lambda a: a.item()):
            with pytest.raises(CUDARuntimeError, match="StreamCaptureUnsupported"):
                read(x[0])
        with pytest.raises(CUDARuntimeError, match="Invalidated"):
            stream.end_capture()


def test_a_replay_runs_what_was_captured_on_the_same_memory(cupy):
    x = cupy.asarray(np.ones(3, np.float32))
    with cupy.cuda.Stream(non_blocking=True) as stream:
        stream.begin_capture()
        x += 1
        y = x * 2
        graph = stream.end_capture()
    assert x.get().tolist() == [1, 1, 1]
    assert np.isnan(y.get()).all()
    graph.launch()
    graph.launch()
    assert (x.get().tolist(), y.get().tolist()) == ([3, 3, 3], [6, 6, 6])


def test_numpy_arrays_and_those_of_the_device_do_not_mix(cupy):
    x = cupy.asarray(np.ones(3, np.float32))
    for mixed in (
        lambda: x + np.ones(3),
        lambda: np.asarray(x),
        lambda: np.where(x, x, np.ones(3)),
    ):
        with pytest.raises(TypeError):
            mixed()
    assert np.exp(x).get() == pytest.approx([np.e] * 3)


def test_memory_that_was_freed_is_handed_out_again_with_other_contents(cupy):
    pool = cupy.cuda.MemoryPool()
    with cupy.cuda.using_allocator(pool.malloc):
        x = cupy.zeros(1000, np.float32)
        address = x.data.ptr
        del x
        y = cupy.empty(1000, np.float32)
    assert y.data.ptr == address
    assert np.isnan(y.get()).all()
