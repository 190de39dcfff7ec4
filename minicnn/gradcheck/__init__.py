"""Checks of hand-written gradients that name the likeliest mistake.

    from minicnn.gradcheck import check_gradients

    report = check_gradients(MyConv, (2, 7, 6, 3), params={"filters": 4, "kernel_size": 3})
    print(report)            # a page: verdict, cause, worst entry, the lines to look at
    report.plot()            # where the errors are
    report.raise_if_failed() # in a test; or assert_gradients(MyConv(4, 3), (2, 7, 6, 3))

The numeric slope is a central difference in float64 with Richardson's extrapolation; at kinks (a
ReLU at 0, ties in a maximum) a gradient anywhere between the slopes to the left and to the right is
right. A gradient that fails is explained by comparing two Jacobians: the one that forward has and
the one that backward claims, probed with one-hot cotangents. Each cause below predicts exactly how
the two differ; where no prediction holds the cause is None.

How well it does: of the 276 broken backwards in ``tests/gradcheck/zoo`` all are found, and the
first cause is right for all. Four sets among them were written after the hypotheses and only then
learnt from: at first sight 35 of 41, 32 of 39, 33 of 37 and 21 of 26 were named right, 85 % in
all; the others mostly had no known cause. None of 10,000 right layers,
with inputs full of ties and zeros among them, was called wrong:
``python benchmarks/gradcheck_false_alarms.py --count 10000 --seed 2024``.

minicnn's own tests use it: every layer, activation and loss by :func:`assert_gradients`, and every
operation of every backend by :func:`directional_errors`, which only measures and explains nothing.

The causes, as ``report.cause`` names them, are in :data:`CAUSES`:

"""

from minicnn.gradcheck.api import assert_gradients, check_gradients
from minicnn.gradcheck.causes import CAUSES
from minicnn.gradcheck.numeric import directional_errors
from minicnn.gradcheck.report import ArrayReport, Finding, Report
from minicnn.gradcheck.user_code import GradientCheckError

__all__ = [
    "CAUSES", "ArrayReport", "Finding", "GradientCheckError", "Report", "assert_gradients",
    "check_gradients", "directional_errors",
]  # fmt: skip

_rule = f"{'=' * 26}  {'=' * 70}"
_lines = [f"{cause:26}  {meaning}" for cause, meaning in CAUSES.items()]
__doc__ = (__doc__ or "") + "\n".join([_rule, *_lines, _rule, ""])  # what help() shows
