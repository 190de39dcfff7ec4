"""Where a sliding window fits: output sizes and padding, by Keras's rules."""

from collections.abc import Sequence
from typing import Any

Pair = tuple[int, int]
Pads = tuple[Pair, Pair]


def pair(value: Any, argument: str, layer: str) -> Pair:
    """One positive integer or two, as two.

    Raises:
        ValueError: anything else; ``argument`` and ``layer`` go into the message.
    """
    values = value if isinstance(value, (tuple, list)) else (value, value)
    if len(values) != 2 or not all(is_integer(v) for v in values):
        raise ValueError(
            f"{layer}: the `{argument}` argument must be a tuple of 2 integers or one integer, "
            f"got {value!r}"
        )
    if min(values) <= 0:
        raise ValueError(
            f"{layer}: the `{argument}` argument must satisfy `value > 0`, got {value!r}"
        )
    return int(values[0]), int(values[1])


def is_integer(value: Any) -> bool:
    """Whether ``value`` is a whole number type (Python's or NumPy's; bool is not)."""
    return hasattr(value, "__index__") and not isinstance(value, bool)


def positive_integer(value: Any, argument: str, layer: str) -> int:
    """``value`` as an int.

    Raises:
        ValueError: not a positive integer.
    """
    if not is_integer(value) or value <= 0:
        raise ValueError(
            f"{layer}: received an invalid value for `{argument}`, expected a positive integer, "
            f"got {value!r}"
        )
    return int(value)


def padding_name(value: Any, layer: str) -> str:
    """ "valid" or "same", in any case.

    Raises:
        ValueError: anything else.
    """
    name = value.lower() if isinstance(value, str) else value
    if name not in ("valid", "same"):
        raise ValueError(
            f"{layer}: the `padding` argument must be one of {{'valid', 'same'}}, got {value!r}"
        )
    return str(name)


def pads_for(size: int, window: int, stride: int, padding: str) -> Pair:
    """(before, after) padding of one axis.

    "valid" pads nothing. "same" pads so that ceil(size / stride) windows fit; an odd total puts
    the extra line after (at the bottom or right).
    """
    if padding == "valid":
        return 0, 0
    total = max((-(-size // stride) - 1) * stride + window - size, 0)
    return total // 2, total - total // 2


def pads_around(shape: Sequence[int], reach: Pair, strides: Pair, padding: str) -> Pads:
    """The padding of both axes of images (N, H, W, C), for windows that reach over (KH, KW)."""
    (KH, KW), (SH, SW) = reach, strides
    return pads_for(shape[1], KH, SH, padding), pads_for(shape[2], KW, SW, padding)


def output_size(size: int, window: int, stride: int, pads: Pair) -> int:
    """floor((size + pads - window) / stride) + 1; zero or less when the window does not fit."""
    return (size + sum(pads) - window) // stride + 1


def fitted(
    image: Pair, window: Pair, strides: Pair, padding: str, hint: str = ""
) -> tuple[Pads, Pair]:
    """Padding of both axes and size of the output, for a window sliding over one image.

    Raises:
        ValueError: the window does not fit; ``hint`` ends the message.
    """
    (H, W), (KH, KW), (SH, SW) = image, window, strides
    pads = pads_for(H, KH, SH, padding), pads_for(W, KW, SW, padding)
    out = output_size(H, KH, SH, pads[0]), output_size(W, KW, SW, pads[1])
    if min(out) < 1:
        raise ValueError(f"a window of {KH} × {KW} does not fit an image of {H} × {W}{hint}")
    return pads, out


def slide(
    layer: str, shape: Any, window: Pair, strides: Pair, padding: str, dilation: Pair = (1, 1)
) -> tuple[int | None, int | None]:
    """Output height and width of a window sliding over ``shape`` (N, H, W, C).

    Raises:
        ValueError: the window is larger than the (padded) image.
    """
    out: list[int | None] = []
    for axis in (0, 1):
        size = shape[1 + axis]
        reach = (window[axis] - 1) * dilation[axis] + 1
        if size is None:
            out.append(None)
            continue
        n = output_size(size, reach, strides[axis], pads_for(size, reach, strides[axis], padding))
        if n < 1:
            raise ValueError(
                f"{layer}: Computed output size would be zero or negative. The window of "
                f"{reach} does not fit the {('height', 'width')[axis]} {size} of its input "
                f"(shape {tuple(shape)}, axes (batch, height, width, channels), window {window}, "
                f"strides {strides}); use padding='same', a smaller window or a larger image"
            )
        out.append(n)
    return out[0], out[1]
