"""Where batches come from: arrays, gathered by index, or a generator."""

import math
import warnings
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from minicnn.backends.spec import Array
from minicnn.engine import checks


class Batch(NamedTuple):
    """One batch where the backend computes; ``weights`` and ``weight_sum`` may be None.

    ``counted`` is the number of labels that the loss does not ignore, None if it ignores none.
    """

    x: Array  # (N, ...)
    y: Array | None
    weights: Array | None
    weight_sum: float | None
    size: int  # samples
    counted: int | None = None


class Rows(NamedTuple):
    """A batch that is still to be gathered: ``size`` rows of ``source``, from ``start`` on."""

    source: "Arrays"
    start: int
    size: int

    def gather(self) -> Batch:
        """The batch; it is there until the next one is gathered."""
        self.aim()
        return self.take()

    def aim(self) -> None:
        """Set the cursor to these rows, unless it is there already."""
        source = self.source
        if source.host_cursor != self.start:
            source.cursor[...] = self.start
        source.host_cursor = self.start + self.size

    def take(self) -> Batch:
        """The next ``size`` rows: the part that a device can record and repeat."""
        return self.source.take(self.start, self.size)


class Arrays:
    """Arrays on the host or the device; batches are gathered by index, cast as they go.

    The data set is handed to the backend once (on a GPU it stays there), and never copied or cast
    whole. So are the row numbers of an epoch; where in them the next batch begins is counted
    where the backend computes.

    Args:
        x, y, weights: arrays of N rows, already checked; y and weights may be None.
        user: the ``Step``, or for x alone the ``Executor``, that the batches are for.
        name: of the memory that they are gathered in: "train", "validation", ...
        once: each row is used once, as in a batch that a generator gives.

    Attributes:
        cursor: (1,) int64, where in the order of rows the next batch begins.
        host_cursor: the host's copy of ``cursor``, known without asking the device.
        host_numbers: whether a batch needs numbers that the host computes from its rows.
    """

    def __init__(
        self, x: np.ndarray, y: np.ndarray | None, weights: np.ndarray | None, batch_size: int,
        user: Any, name: str, once: bool = False,
    ) -> None:  # fmt: skip
        self.count = len(x)
        self.once = once
        self.batch_size = batch_size
        self._ctx = user.data_context(name)
        ops = self._ctx.ops
        self._user = user
        self._x = ops.asarray(x)
        self._y = None if y is None else ops.asarray(y)
        self._host_y: Any = y
        self._host_weights: Any = weights
        self._weights = None if weights is None else ops.asarray(weights)
        self._order = np.arange(self.count)
        self._rows = ops.empty((self.count,), "int64")  # the same where the rows are taken
        self.cursor = ops.zeros((1,), "int64")
        self.host_cursor = 0
        self._ignored = None if y is None else user.loss.ignore_class
        self.host_numbers = self._ignored is not None or (
            weights is not None and user.loss.reduction == "mean_with_sample_weight"
        )

    @property
    def batches(self) -> int:
        """Batches in one pass over the data, the smaller last one included."""
        return math.ceil(self.count / self.batch_size)

    def epoch(self, shuffle: bool | str, rng: np.random.Generator) -> Iterator[Rows]:
        """One pass. ``shuffle``: True (all samples), "batch" (inside each batch) or False."""
        self._order = order = np.arange(self.count)
        starts = range(0, self.count, self.batch_size)
        if shuffle is True:
            rng.shuffle(order)
        elif shuffle == "batch":
            for start in starts:
                rng.shuffle(order[start : start + self.batch_size])
        self._rows[...] = self._ctx.ops.asarray(order)
        for start in starts:
            yield Rows(self, start, min(self.batch_size, self.count - start))

    def samples(self, start: int, stop: int) -> Array:
        """Samples ``start`` to ``stop``, as they are if the backend can take them so."""
        x, ops, dtype = self._x[start:stop], self._ctx.ops, self._user.dtype
        if isinstance(x, np.ndarray) and x.flags.carray and x.dtype == dtype:
            return x
        return ops.gather_batch(self._ctx, "x", x, ops.asarray(np.arange(len(x))), dtype)

    def take(self, start: int, size: int) -> Batch:
        """See :meth:`Rows.take`."""
        ctx, user = self._ctx, self._user
        index = ctx.ops.next_rows(ctx, self._rows, self.cursor, size)  # (N,)
        x = ctx.ops.gather_batch(ctx, "x", self._x, index, user.dtype)  # (N, ...)
        y = weights = weight_sum = counted = None
        if self._y is not None:
            y = ctx.ops.gather_batch(ctx, "y", self._y, index, user.target_dtype)
        if self._weights is not None:
            weights = ctx.ops.gather_batch(ctx, "weights", self._weights, index, user.dtype)
        if self.host_numbers:
            chosen = self._order[start : start + size]  # (N,)
            counts: Any = slice(None)
            if self._ignored is not None:
                counts = self._host_y[chosen] != self._ignored  # (N, ...)
                counted = int(counts.sum())
            if self._weights is not None:
                weight_sum = float(self._host_weights[chosen][counts].sum())
        return Batch(x, y, weights, weight_sum, size, counted)


class Generator:
    """Batches from a Python generator of (x, y) or (x, y, sample_weight)."""

    batches: int | None = None

    def __init__(
        self, iterator: Iterator[Any], user: Any, name: str, check: Callable[[Any], Any]
    ) -> None:
        self._iterator = iterator
        self._user, self._name, self._check = user, name, check

    def epoch(self, shuffle: bool | str, rng: np.random.Generator) -> Iterator[Rows]:
        """What the generator still has to give."""
        for item in self._iterator:
            x, y, weights = self._check(item)
            arrays = Arrays(x, y, weights, len(x), self._user, self._name, once=True)
            yield from arrays.epoch(False, rng)


class Feeder:
    """Deals batches out epoch by epoch, with or without ``steps_per_epoch``.

    With it, an epoch is that many batches and the next epoch goes on where the last one stopped.

    Args:
        source: ``Arrays`` or a ``Generator``.
        steps: batches an epoch, or None.
        shuffle: as in ``Arrays.epoch``.
        order: makes the random generator of a pass from the number of updates so far.
        updates: how many updates the weights have seen.

    Attributes:
        done: batches of the current epoch that have been dealt out.
    """

    def __init__(
        self, source: Arrays | Generator, steps: int | None, shuffle: bool | str,
        order: Callable[[int], np.random.Generator], updates: Callable[[], int],
    ) -> None:  # fmt: skip
        self.source, self.steps = source, steps
        self._shuffle, self._order, self._updates = shuffle, order, updates
        self._pass: Iterator[Rows] | None = None
        self._seen = 0  # batches taken from the current pass
        self._drawn_at = 0  # updates when it began
        self.done = 0

    @property
    def target(self) -> int | None:
        """Batches an epoch, or None while a generator's length is unknown."""
        return self.steps if self.steps is not None else self.source.batches

    def position(self) -> dict[str, int]:
        """Where in the data the training is; ``resume`` takes it."""
        return {"drawn_at": self._drawn_at, "seen": self._seen, "done": self.done}

    def resume(self, drawn_at: int, seen: int, done: int) -> None:
        """Go on from such a place, in the same order of samples."""
        self._begin_pass(drawn_at)
        assert self._pass is not None
        for _ in range(seen):
            next(self._pass, None)
        self._seen, self.done = seen, done

    def epoch(self) -> Iterator[Rows]:
        """The batches of the next epoch, or the rest of one that was resumed."""
        if self.steps is None:
            if not self.done:
                self._pass = None
        elif self._seen == self.source.batches:
            self._pass = None
        while self.steps is None or self.done < self.steps:
            if self._pass is None:
                self._begin_pass(self._updates())
            assert self._pass is not None
            batch = next(self._pass, None)
            if batch is None:
                self._pass = None
                if self.steps is not None:
                    warnings.warn(
                        "Your input ran out of data; interrupting training. Make sure that your "
                        "data can generate at least `steps_per_epoch * epochs` batches.",
                        UserWarning,
                        stacklevel=2,
                    )
                break
            self._seen += 1
            self.done += 1
            yield batch
        self.done = 0

    def _begin_pass(self, updates: int) -> None:
        self._drawn_at, self._seen = updates, 0
        self._pass = self.source.epoch(self._shuffle, self._order(updates))


def resolve_batch_size(value: Any, count: int, steps: int | None) -> int:
    """The batch size: as given, else from the number of steps, else 32."""
    size = checks.batch_size(value)
    if size is not None:
        return size
    return math.ceil(count / steps) if steps else 32
