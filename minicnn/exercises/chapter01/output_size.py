"""Chapter 1: how many windows fit."""

from minicnn.exercises.attempt import Attempt
from minicnn.exercises.exercise import Exercise


def verify(mine: Attempt) -> None:
    """Sizes that can be counted on the fingers."""
    for text, size, window, stride, before, after in (
        ("a window as wide as the image fits once", 4, 4, 1, 0, 0),
        ("with stride 1 there are size - window + 1 of them", 7, 3, 1, 0, 0),
        ("padding counts on both sides", 5, 3, 1, 1, 1),
        ("padding may differ before and after", 5, 2, 1, 0, 3),
        ("with stride 2 every second one is left", 7, 3, 2, 0, 0),
        ("a remainder that no window reaches is dropped", 8, 3, 2, 0, 0),
        ("all at once", 28, 5, 3, 2, 1),
    ):
        mine.expect(
            text,
            {"size": size, "window": window, "stride": stride, "before": before, "after": after},
            (size + before + after - window) // stride + 1,
            slips={
                "the + 1 is missing": (size + before + after - window) // stride,
                "it is rounded up": -(-(size + before + after - window) // stride) + 1,
                "the stride is left out": size + before + after - window + 1,
                "the padding is left out": (size - window) // stride + 1,
                "only the padding before counts": (size + before - window) // stride + 1,
                "the padding before is counted twice": (size + 2 * before - window) // stride + 1,
            },
        )


EXERCISE = Exercise(
    name="output_size",
    chapter=1,
    signature="my_output_size(size, window, stride, before, after)",
    task="How many windows fit side by side along one axis.",
    hints=(
        "Begin without padding: put the window at the left edge. How many steps can it take?",
        "The last window has to begin at size - window or before. The number of positions is the "
        "number of steps + 1.",
        "Padding makes the axis longer: size + before + after. Steps of length stride into what is "
        "left: a whole-number division, //.",
    ),
    verify=verify,
)
