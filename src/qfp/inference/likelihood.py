"""How likely a curve is from each of some configurations, whatever the random potential is.

Over potentials the curves of a configuration are Gaussian to second order, N(g + m, C + Q +
noise^2): exact curve g at V = 0, mean shift m and first-order covariance C (`response.response`),
and the covariance Q of the second order (`response.fluctuation`). Near a
narrow resonance the expansion diverges while a change of conductance cannot; there m and Q are held
below what curves of fresh potentials showed.
"""

from typing import NamedTuple

import numpy as np
from scipy.linalg import cholesky, solve_triangular

from qfp.physics.response import Response, fluctuation, response

# Likeliest on 200 dev curves; there a factor of C would be 0.9995, one of Q 0.996.
SHIFT = 0.33  # [e^2/h] at which m saturates
SPREAD = 0.84  # [e^2/h] at which the standard deviation of the second order does
BEHIND = 40.0  # nats of log likelihood that own fluctuations do not make up for
FLOOR = 0.003  # [e^2/h], what both orders leave out


class Expected(NamedTuple):
    """Curves of K configurations over random potentials, to second order."""

    mean: np.ndarray  # (K, F) [e^2/h], g + m
    shift: np.ndarray  # (K, F) [e^2/h], m
    first: np.ndarray  # (K, F, F) [(e^2/h)^2], C
    rest: np.ndarray  # (K, F, F) [(e^2/h)^2], Q

    def part(self, some):
        """Those of some configurations: an index array, a slice or bool (K,)."""
        return Expected(*(values[some] for values in self))

    def fields(self, some):
        """Those at some of the fields: a slice."""
        mean, shift, first, rest = self
        return Expected(mean[:, some], shift[:, some], first[:, some, some], rest[:, some, some])


class Judged(NamedTuple):
    """What the likelihood says of K configurations."""

    log: np.ndarray  # (K,) log density of the curve [(e^2/h)^-F], natural logarithm
    chi2: np.ndarray  # (K,), about F for the true one


def expected(device, antidots, curve=None, noise=None):
    """Expected of antidots (K, 2, 2) and random potentials of the device's amplitude.

    With a curve (F,), those that it leaves far behind the best have the rest of the first:
    neighbours have much the same, and it is half of the work."""
    found = response(device, antidots)
    if curve is None:
        return combined(found, fluctuation(device, antidots))
    rest = np.repeat(fluctuation(device, antidots[:1]), len(antidots), axis=0)
    log = judge(curve, combined(found, rest), noise).log
    near = np.flatnonzero(log > log.max() - BEHIND)
    near = near[near > 0]
    if len(near):
        rest[near] = fluctuation(device, antidots[near])
    return combined(found, rest)


def combined(found: Response, second):
    """Expected of a Response and the covariance of the second order (K, F, F)."""
    spread = np.sqrt(np.diagonal(second, axis1=1, axis2=2)) + np.finfo(float).tiny
    held = SPREAD * np.tanh(spread / SPREAD) / spread
    shift = SHIFT * np.tanh(found.shift / SHIFT)
    rest = second * held[:, :, None] * held[:, None] + FLOOR**2 * np.eye(shift.shape[1])
    return Expected(found.curve + shift, shift, found.covariance, rest)


def gaussian(residual, covariance):
    """Log density of a residual (F,) under N(0, covariance (F, F)), and its chi2."""
    root = cholesky(covariance, lower=True)
    white = solve_triangular(root, residual, lower=True)
    chi2 = float(white @ white)
    constant = len(residual) * np.log(2 * np.pi) / 2
    return -chi2 / 2 - np.log(np.diag(root)).sum() - constant, chi2


def covariance_of(noise, fields):
    """Covariance (F, F) [(e^2/h)^2] of the errors of a curve: of standard deviations (F,), or noise
    as it is, where it is such a matrix."""
    if np.ndim(noise) == 2:
        return noise
    return np.diag(np.square(np.broadcast_to(0.0 if noise is None else noise, fields)))


def judge(curve, expectation, noise=None):
    """Judged of a curve (F,) [e^2/h] under an Expected; noise: its errors, see `covariance_of`."""
    error = covariance_of(noise, len(curve))
    parts = zip(expectation.mean, expectation.first, expectation.rest, strict=True)
    found = [gaussian(curve - mean, C + Q + error) for mean, C, Q in parts]
    return Judged(*(np.array(values) for values in zip(*found, strict=True)))


def probabilities(log):
    """Posterior (K,) of configurations with log evidence (K,), equally likely before."""
    weight = np.exp(log - np.max(log))
    return weight / weight.sum()
