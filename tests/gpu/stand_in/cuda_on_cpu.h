// CUDA C on a CPU, for machines without a GPU: the very source of the kernels, compiled by g++.
//
// Blocks run one after the other. In a block a *worker* (a stack of its own) runs one thread after
// the other to its end; when a thread has to wait at a barrier, its worker waits with it and another
// worker goes on with the threads that have not started. So a kernel without barriers costs a loop,
// nothing runs in parallel, and every run is repeatable.
//
// It shows: wrong indices (device memory is poisoned and fenced by the allocator, and AddressSanitizer
// can watch), outputs that nobody wrote, missing barriers (shared memory is poisoned before each
// block, and threads run in several orders), barriers that some threads do not reach, dependence on
// the order of blocks. It does not show: speed, races between blocks, alignment, rounding by FMA,
// and what the hardware alone has (tensor cores, asynchronous copies).
#pragma once
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <tuple>
#include <vector>

#include "stacks.h"

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __noinline__
#define __launch_bounds__(...)
#define __restrict__ __restrict
// all shared arrays lie in one section of the library, so that they can be poisoned in one go
#define __shared__ static __attribute__((section("cuda_shared")))
#define __constant__ static

extern "C" char __start_cuda_shared[] __attribute__((weak));
extern "C" char __stop_cuda_shared[] __attribute__((weak));

struct uint3 { unsigned x, y, z; };
struct dim3 { unsigned x, y, z; };
static uint3 threadIdx, blockIdx;
static dim3 blockDim, gridDim;
static const int warpSize = 32;

namespace on_cpu {

enum State { NOT_STARTED, RUNNING, AT_BARRIER, AT_WARP_BARRIER, DONE };
enum Result { RAN = 0, DIVERGENT_BARRIER = 1, IMPOSSIBLE_LAUNCH = 2 };

struct Worker { Place place; unsigned thread; };

static std::vector<Worker*> workers;       // those in front are busy
static std::vector<State> states;          // of the block's threads
static std::vector<unsigned> turns;        // the order in which threads start and go on
static std::vector<Worker*> worker_of;     // thread -> the worker that waits with it
static Place scheduler;
static Worker* current;
static unsigned started, thread_count;
static unsigned order = 0;                 // 0: ascending, 1: descending, else shuffled by it
static std::function<void()> body;

// 0 ... n - 1 in the chosen order
static std::vector<unsigned> permutation(unsigned n) {
    std::vector<unsigned> p(n);
    for (unsigned i = 0; i < n; ++i) p[i] = order == 1 ? n - 1 - i : i;
    uint64_t state = order;
    for (unsigned i = n - 1; order > 1 && i > 0; --i) {
        state = state * 6364136223846793005ull + 1442695040888963407ull;
        std::swap(p[i], p[(state >> 33) % (i + 1)]);
    }
    return p;
}

static void become(unsigned thread) {
    current->thread = thread;
    states[thread] = RUNNING;
    threadIdx = {thread % blockDim.x, thread / blockDim.x % blockDim.y,
                 thread / (blockDim.x * blockDim.y)};
}

// what a worker does: thread after thread, as long as there are any
static void work() {
    while (started < thread_count) {
        become(turns[started++]);
        body();
        states[current->thread] = DONE;
    }
    switch_to(current->place, scheduler);
}

static void wait_as(State state) {
    Worker* self = current;
    states[self->thread] = state;
    worker_of[self->thread] = self;
    switch_to(self->place, scheduler);
    current = self;
    become(self->thread);
}

static void start_worker(size_t index) {
    if (index == workers.size()) workers.push_back(new Worker());
    current = workers[index];
    current->place.begin(work);
    switch_to(scheduler, current->place);
}

// let every thread in [first, end) go on, in the order of turns
static void resume(unsigned first, unsigned end) {
    for (unsigned thread : turns)
        if (thread >= first && thread < end && states[thread] != DONE)
            switch_to(scheduler, worker_of[thread]->place);
}

static bool all_are(State state, unsigned first, unsigned end) {
    for (unsigned i = first; i < end; ++i)
        if (states[i] != state) return false;
    return true;
}

static Result run_block() {
    if (__start_cuda_shared)
        memset(__start_cuda_shared, 0xff, __stop_cuda_shared - __start_cuda_shared);  // NaN
    states.assign(thread_count, NOT_STARTED);
    worker_of.assign(thread_count, nullptr);
    started = 0;
    for (size_t i = 0; started < thread_count; ++i) start_worker(i);
    for (;;) {
        bool went_on = false;
        for (unsigned first = 0; first < thread_count; first += 32) {
            unsigned end = first + 32 < thread_count ? first + 32 : thread_count;
            while (all_are(AT_WARP_BARRIER, first, end)) {
                resume(first, end);
                went_on = true;
            }
        }
        if (all_are(AT_BARRIER, 0, thread_count)) {
            resume(0, thread_count);
            went_on = true;
        }
        if (all_are(DONE, 0, thread_count)) return RAN;
        if (!went_on) return DIVERGENT_BARRIER;
    }
}

static int run(const unsigned* grid, const unsigned* block, std::function<void()> kernel) {
    thread_count = block[0] * block[1] * block[2];
    if (thread_count == 0 || thread_count > 1024 || block[2] > 64 || grid[0] > 0x7fffffffu ||
        grid[0] * grid[1] * grid[2] == 0 || grid[1] > 65535 || grid[2] > 65535)
        return IMPOSSIBLE_LAUNCH;
    gridDim = {grid[0], grid[1], grid[2]};
    blockDim = {block[0], block[1], block[2]};
    body = std::move(kernel);
    turns = permutation(thread_count);
    for (unsigned b : permutation(grid[0] * grid[1] * grid[2])) {
        blockIdx = {b % grid[0], b / grid[0] % grid[1], b / (grid[0] * grid[1])};
        if (Result failed = run_block()) return failed;
    }
    return RAN;
}

static char lanes[1024][16];  // what threads hand to each other in a warp shuffle

static unsigned own_number() { return current->thread; }

template <class T> T from_lane(T value, unsigned lane) {
    memcpy(lanes[own_number()], &value, sizeof value);
    wait_as(AT_WARP_BARRIER);
    T other;
    memcpy(&other, lanes[(own_number() & ~31u) + (lane & 31u)], sizeof other);
    wait_as(AT_WARP_BARRIER);
    return other;
}

}  // namespace on_cpu

static inline void __syncthreads() { on_cpu::wait_as(on_cpu::AT_BARRIER); }
static inline void __syncwarp(unsigned = ~0u) { on_cpu::wait_as(on_cpu::AT_WARP_BARRIER); }
template <class T> T __shfl_sync(unsigned, T v, int lane) { return on_cpu::from_lane(v, lane); }
template <class T> T __shfl_xor_sync(unsigned, T v, int mask) {
    return on_cpu::from_lane(v, (on_cpu::own_number() & 31u) ^ mask);
}
template <class T> T __shfl_down_sync(unsigned, T v, int by) {
    unsigned lane = on_cpu::own_number() & 31u;
    return on_cpu::from_lane(v, lane + by > 31u ? lane : lane + by);
}

// intrinsics that the kernels use
template <class To, class From> To same_bits(From value) {
    static_assert(sizeof(To) == sizeof(From), "sizes differ");
    To result;
    memcpy(&result, &value, sizeof result);
    return result;
}
static inline float __int_as_float(int i) { return same_bits<float>(i); }
static inline double __longlong_as_double(long long i) { return same_bits<double>(i); }
static inline int __float_as_int(float f) { return same_bits<int>(f); }
static inline double __dmul_rn(double a, double b) { return a * b; }
static inline double __dadd_rn(double a, double b) { return a + b; }
template <class T> T __ldg(const T* p) { return *p; }
#define NUMBER_MIN_MAX(T) \
    static inline T min(T a, T b) { return b < a ? b : a; } \
    static inline T max(T a, T b) { return a < b ? b : a; }
NUMBER_MIN_MAX(int)
NUMBER_MIN_MAX(unsigned)
NUMBER_MIN_MAX(long long)
NUMBER_MIN_MAX(unsigned long long)
static inline float min(float a, float b) { return fminf(a, b); }
static inline float max(float a, float b) { return fmaxf(a, b); }
static inline double min(double a, double b) { return fmin(a, b); }
static inline double max(double a, double b) { return fmax(a, b); }

// the value of a kernel's argument I, from pointers to the values
template <int I, class... Arguments> auto argument(void (*)(Arguments...), void** values) {
    return *(std::tuple_element_t<I, std::tuple<Arguments...>>*)values[I];
}

extern "C" void set_thread_order(unsigned order) { on_cpu::order = order; }
