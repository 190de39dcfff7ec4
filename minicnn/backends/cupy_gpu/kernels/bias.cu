// The bias and its gradient. Arrays are seen as rows of F entries, and the bias is one such row.
//
// add_bias: one thread an entry. The gradient is a sum over the rows, in two passes so that many
// blocks share the work: bias_gradient sums the rows of one split, add_partials adds the splits.
// Both use blocks of 32 x SUM_LANES threads: threadIdx.x is the column, and the lanes threadIdx.y
// take every SUM_LANES-th row each. Which number is added when depends on the sizes alone.
// (__launch_bounds__ tells the compiler how many threads must share the registers of a block.)

#define SUM_LANES 16

// Sum of `mine` over the lanes of a column, in their order; correct where threadIdx.y is 0.
// Every thread of the block must call it: there are barriers inside.
static __device__ real sum_of_lanes(real mine) {
    __shared__ real lanes[SUM_LANES][32];
    lanes[threadIdx.y][threadIdx.x] = mine;
    __syncthreads();
    real sum = 0;
    if (threadIdx.y == 0) {
        for (int lane = 0; lane < blockDim.y; ++lane) sum += lanes[lane][threadIdx.x];
    }
    __syncthreads();  // `lanes` may be written again
    return sum;
}

// partial[split, f] = sum of `mine` over the lanes. `partial` (splits, F), or null for nothing.
static __device__ void keep_sum(real mine, real* partial, int split, int f, int F) {
    real sum = sum_of_lanes(mine);
    if (partial && threadIdx.y == 0 && f < F) partial[(long long)split * F + f] = sum;
}

// y = y + b, then ReLU if asked, in place. A NaN is not <= 0, so it stays.
extern "C" __global__ void add_bias(
    real* __restrict__ y,        // (rows, F)
    const real* __restrict__ b,  // (F,), or null for none
    int size,                    // rows F, one thread each
    int F, int relu) {
    if (thread_number() >= size) return;
    int t = (int)thread_number();
    real v = y[t];
    if (b) v += b[t % F];
    y[t] = relu && v <= 0 ? 0 : v;
}

// partial[split] = sum of the rows of dproduct that belong to the split, where
// dproduct = dy scale where y > 0, else 0: the adjoint of ReLU (and of dropout, whose y is 0 where
// it dropped). Without y nothing was clipped: dproduct is dy itself, and is not written.
extern "C" __global__ void __launch_bounds__(32 * SUM_LANES) bias_gradient(
    const real* __restrict__ dy,    // (rows, F)
    const real* __restrict__ y,     // (rows, F), or null
    real scale,
    real* __restrict__ dproduct,    // (rows, F), or null
    real* __restrict__ partial,     // (splits, F), or null
    int rows, int rows_a_split, int F) {
    int f = blockIdx.x * 32 + threadIdx.x, split = blockIdx.y;
    int first = split * rows_a_split, last = min(rows, first + rows_a_split);
    real sum = 0;
    for (int r = first + threadIdx.y; r < last && f < F; r += blockDim.y) {
        long long at = (long long)r * F + f;
        real d = dy[at];
        if (y) {
            d = y[at] > 0 ? d * scale : 0;
            dproduct[at] = d;
        }
        sum += d;
    }
    keep_sum(sum, partial, split, f, F);
}

// The second pass: the splits are added. A row of `partial` holds dw, if any, and then db.
extern "C" __global__ void __launch_bounds__(32 * SUM_LANES) add_partials(
    const real* __restrict__ partial,  // (splits, dw_size + F)
    real* __restrict__ dw,             // (dw_size,), or null
    real* __restrict__ db,             // (F,), or null where nobody wants it
    int splits, int dw_size, int F) {
    int column = blockIdx.x * 32 + threadIdx.x, columns = dw_size + F;
    real sum = 0;
    for (int s = threadIdx.y; s < splits && column < columns; s += blockDim.y) {
        sum += partial[(long long)s * columns + column];
    }
    sum = sum_of_lanes(sum);
    if (threadIdx.y != 0 || column >= columns) return;
    if (column < dw_size) dw[column] = sum;
    else if (db) db[column - dw_size] = sum;
}
