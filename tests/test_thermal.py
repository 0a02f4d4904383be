"""Temperature and dephasing: averages against direct and fine ones, what a curve at a temperature
is worth with and without it, currents that are conserved."""

import dataclasses
import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from test_train import TINY

import qfp
from qfp import cli
from qfp.commands.measurement import temperatures_of
from qfp.config import load_preset
from qfp.decoding import told
from qfp.inference import library as libraries
from qfp.physics import dephasing, device_file, geometry, green, response, thermal
from qfp.physics.leads import lead_modes
from qfp.physics.rows import Elimination, Rows
from qfp.physics.wire import Device, random_potential
from qfp.studies import frame
from qfp.studies.inference import thermal as study
from qfp.tools import SettingsError, project_root, stream

PAPER = load_preset("laptop").device
SMALL = Device(14, 16, 0.8, 2, 0.06, 6, 0.05)
PAIR = np.array([[4, 5], [9, 10]])
DOUBLE = torch.complex128
WARM = thermal.warm(SMALL, 0.05)
FLAT = np.zeros((16, 14))


def rows_of(device, dtype=DOUBLE):
    return Rows(device, geometry.removed_mask(PAIR, device), None, dtype)


def finely(device, temperature, points=49):
    """The wire with a fine average over 8 k_B T on either side."""
    away = temperature * np.linspace(-8, 8, points)
    weight = np.cosh(away / (2 * temperature)) ** -2.0
    return thermal.averaged(device, zip(weight / weight.sum(), device.energy + away, strict=True))


# --- the average


def test_an_average_is_the_sum_over_its_energies():
    V = random_potential(3, SMALL)
    G, modes, ldos = green.solve(WARM, PAIR, V, image=True)
    parts = [(w, *green.solve(own, PAIR, V, image=True)) for w, own in thermal.parts(WARM)]
    assert len(parts) == 5 and sum(w for w, *_ in parts) == pytest.approx(1)
    np.testing.assert_allclose(G, sum(w * g for w, g, _, _ in parts), atol=1e-12)
    np.testing.assert_allclose(ldos, sum(w * image for w, _, _, image in parts), atol=1e-12)
    assert modes.tolist() == green.solve(SMALL, PAIR)[1].tolist()
    np.testing.assert_allclose(rows_of(WARM).conductance(V), G, atol=1e-10)
    np.testing.assert_allclose(
        green.clean_curves(WARM, PAIR[None])[0], green.solve(WARM, PAIR)[0], atol=1e-12
    )


@pytest.mark.parametrize("temperature", [0.003, 0.02])
def test_a_handful_of_energies_stands_for_a_fine_average(temperature):
    device = dataclasses.replace(PAPER, field_points=2)
    some = geometry.configurations(PAPER)[1][::2000].astype(int)
    warm = thermal.warm(device, temperature)
    found = green.clean_curves(warm, some)
    fine = green.clean_curves(finely(device, temperature), some)
    cold = green.clean_curves(device, some)
    error, change = (np.sqrt(np.mean((fine - other) ** 2)) for other in (found, cold))
    assert error < min(warm.error, change)


def test_gauss_and_a_fine_average_agree():
    exact = green.clean_curves(finely(SMALL, 0.01), PAIR[None])
    found = green.clean_curves(
        thermal.averaged(SMALL, thermal.energies(SMALL, 0.01, 12)), PAIR[None]
    )
    np.testing.assert_allclose(found, exact, atol=0.01)


def test_temperatures_share_their_energies_and_bad_ones_are_refused():
    assert thermal.warm(SMALL, 0.0) is SMALL
    low, high = (
        {own.energy for _, own in thermal.parts(thermal.warm(PAPER, T))} for T in (0.01, 0.02)
    )
    assert low < high and PAPER.energy in low
    for bad in (-0.01, 0.5, float("nan")):
        with pytest.raises(
            SettingsError, match=r"temperature .*: expected k_B T in units of t, 0 to"
        ):
            thermal.warm(PAPER, bad)


def test_the_derivative_of_an_average_is_that_of_the_curve():
    rows, V, h = rows_of(WARM), random_potential(1, SMALL), 1e-5
    G, J = rows.linear(V)
    np.testing.assert_allclose(G, rows.conductance(V), atol=1e-12)
    for site in stream("sites").choice(np.flatnonzero(rows.kept.numpy()), 5, replace=False):
        step = np.zeros(V.size)
        step[site] = h
        up, down = (rows.conductance(V + way * step.reshape(V.shape)) for way in (1, -1))
        np.testing.assert_allclose((up - down) / (2 * h), J[:, site], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("few", [True, False])
def test_response_at_a_temperature_is_that_of_the_averaged_curve(few, monkeypatch):
    monkeypatch.setattr(green, "WIRES", 160 if few else 1)
    found = response.response(WARM, PAIR[None], stride=1, dtype=DOUBLE)
    G, J = rows_of(WARM).linear(FLAT)
    np.testing.assert_allclose(found.curve[0], G, atol=1e-10)
    exact = response.variance(SMALL) * J @ J.T
    np.testing.assert_allclose(found.covariance[0], exact, rtol=1e-6, atol=1e-12)
    alone = response.fluctuation(SMALL, PAIR[None])
    twice = thermal.averaged(SMALL, [(0.5, SMALL.energy)] * 2)
    np.testing.assert_allclose(
        response.fluctuation(twice, PAIR[None]), alone, rtol=1e-4, atol=1e-12
    )
    assert np.trace(response.fluctuation(WARM, PAIR[None])[0]) < np.trace(alone[0])


# --- inference


@pytest.fixture
def folder(monkeypatch, tmp_path):
    """Libraries are kept in a folder of their own."""
    monkeypatch.setattr(libraries, "project_root", lambda: tmp_path)
    monkeypatch.setattr("qfp.inference.infer.project_root", lambda: tmp_path)
    libraries.library.cache_clear()
    yield tmp_path
    libraries.library.cache_clear()


def test_the_library_at_a_temperature_is_the_average_of_libraries(folder):
    found = libraries.library(WARM)
    some = slice(None, None, 100)
    np.testing.assert_allclose(
        found.curves[some], green.clean_curves(WARM, found.antidots[some]), atol=1e-6
    )
    assert len(list(folder.glob("runs/curves/curves-*.npy"))) == 5
    libraries.library(thermal.warm(SMALL, 0.03))  # has the same energies
    assert len(list(folder.glob("runs/curves/curves-*.npy"))) == 5


WIRE = Device(20, 24, 0.8, 3, 0.06, 16, 0.03)
HOT = 0.05


def measured(pairs):
    """Curves (B, F) at HOT under potentials 0, 1, ..., averaged over many energies, none of which
    the likelihood takes."""
    fine = finely(dataclasses.replace(WIRE, energy=WIRE.energy + 1e-4), HOT, 33)
    return np.stack(
        [
            Rows(fine, geometry.removed_mask(pair, WIRE)).conductance(random_potential(k, WIRE))
            for k, pair in enumerate(pairs)
        ]
    )


def test_a_curve_at_a_temperature_is_answered_where_the_temperature_is_known(folder):
    truth = geometry.configurations(WIRE)[1][[40, 120, 250, 390]].astype(int)
    curves = measured(truth)
    found = qfp.infer(curves, WIRE, temperature=HOT, certificate=False)
    assert [one.answer.tolist() for one in found] == truth.tolist()
    assert all(one.explained and one.temperature == HOT for one in found)
    plain = qfp.infer(curves, WIRE, certificate=False)
    assert not any((one.answer == pair).all() for one, pair in zip(plain, truth))
    assert sum(one.explained for one in plain) <= 1
    among = qfp.infer(curves, WIRE, temperature=(0.0, HOT, 0.08), certificate=False)
    assert sum(one.temperatures[HOT] > 0.5 for one in among) >= 3
    right = [(one.answer == pair).all() for one, pair in zip(among, truth) if one.temperature]
    assert all(right) and all(sum(one.temperatures.values()) == pytest.approx(1) for one in among)
    certified = qfp.infer(curves[:1], WIRE, temperature=HOT, certificate="curve")[0]
    warm, gone = thermal.warm(WIRE, HOT), geometry.removed_mask(truth[0], WIRE)
    exact = Rows(warm, gone).conductance(certified.potential)
    np.testing.assert_allclose(certified.curve, exact, atol=1e-4)
    assert certified.residual < 3 * warm.error


def test_temperatures_that_cannot_be_are_refused():
    curve = np.ones((1, WIRE.field_points))
    for options, said in (
        ({"temperature": -0.01}, "expected k_B T in units of t"),
        ({"temperature": ()}, "temperature: expected a number or a list"),
        ({"temperature": 0.01, "numbers": (3,)}, "three and more are searched at T = 0 only"),
    ):
        with pytest.raises(SettingsError, match=said):
            qfp.infer(curve, WIRE, **options)


def test_a_temperature_on_the_command_line(folder, tmp_path, capsys):
    device = tmp_path / "wire.yaml"
    device.write_text("".join(f"{k}: {v}\n" for k, v in dataclasses.asdict(WIRE).items()))
    call = ["--device", str(device), "--temperature", "0.02"]
    pair = ["--antidots", "5,8", "13,15", "--potential-seed", "3"]
    assert cli.main(["solve", *call, *pair]) == 0
    file = tmp_path / "curve.csv"
    file.write_text(capsys.readouterr().out)
    assert cli.main(["decode", str(file), *call, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["antidots"] == [[5, 8], [13, 15]] and not said["flagged"]
    assert said["temperature"] == 0.02 and said["temperatures"] is None
    assert cli.main(["decode", str(file), *call]) == 0
    assert "at k_B T = 0.02 t" in capsys.readouterr().out
    for text, word in (("warm", "--temperature warm"), ("9", "temperature 9: expected k_B T")):
        assert cli.main(["decode", str(file), "--device", str(device), "--temperature", text]) == 2
        assert word in capsys.readouterr().err
    assert cli.main(["decode", str(file), "--network-only", "--temperature", "0.01"]) == 2
    assert "the network knows of no --temperature" in capsys.readouterr().err


def test_kelvins_are_those_of_the_device_file():
    found = device_file.read("presets/gaas.yaml", Device)[1]
    assert temperatures_of("0.3,0", found.kelvin) == pytest.approx([0.0, 0.3 * found.kelvin])
    assert temperatures_of("0.01", None) == [0.01]
    one = SimpleNamespace(temperature=found.thermal, temperatures=None)
    assert told.temperature_lines(one, found.kelvin) == ["at k_B T = 0.00455 t (0.3 K)"]
    several = SimpleNamespace(temperature=0.01, temperatures={0.0: 0.25, 0.01: 0.75})
    assert told.temperature_lines(several, None) == ["k_B T, 0 t: 0.2500, 0.01 t: 0.7500"]


# --- dephasing


def whole_wire(device, b, eta):
    """t and r of lead 0 and t and r of lead 1 (n, n), G (sites, sites), U: the wire of all sites as
    one dense matrix with the imaginary potential -i eta."""
    W, L, leads = device.width, device.length, lead_modes(device, b)
    x, y = np.arange(W * L) % W, np.arange(W * L) // W
    H = np.diag(4.0 + 0 * x).astype(complex)
    for i in range(W * L):
        across, along = (
            np.flatnonzero((y == y[i]) & (x == x[i] + 1)),
            np.flatnonzero((y == y[i] + 1) & (x == x[i])),
        )
        H[across, i] = H[i, across] = -1.0
        H[along, i] = -np.exp(1j * b * (x[i] - (W - 1) / 2))
        H[i, along] = -np.exp(-1j * b * (x[i] - (W - 1) / 2))
    H[:W, :W] += leads.sigma[0].numpy()
    H[-W:, -W:] += leads.sigma[1].numpy()
    G = np.linalg.inv((device.energy + 1j * eta) * np.eye(W * L) - H)
    U = [np.zeros((W * L, leads.open_modes), complex) for _ in range(2)]
    U[0][:W], U[1][-W:] = leads.U[0].numpy(), leads.U[1].numpy()
    return G, U


@pytest.mark.parametrize("eta", [0.01, 0.3])
def test_the_probe_takes_what_the_waves_lose(eta):
    device = Device(6, 7, 0.8, 1, 0.05, 2, 0.0)
    none = np.zeros((7, 6), bool)
    T, (taken, other, given) = Elimination(device, none, None, DOUBLE).dephased(none * 0.0, eta)
    for f, b in enumerate(device.fields):
        G, U = whole_wire(device, b, eta)
        S = np.block([[1j * U[i].conj().T @ G @ U[j] for j in (0, 1)] for i in (0, 1)])
        n = U[0].shape[1]
        P = abs(S - np.eye(2 * n)) ** 2
        assert P[n:, :n].sum() == pytest.approx(T[f])
        # what comes in by a lead leaves by one, or is taken; and the probe gives what it took
        assert n - P[:, :n].sum() == pytest.approx(taken[f])
        assert n - P[:, n:].sum() == pytest.approx(other[f])
        assert n - P[n:].sum() == pytest.approx(given[f])


def test_a_wire_with_dephasing_has_two_terminals():
    """G(b) = G(-b), which the coherent part alone does not obey."""
    pair = np.array([[4, 5], [8, 11]])
    V, removed = random_potential(2, SMALL), geometry.removed_mask(pair, SMALL)
    ways = SMALL, dataclasses.replace(SMALL, field_max=-SMALL.field_max)
    one, other = (dephasing.conductance(own, removed, V, 0.02) for own in ways)
    np.testing.assert_allclose(one, other, atol=1e-4)
    T, T_reversed = (Elimination(own, removed).dephased(V, 0.02)[0] for own in ways)
    assert abs(T - T_reversed).max() > 1e-3


def test_dephasing_begins_at_the_coherent_curve_and_ends_without_fluctuations():
    removed = geometry.removed_mask(PAIR, SMALL)
    V = [random_potential(k, dataclasses.replace(SMALL, amplitude=0.3)) for k in range(8)]
    coherent = Rows(SMALL, removed).conductance(V[0])
    np.testing.assert_allclose(dephasing.conductance(SMALL, removed, V[0], 0.0), coherent)
    slightly = dephasing.conductance(SMALL, removed, V[0], 1e-6)
    np.testing.assert_allclose(slightly, coherent, atol=1e-3)
    spread = [
        np.std([dephasing.conductance(SMALL, removed, v, eta) for v in V], axis=0).mean()
        for eta in (0.0, 0.02, 1.0)
    ]
    assert spread[0] > 1.5 * spread[1] and spread[2] < 0.1 * spread[0]


# --- the study


def test_the_study_reads_warm_curves_of_wires_never_looked_at(tmp_path, monkeypatch):
    wire = {"width": 18, "length": 20, "radius": 2, "energy": 1.0}
    small = {
        "device": wire | {"field_points": 12, "field_max": 0.1},
        "dataset": {"configurations": 160, "potentials": 1},
        "network": TINY,
        "training": {"batch": 2, "curve_batch": 2, "max_steps": 2, "precision": "fp32"},
    }
    config = load_preset("smoke", **small)
    quiet = {"report": lambda text: None}
    data = qfp.generate(config, tmp_path / "small.h5", workers=1, **quiet)
    qfp.train(config, data, tmp_path / "run", device="cpu", **quiet)
    qfp.export(tmp_path / "run", tmp_path / "small")
    few = {"TEMPERATURE": (0.0, study.AMONG), "DEPHASING": (0.003,), "STRIDE": 1}
    for name, value in few.items():
        monkeypatch.setattr(study, name, value)
    (tmp_path / "presets").symlink_to(project_root() / "presets")
    monkeypatch.setenv("QFP_ROOT", str(tmp_path))
    weights = tmp_path / "small.safetensors"
    given = {"weights": weights, "data": data, "wires": 2, "unknown": 1, **quiet}
    result = frame.run_study(study.STUDY, config, tmp_path / "found.json", **given)
    cold, warm = result["temperature"]
    assert cold["change"] == 0 < warm["change"] < result["dephasing"][0]["change"]
    assert cold["plain"]["exact"] == warm["known"]["exact"] == warm["unknown"]["exact"] == 1
    assert warm["known"]["flagged"] == 0 and warm["known"]["n"] == 2
    assert warm["unknown"]["answered"]["0.01"] == warm["unknown"]["n"] == 1
    monkeypatch.setattr(study, "SEEN", 1000)
    with pytest.raises(SettingsError, match="no test configurations beyond the first 1000"):
        frame.run_study(study.STUDY, config, tmp_path / "found.json", **given)
