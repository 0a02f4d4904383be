"""Configurations of any number of antidots, side by side in one array (N, K, 2).

Rows of fewer than K antidots end in NONE. All are drawn as hard discs, each a pure function of the
settings' seed and its index; what they give is computed number by number.
"""

import numpy as np
import torch

from qfp.physics import geometry, green, sweep
from qfp.physics.leads import leads_cached
from qfp.physics.wire import random_potential
from qfp.tools import stream

NONE = -1  # both coordinates where a row has no more antidots
TEXTS = {  # what arrays of a file hold
    "antidots": f"centres (x, y), lower ones first, canonical placement; then {NONE}",
    "orbit": f"x1, ..., y2 - y1, ...: modulo translation along y and two inversions; then {NONE}",
}


def drawn(config, indices=None):
    """Orbits (N, 2 K - 1) and antidots (N, K, 2), int16, canonical, of the dataset of a config, or
    of other indices than its own: n has a number of antidots drawn from `dataset.antidots`.
    SettingsError where no place for so many is found."""
    device, own = config.device, config.dataset
    indices = np.arange(own.configurations) if indices is None else indices
    number = [
        own.antidots[int(stream("number of antidots", config.seed, n).integers(len(own.antidots)))]
        for n in indices.tolist()
    ]
    most = max(own.antidots)
    orbits = np.full((len(number), 2 * most - 1), NONE, np.int16)
    antidots = np.full((len(number), most, 2), NONE, np.int16)
    for K in set(own.antidots):
        rows = np.flatnonzero(np.equal(number, K))
        if len(rows):
            placed = [geometry.hard_discs(device, K, int(n), config.seed) for n in indices[rows]]
            orbits[rows, : 2 * K - 1] = names = geometry.orbit(np.stack(placed), device)
            antidots[rows, :K] = geometry.placement(names, device)
    return orbits, antidots


def counted(antidots):
    """Number (N,) of antidots of each row of antidots (N, K, 2)."""
    return (np.asarray(antidots)[..., 0] != NONE).sum(axis=-1)


def present(antidots):
    """Antidots (K, 2) of each row of (N, K', 2)."""
    return [own[:K] for own, K in zip(np.asarray(antidots), counted(antidots), strict=True)]


def groups(antidots):
    """Of each number K of antidots in (N, K', 2): rows (n,) and their antidots (n, K, 2)."""
    number = counted(antidots)
    for K in np.unique(number):
        rows = np.flatnonzero(number == K)
        yield rows, np.asarray(antidots)[rows, :K]


def removed_masks(antidots, device):
    """Removed sites (N, L, W) of antidots (N, K, 2)."""
    masks = np.zeros((len(antidots), device.length, device.width), dtype=bool)
    for rows, own in groups(antidots):
        masks[rows] = geometry.removed_masks(own, device)
    return masks


def curves_at(device, antidots, seed, b):
    """Conductances (N,) [e^2/h] of antidots (N, K, 2) under one potential (seed) at field b: pairs
    together (`sweep`), others each from the wire's Green's function between all sites."""
    found, wire = np.empty(len(antidots)), None
    for rows, own in groups(antidots):
        if own.shape[1] == 2:
            found[rows] = sweep.curves_at(device, own, seed, b)
            continue
        if wire is None:
            leads = leads_cached(device, float(b))
            wire = green.wire(device, float(b), random_potential(seed, device), leads)
        rings = torch.as_tensor(geometry.rings(own, device))
        found[rows] = green.conductance(wire, rings).numpy()
    return found


def images_of(device, antidots, seed):
    """LDOS (N, L, W) float32 [1/t] at b = 0 of antidots (N, K, 2) under one potential (seed)."""
    images = np.empty((len(antidots), device.length, device.width), np.float32)
    for rows, own in groups(antidots):
        images[rows] = sweep.images_of(device, own, seed)
    return images
