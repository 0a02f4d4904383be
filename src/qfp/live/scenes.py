"""Scenes by which the browser's solver is judged: one to six antidots of many kinds, seeded."""

import numpy as np
import torch

from qfp.physics import geometry, green
from qfp.tools import stream

RADII = (  # of the antidots of each scene; of the first ones the wire's own are taken
    *[None] * 8,
    (3, 6),
    (4.5, 7),
    (2, 5),
    (1, 1.5),
    (5,),
    (8,),
    (5, 4, 3),
    (3, 3, 3, 3),
    (2, 3, 4, 2.5, 1),
    (6, 5, 4, 2, 1, 3),
)
OVERLAPPING = 2  # scenes of two discs that share sites, at the end


def draw(device, radii, rng):
    """Centres (K, 2) of discs of these radii anywhere in the wire; they may overlap."""
    reach = np.floor(radii).astype(int)
    low = np.stack([reach, reach + 1], axis=1)
    high = np.stack([device.width - reach, device.length - 1 - reach], axis=1)
    return rng.integers(low, high)


def scenes(device, seed=0):
    """Scenes (antidots (K, 2), radii (K,)), 20 of them, a pure function of device and seed."""
    rng, r = stream("live scenes", seed), device.radius
    found = [(draw(device, radii or (r, r), rng), list(radii or (r, r))) for radii in RADII]
    while len(found) < len(RADII) + OVERLAPPING:
        pair = draw(device, (r, r), rng)
        if 0 < np.hypot(*(pair[1] - pair[0])) < 2 * r - 1:
            found.append((pair, [r, r]))
    return found


def exact(device, antidots, radii, field=0):
    """Curve (F,) [e^2/h], and LDOS (L, W) [1/t] at a field of the sweep, by qfp.physics."""
    mask = geometry.with_pockets(geometry.removed_mask(antidots, device, radii))
    curve = green.solve_mask(device, mask)[0]
    wire = green.clean_wire_cached(device, float(device.fields[field]))
    ring, removed = (torch.as_tensor(v) for v in (geometry.ring(mask), mask))
    return curve, green.ldos(wire, ring, removed).numpy()
