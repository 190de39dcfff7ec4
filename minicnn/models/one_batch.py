"""The calls for a single batch: training, loss and prediction, one step at a time."""

from typing import Any

from minicnn.engine.diagnose import NonFiniteError, first_non_finite
from minicnn.engine.threads import alone
from minicnn.models.feeding import Feeding


class OneBatch(Feeding):
    """The part of a model that takes one batch at a time."""

    def __init__(self, name: str | None = None) -> None:
        super().__init__(name)
        self.compiled = False

    def __call__(self, x: Any, training: bool = False) -> Any:
        """Run the model on an array and return an array."""
        raise NotImplementedError

    @alone
    def train_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, class_weight: Any = None,
        return_dict: bool = False,
    ) -> Any:  # fmt: skip
        """One step on one batch; the loss and metrics are those before the update."""
        rows, compiled = self._one_batch(x, y, sample_weight, class_weight)
        self._warn_if_frozen()
        compiled.train(rows)
        logs = compiled.logs()
        if compiled.refused:
            where = first_non_finite(compiled, self.stages(), rows)
            raise NonFiniteError(
                f"train_on_batch: the loss is not a finite number. The first array that is not "
                f"finite is {where}. The weights are unchanged"
            )
        return results(logs, return_dict)

    @alone
    def test_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False
    ) -> Any:
        """Loss and metrics of one batch, in inference mode."""
        rows, compiled = self._one_batch(x, y, sample_weight, None)
        compiled.test(rows)
        return results(compiled.logs(), return_dict)

    def predict_on_batch(self, x: Any) -> Any:
        """The model's outputs for one batch, a NumPy array."""
        return self(x)

    def reset_metrics(self) -> None:
        """Start the running means again."""
        if self._compiled is not None:
            self._compiled.reset()

    def _require_compiled(self) -> None:
        if not self.compiled:
            raise ValueError("You must call `compile()` before using the model.")
        if self._loss is None:
            raise ValueError("No loss to compute. Provide a `loss` argument in `compile()`.")

    def _one_batch(self, x: Any, y: Any, sample_weight: Any, class_weight: Any) -> Any:
        self._require_compiled()
        source = self._source(x, y, sample_weight, class_weight, len(x), None, "one batch")
        source.once = True
        compiled = self._ready()
        compiled.reset()
        compiled.refresh()
        return next(iter(source.epoch(False, None))), compiled


def results(logs: dict[str, float], return_dict: bool) -> Any:
    """What evaluate and the calls for one batch return: the loss, a list, or a dictionary."""
    if return_dict:
        return dict(sorted(logs.items()))
    values = list(logs.values())
    return values[0] if len(values) == 1 else values
