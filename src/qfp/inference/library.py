"""The exact curves of all configurations of a wire at V = 0, and which of them a curve could be.

A curve differs from that of its own configuration by what its potential did. On average over
configurations such changes have a mean and a covariance (`physics.response`); under these the
candidates are the nearest of the library. It takes a minute of one core, once.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from scipy.linalg import solve_triangular

from qfp.data import simulate
from qfp.inference.likelihood import covariance_of
from qfp.physics import geometry
from qfp.physics.response import response
from qfp.tools import digest, kept_arrays, project_root, stream

TYPICAL = 48  # configurations of which typical changes are the median
FLOOR = 0.02  # [e^2/h], what a typical change leaves out
# Chosen on 1,000 dev curves, each under a fresh potential: the truth was first in 95 %, never
# behind the fourth, its distance at most 5.2 above the least.
WITHIN, FEWEST, MOST = 10.0, 2, 8
TAIL = 2.0  # chi2 of one field from which on it counts by its logarithm


@dataclass(frozen=True)
class Library:
    """Curves at V = 0 of all configurations.

    Attributes
    ----------
    antidots : ndarray, int (N, K, 2)
    curves : ndarray (N, F)
        [e^2/h].
    shift, covariance : ndarray (F,), (F, F)
        Of typical changes by a random potential.
    """

    antidots: np.ndarray
    curves: np.ndarray
    shift: np.ndarray
    covariance: np.ndarray

    @cached_property
    def _whitened(self):
        return self._white(0.0)

    def _white(self, noise):
        """Root of the inverse covariance (F, F), and whitened curves (N, F)."""
        root = whitening(self.covariance, noise)
        return root, self.curves @ root.T

    def distances(self, curve, noise=None):
        """Distances (N,) of a curve (F,) [e^2/h] with noise (F,) from all configurations; see
        `distances`."""
        plain = noise is None or not np.any(noise)
        root, curves = self._whitened if plain else self._white(noise)
        return robust(root @ (curve - self.shift) - curves)

    def candidates(self, curve, noise=None):
        """Configurations that a curve (F,) could be of, nearest first: int (2 to 8,)."""
        return chosen(self.distances(curve, noise))


def whitening(covariance, noise=None):
    """Root (F, F) of the inverse of a typical covariance, floor and noise (see `covariance_of`)
    included."""
    return inverse_root(allowed(covariance, noise))


def inverse_root(covariance):
    """Root (F, F) of an inverse: what it takes from N(0, covariance) to N(0, 1)."""
    return solve_triangular(np.linalg.cholesky(covariance), np.eye(len(covariance)), lower=True)


def allowed(covariance, noise=None):
    """What a curve may be off (F, F): a typical covariance, floor and noise (see
    `covariance_of`)."""
    F = len(covariance)
    return covariance + np.eye(F) * FLOOR**2 + covariance_of(noise, F)


def robust(white):
    """Distances (N,) of whitened residuals (N, F): a potential may move a narrow resonance, so that
    a few fields are far off where all others fit."""
    return np.log1p(np.square(white) / TAIL).sum(axis=1)


def chosen(distances):
    """Indices of the least of distances: those that can be the best once each has its own
    covariance."""
    order = np.argsort(distances)[:MOST]
    near = int((distances[order] < distances[order[0]] + WITHIN).sum())
    return order[: max(FEWEST, near)]


def typical(device, antidots):
    """Median shift (F,) and covariance (F, F) of what potentials do to antidots (N, K, 2)."""
    found = response(device, antidots)
    return np.median(found.shift, axis=0), np.median(found.covariance, axis=0)


def semidefinite(matrix):
    """The nearest positive semidefinite matrix (F, F): a median, entry by entry, is none."""
    values, directions = np.linalg.eigh(matrix)
    return (directions * np.maximum(values, 0)) @ directions.T


@lru_cache(maxsize=4)
def library(device, number=2):
    """Library of a device with so many antidots, kept in runs/curves: a minute of one core for
    each of its energies, the first time."""
    folder = project_root() / "runs" / "curves"
    antidots = geometry.configurations(device, number)[1].astype(int)
    curves = simulate.simulated(device, antidots, None, folder)

    def make():
        some = stream("typical changes").permutation(len(antidots))[:TYPICAL]
        return dict(zip(("shift", "covariance"), typical(device, antidots[some]), strict=True))

    key = digest(device, TYPICAL) if number == 2 else digest(device, TYPICAL, number)
    changes = kept_arrays(folder / f"typical-{key[:16]}.npz", make)
    covariance = semidefinite(changes["covariance"])
    return Library(antidots, curves.astype(float), changes["shift"], covariance)
