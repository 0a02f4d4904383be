"""Pins, notebooks and their pairs, the runner's promises to a fresh clone."""

import dataclasses
import json
import re
import tomllib
from pathlib import Path

import jupytext
import nbclient
import nbformat
import papermill
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

import qfp
from qfp.book.compare import COMPARED
from qfp.book.notebook import normalise
from qfp.book.parameters import book_notebooks
from qfp.config import PRESETS, Config

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
PAIRS = sorted({p.stem for p in (ROOT / "notebooks").glob("*.py")} | {p.stem for p in NOTEBOOKS})
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def pins():
    """{canonical name: version} of constraints.txt."""
    lines = [
        line
        for line in (ROOT / "constraints.txt").read_text().splitlines()
        if line and not line.startswith("#")
    ]
    pairs = [line.split("==") for line in lines]
    return {canonicalize_name(name): version for name, version in pairs}


def requirements():
    """Requirements of pyproject, extras included."""
    project = PROJECT["project"]
    lists = [project["dependencies"], *project["optional-dependencies"].values()]
    return [Requirement(text) for entries in lists for text in entries]


def test_constraints_pin_plain_versions():
    for name, version in pins().items():
        assert Version(version).local is None, (
            f"{name}=={version}: a local version exists on one index only"
        )


@pytest.mark.parametrize("requirement", requirements(), ids=str)
def test_every_requirement_is_pinned_within_its_range(requirement):
    pinned = pins()[canonicalize_name(requirement.name)]
    assert requirement.specifier.contains(pinned)


def test_kwant_is_pinned_and_not_a_dependency():
    assert {"kwant", "tinyarray", "cython", "setuptools", "wheel", "pip"} <= set(pins())
    assert "kwant" not in {canonicalize_name(r.name) for r in requirements()}


def test_installed_versions_are_the_pinned_ones():
    from importlib.metadata import distributions

    installed = {
        canonicalize_name(d.metadata["Name"]): d.version
        for d in distributions()
        if d.metadata["Name"]
    }
    wrong = {
        name: (installed[name], version)
        for name, version in pins().items()
        if name in installed and Version(installed[name]).public != version
    }
    assert not wrong, f"installed, pinned: {wrong}"


def test_environment_yml_has_the_same_versions():
    entries = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    conda = dict(entry.split("=") for entry in entries if isinstance(entry, str))
    python = conda.pop("python")
    assert SpecifierSet(PROJECT["project"]["requires-python"]).contains(python)
    assert conda == {name: pins()[name] for name in conda}
    (pip,) = [entry["pip"] for entry in entries if isinstance(entry, dict)]
    assert pip == ["--constraint constraints.txt", "--editable .[book,test]"]


def test_one_version_everywhere():
    assert qfp.__version__ == PROJECT["project"]["version"]
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == qfp.__version__
    assert f"## {qfp.__version__}" in (ROOT / "CHANGELOG.md").read_text()


def test_ci_runs_the_readmes_test_command():
    last = (ROOT / ".ci" / "run").read_text().splitlines()[-1]
    assert last == "exec make test"
    assert "make test" in (ROOT / "README.md").read_text()


def test_every_notebook_is_in_the_book():
    assert sorted(book_notebooks(ROOT)) == sorted(f"notebooks/{stem}.ipynb" for stem in PAIRS)


@pytest.mark.parametrize("stem", PAIRS)
def test_pair_is_in_sync(stem):
    """Cell by cell: type, source and tags (jupytext's own --test and --diff do not see drift)."""

    def cells(notebook):
        return [
            (
                c.cell_type,
                c.source.strip(),
                c.metadata.get("tags", []),
                c.metadata.get("mystnb", {}),
            )
            for c in notebook.cells
        ]

    source = jupytext.read(ROOT / "notebooks" / f"{stem}.py")
    notebook = nbformat.read(ROOT / "notebooks" / f"{stem}.ipynb", as_version=4)
    assert cells(source) == cells(notebook), (
        f"run `make refresh` (or edit {stem}.py, never the .ipynb)"
    )


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook_path(request):
    return request.param


# besides a preset's keys
OWN = {
    "11_own_curve": {
        "curve": '"curves/test.csv"',
        "lattice_nm": "None",
        "siemens": "False",
        "spin": "1",
    },
    "12_device": {"device": '"../presets/gaas.yaml"'},
}


def test_parameters_are_the_keys_of_a_preset(notebook_path):
    """So that `papermill -f presets/NAME.yaml` sets everything and nothing is unknown; None means
    the preset's value."""
    declared = papermill.inspect_notebook(str(notebook_path))
    own, keys = (
        OWN.get(notebook_path.stem, {}),
        {field.name for field in dataclasses.fields(Config)},
    )
    for key, default in own.items():
        assert declared.pop(key)["default"] == default
    assert set(declared) == keys - set(own)  # one whose section is a file's name
    assert declared.pop("preset")["default"] == '"laptop"'
    assert {entry["default"] for entry in declared.values()} == {"None"}


def test_notebook_is_fit_to_be_committed(notebook_path):
    notebook = nbformat.read(notebook_path, as_version=4)
    code = [c for c in notebook.cells if c.cell_type == "code"]
    tags = [tag for c in code for tag in c.metadata.get("tags", [])]
    assert notebook_path.stat().st_size < 1.5 * 2**20
    assert "parameters" in code[0].metadata["tags"] and tags.count("parameters") == 1
    assert not [tag for tag in tags if tag.lower() == COMPARED and tag != COMPARED], (
        "nbval tags are lower case"
    )
    executed = [c.execution_count for c in code]
    assert executed == list(range(1, len(code) + 1)), (
        "committed with the outputs of one run from top to bottom"
    )
    compared = [c for c in code if COMPARED in c.metadata.get("tags", [])]
    assert any(c.outputs for c in compared), "needs an output that nbval compares"
    for cell in code:
        for output in cell.outputs:
            data = output.get("data", {})
            assert output.output_type != "error", cell.source
            assert output.get("name") != "stderr", (
                f"warnings do not belong into the book: {output.get('text')}"
            )
            pictures = [kind for kind in data if kind.startswith("image/")]
            if pictures:
                assert cell not in compared, (
                    "a compared output is text: pictures differ between machines"
                )
                assert cell.metadata.get("mystnb", {}).get("image", {}).get("alt", "").strip(), (
                    f"picture without alt text: {cell.source[:80]}"
                )


def test_notebook_is_normalised(notebook_path):
    text = notebook_path.read_text()
    assert nbformat.writes(normalise(nbformat.reads(text, as_version=4))) + "\n" == text, (
        "use `make refresh`"
    )
    assert not re.search(r'"papermill"|"execution": \{', text)


def test_notebook_holds_no_path_of_one_machine(notebook_path):
    text = json.dumps(
        [c.get("outputs", []) for c in nbformat.read(notebook_path, as_version=4).cells]
    )
    assert str(ROOT) not in text and "/home/" not in text and "/tmp/" not in text


def test_a_page_shows_no_progress_bar():
    """A library that is made on a fresh machine must leave no trace in a page's output."""
    source = "from qfp.tools import progress_bar\nprint(len([*progress_bar(range(3))]))"
    page = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    patience = {"startup_timeout": 600, "iopub_timeout": 600}
    nbclient.NotebookClient(page, kernel_name="python3", **patience).execute()
    (output,) = page.cells[0].outputs
    assert (output.name, output.text) == ("stdout", "3\n")


def test_long_definitions_live_in_the_package(notebook_path):
    import ast

    for cell in nbformat.read(notebook_path, as_version=4).cells:
        if cell.cell_type == "code" and not cell.source.lstrip().startswith("%"):
            for node in ast.walk(ast.parse(cell.source)):
                if isinstance(node, ast.FunctionDef):
                    assert node.end_lineno - node.lineno < 10, (
                        f"def {node.name}: move it into src/qfp"
                    )


@pytest.mark.parametrize("preset", PRESETS)
def test_preset_names_itself(preset):
    values = yaml.safe_load((ROOT / "presets" / f"{preset}.yaml").read_text())
    assert values["preset"] == preset
    assert set(values) == {field.name for field in dataclasses.fields(Config)}
