"""How a solve grows with the width of the wire, ours and Kwant's."""

import dataclasses

import numpy as np

from qfp.physics import geometry, sweep, wire
from qfp.physics.leads import lead_modes
from qfp.studies.speed.solves import kwant, seconds
from qfp.tools import stream

PAIRS = 16000  # about as many are timed where a wire has more


def scaled(device, width):
    """The device with another width and the same shape."""
    return dataclasses.replace(device, width=width, length=width * device.length // device.width)


def whole_groups(antidots, width):
    """About PAIRS of antidots (N, 2, 2): all partners of some first ones, which share a solve."""
    first, partners = np.unique(antidots[:, 0], axis=0, return_inverse=True)
    number = max(1, len(first) * PAIRS // max(len(antidots), PAIRS))
    few = stream("bench width", width).permutation(len(first))[:number]
    return antidots[np.isin(partners, few)]


def of_width(device, solver, solves):
    """ms of a Kwant solve, of our pair and of the pristine wire, for one device."""
    _, antidots = geometry.configurations(device)
    total, few = len(antidots), whole_groups(antidots, device.width)
    fast, V = sweep.Sweep(device, few), wire.random_potential(0, device)
    b = float(device.fields[len(device.fields) // 2])
    leads = lead_modes(device, b)
    pristine, _ = seconds(lambda: fast.pristine(b, V, leads), 3)
    whole, _ = seconds(lambda: fast.conductance(b, V, leads), 3)
    exact = np.median([c[0] for c in kwant(device, few, solver, solves, 2)[0]])
    pair = (whole - pristine) / len(few)
    return {
        "width": device.width,
        "length": device.length,
        "configurations": total,
        "kwant_ms": 1e3 * exact,
        "pair_ms": 1e3 * pair,
        "pristine_ms": 1e3 * pristine,
        "ratio": exact / (pair + pristine / total),
    }


def growth(device, solver, widths, solves):
    """Worker: `of_width` for wires of several widths and the same shape."""
    return [of_width(scaled(device, width), solver, solves) for width in widths]
