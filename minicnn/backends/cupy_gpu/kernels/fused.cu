// What follows the product of a convolution: bias, ReLU and max-pooling in one pass, and the way
// back. Pooling windows do not overlap (PSH >= PH, PSW >= PW). product and dproduct are
// (N, OH, OW, F), y, dy and `winner` (N, YH, YW, F). `winner` (common.cu) is PH PW where ReLU
// clipped the largest entry.

// y = maxpool(relu(product + b)), b (F,) or null for none. One thread an entry of y.
//
// The bias comes before the comparison, as in the composition: rounding may make two sums equal
// whose products were not, and then the first of them wins. ReLU can come after it: where the
// largest entry is positive ReLU changes neither it nor the order, elsewhere nobody wins, since
// the derivative of ReLU is 0.
extern "C" __global__ void bias_relu_maxpool(
    const real* __restrict__ product, const real* __restrict__ b, real* __restrict__ y,
    void* __restrict__ winner, int wide, int size,
    int OH, int OW, int PH, int PW, int PSH, int PSW, int YH, int YW, int F) {
    if (thread_number() >= size) return;
    int t = (int)thread_number();
    auto [n, yh, yw, f] = place_of(t, YH, YW, F);
    const real* window = product + (((long long)n * OH + yh * PSH) * OW + yw * PSW) * F + f;
    real bias = b ? b[f] : 0, best = window[0] + bias;
    int place = 0;
    for (int i = 0; i < PH; ++i) {
        for (int j = 0; j < PW; ++j) {
            real v = window[((long long)i * OW + j) * F] + bias;
            if (beats(v, best)) {
                best = v;
                place = i * PW + j;
            }
        }
    }
    y[t] = best <= 0 ? 0 : best;
    set_winner(winner, t, wide, best > 0 ? place : PH * PW);
}

// dproduct = dy at the winners and 0 elsewhere; partial[split] = sum of what went anywhere, which
// add_partials turns into db, or null. Blocks of 32 x SUM_LANES threads as for bias_gradient: a
// thread takes some of the N YH YW rows of dy, and writes PSH x PSW entries of dproduct for each.
extern "C" __global__ void __launch_bounds__(32 * SUM_LANES) bias_relu_maxpool_gradient(
    const real* __restrict__ dy, const void* __restrict__ winner, int wide,
    real* __restrict__ dproduct, real* __restrict__ partial, int rows, int rows_a_split,
    int OH, int OW, int PH, int PW, int PSH, int PSW, int YH, int YW, int F) {
    int f = blockIdx.x * 32 + threadIdx.x, split = blockIdx.y;
    int first = split * rows_a_split, last = min(rows, first + rows_a_split);
    real sum = 0;
    for (int r = first + threadIdx.y; r < last && f < F; r += blockDim.y) {
        int yw = r % YW, yh = r / YW % YH, n = r / YW / YH;
        long long at = (long long)r * F + f;
        int place = winner_at(winner, at, wide);
        real d = place < PH * PW ? dy[at] : 0;
        sum += d;
        for (int i = 0; i < PSH && yh * PSH + i < OH; ++i) {
            for (int j = 0; j < PSW && yw * PSW + j < OW; ++j) {
                bool won = i < PH && j < PW && i * PW + j == place;
                long long pixel = ((long long)n * OH + yh * PSH + i) * OW + yw * PSW + j;
                dproduct[pixel * F + f] = won ? d : 0;
            }
        }
    }
    keep_sum(sum, partial, split, f, F);
}
