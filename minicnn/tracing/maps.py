"""Which pixels a class depends on: by the gradient, and by covering them up."""

from typing import TYPE_CHECKING

import numpy as np

from minicnn.engine.geometry import is_integer
from minicnn.tracing.run import one_sample, trace

if TYPE_CHECKING:
    from minicnn.models import Sequential


def saliency_map(model: "Sequential", image: object, score: int | None = None) -> np.ndarray:
    """How much the score of a class changes with each pixel. (H, W), not negative.

    The largest |d score / d pixel| over the channels. The score is the logit, in front of softmax:
    the probability of a sure model hardly changes with anything.

    Args:
        model: a built ``Sequential`` for images.
        image: (H, W, C), (1, H, W, C) or, when C is 1, (H, W).
        score: the class; by default the one with the highest score.

    Raises:
        ValueError: the image does not fit the model, or is none.

    Source: Simonyan, Vedaldi, Zisserman (2014), Deep Inside Convolutional Networks, section 3.
    """
    dimage = trace(model, image, score=score).dimage
    _require_image(dimage.shape)
    return np.abs(dimage).max(axis=-1)


def occlusion_map(
    model: "Sequential", image: object, label: int | None = None, size: int = 5, stride: int = 1,
    fill: float = 0.0,
) -> np.ndarray:  # fmt: skip
    """What the model says of a class while a square covers part of the image.

    Entry [i, j] is the output for the class when the square, ``size`` pixels wide, has its middle
    at pixel (i stride, j stride); it is cut off at the border of the image.

    Args:
        model: a built ``Sequential`` that ends in one number a class.
        image: (H, W, C), (1, H, W, C) or, when C is 1, (H, W).
        label: the class; by default the one with the highest output.
        size: side of the square, in pixels.
        stride: pixels from one place of the square to the next.
        fill: the value it covers the pixels with, in every channel.

    Returns:
        (ceil(H / stride), ceil(W / stride)): outputs of the class.

    Raises:
        ValueError: the image does not fit the model, there is no such class, or a size or stride
            that is no positive integer.

    Source: Zeiler, Fergus (2014), Visualizing and Understanding Convolutional Networks, section 4.
    """
    for name, value in (("size", size), ("stride", stride)):
        if not is_integer(value) or value < 1:
            raise ValueError(f"{name} of the occluding square must be a whole number of pixels, "
                             f"1 or more, got {value!r}")  # fmt: skip
    sample = one_sample(model, image)[0]  # (H, W, C)
    _require_image(sample.shape)
    label = chosen_class(model, sample, label)
    H, W, _ = sample.shape
    rows, columns = range(0, H, stride), range(0, W, stride)
    covered = np.repeat(sample[None], len(rows) * len(columns), axis=0)  # (places, H, W, C)
    places = ((i, j) for i in rows for j in columns)
    for picture, (i, j) in zip(covered, places, strict=True):
        top, left = i - size // 2, j - size // 2
        picture[max(top, 0) : top + size, max(left, 0) : left + size] = fill
    answers = model.predict(covered, verbose=0)  # (places, classes)
    return answers[:, label].reshape(len(rows), len(columns))


def chosen_class(model: "Sequential", sample: np.ndarray, label: int | None) -> int:
    """``label``, by default the class with the highest output for one image (H, W, C).

    Raises:
        ValueError: it is no class of the model.
    """
    if label is None:
        return int(model.predict(sample[None], verbose=0)[0].argmax())
    classes = model.output_shape[-1]
    assert classes is not None
    if not is_integer(label) or not 0 <= label < classes:
        raise ValueError(f"label must be a class from 0 to {classes - 1}, got {label!r}")
    return int(label)


def _require_image(shape: tuple[int, ...]) -> None:
    if len(shape) != 3:
        raise ValueError(
            f"a map over the pixels needs a model of images (height, width, channels), but this "
            f"one takes samples of shape {shape}"
        )
