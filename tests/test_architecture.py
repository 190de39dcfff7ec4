"""The rules of the house, read from the source: who may import what, and how large a file is."""

import ast
import graphlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import minicnn

PACKAGE = Path(minicnn.__file__).parent
FILES = {str(p.relative_to(PACKAGE)): p for p in sorted(PACKAGE.rglob("*.py"))}
ARRAY_LIBRARIES = {"numpy", "numba", "scipy", "cupy", "cupyx"}

#: file -> why it is longer than 400 lines
LONG_FILES: dict[str, str] = {
    "backends/spec.py": "the contract is one list of every operation, formulas included",
    "models/model.py": "what one can call on a model is one list, Keras's, docstrings included",
}


def imported(path: Path) -> Iterator[str]:
    """Absolute names of all modules a file imports anywhere, except for type checkers only.

    ``from a import b`` counts as a.b, which is a module or a name in one.
    """
    tree = ast.parse(path.read_text(encoding="utf-8"))
    typing_only = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def below(name: str, packages: set[str]) -> bool:
    """Whether a dotted name is one of ``packages`` or inside one."""
    return any(name == p or name.startswith(p + ".") for p in packages)


def test_the_reader_of_imports_sees_them_all(tmp_path):
    source = tmp_path / "a.py"
    source.write_text(
        "from typing import TYPE_CHECKING\nimport a.b as c\nfrom d import e\n"
        "if TYPE_CHECKING:\n    import hidden\ndef f():\n    import g\n"
    )
    assert set(imported(source)) == {"typing.TYPE_CHECKING", "a.b", "d.e", "g"}


@pytest.mark.parametrize("file", [f for f in FILES if f.startswith("backends/")])
def test_a_backend_imports_nothing_above_it_and_no_other_backend(file):
    parts = Path(file).parts
    own = f"minicnn.backends.{parts[1]}" if len(parts) > 2 else "minicnn.backends"
    shared = {f"minicnn.backends.{p.stem}" for p in (PACKAGE / "backends").glob("*.py")}
    for name in imported(FILES[file]):
        if below(name, {"minicnn"}):
            assert below(name, {own} | shared), f"{file} imports {name}"


@pytest.mark.parametrize("file", [f for f in FILES if f.startswith("engine/")])
def test_the_engine_imports_backends_and_itself(file):
    allowed = {"minicnn.engine", "minicnn.backends", "minicnn.config"}
    for name in imported(FILES[file]):
        if below(name, {"minicnn"}):
            assert below(name, allowed), f"{file} imports {name}"


def test_settings_import_backends_alone():
    for name in imported(FILES["config.py"]):
        assert not below(name, {"minicnn"}) or below(name, {"minicnn.backends"}), name


@pytest.mark.parametrize(
    "file",
    [
        f
        for f in FILES
        if f.startswith(("layers/", "losses/", "optimizers/"))
        or f in ("engine/plan.py", "engine/step.py")
    ],
)
def test_what_decides_imports_no_array_library(file):
    for name in imported(FILES[file]):
        assert not below(name, ARRAY_LIBRARIES), f"{file} imports {name}"


@pytest.mark.parametrize("file", FILES)
def test_heavy_libraries_stay_in_their_rooms(file):
    homes = {
        "numba": ("backends/numba_cpu/",),
        "scipy": ("backends/numba_cpu/",),
        "threadpoolctl": ("backends/numba_cpu/", "cli/info.py"),
        "cupy": ("backends/cupy_gpu/",),
        "cupyx": ("backends/cupy_gpu/",),
        "tensorflow": ("compare/keras_side.py",),  # a script for a Python that has it
        "keras": ("compare/keras_side.py",),
        "torch": (),
    }
    for name in imported(FILES[file]):
        root = name.partition(".")[0]
        assert root not in homes or file.startswith(homes[root] or ("nowhere",)), (
            f"{file} imports {name}"
        )


@pytest.mark.parametrize("file", [f for f in FILES if f.startswith("backends/reference/")])
def test_the_textbook_needs_numpy_and_nothing_else(file):
    for name in imported(FILES[file]):
        root = name.partition(".")[0]
        assert root in sys.stdlib_module_names | {"numpy", "minicnn"}, f"{file} imports {name}"


def modules_below(name: str) -> str | None:
    """The module of the package that a dotted name is, or is in; None outside the package."""
    parts = name.split(".")
    while len(parts) > 1 and parts[0] == "minicnn":
        path = "/".join(parts[1:])
        for file in (f"{path}.py", f"{path}/__init__.py"):
            if file in FILES:
                return file
        parts.pop()
    return None


def imports_of_the_package() -> dict[str, set[str]]:
    """file -> the files it imports anywhere, in functions too."""
    found = {file: {modules_below(name) for name in imported(path)} for file, path in FILES.items()}
    return {
        file: {to for to in targets if to not in (None, file)} for file, targets in found.items()
    }


def a_circle(graph: dict[str, set[str]]) -> list[str]:
    """Names that lead from one back to itself; empty if there is no such way."""
    try:
        list(graphlib.TopologicalSorter(graph).static_order())
    except graphlib.CycleError as error:
        return error.args[1]
    return []


def test_a_circle_is_found():
    assert a_circle({"a": {"b"}, "b": {"c"}}) == []
    assert set(a_circle({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}})) == {"a", "b", "c"}
    assert "engine/plan.py" in imports_of_the_package()["engine/step.py"]
    assert modules_below("minicnn.config") == "config.py"
    assert modules_below("numba.config") is None


def test_no_module_imports_itself_through_others():
    assert a_circle(imports_of_the_package()) == []


def test_no_room_imports_itself_through_others():
    """A room is a folder of the package, or a module beside these."""
    rooms: dict[str, set[str]] = {}
    for file, targets in imports_of_the_package().items():
        room = Path(file).parts[0]
        rooms.setdefault(room, set()).update(Path(to).parts[0] for to in targets)
    graph = {room: targets - {room, "__init__.py"} for room, targets in rooms.items()}
    assert a_circle(graph) == []


def test_import_minicnn_loads_numpy_and_nothing_heavier():
    heavy = ["numba", "llvmlite", "scipy", "cupy", "matplotlib", "h5py", "rich", "threadpoolctl"]
    code = f"import sys, minicnn; print([m for m in {heavy} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"


@pytest.mark.parametrize("file", FILES)
def test_a_file_fits_in_the_head(file):
    lines = FILES[file].read_text(encoding="utf-8").count("\n")
    assert lines <= 400 or file in LONG_FILES, f"{file} has {lines} lines; split it, or say why"


def test_reasons_for_long_files_are_still_needed():
    for file in LONG_FILES:
        assert FILES[file].read_text(encoding="utf-8").count("\n") > 400, file


@pytest.mark.parametrize("file", FILES)
def test_every_module_and_every_public_name_is_documented(file):
    tree = ast.parse(FILES[file].read_text(encoding="utf-8"))
    assert ast.get_docstring(tree), f"{file} does not say why it exists"
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            assert ast.get_docstring(node), f"{file}: {node.name} has no docstring"
