"""Zip archives whose members are not what they should be, or not where."""

import functools
import io
import struct
import warnings
import zipfile
import zlib
from collections.abc import Callable
from random import Random

Members = list[tuple[str, bytes]]

NAMES = [
    "../../evil", "/etc/passwd", "..\\..\\evil", "C:\\evil", "a/../../b", "config.json/", "",
    "config.json\x1b[2J", "CONFIG.JSON", "сonfig.json", "x" * 5000, "__MACOSX/._x",
    "assets/vocabulary.txt", "model.weights.npz", "x_train.npy/../y", "x_train.npz", "데이터.npy",
    ".", "..", "a\nb", "%2e%2e%2fx",
]  # fmt: skip
_METHODS = [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]


def members_of(content: bytes) -> Members:
    """(name, content) of each member of a good archive."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return [(name, archive.read(name)) for name in archive.namelist()]


def zipped(members: Members, method: int = zipfile.ZIP_STORED, **attributes: int) -> bytes:
    """An archive of these members, whatever their names."""
    file = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(file, "w", method) as archive:
        warnings.simplefilter("ignore")  # a name given twice
        for name, content in members:
            info = zipfile.ZipInfo(name)
            info.compress_type = method
            for key, value in attributes.items():
                setattr(info, key, value)
            archive.writestr(info, content)
    return file.getvalue()


def spoilt(
    content: bytes, rng: Random, spoil_member: Callable[[str, bytes, Random], bytes]
) -> bytes:
    """An archive with one fault, mostly with right checksums."""
    members = members_of(content)
    if rng.random() < 0.6:
        which = rng.randrange(len(members))
        name, inside = members[which]
        members[which] = (name, spoil_member(name, inside, rng))
        return zipped(members, rng.choice(_METHODS[:2]))
    return rng.choice(_FAULTS)(members, rng)


def _double(members: Members, rng: Random) -> bytes:
    name, inside = rng.choice(members)
    return zipped([*members, (name, rng.choice([inside, b"", inside[::-1]]))])


def _drop(members: Members, rng: Random) -> bytes:
    return zipped(rng.sample(members, rng.randrange(len(members))))


def _shuffle(members: Members, rng: Random) -> bytes:
    return zipped(rng.sample(members, len(members)), rng.choice(_METHODS))


def _swap(members: Members, rng: Random) -> bytes:
    """Each member has the content of another."""
    contents = rng.sample([inside for _, inside in members], len(members))
    return zipped([(n, c) for (n, _), c in zip(members, contents, strict=True)])


def _rename(members: Members, rng: Random) -> bytes:
    which = rng.randrange(len(members))
    renamed = (rng.choice(NAMES), members[which][1])
    return zipped([*members[:which], renamed, *members[which + 1 :]])


def _add(members: Members, rng: Random) -> bytes:
    return zipped([*members, (rng.choice(NAMES), rng.choice([b"", b"x", rng.randbytes(99)]))])


def _link(members: Members, rng: Random) -> bytes:
    """Marked as symbolic links, devices, folders."""
    kind = rng.choice([0o120777, 0o020666, 0o040755, 0o010644])
    which = rng.randrange(len(members))
    target = (members[which][0], rng.choice([b"/etc/passwd", b"../x", members[which][1]]))
    return zipped([*members[:which], target, *members[which + 1 :]], external_attr=kind << 16)


def _lie(members: Members, rng: Random) -> bytes:
    """A size, an offset, a method or a flag in a directory entry or a local header is another."""
    content = bytearray(zipped(members, rng.choice(_METHODS[:2])))
    for _ in range(rng.choice([1, 1, 2, 3])):
        mark, fields = rng.choice([
            (b"PK\x01\x02", [(8, 2), (10, 2), (16, 4), (20, 4), (24, 4), (28, 2), (30, 2), (32, 2),
                             (34, 2), (38, 4), (42, 4)]),
            (b"PK\x03\x04", [(4, 2), (6, 2), (8, 2), (14, 4), (18, 4), (22, 4), (26, 2), (28, 2)]),
            (b"PK\x05\x06", [(4, 2), (6, 2), (8, 2), (10, 2), (12, 4), (16, 4), (20, 2)]),
        ])  # fmt: skip
        starts = [i for i in range(len(content) - 22) if content[i : i + 4] == mark]
        start = rng.choice(starts or [len(content) - 22])
        place, size = rng.choice(fields)
        old = int.from_bytes(content[start + place : start + place + size], "little")
        new = rng.choice([0, 1, 8, 12, 99, old + 1, old - 1, 2 * old, len(content), 2**31,
                          2**32 - 1, 70_000_000]) % (1 << 8 * size)  # fmt: skip
        content[start + place : start + place + size] = new.to_bytes(size, "little")
    return bytes(content)


def _same_place(members: Members, rng: Random) -> bytes:
    """All entries of the directory point to one member."""
    content = bytearray(zipped(members))
    starts = [i for i in range(len(content) - 46) if content[i : i + 4] == b"PK\x01\x02"]
    offset = content[starts[rng.randrange(len(starts))] + 42 :][:4]
    for start in starts:
        content[start + 42 : start + 46] = offset
    return bytes(content)


@functools.cache
def _bomb(megabytes: int) -> tuple[bytes, int]:
    """(deflated zeros, their checksum)."""
    packer, checksum = zlib.compressobj(9, zlib.DEFLATED, -15), 0
    packed = b""
    for _ in range(megabytes):
        packed += packer.compress(bytes(1 << 20))
        checksum = zlib.crc32(bytes(1 << 20), checksum)
    return packed + packer.flush(), checksum


def _bombed(members: Members, rng: Random) -> bytes:
    """A member of zeros behind some hundred kilobytes; its sizes are true or not."""
    which = rng.randrange(len(members))
    megabytes = rng.choice([3, 40, 300])
    packed, checksum = _bomb(megabytes)
    claimed = rng.choice([megabytes << 20, len(members[which][1]), 100])
    content = bytearray(zipped([*members[:which], (members[which][0], packed),
                                *members[which + 1 :]]))  # fmt: skip
    crc = zlib.crc32(packed).to_bytes(4, "little")
    sizes = struct.pack("<3L", checksum, len(packed), claimed)
    place = content.find(crc + struct.pack("<2L", len(packed), len(packed)))
    while place >= 0:
        content[place - 6 : place - 4] = b"\x08\0"  # deflated
        content[place : place + 12] = sizes
        place = content.find(crc + struct.pack("<2L", len(packed), len(packed)), place + 12)
    return bytes(content)


def _many(members: Members, rng: Random) -> bytes:
    """A directory of very many members."""
    count = rng.choice([1000, 20_000])
    entry = struct.pack("<4s6H3L5H2L", b"PK\x01\x02", 20, 20, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0,
                        0, 0)  # fmt: skip
    directory = b"".join(entry + b"%05d" % i for i in range(count))
    local = zipped(members)[: sum(30 + len(n) + len(c) for n, c in members)]
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, count % 65536, count % 65536,
                      len(directory), len(local), 0)  # fmt: skip
    return local + directory + end


def _large_end(members: Members, rng: Random) -> bytes:
    """The records of archives beyond 4 GB, in a small one."""
    content = zipped(members)
    directory, offset = struct.unpack("<2L", content[-10:-2])
    values = [rng.choice([directory, 2**40, 2**63]), rng.choice([offset, 2**40, 2**64 - 1])]
    large = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 3, 3, *values)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, len(content) - 22, 1)
    return content[:-22] + large + locator + content[-22:]


def _comment(members: Members, rng: Random) -> bytes:
    comment = rng.choice([b"x", b"PK\x05\x06" + bytes(18), bytes(65_535)])
    return zipped(members)[:-2] + len(comment).to_bytes(2, "little") + comment


_FAULTS = [
    _double, _drop, _shuffle, _swap, _rename, _add, _link, _lie, _lie, _lie, _same_place, _bombed,
    _many, _large_end, _comment,
]  # fmt: skip
