"""What a model asks for beside its loss on the data: penalties on weights, and limits for them."""

from collections.abc import Sequence
from typing import Any

from minicnn.engine.plan import Plan


class Penalties:
    """The regularised and the constrained weights of a model: none, and no work, in most models.

    Only weights that are trained now are penalised and constrained, as in Keras.
    """

    def __init__(self, plan: Plan, parameters: Sequence[Any]) -> None:
        self.ops = plan.ops
        self.regularized = [p for p in parameters if p.regularizer is not None]
        self.constrained = [p for p in parameters if p.constraint is not None]
        self.activities = [
            (stage, plan.training[i], plan.inference[i])
            for i, stage in enumerate(plan.stages)
            if stage.kind == "activity_penalty"
        ]

    def add_to(self, loss: Any, training: bool) -> None:
        """``loss`` (1,) += every penalty."""
        for p in self.regularized:
            if p.is_trained:
                p.regularizer.add_penalty(self.ops, loss, p.value)
        for stage, train_ctx, inference_ctx in self.activities:
            stage.add_penalty(train_ctx if training else inference_ctx, loss)

    def add_gradients(self) -> None:
        """Each weight's gradient, which backward has assigned, += that of its penalty."""
        for p in self.regularized:
            if p.is_trained:
                p.regularizer.add_gradient(self.ops, p.grad, p.value)

    def constrain(self) -> None:
        """Bring the updated weights within their limits."""
        for p in self.constrained:
            if p.is_trained:
                p.constraint.apply(self.ops, p.value)
