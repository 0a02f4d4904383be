"""Attention weights beside the non-local correlation of the wave functions (Sec. V)."""

import functools

import numpy as np
import torch
from scipy.stats import rankdata

from qfp.model.condition import GRID
from qfp.physics import geometry, green
from qfp.studies.attention.marks import pad_of
from qfp.tools import kept_arrays, progress_bar


def cell_correlation(psi, exists, pad, side):
    """Non-local correlation C_ij = |Im G_ij|^2/(Im G_ii Im G_jj) of the wave functions, averaged
    over pairs of sites of cells I and J: (N, N), 0..1, N cells of side x side pixels.

    psi (sites, n): unit-flux scattering states of both leads at b = 0, where time reversal makes G
    symmetric, so that -2 Im G = psi psi^dagger (green.scattering_states). exists (L, W): sites that
    are not removed; pad: pixels around them, see `marks.pad_of`. NaN for cells less than half of
    whose area are such sites."""
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


def correlations(pairs, rows, folder, across=GRID):
    """C_ij (B, N, N) of rows (B, 2) of (potential, configuration) at b = 0 between the N cells of
    across x across, see `cell_correlation`; kept in `folder` by potential."""
    device, found = pairs.device, np.empty((len(rows), across**2, across**2), np.float32)
    pad, side = pad_of(device), device.side // across

    def of_potential(p, configurations):
        wire = green.wire(device, 0.0, pairs.potentials[p])
        removed = geometry.removed_masks(pairs.antidots[configurations], device)
        C = []
        for mask in removed:
            psi = green.scattering_states(wire, torch.as_tensor(geometry.ring(mask))).numpy()
            C.append(cell_correlation(psi, ~mask, pad, side))
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


def pairs_of(C, cells=None):
    """What is fitted away before A is compared with C (K, N, N): indices i, j of all pairs of
    different cells, and their distance's ranks.

    cells (N,): which may take part, by default all; those where any C is NaN never do."""
    valid = np.isfinite(np.diagonal(C, axis1=1, axis2=2)).all(axis=0)
    kept = np.flatnonzero(valid if cells is None else valid & cells)
    i, j = (kept[k] for k in np.nonzero(~np.eye(len(kept), dtype=bool)))
    side = round(C.shape[-1] ** 0.5)
    return i, j, _ranks((i // side - j // side) ** 2 + (i % side - j % side) ** 2)


def _known(weights, j, distance):
    """Rows (5, pairs) that are regressed on: a constant, distance and B_j (ranks), both squared."""
    b = np.zeros(weights.shape[-1])
    kept = np.flatnonzero(np.bincount(j))
    # every j is in equally many pairs: ranks of cells are those of pairs
    b[kept] = _ranks(weights.sum(axis=0)[kept])
    b, n = b[j] / max(np.linalg.norm(b[j]), 1e-9), len(j)
    return np.stack([np.full(n, n**-0.5), distance, b, n**0.5 * distance**2, n**0.5 * b**2])


def _rest(values, given):
    """What a regression of values (K, pairs) on rows `given` leaves."""
    return values - (values @ given.T) @ np.linalg.pinv(given @ given.T, hermitian=True) @ given


def partial_rank_correlation(A, C, cells=None):
    """Rank correlations of attention weights A (M, N, N) with correlations C (K, N, N) over pairs i
    != j of cells.

    partial (M, K): given distance and B_j = sum_i A_ij. Ranks of A and of C are regressed on those
    of both and on their squares (so that a curved dependence on the distance goes, too); Pearson r
    of the residuals. What a sum of parabolas leaves is the same for any C, so compare two of them.
    plain (M, K): Spearman's. distance (M,): Spearman's of A with the distance. Cells where any C is
    NaN are left out, and those that `cells` (N,) does not name."""
    i, j, distance = pairs_of(C, cells)
    c = _ranks(C[:, i, j])  # (K, pairs)
    partial, plain, far = [], [], []
    for weights in A:
        a = _ranks(weights[i, j])
        rest = _rest(np.vstack([a[None], c]), _known(weights, j, distance))
        size = np.linalg.norm(rest, axis=1)
        partial.append(
            rest[1:] @ rest[0] / np.where((size[1:] * size[0]) > 1e-9, size[1:] * size[0], np.inf)
        )
        plain.append(c @ a)
        far.append(distance @ a)
    return np.array(partial), np.array(plain), np.array(far)


def planted(A, C, strengths):
    """Attention weights A (M, N, N) that follow C (N, N) by a known amount: (M, S, N, N), rows sum
    to 1.

    To ln A is added what distance and B_j leave of the ranks of C, with `strengths` (S,) times the
    standard deviation of what they leave of ln A: the noise in which the signal is to be found."""
    i, j, distance = pairs_of(C[None])
    logits = np.log(np.maximum(A, np.finfo(np.float32).tiny)).astype(float)
    found = np.empty((len(A), len(strengths), *A.shape[1:]))
    for weights, own, out in zip(A, logits, found):
        given = _known(weights, j, distance)
        noise, signal = _rest(np.stack([own[i, j], _ranks(C[i, j])]), given)
        added = np.zeros_like(own)
        added[i, j] = signal * noise.std() / max(signal.std(), 1e-12)
        raised = np.exp(own + np.multiply.outer(strengths, added))
        out[:] = raised / raised.sum(axis=-1, keepdims=True)
    return found
