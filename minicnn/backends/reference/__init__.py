"""The textbook backend: every operation of ``minicnn/backends/spec.py`` in plain NumPy.

Meant to be read. It makes a new array for every result; the fast backends reuse memory.
"""

# ruff: noqa: F401  (the names are here to be called as ``ops.conv2d_forward`` and so on)

from minicnn.backends.reference.activations import (
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
from minicnn.backends.reference.augmentation import (
    flip_backward,
    flip_forward,
    translate_backward,
    translate_forward,
)
from minicnn.backends.reference.average_pooling import avgpool2d_backward, avgpool2d_forward
from minicnn.backends.reference.conv import col2im, conv2d_backward, conv2d_forward, im2col
from minicnn.backends.reference.dense import dense_backward, dense_forward
from minicnn.backends.reference.dropout import dropout_backward, dropout_forward
from minicnn.backends.reference.losses import (
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
from minicnn.backends.reference.memory import (
    advance,
    asarray,
    empty,
    gather_batch,
    next_rows,
    running,
    to_numpy,
    zeros,
)
from minicnn.backends.reference.metrics import (
    binary_hits,
    categorical_hits,
    mean_update,
    sparse_categorical_hits,
    sparse_top_k_hits,
)
from minicnn.backends.reference.normalization import (
    batchnorm_backward,
    batchnorm_forward,
    moving_average,
    normalize_backward,
    normalize_forward,
    rescale_backward,
    rescale_forward,
)
from minicnn.backends.reference.optimizers import (
    adam_step,
    amsgrad_step,
    clip_by_norm,
    clip_by_value,
    decay_weights,
    rmsprop_step,
    sgd_step,
)
from minicnn.backends.reference.padding import pad2d_backward, pad2d_forward
from minicnn.backends.reference.pooling import maxpool2d_backward, maxpool2d_forward
from minicnn.backends.reference.regression import regression_loss_backward, regression_loss_forward
from minicnn.backends.reference.regularization import (
    add_penalty,
    add_penalty_gradient,
    clip_negative,
    limit_norms,
)
