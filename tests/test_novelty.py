"""Is a curve unlike anything in training? With the exact solver, on a wire with few fields."""

import dataclasses
import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from test_evaluate import study

from qfp import tools
from qfp.config import load_preset
from qfp.data import dataset, foreign, normalise, simulate
from qfp.decoding import decode, novelty
from qfp.decoding.decode import Decoder
from qfp.figures import trust as trust_figures
from qfp.model import exported
from qfp.model.diffusion import Schedule
from qfp.physics import geometry, green, sweep, symmetry
from qfp.studies import frame
from qfp.studies.novelty import bench, choice
from qfp.studies.novelty import rates as novelty_rates
from qfp.studies.novelty import text as novelty_text
from qfp.tools import SettingsError

DEVICE = load_preset("smoke", device={"field_points": 8}).device
CONFIG = load_preset(
    "smoke",
    device={"field_points": 3},
    dataset={"configurations": 150},
    sampling={"steps": 1, "samples": 2},
)
ANTIDOTS = geometry.configurations(DEVICE)[1][[100, 4000, 8000, 12000, 16000]].astype(int)


def decoded(antidots):
    """What judge reads of an answer."""
    return SimpleNamespace(consensus=np.asarray(antidots))


def curves(antidots, seed):
    return np.stack([sweep.curves_at(DEVICE, antidots, seed, b) for b in DEVICE.fields], axis=1)


@pytest.fixture(scope="module")
def reference():
    """From changes of 100 configurations under one potential."""
    some = geometry.configurations(DEVICE)[1][::160]
    changes = curves(some, 0) - green.clean_curves(DEVICE, some)
    return novelty.Reference(
        "0" * 64, DEVICE, changes.mean(axis=0), np.cov(changes.T), 1e-4, 0.1, 2.0, 0.97
    )


@pytest.fixture(scope="module")
def measured():
    """Of ANTIDOTS, under a potential that the reference never saw."""
    return curves(ANTIDOTS, 1)


def test_predicted_curves_are_the_exact_ones(reference):
    judged = novelty.judge(reference, np.zeros((2, 8)), decoded(ANTIDOTS[:2]))
    for curve, pair in zip(judged.predicted, ANTIDOTS):
        assert np.abs(curve - green.solve(DEVICE, pair)[0]).max() < 1e-10


def test_right_and_wrong_answers(reference, measured):
    right, foreigner = (
        novelty.judge(reference, measured, decoded(pairs))
        for pairs in (ANTIDOTS, np.roll(ANTIDOTS, 1, axis=0))
    )
    assert (right.novelty < 1).all() and not right.flagged.any()
    assert (foreigner.novelty > 1).all() and foreigner.flagged.all()
    exact = novelty.judge(reference, right.predicted + reference.mean, decoded(ANTIDOTS))
    assert exact.novelty == pytest.approx(0, abs=1e-12)
    assert novelty.judge(reference, measured[::-1, ::-1], decoded(ANTIDOTS)).flagged.all()


def test_an_answer_one_site_off_is_no_novelty(reference):
    orbits = geometry.orbit(ANTIDOTS, DEVICE) + [0, 0, 1]
    beside = geometry.canonical(geometry.placement(orbits, DEVICE), DEVICE)
    exact = green.clean_curves(DEVICE, beside) + reference.mean
    assert novelty.judge(reference, exact, decoded(ANTIDOTS)).novelty == pytest.approx(0, abs=1e-12)


def test_neighbours():
    for pair in ANTIDOTS:
        near = symmetry.neighbours(pair, DEVICE)
        assert (near[0] == geometry.canonical(pair, DEVICE)).all() and len(
            np.unique(near, axis=0)
        ) == len(near) <= 27
        assert all(geometry.in_dataset(other, DEVICE) for other in near)
    level = geometry.placement([10, 30, 0], DEVICE)  # dy = -1 is a copy of dy = 1
    assert {geometry.orbit(pair, DEVICE)[2] for pair in symmetry.neighbours(level, DEVICE)} == {
        0,
        1,
    }
    assert (
        symmetry.neighbours(geometry.placement([20, 20, 20], DEVICE)[::-1], DEVICE).shape[0] > 1
    ), "in any order"


def test_declared_noise_widens_the_tolerance(reference, measured):
    noise = np.random.default_rng(0).normal(0, 0.3, measured.shape)
    blunt, aware = (
        novelty.judge(reference, measured + noise, decoded(ANTIDOTS), given).novelty
        for given in (None, np.full(measured.shape, 0.3))
    )
    assert (aware < blunt).all() and (blunt > 1).all() and np.median(aware) < 1
    none = novelty.judge(reference, measured, decoded(ANTIDOTS), np.zeros(measured.shape)).novelty
    assert none == pytest.approx(novelty.judge(reference, measured, decoded(ANTIDOTS)).novelty)


def test_a_steep_curve_may_differ_more(reference, measured):
    flat = dataclasses.replace(reference, shift=0.0)
    assert (
        novelty.judge(reference, measured, decoded(ANTIDOTS)).novelty
        < novelty.judge(flat, measured, decoded(ANTIDOTS)).novelty
    ).all()
    assert novelty.steepness(np.array([0.0, 1.0, 1.0, 3.0])) == pytest.approx(
        np.sqrt([1, 0.5, 2, 4])
    )


def test_a_batch_gives_what_single_curves_give(reference, measured):
    noise = np.random.default_rng(1).uniform(0, 0.1, measured.shape)
    whole = novelty.judge(reference, measured, decoded(ANTIDOTS), noise)
    for i in range(len(ANTIDOTS)):
        part = slice(i, i + 1)
        alone = novelty.judge(reference, measured[part], decoded(ANTIDOTS[part]), noise[part])
        assert alone.novelty[0] == pytest.approx(whole.novelty[i], rel=1e-9)
        assert np.abs(alone.predicted[0] - whole.predicted[i]).max() < 1e-10


def test_the_file(reference, measured, tmp_path, monkeypatch):
    weights = tmp_path / "some.safetensors"
    weights.write_bytes(b"weights")
    assert novelty.load(weights) is None
    own = dataclasses.replace(reference, weights_sha256=tools.sha256(weights))
    assert novelty.save(own, weights) == tmp_path / "some.novelty.json"
    again = novelty.load(str(weights))
    for field in dataclasses.fields(own):
        a, b = (getattr(value, field.name) for value in (own, again))
        assert np.abs(a - b).max() < 1e-8 if isinstance(a, np.ndarray) else a == b
    one, two = (novelty.judge(value, measured, decoded(ANTIDOTS)).novelty for value in (own, again))
    assert one == pytest.approx(two, rel=1e-3)
    weights.write_bytes(b"trained again")
    with pytest.raises(SettingsError, match="belongs to other weights"):
        novelty.load(weights)
    (tmp_path / "some.novelty.json").write_text("{}")
    with pytest.raises(SettingsError, match="no reference of novelty"):
        novelty.load(weights)
    monkeypatch.setattr(exported, "project_root", lambda: tmp_path)
    assert novelty.load("others") is None


def test_foreign_curves(monkeypatch, tmp_path):
    # all would take half a minute
    wires = {name: foreign.WIRES[name] for name in ("zero", "potential_x2", "radius_6")}
    monkeypatch.setattr(foreign, "WIRES", wires)
    others = [
        name
        for name in foreign.FAMILIES
        if not name.startswith(("unseen", "energy", "potential", "radius"))
    ]
    known = np.random.default_rng(0).uniform(0, 9, (5, 3))
    given = {"curves": known, "low": known.min(axis=0), "high": known.max(axis=0)}
    made = {
        name: foreign.curves(name, CONFIG.device, 4, 0, given, tmp_path)
        for name in (*wires, *others)
    }
    assert {values.shape for values in made.values()} == {(4, 3)}
    assert all(np.isfinite(values).all() and (values > -1).all() for values in made.values())
    assert (np.sort(made["shuffled"]) == np.sort(known[:4])).all() and (
        made["shuffled"] != known[:4]
    ).any()
    assert (made["halves"][1] == [known[1, 0], *known[0, 1:]]).all()
    assert np.diff(made["line"], 2) == pytest.approx(0, abs=1e-12)
    again = foreign.curves("one_antidot", CONFIG.device, 4, 0, given, tmp_path)
    assert (again == made["one_antidot"]).all()
    assert (foreign.curves("line", CONFIG.device, 4, 1, given, tmp_path) != made["line"]).any(), (
        "another seed"
    )
    assert len(np.unique(np.concatenate([made[name] for name in wires]), axis=0)) == 4 * len(wires)


@pytest.fixture
def world(monkeypatch, tmp_path):
    """48 configurations under two potentials, a network without training, few families."""
    pairs = simulate.simulate(CONFIG, potentials=(0, 1), images=False)
    torch.manual_seed(0)
    model = exported.network_of(CONFIG).eval()
    G = pairs.conductance.reshape(-1, CONFIG.device.field_points)
    constants = normalise.Normalisation(
        tuple(G.mean(axis=0)),
        tuple(G.std(axis=0)),
        0.1,
        0.05,
        *(CONFIG.device.width, CONFIG.device.length),
    )
    meta = {"data": pairs.sha256, "config": {"some": "settings"}}
    decoder = Decoder(model, CONFIG, constants, Schedule(1000, "cosine", "v"), meta)
    monkeypatch.setattr(frame, "load_decoder", lambda name: decoder)
    monkeypatch.setattr(dataset, "load", lambda path, images=True: pairs)
    for module in (frame, exported):
        monkeypatch.setattr(module, "project_root", lambda: tmp_path)
    few = ("unseen", "line", "shuffled", "noise_0.02", novelty_rates.CHECKED)
    monkeypatch.setattr(foreign, "FAMILIES", {name: foreign.FAMILIES[name] for name in few})
    sizes = {"FAMILY_CURVES": 4, "TRIAL_CURVES": 3, "DEV_CURVES": 3, "DEV_SAMPLES": 2}
    for name, value in (sizes | {"HEAD_CURVES": 5, "MORE": 2}).items():
        for module in (bench, choice, novelty_rates):
            monkeypatch.setattr(module, name, value, raising=hasattr(module, name))
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "tiny.safetensors").write_bytes(b"weights")
    return pairs, meta, tmp_path


def run(world, **options):
    return study(novelty_rates.STUDY, world, CONFIG, **{"weights": "tiny", "curves": 5, **options})


def test_the_evaluation(world, monkeypatch):
    lines = []
    result = run(world, report=lines.append)
    assert result == json.loads((world[2] / "results" / "novelty.json").read_text())
    assert [path.name for path in (world[2] / "runs").iterdir()] == ["curves"], (
        "blocks are removed in the end"
    )
    reference = novelty.load("tiny")
    assert (reference.threshold, reference.floor, reference.shift) == tuple(
        result[k] for k in ("threshold", "floor", "shift")
    )
    assert result["test"]["n"] == len(result["test"]["novelty"]) == 5
    assert result["test"]["flagged"] == np.mean(np.array(result["test"]["novelty"]) > 1)
    assert set(foreign.LABELS) >= set(foreign.FAMILIES) and not np.isnan(
        result["comparison"][result["score"]]["mean"]
    )
    assert sum(row["n"] for row in result["test"]["right"].values()) == 5
    for name, family in result["families"].items():
        assert family["n"] == len(family["novelty"]) and 0 <= family["auc"] <= 1
        assert ("declared" in family) == name.startswith("noise_") and ("more" in family) == (
            name == novelty_rates.CHECKED
        )
    assert result["families"]["unseen"]["genuine"] and not result["families"]["line"]["genuine"]
    assert result["comparison"][result["score"]]["mean"] == max(
        row["mean"]
        for name, row in result["comparison"].items()
        if name.startswith("whitened") and "no" not in name
    )
    assert "| test curves | 5 |" in lines[-2] and "| noise_0.02, declared |" in lines[-2]


def test_an_interrupted_run_resumes(world, monkeypatch):
    monkeypatch.setattr(frame, "BLOCK", 2)
    whole, drawn, draw = run(world), [], decode.draw

    def interrupted(*arguments):
        if len(drawn) == 6:
            raise KeyboardInterrupt
        drawn.append(1)
        return draw(*arguments)

    monkeypatch.setattr(decode, "draw", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(world)
    again = []
    monkeypatch.setattr(decode, "draw", lambda *a: again.append(1) or draw(*a))
    assert run(world) == whole and len(again) == 2 + 5 * 2 + 3 - 6, "no block is drawn twice"


def test_library_and_solver_agree(tmp_path):
    clean = bench.Clean(CONFIG.device, tmp_path)
    for own, other in zip(
        clean.explained(ANTIDOTS), novelty.explained(CONFIG.device, ANTIDOTS), strict=True
    ):
        assert own.shape == other.shape and np.abs(own - other).max() < 1e-6
    assert all(len(own) == 1 for own in clean.explained(ANTIDOTS, near=False))


def test_auc():
    assert (
        novelty_rates.auc([1, 2, 3], np.array([4.0, 5.0])) == 1
        and novelty_rates.auc([1.0, 1.0], np.array([1.0])) == 0.5
    )


def test_the_shipped_reference():
    """It loads, and belongs to the weights beside it."""
    reference = novelty.load("laptop")
    assert (
        reference.device == decode.load_decoder("laptop").config.device
        and len(reference.mean) == 64
    )
    assert np.linalg.eigvalsh(reference.covariance).min() > -reference.floor / 10


def test_the_figure_of_the_measured_rates():
    result = frame.read_result("laptop", novelty_rates.STUDY)
    rows = trust_figures.novelty_rows(result)
    assert len(rows) == 1 + len(result["families"]) and {row[0] for row in rows.values()} == set(
        trust_figures.COLORS
    )
    figure = trust_figures.novelty_rates(rows)
    figure.canvas.draw()
    shown = [text.get_text() for text in figure.axes[0].texts]
    assert sum(
        f"{row['flagged']:.1%}" in " ".join(shown) for row in result["families"].values()
    ) == len(result["families"])
    assert figure.axes[0].get_xscale() == "log" and [
        t.get_text() for t in figure.axes[0].get_yticklabels()
    ] == list(rows)


def test_what_a_page_says_of_flags():
    def share(value):
        return {"flagged": value, "flagged_interval": [0.0, 1.0], "label": f"{value:g}"}

    kinds = {"same": (True, 0.02), "slight": (False, 0.1), "all": (False, 1.0), "few": (False, 0.9)}
    right = {"n": 2, "within_0": 0.5, "within_1": 1.0}
    result = {
        "test": share(0.02) | {"n": 50, "right": {"flagged": {"n": 0}, "passed": right}},
        "families": {name: share(value) | {"genuine": own} for name, (own, value) in kinds.items()},
        "slight": ["slight"],
    }
    told = novelty_text.flags_text(result)
    assert told.startswith("test curves flagged: 2.0% (0.0% to 100.0%) of 50\n")
    assert "1 of 2 kinds of foreign curves; least often: 0.9 90.0%; 1 100.0%" in told
    assert novelty_text.right_text(result) == (
        "flagged test curves: 0\n"
        "passed test curves: 2, answer exact on 50.0%, within one site on 100.0%"
    )
