"""Pairs of antidots beside a pair, and pairs that share its curve (Sec. III)."""

import itertools

import numpy as np

from qfp.physics import geometry


def steps(number):
    """Steps of (x1, ..., xK, y2 - y1, ..., yK - y1) by at most one site, none first: of all at once
    for up to two antidots, else of one antidot at a time; int (M, 2 K - 1)."""
    if number <= 2:
        every = itertools.product((-1, 0, 1), repeat=2 * number - 1)
        return np.array(sorted(every, key=lambda step: sum(map(abs, step))))
    moves = np.array([move for move in itertools.product((-1, 0, 1), repeat=2) if any(move)])
    found = np.zeros((number, len(moves), 2 * number), int)
    for k in range(number):
        found[k][:, [k, number + k]] = moves
    found = found.reshape(-1, 2 * number)
    # a step of the lowest along y is one of all others back
    relative = np.concatenate([found[:, :number], found[:, number + 1 :] - found[:, [number]]], 1)
    return np.concatenate([np.zeros_like(relative[:1]), relative])


def neighbours(antidots, device):
    """Antidots (K, 2) and those of the dataset's rule that are at most a site from them, see
    `steps`: (M, K, 2), themselves first, canonical, none twice."""
    antidots = np.asarray(antidots, int)
    moved = geometry.orbit(antidots, device) + steps(len(antidots))
    placed = geometry.placement(moved, device)  # y2 - y1 = -1: exchanged, and ordered again
    placed = geometry.canonical(placed, device)
    kept = [placed[0], *(own for own in placed[1:] if geometry.in_dataset(own, device))]
    return np.stack(list({own.tobytes(): own for own in kept}.values()))


def placements(antidots, device):
    """All antidots of the wire that share the curve of antidots (K, 2) at V = 0: their inversions,
    each at every place along y that the hard-disc rule allows; int (N, K, 2), none twice."""
    r = geometry.clearance(device)
    return np.concatenate(
        [
            copy + [0, y]
            for copy in np.unique(geometry.inversions(antidots, device), axis=0)
            for y in range(r, device.length - r - int(copy[:, 1].max()))
        ]
    ).reshape(-1, *np.shape(antidots))
