// Losses: a warp owns a row of K entries, lane 0 writes its loss. Each backward is the gradient
// times dlosses[row]. Then the weighted sum: one block.
//
// Logits z, probabilities p and their gradients are (rows, K), losses and dlosses (rows,). Targets
// y are (rows, K), taken as y' = y keep + share where labels may be smoothed; labels are (rows,).

// Under a logarithm or a fraction line stands at least EPSILON. Probabilities are kept in
// [EPSILON, MOST].
#define EPSILON ((real)1e-7)
#define MOST ((real)(1 - 1e-7))
#define LN_2 ((real)0.6931471805599453)

__device__ inline real clipped_probability(real p) { return clipped(p, EPSILON, MOST); }

// Whether it was not clipped: then the gradient passes, and so does a NaN.
__device__ inline bool passes(real p) { return !(p < EPSILON || p > MOST); }

// -- from logits ------------------------------------------------------------------------------

// p (K,) = softmax(z); returns ln(sum(exp(z - top))), where top, the largest of z, keeps exp from
// overflowing. Each lane reads and writes its own entries only.
__device__ inline real softmax_row(const real* z, real* p, int K, real* top) {
    real largest = row_max(K, [=](int k) { return z[k]; });
    real total = row_sum(K, [=](int k) { return p[k] = real_exp(z[k] - largest); });
    for (int k = lane_number(); k < K; k += 32) p[k] /= total;
    *top = largest;
    return real_log(total);
}

// loss = logsumexp(z) sum(y') - sum(y' z).
extern "C" __global__ void softmax_crossentropy(const real* z, const real* y, real keep, real share,
                                                real* losses, real* p, long long rows, int K) {
    long long row = row_number();
    if (row >= rows) return;  // the whole warp
    z += row * K;
    y += row * K;
    real top, log_total = softmax_row(z, p + row * K, K, &top);
    real loss = row_sum(K, [=](int k) {
        return (y[k] * keep + share) * (log_total - (z[k] - top));
    });
    if (lane_number() == 0) losses[row] = loss;
}

// loss = logsumexp(z) - z[y],   y (rows,);   0 where y is the ignored class.
// A label that is no class has the loss NaN, which the training loop refuses.
extern "C" __global__ void sparse_softmax_crossentropy(
    const real* z, const long long* y, long long ignored, real* losses, real* p,
    long long rows, int K) {
    long long row = row_number();
    if (row >= rows) return;
    z += row * K;
    real top, log_total = softmax_row(z, p + row * K, K, &top);
    if (lane_number() != 0) return;
    long long label = y[row];
    bool known = label >= 0 && label < K;
    real loss = known ? log_total - (z[label] - top) : (real)nanf("");
    losses[row] = label == ignored ? 0 : loss;
}

// dlogits = (p - onehot(y)) dlosses;   0 where y is the ignored class.
extern "C" __global__ void sparse_softmax_crossentropy_backward(
    const real* p, const long long* y, long long ignored, const real* dlosses, real* dlogits,
    long long rows, int K) {
    long long row = row_number();
    if (row >= rows) return;
    real d = dlosses[row];
    for (int k = lane_number(); k < K; k += 32) {
        real slope = p[row * K + k] - (k == y[row] ? 1 : 0);
        dlogits[row * K + k] = y[row] == ignored ? 0 : slope * d;
    }
}

// loss = mean(max(z, 0) - z y' + log(1 + exp(-|z|)));   p = sigmoid(z).
extern "C" __global__ void sigmoid_crossentropy(const real* z, const real* y, real keep, real share,
                                                real* losses, real* p, long long rows, int K) {
    long long row = row_number();
    if (row >= rows) return;
    real loss = row_sum(K, [=](int k) {
        long long i = row * K + k;
        p[i] = sigmoid(z[i]);
        return larger(z[i], 0) - z[i] * (y[i] * keep + share) +
               real_log1p(real_exp(-real_fabs(z[i])));
    });
    if (lane_number() == 0) losses[row] = loss / K;
}

// dx = (p - y') times dlosses / divisor: dlogits of targets (rows, K), and dp of squared errors.
extern "C" __global__ void difference_backward(
    const real* p, const real* y, real keep, real share, const real* dlosses, real* dx,
    long long rows, int K, int times, int divisor) {
    long long row = row_number();
    if (row >= rows) return;
    real d = times * dlosses[row] / divisor;
    for (int k = lane_number(); k < K; k += 32) {
        long long i = row * K + k;
        dx[i] = (p[i] - (y[i] * keep + share)) * d;
    }
}

// -- from probabilities -----------------------------------------------------------------------

// q = p / sum(p),   loss = -sum(y' ln clip(q)).
extern "C" __global__ void categorical_crossentropy(
    const real* p, const real* y, real keep, real share, real* losses, long long rows, int K) {
    long long row = row_number();
    if (row >= rows) return;
    p += row * K;
    y += row * K;
    real total = row_sum(K, [=](int k) { return p[k]; });
    real loss = row_sum(K, [=](int k) {
        return -(y[k] * keep + share) * real_log(clipped_probability(p[k] / total));
    });
    if (lane_number() == 0) losses[row] = loss;
}

// dq = -y' / q dlosses where q was not clipped;   dp = (dq - sum(dq q)) / sum(p).
extern "C" __global__ void categorical_crossentropy_backward(
    const real* p, const real* y, real keep, real share, const real* dlosses, real* dp,
    long long rows, int K) {
    long long row = row_number();
    if (row >= rows) return;
    p += row * K;
    y += row * K;
    dp += row * K;
    real d = dlosses[row];
    real total = row_sum(K, [=](int k) { return p[k]; });
    real dot = row_sum(K, [=](int k) {
        real q = p[k] / total;
        dp[k] = (passes(q) ? -(y[k] * keep + share) / q : 0) * d;
        return dp[k] * q;
    });
    for (int k = lane_number(); k < K; k += 32) dp[k] = (dp[k] - dot) / total;
}

// q = clip(p),   loss = ln(sum q) - ln q[y],   y (rows,);   0 where y is the ignored class.
// A label that is no class has the loss NaN.
extern "C" __global__ void sparse_categorical_crossentropy(
    const real* p, const long long* y, long long ignored, real* losses, long long rows, int K) {
    long long row = row_number();
    if (row >= rows) return;
    p += row * K;
    real total = row_sum(K, [=](int k) { return clipped_probability(p[k]); });
    if (lane_number() != 0) return;
    long long label = y[row];
    bool known = label >= 0 && label < K;
    real loss = known ? real_log(total) - real_log(clipped_probability(p[label])) : (real)nanf("");
    losses[row] = label == ignored ? 0 : loss;
}

// dp = (1 / sum(q) - onehot(y) / q) dlosses where p was not clipped, else 0;   0 where y is the
// ignored class.
extern "C" __global__ void sparse_categorical_crossentropy_backward(
    const real* p, const long long* y, long long ignored, const real* dlosses, real* dp,
    long long rows, int K) {
    long long row = row_number();
    if (row >= rows) return;
    p += row * K;
    real d = dlosses[row];
    real total = row_sum(K, [=](int k) { return clipped_probability(p[k]); });
    for (int k = lane_number(); k < K; k += 32) {
        real slope = 1 / total - (k == y[row] ? 1 / clipped_probability(p[k]) : 0);
        real passed = passes(p[k]) ? slope : 0;
        dp[row * K + k] = y[row] == ignored ? 0 : passed * d;
    }
}

// q = clip(p),   loss = -mean(y' ln q + (1 - y') ln(1 - q)).
extern "C" __global__ void binary_crossentropy(
    const real* p, const real* y, real keep, real share, real* losses, long long rows, int K) {
    long long row = row_number();
    if (row >= rows) return;
    real loss = row_sum(K, [=](int k) {
        real q = clipped_probability(p[row * K + k]), target = y[row * K + k] * keep + share;
        return -(target * real_log(q) + (1 - target) * real_log(1 - q));
    });
    if (lane_number() == 0) losses[row] = loss / K;
}

// dp = ((1 - y') / (1 - q) - y' / q) dlosses / K where p was not clipped, else 0.
extern "C" __global__ void binary_crossentropy_backward(
    const real* p, const real* y, real keep, real share, const real* dlosses, real* dp,
    long long rows, int K) {
    long long row = row_number();
    if (row >= rows) return;
    real d = dlosses[row] / K;
    for (int k = lane_number(); k < K; k += 32) {
        long long i = row * K + k;
        real q = clipped_probability(p[i]), target = y[i] * keep + share;
        real slope = (1 - target) / (1 - q) - target / q;
        dp[i] = (passes(p[i]) ? slope : 0) * d;
    }
}

// -- of numbers -------------------------------------------------------------------------------

// loss = mean((p - y)^2).
extern "C" __global__ void mean_squared_error(
    const real* p, const real* y, real* losses, long long rows, int K) {
    long long row = row_number();
    if (row >= rows) return;
    real loss = row_sum(K, [=](int k) { return square(p[row * K + k] - y[row * K + k]); });
    if (lane_number() == 0) losses[row] = loss / K;
}

// The kinds of losses.py, which reads them here. The formulas are those of the reference backend.
enum RegressionLoss {
    ABSOLUTE_ERROR, PERCENTAGE_ERROR, SQUARED_LOGARITHMIC_ERROR, HUBER, LOG_COSH, HINGE,
    SQUARED_HINGE, POISSON, KL_DIVERGENCE
};

// f(p, y).
__device__ inline real regression_value(real p, real y, int kind, real delta) {
    real error = p - y, size = real_fabs(error);
    switch (kind) {
        case ABSOLUTE_ERROR: return size;
        case PERCENTAGE_ERROR: return 100 * size / larger(real_fabs(y), EPSILON);
        case SQUARED_LOGARITHMIC_ERROR:
            return square(real_log1p(larger(p, EPSILON)) - real_log1p(larger(y, EPSILON)));
        case HUBER: return size <= delta ? square(size) / 2 : delta * size - delta * delta / 2;
        case LOG_COSH: return size + real_log1p(real_exp(-2 * size)) - LN_2;
        case HINGE: return larger(1 - y * p, 0);
        case SQUARED_HINGE: return square(larger(1 - y * p, 0));
        case POISSON: return p - y * real_log(p + EPSILON);
        default: {  // KL_DIVERGENCE
            real target = clipped(y, EPSILON, 1);
            return target * real_log(target / clipped(p, EPSILON, 1));
        }
    }
}

// The derivative of f(p, y) with respect to p.
__device__ inline real regression_slope(real p, real y, int kind, real delta) {
    real error = p - y;
    switch (kind) {
        case ABSOLUTE_ERROR: return sign(error);
        case PERCENTAGE_ERROR: return 100 * sign(error) / larger(real_fabs(y), EPSILON);
        case SQUARED_LOGARITHMIC_ERROR:
            if (p < EPSILON) return 0;
            return 2 * (real_log1p(p) - real_log1p(larger(y, EPSILON))) / (p + 1);
        case HUBER: return clipped(error, -delta, delta);
        case LOG_COSH: return real_tanh(error);
        case HINGE: return 1 - y * p < 0 ? 0 : -y;
        case SQUARED_HINGE: return -2 * y * larger(1 - y * p, 0);
        case POISSON: return 1 - y / (p + EPSILON);
        default: return p < EPSILON || p > 1 ? 0 : -clipped(y, EPSILON, 1) / p;  // KL_DIVERGENCE
    }
}

// zero_or_one (1,) = 1 if every label is 0 or 1, else 0; one block. The hinges take such labels
// for -1 and 1.
extern "C" __global__ void labels_are_zero_or_one(const real* y, int* zero_or_one, long long size) {
    int others = 0;
    for (long long i = threadIdx.x; i < size; i += blockDim.x) others |= y[i] != 0 && y[i] != 1;
    double threads = block_sum(others);  // that saw any
    if (threadIdx.x == 0) zero_or_one[0] = threads == 0;
}

// y as the formulas take it. `zero_or_one` is null for every loss but the hinges.
__device__ inline real regression_target(real y, const int* zero_or_one) {
    return zero_or_one && zero_or_one[0] ? 2 * y - 1 : y;
}

// loss = share sum(f(p, y)).
extern "C" __global__ void regression_loss(
    const real* p, const real* y, const int* zero_or_one, int kind, real delta, real share,
    real* losses, long long rows, int K) {
    long long row = row_number();
    if (row >= rows) return;
    real loss = row_sum(K, [=](int k) {
        real target = regression_target(y[row * K + k], zero_or_one);
        return regression_value(p[row * K + k], target, kind, delta);
    });
    if (lane_number() == 0) losses[row] = loss * share;
}

// dp = f'(p) dlosses share.
extern "C" __global__ void regression_loss_backward(
    const real* p, const real* y, const int* zero_or_one, int kind, real delta, real share,
    const real* dlosses, real* dp, long long rows, int K) {
    long long row = row_number();
    if (row >= rows) return;
    real d = dlosses[row] * share;
    for (int k = lane_number(); k < K; k += 32) {
        long long i = row * K + k;
        dp[i] = regression_slope(p[i], regression_target(y[i], zero_or_one), kind, delta) * d;
    }
}

// -- the sum ----------------------------------------------------------------------------------

// total (1,) = scale sum(weights values); one block. `weights` may be null: ones.
extern "C" __global__ void weighted_sum(const real* values, const real* weights, double scale,
                                        real* total, long long size) {
    double mine = 0;
    for (long long i = threadIdx.x; i < size; i += blockDim.x) {
        mine += (double)values[i] * (weights ? weights[i] : 1);
    }
    double sum = block_sum(mine);
    if (threadIdx.x == 0) total[0] = (real)(sum * scale);
}

// dvalues = scale weights.
extern "C" __global__ void weighted_sum_backward(const real* weights, real scale, real* dvalues,
                                                 long long size) {
    long long i = thread_number();
    if (i < size) dvalues[i] = weights ? scale * weights[i] : scale;
}

// first_refused[0] = step[0], from 1 on, if the sum is NaN or infinite and no step was refused
// before. One thread.
extern "C" __global__ void refuse_unless_finite(const real* loss, const unsigned* step,
                                                unsigned* first_refused) {
    if (thread_number() != 0) return;
    bool finite = loss[0] - loss[0] == 0;  // NaN and infinity minus themselves are NaN
    if (!finite && first_refused[0] == 0) first_refused[0] = step[0];
}
