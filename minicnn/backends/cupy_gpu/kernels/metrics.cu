// Metrics. A warp owns a row of scores p (rows, K), lane 0 writes its hit, of hits (rows,); y is
// (rows, K), labels (rows,). The running mean is one block; values and weights are (size,).

// Whether score a of class i comes before score b of class j: the larger first, a NaN before every
// number, on a tie the lower class.
__device__ inline bool comes_before(real a, int i, real b, int j) {
    bool a_is_nan = a != a, b_is_nan = b != b;
    if (a_is_nan != b_is_nan) return a_is_nan;
    if (a_is_nan || a == b) return i < j;
    return a > b;
}

// The class with the largest score of a row (K,), in every lane.
__device__ inline int row_argmax(const real* row, int K) {
    int at = lane_number() < K ? lane_number() : 0;
    real best = row[at];
    for (int k = lane_number() + 32; k < K; k += 32) {
        if (comes_before(row[k], k, best, at)) {
            best = row[k];
            at = k;
        }
    }
    for (int half = 16; half > 0; half /= 2) {
        real other = __shfl_xor_sync(0xFFFFFFFFu, best, half);
        int other_at = __shfl_xor_sync(0xFFFFFFFFu, at, half);
        if (comes_before(other, other_at, best, at)) {
            best = other;
            at = other_at;
        }
    }
    return at;
}

// 1 where argmax(y) == argmax(p).
extern "C" __global__ void categorical_hits(const real* y, const real* p, real* hits,
                                            long long rows, int K) {
    long long row = row_number();
    if (row >= rows) return;  // the whole warp
    int wanted = row_argmax(y + row * K, K), found = row_argmax(p + row * K, K);
    if (lane_number() == 0) hits[row] = wanted == found;
}

// 1 where y == argmax(p),   y (rows,).
extern "C" __global__ void sparse_categorical_hits(const long long* y, const real* p, real* hits,
                                                   long long rows, int K) {
    long long row = row_number();
    if (row >= rows) return;
    int found = row_argmax(p + row * K, K);
    if (lane_number() == 0) hits[row] = y[row] == found;
}

// 1 where fewer than `top` scores are larger than that of class y; 0 also where a score is not
// finite or y is no class.
extern "C" __global__ void sparse_top_k_hits(const long long* y, const real* p, real* hits,
                                             long long top, long long rows, int K) {
    long long row = row_number();
    if (row >= rows) return;
    p += row * K;
    bool known = y[row] >= 0 && y[row] < K;
    real own = p[known ? y[row] : 0];
    int larger_ones = 0, not_finite = 0;
    for (int k = lane_number(); k < K; k += 32) {
        larger_ones += p[k] > own;
        not_finite += !(p[k] - p[k] == 0);  // inf - inf is NaN
    }
    larger_ones = warp_sum(larger_ones);
    not_finite = warp_sum(not_finite);
    if (lane_number() == 0) hits[row] = known && not_finite == 0 && larger_ones < top;
}

// Share of a row where y == (p > threshold).
extern "C" __global__ void binary_hits(const real* y, const real* p, real* hits, real threshold,
                                       long long rows, int K) {
    long long row = row_number();
    if (row >= rows) return;
    int hit = row_sum(K, [=](int k) {
        return int(y[row * K + k] == (p[row * K + k] > threshold ? 1 : 0));
    });
    if (lane_number() == 0) hits[row] = (real)hit / K;
}

// state (2,) += sum(weights values), sum(weights); one block. A null `weights` counts every value
// `each` times.
extern "C" __global__ void mean_update(double* state, const real* values, const real* weights,
                                       double each, long long size, const unsigned* refused) {
    double total = 0, count = 0;
    for (long long i = threadIdx.x; i < size; i += blockDim.x) {
        double weight = weights ? (double)weights[i] : each;
        total += weight * values[i];
        count += weight;
    }
    total = block_sum(total);
    count = block_sum(count);
    if (threadIdx.x == 0 && !is_refused(refused)) {
        state[0] += total;
        state[1] += count;
    }
}
