"""Writes optimizers.json: what Keras 3 on TensorFlow computes for the optimizers and schedules.

Run it with a Python that has keras and tensorflow:  python tests/golden/make_optimizers.py
"""

import json
import os
from pathlib import Path

os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
import numpy as np
from keras.optimizers import SGD, Adam, AdamW, RMSprop, schedules

STEPS = 7
SHAPES = {"kernel": (3, 4), "bias": (5,)}

#: name -> (class, arguments)
OPTIMIZERS = {
    "adam": (Adam, {}),
    "adam_large_steps": (Adam, {"learning_rate": 0.3, "beta_1": 0.5, "beta_2": 0.7}),
    "adam_epsilon": (Adam, {"learning_rate": 0.1, "epsilon": 0.5}),
    "adam_amsgrad": (Adam, {"learning_rate": 0.1, "amsgrad": True, "beta_2": 0.4}),
    "adam_decay": (Adam, {"learning_rate": 0.1, "weight_decay": 0.3}),
    "adamw": (AdamW, {"learning_rate": 0.1}),
    "adam_clipnorm": (Adam, {"learning_rate": 0.1, "clipnorm": 0.8}),
    "sgd": (SGD, {"learning_rate": 0.1}),
    "sgd_momentum": (SGD, {"learning_rate": 0.1, "momentum": 0.9}),
    "sgd_nesterov": (SGD, {"learning_rate": 0.1, "momentum": 0.9, "nesterov": True}),
    "sgd_decay": (SGD, {"learning_rate": 0.1, "weight_decay": 0.3}),
    "sgd_clipnorm": (SGD, {"learning_rate": 0.1, "clipnorm": 2.0}),
    "sgd_clipvalue": (SGD, {"learning_rate": 0.1, "clipvalue": 0.4}),
    "sgd_global_clipnorm": (SGD, {"learning_rate": 0.1, "global_clipnorm": 3.0}),
    "rmsprop": (RMSprop, {"learning_rate": 0.1}),
    "rmsprop_centered": (RMSprop, {"learning_rate": 0.1, "centered": True, "rho": 0.6}),
    "rmsprop_momentum": (RMSprop, {"learning_rate": 0.1, "momentum": 0.7}),
    "rmsprop_all": (
        RMSprop,
        {"learning_rate": 0.1, "momentum": 0.7, "centered": True, "epsilon": 1e-3, "rho": 0.6},
    ),
    "sgd_exponential": (
        SGD,
        {"learning_rate": schedules.ExponentialDecay(0.1, 3, 0.5, staircase=True)},
    ),
    "adam_cosine": (Adam, {"learning_rate": schedules.CosineDecay(0.1, 5)}),
}

SCHEDULES = [
    schedules.ExponentialDecay(0.1, 10, 0.5),
    schedules.ExponentialDecay(0.1, 3, 0.5, staircase=True),
    schedules.InverseTimeDecay(0.1, 4, 0.7),
    schedules.InverseTimeDecay(0.1, 4, 0.7, staircase=True),
    schedules.PiecewiseConstantDecay([2, 5], [1.0, 0.5, 0.1]),
    schedules.PolynomialDecay(0.1, 10),
    schedules.PolynomialDecay(0.1, 4, end_learning_rate=0.01, power=2.0),
    schedules.PolynomialDecay(0.1, 4, end_learning_rate=0.01, power=0.5, cycle=True),
    schedules.CosineDecay(0.1, 10),
    schedules.CosineDecay(0.1, 7, alpha=0.2),
    schedules.CosineDecay(0.0, 10, alpha=0.1, warmup_target=0.1, warmup_steps=5),
    schedules.CosineDecayRestarts(0.1, 3),
    schedules.CosineDecayRestarts(0.1, 4, t_mul=1.0, m_mul=0.5),
    schedules.CosineDecayRestarts(0.1, 2, t_mul=1.5, m_mul=0.8, alpha=0.1),
]
SCHEDULE_STEPS = [0, 1, 2, 3, 5, 6, 8, 9, 10, 13, 21, 22, 40]


def numbers(array):
    """The shortest decimals that read back as the same float32."""
    return [float(np.format_float_positional(x, unique=True)) for x in np.ravel(array)]


def run(cls, arguments, start, gradients):
    variables = [keras.Variable(w, name=name) for name, w in start.items()]
    optimizer = cls(**arguments)
    optimizer.name = "opt"
    weights = []
    for step in gradients:
        tensors = [keras.ops.convert_to_tensor(step[name]) for name in start]
        optimizer.apply(tensors, variables)
        weights.append(numbers(np.concatenate([v.numpy().ravel() for v in variables])))
    config = optimizer.get_config()
    return {
        "class_name": cls.__name__,
        "config": config,
        "weights_after_first": weights[0],
        "weights_after_last": weights[-1],
        "variables": [[v.name, list(v.shape), numbers(v.numpy())] for v in optimizer.variables],
        "learning_rate": float(keras.ops.convert_to_numpy(optimizer.learning_rate)),
    }


def main():
    rng = np.random.default_rng(20)

    def draw():
        return {name: rng.standard_normal(s).astype("float32") for name, s in SHAPES.items()}

    start, gradients = draw(), [draw() for _ in range(STEPS)]
    golden = {
        "versions": {"keras": keras.__version__, "backend": keras.backend.backend()},
        "shapes": {name: list(shape) for name, shape in SHAPES.items()},
        "start": {name: numbers(w) for name, w in start.items()},
        "gradients": [{name: numbers(g) for name, g in step.items()} for step in gradients],
        "optimizers": {
            name: run(cls, arguments, start, gradients)
            for name, (cls, arguments) in OPTIMIZERS.items()
        },
        "schedule_steps": SCHEDULE_STEPS,
        "schedules": [
            {
                **schedules.serialize(schedule),
                "values": [
                    float(keras.ops.convert_to_numpy(schedule(step))) for step in SCHEDULE_STEPS
                ],
            }
            for schedule in SCHEDULES
        ],
    }
    Path(__file__).with_name("optimizers.json").write_text(json.dumps(golden) + "\n")


if __name__ == "__main__":
    main()
