// Average pooling of (N, H, W, C): the mean of those entries of a window that lie in the image.

// How many of the k entries from `start` on lie in an axis of the given size.
static __device__ inline int entries_inside(int start, int k, int size) {
    return min(start + k, size) - max(start, 0);
}

// y[n,oh,ow,c] = sum of its window / entries in the image. One thread an entry of y.
extern "C" __global__ void avgpool2d_forward(
    const real* __restrict__ x,  // (N, H, W, C)
    real* __restrict__ y,        // (N, OH, OW, C)
    int size,                    // N OH OW C, one thread each
    int H, int W, int C, int OH, int OW, int KH, int KW, int SH, int SW, int top, int left)
{
    if (thread_number() >= size) return;
    int t = (int)thread_number();
    int c = t % C, row = t / C;
    int ow = row % OW, oh = row / OW % OH, n = row / OW / OH;
    const real* image = x + (long long)n * H * W * C + c;
    int h0 = oh * SH - top, w0 = ow * SW - left;
    real sum = 0;
    for (int h = max(h0, 0); h < min(h0 + KH, H); ++h) {
        for (int w = max(w0, 0); w < min(w0 + KW, W); ++w) sum += image[(h * W + w) * C];
    }
    y[t] = sum / (real)(entries_inside(h0, KH, H) * entries_inside(w0, KW, W));
}

// dx[n,h,w,c] = sum of dy / entries over the windows that hold this pixel. One thread an entry of
// dx; which windows these are: see maxpool2d_backward.
extern "C" __global__ void avgpool2d_backward(
    const real* __restrict__ dy,  // (N, OH, OW, C)
    real* __restrict__ dx,        // (N, H, W, C)
    int size,                     // N H W C, one thread each
    int H, int W, int C, int OH, int OW, int KH, int KW, int SH, int SW, int top, int left)
{
    if (thread_number() >= size) return;
    int t = (int)thread_number();
    int c = t % C, pixel = t / C;
    int w = pixel % W, h = pixel / W % H, n = pixel / W / H;
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
