"""Lead modes and self-energies of the wire, from a 2W x 2W eigenproblem per magnetic field; no
Kwant."""

import functools
from dataclasses import dataclass

import numpy as np
import scipy.linalg
import torch

from qfp.tools import SettingsError, digest, kept_arrays

COMPLEX = torch.complex128
ON_UNIT_CIRCLE = 1e-7  # | |lambda| - 1 | below which a lead mode counts as propagating
CLOSEST = 1e-10  # distance of the energy to the threshold of a mode [t] and
SLOWEST = 1e-5  # velocity [t] below which the mode's direction drowns in rounding

_kept = {}  # device: {b: its upward step}, where a file holds them


@dataclass(frozen=True)
class Leads:
    """Self-energies of the two leads at one field and the roots of their broadenings.

    sigma (2, W, W) [t]: lead 0 along -y, lead 1 along +y; U: two tensors (W, n), Gamma = i(Sigma -
    Sigma^dagger) = U U^dagger."""

    sigma: torch.Tensor
    U: tuple

    @property
    def open_modes(self):
        return self.U[0].shape[1]


def hoppings(device, b, to):
    """Diagonal of H[(x, y+1), (x, y)] = -exp(+i b (x - (W-1)/2)), shape (W,)."""
    x = torch.arange(device.width, dtype=torch.float64, device=to)
    return -torch.exp(1j * b * (x - (device.width - 1) / 2)).to(COMPLEX)


def row_hamiltonian(device, V):
    """Hamiltonian of rows of sites, (..., W, W), for onsite potentials V (..., W) [t]."""
    across = torch.ones(device.width - 1, dtype=torch.float64, device=V.device)
    return torch.diag_embed(4.0 + V) - torch.diag(across, 1) - torch.diag(across, -1)


def upward_step(device, b):
    """Step (W, W) of the modes that move or decay to +y, and how many of them move, at field b
    [rad/plaquette]: psi_{y+1} = step psi_y, from psi_{y+1} = d* ^-1 ((E - h) psi_y - d psi_{y-1}).

    Raises SettingsError where the energy lies on the threshold of a mode: no split into in- and
    outgoing exists there."""
    W, d = device.width, hoppings(device, b, "cpu")
    h = row_hamiltonian(device, torch.zeros(W, dtype=torch.float64)).to(COMPLEX)
    eye = torch.eye(W, dtype=COMPLEX)
    transfer = torch.zeros(2 * W, 2 * W, dtype=COMPLEX)  # acts on (psi_y, psi_{y-1})
    transfer[:W, :W] = (device.energy * eye - h) / d.conj()[:, None]
    transfer[:W, W:] = -torch.diag(d / d.conj())
    transfer[W:, :W] = eye
    lam, vectors = torch.linalg.eig(transfer)
    phi = vectors[:W] / vectors[:W].norm(dim=0)
    bonds = phi.mH @ (d[:, None] * phi)
    # i times the current from y to y + 1, between modes (2W, 2W)
    current = lam.conj()[:, None] * bonds - lam * bonds.mH
    propagating = (lam.abs() - 1).abs() < ON_UNIT_CIRCLE
    upward = torch.where(propagating, current.diagonal().imag > 0, lam.abs() < 1)
    if int(upward.sum()) != W or _at_threshold(lam, current, upward, propagating):
        raise SettingsError(
            f"energy {device.energy} lies on the threshold of a lead mode at b = {float(b)}: move "
            "it by 1e-6"
        )
    rising = _rising(transfer, lam, upward)
    step = torch.linalg.solve(rising[W:], rising[:W], left=False)
    return step, int(propagating.sum()) // 2


def lead_modes(device, b, to="cpu", step=None):
    """Leads at field b [rad/plaquette], from their `upward_step` where it is known; raises what
    that raises."""
    step, n = step or upward_step(device, b)
    W, above = device.width, hoppings(device, b, "cpu").conj()[:, None] * step
    # the inversion of x and y leaves the field as it is and takes one lead to the other
    sigma = torch.stack([above.flip(0, 1), above]).to(to)  # (2, W, W)
    U = []
    for s in sigma:
        weight, basis = torch.linalg.eigh(1j * (s - s.mH))
        U.append(basis[:, W - n :] * weight[W - n :].clamp(min=0).sqrt())
    return Leads(sigma, tuple(U))


@functools.lru_cache(maxsize=2048)
def leads_cached(device, b, to="cpu"):
    """Leads are shared by every curve of a device: 0.1 MB a field at the paper's size."""
    return lead_modes(device, b, to, _kept.get(device, {}).get(b))


def keep_steps(device, folder):
    """Take the upward steps of a device's sweep from a file in a folder, where a first call leaves
    them: an eigenproblem and a Schur form a field, they are two thirds of a clean wire's time."""
    if device in _kept:
        return

    def make():
        steps, modes = zip(*(upward_step(device, float(b)) for b in device.fields), strict=True)
        return {"steps": torch.stack(steps).numpy(), "modes": np.array(modes)}

    try:
        found = kept_arrays(folder / f"leads-{digest(device)[:16]}.npz", make)
    except (OSError, SettingsError):  # a folder that cannot be written costs a second a call
        found = make()
    steps = zip(torch.from_numpy(found["steps"]), found["modes"].tolist(), strict=True)
    _kept[device] = dict(zip(map(float, device.fields), steps, strict=True))


def _at_threshold(lam, current, upward, propagating):
    """Whether the energy E lies on a threshold E0, where an upward and a downward mode become one.

    Around it E = E0 + a k^2 with lambda = e^(+-ik): the modes are 2|k| apart, and the current,
    which above the threshold is a mode's velocity and below it the matrix element with the mode
    1/lambda*, is 2a|k|. So current * apart = 4|E - E0|."""
    other = (
        (1 / lam.conj()[:, None] - lam)
        .abs()
        .masked_fill(upward[:, None] == upward, torch.inf)
        .argmin(dim=1)
    )
    current = torch.where(
        propagating, current.diagonal(), current.gather(1, other[:, None])[:, 0]
    ).abs()
    apart = (lam - lam[other]).abs()
    near = (lam.abs() - 1).abs() < 0.03
    return (near & ((current * apart < 4 * CLOSEST) | (current < SLOWEST))).any()


def _rising(transfer, lam, upward):
    """Orthonormal basis (2W, W) of the modes that move or decay to +y.

    Schur vectors, because the evanescent eigenvectors become nearly parallel in a field: at b =
    0.05 a basis of eigenvectors costs ten digits."""
    lam, upward = lam.numpy(), upward.numpy()

    def is_upward(value):
        return upward[np.abs(lam - value).argmin()]

    _, basis, _ = scipy.linalg.schur(transfer.numpy(), output="complex", sort=is_upward)
    return torch.from_numpy(basis[:, : len(lam) // 2])
