// Losses that look at each number alone: the mean of f(p, y) over a row, of kl_divergence the sum.
// A warp owns a row. Predictions p, targets y and dp are (rows, K), losses and dlosses (rows,). The
// formulas are those of reference/regression.py.

// The numbers of KINDS in regression.py.
enum RegressionLoss {
    ABSOLUTE_ERROR, PERCENTAGE_ERROR, SQUARED_LOGARITHMIC_ERROR, HUBER, LOG_COSH, HINGE,
    SQUARED_HINGE, POISSON, KL_DIVERGENCE
};

// What must not become zero under a logarithm or a fraction line is at least this.
#define LEAST ((real)1e-7)
#define LN_2 ((real)0.6931471805599453)

// f(p, y).
__device__ inline real regression_value(real p, real y, int kind, real delta) {
    real error = p - y, size = real_abs(error);
    switch (kind) {
        case ABSOLUTE_ERROR: return size;
        case PERCENTAGE_ERROR: return 100 * size / larger(real_abs(y), LEAST);
        case SQUARED_LOGARITHMIC_ERROR: {
            real d = real_log1p(larger(p, LEAST)) - real_log1p(larger(y, LEAST));
            return d * d;
        }
        case HUBER: return size <= delta ? size * size / 2 : delta * size - delta * delta / 2;
        case LOG_COSH: return size + real_log1p(real_exp(-2 * size)) - LN_2;
        case HINGE: return larger(1 - y * p, 0);
        case SQUARED_HINGE: {
            real margin = larger(1 - y * p, 0);
            return margin * margin;
        }
        case POISSON: return p - y * real_log(p + LEAST);
        default: {  // KL_DIVERGENCE
            real target = clipped(y, LEAST, 1);
            return target * real_log(target / clipped(p, LEAST, 1));
        }
    }
}

// The derivative of f(p, y) with respect to p.
__device__ inline real regression_slope(real p, real y, int kind, real delta) {
    real error = p - y;
    switch (kind) {
        case ABSOLUTE_ERROR: return sign(error);
        case PERCENTAGE_ERROR: return 100 * sign(error) / larger(real_abs(y), LEAST);
        case SQUARED_LOGARITHMIC_ERROR: {
            if (p < LEAST) return 0;
            return 2 * (real_log1p(p) - real_log1p(larger(y, LEAST))) / (p + 1);
        }
        case HUBER: return clipped(error, -delta, delta);
        case LOG_COSH: return real_tanh(error);
        case HINGE: return 1 - y * p < 0 ? 0 : -y;
        case SQUARED_HINGE: return -2 * y * larger(1 - y * p, 0);
        case POISSON: return 1 - y / (p + LEAST);
        default: return p < LEAST || p > 1 ? 0 : -clipped(y, LEAST, 1) / p;  // KL_DIVERGENCE
    }
}

// zero_or_one (1,) = 1 if every label is 0 or 1, else 0; one block. The hinges take such labels
// for -1 and 1.
extern "C" __global__ void labels_are_zero_or_one(const real* y, int* zero_or_one, long long size) {
    __shared__ int shared[256];
    int others = 0;
    for (long long i = threadIdx.x; i < size; i += blockDim.x) others |= y[i] != 0 && y[i] != 1;
    others = block_sum(others, shared);
    if (threadIdx.x == 0) zero_or_one[0] = others == 0;
}

// y as the formulas take it. `zero_or_one` is null for every loss but the hinges.
__device__ inline real regression_target(real y, const int* zero_or_one) {
    return zero_or_one && zero_or_one[0] ? 2 * y - 1 : y;
}

// loss = share sum(f(p, y)).
extern "C" __global__ void regression_loss(const real* p, const real* y, const int* zero_or_one,
                                           int kind, real delta, real share, real* losses,
                                           long long rows, int K) {
    long long row = row_number();
    if (row >= rows) return;  // the whole warp
    real loss = 0;
    for (int k = lane_number(); k < K; k += 32) {
        real target = regression_target(y[row * K + k], zero_or_one);
        loss += regression_value(p[row * K + k], target, kind, delta);
    }
    loss = warp_sum(loss);
    if (lane_number() == 0) losses[row] = loss * share;
}

// dp = f'(p) dlosses share.
extern "C" __global__ void regression_loss_backward(const real* p, const real* y,
                                                    const int* zero_or_one, int kind, real delta,
                                                    real share, const real* dlosses, real* dp,
                                                    long long rows, int K) {
    long long row = row_number();
    if (row >= rows) return;
    real d = dlosses[row] * share;
    for (int k = lane_number(); k < K; k += 32) {
        long long i = row * K + k;
        dp[i] = regression_slope(p[i], regression_target(y[i], zero_or_one), kind, delta) * d;
    }
}
