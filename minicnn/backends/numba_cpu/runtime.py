"""How kernels run: one thread at a time, BLAS on one thread, small work without waking others.

Four things make this necessary:

* Two Python threads that enter parallel kernels at once can abort the process (Numba's
  "workqueue" threads are not reentrant), so a lock is held while a kernel runs.
* Kernels call BLAS from every thread, so BLAS itself must not start threads. Nor may it keep
  some spinning: two thread pools on the same cores slow each other down twentyfold.
* Waking the threads costs more than a small piece of work is worth.
* GNU's OpenMP lets a thread that waits spin for milliseconds. When other programs want the cores
  too, it spins in the way of the very thread it waits for, and a step takes thirty times as long.

And one thing makes it impossible: GNU's OpenMP ends a process that was forked from one in which its
threads were running. There an error says so first.
"""

import os
import sys
import threading
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
import scipy.linalg.cython_blas  # noqa: F401  (the BLAS that kernels call must be loaded)
from numba.core import event

from minicnn.backends.context import Context
from minicnn.backends.spec import Array

# Spin for some 50 microseconds, then sleep. Read when the first parallel kernel starts the threads.
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ.setdefault("GOMP_SPINCOUNT", "5000")

#: scalar operations below which a kernel runs on the calling thread alone: some 25 microseconds
#: of them. Waking a thread that sleeps takes 30, and 250 when other programs want its core; but
#: within a step it mostly waits awake.
SMALL = 250_000
#: multiply-adds of a small matrix product that take the time of one such operation
PRODUCTS = 8


class _Running:
    """Context manager: the lock held, BLAS threads set to 1, and all set back at the end.

    NumPy's own warnings about overflow and NaN are off: the engine names the array instead.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._depth = 0
        self._blas: list[Any] | None = None  # threadpoolctl's handles, found once
        self._let_anybody: Callable[..., object]  # set the number of BLAS threads
        self._threads: list[int] = []
        self._allowed = self._used = 1  # Numba's threads: as set from outside, and at present
        self.lost = False  # whether the threads stayed behind in the process that forked this one

    def __enter__(self) -> None:
        self._lock.acquire()
        self._depth += 1
        if self._depth == 1:
            if self._blas is None:
                from threadpoolctl import ThreadpoolController

                libraries = ThreadpoolController().select(user_api="blas")
                self._blas = list(libraries.lib_controllers)
                self._let_anybody = _shared_limits(self._blas)
            self._threads = [library.get_num_threads() for library in self._blas]
            self._let_anybody(force=True)
            for library in self._blas:
                library.set_num_threads(1)
            self._allowed = self._used = numba.get_num_threads()
            self._quiet = np.errstate(over="ignore", invalid="ignore", divide="ignore")
            self._quiet.__enter__()

    def __exit__(self, *error: object) -> None:
        if self._depth == 1:
            self._quiet.__exit__(None, None, None)
            self.use(parallel=True)
            for library, threads in zip(self._blas or (), self._threads, strict=True):
                library.set_num_threads(threads)
            self._let_anybody(force=True)
        self._depth -= 1
        self._lock.release()

    def use(self, parallel: bool) -> None:
        """Let kernels run on all threads or on one; Numba is told only of a change."""
        threads = self._allowed if parallel else 1
        if threads != self._used:
            numba.set_num_threads(threads)
            self._used = threads

    def forked(self) -> None:
        """This is a new process: the lock may be held by a thread that is not here."""
        self._lock = threading.RLock()
        self._depth = 0
        self.lost = _gnu_openmp_runs()


def _shared_limits(libraries: list[Any]) -> Callable[..., object]:
    """What lets any thread set the number of BLAS threads: nothing in older versions.

    threadpoolctl 3.8 lets one thread of the process do so, and silently ignores all others. Here
    the lock sees to it that only one does at a time.
    """
    found = (getattr(library, "clear_controlling_thread", None) for library in libraries)
    return next(filter(None, found), lambda force: None)


def _gnu_openmp_runs() -> bool:
    """Whether Numba has started GNU's OpenMP; its other threading layers survive a fork."""
    try:
        layer = numba.threading_layer()  # type: ignore[attr-defined]
    except ValueError:  # no threads were started
        return False
    if layer != "omp":
        return False
    from numba.np.ufunc import omppool  # type: ignore[attr-defined]

    return omppool.openmp_vendor == "GNU"


#: held while steps run; may be entered again by the same thread
RUNNING = _Running()
if hasattr(os, "register_at_fork"):  # not on Windows, which cannot fork
    os.register_at_fork(after_in_child=RUNNING.forked)


def launch(kernel: Callable[..., object], work: int, *arguments: object) -> None:
    """Call a parallel kernel; on one thread if ``work`` (scalar operations) is small.

    Raises:
        RuntimeError: the threads that run it are those of another process, see above.
    """
    if RUNNING.lost:
        raise RuntimeError(
            "this process was forked after kernels had run, and the threads that run them (GNU "
            "OpenMP) do not come along. Start processes with multiprocessing.get_context('spawn'), "
            "or fork before the first kernel runs, or load the model in this process after "
            "minicnn.config.set_backend('numpy')"
        )
    with RUNNING:
        RUNNING.use(parallel=work >= SMALL)
        kernel(*arguments)


def contiguous(ctx: Context, name: str, array: Array) -> Array:
    """``array`` as kernels take it: itself, or a copy in the buffer ``name``.

    Anything else (strided, read-only, unaligned) would compile every kernel again for its layout.
    """
    if array.flags.carray:
        return array
    copy = ctx.buffer(name, array.shape, array.dtype)
    copy[...] = array
    return copy


def vector(ctx: Context, b: Array | None, size: int, dtype: np.dtype) -> Array:
    """The bias ``b`` (size,) as kernels take it: zeros if there is none."""
    if b is not None:
        return contiguous(ctx, "b", b)
    zeros = ctx.buffer("no_b", (size,), dtype)
    zeros[...] = 0
    return zeros


class _Announcement(event.Listener):
    """Says once that kernels are being compiled, so that nobody wonders about the wait.

    Numba sends the event only when neither memory nor its cache on disk has the kernel.
    """

    def __init__(self) -> None:
        self._said = False

    def on_start(self, event: Any) -> None:
        package = __name__.rpartition(".")[0]
        module = event.data["dispatcher"].py_func.__module__  # None for a function made by exec
        if not self._said and module is not None and module.startswith(package):
            self._said = True
            print(
                "minicnn: compiling kernels for this machine, once (about 20 s; Ctrl-C waits for a "
                "kernel, twice does not) ...",
                file=sys.stderr, flush=True,
            )  # fmt: skip

    def on_end(self, event: Any) -> None:
        pass


event.register("numba:compile", _Announcement())
