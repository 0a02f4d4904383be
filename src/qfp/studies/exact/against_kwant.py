"""The exact solver against Kwant: wires with holes of any shape, and all configurations at once."""

import numpy as np
import torch

from qfp.physics import geometry, green, kwant_model, sweep
from qfp.physics.wire import random_potential
from qfp.tools import stream

PAIRS = 4  # configurations of a whole field that Kwant solves, too


def unitarity(wire, ring, V, fields):
    """Largest entry of |S^dagger S - 1| over fields (F,), the ring (R,) removed, under a potential
    V (L, W) [t]."""
    rows = [0, wire.length - 1, *(ring // wire.width).tolist()]
    found = []
    for b in fields:
        w = green.wire(wire, float(b), V, rows=rows, columns=rows)
        S = green.smatrix(w, ring)  # (2n, 2n)
        found.append((S.mH @ S - torch.eye(len(S))).abs().max().item())
    return max(found)


def differences(wire, mask, V, fields):
    """What separates our solution from Kwant's, holes (L, W), potential V (L, W) [t], fields (F,).

    Returns a dict: sites of the ring, and the largest difference of G [e^2/h] over the fields, of
    LDOS [1/t] at b = 0 over the sites outside, and of S^dagger S from 1."""
    G, _, image = green.solve_mask(wire, mask, V, fields, image=True)
    system = kwant_model.build(wire, mask, V)
    whole = geometry.with_pockets(mask)
    ring = torch.as_tensor(geometry.ring(whole))
    exact = [kwant_model.conductance(system, wire, b) for b in fields]
    return {
        "sites": len(ring),
        "G": np.abs(G - exact).max(),
        "LDOS": np.abs(kwant_model.ldos(system, wire) - image)[~whole].max(),
        "S": unitarity(wire, ring, V, fields),
    }


def of_shapes(wire, shapes):
    """`differences` of shapes {name: bool (L, W)}, each under a random potential of its own, at the
    first, the middle and the last field."""
    fields = wire.fields[[0, len(wire.fields) // 2, -1]]
    return {
        name: differences(wire, mask, random_potential(k, wire), fields)
        for k, (name, mask) in enumerate(shapes.items())
    }


def of_all(wire, antidots, b, seed):
    """All configurations (N, 2, 2) at one field under potential 0: the largest |dG| [e^2/h] of
    PAIRS of them against Kwant, and of all in single against double precision."""
    double, single = (
        sweep.curves_at(wire, antidots, 0, b, dtype)
        for dtype in (torch.complex128, torch.complex64)
    )
    V, found = random_potential(0, wire), []
    for n in stream("notebook 07, pairs", seed).choice(len(antidots), PAIRS, replace=False):
        system = kwant_model.build(wire, geometry.removed_mask(antidots[n], wire), V)
        found.append(abs(double[n] - kwant_model.conductance(system, wire, b)))
    return max(found), np.abs(single - double).max()


def told(shapes, number, many, single):
    """What `of_shapes` and `of_all`, of `number` configurations, found, as text: bounds only, for
    rounding differs from one processor to another."""
    lines = [
        f"{name:9s} ring of {e['sites']:3d}; below 1e-10: |ΔG| {e['G'] < 1e-10}, |ΔLDOS| "
        f"{e['LDOS'] < 1e-10}, |S†S - 1| {e['S'] < 1e-10}"
        for name, e in shapes.items()
    ]
    lines += [
        f"{number} configurations at one field, {PAIRS} of them by Kwant: |ΔG| below 1e-10 e²/h: "
        f"{many < 1e-10}",
        "the same in single precision, all against double: |ΔG| below 1e-4 e²/h: "
        f"{single < 1e-4}, below 1e-8: {single < 1e-8}",
    ]
    return "\n".join(lines)
