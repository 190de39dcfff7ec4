"""The few TensorFlow functions beside ``tf.keras`` that Keras programs call."""

from typing import NamedTuple

from minicnn import utils


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
    utils.set_random_seed(seed)
