"""Keras's side of ``minicnn compare``: a script, run by the Python that has Keras.

    python keras_side.py FOLDER

It reads FOLDER/model.keras and FOLDER/batches.npz and writes FOLDER/keras.npz, whose names are
explained in ``minicnn.compare.recording``. It needs Keras and TensorFlow; not minicnn.
"""

import os
import sys
from typing import Any

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf


def leaves(model: Any) -> list[Any]:
    """The layers in order, those of nested models in the place of the model."""
    found: list[Any] = []
    for layer in model.layers:
        found += leaves(layer) if hasattr(layer, "layers") else [layer]
    return found


def watched_step(model: Any, x: Any, y: Any, weights: Any) -> dict[str, np.ndarray]:
    """What comes out of each layer, and the gradients of the loss."""
    layers, value = leaves(model), tf.constant(x)
    inputs, outputs = [], []
    with tf.GradientTape() as tape:
        tape.watch(value)
        for layer in layers:
            # a tensor of its own: a penalty on what came out of the layer before is not in its dx
            inputs.append(tf.identity(value))
            value = layer(inputs[-1], training=True)
            outputs.append(value)
        loss = model.compute_loss(x, tf.constant(y), value, weights, training=True)
    dx, dw = tape.gradient(loss, [inputs, [layer.trainable_variables for layer in layers]])
    arrays = {}
    for i in range(len(layers)):
        arrays[f"{i}/y"] = outputs[i].numpy()
        if dx[i] is not None:
            arrays[f"{i}/dx"] = dx[i].numpy()
        for j, gradient in enumerate(dw[i]):
            arrays[f"{i}/dw/{j}"] = tf.convert_to_tensor(gradient).numpy()
    return arrays


def main(folder: str) -> None:
    """Compute and write."""
    model = keras.models.load_model(os.path.join(folder, "model.keras"))
    with np.load(os.path.join(folder, "batches.npz")) as file:
        steps = sum(name.startswith("x") for name in file.files)
        batches = [(file[f"x{i}"], file[f"y{i}"], file.get(f"w{i}")) for i in range(steps)]
    first_weights = model.get_weights()
    arrays = watched_step(model, *batches[0])
    model.set_weights(first_weights)
    losses = []
    for batch in batches:
        model.reset_metrics()
        losses.append(model.train_on_batch(*batch, return_dict=True)["loss"])
    arrays["losses"] = np.array(losses)
    np.savez(os.path.join(folder, "keras.npz"), **arrays)  # type: ignore[arg-type]


if __name__ == "__main__":
    main(sys.argv[1])
