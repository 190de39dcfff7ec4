"""From wrong numbers to the likeliest mistake.

``CAUSES`` is the list of the names; each hypothesis is a function of the tables J and B (see
``evidence.py``) and one array's name that makes a claim only when its prediction holds exactly.
"""

from collections import Counter
from contextlib import suppress

import numpy as np

from minicnn.gradcheck.causes import activations, maps, masks, multiples, paths
from minicnn.gradcheck.causes.evidence import Hypothesis, Tables, gather
from minicnn.gradcheck.conduct import Conduct
from minicnn.gradcheck.report import Finding, Report
from minicnn.gradcheck.targets import Target
from minicnn.gradcheck.user_code import GradientCheckError

#: name of a cause -> what it means
CAUSES: dict[str, str] = {
    "accumulated": "a gradient is added to what earlier calls left",
    "axes_permuted": "the axes of an array are in another order than in forward",
    "backward_not_repeatable": "backward gives another answer every time",
    "batch_mean": "a mean over batch or positions stands where the sum belongs",
    "batchnorm_mean": "the way through the batch's mean is forgotten",
    "batchnorm_variance": "the way through the batch's variance is forgotten",
    "bias_forgotten": "the bias gets no gradient",
    "chain_rule": "a factor of the chain rule is missing",
    "context_modified": "backward changes what forward kept for it",
    "cotangent_ignored": "backward does not multiply by the gradient that comes in",
    "cotangent_modified": "the gradient that comes in (dy) is written to",
    "dropout_mask": "dropout's mask is forgotten, or not the one forward used",
    "dropout_scale": "dropout's scale 1 / (1 - rate) is forgotten or wrong",
    "edge_missing": "the first or last row, column or sample is left out",
    "extra_term": "something that does not belong there is added",
    "factor": "a constant factor is missing or too much",
    "input_modified": "an input or a weight is written to",
    "kernel_flipped": "the kernel runs backwards",
    "loss_not_divided": "the loss is a mean, its gradient is not divided by the number of terms",
    "missing_term": "a term of a sum is missing, as of the product rule",
    "not_repeatable": "forward gives another answer every time",
    "overwritten": "contributions overwrite each other where they should add up",
    "padding_side": "the padding is taken off, or put on, on the wrong side",
    "pool_ties": "the gradient of a maximum goes to every tied entry",
    "pool_winner": "the gradient of a maximum goes to an entry that did not win",
    "relu_mask": "the mask of a ReLU is missing or taken from the wrong array",
    "shifted": "the gradient is shifted by one",
    "sign": "the sign is wrong",
    "softmax_cross_terms": "the terms between different entries of a softmax are wrong",
    "stride_ignored": "the stride of forward is not the stride of backward",
    "sum_missing": "a sum is missing",
    "untouched": "the gradient is never set",
    "wrong_array": "a formula is given the wrong array",
    "wrong_axis": "a sum runs over the wrong axis",
    "wrong_dtype": "the dtype of the data is not kept",
    "wrong_shape": "the gradient has another shape than the array",
}

HYPOTHESES: tuple[Hypothesis, ...] = (
    multiples.untouched, multiples.multiple, multiples.wrong_shape, multiples.same_shape,
    masks.not_linear, masks.rows, masks.columns, masks.contributions,
    activations.masked, activations.smooth, activations.missing_path,
    activations.groups, activations.after_softmax,
    maps.rearranged, maps.shifted, maps.displaced, maps.stride_of_weights, maps.pool_winner,
    paths.scaled_rows, paths.other_array, paths.path_through, paths.other_values,
)  # fmt: skip
#: these measure further tables, and are asked only when the others have no answer
COSTLY: tuple[Hypothesis, ...] = (paths.left_out,)


def diagnose(target: Target, conduct: Conduct, report: Report, ties: str) -> None:
    """Fill in the causes of a failed report, the likeliest first."""
    wrong = [a.name for a in report.arrays if not a.ok]
    found: list[Finding] = []
    if ties:
        found.append(Finding("pool_ties", ties, wrong[0], 90))
    elif wrong:
        found += _from_tables(target, wrong)
    found += _weighed(conduct.findings, bool(wrong and not ties), found)
    found.sort(key=lambda f: -f.weight)
    for array in report.arrays:
        array.findings = [f for f in found if f.array == array.name]
        if array.findings and array.ok:
            array.ok = False
            array.problem = array.problem or array.findings[0].evidence
            array.lines = target.source(array.name)
    likeliest: dict[str, Finding] = {}
    for f in found:
        likeliest.setdefault(f.cause, f)
    report.findings = list(likeliest.values())
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


def _from_tables(target: Target, wrong: list[str]) -> list[Finding]:
    tables = gather(target, wrong)
    if tables is None:
        return []
    found = []
    with np.errstate(all="ignore"):
        for name in tables.wrong():
            if name in wrong:
                best = _claimed(HYPOTHESES, tables, name) or _claimed(COSTLY, tables, name)
                found += sorted(best, key=lambda f: -f.weight)
    # a cause that explains several arrays goes before one that explains a single array
    arrays = Counter(cause for cause, _ in {(f.cause, f.array) for f in found})
    for f in found:
        f.weight += 12 * (arrays[f.cause] - 1)
    return found


def _claimed(hypotheses: tuple[Hypothesis, ...], tables: Tables, name: str) -> list[Finding]:
    """What hypotheses find: nothing where the layer refuses the input that one tries."""
    found = []
    for hypothesis in hypotheses:
        with suppress(GradientCheckError):
            claims = list(hypothesis(tables, name))
            found += [Finding(cause, text, name, weight) for cause, text, weight in claims]
    return found


def _weighed(findings: list[Finding], wrong: bool, found: list[Finding]) -> list[Finding]:
    """Findings of conduct count as the cause when they explain the numbers or stand alone."""
    for f in findings:
        if wrong and f.cause in ("input_modified", "cotangent_modified"):
            f.weight = 97
        if f.cause == "wrong_dtype" and "int" in f.evidence:
            f.weight = 99
    explained = {"untouched", "context_modified"} if found else set()
    left = explained | {"backward_not_repeatable"} if wrong else set()
    return [f for f in findings if f.cause not in left]
