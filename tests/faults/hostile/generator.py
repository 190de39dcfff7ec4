"""One bad file for each kind and seed, always the same."""

import functools
from random import Random
from typing import NamedTuple

from tests.datasets.helpers import gz
from tests.faults.hostile import (
    good,
    spoil_bytes,
    spoil_data,
    spoil_hdf5,
    spoil_json,
    spoil_zip,
)


class Bad(NamedTuple):
    """A bad file; ``exact`` says that no other content than the good file's may come out of it."""

    content: bytes
    variant: int
    exact: bool
    how: str


def bad(kind: str, seed: int) -> Bad:
    """The bad file of a kind (see ``good.KINDS``) and seed.

    Seeds below zero change each byte of each header of the good files, one after the other.
    """
    rng = Random(f"{kind} {seed}")
    if seed < 0:
        variant, place = header_bytes(kind)[-1 - seed]
        whole = good.variants(kind)[variant]
        content = spoil_bytes.flipped(whole.content, place, rng)
        return Bad(packed(kind, content), variant, whole.summed, f"byte {place} of a header")
    variants = good.variants(kind)
    variant = rng.randrange(len(variants))
    whole = variants[variant]
    if rng.random() < 0.4:
        content = spoil_bytes.spoilt(whole.content, rng)
        return Bad(packed(kind, content), variant, whole.summed, "bytes")
    return Bad(packed(kind, _STRUCTURE[kind](whole.content, rng)), variant, False, "structure")


def packed(kind: str, content: bytes) -> bytes:
    """A file of this content; "tar" and "idx" are spoilt before they are compressed."""
    return gz(content) if kind in ("tar", "idx") else content


@functools.cache
def header_bytes(kind: str) -> list[tuple[int, int]]:
    """(variant, place) of every byte of every header."""
    return [
        (variant, place)
        for variant, whole in enumerate(good.variants(kind))
        for place in spoil_bytes.header_places(whole.content)
    ]


def _model_member(name: str, content: bytes, rng: Random) -> bytes:
    if name == "config.json":
        return spoil_json.spoilt(content, rng)
    if name == "model.weights.h5":
        return spoil_hdf5.spoilt(content, rng)
    return rng.choice([b"", b"{", b"[]", bytes(2_000_000), spoil_bytes.spoilt(content, rng)])


_STRUCTURE = {
    "keras": lambda content, rng: spoil_zip.spoilt(content, rng, _model_member),
    "weights": spoil_hdf5.spoilt,
    "npz": lambda content, rng: spoil_zip.spoilt(content, rng, spoil_data.npy),
    "tar": spoil_data.tar,
    "idx": spoil_data.idx,
    "tar.gz": lambda content, rng: spoil_data.gz(_unpacked(content), rng),
    "idx.gz": lambda content, rng: spoil_data.gz(_unpacked(content), rng),
}


def _unpacked(content: bytes) -> bytes:
    import gzip

    return gzip.decompress(content)
