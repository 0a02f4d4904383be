"""Form: what ruff does not hold. Of Python's lines, at most 100 columns and the order of imports
are ruff's."""

import ast
import re
from pathlib import Path

import jupytext
import pytest

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "src" / "qfp").rglob("*.py"))
SCRIPTS = sorted(
    p for part in ("src", "tests") for p in (ROOT / part).rglob("*.*") if p.suffix in (".js", ".c")
) + sorted(p for p in (ROOT / "book" / "assets").glob("*.*") if p.suffix in (".js", ".css"))
NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9]*.py"))
FUNCTION, MODULE, CELL, NOTEBOOK = 40, 250, 15, 90  # lines
COLUMNS = 100  # of a line of JavaScript or C
LONG = re.compile(r"# long: \w.{15,}")  # where more lines read better, in the head of the function


def code_lines(node):
    """Lines of a function without its docstring."""
    docstring = ast.get_docstring(node, clean=False)
    return node.end_lineno - node.lineno + 1 - len((docstring or "").splitlines())


def functions(tree):
    """All functions of a module, methods and inner ones included."""
    kinds = ast.FunctionDef, ast.AsyncFunctionDef
    return [node for node in ast.walk(tree) if isinstance(node, kinds)]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_is_read_in_one_sitting(path):
    text = path.read_text()
    lines, tree = text.splitlines(), ast.parse(text)
    if len(lines) > MODULE:
        assert any(LONG.fullmatch(line) for line in lines[:40]), f"{len(lines)} lines and no reason"
    for node in functions(tree):
        if code_lines(node) > FUNCTION:
            head = lines[node.lineno - 2 : node.body[0].end_lineno + 1]
            found = any(LONG.search(line) for line in head)
            assert found, f"{node.name}: {code_lines(node)} lines and no reason"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_public_name_has_a_docstring_and_private_ones_stay_at_home(path):
    tree = ast.parse(path.read_text())
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_"):
            assert ast.get_docstring(node), f"{node.name} says nothing"
        if isinstance(node, ast.ImportFrom) and node.module.startswith("qfp"):
            private = [alias.name for alias in node.names if re.match("_[^_]", alias.name)]
            assert not private, f"{private} belongs to {node.module}"


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_lines_of_scripts_are_short_too(path):
    lines = path.read_text().splitlines()
    assert lines and [k for k, line in enumerate(lines, 1) if len(line) > COLUMNS] == []


def cells(path):
    """Lines of code of each code cell of a notebook, comments left out."""
    for cell in jupytext.read(path).cells:
        if cell.cell_type == "code":
            lines = (line.strip() for line in cell.source.splitlines())
            yield sum(bool(line) and not line.startswith("#") for line in lines)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_thin(path):
    found = list(cells(path))
    assert max(found) <= CELL and sum(found) <= NOTEBOOK, (sum(found), found)
