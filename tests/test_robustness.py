"""What is changed in a row of the robustness table is exact, and nothing else changes with it."""

import dataclasses
import json
from types import SimpleNamespace

import numpy as np
import pytest
from test_evaluate import CONFIG, DEVICE, study, world  # noqa: F401  (a fixture)

from qfp.config import load_preset
from qfp.decoding import decode
from qfp.decoding.decode import load_decoder
from qfp.physics import geometry, green, wire
from qfp.studies.limits import live, robustness, robustness_report, samplers
from qfp.tools import SettingsError, project_root

FEW = dataclasses.replace(DEVICE, field_points=3)  # the same wires at b = 0, 0.025 and 0.05
ANTIDOTS = geometry.configurations(DEVICE)[1][[100, 9000]]


# --- what the rows decode


def test_a_shifted_curve_is_the_one_at_other_fields(tmp_path):
    seeds, step = np.array([1, 0]), FEW.fields[1]
    fine = robustness.solved(robustness.finer(FEW), ANTIDOTS, seeds, tmp_path)
    for shift in (-1.0, -0.25, 0.0, 0.5, 1.0):
        exact = [
            green.solve(FEW, pair, wire.random_potential(seed, FEW), FEW.fields + shift * step)[0]
            # fields below 0 and above the grid, with no use of G(-b) = G(b)
            for pair, seed in zip(ANTIDOTS, seeds)
        ]
        np.testing.assert_allclose(robustness.shifted(fine, shift), exact, atol=2e-6)
    with np.errstate(all="raise"):
        assert (
            np.abs(np.diff(robustness.shifted(fine, 0.25) - robustness.shifted(fine, -0.25))).max()
            > 0.01
        )


def test_other_potentials_come_with_their_own_images(tmp_path):
    rows = np.array([[0, 100], [1, 9000]])
    values = np.zeros((2, 3)), ANTIDOTS, np.zeros((2, 60, 50))
    for strength in (0.0, 2.0):
        case = robustness.Case("potential", strength, CONFIG.sampling)
        curves, antidots, ldos = robustness.values_of(case, values, rows, FEW, 0, tmp_path)
        for k, seed in enumerate((5, 6)):
            V = strength * wire.random_potential(seed, FEW)
            conductance, _, image = green.solve(FEW, ANTIDOTS[k], V, image=True)
            np.testing.assert_allclose(curves[k], conductance, atol=2e-6)
            np.testing.assert_allclose(ldos[k], image, atol=2e-5)
    assert antidots is ANTIDOTS


def test_noise_belongs_to_its_row():
    curves, rows = np.zeros((3, 64)), np.array([[0, 5], [1, 5], [2, 8]])
    noise = robustness.noisy(curves, rows, 0.05, 0)
    np.testing.assert_array_equal(robustness.noisy(curves[:1], rows[1:2], 0.05, 0)[0], noise[1])
    np.testing.assert_allclose(robustness.noisy(curves, rows, 0.1, 0), 2 * noise)
    assert 0.04 < noise.std() < 0.06 and np.abs(np.corrcoef(noise) - np.eye(3)).max() < 0.5
    assert (robustness.noisy(curves, rows, 0.05, 1) != noise).all()


def test_without_guidance_the_curve_is_not_read():
    decoder, curves = load_decoder("laptop"), np.stack([np.full(64, 3.0), np.linspace(9, 2, 64)])
    free = decode.draw(decoder, curves, [[7], [7]], 2, "ddim", 0.0)
    np.testing.assert_allclose(free[0], free[1], atol=1e-5)
    given = decode.draw(decoder, curves, [[7], [7]], 2, "ddim", 1.0)
    assert np.abs(given[0] - given[1]).max() > 0.01


def test_every_row_once():
    sampling = load_preset("laptop").sampling
    found = robustness.cases(sampling)
    assert list(found)[0] == "reference" and {case.factor for case in found.values()} == {
        "reference",
        *robustness.FACTORS,
    }
    same = [
        name
        for name, case in found.items()
        if not robustness.changes_curve(case) and case.sampling == sampling
    ]
    assert same == ["reference"], "neither gamma 1 nor ddim 10 is measured twice"
    assert "gamma 1" in robustness.cases(dataclasses.replace(sampling, gamma=2.0))
    for case in found.values():
        changed = [
            key
            for key in ("sampler", "steps", "gamma")
            if getattr(case.sampling, key) != getattr(sampling, key)
        ]
        assert set(changed) <= {"gamma": {"gamma"}, "steps": {"sampler", "steps"}}.get(
            case.factor, set()
        )


def test_agreement():
    pairs = geometry.configurations(DEVICE)[1][[0, 4000, 8000, 12000]]
    other = pairs[::-1]
    samples = np.stack([[pairs[k]] * 4 for k in range(4)])
    samples[1, 3] = other[1]  # right, three of four
    samples[2] = other[2]  # wrong, all agree
    samples[3, :3] = other[3]  # wrong, three of four
    row = robustness.agreement(DEVICE, samples, pairs)["exact"]
    assert (
        row["n"],
        row["unanimous"],
        row["right"],
        row["right_unanimous"],
        row["wrong_flagged"],
    ) == (4, 0.5, 0.5, 0.5, 0.5)
    assert "wrong_flagged" not in robustness.agreement(DEVICE, samples[:2], pairs[:2])["exact"]


# --- the command


@pytest.fixture
def known(world, monkeypatch):
    """The world of test_evaluate, weights that know the answer; shifted curves there belong to
    other wires."""
    monkeypatch.setattr(robustness, "NOISE", (1e-3,))
    monkeypatch.setattr(robustness, "POTENTIAL", ())
    monkeypatch.setattr(robustness, "SHIFT", (-1.0,))
    monkeypatch.setattr(robustness, "GAMMA", ())
    monkeypatch.setattr(robustness, "FEWER", ())
    monkeypatch.setattr(robustness, "AGREE_CURVES", 3)
    monkeypatch.setattr(samplers, "RUNS", (("dpm2m", 3), ("ddim", 2)))
    number = {pair.tobytes(): n for n, pair in enumerate(world[0].antidots)}

    def solved(wire, antidots, seeds, folder):
        n = np.array([number[pair.tobytes()] for pair in antidots])
        return np.repeat((seeds * 40 + (n + 1) % 40)[:, None], wire.field_points, axis=1).astype(
            float
        )

    monkeypatch.setattr(robustness, "solved", solved)
    return world


def run(known, **options):
    return study(robustness.STUDY, known, **{"curves": 6, **options})


def test_the_result(known, monkeypatch):
    seen, draw = [], decode.draw
    monkeypatch.setattr(
        decode, "draw", lambda *a: seen.append((a[4], a[3], np.array(a[2]))) or draw(*a)
    )
    lines = []
    result = run(known, report=lines.append)
    assert result == json.loads((known[2] / "results" / "robustness.json").read_text())
    assert list((known[2] / "runs").iterdir()) == [], "blocks are removed in the end"
    rows = result["rows"]
    assert list(rows) == ["reference", "noise 0.001", "shift -1", "dpm2m 3"]
    assert all((entry[2][:, :1] == seen[0][2][: len(entry[2])]).all() for entry in seen), (
        "all from the same noise"
    )
    assert [entry[:2] for entry in seen] == [("ddim", 2)] * 5 + [("dpm2m", 3)]
    for name in ("reference", "noise 0.001", "dpm2m 3"):
        assert rows[name]["within_0"] == rows[name]["r_high"] == 1
    assert rows["shift -1"]["within_0"] == 0 and rows["shift -1"]["difference"]["within_0"] == -1
    assert (
        rows["noise 0.001"]["curve_change"] == pytest.approx(1e-3, rel=0.2)
        and "curve_change" not in rows["dpm2m 3"]
    )
    assert [row["network_evaluations"] for row in rows.values()] == [2, 2, 2, 3]
    assert (
        rows["shift -1"]["agreement"]["exact"]["unanimous"] == 1
        and rows["shift -1"]["agreement"]["exact"]["right"] == 0
    )
    assert (
        rows["reference"]["agreement"]["within_1"]["n"] == 3
        and "agreement" not in rows["noise 0.001"]
    ), "nothing suffers"
    values, shown = robustness_report.series(result, "shift")
    assert values.tolist() == [-1, 0] and shown == [rows["shift -1"], rows["reference"]]
    assert robustness_report.series(result, "steps", "dpm2m")[0].tolist() == [3]
    assert robustness_report.series(result, "steps", "ddim")[1] == [rows["reference"]]
    np.testing.assert_allclose(robustness_report.shares(shown, "within_0")[0], [0, 1])
    told = robustness_report.verdicts(result)
    assert (
        "shift, exact: lower at -1 (-100.0%)" in told
        and "noise, exact: no difference seen at 0.001 (+0.0%)" in told
    )
    assert len(lines[1].splitlines()) == 6


def test_rows_do_not_depend_on_each_other_and_an_interrupted_run_resumes(known, monkeypatch):
    whole, draw, drawn = run(known), decode.draw, []

    def interrupted(*arguments):
        if len(drawn) == 2:
            raise KeyboardInterrupt
        drawn.append(1)
        return draw(*arguments)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(decode, "draw", interrupted)
        run(known)
    again = []
    monkeypatch.setattr(decode, "draw", lambda *a: again.append(1) or draw(*a))
    assert run(known) == whole and len(again) == 6 - 2, (
        "blocks of the first attempt are not drawn twice"
    )
    monkeypatch.setattr(robustness, "NOISE", (2e-3, 1e-3))
    more = run(known)["rows"]
    assert "noise 0.002" in more and all(more[name] == row for name, row in whole["rows"].items())


def test_what_cannot_be_measured_is_refused(known):
    with pytest.raises(SettingsError, match="--curves 0"):
        run(known, curves=0)
    known[1]["data"] = "e" * 64
    with pytest.raises(SettingsError, match="is not what the weights known were trained on"):
        run(known)
    assert not (known[2] / "results").exists()


# --- what the page on limits shows


def test_what_a_decoder_is_given_of_a_few_wires():
    curves, rows = np.arange(8.0).reshape(2, 4), np.array([[0, 3], [0, 7]])
    wires = live.Wires(SimpleNamespace(conductance=curves[None]), rows)
    given = live.changed(wires, 0)
    assert given["as it is"].curves is given["no curve"].curves
    assert [own.gamma for own in given.values()] == [1, 1, 1, 0]
    assert given["one field step off"].curves.tolist() == [[1, 0, 1, 2], [5, 4, 5, 6]]
    noise = given["noise 0.05 e²/h"].curves - curves
    np.testing.assert_allclose(noise, robustness.noisy(0 * curves, rows, 0.05, 0))


def test_the_page_s_panels_and_tables_hold_every_row():
    result = json.loads((project_root() / "results" / "robustness.json").read_text())
    rows = result["rows"]
    for label, values, lines, reference, joined in robustness_report.factors(result).values():
        assert (reference is None) == ("strength" not in label) and joined == (label != "γ")
        assert all(line.shape == (3, len(values)) for line in lines.values())
    for lines in robustness_report.against_change(result).values():
        assert sum(len(change) for change, *_ in lines.values()) == sum(
            "curve_change" in row for row in rows.values()
        )
        assert all(sorted(change) == change for change, *_ in lines.values())
    few = robustness_report.few_steps(result)["share decoded exactly"]
    steps = sum(row["factor"] == "steps" for row in rows.values())
    assert sum(len(evaluations) for evaluations, _ in few.values()) == steps + 1
    told = robustness_report.agreement(result).splitlines()
    assert len(told) == 3 + 2 * sum("agreement" in row for row in rows.values())
    for panel in robustness_report.agreeing(result).values():
        assert len(panel) == sum("agreement" in row for row in rows.values())
        assert panel["field offset −1 step"]["right"] < panel["field offset −0.5 step"]["right"]
    assert len(robustness_report.changes(result).splitlines()) == 2 + len(rows) - steps
