// What moves through an epoch: counters of steps and updates, the rows of the next batch, and the
// batch itself, out of the data set. No more than that is ever copied of it.

// counter[0] += 1. One thread.
extern "C" __global__ void advance_uint32(unsigned* counter, const unsigned* refused) {
    if (thread_number() == 0 && !is_refused(refused)) counter[0] += 1;
}
extern "C" __global__ void advance_int64(long long* counter, const unsigned* refused) {
    if (thread_number() == 0 && !is_refused(refused)) counter[0] += 1;
}

// index[i] = order[cursor[0] + i] for i < count, of order (M,); then cursor[0] += count. One block.
extern "C" __global__ void next_rows(const long long* order, long long* cursor, long long* index,
                                     int count) {
    long long first = cursor[0];
    __syncthreads();  // everybody has read it
    for (int i = threadIdx.x; i < count; i += blockDim.x) index[i] = order[first + i];
    if (threadIdx.x == 0) cursor[0] = first + count;
}

// -- rows picked by index and cast --------------------------------------------------------------
//
// A block takes a row, or with blockIdx.y a stretch of one; its threads take the entries in turn.

enum Source { UINT8, INT8, UINT16, INT16, UINT32, INT32, UINT64, INT64, FLOAT16, FLOAT32, FLOAT64 };

// A number of 16 bits: sign, 5 bits of exponent, 10 of fraction (IEEE 754, binary16).
__device__ inline float half_value(unsigned short bits) {
    int exponent = bits >> 10 & 31, fraction = bits & 1023;
    float size = exponent == 0    ? ldexpf((float)fraction, -24)
                 : exponent == 31 ? (fraction ? nanf("") : __int_as_float(0x7f800000))
                                  : ldexpf((float)(1024 + fraction), exponent - 25);
    return bits >> 15 ? -size : size;
}

// Entry i of the data set, as a Target.
template <class Target> __device__ inline Target number_at(const void* source, int kind,
                                                           long long i) {
    switch (kind) {
        case UINT8: return (Target)((const unsigned char*)source)[i];
        case INT8: return (Target)((const signed char*)source)[i];
        case UINT16: return (Target)((const unsigned short*)source)[i];
        case INT16: return (Target)((const short*)source)[i];
        case UINT32: return (Target)((const unsigned*)source)[i];
        case INT32: return (Target)((const int*)source)[i];
        case UINT64: return (Target)((const unsigned long long*)source)[i];
        case INT64: return (Target)((const long long*)source)[i];
        case FLOAT16: return (Target)half_value(((const unsigned short*)source)[i]);
        case FLOAT32: return (Target)((const float*)source)[i];
        default: return (Target)((const double*)source)[i];  // FLOAT64
    }
}

// batch (N, row) = source (M, row) at index (N,).
template <class Target> __device__ inline void gather(
    const void* source, int kind, const long long* index, Target* batch, long long row) {
    long long from = index[blockIdx.x] * row, to = blockIdx.x * row;
    long long stride = gridDim.y * (long long)blockDim.x;
    for (long long i = blockIdx.y * (long long)blockDim.x + threadIdx.x; i < row; i += stride) {
        batch[to + i] = number_at<Target>(source, kind, from + i);
    }
}

extern "C" __global__ void gather_numbers(const void* source, int kind, const long long* index,
                                          real* batch, long long row) {
    gather(source, kind, index, batch, row);
}

extern "C" __global__ void gather_labels(const void* source, int kind, const long long* index,
                                         long long* batch, long long row) {
    gather(source, kind, index, batch, row);
}
