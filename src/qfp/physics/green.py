# long: the exact solver as it is derived, one step after the other
"""The exact fast solver: removing sites is a finite-rank update of the antidot-free wire's Green's
function.

With D the ring of the removed sites,  G = G0 - G0[:,D] (G0[D,D])^-1 G0[D,:],  and the transmission
amplitudes are  t = t0 - (U+^dagger G0[+,D]) (G0[D,D])^-1 (G0[D,-] U-),  Gamma = U U^dagger.

One block recursion per (potential, field) gives G0, then a configuration costs one small solve.
G0[D,D] is factorised, never inverted: where the energy is a level of the isolated interior it is
singular, yet the solution is exact. No Kwant here. Everything is torch, double precision, on the
CPU or a GPU.
"""

import functools
from dataclasses import dataclass

import numpy as np
import torch

from qfp.physics import geometry, thermal
from qfp.physics.leads import COMPLEX, Leads, hoppings, lead_modes, leads_cached, row_hamiltonian
from qfp.physics.rows import curve

SPOILT = 1e6  # amplitude on a ring above which rounding shows in the tenth digit
NULL = 1e-13  # singular values of G0[D,D] below this times the largest are levels of the interior


@dataclass(frozen=True)
class Wire:
    """The antidot-free wire at one field: G0 between sites, and its scattering states.

    g is flat; G0[i, j] = g[row[i] + column[j]] for sites i = y * W + x that were kept. psi: for
    each lead, G0[:, lead row] U, the unit-flux scattering states, (sites, n). out: U+^dagger G0[+,
    :], (n, sites). t0: transmission amplitudes (n, n)."""

    device: object
    leads: Leads
    g: torch.Tensor
    row: torch.Tensor
    column: torch.Tensor
    psi: tuple
    out: torch.Tensor
    t0: torch.Tensor

    def between(self, rows, columns):
        """G0 between broadcast arrays of sites."""
        return self.g[self.row[rows] + self.column[columns]]


@dataclass(frozen=True)
class Steps:
    """Row recursion of an antidot-free wire, five tensors (L, W, W) that give every block G0[i, j]
    between rows.

    diagonal: G0[i, i]. G0[i, j] = up[i] G0[i-1, j] = G0[i, j+1] left[j] for j < i, and = down[i]
    G0[i+1, j] = G0[i, j-1] right[j] for j > i. Stable: each is a product with a half wire's Green's
    function."""

    leads: Leads
    diagonal: torch.Tensor
    up: torch.Tensor
    down: torch.Tensor
    left: torch.Tensor
    right: torch.Tensor

    def states(self):
        """Scattering states psi of lead 0 and of lead 1, (sites, n) each; out, (n, sites); t0, (n,
        n). See Wire."""
        U0, U1 = self.leads.U
        L = len(self.diagonal)
        rising, falling, out = (
            [self.diagonal[0] @ U0],
            [self.diagonal[-1] @ U1],
            [U1.mH @ self.diagonal[-1]],
        )
        for i in range(1, L):
            rising.append(self.up[i] @ rising[-1])
            falling.append(self.down[L - 1 - i] @ falling[-1])
            out.append(out[-1] @ self.left[L - 1 - i])
        return (
            (torch.cat(rising), torch.cat(falling[::-1])),
            torch.cat(out[::-1], dim=1),
            out[-1] @ U0,
        )


def steps(device, b, potential, leads=None, to="cpu"):
    """Steps of the wire with a potential (L, W) [t] at field b [rad/plaquette]: 3 L factorisations
    of W x W."""
    W, L = device.width, device.length
    leads = leads or lead_modes(device, b, to)
    d = hoppings(device, b, to)
    V = torch.as_tensor(np.asarray(potential), dtype=torch.float64, device=to)
    # in single precision it would round the energy
    eye = torch.eye(W, dtype=torch.float64, device=to)
    A = (device.energy * eye - row_hamiltonian(device, V)).to(COMPLEX)  # (L, W, W)
    A[0] -= leads.sigma[0]
    A[-1] -= leads.sigma[1]
    # self-energies of the half wires on either side of a row
    below, above = torch.zeros_like(A), torch.zeros_like(A)
    # and their end-row Green's functions, the row included
    lower, upper = torch.empty_like(A), torch.empty_like(A)
    phases = d[:, None] * d.conj()
    for i, j in zip(range(L), reversed(range(L)), strict=True):
        if i:
            below[i], above[j] = phases * lower[i - 1], phases.conj() * upper[j + 1]
        lower[i], upper[j] = torch.linalg.inv(A[i] - below[i]), torch.linalg.inv(A[j] - above[j])
    return Steps(
        leads,
        torch.linalg.inv(A - below - above),
        upper * d,
        lower * d.conj(),
        d[:, None] * lower,
        d.conj()[:, None] * upper,
    )


def clean_wire(device, b, leads=None):
    """Wire without potential: translation invariant, so G0 depends on y - y' alone and comes from
    the lead modes."""
    W, L = device.width, device.length
    leads = leads or lead_modes(device, b)
    d = hoppings(device, b, "cpu")
    h = row_hamiltonian(device, torch.zeros(W, dtype=torch.float64)).to(COMPLEX)
    eye = torch.eye(W, dtype=COMPLEX)
    blocks = torch.empty(2 * L - 1, W, W, dtype=COMPLEX)  # y - y' = -(L-1)..L-1
    blocks[L - 1] = torch.linalg.inv(device.energy * eye - h - leads.sigma[0] - leads.sigma[1])
    step_down, step_up = leads.sigma[0] / d[:, None], leads.sigma[1] / d.conj()[:, None]
    for n in range(L - 1):
        blocks[L + n] = step_up @ blocks[L - 1 + n]
        blocks[L - 2 - n] = step_down @ blocks[L - 1 - n]
    psi = tuple(
        (part @ U).flatten(0, 1)
        for part, U in zip((blocks[L - 1 :], blocks[:L]), leads.U, strict=True)
    )
    out = (leads.U[1].mH @ blocks[L - 1 :].flip(0)).transpose(0, 1).flatten(1)
    y, x = torch.arange(W * L) // W, torch.arange(W * L) % W
    row, column = (y + L - 1) * W * W + x * W, x - y * W * W
    return Wire(device, leads, blocks.reshape(-1), row, column, psi, out, out[:, :W] @ leads.U[0])


def wire(device, b, potential, leads=None, rows=None, columns=None, to="cpu"):
    """Wire with a potential (L, W) [t]; G0 is kept between the sites of the given rows and columns
    (lists of y).

    None: all of them, 16 (W L)^2 bytes, 144 MB at the paper's size."""
    W, L = device.width, device.length
    s = steps(device, b, potential, leads, to)
    kept = [sorted(range(L) if part is None else set(part)) for part in (rows, columns)]
    kept = [torch.as_tensor(part, dtype=torch.long, device=to) for part in kept]
    # a site that was not kept fails loudly
    place, column = (torch.full((L,), -(L**3) * W * W, device=to) for _ in kept)
    for index, part in zip((place, column), kept, strict=True):
        index[part] = W * torch.arange(len(part), device=to)
    G = torch.empty(len(kept[0]) * W, len(kept[1]) * W, dtype=COMPLEX, device=to)
    for order, step in ((range(L), s.up), (range(L - 1, -1, -1), s.down)):
        # The columns met so far are a block at one end; it grows where a new column starts from its
        # diagonal block.
        active = slice(0, 0) if step is s.up else slice(G.shape[1], G.shape[1])
        current = torch.empty(W, G.shape[1], dtype=COMPLEX, device=to)
        for i in order:
            if active.stop > active.start:
                current[:, active] = step[i] @ current[:, active]
            if column[i] >= 0:
                new = slice(int(column[i]), int(column[i]) + W)
                current[:, new] = s.diagonal[i]
                active = slice(min(active.start, new.start), max(active.stop, new.stop))
            if place[i] >= 0:
                G[place[i] : place[i] + W, active] = current[:, active]
    x = torch.arange(W, device=to)
    row, column = (place[:, None] + x).flatten() * G.shape[1], (column[:, None] + x).flatten()
    return Wire(device, s.leads, G.flatten(), row, column, *s.states())


def update(wire, rings, states):
    """(G0[D,D])^-1 applied to states (..., R, n) on rings (..., R).

    Where the energy is a level of the interior to rounding, factors give it an amplitude without
    bound. Then that null vector, which has no weight outside the ring, is left out."""
    g = wire.between(rings[..., :, None], rings[..., None, :])
    X = torch.linalg.solve_ex(g, states)[0]
    spoilt = ~(torch.linalg.vector_norm(X, dim=(-2, -1)) < SPOILT)
    if spoilt.any():
        left, values, right = torch.linalg.svd(g[spoilt])
        inverse = torch.where(values > NULL * values[..., :1], 1 / values, 0.0)[..., None]
        X[spoilt] = right.mH @ (inverse * (left.mH @ states[spoilt]))
    return X


def conductance(wire, rings, batch=128):
    """T = Tr(t t^dagger) [e^2/h] for rings of removed sites (B, R), shape (B,)."""
    out = wire.out.T.contiguous()  # (sites, n): rows are gathered
    T = []
    for part in rings.split(batch):
        # (batch, n, n)
        t = wire.t0 - out[part].transpose(1, 2) @ update(wire, part, wire.psi[0][part])
        T.append(t.abs().square().sum(dim=(1, 2)))
    return torch.cat(T)


def scattering_states(wire, ring, sites=None):
    """Unit-flux scattering states of both leads with the ring (R,) removed, at some sites (all:
    None): (sites, 2n).

    Lead 0's first. They mean nothing on removed sites behind the ring."""
    sites = torch.arange(len(wire.row), device=ring.device) if sites is None else sites
    states = torch.cat(wire.psi, dim=1)
    return states[sites] - wire.between(sites[:, None], ring) @ update(wire, ring, states[ring])


def smatrix(wire, ring):
    """Scattering matrix (2n, 2n) by Fisher and Lee, S = -1 + i U^dagger G U: [[r, t'], [t, r']],
    lead 0 first.

    The wire must hold its end rows; ring (R,) is empty for the wire itself."""
    W, n = wire.device.width, wire.leads.open_modes
    sites = torch.arange(len(wire.row), device=ring.device)
    psi = scattering_states(wire, ring, torch.cat([sites[:W], sites[-W:]]))
    U0, U1 = wire.leads.U
    return 1j * torch.cat([U0.mH @ psi[:W], U1.mH @ psi[W:]]) - torch.eye(
        2 * n, dtype=psi.dtype, device=psi.device
    )


def ldos(wire, ring, removed):
    """LDOS sum |psi|^2 / 2 pi over the scattering states of both leads [1/t], (L, W); 0 where
    removed (L, W) is set."""
    density = scattering_states(wire, ring).abs().square().sum(dim=1) / (2 * torch.pi)
    return density.reshape(removed.shape).masked_fill(removed, 0.0)


WIRES = 160  # that are kept


@functools.lru_cache(maxsize=WIRES)
def clean_wire_cached(device, b):
    """Clean wires are shared by every curve at V = 0: 5 MB a field at the paper's size."""
    return clean_wire(device, b, leads=leads_cached(device, b))


def are_kept(device):
    """Whether clean wires of all energies and fields find room."""
    parts = thermal.parts(device)
    return len(parts) == 1 or len(parts) * device.field_points <= WIRES


def clean_wires(device, b):
    """(weight, clean wire) at a field b of each of a device's energies."""
    of = clean_wire_cached if are_kept(device) else clean_wire_cached.__wrapped__
    return ((weight, of(own, b)) for weight, own in thermal.parts(device))


def clean_curves(device, antidots):
    """Exact curves (N, F) [e^2/h] of antidots (N, K, 2) of the dataset's rule at V = 0. Every
    configuration shares the clean wire of a field, which is kept for later calls."""
    rings = torch.as_tensor(geometry.rings(antidots, device))
    curves = [
        sum(weight * conductance(wire, rings) for weight, wire in clean_wires(device, float(b)))
        for b in device.fields
    ]
    return torch.stack(curves, dim=1).numpy()


def solve_mask(device, mask, potential=None, fields=None, image=False):
    """Curve and LDOS of a wire with holes of any shape, by the exact solver.

    Source: Sec. III; the solver is this module's.

    Parameters
    ----------
    device : Device
    mask : array, bool (L, W)
        Removed sites, indexed [y, x].
    potential : array (L, W), optional
        [t]; None is V = 0.
    fields : array (F,), optional
        [rad/plaquette]; None is the device's sweep.
    image : bool
        Whether the LDOS is computed, too.

    Returns
    -------
    conductance : ndarray (F,)
        [e^2/h].
    open_modes : ndarray, int (F,)
        Of each lead.
    ldos : ndarray (L, W) or None
        At b = 0 [1/t]; 0 on removed sites.

    Raises
    ------
    SettingsError
        Where the mask takes sites of an end row, or the energy is at the threshold of a lead mode.

    Examples
    --------
    >>> import numpy as np
    >>> wire = qfp.load_preset("laptop").device
    >>> slit = np.zeros((wire.length, wire.width), bool)
    >>> slit[30, 5:45] = True
    >>> conductance, modes, _ = qfp.solve_mask(wire, slit, fields=[0.0, 0.01])
    >>> bool((conductance < modes).all())
    True
    """
    if isinstance(device, thermal.Ensemble):
        return _averaged(device, mask, potential, fields, image)
    mask = geometry.with_pockets(geometry.check_mask(mask, device))
    ring = torch.as_tensor(geometry.ring(mask))
    rows = np.unique(ring // device.width).tolist()
    fields = device.fields if fields is None else np.asarray(fields, dtype=float)

    def at(b, everywhere=False):
        if potential is None:
            return clean_wire_cached(device, float(b))
        return wire(device, float(b), potential, rows=None if everywhere else rows, columns=rows)

    G, good = np.empty(len(fields)), np.zeros(len(fields), bool)
    if potential is not None and len(fields):  # ten times faster than all that `wire` keeps
        G, good = curve(device, mask, potential, fields)
    for i in np.flatnonzero(~good):
        G[i] = conductance(at(fields[i]), ring[None])[0].item()
    modes = [leads_cached(device, float(b)).open_modes for b in fields]
    picture = ldos(at(0.0, everywhere=True), ring, torch.as_tensor(mask)).numpy() if image else None
    return G, np.array(modes, int), picture


def _averaged(device, mask, potential, fields, image):
    """`solve_mask` of an Ensemble; modes are those of the device's own energy."""
    modes = [
        leads_cached(device, float(b)).open_modes
        for b in (device.fields if fields is None else fields)
    ]
    G, ldos = 0.0, 0.0
    for weight, own in thermal.parts(device):
        g, _, picture = solve_mask(own, mask, potential, fields, image)
        G, ldos = G + weight * g, ldos + weight * picture if image else None
    return G, np.array(modes), ldos


def solve(device, antidots, potential=None, fields=None, image=False, radii=None):
    """Curve and LDOS of a wire with antidots, by the exact solver.

    Source: Sec. III; the solver is this module's.

    Parameters
    ----------
    device : Device
    antidots : array, int (K, 2)
        Centres (x, y) [sites]; they may touch or overlap.
    potential, fields, image
        As for `solve_mask`, which says what is returned and raised.
    radii : array (K,), optional
        One for each antidot [sites]; None is the device's.

    Returns
    -------
    conductance : ndarray (F,)
        [e^2/h].
    open_modes : ndarray, int (F,)
    ldos : ndarray (L, W) or None
        At b = 0 [1/t].

    Examples
    --------
    >>> wire = qfp.load_preset("laptop").device
    >>> conductance, modes, ldos = qfp.solve(wire, [[14, 20], [35, 41]], fields=[0.0], image=True)
    >>> bool(0 < conductance[0] < modes[0])
    True
    >>> float(ldos[20, 14])
    0.0
    """
    return solve_mask(
        device, geometry.removed_mask(antidots, device, radii), potential, fields, image
    )
