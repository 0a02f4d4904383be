"""Currents of bonds: against Kwant's operator, and what the continuity equation says of them."""

import dataclasses

import numpy as np
import pytest
import torch

from qfp.config import load_preset
from qfp.physics import currents, geometry, green, kwant_model
from qfp.physics.wire import random_potential

DEVICE = load_preset("laptop").device
SMALL = dataclasses.replace(DEVICE, width=14, length=20, radius=2, energy=0.9)
ANTIDOTS = [[4, 6], [9, 13]]


def solved(device, antidots, b, potential=None):
    """(across, along, removed, wire, ring) at one field."""
    removed = geometry.removed_mask(antidots, device)
    ring, mask = torch.as_tensor(geometry.ring(removed)), torch.as_tensor(removed)
    wire = green.clean_wire(device, b)
    if potential is not None:
        wire = green.wire(device, b, potential)
    across, along = currents.bond_currents(wire, b, ring, mask)
    return across.numpy(), along.numpy(), removed, wire, ring


@pytest.mark.parametrize("b, seed", [(0.0, None), (0.05, None), (0.03, 4)])
def test_currents_are_those_of_kwants_operator(b, seed):
    import kwant

    potential = None if seed is None else random_potential(seed, SMALL)
    across, along, removed, *_ = solved(SMALL, ANTIDOTS, b, potential)
    system = kwant_model.build(SMALL, removed, potential)
    states = kwant.wave_function(system, SMALL.energy, params={"b": b})(0)
    operator = kwant.operator.Current(system).bind(params={"b": b})
    flow = sum(operator(state) for state in states)
    expected = np.zeros((2, *removed.shape))
    for (to, here), value in zip(system.graph, flow, strict=True):
        (x, y), (u, v) = system.sites[here].tag, system.sites[to].tag
        if (u, v) in ((x + 1, y), (x, y + 1)):
            expected[int(v > y), y, x] = value
    # Kwant's states carry one quantum of flux, too; its current has the same sign
    np.testing.assert_allclose([across, along], expected, atol=1e-9)
    assert abs(expected[1]).max() > 0.05


@pytest.mark.parametrize("b", [0.0, 0.0127, 0.05])
def test_every_cross_section_carries_the_conductance(b):
    across, along, removed, wire, ring = solved(DEVICE, [[14, 20], [33, 38]], b)
    T = green.conductance(wire, ring[None])[0].item()
    np.testing.assert_allclose(along[:-1].sum(axis=1), T, atol=1e-10)
    # and nothing is lost at a site within the wire
    gone = across[1:-1, 1:] + along[1:-1, 1:] - across[1:-1, :-1] - along[:-2, 1:]
    assert abs(gone).max() < 1e-10
    assert not across[removed].any() and not along[removed].any()
