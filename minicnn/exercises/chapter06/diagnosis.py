"""Chapter 6: four broken layers."""

import difflib

from minicnn.exercises.attempt import Attempt
from minicnn.exercises.broken_layers import ANSWERS
from minicnn.exercises.exercise import Exercise
from minicnn.gradcheck import CAUSES

#: a nudge for each patient, shown when the answer is wrong
_LOOK = {
    "Patient1": "look at the ratio of what backward says and what the slope is",
    "Patient2": "the gradient of which array is wrong, and by which factor at a batch of 2, 3, 5?",
    "Patient3": "at which entries is it wrong? Compare the signs of x and of dy there",
    "Patient4": "the error is no factor: it grows with x. Which rule has two terms?",
}


def verify(mine: Attempt) -> None:
    """The answers one by one."""
    text = "it returns a dictionary with an answer for each patient"
    got = mine.call(text, {})
    mine.require(
        text,
        isinstance(got, dict) and set(got) == set(ANSWERS),
        f"expected the keys {', '.join(ANSWERS)}, got "
        + (f"{', '.join(map(str, got))}" if isinstance(got, dict) else type(got).__name__),
    )
    for patient, cause in ANSWERS.items():
        said = got[patient]
        near = difflib.get_close_matches(str(said), CAUSES, n=1)
        guess = f"; did you mean {near[0]!r}?" if near else ""
        mine.require(
            "each answer is the name of a cause",
            said in CAUSES,
            f"{patient}: {said!r} is none of minicnn.gradcheck.CAUSES{guess}",
        )
        mine.require(
            f"{patient} is diagnosed",
            said == cause,
            f"{patient} does not suffer from {said!r}: {_LOOK[patient]}",
        )


EXERCISE = Exercise(
    name="diagnosis",
    chapter=6,
    signature="my_diagnosis()",
    task="What each of the four broken layers suffers from: {'Patient1': 'name of a cause', ...}.",
    hints=(
        "print(minicnn.check_gradients(Patient1, (3, 4, 5, 2))) is a page; report.cause is a name, "
        "report.plot() a map of the errors.",
        "CAUSES of minicnn.gradcheck lists the names with one line each. Then read the layer's "
        "backward with show_source(broken_layers, 'Patient1') and check that you agree.",
    ),
    verify=verify,
)
