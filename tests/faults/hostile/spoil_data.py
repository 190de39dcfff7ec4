"""Arrays, tar archives and gzip streams that are not what they say."""

import copy
import functools
import io
import struct
import tarfile
import zlib
from random import Random

from tests.datasets import helpers as h
from tests.faults.hostile import spoil_bytes
from tests.faults.hostile.spoil_zip import NAMES

_SHAPES = [b"6, 4, 5", b"6,", b"", b"-6, 4, 5", b"999999999, 4, 5", b"6, 4, 5, 1", b"120,",
           b"4, 6, 5", b"2**60,", b"6L, 4L, 5L", b"0, 4, 5", b"1" * 400,
           b"(" * 200, b"6, 5, 4"]  # fmt: skip
_TYPES = [
    b"|u1",
    b"|i1",
    b"<f4",
    b">u2",
    b"|O",
    b"|S1",
    b"<c8",
    b"<M8[s]",
    b"|b1",
    b"<U9",
    b"|V3",
    b"<u1",
]


def npy(name: str, content: bytes, rng: Random) -> bytes:
    """A member of an npz archive: lies in its header, or spoilt bytes."""
    if rng.random() < 0.3:
        return spoil_bytes.spoilt(content, rng)
    header_size = 10 + int.from_bytes(content[8:10], "little")
    data = content[header_size:]
    shape = content[content.index(b"(") + 1 : content.index(b")")]
    header = b"{'descr': '%s', 'fortran_order': %s, 'shape': (%s), }" % (
        rng.choice(_TYPES[:1] * 6 + _TYPES), rng.choice([b"False", b"True"]),
        rng.choice([shape, shape, rng.choice(_SHAPES)]),
    )  # fmt: skip
    header = rng.choice(
        [header, header, header, b"__import__('os').system('touch x')", header + b"0"]
    )
    header += b" " * rng.choice([0, 1, 63, 5000]) + rng.choice([b"\n", b"\n", b""])
    size = rng.choice([len(header)] * 6 + [0, len(header) + 1, 65535])
    data = rng.choice([data] * 5 + [data[:-1], data + b"!", data * 3, b"\x80\x04N.", b""])
    version = rng.choice([b"\x01\0"] * 6 + [b"\x02\0", b"\x03\0", b"\x09\0"])
    return b"\x93NUMPY" + version + size.to_bytes(2, "little") + header + data


def idx(content: bytes, rng: Random) -> bytes:
    """Lies in the header of an idx file, or spoilt bytes."""
    if rng.random() < 0.5:
        return spoil_bytes.spoilt(content, rng)
    axes = content[3]
    shape = list(struct.unpack(f">{axes}I", content[4 : 4 + 4 * axes]))
    data = content[4 + 4 * axes :]
    shape[rng.randrange(axes)] = rng.choice([0, 1, 7, 2**31, 2**32 - 1, len(data)])
    shape = rng.choice([shape, shape[::-1], shape[:-1], [*shape, 1], [], [len(data)], shape * 60])
    kind = rng.choice([8, 8, 8, 9, 0x0B, 0x0D, 0, 255])
    head = struct.pack(">HBB", rng.choice([0, 0, 0, 1, 65535]), kind, len(shape))
    data = rng.choice([data] * 4 + [data[:-1], data + b"!", b"", data * 40, bytes(3_000_000)])
    return head + struct.pack(f">{len(shape)}I", *shape) + data


def tar(content: bytes, rng: Random) -> bytes:
    """A tar archive with other members, or with a header that lies under a right checksum."""
    how = rng.random()
    if how < 0.25:
        return spoil_bytes.spoilt(content, rng)
    if how < 0.55:
        return _lying_header(content, rng)
    members = [(copy.copy(info), data) for info, data in h.cifar_members()]
    for _ in range(rng.choice([1, 1, 2])):
        members = rng.choice(_TAR_FAULTS)(members, rng)
    form = rng.choice([tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as archive:
        for info, data in members:
            try:
                archive.addfile(info, io.BytesIO(data))
            except ValueError:  # this form has no room for such a name or number
                archive.addfile(h.member("elsewhere", data)[0], io.BytesIO(data))
    return out.getvalue()


def _lying_header(content: bytes, rng: Random) -> bytes:
    """Another name, size, type or link in a header whose checksum is right."""
    starts = [i for i in range(0, len(content), 512) if content[i + 257 : i + 262] == b"ustar"]
    start = rng.choice(starts)
    block = bytearray(content[start : start + 512])
    place, size, values = rng.choice([
        (0, 100, [n.encode()[:100] for n in NAMES] + [b"cifar-10-batches-bin/test_batch.bin"]),
        (124, 12, [b"00000000000\0", b"77777777777\0", b"-1         \0", b"00000014003\0",
                   b"x" * 12, b"\x80" + b"\0" * 10 + b"\x09", b"\xff" * 12,
                   b"\x80" + b"\xff" * 11]),
        (156, 1, [b"1", b"2", b"3", b"4", b"5", b"6", b"7", b"L", b"K", b"S", b"x", b"g", b"X",
                  b"\0", b"D", b"M", b"V", b"Z"]),
        (157, 100, [b"/etc/passwd", b"../../x", b"cifar-10-batches-bin/data_batch_1.bin"]),
        (345, 155, [b"..", b"/", b"x" * 155]),
        (257, 8, [b"ustar  \0", b"ustar\0" + b"00", b"\0" * 8]),
    ])  # fmt: skip
    block[place : place + size] = rng.choice(values).ljust(size, b"\0")
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return content[:start] + bytes(block) + content[start + 512 :]


def _renamed(members: list, rng: Random) -> list:
    info, _ = rng.choice(members)
    info.name = rng.choice([*NAMES, "./" + info.name, info.name + "/", "/" + info.name])
    return members


def _other_kind(members: list, rng: Random) -> list:
    info, _ = rng.choice(members)
    info.type = rng.choice([tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE,
                            tarfile.DIRTYPE, tarfile.CONTTYPE, tarfile.GNUTYPE_SPARSE])  # fmt: skip
    info.linkname = rng.choice(
        ["/etc/passwd", "../../x", "cifar-10-batches-bin/test_batch.bin", ""]
    )
    return members


def _more(members: list, rng: Random) -> list:
    extra = h.member(rng.choice([*NAMES, rng.choice(members)[0].name]) or "x", rng.randbytes(9))
    if rng.random() < 0.3:
        extra[0].pax_headers = {"path": "../../x", "size": "5", "comment": "x" * 9000}
    place = rng.randrange(len(members) + 1)
    count = 1 if rng.random() < 0.98 else 3000
    return [*members[:place], *[extra] * count, *members[place:]]


def _fewer(members: list, rng: Random) -> list:
    return rng.sample(members, rng.randrange(len(members)))


def _shuffled(members: list, rng: Random) -> list:
    return rng.sample(members, len(members))


def _resized(members: list, rng: Random) -> list:
    which = rng.randrange(len(members))
    info, data = members[which]
    data = rng.choice([data[:-1], data + b"!", b"", data * 2])
    info.size = len(data)
    return [*members[:which], (info, data), *members[which + 1 :]]


def _labelled(members: list, rng: Random) -> list:
    which = rng.choice([i for i, (_, data) in enumerate(members) if len(data) > 99])
    info, data = members[which]
    return [
        *members[:which],
        (info, bytes([rng.randrange(10, 256)]) + data[1:]),
        *members[which + 1 :],
    ]


_TAR_FAULTS = [_renamed, _other_kind, _more, _fewer, _shuffled, _resized, _labelled]


def gz(content: bytes, rng: Random) -> bytes:
    """A gzip stream around ``content``: bombs, several streams, optional fields, spoilt bytes."""
    whole = h.gz(content)
    if rng.random() < 0.6:
        return spoil_bytes.spoilt(whole, rng)
    half = len(content) // 2
    return rng.choice([
        lambda: h.gz(content[:half]) + h.gz(content[half:]),
        lambda: whole + whole,
        lambda: whole + rng.choice([bytes(99), b"x"]),
        lambda: whole[:3] + bytes([rng.randrange(256)]) + whole[4:],
        lambda: whole[:3] + b"\x08" + whole[4:10] + b"x" * 500_000,  # a name without an end
        lambda: whole[:3] + b"\x04" + whole[4:10] + b"\xff\xff" + whole[10:],
        lambda: zlib.compress(content),
        lambda: content,
        lambda: whole[:-8] + bytes(8),
        lambda: whole[:-4] + struct.pack("<L", 2**32 - 1),
        lambda: whole[:10],
        lambda: h.gz(b"") * 3000 + whole,
        _bomb,
    ])()  # fmt: skip


@functools.cache
def _bomb() -> bytes:
    return h.gz(bytes(60_000_000))
