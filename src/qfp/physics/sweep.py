# long: one elimination over all configurations, whose parts make no sense alone
"""Many configurations under one potential: curves and images of the learning dataset (Sec. III).

Every pair of antidots is an update of the same wire, and all pairs with the same first antidot
share its half of the update. With A the ring of the first antidot and B that of the second,
amplitudes t come from one block elimination,

    [ G_AA  G_AB  psi_A ]
    [ G_BA  G_BB  psi_B ]   ->   t = t0 - ...,  the Schur complement of the corner t0,
    [ o_A   o_B   t0    ]

in which A is eliminated once for all its partners. Only the blocks of G0 that rings need are
computed. In torch, in double or single precision, on the CPU or a GPU.
"""

import functools
from dataclasses import dataclass

import numpy as np
import torch

from qfp.physics import geometry, green
from qfp.physics.leads import COMPLEX, leads_cached
from qfp.physics.wire import random_potential

# Measured on one core: batches that stay in its cache; first antidots in bins, so that those of a
# bin meet much the same second ones; a ring eliminated in two halves, which LAPACK does faster in
# double (not in single) precision. Half a ring leaves the interior open, so that, unlike the whole
# one, it has no resonance of its own.
BATCH, BINS, HALF = 128, 3, {torch.complex128: 16 / 28, torch.complex64: 1.0}
IMAGES = 64  # images whose updates are solved at once


@dataclass(frozen=True)
class Box:
    """Rows y0..y1-1 and columns x0..x1-1 of sites: where one antidot's rings lie."""

    y0: int
    y1: int
    x0: int
    x1: int

    @classmethod
    def around(cls, rings, width):
        y, x = np.divmod(rings, width)
        return cls(y.min(), y.max() + 1, x.min(), x.max() + 1)

    @property
    def shape(self):
        return int(self.y1 - self.y0), int(self.x1 - self.x0)

    def place(self, sites, width):
        """Index within the box of sites y * width + x."""
        return (sites // width - self.y0) * self.shape[1] + sites % width - self.x0


class Sweep:
    """The solver for a fixed list of configurations; `conductance` may be called for any potential
    and field.

    antidots (N, 2, 2): lower one first, discs of the device's radius that keep a site of clearance.
    """

    def __init__(self, device, antidots, dtype=COMPLEX, to="cpu"):
        self.device, self.dtype, self.to, self.count = device, dtype, to, len(antidots)
        W, L, self.span = device.width, device.length, 2 * int(device.radius)
        pairs = np.asarray(antidots, dtype=np.int64)[..., ::-1]  # (y, x): sorted by row
        (first, a), (second, b) = (
            np.unique(pairs[:, k], axis=0, return_inverse=True) for k in (0, 1)
        )
        if (pairs[:, 0, 0] > pairs[:, 1, 0]).any():
            raise ValueError("antidots: the lower one must come first")
        rings = [geometry.rings(centres[:, None, ::-1], device) for centres in (first, second)]
        self.A, self.B = (Box.around(ring, W) for ring in rings)
        self.rings = [torch.as_tensor(ring, device=to) for ring in rings]
        self.places = [
            torch.as_tensor(box.place(ring, W), device=to)
            for box, ring in zip((self.A, self.B), rings, strict=True)
        ]
        self.index = [torch.as_tensor(index, device=to) for index in (a, b)]
        self.groups = list(self._grouped(first, a, b))
        self.last = np.zeros(L, dtype=int)  # highest row that a first antidot's row must reach
        for y in range(L):
            partners = pairs[abs(pairs[:, 0, 0] - y) <= self.span // 2, 1, 0]
            self.last[y] = partners.max(initial=-1) + self.span // 2
        empty = functools.partial(torch.empty, dtype=dtype, device=to)
        # Kept between calls: fresh memory costs as much as filling it. near[i, k]: G0[i, i + k -
        # span]. far, by sites of the A box: G0[A, B box] and then psi_A; G0[B box, A]^T and then
        # out_A^T; room for up to W modes.
        self.near = empty(L, 2 * self.span + 1, W, W)
        self.far = empty(2, np.prod(self.A.shape), np.prod(self.B.shape) + W)

    def _grouped(self, first, a, b):
        """Groups of pairs (numbers, first antidots as a slice, second ones, union of their rings,
        rows in the union): first antidots of one row and one bin of columns."""
        place_B = self.places[1].cpu().numpy()
        for y in np.unique(first[:, 0]):
            row = np.flatnonzero(first[:, 0] == y)
            for bin in np.array_split(row, min(BINS, len(row))):
                number = np.flatnonzero((a >= bin[0]) & (a <= bin[-1]))
                number = number[np.argsort(a[number], kind="stable")]
                union, rows = np.unique(place_B[b[number]], return_inverse=True)
                yield (
                    *(torch.as_tensor(v, device=self.to) for v in (number, a[number])),
                    slice(bin[0], bin[-1] + 1),
                    *(
                        torch.as_tensor(v, device=self.to)
                        for v in (b[number], union, rows.reshape(len(number), -1))
                    ),
                )

    def _blocks(self, s):
        """Fill `near` and `far` from the row recursion s (green.Steps)."""
        h, A, B, near = self.span, self.A, self.B, self.near
        L, W, (rows, wide), x_A, x_B = (
            self.device.length,
            self.device.width,
            A.shape,
            slice(A.x0, A.x1),
            slice(B.x0, B.x1),
        )
        far = self.far[:, :, : np.prod(B.shape)].view(2, rows, wide, *B.shape)
        near[:, h] = lower = upper = s.diagonal
        for k in range(1, h + 1):
            lower, upper = s.up[k:] @ lower[:-1], s.down[: L - k] @ upper[1:]
            near[k:, h - k], near[: L - k, h + k] = lower, upper
        for i in range(B.y0, B.y1):
            j = np.arange(max(A.y0, i - h), min(A.y1, i + h + 1))
            far[0, j - A.y0, :, i - B.y0] = near[j, i - j + h, x_A, x_B]
            far[1, j - A.y0, :, i - B.y0] = near[i, j - i + h, x_B, x_A].mT
        # Farther rows: the sites of A's box march up together, a new row of them joins where `near`
        # ends.
        march, after = torch.empty(2, 2, rows * wide, W, dtype=COMPLEX, device=self.to)
        steps = torch.stack([s.right, s.up.mT], dim=1)  # (L, 2, W, W)
        for i in range(A.y0 + h + 1, B.y1):
            new = i - 1 - h - A.y0
            if new < rows:
                joined = slice(new * wide, (new + 1) * wide)
                march[0, joined], march[1, joined] = (
                    near[i - 1 - h, 2 * h, x_A],
                    near[i - 1, 0, :, x_A].mT,
                )
            wanted = np.flatnonzero(self.last[A.y0 : A.y0 + min(new + 1, rows)] >= i)
            if len(wanted):
                k = wanted[-1] + 1
                for way in (0, 1):
                    torch.mm(march[way, : k * wide], steps[i, way], out=after[way, : k * wide])
                march, after = after, march
                if i >= B.y0:
                    far[:, :k, :, i - B.y0] = march[:, : k * wide, x_B].unflatten(1, (k, wide))

    def _within(self, rings):
        """G0[ring, ring] of rings (C, R): (C, R, R)."""
        W, h = self.device.width, self.span
        y, x = rings // W, rings % W
        row, column = ((y * (2 * h + 1) + h - y) * W + x) * W, y * W * W + x
        return self.near.flatten()[row[:, :, None] + column[:, None, :]]

    @torch.inference_mode()
    def pristine(self, b, potential, leads=None):
        """Fill the blocks of G0 for a potential (L, W) [t] at field b: psi of lead 0, (sites, n),
        out (n, sites), t0."""
        s = green.steps(self.device, b, potential, leads, self.to)
        self._blocks(s)
        (psi, _), out, t0 = s.states()
        return psi, out, t0

    @torch.inference_mode()
    def conductance(self, b, potential, leads=None):  # long: one elimination, no step alone
        """T = Tr(t t^dagger) [e^2/h] of all configurations, (N,) float64, under a potential (L, W)
        [t] at field b."""
        psi, out, t0 = (v.to(self.dtype) for v in self.pristine(b, potential, leads))
        out = out.T.contiguous()  # (sites, n), as psi
        R, n = self.rings[0].shape[1], len(t0)
        A, modes = self.A, np.prod(self.B.shape) + torch.arange(n, device=self.to)
        for far, v in zip(self.far, (psi, out), strict=True):
            far[:, modes] = v.view(self.device.length, -1, n)[A.y0 : A.y1, A.x0 : A.x1].flatten(
                0, 1
            )
        a_ring, b_ring = self.rings
        # [[G_BB, psi_B], [o_B, t0]]
        border = torch.empty(len(b_ring), R + n, R + n, dtype=self.dtype, device=self.to)
        border[:, :R, :R], border[:, :R, R:] = self._within(b_ring), psi[b_ring]
        border[:, R:, :R], border[:, R:, R:] = out[b_ring].mT, t0
        G_AA = self._within(a_ring)
        T = torch.empty(self.count, dtype=torch.float64, device=self.to)
        spoilt = torch.empty(self.count, dtype=torch.bool, device=self.to)
        for number, a, chosen, second, union, rows in self.groups:
            place, u = self.places[0][chosen, None, :], len(union)
            # By first antidot, (C, u + n, R): [G_AB, psi_A]^T and [G_BA; o_A].
            right, left = (far[place, torch.cat([union, modes])[:, None]] for far in self.far)
            right = torch.linalg.solve_ex(G_AA[chosen], right.mT)[0]
            amplitude = _amplitude(right)[a - chosen.start]
            right = right.mT.reshape(-1, R)
            left = left.view(-1, R)
            gather = torch.cat([rows, (u + modes - modes[0]).expand(len(rows), n)], dim=1)
            gather += (a - chosen.start)[:, None] * (u + n)
            for part in torch.arange(len(number), device=self.to).split(BATCH):
                index, shape = gather[part].flatten(), (len(part), R + n, R)
                M = border.index_select(0, second[part])
                M.baddbmm_(
                    left.index_select(0, index).view(shape),
                    right.index_select(0, index).view(shape).mT,
                    alpha=-1,
                )
                t, X = eliminated(M, R)
                T[number[part]] = torch.view_as_real(t).double().square().sum((1, 2, 3))
                spoilt[number[part]] = ~(torch.maximum(X, amplitude[part]) < green.SPOILT)
        # rare: no pivots are sought between blocks, so these are done once more, each as a whole
        if spoilt.any():
            rings = torch.cat([a_ring[self.index[0][spoilt]], b_ring[self.index[1][spoilt]]], dim=1)
            T[spoilt] = green.conductance(
                green.wire(self.device, b, potential, leads, to=self.to), rings
            )
        return T

    def work(self, modes):
        """Real operations 'flops' of one configuration with `modes` open modes, its share of the
        pristine wire and of its first antidot included, and 'bytes' of the matrices that are its
        own. A complex multiply-add counts 8."""
        W, L, R, n = self.device.width, self.device.length, self.rings[0].shape[1], modes
        box = [np.prod(part.shape) for part in (self.A, self.B)]
        pristine = 8 * W**3 * (3 * L + 2 * self.span * L) + 2 * 8 * W * box[0] * (box[1] / 2)
        first = sum(
            (len(g[1].unique()) * (8 / 3 * R**3 + 8 * R**2 * (len(g[4]) + n))) for g in self.groups
        )
        own = 8 * (R + n) ** 2 * R + 8 / 3 * R**3 + 8 * R**2 * n + 8 * R * n**2
        return {"flops": own + (first + pristine) / self.count, "bytes": 16 * (R + n) * (3 * R + n)}


def _amplitude(X):
    """Norm of solutions (batch, rows, columns), NaN where one is not finite. Of all columns: one
    alone may be orthogonal to the null vector of a block that is singular to rounding, by symmetry,
    and which one that is differs between processors."""
    return torch.view_as_real(X).square().sum((1, 2, 3)).sqrt()


def eliminated(M, sites):
    """Schur complement (batch, n, n) of the lower corner of M (batch, sites + n, sites + n), and
    the largest amplitude (batch,) met on the way."""
    half, largest = round(sites * HALF[M.dtype]), torch.zeros((), device=M.device)
    for k in (half, sites - half):
        if k:
            X = torch.linalg.solve_ex(M[:, :k, :k], M[:, :k, k:])[0]
            M = torch.baddbmm(M[:, k:, k:], M[:, k:, :k], X, alpha=-1)
            largest = torch.maximum(largest, _amplitude(X))
    return M, largest


@functools.lru_cache(maxsize=2)
def _sweep(device, antidots, shape, dtype, to):
    return Sweep(device, np.frombuffer(antidots, dtype=np.int64).reshape(shape), dtype, to)


def curves_at(device, antidots, seed, b, dtype=COMPLEX, to="cpu"):
    """Conductances (N,) [e^2/h] of configurations (N, 2, 2) under one potential (seed, or None: V =
    0) at one field."""
    antidots = np.ascontiguousarray(geometry.ordered(antidots), dtype=np.int64)
    sweep = _sweep(device, antidots.tobytes(), antidots.shape, dtype, to)
    return (
        sweep.conductance(b, _potential(device, seed), leads_cached(device, float(b), to))
        .cpu()
        .numpy()
    )


def _potential(device, seed):
    return (
        np.zeros((device.length, device.width)) if seed is None else random_potential(seed, device)
    )


@functools.lru_cache(maxsize=1)
def _standing(device, seed, dtype, to):
    """The wire at b = 0, and its Green's function G0 = P - i Phi Phi^T / 2 with P (sites, sites)
    and Phi (sites, 2n) real."""
    w = green.wire(
        device, 0.0, _potential(device, seed), leads=leads_cached(device, 0.0, to), to=to
    )
    # (sites, 4n): psi psi^dagger is real, so of rank 2n
    psi = torch.view_as_real(torch.cat(w.psi, dim=1)).flatten(1)
    Phi = psi @ torch.linalg.eigh(psi.T @ psi)[1][:, psi.shape[1] // 2 :]
    return w, w.g.view(len(Phi), -1).real.to(dtype), Phi


def images_of(device, antidots, seed, dtype=torch.float32, to="cpu"):
    """LDOS images (N, L, W) [1/t] at b = 0 of configurations under one potential (seed, or None: V
    = 0).

    The states Phi - G0[:, D] X, X = G0[D,D]^-1 Phi_D (in double precision), are one real product in
    `dtype` each."""
    rings, masks = (
        torch.as_tensor(of(antidots, device), device=to)
        for of in (geometry.rings, geometry.removed_masks)
    )
    w, P, Phi = _standing(device, seed, dtype, to)
    sites, n = Phi.shape
    basis = torch.empty(n + rings.shape[1], sites, dtype=dtype, device=to)  # [Phi, P[:, D]]^T
    basis[:n] = Phi.T
    eye = torch.eye(n, 2 * n, dtype=torch.float64, device=to)
    images = torch.empty(len(rings), sites, dtype=dtype, device=to)
    for start in range(0, len(rings), IMAGES):
        part = rings[start : start + IMAGES]
        Phi_D = Phi[part]  # (batch, R, 2n)
        X = green.update(w, part, Phi_D.to(COMPLEX))
        # (batch, 2n, 4n): real, then imaginary parts
        first = eye - Phi_D.mT @ torch.cat([X.imag, -X.real], dim=2) / 2
        weights = (
            torch.cat([first, -torch.cat([X.real, X.imag], dim=2)], dim=1).mT.to(dtype).contiguous()
        )
        for k, ring in enumerate(part):
            torch.index_select(P, 0, ring, out=basis[n:])
            torch.sum((weights[k] @ basis).square_(), dim=0, out=images[start + k])
    return (images.view(masks.shape) / (2 * torch.pi)).masked_fill_(masks, 0.0).cpu().numpy()
