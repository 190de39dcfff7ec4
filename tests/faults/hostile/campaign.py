"""Thousands of bad files, each judged in a process that may crash or hang without harm.

``python -m tests.faults.hostile.campaign`` makes 22,000 model files, 20,000 archives of data sets
and 5,000 idx and tar files, and besides them one file for each byte of each header of the good
ones. A number makes so many per mille of them. Every fault is printed with the command that makes
it happen again; the exit status is 1 if there is one.
"""

import json
import os
import select
import subprocess
import sys
import threading
import time
from collections import Counter
from typing import NamedTuple

from tests.faults.hostile import generator

#: kind -> number of bad files in the whole campaign, besides those with one changed header byte
COUNTS = {
    "keras": 10_000, "weights": 12_000, "npz": 10_000, "tar.gz": 5_000, "idx.gz": 5_000,
    "tar": 2_500, "idx": 2_500,
}  # fmt: skip
_AT_ONCE = 500  # seeds for one process
_SILENCE = 30.0  # seconds without a line after which a judge hangs


class Result(NamedTuple):
    """What came of a campaign."""

    outcomes: Counter  # (kind, outcome) -> number of files
    faults: list  # (kind, seed, what)
    slowest: float  # seconds
    largest: int  # bytes of memory


def campaign(per_mille=1000, processes=None):
    """Judge so many of all bad files; the same ones at every call."""
    jobs = [job for kind in COUNTS for job in _jobs(kind, per_mille)]
    result = Result(Counter(), [], 0.0, 0)
    lock = threading.Lock()
    records = []

    def work():
        while True:
            with lock:
                if not jobs:
                    return
                kind, seeds = jobs.pop()
            for record in _judged(kind, seeds):
                with lock:
                    records.append((kind, *record))

    threads = [threading.Thread(target=work) for _ in range(processes or os.cpu_count() or 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for kind, seed, outcome, fault, *_ in sorted(records):
        result.outcomes[kind, outcome] += 1
        if fault:
            result.faults.append((kind, seed, fault))
    return result._replace(
        slowest=max(record[4] for record in records), largest=max(record[5] for record in records)
    )


def _jobs(kind, per_mille):
    """(kind, seeds) for one process each."""
    headers = len(generator.header_bytes(kind))
    step = max(1000 // per_mille, 1)
    seeds = [*range(-1, -headers - 1, -step), *range(COUNTS[kind] * per_mille // 1000)]
    return [(kind, seeds[i : i + _AT_ONCE]) for i in range(0, len(seeds), _AT_ONCE)]


def _judged(kind, seeds):
    """[seed, outcome, fault, seconds, memory] of each; a judge that ends or hangs is a fault."""
    seeds = list(seeds)
    while seeds:
        command = [sys.executable, "-m", "tests.faults.hostile.judge", kind, *map(str, seeds)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as judge:
            why = "it ended the process"
            while seeds:
                if not select.select([judge.stdout], [], [], _SILENCE)[0]:
                    why = f"nothing came of it in {_SILENCE:.0f} s"
                    judge.kill()
                    break
                line = judge.stdout.readline()
                if not line:
                    break
                record = json.loads(line)
                assert record[0] == seeds.pop(0)
                yield record
            else:
                continue
            last = judge.stderr.read().decode(errors="replace").strip().splitlines()[-1:]
        yield [seeds.pop(0), "crash", f"{why}: {last}", 0.0, 0]


def main(arguments):
    """The campaign as a program: prints a table, and every fault."""
    start = time.monotonic()
    result = campaign(*map(int, arguments))
    outcomes = ("refused", "same", "part", "other", "crash")
    print(f"{'files':10}{'all':>8}" + "".join(f"{outcome:>9}" for outcome in outcomes))
    for kind in [*COUNTS, "all"]:
        kinds = COUNTS if kind == "all" else [kind]
        numbers = [sum(result.outcomes[k, outcome] for k in kinds) for outcome in outcomes]
        print(f"{kind:10}{sum(numbers):>8,}" + "".join(f"{n:>9,}" for n in numbers))
    print(
        "refused: one typed error; same: what was saved; part: the weights that were saved, and a "
        "warning\nthat names what was left out; other: what other libraries find in it too\n"
        f"slowest {result.slowest:.2f} s, most memory {result.largest / 1e6:.0f} MB, "
        f"{time.monotonic() - start:.0f} s in all, {len(result.faults)} faults"
    )
    for kind, seed, what in result.faults:
        print(f"{what}\n  python -m tests.faults.hostile.judge {kind} {seed}")
    return 1 if result.faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
