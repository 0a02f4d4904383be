"""Holes of several shapes, on which the exact solver is shown and held against Kwant."""

import numpy as np
import scipy.ndimage

from qfp.physics import geometry
from qfp.tools import stream

REACH = np.arange(-13, 15)  # sites about the middle of the wire that a picture shows


def middle(wire):
    """The site (x, y) in the middle of the wire."""
    return np.array([(wire.width - 1) // 2, (wire.length - 1) // 2])


def two(wire):
    """Two antidots of the dataset's kind, near each other, bool (L, W)."""
    return geometry.removed_mask(middle(wire) + [[-6, -6], [6, 6]], wire)


def overlapping(wire):
    """Two antidots of unequal radii that overlap, bool (L, W)."""
    r = int(wire.radius)
    return geometry.removed_mask(middle(wire) + [[-4, -2], [4, 3]], wire, [r + 2, r - 1])


def odd(wire, seed):
    """A hole with outcrops and islands: smooth noise above a level, within 11 sites of the middle,
    bool (L, W)."""
    shape, (x0, y0) = (wire.length, wire.width), middle(wire)
    noise = scipy.ndimage.gaussian_filter(stream("notebook 07", seed).normal(size=shape), 2.2)
    y, x = np.indices(shape)
    return (noise > -0.05) & (np.hypot(x - x0, y - y0) < 11)


def scattered(wire, seed):
    """One site in ten, taken at random, end rows whole, bool (L, W)."""
    chosen = stream("notebook 07, sites", seed).random((wire.length, wire.width)) < 0.1
    chosen[[0, -1]] = False
    return chosen


def window(wire, mask):
    """Removed sites, ring and neighbours outside of a hole (L, W), near the middle of the wire:
    three masks of one square of REACH."""
    ring = np.zeros(mask.shape, bool)
    ring.flat[geometry.ring(mask)] = True
    beside = scipy.ndimage.binary_dilation(mask) & ~mask
    x, y = middle(wire)
    view = np.ix_(REACH + y, REACH + x)
    return mask[view], ring[view], beside[view]


def pictured(wire, seed):
    """What the update needs of three shapes: {title: masks as `window` gives them}."""
    shapes = {
        "(a) two antidots": two(wire),
        "(b) overlapping, unequal": overlapping(wire),
        "(c) any shape": odd(wire, seed),
    }
    shapes = {name: geometry.with_pockets(mask) for name, mask in shapes.items()}
    return {
        f"{name}\n{mask.sum()} removed, ring of {len(geometry.ring(mask))}": window(wire, mask)
        for name, mask in shapes.items()
    }


def tested(wire, pair, seed):
    """Shapes that are held against Kwant, {name: bool (L, W)}; pair (2, 2): antidots (x, y)."""
    return {
        "pair": geometry.removed_mask(pair, wire),
        "overlap": overlapping(wire),
        "odd": odd(wire, seed),
        "scattered": scattered(wire, seed),
    }
