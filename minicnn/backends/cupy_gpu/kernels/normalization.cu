// Batch normalisation of x (R, C): rows of channels. A block is (lanes, 256 / lanes) threads, as
// many lanes as there are channels, up to 32: neighbouring threads read neighbouring channels.
// blockIdx.x picks the channels, blockIdx.y the chunk of rows. Sums are taken in double: chunk by
// chunk into `parts` first, then over the chunks in order.

__device__ inline int channel_number() { return blockIdx.x * blockDim.x + threadIdx.x; }

// Sum over the threads of a block that have the same channel, for the first of them, with
// threadIdx.y == 0 (others: 0); in a fixed order. Every thread must call.
static __device__ double channel_sum(double value) {
    __shared__ double shared[256];
    int place = threadIdx.y * blockDim.x + threadIdx.x;
    shared[place] = value;
    __syncthreads();
    for (unsigned half = blockDim.y / 2; half > 0; half /= 2) {
        if (threadIdx.y < half) shared[place] += shared[place + half * blockDim.x];
        __syncthreads();
    }
    return threadIdx.y == 0 ? shared[threadIdx.x] : 0;
}

// One past the last row of the block's chunk.
__device__ inline long long chunk_end(long long R, long long chunk) {
    return min((blockIdx.y + 1) * chunk, R);
}

// parts[chunk, :, c] = the sums of `first` and of `second` over the threads of a channel.
static __device__ void keep_sums(double first, double second, double* parts, int C) {
    int c = channel_number();
    first = channel_sum(first);
    second = channel_sum(second);
    if (threadIdx.y == 0 && c < C) {
        parts[(2ll * blockIdx.y) * C + c] = first;
        parts[(2ll * blockIdx.y + 1) * C + c] = second;
    }
}

// Sum over the chunks of parts[:, which, c], for the first thread of a channel.
static __device__ double sum_of_parts(const double* parts, int which, int chunks, int C) {
    int c = channel_number();
    double sum = 0;
    for (int k = threadIdx.y; k < chunks && c < C; k += blockDim.y) {
        sum += parts[(2ll * k + which) * C + c];
    }
    return channel_sum(sum);
}

// parts (chunks, 2, C): sum(x - x[0]) and sum((x - x[0])^2) of the rows of a chunk. Numbers that
// are counted from one of them stay small, so that their squares keep their digits.
extern "C" __global__ void batchnorm_sums(const real* x, double* parts, long long R, int C,
                                          long long chunk) {
    int c = channel_number();
    long long end = chunk_end(R, chunk);
    double sum = 0, squares = 0;
    for (long long r = blockIdx.y * chunk + threadIdx.y; r < end && c < C; r += blockDim.y) {
        double d = (double)x[r * C + c] - x[c];
        sum += d;
        squares += d * d;
    }
    keep_sums(sum, squares, parts, C);
}

// mean (C,) and biased variance (C,): with d = x - x[0], mean = x[0] + mean(d) and
// variance = mean(d^2) - mean(d)^2, at least mean(d^2) / R, since one d is 0: rounding cannot make
// it negative. Both are 0 for an empty batch.
extern "C" __global__ void batchnorm_statistics(const real* x, const double* parts, real* mean,
                                                real* variance, long long R, int C, int chunks) {
    int c = channel_number();
    long long count = R > 0 ? R : 1;
    double d = sum_of_parts(parts, 0, chunks, C) / count;
    double d2 = sum_of_parts(parts, 1, chunks, C) / count;
    if (threadIdx.y == 0 && c < C) {
        mean[c] = (real)((R > 0 ? x[c] : 0) + d);
        variance[c] = (real)(d2 - d * d);
    }
}

// y = gamma x_hat + beta,   x_hat = (x - mean) / sqrt(variance + epsilon). gamma, beta (C,) may be
// null: 1 and 0.
extern "C" __global__ void normalize(const real* x, const real* gamma, const real* beta,
                                     const real* mean, const real* variance, real epsilon, real* y,
                                     long long R, int C, long long chunk) {
    int c = channel_number();
    if (c >= C) return;
    real slope = (gamma ? gamma[c] : 1) / real_sqrt(variance[c] + epsilon);
    real middle = mean[c], shift = beta ? beta[c] : 0;
    long long end = chunk_end(R, chunk);
    for (long long r = blockIdx.y * chunk + threadIdx.y; r < end; r += blockDim.y) {
        y[r * C + c] = (x[r * C + c] - middle) * slope + shift;
    }
}

// parts (chunks, 2, C): sum(dy) and sum(dy x_hat) of the rows of a chunk.
extern "C" __global__ void normalize_sums(const real* x, const real* dy, const real* mean,
                                          const real* variance, real epsilon, double* parts,
                                          long long R, int C, long long chunk) {
    int c = channel_number();
    double sum = 0, products = 0;
    if (c < C) {
        real middle = mean[c], inverse = 1 / real_sqrt(variance[c] + epsilon);
        long long end = chunk_end(R, chunk);
        for (long long r = blockIdx.y * chunk + threadIdx.y; r < end; r += blockDim.y) {
            real x_hat = (x[r * C + c] - middle) * inverse;
            sum += dy[r * C + c];
            products += (double)dy[r * C + c] * x_hat;
        }
    }
    keep_sums(sum, products, parts, C);
}

// dbeta (C,) = sum(dy),   dgamma (C,) = sum(dy x_hat); either may be null. sums (2, C) gets both.
extern "C" __global__ void normalize_weight_gradients(
    const double* parts, real* dgamma, real* dbeta, double* sums, int C, int chunks) {
    int c = channel_number();
    double sum = sum_of_parts(parts, 0, chunks, C);
    double products = sum_of_parts(parts, 1, chunks, C);
    if (threadIdx.y == 0 && c < C) {
        sums[c] = sum;
        sums[C + c] = products;
        if (dbeta) dbeta[c] = (real)sum;
        if (dgamma) dgamma[c] = (real)products;
    }
}

// dx = gamma / sqrt(variance + epsilon) (dy - mean(dy) - x_hat mean(dy x_hat)): the two means, from
// `sums` (2, C), stand for the paths through the mean and the variance. Null: there are none.
extern "C" __global__ void normalize_backward(
    const real* x, const real* dy, const real* gamma, const real* mean, const real* variance,
    real epsilon, const double* sums, real* dx, long long R, int C, long long chunk) {
    int c = channel_number();
    if (c >= C) return;
    real middle = mean[c], inverse = 1 / real_sqrt(variance[c] + epsilon);
    real slope = (gamma ? gamma[c] : 1) * inverse;
    real mean_dy = sums ? (real)(sums[c] / R) : 0;
    real mean_dy_x_hat = sums ? (real)(sums[C + c] / R) : 0;
    long long end = chunk_end(R, chunk);
    for (long long r = blockIdx.y * chunk + threadIdx.y; r < end; r += blockDim.y) {
        real x_hat = (x[r * C + c] - middle) * inverse;
        dx[r * C + c] = slope * (dy[r * C + c] - mean_dy - x_hat * mean_dy_x_hat);
    }
}

// -- entry by entry ---------------------------------------------------------------------------

// average = momentum average + rest value,   rest = 1 - momentum.
extern "C" __global__ void moving_average(real* average, const real* value, real momentum,
                                          real rest, int C, const unsigned* refused) {
    long long c = thread_number();
    if (c < C && !is_refused(refused)) average[c] = momentum * average[c] + rest * value[c];
}

// y = x scale + offset.
extern "C" __global__ void rescale(const real* x, real* y, long long size, real scale,
                                   real offset) {
    long long i = thread_number();
    if (i < size) y[i] = x[i] * scale + offset;
}
