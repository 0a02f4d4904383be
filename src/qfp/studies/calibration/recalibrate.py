"""A better probability than the share of samples that agree."""

from functools import partial

import numpy as np
from scipy.optimize import minimize

from qfp.studies import intervals
from qfp.studies.calibration import forecasts


def shrunk(share, samples, a, b):
    """Probability (n + a) / (S + a + b) for a share n / S of S samples."""
    return (np.asarray(share) * samples + a) / (samples + a + b)


def fit(share, right, samples):
    """(a, b) of `shrunk` with the largest likelihood of the outcomes, bool (n,), each between 0.001
    and 1000."""

    def loss(logarithms):
        p = shrunk(share, samples, *np.exp(np.clip(logarithms, *np.log([1e-3, 1e3]))))
        return -np.where(right, np.log(p), np.log1p(-p)).sum()

    found = minimize(
        loss,
        [0.0, 0.0],
        method="Nelder-Mead",
        options={"xatol": 1e-3, "fatol": 1e-6, "maxiter": 2000},
    )
    return tuple(np.exp(np.clip(found.x, *np.log([1e-3, 1e3]))).tolist())


def recalibration(share, right, samples, a, b, seed=0):
    """What `shrunk` changes: {a, b, after: reliability in the bins of the shares, gain in each
    score with its interval}."""
    bins, curve, better = (
        forecasts.bin_of(share),
        np.arange(len(share)),
        shrunk(share, samples, a, b),
    )
    # (n, 2, bins + 2)
    tables = np.stack(
        [forecasts.sums(forecast, right, bins, curve) for forecast in (share, better)], axis=1
    )
    row = {"a": a, "b": b, "after": forecasts.reliability(better, right, seed, bins)}
    for name in ("ece", "brier"):
        gain = partial(lost, name)
        row |= {
            f"{name}_gain": float(gain(tables, 0)),
            f"{name}_gain_interval": list(intervals.bootstrap(tables, gain, seed)),
        }
    return row


def lost(name, tables, axis):
    """A score's first value less its second, of `sums` (..., C, 2, bins + 2)."""
    before, after = np.moveaxis(forecasts.score(name, tables, axis), -1, 0)
    return before - after
