"""Scores: how far an antidot pair is off, how much an LDOS image is alike, and intervals for both.
Arrays in, arrays out.

A curve fixes positions only up to translation along y and the two inversions (Sec. III), so every
position error is measured modulo that group.
"""

import itertools

import numpy as np


def within(found, truth, device, strict=False):
    """Smallest k such that all found centres lie within k sites (Chebyshev) of the true ones; int
    (...).

    found and truth (..., K, 2) are matched as sets, modulo translation along y and the two
    inversions. A translation takes any part of a common error in y, so of the errors in y half of
    their range counts; strict: the whole range, the error of the distance along the wire."""
    found, truth = np.broadcast_arrays(np.asarray(found, int), np.asarray(truth, int))
    mirrored = [device.width - 1, 0] + found * [-1, 1]
    errors = []
    for order in map(list, itertools.permutations(range(truth.shape[-2]))):
        for copy in (found, mirrored, found * [1, -1], mirrored * [1, -1]):
            off = copy[..., order, :] - truth
            along = np.ptp(off[..., 1], axis=-1)
            along = along if strict else (along + 1) // 2
            errors.append(np.maximum(np.abs(off[..., 0]).max(axis=-1), along))
    return np.min(errors, axis=0)


def pearson(generated, truth, sites=None):
    """Pearson correlation of images (..., L, W) over their sites, or over those where `sites` (...,
    L, W) is True."""
    generated, truth = np.asarray(generated, float), np.asarray(truth, float)
    weight = np.ones(truth.shape[-2:]) if sites is None else np.asarray(sites, float)

    def centred(image):
        mean = (weight * image).sum((-2, -1), keepdims=True) / weight.sum((-2, -1), keepdims=True)
        return image - mean

    def product(a, b):
        return (weight * a * b).sum((-2, -1))

    a, b = centred(generated), centred(truth)
    return product(a, b) / np.sqrt(np.maximum(product(a, a) * product(b, b), np.finfo(float).tiny))


def nearest_curve(library, curves, block=256):
    """Index int (B,) into library (M, F) of the curve nearest to each of (B, F), Euclidean."""
    library, curves = np.asarray(library, np.float32), np.asarray(curves, np.float32)
    centre = library.mean(axis=0)  # small numbers: the squares below lose no digits
    library, curves = library - centre, curves - centre
    square = np.einsum("mf,mf->m", library, library)
    nearest = [
        np.argmin(square - 2 * part @ library.T, axis=1)
        for part in np.array_split(curves, max(1, -(-len(curves) // block)))
    ]
    return np.concatenate(nearest)
