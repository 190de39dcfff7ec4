"""Run a model stage by stage, there and back, and keep every array.

The way back starts at the loss, or at the score of a class.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np

from minicnn import activations, losses, utils
from minicnn.backends.context import Context
from minicnn.backends.spec import Array, Backend
from minicnn.engine import checks
from minicnn.engine.arrays import host_array
from minicnn.engine.geometry import is_integer
from minicnn.engine.guard import guarded
from minicnn.tracing.record import LayerTrace, Trace

if TYPE_CHECKING:
    from minicnn.engine.parameters import Parameter
    from minicnn.layers import Dense, Layer
    from minicnn.losses import Loss
    from minicnn.models import Sequential

#: the activations that turn scores into probabilities or their logarithms
_OF_SCORES = ("softmax", "sigmoid", "log_softmax")


def trace(model: "Sequential", image: object, y: object = None, score: int | None = None) -> Trace:
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
    ops = model.executor().ops
    layers = list(_leaves(model.layers))
    # without penalties, which add to the loss and leave arrays alone
    runs = [
        [guarded(s) for s in layer.stages() if getattr(s, "kind", "") != "activity_penalty"]
        for _, layer in layers
    ]
    stages = [stage for run in runs for stage in run]
    ctxs = [Context(ops, training=False) for _ in stages]
    with ops.running():
        arrays = [ops.asarray(x)]
        for stage, ctx in zip(stages, ctxs, strict=True):
            arrays.append(stage.forward(ctx, arrays[-1]))
        start = _start(model, stages, arrays, y, score, ops)
        with _own_gradients(model.parameters, ops) as gradients:
            dys: list[Array | None] = [None] * len(arrays)  # with respect to each of them
            dys[start.stage] = start.gradient
            for i in reversed(range(start.stage)):
                dys[i] = stages[i].backward(ctxs[i], dys[i + 1])
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


def one_sample(model: "Sequential", image: object) -> np.ndarray:
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


def _leaves(layers: Sequence["Layer"], prefix: str = "") -> Iterator[tuple[str, "Layer"]]:
    """(name, layer) of every layer that is no model itself, in order."""
    for layer in layers:
        inner = getattr(layer, "layers", None)
        if inner is None:
            yield f"{prefix}{layer.name}", layer
        else:
            yield from _leaves(inner, f"{prefix}{layer.name}/")


@contextmanager
def _own_gradients(
    parameters: Sequence["Parameter"], ops: Backend
) -> Iterator[list[tuple["Parameter", Array]]]:
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


def _record(
    name: str, layer: "Layer", values: list[np.ndarray], slopes: list[np.ndarray | None]
) -> LayerTrace:
    """A layer's part of the arrays: x first, y last, z in between if it has an activation."""
    record = LayerTrace(name, layer, values[0], values[-1], dx=slopes[0], dy=slopes[-1])
    if len(values) > 2:
        record.activation = activations.serialize(cast("Dense", layer).activation)
        record.z, record.dz = values[1], slopes[1]
    record.weights = {p.name: p.numpy() for p in layer.parameters}
    return record


def _host(ops: Backend, array: Array) -> np.ndarray:
    """A copy that no later call writes into."""
    return np.array(ops.to_numpy(array))


class _Start(NamedTuple):
    """Where a backward pass starts.

    Attributes:
        stage: the number of stages in front of it.
        gradient: with respect to what comes out of those stages, (1, ...).
        words: what it is the gradient of.
        value: the value of that.
    """

    stage: int
    gradient: Array
    words: str
    value: float


def _start(
    model: "Sequential", stages: list["Layer"], arrays: list[Array], y: object,
    score: int | None, ops: Backend,
) -> _Start:  # fmt: skip
    """The loss of ``y``, the logit of class ``score``, or without both the highest logit.

    ``arrays`` are what entered each stage, and what left the last one.
    """
    if y is not None and score is not None:
        raise ValueError(
            "give y, for the gradient of the loss, or score, for that of a class; not both"
        )
    final = stages[-1].kind if stages and getattr(stages[-1], "axis", -1) == -1 else ""
    if y is None:
        front = len(stages) - (final in _OF_SCORES)
        return _of_a_score(front, arrays[front], score, ops)
    return _of_the_loss(model, len(stages), final, arrays, y, ops)


def _of_a_score(front: int, logits: Array, score: int | None, ops: Backend) -> _Start:
    host = _host(ops, logits)  # (1, ...)
    entry = int(host.argmax())
    words = f"the highest score, that of class {entry}"
    if score is not None:
        if host.ndim != 2:
            raise ValueError(
                f"score is a class, but the model's output for one image has shape "
                f"{host.shape[1:]}; leave it out to take the highest entry"
            )
        if not is_integer(score) or not 0 <= score < host.size:
            raise ValueError(
                f"score must be a class from 0 to {host.size - 1}, the model's outputs; "
                f"got {score!r}"
            )
        entry, words = int(score), f"the score of class {score}"
    elif host.ndim != 2:
        place = tuple(int(i) for i in np.unravel_index(entry, host.shape[1:]))
        words = f"the highest entry of the output, at {place}"
    gradient = np.zeros(host.shape, host.dtype)
    gradient.flat[entry] = 1
    return _Start(front, ops.asarray(gradient), words, float(host.flat[entry]))


def _of_the_loss(
    model: "Sequential", count: int, final: str, arrays: list[Array], y: object, ops: Backend
) -> _Start:
    if not model.compiled or model.loss is None:
        raise ValueError(
            f"model {model.name!r} has no loss, so that y says nothing yet: compile it with a "
            "loss, or leave y out to follow the highest score"
        )
    wanted = np.asarray(y)
    output = tuple(model.output_shape)
    loss = losses.as_loss(model.loss)
    if isinstance(loss, str):  # "crossentropy": the shapes tell which
        loss = losses.resolve_crossentropy((1, *wanted.shape), output, loss)
    fused = final != "" and final == loss.inverse_of
    target = _target(wanted, loss, output, model.layers[-1].name)
    words = f"the loss {loss.name!r}" + (f" for y = {wanted.item()}" if wanted.size == 1 else "")
    if fused:  # computed from the logits, exactly, as in training
        loss = loss.before_activation()
    front = count - fused
    out = arrays[front]
    dtype = "int64" if loss.targets == "labels" else str(out.dtype)
    loss_ctx, sum_ctx = Context(ops), Context(ops)
    values, _ = loss.forward(loss_ctx, ops.asarray(target.astype(dtype)), out)
    scale = 1.0 / loss.divisor(int(np.prod(values.shape)), None)
    total = ops.weighted_sum_forward(sum_ctx, values, None, scale)  # (1,)
    gradient = loss.backward(loss_ctx, ops.weighted_sum_backward(sum_ctx))
    return _Start(front, gradient, words, float(ops.to_numpy(total)[0]))


def _target(y: np.ndarray, loss: "Loss", output: tuple[Any, ...], layer: str) -> np.ndarray:
    """``y`` of one image as a batch of one that fits the loss; a class number may be one-hot."""
    batch = y.reshape(1, *y.shape) if y.ndim < len(output) else y
    if loss.targets == "one_hot" and y.size == 1 and y.dtype.kind in "iu":
        label = int(y.item())
        if not 0 <= label < output[-1]:
            raise ValueError(
                f"y is class {label}, but layer {layer!r} has {output[-1]} outputs: classes go "
                f"from 0 to {output[-1] - 1}"
            )
        batch = utils.to_categorical([label], output[-1])
    return checks.checked_targets(batch, 1, loss, output, layer)
