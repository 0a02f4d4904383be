"""The solver on any device: fifty wires drawn from a seed and the hard cases by name, each against
Kwant.

Kwant shares nothing with the solver but the Hamiltonian: it solves the device without the removed
sites as one sparse linear system, with lead modes of its own."""

import types

import numpy as np
import pytest
import torch
from scipy.optimize import brentq, minimize_scalar

from qfp.config import load_preset
from qfp.physics import geometry, green, kwant_model, leads, wire
from qfp.physics import rows as by_rows
from qfp.physics.wire import Device
from qfp.tools import SettingsError, stream

DEVICE = load_preset("laptop").device


def make(width, length, energy=0.5, field_max=0.05, amplitude=0.05):
    return Device(
        width=width,
        length=length,
        energy=float(energy),
        radius=2,
        field_max=float(field_max),
        field_points=3,
        amplitude=float(amplitude),
    )


def agree(device, mask, V, fields, image=True, within=1e-9):
    """Largest G over the fields [e^2/h], after a comparison of G, open modes and LDOS at b = 0 with
    Kwant."""
    system = kwant_model.build(device, mask, V)
    G, modes, ldos = green.solve_mask(device, mask, V, fields, image=image)
    assert modes.tolist() == [kwant_model.open_modes(system, device, b) for b in fields]
    assert np.abs(G - [kwant_model.conductance(system, device, b) for b in fields]).max() < within
    assert (G > -1e-12).all() and (G < modes + 1e-9).all()
    if image:
        reference = (
            kwant_model.ldos(system, device)
            if kwant_model.open_modes(system, device, 0.0)
            else np.zeros(mask.shape)
        )
        assert np.abs(ldos - reference).max() < within * max(1.0, reference.max())
        assert not ldos[mask].any()
    return G.max()


# Fifty devices


def disc(mask, x, y, r):
    """Remove a disc by its definition, the lattice scanned site by site."""
    for j in range(mask.shape[0]):
        for i in range(mask.shape[1]):
            mask[j, i] |= (i - x) ** 2 + (j - y) ** 2 <= r**2


def discs(rng, mask):
    """One to six antidots of radii 1 to 6, wherever they fit: some overlap."""
    L, W = mask.shape
    for _ in range(rng.integers(1, 7)):
        r = int(rng.integers(1, min(7, W // 2, (L - 1) // 2)))
        disc(mask, int(rng.integers(r, W - r)), int(rng.integers(r + 1, L - 1 - r)), r)


def touching(rng, mask):
    """Two antidots that share no site but have neighbouring ones."""
    x, y, r = 3, int(rng.integers(4, len(mask) - 4)), int(rng.integers(1, 3))
    disc(mask, x, y, 2)
    other = np.zeros_like(mask)
    disc(other, x + 3 + r, y, r)
    assert not (mask & other).any() and (mask[:, :-1] & other[:, 1:]).any()
    mask |= other


def overlapping(rng, mask):
    """Antidots of unequal radii that cover common sites."""
    L, W = mask.shape
    x, y, sites = int(rng.integers(3, W - 3)), int(rng.integers(5, L - 5)), 0
    for dx, dy, r in ((0, 0, 3), (1, 1, 2), (-2, -1, 1)):
        other = np.zeros_like(mask)
        disc(other, x + dx, y + dy, r)
        sites += other.sum()
        mask |= other
    assert mask.sum() < sites


def at_the_walls(rng, mask):
    """Antidots that touch both side walls, and one cut in half by a wall."""
    L, W = mask.shape
    disc(mask, 2, int(rng.integers(3, L - 3)), 2)
    disc(mask, W - 2, int(rng.integers(3, L - 3)), 1)
    disc(mask, W, int(rng.integers(3, L - 3)), 2)
    assert mask[:, 0].any() and mask[:, -1].any()


def single_sites(rng, mask):
    """Scattered single sites, from a few to a third of them."""
    mask[1:-1] = rng.random(mask[1:-1].shape) < rng.uniform(0.03, 0.35)


def blob(rng, mask):
    """The trail of a random walk."""
    L, W = mask.shape
    x, y = W // 2, L // 2
    for dx, dy in rng.integers(-1, 2, (4 * W, 2)):
        x, y = np.clip(x + dx, 0, W - 1), np.clip(y + dy, 1, L - 2)
        mask[y, x] = True


def pocket(rng, mask):
    """A closed frame with remaining sites inside, which no electron reaches."""
    x, y = int(rng.integers(0, mask.shape[1] - 5)), int(rng.integers(1, mask.shape[0] - 6))
    mask[y : y + 5, x : x + 5] = True
    mask[y + 1 : y + 4, x + 1 : x + 4] = False
    assert (geometry.with_pockets(mask) != mask).sum() == 9


def cut(rng, mask):
    """A staircase from wall to wall: no current."""
    y = int(rng.integers(2, mask.shape[0] - 2))
    for x in range(mask.shape[1]):
        mask[y, x] = True
        y = int(np.clip(y + rng.integers(-1, 2), 1, mask.shape[0] - 2))
        mask[y, x] = True


def rough_walls(rng, mask):
    """Side walls of random depth: the wire's width changes from row to row."""
    L, W = mask.shape
    for y in range(1, L - 1):
        mask[y, : rng.integers(0, W // 3)] = True
        mask[y, W - rng.integers(0, W // 3) :] = True


def nothing(rng, mask):
    """No antidot: the potential alone scatters."""


KINDS = [
    discs,
    touching,
    overlapping,
    at_the_walls,
    single_sites,
    blob,
    pocket,
    cut,
    rough_walls,
    nothing,
]


def draw(k):
    """Device, mask, potential or None, and fields number k: a pure function of k."""
    rng = stream("devices", k)
    device = make(
        rng.integers(9, 25),
        rng.integers(12, 29),
        rng.uniform(0.25, 7.75),
        rng.choice([0.05, 0.15, 0.3, 0.6]),
        rng.choice([0.05, 0.3, 1.0]),
    )
    mask = np.zeros((device.length, device.width), bool)
    KINDS[k % 10](rng, mask)
    V = wire.random_potential(k, device) if rng.random() < 0.7 or KINDS[k % 10] is nothing else None
    return device, mask, V, [0.0, -float(rng.uniform(0, device.field_max)), device.field_max]


@pytest.mark.parametrize("kind", range(10), ids=[kind.__name__ for kind in KINDS])
def test_fifty_devices_agree_with_kwant(kind):
    """Curve and LDOS of five devices of each kind, drawn widths, lengths, energies, potentials and
    fields of either sign."""
    largest = []
    for k in range(kind, 50, 10):
        device, mask, V, fields = draw(k)
        assert KINDS[kind] is nothing or 3 <= mask.sum() < 0.8 * mask.size
        largest.append(agree(device, mask, V, fields, image=k < 30))
    if KINDS[kind] is cut:
        assert max(largest) < 1e-12
    else:
        assert np.median(largest) > 0.3  # devices that conduct


def test_the_fifty_devices_are_different_ones():
    drawn = [draw(k) for k in range(50)]
    widths, energies, ranges, amplitudes = zip(
        *((d.width, d.energy, d.field_max, d.amplitude) for d, *_ in drawn)
    )
    assert len(set(widths)) > 10 and min(energies) < 1 and max(energies) > 7
    assert len(set(ranges)) == 4 and len(set(amplitudes)) == 3
    assert 5 < sum(V is None for _, _, V, _ in drawn) < 25


def test_antidots_of_unequal_radii_are_the_mask_of_their_discs():
    device = make(26, 30, 0.9)
    antidots, radii = [[4, 6], [13, 15], [19, 14], [22, 22]], [1, 6, 4, 3]
    mask = np.zeros((30, 26), bool)
    for (x, y), r in zip(antidots, radii, strict=True):
        disc(mask, x, y, r)
    for V in (None, wire.random_potential(0, device)):
        by_discs = green.solve(device, antidots, V, [0.0, 0.03], image=True, radii=radii)
        by_mask = green.solve_mask(device, mask, V, [0.0, 0.03], image=True)
        assert all(np.array_equal(a, b) for a, b in zip(by_discs, by_mask, strict=True))
        assert agree(device, mask, V, [0.0, 0.03]) > 0.5


# Levels of the isolated interior at the energy


def levels(device, sites, V, b):
    """Energies of a set of sites cut out of the device, and nothing else: neighbours are looked up
    pair by pair."""
    sites, H = [divmod(int(s), device.width) for s in sites], np.zeros((len(sites),) * 2, complex)
    for i, (y, x) in enumerate(sites):
        H[i, i] = 4.0 + (0.0 if V is None else V[y, x])
        for j, other in enumerate(sites):
            if other == (y, x + 1):
                H[j, i] = H[i, j] = -1
            if other == (y + 1, x):
                H[j, i] = -np.exp(1j * b * (x - (device.width - 1) / 2))
                H[i, j] = H[j, i].conj()
    return np.linalg.eigvalsh(H)


def interior(mask):
    return np.setdiff1d(np.flatnonzero(mask), geometry.ring(mask))


def smallest_singular_value(device, mask, V, b):
    """Of G0[ring, ring]."""
    w = green.clean_wire(device, b) if V is None else green.wire(device, b, V)
    ring = torch.as_tensor(geometry.ring(mask))
    return torch.linalg.svdvals(w.between(ring[:, None], ring))[-1].item()


def with_energy(device, energy):
    return make(device.width, device.length, energy, device.field_max, device.amplitude)


def test_radius_6_crosses_a_level_of_its_interior_at_b_0_01525():
    """E = 0.5: G0[ring, ring] is singular to the last digit, an explicit inverse would lose
    everything."""
    mask = geometry.removed_mask([[14, 20], [33, 38]], DEVICE, [6, 6])
    inside = interior(geometry.removed_mask([[14, 20]], DEVICE, [6]))
    b = brentq(lambda b: levels(DEVICE, inside, None, b)[2] - 0.5, 0.015, 0.0155, xtol=1e-16)
    assert abs(b - 0.01525) < 5e-6
    assert smallest_singular_value(DEVICE, mask, None, b) < 1e-12
    assert smallest_singular_value(DEVICE, mask, None, 0.01525) < 1e-4
    assert agree(DEVICE, mask, None, [b, 0.01525], image=False) > 1


def test_radius_4_has_a_level_of_its_interior_near_the_energy_at_b_0():
    """E = 0.5 is 0.0017 t below it; there, and on the level itself, nothing is lost."""
    mask = geometry.removed_mask([[14, 20], [33, 38]], DEVICE, [4, 4])
    (level,) = [
        e
        for e in levels(DEVICE, interior(geometry.removed_mask([[14, 20]], DEVICE, [4])), None, 0.0)
        if e < 1
    ]
    assert 0.0016 < level - 0.5 < 0.0018
    safe = geometry.removed_mask([[14, 20], [33, 38]], DEVICE)  # radius 5
    assert (
        smallest_singular_value(DEVICE, mask, None, 0.0)
        < smallest_singular_value(DEVICE, safe, None, 0.0) / 20
    )
    assert agree(DEVICE, mask, None, [0.0]) > 1
    device = with_energy(DEVICE, level)
    assert smallest_singular_value(device, mask, None, 0.0) < 1e-12
    assert agree(device, mask, None, [0.0]) > 1


@pytest.mark.parametrize("b", [0.0, 0.02, 0.3])
def test_energy_at_levels_of_the_interior_in_a_random_potential(b):
    device = make(20, 24, amplitude=0.3)
    V = wire.random_potential(7, device)
    mask = geometry.removed_mask([[7, 8], [12, 14]], device, [5, 3])
    for energy in levels(device, interior(mask), V, b)[1::12]:
        device = with_energy(device, energy)
        assert smallest_singular_value(device, mask, V, b) < 1e-12
        assert agree(device, mask, V, [b], image=b == 0) > 0.1


def test_a_level_of_the_interior_in_the_middle_of_the_band():
    """The centre of radius 1 has the level 4 t at any field; there the factorisation may meet a
    pivot that is exactly 0."""
    largest = 0
    for width in range(4, 14):
        device = make(width, 12, 4.0)
        for x in (1, width - 2):
            mask = geometry.removed_mask([[x, 2]], device, [1])
            assert smallest_singular_value(device, mask, None, 0.5) < 1e-12
            largest = max(largest, agree(device, mask, np.zeros((12, width)), [0.5], image=False))
    assert largest > 0.9


def test_a_pivot_that_is_exactly_zero_is_solved():
    wire = types.SimpleNamespace(
        between=lambda rows, columns: torch.ones(2, 2, dtype=leads.COMPLEX)
    )
    state = torch.tensor([[3.0], [3.0]], dtype=leads.COMPLEX)
    solution = green.update(wire, torch.arange(2), state)
    assert (torch.ones(2, 2, dtype=leads.COMPLEX) @ solution - state).abs().max() < 1e-12


def test_a_level_of_a_pocket_at_the_energy_reaches_no_lead():
    """An enclosed site with level 4 t at E = 4 t: Kwant's matrix is singular; G and LDOS are those
    of the filled pocket."""
    largest = 0
    for b in (0.0, 0.1, 0.5):
        for width in (6, 9, 13):
            device = make(width, 12, 4.0)
            mask = np.zeros((12, width), bool)
            mask[[4, 6, 5, 5], [3, 3, 2, 4]] = True
            filled = mask.copy()
            filled[5, 3] = True
            for V in (None, np.zeros((12, width))):
                G, _, ldos = green.solve_mask(device, mask, V, [b], image=True)
                G_filled, _, ldos_filled = green.solve_mask(device, filled, V, [b], image=True)
                assert G[0] == G_filled[0]
                largest = max(largest, G[0])
                assert ldos[5, 3] == 0 and ldos.max() > 0.1 and np.array_equal(ldos, ldos_filled)
    assert largest > 1


def test_a_level_behind_a_row_is_met_by_the_other_way():
    """A notch that opens towards lead 1 alone, its level at the energy: row by row from lead 0 it
    is a pole, and the update of the wire without holes is asked there, and there only."""
    device, V = make(9, 12, 4.0), np.zeros((12, 9))
    mask = np.zeros((12, 9), bool)
    mask[[5, 5, 4], [3, 5, 4]] = True  # around the site (4, 5)
    good = by_rows.curve(device, mask, V, np.array([0.1]))[1]
    assert not good.any()
    assert agree(device, mask, V, [0.1], image=False) > 0.5
    device = with_energy(device, 3.3)
    G, good = by_rows.curve(device, mask, V, np.array([0.0, 0.1]))
    assert good.all()
    w = [green.wire(device, b, V) for b in (0.0, 0.1)]
    ring = torch.as_tensor(geometry.ring(mask))[None]
    np.testing.assert_allclose(G, [green.conductance(one, ring)[0].item() for one in w], atol=1e-11)


# Modes that open, close or do not exist


def bands(device, b, k):
    """Energies of the lead's modes at wave number k, (W,)."""
    x = np.arange(device.width) - (device.width - 1) / 2
    return np.linalg.eigvalsh(
        np.diag(4 - 2 * np.cos(k - b * x)) - np.eye(device.width, k=1) - np.eye(device.width, k=-1)
    )


def thresholds(device, b):
    """Energies at which a mode opens or closes: the extrema of its bands, sorted."""
    # 0 and pi, where a band that is even in k has extrema, are on the grid
    k = np.linspace(-np.pi, np.pi, 361)
    E = np.array([bands(device, b, q) for q in k])
    found = list(E[0])
    for n in range(device.width):
        for s in (1, -1):
            for i in np.flatnonzero(
                (s * E[1:-1, n] < s * E[:-2, n]) & (s * E[1:-1, n] <= s * E[2:, n])
            ):
                best = minimize_scalar(
                    lambda q, n=n, s=s: s * bands(device, b, q)[n],
                    bounds=(k[i], k[i + 2]),
                    method="bounded",
                    options={"xatol": 1e-12},
                )
                found.append(s * best.fun)
    return np.unique(found)


@pytest.mark.parametrize(
    "device, b",
    [(make(12, 10, 0.05), 0.0), (make(12, 10, 0.5), 0.6), (make(12, 10, 8.3), 0.2)],
    ids=["below the first mode", "below the first Landau level", "above the band"],
)
def test_without_an_open_mode_nothing_is_transmitted(device, b):
    mask = geometry.removed_mask([[5, 5]], device, [2])
    assert not thresholds(device, b)[0] < device.energy < thresholds(device, b)[-1]
    for V in (None, wire.random_potential(0, device)):
        G, modes, ldos = green.solve_mask(device, mask, V, [b], image=True)
        assert G.tolist() == [0.0] and modes.tolist() == [0]
        S = green.smatrix(
            green.wire(device, b, np.zeros((10, 12)) if V is None else V),
            torch.as_tensor(geometry.ring(mask)),
        )
        assert S.shape == (0, 0)
        assert ldos.any() == (b == 0.6)  # the LDOS is that of b = 0, where E = 0.5 has modes
        system = kwant_model.build(device, mask, V)
        assert (
            kwant_model.open_modes(system, device, b) == 0
            and kwant_model.conductance(system, device, b) == 0
        )


@pytest.mark.parametrize(
    "device, lower, upper", [(DEVICE, 0.039, 0.0405), (make(14, 18, 0.9), 0.19, 0.24)]
)
def test_a_mode_closes_and_opens_inside_the_sweep(device, lower, upper):
    """A millionth of the field below and above the step, on both sides of b = 0."""

    def modes(b):
        return leads.lead_modes(device, b).open_modes

    count = modes(lower)
    assert modes(upper) == count - 1
    while upper - lower > 1e-7:
        middle = (lower + upper) / 2
        lower, upper = (middle, upper) if modes(middle) == count else (lower, middle)
    fields = [-upper - 1e-6, -lower + 1e-6, lower - 1e-6, upper + 1e-6]
    mask = geometry.removed_mask([[device.width // 3, device.length // 2]], device, [3])
    V = wire.random_potential(2, device)
    _, n, _ = green.solve_mask(device, mask, V, fields)
    assert n.tolist() == [count - 1, count, count, count - 1]
    assert agree(device, mask, V, fields, image=False) > 1


@pytest.mark.parametrize(
    "width, b",
    [
        (1, 0.0),
        (2, 0.3),
        (5, 0.1),
        (12, 0.0),
        (12, 0.2),
        (8, 0.3),
        (14, -0.4),
        (20, 1.2),
        (9, 2.5),
        (50, 0.0),
        (50, 0.05),
    ],
)
def test_an_energy_on_a_threshold_is_refused_and_a_millionth_away_is_solved(width, b):
    device = make(width, 8)
    mask = np.zeros((8, width), bool)
    mask[3, : width // 3] = True
    found = thresholds(device, b)
    # no gap of a mere crossing
    found = found[np.minimum(np.diff(found, prepend=-1), np.diff(found, append=9)) > 1e-5]
    assert len(found) >= 2 * width
    for threshold in found[:: max(1, len(found) // 5)]:
        with pytest.raises(SettingsError, match="threshold of a lead mode"):
            green.solve_mask(with_energy(device, threshold), mask, None, [b])
        for energy in (threshold - 1e-6, threshold + 1e-6):
            # roots of E - E0 lose digits
            agree(with_energy(device, energy), mask, None, [b], image=False, within=1e-8)


# Extremes of field, size and mask


@pytest.mark.parametrize("b", [0.0, -0.0, 0.3, -0.6, 1.2, np.pi, 3.5])
def test_fields_from_zero_to_more_than_half_a_flux_quantum_per_plaquette(b):
    largest = 0
    for energy in (0.45, 1.3, 2.2, 5.3):
        device = make(15, 17, energy, amplitude=0.1)
        mask = geometry.removed_mask([[4, 6], [10, 11]], device, [2, 3])
        for V in (None, wire.random_potential(1, device)):
            largest = max(largest, agree(device, mask, V, [b], image=False))
    assert largest > 0.5


@pytest.mark.parametrize("width, length", [(1, 1), (1, 7), (2, 2), (2, 9), (7, 1), (30, 3)])
def test_chains_and_slabs(width, length):
    """The smallest wires, with no site removed and, where there is a third row, with one."""
    device = make(width, length, 2.7, amplitude=0.5)
    for V in (None, wire.random_potential(4, device)):
        mask = np.zeros((length, width), bool)
        assert agree(device, mask, V, [0.0, 0.2]) > 0.3
        if length > 2:
            mask[1, width // 2] = True
            assert (agree(device, mask, V, [0.0, 0.2]) > 0.05) == (width > 1)


def test_a_large_wire_is_solved_without_its_full_green_function(monkeypatch):
    """Width 60, length 120: only the blocks towards the rows that hold removed sites are kept, 10 %
    of (W L)^2."""
    sizes, solved = [], green.wire

    def recorded(*arguments, **options):
        w = solved(*arguments, **options)
        sizes.append(w.g.numel())
        return w

    monkeypatch.setattr(green, "wire", recorded)
    device = make(60, 120)
    V = wire.random_potential(0, device)
    mask = geometry.removed_mask([[20, 40], [41, 44]], device, [4, 3])  # rows 36 to 47
    G, _, ldos = green.solve_mask(device, mask, V, [0.02], image=True)
    assert sizes == [(120 * 60) ** 2 / 10]  # of the image; the curve needs none of it
    system = kwant_model.build(device, mask, V)
    assert abs(G[0] - kwant_model.conductance(system, device, 0.02)) < 1e-9 and G[0] > 1
    assert np.abs(ldos - kwant_model.ldos(system, device)).max() < 1e-9


def test_kept_rows_and_columns_equal_the_full_green_function_and_others_fail_loudly():
    device = make(7, 9)
    V = wire.random_potential(5, device)
    full = green.wire(device, 0.1, V)
    for rows, columns in (([0, 3, 8], [2, 3]), ([5], None), (None, [7, 1]), ([], [])):
        part = green.wire(device, 0.1, V, rows=rows, columns=columns)
        i, j = (
            torch.as_tensor(
                [y * 7 + x for y in (range(9) if kept is None else kept) for x in range(7)],
                dtype=torch.long,
            )
            for kept in (rows, columns)
        )
        assert (part.between(i[:, None], j) - full.between(i[:, None], j)).abs().sum() < 1e-11
        assert len(part.g) == len(i) * len(j)
    part = green.wire(device, 0.1, V, rows=[0, 3, 8], columns=[2, 3])
    for site, other in ((7, 14), (0, 0), (62, 62), (8, 62)):
        with pytest.raises(IndexError):
            part.between(torch.tensor([site]), torch.tensor([other]))


def test_masks_and_antidots_on_the_end_rows_are_refused():
    """There the leads begin; Kwant would silently put the sites back."""
    device = make(12, 14)
    for row in (0, -1):
        mask = np.zeros((14, 12), bool)
        mask[row, 5] = True
        with pytest.raises(SettingsError, match="rows 0 and 13 must stay whole"):
            green.solve_mask(device, mask, None, [0.0])
    for y in (2, 11):
        with pytest.raises(SettingsError, match="end row"):
            green.solve(device, [[5, y]], None, [0.0])
        green.solve(device, [[5, y]], None, [0.0], radii=[1])
    for wrong in (np.zeros((12, 14), bool), np.full((14, 12), 2), np.full((14, 12), np.nan)):
        with pytest.raises(SettingsError, match="mask of removed sites"):
            green.solve_mask(device, wrong, None, [0.0])


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_the_ring_is_every_removed_site_with_a_neighbour_outside_once(share):
    """A naive double loop; beyond the end rows lie the leads, beyond the side walls nothing."""
    for k in range(10):
        rng = stream("rings", k)
        L, W = rng.integers(1, 12, 2)
        mask = rng.random((L, W)) < share
        expected = []
        for y in range(L):
            for x in range(W):
                outside = [y in (0, L - 1)]
                for j in range(L):
                    for i in range(W):
                        outside.append(abs(i - x) + abs(j - y) == 1 and not mask[j, i])
                if mask[y, x] and any(outside):
                    expected.append(y * W + x)
        assert geometry.ring(mask).tolist() == expected
