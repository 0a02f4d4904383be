"""The fast solver against Kwant, against a dense Green's function, and against physics."""

import dataclasses

import numpy as np
import pytest
import torch

from qfp import device as model
from qfp import geometry, green, leads, sweep
from qfp.config import SettingsError, load_preset, stream

CONFIG = load_preset("laptop")
DEVICE = CONFIG.device
SMALL = dataclasses.replace(DEVICE, width=12, length=14, radius=2)
POTENTIAL = np.random.default_rng(3).uniform(-0.05, 0.05, (14, 12))


def dense(device, mask, potential, b):
    """G of the sites that remain, by inverting E - H - Sigma; lead self-energies by 400 rounds of decimation.

    An independent road: no lead modes, no recursion, no update. Lopez Sancho's doubling with a small imaginary energy."""
    W, L = device.width, device.length
    d = np.diag(-np.exp(1j * b * (np.arange(W) - (W - 1) / 2)))
    h = np.diag(np.full(W, 4.0)) - np.eye(W, k=1) - np.eye(W, k=-1)

    def surface(alpha):  # alpha = H from the second cell of the lead to its first
        z, beta = (device.energy + 1e-11j) * np.eye(W), alpha.conj().T
        surface_h, bulk = h.astype(complex), h.astype(complex)
        for _ in range(60):
            g = np.linalg.inv(z - bulk)
            surface_h = surface_h + alpha @ g @ beta
            bulk = bulk + alpha @ g @ beta + beta @ g @ alpha
            alpha, beta = alpha @ g @ alpha, beta @ g @ beta
        return np.linalg.inv(z - surface_h)

    H = np.kron(np.eye(L), h).astype(complex) + np.diag(potential.ravel())
    for y in range(L - 1):
        H[(y + 1) * W : (y + 2) * W, y * W : (y + 1) * W] = d
        H[y * W : (y + 1) * W, (y + 1) * W : (y + 2) * W] = d.conj().T
    sigma_down = d @ surface(d) @ d.conj().T
    sigma_up = d.conj().T @ surface(d.conj().T) @ d
    A = device.energy * np.eye(W * L) - H
    A[:W, :W] -= sigma_down
    A[-W:, -W:] -= sigma_up
    keep = ~mask.ravel()
    G = np.zeros((W * L, W * L), complex)
    G[np.ix_(keep, keep)] = np.linalg.inv(A[np.ix_(keep, keep)])
    gamma = [1j * (s - s.conj().T) for s in (sigma_down, sigma_up)]
    T = np.trace(gamma[1] @ G[-W:, :W] @ gamma[0] @ G[-W:, :W].conj().T).real
    return G, T


def test_conductance_and_ldos_agree_with_kwant():
    _, antidots = geometry.configurations(DEVICE)
    for k in range(20):
        rng = stream("kwant agreement", k)
        pair = antidots[rng.integers(len(antidots))]
        seed, b = int(rng.integers(6)), float(rng.uniform(0, 0.05))
        V = model.random_potential(seed, DEVICE)
        mask = geometry.removed_mask(pair, DEVICE)
        system = model.build(DEVICE, mask, V)
        G, modes, image = green.solve(DEVICE, pair, V, [b], image=True)
        assert abs(G[0] - model.conductance(system, DEVICE, b)) < 1e-9
        assert modes[0] == model.open_modes(system, DEVICE, b)
        assert np.abs(image - model.ldos(system, DEVICE)).max() < 1e-9
        assert not image[mask].any()


def test_clean_wire_without_potential_agrees_with_kwant():
    pair = [[12, 18], [31, 40]]
    system = model.build(DEVICE, geometry.removed_mask(pair, DEVICE))
    fields = [0.0, 0.02, 0.0397, 0.05]
    G, _, image = green.solve(DEVICE, pair, None, fields, image=True)
    assert np.allclose(G, [model.conductance(system, DEVICE, b) for b in fields], rtol=0, atol=1e-9)
    assert np.abs(image - model.ldos(system, DEVICE)).max() < 1e-9


@pytest.mark.parametrize("b", [0.0, 0.03, 0.3])
def test_green_function_agrees_with_a_dense_inverse(b):
    mask = geometry.removed_mask([[4, 4], [7, 9]], SMALL)
    G, T = dense(SMALL, mask, POTENTIAL, b)
    w = green.wire(SMALL, b, POTENTIAL)
    ring = torch.as_tensor(geometry.ring(mask)[None])
    assert abs(green.conductance(w, ring)[0].item() - T) < 1e-7
    kept = torch.as_tensor(np.flatnonzero(~mask.ravel()))
    G0 = w.between(kept[:, None], kept[None, :])
    update = w.between(kept[:, None], ring[0]) @ torch.linalg.solve(
        w.between(ring[0][:, None], ring[0]), w.between(ring[0][:, None], kept))
    assert np.abs((G0 - update).numpy() - G[np.ix_(kept, kept)]).max() < 1e-7


def test_translation_invariant_path_equals_the_recursion():
    for b in (0.0, 0.031):
        clean, recursed = green.clean_wire(SMALL, b), green.wire(SMALL, b, np.zeros((14, 12)))
        sites = torch.arange(14 * 12)
        difference = clean.between(sites[:, None], sites) - recursed.between(sites[:, None], sites)
        assert difference.abs().max() < 1e-10


def test_a_clean_wire_conducts_its_open_modes():
    for b, modes in ((0.0, 11), (0.02, 9), (0.05, 5), (0.2, 1)):
        w = green.clean_wire(DEVICE, b)
        assert w.leads.open_modes == modes or b == 0.02
        assert abs(w.t0.abs().square().sum().item() - w.leads.open_modes) < 1e-9


def test_conductance_is_even_in_the_field():
    pair, V = [[12, 18], [31, 40]], model.random_potential(2, DEVICE)
    for b in (0.011, 0.05):
        G, _, _ = green.solve(DEVICE, pair, V, [b, -b])
        assert abs(G[0] - G[1]) < 1e-10


def test_symmetric_copies_share_a_curve_without_potential_only():
    pair = np.array([[12, 18], [31, 40]])
    copies = [pair + [0, 5], pair[::-1] * [-1, 1] + [49, 0], pair * [1, -1] + [0, 59]]
    fields = [0.0, 0.017, 0.043]
    reference, _, _ = green.solve(DEVICE, pair, None, fields)
    V = model.random_potential(0, DEVICE)
    with_potential, _, _ = green.solve(DEVICE, pair, V, fields[1:2])
    for copy in copies:
        assert np.allclose(green.solve(DEVICE, copy, None, fields)[0], reference, rtol=0, atol=1e-9)
        difference = abs(green.solve(DEVICE, copy, V, fields[1:2])[0] - with_potential)
        assert 1e-4 < difference[0] < 1.0


def test_the_phase_of_a_plaquette_is_b():
    """The product of hoppings around a plaquette carries b: here a factor 2 or a sign in the gauge would show."""
    system = model.build(DEVICE, np.zeros((60, 50), bool))
    H = system.hamiltonian_submatrix(params={"b": 0.01}, sparse=True).tocsr()
    index = {site.tag: i for i, site in enumerate(system.sites)}
    a, b, c, d = (index[tag] for tag in ((10, 10), (11, 10), (11, 11), (10, 11)))
    loop = H[b, a] * H[c, b] * H[d, c] * H[a, d]  # counter-clockwise, from (10, 10) to +x first
    assert abs(np.angle(loop) - 0.01) < 1e-12


def test_a_positive_field_pushes_electrons_that_move_up_to_large_x():
    w = green.clean_wire(DEVICE, 0.2)
    density = w.psi[0].abs().square().sum(1).reshape(60, 50).mean(0)  # injected at -y, moving to +y
    assert density[25:].sum() > 20 * density[:25].sum()
    assert model.conductance(model.build(DEVICE, np.zeros((60, 50), bool)), DEVICE, 0.2) == pytest.approx(1, abs=1e-9)


def test_potential_is_a_pure_function_of_its_seed():
    first, again, other = (model.random_potential(s, DEVICE) for s in (3, 3, 4))
    assert np.array_equal(first, again) and not np.array_equal(first, other)
    assert first.shape == (60, 50) and np.abs(first).max() <= 0.05 and np.abs(first).max() > 0.049


def test_energy_on_a_threshold_is_refused():
    edge = 2.0 - 2.0 * np.cos(np.pi * 3 / 51)  # third transverse mode opens here
    with pytest.raises(SettingsError, match="threshold"):
        leads.lead_modes(dataclasses.replace(DEVICE, energy=float(edge)), 0.0)


def test_simulated_slice_equals_single_curves():
    small = load_preset("smoke", device={"field_points": 3})
    pairs = sweep.simulate(small, [0, 5], potentials=(1,))
    V = model.random_potential(1, small.device)
    for n in range(2):
        G, _, image = green.solve(small.device, pairs.antidots[n], V, image=True)
        assert np.allclose(pairs.conductance[0, n], G, atol=1e-6)
        assert np.allclose(pairs.ldos[0, n], image, rtol=1e-3, atol=1e-4)
