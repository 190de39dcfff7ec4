"""The two sides beside each other: the largest difference of each array, and what is too much."""

from dataclasses import dataclass

import numpy as np

from minicnn.compare.keras_side import leaves
from minicnn.compare.minicnn_side import Arrays
from minicnn.models import Sequential

#: largest difference that rounding may make, as a share of the array's largest entry; and of a
#: loss, as a share of it
TOLERANCE, LOSS_TOLERANCE = 1e-4, 1e-3
#: Where the input of a ReLU is zero but for rounding, or two entries of a pooling window are equal
#: but for rounding, the gradient may go either way and both sides are right. This share of a dx
#: may therefore differ more, and the dw of that layer and of those in front of it by more.
SWITCHED, DW_TOLERANCE_IF_SWITCHED = 1e-2, 1e-2


@dataclass
class Difference:
    """Between one array of minicnn and Keras's.

    Attributes:
        largest: max |a - b|.
        relative: that as a share of max |b|.
        beyond: share of the entries that differ by more than the tolerance allows.
    """

    largest: float
    relative: float
    beyond: float

    @classmethod
    def of(cls, a: np.ndarray, b: np.ndarray, floor: float = 0.0) -> "Difference":
        """Of two arrays; those of different shapes differ in every entry.

        ``floor`` stands in for max |b| where that is smaller.
        """
        if a.shape != b.shape:
            return cls(np.inf, np.inf, 1.0)
        apart = np.abs(a.astype(np.float64) - b)
        scale = max(float(np.abs(b).max()), floor) or 1.0
        beyond = ~(apart <= TOLERANCE * scale)  # NaN is beyond
        return cls(float(apart.max()), float(apart.max()) / scale, float(beyond.mean()))


@dataclass
class Row:
    """A layer: its name, the differences of y, dx and (the worst of them) dw, and the verdict."""

    layer: str
    y: Difference | None
    dx: Difference | None
    dw: Difference | None
    verdict: str = ""

    def judge(self, switched_behind: bool) -> bool:
        """Set the verdict; return whether a gradient was switched here or behind this layer."""
        switched = switched_behind or (self.dx is not None and 0 < self.dx.beyond <= SWITCHED)
        dw_tolerance = DW_TOLERANCE_IF_SWITCHED if switched else TOLERANCE
        agrees = (
            (self.y is None or self.y.relative <= TOLERANCE)  # False for NaN
            and (self.dx is None or self.dx.beyond <= SWITCHED)
            and (self.dw is None or self.dw.relative <= dw_tolerance)
        )
        if not agrees:
            self.verdict = "differs"
        elif self.dx is not None and self.dx.beyond:
            self.verdict = "ties"
        return switched


class Report:
    """Compares what the two sides computed.

    Attributes:
        rows: one a layer.
        losses: (minicnn, Keras) of each step.
    """

    def __init__(self, model: Sequential, ours: Arrays, theirs: Arrays) -> None:
        self.rows = []
        # the gradient of a bias in front of a batch normalisation is zero but for rounding
        floor = 1e-3 * max(
            (float(np.abs(theirs[k]).max()) for k in theirs if "/dw/" in k), default=0
        )
        for i, layer in enumerate(leaves(model)):
            weights = [k for k in theirs if k.startswith(f"{i}/dw/")]
            dws = [Difference.of(ours[k], theirs[k], floor) for k in weights]
            y, dx = (
                Difference.of(ours[k], theirs[k]) if k in ours and k in theirs else None
                for k in (f"{i}/y", f"{i}/dx")
            )
            worst = max(dws, key=lambda d: d.relative, default=None)
            self.rows.append(Row(layer.name, y, dx, worst))
        switched = False
        for row in reversed(self.rows):
            switched = row.judge(switched)
        self.losses = list(zip(ours["losses"].tolist(), theirs["losses"].tolist(), strict=True))

    def agree(self) -> bool:
        """Whether rounding explains every difference of layers and losses."""
        return all(row.verdict != "differs" for row in self.rows) and all(map(_near, self.losses))

    def print(self) -> None:
        """Two tables and a verdict, to standard output."""
        from rich.console import Console
        from rich.table import Table

        screen = Console()
        if not screen.is_terminal:
            screen = Console(width=100)
        layers = Table(title="First step: largest difference (as a share of the largest entry)")
        layers.add_column("Layer", no_wrap=True)
        for title in ("output y", "gradient dx", "gradient dw"):
            layers.add_column(title, justify="right")
        layers.add_column("")
        for row in self.rows:
            cells = [_cell(d) for d in (row.y, row.dx, row.dw)]
            layers.add_row(row.layer, *cells, row.verdict)
        steps = Table("Step", title="Loss of each step")
        for title in ("minicnn", "Keras", "difference"):
            steps.add_column(title, justify="right")
        steps.add_column("")
        for step, pair in enumerate(self.losses, 1):
            ours, theirs = pair
            steps.add_row(
                str(step), f"{ours:.7f}", f"{theirs:.7f}", f"{abs(ours - theirs):.1e}",
                "" if _near(pair) else "differs",
            )  # fmt: skip
        screen.print(layers, steps, sep="\n")
        if any(row.verdict == "ties" for row in self.rows):
            screen.print(
                "ties: two numbers that are equal but for rounding let a pooling window or a ReLU "
                "send a few gradients another way; both are right."
            )
        screen.print(
            "minicnn and Keras agree within the rounding of float32."
            if self.agree()
            else "minicnn and Keras differ by more than rounding explains. Look at the first layer "
            "whose y differs; if none does, at the last whose dx or dw does."
        )


def _cell(difference: Difference | None) -> str:
    if difference is None:
        return "–"
    return f"{difference.largest:.1e} ({difference.relative:.0e})"


def _near(pair: tuple[float, float]) -> bool:
    ours, theirs = pair
    return bool(abs(ours - theirs) <= LOSS_TOLERANCE * max(abs(theirs), 1e-3))
