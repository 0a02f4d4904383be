"""Exact pairs, curves and images in memory, of configurations that one asks for."""

import dataclasses

import numpy as np

from qfp.data import dataset, numbers
from qfp.physics import green, thermal
from qfp.physics.sweep import curves_at, images_of
from qfp.physics.wire import random_potential
from qfp.tools import digest, kept, progress_bar


def simulate(config, indices=None, potentials=(0,), images=True, progress=False):
    """Exact pairs of curve and image in memory.

    Source: Sec. III.

    Parameters
    ----------
    config : Config
    indices : array, int (N,), optional
        Of the configurations that the preset's dataset holds; None is all of them.
    potentials : sequence of int
        Seeds of random potentials.
    images : bool
        Whether LDOS images are computed.
    progress : bool
        Whether a progress bar is shown.

    Returns
    -------
    Pairs
        As `load_dataset` gives them.

    Examples
    --------
    >>> config = qfp.load_preset("smoke", device={"field_points": 3})
    >>> pairs = qfp.simulate(config, [0, 5], potentials=(0, 1))
    >>> pairs.conductance.shape, pairs.ldos.shape
    ((2, 2, 3), (2, 2, 60, 50))
    """
    device = config.device
    orbits, antidots = dataset.choose(config)
    if indices is not None:
        orbits, antidots = orbits[indices], antidots[indices]
    G = np.empty((len(potentials), len(antidots), device.field_points), np.float32)
    for f, b in enumerate(
        progress_bar(device.fields, desc="fields", unit="field", disable=not progress)
    ):
        for p, seed in enumerate(potentials):
            G[p, :, f] = numbers.curves_at(device, antidots, seed, b)
    shape = (len(potentials), len(antidots) if images else 0, device.length, device.width)
    pictures = np.empty(shape, np.float16)
    if images:
        for p, seed in enumerate(potentials):
            pictures[p] = numbers.images_of(device, antidots, seed)
    V = np.stack([random_potential(seed, device) for seed in potentials])
    sha = digest(device, antidots.tolist(), list(potentials))
    return dataset.Pairs(antidots, orbits, V, device.fields, G, pictures, device, sha)


def curves(device, antidots, seed, fields=None):
    """Exact curves (..., F) [e^2/h] of pairs of antidots (..., 2, 2) under one potential (seed, or
    None: V = 0), at the device's fields or others (F,) [rad/plaquette]; of any other number of
    antidots (..., K, 2) at V = 0 and the device's fields."""
    antidots = np.asarray(antidots)
    flat, fields = (
        antidots.reshape(-1, *antidots.shape[-2:]),
        device.fields if fields is None else fields,
    )
    if flat.shape[1] != 2:
        return green.clean_curves(device, flat).reshape(*antidots.shape[:-2], len(fields))
    if not len(flat):
        return np.empty((*antidots.shape[:-2], len(fields)))
    found = np.stack([curves_at(device, flat, seed, b) for b in fields], axis=-1)
    return found.reshape(*antidots.shape[:-2], len(fields))


def simulated(device, antidots, seed, folder):
    """Exact curves (N, F) float32 [e^2/h] of antidots (N, K, 2) under one potential (seed, or None:
    V = 0), kept in `folder`, of each energy. All 16,170 at 64 fields take a minute of one core."""
    if isinstance(device, thermal.Ensemble):
        return thermal.average(device, lambda own: simulated(own, antidots, seed, folder))
    if seed is None:  # devices that differ by their potential share these curves
        device = dataclasses.replace(device, amplitude=0.0)

    def compute():
        title = "V = 0" if seed is None else f"potential {seed}"
        fields = progress_bar(device.fields, desc=title, unit="field")
        return curves(device, antidots, seed, fields).astype(np.float32)

    return kept(folder / f"curves-{digest(device, antidots.tolist(), seed)[:16]}.npy", compute)


def pictures(device, antidots, seeds):
    """Exact LDOS (B, L, W) [1/t] of antidots (B, 2, 2), each under the potential of its own seed
    (B,); -1: V = 0."""
    seeds = np.asarray(seeds)
    images = np.empty((len(antidots), device.length, device.width), np.float32)
    for seed in np.unique(seeds):
        images[seeds == seed] = images_of(
            device, antidots[seeds == seed], None if seed < 0 else int(seed)
        )
    return images
