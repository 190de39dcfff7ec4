"""Batch normalisation: each channel to mean 0 and variance 1, then scaled and shifted."""

import numpy as np

from minicnn.backends.context import Context
from minicnn.backends.spec import Array


def batchnorm_forward(
    ctx: Context, x: Array, gamma: Array | None, beta: Array | None, axis: int, epsilon: float
) -> tuple[Array, Array, Array]:
    """(y, mean (C,), variance (C,)) with the statistics of this batch."""
    mean = _mean(x, axis)  # (C,)
    variance = _mean(np.square(x - _along(mean, x, axis)), axis)  # (C,)
    y = normalize_forward(ctx, x, gamma, beta, mean, variance, axis, epsilon)
    return y, mean, variance


def batchnorm_backward(
    ctx: Context, dy: Array, gamma: Array | None, dgamma: Array | None, dbeta: Array | None
) -> Array | None:
    """Fill ``dgamma`` and ``dbeta`` (C,); return dx, or None when nobody needs it.

    Without the two means this is ``normalize_backward``. They are there because every x also
    moves the mean and the variance of its channel:
    dx = gamma / sqrt(variance + epsilon) (dy - mean(dy) - x_hat mean(dy x_hat)).
    """
    axis = ctx.axis
    mean_dy = _along(_mean(dy, axis), dy, axis)
    mean_dy_x_hat = _along(_mean(dy * ctx.x_hat, axis), dy, axis)
    dx = normalize_backward(ctx, dy, gamma, dgamma, dbeta)
    if dx is None:
        return None
    dx -= ctx.slope * (mean_dy + ctx.x_hat * mean_dy_x_hat)
    return dx


def normalize_forward(
    ctx: Context, x: Array, gamma: Array | None, beta: Array | None, mean: Array, variance: Array,
    axis: int, epsilon: float,
) -> Array:  # fmt: skip
    """y = gamma x_hat + beta,   x_hat = (x - mean) / sqrt(variance + epsilon)."""
    deviation = np.sqrt(variance + variance.dtype.type(epsilon))  # (C,)
    x_hat = (x - _along(mean, x, axis)) / _along(deviation, x, axis)  # as x
    y = x_hat
    if gamma is not None:
        y = y * _along(gamma, x, axis)
    if beta is not None:
        y = y + _along(beta, x, axis)
    slope = (1 if gamma is None else gamma) / deviation  # (C,), dy/dx at fixed statistics
    ctx.save(x_hat=x_hat, slope=_along(slope, x, axis), axis=axis)
    return y


def normalize_backward(
    ctx: Context, dy: Array, gamma: Array | None, dgamma: Array | None, dbeta: Array | None
) -> Array | None:
    """y = gamma x_hat + beta   gives   dgamma = sum(dy x_hat),   dbeta = sum(dy)."""
    others = _other_axes(dy, ctx.axis)
    if dgamma is not None:
        dgamma[...] = (dy * ctx.x_hat).sum(axis=others, dtype=np.float64)
    if dbeta is not None:
        dbeta[...] = dy.sum(axis=others, dtype=np.float64)
    return dy * ctx.slope if ctx.need_dx else None


def moving_average(average: Array, value: Array, momentum: float) -> None:
    """average = momentum average + (1 - momentum) value."""
    number = average.dtype.type
    average[...] = number(momentum) * average + number(1 - momentum) * value


def rescale_forward(ctx: Context, x: Array, scale: float, offset: float) -> Array:
    """y = x scale + offset."""
    ctx.save(scale=x.dtype.type(scale))
    return x * ctx.scale + x.dtype.type(offset)


def rescale_backward(ctx: Context, dy: Array) -> Array:
    """y = x scale + offset   gives   dx = dy scale."""
    return dy * ctx.scale


def _other_axes(x: Array, axis: int) -> tuple[int, ...]:
    """All axes but that of the channels."""
    return tuple(i for i in range(x.ndim) if i != axis % x.ndim)


def _mean(x: Array, axis: int) -> Array:
    """Mean of each channel, (C,); summed in float64, since there may be a million terms."""
    total = x.sum(axis=_other_axes(x, axis), dtype=np.float64)  # (C,)
    return (total / max(x.size // max(len(total), 1), 1)).astype(x.dtype)


def _along(values: Array, x: Array, axis: int) -> Array:
    """``values`` (C,) with axes of size 1 around them, to be broadcast against x."""
    return values.reshape([-1 if i == axis % x.ndim else 1 for i in range(x.ndim)])
