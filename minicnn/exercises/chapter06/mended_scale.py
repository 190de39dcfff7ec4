"""Chapter 6: mend a broken backward."""

import numpy as np

from minicnn.exercises.attempt import Attempt
from minicnn.exercises.exercise import Exercise

NAMES = ("dx", "dgain")
AXES = (("n", "h", "w", "c"), ("c",))


def verify(mine: Attempt) -> None:
    """y = x gain, with one gain a channel."""
    for text, shape in (
        ("one pixel", (1, 1, 1, 3)),
        ("many positions: dgain is a sum over them", (1, 3, 2, 3)),
        ("many images: it is a sum over them, too", (4, 3, 2, 3)),
        ("as many columns as channels: the right axes are summed", (2, 3, 3, 3)),
    ):
        random = np.random.default_rng(9)
        x, dy = (random.integers(-4, 5, shape).astype(float) for _ in range(2))
        gain = np.array([2.0, -1, 3])
        dx, dgain = dy * gain, (dy * x).sum(axis=(0, 1, 2))
        mine.expect(
            text,
            {"x": x, "gain": gain, "dy": dy},
            (dx, dgain),
            axes=AXES,
            names=NAMES,
            slips={
                "dgain is a mean, not a sum": (dx, (dy * x).mean(axis=(0, 1, 2))),
                "dgain is divided by the batch": (dx, dgain / shape[0]),
                "the gain is forgotten on the way to dx": (dy, dgain),
                "dx is x gain, without dy": (x * gain, dgain),
                "dgain is the sum of dy alone": (dx, dy.sum(axis=(0, 1, 2))),
                "the gain is multiplied into dgain": (dx, gain * dgain),
                "the columns are left standing, the channels summed": (
                    dx, (dy * x).sum(axis=(0, 1, 3)),
                ),
            },
        )  # fmt: skip


EXERCISE = Exercise(
    name="mended_scale",
    chapter=6,
    signature="my_mended_scale(x, gain, dy)",
    task="The gradients (dx, dgain) of y = x gain, x (N, H, W, C), one gain a channel (C,).",
    hints=(
        "gain[c] has a part in every image and at every position of its channel: N H W places, and "
        "what they say adds up.",
        "dx = dy * gain. For dgain multiply dy and x, then sum over all axes but the channels'.",
    ),
    verify=verify,
)
