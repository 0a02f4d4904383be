"""What the page on the solver shows: holes of several shapes, the approach to a resonance, its
tables."""

import dataclasses

import numpy as np
import pytest

from qfp import studies
from qfp.config import load_preset
from qfp.physics import geometry
from qfp.studies import tables
from qfp.studies.exact import resonance, shapes
from qfp.studies.speed import report
from qfp.tools import SettingsError

WIRE = load_preset("laptop").device


def test_a_window_shows_each_kind_of_site():
    for title, (removed, ring, beside) in shapes.pictured(WIRE, 0).items():
        assert removed.shape == (28, 28) and f"{removed.sum()} removed" in title
        assert f"ring of {ring.sum()}" in title
        assert (ring <= removed).all() and not (beside & removed).any()


def test_levels_of_the_isolated_sites_are_those_of_the_wire_without_the_rest():
    hole = resonance.two_holes(WIRE, WIRE.radius + 1)
    isolated = np.setdiff1d(np.flatnonzero(hole), geometry.ring(hole))
    y, x = np.divmod(isolated, WIRE.width)
    for b in (0.0, 0.02):
        H = np.zeros((len(x), len(x)), complex)
        for i in range(len(x)):
            for j in range(len(x)):
                step = x[i] - x[j], y[i] - y[j]
                phase = np.exp(1j * b * (x[i] - (WIRE.width - 1) / 2))
                H[i, j] = {(0, 0): 4, (1, 0): -1, (-1, 0): -1, (0, 1): -phase}.get(step, 0)
                H[i, j] = -phase.conj() if step == (0, -1) else H[i, j]
        below = (np.linalg.eigvalsh(H) < WIRE.energy).sum()
        assert resonance.levels_below(WIRE, hole, b) == below > 0


def test_the_ring_is_singular_where_a_level_crosses():
    holes = [resonance.two_holes(WIRE, WIRE.radius + more) for more in (0, 1)]
    centre = resonance.crossing(WIRE, holes[1])
    below, above = (resonance.levels_below(WIRE, holes[1], centre + db) for db in (-1e-6, 1e-6))
    assert below != above
    near = resonance.approach(WIRE, holes, centre, 3)
    assert near.singular.shape == (2, len(near.fields)) and (np.diff(near.fields) >= 0).all()
    assert near.singular[1].min() < 1e-12 < 0.01 < near.singular[0].min()
    assert near.worst("factorised, double") < 1e-10 and max(near.reference) < 1e-9
    assert near.worst("inverted, double") > 1e-7
    with pytest.raises(SettingsError, match="no level crosses"):
        resonance.crossing(dataclasses.replace(WIRE, field_points=2, field_max=1e-4), holes[1])


def test_a_table_of_numbers_is_flush_right():
    table = [["", "n"], ["a", "1"], ["b", ""]]
    assert tables.markdown(table, right=(1,)) == "| | n |\n| --- | ---: |\n| a | 1 |\n| b | |"


def test_the_race_s_sentences_follow_its_numbers():
    bench = studies.recorded("solver-speed")
    assert "faster" in report.verdict(bench | {"ratio_per_solve": 1000.0})
    assert "a thousand times faster" in report.verdict(bench | {"ratio_per_solve": 1000.0})
    assert "short of a thousand" in report.verdict(bench | {"ratio_per_solve": 999.0})
    assert "below" in report.single_precision(bench | {"max_difference_single": 1e-6})
    assert "here it is faster" in report.alone(bench | {"pristine_ms": 1.0}, 28)
    width, lines, _ = report.cost_lines(bench)
    assert all(len(times) == len(width) for times in lines.values())
