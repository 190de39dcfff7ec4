// Pooling: x and dx are (N, H, W, C), y, dy and `winner` (N, OH, OW, C), windows of any size and
// stride. Padding never wins, nor does it count in a mean. A thread owns one of the `size` entries
// of the result. And zeros around an image, and cropping them off again.

// y[n,oh,ow,c] = largest entry of its window in the image; the first NaN, else the first largest.
extern "C" __global__ void maxpool2d_forward(
    const real* __restrict__ x, real* __restrict__ y, int size,
    int H, int W, int C, int OH, int OW, int KH, int KW, int SH, int SW, int top, int left,
    void* __restrict__ winner, int wide) {
    if (thread_number() >= size) return;
    int t = (int)thread_number();
    auto [n, oh, ow, c] = place_of(t, OH, OW, C);
    const real* image = x + (long long)n * H * W * C + c;
    real best = 0;
    int place = -1;  // nobody yet
    for (int i = 0; i < KH; ++i) {
        int h = oh * SH - top + i;
        if (h < 0 || h >= H) continue;
        for (int j = 0; j < KW; ++j) {
            int w = ow * SW - left + j;
            if (w < 0 || w >= W) continue;
            real v = image[(h * W + w) * C];
            if (place < 0 || beats(v, best)) {
                best = v;
                place = i * KW + j;
            }
        }
    }
    y[t] = best;
    set_winner(winner, t, wide, place);
}

// dx[n,h,w,c] = sum of dy over the windows that this pixel won. A thread looks up the windows that
// hold its pixel, whose rows oh are those with oh SH <= h + top < oh SH + KH.
extern "C" __global__ void maxpool2d_backward(
    const real* __restrict__ dy, real* __restrict__ dx, int size,
    int H, int W, int C, int OH, int OW, int KH, int KW, int SH, int SW, int top, int left,
    const void* __restrict__ winner, int wide) {
    if (thread_number() >= size) return;
    int t = (int)thread_number();
    auto [n, h, w, c] = place_of(t, H, W, C);
    real sum = 0;
    for (int oh = min(OH - 1, (h + top) / SH); oh >= 0; --oh) {
        int i = h + top - oh * SH;  // the pixel's place in the window, as im2col counts it
        if (i >= KH) break;
        for (int ow = min(OW - 1, (w + left) / SW); ow >= 0; --ow) {
            int j = w + left - ow * SW;
            if (j >= KW) break;
            long long at = (((long long)n * OH + oh) * OW + ow) * C + c;
            if (winner_at(winner, at, wide) == i * KW + j) sum += dy[at];
        }
    }
    dx[t] = sum;
}

// How many of the k entries from `start` on lie in an axis of the given size.
static __device__ inline int entries_inside(int start, int k, int size) {
    return min(start + k, size) - max(start, 0);
}

// y[n,oh,ow,c] = sum of its window / entries in the image.
extern "C" __global__ void avgpool2d_forward(
    const real* __restrict__ x, real* __restrict__ y, int size,
    int H, int W, int C, int OH, int OW, int KH, int KW, int SH, int SW, int top, int left) {
    if (thread_number() >= size) return;
    int t = (int)thread_number();
    auto [n, oh, ow, c] = place_of(t, OH, OW, C);
    const real* image = x + (long long)n * H * W * C + c;
    int h0 = oh * SH - top, w0 = ow * SW - left;
    real sum = 0;
    for (int h = max(h0, 0); h < min(h0 + KH, H); ++h) {
        for (int w = max(w0, 0); w < min(w0 + KW, W); ++w) sum += image[(h * W + w) * C];
    }
    y[t] = sum / (real)(entries_inside(h0, KH, H) * entries_inside(w0, KW, W));
}

// dx[n,h,w,c] = sum of dy / entries over the windows that hold this pixel: see maxpool2d_backward.
extern "C" __global__ void avgpool2d_backward(
    const real* __restrict__ dy, real* __restrict__ dx, int size,
    int H, int W, int C, int OH, int OW, int KH, int KW, int SH, int SW, int top, int left) {
    if (thread_number() >= size) return;
    int t = (int)thread_number();
    auto [n, h, w, c] = place_of(t, H, W, C);
    real sum = 0;
    for (int oh = min(OH - 1, (h + top) / SH); oh >= 0 && h + top - oh * SH < KH; --oh) {
        int rows = entries_inside(oh * SH - top, KH, H);
        for (int ow = min(OW - 1, (w + left) / SW); ow >= 0 && w + left - ow * SW < KW; --ow) {
            int columns = entries_inside(ow * SW - left, KW, W);
            sum += dy[(((long long)n * OH + oh) * OW + ow) * C + c] / (real)(rows * columns);
        }
    }
    dx[t] = sum;
}

// y[n,h,w,c] = x[n, h - top, w - left, c], or 0 outside of x; x (N, H, W, C), y (N, YH, YW, C). One
// thread an entry of y. With top, left <= 0 it crops: what lies beyond y is left out, which is the
// adjoint of padding.
extern "C" __global__ void pad2d(
    const real* __restrict__ x, real* __restrict__ y, int size,
    int H, int W, int C, int YH, int YW, int top, int left) {
    if (thread_number() >= size) return;
    int t = (int)thread_number();
    auto [n, yh, yw, c] = place_of(t, YH, YW, C);
    int h = yh - top, w = yw - left;
    bool inside = h >= 0 && h < H && w >= 0 && w < W;
    y[t] = inside ? x[(((long long)n * H + h) * W + w) * C + c] : 0;
}
