"""Chapter 10: how much of the image one number sees."""

from collections.abc import Sequence

from minicnn.exercises.attempt import Attempt
from minicnn.exercises.exercise import Exercise


def right(steps: Sequence[tuple[int, int]]) -> int:
    """Each window adds (window - 1) times the product of the strides in front of it."""
    field, jump = 1, 1
    for window, stride in steps:
        field += (window - 1) * jump
        jump *= stride
    return field


def verify(mine: Attempt) -> None:
    """Convolutions, then pools, then both, with strides that are not the window."""
    for text, steps in (
        ("nothing at all: a pixel sees itself", []),
        ("one convolution sees its window", [(3, 1)]),
        ("two in a row: 3 and 3 make 5, not 6", [(3, 1), (3, 1)]),
        ("one pool sees its window", [(2, 2)]),
        ("behind a stride of 2, one step is two pixels", [(2, 2), (3, 1)]),
        ("strides multiply", [(3, 2), (3, 2), (3, 2)]),
        ("a stride counts for the layers behind it, not for its own", [(5, 1), (2, 2)]),
        ("the network of this chapter", [(5, 1), (2, 2), (5, 1), (2, 2)]),
    ):
        windows = [w for w, _ in steps]
        own, jump = 1, 1
        for window, stride in steps:
            jump *= stride
            own += (window - 1) * jump
        last = steps[-1][1] if steps else 1
        slips = {
            "the windows are added up": sum(windows),
            "the strides are left out": 1 + sum(w - 1 for w in windows),
            "a layer's own stride is counted for its own window": own,
            "the last stride is taken for all": 1 + sum((w - 1) * last for w in windows),
        }
        mine.expect(text, {"steps": steps}, right(steps), slips=slips, rtol=0)


EXERCISE = Exercise(
    name="receptive_field",
    chapter=10,
    signature="my_receptive_field(steps)",
    task="How many pixels (along one axis) one number behind these layers depends on. steps holds "
    "(window, stride) of each convolution or pool, the first layer first.",
    hints=(
        "Keep two numbers while you walk through the layers: the size of the field, and how many "
        "pixels apart two neighbouring numbers of the current layer are. Both begin at 1.",
        "A window of 3 takes in two more neighbours. They lie as far apart as that second number "
        "says.",
        "field += (window - 1) * apart, then apart *= stride",
    ),
    verify=verify,
)
