"""What a curve can fix: the study on a small wire, and its figures."""

import dataclasses
import json

import numpy as np
import pytest

from qfp.config import load_preset
from qfp.data import simulate
from qfp.figures import inference as figures
from qfp.inference import library
from qfp.physics import geometry
from qfp.studies import frame
from qfp.studies.inference import limits, posteriors, text

DEVICE = dataclasses.replace(
    load_preset("smoke").device, width=20, length=24, radius=2, field_points=12
)
CONFIG = dataclasses.replace(load_preset("smoke"), device=DEVICE)
PLACE = np.array([[5, 8], [13, 15]])


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    folder = tmp_path_factory.mktemp("limits")
    with pytest.MonkeyPatch.context() as patch:
        for module in (frame, library):
            patch.setattr(module, "project_root", lambda: folder)
        few = {0.001: 2, 0.01: 2}
        for module in (limits, posteriors):
            patch.setattr(module, "TEMPERATURE", few)
        out = folder / "limits.json"
        options = {"wires": 4, "warm": 2, "placements": 1, "report": lambda line: None}
        frame.run_study(limits.STUDY, CONFIG, out, **options)
    return json.loads(out.read_text())


def test_less_is_known_where_less_is_measured(result):
    for name in ("noise", "fields", "range"):
        bits = [row["bits"] for row in result[name]]
        assert bits[-1] < bits[0], f"{name}: the last setting leaves most open"
    for name in ("noise", "strength", "fields", "range", "temperature"):
        for row in result[name]:
            assert 0 <= row["exact"] <= row["within_1"] <= 1 and 0 < row["certainty"] <= 1
    assert result["noise"][0]["exact"] == 1, "without noise four wires are four answers"
    assert [row["n"] for row in result["temperature"]] == [2, 2]
    assert [row["value"] for row in result["fields"]][:3] == [23, 12, 6]


def test_a_known_potential_tells_placements_apart(result):
    found = result["placements"]
    lifted = list(found["bits_lifted"].values())
    assert 0 < lifted[-1] <= lifted[0] <= found["bits_open"] + 1e-9


def test_what_is_shown(result):
    shown = limits.STUDY.show(result)
    assert shown.count("| exact |") == 5 and "| 0.01 |" in shown
    assert "bits on average" in text.placements_text(result)
    panels, axes, said = text.ambiguous_panels(result, DEVICE)
    assert set(panels) == set(map(str, limits.DRAWN)) and "bits left open" in said
    for own in panels.values():
        assert 0.5 < own.sum() <= 1 + 1e-9
    changes = {"along": DEVICE.fields, "across": -DEVICE.fields}
    figures.ambiguous(panels, axes, DEVICE.fields, changes, np.ones(DEVICE.field_points))
    figures.limits(text.limit_panels(result), 10.0)


def test_columns_count_what_is_not_among_the_candidates():
    other = PLACE + [[0, 0], [0, 1]]
    place, far = (geometry.canonical(pair, DEVICE) for pair in (PLACE, other))
    truth = np.stack([place, place])
    found = np.stack(
        [
            np.vstack([[0.75, 0.25], np.stack([place, far]).reshape(2, 4).T]),
            np.vstack([[1.0, 0.0], np.stack([far, far]).reshape(2, 4).T]),
        ]
    )
    values = limits.columns(DEVICE, truth, found)
    np.testing.assert_allclose(values[0], [1, 1, 0.75, 0.75, 0.8113, 0.25], atol=1e-4)
    np.testing.assert_allclose(values[1], [0, 1, 1, 0, 0, 0], atol=1e-4)
    row = limits.row(values, 16)
    assert row["bits"] == pytest.approx((4 + np.log2(0.75) + 0) / 2)


def test_no_configurations_have_no_curves():
    assert simulate.curves(DEVICE, np.empty((0, 2, 2), int), None).shape == (0, 12)
