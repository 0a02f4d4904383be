"""Scores: how far an antidot pair is off, how much an LDOS image is alike, and intervals for both.
Arrays in, arrays out.

A curve fixes positions only up to translation along y and the two inversions (Sec. III), so every
position error is measured modulo that group.
"""

import numpy as np


def within(found, truth, device):
    """Smallest k such that both found centres lie within k sites (Chebyshev) of the true ones; int
    (...).

    found and truth (..., 2, 2) are matched as sets, modulo translation along y and the two
    inversions. A translation takes any part of a common error in y, so an error d of y2 - y1 is
    shared by both centres and counts ceil(|d| / 2)."""
    found, truth = np.broadcast_arrays(np.asarray(found, int), np.asarray(truth, int))
    x, dy = truth[..., 0], truth[..., 1, 1] - truth[..., 0, 1]
    errors = []
    for pair in (found, found[..., ::-1, :]):  # either way round
        u, du = pair[..., 0], pair[..., 1, 1] - pair[..., 0, 1]
        # as is, x inverted
        across = [np.abs(v - x).max(axis=-1) for v in (u, device.width - 1 - u)]
        along = [(np.abs(v - dy) + 1) // 2 for v in (du, -du)]  # as is, y inverted
        errors += [np.maximum(a, b) for a in across for b in along]
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
