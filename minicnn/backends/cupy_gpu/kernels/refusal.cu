// The end of all updates when a loss is not finite: see refusal.py.

// refused[0] = step[0] if loss[0] is NaN or infinite and nothing was refused before. One thread.
extern "C" __global__ void refuse_unless_finite(const real* loss,      // (1,)
                                                const unsigned* step,  // (1,), from 1 on
                                                unsigned* refused) {   // (1,)
    if (thread_number() != 0) return;
    bool finite = loss[0] - loss[0] == 0;  // NaN and infinity minus themselves are NaN
    if (!finite && refused[0] == 0) refused[0] = step[0];
}

// value = kept where the step is refused. One thread an entry.
extern "C" __global__ void restore_refused(real* value, const real* kept,  // (size,)
                                           long long size, const unsigned* refused) {
    long long i = thread_number();
    if (i < size && is_refused(refused)) value[i] = kept[i];
}
