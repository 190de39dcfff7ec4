"""Losses: one value a sample, and how the values of a batch become one number.

A loss is an operation like any other: ``forward(ctx, y_true, y_pred)`` returns one value a sample,
``backward(ctx, dvalues)`` the gradient with respect to ``y_pred``. The batch's loss is their
weighted sum, ``sum(w_i l_i) / N``: sample weights and reduction live in one place for all of them.
"""

from minicnn.losses.base import REDUCTIONS, Loss
from minicnn.losses.crossentropy import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    SparseCategoricalCrossentropy,
)
from minicnn.losses.functions import (
    binary_crossentropy,
    categorical_crossentropy,
    hinge,
    huber,
    kl_divergence,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
    poisson,
    sparse_categorical_crossentropy,
    squared_hinge,
)
from minicnn.losses.registry import (
    CLASSES,
    CROSSENTROPY,
    FUNCTIONS,
    as_loss,
    deserialize,
    get,
    resolve_crossentropy,
    serialize,
)
from minicnn.losses.regression import (
    Hinge,
    Huber,
    KLDivergence,
    LogCosh,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    Poisson,
    SquaredHinge,
)

__all__ = [
    "CLASSES", "CROSSENTROPY", "FUNCTIONS", "REDUCTIONS", "BinaryCrossentropy",
    "CategoricalCrossentropy", "Hinge", "Huber", "KLDivergence", "LogCosh", "Loss",
    "MeanAbsoluteError", "MeanAbsolutePercentageError", "MeanSquaredError",
    "MeanSquaredLogarithmicError", "Poisson", "SparseCategoricalCrossentropy", "SquaredHinge",
    "as_loss", "binary_crossentropy", "categorical_crossentropy", "deserialize", "get", "hinge",
    "huber", "kl_divergence", "log_cosh", "mean_absolute_error", "mean_absolute_percentage_error",
    "mean_squared_error", "mean_squared_logarithmic_error", "poisson", "resolve_crossentropy",
    "serialize", "sparse_categorical_crossentropy", "squared_hinge",
]  # fmt: skip
