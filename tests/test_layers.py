"""Who may import whom: a rule a folder; and nobody imports in a circle."""

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "qfp"
MODULES = sorted(path.relative_to(SOURCE).with_suffix("") for path in SOURCE.rglob("*.py"))

# From the floor up: each folder may import those before it.
FLOORS = [
    "threads",
    "tools",
    "values",
    "files",
    "physics",
    "config",
    "data",
    "model",
    "inference",
    "decoding",
    "training",
    "studies",
]
RULES = {floor: set(FLOORS[: k + 1]) for k, floor in enumerate(FLOORS)}
RULES["decoding"] |= {"figures"}  # a report of one page, drawn where it is asked for
RULES["live"] = {*RULES["decoding"], "figures", "live"}  # the page's data, and a still picture
RULES["figures"] = {"figures"}  # arrays and results in, a figure out
RULES["studies"] |= {"live"}
RULES["book"] = {*RULES["training"], "figures", "live", "book", "studies"}
RULES["commands"] = {*RULES["book"], "commands", "__init__"}
RULES["cli"] = {"commands", "tools", "__init__"}
RULES["__init__"] = {"threads"}  # its names are found when they are asked for

FRAME = {"frame", "scoring", "intervals", "tables", "timing"}  # of studies: what all of them share


def name_of(module):
    """Dotted name of a module, within qfp."""
    parts = module.parts[:-1] if module.name == "__init__" else module.parts
    return ".".join(parts) or "__init__"


def imported(module):
    """(dotted names within qfp, all first names) that a file imports, in its functions, too."""
    own, names = set(), set()
    for node in ast.walk(ast.parse((SOURCE / module).with_suffix(".py").read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: imports are absolute"
            names.add(node.module.split(".")[0])
            if node.module.split(".")[0] == "qfp":
                base = node.module.partition(".")[2]
                for alias in node.names:
                    longer = f"{base}.{alias.name}".lstrip(".")
                    own.add(longer if longer in NAMES else base or "__init__")
    return own, names


NAMES = {name_of(module) for module in MODULES}


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_a_folder_imports_those_below_it(module):
    floor = module.parts[0]
    targets = {name.split(".")[0] for name in imported(module)[0]}
    allowed = RULES[floor] | ({"__init__"} if floor == "data" else set())  # the version
    assert targets <= allowed, f"{name_of(module)} must not import {sorted(targets - allowed)}"


@pytest.mark.parametrize("module", [m for m in MODULES if m.parts[0] == "studies"], ids=str)
def test_a_study_imports_the_frame_and_no_other_study(module):
    folder = module.parts[1] if len(module.parts) > 2 else module.name
    for name in imported(module)[0]:
        parts = name.split(".")
        if parts[0] == "studies" and len(parts) > 1:
            assert parts[1] in FRAME | {folder}, f"{module} must not import {name}"


def test_imports_have_no_circle():
    graph = {name_of(module): imported(module)[0] for module in MODULES}
    while graph:
        free = [name for name, targets in graph.items() if not targets & set(graph) - {name}]
        assert free, f"circle among {sorted(graph)}"
        for name in free:
            del graph[name]


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_kwant_stays_in_its_module_and_is_loaded_when_used(module):
    if name_of(module) != "physics.kwant_model":
        assert "kwant" not in imported(module)[1]
        return
    tree = ast.parse((SOURCE / module).with_suffix(".py").read_text())
    top = [alias.name for node in tree.body if isinstance(node, ast.Import) for alias in node.names]
    assert not any(name.split(".")[0] == "kwant" for name in top)
