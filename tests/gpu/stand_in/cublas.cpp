// A library with the names and the calling conventions of cuBLAS, whose product is done elsewhere:
// Python sets a function that gets the very arguments, pointers included, and the stream.
#include <cstddef>

typedef int (*Product)(void* stream, int transa, int transb, int m, int n, int k, const void* alpha,
                       const void* a, int atype, int lda, const void* b, int btype, int ldb,
                       const void* beta, void* c, int ctype, int ldc, int compute, int algorithm);

static Product product;
static int only_handle, workspace_is_set;
static void* current_stream;

extern "C" {

void set_product(Product function) { product = function; }

int cublasCreate_v2(void** handle) {
    *handle = &only_handle;
    return 0;
}

int cublasSetStream_v2(void* handle, void* stream) {
    if (handle != &only_handle || !stream) return 7;
    current_stream = stream;
    workspace_is_set = 0;  // as in cuBLAS: another stream puts the library's own workspace back
    return 0;
}

int cublasSetWorkspace_v2(void* handle, void* workspace, size_t bytes) {
    workspace_is_set = handle == &only_handle && workspace && bytes;
    return workspace_is_set ? 0 : 7;
}

int cublasGemmEx(void* handle, int transa, int transb, int m, int n, int k, const void* alpha,
                 const void* a, int atype, int lda, const void* b, int btype, int ldb,
                 const void* beta, void* c, int ctype, int ldc, int compute, int algorithm) {
    if (handle != &only_handle || !current_stream || !workspace_is_set) return 1;  // not initialised
    return product(current_stream, transa, transb, m, n, k, alpha, a, atype, lda, b, btype, ldb, beta, c,
                   ctype, ldc, compute, algorithm);
}
}
