"""Which notebooks are run, and with which parameters; what does not fit is refused before the first
cell."""

import dataclasses
from pathlib import Path

import yaml

from qfp.config import Config
from qfp.tools import SettingsError


def book_notebooks(root):
    """Notebook paths relative to the checkout, in the order of _toc.yml."""

    def files(node):
        if isinstance(node, dict):
            if "file" in node:
                yield node["file"]
            for value in node.values():
                yield from files(value)
        elif isinstance(node, list):
            for value in node:
                yield from files(value)

    toc = yaml.safe_load((root / "_toc.yml").read_text())
    return [f"{name}.ipynb" for name in files(toc) if name.startswith("notebooks/")]


def select(notebooks, only):
    """The notebooks whose file name starts with an entry of `only` (all where it is empty), in the
    given order."""
    if not only:
        return list(notebooks)
    names = [entry.strip() for entry in (only.split(",") if isinstance(only, str) else only)]
    for name in names:
        if not any(Path(path).name.startswith(name) for path in notebooks):
            raise SettingsError(
                f"no notebook starts with {name!r}; there are: "
                + ", ".join(Path(path).stem for path in notebooks)
            )
    return [path for path in notebooks if Path(path).name.startswith(tuple(names))]


def parse_parameters(pairs):
    """Dict from KEY=VALUE strings; values are read as YAML (numbers, lists, {mappings}, null)."""
    parameters = {}
    for pair in pairs or ():
        key, equals, value = pair.partition("=")
        if not equals or not key.isidentifier():
            raise SettingsError(f"parameter {pair!r} is not of the form KEY=VALUE")
        try:
            parameters[key] = yaml.safe_load(value)
        except yaml.YAMLError:
            raise SettingsError(f"parameter {key}: {value!r} is not valid YAML") from None
    return parameters


def check_parameters(root, notebooks, parameters):
    """Refuses notebooks that are missing or have no parameters cell, and parameters that one of
    them does not declare.

    papermill itself only logs these and goes on."""
    import nbformat
    import papermill

    for path in notebooks:
        if not (root / path).is_file():
            raise SettingsError(f"{path} is listed in _toc.yml but does not exist")
        cells = nbformat.read(root / path, as_version=4).cells
        if sum("parameters" in cell.metadata.get("tags", []) for cell in cells) != 1:
            raise SettingsError(f"{path} needs exactly one cell tagged 'parameters'")
        declared = papermill.inspect_notebook(str(root / path))
        unknown = sorted(set(parameters) - set(declared))
        if unknown:
            raise SettingsError(
                f"{path} has no parameter {unknown[0]!r}; it has: {', '.join(declared)}"
            )


def own_parameters(root, notebooks, parameters):
    """Those of `parameters` that are no keys of a preset but declared by one of the notebooks.

    Notebooks run in their own folder, so the name of a file that exists, seen from here, is given
    to them in full."""
    import papermill

    found = {
        key: value
        for key, value in parameters.items()
        if key not in {field.name for field in dataclasses.fields(Config)}
    }
    declared = {
        key
        for path in notebooks
        if found and (root / path).is_file()
        for key in papermill.inspect_notebook(str(root / path))
    }
    return {
        key: str(Path(value).resolve())
        if isinstance(value, str) and Path(value).is_file()
        else value
        for key, value in found.items()
        if key in declared
    }
