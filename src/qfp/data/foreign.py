"""Curves that no wire of the dataset gives: what an honest decoder should refuse, beside what it
must not refuse.

Every family is a pure function of its name and the seed. Simulated ones are exact, under potentials
of the dataset unless the family changes that; the others are made from curves that are handed in.
"""

import dataclasses

import numpy as np
import torch

from qfp import tools
from qfp.data import simulate
from qfp.physics import geometry, green
from qfp.physics.wire import random_potential
from qfp.tools import as_dict, digest, stream

POTENTIALS = (0, 1)  # seeds, of the dataset's own, under which simulated families are computed
UNSEEN = (5, 6)  # seeds of potentials that no training file holds
# families of two antidots: what is changed of the device, and the seeds of the potentials (None: V
# = 0)
WIRES = {
    "unseen": ({}, UNSEEN),
    "zero": ({}, (None,)),
    "energy_0.40": ({"energy": 0.40}, POTENTIALS),
    "energy_0.49": ({"energy": 0.49}, POTENTIALS),
    "energy_0.60": ({"energy": 0.60}, POTENTIALS),
    "potential_x2": ({"amplitude": 2}, POTENTIALS),
    "potential_x4": ({"amplitude": 4}, POTENTIALS),
    "radius_4": ({"radius": 4}, POTENTIALS),
    "radius_6": ({"radius": 6}, POTENTIALS),
}
NUMBERS = {"one_antidot": 1, "three_antidots": 3}
FAMILIES = {
    "unseen": "two antidots under a potential of the trained strength that no training file holds: "
    "genuine",
    "zero": "two antidots, V = 0: genuine, a limit of the training data",
    "one_antidot": "one antidot of the same radius",
    "three_antidots": "three antidots of the same radius that keep the distance of the dataset's "
    "rule",
    "energy_0.40": "another energy, 0.40 t in place of 0.50 t",
    "energy_0.49": "another energy, 0.49 t",
    "energy_0.60": "another energy, 0.60 t",
    "potential_x2": "a random potential twice as strong",
    "potential_x4": "a random potential four times as strong",
    "radius_4": "two antidots of radius 4 in place of 5",
    "radius_6": "two antidots of radius 6",
    "shuffled": "the points of a genuine curve in random order",
    "halves": "the first half of a genuine curve, the second half of another's",
    "line": "a straight line; its ends lie between the smallest and the largest training value of "
    "the end points",
    "noise_0.02": "a genuine curve with white noise of 0.02 e^2/h that is not declared",
    "noise_0.05": "a genuine curve with white noise of 0.05 e^2/h that is not declared",
    "noise_0.10": "a genuine curve with white noise of 0.1 e^2/h that is not declared",
}
LABELS = {  # for figures
    "unseen": "genuine, unseen potential",
    "zero": "genuine, V = 0",
    "one_antidot": "one antidot",
    "three_antidots": "three antidots",
    "energy_0.40": "energy 0.40 t",
    "energy_0.49": "energy 0.49 t",
    "energy_0.60": "energy 0.60 t",
    "potential_x2": "potential × 2",
    "potential_x4": "potential × 4",
    "radius_4": "radius 4",
    "radius_6": "radius 6",
    "shuffled": "points shuffled",
    "halves": "halves of two curves",
    "line": "straight line",
    "noise_0.02": "noise 0.02 e²/h",
    "noise_0.05": "noise 0.05 e²/h",
    "noise_0.10": "noise 0.1 e²/h",
}
GENUINE = ("unseen", "zero")  # a flag is a false alarm
SLIGHT = ("noise_0.02",)  # neither: the answer is still good, yet training had no noise


def curves(name, device, number, seed, given, folder):
    """Curves (number, F) [e^2/h] of one of FAMILIES.

    given: {'curves': (M, F) genuine curves to alter, 'low', 'high': (F,) range of training curves};
    folder: where simulated curves are kept. Of altered curves there are at most M."""
    rng = stream(f"foreign {name}", seed)
    if name in WIRES:
        change, seeds = WIRES[name]
        change = change | (
            {"amplitude": change["amplitude"] * device.amplitude} if "amplitude" in change else {}
        )
        return _two(dataclasses.replace(device, **change), number, rng, seeds, folder)
    if name in NUMBERS:
        return _many(device, NUMBERS[name], number, rng, folder)
    known = np.asarray(given["curves"], float)[:number]
    if name == "shuffled":
        return rng.permuted(known, axis=1)
    if name == "halves":  # neighbours in an order that is random
        half = known.shape[1] // 2
        return np.concatenate([known[:, :half], np.roll(known, 1, axis=0)[:, half:]], axis=1)
    if name == "line":
        first, last = (rng.uniform(given["low"][k], given["high"][k], number) for k in (0, -1))
        return first[:, None] + (last - first)[:, None] * np.linspace(0, 1, known.shape[1])
    return known + float(name.removeprefix("noise_")) * rng.standard_normal(known.shape)


def _two(device, number, rng, seeds, folder):
    """Exact curves of random pairs, a share of them under each of the potentials."""
    antidots = geometry.configurations(device)[1]
    antidots = antidots[rng.permutation(len(antidots))[:number]]
    found = np.empty((number, device.field_points))
    for k, seed in enumerate(seeds):
        found[k :: len(seeds)] = simulate.simulated(device, antidots[k :: len(seeds)], seed, folder)
    return found


def _many(device, count, number, rng, folder):
    """Exact curves of `count` antidots at random allowed places, some under each of POTENTIALS."""
    r = geometry.clearance(device)
    places = []
    while len(places) < number:
        centres = np.stack(
            [rng.integers(r, size - r, count) for size in (device.width, device.length)], axis=-1
        )
        if geometry.apart(centres, device):
            places.append(centres)
    rings = torch.as_tensor(geometry.rings(np.array(places), device))

    def simulate(chosen, seed):
        G, V = np.empty((len(chosen), device.field_points)), random_potential(seed, device)
        for f, b in enumerate(device.fields):
            G[:, f] = green.conductance(green.wire(device, float(b), V), chosen)
        return G

    found = np.empty((number, device.field_points))
    for k, seed in enumerate(POTENTIALS):
        part = slice(k, None, len(POTENTIALS))
        name = f"antidots-{digest(as_dict(device), np.array(places)[part].tolist(), seed)[:16]}.npy"
        found[part] = tools.kept(
            folder / name, lambda part=part, seed=seed: simulate(rings[part], seed)
        )
    return found
