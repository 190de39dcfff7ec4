"""What can happen to any file: cuts, flips, fields with absurd numbers, pieces out of place."""

import re
from random import Random

#: where structures of the formats begin
_MARKS = re.compile(
    rb"PK\x01\x02|PK\x03\x04|PK\x05\x06|PK\x06\x06|PK\x06\x07|\x89HDF|OHDR|OCHK|FRHP|FHDB|FHIB|BTHD"
    rb"|BTLF|BTIN|TREE|SNOD|HEAP|GCOL|\x93NUMPY|\x1f\x8b|cifar-10-batches-bin/|ustar"
)
_REACH = 48  # bytes behind a mark that are taken for its header
_NUMBERS = [0, 1, 2, 7, 127, 128, 255, 256, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**62,
            2**63 - 1, 2**63, 2**64 - 1]  # fmt: skip


def boundaries(content: bytes) -> list[int]:
    """Places where a structure begins, and the end."""
    return sorted({0, *(found.start() for found in _MARKS.finditer(content)), len(content)})


def header_places(content: bytes) -> list[int]:
    """Every byte of every header."""
    places: set[int] = set()
    for start in boundaries(content)[:-1]:
        places.update(range(start, min(start + _REACH, len(content))))
    return sorted(places)


def flipped(content: bytes, place: int, rng: Random) -> bytes:
    """Another byte at this place."""
    spoilt = bytearray(content)
    spoilt[place] ^= rng.randrange(1, 256) if rng.random() < 0.5 else 1 << rng.randrange(8)
    return bytes(spoilt)


def spoilt(content: bytes, rng: Random) -> bytes:
    """One or more of the faults below."""
    for _ in range(rng.choice([1, 1, 1, 1, 2, 3, 6])):
        content = rng.choice(_FAULTS)(content, rng) or b"\0"
    return content


def _place(content: bytes, rng: Random) -> int:
    """Somewhere, more often in a header."""
    if rng.random() < 0.6:
        start = rng.choice(boundaries(content)[:-1] or [0])
        return min(start + rng.randrange(_REACH), len(content) - 1)
    return rng.randrange(len(content))


def _cut_anywhere(content: bytes, rng: Random) -> bytes:
    return content[: rng.randrange(len(content))]


def _cut_at_a_boundary(content: bytes, rng: Random) -> bytes:
    return content[: max(rng.choice(boundaries(content)) + rng.choice([-1, 0, 0, 1, 4, 8]), 0)]


def _flip(content: bytes, rng: Random) -> bytes:
    return flipped(content, _place(content, rng), rng)


def _number(content: bytes, rng: Random) -> bytes:
    """An absurd number in place of 1, 2, 4 or 8 bytes."""
    size = rng.choice([1, 2, 4, 8])
    number = rng.choice([*_NUMBERS, len(content), len(content) - 1, rng.randrange(len(content))])
    raw = (number % (1 << 8 * size)).to_bytes(size, rng.choice(["little", "big"]))
    place = _place(content, rng)
    return content[:place] + raw + content[place + size :]


def _swap(content: bytes, rng: Random) -> bytes:
    """Two fields change places."""
    size = rng.choice([2, 4, 8, 16, 40])
    a, b = sorted((_place(content, rng), _place(content, rng)))
    if b - a < size or b + size > len(content):
        return _flip(content, rng)
    first, second = content[a : a + size], content[b : b + size]
    return content[:a] + second + content[a + size : b] + first + content[b + size :]


def _copy(content: bytes, rng: Random) -> bytes:
    """A piece lies over another."""
    size = rng.choice([8, 16, 40, 200])
    a, b = _place(content, rng), _place(content, rng)
    piece = content[a : a + size]
    return content[:b] + piece + content[b + len(piece) :]


def _double(content: bytes, rng: Random) -> bytes:
    """A piece from one boundary to another comes twice."""
    a, b = sorted(rng.choices(boundaries(content), k=2))
    return content[:b] + content[a:b] + content[b:]


def _drop(content: bytes, rng: Random) -> bytes:
    a, b = sorted(rng.choices(boundaries(content), k=2))
    return content[:a] + content[b:]


def _zeros(content: bytes, rng: Random) -> bytes:
    place, size = _place(content, rng), rng.choice([8, 64, 512])
    return content[:place] + bytes(min(size, len(content) - place)) + content[place + size :]


def _more(content: bytes, rng: Random) -> bytes:
    tail = rng.choice([b"\0", b"\n", bytes(600), content, b"PK\x05\x06" + bytes(18)])
    return content + tail if rng.random() < 0.8 else tail + content


def _insert(content: bytes, rng: Random) -> bytes:
    place = _place(content, rng)
    return content[:place] + rng.randbytes(rng.choice([1, 2, 8])) + content[place:]


def _line_ends(content: bytes, rng: Random) -> bytes:
    """What a transfer in text mode does."""
    return content.replace(b"\n", b"\r\n")


_FAULTS = [
    _cut_anywhere, _cut_at_a_boundary, _flip, _flip, _flip, _number, _number, _number, _swap, _copy,
    _double, _drop, _zeros, _more, _insert, _line_ends,
]  # fmt: skip
