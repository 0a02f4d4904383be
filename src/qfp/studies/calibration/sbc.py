"""Simulation-based calibration: is the truth like one more sample? Arrays in, arrays out, and a toy
with a known answer.

If samples follow the posterior, the truth and its L samples are exchangeable, so the truth's rank
among them is uniform on 0..L, averaged over what truths and curves are drawn from: Talts et al.
2018, arXiv:1804.06788. Simultaneous bands: Saeilynoja, Buerkner and Vehtari 2022, Stat. Comput. 32,
32. Parameters here are integers; ties are broken at random.
"""

import functools

import numpy as np
from scipy.stats import binom

from qfp.studies.intervals import wilson
from qfp.tools import stream

COORDINATES = ("x1", "x2", "dy")  # of a pair of antidots
SIMULATIONS = 9999  # histograms of uniform ranks; no p value is below 1 / (SIMULATIONS + 1)
# what a sampler can do wrong: (standard deviation, shift), in units of the true posterior's
# standard deviation
TOYS = {
    "calibrated": (1.0, 0.0),
    "overconfident": (0.5, 0.0),
    "underconfident": (2.0, 0.0),
    "biased": (1.0, 1.0),
}


# --- ranks


def tie_breakers(rows, coordinates, seed):
    """Uniform numbers (B, C), a pure function of the seed and a curve's row (potential,
    configuration), rows (B, 2)."""
    return np.array(
        [stream("ties", seed, *row).random(coordinates) for row in np.asarray(rows).tolist()]
    )


def ranks(samples, truth, uniform):
    """Ranks 0..S (B, C) of the truth (B, C) among samples (B, S, C); of equal values any is as
    likely, by `uniform` (B, C)."""
    less, equal = (compare(samples, truth[:, None]).sum(axis=1) for compare in (np.less, np.equal))
    return less + np.floor(uniform * (equal + 1)).astype(int)


def differing(samples, truth):
    """Where the truth (B, C) and its samples (B, S, C) are not all equal, bool (B, C).

    Symmetric in truth and samples, so ranks of these alone are uniform, too; choosing by the
    samples would spoil that."""
    return (samples != truth[:, None]).any(axis=1)


def outside(samples, truth):
    """Whether the truth (B, C) lies outside the range of its samples (B, S, C), and its chance if
    it were one of them.

    The chance (B, C): how many of the S + 1 values are alone at an end, over S + 1."""
    every = np.concatenate([samples, truth[:, None]], axis=1)
    alone = sum(
        (every == end(every, axis=1, keepdims=True)).sum(axis=1) == 1 for end in (np.min, np.max)
    )
    beyond = (truth < samples.min(axis=1)) | (truth > samples.max(axis=1))
    return beyond, alone / every.shape[1]


# --- are they uniform?


def _tails(counts, n, p):
    """Smallest two-sided binomial tail probability along the last axis of counts (..., K), of n
    with probabilities p (K,)."""
    return np.minimum(1, 2 * np.minimum(binom.cdf(counts, n, p), binom.sf(counts - 1, n, p))).min(
        axis=-1
    )


def _statistics(histograms, n):
    """Chi-square and smallest tail probability of the ECDF, of histograms (..., cells) of n."""
    cells = histograms.shape[-1]
    square = ((histograms - n / cells) ** 2).sum(axis=-1) * cells / n
    return square, _tails(histograms.cumsum(axis=-1)[..., :-1], n, np.arange(1, cells) / cells)


@functools.lru_cache(maxsize=8)
def _uniform(n, cells, seed, simulations):
    """Histograms (simulations, cells) of n uniform ranks and their statistics."""
    histograms = stream("uniform ranks", seed, n, cells).multinomial(
        n, np.full(cells, 1 / cells), size=simulations
    )
    return histograms, *_statistics(histograms, n)


def uniformity(histogram, seed=0):
    """{n, chi_square, chi_square_p, ecdf_p} of a histogram (cells,) of ranks; p values by
    simulation of uniform ranks."""
    histogram = np.asarray(histogram)
    n = int(histogram.sum())
    if n == 0:
        return {"n": 0, "chi_square": 0.0, "chi_square_p": 1.0, "ecdf_p": 1.0}
    square, tail = _statistics(histogram, n)
    _, squares, tails = _uniform(n, len(histogram), seed, SIMULATIONS)
    # equal ones, summed in another order
    above, below = squares >= square * (1 - 1e-9), tails <= tail * (1 + 1e-9)
    return {
        "n": n,
        "chi_square": float(square),
        "chi_square_p": float((1 + above.sum()) / (SIMULATIONS + 1)),
        "ecdf_p": float((1 + below.sum()) / (SIMULATIONS + 1)),
    }


def bands(n, cells, seed=0):
    """Simultaneous 95 % bands of n uniform ranks: counts of a histogram (2, cells), and of the ECDF
    less the uniform one (2, cells - 1), at ranks 0..cells - 2."""
    histograms, _, tails = _uniform(n, cells, seed, SIMULATIONS)
    each, z = np.full(cells, 1 / cells), np.arange(1, cells) / cells
    found = []
    for tail, p in ((_tails(histograms, n, each), each), (tails, z)):
        level = np.quantile(tail, 0.05)
        found.append(np.stack([binom.ppf(level / 2, n, p), binom.ppf(1 - level / 2, n, p)]))
    return found[0], found[1] / n - z


def ecdf_difference(histogram):
    """ECDF of ranks less the uniform one, (cells - 1,), of a histogram (cells,); of an empty one 0
    less it."""
    histogram = np.asarray(histogram)
    return histogram.cumsum()[:-1] / max(histogram.sum(), 1) - np.arange(1, len(histogram)) / len(
        histogram
    )


def within(difference, bands):
    """Whether an ECDF difference (cells - 1,) stays in its band (2, cells - 1)."""
    low, high = bands
    return bool(((difference >= low) & (difference <= high)).all())


def coverage(beyond, chance):
    """{n, share with its interval, expected, p}: truths beyond (B,) the range of their samples,
    against their chances (B,).

    Under exchangeability a sum of independent trials, with chances 0, 1 or 2 over S + 1; p is exact
    and two-sided."""
    found, pmf = int(beyond.sum()), np.ones(1)
    for value, number in zip(*np.unique(chance, return_counts=True)):
        pmf = np.convolve(pmf, binom.pmf(np.arange(number + 1), number, value))
    p = min(1.0, 2 * min(pmf[: found + 1].sum(), pmf[found:].sum()))
    return {
        "n": len(beyond),
        "share": found / len(beyond),
        "share_interval": list(wilson(found, len(beyond))),
        "expected": float(np.mean(chance)),
        "p": float(p),
    }


# --- a posterior that is known


def toy(number, samples, seed, sd=1.0, shift=0.0, step=0.7):
    """Samples (number, samples) and truths (number,), integers: a Gaussian prior and measurements
    of it.

    The truth is N(0, 1) and is measured with an error of N(0, noise^2), noise between 0.1 and 1, so
    its posterior is Gaussian, too. It is sampled with `sd` times its standard deviation and `shift`
    of them off; everything is rounded to multiples of `step`, as sites are. sd = 1, shift = 0
    samples the posterior exactly."""
    random = stream("toy posterior", seed)
    truth, noise = random.normal(size=number), 10 ** random.uniform(-1, 0, number)
    measured = truth + noise * random.normal(size=number)
    mean, width = measured / (1 + noise**2), noise / np.sqrt(1 + noise**2)
    drawn = mean[:, None] + width[:, None] * (shift + sd * random.normal(size=(number, samples)))
    return np.rint(drawn / step).astype(int), np.rint(truth / step).astype(int)
