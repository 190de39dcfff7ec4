"""What a check found out, for a person, a test, a picture and a program."""

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from minicnn.gradcheck.targets import Array

if TYPE_CHECKING:
    from minicnn.drawing.style import Picture


@dataclass
class Finding:
    """A possible cause.

    Attributes:
        cause: its name in :data:`minicnn.gradcheck.CAUSES`.
        evidence: one sentence: what in the numbers says so.
        array: the array it was seen in; empty when it concerns the whole.
        weight: how specific the evidence is; larger comes first.
    """

    cause: str
    evidence: str
    array: str = ""
    weight: float = 0.0


@dataclass
class ArrayReport:
    """The gradient with respect to one array.

    Attributes:
        name, shape, axes: which array.
        ok: whether every checked entry agrees.
        checked: how many entries were compared one by one, of ``size``.
        wrong: how many of those disagree.
        beyond: how many of the wrong ones are larger than the slopes of all outputs together.
        kinks: entries whose slope jumps; the gradient has to lie between left and right slope.
        index: the worst entry; ``analytic`` and ``numeric`` are its values.
        relative_error: |analytic - numeric| / max(|analytic|, |numeric|).
        findings: the causes in order of likelihood.
        lines: the source lines that own this gradient.
        analytic_map, numeric_map: the compared values in the array's shape, NaN where not measured.
    """

    name: str
    shape: tuple[int, ...]
    axes: tuple[str, ...]
    ok: bool = True
    size: int = 0
    checked: int = 0
    wrong: int = 0
    beyond: int = 0
    kinks: int = 0
    index: tuple[int, ...] | None = None
    analytic: float | None = None
    numeric: float | None = None
    absolute_error: float = 0.0
    relative_error: float = 0.0
    findings: list[Finding] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    problem: str = ""
    analytic_map: Array | None = None
    numeric_map: Array | None = None

    @property
    def ratio(self) -> float | None:
        """analytic / numeric at the worst entry."""
        if self.analytic is None or not self.numeric:
            return None
        return self.analytic / self.numeric

    @property
    def share(self) -> float:
        """Share of the compared entries that are wrong."""
        return self.wrong / self.checked if self.checked else float(not self.ok)

    @property
    def place(self) -> str:
        """ "height 3, width 0" of the worst entry."""
        if self.index is None:
            return ""
        return ", ".join(f"{a} {i}" for a, i in zip(self.axes, self.index, strict=True))


@dataclass
class Report:
    """Result of :func:`minicnn.check_gradients`.

    Attributes:
        ok: no error was found.
        cause: name of the likeliest cause (a key of ``CAUSES``); None when all is well or nothing
            known explains the numbers.
        explanation: one sentence.
        target: what was checked.
        arrays: one :class:`ArrayReport` for each array.
        findings: all causes in order of likelihood.
        notes: what was cast or made up, where kinks were met.
        seconds: how long the check took.
    """

    ok: bool
    target: str
    cause: str | None = None
    explanation: str = ""
    arrays: list[ArrayReport] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def __bool__(self) -> bool:
        return self.ok

    def __getitem__(self, name: str) -> ArrayReport:
        for array in self.arrays:
            if array.name == name:
                return array
        raise KeyError(f"no array {name!r}; there are {', '.join(a.name for a in self.arrays)}")

    def raise_if_failed(self) -> "Report":
        """Return the report itself when all is well.

        Raises:
            AssertionError: a gradient is wrong; the message is the printed report.
        """
        if not self.ok:
            raise AssertionError("\n" + str(self))
        return self

    def plot(self) -> "Picture":
        """A Matplotlib figure with a map of the errors of every array, the worst entry marked."""
        from minicnn.gradcheck.plotting import error_maps

        return error_maps(self)

    def to_json(self, indent: int | None = 2) -> str:
        """The report as JSON: everything but the maps. Numbers that are not finite become null."""
        arrays = [
            {
                "name": a.name, "shape": list(a.shape), "axes": list(a.axes), "ok": a.ok,
                "size": a.size, "checked": a.checked, "wrong": a.wrong, "wrong_share": a.share,
                "kinks": a.kinks, "worst_index": None if a.index is None else list(a.index),
                "analytic": _number(a.analytic), "numeric": _number(a.numeric),
                "ratio": _number(a.ratio), "absolute_error": _number(a.absolute_error),
                "relative_error": _number(a.relative_error), "problem": a.problem,
                "causes": _told(a.findings), "lines": a.lines,
            }
            for a in self.arrays
        ]  # fmt: skip
        whole = {
            "target": self.target, "ok": self.ok, "cause": self.cause,
            "explanation": self.explanation, "causes": _told(self.findings), "arrays": arrays,
            "notes": self.notes, "seconds": round(self.seconds, 3),
        }  # fmt: skip
        return json.dumps(whole, indent=indent)

    def __repr__(self) -> str:
        return f"<Report of {self.target}: ok={self.ok}, cause={self.cause}>"

    def __str__(self) -> str:
        lines = [f"Gradient check of {self.target}: {'passed' if self.ok else 'FAILED'}"]
        if not self.ok:
            lines += ["", f"  Likeliest cause: {self.cause or 'no known cause'}"]
            lines.append(f"  {self.explanation}")
        lines += ["", *_table(self.arrays)]
        for a in self.arrays:
            if not a.ok:
                lines += ["", *_details(a)]
        alternatives = [f for f in self.findings if f.cause != self.cause]
        if alternatives and not self.ok:
            lines += ["", "  Also possible:"]
            lines += [f"    {f.cause}: {f.evidence}" for f in alternatives[:3]]
        if self.notes:
            lines += ["", *(f"  Note: {n}" for n in self.notes)]
        return "\n".join(lines)


def _table(arrays: list[ArrayReport]) -> list[str]:
    rows = [("gradient of", "shape", "verdict", "worst relative error", "entries compared")]
    for a in arrays:
        kinks = f", {a.kinks} at a kink" if a.kinks else ""
        error = "-" if a.problem and a.index is None else f"{a.relative_error:.1e}"
        compared = f"{a.checked} of {a.size}{kinks}"
        rows.append((a.name, str(a.shape), "right" if a.ok else "WRONG", error, compared))
    widths = [max(len(r[i]) for r in rows) for i in range(5)]
    padded = ([c.ljust(w) for c, w in zip(r, widths, strict=True)] for r in rows)
    return ["  " + "  ".join(r).rstrip() for r in padded]


def _details(a: ArrayReport) -> list[str]:
    lines = [f"  Gradient of {a.name}"]
    if a.problem:
        lines.append(f"    {a.problem}")
    if a.index is not None and a.analytic is not None and a.numeric is not None:
        ratio = "" if a.ratio is None else f", ratio {a.ratio:.6g}"
        lines += [
            f"    worst at [{', '.join(map(str, a.index))}] ({a.place})",
            f"    backward says {a.analytic:.8g}, the slope of forward is {a.numeric:.8g}{ratio}",
            f"    absolute error {a.absolute_error:.2e}, relative error {a.relative_error:.2e}; "
            f"wrong in {a.wrong} of {a.checked} entries compared ({a.share:.0%})",
        ]
    first = {f.cause: f for f in reversed(a.findings)}
    ranked = sorted(first.values(), key=lambda f: -f.weight)
    lines += [f"    {f.cause}: {f.evidence}" for f in ranked[:3]]
    if a.lines:
        lines += ["    look at", *(f"      {line}" for line in a.lines[:6])]
    return lines


def _number(value: float | None) -> float | None:
    return None if value is None or not np.isfinite(value) else float(value)


def _told(findings: list[Finding]) -> list[dict[str, str]]:
    return [{"cause": f.cause, "evidence": f.evidence, "array": f.array} for f in findings]
