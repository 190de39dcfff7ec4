"""What the kernels of ``kernels/*.cu`` are called and take, read from their source."""

import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

KERNELS = Path(__file__).parent / "kernels"

#: what ``real`` is in the module of a dtype
REAL = {"float32": "float", "float64": "double"}

#: C type of a kernel's argument -> dtype of the array behind the pointer, or of the number
DTYPES = {
    "float": "float32", "double": "float64", "int": "int32", "unsigned": "uint32",
    "long long": "int64",
}  # fmt: skip

_SIGNATURE = re.compile(
    r'extern\s+"C"\s+__global__\s+void\s+(?:__launch_bounds__\([^)]*\)\s*)?(\w+)\s*\(([^)]*)\)'
)


class Argument(NamedTuple):
    """One argument of a kernel; ``dtype`` is None behind a ``void*``."""

    name: str
    dtype: np.dtype | None
    is_pointer: bool


@cache
def source(dtype: str) -> str:
    """The CUDA C of the module for "float32" or "float64": every file, the common one first."""
    files = sorted(KERNELS.glob("*.cu"), key=lambda file: (file.stem != "common", file.name))
    real = REAL[dtype]
    parts = [f"typedef {real} real;\n#define REAL_IS_{real.upper()} 1\n"]
    parts += [f'#line 1 "{file.name}"\n{file.read_text(encoding="utf-8")}\n' for file in files]
    return "".join(parts)


@cache
def enumerators(name: str) -> tuple[str, ...]:
    """The names in the kernels' ``enum name``, in lower case; their places are their numbers."""
    (listed,) = re.findall(rf"enum {name} \{{([^}}]*)\}}", source("float32"))
    return tuple(re.findall(r"\w+", listed.lower()))


@cache
def defined(name: str) -> int:
    """The whole number that the kernels ``#define``."""
    (number,) = re.findall(rf"#define {name} +(\d+)", source("float32"))
    return int(number)


def parse_signatures(text: str, real: str) -> dict[str, tuple[Argument, ...]]:
    """The arguments of every kernel in CUDA C; ``real`` is the C type that ``real`` stands for.

    Raises:
        ValueError: an argument of a type that no launch can pass.
    """
    bare = re.sub(r"//[^\n]*|/\*.*?\*/", " ", text, flags=re.DOTALL)  # without its comments
    return {
        name: tuple(_argument(part, name, real) for part in arguments.split(",") if part.strip())
        for name, arguments in _SIGNATURE.findall(bare)
    }


def _argument(text: str, kernel: str, real: str) -> Argument:
    words = text.replace("*", " * ").split()
    is_pointer = "*" in words
    *kind, name = [w for w in words if w not in ("*", "const", "__restrict__")]
    c_type = " ".join(kind)
    c_type = real if c_type == "real" else c_type
    if c_type == "void" and is_pointer:
        return Argument(name, None, True)
    if c_type not in DTYPES:
        raise ValueError(f"kernel {kernel}: argument {text.strip()!r} has an unknown type")
    return Argument(name, np.dtype(DTYPES[c_type]), is_pointer)


@cache
def signatures(dtype: str) -> dict[str, tuple[Argument, ...]]:
    """The arguments of every kernel in the module for ``dtype``."""
    return parse_signatures(source(dtype), REAL[dtype])
