// Convolution with few input channels (grey or colour images), straight from the image.
//
// With C = 1 or 3 the matrix of im2col would be KH KW times as large as the image and its product
// thin, so here a block takes one line of outputs and copies the band of the image that the line
// sees into shared memory, zeros around it included. In the band a row of a window is one run of
// KW C entries. Dilation 1, one group.
//
// Without pooling a line is one row oh of y. With pooling it is one row of the pooled y.
//
//     band (rows, width, C) = x[n, first + r, v - left, c],   width = (OW - 1) SW + KW

#define BAND 4096    // entries of a band, at most
#define PIXELS 4     // outputs that one thread of the forward kernels computes at once ...
#define FILTERS 4    // ... for each of so many filters
#define WEIGHTS 14   // entries of one column of dw that a thread of the gradient kernel sums
#define GRADIENT_BLOCKS (8 / sizeof(real))  // that shall share the registers of a multiprocessor

// Every warp of the block takes some rows of the band. Entry e of such a row is pixel e / C - left
// and channel e % C of the image's row, and both rows are runs of memory: no division is needed.
static __device__ void load_band(
    real* band, const real* image, int first, int rows, int left, int width, int H, int W, int C) {
    int me = threadIdx.y * blockDim.x + threadIdx.x, warps = blockDim.x * blockDim.y / 32;
    for (int r = me / 32; r < rows; r += warps) {
        int h = first + r;
        for (int e = me % 32; e < width * C; e += 32) {
            bool inside = h >= 0 && h < H && e >= left * C && e < (left + W) * C;
            band[r * width * C + e] = inside ? image[(h * W - left) * C + e] : 0;
        }
    }
}

// sums[p][q] = dot product of the window that begins at band[start[p]] with filter[q].
static __device__ inline void dot_products(
    const real* band, const real* w, const int* start, const int* filter,
    int KH, int run, int band_row, int F, real sums[PIXELS][FILTERS]) {
    for (int p = 0; p < PIXELS; ++p) {
        for (int q = 0; q < FILTERS; ++q) sums[p][q] = 0;
    }
    for (int i = 0; i < KH; ++i) {
        for (int e = 0; e < run; ++e) {
            const real* weights = w + (i * run + e) * F;
            for (int q = 0; q < FILTERS; ++q) {
                real weight = weights[filter[q]];
                for (int p = 0; p < PIXELS; ++p) {
                    sums[p][q] += band[start[p] + i * band_row + e] * weight;
                }
            }
        }
    }
}

// y = x * w + b, then ReLU if asked. One block a line (n, oh); a thread takes PIXELS neighbouring
// pixels and FILTERS filters that lie `lanes` apart, so that neighbouring threads write
// neighbouring entries.
extern "C" __global__ void direct_conv(
    const real* __restrict__ x,  // (N, H, W, C)
    const real* __restrict__ w,  // (KH, KW, C, F)
    const real* __restrict__ b,  // (F,), or null for none
    real* __restrict__ y,        // (N, OH, OW, F)
    int relu, int H, int W, int C, int KH, int KW, int SH, int SW, int top, int left,
    int OH, int OW, int F) {
    __shared__ real band[BAND];
    int n = blockIdx.x / OH, oh = blockIdx.x % OH, width = (OW - 1) * SW + KW;
    const real* image = x + (long long)n * H * W * C;
    load_band(band, image, oh * SH - top, KH, left, width, H, W, C);
    __syncthreads();

    int lanes = (F + FILTERS - 1) / FILTERS, quads = (OW + PIXELS - 1) / PIXELS;
    real* line = y + (long long)blockIdx.x * OW * F;
    for (int item = threadIdx.x; item < quads * lanes; item += blockDim.x) {
        int lane = item % lanes, ow = item / lanes * PIXELS;
        int start[PIXELS], filter[FILTERS];
        real sums[PIXELS][FILTERS];
        for (int p = 0; p < PIXELS; ++p) start[p] = min(ow + p, OW - 1) * SW * C;
        for (int q = 0; q < FILTERS; ++q) filter[q] = min(lane + q * lanes, F - 1);
        dot_products(band, w, start, filter, KH, KW * C, width * C, F, sums);
        for (int p = 0; p < PIXELS; ++p) {
            for (int q = 0; q < FILTERS; ++q) {
                if (ow + p >= OW || lane + q * lanes >= F) continue;
                real v = sums[p][q];
                if (b) v += b[filter[q]];
                line[(ow + p) * F + filter[q]] = relu && v <= 0 ? 0 : v;
            }
        }
    }
}

// y = maxpool(relu(x * w + b)), as bias_relu_maxpool of the product. One block a line (n, yh);
// a thread takes one pooled pixel and FILTERS filters, PIXELS entries of the window at a time.
// y and `winner` are (N, YH, YW, F), the others as above.
extern "C" __global__ void direct_conv_relu_maxpool(
    const real* __restrict__ x, const real* __restrict__ w, const real* __restrict__ b,
    real* __restrict__ y, void* __restrict__ winner, int wide,
    int H, int W, int C, int KH, int KW, int SH, int SW, int top, int left,
    int OW, int PH, int PW, int PSH, int PSW, int YH, int YW, int F) {
    __shared__ real band[BAND];
    int n = blockIdx.x / YH, yh = blockIdx.x % YH, width = (OW - 1) * SW + KW;
    int rows = (PH - 1) * SH + KH;
    const real* image = x + (long long)n * H * W * C;
    load_band(band, image, yh * PSH * SH - top, rows, left, width, H, W, C);
    __syncthreads();

    int lanes = (F + FILTERS - 1) / FILTERS;
    for (int item = threadIdx.x; item < YW * lanes; item += blockDim.x) {
        int lane = item % lanes, yw = item / lanes;
        int start[PIXELS], filter[FILTERS], place[FILTERS];
        real sums[PIXELS][FILTERS], best[FILTERS];
        for (int q = 0; q < FILTERS; ++q) filter[q] = min(lane + q * lanes, F - 1);
        for (int entry = 0; entry < PH * PW; entry += PIXELS) {
            for (int p = 0; p < PIXELS; ++p) {
                int e = min(entry + p, PH * PW - 1);  // the last one again does not beat itself
                start[p] = (e / PW * SH * width + (yw * PSW + e % PW) * SW) * C;
            }
            dot_products(band, w, start, filter, KH, KW * C, width * C, F, sums);
            for (int p = 0; p < PIXELS; ++p) {
                for (int q = 0; q < FILTERS; ++q) {
                    real v = sums[p][q];
                    if (b) v += b[filter[q]];
                    bool wins = entry + p == 0 || beats(v, best[q]);
                    best[q] = wins ? v : best[q];
                    place[q] = wins ? entry + p : place[q];
                }
            }
        }
        for (int q = 0; q < FILTERS; ++q) {
            if (lane + q * lanes >= F) continue;
            long long at = ((long long)blockIdx.x * YW + yw) * F + filter[q];
            y[at] = best[q] <= 0 ? 0 : best[q];
            set_winner(winner, at, wide, best[q] > 0 ? place[q] : PH * PW);
        }
    }
}

// partial[split] = [dw; db] of the lines (n, yh) of one split, which add_partials adds.
//
//     dw[i,j,c,f] = sum of dproduct[n,oh,ow,f] band[oh SH + i, ow SW + j, c],
//     db[f]       = sum of dproduct[n,oh,ow,f]
//
// dproduct is never written out: with pooling it is dy at the winner (PH = ... = 1 without), with
// ReLU alone it is dy where y > 0. Block (32, SUM_LANES), grid (splits, F / 32, K / WEIGHTS): a
// thread takes filter f, WEIGHTS entries k of its column of dw, and every SUM_LANES-th pixel.
extern "C" __global__ void __launch_bounds__(32 * SUM_LANES, GRADIENT_BLOCKS)
direct_conv_gradient(
    const real* __restrict__ x,       // (N, H, W, C)
    const real* __restrict__ dy,      // (N, YH, YW, F)
    const real* __restrict__ y,       // as dy, or null where no ReLU follows, or pooling does
    const void* __restrict__ winner,  // as dy, or null where no pooling follows
    int wide,
    real* __restrict__ partial,       // (splits, KH KW C + 1, F)
    int lines, int lines_a_split,     // lines = N YH
    int H, int W, int C, int KH, int KW, int SH, int SW, int top, int left,
    int OW, int PH, int PW, int PSH, int PSW, int YH, int YW, int F) {
    __shared__ real band[BAND];
    int f = blockIdx.y * 32 + threadIdx.x, k0 = blockIdx.z * WEIGHTS, K = KH * KW * C;
    int width = (OW - 1) * SW + KW, rows = (PH - 1) * SH + KH;
    int offset[WEIGHTS];  // from the start of a window to its entry k0 + e
    real dw[WEIGHTS], db = 0;
    #pragma unroll  // here and below: what is indexed by e stays in registers
    for (int e = 0; e < WEIGHTS; ++e) {
        int k = min(k0 + e, K - 1);
        offset[e] = k / (KW * C) * width * C + k % (KW * C);
        dw[e] = 0;
    }
    int first = blockIdx.x * lines_a_split, last = min(lines, first + lines_a_split);
    for (int line = first; line < last; ++line) {
        const real* image = x + (long long)(line / YH) * H * W * C;
        __syncthreads();  // the band of the line before is done with
        load_band(band, image, line % YH * PSH * SH - top, rows, left, width, H, W, C);
        __syncthreads();
        for (int yw = threadIdx.y; yw < YW && f < F; yw += blockDim.y) {
            long long at = ((long long)line * YW + yw) * F + f;
            real d = dy[at];
            int row = 0, column = yw * PSW;
            if (y) d = y[at] > 0 ? d : 0;
            if (winner) {
                int place = winner_at(winner, at, wide);
                d = place < PH * PW ? d : 0;
                row = place < PH * PW ? place / PW : 0;
                column += place % PW;
            }
            const real* window = band + (row * SH * width + column * SW) * C;
            #pragma unroll
            for (int e = 0; e < WEIGHTS; ++e) dw[e] += d * window[offset[e]];
            db += d;
        }
    }
    real* column = partial + (long long)blockIdx.x * (K + 1) * F + f;
    #pragma unroll
    for (int e = 0; e < WEIGHTS; ++e) {
        real sum = sum_of_lanes(dw[e]);
        if (threadIdx.y == 0 && f < F && k0 + e < K) column[(k0 + e) * F] = sum;
    }
    db = sum_of_lanes(db);
    if (threadIdx.y == 0 && f < F && blockIdx.z == 0) column[K * F] = db;
}
