// Penalties on weights, and limits that weights are kept within.

// parts (blocks, 2): the sums of |w| and of w^2 that each block took.
extern "C" __global__ void penalty_sums(const real* w, double* parts, long long size) {
    __shared__ double shared[256];
    double absolute = 0, squared = 0;
    for (long long i = thread_number(); i < size; i += stride()) {
        absolute += real_abs(w[i]);
        squared += (double)w[i] * w[i];
    }
    absolute = block_sum(absolute, shared);
    squared = block_sum(squared, shared);
    if (threadIdx.x == 0) {
        parts[2 * blockIdx.x] = absolute;
        parts[2 * blockIdx.x + 1] = squared;
    }
}

// total[0] += l1 sum(|w|) + l2 sum(w^2). One block.
extern "C" __global__ void add_penalty(real* total, const double* parts, int count, double l1,
                                       double l2) {
    __shared__ double shared[256];
    double absolute = 0, squared = 0;
    for (int i = threadIdx.x; i < count; i += blockDim.x) {
        absolute += parts[2 * i];
        squared += parts[2 * i + 1];
    }
    absolute = block_sum(absolute, shared);
    squared = block_sum(squared, shared);
    if (threadIdx.x == 0) {
        total[0] = (real)(total[0] + l1 * absolute + l2 * squared);
    }
}

// dw += l1 sign(w) + 2 l2 w.
extern "C" __global__ void add_penalty_gradient(real* dw, const real* w, real l1, real twice_l2,
                                                long long size) {
    for (long long i = thread_number(); i < size; i += stride()) {
        dw[i] += l1 * sign(w[i]) + twice_l2 * w[i];
    }
}

// Scale vectors towards a norm in [smallest, largest], in place. w (R0, K0, R1, K1, R2, K2): a
// vector runs along the axes R, and there are K0 K1 K2 of them. Block (32, 8): a column of threads
// takes a vector, as neighbouring vectors are neighbours in memory in the usual layouts.
extern "C" __global__ void limit_norms(real* w, int R0, int K0, int R1, int K1, int R2, int K2,
                                       real smallest, real largest, real rate, real rest,
                                       const unsigned* refused) {
    __shared__ double squares[8][32];
    long long vectors = (long long)K0 * K1 * K2, entries = (long long)R0 * R1 * R2;
    long long v = blockIdx.x * 32ll + threadIdx.x;
    if (v >= vectors || is_refused(refused)) entries = 0;
    // entry e of vector v, each number split into its place along three axes
    long long k2 = v % K2, k1 = v / K2 % K1, k0 = v / K2 / K1;
    double sum = 0;
    for (long long e = threadIdx.y; e < entries; e += 8) {
        long long r2 = e % R2, r1 = e / R2 % R1, r0 = e / R2 / R1;
        real value = w[((((r0 * K0 + k0) * R1 + r1) * K1 + k1) * R2 + r2) * K2 + k2];
        sum += (double)value * value;
    }
    squares[threadIdx.y][threadIdx.x] = sum;
    __syncthreads();
    sum = 0;
    for (int i = 0; i < 8; i++) sum += squares[i][threadIdx.x];
    real norm = (real)sqrt(sum);
    real factor = (rate * clipped(norm, smallest, largest) + rest * norm) / (norm + (real)1e-7);
    for (long long e = threadIdx.y; e < entries; e += 8) {
        long long r2 = e % R2, r1 = e / R2 % R1, r0 = e / R2 / R1;
        w[((((r0 * K0 + k0) * R1 + r1) * K1 + k1) * R2 + r2) * K2 + k2] *= factor;
    }
}

// w = max(w, 0); NaN stays.
extern "C" __global__ void clip_negative(real* w, long long size, const unsigned* refused) {
    if (is_refused(refused)) return;
    for (long long i = thread_number(); i < size; i += stride()) w[i] = larger(w[i], 0);
}
