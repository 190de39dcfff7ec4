"""Two answers beside each other: the first place where they differ, in words."""

from typing import Any

import numpy as np

from minicnn.exercises.describe import apart, number


class Difference(Exception):
    """Where two answers differ, as lines of text."""

    def __init__(self, *lines: str) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


def same(
    got: Any, want: Any, *, axes: Any = (), names: tuple[str, ...] = (), rtol: float = 1e-6
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


def agrees(got: Any, want: Any, rtol: float = 1e-6) -> bool:
    """Whether :func:`same` finds no difference."""
    try:
        same(got, want, rtol=rtol)
    except Difference:
        return False
    return True


def untouched(before: Any, after: Any) -> bool:
    """Whether an argument is what it was, bit for bit (lists and arrays; others are not looked at).

    NaN counts as unchanged where it was before.
    """
    if isinstance(before, np.ndarray):
        return before.shape == after.shape and before.tobytes() == after.tobytes()
    if isinstance(before, (list, tuple, dict, int, float, str)):
        return bool(before == after)
    return True


def _same_tuple(
    got: Any, want: tuple[Any, ...], axes: Any, names: tuple[str, ...], rtol: float
) -> None:
    labels = names or tuple(f"part {i}" for i in range(len(want)))
    if not isinstance(got, (tuple, list)) or len(got) != len(want):
        has = f"{len(got)} values" if isinstance(got, (tuple, list)) else type(got).__name__
        raise Difference(
            f"  expected     {', '.join(labels)} in one tuple", f"  got          {has}"
        )
    for i, (label, g, w) in enumerate(zip(labels, got, want, strict=True)):
        try:
            same(g, w, axes=axes[i] if axes else (), rtol=rtol)
        except Difference as difference:
            raise Difference(f"  in           {label}", *difference.lines) from None


def _same_array(got: Any, want: np.ndarray, axes: tuple[str, ...], rtol: float) -> None:
    if not isinstance(got, (np.ndarray, np.generic)):
        raise Difference(
            f"  expected     a NumPy array of shape {want.shape}",
            f"  got          {type(got).__name__}",
        )
    got = np.asarray(got)
    if got.shape != want.shape:
        named = f", axes ({', '.join(axes)})" if axes else ""
        raise Difference(
            f"  expected     shape {want.shape}{named}", f"  got          shape {got.shape}"
        )
    if got.dtype != want.dtype:
        raise Difference(
            f"  expected     dtype {want.dtype}, that of the input",
            f"  got          dtype {got.dtype}",
        )
    wrong = ~_close(got, want, rtol)
    if not wrong.any():
        return
    index = tuple(int(i) for i in np.argwhere(wrong)[0]) if want.ndim else ()
    expected, found = apart(want[index], got[index])
    where = ", ".join(f"{a} {i}" for a, i in zip(axes, index, strict=False))
    raise Difference(
        f"  first wrong  at [{', '.join(map(str, index))}]{f'  ({where})' if where else ''}, "
        f"{wrong.sum()} of {wrong.size} entries in all",
        f"  expected     {expected}",
        f"  got          {found}",
    )


def _same_number(got: Any, want: Any, rtol: float) -> None:
    if isinstance(got, np.ndarray) and got.ndim == 0:
        got = got[()]
    if isinstance(want, str) or not isinstance(got, (int, float, np.number, np.bool_)):
        right = type(got) is type(want) and got == want
    else:
        right = bool(_close(np.asarray(got), np.asarray(want), rtol))
        if isinstance(want, int) and not isinstance(got, (int, np.integer)):
            raise Difference(
                f"  expected     {want!r}, a whole number",
                f"  got          {number(got)} of type {type(got).__name__}",
            )
    if not right:
        shown = f"an array of shape {got.shape}" if isinstance(got, np.ndarray) else repr(got)
        expected = repr(want)
        if isinstance(got, (int, float, np.number)) and not isinstance(want, str):
            expected, shown = apart(want, got)
        raise Difference(f"  expected     {expected}", f"  got          {shown}")


def _close(got: np.ndarray, want: np.ndarray, rtol: float) -> np.ndarray:
    """Entry by entry; rtol counts from the largest finite number of ``want``. NaN equals NaN."""
    if want.dtype.kind not in "fc":
        return np.asarray(got == want)
    finite = np.abs(want[np.isfinite(want)])
    scale = float(finite.max(initial=0.0)) or 1.0
    rtol = max(rtol, 1e-4) if want.dtype == np.float32 else rtol
    return np.isclose(got, want, rtol=0, atol=rtol * scale, equal_nan=True)
