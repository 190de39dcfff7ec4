"""RMSprop."""

from typing import Any

from minicnn.optimizers.arguments import check_fraction
from minicnn.optimizers.base import Optimizer


class RMSprop(Optimizer):
    """Steps divided by the root of a running mean of the squared gradient.

    v = rho v + (1 - rho) g^2;   step = learning_rate g / sqrt(v + epsilon);   w -= step
    With ``centered``, a = rho a + (1 - rho) g and the root is of v - a^2 + epsilon, an estimate of
    the variance. With ``momentum``, m = momentum m + step and w -= m.

    Args:
        learning_rate: float, schedule or function.
        rho: how much of the means stays from one step to the next.
        momentum: how much of the velocity stays; 0 keeps none.
        epsilon: keeps the division finite; it stands inside the root.
        centered: see above.
        **common: ``weight_decay``, ``clipnorm``, ``clipvalue``, ``global_clipnorm``, ``name``;
            see :class:`~minicnn.optimizers.Optimizer`.

    Source: Hinton (2012), lecture 6 of "Neural Networks for Machine Learning".
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-7,
        centered: bool = False,
        **common: Any,
    ) -> None:
        super().__init__(learning_rate, **common)
        check_fraction("rho", rho)
        if momentum < 0:
            raise ValueError(f"`momentum` must not be negative. Received: momentum={momentum}")
        self.rho = rho
        self.momentum = momentum
        self.epsilon = epsilon
        self.centered = centered
        kept = {"velocity": True, "momentum": momentum > 0, "average_gradient": centered}
        self.slot_groups = tuple((name,) for name, needed in kept.items() if needed)

    def update(self, w: Any, g: Any, slots: dict[str, Any]) -> None:
        self._ops.rmsprop_step(
            w, g, slots["velocity"], slots.get("momentum"), slots.get("average_gradient"),
            self._rate.value, self.rho, self.momentum, self.epsilon,
        )  # fmt: skip

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "rho": self.rho,
            "momentum": self.momentum,
            "epsilon": self.epsilon,
            "centered": self.centered,
        }
