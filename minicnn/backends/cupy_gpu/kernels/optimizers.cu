// Optimizer steps, clipping, penalties and constraints, in place on vectors of `size` entries. A
// thread takes several entries, one stride apart; none if the step is refused. The learning rate
// and the number of steps so far are read from device memory: a replayed graph sees them change.

// Where the entries end for a step that may be refused.
__device__ inline long long end_of(long long size, const unsigned* refused) {
    return is_refused(refused) ? 0 : size;
}

// The learning rate, which has a precision of its own, as the weights take it.
__device__ inline real rate_of(const void* learning_rate, int is_double) {
    return is_double ? (real)((const double*)learning_rate)[0]
                     : (real)((const float*)learning_rate)[0];
}

// base^n in double, by squaring.
__device__ inline double whole_power(double base, long long n) {
    double power = 1;
    for (; n > 0; n /= 2, base *= base) {
        if (n % 2) power *= base;
    }
    return power;
}

// alpha = lr sqrt(1 - beta_2^t) / (1 - beta_1^t),   t = iterations + 1.
__device__ inline real bias_corrected_rate(const long long* iterations, real rate, double beta_1,
                                           double beta_2) {
    long long t = iterations[0] + 1;
    real power_1 = (real)whole_power((real)beta_1, t), power_2 = (real)whole_power((real)beta_2, t);
    return rate * (real_sqrt(1 - power_2) / (1 - power_1));
}

// m += (1 - beta_1)(g - m);   v += (1 - beta_2)(g^2 - v);   w -= alpha m / (sqrt(v) + epsilon).
// With v_max, which may be null (AMSGrad): v_max = max(v_max, v) stands under the root.
extern "C" __global__ void adam_step(
    real* __restrict__ w, const real* __restrict__ g, real* __restrict__ m, real* __restrict__ v,
    real* __restrict__ v_max, const long long* iterations, const void* learning_rate,
    int rate_is_double, double beta_1, double beta_2, real epsilon, long long size,
    const unsigned* refused) {
    __shared__ real alpha;  // the same for all: one thread of the block computes it
    if (threadIdx.x == 0) {
        real rate = rate_of(learning_rate, rate_is_double);
        alpha = bias_corrected_rate(iterations, rate, beta_1, beta_2);
    }
    __syncthreads();
    real rest_1 = (real)(1 - beta_1), rest_2 = (real)(1 - beta_2);
    long long end = end_of(size, refused);
    for (long long i = thread_number(); i < end; i += stride()) {
        real mean = m[i] + (g[i] - m[i]) * rest_1;
        real square = v[i] + (g[i] * g[i] - v[i]) * rest_2;
        m[i] = mean;
        v[i] = square;
        if (v_max) square = v_max[i] = larger(square, v_max[i]);
        w[i] -= mean * alpha / (real_sqrt(square) + epsilon);
    }
}

// m null: w -= lr g.   Else m = momentum m - lr g;   w += m, or with Nesterov momentum m - lr g.
extern "C" __global__ void sgd_step(
    real* __restrict__ w, const real* __restrict__ g, real* __restrict__ m,
    const void* learning_rate, int rate_is_double, real momentum, int nesterov, long long size,
    const unsigned* refused) {
    real rate = rate_of(learning_rate, rate_is_double);
    long long end = end_of(size, refused);
    for (long long i = thread_number(); i < end; i += stride()) {
        real step = rate * g[i];
        if (m) {
            real velocity = m[i] * momentum - step;
            m[i] = velocity;
            w[i] += nesterov ? velocity * momentum - step : velocity;
        } else {
            w[i] -= step;
        }
    }
}

// v = rho v + (1 - rho) g^2;   step = lr g / sqrt(v + epsilon);   w -= step.
// With a (centred): a = rho a + (1 - rho) g, and the root is of v - a^2 + epsilon.
// With m (momentum): m = momentum m + step;   w -= m. Both may be null.
extern "C" __global__ void rmsprop_step(
    real* __restrict__ w, const real* __restrict__ g, real* __restrict__ v, real* __restrict__ m,
    real* __restrict__ a, const void* learning_rate, int rate_is_double, double rho, real momentum,
    real epsilon, long long size, const unsigned* refused) {
    real rate = rate_of(learning_rate, rate_is_double);
    real keep = (real)rho, rest = (real)(1 - rho);
    long long end = end_of(size, refused);
    for (long long i = thread_number(); i < end; i += stride()) {
        real variance = v[i] = keep * v[i] + rest * (g[i] * g[i]);
        if (a) {
            real mean = a[i] = keep * a[i] + rest * g[i];
            variance -= mean * mean;
        }
        real step = rate * g[i] / real_sqrt(variance + epsilon);
        if (m) step = m[i] = momentum * m[i] + step;
        w[i] -= step;
    }
}

// w -= w weight_decay lr.
extern "C" __global__ void decay_weights(
    real* w, const void* learning_rate, int rate_is_double, real weight_decay, long long size,
    const unsigned* refused) {
    real rate = rate_of(learning_rate, rate_is_double);
    long long end = end_of(size, refused);
    for (long long i = thread_number(); i < end; i += stride()) w[i] -= w[i] * weight_decay * rate;
}

// -- clipping; sums over a vector: each block adds up its share, then one block the shares -------

// Every entry into [-limit, limit]; NaN stays.
extern "C" __global__ void clip_by_value(real* g, real limit, long long size) {
    for (long long i = thread_number(); i < size; i += stride()) {
        g[i] = clipped(g[i], -limit, limit);
    }
}

// parts (blocks, 2): the sums of |w| and of w^2 that each block took.
extern "C" __global__ void norm_sums(const real* w, double* parts, long long size) {
    double absolute = 0, squared = 0;
    for (long long i = thread_number(); i < size; i += stride()) {
        absolute += real_fabs(w[i]);
        squared += (double)w[i] * w[i];
    }
    absolute = block_sum(absolute);
    squared = block_sum(squared);
    if (threadIdx.x == 0) {
        parts[2 * blockIdx.x] = absolute;
        parts[2 * blockIdx.x + 1] = squared;
    }
}

// The sum of the `count` parts, which = 0 for |w| and 1 for w^2, in every thread of the one block.
static __device__ double parts_sum(const double* parts, int count, int which) {
    double mine = 0;
    for (int i = threadIdx.x; i < count; i += blockDim.x) mine += parts[2 * i + which];
    return block_sum(mine);
}

// total[0] = before + sum(w^2);   before is total[0] too, or 0 for the first vector. One block.
extern "C" __global__ void add_squares(const double* parts, int count, int is_first,
                                       double* total) {
    double squared = parts_sum(parts, count, 1);
    if (threadIdx.x == 0) total[0] = (is_first ? 0 : total[0]) + squared;
}

// g *= limit / norm if norm > limit,   norm = sqrt(total[0]). Written so that a NaN norm spreads to
// every entry.
extern "C" __global__ void scale_to_norm(real* g, const double* total, double limit,
                                         long long size) {
    double norm = sqrt(total[0]);
    real factor = norm <= limit ? 1 : (real)(limit / norm);
    for (long long i = thread_number(); i < size; i += stride()) g[i] *= factor;
}

// -- penalties on weights, and limits that they are kept within ---------------------------------

// total[0] += l1 sum(|w|) + l2 sum(w^2). One block.
extern "C" __global__ void add_penalty(real* total, const double* parts, int count, double l1,
                                       double l2) {
    double absolute = parts_sum(parts, count, 0), squared = parts_sum(parts, count, 1);
    if (threadIdx.x == 0) total[0] = (real)(total[0] + l1 * absolute + l2 * squared);
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
    auto entry = [=](long long e) -> real& {
        long long r2 = e % R2, r1 = e / R2 % R1, r0 = e / R2 / R1;
        return w[((((r0 * K0 + k0) * R1 + r1) * K1 + k1) * R2 + r2) * K2 + k2];
    };
    double sum = 0;
    for (long long e = threadIdx.y; e < entries; e += 8) sum += (double)entry(e) * entry(e);
    squares[threadIdx.y][threadIdx.x] = sum;
    __syncthreads();
    sum = 0;
    for (int i = 0; i < 8; i++) sum += squares[i][threadIdx.x];
    real norm = (real)sqrt(sum);
    real factor = (rate * clipped(norm, smallest, largest) + rest * norm) / (norm + (real)1e-7);
    for (long long e = threadIdx.y; e < entries; e += 8) entry(e) *= factor;
}

// w = max(w, 0); NaN stays.
extern "C" __global__ void clip_negative(real* w, long long size, const unsigned* refused) {
    if (is_refused(refused)) return;
    for (long long i = thread_number(); i < size; i += stride()) w[i] = larger(w[i], 0);
}
