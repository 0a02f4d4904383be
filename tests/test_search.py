"""Three and more antidots: scatterers, the forward model of look-ups, and the search."""

import numpy as np
import pytest
import torch

import qfp
from qfp.config import load_preset
from qfp.data import fresh
from qfp.inference import candidates, library, search, surrogate
from qfp.physics import discs, geometry, green, kwant_model, symmetry
from qfp.tools import stream

PAPER = load_preset("laptop").device
WIRE = qfp.Device(24, 28, 1.1, 2, 0.08, 20, 0.03)


@pytest.fixture(autouse=True)
def small(tmp_path_factory, monkeypatch):
    """A forward model of few samples, and one folder for all tests here."""
    folder = tmp_path_factory.getbasetemp() / "searched"
    for module in (library, surrogate):
        monkeypatch.setattr(module, "project_root", lambda: folder)
    monkeypatch.setattr(surrogate, "SAMPLES", 1200)
    monkeypatch.setattr(surrogate, "HELD_OUT", 300)


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_scatterers_give_the_exact_curves(number):
    """At three fields of the paper's wire, discs that nearly touch among them."""
    antidots = np.stack([geometry.sampled(PAPER, number, k, seed=3) for k in range(12)])
    rings = torch.as_tensor(geometry.rings(antidots, PAPER))
    wires = [green.clean_wire_cached(PAPER, float(b)) for b in PAPER.fields[::31]]
    exact = np.stack([green.conductance(own, rings).numpy() for own in wires], axis=1)
    off = np.abs(discs.curves(PAPER, antidots, slice(None, None, 31)) - exact)
    assert np.median(off) < 0.005 and off.max() < 0.1


def test_scatterers_and_kwant():
    antidots = geometry.sampled(PAPER, 3, 0, seed=3)
    system = kwant_model.build(PAPER, geometry.removed_mask(antidots, PAPER))
    exact = kwant_model.conductance(system, PAPER, float(PAPER.fields[0]))
    assert abs(discs.curves(PAPER, antidots[None], slice(1))[0, 0] - exact) < 0.02


def test_configurations_are_counted(monkeypatch):
    """The estimate is the number of those that can be listed; of two it is exact."""
    small = qfp.Device(20, 22, 1.1, 2, 0.08, 4, 0.03)
    listed = len(geometry.configurations(small, 3)[0])
    assert geometry.count(small, 3) == pytest.approx(listed, rel=0.03)
    assert geometry.count(PAPER, 2) == 16170


def test_the_scan_is_the_sum_of_the_tables():
    own = surrogate.surrogate(WIRE, 3)
    truth = geometry.sampled(WIRE, 3, 1)
    tables = own.tables(green.clean_curves(WIRE, truth[None])[0] + own.shift)
    every, chi2 = tables.scan(truth[:2])
    np.testing.assert_allclose(chi2, tables.distances(every), rtol=1e-3)
    assert geometry.apart(every, WIRE).all() and (geometry.ordered(every) == every).all()
    span = every[..., 1].max(axis=1) - every[..., 1].min(axis=1)
    assert span.max() == WIRE.length - 2 * geometry.clearance(WIRE) - 1
    # all places of the third are met: below, between and above
    inside = geometry.canonical(every, WIRE)
    assert len(np.unique(inside.reshape(len(inside), -1), axis=0)) > 0.4 * len(inside)
    # without a potential the truth is not far
    assert tables.distances(truth[None])[0] < 2 * len(tables.target)


def test_the_forward_model_explains_curves_that_it_was_not_fitted_to():
    own = surrogate.surrogate(WIRE, 3)
    antidots = np.stack([geometry.sampled(WIRE, 3, k, seed=9) for k in range(200)])
    curves = green.clean_curves(WIRE, antidots)
    white = np.stack([own.tables(one + own.shift).target for one in curves])
    constant = white.var(axis=0).sum()
    left = [own.tables(one + own.shift).distances(a[None])[0] for one, a in zip(curves, antidots)]
    assert np.mean(left) < 0.5 * constant


def test_three_antidots_are_found():
    """Under potentials of their own; what the search gives is never behind the truth by much."""
    right = []
    for k in range(4):
        truth = geometry.sampled(WIRE, 3, k, seed=5)
        curve = fresh.curve(WIRE, truth, 400 + k)
        found = qfp.infer(curve[None], WIRE, numbers=(3,), certificate=False)[0]
        assert found.source == "search" and found.antidots.shape[1:] == (3, 2)
        right.append((found.answer == truth).all())
    assert sum(right) >= 3


def test_a_search_is_a_function_of_its_seed(monkeypatch):
    monkeypatch.setattr(search, "COLDEST", (1.0,))
    truth = geometry.sampled(WIRE, 3, 2, seed=5)
    curve = fresh.curve(WIRE, truth, 402)
    one, other = (search.from_search(WIRE, curve, None, 3, stream("s", 0)) for _ in range(2))
    assert (one == other).all()


def test_the_number_is_found_among_one_two_and_three():
    truth = [geometry.sampled(WIRE, K, 4, seed=6) for K in (1, 2, 3)]
    curves = np.stack([fresh.curve(WIRE, own, 500 + k) for k, own in enumerate(truth)])
    found = qfp.infer(curves, WIRE, numbers=(1, 2, 3), certificate=False)
    assert [max(one.numbers, key=one.numbers.get) for one in found] == [1, 2, 3]
    assert all(np.array_equal(one.answer, own) for one, own in zip(found, truth))


def test_a_search_begins_with_what_is_proposed(monkeypatch):
    """No chain runs where the truth is near it; of several numbers that one alone is judged."""
    monkeypatch.setattr(search, "visited", None)
    truth = geometry.sampled(WIRE, 3, 4, seed=6)
    beside, curve = symmetry.neighbours(truth, WIRE)[7], fresh.curve(WIRE, truth, 502)
    assert (beside != truth).any()
    options = {"proposals": [[beside]], "numbers": (1, 2, 3), "certificate": False}
    found = qfp.infer(curve[None], WIRE, **options)[0]
    assert (found.answer == truth).all() and found.explained
    assert found.source == "search" and found.numbers is None and found.proposed.mass < 0.5


def test_numbers_that_nobody_proposed_are_judged_where_the_others_explain_nothing():
    truth = geometry.sampled(WIRE, 3, 4, seed=6)
    curve, pair = fresh.curve(WIRE, truth, 502), geometry.sampled(WIRE, 2, 0)
    options = {"proposals": [[pair]], "numbers": (1, 2, 3), "certificate": False}
    found = qfp.infer(curve[None], WIRE, **options)[0]
    assert (found.answer == truth).all() and found.numbers[3] > 0.99


def test_antidots_that_have_no_place_are_refused():
    with pytest.raises(qfp.SettingsError, match="no place"):
        qfp.infer(np.ones((1, 20)), WIRE, numbers=(2, 30))
    with pytest.raises(qfp.SettingsError, match="numbers: expected numbers of antidots"):
        qfp.infer(np.ones((1, 20)), WIRE, numbers=())


def test_a_search_is_made_once(monkeypatch):
    """Also where the number is not told, and where parameters of the measurement are inferred."""
    truth, calls = geometry.sampled(WIRE, 3, 4, seed=6), []
    monkeypatch.setattr(
        candidates, "from_search", lambda *_: calls.append(1) or symmetry.neighbours(truth, WIRE)
    )
    curve = fresh.curve(WIRE, truth, 502)
    for options in ({}, {"nuisance": qfp.Nuisance(gain=0.02)}):
        calls.clear()
        found = qfp.infer(curve[None], WIRE, numbers=(2, 3), certificate="curve", **options)[0]
        assert (found.answer == truth).all() and found.curve is not None and len(calls) == 1
