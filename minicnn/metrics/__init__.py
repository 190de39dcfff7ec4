"""Metrics: numbers about a model's predictions, summed up over an epoch where the batch lives.

Losses have their place here too, as classes and as functions under the same names as in
``minicnn.losses``.
"""

from typing import Any

from minicnn import losses, registry
from minicnn.losses import (
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
from minicnn.metrics.base import Metric, Variable
from minicnn.metrics.loss_metric import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    Hinge,
    KLDivergence,
    LogCoshError,
    LossMetric,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanMetricWrapper,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    Poisson,
    RootMeanSquaredError,
    SparseCategoricalCrossentropy,
    SquaredHinge,
)
from minicnn.metrics.mean import (
    Accuracy,
    BinaryAccuracy,
    CategoricalAccuracy,
    Mean,
    MeanMetric,
    SparseCategoricalAccuracy,
    SparseTopKCategoricalAccuracy,
    Sum,
    TopKCategoricalAccuracy,
    binary_accuracy,
    categorical_accuracy,
    resolve_accuracy,
    sparse_categorical_accuracy,
    sparse_top_k_categorical_accuracy,
    top_k_categorical_accuracy,
)

_CLASSES = [c for c in vars().values() if isinstance(c, type) and issubclass(c, Metric)]
_NAMES = registry.names_of(*(c for c in _CLASSES if c not in (Metric, MeanMetric, LossMetric)))
#: function -> the class that averages its values
_AVERAGED: dict[Any, type] = {
    function: _NAMES[function.__name__]
    for function in (
        binary_accuracy, categorical_accuracy, sparse_categorical_accuracy,
        top_k_categorical_accuracy, sparse_top_k_categorical_accuracy,
    )
}  # fmt: skip
#: short name -> class; each also in capitals
_SHORT = {
    "bce": BinaryCrossentropy, "mse": MeanSquaredError, "mae": MeanAbsoluteError,
    "mape": MeanAbsolutePercentageError, "msle": MeanSquaredLogarithmicError,
    "kld": KLDivergence,
}  # fmt: skip
#: in ``compile`` these names stand for one of three accuracies, told by the shapes
_ACCURACY = ("accuracy", "acc")

_FAMILY = registry.Registry(
    "metric", "keras.metrics", _NAMES | _SHORT | {n.upper(): cls for n, cls in _SHORT.items()},
    further=_ACCURACY, foreign=lambda cls: cls.__module__,
)  # fmt: skip


def get(identifier: registry.Identifier) -> Any:
    """The metric that ``identifier`` stands for, as in Keras.

    Args:
        identifier: a name ("mae", "MeanAbsoluteError", "top_k_categorical_accuracy"), a class or a
            serialized metric gives an object; a function or an object gives itself; None None.

    Raises:
        ValueError: an unknown name; the nearest known one is suggested.
    """
    if isinstance(identifier, str) and identifier not in _FAMILY.names:
        try:  # a loss that has no metric of its own, such as "huber"
            return LossMetric(losses.get(identifier), identifier)
        except ValueError:
            pass
    return deserialize(identifier) if isinstance(identifier, dict) else _FAMILY.get(identifier)


def as_metric(identifier: registry.Identifier) -> Any:
    """What ``get`` gives as a :class:`Metric`, called in logs what ``identifier`` says.

    "accuracy" stays a name until shapes are known: see :func:`resolve_accuracy`.

    Raises:
        ValueError: an unknown name, or nothing that can be a metric.
    """
    if isinstance(identifier, str) and identifier.lower() in _ACCURACY:
        return "accuracy"
    metric = get(identifier)
    if isinstance(identifier, str):
        metric.name = identifier
    if isinstance(metric, Metric):
        return metric
    if metric in _AVERAGED:
        return _AVERAGED[metric](name=metric.__name__)
    if isinstance(metric, losses.Loss) or metric in losses.FUNCTIONS:
        return LossMetric(metric)
    if callable(metric):
        return MeanMetricWrapper(metric, getattr(metric, "__name__", type(metric).__name__))
    raise ValueError(
        f"Could not interpret metric identifier: {identifier!r}; expected a name, an object or a "
        "function of (y_true, y_pred)"
    )


def serialize(metric: Any) -> dict[str, Any]:
    """Keras's dictionary of a metric object or function."""
    if type(metric) is LossMetric:  # Keras takes losses as metrics, too
        return losses.serialize(metric.loss)
    return (_FAMILY if isinstance(metric, Metric) else losses).serialize(metric)


def deserialize(config: dict[str, Any] | str, custom_objects: dict[str, Any] | None = None) -> Any:
    """The metric of a dictionary (or name) that ``serialize`` made.

    Args:
        config: the dictionary, or a name.
        custom_objects: metrics and functions of your own, by name.

    Raises:
        ValueError: an unknown name; the nearest known one is suggested.
    """
    custom = custom_objects or {}
    if isinstance(config, str):
        return custom[config] if config in custom else get(config)
    name = config.get("class_name") if isinstance(config, dict) else None
    if name == "function":
        known = {f.__name__: f for f in (*_AVERAGED, *losses.FUNCTIONS)} | custom
        function = str(config["config"])
        return known[function] if function in known else get(function)
    if name == "MeanMetricWrapper":
        arguments = dict(config["config"])
        return MeanMetricWrapper(deserialize(arguments.pop("fn"), custom), **arguments)
    from_losses = name is not None and str(config.get("module")).startswith("keras.losses")
    if name is not None and name not in custom and (from_losses or name not in _FAMILY.names):
        return losses.deserialize(config)
    return _FAMILY.deserialize(config, custom)


__all__ = registry.public_names(__name__)
