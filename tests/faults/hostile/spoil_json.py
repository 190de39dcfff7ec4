"""Configurations of models that ask for what cannot be, or for far too much."""

import json
from random import Random
from typing import Any

_VALUES: list[Any] = [
    None, True, False, 0, 1, -1, 3, 2**31, 2**62, 2**70, -(2**63), 0.5, -0.5, 1e308, 1e-320, "",
    "x", "../x", "/etc/passwd", "a\x1b[2J", "\x00", "데이터", "\u202e", "x" * 300, "x" * 70_000, [],
    {}, [[]], [1] * 500, [None], [None, 3], [None, 10**6, 10**6, 3], {"a": {"b": {"c": 1}}},
    {"class_name": "Zeros", "config": {}}, {"class_name": "os.system", "config": {"command": "id"}},
    "float16", "float64", "bfloat16", "eval", "__import__", "lambda x: x", "file:///etc/passwd",
    "http://127.0.0.1:9/x", {"class_name": "function", "config": "system", "module": "os"},
    {"module": "builtins", "class_name": "function", "config": "eval", "registered_name": "eval"},
]  # fmt: skip
_CLASSES = [
    "Lambda", "TFSMLayer", "Dense", "Conv2D", "Sequential", "Functional", "StringLookup", "Layer",
    "os.system", "Flatten", "Dropout", "InputLayer", "Reshape", "", "__class__",
    "BatchNormalization", "RandomTranslation", "GetFile", "Activation", "Softmax",
]  # fmt: skip


def spoilt(text: bytes, rng: Random) -> bytes:
    """A configuration with one or more faults; or text that is none."""
    if rng.random() < 0.15:
        return _text(text, rng)
    data = json.loads(text)
    for _ in range(rng.choice([1, 1, 2, 5])):
        rng.choice(_FAULTS)(data, rng)
    return json.dumps(data).encode()


def _spots(value: Any) -> list[tuple[Any, Any]]:
    """(container, key) of every value in it."""
    found = []
    pending = [value]
    while pending:
        part = pending.pop()
        keys = part if isinstance(part, dict) else range(len(part))
        for key in keys:
            found.append((part, key))
            if isinstance(part[key], dict | list):
                pending.append(part[key])
    return found


def _replace(data: Any, rng: Random) -> None:
    if spots := _spots(data):
        container, key = rng.choice(spots)
        container[key] = rng.choice(_VALUES)


def _delete(data: Any, rng: Random) -> None:
    if spots := _spots(data):
        container, key = rng.choice(spots)
        del container[key]


def _add(data: Any, rng: Random) -> None:
    spots = [s for s in _spots(data) if isinstance(s[0], dict)]
    if spots:
        key = rng.choice([rng.choice(spots)[1], "units", "__class__", "safe_mode", "", "x\x1b[2J"])
        rng.choice(spots)[0][key] = rng.choice(_VALUES)


def _swap(data: Any, rng: Random) -> None:
    spots = _spots(data)
    if len(spots) > 1:
        (a, i), (b, j) = rng.sample(spots, 2)
        a[i], b[j] = json.loads(json.dumps([b[j], a[i]]))


def _class(data: Any, rng: Random) -> None:
    spots = [s for s in _spots(data) if s[1] in ("class_name", "module", "registered_name")]
    if spots:
        container, key = rng.choice(spots)
        modules = ["os", "keras", "keras.layers", "keras.src.utils", None, "minicnn.saving", 3]
        container[key] = rng.choice(modules if key == "module" else _CLASSES)


def _layers(data: Any) -> list | None:
    config = data.get("config") if isinstance(data, dict) else None
    layers = config.get("layers") if isinstance(config, dict) else None
    return layers if isinstance(layers, list) and layers else None


def _repeat(data: Any, rng: Random) -> None:
    """A layer very often."""
    if layers := _layers(data):
        layer = rng.choice(layers)
        count = rng.choice([1, 2, 10]) if rng.random() < 0.95 else rng.choice([1500, 5000])
        layers[rng.randrange(len(layers)) :] = [layer] * count


def _nest(data: Any, rng: Random) -> None:
    """Models in models in models."""
    if layers := _layers(data):
        for _ in range(rng.choice([1, 3, 15, 40])):
            inner = {"class_name": "Sequential", "module": "keras", "config": {"layers": layers[:]}}
            layers[:] = [inner]


def _numbers(data: Any, rng: Random) -> None:
    """Sizes of layers, other ones or far too large."""
    spots = [s for s in _spots(data) if isinstance(s[0][s[1]], int) and s[0][s[1]] is not True]
    if spots:
        container, key = rng.choice(spots)
        old = container[key]
        container[key] = rng.choice(
            [old + 1, -old, 0, 1000 * old, 10**9, 2**62, old + 0.5, f"{old}"]
        )


_FAULTS = [
    _replace,
    _replace,
    _replace,
    _delete,
    _add,
    _swap,
    _class,
    _repeat,
    _nest,
    _numbers,
    _numbers,
]


def _text(text: bytes, rng: Random) -> bytes:
    """No JSON, JSON that is no model, JSON that is too much."""
    place = rng.randrange(len(text))
    if rng.random() < 0.05:
        return rng.choice([b"[" * 4_000_000, b'{"a":' * 700_000, b"[" + b"[]," * 1_300_000 + b"[]]",
                           b"[" + b"{}," * 1_300_000 + b"{}]", b"9" * 4_000_000,
                           b'{"a": "' + b"\\u0041" * 600_000 + b'"}',
                           b"{" + b",".join(b'"%d":1' % i for i in range(300_000)) + b"}",
                           text[:-1] + b" " * 17_000_000 + b"}"])  # fmt: skip
    return rng.choice([
        text[:place], text[:place] + text[place + 1 :], text[:place] + b"\xff" + text[place:],
        text[:place] + rng.choice([b"{", b"[", b"]", b"}", b'"', b",", b"NaN"]) + text[place:],
        b"", b"null", b"[]", b"3", text + text, b"\xef\xbb\xbf" + text,
        text.decode().encode("utf-16"), text.replace(b'"units"', b'"units": 3, "units"', 1),
        text.replace(b"true", b"NaN"),
        b"[" * 100_000, b'{"a":' * 99 + b"1" + b"}" * 99, text.replace(b"0.", b"1e999"),
    ])  # fmt: skip
