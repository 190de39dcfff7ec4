"""Penalties on weights, as in Keras: large weights cost something.

``Dense(10, kernel_regularizer="l2")`` adds the penalty of its kernel to the loss, in training and
in evaluation, and the derivative of the penalty to the kernel's gradient.
"""

import math

import numpy as np

from minicnn import backends, registry
from minicnn.backends.spec import Array, Backend


class Regularizer(registry.Configured):
    """Base, and base of your own: the penalty of an array and its derivative, in NumPy.

    Example::

        class L4(Regularizer):
            def __call__(self, w):
                return 0.01 * (w**4).sum()

            def gradient(self, w):
                return 0.04 * w**3
    """

    def __call__(self, w: Array) -> float:
        """The penalty of ``w``, a number."""
        raise NotImplementedError(f"regularizer {type(self).__name__} has no __call__(self, w)")

    def gradient(self, w: Array) -> Array:
        """Derivative of the penalty, an array like ``w``."""
        raise NotImplementedError(f"regularizer {type(self).__name__} has no gradient(self, w)")

    def add_penalty(self, ops: Backend, total: Array, w: Array, share: float = 1.0) -> None:
        """total (1,) += share * penalty, where the backend ``ops`` computes."""
        total += share * self(w)

    def add_gradient(self, ops: Backend, dw: Array, w: Array, share: float = 1.0) -> None:
        """dw += share * gradient, in place."""
        dw += share * self.gradient(w)


class L1L2(Regularizer):
    """penalty = l1 sum(|w|) + l2 sum(w^2),   gradient = l1 sign(w) + 2 l2 w.

    Args:
        l1, l2: the two factors, not negative.

    Raises:
        ValueError: a factor is negative or no number.

    Source: Goodfellow, Bengio, Courville (2016), Deep Learning, section 7.1.
    """

    saved_arguments: tuple[str, ...] = ("l1", "l2")

    def __init__(self, l1: float | None = 0.0, l2: float | None = 0.0) -> None:
        self.l1, self.l2 = _factor("l1", l1), _factor("l2", l2)

    def __call__(self, w: Array) -> float:
        w = np.asarray(w)
        total = np.zeros(1, w.dtype)
        self.add_penalty(backends.get("numpy"), total, w)
        return float(total[0])

    def gradient(self, w: Array) -> Array:
        dw = np.zeros_like(w)
        self.add_gradient(backends.get("numpy"), dw, np.asarray(w))
        return dw

    def add_penalty(self, ops: Backend, total: Array, w: Array, share: float = 1.0) -> None:
        ops.add_penalty(total, w, share * self.l1, share * self.l2)

    def add_gradient(self, ops: Backend, dw: Array, w: Array, share: float = 1.0) -> None:
        ops.add_penalty_gradient(dw, w, share * self.l1, share * self.l2)


class L1(L1L2):
    """penalty = l1 sum(|w|): drives many weights to exactly 0."""

    saved_arguments = ("l1",)

    def __init__(self, l1: float | None = 0.01) -> None:
        super().__init__(l1=0.01 if l1 is None else l1)


class L2(L1L2):
    """penalty = l2 sum(w^2): keeps all weights small."""

    saved_arguments = ("l2",)

    def __init__(self, l2: float | None = 0.01) -> None:
        super().__init__(l2=0.01 if l2 is None else l2)


# Keras offers the short names too
l1, l2, l1_l2 = L1, L2, L1L2


_FAMILY = registry.Registry(
    "regularizer", "keras.regularizers", registry.names_of(L1, L2, L1L2), foreign=lambda cls: None,
    needs="add_gradient", advice=". minicnn writes every derivative by hand: derive a class from "
    "minicnn.regularizers.Regularizer, with __call__ and gradient",
)  # fmt: skip
get = _FAMILY.get


def serialize(regularizer: object) -> dict | None:
    """Keras's dictionary of a regularizer; None of None."""
    return _FAMILY.serialize(regularizer)


def _factor(name: str, value: float | None) -> float:
    value = 0.0 if value is None else value
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or value < 0:
        raise ValueError(
            f"Invalid value for argument {name}: expected a non-negative float, got {value!r}"
        )
    return float(value)
