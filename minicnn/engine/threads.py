"""Which threads may use a model at the same time.

Any number may predict, save and read weights, also while one trains: each batch and each file is
made of the weights of one whole step, never of half an update. Only one may train or evaluate, for
both count in the same running totals.
"""

import functools
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, TypeVar

from minicnn.engine import interrupts

Method = TypeVar("Method", bound=Callable[..., Any])


class OneThread:
    """Context manager of the thread that trains or evaluates a model; it may enter again.

    A copy, or what comes out of a pickle, is free.

    Raises:
        RuntimeError: another thread is inside.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()

    def __enter__(self) -> None:
        if not self._lock.acquire(blocking=False):
            raise RuntimeError(
                "another thread is training or evaluating this model, and both would count in the "
                "same running totals. Wait until it is done, or give each thread a model of its "
                "own (copy.deepcopy(model), or load_model). Predicting and saving are possible "
                "meanwhile"
            )

    def __exit__(self, *error: object) -> None:
        self._lock.release()

    def __reduce__(self) -> Any:
        return OneThread, ()


def alone(method: Method) -> Method:
    """Decorates a method of a model that trains or evaluates: one thread at a time, see above."""

    @functools.wraps(method)
    def guarded(model: Any, *args: Any, **kwargs: Any) -> Any:
        with interrupts.handled(), model.one_thread:
            return method(model, *args, **kwargs)

    return guarded  # type: ignore[return-value]


def between_steps(parameters: Iterable[Any]) -> AbstractContextManager[Any]:
    """Held while weights are read together: no step changes them meanwhile."""
    for parameter in parameters:
        if parameter.ops is not None:
            return parameter.ops.running()
    return nullcontext()


@contextmanager
def setting(parameters: Iterable[Any]) -> Iterator[None]:
    """Held while weights are set together: neither a step nor Ctrl-C comes between."""
    with interrupts.handled(), interrupts.update, between_steps(parameters):
        yield
