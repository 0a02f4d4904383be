"""What posteriors are worth: shares, calibration, ranks. Arrays in, numbers out."""

import numpy as np
from scipy.stats import kstest

from qfp.decoding import metrics
from qfp.inference.posterior import proposed
from qfp.physics import geometry, symmetry
from qfp.studies import intervals, scoring
from qfp.tools import stream

SURE = 0.999
EDGES = (0.0, 0.5, 0.9, 0.99, 0.999, 1.01)  # of the bins of certainty
GOOD = 0.99  # Pearson r


def positions(device, found, truth, seed):
    """Shares within 0, 1 and 2 sites, and calibration, of Judged against antidots (B, 2, 2)."""
    row = scoring.scores(device, found.answer, truth, seed=seed)
    right = metrics.within(found.answer, truth, device) == 0
    p = found.certainty
    gap = p - right
    sure = p >= SURE
    row |= {
        "mean_probability": float(p.mean()),
        "mean_probability_less_right": float(gap.mean()),
        "mean_probability_less_right_interval": list(intervals.bootstrap(gap, np.mean, seed)),
        "sure": int(sure.sum()),
        "sure_right": int(right[sure].sum()),
        "bins": [_bin(p, right, low, high) for low, high in zip(EDGES, EDGES[1:])],
        "truth_mass": float(mass_of_truth(device, found, truth).mean()),
    }
    row |= intervals.share("explained", found.explained)
    return row | intervals.share("right_or_flagged", right | ~found.explained)


def _bin(p, right, low, high):
    """How many curves have a certainty in [low, high), its mean, and how many of them are right."""
    here = (p >= low) & (p < high)
    mean = float(p[here].mean()) if here.any() else None
    return {"from": low, "n": int(here.sum()), "mean": mean, "right": int(right[here].sum())}


def mass_of_truth(device, found, truth):
    """Posterior probability (B,) of the true antidots."""
    there = found.probability > 0
    same = np.zeros_like(there)
    for k in range(there.shape[1]):
        own = there[:, k]
        same[own, k] = metrics.within(found.antidots[own, k], truth[own], device) == 0
    return (found.probability * same).sum(axis=1)


def patterns(found, seed):
    """Median r and the share of good ones."""
    row = {
        "r_median": float(np.median(found.r)),
        "r_median_interval": list(intervals.bootstrap(found.r, np.median, seed)),
    }
    row |= intervals.share("r_good", found.r >= GOOD)
    return row | intervals.share("converged", found.converged)


def misfit(found):
    """Quantiles of chi2."""
    return {str(q): float(np.quantile(found.chi2, q)) for q in (0.1, 0.5, 0.9, 0.97, 0.99, 1.0)}


def ranks(device, found, truth, seed):
    """Simulation-based calibration (Talts et al. 2018): where the truth lies in the posterior of
    x1, x2 and dy, ties broken at random: p value of uniform ranks, over all curves and over those
    that are not certain."""
    exact, posterior = geometry.orbit(truth, device), geometry.orbit(found.antidots, device)
    u = stream("ranks of the posterior", seed).uniform(size=exact.shape)
    rows = {}
    doubtful = found.certainty < SURE
    for k, name in enumerate(("x1", "x2", "dy")):
        below = (found.probability * (posterior[..., k] < exact[:, None, k])).sum(axis=1)
        level = (found.probability * (posterior[..., k] == exact[:, None, k])).sum(axis=1)
        rank = below + u[:, k] * level
        rows[name] = {
            "p_value": float(kstest(rank, "uniform").pvalue),
            "p_value_doubtful": float(kstest(rank[doubtful], "uniform").pvalue)
            if doubtful.any()
            else None,
        }
    return rows | {"doubtful": int(doubtful.sum())}


def proposal(samples, found, device):
    """What a network's samples (B, S, 2, 2) are worth as a proposal for Judged posteriors."""
    worth = [
        proposed(own, pairs[p > 0], p[p > 0])
        for own, pairs, p in zip(samples, found.antidots, found.probability, strict=True)
    ]
    near = [
        any(
            (pair == answer).all()
            for proposal in np.unique(own, axis=0)
            for pair in symmetry.neighbours(proposal, device)
        )
        for own, answer in zip(samples, found.answer, strict=True)
    ]
    return {
        "samples": samples.shape[1],
        "effective_mean": float(np.mean([one.effective for one in worth])),
        "mass_mean": float(np.mean([one.mass for one in worth])),
    } | intervals.share("answer_near_a_sample", near)
