"""Pairs of antidots beside a pair, and pairs that share its curve (Sec. III)."""

import itertools

import numpy as np

from qfp.physics import geometry

# steps of (x1, x2, dy) by at most one site, (0, 0, 0) first
STEPS = np.array(
    sorted(itertools.product((-1, 0, 1), repeat=3), key=lambda step: sum(map(abs, step)))
)


def neighbours(antidots, device):
    """A pair (2, 2) and the pairs of the dataset whose x1, x2 and dy are at most one site from its
    own: (K, 2, 2), itself first, canonical, none twice."""
    orbits = geometry.orbit(np.asarray(antidots, int), device) + STEPS
    # dy = -1: the pair with its antidots exchanged, a copy of which has dy = 1
    orbits[:, 2] = np.abs(orbits[:, 2])
    moved = geometry.canonical(geometry.placement(orbits, device), device)
    kept = [moved[0], *(pair for pair in moved[1:] if geometry.in_dataset(pair, device))]
    return np.stack(list({pair.tobytes(): pair for pair in kept}.values()))


def placements(antidots, device):
    """All pairs of the wire that share the curve of a pair (2, 2) at V = 0: its inversions, each at
    every place along y that the hard-disc rule allows; int (N, 2, 2), none twice."""
    (copies, dy), r = geometry.orbit_copies(antidots, device), geometry.clearance(device)
    return np.array(
        [
            [[x1, y], [x2, y + dy]]
            for x1, x2 in np.unique(copies, axis=0)
            for y in range(r, device.length - r - int(dy))
        ]
    )
