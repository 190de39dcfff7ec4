// Activations. Entry by entry: a thread owns an entry of arrays (size,). Softmax: a warp owns a
// row, the K entries along the axis, `inner` apart in memory, of arrays (outer, K, inner).

// -- ReLU -------------------------------------------------------------------------------------

// y = max_value where x >= max_value, x where x > threshold, else slope (x - threshold).
// A max_value of NaN is none: nothing is >= NaN.
extern "C" __global__ void relu(const real* x, real* y, long long size, real slope, real max_value,
                                real threshold) {
    long long i = thread_number();
    if (i >= size) return;
    real v = x[i];
    real low = slope == 0 ? 0 : slope * (v - threshold);  // 0 * -inf would be NaN
    real inside = v <= threshold ? low : v;               // a NaN is not <= anything: it stays
    y[i] = v >= max_value ? max_value : inside;
}

// dx = dy times 0, 1 or slope, by the branch that forward took.
extern "C" __global__ void relu_backward(const real* dy, real* dx, long long size, const real* x,
                                         real slope, real max_value, real threshold) {
    long long i = thread_number();
    if (i >= size) return;
    real low = slope == 0 ? 0 : dy[i] * slope;  // as the fused operations, which mask dy
    real inside = x[i] > threshold ? dy[i] : low;
    dx[i] = x[i] >= max_value ? 0 : inside;
}

// -- tanh, sigmoid and the others: y = f(x), dx = dy f'(x) --------------------------------------

// The kinds of activations.py, which reads them here.
enum Activation {
    SIGMOID, TANH, ELU, CELU, SELU, GELU, GELU_TANH, SILU, SOFTPLUS, SOFTSIGN, HARD_SIGMOID,
    HARD_SILU, EXPONENTIAL, MISH
};
#define SELU_ALPHA ((real)1.6732632423543772)
#define SELU_SCALE ((real)1.0507009873554805)
#define TWO_ROOTS ((real)1.5957691216057308)   // 2 sqrt(2 / pi)
#define HALF_ROOT ((real)0.7071067811865476)   // 1 / sqrt(2)
#define DENSITY_0 ((real)0.3989422804014327)   // 1 / sqrt(2 pi)
#define GELU_CUBE ((real)0.044715)

// log(1 + exp(x)) without overflow; max(x, 0) written so that a NaN stays.
__device__ inline real softplus(real x) {
    return (x < 0 ? 0 : x) + real_log1p(real_exp(-real_fabs(x)));
}

// x / 6 + 1/2, clipped to [0, 1].
__device__ inline real hard_sigmoid(real x) { return clipped(x / 6 + (real)0.5, 0, 1); }

// Phi(x), the normal distribution function.
__device__ inline real normal_cdf(real x) { return real_erfc(-x * HALF_ROOT) / 2; }

// (1 + tanh(u)) / 2 = sigmoid(2 u) of u = sqrt(2 / pi) (x + 0.044715 x^3); 1 + tanh would cancel.
__device__ inline real gelu_gate(real x) {
    return sigmoid(TWO_ROOTS * (x + GELU_CUBE * x * x * x));
}

// f(x); the formulas are those of reference/activations.py.
__device__ inline real activation_value(real x, int kind, real alpha) {
    switch (kind) {
        case SIGMOID: return sigmoid(x);
        case TANH: return real_tanh(x);
        case ELU: return x > 0 ? x : alpha * real_expm1(x);
        case CELU: return x > 0 ? x : alpha * real_expm1(x / alpha);
        case SELU: return SELU_SCALE * (x > 0 ? x : SELU_ALPHA * real_expm1(x));
        case GELU: return x * normal_cdf(x);
        case GELU_TANH: return x * gelu_gate(x);
        case SILU: return x * sigmoid(x);
        case SOFTPLUS: return softplus(x);
        case SOFTSIGN: return x / (1 + real_fabs(x));
        case HARD_SIGMOID: return hard_sigmoid(x);
        case HARD_SILU: return x * hard_sigmoid(x);
        case EXPONENTIAL: return real_exp(x);
        default: return x * real_tanh(softplus(x));  // MISH
    }
}

// f'(x).
__device__ inline real activation_slope(real x, int kind, real alpha) {
    switch (kind) {
        case SIGMOID: {
            real s = sigmoid(x);
            return s * (1 - s);
        }
        case TANH: return 1 - square(real_tanh(x));
        case ELU: return x > 0 ? 1 : alpha * real_exp(x);
        case CELU: return x > 0 ? 1 : real_exp(x / alpha);
        case SELU: return SELU_SCALE * (x > 0 ? 1 : SELU_ALPHA * real_exp(x));
        case GELU: return normal_cdf(x) + x * DENSITY_0 * real_exp(-x * x / 2);
        case GELU_TANH: {
            real s = gelu_gate(x);
            return s + x * s * (1 - s) * TWO_ROOTS * (1 + 3 * GELU_CUBE * x * x);
        }
        case SILU: {
            real s = sigmoid(x);
            return s * (1 + x * (1 - s));
        }
        case SOFTPLUS: return sigmoid(x);
        case SOFTSIGN: return 1 / square(1 + real_fabs(x));
        case HARD_SIGMOID: return real_fabs(x) < 3 ? (real)1 / 6 : 0;
        case HARD_SILU: return hard_sigmoid(x) + (real_fabs(x) < 3 ? x / 6 : 0);
        case EXPONENTIAL: return real_exp(x);
        default: {  // MISH
            real t = real_tanh(softplus(x));
            return t + x * (1 - t * t) * sigmoid(x);
        }
    }
}

extern "C" __global__ void elementwise_forward(const real* x, real* y, long long size, int kind,
                                               real alpha) {
    long long i = thread_number();
    if (i < size) y[i] = activation_value(x[i], kind, alpha);
}

extern "C" __global__ void elementwise_backward(const real* dy, real* dx, long long size,
                                                const real* x, int kind, real alpha) {
    long long i = thread_number();
    if (i < size) dx[i] = dy[i] * activation_slope(x[i], kind, alpha);
}

// -- softmax ----------------------------------------------------------------------------------

// Where row `row` begins in an array of shape (outer, K, inner), whose rows are (outer, inner).
__device__ inline long long row_start(long long row, int K, long long inner) {
    return row / inner * K * inner + row % inner;
}

// y = exp(x - max) / sum(exp(x - max)); no exponential can overflow.
extern "C" __global__ void softmax_forward(const real* x, real* y, long long rows, int K,
                                           long long inner) {
    long long row = row_number();
    if (row >= rows) return;  // the whole warp
    x += row_start(row, K, inner);
    y += row_start(row, K, inner);
    real top = row_max(K, [=](int k) { return x[k * inner]; });
    real total = row_sum(K, [=](int k) { return y[k * inner] = real_exp(x[k * inner] - top); });
    for (int k = lane_number(); k < K; k += 32) y[k * inner] /= total;
}

// The Jacobian is diag(y) - y y^T, so dx = y (dy - sum(dy y)).
extern "C" __global__ void softmax_backward(const real* y, const real* dy, real* dx, long long rows,
                                            int K, long long inner) {
    long long row = row_number();
    if (row >= rows) return;
    long long start = row_start(row, K, inner);
    real dot = row_sum(K, [=](int k) { return dy[start + k * inner] * y[start + k * inner]; });
    for (int k = lane_number(); k < K; k += 32) {
        long long i = start + k * inner;
        dx[i] = y[i] * (dy[i] - dot);
    }
}

// y = x - max - log(sum(exp(x - max))).
extern "C" __global__ void log_softmax_forward(const real* x, real* y, long long rows, int K,
                                               long long inner) {
    long long row = row_number();
    if (row >= rows) return;
    x += row_start(row, K, inner);
    y += row_start(row, K, inner);
    real top = row_max(K, [=](int k) { return x[k * inner]; });
    real log_total = real_log(row_sum(K, [=](int k) { return real_exp(x[k * inner] - top); }));
    for (int k = lane_number(); k < K; k += 32) y[k * inner] = x[k * inner] - top - log_total;
}

// The Jacobian is I - 1 softmax^T, so dx = dy - exp(y) sum(dy).
extern "C" __global__ void log_softmax_backward(const real* y, const real* dy, real* dx,
                                                long long rows, int K, long long inner) {
    long long row = row_number();
    if (row >= rows) return;
    long long start = row_start(row, K, inner);
    real sum = row_sum(K, [=](int k) { return dy[start + k * inner]; });
    for (int k = lane_number(); k < K; k += 32) {
        long long i = start + k * inner;
        dx[i] = dy[i] - real_exp(y[i]) * sum;
    }
}
