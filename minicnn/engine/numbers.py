"""Numbers as they are reported."""

import struct


def rounded(value: float) -> float:
    """The float32 nearest to ``value``, as a Python float: what Keras reports."""
    try:
        return float(struct.unpack("f", struct.pack("f", value))[0])
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")
