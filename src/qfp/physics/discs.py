"""Antidots as scatterers: curves of many configurations of a wire at V = 0, from small matrices.

A disc with the ring D turns a wave phi from elsewhere into sources G0_DD^-1 phi on its ring. Seen
from a shell around it that map has few singular values: P Q^dagger of rank twelve stands for it.
Waves between discs i and j are then g_ij = Q_i^dagger G0 P_j, and the amplitudes of the wire

    t = t0 - b (1 + g)^-1 a,    a = Q^dagger psi,  b = out P.

Twelve keep |dG| near 0.002 e^2/h, 0.05 at narrow resonances: enough to search with. What is found
is judged by `green`.
"""

import functools
from typing import NamedTuple

import numpy as np
import torch

from qfp.physics import geometry, green

RANK = 12  # of the bases
THICK = (
    1.6  # [sites] of the shell of sites around a disc: waves from beyond are given by those on it
)
BATCH = 2048  # configurations or pairs at once
SINGLE = torch.complex64


class Scatterers(NamedTuple):
    """Discs of a device at one field, at all their X places across the wire and Y along it."""

    wire: green.Wire
    ring: torch.Tensor  # (X, R) sites, of discs in the first row they may have
    Q: torch.Tensor  # (X, R, m)
    P: torch.Tensor  # (X, R, m)
    a: torch.Tensor  # (X, Y, m, n)
    b: torch.Tensor  # (X, Y, n, m)


@functools.lru_cache(maxsize=256)
def scatterers(device, b):
    """Scatterers at field b [rad/plaquette]: 9 MB at the paper's size."""
    wire, W, L, r = green.clean_wire_cached(device, b), *_sizes(device)
    x, y = np.arange(r, W - r), np.arange(r, L - r)
    ring = geometry.rings(np.stack([x, np.full_like(x, r)], axis=1)[:, None], device)  # (X, R)
    middle = torch.as_tensor(ring + (L // 2 - r) * W)
    bases = [_bases(wire, device, centre, own) for centre, own in zip(x, middle, strict=True)]
    Q, P = (torch.stack(part).to(SINGLE) for part in zip(*bases, strict=True))
    sites = torch.as_tensor(ring[:, None] + (y - r)[:, None] * W)  # (X, Y, R)
    a = Q.mH[:, None] @ wire.psi[0].to(SINGLE)[sites]
    out = wire.out.T.to(SINGLE).contiguous()[sites].mT @ P[:, None]
    return Scatterers(wire, torch.as_tensor(ring), Q, P, a, out)


def _sizes(device):
    return device.width, device.length, geometry.clearance(device)


def _bases(wire, device, x, ring):
    """Q (R, m) and P (R, m) of a disc at x, in the middle of the wire, with ring (R,)."""
    W, L, r = _sizes(device)
    sites = np.arange(W * L)
    away = np.hypot(sites % W - x, sites // W - L // 2) - (geometry.spacing(device) - device.radius)
    shell = torch.as_tensor(sites[(away > 0) & (away <= THICK)])
    coming = torch.linalg.qr(wire.between(ring[:, None], shell).mH)[1].mH
    going = torch.linalg.qr(wire.between(shell[:, None], ring))[1]
    sources = torch.linalg.solve(wire.between(ring[:, None], ring), coming)
    u, size, v = torch.linalg.svd(going @ sources)
    P = sources @ v.mH[:, :RANK]
    Q = torch.linalg.solve(
        wire.between(ring[:, None], ring).mH, going.mH @ (u[:, :RANK] / size[:RANK])
    )
    return Q, P


def curves(device, antidots, fields=slice(None)):
    """Curves (N, F) [e^2/h] at V = 0 of antidots int (N, K, 2) of the dataset's rule, at some of
    the device's fields."""
    r = geometry.clearance(device)
    x, y = np.moveaxis(np.asarray(antidots, int) - r, -1, 0)  # (N, K)
    i, j = np.nonzero(~np.eye(x.shape[1], dtype=bool))
    named = np.stack([x[:, i], x[:, j], y[:, i] - y[:, j] + device.length], axis=-1)
    sizes = device.width, device.width, 2 * device.length
    pairs, number = np.unique(
        np.ravel_multi_index(named.reshape(-1, 3).T, sizes), return_inverse=True
    )
    pairs = np.stack(np.unravel_index(pairs, sizes), axis=-1) - [0, 0, device.length]
    number = torch.as_tensor(number.reshape(len(x), -1))
    x, y = torch.as_tensor(x), torch.as_tensor(y)
    found = []
    for b in device.fields[fields]:
        own = scatterers(device, float(b))
        between = _between(own, torch.as_tensor(pairs), device.width)
        parts = zip(x.split(BATCH), y.split(BATCH), number.split(BATCH), strict=True)
        found.append(torch.cat([_conductance(own, *part, between) for part in parts]))
    return torch.stack(found, dim=1).double().numpy()


def _between(own, pairs, width):
    """g_ij (U, m, m) of pairs (U, 3) of discs: x_i, x_j, y_i - y_j."""
    found = []
    for part in pairs.split(BATCH):
        i, j, apart = part.T
        rows = own.ring[i] + width * apart.clamp(min=0)[:, None]
        columns = own.ring[j] + width * (-apart).clamp(min=0)[:, None]
        G = own.wire.between(rows[:, :, None], columns[:, None]).to(SINGLE)
        found.append(own.Q[i].mH @ G @ own.P[j])
    return torch.cat(found) if found else pairs


def _conductance(own, x, y, number, between):
    """T [e^2/h] (B,) of discs at x, y (B, K), whose pairs are `number` (B, K (K - 1)) of
    `between`."""
    (B, K), m = x.shape, own.Q.shape[-1]
    M = torch.eye(m, dtype=SINGLE).expand(B, K, K, m, m) * torch.eye(K)[..., None, None]
    i, j = torch.nonzero(~torch.eye(K, dtype=torch.bool), as_tuple=True)
    M[:, i, j] = between[number]
    M = M.transpose(2, 3).reshape(B, K * m, K * m)
    c = torch.linalg.solve_ex(M, own.a[x, y].flatten(1, 2))[0]
    t = own.wire.t0.to(SINGLE) - own.b[x, y].transpose(1, 2).flatten(2) @ c
    return t.abs().square().sum(dim=(1, 2))
