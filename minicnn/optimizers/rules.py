"""The rules by which a gradient changes the weights: SGD, RMSprop, Adam and AdamW."""

import warnings
from collections.abc import Mapping
from typing import Any

from minicnn.backends.spec import Array
from minicnn.optimizers.arguments import check_fraction
from minicnn.optimizers.base import Optimizer, Rate


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

    saved_arguments = ("momentum", "nesterov")

    def __init__(
        self, learning_rate: Rate = 0.01, momentum: float = 0.0, nesterov: bool = False,
        **common: Any,
    ) -> None:  # fmt: skip
        super().__init__(learning_rate, **common)
        if not isinstance(momentum, float) or not 0 <= momentum <= 1:
            raise ValueError(f"`momentum` must be a float between [0, 1]. Received: {momentum!r}")
        if nesterov and not momentum:
            warnings.warn("nesterov=True changes nothing while momentum is 0", stacklevel=2)
        self.momentum, self.nesterov = momentum, nesterov
        if momentum:
            self.slot_groups = (("momentum",),)

    def update(self, w: Array, g: Array, slots: Mapping[str, Array]) -> None:
        m = slots.get("momentum")
        self._ops.sgd_step(w, g, m, self._rate.value, self.momentum, self.nesterov)


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

    saved_arguments = ("rho", "momentum", "epsilon", "centered")

    def __init__(
        self, learning_rate: Rate = 0.001, rho: float = 0.9, momentum: float = 0.0,
        epsilon: float = 1e-7, centered: bool = False, **common: Any,
    ) -> None:  # fmt: skip
        super().__init__(learning_rate, **common)
        check_fraction("rho", rho)
        if momentum < 0:
            raise ValueError(f"`momentum` must not be negative. Received: momentum={momentum}")
        self.rho, self.momentum, self.epsilon, self.centered = rho, momentum, epsilon, centered
        kept = {"velocity": True, "momentum": momentum > 0, "average_gradient": centered}
        self.slot_groups = tuple((name,) for name, needed in kept.items() if needed)

    def update(self, w: Array, g: Array, slots: Mapping[str, Array]) -> None:
        self._ops.rmsprop_step(
            w, g, slots["velocity"], slots.get("momentum"), slots.get("average_gradient"),
            self._rate.value, self.rho, self.momentum, self.epsilon,
        )  # fmt: skip


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

    saved_arguments = ("beta_1", "beta_2", "epsilon", "amsgrad")

    def __init__(
        self, learning_rate: Rate = 0.001, beta_1: float = 0.9, beta_2: float = 0.999,
        epsilon: float = 1e-7, amsgrad: bool = False, **common: Any,
    ) -> None:  # fmt: skip
        super().__init__(learning_rate, **common)
        check_fraction("beta_1", beta_1)
        check_fraction("beta_2", beta_2)
        self.beta_1, self.beta_2, self.epsilon, self.amsgrad = beta_1, beta_2, epsilon, amsgrad
        self.slot_groups = (("momentum", "velocity"),)
        if amsgrad:
            self.slot_groups += (("velocity_hat",),)

    def update(self, w: Array, g: Array, slots: Mapping[str, Array]) -> None:
        m, v, *largest_v = slots.values()
        rates = self._iteration.value, self._rate.value, self.beta_1, self.beta_2, self.epsilon
        if self.amsgrad:
            self._ops.amsgrad_step(w, g, m, v, largest_v[0], *rates)
        else:
            self._ops.adam_step(w, g, m, v, *rates)


class AdamW(Adam):
    """Adam after a decay of the weights: w -= w weight_decay learning_rate.

    Source: Loshchilov and Hutter (2019), "Decoupled Weight Decay Regularization", ICLR.
    """

    def __init__(
        self, learning_rate: Rate = 0.001, weight_decay: float = 0.004, beta_1: float = 0.9,
        beta_2: float = 0.999, epsilon: float = 1e-7, amsgrad: bool = False, **common: Any,
    ) -> None:  # fmt: skip
        if weight_decay is None:
            raise ValueError(
                "Argument `weight_decay` must be a float. Received: weight_decay=None; "
                "Adam is AdamW without weight decay"
            )
        super().__init__(
            learning_rate, beta_1, beta_2, epsilon, amsgrad, weight_decay=weight_decay, **common
        )
