"""Wires that a network has never seen: the first of the test list of its own split, simulated."""

from typing import NamedTuple

import numpy as np

from qfp.data import dataset
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


def parts(trained):
    """{'train', 'dev', 'test'}: rows (M, 2) of (potential, configuration), the split of a Config's
    own data."""
    own = trained.dataset
    return dataset.split(own.configurations, own.potentials, trained.training.split, trained.seed)


def first(trained, part, number):
    """The first `number` configurations of a part of a Config's split, in the split's order; list
    of int."""
    return list(dict.fromkeys(parts(trained)[part][:, 1].tolist()))[:number]


def wires(trained, number, potential=0):
    """Wires of the first `number` test configurations of a Config, under one potential (seed)."""
    numbers = first(trained, "test", number)
    pairs = simulate(trained, numbers, potentials=(potential,))
    ldos = pairs.ldos[0].astype(np.float32)
    return Wires(numbers, pairs.antidots.astype(int), pairs.conductance[0], ldos)


def described(trained, numbers):
    """How many configurations a Config has, and how many of those with `numbers` it was trained on:
    a line."""
    seen = set(parts(trained)["train"][:, 1].tolist())
    return (
        f"{trained.dataset.configurations} configurations, {len(seen)} in training; simulated "
        f"here: {len(numbers)}, of which {len(seen & set(numbers))} in training"
    )
