// Zeros around an image, and cropping them off again.

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
