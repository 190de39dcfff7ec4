"""Writes losses.json: what Keras 3 on TensorFlow computes for the losses.

Run it with a Python that has keras and tensorflow:  python tests/golden/make_losses.py
"""

import itertools
import json
import os
import warnings
from pathlib import Path

os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
import numpy as np
import tensorflow as tf

REDUCTIONS = ["sum_over_batch_size", "mean", "mean_with_sample_weight", "sum", "none"]
#: loss class -> (kind of data, lists of arguments)
LOSSES = {
    "CategoricalCrossentropy": (
        "one_hot", [{}, {"from_logits": True}, {"label_smoothing": 0.2},
                    {"from_logits": True, "label_smoothing": 0.2}],
    ),
    "SparseCategoricalCrossentropy": (
        "labels", [{}, {"from_logits": True}, {"ignore_class": 1}, {"ignore_class": -1},
                   {"from_logits": True, "ignore_class": 255}],
    ),
    "BinaryCrossentropy": (
        "binary", [{}, {"from_logits": True}, {"label_smoothing": 0.2},
                   {"from_logits": True, "label_smoothing": 0.2}],
    ),
    "MeanSquaredError": ("numbers", [{}]),
    "MeanAbsoluteError": ("numbers", [{}]),
    "MeanAbsolutePercentageError": ("numbers", [{}]),
    "MeanSquaredLogarithmicError": ("numbers", [{}]),
    "Huber": ("numbers", [{}, {"delta": 0.4}]),
    "LogCosh": ("numbers", [{}]),
    "Hinge": ("binary", [{}]),
    "SquaredHinge": ("signs", [{}]),
    "Poisson": ("counts", [{}]),
    "KLDivergence": ("one_hot", [{}]),
}  # fmt: skip
SHAPES = [(6, 4), (3, 2, 5), (5, 1)]


def draw(kind, shape, from_logits, ignore_class, rng):
    """(y, p): targets of that kind and predictions, some of them at the edge of what is clipped."""
    p = rng.standard_normal(shape)
    if kind in ("one_hot", "labels") and not from_logits:
        p = np.exp(2 * p)
        p = p / p.sum(axis=-1, keepdims=True)
    elif kind == "binary" and not from_logits:
        p = 1 / (1 + np.exp(-3 * p))
    elif kind == "counts":
        p = np.abs(p) + 0.1
    if kind not in ("signs", "numbers", "counts") and not from_logits and shape[-1] > 1:
        p.flat[0] = 0.0
    K = shape[-1]
    labels = rng.integers(0, K, shape[:-1])
    if kind == "labels":
        if ignore_class is not None:
            labels.flat[1::2] = ignore_class
        return labels, p
    y = {
        "one_hot": lambda: np.eye(K)[labels],
        "binary": lambda: rng.integers(0, 2, shape),
        "signs": lambda: rng.choice([-1.0, 1.0], shape),
        "numbers": lambda: rng.integers(-2, 3, shape) / 2,
        "counts": lambda: rng.integers(0, 5, shape),
    }[kind]()
    return y, p


def calls():
    rng = np.random.default_rng(7)
    for (name, (kind, arguments)), shape in itertools.product(LOSSES.items(), SHAPES):
        for given in arguments:
            y, p = draw(
                kind, shape, given.get("from_logits"), given.get("ignore_class"), rng
            )  # fmt: skip
            p = p.astype("float32")
            weights = rng.integers(0, 4, shape[:-1]) / 2
            call = {"class": name, "arguments": given, "y": y.tolist(), "p": nested(p),
                    "weights": weights.tolist()}  # fmt: skip
            for reduction in REDUCTIONS:
                loss = getattr(keras.losses, name)(**given, reduction=reduction)
                call[reduction] = [nested(loss(y, p)), nested(loss(y, p, weights))]
            loss = getattr(keras.losses, name)(**given)
            with tf.GradientTape() as tape:
                variable = tf.Variable(p)
                value = loss(y, variable, weights)
            call["gradient"] = nested(tf.convert_to_tensor(tape.gradient(value, variable)))
            call["serialized"] = keras.losses.serialize(loss)
            yield call


def models():
    """A model that ends in a softmax in every way it can be written, and with every loss for it."""
    rng = np.random.default_rng(8)
    w, b = (5 * rng.standard_normal(s).astype("float32") for s in ((3, 4), (4,)))
    x = (4 * rng.standard_normal((7, 3))).astype("float32")
    labels = rng.integers(0, 4, 7)
    one_hot = np.eye(4)[labels]
    layers = keras.layers
    endings = {
        "Dense": ["softmax", []],
        "Activation": [None, [layers.Activation, ("softmax",)]],
        "Softmax": [None, [layers.Softmax, ()]],
        "sigmoid": ["sigmoid", []],
        "linear": [None, []],
    }
    losses = [
        ("CategoricalCrossentropy", {}), ("CategoricalCrossentropy", {"from_logits": True}),
        ("CategoricalCrossentropy", {"label_smoothing": 0.3}),
        ("SparseCategoricalCrossentropy", {}),
        ("SparseCategoricalCrossentropy", {"from_logits": True}),
        ("SparseCategoricalCrossentropy", {"ignore_class": 2}),
        ("BinaryCrossentropy", {}), ("BinaryCrossentropy", {"from_logits": True}),
        ("MeanSquaredError", {}), ("Huber", {"delta": 0.3}), ("KLDivergence", {}),
    ]  # fmt: skip
    results = []
    for (ending, (activation, more)), (name, arguments) in itertools.product(
        endings.items(), losses
    ):
        model = keras.Sequential([keras.Input((3,)), layers.Dense(4, activation=activation)])
        if more:
            model.add(more[0](*more[1]))
        model.set_weights([w, b])
        sparse = name.startswith("Sparse")
        family = "SparseCategoricalCrossentropy" if sparse else "CategoricalCrossentropy"
        metrics = [
            getattr(keras.metrics, family)(name="ce"),
            getattr(keras.metrics, family)(name="ce_logits", from_logits=True),
        ]
        if not sparse:
            metrics.append(keras.metrics.BinaryCrossentropy(name="bce"))
        loss = getattr(keras.losses, name)(**arguments)
        model.compile(keras.optimizers.SGD(0.1), loss, metrics=metrics)
        y = labels if sparse else one_hot
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            logs = model.evaluate(x, y, verbose=0, return_dict=True, batch_size=4)
            model.train_on_batch(x, y)
        results.append({
            "ending": ending, "loss": name, "arguments": arguments, "logs": logs,
            "weights": [nested(v) for v in model.get_weights()],
        })  # fmt: skip
    return {"w": nested(w), "b": nested(b), "x": nested(x), "y": labels.tolist(), "runs": results}


def nested(array):
    """Nested lists of the shortest decimals that read back as the same float32."""
    array = np.asarray(array, "float32")
    flat = [float(np.format_float_positional(v, unique=True)) for v in array.ravel()]
    return np.array(flat).reshape(array.shape).tolist()


def main():
    golden = {
        "versions": {"keras": keras.__version__, "backend": keras.backend.backend()},
        "calls": list(calls()),
        "models": models(),
    }
    text = json.dumps(golden)
    Path(__file__).with_name("losses.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
