// Max-pooling of (N, H, W, C), windows of any size and stride, padding that never wins.

// y[n,oh,ow,c] = largest entry of its window in the image; the first NaN, else the first largest.
// One thread an entry of y.
extern "C" __global__ void maxpool2d_forward(
    const real* __restrict__ x,  // (N, H, W, C)
    real* __restrict__ y,        // (N, OH, OW, C)
    void* __restrict__ winner,   // as y
    int wide, int size,          // N OH OW C, one thread each
    int H, int W, int C, int OH, int OW, int KH, int KW, int SH, int SW, int top, int left)
{
    if (thread_number() >= size) return;
    int t = (int)thread_number();
    int c = t % C, row = t / C;
    int ow = row % OW, oh = row / OW % OH, n = row / OW / OH;
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

// dx[n,h,w,c] = sum of dy over the windows that this pixel won. One thread an entry of dx: it looks
// up the windows that hold its pixel, whose rows oh are those with oh SH <= h + top < oh SH + KH.
extern "C" __global__ void maxpool2d_backward(
    const real* __restrict__ dy,      // (N, OH, OW, C)
    const void* __restrict__ winner,  // as dy
    real* __restrict__ dx,            // (N, H, W, C)
    int wide, int size,               // N H W C, one thread each
    int H, int W, int C, int OH, int OW, int KH, int KW, int SH, int SW, int top, int left)
{
    if (thread_number() >= size) return;
    int t = (int)thread_number();
    int c = t % C, pixel = t / C;
    int w = pixel % W, h = pixel / W % H, n = pixel / W / H;
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
