"""Scores against brute force and textbook values."""

import itertools

import numpy as np
import pytest

from qfp.config import load_preset
from qfp.decoding import metrics
from qfp.physics import geometry
from qfp.studies import intervals

DEVICE = load_preset("smoke").device
ORBITS, ANTIDOTS = geometry.configurations(DEVICE)


def by_brute_force(found, truth):
    """Smallest Chebyshev error over the whole group, translation by translation, and both
    matchings."""
    best = 10**6
    for flip_x, flip_y, swap in itertools.product((False, True), repeat=3):
        pair = np.array(found, int)
        if flip_x:
            pair[:, 0] = DEVICE.width - 1 - pair[:, 0]
        if flip_y:
            pair[:, 1] = DEVICE.length - 1 - pair[:, 1]
        if swap:
            pair = pair[::-1]
        for shift in range(-DEVICE.length, DEVICE.length + 1):
            best = min(best, np.abs(pair + (0, shift) - truth).max())
    return best


def test_within_is_the_minimum_over_the_group():
    rng = np.random.default_rng(0)
    truth = ANTIDOTS[rng.integers(len(ANTIDOTS), size=60)].astype(int)
    found = truth + rng.integers(-3, 4, size=truth.shape)  # near misses, any placement
    found[::2, :, 0] = DEVICE.width - 1 - found[::2, :, 0]
    found[::3] = found[::3, ::-1]
    found[30:] = ANTIDOTS[rng.integers(len(ANTIDOTS), size=30)]  # and anything
    expected = [by_brute_force(f, t) for f, t in zip(found, truth)]
    np.testing.assert_array_equal(metrics.within(found, truth, DEVICE), expected)
    assert {0, 1, 2, 3} & set(expected) and max(expected) > 3


def test_symmetric_copies_count_as_right():
    truth = np.array([[10, 20], [33, 41]])
    copies = [
        truth,
        truth[::-1],
        truth + (0, 7),
        truth * (-1, 1) + (49, 0),
        truth * (1, -1) + (0, 59),
    ]
    assert metrics.within(np.array(copies), truth, DEVICE).tolist() == [0] * 5
    assert metrics.within(truth + [[0, 0], [0, 2]], truth, DEVICE) == 1, (
        "two sites off in y2 - y1: one each"
    )
    assert metrics.within(truth + [[0, 0], [0, 2]], truth, DEVICE, strict=True) == 2
    assert metrics.within(truth + [[0, 9], [0, 10]], truth, DEVICE, strict=True) == 1
    assert metrics.within(np.array(copies), truth, DEVICE, strict=True).tolist() == [0] * 5
    assert metrics.within(truth + [[0, 0], [3, 0]], truth, DEVICE) == 3


def test_zero_exactly_for_the_same_orbit():
    rng = np.random.default_rng(1)
    i, j = rng.integers(len(ANTIDOTS), size=(2, 500))
    same = (ORBITS[i] == ORBITS[j]).all(axis=1)
    np.testing.assert_array_equal(metrics.within(ANTIDOTS[i], ANTIDOTS[j], DEVICE) == 0, same)
    assert not metrics.within(ANTIDOTS, ANTIDOTS, DEVICE).any()


def test_pearson():
    rng = np.random.default_rng(2)
    a, b = rng.random((2, 4, 60, 50))
    expected = [np.corrcoef(p.ravel(), q.ravel())[0, 1] for p, q in zip(a, b)]
    np.testing.assert_allclose(metrics.pearson(a, b), expected, atol=1e-12)
    np.testing.assert_allclose(metrics.pearson(3 * a - 1, a), 1, atol=1e-12)
    sites = rng.random((4, 60, 50)) > 0.3
    expected = [np.corrcoef(p[s], q[s])[0, 1] for p, q, s in zip(a, b, sites)]
    np.testing.assert_allclose(metrics.pearson(a, b, sites), expected, atol=1e-12)
    assert metrics.pearson(np.zeros((60, 50)), a[0]) == 0, "a flat image is like nothing"


@pytest.mark.parametrize(
    "successes, n, low, high",
    [(0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (95, 100, 0.8882, 0.9785)],
)
def test_wilson_textbook_values(successes, n, low, high):
    assert intervals.wilson(successes, n) == pytest.approx((low, high), abs=5e-5)


def test_wilson_covers_at_95_percent():
    drawn = np.random.default_rng(3).binomial(200, 0.9, size=4000)
    covered = [low <= 0.9 <= high for low, high in (intervals.wilson(k, 200) for k in drawn)]
    assert 0.93 < np.mean(covered) < 0.97


def test_bootstrap_of_a_mean():
    values = np.random.default_rng(4).normal(size=400)
    low, high = intervals.bootstrap(values, np.mean, seed=0)
    assert high - low == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.1)
    assert (
        (low, high)
        == intervals.bootstrap(values, np.mean, seed=0)
        != intervals.bootstrap(values, np.mean, seed=1)
    )


def test_nearest_curve():
    rng = np.random.default_rng(5)
    library = 5 + rng.random((700, 64))
    chosen = rng.integers(700, size=600)
    np.testing.assert_array_equal(metrics.nearest_curve(library, library[chosen] + 1e-3), chosen)
    curve = 5 + rng.random((1, 64))
    assert metrics.nearest_curve(library, curve)[0] == np.argmin(
        np.square(library - curve).sum(axis=1)
    )


def trials(gained, lost, n):
    """Two series of n trials; `gained` hit in the first alone, `lost` in the second alone."""
    first = np.arange(n) < gained
    return first, (np.arange(n) >= gained) & (np.arange(n) < gained + lost)


@pytest.mark.parametrize(
    ("gained", "lost", "n", "share", "low", "high"),
    [
        (6, 16, 161, -0.0621, -0.1240, -0.0054),  # cavo_2012 in the tests of R's contingencytables
        # the table (1, 1, 7, 12) of Bentur et al. in the source of R's ratesci
        (1, 7, 21, -0.286, -0.517, -0.026),
    ],
)
def test_paired_difference_is_that_of_published_examples(gained, lost, n, share, low, high):
    got = intervals.paired_difference(*trials(gained, lost, n))
    digits = len(str(high).split(".")[1])
    assert (round(got[0], digits), *(round(end, digits) for end in got[1])) == (share, low, high)


def test_paired_difference_at_its_ends():
    z2 = 1.959964**2
    share, (low, high) = intervals.paired_difference(*trials(0, 0, 200))
    assert share == 0 and high == -low == pytest.approx(z2 / (200 + z2)), (
        "no discordant pair is no certainty"
    )
    assert (
        intervals.paired_difference(*trials(10, 0, 10))[1][1] == 1
        and intervals.paired_difference(*trials(0, 10, 10))[1][0] == -1
    )
    one, other = (
        intervals.paired_difference(*trials(5, 2, 30)),
        intervals.paired_difference(*trials(2, 5, 30)),
    )
    assert one[0] == -other[0] and one[1] == pytest.approx((-other[1][1], -other[1][0]))


def test_paired_difference_covers():
    """The first loses some hits of the second and wins others: the interval holds the true 0.1 in
    95 % of cases."""
    u, v = np.random.default_rng(0).random((2, 1000, 100))
    second = u < 0.6
    first = np.where(second, v < 0.9, v < 0.4)  # 0.54 + 0.16
    found = [intervals.paired_difference(a, b)[1] for a, b in zip(first, second, strict=True)]
    assert 930 <= sum(low <= 0.1 <= high for low, high in found) <= 970
