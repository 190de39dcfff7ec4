"""Every test that the table of faults names exists."""

import ast
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
TABLE = (TESTS / "faults" / "README.md").read_text(encoding="utf-8")
ROWS = [row for row in TABLE.splitlines() if row.startswith("| ") and "::" in row]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split("|")[1].strip()[:60])
def test_the_tests_of_a_row_exist(row):
    named = re.findall(r"`([\w/]+\.py)::(\w+)`", row.split("|")[3])
    assert named
    assert len(named) == row.count("::"), "a name is not written as `file.py::test`"
    for file, test in named:
        tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
        assert test in {n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)}, test


def test_no_row_is_without_a_test():
    rows = [line for line in TABLE.splitlines() if line.startswith("| ")][1:]
    assert [r for r in rows if r not in ROWS and not r.startswith("| **")] == []
