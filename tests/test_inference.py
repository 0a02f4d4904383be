"""Exact inference: perturbation theory against exact curves, evidence where it is known, ranks of
the truth, Kwant's curves."""

import dataclasses
import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.special import logsumexp
from scipy.stats import kstest

import qfp
from qfp import cli
from qfp.config import load_preset
from qfp.data import fresh
from qfp.decoding import answer
from qfp.decoding.decode import Decoded
from qfp.inference import decide as deciding
from qfp.inference import library as libraries
from qfp.inference import likelihood, posterior
from qfp.inference.refine import certified, images, refine
from qfp.physics import geometry, green, kwant_model, response, symmetry
from qfp.physics.rows import Rows
from qfp.physics.wire import Device, random_potential
from qfp.tools import SettingsError, stream

PAPER = load_preset("laptop").device
SMALL = Device(14, 16, 0.8, 2, 0.06, 6, 0.05)
PAIR = np.array([[4, 5], [9, 10]])
DOUBLE = torch.complex128


@pytest.fixture
def whole(monkeypatch):
    """Sums over pairs of sites take all of them."""
    monkeypatch.setattr(response, "CELL", (1, 1))
    response._drawn.cache_clear()
    yield
    response._drawn.cache_clear()


def wire_of(device, pair, fields=None, dtype=DOUBLE):
    return Rows(device, geometry.removed_mask(pair, device), fields, dtype)


# --- the solver of one wire


@pytest.mark.parametrize(("dtype", "error"), [(DOUBLE, 1e-11), (torch.complex64, 1e-4)])
def test_rows_agree_with_the_solver_by_updates(dtype, error):
    V = random_potential(3, PAPER)
    device = dataclasses.replace(PAPER, field_points=4)
    pair = np.array([[14, 20], [35, 41]])
    ring = torch.as_tensor(geometry.rings(pair[None], device))
    G = [green.conductance(green.wire(device, float(b), V), ring)[0].item() for b in device.fields]
    ldos = green.solve(device, pair, V, [0.0], image=True)[2]
    rows = wire_of(device, pair, dtype=dtype)
    np.testing.assert_allclose(rows.conductance(V), G, atol=error)
    np.testing.assert_allclose(rows.linear(V)[0], G, atol=error)
    np.testing.assert_allclose(wire_of(device, pair, [0.0], dtype).ldos(V)[0], ldos, atol=error)


def test_many_potentials_are_many_calls():
    rows = wire_of(SMALL, PAIR)
    V = np.stack([random_potential(k, SMALL) for k in range(3)])
    np.testing.assert_allclose(rows.conductance(V), [rows.conductance(v) for v in V], atol=1e-12)
    np.testing.assert_allclose(rows.ldos(V), [rows.ldos(v) for v in V], atol=1e-12)


def test_rows_agree_with_kwant():
    device, pair = dataclasses.replace(PAPER, field_points=3), np.array([[10, 19], [33, 40]])
    V = random_potential(9, device)
    system = kwant_model.build(device, geometry.removed_mask(pair, device), V)
    exact = [kwant_model.conductance(system, device, b) for b in device.fields]
    np.testing.assert_allclose(wire_of(device, pair).conductance(V), exact, atol=1e-9)


def test_the_derivative_is_that_of_the_curve():
    rows, V, h = wire_of(SMALL, PAIR), random_potential(1, SMALL), 1e-5
    _, J = rows.linear(V)
    for site in stream("sites").choice(np.flatnonzero(rows.kept.numpy()), 8, replace=False):
        step = np.zeros(V.size)
        step[site] = h
        up, down = (rows.conductance(V + way * step.reshape(V.shape)) for way in (1, -1))
        np.testing.assert_allclose((up - down) / (2 * h), J[:, site], rtol=1e-5, atol=1e-6)
    assert (J[:, ~rows.kept.numpy().ravel()] == 0).all()


# --- what potentials do


def test_response_is_that_of_the_wire_solved_row_by_row():
    found = response.response(SMALL, PAIR[None], stride=1, dtype=DOUBLE)
    G, J = wire_of(SMALL, PAIR).linear(np.zeros((16, 14)))
    np.testing.assert_allclose(found.curve[0], G, atol=1e-10)
    np.testing.assert_allclose(
        found.covariance[0], response.variance(SMALL) * J @ J.T, rtol=1e-6, atol=1e-12
    )


def test_mean_and_covariance_are_those_of_two_thousand_potentials(whole):
    device = dataclasses.replace(SMALL, amplitude=0.03)
    rng, rows, n = stream("two thousand"), wire_of(device, PAIR), 2000
    V = rng.uniform(-device.amplitude, device.amplitude, (n, 16, 14))
    G, J = rows.linear(np.zeros((16, 14)))
    linear = V.reshape(n, -1) @ J.T
    second = rows.conductance(V) - G - linear  # what is left: second order and more
    found = response.response(device, PAIR[None], stride=1, dtype=DOUBLE)
    rest = response.fluctuation(device, PAIR[None], dtype=DOUBLE)
    error = second.std(axis=0) / np.sqrt(n)
    assert (abs(second.mean(axis=0) - found.shift[0]) < 4 * error + 0.03 * error.max()).all()
    np.testing.assert_allclose(
        np.cov(linear.T), found.covariance[0], atol=0.12 * found.covariance[0].max()
    )
    np.testing.assert_allclose(np.cov(second.T), rest[0], atol=0.15 * rest[0].max())


def test_every_second_row_and_some_pairs_are_enough():
    some = geometry.configurations(PAPER)[1][[200, 9000]].astype(int)
    device = dataclasses.replace(PAPER, field_points=5)
    all_sites, half = (response.response(device, some, stride) for stride in (1, 2))
    assert abs(all_sites.covariance - half.covariance).max() < 0.05 * all_sites.covariance.max()
    assert abs(all_sites.shift - half.shift).max() < 0.05 * abs(all_sites.shift).max()
    coarse = response.fluctuation(device, some)
    scale = np.sqrt(np.einsum("kff,kgg->kfg", coarse, coarse))
    fine = response.fluctuation(device, some, dtype=DOUBLE)
    assert (abs(fine - coarse) < 1e-3 * scale).all()
    response_cell, response.CELL = response.CELL, (2, 2)
    response._drawn.cache_clear()
    try:
        assert (abs(response.fluctuation(device, some) - coarse) < 0.5 * scale).all()
    finally:
        response.CELL = response_cell
        response._drawn.cache_clear()


def test_a_level_of_the_interior_does_not_spoil_the_response(monkeypatch):
    some = geometry.configurations(PAPER)[1][[200]].astype(int)
    device = dataclasses.replace(PAPER, field_points=2)
    plain = response.response(device, some)
    monkeypatch.setattr(response, "HARMLESS", 0.0)
    careful = response.response(device, some)
    for a, b in zip(plain, careful, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)


# --- the posterior


def test_evidence_is_the_average_over_potentials(whole):
    """The evidence of a configuration and of a neighbour, from 2,000 exact curves each."""
    device = dataclasses.replace(SMALL, field_points=3)
    pairs = symmetry.neighbours(geometry.configurations(device)[1][60], device)[:2]
    noise = np.full(3, 0.05)
    y = wire_of(device, pairs[0]).conductance(random_potential(7, device)) + 0.01
    V = stream("evidence").uniform(-0.05, 0.05, (2000, 16, 14))
    exact = []
    for pair in pairs:
        G = wire_of(device, pair).conductance(V)
        log = -0.5 * np.square((y - G) / noise).sum(axis=1) - np.log(noise).sum()
        exact.append(logsumexp(log) - np.log(len(V)) - 1.5 * np.log(2 * np.pi))
    found = likelihood.judge(y, likelihood.expected(device, pairs), noise)
    np.testing.assert_allclose(found.log, exact, atol=0.2)


def test_a_gaussian_posterior_is_found_exactly():
    rng = stream("gaussian")
    A = rng.standard_normal((5, 5))
    S, r = A @ A.T + np.eye(5), rng.standard_normal(5)
    log, chi2 = likelihood.gaussian(r, S)
    assert chi2 == pytest.approx(r @ np.linalg.solve(S, r))
    assert log == pytest.approx(-0.5 * chi2 - 0.5 * np.linalg.slogdet(2 * np.pi * S)[1])
    p = likelihood.probabilities(np.array([-1000.0, -1001.0]))
    np.testing.assert_allclose(p, [1 / (1 + np.exp(-1)), 1 / (1 + np.exp(1))])


def test_refining_finds_a_potential_that_gives_the_curve():
    V = random_potential(4, SMALL)
    y = wire_of(SMALL, PAIR).conductance(V)
    expected = likelihood.expected(SMALL, PAIR[None])
    tight = 1e-8 * np.eye(SMALL.field_points)
    found = refine(SMALL, PAIR, y, np.zeros(SMALL.field_points), tight, steps=20)
    assert found.converged and np.sqrt(np.mean((y - found.curve) ** 2)) < 1e-3
    assert np.square(found.potential).sum() < np.square(V).sum()  # no more than it needs
    np.testing.assert_allclose(
        wire_of(SMALL, PAIR).conductance(found.potential), found.curve, atol=1e-4
    )
    loose = refine(SMALL, PAIR, y, expected.shift[0], expected.rest[0])
    log = likelihood.judge(y, expected).log[0]
    assert abs(loose.log_evidence - log) < 6
    mean, spread = images(SMALL, PAIR, loose, stream("images"))
    exact = wire_of(SMALL, PAIR, SMALL.fields[:1]).ldos(V)[0]
    assert np.corrcoef(mean.ravel(), exact.ravel())[0, 1] > 0.98
    assert (spread[geometry.removed_mask(PAIR, SMALL)] == 0).all() and spread.max() > 0


def test_a_certificate_follows_the_curve_and_not_its_declared_noise(monkeypatch):
    monkeypatch.setattr("qfp.inference.refine.LEFT", 5e-4)
    V = random_potential(4, SMALL)
    y = wire_of(SMALL, PAIR).conductance(V)
    expected = likelihood.expected(SMALL, PAIR[None])
    found = refine(SMALL, PAIR, y, expected.shift[0], expected.rest[0], steps=1)
    V, g, residual = certified(SMALL, PAIR, y, found)
    before = np.sqrt(np.mean((y - found.curve) ** 2))  # the shift apart
    assert residual < 5e-4 < before and np.abs(V).max() < SMALL.amplitude
    np.testing.assert_allclose(wire_of(SMALL, PAIR).conductance(V), g, atol=1e-4)
    noise = np.full(SMALL.field_points, 0.1)
    noisy = y + stream("noise of a certificate").normal(size=len(y)) * noise
    loose = refine(SMALL, PAIR, noisy, expected.shift[0], expected.rest[0], noise, steps=1)
    assert 0.02 < certified(SMALL, PAIR, noisy, loose, noise)[2] < 0.2
    still = dataclasses.replace(SMALL, amplitude=0.0)  # no potential could help
    clean = refine(still, PAIR, y, 0 * y, 1e-4 * np.eye(len(y)))
    assert not certified(still, PAIR, y, clean)[0].any()


@pytest.fixture(scope="module")
def small_posteriors(tmp_path_factory):
    """80 wires of the small device, each under a potential of its own, with noise."""
    folder = tmp_path_factory.mktemp("library")
    patch = pytest.MonkeyPatch()
    patch.setattr(libraries, "project_root", lambda: folder)
    libraries.library.cache_clear()
    rng = stream("small wires")
    device = dataclasses.replace(SMALL, field_points=12)
    every = geometry.configurations(device)[1].astype(int)
    truth = every[rng.integers(len(every), size=80)]
    noise = np.full(12, 0.05)
    curves = np.stack([fresh.curve(device, pair, 500 + k) for k, pair in enumerate(truth)])
    curves += rng.normal(0, 0.05, curves.shape)
    with patch.context() as inner:
        inner.setattr(libraries, "WITHIN", 1e9)
        inner.setattr(libraries, "MOST", 60)
        found = qfp.infer(curves, device, noise[None], certificate=False)
    patch.undo()
    libraries.library.cache_clear()
    return device, truth, found


def test_noise_is_a_number_an_array_or_covariances():
    curves, F = fresh.curve(SMALL, PAIR, 7)[None], SMALL.field_points
    shapes = 0.1, [0.1], np.full(F, 0.1), np.full((1, F), 0.1), 0.01 * np.eye(F)[None]
    proposals = [[PAIR]]
    found = [
        qfp.infer(curves, SMALL, noise, proposals, certificate=False)[0].log_evidence
        for noise in (None, *shapes)
    ]
    for one in found[2:]:
        np.testing.assert_allclose(one, found[1], rtol=1e-9)
    assert abs(found[1][0] - found[0][0]) > 1


def test_posterior_probabilities_are_calibrated(small_posteriors):
    device, truth, found = small_posteriors
    p = np.array([one.probability[0] for one in found])
    right = np.array([(one.answer == pair).all() for one, pair in zip(found, truth)])
    assert 0.2 < right.mean() < 1 and p.std() > 0.1  # the toy leaves doubts
    assert abs((p - right).mean()) < 3 * np.sqrt((p * (1 - p)).sum()) / len(p)


def test_ranks_of_the_truth_are_uniform(small_posteriors):
    device, truth, found = small_posteriors
    u = stream("ranks").uniform(size=(len(truth), 3))
    for k in range(3):
        rank = []
        for one, pair, r in zip(found, truth, u[:, k]):
            own, exact = geometry.orbit(one.antidots, device)[:, k], geometry.orbit(pair, device)[k]
            p = one.probability
            rank.append(p[own < exact].sum() + r * p[own == exact].sum())
        assert kstest(rank, "uniform").pvalue > 1e-3


def test_a_curve_of_kwant_is_decided(monkeypatch):
    pair = np.array([[10, 19], [33, 40]])
    V = stream("a potential of the test's own").uniform(-0.05, 0.05, (60, 50))
    system = kwant_model.build(PAPER, geometry.removed_mask(pair, PAPER), V)
    curve = np.array([kwant_model.conductance(system, PAPER, b) for b in PAPER.fields])
    beside = symmetry.neighbours(pair, PAPER)[[3, 9]]
    found = qfp.infer(curve[None], PAPER, proposals=[beside])[0]
    assert found.answer.tolist() == pair.tolist() and found.probability[0] > 0.99
    assert found.explained and found.source == "proposals" and found.residual < 0.01
    assert np.corrcoef(found.ldos.ravel(), kwant_model.ldos(system, PAPER).ravel())[0, 1] > 0.97
    exact = green.solve(PAPER, pair, found.potential)[0]
    np.testing.assert_allclose(found.curve, exact, atol=1e-4)
    # the certificate stands alone: whoever solves this wire gets the measured curve
    assert np.sqrt(np.mean((exact - curve) ** 2)) == pytest.approx(found.residual, abs=1e-4)
    assert found.proposed.mass < 0.01 and found.proposed.samples == 2
    # a curve that no such wire gives: the library is asked, too, and it is said
    calls = []

    def of_number(device, curve, noise, number):
        calls.append(curve)
        return beside[1:]

    monkeypatch.setattr(deciding, "of_number", of_number)
    three = np.array([[10, 15], [25, 30], [38, 44]])
    foreign = green.solve(PAPER, three)[0]
    found = qfp.infer(foreign[None], PAPER, proposals=[beside], certificate="curve")[0]
    assert not found.explained and found.source == "library" and len(calls) == 1
    # it gets no certificate: a potential of any size would give any curve
    assert found.residual > 0.05
    exact = green.solve(PAPER, found.answer, found.potential)[0]
    np.testing.assert_allclose(found.curve, exact, atol=1e-3)


def test_a_strong_potential_still_has_a_metric(monkeypatch, tmp_path):
    monkeypatch.setattr(libraries, "project_root", lambda: tmp_path)
    strong = dataclasses.replace(SMALL, amplitude=0.5)
    library = libraries.library.__wrapped__(strong)
    assert np.linalg.eigvalsh(libraries.typical(strong, library.antidots[::9])[1])[0] < 0, (
        "the median alone is none"
    )
    assert np.linalg.eigvalsh(library.covariance)[0] > -1e-12
    shifted = library.curves[3] + library.shift
    assert library.distances(shifted).argmin() == 3


def test_proposals_are_weighed():
    a, b = [[1, 2], [3, 4]], [[5, 6], [7, 8]]
    exact = np.array([a, b]), np.array([0.8, 0.2])
    perfect = posterior.proposed([a] * 4 + [b], *exact)
    assert perfect.mass == pytest.approx(1) and perfect.effective == pytest.approx(5)
    blind = posterior.proposed([[[0, 0], [1, 1]]], *exact)
    assert blind.mass == blind.effective == 0
    half = posterior.proposed([a, b, b, b], *exact)
    assert 0 < half.effective < 2


def test_a_proposal_is_weighed_in_whatever_placement_it_comes():
    pair = geometry.configurations(SMALL)[1][5]
    for moved in (pair, pair + [0, 1], pair * [-1, 1] + [SMALL.width - 1, 0]):
        worth = deciding.worth(SMALL, moved[None], pair[None], np.ones(1))
        assert worth.mass == 1 and worth.effective == 1
    assert deciding.worth(SMALL, None, pair[None], np.ones(1)) is None


def test_copies_share_the_curve():
    pair = np.array([[3, 4], [9, 11]])
    places = symmetry.placements(pair, SMALL)
    assert len(np.unique(places, axis=0)) == len(places) == 4 * (16 - 6 - 7)
    curves = green.clean_curves(SMALL, places)
    np.testing.assert_allclose(curves, curves[:1].repeat(len(places), axis=0), atol=1e-9)
    assert (geometry.orbit(places, SMALL) == geometry.orbit(pair, SMALL)).all()


def test_curves_that_do_not_fit_are_refused():
    with pytest.raises(SettingsError, match=r"expected finite numbers of shape \(B, 64\)"):
        qfp.infer(np.zeros((2, 63)), PAPER)
    with pytest.raises(SettingsError, match="finite"):
        qfp.infer(np.full((1, 64), np.nan), PAPER)
    lopsided = np.eye(64) + np.eye(64, k=1)
    for noise in (-0.1, np.full((1, 64), -0.1), np.ones(63), -np.eye(64)[None], lopsided[None]):
        with pytest.raises(SettingsError, match=r"noise: .* a number, \(64,\) or \(1, 64\)"):
            qfp.infer(np.zeros((1, 64)), PAPER, noise=noise)
    with pytest.raises(SettingsError, match="proposals: 1 for 2 curves"):
        qfp.infer(np.zeros((2, 64)), PAPER, proposals=[[PAIR]])


# --- the command


def test_decode_is_judged_by_the_exact_solver(monkeypatch, tmp_path, capsys):
    truth = np.array([[14, 19], [35, 40]])
    G = green.solve(PAPER, truth, random_potential(11, PAPER))[0]
    names = []
    for k in range(3):
        file = tmp_path / f"{k}.csv"
        rows = "\n".join(f"{b!r},{g!r}" for b, g in zip(PAPER.fields.tolist(), G.tolist()))
        file.write_text(f"field,conductance\n{rows}\n")
        names.append(str(file))
    wrong = truth + [[1, 0], [0, 0]]

    def decode(decoder, curves, samples, steps, **options):
        own = np.broadcast_to(wrong, (len(curves), samples, 2, 2))
        image = np.zeros((len(curves), 60, 50))
        return Decoded(
            np.zeros((len(curves), samples, 60, 50)), own, own[:, 0], np.ones(len(curves)), image,
            tuple(((wrong, 1.0),) for _ in curves),
        )  # fmt: skip

    config = load_preset("laptop")
    monkeypatch.setattr(answer, "load_decoder", lambda name: SimpleNamespace(config=config))
    monkeypatch.setattr(answer, "decode", decode)
    monkeypatch.setattr(answer, "BLOCK", 2)
    assert cli.main(["decode", *names[:1], "--json", "--out", str(tmp_path / "out")]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["antidots"] == truth.tolist() and found["probability"] > 0.99
    assert found["network"]["antidots"] == wrong.tolist() and found["network"]["samples"] == 4
    assert not found["flagged"] and found["novelty"] < 1
    assert len(found["certificate"]["curve"]) == 64 and found["copies"] == 2 * (48 - 21)
    assert (tmp_path / "out" / "0.png").stat().st_size > 20_000
    assert len(list(answer.in_blocks(names, block=2, network_only=True))) == 2
