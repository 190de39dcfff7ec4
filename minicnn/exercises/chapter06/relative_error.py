"""Chapter 6: how far apart two gradients are."""

import numpy as np

from minicnn.exercises.attempt import Attempt
from minicnn.exercises.exercise import Exercise


def verify(mine: Attempt) -> None:
    """Equal, small and large, of unlike signs, and nothing against nothing."""
    for text, analytic, numeric in (
        ("equal gradients are 0 apart", [1.0, -2.0], [1.0, -2.0]),
        ("the difference counts from the larger of the two", [2.0, 1.0], [1.0, 2.0]),
        ("size does not matter, the ratio does", [2e-9, 2e9], [1e-9, 1e9]),
        ("unlike signs are 2 apart", [3.0, -1e-3], [-3.0, 1e-3]),
        ("something against nothing is 1 apart", [5.0, 0.0], [0.0, -5.0]),
        ("nothing against nothing is 0 apart, not 0 / 0", [0.0, 1.0], [0.0, 1.0]),
    ):
        a, n = np.array(analytic), np.array(numeric)
        larger = np.maximum(np.abs(a), np.abs(n))
        with np.errstate(all="ignore"):
            slips = {
                "the difference is absolute, not relative": np.abs(a - n),
                "the sum stands below the line, not the larger": np.abs(a - n)
                / np.where(larger == 0, 1, np.abs(a) + np.abs(n)),
                "only the analytic gradient stands below the line": np.abs(a - n) / np.abs(a),
                "only the numeric gradient stands below the line": np.abs(a - n) / np.abs(n),
                "the sign of the difference is kept": (a - n) / np.where(larger == 0, 1, larger),
                "0 is divided by 0": np.abs(a - n) / larger,
            }
        mine.expect(
            text,
            {"analytic": a, "numeric": n},
            np.abs(a - n) / np.where(larger == 0, 1, larger),
            slips=slips,
        )


EXERCISE = Exercise(
    name="relative_error",
    chapter=6,
    signature="my_relative_error(analytic, numeric)",
    task="Entry by entry |analytic - numeric| / max(|analytic|, |numeric|); 0 where both are 0.",
    hints=(
        "np.maximum compares two arrays entry by entry; np.max would look for one number.",
        "Where both are 0 the difference is 0, too. Divide by 1 there: "
        "np.where(larger == 0, 1, larger).",
    ),
    verify=verify,
)
