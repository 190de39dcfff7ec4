"""Which Keras or TensorFlow name stands for what in minicnn.

Keys are dotted names below ``keras``; everything here is reachable below ``tensorflow.keras`` too,
and the objects are minicnn's own: ``tf.keras.layers.Conv2D is minicnn.layers.Conv2D``. At the end
stand the few TensorFlow functions that programs call beside ``tf.keras``.
"""

from typing import NamedTuple

_SAME_NAME = (
    "activations", "backend", "callbacks", "config", "constraints", "datasets", "datasets.cifar10",
    "datasets.fashion_mnist", "datasets.mnist", "initializers", "layers", "losses", "metrics",
    "models", "optimizers", "optimizers.schedules", "regularizers", "saving", "utils",
)  # fmt: skip

#: paths of Keras 1 and 2, gone in Keras 3 but alive in tutorials
_OLD_LAYERS = ("advanced_activations", "convolutional", "core", "normalization", "pooling")

#: module below ``keras`` -> the minicnn module whose public names it shows
MODULES = {
    **{name: f"minicnn.{name}" for name in _SAME_NAME},
    **{f"layers.{old}": "minicnn.layers" for old in _OLD_LAYERS},
    "utils.np_utils": "minicnn.utils",
}

#: names directly below ``keras`` -> the minicnn module that has them
TOP_LEVEL = {
    **dict.fromkeys(("Input", "InputLayer", "Layer"), "minicnn.layers"),
    "Initializer": "minicnn.initializers",
    "Loss": "minicnn.losses",
    "Metric": "minicnn.metrics",
    "Optimizer": "minicnn.optimizers",
    "Regularizer": "minicnn.regularizers",
    "Sequential": "minicnn.models",
}

#: modules below ``tensorflow`` beside ``keras`` -> {name: the minicnn module that has it}
TENSORFLOW = {
    "config": {"list_physical_devices": __name__},
    "random": {"set_seed": __name__},
}

#: the releases whose behaviour is mirrored; programs compare these numbers
KERAS_VERSION = "3.15.1"
TENSORFLOW_VERSION = "2.21.0"

#: names that a program may well ask for and that have no near relative here
WHY_NOT = {
    "Model": "minicnn has Keras's Sequential API and no functional one; use Sequential([...])",
    "GradientTape": "minicnn has no automatic differentiation; layers carry their own backward",
}


class PhysicalDevice(NamedTuple):
    """A device as ``tf.config.list_physical_devices`` describes it."""

    name: str
    device_type: str


def list_physical_devices(device_type: str | None = None) -> list[PhysicalDevice]:
    """The processor; never a GPU, which minicnn uses through its own ``cupy`` backend."""
    devices = [PhysicalDevice("/physical_device:CPU:0", "CPU")]
    return [d for d in devices if device_type in (None, d.device_type)]


def set_seed(seed: int) -> None:
    """Seed everything that is drawn at random (``keras.utils.set_random_seed``)."""
    from minicnn import utils  # not before it is needed: it loads what saves models

    utils.set_random_seed(seed)
