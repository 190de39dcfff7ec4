"""Ctrl-C while a model computes: it takes effect where the model is whole.

Python raises KeyboardInterrupt between any two operations of the main thread, so also between the
update of one weight and the next, or while a lock is being released. A step therefore holds it back
until a place is reached where nothing is half done: between two stages, and at the end of the step.
That takes milliseconds; where a stage's kernels are compiled first, seconds. A second Ctrl-C does
not wait, except for an update of the weights.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

#: a Ctrl-C that is held back, or None
waiting: tuple[int, FrameType | None] | None = None
_previous: Any = None  # the handler of SIGINT that ours stands in for
_main = threading.main_thread().ident


class _Held:
    """Context manager: Ctrl-C inside waits for :func:`point` or for the end of the block.

    Attributes:
        blocks: how many such blocks the main thread is in.
    """

    def __init__(self) -> None:
        self.blocks = 0

    def __enter__(self) -> None:
        if threading.get_ident() == _main:
            self.blocks += 1

    def __exit__(self, *error: object) -> None:
        if threading.get_ident() == _main:
            self.blocks -= 1
            if waiting is not None and not step.blocks and not update.blocks:
                _take()


#: held around a step: a first Ctrl-C waits, a second one is taken at once (a layer of somebody's
#: own may never come back)
step = _Held()
#: held around the update of the weights: there every Ctrl-C waits
update = _Held()


@contextmanager
def handled() -> Iterator[None]:
    """Inside, ``step`` and ``update`` hold Ctrl-C back; outside of these blocks it comes at once.

    Whatever handler the program has is called then, late. Outside of the main thread, where Python
    handles no signals, and in a program that leaves SIGINT to the system, nothing is done.
    """
    global _previous
    before = signal.getsignal(signal.SIGINT)
    if threading.get_ident() != _main or before is _on_signal or not callable(before):
        yield
        return
    _previous = before
    signal.signal(signal.SIGINT, _on_signal)
    try:
        yield
    finally:
        if signal.getsignal(signal.SIGINT) is _on_signal:  # nobody has set another one meanwhile
            signal.signal(signal.SIGINT, before)


def point() -> None:
    """A place inside a step where Ctrl-C may be taken: nothing that lasts has changed yet.

    Between two stages, where a call would cost, ask ``waiting`` first.
    """
    if waiting is not None and not update.blocks and threading.get_ident() == _main:
        _take()


def _on_signal(number: int, frame: FrameType | None) -> None:
    global waiting
    if update.blocks or (step.blocks and waiting is None):
        waiting = number, frame
    else:
        waiting = None
        _previous(number, frame)


def _take() -> None:
    """Do now what a Ctrl-C that was held back would have done."""
    global waiting
    if waiting is not None:
        arguments, waiting = waiting, None
        _previous(*arguments)
