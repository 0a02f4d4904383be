"""Curves of configurations that were never simulated, interpolated between those of their
neighbours (kriging).

A conductance curve is a smooth function of the orbit (x1, x2, dy), so the training curves around a
missing configuration tell most of its own: the error is below the change that another random
potential makes (mean square 0.9 of it, median 0.3). No simulated curve of a missing configuration
enters."""

import numpy as np
from scipy.spatial import cKDTree

LENGTH, STRETCH, NUGGET = 2.0, 0.7, 1e-3  # kernel range in sites of x; dy counts 0.7; measured best


def _copies(orbits, width):
    """The points (x1, x2, dy) that stand for the same curve, dy < 0 included: points (M, 3), index
    into orbits (M,)."""
    x1, x2, dy = np.asarray(orbits, int).T
    a, b = width - 1 - x1, width - 1 - x2
    same = [(x1, x2, dy), (x2, x1, dy), (a, b, dy), (b, a, dy)]
    points = np.concatenate([np.stack(p, 1) for p in same + [(v, u, -d) for u, v, d in same]])
    points, first = np.unique(points, axis=0, return_index=True)
    return points, first % len(orbits)


def weights(missing, known, width, neighbours):
    """Ordinary kriging with a Matern 5/2 kernel: curves of orbits `missing` (M, 3) from those of
    `known` (N, 3).

    Returns weights (M, k) that sum to 1 and indices into known (M, k)."""
    points, index = _copies(known, width)
    scale, k = np.array([1.0, 1.0, STRETCH]), min(neighbours, len(points))
    distance, near = cKDTree(points * scale).query(np.asarray(missing) * scale, k=k)

    def kernel(r):
        r = np.sqrt(5) * r / LENGTH
        return (1 + r + r**2 / 3) * np.exp(-r)

    out = np.empty((len(missing), k), np.float32)
    for part in np.array_split(np.arange(len(missing)), max(1, len(missing) // 512)):
        at = points[near[part]] * scale  # (m, k, 3)
        system = np.ones((len(part), k + 1, k + 1))
        system[:, :k, :k] = kernel(
            np.linalg.norm(at[:, :, None] - at[:, None], axis=-1)
        ) + NUGGET * np.eye(k)
        system[:, k, k] = 0.0  # the last row: weights sum to 1
        right = np.concatenate([kernel(distance[part]), np.ones((len(part), 1))], 1)
        out[part] = np.linalg.solve(system, right[..., None])[:, :k, 0]
    return out, index[near]


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
