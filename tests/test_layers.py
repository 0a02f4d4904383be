"""Imports flow one way: from the physics through the data to the network, its use, the figures and
the commands."""

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "qfp"

# What each module may import from qfp. A new module needs a line here.
PHYSICS = {
    "__init__",
    "config",
    "geometry",
    "device",
    "leads",
    "green",
    "dataset",
    "sweep",
    "workers",
    "generate",
}
# the network; it knows no physics and no file
CORE = {"config", "diffusion", "attention", "unet", "vae", "vae_settings", "precision"}
MODEL = CORE | {"geometry", "dataset", "interpolate", "checkpoint"}
USE = MODEL | {"curves", "decode", "metrics", "probes"}
ALLOWED = {
    "__init__": set(),
    "config": set(),
    "geometry": {"config"},
    "device": {"config", "geometry"},
    "leads": {"config"},
    "green": {"config", "geometry", "leads"},
    "dataset": {"config", "geometry", "device"},
    "sweep": {"config", "geometry", "device", "leads", "green", "dataset"},
    "workers": {"__init__", "config"},
    "solve": {"config", "geometry", "device", "green"},
    "generate": PHYSICS,
    "bench": PHYSICS,
    "curves": {"config", "geometry", "leads"},
    "attention": {"config"},
    "diffusion": {"config"},
    "unet": {"config", "attention"},
    "vae": {"unet"},
    "vae_settings": {"config"},
    "sam": set(),
    "interpolate": set(),
    "precision": set(),
    "checkpoint": CORE | {"dataset"},
    "metrics": {"config", "geometry"},
    "decode": {"config", "geometry", "metrics", "diffusion", "precision"},
    "answer": USE | {"novelty", "figures_answer"},  # `qfp decode --out` draws what it found
    "probes": USE,
    "forcefield": {"diffusion"},
    "energy": set(),
    "empirical": set(),
    "probe_energy": USE | {"sweep", "forcefield", "energy"},
    "probe_score": USE | {"evaluate", "forcefield", "empirical", "probe_energy"},
    "preview": CORE | {"decode", "metrics"},
    "train": MODEL | {"sam", "preview"},
    "evaluate": USE,
    "train_vae": USE | {"device", "sweep", "evaluate", "readers", "train"},
    "baseline": USE | {"evaluate", "train_vae"},
    "novelty": {"config", "geometry", "green", "workers", "checkpoint"},
    "foreign": {"config", "geometry", "device", "green", "readers"},
    "novelty_rates": USE | {"evaluate", "foreign", "novelty", "readers"},
    "samplers": USE | {"evaluate"},
    "sbc": {"config", "metrics"},
    "calibration": USE | {"evaluate", "sbc"},
    "robustness": USE | {"calibration", "evaluate", "foreign", "readers", "rivals", "samplers"},
    "memorisation": USE | {"evaluate"},
    "readers": {"train", "config", "metrics", "sweep", "interpolate"},
    "rivals": USE | {"sweep", "evaluate", "interpolate", "readers"},
    "readout": {"config", "geometry", "precision", "train", "unet"},
    "diagnose": USE | {"evaluate", "readout"},
    "attention_rows": USE,
    "probe_attention": USE | {"evaluate", "diagnose", "green", "attention_rows"},
    "learn": USE | {"evaluate", "precision", "train"},
    "ablations": USE | {"evaluate", "diagnose", "generate", "learn", "race"},
    "peer": {"config", "unet"},
    "race": USE | {"evaluate", "train", "peer", "workers"},
    "race_sample": USE | {"evaluate", "sweep", "peer", "race"},
    "figures": set(),
    "figures_network": {"figures"},
    "figures_attention": {"figures"},
    "figures_score": {"figures"},
    "figures_vae": {"figures"},
    "figures_answer": {"figures"},
    "figures_calibration": {"figures"},
    "figures_trust": {"figures"},
    "figures_robustness": {"figures"},
    "explore": USE | {"green", "device", "figures_network"},
    "notebook": set(),
    "run": {"config", "notebook"},
    "pages": {"config"},
}
KWANT = {"device"}  # the only module that imports Kwant, and only when it is used
MODULES = sorted(path.stem for path in SOURCE.glob("*.py"))
FIGURES = {module for module in MODULES if module.startswith("figures")}
DRAW = FIGURES | {"explore", "answer", "cli"}  # besides notebooks, what may draw


def imports(path):
    """Names of everything a file imports, functions' own imports included: (all dotted names,
    modules of qfp)."""
    names, own = set(), set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = "qfp" + (f".{node.module}" if node.module else "") if node.level else node.module
            names.add(base)
            if base == "qfp":
                names.update(f"qfp.{alias.name}" for alias in node.names)
    for name in names:
        parts = name.split(".")
        if parts[0] == "qfp" and len(parts) > 1 and (SOURCE / f"{parts[1]}.py").is_file():
            own.add(parts[1])
    return names, own


@pytest.mark.parametrize("module", [m for m in MODULES if m != "cli"])
def test_imports_flow_one_way(module):
    assert module in ALLOWED, f"{module}.py is new: say in tests/test_layers.py what it may import"
    backwards = imports(SOURCE / f"{module}.py")[1] - ALLOWED[module]
    assert not backwards, f"{module} must not import {sorted(backwards)}"


def test_imports_have_no_circle():
    graph = {m: imports(SOURCE / f"{m}.py")[1] for m in MODULES}
    while graph:
        free = [m for m, targets in graph.items() if not targets & set(graph) - {m}]
        assert free, f"circle among {sorted(graph)}"
        for m in free:
            del graph[m]


@pytest.mark.parametrize("module", MODULES)
def test_kwant_stays_behind_device(module):
    uses = {name.split(".")[0] for name in imports(SOURCE / f"{module}.py")[0]}
    assert "kwant" not in uses or module in KWANT


def test_device_imports_kwant_only_when_used():
    tree = ast.parse((SOURCE / "device.py").read_text())
    top = [node for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]
    names = {alias.name for node in top if isinstance(node, ast.Import) for alias in node.names}
    assert not any(name.split(".")[0] == "kwant" for name in names)


@pytest.mark.parametrize("module", MODULES)
def test_few_modules_draw(module):
    assert not FIGURES & imports(SOURCE / f"{module}.py")[1] or module in DRAW


@pytest.mark.parametrize("module", [m for m in MODULES if m != "cli"])
def test_nothing_imports_the_command_line(module):
    assert "cli" not in imports(SOURCE / f"{module}.py")[1]
