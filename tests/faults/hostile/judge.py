"""Reads bad files in a process of its own and says of each what came of it, one line of JSON each.

``python -m tests.faults.hostile.judge KIND SEED SEED ...`` where ``a:b`` stands for many seeds. A
line has the outcome, and the fault of the reader, if there is one. What is a fault:

* another exception than the one typed error, or one without path, finding and expectation, or
  with control characters in it that a terminal would obey;
* arrays other than those in the good file, or, where a file has no checksums, other than those
  that NumPy, tarfile or the HDF5 library find in it;
* more than 2 s, more memory than four times the file and 256 MB;
* any file opened but this one, anything written, executed, imported from elsewhere, or sent.
"""

import gzip
import io
import json
import os
import sys
import tarfile
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np

from minicnn.datasets import DatasetFileError
from minicnn.saving import ModelFileError
from tests.datasets import helpers as h
from tests.faults.hostile import generator, good

SECONDS, MEMORY = 2.0, 256 << 20
_MODELS = ("keras", "weights")
_NEVER = (
    "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "subprocess", "socket.",
    "urllib.", "ftplib.", "http.", "ctypes.", "pickle.", "os.remove", "os.rename", "os.mkdir",
    "os.rmdir", "os.link", "os.symlink", "os.chmod", "os.chown", "os.truncate", "os.putenv",
    "shutil.", "tempfile.", "code.", "mmap.", "sqlite3.", "webbrowser.", "builtins.input",
)  # fmt: skip
_OURS = (sys.prefix, sys.base_prefix, str(Path(__file__).parents[3]), "<frozen", "/proc/self/")


class Watch:
    """Notes what Python does while a file is read, by the interpreter's own audit events."""

    def __init__(self):
        self.path = None  # of the file that is being read, None while nobody looks
        self.seen = []
        sys.addaudithook(self._look)

    def _look(self, event, arguments):
        if self.path is None:
            return
        if event.startswith(_NEVER):
            self.seen.append(f"{event} {arguments!r:.200}")
        elif event == "open":
            name, _, flags = arguments
            writes = bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC))
            known = str(name) == self.path or str(name).startswith(_OURS)
            if writes or not known:
                self.seen.append(f"open {arguments!r:.200}")
        elif event in ("exec", "compile"):
            file = getattr(arguments[0], "co_filename", None) or str(arguments[-1])
            if not file.startswith(_OURS):
                self.seen.append(f"{event} {file:.200}")
        elif event == "import" and arguments[0].partition(".")[0] not in (
            sys.stdlib_module_names | {"minicnn", "numpy"}
        ):
            self.seen.append(f"import {arguments[0]}")


class Memory:
    """How much memory this process took at most since ``begin``; Linux only."""

    def begin(self):
        Path("/proc/self/clear_refs").write_text("5")  # forget the largest size so far
        status = _status()
        self._resident, self._virtual, self._peak = (
            status[k] for k in ("VmRSS", "VmSize", "VmPeak")
        )

    def taken(self):
        """Bytes used, or asked for if that is what made the process larger than ever."""
        status = _status()
        asked = status["VmPeak"] - self._virtual if status["VmPeak"] > self._peak else 0
        return max(status["VmHWM"] - self._resident, asked)


def _status():
    lines = Path("/proc/self/status").read_text().splitlines()
    pairs = (line.split()[:2] for line in lines if line.startswith("Vm"))
    return {name.rstrip(":"): int(value) << 10 for name, value in pairs}


def judged(kind, bad, folder, watch, memory):
    """(outcome, fault or None, seconds, bytes of memory) of reading one bad file."""
    path = folder / f"파일 1{good.KINDS[kind]}"
    path.write_bytes(bad.content)
    receiver = good.receiver(bad.variant) if kind == "weights" else None
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        memory.begin()
        found = error = None
        start, watch.path = time.perf_counter(), str(path)
        try:
            found = good.read(kind, bad.variant, path)
        except BaseException as raised:
            error = raised
        finally:
            watch.path = None
        seconds, taken = time.perf_counter() - start, memory.taken()
    fault = error_fault(kind, error, path) if error is not None else None
    for warning in warned:
        text = str(warning.message)
        if len(text) > 10_000 or not text.replace("\n", "").isprintable():
            fault = f"a warning with control characters: {text[:300]!a}"
    outcome = "refused" if error is not None else "part" if warned else "same"
    if error is None and not good.same(found, good.saved(kind, bad.variant)):
        outcome = "other"
        try:
            others = by_others(kind, bad)
        except Exception as error:
            fault = f"others refuse the file: {error}"
        else:
            if bad.exact or not good.same(found, others):
                fault = "it gave other arrays than are in the file"
    if receiver is not None:
        if error is not None and any((weight != 7).any() for weight in receiver.get_weights()):
            fault = "a file that was refused changed the model"
        good.clear(receiver)
    if watch.seen:
        fault = f"it did what no reader may: {watch.seen[:3]}"
        watch.seen.clear()
    if taken > 4 * len(bad.content) + MEMORY:
        fault = f"{taken:,} bytes of memory for a file of {len(bad.content):,}"
    if [p.name for p in folder.iterdir()] != [path.name] or os.listdir():
        fault = "a file was written"
    return outcome, fault, seconds, taken


def error_fault(kind, error, path):
    """What is wrong with an error, or None."""
    wanted = ModelFileError if kind in _MODELS else DatasetFileError
    text = str(error)
    if type(error) is not wanted:
        return f"{type(error).__name__}: {text[:300]}"
    if str(error.path) != str(path) or not error.found or not error.expected:
        return f"an error without path, finding or expectation: {text[:300]}"
    if not isinstance(error, ValueError) or len(text) > 10_000:
        return f"an error of {len(text):,} characters"
    if not text.replace("\n", "").isprintable():
        return f"an error with control characters: {text[:300]!a}"
    return None


def by_others(kind, bad):
    """The arrays of an accepted file as other readers find them."""
    if kind in _MODELS:
        return good.arrays_by_library(kind, bad.content)
    if kind == "npz":
        with np.load(io.BytesIO(bad.content)) as archive:
            return [archive[name] for name in h.SHAPES._fields]
    content = gzip.decompress(bad.content)
    if kind.startswith("idx"):
        axes = content[3]
        shape = [int.from_bytes(content[4 + 4 * i : 8 + 4 * i], "big") for i in range(axes)]
        return [np.frombuffer(content, np.uint8, offset=4 + 4 * axes).reshape(shape)]
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        batches = {m.name: archive.extractfile(m).read() for m in archive if m.name[-4:] == ".bin"}
    records = [np.frombuffer(batches[n], np.uint8).reshape(-1, 3073) for n in sorted(batches)]
    return good.cifar_arrays(records)


def main(arguments):
    kind, *wanted = arguments
    watch, memory = Watch(), Memory()
    home = Path.cwd()
    with tempfile.TemporaryDirectory(prefix="minicnn-hostile-") as folder:
        empty, files = Path(folder, "empty"), Path(folder, "files")
        empty.mkdir()
        files.mkdir()
        os.chdir(empty)
        for variant, whole in enumerate(good.variants(kind)):  # what is loaded once is loaded now
            content = generator.packed(kind, whole.content)
            first = generator.Bad(content, variant, True, "not at all")
            outcome = judged(kind, first, files, watch, memory)
            assert outcome[0] == "same", (kind, variant, outcome)
        for seeds in wanted:
            first, _, last = seeds.partition(":")
            for seed in range(int(first), int(last or int(first) + 1)):
                bad = generator.bad(kind, seed)
                outcome, fault, seconds, taken = judged(kind, bad, files, watch, memory)
                for _ in range(2):  # others may have wanted the processor
                    if seconds > SECONDS:
                        seconds = min(seconds, judged(kind, bad, files, watch, memory)[2])
                if seconds > SECONDS:
                    fault = fault or f"{seconds:.1f} s"
                print(json.dumps([seed, outcome, fault, round(seconds, 4), taken]), flush=True)
        os.chdir(home)


if __name__ == "__main__":
    main(sys.argv[1:])
