"""Where a backward pass begins: at a loss, or at the score of a class."""

from typing import Any, NamedTuple

import numpy as np

from minicnn import losses, utils
from minicnn.backends.context import Context
from minicnn.engine.checks import checked_targets
from minicnn.engine.geometry import is_integer

#: the activations that turn scores into probabilities or their logarithms
_OF_SCORES = ("softmax", "sigmoid", "log_softmax")


class Beginning(NamedTuple):
    """The first gradient of a backward pass.

    Attributes:
        stage: the number of stages in front of it.
        gradient: with respect to what comes out of those stages, (1, ...).
        words: what it is the gradient of.
        value: the value of that.
    """

    stage: int
    gradient: Any
    words: str
    value: float


def beginning(
    model: Any, stages: list[Any], arrays: list[Any], y: Any, score: int | None, ops: Any
) -> Beginning:
    """The loss of ``y``, the logit of class ``score``, or without both the highest logit.

    Args:
        stages: of the model, not fused.
        arrays: what entered each stage, and what left the last one.

    Raises:
        ValueError: both were given, there is no such class, or no loss to compute.
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


def _of_a_score(front: int, logits: Any, score: int | None, ops: Any) -> Beginning:
    host = np.array(ops.to_numpy(logits))  # (1, ...)
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
    return Beginning(front, ops.asarray(gradient), words, float(host.flat[entry]))


def _of_the_loss(
    model: Any, count: int, final: str, arrays: list[Any], y: Any, ops: Any
) -> Beginning:
    if not model.compiled or model.loss is None:
        raise ValueError(
            f"model {model.name!r} has no loss, so that y says nothing yet: compile it with a "
            "loss, or leave y out to follow the highest score"
        )
    y = np.asarray(y)
    output = tuple(model.output_shape)
    loss = losses.as_loss(model.loss)
    if isinstance(loss, str):  # "crossentropy": the shapes tell which
        loss = losses.resolve_crossentropy((1, *y.shape), output, loss)
    fused = final != "" and final == loss.inverse_of
    target = _target(y, loss, output, model.layers[-1].name)
    words = (
        f"the loss {loss.name!r} for y = {y.item()}" if y.size == 1 else f"the loss {loss.name!r}"
    )
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
    return Beginning(front, gradient, words, float(ops.to_numpy(total)[0]))


def _target(y: np.ndarray, loss: Any, output: tuple[Any, ...], layer: str) -> np.ndarray:
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
    return checked_targets(batch, 1, loss, output, layer)
