"""Chapter 11: what a faster part gains for the whole."""

from minicnn.exercises.attempt import Attempt
from minicnn.exercises.exercise import Exercise


def verify(mine: Attempt) -> None:
    """All of it, none of it, and the parts in between."""
    for text, share, factor in (
        ("all of the time, twice as fast", 1.0, 2.0),
        ("none of the time: nothing is gained", 0.0, 10.0),
        ("half of the time, twice as fast: 4/3", 0.5, 2.0),
        ("nine tenths, a thousand times as fast: not even 10", 0.9, 1000.0),
        ("a part may become slower, too", 0.25, 0.5),
    ):
        rest = 1 - share
        slips = {
            "the new time is returned instead of the gain": rest + share / factor,
            "the rest is left out": factor,
            "shares and gains are added": rest + share * factor,
            "share and rest are exchanged": 1 / (share + rest / factor),
        }
        mine.expect(
            text, {"share": share, "factor": factor}, 1 / (rest + share / factor), slips=slips
        )


EXERCISE = Exercise(
    name="speedup",
    chapter=11,
    signature="my_speedup(share, factor)",
    task="How many times as fast a program becomes when the part that takes this share of its time "
    "(0 to 1) runs factor times as fast.",
    hints=(
        "Let the program take 1 second. How long does the part take, before and after? And the "
        "rest?",
        "The new time is (1 - share) + share / factor.",
        "The gain is the old time divided by the new one.",
    ),
    verify=verify,
)
