"""A forward model of three and more antidots that costs a look-up: linear in the curves of pairs.

The curve of K antidots, whitened, is a sum over their pairs, and over each alone, of matrices times
these ones' exact curves; a matrix for each place in the order along the wire. The matrices are
fitted to the curves of random configurations; what they leave is a covariance. With each pair's
share in a table, one more antidot at every place of a wire costs a millisecond.
"""

import functools
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from qfp.inference import library as libraries
from qfp.physics import discs, geometry
from qfp.tools import digest, kept_arrays, project_root

SAMPLES, HELD_OUT = 6000, 1000  # configurations for the matrices, and for what they leave
LARGEST = 40  # directions of a whitened curve
SHARE = 0.01  # of the variance of curves, which scales directions where potentials do nothing
RIDGE = 1e-4  # of the mean square of a feature


@dataclass(frozen=True)
class Surrogate:
    """The forward model of K antidots of a device.

    Attributes
    ----------
    project, mean : ndarray (D, F), (D,)
        From curves [e^2/h] to whitened directions, less their mean.
    weights : ndarray ((K (K - 1) / 2 + K) D + 1, D)
        Of the pairs at `places`, of antidots 1 to K, and of 1.
    left : ndarray (D, D)
        Covariance of what the model leaves.
    shift, covariance : ndarray (F,), (F, F)
        Of typical changes by a random potential.
    """

    device: object
    number: int
    project: np.ndarray
    mean: np.ndarray
    weights: np.ndarray
    left: np.ndarray
    shift: np.ndarray
    covariance: np.ndarray

    def tables(self, curve, noise=None):
        """Tables for a curve (F,) [e^2/h] with noise; see `covariance_of`."""
        some = list(places(self.number))
        error = self.project @ libraries.allowed(self.covariance, noise) @ self.project.T
        root = libraries.inverse_root(self.left + error)
        weights = self.weights @ root.T
        shares = np.split(weights[:-1], len(some) + self.number)
        pairs, single = _whitened(self)
        target = root @ (self.project @ (curve - self.shift) - self.mean) - weights[-1]
        return Tables(
            self.device,
            {place: (pairs @ own).astype(np.float32) for place, own in zip(some, shares)},
            [(single @ own).astype(np.float32) for own in shares[len(some) :]],
            target.astype(np.float32),
        )


@dataclass(frozen=True)
class Tables:
    """What each pair and each antidot, by its place, adds to the whitened curve of a
    configuration, and a measured curve there: distances between both are chi2."""

    device: object
    pairs: dict  # place (i, j): (pairs of the library, D)
    single: list  # (antidots of the library, D) of each place
    target: np.ndarray  # (D,)

    def distances(self, antidots):
        """chi2 (N,) of ordered antidots (N, K, 2)."""
        two, one = index(self.device)
        x, y = antidots[..., 0], antidots[..., 1]
        left = -self.target
        for i, j in self.pairs:
            left = left + self.pairs[i, j][two[x[:, i], x[:, j], y[:, j] - y[:, i]]]
        for i, own in enumerate(self.single):
            left = left + own[one[x[:, i]]]
        return np.square(left).sum(axis=1)

    def scan(self, fixed):
        """Configurations (N, K, 2), ordered, of ordered antidots (K - 1, 2) and one more at every
        free place, and their chi2 (N,). Places are taken modulo translation along y."""
        r, (W, L) = geometry.clearance(self.device), (self.device.width, self.device.length)
        reach = L - 2 * r - 1
        rows = np.arange(fixed[-1, 1] - reach, fixed[0, 1] + reach + 1)
        x, y = (v.ravel() for v in np.meshgrid(np.arange(r, W - r), rows, indexing="ij"))
        away = np.square(x[:, None] - fixed[:, 0]) + np.square(y[:, None] - fixed[:, 1])
        free = (away > geometry.spacing(self.device) ** 2).all(axis=1)
        x, y = x[free], y[free]
        below = (fixed[:, 1] < y[:, None]) | (
            (fixed[:, 1] == y[:, None]) & (fixed[:, 0] < x[:, None])
        )
        place, found, chi2 = below.sum(axis=1), [], []
        for q in np.unique(place):
            own = place == q
            found.append(_inserted(fixed, q, x[own], y[own]))
            chi2.append(self._inserted_chi2(fixed, q, x[own], y[own]))
        return np.concatenate(found), np.concatenate(chi2)

    def _inserted_chi2(self, fixed, q, x, y):
        """chi2 (N,) of fixed antidots (K - 1, 2) and one of x, y (N,) at place q of the order."""
        two, one = index(self.device)
        others = [k for k in range(len(fixed) + 1) if k != q]
        constant = -self.target
        for (i, a), (j, b) in combinations(zip(others, fixed), 2):
            constant = constant + self.pairs[i, j][two[a[0], b[0], b[1] - a[1]]]
        for i, a in zip(others, fixed):
            constant = constant + self.single[i][one[a[0]]]
        left = self.single[q][one[x]] + constant
        for i, a in zip(others, fixed):
            pair = two[a[0], x, y - a[1]] if i < q else two[x, a[0], a[1] - y]
            left += self.pairs[min(i, q), max(i, q)][pair]
        return np.einsum("nd,nd->n", left, left)


def places(number):
    """Pairs (i, j) of places in the order along the wire."""
    return combinations(range(number), 2)


def _inserted(fixed, q, x, y):
    """Antidots (N, K, 2): fixed ones (K - 1, 2), and one of x, y (N,) before number q of them."""
    every = np.repeat(fixed[None], len(x), axis=0)
    return np.insert(every, q, np.stack([x, y], axis=1), axis=1)


@functools.lru_cache(maxsize=4)
def index(device):
    """Numbers in the libraries of pairs, (W, W, L) by x1, x2 and y2 - y1 of ordered ones, and of
    single antidots, (W,) by x; -1 where there is none."""
    pairs, single = (libraries.library(device, number).antidots for number in (2, 1))
    two = np.full((device.width, device.width, device.length), -1, dtype=np.int32)
    for same in geometry.inversions(pairs, device):
        two[same[:, 0, 0], same[:, 1, 0], same[:, 1, 1]] = np.arange(len(pairs))
    one = np.full(device.width, -1, dtype=np.int32)
    for same in geometry.inversions(single, device):
        one[same[:, 0, 0]] = np.arange(len(single))
    return two, one


def _whitened(own):
    """Whitened curves of the library's pairs and of its single antidots."""
    curves = (libraries.library(own.device, number).curves for number in (2, 1))
    return tuple(G @ own.project.T - own.mean for G in curves)


@functools.lru_cache(maxsize=4)
def surrogate(device, number):
    """Surrogate of a device with so many antidots, kept in runs/curves: two minutes of one core the
    first time, and the libraries of one and two antidots."""

    def make():
        antidots = np.stack(
            [geometry.sampled(device, number, k) for k in range(SAMPLES + HELD_OUT)]
        )
        shift, covariance = libraries.typical(device, antidots[: libraries.TYPICAL])
        covariance = libraries.semidefinite(covariance)
        return fitted(device, antidots, discs.curves(device, antidots), shift, covariance)

    key = digest(device, number, SAMPLES, HELD_OUT, LARGEST)[:16]
    folder = project_root() / "runs" / "curves"
    return Surrogate(device, number, **kept_arrays(folder / f"surrogate-{key}.npz", make))


def fitted(device, antidots, curves, shift, covariance):
    """Fields of a Surrogate, from curves (N, F) of ordered antidots (N, K, 2)."""
    root = libraries.inverse_root(libraries.allowed(covariance) + SHARE * np.cov(curves.T))
    values, directions = np.linalg.eigh(np.cov(root @ curves.T))
    project = directions[:, ::-1][:, :LARGEST].T @ root
    mean = (curves @ project.T).mean(axis=0)
    found = Surrogate(device, antidots.shape[1], project, mean, None, None, shift, covariance)
    # the inversion of y makes a second configuration of the same curve
    turned = geometry.ordered(antidots * [1, -1] + [0, device.length - 1])
    one, other = (_features(found, pairs) for pairs in (antidots, turned))
    target, fit = curves @ project.T - mean, slice(SAMPLES)
    both = np.concatenate([one[fit], other[fit]])
    square = both.T @ both
    ridge = RIDGE * np.trace(square) / len(square) * np.eye(len(square))
    weights = np.linalg.solve(square + ridge, both.T @ np.tile(target[fit], (2, 1)))
    left = np.cov((target - one @ weights)[SAMPLES:].T)
    return {
        "project": project,
        "mean": mean,
        "weights": weights,
        "left": left,
        "shift": shift,
        "covariance": covariance,
    }


def _features(own, antidots):
    """Whitened curves of pairs and single antidots of configurations (N, K, 2), and 1."""
    (two, one), (pairs, single) = index(own.device), _whitened(own)
    x, y = antidots[..., 0], antidots[..., 1]
    columns = [pairs[two[x[:, i], x[:, j], y[:, j] - y[:, i]]] for i, j in places(own.number)]
    columns += [single[one[x[:, i]]] for i in range(own.number)]
    return np.concatenate([*columns, np.ones((len(x), 1))], axis=1)
