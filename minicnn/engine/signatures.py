"""Asking a user's function how many arguments it takes, instead of trying and catching."""

import inspect
from collections.abc import Callable
from typing import Any


def positional_count(function: Callable[..., Any], most: int) -> int:
    """The largest number of positional arguments, up to ``most``, that ``function`` takes.

    Raises:
        TypeError: it cannot be called with ``most`` positional arguments or fewer.
    """
    try:
        signature = inspect.signature(function)
    except ValueError:  # some functions written in C do not say
        return most
    for count in range(most, -1, -1):
        try:
            signature.bind(*range(count))
        except TypeError:
            continue
        return count
    raise TypeError(
        f"{function!r} takes {signature}, but it is called with at most {most} positional "
        f"argument{'s' if most != 1 else ''}"
    )
