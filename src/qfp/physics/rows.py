"""One wire with its antidots and a potential, solved row by row at all fields at once.

A = E - H - Sigma is block tridiagonal in the rows; with D_i the Schur complement of the rows below,
D_i = A_ii - A_i,i-1 D_i-1^-1 A_i-1,i, one sweep up and one down give the conductance, the
scattering states and with them its derivative with respect to the potential at every site. Where
`green` updates one clean wire for many configurations, this takes any potential: the inference
refines the potential with it. In single precision unless told otherwise: |dG| is about 1e-5 e^2/h.
In double precision it is the way to a single wire, see `curve`.
"""

import functools

import numpy as np
import torch

from qfp.physics import thermal
from qfp.physics.leads import hoppings, leads_cached

SMALL = 13  # size of a matrix that LAPACK inverts faster than four products do
BYTES = 2**28  # of the inverses that `curve` keeps at once
LARGEST = 1e3  # entry of an inverse up to which rounding does not show in the ninth digit


@functools.lru_cache(maxsize=16)
def _leads(device, fields, dtype):
    """Self-energies (F, W, W) and U (F, W, n) of both leads, with zeros where fewer modes are
    open, and hoppings (F, W) of some fields, a tuple."""
    leads = [leads_cached(device, b) for b in fields]
    n = max(lead.open_modes for lead in leads)
    U = [
        torch.stack(
            [torch.nn.functional.pad(lead.U[k], (0, n - lead.open_modes)) for lead in leads]
        )
        for k in (0, 1)
    ]
    sigma = [torch.stack([lead.sigma[k] for lead in leads]) for k in (0, 1)]
    d = torch.stack([hoppings(device, b, "cpu") for b in fields])
    return tuple(v.to(dtype) for v in (*sigma, *U, d))


def inverted(M):
    """Inverses of matrices (B, n, n), by quarters where they are large: products are what a machine
    does fastest, so that it takes half the time of LAPACK, whose pivots double precision is for."""
    if M.shape[-1] <= SMALL or M.dtype == torch.complex128:
        return torch.linalg.inv_ex(M)[0]
    h = M.shape[-1] // 2
    upper, lower = M[:, :h, h:], M[:, h:, :h]
    first = inverted(M[:, :h, :h])
    left = lower @ first
    last = inverted(torch.baddbmm(M[:, h:, h:], left, upper, alpha=-1))
    both = first @ upper @ last
    found = torch.empty_like(M)
    found[:, :h, :h] = torch.baddbmm(first, both, left)
    found[:, :h, h:] = -both
    found[:, h:, :h] = -(last @ left)
    found[:, h:, h:] = last
    return found


class Rows:
    """The solver of one wire: removed sites bool (L, W), at the fields of the device or at others
    (F,) [rad/plaquette].

    With several energies, see `thermal.Ensemble`, all that it gives is their average."""

    def __init__(self, device, removed, fields=None, dtype=torch.complex64):
        self.parts = [
            (weight, Elimination(own, removed, fields, dtype))
            for weight, own in thermal.parts(device)
        ]
        self.kept = self.parts[0][1].kept

    def conductance(self, potential):
        """Curves (..., F) [e^2/h] under potentials (..., L, W) [t]."""
        return sum(weight * own.conductance(potential) for weight, own in self.parts)

    def linear(self, potential):
        """Curve (F,) [e^2/h] under a potential (L, W) [t], its derivative (F, L W) [e^2/h/t]."""
        G, J = 0.0, 0.0
        for weight, own in self.parts:
            g, j = own.linear(potential)
            G, J = G + weight * g, J + weight * j
        return G, J

    def ldos(self, potential):
        """LDOS (..., F, L, W) [1/t] under potentials (..., L, W) [t]; 0 on removed sites."""
        return sum(weight * own.ldos(potential) for weight, own in self.parts)


class Elimination:
    """The solver of one wire at one energy; see `Rows`.

    Removed sites stay in the matrix, cut off from the others."""

    def __init__(self, device, removed, fields=None, dtype=torch.complex64):
        self.device, self.dtype = device, dtype
        fields = tuple(map(float, device.fields if fields is None else fields))
        self.sigma0, self.sigma1, self.U0, self.U1, d = _leads(device, fields, dtype)
        self.kept = torch.as_tensor(~np.asarray(removed, bool))
        kept = self.kept.to(d.real.dtype)
        bonds = kept[1:] * kept[:-1]  # (L - 1, W)
        self.up = -bonds[:, None] * d  # (L - 1, F, W): A[i + 1, i], diagonal
        self.down = -bonds[:, None] * d.conj()  # A[i, i + 1]
        across = torch.diag_embed(kept[:, 1:] * kept[:, :-1], 1)
        self.base = (across + across.mT).to(torch.float64)  # (L, W, W)

    def _eliminated(self, potential):
        """Inverses D_i^-1 of all rows, (L, ..., F, W, W), under potentials (..., L, W)."""
        L, W = self.kept.shape
        V = torch.as_tensor(np.asarray(potential) + 0.0)  # float or complex
        onsite = torch.where(self.kept, self.device.energy - 4.0 - V, 1.0)
        A = (self.base + torch.diag_embed(onsite)).to(self.dtype).unsqueeze(-4)  # (..., 1, L, W, W)
        shape = (*V.shape[:-2], len(self.U0), W, W)
        inverse = torch.empty(L, *shape, dtype=self.dtype)
        for i in range(L):
            D = A[..., i, :, :].expand(shape).clone()
            if i == 0:
                D -= self.sigma0
            else:
                D -= self.up[i - 1, :, :, None] * inverse[i - 1] * self.down[i - 1, :, None, :]
            if i == L - 1:
                D -= self.sigma1
            inverse[i] = inverted(D.flatten(0, -3)).view(shape)
        return inverse

    def _forward(self, inverse):
        """Right-hand sides (L) of (..., F, W, n) that come up from lead 0, and the amplitudes
        (..., F, n, n)."""
        y = [self.U0]
        for i in range(1, len(inverse)):
            y.append(-self.up[i - 1, :, :, None] * (inverse[i - 1] @ y[-1]))
        return y, self.U1.mH @ (inverse[-1] @ y[-1])

    @torch.inference_mode()
    def conductance(self, potential):
        """As `Rows.conductance`."""
        _, t = self._forward(self._eliminated(potential))
        return t.abs().square().sum(dim=(-2, -1)).double().numpy()

    @torch.inference_mode()
    def watched(self, potential):
        """Curve (F,) [e^2/h] under a potential (L, W) [t], and the largest entry (F,) of the
        inverses: where it is large, a part of the wire that a row cuts off from the lead below has
        a level at the energy."""
        inverse = self._eliminated(potential)
        t = self._forward(inverse)[1]
        largest = torch.stack([part.abs().amax(dim=(-2, -1)) for part in inverse]).amax(dim=0)
        return t.abs().square().sum(dim=(-2, -1)).numpy(), largest.numpy()

    @torch.inference_mode()
    def linear(self, potential):
        """As `Rows.linear`."""
        inverse = self._eliminated(potential)
        y, t = self._forward(inverse)
        psi, o = inverse[-1] @ y[-1], self.U1.mH @ inverse[-1]  # (F, W, n), (F, n, W)
        J = torch.empty(len(t), *self.kept.shape, dtype=torch.float64)
        for i in reversed(range(len(inverse))):
            if i < len(inverse) - 1:
                psi = inverse[i] @ (y[i] - self.down[i, :, :, None] * psi)
                o = -(o * self.up[i, :, None, :]) @ inverse[i]
            J[:, i] = 2 * (o.mT * (psi @ t.mH)).sum(dim=2).real
        T = t.abs().square().sum(dim=(1, 2)).double()
        return T.numpy(), (J * self.kept).flatten(1).numpy()

    @torch.inference_mode()
    def dephased(self, potential, eta):
        """Coherent transmission (F,) under a potential (L, W) less i eta [t], and transmissions
        (3, F) from lead 0 to the sites, from lead 1 to them, and from them to lead 1."""
        inverse = self._eliminated(np.asarray(potential) - 1j * eta)
        y, t = self._forward(inverse)
        last = inverse[-1]
        psi, other, o = last @ y[-1], last @ self.U1, self.U1.mH @ last
        lost = 0.0
        for i in reversed(range(len(inverse))):
            if i < len(inverse) - 1:
                down = self.down[i, :, :, None]
                psi, other = inverse[i] @ (y[i] - down * psi), -inverse[i] @ (down * other)
                o = -(o * self.up[i, :, None, :]) @ inverse[i]
            waves = torch.stack(
                [part.abs().square().sum(k) for part, k in zip((psi, other, o), (2, 2, 1))]
            )
            lost = lost + 2 * eta * (waves * self.kept[i]).sum(dim=2).double()
        return t.abs().square().sum(dim=(1, 2)).double().numpy(), lost.numpy()

    @torch.inference_mode()
    def ldos(self, potential):
        """As `Rows.ldos`."""
        inverse = self._eliminated(potential)
        y, _ = self._forward(inverse)
        psi, other = inverse[-1] @ y[-1], inverse[-1] @ self.U1  # from lead 0 and from lead 1
        density = []
        for i in reversed(range(len(inverse))):
            if i < len(inverse) - 1:
                down = self.down[i, :, :, None]
                psi, other = inverse[i] @ (y[i] - down * psi), -inverse[i] @ (down * other)
            density.append((psi.abs().square() + other.abs().square()).sum(dim=-1))
        return (torch.stack(density[::-1], dim=-2) / (2 * torch.pi) * self.kept).double().numpy()


def curve(device, removed, potential, fields):
    """Curve (F,) [e^2/h] of one wire with removed sites, bool (L, W), under a potential (L, W) [t],
    in double precision, and where it is good to nine digits, bool (F,)."""
    L, W = removed.shape
    parts = np.array_split(fields, -(-len(fields) * 16 * L * W * W // BYTES))
    wires = [Elimination(device, removed, part, torch.complex128) for part in parts]
    found = [wire.watched(potential) for wire in wires]
    G, largest = (np.concatenate(values) for values in zip(*found, strict=True))
    return G, largest < LARGEST
