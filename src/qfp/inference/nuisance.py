"""What a measurement adds to a curve, as unknowns of the likelihood: gain, series resistance, a
shift of the field, a slowly varying background.

A measured curve y becomes that of the wire, u(y, theta), by taking them off. With prior N(0, S) for
theta and D = du/dtheta at theta0, u is linear in theta, so that all of them are marginalised at
once: the curve u - D theta0 has the further covariance D S D^T between fields. D is taken at the
curve that the best candidate expects and not at the measured one, whose scatter by the potential
would pull the parameters. theta0 moves to their mean until it stays there (Gauss and Newton).
"""

from dataclasses import astuple, dataclass, fields
from typing import NamedTuple

import numpy as np
from numpy.polynomial import legendre
from scipy.interpolate import CubicSpline

from qfp.data.curve_checks import SAME
from qfp.inference.likelihood import covariance_of
from qfp.tools import SettingsError

STEP = 1e-3  # of a prior's standard deviation, for derivatives
ORDER = 2  # of the background's polynomial
# of the error of interpolation: it is largest where the slope is, and with less of it the shift was
# stated too tightly, on 24 dev curves
TIMES = 2.0
# Error of interpolation over that at every second point, left out and interpolated from the others:
# 0.40 to 0.53 in rms over 60 wires, for 32 to 256 points (errors 0.07 to 0.014 e^2/h). One curve's
# own ratio is 0.2 to 0.8 in nine of ten.
LEFT_OUT = 0.47
LARGEST = 0.9  # part of h/e^2 that series resistance may take of 1/G


@dataclass(frozen=True)
class Nuisance:
    """How well the parameters of a measurement are known: standard deviations of their priors.

    Source: what measured curves have beside the wire of Sec. III.

    Attributes
    ----------
    gain : float
        Relative error of the conductance's scale.
    series : float
        Resistance in series with the wire [h/e^2]; 1 kOhm is 0.0387.
    offset : float
        Shift of the field [rad/plaquette].
    background : float
        Of each coefficient of a parabola in the field [e^2/h].

    Examples
    --------
    >>> qfp.Nuisance(gain=0.02, series=0.04).names
    ('gain', 'series')
    """

    gain: float = 0.0
    series: float = 0.0
    offset: float = 0.0
    background: float = 0.0

    def __post_init__(self):
        for field, value in zip(fields(self), astuple(self), strict=True):
            if not (np.isfinite(value) and value >= 0):
                raise SettingsError(
                    f"nuisance {field.name} {value}: expected a standard deviation, 0 or more"
                )

    @property
    def names(self):
        """Of those that are not known exactly."""
        return tuple(field.name for field in fields(self) if getattr(self, field.name))

    @property
    def prior(self):
        """Standard deviations (P,) of all parameters that are not known exactly; the background has
        ORDER + 1."""
        sizes = [[getattr(self, n)] * (ORDER + 1 if n == "background" else 1) for n in self.names]
        return np.array([size for own in sizes for size in own])

    def values(self, theta):
        """{name: value} of parameters (P,); a list for the background."""
        found = {name: float(v) for name, v in zip(self.names, theta)}
        if self.background:
            found["background"] = [float(v) for v in theta[-(ORDER + 1) :]]
        return found

    def put_on(self, u, b, theta):
        """What is measured (F,) [e^2/h] of a wire's own curve (F,) at fields b (F,) with parameters
        theta (P,)."""
        own = self.values(theta)
        if own.get("offset"):
            u = even_spline(b, u)(b + own["offset"])
        u = (1 + own.get("gain", 0.0)) * u / (1 + own.get("series", 0.0) * u)
        return u + legendre.legval(2 * b / b[-1] - 1, own.get("background", [0.0]))

    def taken_off(self, curve, b, theta):
        """The wire's own curve (F,), and the slope of each value by the measured one (F,), of a
        measured curve (F,) [e^2/h] at fields b (F,) with parameters theta (P,)."""
        own = self.values(theta)
        polynomial = legendre.legval(2 * b / b[-1] - 1, own.get("background", [0.0]))
        u = (curve - polynomial) / (1 + own.get("gain", 0.0))
        lost = 1 - np.clip(own.get("series", 0.0) * u, None, LARGEST)
        slope = 1 / (1 + own.get("gain", 0.0)) / lost**2
        u = u / lost
        if own.get("offset"):
            u = even_spline(b + own["offset"], u)(b)
        return u, slope

    def between(self, b):
        """How much of the error of interpolation a shift between the fields b (F,) may cost."""
        part = min(self.offset / b[1], 0.5)
        return TIMES * 4 * part * (1 - part)


def even_spline(b, curve):
    """Spline through a curve (F,) at fields b (F,) and through its image at -b."""
    both, twice = np.concatenate([-b, b]), np.concatenate([curve, curve])
    order = np.argsort(both)
    both, twice = both[order], twice[order]
    apart = np.diff(both, prepend=-np.inf) > SAME
    return CubicSpline(both[apart], twice[apart])


class Linear(NamedTuple):
    """A measured curve with its parameters marginalised."""

    curve: np.ndarray  # (F,) [e^2/h]
    error: np.ndarray  # (F, F) [(e^2/h)^2], of noise and parameters together
    D: np.ndarray  # (F, P)
    spread: np.ndarray  # (P,), standard deviations of the prior

    def parameters(self, left, covariance):
        """Posterior mean (P,) and standard deviations (P,) of the parameters, from what a wire's
        expected curve leaves, (F,), and the covariance (F, F) of it, parameters included."""
        S = np.diag(self.spread**2)
        gain = np.linalg.solve(covariance, self.D @ S).T
        return -gain @ left, np.sqrt(np.diag(S - gain @ self.D @ S).clip(min=0))


def linear(nuisance, curve, noise, b, theta, expected=None):
    """Linear of a measured curve (F,) [e^2/h] with noise, see `covariance_of`, at fields b, around
    theta (P,); expected (F,): of the wire, None where nothing is known yet."""
    spread = nuisance.prior
    like = curve if expected is None else nuisance.put_on(expected, b, theta)
    D = np.empty((len(b), len(spread)))
    for k, size in enumerate(STEP * spread):
        step = size * np.eye(len(spread))[k]
        ends = [nuisance.taken_off(like, b, theta + way * step)[0] for way in (1, -1)]
        D[:, k] = (ends[0] - ends[1]) / (2 * size)
    u, slope = nuisance.taken_off(curve, b, theta)
    between = nuisance.between(b) * interpolation_error(b, curve)
    own = covariance_of(noise, len(b)) + between**2 * np.eye(len(b))
    error = slope[:, None] * own * slope + (D * spread**2) @ D.T
    return Linear(u - D @ theta, error, D, spread)


def interpolation_error(field, conductance):
    """Estimated rms error [e^2/h] of interpolating between points: at every second one, from its
    neighbours, times LEFT_OUT."""
    w = (field[1:-1:2] - field[:-2:2]) / (field[2::2] - field[:-2:2])
    left = (1 - w) * conductance[:-2:2] + w * conductance[2::2] - conductance[1:-1:2]
    return LEFT_OUT * float(np.sqrt(np.mean(left**2)))
