"""Averaging of many noisy points onto a few fields, and what it leaves unknown.

Between two fields a curve may change by N(0, rate times their distance), a Brownian path: curves
have resonances as narrow as the steps of the decoder's fields. Of ten exact curves with noise of
0.3 and 0.5 e^2/h at 8 and 32 points a step, smoother priors (Matern 3/2 and 5/2, Gaussian) averaged
these away: chi2 was 3 to 600 for each field in the median, here it is 0.6. The rate is the
likeliest; mean and covariance are exact given it, by one tridiagonal system.
"""

from typing import NamedTuple

import numpy as np
from scipy.linalg import cho_solve_banded, cholesky_banded
from scipy.optimize import minimize_scalar

QUIET = 1e-3  # [e^2/h], least noise of a point: far below what the likelihood leaves out
CELL = 16  # cells in a step of the grid, within which points are averaged first
RATES = -9.0, 4.0  # log of the least and largest rate [(e^2/h)^2 a step]
LEAST = 8  # repeats and neighbours that an estimate of noise takes


class Points(NamedTuple):
    """Points of a sweep."""

    field: np.ndarray  # (n,) [rad/plaquette]
    conductance: np.ndarray  # (n,) [e^2/h]
    variance: np.ndarray  # (n,) [(e^2/h)^2]
    up: np.ndarray  # bool (n,), on a branch that rises

    def part(self, some):
        """Those of some points: an index array or bool (n,)."""
        return Points(*(values[some] for values in self))

    def shifted(self, offset, lag=0.0):
        """With an offset of the field taken off, and what the two branches lag behind it."""
        return self._replace(field=self.field - offset - np.where(self.up, lag, -lag))

    def folded(self):
        """At the modulus of the field, rising."""
        field = np.abs(self.field)
        order = np.argsort(field, kind="stable")
        return self._replace(field=field).part(order)

    def averaged(self, width):
        """Weighted means within cells of a width, of each branch and sign of the field."""
        place = np.floor(self.field / width + 0.5).astype(int)
        keys = 4 * place + 2 * self.up + (self.field < 0)
        cell, w = np.unique(keys, return_inverse=True)[1], 1 / self.variance
        total = np.bincount(cell, w)
        field, conductance, up = (
            np.bincount(cell, w * values) / total
            for values in (self.field, self.conductance, self.up)
        )
        return Points(field, conductance, 1 / total, up > 0.5)


class Path(NamedTuple):
    """Posterior of a Brownian path through points."""

    mean: np.ndarray  # (F,) [e^2/h]
    covariance: np.ndarray  # (F, F) [(e^2/h)^2]
    log: float  # likelihood of the points, natural logarithm, up to a constant


def path(points, rate, grid=(), spread=True):
    """Path of Points whose field rises, at fields grid (F,), for a rate [(e^2/h)^2 per
    rad/plaquette]; without its covariance where no spread is asked for."""
    grid = np.asarray(grid, float)
    order = np.argsort(np.concatenate([points.field, grid]), kind="stable")
    place = np.argsort(order, kind="stable")  # of each point, then of each field of the grid
    n, own, asked = len(order), place[: len(points.field)], place[len(points.field) :]
    step = np.diff(np.concatenate([points.field, grid])[order])
    step = np.maximum(
        step, 1e-9 * max(points.field[-1] - points.field[0], 1e-9)
    )  # two points at one field
    stiff, precision = 1 / (rate * step), np.zeros(n)
    precision[own] = 1 / points.variance
    ab = np.zeros((2, n))  # lower form
    ab[0] = precision
    ab[0, :-1] += stiff
    ab[0, 1:] += stiff
    ab[1, :-1] = -stiff
    root = (cholesky_banded(ab, lower=True), True)
    centre = np.average(points.conductance, weights=precision[own])
    y = points.conductance - centre
    right = np.zeros((n, 1 + len(grid) * spread))
    right[own, 0] = precision[own] * y
    if spread:
        right[asked, 1 + np.arange(len(grid))] = 1.0
    found = cho_solve_banded(root, right)
    log = np.log(precision[own]).sum() / 2 + np.log(stiff).sum() / 2 - np.log(root[0][0]).sum()
    log -= (precision[own] * y) @ (y - found[own, 0]) / 2
    return Path(centre + found[asked, 0], found[asked, 1:], float(log))


def likeliest_rate(groups, step):
    """Rate [(e^2/h)^2 per rad/plaquette] under which some groups of folded Points are the
    likeliest, none knowing of the others."""

    def cost(log):
        return -sum(path(points, np.exp(log) / step).log for points in groups)

    return float(np.exp(minimize_scalar(cost, bounds=RATES, method="bounded").x) / step)


class Noise(NamedTuple):
    """Standard deviation of the noise of a point, and of this estimate [e^2/h]; infinite where too
    few points say."""

    size: float
    error: float


def neighbours_noise(groups):
    """Noise that the two neighbours of a point, in groups of folded Points, do not explain.
    Structure as narrow as their distance counts as noise; a few narrow resonances do not."""
    left = []
    for field, y, _, _ in groups:
        gap = field[2:] - field[:-2]
        w = np.divide(field[1:-1] - field[:-2], gap, out=np.full_like(gap, 0.5), where=gap > 0)
        residual = y[1:-1] - (1 - w) * y[:-2] - w * y[2:]
        left.append(residual / np.sqrt(1 + w**2 + (1 - w) ** 2))
    return _noise(np.concatenate(left), 1.94)  # of w = 1/2: correlations -2/3 and 1/6


def repeats_noise(points, width):
    """Noise of folded Points by what those within a width of one another differ by."""
    change = np.diff(points.conductance)[np.diff(points.field) < width]
    return _noise(change / np.sqrt(2), 1.5)  # correlations -1/2


def _noise(left, correlated):
    """Noise of residuals (n,), `correlated` times as many as are independent: what two thirds of
    them lie within, so that narrow resonances do not count."""
    if len(left) < LEAST:
        return Noise(np.inf, np.inf)
    size = float(np.quantile(np.abs(left), 0.6827))
    return Noise(size, 0.96 * size * float(np.sqrt(correlated / len(left))))
