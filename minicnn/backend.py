"""``keras.backend``: the settings and the clean-up that older programs look up there."""

from minicnn import registry
from minicnn.config import backend, epsilon, floatx, image_data_format, set_floatx

__all__ = [
    "backend", "clear_session", "epsilon", "floatx", "image_data_format", "set_floatx",
    "set_image_data_format",
]  # fmt: skip


def clear_session() -> None:
    """Start the automatic layer names from zero again: the next convolution is ``conv2d``.

    A model holds its own state, so nothing else is kept between two models.
    """
    registry.reset_names()


def set_image_data_format(data_format: str) -> None:
    """Accept "channels_last", which is what minicnn computes in.

    Raises:
        ValueError: any other format.
    """
    if data_format != "channels_last":
        raise ValueError(
            f"minicnn computes in 'channels_last' (batch, height, width, channels), got "
            f"{data_format!r}; turn (N, C, H, W) images with  x.transpose(0, 2, 3, 1)"
        )
