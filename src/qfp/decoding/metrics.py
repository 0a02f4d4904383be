"""Scores: how far an antidot pair is off, how much an LDOS image is alike, and intervals for both.
Arrays in, arrays out.

A curve fixes positions only up to translation along y and the two inversions (Sec. III), so every
position error is measured modulo that group.
"""

from statistics import NormalDist

import numpy as np
from scipy.optimize import brentq

Z95 = NormalDist().inv_cdf(0.975)  # two-sided 95 %


def within(found, truth, device):
    """Smallest k such that both found centres lie within k sites (Chebyshev) of the true ones; int
    (...).

    found and truth (..., 2, 2) are matched as sets, modulo translation along y and the two
    inversions. A translation takes any part of a common error in y, so an error d of y2 - y1 is
    shared by both centres and counts ceil(|d| / 2)."""
    found, truth = np.broadcast_arrays(np.asarray(found, int), np.asarray(truth, int))
    x, dy = truth[..., 0], truth[..., 1, 1] - truth[..., 0, 1]
    errors = []
    for pair in (found, found[..., ::-1, :]):  # either way round
        u, du = pair[..., 0], pair[..., 1, 1] - pair[..., 0, 1]
        # as is, x inverted
        across = [np.abs(v - x).max(axis=-1) for v in (u, device.width - 1 - u)]
        along = [(np.abs(v - dy) + 1) // 2 for v in (du, -du)]  # as is, y inverted
        errors += [np.maximum(a, b) for a in across for b in along]
    return np.min(errors, axis=0)


def pearson(generated, truth, sites=None):
    """Pearson correlation of images (..., L, W) over their sites, or over those where `sites` (...,
    L, W) is True."""
    generated, truth = np.asarray(generated, float), np.asarray(truth, float)
    weight = np.ones(truth.shape[-2:]) if sites is None else np.asarray(sites, float)

    def centred(image):
        mean = (weight * image).sum((-2, -1), keepdims=True) / weight.sum((-2, -1), keepdims=True)
        return image - mean

    def product(a, b):
        return (weight * a * b).sum((-2, -1))

    a, b = centred(generated), centred(truth)
    return product(a, b) / np.sqrt(np.maximum(product(a, a) * product(b, b), np.finfo(float).tiny))


def wilson(successes, n):
    """95 % Wilson interval (low, high) of a share of n trials; (0, 1) where there are none."""
    if n == 0:
        return 0.0, 1.0
    share = successes / n
    centre = share + Z95**2 / (2 * n)
    half = Z95 * np.sqrt(share * (1 - share) / n + Z95**2 / (4 * n**2))
    low, high = (centre - half) / (1 + Z95**2 / n), (centre + half) / (1 + Z95**2 / n)
    # the ends are exact
    return 0.0 if successes == 0 else float(low), 1.0 if successes == n else float(high)


def bootstrap(values, statistic, seed, draws=2000):
    """95 % percentile bootstrap interval (low, high) of a statistic of values (n,).

    statistic: a function with an axis argument, such as numpy.median. A pure function of values and
    seed."""
    values = np.asarray(values)
    chosen = np.random.default_rng(seed).integers(len(values), size=(draws, len(values)))
    low, high = np.quantile(statistic(values[chosen], axis=1), [0.025, 0.975])
    return float(low), float(high)


def paired_difference(a, b):
    """Share of hits in a minus share in b, bool (n,) over the same n trials, and its 95 % score
    interval (low, high).

    Tango 1998, Stat. Med. 17, 891: all differences d that a score test does not refuse. It depends
    on the discordant trials and n alone, and does not shrink to a point where there are none."""
    a, b = np.asarray(a, bool), np.asarray(b, bool)
    n, gained, lost = len(a), int((a & ~b).sum()), int((b & ~a).sum())
    share = (gained - lost) / n

    def z(d):
        linear = gained + lost - (2 * n - gained + lost) * d
        root = np.sqrt(max(linear**2 + 8 * n * lost * d * (1 - d), 0.0))
        q = (linear + root) / (4 * n)  # likeliest probability of a trial that only b hits, given d
        return (gained - lost - n * d) / np.sqrt(
            max(n * (2 * q + d * (1 - d)), np.finfo(float).tiny)
        )

    low = -1.0 if share == -1 else brentq(lambda d: z(d) - Z95, -1, share)
    high = 1.0 if share == 1 else brentq(lambda d: z(d) + Z95, share, 1)
    return share, (low, high)


def differences(ours, others):
    """paired_difference for each name that two {name: hits (n,)} share: {name: difference,
    name_interval: [low, high]}."""
    row = {}
    for name in (name for name in ours if name in others):
        value, interval = paired_difference(ours[name], others[name])
        row |= {name: value, f"{name}_interval": list(interval)}
    return row


def nearest_curve(library, curves, block=256):
    """Index into library (M, F) of the curve nearest to each of curves (B, F), Euclidean; int (B,)."""
    library, curves = np.asarray(library, np.float32), np.asarray(curves, np.float32)
    centre = library.mean(axis=0)  # small numbers: the squares below lose no digits
    library, curves = library - centre, curves - centre
    square = np.einsum("mf,mf->m", library, library)
    nearest = [
        np.argmin(square - 2 * part @ library.T, axis=1)
        for part in np.array_split(curves, max(1, -(-len(curves) // block)))
    ]
    return np.concatenate(nearest)
