"""Fill the tables of ``benchmarks/README.md`` from ``benchmarks/results/*.json``.

    python benchmarks/report.py            # make bench-report

No figure is typed by hand: what stands between ``<!-- table: NAME -->`` and ``<!-- end -->`` is
made anew from results/NAME.json, or says that there is none yet.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

from measure import HERE, RESULTS
from step import PREDICTIONS

README = HERE / "README.md"


def main() -> None:
    text, count = re.subn(
        r"(<!-- table: (\w+) -->\n).*?(<!-- end -->)",
        lambda found: found[1] + section(found[2]) + found[3],
        README.read_text(),
        flags=re.DOTALL,
    )
    README.write_text(text)
    print(f"{README}: {count} sections")


def section(name: str) -> str:
    """What one result says: where it was measured, its tables, its picture."""
    path = RESULTS / f"{name}.json"
    if not path.exists():
        return "\nNot measured yet.\n\n"
    data = json.loads(path.read_text())
    picture = f"![{name}](results/{name}.png)"
    return "\n" + "\n".join([*measured_on(data), "", *globals()[name](data), picture]) + "\n\n"


def measured_on(data: dict[str, Any]) -> Iterator[str]:
    m = data["machine"]
    versions = dict(data.get("versions", {}))
    blas = list(data.get("blas", []))
    for runs in data.get("runs", {}).values():
        for rows in runs.values():
            for run in rows:
                versions |= run["versions"]
                blas += [kernels for kernels in run["blas"] if kernels not in blas]
    load = m["load_average"]
    yield (
        f"{m['processor']}, {m['threads']} threads, {m['system']}, Python {m['python']}, "
        f"{', '.join(f'{k} {v}' for k, v in versions.items())}; BLAS: {', '.join(blas) or '?'}; "
        f"commit {m['commit']}, {m['date']}"
        + (f", load average {load:.1f} at the start" if load is not None else "")
        + "."
    )


def rows_of(head: list[str], body: list[list[str]], left: int = 1) -> list[str]:
    """A Markdown table; all columns but the first ``left`` are aligned to the right."""
    line = ["---" if i < left else "---:" for i in range(len(head))]
    return [f"| {' | '.join(row)} |" for row in (head, line, *body)] + [""]


def operations(data: dict[str, Any]) -> Iterator[str]:
    sgemm, after = data["sgemm_gflops"], data["sgemm_gflops_after"]
    yield (
        f"Ceilings of the same run: float32 matrix product {sgemm:.0f} GFLOP/s ({after:.0f} at the "
        f"end), copying memory {data['copy_gbytes']:.0f} GB/s. Milliseconds a batch, medians.\n"
    )
    body = []
    for ladder in data["ladders"]:
        for direction in ("forward", "backward"):
            t = {name: r[direction]["median"] for name, r in ladder["rungs"].items()}
            fused = t["Numba, fused"]
            rate = ladder["flops"][direction] / fused / 1e9
            title = f"{ladder['title']}, batch {ladder['batch']}"
            body.append([
                title if direction == "forward" else "", direction,
                f"{t['plain loops'] * 1e3:,.0f}" if "plain loops" in t else "–",
                f"{t['NumPy'] * 1e3:.2f}", f"{t['Numba'] * 1e3:.3f}", f"**{fused * 1e3:.3f}**",
                f"{t['NumPy'] / fused:.1f}×", f"{rate:.0f}", f"{rate / sgemm:.0%}",
            ])  # fmt: skip
    yield from rows_of(
        ["operation", "", "plain loops", "NumPy", "Numba", "fused", "fused : NumPy", "GFLOP/s",
         "of the product's rate"], body, left=2,
    )  # fmt: skip
    body = []
    for row in data["memory_bound"]:
        t = {name: cell["median"] for name, cell in row["times"].items()}
        rate = row["bytes"] / t["Numba, fused"] / 1e9
        body.append([
            row["title"], f"{t['NumPy'] * 1e3:.3f}", f"**{t['Numba, fused'] * 1e3:.3f}**",
            f"{t['NumPy'] / t['Numba, fused']:.1f}×", f"{rate:.1f}",
            f"{rate / data['copy_gbytes']:.0%}",
        ])  # fmt: skip
    yield from rows_of(
        ["bounded by memory", "NumPy", "Numba", "Numba : NumPy", "GB/s", "of the copy's rate"], body
    )


def step(data: dict[str, Any]) -> Iterator[str]:
    from pictures import by_kind

    programs = data["programs"]
    kinds = [kind for kind, *_ in by_kind([])]
    body = []
    for name, found in programs.items():
        per_image = 1e6 / found["batch"]
        parts = [f"{s * per_image:.1f}" for *_, s in by_kind(found["parts"])]
        whole = found["step_unwatched"]["median"] * per_image
        floor = found["floor_s"] * per_image
        share = found["flops"] / found["step_unwatched"]["median"] / 1e9 / data["sgemm_gflops"]
        gain = found["step_one_thread"]["median"] / found["step_unwatched"]["median"]
        body.append([
            f"{name} ({found['batch']})", f"**{whole:.1f}**", f"{floor:.1f}", f"{share:.0%}",
            f"{gain:.2f}×", *parts,
        ])  # fmt: skip
    yield "A training step, µs an image (in brackets the batch); floor: see above.\n"
    yield from rows_of(
        ["program", "step", "floor", "of the product's rate", "over one thread", *kinds], body
    )
    yield "Prediction, µs an image.\n"
    yield from rows_of(
        ["program", *PREDICTIONS.values()],
        [[n, *[f"{f['predict_us'][k]['median']:.1f}" for k in PREDICTIONS]]
         for n, f in programs.items()],
    )  # fmt: skip


def startup(data: dict[str, Any]) -> Iterator[str]:
    python = data["imports"]["python"]["median"]
    yield f"Beyond the start of the interpreter ({python * 1e3:.0f} ms):\n"
    yield from rows_of(
        ["statement", "ms"],
        [[title, f"{(t['median'] - python) * 1e3:.0f}"]
         for title, t in data["imports"].items() if title != "python"],
    )  # fmt: skip
    cold = data["cold"]
    yield (
        f"The very first batch ({cold['program']}, every kernel compiled): "
        f"**{cold['first_batch_s']:.1f} s**. With the kernels cached:\n"
    )
    body = []
    for program, found in data["cached"].items():
        cells = {k: found[k]["median"] for k in ("first_batch_s", "start_to_first_epoch_s")}
        body.append([
            program, f"{cells['first_batch_s']:.3f}", f"{cells['start_to_first_epoch_s']:.2f}",
            f"{found['peak_mb']['median']:.0f}", f"{found['data_mb']:.0f}",
        ])  # fmt: skip
    yield from rows_of(
        ["program", "first batch, s", f"start to end of an epoch of {data['samples']} images, s",
         "peak memory, MB", "of which images"], body,
    )  # fmt: skip


def scaling(data: dict[str, Any]) -> Iterator[str]:
    for axis in next(iter(data["axes"].values())):
        found = {threads: axes[axis] for threads, axes in data["axes"].items()}
        sizes = next(iter(found.values()))["sizes"]
        body = [
            [f"{threads}", *[f"{s * 1e3:.2f}" for s in f["step_s"]], f"{f['exponent']:.2f}",
             f"{f['exponent_of_largest']:.2f}"]
            for threads, f in found.items()
        ]  # fmt: skip
        yield f"Milliseconds a training step, by {axis}:\n"
        yield from rows_of(["threads", *map(str, sizes), "exponent", "of the three largest"], body)
    compared = data["off_the_path"]
    if compared:
        engines = list(next(iter(compared.values()))["step_s"])
        body = [
            [title, *[f"{f['step_s'][e] * 1e3:.2f}" for e in engines], f"{f['ratio']:.2f}×"]
            for title, f in compared.items()
        ]
        yield "Off the beaten path, milliseconds a training step:\n"
        yield from rows_of(["network", *engines, "minicnn : fastest of the others"], body)
    yield from left_out(data)


def peers(data: dict[str, Any]) -> Iterator[str]:
    table = data["table"]
    engines = list(dict.fromkeys(e for runs in data["runs"].values() for e in runs if runs[e]))
    titles = list(dict.fromkeys(title for columns in table.values() for title in columns))
    several = f"Medians of {data['rounds']} rounds, quartiles in brackets"
    yield (
        f"{several if data['rounds'] > 1 else 'One round'}; then how many times as fast (or as "
        f"small) minicnn is as the best of the others. An epoch has {data['samples']:,} images.\n"
    )
    for title in titles:
        body = []
        for program, columns in table.items():
            row = columns[title]
            others = [row[e]["ratio"] for e in engines if e in row and e != "minicnn"]
            cells = [
                f"{number(row[e]['median'])} ({number(row[e]['q1'])}–{number(row[e]['q3'])})"
                if e in row else "–" for e in engines
            ]  # fmt: skip
            body.append([program, *cells, f"**{min(others):.2f}×**" if others else "–"])
        yield f"{title[0].upper()}{title[1:]}\n"
        yield from rows_of(["program", *engines, "ratio"], body)
    yield from left_out(data)


first_epoch = peers


def number(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def left_out(data: dict[str, Any]) -> Iterator[str]:
    for engine, reason in data["failed"].items():
        yield f"Left out: {engine}: {reason}\n"


if __name__ == "__main__":
    main()
