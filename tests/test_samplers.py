"""The comparison of samplers with a network that knows the answer."""

import dataclasses
import json

import numpy as np
import pytest
from test_evaluate import study, world  # noqa: F401  (a fixture)

from qfp.model.diffusion import Schedule
from qfp.studies import accuracy, frame
from qfp.studies.limits import samplers
from qfp.tools import SettingsError, digest


@pytest.fixture
def known(world, monkeypatch):
    """The world of test_evaluate, weights that know the answer, with a schedule of 30 steps; three
    short runs."""
    known = frame.load_decoder("known")
    known.model.schedule = Schedule(30, "cosine", "v")
    diffusion = dataclasses.replace(known.config.diffusion, steps=30)
    config = dataclasses.replace(known.config, diffusion=diffusion)
    known = dataclasses.replace(known, config=config, schedule=known.model.schedule)
    monkeypatch.setattr(frame, "load_decoder", lambda name: known)
    monkeypatch.setattr(samplers, "RUNS", (("ancestral", 3), ("ddim", 3), ("dpm2m", 2)))
    return world


def run(known, **options):
    return study(samplers.STUDY, known, **{"curves": 6, **options})


def test_the_comparison(known, monkeypatch):
    draw, seen = accuracy.decode.draw, []

    def spoilt(decoder, curves, seeds, steps, sampler, gamma):
        """ddim answers each curve with the image of another."""
        seen.append((sampler, steps, seeds))
        images = draw(decoder, curves, seeds, steps, sampler, gamma)
        return np.roll(images, 1, axis=0) if sampler == "ddim" else images

    monkeypatch.setattr(accuracy.decode, "draw", spoilt)
    lines = []
    result = run(known, report=lines.append)
    assert result == json.loads((known[2] / "results" / "samplers.json").read_text())
    assert list((known[2] / "runs").iterdir()) == [], "blocks are removed in the end"
    assert [entry[:2] for entry in seen] == [
        ("ancestral", 30),
        ("ancestral", 3),
        ("ddim", 3),
        ("dpm2m", 2),
    ]
    assert all(entry[2] == seen[0][2] for entry in seen), "all from the same noise"
    assert (
        result["curves"] == 6
        and result["reference"] == "ancestral 30"
        and result["data_sha256"] == known[0].sha256
    )
    assert (
        result["config_sha256"] == digest(known[1]["config"])
        and len(result["weights_sha256"]) == 64
    )
    rows = result["rows"]
    assert [row["network_evaluations"] for row in rows.values()] == [30, 3, 3, 2]
    assert all(
        rows[name]["within_0"] == rows[name]["r_high"] == 1 for name in rows if name != "ddim 3"
    )
    assert (
        "difference" not in rows["ancestral 30"] and rows["dpm2m 2"]["difference"]["within_1"] == 0
    )
    assert rows["dpm2m 2"]["difference"]["within_1_interval"] == pytest.approx(
        [-0.39, 0.39], abs=0.01
    )
    assert rows["ddim 3"]["difference"]["within_0"] == rows["ddim 3"]["difference"]["r_high"] == -1
    assert rows["ddim 3"]["n"] == 6 and rows["ddim 3"]["within_0_interval"][0] == 0
    assert len(lines[1].splitlines()) == 6 and "(-100.0%, -100.0% to " in lines[1]
    assert frame.read_result("known", samplers.STUDY) == result


def test_an_interrupted_comparison_resumes(known, monkeypatch):
    whole, draw, drawn = run(known), accuracy.decode.draw, []

    def interrupted(*arguments):
        if len(drawn) == 2:
            raise KeyboardInterrupt
        drawn.append(1)
        return draw(*arguments)

    monkeypatch.setattr(accuracy.decode, "draw", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(known)
    again = []
    monkeypatch.setattr(accuracy.decode, "draw", lambda *a: again.append(a[4]) or draw(*a))
    assert run(known) == whole and again == ["ddim", "dpm2m"], (
        "blocks of the first attempt are not drawn twice"
    )


def test_what_cannot_be_compared_is_refused(known):
    with pytest.raises(SettingsError, match="--curves 0"):
        run(known, curves=0)
    known[1]["data"] = "e" * 64
    with pytest.raises(SettingsError, match="is not what the weights known were trained on"):
        run(known)
    assert not (known[2] / "results").exists()
