// What counts: steps, updates, and the rows of an epoch.

// counter[0] += 1. One thread.
extern "C" __global__ void advance_uint32(unsigned* counter, const unsigned* refused) {
    if (thread_number() == 0 && !is_refused(refused)) counter[0] += 1;
}
extern "C" __global__ void advance_int64(long long* counter, const unsigned* refused) {
    if (thread_number() == 0 && !is_refused(refused)) counter[0] += 1;
}

// index[i] = order[cursor[0] + i] for i < count; then cursor[0] += count. One block.
extern "C" __global__ void next_rows(const long long* order,  // (M,)
                                     long long* cursor,       // (1,)
                                     long long* index,        // (count,)
                                     int count) {
    long long first = cursor[0];
    __syncthreads();  // everybody has read it
    for (int i = threadIdx.x; i < count; i += blockDim.x) index[i] = order[first + i];
    if (threadIdx.x == 0) cursor[0] = first + count;
}
