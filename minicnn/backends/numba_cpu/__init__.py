"""The fast backend: every operation of ``minicnn/backends/spec.py`` on the cores of this machine.

Same function names as ``reference/``, and mostly the same file names; Numba compiles the loops,
BLAS does the products. Results are the same bits for any number of threads.
"""

# ruff: noqa: F401  (the names are here to be called as ``ops.conv2d_forward`` and so on)

from minicnn.backends.numba_cpu.activations import (
    elementwise_backward,
    elementwise_forward,
    log_softmax_backward,
    log_softmax_forward,
    relu_backward,
    relu_forward,
    sigmoid_backward,
    sigmoid_forward,
    softmax_backward,
    softmax_forward,
    tanh_backward,
    tanh_forward,
)
from minicnn.backends.numba_cpu.augmentation import (
    flip_backward,
    flip_forward,
    translate_backward,
    translate_forward,
)
from minicnn.backends.numba_cpu.average_pooling import avgpool2d_backward, avgpool2d_forward
from minicnn.backends.numba_cpu.conv import conv2d_backward, conv2d_forward
from minicnn.backends.numba_cpu.dense import (
    dense_backward,
    dense_forward,
    dense_relu_backward,
    dense_relu_dropout_backward,
    dense_relu_dropout_forward,
    dense_relu_forward,
)
from minicnn.backends.numba_cpu.dropout import dropout_backward, dropout_forward
from minicnn.backends.numba_cpu.fused import (
    conv2d_relu_backward,
    conv2d_relu_forward,
    conv2d_relu_maxpool2d_backward,
    conv2d_relu_maxpool2d_forward,
)
from minicnn.backends.numba_cpu.gather import gather_batch
from minicnn.backends.numba_cpu.losses import (
    binary_crossentropy_backward,
    binary_crossentropy_forward,
    categorical_crossentropy_backward,
    categorical_crossentropy_forward,
    mean_squared_error_backward,
    mean_squared_error_forward,
    sigmoid_crossentropy_backward,
    sigmoid_crossentropy_forward,
    softmax_crossentropy_backward,
    softmax_crossentropy_forward,
    sparse_categorical_crossentropy_backward,
    sparse_categorical_crossentropy_forward,
    sparse_softmax_crossentropy_backward,
    sparse_softmax_crossentropy_forward,
    weighted_sum_backward,
    weighted_sum_forward,
)
from minicnn.backends.numba_cpu.memory import (
    advance,
    asarray,
    empty,
    next_rows,
    running,
    to_numpy,
    zeros,
)
from minicnn.backends.numba_cpu.metrics import (
    binary_hits,
    categorical_hits,
    mean_update,
    sparse_categorical_hits,
    sparse_top_k_hits,
)
from minicnn.backends.numba_cpu.normalization import (
    batchnorm_backward,
    batchnorm_forward,
    moving_average,
    normalize_backward,
    normalize_forward,
    rescale_backward,
    rescale_forward,
)
from minicnn.backends.numba_cpu.optimizers import (
    adam_step,
    amsgrad_step,
    clip_by_norm,
    clip_by_value,
    decay_weights,
    rmsprop_step,
    sgd_step,
)
from minicnn.backends.numba_cpu.padding import pad2d_backward, pad2d_forward
from minicnn.backends.numba_cpu.pooling import maxpool2d_backward, maxpool2d_forward
from minicnn.backends.numba_cpu.regression import regression_loss_backward, regression_loss_forward
from minicnn.backends.numba_cpu.regularization import (
    add_penalty,
    add_penalty_gradient,
    clip_negative,
    limit_norms,
)
