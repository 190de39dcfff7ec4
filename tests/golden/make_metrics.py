"""Writes metrics.json: what Keras 3 on TensorFlow computes for the metrics.

Run it with a Python that has keras and tensorflow:  python tests/golden/make_metrics.py
"""

import itertools
import json
import os
from pathlib import Path

os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
import numpy as np

#: metric class -> (kind of targets, lists of arguments)
METRICS = {
    "Accuracy": ("equal", [{}]),
    "BinaryAccuracy": ("binary", [{}, {"threshold": 0.25}]),
    "CategoricalAccuracy": ("one_hot", [{}]),
    "SparseCategoricalAccuracy": ("labels", [{}]),
    "TopKCategoricalAccuracy": ("one_hot", [{}, {"k": 2}]),
    "SparseTopKCategoricalAccuracy": ("labels", [{}, {"k": 2}]),
    "CategoricalCrossentropy": (
        "one_hot", [{}, {"from_logits": True}, {"label_smoothing": 0.2}],
    ),
    "SparseCategoricalCrossentropy": (
        "labels", [{}, {"from_logits": True}, {"ignore_class": 1}],
    ),
    "BinaryCrossentropy": ("binary", [{}, {"from_logits": True}, {"label_smoothing": 0.2}]),
    "MeanSquaredError": ("binary", [{}]),
    "RootMeanSquaredError": ("binary", [{}]),
    "MeanAbsoluteError": ("binary", [{}]),
    "MeanAbsolutePercentageError": ("binary", [{}]),
    "MeanSquaredLogarithmicError": ("binary", [{}]),
    "LogCoshError": ("binary", [{}]),
    "Hinge": ("binary", [{}]),
    "SquaredHinge": ("binary", [{}]),
    "Poisson": ("binary", [{}]),
    "KLDivergence": ("one_hot", [{}]),
}  # fmt: skip
SHAPES = [(6, 7), (3, 2, 5)]
FUNCTIONS = [
    ("binary_accuracy", "binary"), ("categorical_accuracy", "one_hot"),
    ("sparse_categorical_accuracy", "labels"), ("top_k_categorical_accuracy", "one_hot"),
    ("sparse_top_k_categorical_accuracy", "labels"),
]  # fmt: skip
#: names for compile: (metrics, weighted_metrics)
NAMED = [
    (["accuracy", "acc", "Accuracy"], ["accuracy"]),
    (["accuracy", "accuracy", "accuracy"], ["accuracy", "accuracy"]),
    (["sparse_categorical_accuracy", "SparseCategoricalAccuracy"], ["acc"]),
    (["sparse_categorical_crossentropy", "sparse_top_k_categorical_accuracy"], None),
    ({"output": ["acc", "accuracy"]}, None),
]
BATCHES = 3


def draw(kind, shape, rng):
    p = np.exp(2 * rng.standard_normal(shape))
    p = (p / p.sum(axis=-1, keepdims=True)).astype("float32")
    p[:1] = np.round(p[:1], 1)  # ties
    if kind == "equal":
        p = rng.integers(0, 3, shape).astype("float32")
        return rng.integers(0, 3, shape), p
    labels = rng.integers(0, shape[-1], shape[:-1])
    y = {"one_hot": np.eye(shape[-1])[labels], "labels": labels,
         "binary": rng.integers(0, 2, shape)}[kind]  # fmt: skip
    return y, p


def states():
    """Three batches, without weights and with weights of every rank."""
    rng = np.random.default_rng(9)
    for (name, (kind, arguments)), shape in itertools.product(METRICS.items(), SHAPES):
        for given in arguments:
            batches = [draw(kind, shape, rng) for _ in range(BATCHES)]
            weights = {
                "None": [None] * BATCHES,
                "(N,)": [rng.integers(0, 4, shape[:1]) / 2 for _ in range(BATCHES)],
                "(N, 1)": [rng.integers(0, 4, (*shape[:1], 1)) / 2 for _ in range(BATCHES)],
                "(N, ...)": [rng.integers(0, 4, shape[:-1]) / 2 for _ in range(BATCHES)],
            }
            if len(shape) > 2:  # TensorFlow does not spread (N, 1) over (N, T) here
                del weights["(N, 1)"]
                if "ignore_class" in given:  # nor (N,)
                    del weights["(N,)"]
            metric = getattr(keras.metrics, name)(**given)
            state = {
                "class": name, "arguments": given, "serialized": keras.metrics.serialize(metric),
                "direction": metric._direction, "runs": {},
                "batches": [[y.tolist(), nested(p)] for y, p in batches],
            }  # fmt: skip
            for rank, each in weights.items():
                metric.reset_state()
                for (y, p), w in zip(batches, each, strict=True):
                    metric.update_state(y, p, sample_weight=w)
                state["runs"][rank] = {
                    "weights": [None if w is None else w.tolist() for w in each],
                    "variables": [float(v) for v in metric.variables],
                    "result": float(metric.result()),
                }
            yield state


def reductions():
    """Mean and Sum of values of every rank with weights of every rank."""
    rng = np.random.default_rng(10)
    pairs = [
        ((), None), ((4,), None), ((3, 2), None), ((4,), ()), ((4,), (4,)), ((4,), (4, 1)),
        ((4, 1), (4,)), ((3, 2), (3,)), ((3, 2), (3, 2)), ((3, 2, 4), (3, 2)), ((3, 2, 4), (3,)),
    ]  # fmt: skip
    for name, (shape, weights_shape) in itertools.product(("Mean", "Sum"), pairs):
        values = rng.integers(0, 9, shape) / 2
        weights = None if weights_shape is None else rng.integers(0, 4, weights_shape) / 2
        metric = getattr(keras.metrics, name)()
        metric.update_state(values, sample_weight=weights)
        yield {
            "class": name, "values": np.asarray(values).tolist(),
            "weights": None if weights is None else np.asarray(weights).tolist(),
            "variables": [float(v) for v in metric.variables], "result": float(metric.result()),
        }  # fmt: skip


def functions():
    rng = np.random.default_rng(11)
    for (name, kind), shape in itertools.product(FUNCTIONS, SHAPES):
        y, p = draw(kind, shape, rng)
        yield {"function": name, "y": y.tolist(), "p": nested(p),
               "values": nested(getattr(keras.metrics, name)(y, p))}  # fmt: skip


def models():
    """The logs of evaluate: the names of the metrics, and their values with weights."""
    rng = np.random.default_rng(12)
    w = rng.standard_normal((3, 4)).astype("float32")
    x = rng.standard_normal((7, 3)).astype("float32")
    y, weights = rng.integers(0, 4, 7), rng.integers(0, 5, 7) / 2
    runs = []
    for metrics, weighted in NAMED:
        model = keras.Sequential(
            [keras.Input((3,)), keras.layers.Dense(4, "softmax", use_bias=False)]
        )
        model.set_weights([w])
        model.compile("sgd", "sparse_categorical_crossentropy", metrics=metrics,
                      weighted_metrics=weighted)  # fmt: skip
        logs = model.evaluate(x, y, batch_size=3, sample_weight=weights, verbose=0,
                              return_dict=True)  # fmt: skip
        runs.append({"metrics": metrics, "weighted_metrics": weighted, "logs": logs})
    return {"w": nested(w), "x": nested(x), "y": y.tolist(), "weights": weights.tolist(),
            "runs": runs}  # fmt: skip


def nested(array):
    """Nested lists of the shortest decimals that read back as the same float32."""
    array = np.asarray(array, "float32")
    flat = [float(np.format_float_positional(v, unique=True)) for v in array.ravel()]
    return np.array(flat).reshape(array.shape).tolist()


def main():
    golden = {
        "versions": {"keras": keras.__version__, "backend": keras.backend.backend()},
        "states": list(states()),
        "reductions": list(reductions()),
        "functions": list(functions()),
        "models": models(),
    }
    text = json.dumps(golden)
    Path(__file__).with_name("metrics.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
