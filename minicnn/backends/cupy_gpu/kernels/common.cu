// What several kernels share. `real` is float in one module and double in the other: it is defined
// in front of this text. No #include anywhere: the compiler at run time needs no headers then.

// Elementary functions in the precision of `real`: real_exp(x) is expf(x) or exp(x).
#ifdef REAL_IS_FLOAT
#define IN_REAL(name) __device__ inline real real_##name(real x) { return name##f(x); }
#else
#define IN_REAL(name) __device__ inline real real_##name(real x) { return name(x); }
#endif
IN_REAL(exp) IN_REAL(expm1) IN_REAL(log) IN_REAL(log1p)
IN_REAL(sqrt) IN_REAL(tanh) IN_REAL(erfc) IN_REAL(fabs)

// Number of this thread in a one-dimensional launch: the output that it owns.
__device__ inline long long thread_number() {
    return blockIdx.x * (long long)blockDim.x + threadIdx.x;
}

// Threads of the whole launch: how far apart the entries lie that one thread takes.
__device__ inline long long stride() { return gridDim.x * (long long)blockDim.x; }

struct Position {
    int n, h, w, c;
};

// Image, row, column and channel of entry t of an array (N, H, W, C).
__device__ inline Position place_of(int t, int H, int W, int C) {
    int pixel = t / C;
    return {pixel / W / H, pixel / W % H, pixel % W, t % C};
}

// Whether the step is refused, because a loss was not finite: see graph.py. May be null.
__device__ inline bool is_refused(const unsigned* refused) {
    return refused != nullptr && refused[0] != 0;
}

// 32 well-mixed bits for position i of a layer's mask in that step: see spec.dropout_forward.
__device__ inline unsigned draw(unsigned seed, unsigned step, int i) {
    // two keys in one number: SplitMix64, as the other backends
    unsigned long long z = (((unsigned long long)seed << 32) | step) + 0x9E3779B97F4A7C15ull;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    z ^= z >> 31;
    unsigned h = (unsigned)i ^ (unsigned)z;
    h = (h ^ (h >> 16)) * 0x7FEB352Du;
    h += (unsigned)(z >> 32);
    h = (h ^ (h >> 15)) * 0x846CA68Bu;
    return h ^ (h >> 16);
}

// Sum over the block of one value a thread; every thread gets it. The order is that of a binary
// tree, always the same. blockDim.x is a power of two, at most 256. Every thread must call.
static __device__ double block_sum(double value) {
    __shared__ double shared[256];
    shared[threadIdx.x] = value;
    __syncthreads();
    for (unsigned half = blockDim.x / 2; half > 0; half /= 2) {
        if (threadIdx.x < half) shared[threadIdx.x] += shared[threadIdx.x + half];
        __syncthreads();
    }
    double sum = shared[0];
    __syncthreads();  // `shared` may be used again
    return sum;
}

// -- a few formulas; none may lose a NaN ---------------------------------------------------------

__device__ inline real square(real v) { return v * v; }

// -1, 0 or 1.
__device__ inline real sign(real v) { return v > 0 ? 1 : v < 0 ? -1 : v; }

__device__ inline real larger(real a, real b) { return a > b || a != a ? a : b; }

// v kept in [low, high].
__device__ inline real clipped(real v, real low, real high) {
    return v < low ? low : v > high ? high : v;
}

// Where exp(-x) overflows to infinity, 1 / infinity is the 0 that it should be.
__device__ inline real sigmoid(real x) { return 1 / (1 + real_exp(-x)); }

// -- rows: a warp owns one, its 32 lanes take the entries in turn -------------------------------

__device__ inline long long row_number() { return thread_number() / 32; }
__device__ inline int lane_number() { return threadIdx.x % 32; }

// Sum over the lanes of a warp, the same bits in each: every step adds the same two numbers in
// both lanes of a pair.
template <class T> __device__ inline T warp_sum(T value) {
    for (int half = 16; half > 0; half /= 2) value += __shfl_xor_sync(0xFFFFFFFFu, value, half);
    return value;
}

// Sum of f(k) over the K entries of a row, in every lane. `f` is a lambda: a formula in place.
template <class F> __device__ inline auto row_sum(int K, F f) {
    decltype(f(0)) sum = 0;
    for (int k = lane_number(); k < K; k += 32) sum += f(k);
    return warp_sum(sum);
}

// Largest f(k) of a row, in every lane; NaN if one of them is NaN.
template <class F> __device__ inline real row_max(int K, F f) {
    real top = f(0);
    for (int k = lane_number(); k < K; k += 32) top = larger(top, f(k));
    for (int half = 16; half > 0; half /= 2) {
        top = larger(top, __shfl_xor_sync(0xFFFFFFFFu, top, half));
    }
    return top;
}

// Which entry of a pooling window was the largest, counted row by row: kept in one byte, or in an
// int where windows have more than 255 entries (`wide`).
__device__ inline int winner_at(const void* winner, long long at, int wide) {
    return wide ? ((const int*)winner)[at] : ((const unsigned char*)winner)[at];
}

__device__ inline void set_winner(void* winner, long long at, int wide, int place) {
    if (wide) ((int*)winner)[at] = place;
    else ((unsigned char*)winner)[at] = (unsigned char)place;
}

// Whether v takes the place of `best`: larger, or the first NaN.
__device__ inline bool beats(real v, real best) {
    return v > best || (v != v && best == best);
}
