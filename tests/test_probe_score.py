"""The probe of the score with a network that knows the answer, and what happens to an interrupted
run."""

import json

import numpy as np
import pytest
import torch
from test_evaluate import CONFIG, study, world  # noqa: F401

from qfp.model.condition import Condition
from qfp.studies import frame
from qfp.studies.score import dynamics, energies, forcefield, live, memory, pointing, soft, text
from qfp.studies.score import probe as probe_score
from qfp.studies.score.subject import Subject, tangents
from qfp.tools import SettingsError


@pytest.fixture
def known(world, monkeypatch):
    """The world of test_evaluate, in which no curve stands for the first image; small numbers of
    everything."""
    nothing = Condition(torch.zeros(1, 1, 1).long(), ())
    monkeypatch.setattr(
        type(frame.load_decoder("known").model),
        "null",
        lambda self, batch: nothing.repeat(batch),
        raising=False,
    )
    small = {
        energies: {
            "SYMMETRY_NOISE": (0.2, 1, 5),
            "PROBES": 1,
            "SYMMETRY_IMAGES": 2,
            "UNTRAINED_IMAGES": 1,
            "LOOP_IMAGES": 2,
            "INTERVALS": 4,
            "PROFILE_IMAGES": 2,
            "WORK_STEPS": 4,
        },
        soft: {"SOFT_IMAGES": 2, "SOFT": 2, "BLOCKS": 2},
        pointing: {"PLANES": 4},
        memory: {"EMPIRICAL_NOISE": (5, 20), "EMPIRICAL_CURVES": 3},
        dynamics: {"SAMPLE_CURVES": 3, "ANCESTRAL": 3},
    }
    for module, values in small.items():
        for name, value in values.items():
            monkeypatch.setattr(module, name, value)
    slow = dynamics.langevin
    monkeypatch.setattr(dynamics, "langevin", lambda *a: slow(*a, levels=3, repeats=2))
    return world


def run(known, **options):
    return study(probe_score.STUDY, known, CONFIG, **{"curves": 4, **options})


def test_what_is_measured(known):
    lines = []
    result = run(known, report=lines.append)
    assert result == json.loads((known[2] / "results" / "probe_score.json").read_text())
    assert list((known[2] / "runs").iterdir()) == [], "parts are removed in the end"
    assert (
        result["curves"] == 4
        and result["data_sha256"] == known[0].sha256
        and len(result["weights_sha256"]) == 64
    )
    own = result["pointing"]["rows"]["own curve"]
    np.testing.assert_allclose(own["full"]["mean"], 1, atol=1e-6)
    np.testing.assert_allclose(own["within_random"]["mean"], 1)
    assert (
        max(own["end"]["mean"])
        < 1e-3
        < min(result["pointing"]["rows"]["another curve"]["end"]["mean"])
    )
    assert own["full_other"]["mean"][0] < 0.5
    energy = result["energy"]
    assert max(energy["symmetry"]["trained"]["of_J"]["mean"]) < 1e-6
    assert min(energy["symmetry"]["untrained"]["of_rest"]["mean"]) > 1e-3
    assert max(energy["loops"]["noise, noise"]["relative"]["mean"]) < 1e-4
    for level in energy["profiles"]["noise"]["levels"]:
        assert (
            level["stiffness"]["mean"] == pytest.approx(1, abs=1e-3) and level["reach"]["mean"] == 2
        )
    assert max(map(max, (level["eigenvalues"]["mean"] for level in result["soft"]["clean"]))) < 1e-3
    assert all(level["saddle"]["mean"] == 0 for level in result["soft"]["noisy"])
    assert (
        result["empirical"]["known"] == 56
        and result["empirical"]["test"]["curve"]["network"]["mean"][0] < 1e-2
    )
    assert result["langevin"]["langevin"]["within_0"] == result["langevin"]["ddim"]["within_0"] == 1
    assert all(
        f"{name}_interval" in result["summary"]
        for name in result["summary"]
        if not name.endswith("_interval")
    )
    assert (
        "softest_clean_weak" in lines[-2]
        and frame.read_result("known", probe_score.STUDY) == result
    )


def test_what_the_parts_say(known):
    result = run(known)
    assert text.pointing_text(result["pointing"]).startswith("own curve, σ/α = 0.17: within 90°")
    around = [line for line in text.energy_text(result["energy"]).splitlines() if "error" in line]
    assert len(around) == 3
    told = text.profiles_text(result["energy"]).splitlines()
    assert len(told) == 3 * 3 + 1 and "stiffness 1.00 / σ², parabola up to 2.00" in told[0]
    assert text.soft_text(result["soft"]).count("an eigenvalue above 1 for 0%") == 2 * 3
    assert text.memory_text(result).count("unseen, no curve") == 2


def test_a_cloud_of_a_network_that_knows_leads_home(known, monkeypatch):
    rows = np.array([[1, n] for n in range(4)])
    subject = Subject(frame.load_decoder("known"), known[0], {}, 0, rows)
    cloud = live.cloud(subject, 400, 5)
    np.testing.assert_allclose(cloud.cosine, cloud.of_one_image().cosine, atol=1e-6)
    np.testing.assert_allclose(cloud.radii, 60, rtol=0.05)
    assert "(d) towards the truth: 5 of 5" in live.cloud_text(cloud)
    assert "site (x, y) = (35, 20)" in live.recipe_text(subject, 99)
    soft = live.soft_directions(subject, 400, 2, 2)
    assert soft.vectors.shape == (2, 60, 60) and abs(soft.values).max() < 1e-3
    assert list(soft.changes) == list(subject.steps_of(rows[0]))
    gaussian = forcefield.Gaussian.of(subject.images(rows))
    monkeypatch.setattr(live, "gaussian_of", lambda decoder: gaussian)
    ends = {k: row["end"]["mean"][0] for k, row in live.pointing(subject, [400])["rows"].items()}
    assert ends["own curve"] < 1e-3 < min(ends["another curve"], ends["no curve"])


def test_an_interrupted_probe_resumes(known, monkeypatch):
    whole, parts, done = run(known), dict(probe_score.PARTS), []

    def interrupted(subject):
        raise KeyboardInterrupt

    monkeypatch.setitem(probe_score.PARTS, "soft", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(known)
    for name, part in parts.items():
        monkeypatch.setitem(
            probe_score.PARTS,
            name,
            lambda subject, name=name, part=part: done.append(name) or part(subject),
        )
    assert run(known) == whole and done == ["soft", "empirical", "langevin"]


def test_neighbours_are_exact_images_of_the_dataset(known):
    pairs, rows = known[0], np.array([[1, n] for n in range(12)])
    subject = Subject(frame.load_decoder("known"), pairs, {}, 0, rows)
    for row in rows:
        images = subject.neighbours(row)
        change = (images - subject.images(row[None])).square().mean((1, 2, 3)).sqrt()
        assert len(images) <= 6 and (change > 0.05).all() and (change < 1.5).all()
    changes = tangents(subject, rows[0])
    assert changes["potential"].shape == (1, 3600) and len(changes["both"]) == 1 + len(
        changes["position"]
    )
    np.testing.assert_allclose(
        forcefield.share_in_span(
            changes["potential"] / np.linalg.norm(changes["potential"]), changes["both"]
        ),
        1,
    )


def test_what_cannot_be_probed_is_refused(known):
    with pytest.raises(SettingsError, match="--curves 0"):
        run(known, curves=0)
    known[1]["data"] = "e" * 64
    with pytest.raises(SettingsError, match="is not what the weights known were trained on"):
        run(known)
    assert not (known[2] / "results").exists()
