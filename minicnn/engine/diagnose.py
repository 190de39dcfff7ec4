"""Where did the first NaN come from? A step run again, array by array, and named."""

from collections.abc import Sequence

import numpy as np

from minicnn.backends.context import Context
from minicnn.backends.spec import Array, Backend
from minicnn.engine.data import Rows
from minicnn.engine.stages import Stage
from minicnn.engine.step import Step


class NonFiniteError(ValueError, FloatingPointError):
    """Training met NaN or infinity; the message names the first array it appeared in.

    The weights are those of the last good step.
    """


def first_non_finite(step: Step, stages: Sequence[Stage], rows: Rows) -> str:
    """Name of the first array with a NaN or an infinity in it, in the order of the computation.

    Args:
        step: the step that failed; its counter still has the value of that step, so that
            dropout draws the same masks.
        stages: the model's stages, not fused, so that each array has a name.
        rows: those of the batch that failed.
    """
    batch = rows.gather()
    ops = step.ops
    found = _bad(ops, batch.x)
    if found:
        return f"the input x ({found}): clean the data, e.g. with np.nan_to_num"
    if batch.y is not None and (found := _bad(ops, batch.y)):
        return f"the targets y ({found}): clean the data"
    if batch.weights is not None and (found := _bad(ops, batch.weights)):
        return f"sample_weight ({found})"
    x = batch.x
    with ops.running():
        for stage in stages:
            for parameter in stage.parameters:
                if found := _bad(ops, parameter.value):
                    return f"the weight {parameter.path!r} ({found}){_ADVICE}"
            x = stage.forward(Context(ops, step.executor.step, training=True), x)
            if found := _bad(ops, x):
                return f"the output of {stage.name!r} ({found}){_ADVICE}"
    return f"the loss {step.loss.name!r}{_ADVICE}"


_ADVICE = ": the learning rate may be too high, or the input not scaled (try x / 255)"


def _bad(ops: Backend, array: Array) -> str:
    """How much of ``array`` is not finite, in words; empty when all is well."""
    host = np.asarray(ops.to_numpy(array))
    if host.dtype.kind != "f":
        return ""
    bad = ~np.isfinite(host)
    if not bad.any():
        return ""
    kind = "NaN" if np.isnan(host).any() else "infinity"
    return f"{kind} in {int(bad.sum())} of {host.size} entries, shape {host.shape}"
