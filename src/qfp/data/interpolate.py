"""Curves of configurations that were never simulated, interpolated between those of their
neighbours (kriging).

A conductance curve is a smooth function of the orbit (x1, x2, dy), so the training curves around a
missing configuration tell most of its own: the error is below the change that another random
potential makes (study `interpolation`). No simulated curve of a missing configuration enters."""

from typing import NamedTuple

import numpy as np
from scipy.spatial import cKDTree

from qfp.tools import stream


class Kernel(NamedTuple):
    """Matern 5/2 kernel of the kriging: of the grid of study `interpolation` the best on
    development curves."""

    length: float = 2.0  # range in sites of x
    stretch: float = 0.7  # what a site of dy counts
    nugget: float = 1e-3  # variance of what no neighbour tells, of the curves' own


KERNEL = Kernel()
FOLDS = 20  # of known configurations, see `errors`


def _copies(orbits, width):
    """The points (x1, x2, dy) that stand for the same curve, dy < 0 included: points (M, 3), index
    into orbits (M,)."""
    x1, x2, dy = np.asarray(orbits, int).T
    a, b = width - 1 - x1, width - 1 - x2
    same = [(x1, x2, dy), (x2, x1, dy), (a, b, dy), (b, a, dy)]
    points = np.concatenate([np.stack(p, 1) for p in same + [(v, u, -d) for u, v, d in same]])
    points, first = np.unique(points, axis=0, return_index=True)
    return points, first % len(orbits)


def weights(missing, known, width, neighbours, kernel=KERNEL):
    """Curves of orbits `missing` (M, 3) from those of `known` (N, 3), see `kriging`.

    Returns weights (M, k) that sum to 1 and indices into known (M, k)."""
    points, index = _copies(known, width)
    scale = np.array([1.0, 1.0, kernel.stretch])
    weight, near = kriging(np.asarray(missing) * scale, points * scale, neighbours, kernel)
    return weight, index[near]


def kriging(places, points, neighbours, kernel=KERNEL):
    """Ordinary kriging: values at places (M, d) from those at points (N, d), distances in units of
    the kernel's length.

    Returns weights (M, k) that sum to 1 and indices into points (M, k)."""
    k = min(neighbours, len(points))
    distance, near = cKDTree(points).query(places, k=k)

    def matern(r):
        r = np.sqrt(5) * r / kernel.length
        return (1 + r + r**2 / 3) * np.exp(-r)

    out = np.empty((len(places), k), np.float32)
    for part in np.array_split(np.arange(len(places)), max(1, len(places) // 512)):
        at = points[near[part]]  # (m, k, d)
        system = np.ones((len(part), k + 1, k + 1))
        apart = np.linalg.norm(at[:, :, None] - at[:, None], axis=-1)
        system[:, :k, :k] = matern(apart) + kernel.nugget * np.eye(k)
        system[:, k, k] = 0.0  # the last row: weights sum to 1
        right = np.concatenate([matern(distance[part]), np.ones((len(part), 1))], 1)
        out[part] = np.linalg.solve(system, right[..., None])[:, :k, 0]
    return out, near


def complete(conductance, orbits, known, width, neighbours):
    """Copy of curves (P, N, F) in which those of all configurations but `known` (indices) are
    interpolated."""
    known = np.unique(known)
    missing = np.setdiff1d(np.arange(len(orbits)), known)
    out = np.array(conductance, np.float32)
    if len(missing):
        weight, near = weights(orbits[missing], orbits[known], width, neighbours)
        for curves in out:  # one potential at a time
            curves[missing] = np.einsum("mk,mkf->mf", weight, curves[known][near])
    return out


def errors(conductance, orbits, known, width, neighbours):
    """Errors (P, M, F) of curves (P, N, F) of configurations `known` (M,), rising, each part of
    FOLDS interpolated from the others: what `complete` gets wrong, without any other curve."""
    fold = np.arange(len(known)) % FOLDS
    out = np.array(conductance[:, known], np.float32)
    for k in range(min(FOLDS, len(known))):
        own, rest = known[fold == k], known[fold != k]
        weight, near = weights(orbits[own], orbits[rest], width, neighbours)
        for wrong, curves in zip(out, conductance):
            wrong[fold == k] -= np.einsum("mk,mkf->mf", weight, curves[rest][near])
    return out


def left_out(number, known, share, seed):
    """Of `number` configurations those outside `known` (indices) that lend no interpolated curve:
    a seeded share of them, rising indices (M,)."""
    missing = np.setdiff1d(np.arange(number), known)
    order = stream("left out", seed).permutation(missing)
    return np.sort(order[: round(share * len(missing))])
