"""The lines of a backward pass that own a gradient, found in its syntax tree."""

import ast
import inspect
import textwrap
from typing import Any

from minicnn.gradcheck.errors import definition, short_path


def _parse(function: Any) -> tuple[ast.AST | None, list[str], int, str]:
    function = inspect.unwrap(getattr(function, "__func__", function))
    try:
        lines, first = inspect.getsourcelines(function)
        tree = ast.parse(textwrap.dedent("".join(lines)))
        return tree, lines, max(first, 1), short_path(inspect.getsourcefile(function) or "")
    except (OSError, TypeError, SyntaxError):
        return None, [], 0, ""


def _show(function: Any, wanted: Any) -> list[str]:
    """ "file.py:31: text" of every statement that ``wanted(node)`` accepts, in order."""
    tree, lines, first, path = _parse(function)
    if tree is None:
        where = definition(function)
        return [where] if where else []
    numbers = sorted(
        {node.lineno for node in ast.walk(tree) if isinstance(node, ast.stmt) and wanted(node)}
    )
    return [f"{path}:{first + n - 1}: {lines[n - 1].strip()}" for n in numbers] or [
        definition(function)
    ]


def grad_lines(function: Any, attribute: str) -> list[str]:
    """Statements that mention the gradient of parameter ``self.<attribute>``."""
    spelled = f"{attribute}.grad"

    def wanted(node: ast.stmt) -> bool:
        if isinstance(
            node, ast.FunctionDef | ast.For | ast.While | ast.If | ast.With | ast.ClassDef
        ):
            return False
        return spelled in ast.unparse(node)

    return _show(function, wanted)


def returns(function: Any, position: int, names: tuple[str, ...] = ()) -> list[str]:
    """The statements that make element ``position`` of what ``function`` returns.

    Args:
        names: keys under which a returned dictionary may hold it.
    """
    tree, *_ = _parse(function)
    if tree is None:
        return _show(function, lambda node: False)
    wanted_names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Return) and node.value is not None:
            value = _element(node.value, position, names)
            wanted_names |= {n.id for n in ast.walk(value) if isinstance(n, ast.Name)} & _assigned(
                tree
            )

    def wanted(node: ast.stmt) -> bool:
        if isinstance(node, ast.Return):
            return not wanted_names or (
                node.value is not None and not isinstance(node.value, ast.Name | ast.Tuple)
            )
        return bool(_targets(node) & wanted_names)

    return _show(function, wanted)


def attribute_lines(function: Any, attribute: str) -> list[str]:
    """Statements that assign ``self.<attribute>`` (or a dictionary entry of that name)."""

    def wanted(node: ast.stmt) -> bool:
        if not isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign):
            return False
        left = node.targets if isinstance(node, ast.Assign) else [node.target]
        return any(attribute in ast.unparse(t) for t in left)

    return _show(function, wanted)


def _element(value: ast.expr, position: int, names: tuple[str, ...]) -> ast.expr:
    if isinstance(value, ast.Tuple | ast.List) and position < len(value.elts):
        return value.elts[position]
    if isinstance(value, ast.Dict):
        for key, item in zip(value.keys, value.values, strict=True):
            if isinstance(key, ast.Constant) and key.value in names:
                return item
    return value


def _assigned(tree: ast.AST) -> set[str]:
    return {n for node in ast.walk(tree) if isinstance(node, ast.stmt) for n in _targets(node)}


def _targets(node: ast.stmt) -> set[str]:
    """Plain names that a statement assigns to, directly or through an index."""
    if isinstance(node, ast.Assign):
        left: list[ast.expr] = list(node.targets)
    elif isinstance(node, ast.AugAssign | ast.AnnAssign):
        left = [node.target]
    else:
        return set()
    names = set()
    for target in left:
        for part in target.elts if isinstance(target, ast.Tuple | ast.List) else [target]:
            while isinstance(part, ast.Subscript):
                part = part.value
            if isinstance(part, ast.Name):
                names.add(part.id)
    return names
