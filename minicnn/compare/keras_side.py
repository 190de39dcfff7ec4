"""Keras's side, in a process of its own, which may be another Python's.

:func:`run_keras` starts this very file there, ``python keras_side.py FOLDER``. As a script it reads
FOLDER/model.keras and FOLDER/batches.npz and writes FOLDER/keras.npz, whose names are explained in
``minicnn.compare.minicnn_side``. It needs Keras and TensorFlow; not minicnn.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from minicnn.compare.minicnn_side import Arrays, Training

_FIND = "import importlib.util as u; print(*(n for n in {names} if u.find_spec(n) is None))"
_NEEDED = ["keras", "tensorflow", "h5py"]


def check_keras(python: str) -> None:
    """Look for Keras before anything long begins.

    Raises:
        ImportError: the Python at the path ``python`` lacks what is needed; it says what to do.
        OSError: there is no such Python.
    """
    found = subprocess.run(
        [python, "-c", _FIND.format(names=_NEEDED)], capture_output=True, text=True, check=False
    )
    if found.returncode:
        raise OSError(f"{python!r} is not a working Python: {found.stderr.strip()[-300:]}")
    if missing := found.stdout.split():
        raise ImportError(
            f"this compares with the real Keras, but {python} has no {' and no '.join(missing)}. "
            f"Install it there:  {python} -m pip install keras tensorflow-cpu   (or tensorflow), "
            "or name a Python that has it with --keras-python PATH"
        )


def run_keras(training: "Training", python: str) -> "Arrays":
    """The same arrays as ``minicnn_side.record``, from Keras.

    Raises:
        RuntimeError: Keras failed; the end of its report is in the message.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        training.fresh().save(folder / "model.keras")
        batches: dict[str, np.ndarray] = {}
        for i, (x, y, weights) in enumerate(training.batches):
            batches |= {f"x{i}": x, f"y{i}": y}
            if weights is not None:
                batches[f"w{i}"] = weights
        np.savez(folder / "batches.npz", **batches)  # type: ignore[arg-type]
        done = subprocess.run([python, __file__, name], capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"Keras failed:\n{done.stderr.strip()[-2000:]}")
        with np.load(folder / "keras.npz") as file:
            return dict(file)


def leaves(model: Any) -> list[Any]:
    """The layers in order, those of nested models in the place of the model."""
    found: list[Any] = []
    for layer in model.layers:
        found += leaves(layer) if hasattr(layer, "layers") else [layer]
    return found


def watched_step(
    model: Any, x: np.ndarray, y: np.ndarray, weights: "np.ndarray | None"
) -> dict[str, np.ndarray]:
    """What comes out of each layer, and the gradients of the loss."""
    import tensorflow as tf

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
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras

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
