"""Limits that weights are kept within, as in Keras: applied after every update.

``Dense(10, kernel_constraint=MaxNorm(3))`` scales a column of the kernel back whenever its norm
exceeds 3.
"""

import math
from collections.abc import Sequence

import numpy as np

from minicnn import backends, registry
from minicnn.backends.spec import Array, Backend

Axes = int | Sequence[int]


class Constraint(registry.Configured):
    """Base, and base of your own: ``__call__`` returns the weights as they may be.

    Example::

        class AtMostOne(Constraint):
            def __call__(self, w):
                return w.clip(-1, 1)
    """

    def __call__(self, w: Array) -> Array:
        """``w`` within the limits, a new array."""
        w = np.array(w)
        self.apply(backends.get("numpy"), w)
        return w

    def apply(self, ops: Backend, w: Array) -> None:
        """Bring ``w`` within the limits, in place, where the backend ``ops`` computes."""
        if type(self).__call__ is Constraint.__call__:
            raise NotImplementedError(f"constraint {type(self).__name__} has no __call__(self, w)")
        w[...] = self(w)


class MinMaxNorm(Constraint):
    """Scale vectors towards a norm in [min_value, max_value].

    wanted = rate clip(norm, min_value, max_value) + (1 - rate) norm;   w *= wanted / (norm + 1e-7)

    Args:
        min_value, max_value: smallest and largest norm.
        rate: 1 takes the limit at once, less moves towards it a part of the way each step.
        axis: the axes along which the norm is taken: 0 for the columns of a Dense kernel (all
            that comes into a unit), (0, 1, 2) for the filters of a convolution.

    Raises:
        ValueError: limits that are not numbers in order, or axes that are not integers.

    Source: Srivastava et al. (2014), JMLR 15, section 5.1.
    """

    saved_arguments: tuple[str, ...] = ("min_value", "max_value", "rate", "axis")

    def __init__(
        self, min_value: float = 0.0, max_value: float = 1.0, rate: float = 1.0, axis: Axes = 0
    ) -> None:
        name = type(self).__name__
        if not 0 <= min_value <= max_value or not math.isfinite(max_value) or not 0 <= rate <= 1:
            raise ValueError(
                f"{name}: expected 0 <= min_value <= max_value and 0 <= rate <= 1, got min_value="
                f"{min_value!r}, max_value={max_value!r}, rate={rate!r}"
            )
        self.axes = tuple(axis) if isinstance(axis, (tuple, list)) else (axis,)
        if not all(hasattr(a, "__index__") for a in self.axes):
            raise ValueError(f"{name}: axis must be an integer or several, got {axis!r}")
        self.min_value, self.max_value, self.rate, self.axis = min_value, max_value, rate, axis

    def apply(self, ops: Backend, w: Array) -> None:
        ops.limit_norms(w, self.axes, self.min_value, self.max_value, self.rate)


class MaxNorm(MinMaxNorm):
    """Vectors whose norm exceeds ``max_value`` are scaled down to it; ``axis`` as in MinMaxNorm."""

    saved_arguments = ("max_value", "axis")

    def __init__(self, max_value: float = 2, axis: Axes = 0) -> None:
        super().__init__(0.0, max_value, axis=axis)


class UnitNorm(MinMaxNorm):
    """Every vector is scaled to norm 1; ``axis`` as in MinMaxNorm."""

    saved_arguments = ("axis",)

    def __init__(self, axis: Axes = 0) -> None:
        super().__init__(1.0, 1.0, axis=axis)


class NonNeg(Constraint):
    """Negative weights become 0."""

    def apply(self, ops: Backend, w: Array) -> None:
        ops.clip_negative(w)


# Keras offers the short names too, and older tutorials those without underscores
max_norm, min_max_norm, non_neg, unit_norm = MaxNorm, MinMaxNorm, NonNeg, UnitNorm
maxnorm, nonneg, unitnorm = MaxNorm, NonNeg, UnitNorm


_FAMILY = registry.Registry(
    "constraint", "keras.constraints", registry.names_of(MaxNorm, MinMaxNorm, NonNeg, UnitNorm),
    foreign=lambda cls: None, needs="apply",
    advice="; derive a class from minicnn.constraints.Constraint, with __call__",
)  # fmt: skip
get = _FAMILY.get


def serialize(constraint: object) -> dict | None:
    """Keras's dictionary of a constraint; None of None."""
    return _FAMILY.serialize(constraint)
