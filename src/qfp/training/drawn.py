"""Extra curves of configurations that the dataset file does not have, of any number of antidots.

Images are dear, curves at V = 0 are not (`physics.discs`), and what potentials do to a curve is on
average known (`physics.response`): so a read-out of curves need not learn a file by heart.
"""

import numpy as np

from qfp.data import numbers
from qfp.inference import library
from qfp.physics import discs
from qfp.tools import digest, kept_arrays, progress_bar, project_root

BLOCK = 10_000  # configurations of one file


class Drawn:
    """Curves of drawn configurations, each time changed as by another typical potential.

    Attributes
    ----------
    antidots : ndarray (M, K, 2)
        As in `data.numbers`.
    curves : ndarray (M, F)
        [e^2/h], at V = 0.
    """

    def __init__(self, config, pairs, rows):
        """Without the configurations of a file's `pairs` that are not among its training `rows`."""
        first, own = config.dataset.configurations, config.training.curve_configurations
        orbits, antidots = numbers.drawn(config, np.arange(first, first + own))
        seen = np.zeros(len(pairs.orbit), bool)
        seen[rows[:, 1]] = True
        held_out = {one.tobytes() for one in pairs.orbit[~seen]}
        held_out -= {one.tobytes() for one in pairs.orbit[seen]}  # few are there of one antidot
        fit = [one.tobytes() not in held_out for one in orbits.astype(pairs.orbit.dtype)]
        self.antidots = antidots[fit]
        self.curves = simulated(config.device, self.antidots)
        self.number = numbers.counted(self.antidots)
        self.typical = {
            own.shape[1]: _typical(config.device, own[: library.TYPICAL].astype(int))
            for _, own in numbers.groups(self.antidots)
        }

    def __call__(self, rng, size):
        """Antidots (E, K, 2) and curves (E, F) [e^2/h] of some of them."""
        m = rng.integers(len(self.curves), size=size)
        curves = self.curves[m]
        change = rng.standard_normal(curves.shape, np.float32)
        for K, (shift, root) in self.typical.items():
            rows = self.number[m] == K
            curves[rows] += shift + change[rows] @ root
        return self.antidots[m], curves


def simulated(device, antidots):
    """Curves (M, F) float32 [e^2/h] at V = 0 of antidots (M, K, 2), kept in runs/curves."""
    curves = np.empty((len(antidots), device.field_points), np.float32)
    folder = project_root() / "runs" / "curves"
    for start in progress_bar(range(0, len(antidots), BLOCK), desc="drawn curves", unit="block"):
        block = antidots[start : start + BLOCK]

        def make(block=block):
            found = np.empty((len(block), device.field_points), np.float32)
            for rows, own in numbers.groups(block):
                found[rows] = discs.curves(device, own)
            return {"curves": found}

        name = digest(device, block.tolist())[:16]
        part = kept_arrays(folder / f"drawn-{name}.npz", make)
        curves[start : start + BLOCK] = part["curves"]
    return curves


def _typical(device, antidots):
    """Shift (F,) and root (F, F) of the covariance of typical changes, float32: z @ root has it."""

    def make():
        shift, covariance = library.typical(device, antidots)
        values, directions = np.linalg.eigh(library.semidefinite(covariance))
        root = np.sqrt(np.maximum(values, 0))[:, None] * directions.T
        return {"shift": shift.astype(np.float32), "root": root.astype(np.float32)}

    name = digest(device, antidots.tolist())[:16]
    kept = kept_arrays(project_root() / "runs" / "curves" / f"changes-{name}.npz", make)
    return kept["shift"], kept["root"]
