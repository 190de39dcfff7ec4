"""How a step runs: called, or recorded once and replayed.

On a CPU a call has computed when it returns. A device works asynchronously: the host hands a step
over and goes on to the next one without waiting. So nothing of a step is read back there until a
progress line or a callback wants the totals. A loss that is not finite stops all updates on the
device (``spec.refusable``), and the host learns of it with the totals.
"""

import math
from typing import TYPE_CHECKING, Any, cast
from weakref import WeakKeyDictionary

from minicnn.backends import precision
from minicnn.backends.spec import Array, DeviceBackend
from minicnn.engine import interrupts
from minicnn.engine.data import Arrays, Rows
from minicnn.engine.guard import is_own, unguarded
from minicnn.engine.plan import Fused

if TYPE_CHECKING:
    from minicnn.engine.step import Step

_PLAIN = (bool, int, float, str, tuple, type(None))


class Caller:
    """Calls each step; its loss is looked at before anything is updated.

    Attributes:
        refused: (number since ``reset``, rows) of the first step whose loss was not finite.
    """

    def __init__(self, step: "Step") -> None:
        self._step = step
        self.reset()

    def reset(self, steps: int = 0) -> None:
        """No step is refused; ``steps`` of the epoch have been done."""
        self._count = steps
        self.refused: tuple[int, Rows] | None = None

    def refresh(self) -> None:
        """Nothing is kept from step to step that a callback could change."""

    def settle(self) -> None:
        """Nothing is under way."""

    def train(self, rows: Rows) -> None:
        """One training step."""
        self._count += 1
        self._step.body(rows)

    def test(self, rows: Rows) -> None:
        """One step of an evaluation."""
        self._step.forward(rows.take(), training=False)

    def accepts(self, loss: Array, rows: Rows) -> bool:
        """Whether the step on ``rows`` may go on: its loss (1,) is a finite number."""
        finite = math.isfinite(float(self._step.ops.to_numpy(loss)[0]))
        if not finite and self.refused is None:
            self.refused = self._count, rows
        return finite

    def apply(self, optimizer: Any) -> None:
        """Update the weights."""
        optimizer.apply()


class Recorder:
    """Runs a step once, records it the second time, and replays it from then on.

    A step is recorded if it is all the library's own. A custom layer, or a metric in NumPy, may
    look at arrays on the host, and a batch that is used once is not worth a recording: these steps
    run launch by launch.

    What a recording holds by value must not change while it is replayed: the sizes of a batch,
    which weights learn, a layer's settings. When any of it changes, the step is recorded again.

    Attributes:
        refused: as in :class:`Caller`, known after ``settle``.
    """

    def __init__(self, step: "Step") -> None:
        self._step = step
        self._ops = cast(DeviceBackend, step.ops)
        self._refused = step.ops.zeros((1,), "uint32")  # number of the refused step, or 0
        self._updates: int | None = None  # of the optimizer, where a schedule needs to know
        self._settings: list[Any] = []
        #: data -> (size, training) -> the recorded step and the memory it uses, None: it ran once
        self._recorded: WeakKeyDictionary[Arrays, dict[Any, Any]] = WeakKeyDictionary()
        self.reset()

    def reset(self, steps: int = 0) -> None:
        """No step is refused; ``steps`` of the epoch have been done."""
        self._refused[...] = 0
        self._good = self._step.executor.steps_done  # steps that are known to be good
        self._before = self._good - steps  # those before the epoch
        self._trained: list[Rows] = []  # what came after the good ones
        self.refused: tuple[int, Rows] | None = None

    def refresh(self) -> None:
        """Record anew if a setting is another one now; count the updates if a schedule asks."""
        optimizer = self._step.optimizer
        self._updates = optimizer.iterations if optimizer.is_scheduled else None
        settings = self._current_settings()
        if settings != self._settings:
            self._recorded.clear()
            self._settings = settings

    def settle(self) -> None:
        """Wait for the device, and learn of a step that was refused."""
        number = int(self._step.ops.to_numpy(self._refused)[0])
        if number:
            self.refused = number - self._before, self._trained[number - self._good - 1]
        else:
            self._good += len(self._trained)
            self._trained.clear()

    def train(self, rows: Rows) -> None:
        """One training step."""
        if self._updates is not None:  # a recording holds no schedule
            self._step.optimizer.refresh_learning_rate(self._updates)
            self._updates += 1
        with self._ops.refusable(self._refused):
            self._run(rows, training=True)
        self._trained.append(rows)
        if rows.source.once:  # its data are kept for this: look at once
            self.settle()

    def test(self, rows: Rows) -> None:
        """One step of an evaluation."""
        self._run(rows, training=False)

    def accepts(self, loss: Array, rows: Rows) -> bool:
        """The step goes on; whether its loss (1,) is finite is for the device to see."""
        step = self._step
        self._ops.refuse_unless_finite(loss, step.executor.step_number, self._refused)
        return True

    def apply(self, optimizer: Any) -> None:
        """Update the weights, at the learning rate in force."""
        optimizer.update_weights()

    def _run(self, rows: Rows, training: bool) -> None:
        """Run a step: launch by launch at first, recorded the second time, replayed from then."""
        source = rows.source
        if source.once or source.host_numbers or not self._is_own():
            self._launch(rows, training)
            return
        recorded = self._recorded.setdefault(source, {})
        key = rows.size, training
        if key not in recorded:
            self._launch(rows, training)  # compiles and makes buffers, which a recording must not
            recorded[key] = None
            return
        if recorded[key] is None:
            with interrupts.update:  # half a recording is of no use: Ctrl-C waits until it is whole
                replay = self._ops.capture(lambda: self._launch(rows, training))
            memory = [ctx.memory() for ctx in self._step.contexts()]
            recorded[key] = replay, memory
        recorded[key][0]()

    def _launch(self, rows: Rows, training: bool) -> None:
        """Hand the operations of a step to the device, one by one."""
        if training:
            self._step.body(rows)
        else:
            self._step.forward(rows.take(), training=False)

    def _is_own(self) -> bool:
        """Whether all that runs in a step is the library's own, and none of it reads back."""
        metrics = self._step.totals.metrics
        return all(metric.on_device for metric in metrics) and all(
            map(is_own, (*self._owners(), *metrics))
        )

    def _owners(self) -> list[Any]:
        """The objects whose settings a recording holds."""
        step = self._step
        stages: list[Any] = []
        for stage in step.plan.stages:
            stages += stage.run if isinstance(stage, Fused) else [stage]
        parameters = step.executor.store.parameters
        attached = [p.regularizer for p in parameters if p.regularizer is not None]
        attached += [p.constraint for p in parameters if p.constraint is not None]
        return [*map(unguarded, (*stages, step.loss)), step.optimizer, *attached]

    def _current_settings(self) -> list[Any]:
        step = self._step
        plain = [
            {name: value for name, value in vars(owner).items() if isinstance(value, _PLAIN)}
            for owner in self._owners()
        ]
        trained = [p.is_trained for p in step.executor.store.parameters]
        totals = [id(vars(metric).get("_state")) for metric in step.totals.metrics]
        return [precision.precision(), plain, trained, totals]
