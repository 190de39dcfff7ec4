// What follows the product of a dense layer: bias, ReLU and dropout in one pass.
//
// The way back is bias_gradient: y is 0 where ReLU clipped and where dropout dropped.

// y = dropout(relu(y + b)) in place; the mask is that of dropout.cu. One thread an entry.
extern "C" __global__ void bias_relu_dropout(
    real* __restrict__ y,               // (N, U)
    const real* __restrict__ b,         // (U,), or null for none
    const unsigned* __restrict__ step,  // (1,)
    unsigned seed, long long threshold, real scale,
    int size,                           // N U, one thread each
    int U)
{
    if (thread_number() >= size) return;
    int t = (int)thread_number();
    real v = y[t];
    if (b) v += b[t % U];
    v = v <= 0 ? 0 : v;
    unsigned key0, key1;
    draw_keys(seed, step[0], &key0, &key1);
    y[t] = (long long)draw_bits((unsigned)t, key0, key1) >= threshold ? v * scale : 0;
}
