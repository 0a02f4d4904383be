"""The front door: lazy, listed, documented, and its examples run."""

import doctest
import subprocess
import sys
from pathlib import Path

import pytest

import qfp

ROOT = Path(__file__).parents[1]
NAMES = [name for name in qfp.__all__ if name != "__version__"]
PARTS = {  # what a docstring of each kind has, beside its examples
    "function": ("Parameters\n", "Returns\n"),
    "class": (),
}


def test_import_loads_nothing_heavy():
    heavy = "torch", "matplotlib", "numpy", "yaml"
    code = f"import sys, qfp; dir(qfp); print([name for name in {heavy} if name in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.stdout.strip() == "[]"


def test_names_are_listed_and_others_refused():
    assert set(NAMES) <= set(dir(qfp)) and all(getattr(qfp, name) is not None for name in NAMES)
    with pytest.raises(AttributeError, match="no attribute 'sovle'"):
        qfp.sovle  # noqa: B018


@pytest.mark.parametrize("name", NAMES)
def test_docstring_says_what_goes_in_and_out_and_its_example_runs(name, monkeypatch):
    monkeypatch.chdir(ROOT)
    thing = getattr(qfp, name)
    kind = "class" if isinstance(thing, type) else "function"
    for part in (*PARTS[kind], "Examples\n"):
        assert part in thing.__doc__, part
    finder, runner = doctest.DocTestFinder(recurse=False), doctest.DocTestRunner()
    (found,) = finder.find(thing, name, globs={"qfp": qfp})
    assert found.examples and runner.run(found).failed == 0


def test_the_modules_own_example_runs():
    assert doctest.testmod(qfp).failed == 0
