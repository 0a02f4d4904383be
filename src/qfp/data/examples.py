"""The example curves in notebooks/curves/: how each was made, as its first line says."""

import numpy as np

from qfp.data.measured import read_curve
from qfp.physics import green
from qfp.physics.wire import random_potential

MADE = {  # file: antidots, seed of the potential, standard deviation of the noise [e^2/h]
    "test": ([[22, 9], [27, 50]], 0, 0.0),
    "noisy": ([[7, 17], [38, 41]], 1, 0.05),
    "foreign": ([[15, 12], [35, 24], [20, 45]], 2, 0.0),
}
NOISE_SEED = 1


def made(name, device, points):
    """Conductance (K,) [e^2/h] of an example at some of a device's fields, indices (K,)."""
    antidots, potential, sigma = MADE[name]
    G = green.solve(device, antidots, random_potential(potential, device), device.fields[points])[0]
    noise = np.random.default_rng(NOISE_SEED).normal(0, sigma, device.field_points)
    return G + noise[points]


def check(folder, device, points=(0, 20, 40, 63)):
    """AssertionError where a file of a folder is not what MADE says, at some of the fields."""
    points = list(points)
    for name in MADE:
        found = read_curve(f"{folder}/{name}.csv", device).conductance[points]
        np.testing.assert_allclose(found, made(name, device, points), atol=1e-8)
