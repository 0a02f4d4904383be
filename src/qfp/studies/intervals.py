"""Shares, medians and paired differences with their 95 % intervals. Arrays in, numbers out."""

from statistics import NormalDist

import numpy as np
from scipy.optimize import brentq

Z95 = NormalDist().inv_cdf(0.975)  # two-sided 95 %


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


def share(name, hits):
    """A share and its Wilson interval, as two entries."""
    return {
        name: float(np.mean(hits)),
        f"{name}_interval": list(wilson(int(np.sum(hits)), len(hits))),
    }


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


def contrast(a, b):
    """Difference a - b of two independent estimates (value, (low, high)) and its 95 % interval.

    Zou and Donner 2008, Stat. Med. 27, 1693: their own intervals need not be symmetric."""
    (one, (low, high)), (other, (least, most)) = a, b
    down, up = np.hypot(one - low, most - other), np.hypot(high - one, other - least)
    return one - other, (float(one - other - down), float(one - other + up))
