"""Batch normalisation."""

from typing import Any

from minicnn import constraints, initializers, regularizers
from minicnn.backends.context import Context
from minicnn.backends.spec import Array
from minicnn.engine import geometry
from minicnn.layers.arguments import Shape
from minicnn.layers.base import SameShape
from minicnn.registry import Identifier


class BatchNormalization(SameShape):
    """Each channel to mean 0 and variance 1, then scaled by gamma and shifted by beta.

    y = gamma (x - mean) / sqrt(variance + epsilon) + beta.  (N, ..., C) -> (N, ..., C)

    In training, mean and (biased) variance are those of the batch, over all axes but ``axis``, and
    the moving averages follow: moving = momentum moving + (1 - momentum) batch, once a step. In
    inference, and as long as ``trainable`` is False, the moving averages are used.

    Weights: gamma, beta, and moving_mean, moving_variance, which no gradient changes.

    Args:
        axis: of the channels.
        momentum: of the moving averages, 0 to 1.
        epsilon: added to the variance.
        center: whether there is a beta.
        scale: whether there is a gamma.
        beta_initializer, gamma_initializer, moving_mean_initializer, moving_variance_initializer:
            names or objects of ``minicnn.initializers``.
        beta_regularizer, gamma_regularizer: names or objects of ``minicnn.regularizers``.
        beta_constraint, gamma_constraint: names or objects of ``minicnn.constraints``.

    Raises:
        ValueError: an argument out of range, or an input without that axis.

    Source: Ioffe and Szegedy (2015), "Batch Normalization", ICML.
    """

    kind = "batchnorm"
    saved_arguments = (
        "axis", "momentum", "epsilon", "center", "scale", "beta_initializer", "gamma_initializer",
        "moving_mean_initializer", "moving_variance_initializer", "beta_regularizer",
        "gamma_regularizer", "beta_constraint", "gamma_constraint",
    )  # fmt: skip

    def __init__(
        self, axis: int = -1, momentum: float = 0.99, epsilon: float = 0.001, center: bool = True,
        scale: bool = True, beta_initializer: Identifier = "zeros",
        gamma_initializer: Identifier = "ones", moving_mean_initializer: Identifier = "zeros",
        moving_variance_initializer: Identifier = "ones", beta_regularizer: Identifier = None,
        gamma_regularizer: Identifier = None, beta_constraint: Identifier = None,
        gamma_constraint: Identifier = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(**kwargs)
        label = f"BatchNormalization layer {self.name!r}"
        if not geometry.is_integer(axis):
            raise ValueError(f"{label}: axis must be one integer, got {axis!r}")
        if not 0 <= momentum <= 1:
            raise ValueError(f"{label}: momentum must be between 0 and 1, got {momentum!r}")
        if epsilon < 0:
            raise ValueError(f"{label}: epsilon must not be negative, got {epsilon!r}")
        self.axis, self.momentum, self.epsilon = int(axis), momentum, epsilon
        self.center, self.scale = center, scale
        self.beta_initializer = initializers.get(beta_initializer)
        self.gamma_initializer = initializers.get(gamma_initializer)
        self.moving_mean_initializer = initializers.get(moving_mean_initializer)
        self.moving_variance_initializer = initializers.get(moving_variance_initializer)
        self.beta_regularizer = regularizers.get(beta_regularizer)
        self.gamma_regularizer = regularizers.get(gamma_regularizer)
        self.beta_constraint = constraints.get(beta_constraint)
        self.gamma_constraint = constraints.get(gamma_constraint)

    def build(self, input_shape: Shape) -> None:
        axes = len(input_shape)
        if not -axes < self.axis < axes or self.axis == 0:
            raise ValueError(
                f"layer {self.name!r} (BatchNormalization): axis {self.axis} is no axis of the "
                f"channels in an input of shape {input_shape}; -1 is the last one"
            )
        channels = input_shape[self.axis]
        if channels is None:
            raise ValueError(
                f"layer {self.name!r} (BatchNormalization): axis {self.axis} of {input_shape} must "
                "be known to create the weights"
            )
        self.gamma = self._add("gamma", channels) if self.scale else None
        self.beta = self._add("beta", channels) if self.center else None
        self.moving_mean = self._add("moving_mean", channels, trainable=False)
        self.moving_variance = self._add("moving_variance", channels, trainable=False)

    def forward(self, ctx: Context, x: Array) -> Array:
        gamma = None if self.gamma is None else self.gamma.value
        beta = None if self.beta is None else self.beta.value
        moving_mean, moving_variance = self.moving_mean.value, self.moving_variance.value
        of_batch = ctx.training and self.trainable
        ctx.save(of_batch=of_batch)
        if not of_batch:
            return ctx.ops.normalize_forward(
                ctx, x, gamma, beta, moving_mean, moving_variance, self.axis, self.epsilon
            )
        y, mean, variance = ctx.ops.batchnorm_forward(ctx, x, gamma, beta, self.axis, self.epsilon)
        ctx.defer(ctx.ops.moving_average, moving_mean, mean, self.momentum)
        ctx.defer(ctx.ops.moving_average, moving_variance, variance, self.momentum)
        return y

    def backward(self, ctx: Context, dy: Array) -> Array:
        ops = ctx.ops
        gamma = None if self.gamma is None else self.gamma.value
        dgamma = None if self.gamma is None else self.gamma.grad
        dbeta = None if self.beta is None else self.beta.grad
        backward = ops.batchnorm_backward if ctx.of_batch else ops.normalize_backward
        return backward(ctx, dy, gamma, dgamma, dbeta)
