"""Learning rates that change with the number of updates already done, as in Keras.

A schedule is called with ``step``, which is 0 for the first update. p = step / decay_steps below.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, is_dataclass
from typing import Any

from minicnn import registry


class LearningRateSchedule(registry.Configured):
    """Base: ``schedule(step)`` returns the learning rate of the update after ``step`` others.

    Example::

        class OneOverT(LearningRateSchedule):
            def __init__(self, start):
                self.start = start

            def __call__(self, step):
                return self.start / (step + 1)

            def get_config(self):  # needed only to save the model
                return {"start": self.start}
    """

    def __call__(self, step: int) -> float:
        """The learning rate after ``step`` updates."""
        raise NotImplementedError(
            f"Learning rate schedule '{type(self).__name__}' must override `__call__(self, step)`."
        )

    def get_config(self) -> dict[str, Any]:
        """The arguments that rebuild this schedule."""
        if is_dataclass(self):
            return asdict(self)
        raise NotImplementedError(
            f"Learning rate schedule '{type(self).__name__}' must override `get_config()` in "
            "order to be serializable."
        )


@dataclass(eq=False, repr=False)
class _Decay(LearningRateSchedule):
    """What goes down from ``initial_learning_rate`` over ``decay_steps``."""

    initial_learning_rate: float
    decay_steps: int

    def __post_init__(self) -> None:
        _check_positive("decay_steps", self.decay_steps)


@dataclass(eq=False, repr=False)
class ExponentialDecay(_Decay):
    """initial_learning_rate * decay_rate^p; with ``staircase`` p is rounded down."""

    decay_rate: float
    staircase: bool = False
    name: str = "ExponentialDecay"

    def __call__(self, step: int) -> float:
        return self.initial_learning_rate * self.decay_rate ** self._progress(step)

    def _progress(self, step: int) -> float:
        return step // self.decay_steps if self.staircase else step / self.decay_steps


@dataclass(eq=False, repr=False)
class InverseTimeDecay(ExponentialDecay):
    """initial_learning_rate / (1 + decay_rate p); with ``staircase`` p is rounded down."""

    name: str = "InverseTimeDecay"

    def __call__(self, step: int) -> float:
        return self.initial_learning_rate / (1 + self.decay_rate * self._progress(step))


@dataclass(eq=False, repr=False)
class PiecewiseConstantDecay(LearningRateSchedule):
    """``values[i]`` up to and including step ``boundaries[i]``, the last value after them all.

    ``values`` is one longer than ``boundaries``, which rise.
    """

    boundaries: Sequence[int]
    values: Sequence[float]
    name: str = "PiecewiseConstant"

    def __post_init__(self) -> None:
        boundaries, values = self.boundaries, self.values
        if len(boundaries) != len(values) - 1:
            raise ValueError(
                "The length of boundaries should be 1 less than the length of values. "
                f"Received: boundaries={boundaries} of length {len(boundaries)}, and "
                f"values={values} of length {len(values)}."
            )
        if any(a >= b for a, b in itertools.pairwise(boundaries)):
            raise ValueError(f"boundaries must rise from one to the next, got {boundaries}")
        self.boundaries, self.values = list(boundaries), list(values)

    def __call__(self, step: int) -> float:
        return self.values[sum(bool(step > boundary) for boundary in self.boundaries)]


@dataclass(eq=False, repr=False)
class PolynomialDecay(_Decay):
    """(initial_learning_rate - end_learning_rate) (1 - p)^power + end_learning_rate, p at most 1.

    With ``cycle`` the decay starts again, over twice, three times, ... ``decay_steps``.
    """

    end_learning_rate: float = 0.0001
    power: float = 1.0
    cycle: bool = False
    name: str = "PolynomialDecay"

    def __call__(self, step: int) -> float:
        p = step / self.decay_steps
        p = p / max(1, math.ceil(p)) if self.cycle else min(p, 1)
        span = self.initial_learning_rate - self.end_learning_rate
        return span * (1 - p) ** self.power + self.end_learning_rate


@dataclass(eq=False, repr=False)
class CosineDecay(_Decay):
    """Half a cosine wave from the initial learning rate down to ``alpha`` times it.

    initial_learning_rate ((1 - alpha) (1 + cos(pi p)) / 2 + alpha), p at most 1. With
    ``warmup_target`` the rate first rises to it, in a straight line over ``warmup_steps``, and the
    wave falls from there. Source: Loshchilov and Hutter (2017), arXiv:1608.03983.
    """

    alpha: float = 0.0
    name: str = "CosineDecay"
    warmup_target: float | None = None
    warmup_steps: int = 0

    def __call__(self, step: int) -> float:
        start = self.initial_learning_rate
        if self.warmup_target is not None:
            if step < self.warmup_steps:
                return start + (self.warmup_target - start) * step / self.warmup_steps
            start, step = self.warmup_target, step - self.warmup_steps
        return start * _cosine(min(step / self.decay_steps, 1), self.alpha)


@dataclass(eq=False, repr=False)
class CosineDecayRestarts(LearningRateSchedule):
    """Cosine waves one after the other: each ``t_mul`` times as long, ``m_mul`` times as high.

    Within a wave, p = steps since it began / its length, and the rate is
    initial_learning_rate ((1 - alpha) m_mul^i (1 + cos(pi p)) / 2 + alpha) in wave i = 0, 1, ...
    Source: Loshchilov and Hutter (2017), arXiv:1608.03983.
    """

    initial_learning_rate: float
    first_decay_steps: int
    t_mul: float = 2.0
    m_mul: float = 1.0
    alpha: float = 0.0
    name: str = "SGDRDecay"

    def __post_init__(self) -> None:
        _check_positive("first_decay_steps", self.first_decay_steps)
        if self.t_mul < 1:
            raise ValueError(
                f"Argument `t_mul` must be >= 1, or the waves shrink to nothing. Received: "
                f"t_mul={self.t_mul}"
            )

    def __call__(self, step: int) -> float:
        length: float = self.first_decay_steps
        if self.t_mul == 1:
            wave, position = divmod(float(step), length)
        else:
            wave, position = 0.0, float(step)
            while position >= length:
                position, length, wave = position - length, length * self.t_mul, wave + 1
        return self.initial_learning_rate * _cosine(position / length, self.alpha, self.m_mul**wave)


_FAMILY = registry.Registry(
    "learning rate schedule", "keras.optimizers.schedules", registry.names_of(
        ExponentialDecay, InverseTimeDecay, PiecewiseConstantDecay, PolynomialDecay, CosineDecay,
        CosineDecayRestarts,
    ),
)  # fmt: skip
deserialize = _FAMILY.deserialize


def serialize(schedule: object) -> dict | None:
    """Keras's dictionary of a schedule; None of None."""
    return _FAMILY.serialize(schedule)


def _cosine(p: float, alpha: float, height: float = 1.0) -> float:
    return (1 - alpha) * height * (1 + math.cos(math.pi * p)) / 2 + alpha


def _check_positive(argument: str, value: float) -> None:
    if not value > 0:
        raise ValueError(f"Argument `{argument}` must be > 0. Received: {argument}={value}")
