// im2col and its adjoint: the windows of an image as the rows of a matrix.
//
// Both handle one group of channels: first ... first + CG - 1 of the image's C. Neighbouring
// threads take neighbouring channels, so that they read and write neighbouring memory.

// cols[n,oh,ow,i,j,c] = x[n, oh SH - top + i DH, ow SW - left + j DW, first + c], or 0 outside.
// One thread a (n, oh, ow, c): it copies channel c of one whole window.
extern "C" __global__ void im2col(
    const real* __restrict__ x,  // (N, H, W, C)
    real* __restrict__ cols,     // (N, OH, OW, KH, KW, CG)
    int size,                    // N OH OW CG, one thread each
    int first, int CG, int H, int W, int C,
    int KH, int KW, int SH, int SW, int DH, int DW, int top, int left, int OH, int OW) {
    if (thread_number() >= size) return;
    int t = (int)thread_number();
    auto [n, oh, ow, c] = place_of(t, OH, OW, CG);
    const real* image = x + (long long)n * H * W * C + first + c;
    real* window = cols + (long long)(t / CG) * KH * KW * CG + c;
    for (int i = 0; i < KH; ++i) {
        int h = oh * SH - top + i * DH;
        for (int j = 0; j < KW; ++j) {
            int w = ow * SW - left + j * DW;
            bool inside = h >= 0 && h < H && w >= 0 && w < W;
            window[(i * KW + j) * CG] = inside ? image[(h * W + w) * C] : 0;
        }
    }
}

// dx[n,h,w,first + c] = sum of dcols[n,oh,ow,i,j,c] over all that im2col copied from there.
// One thread a (n, h, w, c): it looks up the windows that its pixel is in, instead of adding to
// memory that others add to.
extern "C" __global__ void col2im(
    const real* __restrict__ dcols,  // (N, OH, OW, KH, KW, CG)
    real* __restrict__ dx,           // (N, H, W, C)
    int size,                        // N H W CG, one thread each
    int first, int CG, int H, int W, int C,
    int KH, int KW, int SH, int SW, int DH, int DW, int top, int left, int OH, int OW) {
    if (thread_number() >= size) return;
    int t = (int)thread_number();
    auto [n, h, w, c] = place_of(t, H, W, CG);
    real sum = 0;
    for (int oh = min(OH - 1, (h + top) / SH); oh >= 0; --oh) {
        int down = h + top - oh * SH;  // from the first row of the window to this one: i DH
        if (down > (KH - 1) * DH) break;
        if (DH > 1 && down % DH != 0) continue;  // it steps over this row
        int i = DH > 1 ? down / DH : down;
        for (int ow = min(OW - 1, (w + left) / SW); ow >= 0; --ow) {
            int right = w + left - ow * SW;
            if (right > (KW - 1) * DW) break;
            if (DW > 1 && right % DW != 0) continue;
            int j = DW > 1 ? right / DW : right;
            long long row = ((long long)n * OH + oh) * OW + ow;
            sum += dcols[((row * KH + i) * KW + j) * CG + c];
        }
    }
    dx[(long long)(t / CG) * C + first + c] = sum;
}
