"""Stochastic gradient descent, plain, with momentum, or with Nesterov's momentum."""

import warnings
from typing import Any

from minicnn.optimizers.base import Optimizer


class SGD(Optimizer):
    """w -= learning_rate g, or with momentum a velocity that remembers earlier gradients.

    m = momentum m - learning_rate g;   w += m
    Nesterov's looks one step ahead:   w += momentum m - learning_rate g   with the new m.

    Args:
        learning_rate: float, schedule or function.
        momentum: a float in [0, 1]: how much of the velocity stays.
        nesterov: see above.
        **common: ``weight_decay``, ``clipnorm``, ``clipvalue``, ``global_clipnorm``, ``name``;
            see :class:`~minicnn.optimizers.Optimizer`.

    Source: Sutskever, Martens, Dahl, Hinton (2013), ICML.
    """

    def __init__(
        self,
        learning_rate: Any = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
        **common: Any,
    ) -> None:
        super().__init__(learning_rate, **common)
        if not isinstance(momentum, float) or not 0 <= momentum <= 1:
            raise ValueError(f"`momentum` must be a float between [0, 1]. Received: {momentum!r}")
        if nesterov and not momentum:
            warnings.warn("nesterov=True changes nothing while momentum is 0", stacklevel=2)
        self.momentum = momentum
        self.nesterov = nesterov
        if momentum:
            self.slot_groups = (("momentum",),)

    def update(self, w: Any, g: Any, slots: dict[str, Any]) -> None:
        m = slots.get("momentum")
        self._ops.sgd_step(w, g, m, self._rate.value, self.momentum, self.nesterov)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"momentum": self.momentum, "nesterov": self.nesterov}
