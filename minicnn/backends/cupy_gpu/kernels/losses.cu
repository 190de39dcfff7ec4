// Losses: a warp owns a row of K entries, lane 0 writes its loss. Each backward is the gradient
// times dlosses[row]. Then the weighted sum: one block.
//
// Logits z, probabilities p and their gradients are (rows, K), losses and dlosses (rows,). Targets
// y are (rows, K), labels (rows,).

// Probabilities are kept in [EPSILON, 1 - EPSILON] before a logarithm is taken.
#define EPSILON ((real)1e-7)
#define MOST ((real)(1 - 1e-7))

__device__ inline real clipped_probability(real p) { return clipped(p, EPSILON, MOST); }

// Whether it was not clipped: then the gradient passes, and so does a NaN.
__device__ inline bool passes(real p) { return !(p < EPSILON || p > MOST); }

// -- from logits ------------------------------------------------------------------------------

// p (K,) = softmax(z); returns ln(sum(exp(z - top))), where top, the largest of z, keeps exp from
// overflowing. Each lane reads and writes its own entries only.
__device__ inline real softmax_row(const real* z, real* p, int K, real* top) {
    real largest = z[0];
    for (int k = lane_number(); k < K; k += 32) largest = larger(largest, z[k]);
    largest = warp_max(largest);
    real total = 0;
    for (int k = lane_number(); k < K; k += 32) {
        p[k] = real_exp(z[k] - largest);
        total += p[k];
    }
    total = warp_sum(total);
    for (int k = lane_number(); k < K; k += 32) p[k] /= total;
    *top = largest;
    return real_log(total);
}

// loss = logsumexp(z) sum(y') - sum(y' z),   y' = y keep + share.
extern "C" __global__ void softmax_crossentropy(const real* z, const real* y, real keep, real share,
                                                real* losses, real* p, long long rows, int K) {
    long long row = row_number();
    if (row >= rows) return;  // the whole warp
    z += row * K;
    y += row * K;
    real top, log_total = softmax_row(z, p + row * K, K, &top);
    real loss = 0;
    for (int k = lane_number(); k < K; k += 32) {
        loss += (y[k] * keep + share) * (log_total - (z[k] - top));
    }
    loss = warp_sum(loss);
    if (lane_number() == 0) losses[row] = loss;
}

// dlogits = (p - y') dlosses.
extern "C" __global__ void softmax_crossentropy_backward(const real* p, const real* y, real keep,
                                                         real share, const real* dlosses,
                                                         real* dlogits, long long rows, int K) {
    long long row = row_number();
    if (row >= rows) return;
    real d = dlosses[row];
    for (int k = lane_number(); k < K; k += 32) {
        long long i = row * K + k;
        dlogits[i] = (p[i] - (y[i] * keep + share)) * d;
    }
}

// loss = logsumexp(z) - z[y],   y (rows,);   0 where y is the ignored class.
// A label that is no class has the loss NaN, which the training loop refuses.
extern "C" __global__ void sparse_softmax_crossentropy(const real* z, const long long* y,
                                                       long long ignored, real* losses, real* p,
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
extern "C" __global__ void sparse_softmax_crossentropy_backward(const real* p, const long long* y,
                                                                long long ignored,
                                                                const real* dlosses, real* dlogits,
                                                                long long rows, int K) {
    long long row = row_number();
    if (row >= rows) return;
    real d = dlosses[row];
    for (int k = lane_number(); k < K; k += 32) {
        real slope = p[row * K + k] - (k == y[row] ? 1 : 0);
        dlogits[row * K + k] = y[row] == ignored ? 0 : slope * d;
    }
}

// loss = mean(max(z, 0) - z y' + log(1 + exp(-|z|))),   y' = y keep + share;   p = sigmoid(z).
extern "C" __global__ void sigmoid_crossentropy(const real* z, const real* y, real keep, real share,
                                                real* losses, real* p, long long rows, int K) {
    long long row = row_number();
    if (row >= rows) return;
    real loss = 0;
    for (int k = lane_number(); k < K; k += 32) {
        long long i = row * K + k;
        loss += larger(z[i], 0) - z[i] * (y[i] * keep + share) +
                real_log1p(real_exp(-real_abs(z[i])));
        p[i] = sigmoid(z[i]);
    }
    loss = warp_sum(loss);
    if (lane_number() == 0) losses[row] = loss / K;
}

// dlogits = (p - y') dlosses / K.
extern "C" __global__ void sigmoid_crossentropy_backward(const real* p, const real* y, real keep,
                                                         real share, const real* dlosses,
                                                         real* dlogits, long long rows, int K) {
    long long row = row_number();
    if (row >= rows) return;
    real d = dlosses[row] / K;
    for (int k = lane_number(); k < K; k += 32) {
        long long i = row * K + k;
        dlogits[i] = (p[i] - (y[i] * keep + share)) * d;
    }
}

// -- from probabilities -----------------------------------------------------------------------

// q = p / sum(p),   loss = -sum(y' ln clip(q)),   y' = y keep + share.
extern "C" __global__ void categorical_crossentropy(const real* p, const real* y, real keep,
                                                    real share, real* losses, long long rows,
                                                    int K) {
    long long row = row_number();
    if (row >= rows) return;
    p += row * K;
    y += row * K;
    real total = 0, loss = 0;
    for (int k = lane_number(); k < K; k += 32) total += p[k];
    total = warp_sum(total);
    for (int k = lane_number(); k < K; k += 32) {
        loss -= (y[k] * keep + share) * real_log(clipped_probability(p[k] / total));
    }
    loss = warp_sum(loss);
    if (lane_number() == 0) losses[row] = loss;
}

// dq = -y' / q dlosses where q was not clipped;   dp = (dq - sum(dq q)) / sum(p).
extern "C" __global__ void categorical_crossentropy_backward(const real* p, const real* y,
                                                             real keep, real share,
                                                             const real* dlosses, real* dp,
                                                             long long rows, int K) {
    long long row = row_number();
    if (row >= rows) return;
    p += row * K;
    y += row * K;
    dp += row * K;
    real d = dlosses[row], total = 0, dot = 0;
    for (int k = lane_number(); k < K; k += 32) total += p[k];
    total = warp_sum(total);
    for (int k = lane_number(); k < K; k += 32) {
        real q = p[k] / total;
        real dq = (passes(q) ? -(y[k] * keep + share) / q : 0) * d;
        dot += dq * q;
        dp[k] = dq;
    }
    dot = warp_sum(dot);
    for (int k = lane_number(); k < K; k += 32) dp[k] = (dp[k] - dot) / total;
}

// q = clip(p),   loss = ln(sum q) - ln q[y],   y (rows,);   0 where y is the ignored class.
// A label that is no class has the loss NaN.
extern "C" __global__ void sparse_categorical_crossentropy(const real* p, const long long* y,
                                                           long long ignored, real* losses,
                                                           long long rows, int K) {
    long long row = row_number();
    if (row >= rows) return;
    p += row * K;
    real total = 0;
    for (int k = lane_number(); k < K; k += 32) total += clipped_probability(p[k]);
    total = warp_sum(total);
    if (lane_number() != 0) return;
    long long label = y[row];
    bool known = label >= 0 && label < K;
    real loss = known ? real_log(total) - real_log(clipped_probability(p[label])) : (real)nanf("");
    losses[row] = label == ignored ? 0 : loss;
}

// dp = (1 / sum(q) - onehot(y) / q) dlosses where p was not clipped, else 0;   0 where y is the
// ignored class.
extern "C" __global__ void sparse_categorical_crossentropy_backward(const real* p,
                                                                    const long long* y,
                                                                    long long ignored,
                                                                    const real* dlosses, real* dp,
                                                                    long long rows, int K) {
    long long row = row_number();
    if (row >= rows) return;
    p += row * K;
    real d = dlosses[row], total = 0;
    for (int k = lane_number(); k < K; k += 32) total += clipped_probability(p[k]);
    total = warp_sum(total);
    for (int k = lane_number(); k < K; k += 32) {
        real slope = 1 / total - (k == y[row] ? 1 / clipped_probability(p[k]) : 0);
        real passed = passes(p[k]) ? slope : 0;
        dp[row * K + k] = y[row] == ignored ? 0 : passed * d;
    }
}

// q = clip(p),   loss = -mean(y' ln q + (1 - y') ln(1 - q)),   y' = y keep + share.
extern "C" __global__ void binary_crossentropy(const real* p, const real* y, real keep, real share,
                                               real* losses, long long rows, int K) {
    long long row = row_number();
    if (row >= rows) return;
    real loss = 0;
    for (int k = lane_number(); k < K; k += 32) {
        real q = clipped_probability(p[row * K + k]), target = y[row * K + k] * keep + share;
        loss -= target * real_log(q) + (1 - target) * real_log(1 - q);
    }
    loss = warp_sum(loss);
    if (lane_number() == 0) losses[row] = loss / K;
}

// dp = ((1 - y') / (1 - q) - y' / q) dlosses / K where p was not clipped, else 0.
extern "C" __global__ void binary_crossentropy_backward(const real* p, const real* y, real keep,
                                                        real share, const real* dlosses, real* dp,
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

// -- mean squared error -----------------------------------------------------------------------

// loss = mean((p - y)^2).
extern "C" __global__ void mean_squared_error(const real* p, const real* y, real* losses,
                                              long long rows, int K) {
    long long row = row_number();
    if (row >= rows) return;
    real loss = 0;
    for (int k = lane_number(); k < K; k += 32) {
        real error = p[row * K + k] - y[row * K + k];
        loss += error * error;
    }
    loss = warp_sum(loss);
    if (lane_number() == 0) losses[row] = loss / K;
}

// dp = 2 (p - y) dlosses / K.
extern "C" __global__ void mean_squared_error_backward(const real* p, const real* y,
                                                       const real* dlosses, real* dp,
                                                       long long rows, int K) {
    long long row = row_number();
    if (row >= rows) return;
    real d = 2 * dlosses[row] / K;
    for (int k = lane_number(); k < K; k += 32) {
        long long i = row * K + k;
        dp[i] = (p[i] - y[i]) * d;
    }
}

// -- the sum ----------------------------------------------------------------------------------

// total (1,) = scale sum(weights values); one block. `weights` may be null: ones.
extern "C" __global__ void weighted_sum(const real* values, const real* weights, double scale,
                                        real* total, long long size) {
    __shared__ double shared[256];
    double mine = 0;
    for (long long i = threadIdx.x; i < size; i += blockDim.x) {
        mine += (double)values[i] * (weights ? weights[i] : 1);
    }
    double sum = block_sum(mine, shared);
    if (threadIdx.x == 0) total[0] = (real)(sum * scale);
}

// dvalues = scale weights.
extern "C" __global__ void weighted_sum_backward(const real* weights, real scale, real* dvalues,
                                                 long long size) {
    long long i = thread_number();
    if (i < size) dvalues[i] = weights ? scale * weights[i] : scale;
}
