// What several kernels share. `real` is float in one module and double in the other: it is defined
// in front of this text. No #include anywhere: the compiler at run time needs no headers then.

// Elementary functions in the precision of `real`.
#ifdef REAL_IS_FLOAT
__device__ inline real real_exp(real x) { return expf(x); }
__device__ inline real real_expm1(real x) { return expm1f(x); }
__device__ inline real real_log(real x) { return logf(x); }
__device__ inline real real_log1p(real x) { return log1pf(x); }
__device__ inline real real_sqrt(real x) { return sqrtf(x); }
__device__ inline real real_tanh(real x) { return tanhf(x); }
__device__ inline real real_erf(real x) { return erff(x); }
__device__ inline real real_erfc(real x) { return erfcf(x); }
__device__ inline real real_pow(real x, real y) { return powf(x, y); }
__device__ inline real real_abs(real x) { return fabsf(x); }
__device__ inline real real_floor(real x) { return floorf(x); }
#else
__device__ inline real real_exp(real x) { return exp(x); }
__device__ inline real real_expm1(real x) { return expm1(x); }
__device__ inline real real_log(real x) { return log(x); }
__device__ inline real real_log1p(real x) { return log1p(x); }
__device__ inline real real_sqrt(real x) { return sqrt(x); }
__device__ inline real real_tanh(real x) { return tanh(x); }
__device__ inline real real_erf(real x) { return erf(x); }
__device__ inline real real_erfc(real x) { return erfc(x); }
__device__ inline real real_pow(real x, real y) { return pow(x, y); }
__device__ inline real real_abs(real x) { return fabs(x); }
__device__ inline real real_floor(real x) { return floor(x); }
#endif

// Number of this thread in a one-dimensional launch: the output that it owns.
__device__ inline long long thread_number() {
    return blockIdx.x * (long long)blockDim.x + threadIdx.x;
}

// Threads of the whole launch: how far apart the entries lie that one thread takes.
__device__ inline long long stride() { return gridDim.x * (long long)blockDim.x; }

// Whether the step is refused, because a loss was not finite: see refusal.py. May be null.
__device__ inline bool is_refused(const unsigned* refused) {
    return refused != nullptr && refused[0] != 0;
}

// The two keys of the draws of (seed, step): SplitMix64, as in backends/context.py.
__device__ inline void draw_keys(unsigned seed, unsigned step, unsigned* k0, unsigned* k1) {
    unsigned long long z = (((unsigned long long)seed << 32) | step) + 0x9E3779B97F4A7C15ull;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    z ^= z >> 31;
    *k0 = (unsigned)z;
    *k1 = (unsigned)(z >> 32);
}

// 32 well-mixed bits for position i, as spec.dropout_forward.
__device__ inline unsigned draw_bits(unsigned i, unsigned k0, unsigned k1) {
    unsigned h = i ^ k0;
    h = (h ^ (h >> 16)) * 0x7FEB352Du;
    h += k1;
    h = (h ^ (h >> 15)) * 0x846CA68Bu;
    return h ^ (h >> 16);
}

__device__ inline float infinity_of(float) { return __int_as_float(0x7f800000); }
__device__ inline double infinity_of(double) { return __longlong_as_double(0x7ff0000000000000ll); }

// Sum over the block of one value a thread; every thread gets it. The order is that of a binary
// tree, always the same. `shared` has blockDim.x entries, a power of two. Every thread must call.
template <class T> __device__ inline T block_sum(T value, T* shared) {
    shared[threadIdx.x] = value;
    __syncthreads();
    for (unsigned half = blockDim.x / 2; half > 0; half /= 2) {
        if (threadIdx.x < half) shared[threadIdx.x] += shared[threadIdx.x + half];
        __syncthreads();
    }
    T sum = shared[0];
    __syncthreads();  // `shared` may be used again
    return sum;
}

// -- a few formulas that must not lose a NaN ----------------------------------------------------

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

// Largest value of the lanes, in each; NaN if one of them is NaN.
__device__ inline real warp_max(real value) {
    for (int half = 16; half > 0; half /= 2) {
        value = larger(value, __shfl_xor_sync(0xFFFFFFFFu, value, half));
    }
    return value;
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
