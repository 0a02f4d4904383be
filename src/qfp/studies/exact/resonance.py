"""Where the update could fail: a level of the sites behind the ring meets the energy.

Removed sites that the ring isolates have levels of their own. Where the energy is one of them,
G0[D,D] on the ring D is singular. Factorised, its equation is solved all the same, for the singular
direction has no weight outside the ring; an explicit inverse loses its digits.
"""

from typing import NamedTuple

import numpy as np
import torch

from qfp.physics import geometry, green, kwant_model
from qfp.physics.leads import hoppings, row_hamiltonian
from qfp.studies.exact.shapes import middle
from qfp.tools import SettingsError

WAYS = {  # how (G0[D,D])^-1 is applied: precision, and whether it is inverted explicitly
    "factorised, double": (torch.complex128, False),
    "factorised, single": (torch.complex64, False),
    "inverted, double": (torch.complex128, True),
    "inverted, single": (torch.complex64, True),
}
NEAREST, FARTHEST = 1e-15, 3e-3  # distances from the crossing [rad/plaquette]


class Approach(NamedTuple):
    """What is found on approaching the field b* of a crossing from both sides."""

    fields: np.ndarray  # (F,) rising, those of the sweep and those near b* [rad/plaquette]
    singular: np.ndarray  # (2, F) smallest singular value of the rings of two holes [1/t]
    distance: np.ndarray  # (K,) |b - b*| [rad/plaquette]
    error: dict  # {name of WAYS: (K,)} of the conductance [e^2/h]
    reference: list  # errors of the reference against Kwant, at some of the fields [e^2/h]

    def worst(self, way):
        """Largest error of one of WAYS [e^2/h]."""
        return max(self.error[way])


def two_holes(wire, radius):
    """Two antidots of a radius, bool (L, W), at places that depend on the wire's own radius."""
    apart = int(wire.radius) + 4
    return geometry.removed_mask(middle(wire) + [[-apart, -9], [apart, 9]], wire, [radius] * 2)


def levels_below(wire, mask, b):
    """Number of levels of the isolated sites of a hole (L, W) below the energy, at field b."""
    isolated = np.setdiff1d(np.flatnonzero(mask), geometry.ring(mask))
    y, x = np.divmod(isolated, wire.width)
    across = row_hamiltonian(wire, torch.zeros(wire.width, dtype=torch.float64)).numpy()  # (W, W)
    upward = np.diag(hoppings(wire, b, "cpu").numpy())  # (W, W), from y to y + 1
    row, column = np.ix_(x, x)
    dy = y[:, None] - y
    H = (dy == 0) * across[row, column] + (dy == 1) * upward[row, column]
    H = H + (dy == -1) * upward[row, column].conj()
    return int((np.linalg.eigvalsh(H) < wire.energy).sum())


def crossing(wire, mask):
    """First field b* [rad/plaquette] of the sweep at which a level of the isolated sites crosses
    the energy, to the last digit. Raises SettingsError where none does."""
    counts = np.array([levels_below(wire, mask, b) for b in wire.fields])
    steps = np.flatnonzero(np.diff(counts))
    if not len(steps):
        raise SettingsError(
            "no level crosses the energy in this sweep: this section needs another radius or energy"
        )
    low, high = wire.fields[steps[0] : steps[0] + 2]
    while low < (centre := (low + high) / 2) < high:
        below = levels_below(wire, mask, centre) == counts[steps[0]]
        low, high = (centre, high) if below else (low, centre)
    return centre


def smallest(w, ring):
    """Smallest singular value of G0[ring, ring] [1/t], ring (R,)."""
    return torch.linalg.svdvals(w.between(ring[:, None], ring[None, :]))[-1].item()


def conductance_by(w, D, dtype, invert):
    """G [e^2/h] with the sites D (R,) removed, in some precision, by an explicit inverse or by a
    factorisation."""
    parts = w.between(D[:, None], D[None, :]), w.psi[0][D], w.out[:, D], w.t0
    g, psi, out, t0 = (part.to(dtype) for part in parts)
    X = torch.linalg.inv_ex(g)[0] @ psi if invert else torch.linalg.solve_ex(g, psi)[0]
    return (t0 - out @ X).abs().square().double().sum().item()


def approach(wire, holes, centre, number):
    """Approach to the crossing `centre` of the second of two holes (L, W), by `number` fields on
    each side, at V = 0.

    The reference is the update with all removed sites: nothing is isolated then."""
    removed = torch.as_tensor(np.flatnonzero(holes[1]))
    rings = [torch.as_tensor(geometry.ring(mask)) for mask in holes]
    distance = np.tile(np.geomspace(NEAREST, FARTHEST, number), 2)
    error, reference, singular = {name: [] for name in WAYS}, [], []
    system = kwant_model.build(wire, holes[1])
    for k, b in enumerate(centre + np.repeat([-1, 1], number) * distance):
        w = green.clean_wire(wire, float(b))
        singular.append((float(b), *(smallest(w, ring) for ring in rings)))
        exact = conductance_by(w, removed, torch.complex128, False)
        if k % (number // 3) == 0:
            reference.append(abs(kwant_model.conductance(system, wire, b) - exact))
        for name, way in WAYS.items():
            error[name].append(abs(conductance_by(w, rings[1], *way) - exact))
    for b in wire.fields[:: 1 if number > 8 else 8]:
        w = green.clean_wire(wire, float(b))
        singular.append((float(b), *(smallest(w, ring) for ring in rings)))
    fields, *singular = np.array(sorted(singular)).T
    return Approach(fields, np.array(singular), distance, error, reference)


def told(near, radii):
    """What an Approach says of two holes of these radii, as text: bounds only."""
    (small, large), worst = near.singular, near.worst
    return (
        f"reference against Kwant at {len(near.reference)} fields: |ΔG| below 1e-9 e²/h: "
        f"{max(near.reference) < 1e-9}\n"
        f"smallest singular value, radius {radii[0]}: above 0.01 1/t: {small.min() > 0.01}; "
        f"radius {radii[1]}: below 1e-12 1/t: {large.min() < 1e-12}\n"
        f"factorised: |ΔG| below 1e-10 e²/h in double: {worst('factorised, double') < 1e-10}, "
        f"below 1e-4 in single precision: {worst('factorised, single') < 1e-4}\n"
        f"inverted: |ΔG| above 1e-5 e²/h in double: {worst('inverted, double') > 1e-5}, "
        f"above 1 in single precision: {worst('inverted, single') > 1}"
    )
