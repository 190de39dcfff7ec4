// Dropout, alone and behind the product of a dense layer with bias and ReLU. The mask is a hash of
// (seed, step, position), made where it is needed, never stored.
// Backward is the same kernel on dy. The step is read from the device: a replayed graph draws anew.

// y = x scale where bits(position) >= threshold, else 0. One thread an entry: x and y are (size,).
// A threshold of 2^32 keeps nothing.
//
// Position is that in the mask. If the mask is smaller than x and `broadcast` to it, x is seen as
// (K0, R0, K1, R1, K2, R2), of which the mask has the axes K0, K1, K2.
extern "C" __global__ void dropout(
    const real* __restrict__ x, real* __restrict__ y, int size, const unsigned* __restrict__ step,
    unsigned seed, long long threshold, real scale, int broadcast, int R0, int K1, int R1, int K2,
    int R2) {
    if (thread_number() >= size) return;
    int t = (int)thread_number();
    int position = t;
    if (broadcast) {
        int k2 = t / R2 % K2, k1 = t / R2 / K2 / R1 % K1, k0 = t / R2 / K2 / R1 / K1 / R0;
        position = (k0 * K1 + k1) * K2 + k2;
    }
    y[t] = draw(seed, step[0], position) >= threshold ? x[t] * scale : 0;
}

// y = dropout(relu(y + b)) in place, y (N, U), b (U,) or null for none. One thread an entry. The
// way back is bias_gradient: y is 0 where ReLU clipped and where dropout dropped.
extern "C" __global__ void bias_relu_dropout(
    real* __restrict__ y, const real* __restrict__ b, const unsigned* __restrict__ step,
    unsigned seed, long long threshold, real scale, int size, int U) {
    if (thread_number() >= size) return;
    int t = (int)thread_number();
    real v = y[t];
    if (b) v += b[t % U];
    v = v <= 0 ? 0 : v;
    y[t] = draw(seed, step[0], t) >= threshold ? v * scale : 0;
}
