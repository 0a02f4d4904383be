"""Which notebooks are run, and with which parameters; what does not fit is refused before the first
cell."""

import dataclasses
from pathlib import Path

import yaml

from qfp.config import SECTIONS, Config, type_of
from qfp.tools import SettingsError
from qfp.values import as_typed


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
    """The notebooks whose number or name starts with an entry of `only` (all where it is None), in
    the given order."""
    if only is None:
        return list(notebooks)
    names = [entry.strip() for entry in (only.split(",") if isinstance(only, str) else only)]

    def meant(path, name):
        stem = Path(path).stem
        return stem.startswith(name) or stem.partition("_")[2].startswith(name)

    for name in names:
        if not name or not any(meant(path, name) for path in notebooks):
            raise SettingsError(
                f"no notebook starts with {name!r}; there are: "
                + ", ".join(Path(path).stem for path in notebooks)
            )
    return [path for path in notebooks if any(meant(path, name) for name in names)]


def parse_parameters(pairs, types=type_of):
    """Dict from texts such as 'seed=3' or 'training.minutes=5': text, numbers, booleans, null and
    lists of them; a mapping of them for a section of the preset.

    types: name -> type of a parameter, None where it is unknown; one that is text stays what was
    typed. Nothing else is taken: papermill writes values into a program."""
    parameters = {}
    for pair in pairs or ():
        key, equals, text = pair.partition("=")
        section, dot, name = key.partition(".")
        words = (section, name) if dot else (section,)
        if not equals or not all(word.isidentifier() for word in words):
            raise SettingsError(f"parameter {pair!r} is not of the form KEY=VALUE")
        if any(0xD800 <= ord(c) <= 0xDFFF for c in text):
            raise SettingsError(f"parameter {pair}: not UTF-8, which a notebook is")
        if dot and section not in SECTIONS:
            raise SettingsError(f"parameter {key}: the sections are {', '.join(SECTIONS)}")
        value = as_typed(text, f"parameter {key}", types(*words))
        if dot:
            value = {name: value}
        if isinstance(value, dict) and isinstance(parameters.get(section), dict):
            value = parameters[section] | value
        check_plain(key, value, {dict} if section in SECTIONS else set())
        parameters[section] = value
    return parameters


def check_plain(key, value, more=frozenset()):
    """SettingsError where a value is something else than text, a number, a boolean, null, a list of
    them, or of the types `more`."""
    if type(value) in more:
        value = list(value.values())
    parts = value if isinstance(value, list) else [value]
    if any(isinstance(part, list) for part in parts):
        parts = [one for part in parts for one in (part if isinstance(part, list) else [part])]
    if not all(part is None or type(part) in (str, int, float, bool) for part in parts):
        raise SettingsError(
            f"parameter {key}: text, numbers, true, false, null and lists of them are taken; a "
            "mapping only for a section of the preset"
        )


def types_of(root, notebooks):
    """(name, name within a section) -> type of a parameter: of a setting of a preset, or text where
    a notebook has a text as its default."""
    import papermill

    def types(section, name=None):
        known = type_of(section, name)
        if known or name:
            return known
        for path in notebooks:
            about = papermill.inspect_notebook(str(root / path)).get(section)
            if about and about["default"][:1] in ("'", '"'):
                return str
        return None

    return types


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

    A section that is text names a file, such as device=mine.yaml, and is a notebook's own, too.
    Notebooks run in their own folder, so the name of a file that exists, seen from here, is given
    to them in full."""
    import papermill

    found = {
        key: value
        for key, value in parameters.items()
        if key not in {field.name for field in dataclasses.fields(Config)}
        or (key in SECTIONS and isinstance(value, str))
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
