// Random flips and shifts: linear maps, so that backward is the adjoint of forward. Image n draws
// u[2n] and u[2n + 1]; the step is read from the device: a replayed graph draws anew. Arrays are
// (N, H, W, C), and a thread owns one of the `size` entries.

// A number in [0, 1) from the 32 bits of a position.
static __device__ inline double uniform(unsigned seed, unsigned step, int position) {
    return draw(seed, step, position) / 4294967296.0;
}

// y[n] = x[n] mirrored left to right if `horizontal` and u[2n] >= 1/2, and top to bottom if
// `vertical` and u[2n + 1] >= 1/2. Its own adjoint.
extern "C" __global__ void flip(
    const real* __restrict__ x, real* __restrict__ y, int size, int H, int W, int C,
    const unsigned* __restrict__ step, unsigned seed, int horizontal, int vertical) {
    if (thread_number() >= size) return;
    int t = (int)thread_number();
    auto [n, h, w, c] = place_of(t, H, W, C);
    if (horizontal && uniform(seed, step[0], 2 * n) >= 0.5) w = W - 1 - w;
    if (vertical && uniform(seed, step[0], 2 * n + 1) >= 0.5) h = H - 1 - h;
    y[t] = x[(((long long)n * H + h) * W + w) * C + c];
}

// Where a shifted axis reads: entry i takes x[i + first] with weight 1 - part, and x[i + first + 1]
// with weight `part`. In double, whatever `real` is, and rounded after every operation as the CPU
// does: a fused multiply-add could end in another pixel.
struct Shift {
    int first;
    double part;
};

static __device__ inline Shift draw_shift(
    unsigned seed, unsigned step, int position, double low, double high, int size, int bilinear) {
    double u = uniform(seed, step, position);
    double shift = __dmul_rn(__dadd_rn(low, __dmul_rn(high - low, u)), (double)size);
    Shift s = {(int)floor(bilinear ? -shift : 0.5 - shift), 0};
    if (bilinear) s.part = -shift - s.first;
    return s;
}

enum FillMode { CONSTANT, NEAREST, REFLECT, WRAP };

// Index i of an axis continued beyond the image; -1 where the fill value stands.
static __device__ inline int continued(int i, int size, int mode) {
    if (i >= 0 && i < size) return i;
    if (mode == NEAREST) return min(max(i, 0), size - 1);
    if (mode == REFLECT) {
        i = (i % (2 * size) + 2 * size) % (2 * size);
        return min(i, 2 * size - 1 - i);
    }
    return mode == WRAP ? (i % size + size) % size : -1;
}

// y[n,h,w] = x[n] at (h - down, w - right), the two nearest rows and columns weighed by distance.
extern "C" __global__ void translate_forward(
    const real* __restrict__ x, real* __restrict__ y, int size, int H, int W, int C,
    const unsigned* __restrict__ step, unsigned seed, double height_low, double height_high,
    double width_low, double width_high, int mode, int bilinear, real fill_value) {
    if (thread_number() >= size) return;
    int t = (int)thread_number();
    auto [n, h, w, c] = place_of(t, H, W, C);
    Shift down = draw_shift(seed, step[0], 2 * n, height_low, height_high, H, bilinear);
    Shift right = draw_shift(seed, step[0], 2 * n + 1, width_low, width_high, W, bilinear);
    const real* image = x + (long long)n * H * W * C + c;
    real sum = 0;
    for (int i = 0; i < (down.part > 0 ? 2 : 1); ++i) {
        int row = continued(h + down.first + i, H, mode);
        for (int j = 0; j < (right.part > 0 ? 2 : 1); ++j) {
            int column = continued(w + right.first + j, W, mode);
            double weight = (i ? down.part : 1 - down.part) * (j ? right.part : 1 - right.part);
            bool inside = row >= 0 && column >= 0;
            sum += (real)weight * (inside ? image[(row * W + column) * C] : fill_value);
        }
    }
    y[t] = sum;
}

// dx[n,h,w] = sum of weight dy over the entries that read this pixel: a thread asks every row and
// column of dy whether it reads here. Slow and plain; augmentation stands in front of the weights,
// where nobody wants its gradient.
extern "C" __global__ void translate_backward(
    const real* __restrict__ dy, real* __restrict__ dx, int size, int H, int W, int C,
    const unsigned* __restrict__ step, unsigned seed, double height_low, double height_high,
    double width_low, double width_high, int mode, int bilinear) {
    if (thread_number() >= size) return;
    int t = (int)thread_number();
    auto [n, h, w, c] = place_of(t, H, W, C);
    Shift down = draw_shift(seed, step[0], 2 * n, height_low, height_high, H, bilinear);
    Shift right = draw_shift(seed, step[0], 2 * n + 1, width_low, width_high, W, bilinear);
    const real* image = dy + (long long)n * H * W * C + c;
    real sum = 0;
    for (int row = 0; row < H; ++row) {
        for (int i = 0; i < (down.part > 0 ? 2 : 1); ++i) {
            if (continued(row + down.first + i, H, mode) != h) continue;
            double row_weight = i ? down.part : 1 - down.part;
            for (int column = 0; column < W; ++column) {
                for (int j = 0; j < (right.part > 0 ? 2 : 1); ++j) {
                    if (continued(column + right.first + j, W, mode) != w) continue;
                    double weight = row_weight * (j ? right.part : 1 - right.part);
                    sum += (real)weight * image[(row * W + column) * C];
                }
            }
        }
    }
    dx[t] = sum;
}
