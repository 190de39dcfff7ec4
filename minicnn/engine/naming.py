"""Automatic layer names: Conv2D -> conv2d, conv2d_1, ... counted per process."""

import functools
import re
from collections import Counter

_counts: Counter[str] = Counter()


@functools.lru_cache(maxsize=1024)  # a model of thousands of layers has few classes
def snake_case(class_name: str) -> str:
    """``MaxPooling2D`` -> ``max_pooling2d``, by Keras's three rules (``ReLU`` -> ``re_lu``)."""
    name = re.sub(r"\W+", "", class_name)
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()


def unique(class_name: str) -> str:
    """The next unused name for a layer of this class."""
    prefix = snake_case(class_name)
    number = _counts[prefix]
    _counts[prefix] += 1
    return f"{prefix}_{number}" if number else prefix


def reset() -> None:
    """Start counting from zero again."""
    _counts.clear()
