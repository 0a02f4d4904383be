"""Many configurations under one potential: curves and images of the learning dataset (Sec. III)."""

import numpy as np
import torch
from tqdm import tqdm

from . import dataset, geometry, green
from .config import digest
from .device import random_potential
from .leads import lead_modes


def curves_at(device, antidots, seed, b, leads=None, to="cpu"):
    """Conductances (N,) [e^2/h] of configurations under one potential (seed, or None: V = 0) at one field."""
    rings = torch.as_tensor(geometry.rings(antidots, device), device=to)
    if seed is None:
        w = green.clean_wire(device, b, to)
    else:
        w = green.wire(device, b, random_potential(seed, device), leads, to=to)
    return green.conductance(w, rings).cpu().numpy()


def images_of(device, antidots, seed, to="cpu"):
    """LDOS images (N, L, W) [1/t] of configurations under one potential (seed, or None: V = 0)."""
    rings, masks = (torch.as_tensor(of(antidots, device), device=to) for of in (geometry.rings, geometry.removed_masks))
    potential = np.zeros((device.length, device.width)) if seed is None else random_potential(seed, device)
    w = green.wire(device, 0.0, potential, to=to)
    return np.stack([green.ldos(w, ring, mask).cpu().numpy() for ring, mask in zip(rings, masks, strict=True)])


def simulate(config, indices=None, potentials=(0,), images=True, progress=False):
    """Pairs in memory for some configurations (indices into `dataset.choose(config)`) and potential seeds.

    64 fields cost about 10 s a potential on one core, however few the configurations."""
    device = config.device
    orbits, antidots = dataset.choose(config)
    if indices is not None:
        orbits, antidots = orbits[indices], antidots[indices]
    G = np.empty((len(potentials), len(antidots), device.field_points), np.float32)
    for f, b in enumerate(tqdm(device.fields, desc="fields", unit="field", disable=not progress)):
        leads = lead_modes(device, b)
        for p, seed in enumerate(potentials):
            G[p, :, f] = curves_at(device, antidots, seed, b, leads)
    shape = (len(potentials), len(antidots) if images else 0, device.length, device.width)
    pictures = np.empty(shape, np.float16)
    if images:
        for p, seed in enumerate(potentials):
            pictures[p] = images_of(device, antidots, seed)
    V = np.stack([random_potential(seed, device) for seed in potentials])
    sha = digest(device, antidots.tolist(), list(potentials))
    return dataset.Pairs(antidots, orbits, V, device.fields, G, pictures, device, sha)
