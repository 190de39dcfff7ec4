"""The learning rate of an optimizer: a number, a schedule, or a function."""

from collections.abc import Callable
from typing import Any

from minicnn.engine.signatures import positional_count
from minicnn.optimizers.arguments import warn_lr
from minicnn.optimizers.variables import OptimizerVariable


class LearningRate(float):
    """The rate of an optimizer's next update: a float, which can be set as Keras's variable can.

    ``optimizer.learning_rate.assign(0.01)`` is ``optimizer.learning_rate = 0.01``.
    """

    _optimizer: Any

    def __new__(cls, optimizer: Any) -> "LearningRate":
        """The rate of ``optimizer`` as it is now."""
        rate = super().__new__(cls, float(optimizer._rate))
        rate._optimizer = optimizer
        return rate

    @property
    def value(self) -> Any:
        """The number as an array () of the stored precision."""
        return self.numpy()

    def numpy(self) -> Any:
        """The number as an array () of the stored precision."""
        return self._optimizer._rate.numpy()

    def assign(self, value: Any) -> None:
        """Give the optimizer another rate.

        Raises:
            TypeError: a schedule decides.
        """
        self._optimizer.learning_rate = value

    def __reduce__(self) -> Any:
        return float, (float(self),)


class WithLearningRate:
    """The part of an optimizer that knows its learning rate.

    Attributes:
        _rate: the rate in force.
        _schedule: what gives it, or None.
    """

    _rate: OptimizerVariable
    _schedule: Callable[..., Any] | None
    _schedule_takes_step: bool

    @property
    def iterations(self) -> int:
        """Number of updates done."""
        raise NotImplementedError

    @property
    def is_scheduled(self) -> bool:
        """Whether a schedule or a function gives the rate."""
        return self._schedule is not None

    def refresh_learning_rate(self, iterations: int | None = None) -> None:
        """Evaluate the schedule, if there is one, for the next update.

        ``apply`` does so itself; whoever replays a recorded ``update_weights`` calls this before.

        Args:
            iterations: updates so far, where the caller knows; else they are looked up.
        """
        if self._schedule is None:
            return
        if not self._schedule_takes_step:
            self._rate.assign(self._schedule())
            return
        self._rate.assign(self._schedule(self.iterations if iterations is None else iterations))

    @property
    def learning_rate(self) -> Any:
        """The rate of the next update, a float of the stored precision; settable.

        Setting a number where a schedule decides raises TypeError.
        """
        self.refresh_learning_rate()
        return LearningRate(self)

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        if callable(value):
            self._schedule = value
            self._schedule_takes_step = positional_count(value, 1) == 1
        elif self._schedule is not None:
            raise TypeError(
                "This optimizer was created with a `LearningRateSchedule` object as its "
                "`learning_rate` constructor argument, hence its learning rate is not settable. "
                "If you need the learning rate to be settable, you should instantiate the "
                "optimizer with a float `learning_rate` argument."
            )
        else:
            self._rate.assign(value)

    @property
    def lr(self) -> Any:
        """Older name of ``learning_rate``."""
        warn_lr()
        return self.learning_rate

    @lr.setter
    def lr(self, value: Any) -> None:
        warn_lr()
        self.learning_rate = value
