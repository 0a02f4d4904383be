"""The restricted configurations of the earlier work: one antidot fixed, the other below it."""

import numpy as np

from qfp.data import dataset, simulate
from qfp.decoding import positions
from qfp.physics import geometry, sweep
from qfp.physics.wire import random_potential
from qfp.tools import SettingsError, digest


def restricted_antidots(device, upper):
    """Antidots (N, 2, 2): the upper one at `upper` (x, y), the lower anywhere that the hard-disc
    rule allows below it.

    As they stand, not in the canonical placement: the upper antidot of every image is in the same
    place."""
    centres, compatible = positions.allowed(device)
    fixed = np.flatnonzero((centres == upper).all(axis=1))
    if not len(fixed):
        raise SettingsError(
            f"restricted: upper {list(upper)} is no place that the wire allows an antidot's centre"
        )
    lower = centres[compatible[fixed[0]] & (centres[:, 1] < upper[1])]
    return np.stack([lower, np.broadcast_to(upper, lower.shape)], axis=1)


def restricted_pairs(device, settings, folder):
    """Pairs of the restricted configurations, from the exact solver; curves stay in `folder`."""
    antidots, seeds = restricted_antidots(device, settings.upper), range(settings.potentials)
    G = np.stack([simulate.simulated(device, antidots, seed, folder) for seed in seeds])
    images = np.stack(
        [sweep.images_of(device, antidots, seed).astype(np.float16) for seed in seeds]
    )
    V = np.stack([random_potential(seed, device) for seed in seeds])
    return dataset.Pairs(
        antidots,
        geometry.orbit(antidots, device),
        V,
        device.fields,
        G,
        images,
        device,
        digest(device, antidots.tolist(), list(seeds)),
    )
