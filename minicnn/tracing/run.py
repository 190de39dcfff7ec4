"""Run a model stage by stage, there and back, and keep every array."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from minicnn import activations
from minicnn.backends.context import Context
from minicnn.engine import checks
from minicnn.engine.arrays import host_array
from minicnn.engine.guard import guarded
from minicnn.tracing.beginning import Beginning, beginning
from minicnn.tracing.record import LayerTrace, Trace


def trace(model: Any, image: Any, y: Any = None, score: int | None = None) -> Trace:
    """Follow one image through a model and back.

    The layers run in inference mode (dropout passes everything, batch normalisation uses its moving
    averages), one by one and never fused. The model stays as it is: weights, gradients, optimizer
    and step counter are not touched.

    Args:
        model: a built ``Sequential``, trained or not.
        image: one sample: (H, W, C), (1, H, W, C) or, when C is 1, (H, W).
        y: its target, a class number for the cross-entropies: the gradients are then those of the
            model's loss. Penalties of regularizers are left out.
        score: a class: the gradients are then those of its logit, the number in front of the last
            softmax or sigmoid.

    Without ``y`` and ``score`` the gradients are those of the highest logit.

    Returns:
        A :class:`minicnn.tracing.Trace`. Print it.

    Raises:
        TypeError: not a Sequential model.
        ValueError: a model that is not built, an image that does not fit it, a target without a
            compiled loss, ``y`` and ``score`` both.

    Example::

        trace = minicnn.trace(model, x_test[0], y=y_test[0])
        print(trace)
        print(trace["conv2d"].y.shape, trace["conv2d"].gradients["kernel"].shape)
        print(trace.explain("conv2d", 3, 4, 0))
    """
    x = one_sample(model, image)  # (1, ...)
    executor = model.executor()
    ops = executor.ops
    layers = list(_leaves(model))
    runs = [[guarded(stage) for stage in _computing(layer)] for _, layer in layers]
    stages = [stage for run in runs for stage in run]
    ctxs = [Context(ops, training=False) for _ in stages]
    with ops.running():
        arrays = [ops.asarray(x)]
        for stage, ctx in zip(stages, ctxs, strict=True):
            arrays.append(stage.forward(ctx, arrays[-1]))
        start = beginning(model, stages, arrays, y, score, ops)
        with _own_gradients(model.parameters, ops) as gradients:
            dys = _backward(stages, ctxs, start)
            found = {id(p): _host(ops, g) for p, g in gradients}
        values = [_host(ops, a)[0] for a in arrays]
        slopes = [None if dy is None else _host(ops, dy)[0] for dy in dys]
    records, first = [], 0
    for (name, layer), run in zip(layers, runs, strict=True):
        last = first + len(run)
        record = _record(name, layer, values[first : last + 1], slopes[first : last + 1])
        if run and first < start.stage:
            record.gradients = {p.name: found[id(p)] for p in layer.parameters if p.trainable}
        records.append(record)
        first = last
    assert slopes[0] is not None
    logits = values[start.stage]
    return Trace(model.name, values[0], slopes[0], records, logits, start.words, start.value)


def one_sample(model: Any, image: Any) -> np.ndarray:
    """``image`` as a batch of one, (1, ...), in the model's dtype.

    Raises:
        TypeError: not a Sequential model.
        ValueError: the model is not built, or the image does not fit it.
    """
    if not hasattr(model, "executor") or not hasattr(model, "layers"):
        raise TypeError(
            f"expected a model, Sequential([...]), got {type(model).__name__}; put a single layer "
            "into Sequential([Input(shape), layer])"
        )
    if not model.built or not model.layers:
        raise ValueError(
            f"model {model.name!r} is not built yet, so it has no weights to look at: begin it "
            "with an Input, or call model.build((None, height, width, channels))"
        )
    expected = tuple(model.input_shape[1:])
    array = host_array(image, "image", model.dtype)
    shapes = [(expected, array[None, ...]), ((1, *expected), array)]
    if expected[-1:] == (1,):
        shapes += [(expected[:-1], array[None, ..., None]), ((1, *expected[:-1]), array[..., None])]
    for shape, sample in shapes:
        if checks.fits(array.shape, shape):
            return np.ascontiguousarray(sample)
    hint = ""
    if checks.fits(array.shape[1:], expected) or checks.fits((*array.shape[1:], 1), expected):
        hint = f"; this is a batch of {len(array)}, take one of them: x[0]"
    elif len(expected) == 3 and checks.fits(array.shape, (expected[2], *expected[:2])):
        hint = "; this looks channels-first, use image.transpose(1, 2, 0)"
    axes = " (height, width, channels)" if len(expected) == 3 else ""
    raise ValueError(
        f"model {model.name!r} takes one image of shape {expected}{axes}, with or without a batch "
        f"axis of 1 in front, got shape {array.shape}{hint}"
    )


def _leaves(model: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """(name, layer) of every layer that is no model itself, in order."""
    for layer in model.layers:
        if hasattr(layer, "layers"):
            yield from _leaves(layer, f"{prefix}{layer.name}/")
        else:
            yield f"{prefix}{layer.name}", layer


def _computing(layer: Any) -> list[Any]:
    """The stages of a layer without penalties, which add to the loss and leave arrays alone."""
    return [stage for stage in layer.stages() if getattr(stage, "kind", "") != "activity_penalty"]


@contextmanager
def _own_gradients(parameters: Sequence[Any], ops: Any) -> Iterator[list[tuple[Any, Any]]]:
    """Inside, backward writes into fresh arrays, (parameter, array), instead of the model's."""
    kept = [p.grad for p in parameters]
    lent = [ops.zeros(p.shape, p.dtype) for p in parameters]
    for p, grad in zip(parameters, lent, strict=True):
        p.grad = grad
    try:
        yield list(zip(parameters, lent, strict=True))
    finally:
        for p, grad in zip(parameters, kept, strict=True):
            p.grad = grad


def _backward(stages: list[Any], ctxs: list[Context], start: Beginning) -> list[Any]:
    """Gradient with respect to what enters each stage and, last, to what leaves the last one."""
    dys: list[Any] = [None] * (len(stages) + 1)
    dys[start.stage] = start.gradient
    for i in range(start.stage - 1, -1, -1):
        dys[i] = stages[i].backward(ctxs[i], dys[i + 1])
    return dys


def _record(
    name: str, layer: Any, values: list[np.ndarray], slopes: list[np.ndarray | None]
) -> LayerTrace:
    """A layer's part of the arrays: x first, y last, z in between if it has an activation."""
    record = LayerTrace(name, layer, values[0], values[-1], dx=slopes[0], dy=slopes[-1])
    if len(values) > 2:
        record.activation = activations.serialize(layer.activation)
        record.z, record.dz = values[1], slopes[1]
    record.weights = {p.name: p.numpy() for p in layer.parameters}
    return record


def _host(ops: Any, array: Any) -> np.ndarray:
    """A copy that no later call writes into."""
    return np.array(ops.to_numpy(array))
