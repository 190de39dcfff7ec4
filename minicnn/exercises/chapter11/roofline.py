"""Chapter 11: how fast a piece of work can be at best."""

from minicnn.exercises.attempt import Attempt
from minicnn.exercises.exercise import Exercise


def verify(mine: Attempt) -> None:
    """Left of the ridge, right of it, and on it."""
    for text, operations, moved, peak, bandwidth in (
        ("little work on many bytes: memory decides", 1e6, 8e6, 200e9, 20e9),
        ("much work on few bytes: arithmetic decides", 1e9, 4e6, 200e9, 20e9),
        ("on the ridge both say the same", 4e7, 4e6, 200e9, 20e9),
        ("another machine, another ridge", 4e7, 4e6, 1000e9, 20e9),
    ):
        slope = operations / moved * bandwidth
        slips = {
            "arithmetic alone is looked at, or the larger of the two bounds is taken": peak,
            "memory alone is looked at, or the larger of the two bounds is taken": slope,
            "the intensity is turned round (bytes by operations)": min(
                peak, moved / operations * bandwidth
            ),
            "both times are added, as if nothing ran at the same time": operations
            / (operations / peak + moved / bandwidth),
            "seconds are returned instead of operations a second": max(
                operations / peak, moved / bandwidth
            ),
        }
        arguments = {
            "operations": operations, "moved": moved, "peak": peak, "bandwidth": bandwidth,
        }  # fmt: skip
        mine.expect(text, arguments, min(peak, slope), slips=slips)


EXERCISE = Exercise(
    name="roofline",
    chapter=11,
    signature="my_roofline(operations, moved, peak, bandwidth)",
    task="The highest rate, in operations a second, at which work of so many operations on so many "
    "moved bytes can run; peak is in operations, bandwidth in bytes a second.",
    hints=(
        "If memory alone counted: the work takes moved / bandwidth seconds. At what rate is it "
        "done then?",
        "operations / moved is the intensity. Intensity times bandwidth is a rate.",
        "The lower of the two bounds holds: min(peak, ...)",
    ),
    verify=verify,
)
