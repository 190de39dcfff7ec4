"""Shows a function of the library as it stands in its file, so that a text cannot go stale."""

import inspect
import textwrap
from types import ModuleType
from typing import Any


class Source:
    """The source of one object: Markdown in a notebook, plain text elsewhere."""

    def __init__(self, title: str, text: str) -> None:
        self.title, self.text = title, text

    def _repr_markdown_(self) -> str:
        return f"`{self.title}`\n\n```python\n{self.text}\n```"

    def __repr__(self) -> str:
        return f"{self.title}\n\n{self.text}"


def show_source(where: Any, name: str | None = None) -> Source:
    """The source of ``where.name``, or of ``where`` itself, under the name it is imported by.

    Args:
        where: a module or class with ``name`` in it, or a function or class.
        name: a function, class or method of it.

    Raises:
        ValueError: ``where`` has no such name, or it has no Python source.
    """
    if name is None:
        thing, title = where, f"{where.__module__}.{where.__qualname__}"
    else:
        holder = where.__name__ if isinstance(where, ModuleType) else where.__qualname__
        if not hasattr(where, name):
            raise ValueError(f"{holder} has no {name!r}")
        thing, title = getattr(where, name), f"{holder}.{name}"
    try:
        text = inspect.getsource(thing)
    except (TypeError, OSError):
        raise ValueError(f"{title} is no Python function or class with a source") from None
    return Source(title, textwrap.dedent(text).rstrip())
