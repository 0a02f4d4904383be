"""Wires of which a network has seen no curve and no image: the first of the test list of its own
split, simulated."""

from typing import NamedTuple

import numpy as np

from qfp.data.dataset import configurations_of
from qfp.data.simulate import simulate


class Wires(NamedTuple):
    """Some configurations of a dataset under one potential, with their exact curves and images."""

    numbers: list  # (B,) which configurations of the dataset
    antidots: np.ndarray  # (B, 2, 2) int
    curves: np.ndarray  # (B, F) [e^2/h]
    ldos: np.ndarray  # (B, L, W) [1/t] float32

    def part(self, some):
        """Those of a slice."""
        return Wires(*(values[some] for values in self))


def wires(trained, number, potential=0):
    """Wires of the first `number` test configurations of a Config, under one potential (seed)."""
    numbers = configurations_of(trained, "test")[:number]
    pairs = simulate(trained, numbers, potentials=(potential,))
    ldos = pairs.ldos[0].astype(np.float32)
    return Wires(numbers, pairs.antidots.astype(int), pairs.conductance[0], ldos)


def described(trained, numbers):
    """How many configurations a Config has, and how many of those with `numbers` it was trained on:
    a line."""
    seen = set(configurations_of(trained, "train"))
    return (
        f"{trained.dataset.configurations} configurations, {len(seen)} in training; simulated "
        f"here: {len(numbers)}, of which {len(seen & set(numbers))} in training"
    )
