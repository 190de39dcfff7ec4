"""What a function takes, from its signature."""

import inspect
from typing import Any


def argument_names(function: Any) -> list[str]:
    """Names of the positional arguments of a function; empty when it will not tell."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return []
    return [
        p.name
        for p in parameters
        if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
    ]


def required_names(function: Any) -> list[str]:
    """The arguments that have no default."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return []
    named = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [p.name for p in parameters if p.default is p.empty and p.kind in named]


def takes_any(function: Any) -> bool:
    """Whether the function takes ``*args`` or ``**kwargs``."""
    return any(
        p.kind in (p.VAR_KEYWORD, p.VAR_POSITIONAL)
        for p in inspect.signature(function).parameters.values()
    )


def positional_only(function: Any) -> bool:
    """Whether arguments must be given by position."""
    return any(p.kind == p.POSITIONAL_ONLY for p in inspect.signature(function).parameters.values())
