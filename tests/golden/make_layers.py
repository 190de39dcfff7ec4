"""Writes layers.npz: what Keras 3 on TensorFlow computes for single layers and small models.

Run it with a Python that has keras and tensorflow:  python tests/golden/make_layers.py
"""

import json
import os
from pathlib import Path

os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
import numpy as np
import tensorflow as tf

#: name -> (shape of x, layer, arguments); run in training mode, forward and backward
LAYERS = {
    "batch_norm": ((6, 5, 4, 3), "BatchNormalization", {}),
    "batch_norm_rows": ((7, 5), "BatchNormalization", {"momentum": 0.8, "epsilon": 0.1}),
    "batch_norm_axis_1": ((6, 3, 4, 5), "BatchNormalization", {"axis": 1}),
    "batch_norm_plain": ((6, 4, 3), "BatchNormalization", {"center": False, "scale": False}),
    "batch_norm_no_beta": ((6, 4, 3), "BatchNormalization", {"center": False}),
    "batch_norm_no_gamma": ((6, 4, 3), "BatchNormalization", {"scale": False, "momentum": 0.5}),
    "batch_norm_frozen": ((6, 5, 4, 3), "BatchNormalization", {"trainable": False}),
    "average_valid": ((2, 7, 8, 3), "AveragePooling2D", {"pool_size": 2}),
    "average_valid_steps": ((2, 7, 8, 3), "AveragePooling2D", {"pool_size": [3, 2], "strides": 1}),
    "average_same": ((2, 7, 8, 3), "AveragePooling2D", {"pool_size": 3, "padding": "same"}),
    "average_same_steps": (
        (2, 7, 8, 3),
        "AveragePooling2D",
        {"pool_size": [2, 5], "strides": [1, 3], "padding": "same"},
    ),
    "global_average": ((2, 5, 4, 3), "GlobalAveragePooling2D", {}),
    "global_average_kept": ((2, 5, 4, 3), "GlobalAveragePooling2D", {"keepdims": True}),
    "global_max": ((2, 5, 4, 3), "GlobalMaxPooling2D", {}),
    "global_max_kept": ((2, 5, 4, 3), "GlobalMaxPooling2D", {"keepdims": True}),
    "padding": ((2, 3, 4, 2), "ZeroPadding2D", {}),
    "padding_one_number": ((2, 3, 4, 2), "ZeroPadding2D", {"padding": 2}),
    "padding_two_numbers": ((2, 3, 4, 2), "ZeroPadding2D", {"padding": [0, 3]}),
    "padding_four_numbers": ((2, 3, 4, 2), "ZeroPadding2D", {"padding": [[1, 0], [2, 3]]}),
    "reshape": ((2, 3, 4, 2), "Reshape", {"target_shape": [4, 6]}),
    "reshape_rest": ((2, 3, 4, 2), "Reshape", {"target_shape": [2, -1, 3]}),
    "rescaling": ((2, 3, 4, 2), "Rescaling", {"scale": 0.25, "offset": -1.0}),
    "leaky": ((3, 5), "LeakyReLU", {}),
    "leaky_steeper": ((3, 5), "LeakyReLU", {"negative_slope": 0.5}),
    "leaky_name": ((3, 5), "Activation", {"activation": "leaky_relu"}),
}
#: a shift that leaves nothing to chance: rows, columns, and what else
for mode in ("reflect", "wrap", "constant", "nearest"):
    LAYERS[f"shift_{mode}"] = (
        (2, 5, 7, 2),
        "RandomTranslation",
        {
            "height_factor": [0.4, 0.4],
            "width_factor": [-3 / 7, -3 / 7],
            "fill_mode": mode,
            "fill_value": 0.5,
            "interpolation": "nearest",
        },
    )
    if mode != "wrap":  # between the two ends TensorFlow does not interpolate
        LAYERS[f"shift_{mode}_bilinear"] = (
            (2, 5, 7, 2),
            "RandomTranslation",
            {
                "height_factor": [-0.27, -0.27],
                "width_factor": [0.31, 0.31],
                "fill_mode": mode,
                "fill_value": 0.5,
            },
        )

L1, L2 = (
    {"class_name": name, "config": {name.lower(): factor}}
    for name, factor in (("L1", 0.02), ("L2", 0.05))
)
L1L2 = {"class_name": "L1L2", "config": {"l1": 0.03, "l2": 0.01}}
MAX_NORM = {"class_name": "MaxNorm", "config": {"max_value": 0.6, "axis": [0, 1, 2]}}
UNIT_NORM = {"class_name": "UnitNorm", "config": {"axis": 0}}
SGD = {"class_name": "SGD", "config": {"learning_rate": 0.5}}

#: name -> (optimizer, layers): trained for four steps
MODELS = {
    "penalties": (
        {"class_name": "SGD", "config": {"learning_rate": 0.05}},
        [
            ("Conv2D", {"filters": 3, "kernel_size": 2, "kernel_regularizer": L2,
                        "bias_regularizer": L1, "activation": "tanh"}),
            ("BatchNormalization", {"gamma_regularizer": L1L2, "beta_regularizer": "l2"}),
            ("Flatten", {}),
            ("Dense", {"units": 4, "kernel_regularizer": "l1"}),
        ],
    ),
    "activity": (
        SGD,
        [
            ("Conv2D", {"filters": 3, "kernel_size": 2, "activation": "tanh",
                        "activity_regularizer": L1L2}),
            ("Flatten", {}),
            ("Dense", {"units": 4, "activity_regularizer": L2}),
        ],
    ),
    "frozen_penalty": (
        SGD,
        [
            ("Flatten", {}),
            ("Dense", {"units": 5, "kernel_regularizer": L2, "trainable": False}),
            ("Dense", {"units": 4, "kernel_regularizer": L1}),
        ],
    ),
    "limits": (
        SGD,
        [
            ("Conv2D", {"filters": 3, "kernel_size": 2, "kernel_constraint": MAX_NORM,
                        "bias_constraint": "non_neg"}),
            ("BatchNormalization", {"gamma_constraint": "non_neg"}),
            ("Flatten", {}),
            ("Dense", {"units": 6, "kernel_constraint": UNIT_NORM}),
            ("Dense", {"units": 4, "kernel_constraint": {"class_name": "MinMaxNorm", "config": {
                "min_value": 0.3, "max_value": 0.5, "rate": 0.5, "axis": 0}}}),
        ],
    ),
    "penalty_then_clipping": (
        {"class_name": "SGD", "config": {"learning_rate": 0.5, "clipnorm": 0.1}},
        [("Flatten", {}), ("Dense", {"units": 4, "kernel_regularizer": L2})],
    ),
}  # fmt: skip

#: layers whose configuration is compared, key by key
CONFIGURATIONS = [
    *((name, arguments) for _, name, arguments in LAYERS.values()),
    *(layer for _, layers in MODELS.values() for layer in layers),
    ("RandomFlip", {"mode": "horizontal", "seed": 3}),
    ("RandomTranslation", {"height_factor": 0.1, "width_factor": [-0.2, 0.1]}),
]


def main():
    rng = np.random.default_rng(5)
    arrays, configurations = {}, []
    for name, (shape, class_name, arguments) in LAYERS.items():
        for key, value in layer(rng, shape, class_name, arguments).items():
            arrays[f"{name}/{key}"] = np.asarray(value)
    for name, (optimizer, layers) in MODELS.items():
        for key, value in model(rng, optimizer, layers).items():
            arrays[f"{name}/{key}"] = np.asarray(value)
    for class_name, arguments in CONFIGURATIONS:
        config = getattr(keras.layers, class_name)(**arguments, name="a").get_config()
        configurations.append([class_name, arguments, config])
    arrays["spec"] = np.array(
        json.dumps(
            {
                "keras": keras.__version__,
                "layers": LAYERS,
                "models": MODELS,
                "configurations": configurations,
            }
        )
    )
    np.savez_compressed(Path(__file__).with_name("layers.npz"), **arrays)


def layer(rng, shape, class_name, arguments):
    """One call in training mode, its gradients for a random dy, and one call in inference."""
    x = rng.standard_normal(shape).astype("float32")
    made = getattr(keras.layers, class_name)(**arguments)
    made.build(x.shape)
    made.set_weights([rng.uniform(0.5, 1.5, w.shape).astype("float32") for w in made.weights])
    found = {f"w{i}": w for i, w in enumerate(made.get_weights())}
    with tf.GradientTape() as tape:
        variable = tf.Variable(x)
        y = made(variable, training=True)
        dy = rng.standard_normal(y.shape).astype("float32")
        total = tf.reduce_sum(y * dy)
    dx, *grads = tape.gradient(total, [variable, *[w.value for w in made.trainable_weights]])
    found |= {"x": x, "y": y, "dy": dy, "dx": dx}
    found |= {f"g{i}": g for i, g in enumerate(grads)}
    found |= {f"after{i}": w for i, w in enumerate(made.get_weights())}
    return found | {"inference": made(x, training=False)}


def model(rng, optimizer, layers):
    """Penalties, loss in evaluation, gradients of the first batch, four steps."""
    made = keras.Sequential([keras.layers.Input((4, 5, 2))])
    for class_name, arguments in layers:
        made.add(getattr(keras.layers, class_name)(**arguments))
    x = rng.standard_normal((10, 4, 5, 2)).astype("float32")
    y = rng.standard_normal((10, 4)).astype("float32")
    made.compile(keras.optimizers.get(json.loads(json.dumps(optimizer))), "mse")
    made.set_weights([rng.uniform(-0.7, 0.7, w.shape).astype("float32") ** 2
                      if w.name == "moving_variance"
                      else rng.uniform(-0.7, 0.7, w.shape).astype("float32")
                      for w in made.weights])  # fmt: skip
    found = {f"w{i}": w for i, w in enumerate(made.get_weights())}
    found |= {"x": x, "target": y, "evaluated": made.evaluate(x, y, batch_size=4, verbose=0)}
    if not any("activity_regularizer" in arguments for _, arguments in layers):
        found["penalties"] = np.array([float(v) for v in made.losses], "float32")
    with tf.GradientTape() as tape:
        loss = made.compute_loss(x, y, made(x, training=True))
    grads = tape.gradient(loss, [w.value for w in made.trainable_weights])
    found |= {f"g{i}": g for i, g in enumerate(grads)}
    made.set_weights([found[f"w{i}"] for i in range(len(made.weights))])  # moving averages back
    found["steps"] = [float(made.train_on_batch(x, y)) for _ in range(4)]
    found |= {f"after{i}": w for i, w in enumerate(made.get_weights())}
    return found


if __name__ == "__main__":
    main()
