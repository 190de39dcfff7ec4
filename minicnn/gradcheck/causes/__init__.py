"""From wrong numbers to the likeliest mistake.

``CAUSES`` is the list of the names; each hypothesis is a function of the tables J and B (see
``evidence.py``) and one array's name that yields findings only when its prediction holds exactly.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator

import numpy as np

from minicnn.gradcheck.causes import (
    elementwise,
    fits,
    maps,
    masks,
    moved_point,
    paths,
    scalars,
    sums,
)
from minicnn.gradcheck.causes.evidence import Tables, gather
from minicnn.gradcheck.causes.table import CAUSES
from minicnn.gradcheck.errors import GradientCheckError
from minicnn.gradcheck.judge import Settings
from minicnn.gradcheck.protocol import Conduct
from minicnn.gradcheck.report import Finding, Report
from minicnn.gradcheck.targets import Target

__all__ = ["CAUSES", "diagnose", "explain"]

Hypothesis = Callable[[Tables, str], Iterator[Finding]]

HYPOTHESES: tuple[Hypothesis, ...] = (
    scalars.untouched, scalars.multiple, sums.wrong_shape, sums.same_shape,
    masks.not_linear, masks.rows, masks.columns, masks.contributions,
    elementwise.masked, elementwise.smooth, elementwise.missing_path,
    fits.groups, fits.after_softmax,
    maps.rearranged, maps.shifted, maps.displaced, maps.stride_of_weights, maps.pool_winner,
    paths.scaled_rows, paths.other_array, paths.path_through, moved_point.other_values,
)  # fmt: skip
#: these measure further tables, and are asked only when the others have no answer
COSTLY: tuple[Hypothesis, ...] = (paths.left_out,)


def diagnose(
    target: Target, conduct: Conduct, report: Report, settings: Settings, ties: str
) -> None:
    """Fill in the causes of a failed report, the likeliest first."""
    wrong = [a.name for a in report.arrays if not a.ok]
    found: list[Finding] = []
    if ties:
        found.append(Finding("pool_ties", ties, wrong[0], 90))
    elif wrong:
        found += _from_tables(target, wrong, settings)
    found += _weighed(conduct.findings, bool(wrong and not ties), found)
    found.sort(key=lambda f: -f.weight)
    for array in report.arrays:
        array.findings = [f for f in found if f.array == array.name]
        if array.findings and array.ok:
            array.ok = False
            array.problem = array.problem or array.findings[0].evidence
            array.lines = target.source(array.name)
    report.findings = _distinct(found)
    if report.findings:
        first = report.findings[0]
        report.cause = first.cause
        report.explanation = explain(first)
    else:
        names = " and ".join(wrong)
        report.explanation = (
            f"The gradient of {names} is wrong, and no known mistake explains the numbers; the map "
            "of the errors (report.plot()) and the worst entry may say more."
        )


def explain(finding: Finding) -> str:
    """The sentence of a report whose cause this is."""
    meaning = CAUSES[finding.cause]
    return f"{meaning[0].upper()}{meaning[1:]}: {finding.evidence}."


def _from_tables(target: Target, wrong: list[str], settings: Settings) -> list[Finding]:
    tables = gather(target, wrong, settings.seed)
    if tables is None:
        return []
    found = []
    with np.errstate(all="ignore"):
        for name in tables.wrong():
            if name in wrong:
                best = [f for h in HYPOTHESES for f in _ask(h, tables, name)]
                best = best or [f for h in COSTLY for f in _ask(h, tables, name)]
                found += sorted(best, key=lambda f: -f.weight)
    return _shared(found)


def _ask(hypothesis: Hypothesis, tables: Tables, name: str) -> list[Finding]:
    """What a hypothesis finds: nothing when the layer refuses the input that it tries."""
    try:
        return list(hypothesis(tables, name))
    except GradientCheckError:
        return []


def _shared(found: list[Finding]) -> list[Finding]:
    """A cause that explains several arrays goes before one that explains a single array."""
    names: dict[str, set[str]] = defaultdict(set)
    for f in found:
        names[f.cause].add(f.array)
    for f in found:
        f.weight += 12 * (len(names[f.cause]) - 1)
    return found


def _weighed(findings: list[Finding], wrong: bool, found: list[Finding]) -> list[Finding]:
    """Findings of conduct count as the cause when they explain the numbers or stand alone."""
    kept = []
    for f in findings:
        if wrong and found and f.cause in ("untouched", "context_modified"):
            continue
        if f.cause == "backward_not_repeatable" and wrong:
            continue
        if wrong and f.cause in ("input_modified", "cotangent_modified"):
            f.weight = 97
        if f.cause == "wrong_dtype" and "int" in f.evidence:
            f.weight = 99
        kept.append(f)
    return kept


def _distinct(found: list[Finding]) -> list[Finding]:
    seen: set[str] = set()
    return [f for f in found if not (f.cause in seen or seen.add(f.cause))]  # type: ignore[func-returns-value]
