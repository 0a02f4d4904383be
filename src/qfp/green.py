"""The exact fast solver: removing sites is a finite-rank update of the antidot-free wire's Green's function.

With D the ring of the removed sites,  G = G0 - G0[:,D] (G0[D,D])^-1 G0[D,:],  and the transmission amplitudes are
t = t0 - (U+^dagger G0[+,D]) (G0[D,D])^-1 (G0[D,-] U-),  Gamma = U U^dagger. One block recursion per (potential, field)
gives G0, then a configuration costs one small solve. No Kwant here: lead modes come from a 2W x 2W eigenproblem.
Everything is torch, double precision unless told otherwise, on the CPU or a GPU.
"""

import functools
from dataclasses import dataclass

import numpy as np
import scipy.linalg
import torch

from . import geometry
from .config import SettingsError

COMPLEX = torch.complex128
ON_UNIT_CIRCLE = 1e-7  # | |lambda| - 1 | below which a lead mode counts as propagating
SLOWEST = 1e-5  # velocity [t] below which a mode is at its threshold: 2e-11 t above it


@dataclass(frozen=True)
class Leads:
    """Self-energies of the two leads at one field and the roots of their broadenings.

    sigma (2, W, W) [t]: lead 0 along -y, lead 1 along +y; U: two tensors (W, n), Gamma = i(Sigma - Sigma^dagger) = U U^dagger."""

    sigma: torch.Tensor
    U: tuple

    @property
    def open_modes(self):
        return self.U[0].shape[1]


def _hoppings(device, b, to):
    """Diagonal of H[(x, y+1), (x, y)] = -exp(+i b (x - (W-1)/2)), shape (W,)."""
    x = torch.arange(device.width, dtype=torch.float64, device=to)
    return -torch.exp(1j * b * (x - (device.width - 1) / 2)).to(COMPLEX)


def _row_hamiltonian(device, V):
    """Hamiltonian of rows of sites, (..., W, W), for onsite potentials V (..., W) [t]."""
    across = torch.ones(device.width - 1, dtype=torch.float64, device=V.device)
    return torch.diag_embed(4.0 + V) - torch.diag(across, 1) - torch.diag(across, -1)


def lead_modes(device, b, to="cpu"):
    """Leads at field b [rad/plaquette], from psi_{y+1} = d* ^-1 ((E - h) psi_y - d psi_{y-1}).

    Raises SettingsError where the energy lies on the threshold of a mode: no split into in- and outgoing exists there."""
    W, d = device.width, _hoppings(device, b, "cpu")
    h = _row_hamiltonian(device, torch.zeros(W, dtype=torch.float64)).to(COMPLEX)
    eye = torch.eye(W, dtype=COMPLEX)
    transfer = torch.zeros(2 * W, 2 * W, dtype=COMPLEX)  # acts on (psi_y, psi_{y-1})
    transfer[:W, :W] = (device.energy * eye - h) / d.conj()[:, None]
    transfer[:W, W:] = -torch.diag(d / d.conj())
    transfer[W:, :W] = eye
    lam, vectors = torch.linalg.eig(transfer)
    phi = vectors[:W] / vectors[:W].norm(dim=0)
    velocity = 2 * (lam.conj() * (phi.conj() * d[:, None] * phi).sum(dim=0)).imag  # current from y to y + 1
    propagating = (lam.abs() - 1).abs() < ON_UNIT_CIRCLE
    upward = torch.where(propagating, velocity > 0, lam.abs() < 1)
    if int(upward.sum()) != W or (propagating & (velocity.abs() < SLOWEST)).any():
        raise SettingsError(f"energy {device.energy} lies on the threshold of a lead mode at b = {float(b)}: move it by 1e-6")
    rising, falling = _invariant_subspaces(transfer, lam, upward)
    step_up = torch.linalg.solve(rising[W:], rising[:W], left=False)  # psi_{y+1} = step_up psi_y in lead 1
    step_down = torch.linalg.solve(falling[:W], falling[W:], left=False)  # psi_{y-1} = step_down psi_y in lead 0
    sigma = torch.stack([d[:, None] * step_down, d.conj()[:, None] * step_up]).to(to)  # (2, W, W)
    n = int(propagating.sum()) // 2
    U = []
    for s in sigma:
        weight, basis = torch.linalg.eigh(1j * (s - s.mH))
        U.append(basis[:, W - n :] * weight[W - n :].clamp(min=0).sqrt())
    return Leads(sigma, tuple(U))


def _invariant_subspaces(transfer, lam, upward):
    """Orthonormal bases (2W, W) of the modes that move or decay to +y, and of those to -y.

    Schur vectors, because the evanescent eigenvectors become nearly parallel in a field: at b = 0.05 a basis of
    eigenvectors costs ten digits."""
    lam, upward = lam.numpy(), upward.numpy()

    def is_upward(value):
        return upward[np.abs(lam - value).argmin()]

    bases = [
        scipy.linalg.schur(transfer.numpy(), output="complex", sort=choice)[1][:, : len(lam) // 2]
        for choice in (is_upward, lambda value: not is_upward(value))
    ]
    return tuple(torch.from_numpy(basis) for basis in bases)


@dataclass(frozen=True)
class Wire:
    """The antidot-free wire at one field: G0 between any two sites, and its scattering states.

    g is flat; G0[i, j] = g[row[i] + column[j]] for sites i = y * W + x. psi: for each lead, G0[:, lead row] U, the
    unit-flux scattering states, (sites, n). out: U+^dagger G0[+, :], (n, sites). t0: transmission amplitudes (n, n)."""

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


def _wire(device, leads, g, row, column):
    """Wire from the storage of its Green's function: adds the scattering states."""
    W, L = device.width, device.length
    sites = torch.arange(W * L, device=g.device)
    first, last = sites[:W], sites[-W:]
    psi = tuple(
        g[row[sites[:, None]] + column[end[None, :]]] @ U for end, U in zip((first, last), leads.U)
    )
    out = leads.U[1].mH @ g[row[last[:, None]] + column[sites[None, :]]]
    return Wire(device, leads, g, row, column, psi, out, out[:, :W] @ leads.U[0])


def clean_wire(device, b, to="cpu"):
    """Wire without potential: translation invariant, so G0 depends on y - y' alone and comes from the lead modes."""
    W, L = device.width, device.length
    leads = lead_modes(device, b, to)
    d = _hoppings(device, b, to)
    h = _row_hamiltonian(device, torch.zeros(W, dtype=torch.float64, device=to)).to(COMPLEX)
    eye = torch.eye(W, dtype=COMPLEX, device=to)
    blocks = torch.empty(2 * L - 1, W, W, dtype=COMPLEX, device=to)  # y - y' = -(L-1)..L-1
    blocks[L - 1] = torch.linalg.inv(device.energy * eye - h - leads.sigma[0] - leads.sigma[1])
    step_down, step_up = leads.sigma[0] / d[:, None], leads.sigma[1] / d.conj()[:, None]
    for n in range(L - 1):
        blocks[L + n] = step_up @ blocks[L - 1 + n]
        blocks[L - 2 - n] = step_down @ blocks[L - 1 - n]
    y, x = (torch.arange(W * L, device=to) // W, torch.arange(W * L, device=to) % W)
    return _wire(device, leads, blocks.reshape(-1), (y + L - 1) * W * W + x * W, x - y * W * W)


def wire(device, b, potential, leads=None, to="cpu"):
    """Wire with a potential (L, W) [t]: the full G0 by one recursion over rows.

    Stable: every off-diagonal block is a product of half-wire Green's functions, G[i+1, j] = gR[i+1] H[i+1, i] G[i, j]."""
    W, L = device.width, device.length
    leads = leads or lead_modes(device, b, to)
    d = _hoppings(device, b, to)
    V = torch.as_tensor(np.asarray(potential), dtype=torch.float64, device=to)
    A = (device.energy * torch.eye(W, device=to) - _row_hamiltonian(device, V)).to(COMPLEX)  # (L, W, W)
    A[0] -= leads.sigma[0]
    A[-1] -= leads.sigma[1]
    below, above = [None] * L, [None] * L  # self-energies of the half wires on either side of a row
    left, right = [None] * L, [None] * L  # and their end-row Green's functions, the row included
    zero = torch.zeros(W, W, dtype=COMPLEX, device=to)
    for i in range(L):
        below[i] = d[:, None] * left[i - 1] * d.conj() if i else zero
        left[i] = torch.linalg.inv(A[i] - below[i])
        j = L - 1 - i
        above[j] = d.conj()[:, None] * right[j + 1] * d if i else zero
        right[j] = torch.linalg.inv(A[j] - above[j])
    G = torch.empty(L * W, L * W, dtype=COMPLEX, device=to)
    for i in range(L):
        rows = slice(i * W, (i + 1) * W)
        G[rows, rows] = torch.linalg.inv(A[i] - below[i] - above[i])
    for i in range(1, L):
        G[i * W : (i + 1) * W, : i * W] = (right[i] * d) @ G[(i - 1) * W : i * W, : i * W]
        j = L - 1 - i
        G[j * W : (j + 1) * W, (j + 1) * W :] = (left[j] * d.conj()) @ G[(j + 1) * W : (j + 2) * W, (j + 1) * W :]
    sites = torch.arange(W * L, device=to)
    return _wire(device, leads, G.reshape(-1), sites * (W * L), sites)


def _update(wire, rings):
    """(G0[D,D])^-1 applied to the scattering states of lead 0 on rings (B, R): (B, R, n)."""
    return torch.linalg.solve(wire.between(rings[:, :, None], rings[:, None, :]), wire.psi[0][rings])


def conductance(wire, rings, batch=128):
    """T = Tr(t t^dagger) [e^2/h] for rings of removed sites (B, R), shape (B,)."""
    out = wire.out.T.contiguous()  # (sites, n): rows are gathered
    T = []
    for part in rings.split(batch):
        t = wire.t0 - out[part].transpose(1, 2) @ _update(wire, part)  # (batch, n, n)
        T.append(t.abs().square().sum(dim=(1, 2)))
    return torch.cat(T)


def ldos(wire, rings, removed, batch=4):
    """LDOS sum |psi|^2 / 2 pi over the scattering states of both leads [1/t], (B, L, W).

    rings (B, R); removed (B, L, W) bool, set to 0 exactly. For wires at b = 0, where G0 is symmetric: rows of it are
    read, which lie together in memory, in place of columns."""
    device = wire.device
    sites = torch.arange(device.length * device.width, device=rings.device)
    states = torch.cat(wire.psi, dim=1)  # (sites, 2n)
    images = []
    for part in rings.split(batch):
        X = torch.linalg.solve(wire.between(part[:, :, None], part[:, None, :]), states[part])  # (batch, R, 2n)
        rows = wire.between(part[:, :, None], sites)  # (batch, R, sites)
        psi = states - rows.transpose(1, 2) @ X  # (batch, sites, 2n)
        images.append(psi.abs().square().sum(dim=2) / (2 * torch.pi))
    image = torch.cat(images).reshape(-1, device.length, device.width)
    return image.masked_fill(removed, 0.0)


@functools.lru_cache(maxsize=128)
def clean_wire_cached(device, b):
    """Clean wires are shared by every curve at V = 0: 5 MB a field at the paper's size."""
    return clean_wire(device, b)


def solve(device, antidots, potential=None, fields=None, image=False):
    """Curve and LDOS of one configuration.

    antidots (K, 2); potential (L, W) [t] or None for V = 0; fields (F,) or None for the device's sweep.
    Returns conductance (F,) [e^2/h], open modes (F,) int and the LDOS at b = 0 (L, W) [1/t], None unless image is set."""
    fields = device.fields if fields is None else np.asarray(fields, dtype=float)
    mask = geometry.removed_mask(antidots, device)
    rings = torch.as_tensor(geometry.ring(mask)[None])

    def at(b):
        return clean_wire_cached(device, float(b)) if potential is None else wire(device, float(b), potential)

    G, modes, picture = [], [], None
    for b in fields:
        w = at(b)
        G.append(conductance(w, rings)[0].item() if rings.shape[1] else w.t0.abs().square().sum().item())
        modes.append(w.leads.open_modes)
    if image:
        picture = ldos(at(0.0), rings, torch.as_tensor(mask[None]))[0].numpy()
    return np.array(G), np.array(modes), picture
