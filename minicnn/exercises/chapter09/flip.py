"""Chapter 9: mirror some of the images."""

import numpy as np

from minicnn.exercises.attempt import Attempt
from minicnn.exercises.exercise import Exercise


def verify(mine: Attempt) -> None:
    """No image, one, some."""
    for text, shape, coins in (
        ("an image whose coin is True is mirrored left to right", (1, 3, 4, 2), (True,)),
        ("an image whose coin is False stays as it is", (2, 3, 4, 1), (True, False)),
        ("its channels stay in their order", (1, 2, 3, 3), (True,)),
        ("every image has a coin of its own", (4, 2, 3, 3), (False, True, True, False)),
    ):
        x = np.arange(float(np.prod(shape))).reshape(shape)  # (N, H, W, C)
        chosen = np.array(coins)
        want = np.where(chosen[:, None, None, None], x[:, :, ::-1], x)
        slips = {
            "the images are turned upside down": np.where(
                chosen[:, None, None, None], x[:, ::-1], x
            ),
            "the channels are reversed": np.where(chosen[:, None, None, None], x[:, :, :, ::-1], x),
            "every image is mirrored": x[:, :, ::-1],
            "the other images are mirrored": np.where(
                chosen[:, None, None, None], x, x[:, :, ::-1]
            ),
            "rows and channels are reversed as well": np.where(
                chosen[:, None, None, None], x[:, ::-1, ::-1], x
            ),
        }
        mine.expect(text, {"x": x, "coins": chosen}, want, axes=("n", "h", "w", "c"), slips=slips)


EXERCISE = Exercise(
    name="flip",
    chapter=9,
    signature="my_flip(x, coins)",
    task="Mirror left to right the images of x (N, H, W, C) whose coin (N,) is True.",
    hints=(
        "Work on y = x.copy(): the caller's images must stay. The width is axis 2 of x.",
        "y[coins] are the images to mirror, as an array (k, H, W, C). A slice with step -1 runs "
        "backwards: a[::-1].",
        "y[coins] = x[coins][:, :, ::-1]",
    ),
    verify=verify,
)
