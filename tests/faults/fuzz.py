"""Coverage-guided fuzzing of every reader of files from strangers; ``make fuzz`` runs it.

``python -m tests.faults.fuzz SECONDS [option of libFuzzer ...]`` needs atheris (extra "fuzz"). The
first byte of an input chooses the reader, the rest is the file, or a part of one: so the fuzzer
need not find out how to make a zip's checksum right. Checksums of HDF5 blocks are not compared.
What is a fault is what the judge of bad files says.
"""

import gzip
import logging
import sys
import tempfile
import warnings
from pathlib import Path

import atheris

logging.disable()
with atheris.instrument_imports(
    include=["minicnn.saving", "minicnn.datasets", "minicnn.models", "minicnn.zipped",
             "minicnn.layers", "minicnn.optimizers", "zipfile", "tarfile", "gzip", "json"],
):  # fmt: skip
    from minicnn import config
    from minicnn.saving.hdf5 import blocks, objects
    from tests.faults.hostile import generator, good, judge, spoil_zip

#: what the first byte chooses: kind of file, and the member that the rest is, if it is one
TARGETS = [
    ("keras", None), ("keras", "config.json"), ("keras", "model.weights.h5"), ("weights", None),
    ("npz", None), ("npz", "x_train.npy"), ("tar", None), ("idx", None), ("tar.gz", None),
    ("idx.gz", None),
]  # fmt: skip
_SAMPLES = 40  # bad files for each kind in the first corpus, besides the good ones


class Reader:
    """Writes an input to a file and has it read; raises for a fault."""

    def __init__(self, folder):
        self.folder = folder
        self.watch = judge.Watch()
        self.members = {
            kind: spoil_zip.members_of(good.variants(kind)[0].content) for kind in ("keras", "npz")
        }

    def __call__(self, content):
        if not content:
            return
        kind, member = TARGETS[content[0] % len(TARGETS)]
        content = content[1:]
        if member:
            parts = [(n, content if n == member else c) for n, c in self.members[kind]]
            content = spoil_zip.zipped(parts)
        path = self.folder / f"x{good.KINDS[kind]}"
        path.write_bytes(generator.packed(kind, content))
        self.watch.path = str(path)
        try:
            good.read(kind, 0, path)
        except Exception as error:
            if fault := judge.error_fault(kind, error, path):
                raise RuntimeError(fault) from error
        finally:
            self.watch.path = None
        if self.watch.seen:
            raise RuntimeError(f"it did what no reader may: {self.watch.seen}")


def write_corpus(folder):
    """Good and bad files to start from."""
    for number, (kind, member) in enumerate(TARGETS):
        contents = [whole.content for whole in good.variants(kind)]
        bad = (generator.bad(kind, seed).content for seed in range(_SAMPLES))
        contents += [gzip.decompress(b) if kind in ("tar", "idx") else b for b in bad]
        if member:
            contents = [c for whole in contents for n, c in _members(whole) if n == member]
        for i, content in enumerate(contents):
            if len(content) < 1 << 16:
                (folder / f"{number}-{i}").write_bytes(bytes([number]) + content)


def _members(content):
    try:
        return spoil_zip.members_of(content)
    except Exception:  # spoilt so that it is no archive any more
        return []


def main(arguments):
    """Fuzz for so many seconds."""
    seconds, *options = arguments
    config.set_backend("numpy")
    warnings.simplefilter("ignore")
    blocks.check = objects.check = lambda content, stored: None
    with tempfile.TemporaryDirectory(prefix="minicnn-fuzz-") as folder:
        corpus, files = Path(folder, "corpus"), Path(folder, "files")
        corpus.mkdir()
        files.mkdir()
        write_corpus(corpus)
        atheris.Setup(
            [sys.argv[0], str(corpus), f"-max_total_time={seconds}", "-max_len=65536",
             "-timeout=30", "-rss_limit_mb=2000", "-print_final_stats=1",
             "-artifact_prefix=fuzz-", *options],
            Reader(files),
        )  # fmt: skip
        atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1:])
