"""JSON from strangers: no double keys, no NaN, nothing too deep or too large to be meant."""

import json
import math
from collections import Counter
from typing import Any

from minicnn.saving.errors import ModelFileError

MAX_DEPTH, MAX_BYTES, MAX_TEXT, MAX_INTEGER = 64, 1 << 22, 1 << 16, 1 << 63


def parse(text: str | bytes, source: str, what: str) -> dict[str, Any]:
    """The JSON object that ``text`` spells.

    Args:
        text: UTF-8.
        source: file it comes from, for the message.
        what: what it is, for the message.

    Raises:
        ModelFileError: no JSON, no object, or outside the limits of this module.
    """
    if len(text) > MAX_BYTES:
        raise ModelFileError(source, f"{what} has {len(text):,} bytes", f"at most {MAX_BYTES:,}")
    try:
        data = json.loads(
            text if isinstance(text, str) else text.decode(),
            object_pairs_hook=_object,
            parse_constant=_refuse,
            parse_float=_finite,
        )
        _check(data)
    except (ValueError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else error
        raise ModelFileError(
            source, f"{what} is not usable JSON: {reason}", "JSON in UTF-8"
        ) from None
    if not isinstance(data, dict):
        raise ModelFileError(source, f"{what} is a JSON {type(data).__name__}", "a JSON object")
    return data


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        [(double, _)] = Counter(name for name, _ in pairs).most_common(1)
        raise ValueError(f"key {double[:80]!r} stands there twice")
    return made


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is not JSON")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"the number {text[:40]} is too large")
    return value


def _check(data: Any) -> None:
    """Look at every value, level by level: depth, length of texts, size of integers."""
    level = [data]
    for _ in range(MAX_DEPTH + 1):
        below: list[Any] = []
        for value in level:
            if isinstance(value, dict):
                below += value
                below += value.values()
            elif isinstance(value, list):
                below += value
            elif isinstance(value, str):
                value.encode()  # a ValueError for half a surrogate pair, which nothing could print
                if len(value) > MAX_TEXT:
                    raise ValueError(f"a text is {len(value):,} characters long")
            elif isinstance(value, int) and abs(value) >= MAX_INTEGER:
                raise ValueError("an integer has more than 63 bits")
        if not below:
            return
        level = below
    raise ValueError(f"it is nested more than {MAX_DEPTH} deep")
