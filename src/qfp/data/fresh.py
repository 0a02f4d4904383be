"""Wires that each have a random potential of their own, which no dataset and no fit has seen."""

import numpy as np

from qfp.data.dataset import configurations_of
from qfp.physics import geometry
from qfp.physics.rows import Rows
from qfp.physics.wire import random_potential
from qfp.tools import digest, kept_arrays, progress_bar, stream

# seed of the first potential of a part
FIRST = {
    "dev": 1_000_000,
    "test": 2_000_000,
    "limits": 3_000_000,
    "rivals": 4_000_000,
    "measured": 5_000_000,
    "thermal": 6_000_000,
    "further": 7_000_000,  # trained on
}
BLOCK = 50  # wires of one file


def seeds_of(part, number):
    """Seeds (B,) of the potentials of the first wires of a part: one of FIRST."""
    return FIRST[part] + np.arange(number)


def numbers(config, part, number):
    """Configurations (B,) of a part of a preset's split, in random order, each once."""
    own = np.array(configurations_of(config, part))
    return own[stream("fresh " + part).permutation(len(own))[:number]]


def rows_of(config, part, number):
    """Rows (B, 2) of (seed of its own potential, configuration) of a part's first wires. Noise is a
    function of such a row, as of the dataset's (potential, configuration)."""
    chosen = numbers(config, part, number)
    return np.stack([seeds_of(part, len(chosen)), chosen], axis=1)


def curve(device, antidots, seed):
    """Exact curve (F,) [e^2/h] of antidots (2, 2) under the potential of a seed; to 1e-5 e^2/h."""
    rows = Rows(device, geometry.removed_mask(antidots, device))
    return rows.conductance(random_potential(int(seed), device))


def image(device, antidots, seed):
    """Exact LDOS (L, W) [1/t] at b = 0 of antidots (2, 2) under the potential of a seed."""
    rows = Rows(device, geometry.removed_mask(antidots, device), fields=device.fields[:1])
    return rows.ldos(random_potential(int(seed), device))[0]


def simulated(device, antidots, seeds, folder, title="fresh potentials"):
    """Exact curves (B, F) [e^2/h] and LDOS (B, L, W) [1/t] of antidots (B, 2, 2), each under the
    potential of its own seed (B,), kept in `folder` in blocks: half a second of one core each."""
    antidots, seeds = np.asarray(antidots, int), np.asarray(seeds)
    found = []
    for start in progress_bar(range(0, len(antidots), BLOCK), desc=title, unit="block"):
        own = [
            (a, s) for a, s in zip(antidots[start : start + BLOCK], seeds[start : start + BLOCK])
        ]

        def make(own=own):
            return {
                "curves": np.stack([curve(device, *wire) for wire in own]),
                "ldos": np.stack([image(device, *wire) for wire in own]).astype(np.float32),
            }

        name = digest(device, [[a.tolist(), int(s)] for a, s in own])[:16]
        found.append(kept_arrays(folder / f"fresh-{name}.npz", make))
    return tuple(np.concatenate([part[name] for part in found]) for name in ("curves", "ldos"))
