"""Exercises of the tutorials: checks that say what is wrong and where, and hints.

    from minicnn.exercises import check, hint

    def my_im2col(x, window, strides):
        ...

    check(my_im2col)       # which property holds, which fails, at which index
    hint("im2col")         # the first hint; hint("im2col", 2) tells more

A check calls the function with small arrays, offline, and never raises because of the function: an
exception, a forgotten return, a wrong shape or dtype and a changed argument each get a message. A
function that never ends is the one thing it cannot stop: interrupt the kernel (or press Ctrl-C).

Each exercise is a module of its own, ``chapterNN/NAME.py``, that defines ``EXERCISE``.
"""

from minicnn.exercises.api import check, examine, hint
from minicnn.exercises.registry import names
from minicnn.exercises.source import show_source

__all__ = ["check", "examine", "hint", "names", "show_source"]
