"""From a name, function, class or serialized form to a metric, and back."""

from typing import Any

from minicnn import losses
from minicnn.engine.identify import lookup, suggestion
from minicnn.engine.naming import snake_case
from minicnn.metrics import accuracy, functions, probabilistic, regression
from minicnn.metrics.base import Metric
from minicnn.metrics.loss_metric import LossMetric
from minicnn.metrics.reduction import Mean, MeanMetricWrapper, Sum

#: function -> the class that averages its values
FUNCTIONS: dict[Any, type[Metric]] = {
    functions.binary_accuracy: accuracy.BinaryAccuracy,
    functions.categorical_accuracy: accuracy.CategoricalAccuracy,
    functions.sparse_categorical_accuracy: accuracy.SparseCategoricalAccuracy,
    functions.top_k_categorical_accuracy: accuracy.TopKCategoricalAccuracy,
    functions.sparse_top_k_categorical_accuracy: accuracy.SparseTopKCategoricalAccuracy,
}
CLASSES: tuple[type[Metric], ...] = (
    Mean, Sum, MeanMetricWrapper, accuracy.Accuracy, *FUNCTIONS.values(),
    probabilistic.BinaryCrossentropy, probabilistic.CategoricalCrossentropy,
    probabilistic.SparseCategoricalCrossentropy, regression.KLDivergence,
    regression.Poisson, regression.MeanSquaredError, regression.RootMeanSquaredError,
    regression.MeanAbsoluteError, regression.MeanAbsolutePercentageError,
    regression.MeanSquaredLogarithmicError, regression.LogCoshError, regression.Hinge,
    regression.SquaredHinge,
)  # fmt: skip
#: short name -> class; each also in capitals
ALIASES: dict[str, type[Metric]] = {
    "bce": probabilistic.BinaryCrossentropy,
    "mse": regression.MeanSquaredError,
    "mae": regression.MeanAbsoluteError,
    "mape": regression.MeanAbsolutePercentageError,
    "msle": regression.MeanSquaredLogarithmicError,
    "kld": regression.KLDivergence,
}
#: class by every name it has
NAMES = {c.__name__: c for c in CLASSES} | {snake_case(c.__name__): c for c in CLASSES}
NAMES |= ALIASES | {alias.upper(): cls for alias, cls in ALIASES.items()}
#: in ``compile`` these names stand for one of three accuracies, told by the shapes
ACCURACY = ("accuracy", "acc")


def get(identifier: Any) -> Any:
    """The metric that ``identifier`` stands for, as in Keras.

    Args:
        identifier: a name ("mae", "MeanAbsoluteError", "top_k_categorical_accuracy"), a class or a
            serialized metric gives an object; a function or an object gives itself; None None.

    Raises:
        ValueError: an unknown name; the nearest known one is suggested.
    """
    if identifier is None:
        return None
    if isinstance(identifier, str):
        if identifier in NAMES:
            return NAMES[identifier]()
        try:  # a loss that has no metric of its own, such as "huber"
            return LossMetric(losses.get(identifier), identifier)
        except ValueError:
            hint = suggestion(identifier, [*NAMES, *ACCURACY])
            message = f"Could not interpret metric identifier: {identifier}{hint}"
            raise ValueError(message) from None
    if isinstance(identifier, dict):
        return deserialize(identifier)
    if isinstance(identifier, (Metric, losses.Loss)):
        return identifier
    return lookup(identifier, "metric", CLASSES)


def as_metric(identifier: Any) -> Any:
    """What ``get`` gives as a :class:`Metric`, called in logs what ``identifier`` says.

    "accuracy" stays a name until shapes are known: see :func:`resolve_accuracy`.

    Raises:
        ValueError: an unknown name, or nothing that can be a metric.
    """
    if isinstance(identifier, str) and identifier.lower() in ACCURACY:
        return "accuracy"
    metric = get(identifier)
    if isinstance(identifier, str):
        metric.name = identifier
    if isinstance(metric, Metric):
        return metric
    if metric in FUNCTIONS:
        return FUNCTIONS[metric](name=metric.__name__)
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
    if not isinstance(metric, Metric):
        return losses.serialize(metric)
    if type(metric) is LossMetric:  # Keras takes losses as metrics, too
        return losses.serialize(metric.loss)
    own = type(metric) in CLASSES
    return {
        "module": "keras.metrics" if own else type(metric).__module__,
        "class_name": type(metric).__name__,
        "config": metric.get_config(),
        "registered_name": None if own else type(metric).__name__,
    }


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
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
    if not isinstance(config, dict) or "class_name" not in config:
        raise ValueError(
            f"Could not interpret serialized metric: {config!r}; expected a dictionary with "
            "class_name and config"
        )
    name = config["class_name"]
    if name == "function":
        known = {f.__name__: f for f in (*FUNCTIONS, *losses.FUNCTIONS)} | custom
        function = str(config["config"])
        return known[function] if function in known else get(function)
    if name == "MeanMetricWrapper":
        arguments = dict(config["config"])
        return MeanMetricWrapper(deserialize(arguments.pop("fn"), custom), **arguments)
    from_losses = str(config.get("module")).startswith("keras.losses")
    if name not in custom and (from_losses or name not in NAMES):
        return losses.deserialize(config)
    return lookup(config, "metric", CLASSES, {c.__name__: c for c in CLASSES} | custom)
