"""Interpolated curves: better than the nearest known one, with the symmetries of the orbit, from
known curves alone."""

import dataclasses

import numpy as np
import pytest

from qfp.config import load_preset
from qfp.data import interpolate
from qfp.physics import geometry
from qfp.studies import interpolation

DEVICE = dataclasses.replace(load_preset("smoke").device, width=22, length=31, radius=2)
ORBITS = geometry.configurations(DEVICE)[0]
ORDER = np.random.default_rng(0).permutation(len(ORBITS))
MISSING, KNOWN = np.sort(ORDER[:400]), np.sort(ORDER[400:])
NEIGHBOURS = 40


def smooth(orbits):
    """Curves (N, 5) that are smooth in the orbit and have its symmetries, as conductances: waves of
    a few sites."""
    x1, x2, dy = np.asarray(orbits, float).T
    # both change sign under the inversion of x
    u, v = x1 - (DEVICE.width - 1) / 2, x2 - (DEVICE.width - 1) / 2
    waves = np.arange(1, 6)[:, None]
    return (
        np.cos(0.012 * waves * (u**2 + v**2))
        + np.sin(0.02 * waves * u * v)
        + np.cos(0.15 * waves * dy)
    ).T


CURVES = np.stack([smooth(ORBITS), 2 - smooth(ORBITS)]).astype(np.float32)  # two potentials


def complete(curves=CURVES, known=KNOWN):
    return interpolate.complete(curves, ORBITS, known, DEVICE.width, NEIGHBOURS)


def test_a_smooth_function_is_reproduced_and_better_than_by_its_nearest_value():
    step = np.array([1, 1, interpolate.KERNEL.stretch])
    square = ((ORBITS[MISSING, None] * step - ORBITS[None, KNOWN] * step) ** 2).sum(-1)
    nearest = CURVES[:, KNOWN[square.argmin(1)]]
    error, other = (
        np.sqrt(((found - CURVES[:, MISSING]) ** 2).mean())
        for found in (complete()[:, MISSING], nearest)
    )
    assert CURVES.std() > 0.7 and error < 0.03 and error < other / 10


def test_weights_sum_to_one_and_point_at_known_curves():
    weight, near = interpolate.weights(ORBITS[MISSING], ORBITS[KNOWN], DEVICE.width, NEIGHBOURS)
    assert weight.shape == near.shape == (len(MISSING), NEIGHBOURS)
    np.testing.assert_allclose(weight.sum(1), 1, atol=1e-4)
    assert near.min() >= 0 and near.max() < len(KNOWN)
    constant = np.full_like(CURVES, 7.0)
    np.testing.assert_allclose(complete(constant), 7, atol=1e-3)


def test_few_known_curves_are_enough():
    weight, near = interpolate.weights([(9, 16, 12)], [(9, 16, 13)], DEVICE.width, NEIGHBOURS)
    assert set(near[0]) == {0} and weight.sum() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(
    "point, off",
    [
        ((5, 14, 0), (5, 14, 1)),  # dy = 0: its copy at dy = -1 is as near
        ((8, 8, 14), (8, 9, 14)),  # x1 = x2: the antidots change places
        ((7, 14, 14), (7, 15, 14)),  # x1 + x2 = W - 1: inversion of x
    ],
)
def test_a_point_at_a_symmetry_plane_sees_the_copies_beyond_it(point, off):
    alone = (3, 3, 24)  # something else
    weight, near = interpolate.weights([point], [alone, off], DEVICE.width, 8)
    close = np.sort(weight[0][near[0] == 1])[::-1]
    assert len(close) >= 2 and close[0] == pytest.approx(close[1], abs=1e-3), (
        "two copies, equally near"
    )


def test_copies_of_one_orbit_have_one_curve():
    """A missing orbit may be named by any of its copies."""
    x1, x2, dy = ORBITS[MISSING].T.astype(int)
    a, b = DEVICE.width - 1 - x1, DEVICE.width - 1 - x2
    curves = []
    for copy in ((x1, x2, dy), (x2, x1, dy), (a, b, dy), (x2, x1, -dy), (b, a, -dy)):
        weight, near = interpolate.weights(
            np.stack(copy, 1), ORBITS[KNOWN], DEVICE.width, NEIGHBOURS
        )
        curves.append(np.einsum("mk,mkf->mf", weight, CURVES[0][KNOWN][near]))
    for other in curves[1:]:
        difference = abs(other - curves[0])  # of equally far neighbours other ones may count
        assert np.median(difference) < 1e-3 and difference.max() < 0.1


def test_known_curves_pass_untouched_and_no_other_is_read():
    whole = complete()
    assert (whole[:, KNOWN] == CURVES[:, KNOWN]).all() and whole.dtype == np.float32
    poisoned = CURVES.copy()
    poisoned[:, MISSING] = np.nan
    np.testing.assert_array_equal(complete(poisoned), whole)
    assert np.isnan(poisoned[:, MISSING]).all(), "the argument is not changed"


def test_nothing_is_interpolated_where_all_is_known():
    np.testing.assert_array_equal(complete(known=np.arange(len(ORBITS))), CURVES)
    repeated = np.concatenate([KNOWN, KNOWN[:5]])  # rows name a configuration once a potential
    np.testing.assert_array_equal(complete(known=repeated), complete())


def test_known_curves_tell_how_large_the_error_of_missing_ones_is():
    """White noise of a curve is no function of its neighbours: its error is its own."""
    rng = np.random.default_rng(0)
    rough = CURVES + rng.standard_normal(CURVES.shape, np.float32)
    poisoned = rough.copy()
    poisoned[:, MISSING] = np.nan
    for curves, size in ((poisoned, 0.2), (np.full_like(CURVES, 3.0), 1e-3)):
        found = interpolate.errors(curves, ORBITS, KNOWN, DEVICE.width, NEIGHBOURS)
        assert found.shape == (2, len(KNOWN), 5) and (abs(found).mean() > size) == (size == 0.2)
    found = interpolate.errors(rough, ORBITS, KNOWN, DEVICE.width, NEIGHBOURS)
    wanted = rough[:, MISSING] - complete(rough)[:, MISSING]
    assert found.std() == pytest.approx(wanted.std(), rel=0.1)
    own = KNOWN[7 :: interpolate.FOLDS]
    others = np.setdiff1d(KNOWN, own)
    alone = rough[:, own] - complete(rough, others)[:, own]
    np.testing.assert_allclose(found[:, 7 :: interpolate.FOLDS], alone, atol=1e-5)


def test_half_of_the_missing_configurations_lend_no_curve():
    out = interpolate.left_out(len(ORBITS), KNOWN, 0.5, 3)
    assert len(out) == 200 and not set(out) & set(KNOWN) and (np.diff(out) > 0).all()
    assert (out == interpolate.left_out(len(ORBITS), KNOWN, 0.5, 3)).all()
    assert (out != interpolate.left_out(len(ORBITS), KNOWN, 0.5, 4)).any()
    assert not len(interpolate.left_out(len(ORBITS), KNOWN, 0, 3))


def test_the_error_of_a_kernel_is_told_in_what_potentials_change():
    other = CURVES[:1] + np.float32(0.2)
    curves = np.concatenate([CURVES[:1], other])
    np.testing.assert_allclose(interpolation.changes(curves), 0.04, rtol=1e-4)
    given = curves, ORBITS, MISSING, KNOWN, DEVICE.width, NEIGHBOURS
    good, bad = (interpolation.errors(*given, interpolate.Kernel(length)) for length in (3.0, 0.05))
    found = complete(curves)[:, MISSING] - curves[:, MISSING]
    np.testing.assert_allclose(
        interpolation.errors(*given, interpolate.KERNEL), (found**2).mean(axis=2), atol=1e-7
    )
    assert good.shape == (2, len(MISSING)) and good.mean() < bad.mean() / 10
