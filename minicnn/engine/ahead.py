"""Steps on a device that works behind the host: run once, recorded once, then replayed.

The host hands a step over and goes on to the next one without waiting. So nothing of a step is
read back until a progress line or a callback wants the totals. A loss that is not finite stops all
updates on the device (``spec.refusable``), and the host learns of it with the totals.

What a recording holds by value must not change while it is replayed: the sizes of a batch, which
weights learn, a layer's settings. When any of it changes, the step is recorded again.
"""

from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

from minicnn.backends import precision
from minicnn.engine import interrupts
from minicnn.engine.data import Arrays, Rows
from minicnn.engine.guard import is_own, unguarded
from minicnn.engine.plan import Fused

_PLAIN = (bool, int, float, str, tuple, type(None))


class Ahead:
    """How a compiled model runs its steps on such a device.

    A step is recorded if it is all the library's own. Code of somebody else's (a layer, a metric in
    NumPy) may look at arrays on the host, and a batch that is used once is not worth a recording:
    these steps run launch by launch.
    """

    def __init__(self, compiled: Any) -> None:
        self._compiled = compiled
        self._refused = compiled.ops.zeros((1,), "uint32")  # number of the refused step, or 0
        self._before = 0  # steps in front of the first since reset
        self._good = 0  # of those since reset: known to be good
        self._trained: list[Rows] = []  # what came after
        self._updates: int | None = None  # of the optimizer, where a schedule needs to know
        self._settings: list[Any] = []
        #: data -> (size, training) -> the recorded step and the memory it uses, None: it ran once
        self._recorded: WeakKeyDictionary[Arrays, dict[Any, Any]] = WeakKeyDictionary()

    def reset(self) -> None:
        """The totals start again from zero, and no step is refused."""
        c = self._compiled
        self._refused[...] = 0
        self._before, self._good = int(c.ops.to_numpy(c.executor.step)[0]), 0
        self._trained.clear()

    def refresh(self) -> None:
        """Look at what somebody may have changed since the last step: settings, updates."""
        optimizer = self._compiled.optimizer
        self._updates = optimizer.iterations if optimizer.is_scheduled else None
        settings = self._current_settings()
        if settings != self._settings:
            self._recorded.clear()
            self._settings = settings

    def train(self, rows: Rows) -> None:
        """One training step."""
        c = self._compiled
        if self._updates is not None:
            c.optimizer.refresh_learning_rate(self._updates)
            self._updates += 1
        rows.aim()
        self._run(rows, True, lambda: self._train(rows))
        self._trained.append(rows)
        if rows.source.once:  # its data are kept for this: look at once
            c.refused = self.refused()

    def test(self, rows: Rows) -> None:
        """One step of an evaluation."""
        rows.aim()
        self._run(rows, False, lambda: self._compiled.loss_of(rows.take(), training=False))

    def refused(self) -> tuple[int, Rows] | None:
        """(number since ``reset``, rows) of the step that was refused; waits for the device."""
        number = int(self._compiled.ops.to_numpy(self._refused)[0])
        if number == 0:
            self._good += len(self._trained)
            self._trained.clear()
            return None
        number -= self._before
        return number, self._trained[number - self._good - 1]

    def _train(self, rows: Rows) -> None:
        """What a recording of a training step holds."""
        c = self._compiled
        ops, step = c.ops, c.executor.step
        batch = rows.take()
        with ops.refusable(self._refused):
            ops.advance(step)
            c.averages.keep()
            try:
                loss = c.loss_of(batch, training=True)
                ops.refuse_unless_finite(loss, step, self._refused)
                c.backward()
            except BaseException:
                step -= 1
                c.averages.restore()
                raise
            with interrupts.update:
                c.averages.restore_refused(self._refused)
                c.optimizer.update_weights()
                c.penalties.constrain()

    def _run(self, rows: Rows, training: bool, step: Callable[[], Any]) -> None:
        """Run ``step``: launch by launch at first, recorded the second time, replayed from then."""
        source = rows.source
        if source.once or source.host_numbers or not self._is_own():
            step()
            return
        recorded = self._recorded.setdefault(source, {})
        key = rows.size, training
        if key not in recorded:
            step()  # compiles kernels and makes buffers, which a recording must not
            recorded[key] = None
            return
        if recorded[key] is None:
            with interrupts.update:  # recording is not computing: nothing could be undone
                replay = self._compiled.ops.capture(step)
            memory = [ctx.memory() for ctx in self._compiled.contexts()]
            recorded[key] = replay, memory
        recorded[key][0]()

    def _is_own(self) -> bool:
        """Whether all that runs in a step is the library's own, and none of it reads back."""
        c = self._compiled
        watched = (*c.metrics, *c.weighted_metrics)
        return all(metric.on_device for metric in watched) and all(
            map(is_own, (*self._owners(), *watched))
        )

    def _owners(self) -> list[Any]:
        """The objects whose settings a recording holds."""
        c = self._compiled
        stages: list[Any] = []
        for stage in c.executor.plan.stages:
            stages += stage.run if isinstance(stage, Fused) else [stage]
        limits = [p.regularizer for p in c.penalties.regularized]
        limits += [p.constraint for p in c.penalties.constrained]
        given = [unguarded(part) for part in (*stages, c.loss)]
        return [*given, c.optimizer, *limits]

    def _current_settings(self) -> list[Any]:
        c = self._compiled
        plain = [
            {name: value for name, value in vars(owner).items() if isinstance(value, _PLAIN)}
            for owner in self._owners()
        ]
        trained = [p.is_trained for p in c.executor.store.parameters]
        totals = [id(vars(metric).get("_state")) for metric in (*c.metrics, *c.weighted_metrics)]
        return [precision.precision(), plain, trained, totals]
