"""The command line: every error of use is one line and exit code 2; results are those of the
package."""

import dataclasses
import json
import subprocess
import sys

import numpy as np
import pytest

from qfp import studies
from qfp.cli import main
from qfp.commands.study import MOVED
from qfp.config import PRESETS, load_preset
from qfp.physics import green
from qfp.physics.geometry import removed_mask
from qfp.physics.wire import random_potential
from qfp.tools import SettingsError, as_dict

DEVICE = load_preset("laptop").device


def run(capsys, *arguments):
    try:
        code = main(list(arguments))
    except SystemExit as stop:
        code = stop.code
    return code, *capsys.readouterr()


def test_solve_prints_the_exact_curve(capsys, tmp_path):
    image = tmp_path / "ldos.npy"
    code, out, err = run(
        capsys,
        "solve",
        "--antidots",
        "10,20",
        "33,41",
        "--potential-seed",
        "3",
        "--fields",
        "0:0.05:2",
        "--ldos",
        str(image),
        "--json",
    )
    assert code == 0 and not err
    result = json.loads(out)
    assert set(result) == {"fields", "conductance", "open_modes", "method", "seconds"}
    G, _, picture = green.solve(
        DEVICE, [[10, 20], [33, 41]], random_potential(3, DEVICE), [0, 0.05], image=True
    )
    assert np.allclose(result["conductance"], G, atol=1e-12) and result["open_modes"] == [11, 5]
    assert np.array_equal(np.load(image), picture)
    code, _, err = run(capsys, "solve", "--antidots", "10,20", "33,41", "--ldos", str(image))
    assert code == 2 and "exists" in err


def test_solve_by_kwant_agrees(capsys):
    results = {}
    for method in ("fast", "kwant"):
        code, out, _ = run(
            capsys,
            "solve",
            "--antidots",
            "10,20",
            "33,41",
            "--fields",
            "0.01:0.01:1",
            "--method",
            method,
            "--json",
        )
        assert code == 0
        results[method] = json.loads(out)
    assert abs(results["fast"]["conductance"][0] - results["kwant"]["conductance"][0]) < 1e-9
    assert results["fast"]["open_modes"] == results["kwant"]["open_modes"]


def test_solve_notes_pairs_outside_the_rule(capsys):
    code, out, err = run(capsys, "solve", "--antidots", "10,20", "21,20", "--fields", "0:0:1")
    assert (
        code == 0
        and "outside the dataset's rule" in err
        and out.startswith("field,conductance,open_modes\n0.000000000,")
    )


def test_solve_takes_any_wire_and_any_holes(capsys, tmp_path):
    """Unequal and overlapping antidots in another wire, and the same sites as a mask: both as Kwant
    has it."""
    wire = [
        "--width",
        "17",
        "--length",
        "24",
        "--energy",
        "0.9",
        "--potential-seed",
        "1",
        "--fields",
        "0:0.4:3",
        "--json",
    ]
    holes = ["--antidots", "5,8", "8,10", "12,17", "--radius", "3", "2.5", "0"]
    device = dataclasses.replace(DEVICE, width=17, length=24, energy=0.9)
    mask = removed_mask([[5, 8], [8, 10], [12, 17]], device, [3, 2.5, 0])
    np.save(tmp_path / "mask.npy", mask)
    results = []
    for arguments in (
        (*holes, *wire),
        ("--mask", str(tmp_path / "mask.npy"), *wire),
        (*holes, *wire, "--method", "kwant"),
    ):
        code, out, _ = run(capsys, "solve", *arguments)
        assert code == 0
        results.append(json.loads(out))
    assert (
        results[0]["conductance"] == results[1]["conductance"]
        and results[0]["open_modes"] == results[2]["open_modes"]
    )
    assert np.allclose(results[0]["conductance"], results[2]["conductance"], atol=1e-9)
    code, _, err = run(
        capsys, "solve", "--antidots", "10,20", "30,40", "--radius", "3", "--fields", "0:0:1"
    )
    assert code == 0 and "outside the dataset's rule" in err
    mask[0, 3] = True
    np.save(tmp_path / "mask.npy", mask)
    code, _, err = run(capsys, "solve", "--mask", str(tmp_path / "mask.npy"), *wire)
    assert code == 2 and "rows 0 and 23 must stay whole" in err and err.count("\n") == 1


@pytest.mark.parametrize(
    "arguments, words",
    [
        (
            ["solve", "--antidots", "10,20", "30,40", "--radius", "1", "2", "3"],
            "one for each of the 2 antidots",
        ),
        (["solve", "--antidots", "10,20", "30,40", "--radius", "-1"], "0 or more"),
        (["solve", "--antidots", "10,20", "--mask", "m.npy"], "not allowed with"),
        (["solve", "--mask", "m.npy", "--radius", "3"], "removed sites one by one"),
        (["solve", "--mask", "none.npy"], "no such file"),
        (
            ["solve", "--antidots", "1,2", "--width", "1"],
            "width must be int (a whole number), 2 to",
        ),
        (["solve", "--antidots", "10,20", "--energy", "inf"], "energy must be float"),
        (["solve", "--antidots", "10,2", "30,20"], "end row"),
        (["solve", "--antidots", "10;20"], "X,Y"),
        (["solve", "--antidots", "10,20", "30,40", "--fields", "0:1"], "FIRST:LAST:NUMBER"),
        (
            [
                "solve",
                "--antidots",
                "10,20",
                "30,40",
                "--potential-seed",
                "1",
                "--potential",
                "x.npy",
            ],
            "not allowed with",
        ),
        (["solve", "--antidots", "10,20", "30,40", "--potential", "none.npy"], "no such file"),
        (["solve"], "--antidots --mask is required"),
        (["dataset", "--preset", "huge"], "unknown preset 'huge'"),
        (["dataset", "--set", "device.colour=1"], "unknown key 'colour'"),
        (["dataset", "--set", "device.width=wide"], "width must be int"),
        (["dataset", "--set", "seed"], "KEY=VALUE"),
        (["dataset", "--validate", "none.h5"], "no dataset at none.h5"),
        (["train", "--data", "none.h5", "--out", "somewhere"], "no dataset at none.h5"),
        (["decode", "none.csv"], "none.csv"),
        (["frobnicate"], "invalid choice"),
        ([], "COMMAND"),
    ],
)
def test_errors_are_one_line_and_exit_code_2(capsys, tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    code, out, err = run(capsys, *arguments)
    assert code == 2 and words in err, err
    assert err.count("\n") == 1 and not out
    assert not list(tmp_path.iterdir())


def test_potential_of_wrong_shape_is_refused(capsys, tmp_path):
    np.save(tmp_path / "v.npy", np.zeros((50, 60)))
    code, _, err = run(
        capsys, "solve", "--antidots", "10,20", "30,40", "--potential", str(tmp_path / "v.npy")
    )
    assert code == 2 and "(60, 50)" in err and "(50, 60)" in err


def test_dry_run_prints_the_settings(capsys):
    code, out, _ = run(
        capsys, "train", "--preset", "smoke", "--set", "training.max_steps=7", "--dry-run"
    )
    assert code == 0 and "max_steps: 7" in out


def test_presets_load_and_unknown_keys_are_named():
    for name in PRESETS:
        assert load_preset(name).preset == name
    kettle, laptop = (as_dict(load_preset(name)) for name in ("kettle", "laptop"))
    assert {key for key in laptop if kettle[key] != laptop[key]} == {"preset", "training"}
    with pytest.raises(SettingsError, match="unknown key 'stesp'"):
        load_preset("smoke", sampling={"stesp": 3})
    with pytest.raises(SettingsError, match="one entry per level"):
        load_preset("smoke", network={"channels": [8]})


def test_the_package_imports_without_torch_or_kwant():
    """`qfp --help` is quick: the command line imports what it needs when it needs it."""
    code = "import sys, qfp.cli; assert 'torch' not in sys.modules and 'kwant' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


# --- studies


@pytest.fixture
def called(monkeypatch):
    """What `run_study` is given: (study, preset, options)."""
    calls = []

    def run_study(study, config, **options):
        calls.append((study.name, config.preset, options))

    monkeypatch.setattr("qfp.studies.frame.run_study", run_study)
    return calls


def test_study_lists_all_studies_and_what_they_ask(capsys):
    code, out, _ = run(capsys, "study")
    assert code == 0 and [line.split()[0] for line in out.splitlines()] == list(studies.MODULES)
    assert all(line.split(maxsplit=1)[1][-1] in "?." for line in out.splitlines())


@pytest.mark.parametrize("name", studies.MODULES)
def test_a_study_runs_with_the_options_that_it_has(capsys, called, name):
    study = studies.find(name)
    assert study.name == name
    code, _, err = run(capsys, "study", name, "--preset", "smoke", "--out", "here.json")
    needs = {"weights", "data"} if set(study.needs) & {"weights", "networks"} else set()
    needs |= {"data"} if set(study.needs) & {"pairs", "images"} else set()
    (own,) = called
    assert code == 0 and own[:2] == (name, "smoke"), err
    assert set(own[2]) == {"out", *needs, *study.options} and own[2]["out"] == "here.json"
    code, out, _ = run(capsys, "study", name, "--help")
    told = " ".join(out.split()).replace("- ", "-")
    for option, about in study.options.items():
        assert f"--{option.replace('_', '-')}" in told and about.help.replace("- ", "-") in told
        values = about.default if about.many and about.default else [about.default]
        assert about.default is None or f"(default {' '.join(map(str, values))})" in told


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["accuracy", "--curves", "none"], "invalid int value"),
        (["accuracy", "--weights", "one", "two"], "unrecognized arguments: two"),
        (["accuracy", "--rows", "sam"], "unrecognized arguments: --rows sam"),
        (["acuracy"], "no study 'acuracy': choose accuracy, "),
        (["accuracy", "--curves", "0", "--data", "none.h5"], "--curves 0: must be 1 or more"),
        (["solver-speed", "--solves", "0"], "--solves 0: must be 1 or more"),
        (["attention", "--curves", "1", "--data", "none.h5"], "--curves 1: must be 2 or more"),
        (["accuracy", "--out", "."], "--out . is a folder"),
    ],
)
def test_a_bad_option_of_a_study_is_one_line(capsys, arguments, message):
    code, out, err = run(capsys, "study", *arguments)
    assert code == 2 and message in err and err.count("\n") == 1 and not out


@pytest.mark.parametrize("old", [(c, what) for c, names in MOVED.items() for what in names])
def test_a_command_that_a_study_replaced_is_told_its_name(capsys, old):
    code, out, err = run(capsys, *old, "--curves", "3")
    command, what = old
    name = MOVED[command][what]
    assert name in studies.MODULES
    assert code == 2 and not out and err.count("\n") == 1
    assert f"`qfp {command}` is now `qfp study {name}`" in err
    code, _, err = run(capsys, command)
    assert code == 2 and f"`qfp {command}` is now `qfp study NAME`" in err
