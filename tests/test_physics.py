"""The fast solver against Kwant, against a dense Green's function, and against physics."""

import dataclasses
import itertools

import numpy as np
import pytest
import torch

from qfp.config import load_preset
from qfp.data import simulate
from qfp.physics import geometry, green, kwant_model, leads, wire
from qfp.tools import SettingsError, stream

CONFIG = load_preset("laptop")
DEVICE = CONFIG.device
SMALL = dataclasses.replace(DEVICE, width=12, length=14, radius=2)
STEP = leads.upward_step
POTENTIAL = np.random.default_rng(3).uniform(-0.05, 0.05, (14, 12))


def remove(device, mask, potential, b):
    """Wire with every block of G0, and the ring of the mask."""
    w = green.clean_wire(device, b) if potential is None else green.wire(device, b, potential)
    return w, torch.as_tensor(geometry.ring(mask))


def dense(device, mask, potential, b, origin=None, phases=None):
    """G of the sites that remain, by inverting E - H - Sigma; lead self-energies by 60 doublings of
    the lead's length.

    An independent road: no lead modes, no recursion, no update. Lopez Sancho's doubling with a
    small imaginary energy. origin: x where the vector potential is 0, in device and leads; phases
    (L, W): gauge transformation of the device."""
    W, L = device.width, device.length
    d = np.diag(-np.exp(1j * b * (np.arange(W) - ((W - 1) / 2 if origin is None else origin))))
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
    turn = np.exp(1j * (np.zeros((L, W)) if phases is None else phases))  # psi -> turn psi
    sigma_down, sigma_up = (
        turn[y][:, None] * s * turn[y].conj() for y, s in ((0, sigma_down), (-1, sigma_up))
    )
    H = turn.reshape(-1, 1) * H * turn.ravel().conj()
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
    for k in range(8):
        rng = stream("kwant agreement", k)
        pair = antidots[rng.integers(len(antidots))]
        seed, b = int(rng.integers(6)), float(rng.uniform(0, 0.05))
        V = wire.random_potential(seed, DEVICE)
        mask = geometry.removed_mask(pair, DEVICE)
        system = kwant_model.build(DEVICE, mask, V)
        G, modes, image = green.solve(DEVICE, pair, V, [b], image=True)
        assert abs(G[0] - kwant_model.conductance(system, DEVICE, b)) < 1e-9
        assert modes[0] == kwant_model.open_modes(system, DEVICE, b)
        assert np.abs(image - kwant_model.ldos(system, DEVICE)).max() < 1e-9
        assert not image[mask].any()


def test_clean_wire_without_potential_agrees_with_kwant():
    pair = [[12, 18], [31, 40]]
    system = kwant_model.build(DEVICE, geometry.removed_mask(pair, DEVICE))
    fields = [0.0, 0.02, 0.0397, 0.05]
    G, _, image = green.solve(DEVICE, pair, None, fields, image=True)
    assert np.allclose(
        G, [kwant_model.conductance(system, DEVICE, b) for b in fields], rtol=0, atol=1e-9
    )
    assert np.abs(image - kwant_model.ldos(system, DEVICE)).max() < 1e-9


def updated(w, ring, kept):
    """G between the sites that remain: G0 less its update, (K, K)."""
    G0 = w.between(kept[:, None], kept)
    update = torch.linalg.solve(w.between(ring[:, None], ring), w.between(ring[:, None], kept))
    return G0 - w.between(kept[:, None], ring) @ update


@pytest.mark.parametrize("energy", [0.5, 2.3, 5.9])
@pytest.mark.parametrize("b", [0.0, 0.03, -0.3])
def test_green_function_agrees_with_a_dense_inverse(b, energy):
    device = dataclasses.replace(SMALL, energy=energy)
    mask = geometry.removed_mask([[4, 4], [6, 7]], device)  # overlapping
    G, T = dense(device, mask, POTENTIAL, b)
    w, ring = remove(device, mask, POTENTIAL, b)
    assert abs(green.conductance(w, ring[None])[0].item() - T) < 1e-7 and T > 0.1
    kept = torch.as_tensor(np.flatnonzero(~mask.ravel()))
    assert np.abs(updated(w, ring, kept).numpy() - G[np.ix_(kept, kept)]).max() < 1e-7


def test_leads_of_a_sweep_are_kept_in_a_file(tmp_path, monkeypatch):
    """They are those of the eigenproblem, also where the folder cannot be written; a second process
    reads them."""
    device = dataclasses.replace(SMALL, energy=0.37, field_points=3)
    blocked = tmp_path / "a file"
    blocked.write_text("")
    for folder in (blocked, tmp_path, tmp_path):
        monkeypatch.setattr(leads, "_kept", {})
        leads.leads_cached.cache_clear()
        leads.keep_steps(device, folder)
        monkeypatch.setattr(leads, "upward_step", None if list(tmp_path.glob("*.npz")) else STEP)
        for b in map(float, device.fields):
            found, own = (
                leads.leads_cached(device, b),
                leads.lead_modes(device, b, step=STEP(device, b)),
            )
            assert torch.equal(found.sigma, own.sigma) and found.open_modes == own.open_modes
    assert len(list(tmp_path.glob("leads-*.npz"))) == 1


@pytest.mark.parametrize("energy", [0.5, 0.3, 4.1])
def test_translation_invariant_path_equals_the_recursion(energy):
    """Energies that single precision cannot hold included: G0, scattering states, amplitudes and
    S-matrix."""
    device = dataclasses.replace(SMALL, energy=energy)
    ring = torch.as_tensor(geometry.ring(geometry.removed_mask([[4, 4], [6, 7]], device)))
    for b in (0.0, 0.031, -0.4):
        leads_ = leads.lead_modes(device, b)
        clean, recursed = (
            green.clean_wire(device, b),
            green.wire(device, b, np.zeros((14, 12)), leads_),
        )
        sites = torch.arange(14 * 12)
        assert (
            clean.between(sites[:, None], sites) - recursed.between(sites[:, None], sites)
        ).abs().max() < 1e-10
        for part in ("out", "t0"):
            assert (getattr(clean, part) - getattr(recursed, part)).abs().sum() < 1e-9
        assert all((p - q).abs().sum() < 1e-9 for p, q in zip(clean.psi, recursed.psi, strict=True))
        assert (green.smatrix(clean, ring) - green.smatrix(recursed, ring)).abs().sum() < 1e-10


def test_row_recursion_gives_every_block_of_the_green_function():
    """Each of its steps, up, down, left and right, leads from a block to its neighbour, on either
    side of the diagonal."""
    W, L = 12, 14
    for b in (0.0, -0.4):
        s, w, sites = (
            green.steps(SMALL, b, POTENTIAL),
            green.wire(SMALL, b, POTENTIAL),
            torch.arange(W * L),
        )
        G = w.between(sites[:, None], sites).reshape(L, W, L, W).transpose(1, 2)  # (row, row, W, W)
        for i in range(L):
            assert (G[i, i] - s.diagonal[i]).abs().max() < 1e-12
            for j in range(i):
                below, above = G[i, j], G[j, i]
                assert (below - s.up[i] @ G[i - 1, j]).abs().max() < 1e-12
                assert (below - G[i, j + 1] @ s.left[j]).abs().max() < 1e-12
                assert (above - s.down[j] @ G[j + 1, i]).abs().max() < 1e-12
                assert (above - G[j, i - 1] @ s.right[i]).abs().max() < 1e-12


@pytest.mark.parametrize("b", [0.0, 0.05, 0.3, -0.9])
def test_a_clean_wire_conducts_its_open_modes_plateau_by_plateau(b):
    """Modes counted on the bands: branches that cross the energy with positive velocity. By either
    path, over all energies."""
    W = 12
    k = np.linspace(-np.pi, np.pi, 4001)
    x = np.arange(W) - (W - 1) / 2
    h = (
        -np.eye(W, k=1)
        - np.eye(W, k=-1)
        + np.einsum("kx,xy->kxy", 4 - 2 * np.cos(k[:, None] - b * x), np.eye(W))
    )
    E = np.linalg.eigvalsh(h)  # (4001, W)
    counts = []
    for energy in np.arange(-0.19, 8.3, 0.14):
        device = dataclasses.replace(SMALL, energy=float(energy))
        counts.append(int(((E[:-1] < energy) & (E[1:] >= energy)).sum()))
        for w in (green.clean_wire(device, b), green.wire(device, b, np.zeros((14, 12)))):
            assert w.leads.open_modes == counts[-1]
            assert abs(w.t0.abs().square().sum().item() - counts[-1]) < 1e-9
    assert counts[0] == counts[-1] == 0
    assert set(counts) == set(range(13)) if b == 0 else max(counts) > 4


def test_open_modes_of_the_paper_s_wire():
    assert [leads.lead_modes(DEVICE, b).open_modes for b in (0.0, 0.05, 0.2)] == [11, 5, 1]


NO_RING = torch.zeros(0, dtype=torch.long)
HALL = {3: (0.085, 0.09, 0.095), 2: (0.12, 0.14, 0.16), 1: (0.19, 0.25, 0.4)}


@pytest.mark.parametrize("plateau", HALL)
def test_hall_plateaus_survive_a_potential(plateau):
    """E = 0.5 lies between Landau levels (2 n + 1) b: edge states carry 3, 2, 1 e^2/h and cannot
    scatter back.

    A potential that takes 2 e^2/h from the wire's 11 at b = 0 takes less than 0.001 from a plateau.
    """
    V = wire.random_potential(1, DEVICE)
    for b in HALL[plateau]:
        modes = leads.lead_modes(DEVICE, b)
        assert modes.open_modes == plateau
        for strength, tolerance in ((0, 1e-9), (1, 1e-6), (5, 1e-3)):
            w = green.wire(DEVICE, b, strength * V, modes, rows=[], columns=[])
            assert abs(w.t0.abs().square().sum().item() - plateau) < tolerance
    assert green.wire(DEVICE, 0.0, 5 * V, rows=[], columns=[]).t0.abs().square().sum() < 9


def scattering_devices():
    """(device, mask, potential, b): antidots that overlap, scattered sites, potentials of several
    strengths, fields."""
    for k, (energy, b) in enumerate(
        ((0.5, 0.0), (0.7, 0.04), (1.9, -0.2), (3.3, 0.6), (4.1, 0.1), (6.8, 1.2))
    ):
        device = dataclasses.replace(SMALL, energy=energy)
        mask = geometry.removed_mask([[3, 4], [5, 7]], device)
        mask[1:-1] |= stream("scatterers", k).random((12, 12)) < 0.04
        yield device, mask, (None if k % 3 == 2 else (1 + 10 * (k % 2)) * POTENTIAL), b


def test_scattering_matrix_is_unitary_and_holds_the_conductance():
    """Its singular values block by block, which no choice of modes can change, are Kwant's."""
    kwant = kwant_model._kwant()
    for device, mask, V, b in scattering_devices():
        w, ring = remove(device, mask, V, b)
        S, n = green.smatrix(w, ring).numpy(), w.leads.open_modes
        assert n > 0 and S.shape == (2 * n, 2 * n)
        assert np.abs(S.conj().T @ S - np.eye(2 * n)).max() < 1e-10
        r, t, t_prime, r_prime = S[:n, :n], S[n:, :n], S[:n, n:], S[n:, n:]
        T = green.conductance(w, ring[None])[0].item()
        assert abs((abs(t) ** 2).sum() - T) < 1e-10 and abs((abs(t_prime) ** 2).sum() - T) < 1e-10
        assert 0.05 < T < n - 1e-3
        reference = kwant.smatrix(
            kwant_model.build(device, mask, V), device.energy, params={"b": b}
        )
        for block, (to, of) in ((r, (0, 0)), (t, (1, 0)), (t_prime, (0, 1)), (r_prime, (1, 1))):
            expected = np.linalg.svd(reference.submatrix(to, of), compute_uv=False)
            assert np.abs(np.linalg.svd(block, compute_uv=False) - expected).max() < 1e-9


def test_reversing_the_field_transposes_the_scattering_matrix():
    """H(-b) = H(b)*, so Gamma(-b) = Gamma(b)* = U* U*^dagger: with the modes U(-b) = U(b)*, S(-b) =
    S(b)^T entry by entry."""
    for device, mask, V, b in scattering_devices():
        V = np.zeros(mask.shape) if V is None else V
        w, ring = remove(device, mask, V, b)
        S, back = green.smatrix(w, ring), leads.lead_modes(device, -b)
        U = tuple(u.conj() for u in w.leads.U)
        for sigma, sigma_back, u in zip(w.leads.sigma, back.sigma, U, strict=True):
            assert (sigma_back - sigma.T).abs().max() < 1e-10
            # a basis of modes at -b
            assert (u @ u.mH - 1j * (sigma_back - sigma_back.mH)).abs().max() < 1e-10
        reversed_ = green.wire(device, -b, V, leads.Leads(back.sigma, U))
        assert (green.smatrix(reversed_, ring) - S.T).abs().max() < 1e-10
        if b:
            assert (S - S.T).abs().max() > 0.01


def test_conductance_is_even_in_the_field():
    """Of two terminals only; the scattering matrix itself is not even (test above)."""
    pair, V = [[12, 18], [31, 40]], wire.random_potential(2, DEVICE)
    for b in (0.011, 0.05):
        G, _, _ = green.solve(DEVICE, pair, V, [b, -b])
        assert abs(G[0] - G[1]) < 1e-10
    for device, mask, V, b in scattering_devices():
        G, _, _ = green.solve_mask(device, mask, V, [b, -b])
        assert abs(G[0] - G[1]) < 1e-10


def test_conductance_and_ldos_do_not_depend_on_the_gauge():
    """Another origin of the vector potential, in device and leads, and random phases on every site
    of the device."""
    for device, mask, V, b in scattering_devices():
        V = np.zeros(mask.shape) if V is None else V
        w, ring = remove(device, mask, V, b)
        T = green.conductance(w, ring[None])[0].item()
        ldos = green.ldos(w, ring, torch.as_tensor(mask)).numpy()
        phases = np.random.default_rng(5).uniform(-np.pi, np.pi, mask.shape)
        found = []
        for origin, turn in ((None, None), (0.0, None), (23.7, None), (-1.3, phases)):
            G, T_other = dense(device, mask, V, b, origin, turn)
            found.append(G)
            assert abs(T_other - T) < 1e-7
            assert np.abs(-G.diagonal().imag.reshape(mask.shape) / np.pi - ldos).max() < 1e-7
        assert np.abs(found[3] - found[0]).max() > 0.1  # the Green's function itself does
        assert b == 0 or np.abs(found[2] - found[0]).max() > 0.01


def test_ldos_of_the_scattering_states_is_that_of_the_green_function():
    """-Im G(r, r)/pi = sum |psi|^2/2 pi where no bound state lies at the energy, at b = 0 and in a
    field."""
    for device, mask, V, b in scattering_devices():
        w, ring = remove(device, mask, V, b)
        kept = torch.as_tensor(np.flatnonzero(~mask.ravel()))
        density = green.ldos(w, ring, torch.as_tensor(mask)).flatten()[kept]
        assert (density + updated(w, ring, kept).diagonal().imag / torch.pi).abs().max() < 1e-10
        assert density.max() > 0.05


def bound_states(device, mask, potential, b, leads_of=120):
    """Energies (B,) and densities (B, L, W) of the states outside the band of the leads, by
    diagonalising a long closed wire."""
    W, L = device.width, device.length
    x, rows = np.arange(W), L + 2 * leads_of
    H = np.kron(np.eye(rows), 4 * np.eye(W) - np.eye(W, k=1) - np.eye(W, k=-1)).astype(complex)
    up = np.kron(np.eye(rows, k=-1), np.diag(-np.exp(1j * b * (x - (W - 1) / 2))))
    levels = np.linalg.eigvalsh(H + up + up.conj().T)  # those of the clean wire lie within the band
    inside = np.arange(leads_of * W, (leads_of + L) * W)
    keep = np.ones(rows * W, bool)
    keep[inside] = ~mask.ravel()
    H[inside, inside] += potential.ravel()
    E, psi = np.linalg.eigh((H + up + up.conj().T)[np.ix_(keep, keep)])
    bound = (E < levels[0] - 1e-3) | (E > levels[-1] + 1e-3)
    density = np.zeros((bound.sum(), rows * W))
    density[:, keep] = abs(psi[:, bound].T) ** 2
    return E[bound], density[:, inside].reshape(-1, L, W)


def band_edges(device, b):
    """Thresholds of the leads' modes, where the LDOS has its square-root edges: the bands' extrema,
    on a fine grid."""
    W, k = device.width, np.linspace(0, np.pi, 20001)
    x = np.arange(W) - (W - 1) / 2
    h = (
        -np.eye(W, k=1)
        - np.eye(W, k=-1)
        + np.einsum("kx,xy->kxy", 4 - 2 * np.cos(k[:, None] - b * x), np.eye(W))
    )
    E = np.linalg.eigvalsh(h).T  # (W, 20001)
    turns = [e[1:-1][np.sign(np.diff(e[1:])) != np.sign(np.diff(e[:-1]))] for e in E]
    return np.unique(np.concatenate([E[:, 0], E[:, -1], *turns]))


def continuum(device, mask, potential, b, points):
    """Integral over the band of the LDOS of our scattering states, (L, W).

    E = centre - half width cos(theta) between two thresholds: the edges become smooth, the error
    falls as points^-2."""
    ring, removed = torch.as_tensor(geometry.ring(mask)), torch.as_tensor(mask)
    theta, total = (np.arange(points) + 0.5) * np.pi / points, 0.0
    edges = band_edges(device, b)
    for low, high in itertools.pairwise(edges):
        for angle in theta:
            at = dataclasses.replace(
                device, energy=float((low + high - (high - low) * np.cos(angle)) / 2)
            )
            weight = (high - low) / 2 * np.sin(angle) * np.pi / points
            total = total + weight * green.ldos(green.wire(at, b, potential), ring, removed).numpy()
    return total


@pytest.mark.parametrize("width, length, b", [(2, 4, 0.0), (2, 4, 0.4), (3, 5, 0.0), (3, 5, 0.4)])
def test_every_site_holds_one_state(width, length, b):
    """The LDOS integrates to 1: scattering states over the band, and the bound states below and
    above it."""
    device = dataclasses.replace(SMALL, width=width, length=length)
    V = np.random.default_rng(0).uniform(-0.4, 0.4, (length, width))
    V[1, 0] -= 2.5
    V[2, width - 1] += 2.8
    mask = np.zeros((length, width), bool)
    mask[1, width - 1] = True
    coarse, fine = (continuum(device, mask, V, b, points) for points in (30, 60))
    energies, density = bound_states(device, mask, V, b)
    edges = band_edges(device, b)
    assert (energies < edges[0]).sum() == 1 and (energies > edges[-1]).sum() == 1
    # Richardson: the error of points^-2 is gone
    states = (4 * fine - coarse) / 3 + density.sum(axis=0)
    assert np.abs(states[~mask] - 1).max() < 1e-6 and not states[mask].any()
    assert fine[~mask].min() < 0.4  # a site that the continuum alone leaves more than half empty
    ring, kept = (
        torch.as_tensor(geometry.ring(mask)),
        torch.as_tensor(np.flatnonzero(~mask.ravel())),
    )
    # the bound state is a pole of our G, |psi|^2 its residue
    for energy, psi2 in zip(energies, density, strict=True):
        G = [
            updated(
                green.wire(dataclasses.replace(device, energy=float(energy + step)), b, V),
                ring,
                kept,
            ).diagonal()
            for step in (1e-4, -1e-4)
        ]
        assert np.abs((G[0] - G[1]).numpy() * 0.5e-4 - psi2[~mask]).max() < 1e-6


def test_symmetric_copies_share_a_curve_without_potential_only():
    pair = np.array([[12, 18], [31, 40]])
    copies = [pair + [0, 5], pair[::-1] * [-1, 1] + [49, 0], pair * [1, -1] + [0, 59]]
    fields = [0.0, 0.017, 0.043]
    reference, _, _ = green.solve(DEVICE, pair, None, fields)
    V = wire.random_potential(0, DEVICE)
    with_potential, _, _ = green.solve(DEVICE, pair, V, fields[1:2])
    for copy in copies:
        assert np.allclose(green.solve(DEVICE, copy, None, fields)[0], reference, rtol=0, atol=1e-9)
        difference = abs(green.solve(DEVICE, copy, V, fields[1:2])[0] - with_potential)
        assert 1e-4 < difference[0] < 1.0


def test_the_phase_of_a_plaquette_is_b():
    """The product of hoppings around a plaquette carries b: here a factor 2 or a sign in the gauge
    would show."""
    system = kwant_model.build(DEVICE, np.zeros((60, 50), bool))
    H = system.hamiltonian_submatrix(params={"b": 0.01}, sparse=True).tocsr()
    index = {site.tag: i for i, site in enumerate(system.sites)}
    a, b, c, d = (index[tag] for tag in ((10, 10), (11, 10), (11, 11), (10, 11)))
    loop = H[b, a] * H[c, b] * H[d, c] * H[a, d]  # counter-clockwise, from (10, 10) to +x first
    assert abs(np.angle(loop) - 0.01) < 1e-12


@pytest.mark.parametrize("b", [0.2, -0.2])
def test_a_positive_field_pushes_electrons_that_move_up_to_large_x(b):
    """The edge state of lead 0 moves to +y along x = W-1 at b > 0, that of lead 1 to -y along x =
    0; in Kwant alike."""
    system = kwant_model.build(DEVICE, np.zeros((60, 50), bool))
    kwant_psi = kwant_model._kwant().wave_function(system, DEVICE.energy, params={"b": b})
    sites = np.array([site.tag[1] * 50 + site.tag[0] for site in system.sites])
    w = green.clean_wire(DEVICE, b)
    for lead, direction in ((0, 1), (1, -1)):
        psi = w.psi[lead].reshape(60, 50).numpy()
        phase = -np.exp(1j * b * (np.arange(50) - 24.5))
        # through the bonds from row 30 to row 31
        current = 2 * (psi[31].conj() * phase * psi[30]).imag
        right = (np.arange(50) > 24.5) == (b * direction > 0)
        assert abs(current.sum() - direction) < 1e-9
        assert direction * current[right].sum() > 0.999
        assert (abs(psi[30]) ** 2)[right].sum() > 100 * (abs(psi[30]) ** 2)[~right].sum()
        density = np.zeros(3000)
        density[sites] = abs(kwant_psi(lead)[0]) ** 2
        assert np.abs(density.reshape(60, 50) - abs(psi) ** 2).max() < 1e-9


def test_potential_is_a_pure_function_of_its_seed():
    first, again, other = (wire.random_potential(s, DEVICE) for s in (3, 3, 4))
    assert np.array_equal(first, again) and not np.array_equal(first, other)
    assert first.shape == (60, 50) and np.abs(first).max() <= 0.05 and np.abs(first).max() > 0.049


def test_energy_on_a_threshold_is_refused():
    edge = 2.0 - 2.0 * np.cos(np.pi * 3 / 51)  # third transverse mode opens here
    with pytest.raises(SettingsError, match="threshold"):
        leads.lead_modes(dataclasses.replace(DEVICE, energy=float(edge)), 0.0)


def test_simulated_slice_equals_single_curves():
    small = load_preset("smoke", device={"field_points": 3})
    pairs = simulate.simulate(small, [0, 5], potentials=(1,))
    V = wire.random_potential(1, small.device)
    for n in range(2):
        G, _, image = green.solve(small.device, pairs.antidots[n], V, image=True)
        assert np.allclose(pairs.conductance[0, n], G, atol=1e-6)
        assert np.allclose(pairs.ldos[0, n], image, rtol=1e-3, atol=1e-4)
