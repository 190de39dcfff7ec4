"""Keys for counter-based random bits: the host side, shared by every backend.

A draw is a hash of (seed, step, position). The two keys that (seed, step) give are made here,
once a call; mixing in the position is each backend's own loop: see ``spec.dropout_forward``.
"""

_MASK64 = (1 << 64) - 1


def keys(seed: int, step: int) -> tuple[int, int]:
    """Two 32-bit keys for the draws of one layer in one step.

    SplitMix64 (Steele, Lea, Flood 2014, OOPSLA) of the 64-bit number (seed, step), cut in half.
    """
    z = (((seed & 0xFFFFFFFF) << 32) | (step & 0xFFFFFFFF)) + 0x9E3779B97F4A7C15 & _MASK64
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & _MASK64
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB & _MASK64
    z ^= z >> 31
    return z & 0xFFFFFFFF, z >> 32


def keep_threshold(rate: float) -> int:
    """A draw of 32 random bits is kept when it is at least this; 2**32 keeps none."""
    return int(rate * 2**32)
