"""Curves as laboratories write them: what is read of a file, how its points are averaged, and what
is said of both. The files in curves/ are simulated; the shapes are those of instruments."""

import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from scipy.interpolate import CubicSpline
from scipy.signal import lfilter

import qfp
from qfp.config import load_preset
from qfp.data import averaging, sweeps
from qfp.data.measured import read_curve
from qfp.data.smoothing import Points, path
from qfp.physics import geometry, green
from qfp.physics.units import SIEMENS, per_tesla, unit_of
from qfp.tools import SettingsError

CURVES = Path(__file__).parent / "curves"
WIRE = load_preset("laptop").device
GRID = WIRE.fields
TRUE = [[22, 9], [27, 50]]  # of all but the oversampled ones
LAB = {"lattice_nm": 5}


# --- what is read of a file

READ = {  # file: options, words of the notes
    "quote_comment.csv": ({}, ()),
    "nan_tail.csv": ({}, ("6 lines without a number left out",)),
    "lockin_xy.csv": ({}, ("real parts (X) taken", "Y is up to 0.001")),
    "labview.lvm": ({}, ("separated by tabs",)),
    "millitesla.csv": (LAB, ("field read in mT", "conductance read in S")),
    "origin_units.csv": (LAB, ("conductance read in S",)),
    "qcodes.dat": (LAB | {"siemens": True}, ("tabs", "'Magnet field' taken for the field")),
    "millitesla_unnamed.csv": (LAB | {"units": "mT,S"}, ()),
    "ohm.csv": (LAB | {"units": "ohm"}, ()),
    "microsiemens_unnamed.csv": (LAB | {"units": "uS"}, ()),
    "spin_factor.csv": ({"spin": 2}, ()),
}


@pytest.mark.parametrize("name", READ)
def test_a_file_on_the_decoders_fields_is_read(name):
    options, words = READ[name]
    found = read_curve(CURVES / name, WIRE, **options)
    wanted = read_curve(CURVES / "quote_comment.csv", WIRE).conductance
    np.testing.assert_allclose(found.conductance, wanted, atol=1e-5)
    assert not found.covariance.any()
    for word in words:
        assert any(word in note for note in found.notes), found.notes
    assert len(found.notes) <= len(words)


REFUSED = {  # file: options, the likely reason by the numbers' size
    "millitesla.csv": ({}, "field is in .mT.: give --lattice-nm A"),
    "millitesla_unnamed.csv": ({}, "is it in mT. Then give --lattice-nm A, .* and --units mT"),
    "millitesla_unnamed.csv ": (LAB, "is it in mT. Then give --units mT"),
    "millitesla_unnamed.csv  ": (LAB | {"units": "mT"}, "is it in siemens. Then give --siemens"),
    "qcodes.dat": ({}, "is it in tesla. Then give --lattice-nm"),
    "ohm.csv": (LAB, "is it a resistance in ohm. Then give --units ohm"),
    "microsiemens_unnamed.csv": (LAB, "is it in uS. Then give --units uS"),
    "spin_factor.csv": ({}, "does it count both spins. Then give --spin 2"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_an_unnamed_unit_is_told_by_the_size_of_the_numbers(name):
    options, words = REFUSED[name]
    with pytest.raises(SettingsError, match=words):
        read_curve(CURVES / name.strip(), WIRE, **options)


def test_columns_and_units_of_an_option_override_the_header(tmp_path):
    file, G = tmp_path / "curve.csv", 5 + np.cos(100 * GRID)
    rows = zip(GRID / per_tesla(5) * 1e4, 0 * GRID, 1 / (SIEMENS * G) / 1e3, strict=True)
    lines = "".join(f"{b!r};{z!r};{r!r}\n" for b, z, r in (map(float, row) for row in rows))
    file.write_text(f"B (T);R1 (ohm);R2 (ohm)\n{lines}")
    for columns in ("B,R2", "1,3", "B (T),R2 (ohm)"):
        found = read_curve(file, WIRE, columns=columns, units="Oe,kohm", **LAB)
        np.testing.assert_allclose(found.conductance, G, rtol=1e-12)
    with pytest.raises(
        SettingsError, match="2 columns may be 'conductance'.*choose with --columns"
    ):
        read_curve(file, WIRE, **LAB)


def test_units():
    for text, size in (("mT", 1e-3), ("Oe", 1e-4), ("kG", 0.1), ("Tesla", 1.0)):
        assert unit_of(text)[1:] == ("field", pytest.approx(size))
    for text, size in (("e²/h", 1), ("2 e^2/h", 2), ("µS", 1e-6 / SIEMENS), ("S", 1 / SIEMENS)):
        assert unit_of(text)[1:] == ("conductance", pytest.approx(size))
    for text, size in (("kΩ", 1e3), ("kOhm", 1e3), ("Ω", 1), ("h/e^2", 1 / SIEMENS)):
        assert unit_of(text)[1:] == ("resistance", pytest.approx(size * SIEMENS))
    assert unit_of("rad/plaquette").kind == "flux"
    assert all(unit_of(text) is None for text in ("", "s", "K", "Deg", "V", "GHz", "m"))


def test_noise_of_a_resistance_is_that_of_its_inverse(tmp_path):
    file, R = tmp_path / "curve.csv", 6000 + 500 * np.cos(100 * GRID)
    table = np.column_stack([GRID, R, 0 * R + 20])
    np.savetxt(file, table, delimiter=",", header="field,R (ohm),noise", comments="")
    found = read_curve(file, WIRE)
    np.testing.assert_allclose(found.error / found.conductance, 20 / R)


# --- what is averaged, and the answer


def test_averaged_curves_give_the_exact_answer(tmp_path):
    """Of two neighbours of sixty, as curves were read before, answers were 3 to 8 sites off."""
    lines = (CURVES / "oversampled_b.csv").read_text().splitlines()[1:]
    declared = tmp_path / "declared.csv"
    declared.write_text(
        "field,conductance,noise\n" + "".join(f"{line},0.5\n" for line in lines[1:])
    )
    files = [CURVES / "oversampled_a.csv", CURVES / "oversampled_b.csv", declared]
    found = qfp.answer(files, certificate=False)
    for own, true in zip(
        found.posterior, ([[12, 14], [33, 45]], [[30, 8], [15, 40]], [[30, 8], [15, 40]])
    ):
        np.testing.assert_array_equal(own.answer, geometry.canonical(np.array(true), WIRE))
        assert own.probability[0] > 0.99 and own.explained
    for own in found.notes[:2]:
        assert any("noise of a point estimated from neighbours: 0.5" in note for note in own), own
    assert not any("estimated" in note for note in found.notes[2])
    for curve in found.curves:
        assert 0.04 < curve.error.mean() < 0.12


def test_branches_jitter_and_offset_give_the_exact_answer():
    """A field that is read back, both branches, an instrument's own columns and units."""
    names = ("jitter.csv", "up_and_down.csv", "cryostat.csv")
    found = qfp.answer([CURVES / name for name in names], certificate=False, **LAB)
    shifted = qfp.answer([CURVES / "field_offset.csv"], certificate=False, offset="auto")
    for own in (*found.posterior, *shifted.posterior):
        np.testing.assert_array_equal(own.answer, TRUE)
        assert own.probability[0] > 0.99 and own.explained
    jitter, branches, cryostat = map("; ".join, found.notes)
    assert "one sweep, whose field runs back 79 times, by 0.00189 T at most" in jitter
    assert "2 branches, rising and falling, averaged" in branches
    assert "rising and falling branches differ by 1.2e-12 e^2/h rms, within" in branches
    for word in ("'R2 sample' taken", "field read in Oe", "read in Ohm, inverted", "24 lines that"):
        assert word in cryostat
    assert "symmetric about 0.00317 +- " in "; ".join(shifted.notes[0])


def test_an_offset_is_told_and_taken_off_where_this_is_asked():
    own, auto, given = (
        read_curve(CURVES / "field_offset.csv", WIRE, offset=offset)
        for offset in (0.0, "auto", 4 * GRID[1])
    )
    said = "; ".join(own.notes)
    assert re.search(
        "symmetric about 0.00317 .- .*e-06 rad/plaquette and not .*: --offset auto", said
    )
    assert "halves at -b and +b differ by 0.61 e^2/h rms, 5.8 times their errors" in said
    assert own.error.mean() < 0.1, "an offset does not make a wrong curve look explained"
    assert "taken off" in "; ".join(auto.notes) and "symmetric" not in "; ".join(given.notes)
    tesla = 4 * GRID[1] / per_tesla(5)  # with a lattice constant, whatever the header's unit
    both = {"lattice_nm": 5, "units": "rad/plaquette"}
    also = read_curve(CURVES / "field_offset.csv", WIRE, offset=tesla, **both)
    np.testing.assert_allclose(also.conductance, given.conductance, atol=1e-6)
    wanted = read_curve(CURVES / "quote_comment.csv", WIRE).conductance
    for found in (auto, given):
        assert np.abs(found.conductance - wanted).mean() < 0.03
        assert ((found.conductance - wanted) ** 2).mean() < 1.5 * (found.error**2).mean()


# --- how far estimates are right, on a small wire

SMALL = dataclasses.replace(WIRE, width=20, length=24, radius=2, field_max=0.225, field_points=25)
STEP = SMALL.fields[1]


@pytest.fixture(scope="module")
def exact():
    """24 curves as functions of the field."""
    antidots = geometry.configurations(SMALL)[1]
    chosen = antidots[np.random.default_rng(0).choice(len(antidots), 24, replace=False)]
    wide = dataclasses.replace(SMALL, field_max=27 * STEP, field_points=27 * 4 + 1)
    b, G = wide.fields, green.clean_curves(wide, chosen)
    return [CubicSpline(np.r_[-b[:0:-1], b], np.r_[g[:0:-1], g]) for g in G]


def told(*values):
    return " +- ".join(f"{value / STEP:.4g}" for value in values)


def measured(curve, n, noise, rng, offset=0.0, lag=0.0, loop=False, memory=0.0):
    """Points of a sweep over both signs, or of a loop; offset and lag in steps; memory: correlation
    of the noise of one point with that of the next."""
    b = np.linspace(-25, 25, n) * STEP
    rise = np.ones(n, bool)
    if loop:
        b, rise = np.r_[b, b[::-1]], np.r_[rise, ~rise]
    white = rng.standard_normal(len(b))
    own = lfilter([np.sqrt(1 - memory**2)], [1, -memory], white)
    G = curve(b - (offset + np.where(rise, lag, -lag)) * STEP) + noise * own
    return Points(b, G, np.ones(len(b)), rise)


def number(notes, before):
    """Value and error that stand in notes behind some words; None where they do not."""
    for note in notes:
        if before in note:
            value, _, error = note.split(before)[1].split()[:3]
            return float(value), float(error)
    return None


@pytest.mark.parametrize(("n", "noise"), [(2001, 0.5), (501, 0.1), (201, 0.03), (91, 0.0)])
def test_noise_and_errors_are_what_they_are_said_to_be(n, noise, exact):
    rng, chi2, scores = np.random.default_rng(n), [], []
    for curve in exact:
        notes = []
        points = measured(curve, n, noise, rng)
        found = averaging.averaged(points, False, SMALL.fields, False, told, notes)
        left = found.conductance - curve(SMALL.fields)
        C = found.covariance + 0.003**2 * np.eye(len(left))  # what the likelihood leaves out
        chi2.append(left @ np.linalg.solve(C, left) / len(left))
        size, error = number(notes, "neighbours: ") or number(notes, "repeats: ") or (0.0, 1.0)
        scores.append((size - noise) / error)
    assert 0.01 < np.median(chi2) < 1.2 and np.quantile(chi2, 0.9) < 2.5, chi2
    if noise:
        assert np.mean(np.abs(scores) < 2) > 0.8 and abs(np.mean(scores)) < 1, scores


@pytest.mark.parametrize(("noise", "memory"), [(0.1, 0.0), (0.02, 0.0), (0.2, 0.8)])
def test_offset_and_lag_are_found_and_only_where_they_are(noise, memory, exact):
    rng, scores = np.random.default_rng(1), []
    for curve in exact:
        for offset, lag in ((0.0, 0.0), (1.0, 0.3)):
            points = measured(curve, 401, noise, rng, offset, lag, loop=True, memory=memory)
            notes = []
            averaging.averaged(points, False, SMALL.fields, True, told, notes)
            centre = number(notes, "symmetric about ")
            apart = number(notes, "branches lie ")
            if not offset:
                assert centre is None and apart is None, notes
            elif not memory:
                scores.append((centre[0] - offset) / centre[1])
                scores.append((apart[0] - 2 * lag) / apart[1])
    assert not scores or (np.mean(np.abs(scores) < 3) > 0.85 and abs(np.mean(scores)) < 1), scores


def test_branches_that_disagree_widen_the_errors(exact):
    """Noise with a memory looks small to neighbours; the halves tell."""
    rng, chi2 = np.random.default_rng(2), []
    for curve in exact:
        notes = []
        points = measured(curve, 1001, 0.3, rng, memory=0.8)
        found = averaging.averaged(points, False, SMALL.fields, False, told, notes)
        assert any("widened" in note for note in notes), notes
        left = found.conductance - curve(SMALL.fields)
        chi2.append(left @ np.linalg.solve(found.covariance, left) / len(left))
    assert 0.3 < np.median(chi2) < 1.5


def test_a_declared_noise_that_is_too_small_is_told(exact):
    points = measured(exact[0], 1001, 0.3, np.random.default_rng(3))
    notes = []
    points = points._replace(variance=points.variance * 0.1**2)
    averaging.averaged(points, True, SMALL.fields, False, told, notes)
    assert any("scatter by 3.1 times what the column noise says" in n for n in notes), notes


def test_a_path_is_the_gaussian_posterior():
    """Against the dense form: prior covariance rate min(b, b') and a flat start."""
    rng = np.random.default_rng(4)
    b, grid, rate = np.sort(rng.uniform(0, 1, 12)), np.linspace(0, 1.2, 7), 3.0
    points = Points(b, rng.standard_normal(12), rng.uniform(0.01, 0.2, 12), np.ones(12, bool))
    found = path(points, rate, grid)
    every = np.concatenate([b, grid])
    K = rate * np.minimum.outer(every, every) + 1e5
    gain = np.linalg.solve(K[:12, :12] + np.diag(points.variance), K[:12]).T
    mean = gain @ points.conductance
    covariance = K - gain @ K[:12]
    np.testing.assert_allclose(found.mean, mean[12:], atol=1e-4)
    np.testing.assert_allclose(found.covariance, covariance[12:, 12:], atol=1e-4)
    twice = path(points, 2 * rate).log - path(points, rate).log

    def evidence(rate):
        S = rate * np.minimum.outer(b, b) + 1e5 + np.diag(points.variance)
        y = points.conductance
        return -(np.linalg.slogdet(S)[1] + y @ np.linalg.solve(S, y)) / 2

    assert twice == pytest.approx(evidence(2 * rate) - evidence(rate), abs=1e-3)


def test_branches_of_a_field():
    rise = np.linspace(0, 10, 101)
    jitter = 0.3 * np.sin(np.arange(101) * 2.1)
    loop = np.concatenate([rise, rise[::-1], rise])
    for field, number, up in (
        (rise, 1, [True]),
        (rise[::-1], 1, [False]),
        (rise + jitter, 1, [True]),
        (loop, 3, [True, False, True]),
        (loop + np.concatenate(3 * [jitter]), 3, [True, False, True]),
        (np.full(5, 2.0), 1, [True]),
    ):
        found = sweeps.branches(field, 1.0)
        assert found.branches == number
        edges = np.flatnonzero(np.diff(found.up)) + 1
        np.testing.assert_array_equal(found.up[[0, *edges]], up)
        np.testing.assert_allclose(edges, 101 * np.arange(1, number), atol=4)
    assert sweeps.branches(rise, 1.0).back == 0
    assert 0 < sweeps.branches(rise + jitter, 1.0).farthest < 0.6


# --- properties of the reader

QUICK = settings(
    max_examples=50,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@settings(QUICK, max_examples=100)
@given(
    values=st.lists(st.floats(0.1, 10.9), min_size=64, max_size=64),
    sign=st.sampled_from([1, -1]),
    order=st.sampled_from([1, -1]),
    delimiter=st.sampled_from([",", ";", "\t", " ", ", "]),
    comma=st.booleans(),
    quoted=st.booleans(),
    newline=st.sampled_from(["\n", "\r\n"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "latin-1"]),
    comment=st.text(st.characters(codec="latin-1", exclude_categories=["C"]), max_size=40),
    unit=st.sampled_from(["", " (T)", " [mT]", " (Oe)"]),
    conductance=st.sampled_from(["G (e²/h)", "conductance", "G (µS)", "R (kohm)", "R [ohm]"]),
)
def test_what_is_written_is_read(
    tmp_path, values, sign, order, delimiter, comma, quoted, newline, encoding, comment, unit, **own
):
    name = own["conductance"]
    if delimiter == " ":
        name, unit = name.replace(" ", ""), unit.replace(" ", "")
    size = {"": 1.0, " (T)": 1, " [mT]": 1e-3, " (Oe)": 1e-4, "(T)": 1, "[mT]": 1e-3, "(Oe)": 1e-4}
    field = GRID / (per_tesla(5) * size[unit] if unit.strip() else 1.0)
    told = next((unit_of(u) for u in ("e²/h", "µS", "kohm", "ohm") if u in name), unit_of("e2/h"))
    shown = np.array(values) / told.size
    if told.kind == "resistance":
        shown = 1 / np.array(values) / told.size
    rows = [["field" + unit, name]]
    for b, g in zip(sign * field[::order], shown[::order], strict=True):
        row = [repr(float(b)), repr(float(g))]
        if comma and "," not in delimiter:
            row = [cell.replace(".", ",") for cell in row]
        rows.append([f'"{cell}"' for cell in row] if quoted and delimiter == "," else row)
    lines = ["# " + comment, *(delimiter.join(row) for row in rows)]
    file = tmp_path / "curve.csv"
    file.write_bytes(newline.join(lines).encode(encoding))
    found = read_curve(file, WIRE, lattice_nm=5 if unit.strip() else None)
    np.testing.assert_allclose(found.conductance, values, rtol=1e-9)
    assert not found.covariance.any()


CELL = st.one_of(
    st.sampled_from(["", "nan", "inf", "1e400", "0,5", "(1+2j)", '"', "field", "conductance", "T"]),
    st.floats(-2, 20).map(repr),
    st.text(max_size=5),
)


@QUICK
@given(
    st.one_of(
        st.binary(max_size=300),
        st.text(max_size=300).map(lambda text: text.encode("utf-8", "surrogatepass")),
        st.builds(
            lambda rows, sign: (
                "field,conductance\n" + "\n".join(sign.join(row) for row in rows)
            ).encode("utf-8", "surrogatepass"),
            st.lists(st.lists(CELL, min_size=1, max_size=4), max_size=80),
            st.sampled_from([",", ";", "\t", " "]),
        ),
    )
)
@example(b"field,conductance\n0,\n,0\n")
@example(b"\xff\xfe")
@example(b'"\n"\n')
def test_whatever_is_written_is_a_curve_or_one_line(tmp_path, content):
    file = tmp_path / "curve.csv"
    file.write_bytes(content)
    try:
        found = read_curve(file, WIRE)
    except SettingsError as error:
        assert str(file) in str(error) and "\n" not in str(error)
    else:
        assert np.isfinite(found.conductance).all() and np.isfinite(found.covariance).all()
