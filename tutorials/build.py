"""Builds the notebooks of the course from its chapters, and checks the ones that are there.

    python tutorials/build.py              execute every chapter, write tutorials/notebooks/*.ipynb
    python tutorials/build.py 2 7          only these chapters
    python tutorials/build.py --full       chapters that train may take their time
    python tutorials/build.py --check      execute, write nothing; fail when a committed notebook
                                           is not what its chapter gives

A chapter is a Python file in percent format: cells begin with ``# %%``, prose stands in cells that
begin with ``# %% [markdown]``. When a cell raises, or an ``assert`` beside a stated number fails,
the error names the chapter and the line.
"""

import argparse
import os
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import jupytext
import nbclient
import nbformat

HERE = Path(__file__).resolve().parent
NOTEBOOKS = HERE / "notebooks"
LARGEST = 1_500_000  # bytes of a notebook; GitHub shows no very large ones
#: the environment variable by which --full reaches a chapter
FULL = "MINICNN_TUTORIALS_FULL"

_CELL = re.compile(r"^# %%(?P<markdown> \[markdown\])?\s*$")
_ADDRESS = re.compile(r" at 0x[0-9a-f]+")
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_PLACES = re.compile(
    rf"{re.escape(str(HERE.parent))}|/(home|root|tmp|usr|opt|Users|private|var)/|[A-Z]:\\Users|ipykernel_"
)


class ChapterError(Exception):
    """What is wrong with a chapter or its notebook, with file and line."""


def main(arguments: list[str] | None = None) -> int:
    """The command line. 0 if all is well, 1 with a line on each fault otherwise."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=_Plain)
    parser.add_argument("chapters", nargs="*", type=int, help="numbers of chapters (default: all)")
    parser.add_argument("--check", action="store_true", help="write nothing, compare")
    parser.add_argument("--full", action="store_true", help="train longer where a chapter can")
    args = parser.parse_args(arguments)
    os.environ[FULL] = "1" if args.full else "0"
    faults = 0
    for chapter in chapters(args.chapters):
        begin = time.perf_counter()
        try:
            notebook = execute(chapter)
            if args.check:
                compare(chapter, notebook_path(chapter))
            else:
                examine(notebook, chapter.name)
                write(notebook, notebook_path(chapter))
            print(f"{chapter.name}: {time.perf_counter() - begin:.0f} s", flush=True)
        except ChapterError as error:
            faults += 1
            print(f"{error}", file=sys.stderr, flush=True)
    return 1 if faults else 0


def chapters(numbers: list[int] | None = None) -> list[Path]:
    """The chapters' files, all or those of these numbers, in their order.

    Raises:
        SystemExit: there is no chapter of such a number.
    """
    files = {int(path.name[:2]): path for path in sorted(HERE.glob("[0-9][0-9]_*.py"))}
    missing = [n for n in numbers or [] if n not in files]
    if missing:
        raise SystemExit(f"there is no chapter {missing[0]}; there are {list(files)}")
    return [files[n] for n in numbers or files]


def notebook_path(chapter: Path) -> Path:
    """Where the notebook of a chapter lies."""
    return chapter.parent / "notebooks" / f"{chapter.stem}.ipynb"


def read(chapter: Path) -> nbformat.NotebookNode:
    """A chapter as a notebook without outputs, the same at every call."""
    notebook = jupytext.reads(chapter.read_text(encoding="utf-8"), fmt="py:percent")
    for i, cell in enumerate(notebook.cells):
        cell.id = f"cell-{i}"  # drawn at random otherwise
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        }
    )
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    return notebook


def execute(chapter: Path) -> nbformat.NotebookNode:
    """Run a chapter from its first cell to its last, in a kernel of its own.

    Raises:
        ChapterError: a cell raised; the message begins with "file:line".
    """
    notebook = read(chapter)
    client = nbclient.NotebookClient(
        notebook,
        timeout=3600,
        kernel_name="python3",
        extra_arguments=["--IPKernelApp.log_level=40"],  # it warns of its own ports otherwise
        record_timing=False,
        resources={"metadata": {"path": str(chapter.parent)}},
    )
    try:
        client.execute()
    except nbclient.exceptions.CellExecutionError as error:
        raise ChapterError(_locate(chapter, notebook, error)) from None
    for cell in notebook.cells:
        cell.metadata = nbformat.from_dict({})
        for output in cell.get("outputs", []):  # addresses differ each time and tell nothing
            for data in (output, output.get("data", {})):
                for key in {"text", "text/plain"} & set(data):
                    data[key] = _ADDRESS.sub("", data[key])
        cell.pop("attachments", None)
    notebook.metadata["language_info"] = nbformat.from_dict({"name": "python"})
    return notebook


def examine(notebook: nbformat.NotebookNode, name: str) -> None:
    """What every built notebook has to be: executed, without an error, small, of no one machine.

    Raises:
        ChapterError: it is not.
    """
    pictures = 0
    for i, cell in enumerate(notebook.cells):
        if cell.cell_type != "code":
            continue
        if cell.execution_count is None:
            raise ChapterError(f"{name}: cell {i} was never executed; run make tutorials")
        for output in cell.outputs:
            if output.output_type == "error":
                raise ChapterError(f"{name}: cell {i} holds an error, {output.ename}")
            if output.get("name") == "stderr":
                raise ChapterError(f"{name}: cell {i} wrote to stderr: {output.text[:200]}")
            data = dict(output.get("data", {}))
            pictures += bool({"image/png", "image/gif"} & set(data)) or "<img" in str(
                data.get("text/html", "")
            )
            text = str(output.get("text", "")) + str(data.get("text/plain", ""))
            if found := _PLACES.search(text):
                raise ChapterError(f"{name}: cell {i} shows a path of this machine: {found[0]}")
    if pictures < 3:
        raise ChapterError(f"{name}: {pictures} pictures; a chapter has at least three")
    size = len(nbformat.writes(notebook).encode())
    if size > LARGEST:
        raise ChapterError(f"{name}: {size:,} bytes, more than {LARGEST:,}")


def compare(chapter: Path, path: Path) -> None:
    """A committed notebook has to be what its chapter gives: cell by cell the same source.

    Outputs are not compared, as times and the last digits differ from machine to machine; that
    they are there and hold no error is.

    Raises:
        ChapterError: it is not; the message says which cell.
    """
    if not path.is_file():
        raise ChapterError(f"{chapter.name}: there is no {path.name}; run make tutorials")
    there, wanted = nbformat.read(path, as_version=4), read(chapter)
    stale = f"is not what {chapter.name} gives; run make tutorials"
    if len(there.cells) != len(wanted.cells):
        raise ChapterError(
            f"{path.name} ({len(there.cells)} cells instead of {len(wanted.cells)}) {stale}"
        )
    for number, (a, b) in enumerate(zip(there.cells, wanted.cells, strict=True)):
        if (a.cell_type, a.source) != (b.cell_type, b.source):
            line = list(_cell_lines(chapter))[number]
            raise ChapterError(f"{path.name}, cell {number} (line {line}) {stale}")
    examine(there, path.name)


def write(notebook: nbformat.NotebookNode, path: Path) -> None:
    """Write a notebook in one piece: it is either the old one or the new one."""
    path.parent.mkdir(exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8")
    part.replace(path)


def _cell_lines(chapter: Path) -> Iterator[int]:
    """The line of a chapter's file at which each cell begins (that of its first text)."""
    for number, line in enumerate(chapter.read_text(encoding="utf-8").splitlines(), 1):
        if _CELL.match(line):
            yield number + 1


def _locate(
    chapter: Path, notebook: nbformat.NotebookNode, error: nbclient.exceptions.CellExecutionError
) -> str:
    """ "07_learning.py:120: AssertionError: ..." and the line itself."""
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type != "code" or not any(o.output_type == "error" for o in cell.outputs):
            continue
        (output,) = (o for o in cell.outputs if o.output_type == "error")
        trace = _COLOURS.sub("", "\n".join(output.traceback))
        within = re.search(rf"Cell In\[{cell.execution_count}\], line (\d+)", trace)
        line = list(_cell_lines(chapter))[number] + (int(within[1]) - 1 if within else 0)
        text = chapter.read_text(encoding="utf-8").splitlines()[line - 1].strip()
        return f"{chapter.name}:{line}: {error.ename}: {error.evalue}\n    {text}\n{trace}"
    return f"{chapter.name}: {error}"


class _Plain(argparse.RawDescriptionHelpFormatter):
    """Help as it stands above."""


if __name__ == "__main__":
    raise SystemExit(main())
