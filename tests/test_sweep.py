"""Curves and images of many configurations at once: equal to the solver for one, in both
precisions."""

import dataclasses

import numpy as np
import pytest
import torch

from qfp.config import load_preset
from qfp.physics import geometry, green, kwant_model, sweep
from qfp.physics.leads import lead_modes
from qfp.physics.wire import random_potential

DEVICE = load_preset("laptop").device
SMALL = dataclasses.replace(DEVICE, width=22, length=31, radius=2)
# E is a level of its interior at b = 0.01525
RESONANT = dataclasses.replace(DEVICE, width=36, length=40, radius=6)
EXACT = {torch.complex128: 1e-11, torch.complex64: 1e-5}


def one_by_one(device, antidots, potential, b):
    w = green.wire(device, b, potential)
    return green.conductance(w, torch.as_tensor(geometry.rings(antidots, device))).numpy()


@pytest.mark.parametrize(
    "device, b, dtype",
    [
        *(
            (device, b, dtype)
            for device, b in ((DEVICE, 0.0), (DEVICE, 0.0397), (SMALL, 0.11), (SMALL, -0.02))
            for dtype in EXACT
        ),
        (RESONANT, 0.01525, torch.complex128),  # single precision promises nothing there
    ],
)
def test_pairs_with_a_shared_half_equal_pairs_alone(device, b, dtype):
    _, antidots = geometry.configurations(device)
    antidots = antidots[:: max(1, len(antidots) // 300)]
    V = random_potential(4, device)
    G = sweep.Sweep(device, antidots, dtype).conductance(b, V).numpy()
    exact = one_by_one(device, antidots, V, b)
    assert np.ptp(exact) > 0.3, "the configurations differ"
    assert np.abs(G - exact).max() < EXACT[dtype]


def test_one_plan_serves_every_field_and_potential():
    """Buffers are kept between calls: nothing of an earlier call may show."""
    _, antidots = geometry.configurations(SMALL)
    fast = sweep.Sweep(SMALL, antidots)
    calls = [
        (0.1, random_potential(1, SMALL)),
        (0.0, random_potential(2, SMALL)),
        (0.1, random_potential(1, SMALL)),
    ]
    G = [fast.conductance(b, V).numpy() for b, V in calls]
    assert np.array_equal(G[0], G[2]) and np.abs(G[0] - G[1]).max() > 0.1
    assert np.abs(G[1] - one_by_one(SMALL, antidots, calls[1][1], 0.0)).max() < 1e-11


def test_leads_may_be_shared_and_order_is_kept():
    _, antidots = geometry.configurations(SMALL)
    V, leads = random_potential(0, SMALL), lead_modes(SMALL, 0.07)
    shuffled = np.random.default_rng(0).permutation(len(antidots))
    G, again = (
        sweep.Sweep(SMALL, pairs).conductance(0.07, V, leads)
        for pairs in (antidots, antidots[shuffled])
    )
    assert np.abs(G.numpy()[shuffled] - again.numpy()).max() < 1e-11
    with pytest.raises(ValueError, match="lower one"):
        sweep.Sweep(SMALL, antidots[:4, ::-1])


def test_curves_take_pairs_in_any_order():
    pairs = np.array([[[10, 20], [33, 41]], [[33, 41], [10, 20]], [[12, 30], [39, 30]]])
    G = sweep.curves_at(DEVICE, pairs, 3, 0.02)
    assert (
        G[0] == G[1]
        and np.abs(G - one_by_one(DEVICE, pairs, random_potential(3, DEVICE), 0.02)).max() < 1e-11
    )
    clean = sweep.curves_at(DEVICE, pairs, None, 0.02)
    assert abs(clean[2] - green.solve(DEVICE, pairs[2], None, [0.02])[0][0]) < 1e-9


def test_singular_blocks_are_solved_all_the_same():
    """Radius 1 at E = 4 and V = b = 0: an antidot is a site and its four neighbours, and the level
    of the one inside is at E. Every G0[ring, ring] is singular to rounding, some pivots are exactly
    0, and so are halves of rings."""
    device = dataclasses.replace(DEVICE, width=13, length=21, radius=1, energy=4.0)
    _, antidots = geometry.configurations(device)
    G = sweep.curves_at(device, antidots, None, 0.0)
    assert np.ptp(G) > 1
    # by the lead modes and whole rings
    alone = [green.solve(device, pair, None, [0.0])[0][0] for pair in antidots]
    assert np.abs(G - alone).max() < 1e-9
    assert (
        abs(
            alone[0]
            - kwant_model.conductance(
                kwant_model.build(device, geometry.removed_mask(antidots[0], device)), device, 0.0
            )
        )
        < 1e-9
    )


@pytest.mark.parametrize("dtype, error", [(torch.float64, 1e-11), (torch.float32, 1e-4)])
@pytest.mark.parametrize("device, seed", [(DEVICE, 2), (DEVICE, None), (SMALL, 0)])
def test_images_equal_the_scattering_states(device, seed, dtype, error):
    _, antidots = geometry.configurations(device)
    antidots = antidots[:: len(antidots) // 5]
    images = sweep.images_of(device, antidots, seed, dtype)
    w = green.wire(
        device,
        0.0,
        np.zeros((device.length, device.width)) if seed is None else random_potential(seed, device),
    )
    for image, ring, mask in zip(
        images,
        geometry.rings(antidots, device),
        geometry.removed_masks(antidots, device),
        strict=True,
    ):
        exact = green.ldos(w, torch.as_tensor(ring), torch.as_tensor(mask)).numpy()
        assert (np.abs(image - exact) <= error * np.maximum(exact, 1e-3)).all()
        assert not image[mask].any() and exact.max() > 0.1


def test_the_count_of_work_is_plausible():
    """DESIGN's estimate for the paper's wire: 0.4 to 0.8 Mflop and 50 kB a solve."""
    _, antidots = geometry.configurations(DEVICE)
    work = sweep.Sweep(DEVICE, antidots).work(7)
    assert 4e5 < work["flops"] < 1.2e6 and 3e4 < work["bytes"] < 7e4
