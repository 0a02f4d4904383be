"""What a measurement adds to a curve, and how many antidots there are: inferred with the answer."""

import json

import numpy as np
import pytest
import torch

import qfp
from qfp import cli
from qfp.data import fresh
from qfp.inference import library, nuisance
from qfp.physics import geometry
from qfp.physics.rows import inverted
from qfp.physics.units import per_tesla
from qfp.studies.inference import measurement
from qfp.tools import SettingsError, project_root, stream

WIRE = qfp.Device(20, 24, 1.1, 2, 0.08, 24, 0.02)
KINDS = {"gain": 0.03, "series": 0.03, "background": 0.1}


@pytest.fixture(autouse=True)
def own_library(tmp_path_factory, monkeypatch):
    """One folder of libraries for all tests here."""
    folder = tmp_path_factory.getbasetemp() / "libraries"
    monkeypatch.setattr(library, "project_root", lambda: folder)


def wires(number, antidots=2):
    truth = np.stack([geometry.sampled(WIRE, antidots, k) for k in range(number)])
    seeds = 900 + np.arange(number)
    return truth, np.stack([fresh.curve(WIRE, *one) for one in zip(truth, seeds, strict=True)])


def test_what_is_put_on_is_taken_off():
    own = qfp.Nuisance(gain=0.1, series=0.04, offset=1.0, background=1.0)
    b = np.linspace(0, 0.05, 64)
    fine = 5 + np.cos(60 * np.linspace(0, 0.05 + 0.05 / 63, 129))  # at half steps
    theta = np.array([0.07, 0.03, 0.05 / 63 / 2, 0.3, -0.2, 0.1])
    y = measurement.measured(own, type("", (), {"fields": b}), fine, theta)
    u, slope = own.taken_off(y, b, theta)
    np.testing.assert_allclose(u, fine[:128:2], atol=2e-4)
    v, _ = own.taken_off(y + 1e-6, b, theta)
    np.testing.assert_allclose(slope[5:60], ((v - u) / 1e-6)[5:60], rtol=0.01)
    assert own.names == ("gain", "series", "offset", "background") and len(own.prior) == 6


def test_the_derivative_is_that_of_what_is_taken_off():
    own, b = qfp.Nuisance(**KINDS), WIRE.fields
    y, theta = wires(1)[1][0], np.array([0.01, 0.02, 0.05, 0.03, -0.04])
    clean = own.taken_off(y, b, theta)[0]
    np.testing.assert_allclose(own.put_on(clean, b, theta), y)
    found = nuisance.linear(own, y, 0.01, b, theta, clean)
    for k in range(5):
        moved = theta + 1e-4 * np.eye(5)[k]
        change = own.taken_off(y, b, moved)[0] - own.taken_off(y, b, theta)[0]
        np.testing.assert_allclose(found.D[:, k], change / 1e-4, rtol=1e-2, atol=1e-3)
    np.testing.assert_allclose(found.curve, own.taken_off(y, b, theta)[0] - found.D @ theta)
    noise = found.error - (found.D * own.prior**2) @ found.D.T
    _, slope = own.taken_off(y, b, theta)
    np.testing.assert_allclose(noise, np.diag((0.01 * slope) ** 2), atol=1e-12)
    bent = 0.01**2 * (np.eye(len(b)) + 0.5)
    found = nuisance.linear(own, y, bent, b, theta, clean)
    noise = found.error - (found.D * own.prior**2) @ found.D.T
    np.testing.assert_allclose(noise, slope[:, None] * bent * slope, atol=1e-12)


@pytest.mark.parametrize("names", [[name] for name in KINDS] + [list(KINDS)])
def test_parameters_are_found_within_their_stated_error(names):
    own = qfp.Nuisance(**{name: KINDS[name] for name in names})
    truth, curves = wires(12)
    theta = stream("parameters", len(names)).standard_normal((12, len(own.prior))) * own.prior
    fine = [np.repeat(curve, 2) for curve in curves]
    y = [measurement.measured(own, WIRE, *one) for one in zip(fine, theta, strict=True)]
    found = qfp.infer(np.stack(y), WIRE, nuisance=own, certificate=False)
    right = np.array([(one.answer == pair).all() for one, pair in zip(found, truth)])
    told = np.array(
        [[np.hstack([one.unknown[n][i] for n in names]) for i in (0, 1)] for one in found]
    )
    z = (told[:, 0] - theta)[right] / told[right, 1]
    assert right.mean() >= 0.75 and np.abs(z).max() < 4.5 and (np.abs(z) < 2).mean() > 0.8
    assert (told[:, 1] < 1.001 * own.prior).all() and told[:, 1].min() < 0.6 * own.prior.max()


def test_the_certificate_is_of_the_curve_without_what_was_added():
    own = qfp.Nuisance(gain=0.03)
    truth, curves = wires(1)
    found = qfp.infer(1.05 * curves, WIRE, nuisance=own)[0]
    value, error = found.unknown["gain"]
    assert (found.answer == truth[0]).all() and abs(value - 0.05) < 3 * error
    np.testing.assert_allclose(found.measured, 1.05 * curves[0] / (1 + value), rtol=1e-6)
    left = found.measured - found.curve
    assert found.residual == pytest.approx(np.sqrt(np.mean(left**2))) and found.residual < 0.02


def test_a_certificate_without_its_images():
    truth, curves = wires(1)
    whole, curve = (qfp.infer(curves, WIRE, certificate=kind)[0] for kind in (True, "curve"))
    assert curve.ldos is None and whole.ldos.shape == (24, 20)
    np.testing.assert_array_equal(curve.curve, whole.curve)
    assert curve.residual == whole.residual and (curve.potential == whole.potential).all()


def test_one_antidot_and_their_number():
    for number in (1, 2):
        truth, curves = wires(6, number)
        found = qfp.infer(curves, WIRE, numbers=(1, 2), certificate=False)
        share = np.array([one.numbers[number] for one in found])
        assert (share > 0.5).mean() >= 5 / 6 and all(
            sum(one.numbers.values()) == pytest.approx(1) for one in found
        )
        same = [np.array_equal(one.answer, own) for one, own in zip(found, truth)]
        assert np.mean(same) >= 5 / 6
    told = qfp.infer(wires(1, 1)[1], WIRE, numbers=(1,))[0]
    assert told.answer.shape == (1, 2) and told.ldos.shape == (24, 20) and told.copies > 1
    with pytest.raises(SettingsError, match="30 antidots of radius 2: no place"):
        qfp.infer(np.full((1, 24), 3.0), WIRE, numbers=(30,))


@pytest.mark.parametrize("size", [0.01, 1.0])
def test_inverses_by_quarters(size):
    rng = np.random.default_rng(0)
    M = torch.as_tensor(rng.normal(size=(3, 50, 50)) + 1j * rng.normal(size=(3, 50, 50)))
    M[:, :25, :25] *= size
    one = torch.eye(50, dtype=M.dtype).expand(3, -1, -1)
    torch.testing.assert_close(inverted(M) @ M, one, atol=1e-8, rtol=0)


# --- the command


def written(tmp_path, curve, name="curve.csv", scale=1.0, field=1.0):
    table = np.column_stack([field * WIRE.fields, scale * curve])
    np.savetxt(tmp_path / name, table, delimiter=",", header="field,conductance", comments="")
    keys = ("width", "length", "energy", "radius", "field_max", "field_points", "amplitude")
    lines = [f"{key}: {getattr(WIRE, key)}" for key in keys]
    (tmp_path / "mine.yaml").write_text("\n".join(lines))
    return [str(tmp_path / name), "--device", str(tmp_path / "mine.yaml")]


def test_decode_says_what_a_measurement_adds(tmp_path, capsys):
    truth, curves = wires(1)
    tesla, ohm = per_tesla(10.0), 600.0
    u = 2 * curves[0]  # both spins
    y = u / (1 + ohm * 3.874045865e-5 * u) * 3.874045865e-5
    call = written(tmp_path, y, field=1 / tesla)
    call += ["--lattice-nm", "10", "--siemens", "--spin", "2", "--unknown", "series_ohm=1000"]
    assert cli.main(["decode", *call, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    value, error = said["unknown"]["series_ohm"]
    assert said["antidots"] == truth[0].tolist() and abs(value - ohm) < 4 * error < 400
    assert cli.main(["decode", *call, "--out", str(tmp_path / "out")]) == 0
    assert "series_ohm " in capsys.readouterr().out
    assert (tmp_path / "out" / "curve.png").exists()


def test_decode_finds_the_number_of_antidots(tmp_path, capsys):
    truth, curves = wires(1, 1)
    call = written(tmp_path, curves[0])
    assert cli.main(["decode", *call, "--antidots", "1,2", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["antidots"] == truth[0].tolist() and said["numbers"]["1"] > 0.5


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--unknown", "gain"], "--unknown gain: expected NAME=SIZE"),
        (["--unknown", "drift=1"], "NAME one of gain, series_ohm, offset, background"),
        (["--unknown", "gain=-1"], "SIZE above 0"),
        (["--antidots", "two"], "--antidots two: expected numbers from 1 to 6, such as 2 or 1,2,3"),
        (["--antidots", "0"], "--antidots 0: expected"),
        (["--spin", "3"], "--spin 3: a curve counts 1 spin or 2"),
    ],
)
def test_what_cannot_be_is_said(tmp_path, capsys, options, told):
    call = written(tmp_path, wires(1)[1][0])
    assert cli.main(["decode", *call, *options]) == 2
    assert told in capsys.readouterr().err


def test_a_nuisance_is_a_standard_deviation():
    with pytest.raises(SettingsError, match="nuisance gain -0.1: expected a standard deviation"):
        qfp.Nuisance(gain=-0.1)


# --- antidots of any number


def test_symmetries_of_three_antidots():
    device, three = qfp.load_preset("laptop").device, geometry.sampled(WIRE, 3, 5)
    group = geometry.inversions(three, WIRE)
    assert (geometry.orbit(group, WIRE) == geometry.orbit(three, WIRE)).all()
    moved = group[1][[2, 0, 1]] + [0, 4]
    assert (geometry.canonical(moved, WIRE) == three).all()
    drawn = [geometry.sampled(device, K, k) for K in range(1, 7) for k in range(4)]
    assert all(geometry.in_dataset(own, device) for own in drawn)
    assert (geometry.sampled(device, 6, 3) == drawn[-1]).all()
    with pytest.raises(SettingsError, match="5 antidots of radius 2: no place"):
        geometry.sampled(qfp.Device(12, 12, 1.1, 2, 0.08, 24, 0.02), 5, 0)


def test_the_figure_sets_what_is_inferred_beside_what_is_left_unsaid():
    result = json.loads((project_root() / "results" / "measurement.json").read_text())
    told, plain = measurement.told_or_not(result).values()
    assert list(told) == list(plain) and len(told) == len(measurement.SIZES) + 1
    assert told["all four"]["right_interval"] == result["all"]["right_interval"]
    assert plain["gain"]["right"] == result["gain"]["plain"]
    assert plain["gain"]["right_or_flagged"] == result["gain"]["plain_right_or_flagged"]
