"""How exactly a GPU multiplies float32 matrices: a setting of the process."""

_precision = "float32"


def precision() -> str:
    """ "float32", or "tf32" where products may round their factors."""
    return _precision


def set_precision(name: str) -> None:
    """Choose "float32" (the default), or allow "tf32".

    With "tf32" the tensor cores of an NVIDIA GPU (Ampere or later) multiply float32 matrices: the
    factors are rounded to 10 bits after the point, about 3 decimal digits, sums stay float32. It
    is a permission, several times faster where it can be used; CPUs and float64 do not use it.

    Raises:
        ValueError: any other name.
    """
    global _precision
    if name not in ("float32", "tf32"):
        raise ValueError(f"precision must be 'float32' or 'tf32', got {name!r}")
    _precision = name
