"""The user's own lines: where a call went wrong, and where a wrong gradient is made.

A mistake in using the checker is one message that ends with such a line; the lines that own a
gradient are found in the syntax tree of backward.
"""

import ast
import inspect
import linecache
import os
import textwrap
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

_OWN = str(Path(__file__).parent.parent)  # the package
_ARRAYS = str(Path(np.__file__).parent)


class GradientCheckError(ValueError):
    """The check could not be done: what is missing or broken, with file, line and source line."""

    def __init__(self, message: str, place: object = None) -> None:
        """``place``: the function or class whose definition ends the message."""
        where = "" if place is None else f"\n  {definition(place)}"
        super().__init__((message + where).rstrip())  # the line is empty where there is no source


def guarded(call: Callable[..., Any], what: str, /, *args: object, **kwargs: object) -> Any:
    """``call(*args, **kwargs)``; an exception in it becomes a :class:`GradientCheckError`.

    Args:
        what: names the call in the message, such as "backward of MyConv".
    """
    try:
        return call(*args, **kwargs)
    except GradientCheckError:
        raise
    except Exception as error:
        frames = traceback.extract_tb(error.__traceback__)
        mine = [(f.filename, f.lineno or 0) for f in frames if not _foreign(f.filename)]
        place = line_at(*mine[-1]) if mine else definition(call)  # the innermost of the user's
        text = f"{what} raised {type(error).__name__}: {error}"
        raise GradientCheckError(f"{text}\n  {place}" if place else text) from None


def one_array(got: Any, function: object, label: str) -> Any:
    """``got``, which a forward or backward of ``label`` returned and which has to be an array."""
    if not hasattr(got, "shape"):
        name = getattr(function, "__name__", "call")
        told = f"it returned {in_words(got)}"
        raise GradientCheckError(f"{name} of {label} must return one array, {told}", function)
    return got


def in_words(got: object) -> str:
    """What came where an array belongs, in words."""
    return "None; is a return statement missing?" if got is None else f"a {type(got).__name__}"


def definition(function: Any) -> str:
    """ "file.py:12: def forward(self, ctx, x):", or nothing when the source is not at hand."""
    plain = inspect.unwrap(getattr(function, "__func__", function))
    code = getattr(plain, "__code__", None)
    if code is None:
        try:
            return line_at(inspect.getsourcefile(plain) or "", inspect.getsourcelines(plain)[1])
        except (OSError, TypeError):
            return ""
    first = code.co_firstlineno
    for number in range(first, first + 20):  # decorators stand above the def
        if linecache.getline(code.co_filename, number).lstrip().startswith(("def ", "class ")):
            return line_at(code.co_filename, number)
    return line_at(code.co_filename, first)


def line_at(filename: str, number: int) -> str:
    """ "file.py:12: the source line"; the path is shortened to the working directory."""
    if not filename:
        return ""
    text = linecache.getline(filename, number).strip()
    return f"{short_path(filename)}:{number}" + (f": {text}" if text else "")


def short_path(filename: str) -> str:
    """The path relative to the working directory where that is shorter; notebooks have none."""
    if "ipykernel_" in filename or filename.startswith("<ipython-input"):
        return "this cell"
    try:
        relative = os.path.relpath(filename)
    except ValueError:
        return filename
    return filename if relative.startswith("..") else relative


def _foreign(filename: str) -> bool:
    inside = filename.startswith((_OWN, _ARRAYS, "<frozen", "<__array"))
    return inside or "site-packages" in filename


# -- the lines of a backward that own a gradient -------------------------------------------------


def grad_lines(function: object, attribute: str) -> list[str]:
    """Statements that mention the gradient of parameter ``self.<attribute>``."""
    blocks = ast.FunctionDef | ast.For | ast.While | ast.If | ast.With | ast.ClassDef
    spelled = f"{attribute}.grad"
    return _show(function, lambda s: not isinstance(s, blocks) and spelled in ast.unparse(s))


def attribute_lines(function: object, attribute: str) -> list[str]:
    """Statements that assign ``self.<attribute>`` (or a dictionary entry of that name)."""
    return _show(function, lambda s: any(attribute in ast.unparse(t) for t in _left(s)))


def returns(function: object, position: int, names: tuple[str, ...] = ()) -> list[str]:
    """The statements that make element ``position`` of what ``function`` returns.

    Args:
        names: keys under which a returned dictionary may hold it.
    """
    tree, *_ = _parse(function)
    made: set[str] = set()
    if tree is not None:
        assigned = {n for s in ast.walk(tree) if isinstance(s, ast.stmt) for n in _assigned(s)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Return) and node.value is not None:
                value = _element(node.value, position, names)
                made |= {n.id for n in ast.walk(value) if isinstance(n, ast.Name)} & assigned

    def wanted(statement: ast.stmt) -> bool:
        if isinstance(statement, ast.Return):
            value = statement.value
            return not made or not (value is None or isinstance(value, ast.Name | ast.Tuple))
        return bool(_assigned(statement) & made)

    return _show(function, wanted)


def _parse(function: Any) -> tuple[ast.AST | None, list[str], int, str]:
    plain = inspect.unwrap(getattr(function, "__func__", function))
    try:
        lines, first = inspect.getsourcelines(plain)
        tree = ast.parse(textwrap.dedent("".join(lines)))
        return tree, lines, max(first, 1), short_path(inspect.getsourcefile(plain) or "")
    except (OSError, TypeError, SyntaxError):
        return None, [], 0, ""


def _show(function: object, wanted: Callable[[ast.stmt], bool]) -> list[str]:
    """ "file.py:31: text" of every statement that is ``wanted``, in order."""
    tree, lines, first, path = _parse(function)
    where = definition(function)
    if tree is None:
        return [where] if where else []
    numbers = {s.lineno for s in ast.walk(tree) if isinstance(s, ast.stmt) and wanted(s)}
    shown = [f"{path}:{first + n - 1}: {lines[n - 1].strip()}" for n in sorted(numbers)]
    return shown or [where]


def _element(value: ast.expr, position: int, names: tuple[str, ...]) -> ast.expr:
    if isinstance(value, ast.Tuple | ast.List) and position < len(value.elts):
        return value.elts[position]
    if isinstance(value, ast.Dict):
        for key, item in zip(value.keys, value.values, strict=True):
            if isinstance(key, ast.Constant) and key.value in names:
                return item
    return value


def _left(statement: ast.stmt) -> list[ast.expr]:
    """What a statement assigns to."""
    if isinstance(statement, ast.Assign):
        return statement.targets
    return [statement.target] if isinstance(statement, ast.AugAssign | ast.AnnAssign) else []


def _assigned(statement: ast.stmt) -> set[str]:
    """Plain names that a statement assigns to, directly or through an index."""
    names = set()
    for target in _left(statement):
        for part in target.elts if isinstance(target, ast.Tuple | ast.List) else [target]:
            while isinstance(part, ast.Subscript):
                part = part.value
            if isinstance(part, ast.Name):
                names.add(part.id)
    return names
