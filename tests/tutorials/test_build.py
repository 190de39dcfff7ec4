"""The builder of notebooks: a fault is named with its line, a stale notebook is found."""

import importlib.util
from pathlib import Path

import pytest

for _name in ("nbformat", "nbclient", "jupytext"):
    pytest.importorskip(_name, reason=f"{_name} is not installed: make tutorials installs it")
import nbformat  # noqa: E402

TUTORIALS = Path(__file__).parents[2] / "tutorials"

_spec = importlib.util.spec_from_file_location("tutorials_build", TUTORIALS / "build.py")
build = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(build)

CHAPTER = """\
# %% [markdown]
# # 1. Ones
# A sentence.

# %%
one = 1

# %%
def half(x):
    return x / 2

assert half(one) == 0.5
half(one)

# %%
print(half)
"""
PNG = {"image/png": "iVBORw0KGgo=", "text/plain": "<Picture>"}


def made(tmp_path, text=CHAPTER):
    chapter = tmp_path / "01_ones.py"
    chapter.write_text(text)
    return chapter


def outputs(*data):
    return [nbformat.v4.new_output("display_data", d) for d in data]


def with_outputs(chapter):
    """The notebook of a chapter as if it had been executed and drawn three pictures."""
    notebook = build.read(chapter)
    for i, cell in enumerate(c for c in notebook.cells if c.cell_type == "code"):
        cell.execution_count = i + 1
        cell.outputs = outputs(PNG)
    return notebook


def test_a_chapter_runs_and_gives_the_same_notebook_each_time(tmp_path):
    chapter = made(tmp_path)
    notebook = build.execute(chapter)
    assert notebook.cells[2].outputs[0].data["text/plain"] == "0.5"
    assert notebook.cells[3].outputs[0].text == "<function half>\n"  # no address
    assert nbformat.writes(build.execute(chapter)) == nbformat.writes(notebook)


def test_a_number_that_no_longer_holds_is_named_with_its_line(tmp_path):
    chapter = made(tmp_path, CHAPTER.replace("== 0.5", "== 0.6"))
    with pytest.raises(build.ChapterError) as raised:
        build.execute(chapter)
    first, second, *_ = str(raised.value).splitlines()
    assert first == "01_ones.py:12: AssertionError: "
    assert second.strip() == "assert half(one) == 0.6"


def test_an_error_deep_inside_names_the_line_of_the_cell(tmp_path):
    chapter = made(tmp_path, CHAPTER.replace("x / 2", "x / 0"))
    with pytest.raises(build.ChapterError, match=r"^01_ones\.py:12: ZeroDivisionError"):
        build.execute(chapter)


def test_what_a_notebook_has_to_be(tmp_path):
    chapter = made(tmp_path)
    right = with_outputs(chapter)
    path = build.notebook_path(chapter)
    build.write(right, path)
    build.compare(chapter, path)

    def fault(change, chapter=chapter):
        notebook = nbformat.read(path, as_version=4)
        change(notebook.cells)
        other = tmp_path / "other.ipynb"
        build.write(notebook, other)
        with pytest.raises(build.ChapterError) as raised:
            build.compare(chapter, other)
        return str(raised.value)

    def error(cells):
        cells[1].outputs.append(nbformat.v4.new_output("error", ename="ValueError", evalue="no"))

    def stream(name, text):
        def change(cells):
            cells[1].outputs.append(nbformat.v4.new_output("stream", name=name, text=text))

        return change

    assert "cell 2 (line 9) is not what" in fault(lambda c: c[2].update(source="half(two)"))
    assert "cell 0 (line 2) is not what" in fault(lambda c: c[0].update(source="# 1. Twos"))
    assert "3 cells instead of 4" in fault(lambda c: c.pop())
    assert "never executed" in fault(lambda c: c[2].update(execution_count=None))
    assert "holds an error, ValueError" in fault(error)
    assert "wrote to stderr" in fault(stream("stderr", "a warning"))
    assert "path of this machine" in fault(stream("stdout", "saved to /home/ada/x.png"))
    assert "2 pictures" in fault(lambda c: c[1].update(outputs=[]))
    large = {"image/png": "A" * build.LARGEST}
    assert "bytes, more than" in fault(lambda c: c[1].update(outputs=outputs(large)))


def test_a_notebook_that_is_missing_is_a_fault(tmp_path):
    chapter = made(tmp_path)
    with pytest.raises(build.ChapterError, match="there is no"):
        build.compare(chapter, build.notebook_path(chapter))


def test_the_command_builds_checks_and_counts_faults(tmp_path, monkeypatch, capsys):
    drawing = (
        "\nfrom minicnn import plots\n" + "\n# %%\nplots.training_curves({'loss': [2, 1]})\n" * 3
    )
    chapter = made(tmp_path, CHAPTER + drawing)
    monkeypatch.setattr(build, "HERE", tmp_path)
    monkeypatch.setenv(build.FULL, "0")
    assert build.main([]) == 0
    assert build.main(["--check"]) == 0
    chapter.write_text(chapter.read_text().replace("one = 1", "one = 1.0"))
    assert build.main(["--check", "1"]) == 1
    assert "01_ones.ipynb, cell 1 (line 6)" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="no chapter 9"):
        build.main(["9"])


def test_full_reaches_a_chapter_by_its_environment(tmp_path, monkeypatch):
    text = CHAPTER + f"\nimport os\n\nassert os.environ['{build.FULL}'] == '1'\n"
    chapter = made(tmp_path, text)
    monkeypatch.setenv(build.FULL, "1")
    build.execute(chapter)
