"""Attention weights beside the non-local correlation of the wave functions (Sec. V)."""

import functools

import numpy as np
import torch
from scipy.stats import rankdata

from qfp.model.unet import GRID
from qfp.physics import geometry, green
from qfp.tools import kept_arrays, progress_bar


def cell_correlation(psi, exists, margin, side):
    """Non-local correlation C_ij = |Im G_ij|^2/(Im G_ii Im G_jj) of the wave functions, averaged
    over pairs of sites of cells I and J: (N, N), 0..1, N cells of side x side pixels.

    psi (sites, n): unit-flux scattering states of both leads at b = 0, where time reversal makes G
    symmetric, so that -2 Im G = psi psi^dagger (green.scattering_states). exists (L, W): sites that
    are not removed; margin: padding columns left and right. NaN for cells less than half of whose
    area are such sites."""
    pad = ((0, 0), (margin, margin))
    there = np.pad(exists, pad)
    states = np.where(exists.reshape(-1, 1), psi, 0)
    states = states / np.sqrt(
        np.maximum((np.abs(states) ** 2).sum(axis=1, keepdims=True), np.finfo(float).tiny)
    )
    states = np.pad(states.reshape(*exists.shape, -1), (*pad, (0, 0)))

    def by_cell(values):  # (rows, columns, ...) -> (N, side^2, ...)
        rows, columns = (n // side for n in values.shape[:2])
        cells = values.reshape(rows, side, columns, side, -1).swapaxes(1, 2)
        return cells.reshape(rows * columns, side**2, -1)

    z, number = by_cell(states), by_cell(there).sum(axis=(1, 2))
    # |psi_i . psi_j*|^2 = Tr[(psi_i^dagger psi_i)(psi_j^dagger psi_j)]: a small matrix a cell, not
    # one number a pair of sites
    matrices = (z.swapaxes(1, 2) @ z.conj()).reshape(len(z), -1)
    number = np.where(number >= side**2 / 2, number, np.nan)
    return (matrices @ matrices.conj().T).real / number[:, None] / number


def correlations(pairs, rows, folder):
    """C_ij (B, 225, 225) of rows (B, 2) of (potential, configuration) at b = 0, see
    `cell_correlation`; kept in `folder` by potential."""
    device, found = pairs.device, np.empty((len(rows), GRID**2, GRID**2), np.float32)
    margin, side = (device.length - device.width) // 2, device.length // GRID

    def of_potential(p, configurations):
        wire = green.wire(device, 0.0, pairs.potentials[p])
        removed = geometry.removed_masks(pairs.antidots[configurations], device)
        C = []
        for mask in removed:
            psi = green.scattering_states(wire, torch.as_tensor(geometry.ring(mask))).numpy()
            C.append(cell_correlation(psi, ~mask, margin, side))
        return {"C": np.stack(C)}

    for p in progress_bar(np.unique(rows[:, 0]), desc="wave functions", unit="potential"):
        here = np.flatnonzero(rows[:, 0] == p)
        make = functools.partial(of_potential, p, rows[here, 1])
        found[here] = kept_arrays(folder / f"correlation_{p}.npz", make)["C"]
    return found


def _ranks(values):
    """Ranks along the last axis, centred and of unit length; 0 where all values are equal."""
    ranks = rankdata(values, axis=-1)
    ranks -= ranks.mean(axis=-1, keepdims=True)
    return ranks / np.maximum(np.linalg.norm(ranks, axis=-1, keepdims=True), 1e-9)


def partial_rank_correlation(A, C):
    """Rank correlations of attention weights A (M, N, N) with correlations C (K, N, N) over pairs i
    != j of cells.

    partial (M, K): given distance and B_j = sum_i A_ij. Ranks of A and of C are regressed on those
    of both and on their squares (so that a curved dependence on the distance goes, too); Pearson r
    of the residuals. What a sum of parabolas leaves is the same for any C, so compare two of them.
    plain (M, K): Spearman's. distance (M,): Spearman's of A with the distance. Cells where any C is
    NaN are left out."""
    side = round(A.shape[-1] ** 0.5)
    cells = np.flatnonzero(np.isfinite(np.diagonal(C, axis1=1, axis2=2)).all(axis=0))
    i, j = (cells[k] for k in np.nonzero(~np.eye(len(cells), dtype=bool)))
    distance = _ranks((i // side - j // side) ** 2 + (i % side - j % side) ** 2)
    c = _ranks(C[:, i, j])  # (K, pairs)
    partial, plain, far = [], [], []
    for weights in A:
        a = _ranks(weights[i, j])
        b = np.zeros(A.shape[-1])
        # every j is in equally many pairs: ranks of cells are those of pairs
        b[cells] = _ranks(weights.sum(axis=0)[cells])
        b = b[j] / max(np.linalg.norm(b[j]), 1e-9)
        given = np.stack(
            [
                np.full(len(a), len(a) ** -0.5),
                distance,
                b,
                len(a) ** 0.5 * distance**2,
                len(a) ** 0.5 * b**2,
            ]
        )
        both = np.vstack([a[None], c])
        rest = both - (both @ given.T) @ np.linalg.pinv(given @ given.T, hermitian=True) @ given
        size = np.linalg.norm(rest, axis=1)
        partial.append(
            rest[1:] @ rest[0] / np.where((size[1:] * size[0]) > 1e-9, size[1:] * size[0], np.inf)
        )
        plain.append(c @ a)
        far.append(distance @ a)
    return np.array(partial), np.array(plain), np.array(far)


def followed(weights, C):
    """How attention weights {layer: A (levels, head, N, N)} of a curve follow C (2, N, N), its own
    correlation and another's: {layer: (levels, head, [own, other, plain, distance])}."""
    A = np.concatenate(list(weights.values()), axis=1)  # (levels, heads of all layers, N, N)
    partial, plain, distance = partial_rank_correlation(A.reshape(-1, *A.shape[2:]), C)
    values = np.column_stack([partial, plain[:, 0], distance]).reshape(*A.shape[:2], 4)
    ends = np.cumsum([part.shape[1] for part in weights.values()])[:-1]
    return dict(zip(weights, np.split(values, ends, axis=1)))
