"""Epochs and batches: what happens in which order in fit, evaluate and predict.

And, when a loss is NaN or infinite, where that began: the step is run again, array by array.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minicnn.backends.context import Context
from minicnn.backends.spec import Array, Backend
from minicnn.engine import interrupts
from minicnn.engine.console import Progress
from minicnn.engine.data import Arrays, Feeder, Rows
from minicnn.engine.stages import Stage
from minicnn.engine.step import Executor, Step


class NonFiniteError(ValueError, FloatingPointError):
    """Training met NaN or infinity; the message names the first array it appeared in.

    The weights are those of the last good step.
    """


def fit(
    model: Any, step: Step, feeder: Feeder, callbacks: Any, epochs: range, verbose: int | str,
    validate: Callable[[int], dict[str, float] | None],
) -> None:  # fmt: skip
    """Train for ``epochs``. ``validate(epoch)`` returns the validation logs, or None.

    Raises:
        NonFiniteError: the loss became NaN or infinite and no callback stopped the training.
    """
    callbacks.on_train_begin({})
    logs: dict[str, float] = {}
    for epoch in range(callbacks.first_epoch(epochs.start), epochs.stop):
        step.reset()
        callbacks.on_epoch_begin(epoch, {})
        step.refresh()
        with Progress(feeder.target, verbose) as progress:
            progress.epoch_header(epoch, epochs.stop)
            steps = _train(model, step, feeder, callbacks, epoch, progress)
            logs = _sorted(step.logs())
            if step.refused and not model.stop_training:  # a GPU reports it only with the totals
                raise _not_finite(model, step, step.refused, epoch, progress)
            validation = validate(epoch)
            if validation is not None:
                logs |= {f"val_{name}": value for name, value in _sorted(validation).items()}
            callbacks.on_epoch_end(epoch, logs)
            progress.finish(steps, logs)
        if model.stop_training:
            break
    callbacks.on_train_end(logs)


def _train(
    model: Any, step: Step, feeder: Feeder, callbacks: Any, epoch: int, progress: Progress
) -> int:
    """The batches of one epoch; returns how many there were."""
    steps, watched = feeder.done, callbacks.wants_batches
    for rows in feeder.epoch():
        if watched:
            callbacks.on_train_batch_begin(steps, logs={})
            step.refresh()
        step.train(rows)
        steps += 1
        refused = step.refused
        if watched or (progress.has_bar and progress.due(steps)):
            logs = _sorted(step.logs())  # one dict: what a callback adds is printed too
            refused = step.refused
            callbacks.on_train_batch_end(steps - 1, logs=logs)
            progress.update(steps, logs)
        if model.stop_training:
            break
        if refused:
            raise _not_finite(model, step, refused, epoch, progress)
    if not steps:
        raise ValueError("x gave no batches: the generator is empty")
    return steps


def _not_finite(
    model: Any, step: Step, refused: tuple[int, Rows], epoch: int, progress: Progress
) -> NonFiniteError:
    """The error of a step whose loss was NaN or infinite, after the last progress line."""
    steps, rows = refused
    progress.finish(steps, _sorted(step.logs()))
    where = first_non_finite(step, model.stages(), rows)
    return NonFiniteError(
        f"training stopped in epoch {epoch + 1}, batch {steps}: the loss is not a "
        f"finite number. The first array that is not finite is {where}. "
        "The weights are those of the last good step"
    )


def evaluate(step: Step, feeder: Feeder, callbacks: Any, verbose: int | str) -> dict[str, float]:
    """Loss and metrics over one pass, in compile order."""
    step.reset()
    callbacks.on_test_begin({})
    step.refresh()
    steps, watched = 0, callbacks.wants_batches
    with Progress(feeder.target, verbose) as progress:
        for rows in feeder.epoch():
            if watched:
                callbacks.on_test_batch_begin(steps, logs={})
            step.test(rows)
            steps += 1
            if watched or (progress.has_bar and progress.due(steps)):
                seen = _sorted(step.logs())
                callbacks.on_test_batch_end(steps - 1, logs=seen)
                progress.update(steps, seen)
        logs = step.logs()
        callbacks.on_test_end(_sorted(logs))
        progress.finish(steps, _sorted(logs))
    return logs


@interrupts.handled()
def predict(
    executor: Executor, data: Arrays, steps: int | None, at_once: int, callbacks: Any,
    verbose: int | str,
) -> np.ndarray:  # fmt: skip
    """The outputs of all batches, one below the other, on the host.

    Samples do not depend on each other, so that ``at_once`` samples are computed together, whatever
    the size of a batch, unless a callback wants to see each batch. The first are at most a batch:
    the progress bar measures from there.
    """
    callbacks.on_predict_begin({})
    size, total = data.batch_size, min(data.batches, steps or data.batches)
    rows = min(data.count, total * size)
    if callbacks.wants_batches:
        at_once = size
    result: np.ndarray | None = None
    stop = 0
    with Progress(total, verbose) as progress:
        while stop < rows:
            start, stop = stop, min(rows, stop + (at_once if stop else min(size, at_once)))
            if callbacks.wants_batches:
                callbacks.on_predict_batch_begin(start // size, logs={})
            try:
                # threads share the buffers: one at a time computes and takes its rows away
                with interrupts.step, executor.ops.running():
                    y = executor.plan.forward(data.samples(start, stop), training=False)
                    y = executor.ops.to_numpy(y)
                    if result is None:
                        result = np.empty((rows, *y.shape[1:]), y.dtype)  # (N, ...)
                    outputs = result[start:stop]
                    outputs[...] = y
                    executor.plan.forget()
            except MemoryError:
                if stop - start <= size:
                    raise
                at_once, stop = size, start  # what was asked for needs less
                continue
            if callbacks.wants_batches:
                callbacks.on_predict_batch_end(start // size, logs={"outputs": outputs})
            done = total if stop == rows else stop // size
            for batch in range(start // size, done):
                progress.update(batch + 1, {})
        callbacks.on_predict_end({})
        progress.finish(total, {})
    assert result is not None
    return result


def _sorted(logs: dict[str, float]) -> dict[str, float]:
    return dict(sorted(logs.items()))


# -- a loss that is not finite ---------------------------------------------------------------------


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
            ctx = Context(ops, step.executor.step_number, training=True)
            ctx.deferred = []  # looking changes nothing
            x = stage.forward(ctx, x)
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
