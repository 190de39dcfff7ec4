"""Adam and AdamW."""

from typing import Any

from minicnn.optimizers.arguments import check_fraction
from minicnn.optimizers.base import Optimizer


class Adam(Optimizer):
    """Steps scaled, entry by entry, by running means of the gradient and of its square.

    m += (1 - beta_1)(g - m);   v += (1 - beta_2)(g^2 - v);   t = iterations + 1
    w -= alpha m / (sqrt(v) + epsilon),   alpha = learning_rate sqrt(1 - beta_2^t) / (1 - beta_1^t)

    ``epsilon`` stands outside the bias correction, as in Keras ("epsilon hat" in the paper).
    With ``amsgrad`` the division is by the largest v so far.

    Args:
        learning_rate: float, schedule or function.
        beta_1: how much of m stays from one step to the next.
        beta_2: the same for v.
        epsilon: keeps the division finite.
        amsgrad: see above.
        **common: ``weight_decay``, ``clipnorm``, ``clipvalue``, ``global_clipnorm``, ``name``;
            see :class:`~minicnn.optimizers.Optimizer`.

    Sources: Kingma and Ba (2015), arXiv:1412.6980; Reddi, Kale, Kumar (2018), ICLR.
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **common: Any,
    ) -> None:
        super().__init__(learning_rate, **common)
        check_fraction("beta_1", beta_1)
        check_fraction("beta_2", beta_2)
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.amsgrad = amsgrad
        self.slot_groups = (("momentum", "velocity"),)
        if amsgrad:
            self.slot_groups += (("velocity_hat",),)

    def update(self, w: Any, g: Any, slots: dict[str, Any]) -> None:
        step = self._ops.amsgrad_step if self.amsgrad else self._ops.adam_step
        scalars = self._iteration.value, self._rate.value, self.beta_1, self.beta_2, self.epsilon
        step(w, g, *[*slots.values(), *scalars])

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
            "amsgrad": self.amsgrad,
        }


class AdamW(Adam):
    """Adam after a decay of the weights: w -= w weight_decay learning_rate.

    Source: Loshchilov and Hutter (2019), "Decoupled Weight Decay Regularization", ICLR.
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        weight_decay: float = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **common: Any,
    ) -> None:
        if weight_decay is None:
            raise ValueError(
                "Argument `weight_decay` must be a float. Received: weight_decay=None; "
                "Adam is AdamW without weight decay"
            )
        super().__init__(
            learning_rate, beta_1, beta_2, epsilon, amsgrad, weight_decay=weight_decay, **common
        )
