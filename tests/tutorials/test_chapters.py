"""Every chapter has its parts, its words are spelled, its notebook is there and is its own."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from minicnn import exercises
from tests.tutorials.test_build import build

ROOT = Path(__file__).parents[2]
TUTORIALS = ROOT / "tutorials"
CHAPTERS = build.chapters()
BOOTSTRAP = build.read(CHAPTERS[0]).cells[1].source

#: words that tell a reader who is stuck that it's their own fault, or tell nothing
UNWANTED = re.compile(
    r"\b(simply|obviously|trivial(ly)?|of course|needless to say)\b", re.IGNORECASE
)


def prose(chapter):
    return "\n\n".join(c.source for c in build.read(chapter).cells if c.cell_type == "markdown")


def number(chapter):
    return int(chapter.name[:2])


each = pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda c: c.stem)


@each
def test_the_notebook_is_what_the_chapter_gives(chapter):
    build.compare(chapter, build.notebook_path(chapter))


@each
def test_a_chapter_has_its_parts_in_order(chapter):
    cells = build.read(chapter).cells
    assert cells[0].source.startswith(f"# {number(chapter)}. ")
    assert cells[1].source == BOOTSTRAP
    text, place = prose(chapter), 0
    for part in (
        "**What you will be able to do**",
        "**Before**",
        "**Time**",
        "## Exercises",
        "## What to take along",
        "## Where this comes from",
    ):
        assert part in text[place:], f"{part} is missing, or in the wrong place"
        place = text.index(part, place)


@each
def test_every_cell_begins_with_a_plain_marker(chapter):
    for line in chapter.read_text(encoding="utf-8").splitlines():
        if line.startswith("# %%"):
            assert line in ("# %%", "# %% [markdown]"), line


@each
def test_a_chapter_is_read_in_twenty_minutes(chapter):
    assert len(re.findall(r"\w+", prose(chapter))) <= 2800


@each
def test_the_exercises_of_a_chapter_are_set_checked_and_solved(chapter):
    code = "\n".join(c.source for c in build.read(chapter).cells if c.cell_type == "code")
    text = prose(chapter)
    solutions = (TUTORIALS / "solutions" / chapter.name).read_text(encoding="utf-8")
    names = exercises.names(number(chapter))
    assert sorted(re.findall(r"check\(my_(\w+)\)", code)) == sorted(names)
    for name in names:
        assert f'hint("{name}")' in text
        assert re.search(rf"^(def|class) my_{name}\b", solutions, re.MULTILINE)
        assert not re.search(rf"^(def|class) my_{name}\b.*\n.*return", code, re.MULTILINE)
    assert f"(../solutions/{chapter.name})" in text


@each
def test_the_words(chapter):
    text = prose(chapter)
    found = UNWANTED.search(text)
    assert not found, found
    assert "—" not in text  # a sentence ends, or a comma does


@each
def test_a_line_is_no_list_by_chance_and_a_formula_stays_on_its_line(chapter):
    in_code = in_formula = False
    before = ""
    for line in prose(chapter).splitlines():
        in_code ^= line.startswith("```")
        if line.strip().startswith("$$") or in_formula:
            in_formula ^= line.count("$$") == 1
        elif not in_code:
            by_chance = before and not re.match(r"\s*([*+-]|\d+\.) |  |#|\|", before)
            assert not (by_chance and re.match(r"([*+-]|\d+\.)( |$)", line)), line
            assert re.sub(r"`[^`]*`", "", line).count("$") % 2 == 0, line
        before = line


@each
def test_links_lead_somewhere(chapter):
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", prose(chapter)):
        assert (TUTORIALS / "notebooks" / target).exists(), target


def test_the_index_names_every_chapter():
    index = (TUTORIALS / "README.md").read_text(encoding="utf-8")
    linked = re.findall(r"\]\((?!http)([^)#]+)\)", index)
    assert all((TUTORIALS / target).exists() for target in linked), linked
    for chapter in CHAPTERS:
        assert f"notebooks/{chapter.stem}.ipynb" in linked
        assert chapter.name in linked


def test_the_spelling():
    files = [*CHAPTERS, *(TUTORIALS / "solutions").glob("*.py"), TUTORIALS / "README.md"]
    files += [*(ROOT / "minicnn" / "exercises").rglob("*.py"), *ROOT.glob("*.md")]
    found = subprocess.run(
        [sys.executable, "-m", "codespell_lib", *map(str, files)],
        capture_output=True, text=True, cwd=ROOT,
    )  # fmt: skip
    assert found.returncode == 0, found.stdout
