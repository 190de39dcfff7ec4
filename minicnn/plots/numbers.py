"""Numbers as short texts, all of an array with the same decimals, for cells."""

from typing import Any

import numpy as np


class Numbers:
    """Writes the numbers of some arrays: ``Numbers(x)(value)`` is a text.

    Whole numbers stay whole; others get one decimal if that is all they have, else two, and fewer
    when they are large. An exact zero is "0", so that "0.00" is something small.

    Attributes:
        longest: characters of the longest text among the arrays' numbers.
    """

    def __init__(self, *arrays: Any) -> None:
        values = np.concatenate([np.asarray(a, "float64").ravel() for a in arrays])
        finite = values[np.isfinite(values)]
        largest = float(np.abs(finite).max(initial=0.0))
        exact = [d for d in (0, 1, 2) if np.allclose(finite.round(d), finite, rtol=0, atol=1e-6)]
        room = 0 if largest >= 1000 else 1 if largest >= 100 else 2
        self._decimals = min([*exact, room])
        self.longest = max((len(self(v)) for v in values), default=1)

    def __call__(self, value: float) -> str:
        """``value`` as a text, with a true minus sign."""
        if np.isinf(value):
            return "−∞" if value < 0 else "∞"
        if value == 0:
            return "0"
        text = f"{value:.{self._decimals}f}"
        if float(text) == 0:
            text = text.removeprefix("-")
        return text.replace("-", "−")

    def plus(self, value: float) -> str:
        """``value`` as something that is added: "+2" or "−2"."""
        text = self(value)
        return text if text.startswith("−") else f"+{text}"
