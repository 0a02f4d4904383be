"""What a random potential does to a curve, to second order (Sec. III: the five potentials).

With psi (sites, n) the scattering states of the wire with its antidots that come in from lead 0,
o = U1^dagger G (n, sites) and t = o U0 the amplitudes, a potential V changes t by o V psi + o V G V
psi + ... So T = Tr(t t^dagger) changes by J V + (second order), with

    z_i = sum_m o_mi chi_im,  chi = psi t^dagger,      J_i = dT/dV_i = 2 Re z_i.

Of a potential that is independent from site to site, of variance s2, only the statistics are known:
its curves have the covariance  C = s2 J J^T  between fields and the mean shift
m = s2 sum_i [ |o_i|^2 |psi_i|^2 + 2 Re(G_ii z_i) ], which is as large as the spread.
"""

import functools
from typing import NamedTuple

import numpy as np
import torch

from qfp.physics import geometry, green
from qfp.tools import stream

STRIDE = 2  # every second row and column: J and m vary with at most 4 k_F < pi
BATCH = 8  # configurations at once
PAIRS = 4  # the same, where pairs of sites are summed
TOGETHER = 48  # the same, where clean wires are made anew
CELL = (3, 4)  # rows and columns of which one site stands in sums over pairs
HARMLESS = 1e4  # norm of (G0[D,D])^-1 [t] above which a level of the interior is near


class Response(NamedTuple):
    """Exact curves of B configurations at V = 0, and what random potentials do to them."""

    curve: np.ndarray  # (B, F) [e^2/h]
    shift: np.ndarray  # (B, F) [e^2/h], mean change
    covariance: np.ndarray  # (B, F, F) [(e^2/h)^2] of the change, first order

    def part(self, some):
        """Those of some configurations: an index array, a slice or bool (B,)."""
        return Response(*(values[some] for values in self))


def variance(device):
    """Variance of the random potential at a site [t^2]."""
    return device.amplitude**2 / 3


def response(device, antidots, stride=STRIDE, dtype=torch.complex64, batch=None):
    """Curves at V = 0 of configurations, and what random potentials do to them.

    Source: perturbation theory of Sec. III's wire; tested against exact curves of 2,000 potentials.

    Parameters
    ----------
    device : Device
    antidots : array, int (B, K, 2)
        Centres (x, y) [sites], discs of the device's radius that keep a site of clearance.
    stride : int
        The sum over sites takes every stride-th row and column.
    dtype : torch.dtype
        Of the products; rings are eliminated in double precision.
    batch : int, optional
        Configurations at once: the more, the less clean wires weigh, which many energies make
        anew.

    Returns
    -------
    Response
        For the potential of the device's amplitude.
    """
    antidots = np.asarray(antidots)
    rings = torch.as_tensor(geometry.rings(antidots, device))
    kept = ~geometry.removed_masks(antidots, device)
    size = batch or (BATCH if green.are_kept(device) else TOGETHER)
    found = [
        _response(device, rings[k : k + size], kept[k : k + size], stride, dtype)
        for k in range(0, len(rings), size)
    ]
    return Response(*(np.concatenate(values) for values in zip(*found, strict=True)))


def _response(device, rings, kept, stride, dtype):
    """Response of a batch with rings (B, R) and sites that are there, kept (B, L, W)."""
    W, L = device.width, device.length
    y, x = torch.arange(0, L, stride), torch.arange(0, W, stride)
    sites = (y[:, None] * W + x).flatten()
    there = torch.as_tensor(kept[:, ::stride, ::stride].reshape(len(kept), -1).copy())
    # each site stands for as many others
    weight = kept.sum(axis=(1, 2)) / there.sum(dim=1).numpy() * variance(device)
    apart = rings[:, :, None] // W - y  # (B, R, rows)
    places = [(L - 1 + way * apart) * W + rings[:, :, None] % W for way in (1, -1)]
    curve, shift, J = [], [], []
    for b in device.fields:
        found = 0.0, 0.0, 0.0
        for share, wire in green.clean_wires(device, float(b)):
            # G0 depends on y - y' alone: rows [x, ::stride] of its blocks, and of their transposes
            blocks = wire.g.view(2 * L - 1, W, W)
            tables = [part[:, :, ::stride].to(dtype).flatten(0, 1) for part in (blocks, blocks.mT)]
            to, back = (
                table.index_select(0, place.flatten()).view(*rings.shape, len(sites))
                for table, place in zip(tables, places, strict=True)
            )  # (B, R, S): G0[ring, site] and G0[site, ring]
            parts = _at(wire, rings, sites, to, back)
            found = [total + share * part for total, part in zip(found, parts, strict=True)]
        T, second, slope = found
        curve.append(T)
        shift.append((second * there).sum(dim=1))
        J.append(slope * there)
    curve, shift, J = (torch.stack(v, dim=1).double().numpy() for v in (curve, shift, J))
    C = (J @ J.swapaxes(1, 2)) * weight[:, None, None]
    return Response(curve, shift * weight[:, None], C)


def _states(wire, rings, sites, to, back):
    """Amplitudes t (B, n, n) in double precision; psi (B, S, n), o (B, n, S) at sites (S,), and
    (G0[D,D])^-1 G0[D, sites] (B, R, S), from G0[ring, site] and G0[site, ring], (B, R, S) each."""
    psi, out = wire.psi[0], wire.out  # (sites, n), (n, sites)
    out_D = out.T[rings].mT  # (B, n, R)
    X = green.update(wire, rings, psi[rings])  # (B, R, n)
    t = wire.t0 - out_D @ X
    Y = _solved(wire, rings, to)  # (B, R, S)
    X, out_D, psi, out = (v.to(to.dtype) for v in (X, out_D, psi[sites], out[:, sites]))
    return t, psi - back.mT @ X, out - out_D @ Y, Y


def _at(wire, rings, sites, to, back):
    """Conductances (B,), |o|^2 |psi|^2 + 2 Re(G_ii z) and J, both (B, S), at one field; see
    `_states`."""
    t, psi, o, Y = _states(wire, rings, sites, to, back)
    diagonal = wire.between(sites, sites).to(to.dtype) - (back * Y).sum(dim=1)
    z = (o.mT * (psi @ t.mH.to(to.dtype))).sum(dim=2)
    second = o.abs().square().sum(dim=1) * psi.abs().square().sum(dim=2)
    return t.abs().square().sum(dim=(1, 2)), second + 2 * (diagonal * z).real, 2 * z.real


def fluctuation(device, antidots, dtype=torch.complex64, batch=None):
    """Covariance between fields of what random potentials do in second order.

    Source: the same perturbation theory. The second-order change is sum_ij V_i K_ij V_j with
    K_ij = Re[(o_j^dagger o_i)(psi_i psi_j^dagger)] + 2 Re[G_ij (chi_j o_i)]; its mean is the shift
    of `response`, its covariance 2 s2^2 sum_ij K_ij K'_ij (K symmetric, i != j). The sum over pairs
    is taken over one site drawn in each cell of 3 x 4: within 10 to 20 % of that over all sites.

    Parameters
    ----------
    device, antidots, dtype, batch
        As for `response`.

    Returns
    -------
    ndarray (B, F, F)
        [(e^2/h)^2].
    """
    antidots = np.asarray(antidots)
    rings = torch.as_tensor(geometry.rings(antidots, device))
    kept = ~geometry.removed_masks(antidots, device).reshape(len(antidots), -1)
    sites = _drawn(device)
    there = torch.as_tensor(kept[:, sites.numpy()])
    drawn = there.sum(dim=1).numpy()
    pairs = kept.sum(axis=1) * (kept.sum(axis=1) - 1) / (drawn * (drawn - 1))
    size = batch or (PAIRS if green.are_kept(device) else BATCH)
    found = [
        _fluctuation(device, rings[k : k + size], sites, there[k : k + size], dtype)
        for k in range(0, len(rings), size)
    ]
    return 2 * variance(device) ** 2 * pairs[:, None, None] * np.concatenate(found)


@functools.lru_cache(maxsize=4)
def _drawn(device):
    """One site of each cell of CELL sites, (S,)."""
    rng, (high, wide) = stream("cells"), CELL
    sites = [
        rng.integers(y, min(y + high, device.length)) * device.width
        + rng.integers(x, min(x + wide, device.width))
        for y in range(0, device.length, high)
        for x in range(0, device.width, wide)
    ]
    return torch.as_tensor(sites)


def _fluctuation(device, rings, sites, there, dtype):
    """sum_ij K_ij K'_ij over pairs of different sites that are there (B, S): (B, F, F)."""
    S = len(sites)
    _, first = next(green.clean_wires(device, float(device.fields[0])))
    ring = rings[:, :, None]
    places = (
        first.row[ring] + first.column[sites],
        first.row[sites] + first.column[ring],
        first.row[sites][:, None] + first.column[sites],
    )
    missing = ~there
    K = torch.zeros(len(rings), device.field_points, S, S, dtype=dtype.to_real())
    for f, b in enumerate(device.fields):
        for share, wire in green.clean_wires(device, float(b)):
            g = wire.g.to(dtype)
            to, back, between = (g.take(place) for place in places)
            t, psi, o, Y = _states(wire, rings, sites, to, back)
            psi.masked_fill_(missing[:, :, None], 0)  # where psi and o vanish, K does
            o.masked_fill_(missing[:, None], 0)
            once = (o.mH @ o).mT.mul_(psi @ psi.mH).real
            twice = (between - back.mT @ Y).mul_(((psi @ t.mH.to(dtype)) @ o).mT).real
            k = once.add(twice, alpha=2)
            K[:, f].add_(k + k.mT, alpha=share)
    K.diagonal(dim1=2, dim2=3).zero_()
    K = K.flatten(2) / 2
    return (K @ K.mT).double().numpy()


def _solved(wire, rings, columns):
    """(G0[D,D])^-1 columns, (B, R, S): by the inverse where that is harmless, which is ten times as
    fast as a solution in double precision."""
    g = wire.between(rings[:, :, None], rings[:, None, :])
    inverse, bad = torch.linalg.inv_ex(g)
    bad = (bad != 0) | ~(torch.linalg.matrix_norm(inverse) < HARMLESS)
    found = inverse.to(columns.dtype) @ columns
    if bad.any():
        found[bad] = green.update(wire, rings[bad], columns[bad].to(g.dtype)).to(columns.dtype)
    return found
