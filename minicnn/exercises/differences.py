"""Two answers beside each other: the first place where they differ, and values, in words."""

import numpy as np

_MOST_NUMBERS = 12  # of an array that is written out


class Difference(Exception):
    """Where two answers differ, as lines of text."""

    def __init__(self, *lines: str) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


def _between(want: str, got: str, *before: str) -> Difference:
    return Difference(*before, f"  expected     {want}", f"  got          {got}")


def same(
    got: object, want: object, *, axes: tuple = (), names: tuple[str, ...] = (), rtol: float = 1e-6
) -> None:
    """Nothing, if the two agree.

    Raises:
        Difference: they do not.
    """
    if isinstance(want, tuple):
        _same_tuple(got, want, axes, names, rtol)
    elif isinstance(want, np.ndarray):
        _same_array(got, want, tuple(axes), rtol)
    else:
        _same_number(got, want, rtol)


def agrees(got: object, want: object, rtol: float = 1e-6) -> bool:
    """Whether :func:`same` finds no difference."""
    try:
        same(got, want, rtol=rtol)
    except Difference:
        return False
    return True


def untouched(before: object, after: object) -> bool:
    """Whether an argument is what it was, bit for bit (lists and arrays; others are not looked at).

    NaN counts as unchanged where it was before.
    """
    if isinstance(before, np.ndarray) and isinstance(after, np.ndarray):
        return before.shape == after.shape and before.tobytes() == after.tobytes()
    if isinstance(before, (list, tuple, dict, int, float, str)):
        return bool(before == after)
    return True


def _same_tuple(got: object, want: tuple, axes: tuple, names: tuple[str, ...], rtol: float) -> None:
    labels = names or tuple(f"part {i}" for i in range(len(want)))
    if not isinstance(got, (tuple, list)) or len(got) != len(want):
        has = f"{len(got)} values" if isinstance(got, (tuple, list)) else type(got).__name__
        raise _between(f"{', '.join(labels)} in one tuple", has)
    for i, (label, g, w) in enumerate(zip(labels, got, want, strict=True)):
        try:
            same(g, w, axes=axes[i] if axes else (), rtol=rtol)
        except Difference as difference:
            raise Difference(f"  in           {label}", *difference.lines) from None


def _same_array(got: object, want: np.ndarray, axes: tuple[str, ...], rtol: float) -> None:
    if not isinstance(got, (np.ndarray, np.generic)):
        raise _between(f"a NumPy array of shape {want.shape}", type(got).__name__)
    got = np.asarray(got)
    if got.shape != want.shape:
        named = f", axes ({', '.join(axes)})" if axes else ""
        raise _between(f"shape {want.shape}{named}", f"shape {got.shape}")
    if got.dtype != want.dtype:
        raise _between(f"dtype {want.dtype}, that of the input", f"dtype {got.dtype}")
    wrong = ~_close(got, want, rtol)
    if not wrong.any():
        return
    index = tuple(int(i) for i in np.argwhere(wrong)[0]) if want.ndim else ()
    expected, found = apart(want[index], got[index])
    where = ", ".join(f"{a} {i}" for a, i in zip(axes, index, strict=False))
    place = f"[{', '.join(map(str, index))}]{f'  ({where})' if where else ''}"
    share = f"{wrong.sum()} of {wrong.size} entries in all"
    raise _between(expected, found, f"  first wrong  at {place}, {share}")


def _same_number(got: object, want: object, rtol: float) -> None:
    if isinstance(got, np.ndarray) and got.ndim == 0:
        got = got[()]
    if isinstance(want, str) or not isinstance(got, (int, float, np.number, np.bool_)):
        right = type(got) is type(want) and got == want
    else:
        right = bool(_close(np.asarray(got), np.asarray(want), rtol))
        if isinstance(want, int) and not isinstance(got, (int, np.integer)):
            kind = type(got).__name__
            raise _between(f"{want!r}, a whole number", f"{number(got)} of type {kind}")
    if not right:
        shown = f"an array of shape {got.shape}" if isinstance(got, np.ndarray) else repr(got)
        expected = repr(want)
        if isinstance(got, (int, float, np.number)) and not isinstance(want, str):
            expected, shown = apart(want, got)
        raise _between(expected, shown)


def _close(got: np.ndarray, want: np.ndarray, rtol: float) -> np.ndarray:
    """Entry by entry; rtol counts from the largest finite number of ``want``. NaN equals NaN."""
    if want.dtype.kind not in "fc":
        return np.asarray(got == want)
    finite = np.abs(want[np.isfinite(want)])
    scale = float(finite.max(initial=0.0)) or 1.0
    rtol = max(rtol, 1e-4) if want.dtype == np.float32 else rtol
    return np.isclose(got, want, rtol=0, atol=rtol * scale, equal_nan=True)


def value(name: str, what: object) -> str:
    """ "x = np.arange(24.0).reshape(1, 4, 6, 1)" or "x: float64 array of shape (2, 3)"."""
    if not isinstance(what, np.ndarray):
        return f"{name} = {what!r}" if not callable(what) else f"{name}: a function"
    if what.size > 3 and np.array_equal(what.ravel(), np.arange(what.size)):
        count = f"{what.size}.0" if what.dtype == np.float64 else str(what.size)
        dtype = "" if what.dtype in (np.float64, np.int64) else f", dtype=np.{what.dtype}"
        shape = "" if what.ndim == 1 else f".reshape{what.shape}"
        return f"{name} = np.arange({count}{dtype}){shape}"
    if what.size <= _MOST_NUMBERS:
        flat = what.ndim > 2  # brackets in brackets in brackets are hard to read
        text = np.array2string(what.ravel() if flat else what, separator=", ", floatmode="maxprec")
        text = " ".join(text.split())
        return f"{name} = np.array({text}){f'.reshape{what.shape}' if flat else ''}"
    return f"{name}: {what.dtype} array of shape {what.shape}"


def number(what: object, digits: int = 8) -> str:
    """A number as a person writes it: 3, 0.25, nan."""
    plain = what.item() if isinstance(what, np.generic) else what
    return f"{plain:.{digits}g}" if isinstance(plain, float) else f"{plain}"


def apart(one: object, other: object) -> tuple[str, str]:
    """Two numbers with as many digits as it takes to see that they differ."""
    texts = number(one), number(other)
    return texts if texts[0] != texts[1] else (number(one, 17), number(other, 17))
