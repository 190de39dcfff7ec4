"""The GPU backend: every operation of ``minicnn/backends/spec.py`` on an NVIDIA GPU.

Same file names and function names as ``reference/``; the kernels are the CUDA C in ``kernels/``,
products are cuBLAS's, and a whole training step is captured once and replayed (``graph.py``).
"""

# ruff: noqa: F401  (the names are here to be called as ``ops.conv2d_forward`` and so on)

from minicnn.backends.cupy_gpu import device  # first: says what is missing, if something is
from minicnn.backends.cupy_gpu.activations import (
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
from minicnn.backends.cupy_gpu.augmentation import (
    flip_backward,
    flip_forward,
    translate_backward,
    translate_forward,
)
from minicnn.backends.cupy_gpu.average_pooling import avgpool2d_backward, avgpool2d_forward
from minicnn.backends.cupy_gpu.conv import conv2d_backward, conv2d_forward
from minicnn.backends.cupy_gpu.counting import advance, next_rows
from minicnn.backends.cupy_gpu.dense import (
    dense_backward,
    dense_forward,
    dense_relu_backward,
    dense_relu_dropout_backward,
    dense_relu_dropout_forward,
    dense_relu_forward,
)
from minicnn.backends.cupy_gpu.dropout import dropout_backward, dropout_forward
from minicnn.backends.cupy_gpu.fused import (
    conv2d_relu_backward,
    conv2d_relu_forward,
    conv2d_relu_maxpool2d_backward,
    conv2d_relu_maxpool2d_forward,
)
from minicnn.backends.cupy_gpu.graph import capture
from minicnn.backends.cupy_gpu.losses import (
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
from minicnn.backends.cupy_gpu.memory import (
    asarray,
    empty,
    gather_batch,
    running,
    to_numpy,
    zeros,
)
from minicnn.backends.cupy_gpu.metrics import (
    binary_hits,
    categorical_hits,
    mean_update,
    sparse_categorical_hits,
    sparse_top_k_hits,
)
from minicnn.backends.cupy_gpu.normalization import (
    batchnorm_backward,
    batchnorm_forward,
    moving_average,
    normalize_backward,
    normalize_forward,
    rescale_backward,
    rescale_forward,
)
from minicnn.backends.cupy_gpu.optimizers import (
    adam_step,
    amsgrad_step,
    clip_by_norm,
    clip_by_value,
    decay_weights,
    rmsprop_step,
    sgd_step,
)
from minicnn.backends.cupy_gpu.padding import pad2d_backward, pad2d_forward
from minicnn.backends.cupy_gpu.pooling import maxpool2d_backward, maxpool2d_forward
from minicnn.backends.cupy_gpu.refusal import refusable, refuse_unless_finite, restore_refused
from minicnn.backends.cupy_gpu.regression import regression_loss_backward, regression_loss_forward
from minicnn.backends.cupy_gpu.regularization import (
    add_penalty,
    add_penalty_gradient,
    clip_negative,
    limit_norms,
)
