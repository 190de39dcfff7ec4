"""Each reader gives exactly what was saved, or a DatasetFileError; never anything else."""

import io
import os
import pickle
import re
import tarfile
import tracemalloc
import zipfile
import zlib

import numpy as np
import pytest

from minicnn.datasets import DatasetFileError
from minicnn.datasets.readers import (
    TEST_BATCH,
    TRAIN_BATCHES,
    read_cifar_tar_gz,
    read_idx_gz,
    read_npz,
)
from tests.datasets import helpers as h

ARRAYS = h.small_arrays()
IMAGES = ARRAYS["x_train"]
GOOD = {
    "npz": h.npz_bytes(ARRAYS),
    "npz deflated": h.npz_bytes(ARRAYS, np.savez_compressed),
    "idx": h.gz(h.idx_bytes(IMAGES)),
    "tar": h.gz(h.tar_bytes(h.cifar_members())),
}


def read_small(kind, path):
    """The arrays of a small file, as one flat list."""
    if kind.startswith("npz"):
        (a, b), (c, d) = read_npz(path, h.SHAPES, exact=True)
        return [a, b, c, d]
    if kind == "idx":
        return [read_idx_gz(path, IMAGES.shape)]
    (a, b), (c, d) = read_cifar_tar_gz(path, h.IMAGES_PER_BATCH)
    return [a, b, c, d]


def saved(kind):
    if kind.startswith("npz"):
        return list(ARRAYS.values())
    if kind == "idx":
        return [IMAGES]
    train, test = np.concatenate(h.cifar_records()[:5]), h.cifar_records()[5]
    # Pixel (row, column, colour) stands at 1 + 1024 colour + 32 row + column of its record.
    row, column, colour = np.indices((32, 32, 3))
    where = 1 + 1024 * colour + 32 * row + column
    return [train[:, where], train[:, :1], test[:, where], test[:, :1]]


def write(tmp_path, content):
    path = tmp_path / "파일 1"
    path.write_bytes(content)
    return path


def refuse(tmp_path, kind, content, match=None):
    with pytest.raises(DatasetFileError, match=match) as caught:
        read_small(kind, write(tmp_path, content))
    assert caught.value.path == tmp_path / "파일 1"
    assert caught.value.found
    assert caught.value.expected
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize("kind", GOOD)
def test_a_good_file_gives_what_was_saved(tmp_path, kind):
    arrays = read_small(kind, write(tmp_path, GOOD[kind]))
    for array, wanted in zip(arrays, saved(kind), strict=True):
        assert array.dtype == np.uint8
        assert array.flags.c_contiguous
        assert array.flags.writeable
        np.testing.assert_array_equal(array, wanted)


def exact_or_refused(tmp_path, kind, contents):
    """Read each content; return how many were refused. Those that load must load exactly."""
    refused = 0
    for content in contents:
        try:
            arrays = read_small(kind, write(tmp_path, content))
        except DatasetFileError:
            refused += 1
        else:
            for array, wanted in zip(arrays, saved(kind), strict=True):
                np.testing.assert_array_equal(array, wanted)
    return refused


@pytest.mark.parametrize("kind", GOOD)
def test_a_truncated_file(tmp_path, kind):
    good = GOOD[kind]
    ends = {*range(0, len(good), max(1, len(good) // 120)), *range(len(good) - 40, len(good))}
    # A tar archive may do without the blocks of zeros that pad its end, nothing else may.
    assert exact_or_refused(tmp_path, kind, [good[:end] for end in ends]) == len(ends)


@pytest.mark.parametrize("kind", GOOD)
def test_a_changed_byte(tmp_path, kind):
    rng = np.random.default_rng(1)
    good = GOOD[kind]
    places = rng.permutation(len(good))[:200]
    contents = []
    for place in {*places.tolist(), *range(40)}:
        changed = bytearray(good)
        changed[place] ^= int(rng.integers(1, 256))
        contents.append(bytes(changed))
    assert exact_or_refused(tmp_path, kind, contents) > len(contents) // 2


def test_a_changed_byte_in_a_tar_header(tmp_path):
    rng = np.random.default_rng(2)
    plain = h.tar_bytes(h.cifar_members())
    with tarfile.open(fileobj=io.BytesIO(plain)) as tar:
        starts = [info.offset for info in tar]
    contents = []
    for place in rng.permutation([s + i for s in starts for i in range(345)])[:150]:
        changed = bytearray(plain)
        changed[place] ^= int(rng.integers(1, 256))
        contents.append(h.gz(bytes(changed)))
    # A broken header of the readme at the end costs nothing that was to be read.
    assert exact_or_refused(tmp_path, "tar", contents) > len(contents) * 0.8


@pytest.mark.parametrize("kind", GOOD)
@pytest.mark.parametrize(
    "content",
    [b"", b"<!doctype html><title>Log in</title>", b"\x00" * 5000, pickle.dumps({"x_train": 1})],
    ids=["empty", "html", "zeros", "pickle"],
)
def test_a_file_of_another_kind(tmp_path, kind, content):
    refuse(tmp_path, kind, content)


@pytest.mark.parametrize("kind", GOOD)
def test_what_is_not_a_regular_file(tmp_path, kind):
    with pytest.raises(DatasetFileError, match="a folder"):
        read_small(kind, tmp_path)
    with pytest.raises(DatasetFileError, match="no file"):
        read_small(kind, tmp_path / "absent")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DatasetFileError, match="not a regular file"):
        read_small(kind, tmp_path / "pipe")  # opening it would wait for ever


def test_the_error_survives_pickling(tmp_path):
    error = DatasetFileError(tmp_path, "this", "that")
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.path, again.found) == (str(error), tmp_path, "this")


# ---- npz ----


def changed(**arrays):
    return {**ARRAYS, **arrays}


@pytest.mark.parametrize(
    ("arrays", "match"),
    [
        ({k: v for k, v in ARRAYS.items() if k != "y_test"}, "once each"),
        (changed(extra=IMAGES), "once each"),
        ({f"{k}_": v for k, v in ARRAYS.items()}, "once each"),
        (changed(x_train=IMAGES.astype(np.int8)), "another header"),
        (changed(x_train=IMAGES.astype(np.float64)), "bytes|header"),
        (changed(y_train=ARRAYS["y_train"].astype(object)), "another header"),
        (changed(y_train=ARRAYS["y_train"].astype("S1")), "another header"),
        (changed(y_train=np.zeros((), np.uint8)), "another header"),
        (changed(x_train=IMAGES[:5], y_train=ARRAYS["y_train"][:5]), r"shape \(5, 4, 5\)"),
        (changed(x_train=np.concatenate([IMAGES, IMAGES])), r"shape \(12, 4, 5\)"),
        (changed(x_train=IMAGES[..., None]), r"shape \(6, 4, 5, 1\)"),
        (changed(x_train=IMAGES.transpose(0, 2, 1).copy()), r"shape \(6, 5, 4\)"),
        (changed(x_train=IMAGES.reshape(6, 20)), r"shape \(6, 20\)"),
        (changed(y_train=ARRAYS["y_train"][:, None]), r"shape \(6, 1\)"),
    ],
)
def test_npz_with_other_arrays(tmp_path, arrays, match):
    refuse(tmp_path, "npz", h.npz_bytes(arrays), match)


def test_npz_of_fewer_images(tmp_path):
    arrays = changed(x_train=IMAGES[:2], y_train=ARRAYS["y_train"][:2])
    path = write(tmp_path, h.npz_bytes(arrays))
    (x, y), _ = read_npz(path, h.SHAPES, exact=False)
    np.testing.assert_array_equal(x, IMAGES[:2])
    np.testing.assert_array_equal(y, ARRAYS["y_train"][:2])
    for n_images, n_labels in ((2, 3), (0, 0), (7, 6)):
        arrays = changed(
            x_train=np.zeros((n_images, 4, 5), np.uint8), y_train=np.zeros(n_labels, np.uint8)
        )
        with pytest.raises(DatasetFileError):
            read_npz(write(tmp_path, h.npz_bytes(arrays)), h.SHAPES, exact=False)


def test_npz_in_fortran_order(tmp_path):
    path = write(tmp_path, h.npz_bytes(changed(x_train=np.asfortranarray(IMAGES))))
    np.testing.assert_array_equal(read_small("npz", path)[0], IMAGES)


def zip_of(path, replaced=b"", method=zipfile.ZIP_DEFLATED, name="x_train.npy", **others):
    """Write the good archive with one member replaced."""
    with zipfile.ZipFile(path, "w", method) as archive:
        for key, array in ARRAYS.items():
            whole = h.npz_bytes({key: array})
            with zipfile.ZipFile(io.BytesIO(whole)) as one:
                content = one.read(f"{key}.npy")
            archive.writestr(f"{key}.npy", replaced if f"{key}.npy" == name else content)
        for key, content in others.items():
            archive.writestr(key.replace("__", "/").replace("_dot_", "."), content)


def npy(header, data):
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + data


def npy_u1(shape, data):
    header = b"{'descr': '|u1', 'fortran_order': False, 'shape': (" + shape + b"), }\n"
    return npy(header, data)


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", "another header"),
        (b"\x93NUMPY", "another header"),
        (npy_u1(b"6, 4, 5", IMAGES.tobytes()[1:]), "with 119 bytes"),
        (npy_u1(b"6, 4, 5", IMAGES.tobytes() + b"!"), "with 121 bytes"),
        (npy_u1(b"999999999, 4, 5", b""), "of shape"),
        (npy_u1(b"-6, 4, 5", IMAGES.tobytes()), "another header"),
        (npy_u1(b"", b"1"), "another header"),
        (npy_u1(b"1" * 90 + b"x", b""), "another header"),
        (npy_u1(b"6, 4, 5", IMAGES.tobytes()).replace(b"?\x00{", b"@\x00{"), "another header"),
        (npy_u1(b"6, 4, 5", pickle.dumps([1])).replace(b"|u1", b"|O"), "another header"),
        (npy(b"{'descr': '|u1', 'shape': " + b"(" * 900 + b"}\n", b""), "another header"),
        (npy(b"__import__('os').system('true')\n", b""), "another header"),
    ],
)
def test_npy_member_that_is_not_what_it_says(tmp_path, content, match):
    path = tmp_path / "파일 1"
    zip_of(path, content)
    refuse(tmp_path, "npz", path.read_bytes(), f"x_train.npy {match}|x_train.npy with {match}")


def test_npy_header_of_python_2(tmp_path):
    path = tmp_path / "파일 1"
    zip_of(path, npy_u1(b"6L, 4L, 5L", IMAGES.tobytes()))
    np.testing.assert_array_equal(read_small("npz", path)[0], IMAGES)


@pytest.mark.parametrize("extra", ["x_train_dot_npy", "__etc__passwd", "..__x_dot_npy"])
def test_npz_with_a_further_member(tmp_path, extra):
    path = tmp_path / "파일 1"
    if extra == "x_train_dot_npy":
        with pytest.warns(UserWarning, match="Duplicate name"):
            zip_of(path, **{extra: b"again"}, name="none")
    else:
        zip_of(path, **{extra: b"1"}, name="none")
    refuse(tmp_path, "npz", path.read_bytes(), "once each")


def test_npz_compressed_in_another_way(tmp_path):
    path = tmp_path / "파일 1"
    zip_of(path, method=zipfile.ZIP_LZMA, name="none")
    refuse(tmp_path, "npz", path.read_bytes(), "compressed in another way")


def test_npz_with_a_member_beyond_all_offsets(tmp_path):
    path = tmp_path / "파일 1"
    zip_of(path, name="none")
    with zipfile.ZipFile(path, "a") as archive:
        archive.getinfo("x_train.npy").header_offset = 2**64 - 1
        archive.comment = b"written anew"
    refuse(tmp_path, "npz", path.read_bytes(), "cannot be read|damaged")


def test_npz_encrypted(tmp_path):
    path = tmp_path / "파일 1"
    zip_of(path, name="none")
    content = bytearray(path.read_bytes())
    for found in re.finditer(b"PK\x01\x02", bytes(content)):
        content[found.start() + 8] |= 1
    refuse(tmp_path, "npz", bytes(content), "encrypted")


def test_bombs_are_not_unpacked(tmp_path):
    """5 MB of zeros behind a small file: refused before a megabyte of memory is used."""
    zeros = bytes(5_000_000)
    bombs = {"idx": h.gz(h.idx_bytes(IMAGES) + zeros), "tar": h.gz(zeros)}
    zip_of(tmp_path / "bomb", zeros)
    bombs["npz"] = (tmp_path / "bomb").read_bytes()
    for kind, bomb in bombs.items():
        path = write(tmp_path, bomb)
        tracemalloc.start()
        with pytest.raises(DatasetFileError):
            if kind == "idx":
                read_idx_gz(path, (500, 4, 5))  # room for the small file, not for what it holds
            else:
                read_small(kind, path)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 1_000_000, kind


def test_npz_that_understates_its_size(tmp_path):
    """The zip directory declares few bytes, the compressed stream holds 40 MB."""
    path = tmp_path / "파일 1"
    zip_of(path, bytes(40_000_000))
    content = bytearray(path.read_bytes())
    for found in re.finditer(re.escape((40_000_000).to_bytes(4, "little")), bytes(content)):
        content[found.start() : found.start() + 4] = (200).to_bytes(4, "little")
    tracemalloc.start()
    with pytest.raises(DatasetFileError):
        read_npz(
            write(tmp_path, bytes(content)), h.SHAPES._replace(x_train=(9999, 4, 5)), exact=True
        )
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000


# ---- idx ----


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (h.idx_bytes(IMAGES, kind=9), "the header"),
        (h.idx_bytes(IMAGES[:5]), "the header"),
        (h.idx_bytes(IMAGES.reshape(6, 20)), "the header"),
        (b"\x01" + h.idx_bytes(IMAGES)[1:], "the header"),
        (h.idx_bytes(IMAGES)[:-1], "bytes, expected"),
        (h.idx_bytes(IMAGES) + b"!", "after the last element"),
        (h.idx_bytes(IMAGES)[:9], "the header"),
    ],
)
def test_idx_that_is_not_what_it_says(tmp_path, content, match):
    refuse(tmp_path, "idx", h.gz(content), match)


def test_idx_that_is_not_compressed(tmp_path):
    refuse(tmp_path, "idx", h.idx_bytes(IMAGES), "damaged or foreign")


def test_idx_with_bytes_after_the_gzip_stream(tmp_path):
    refuse(tmp_path, "idx", GOOD["idx"] + b"more", "damaged or foreign")


# ---- tar ----

FIRST = TRAIN_BATCHES[0]
BATCH = h.cifar_records()[0].tobytes()


def with_label_10():
    members = h.cifar_members()
    return [(i, b"\x0a" + c[1:] if i.name == TEST_BATCH else c) for i, c in members]


@pytest.mark.parametrize(
    "members",
    [
        [*h.cifar_members(), h.member("../../etc/cron.d/x", b"1")],
        [*h.cifar_members(), h.member("/etc/passwd", b"1")],
        [*h.cifar_members(), h.member("cifar-10-batches-bin/../x", b"1")],
        [*h.cifar_members(), h.member("elsewhere", kind=tarfile.DIRTYPE)],
        [*h.cifar_members(), h.member("cifar-10-batches-bin/new.bin", BATCH)],
        [*h.cifar_members(), h.member(FIRST, BATCH)],
        [*h.cifar_members(), h.member("cifar-10-batches-bin/readme.html", b"again")],
        h.cifar_members()[:-2],
        [m for m in h.cifar_members() if m[0].name != FIRST],
        *[
            [h.member(FIRST, kind=kind, link="/etc/passwd"), *h.cifar_members()[2:]]
            for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE)
        ],
        [h.member(FIRST, BATCH, kind=tarfile.GNUTYPE_SPARSE), *h.cifar_members()[2:]],
        [h.member(FIRST, BATCH, kind=tarfile.CONTTYPE), *h.cifar_members()[2:]],
        [h.member(FIRST, BATCH[:-1]), *h.cifar_members()[2:]],
        [h.member(FIRST, BATCH + b"!"), *h.cifar_members()[2:]],
        [h.member(FIRST, b""), *h.cifar_members()[2:]],
        with_label_10(),
        [],
    ],
)
def test_tar_with_other_members(tmp_path, members):
    refuse(tmp_path, "tar", h.gz(h.tar_bytes(members)))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["파일 1"]  # nothing is extracted


@pytest.mark.parametrize("name", [FIRST, "cifar-10-batches-bin/readme.html"])
@pytest.mark.parametrize("size", [8 << 30, 2**63, 2**80, -1])
@pytest.mark.parametrize(
    "kind",
    [tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_SPARSE, tarfile.REGTYPE, b"Z"],
)
def test_tar_that_announces_an_absurd_size(tmp_path, kind, size, name):
    info = h.member(name)[0]
    info.type, info.size = kind, size
    refuse(tmp_path, "tar", h.gz(info.tobuf(tarfile.GNU_FORMAT) + bytes(2048)))


def test_tar_with_extended_headers_is_read(tmp_path):
    content = h.gz(h.tar_bytes(h.cifar_members(), tarfile.PAX_FORMAT))
    np.testing.assert_array_equal(read_small("tar", write(tmp_path, content))[1], saved("tar")[1])


def test_tar_compressed_with_zlib_alone(tmp_path):
    refuse(tmp_path, "tar", zlib.compress(h.tar_bytes(h.cifar_members())), "damaged or foreign")
