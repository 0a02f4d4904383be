"""Looks inside the network: what it is made of, and its attention importance (Sec. V, Fig. 4).

Images are what the network sees: normalised, with the zero padding of the paper's footnote 1, (B,
1, 60, 60).
"""

import contextlib
from dataclasses import dataclass

import numpy as np
import torch
from scipy.stats import rankdata

from qfp.model.anatomy import architecture
from qfp.model.diffusion import guided, sample
from qfp.model.unet import BELIEF, GRID, SIZE
from qfp.physics import geometry

# --- attention importance, Sec. V


@contextlib.contextmanager
def watching(layers, record):
    """Calls record(name, layer, tokens) with the input (B, N, C) of each attention layer at every
    forward pass.

    layers: {name: module}. The pass is left as it is: the hook returns nothing."""

    def hook(name):
        return lambda layer, inputs: record(name, layer, inputs[0].detach())

    handles = [layer.register_forward_pre_hook(hook(name)) for name, layer in layers.items()]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _watched(model, layers):
    """Attention layers by name: all, or those named."""
    return {
        name: layer
        for name, layer in model.attention_layers().items()
        if layers is None or name in layers
    }


def _measured(measure, tokens):
    """What `measure` (a layer's weights or importance) makes of caught tokens: in fp32 even where
    the pass itself is in bf16, whose three digits would tie the values of many pixels."""
    with torch.autocast(tokens.device.type, enabled=False):
        return measure(tokens.float()).cpu()


def _importance(layer, tokens):
    """B_j of caught tokens as maps (B, head, n, n), numpy."""
    B = _measured(layer.importance, tokens)
    side = round(B.shape[-1] ** 0.5)
    return B.unflatten(-1, (side, side)).numpy()


@torch.no_grad()
def importance_at(model, x, t, condition, layers=None):
    """B_j = sum_i A_ij of Sec. V in one pass at points x (B, 1, 60, 60) of step t: {layer: (B,
    head, n, n)}."""
    watched, found = _watched(model, layers), {}
    with watching(
        watched, lambda name, layer, tokens: found.update({name: _importance(layer, tokens)})
    ):
        model(x, torch.full((len(x),), t), condition)
    return found


@dataclass(frozen=True)
class Trajectory:
    """What a generation did at its recorded steps, for B curves."""

    t: np.ndarray  # (S,) diffusion steps, from noise to image
    x: np.ndarray  # (S, B, 60, 60) noisy images x_t, normalised
    x0: np.ndarray  # (S, B, 60, 60) clean images predicted from them
    importance: dict  # layer name: B_j, (S, B, head, n, n); its mean over the pixels j is 1
    # name of a layer of full attention at 15 x 15: A_ij, (K, B, head, 225, 225), at the steps asked
    # for
    weights: dict


def importance_trajectory(
    model, schedule, condition, seeds, steps, sampler="ddim", layers=None, keep=None, weights_at=()
):
    """B_j = sum_i A_ij of Sec. V along a generation with `steps` steps: Trajectory.

    One image per seed, of condition's row; layers: names out of model.attention_layers(), all by
    default; keep: indices of the steps to record, all by default; weights_at: indices of those of
    them at which A_ij is recorded, too."""
    watched = _watched(model, layers)
    now, times, noisy, clean = {}, [], [], []
    found, dense = (
        {name: [] for name in watched},
        {name: [] for name in bottom_layers(model) if name in watched},
    )

    def record(name, layer, tokens):
        now[name] = tokens

    def step(index, t, x, x0_hat):
        if keep is None or index in keep:
            times.append(t)
            noisy.append(x[:, 0].float().cpu().numpy())
            clean.append(x0_hat[:, 0].float().cpu().numpy())
            for name, layer in watched.items():
                found[name].append(_importance(layer, now[name]))
            if index in weights_at:
                for name, kept in dense.items():
                    kept.append(_measured(watched[name].weights, now[name]).numpy())

    with watching(watched, record):
        sample(
            guided(model, schedule, condition),
            schedule,
            seeds,
            (1, SIZE, SIZE),
            sampler,
            steps,
            callback=step,
        )
    return Trajectory(
        np.array(times),
        np.stack(noisy),
        np.stack(clean),
        {k: np.stack(v) for k, v in found.items()},
        {k: np.stack(v) for k, v in dense.items() if v},
    )


def bottom_layers(model):
    """Names of the layers of full attention at 15 x 15, 'the most downsampled layer' of Sec. V, in
    the order of action."""
    return [
        stage["name"]
        for stage in architecture(model)
        if stage["size"] == GRID and stage["attention"] == "full"
    ]


def cell_means(images, size=GRID):
    """Images (..., 60, 60) averaged over the cells of the level with size x size of them: (...,
    size, size)."""
    side = images.shape[-1] // size
    return images.reshape(*images.shape[:-2], size, side, size, side).mean(axis=(-3, -1))


def grid_cells(antidots, device, size=GRID):
    """Which cells of the level with size x size of them lie on an antidot, bool (B, size, size),
    for antidots (B, 2, 2).

    A cell of the 15 x 15 level is 4 x 4 pixels of the padded image; it counts where half of it or
    more is removed."""
    margin = (device.length - device.width) // 2
    cover = np.pad(geometry.removed_masks(antidots, device), ((0, 0), (0, 0), (margin, margin)))
    return cell_means(cover, size) >= 0.5


def wire_cells(device, size=GRID):
    """Cells of the level that lie on the wire by half or more, bool (size, size): the padding is
    left out."""
    margin = (device.length - device.width) // 2
    inside = np.pad(np.ones(device.width), margin).reshape(size, -1).mean(axis=1) >= 0.5
    return np.broadcast_to(inside, (size, size))


def rim_cells(cells):
    """Cells beside antidot cells (B, n, n), diagonals included: their vicinity, bool (B, n, n)."""
    wide, n = np.pad(cells, ((0, 0), (1, 1), (1, 1))), cells.shape[-1]
    near = np.any([wide[:, i : i + n, j : j + n] for i in range(3) for j in range(3)], axis=0)
    return near & ~cells


def auc_table(maps, cells, valid):
    """AUC of maps (..., M, n, n) for antidot cells (B, n, n): (..., M, B), map m scored against
    antidots b.

    The probability that an antidot cell has a larger value than another cell of the wire (valid,
    (n, n)); ties count half. 0.5 is chance. Sign fixed: large values are to mean antidots."""
    rank = rankdata(maps[..., valid], axis=-1)  # (..., M, n)
    own = cells[:, valid].astype(float)  # (B, n)
    positives = own.sum(axis=-1)
    return (rank @ own.T - positives * (positives + 1) / 2) / (
        positives * (own.shape[-1] - positives)
    )


def own_and_other(table):
    """AUC against a curve's own antidots and, averaged, against those of the other curves: two
    arrays (..., B).

    table (..., B, B) from auc_table. Where antidots usually are is known without any curve, so that
    only the paired difference of the two says that a map knows its own curve."""
    own = np.diagonal(table, axis1=-2, axis2=-1)
    return own, (table.sum(axis=-1) - own) / (table.shape[-1] - 1)


def first_above(low, margin):
    """Index of the first entry of low (S,) above margin; None where there is none."""
    above = np.flatnonzero(np.asarray(low) > margin)
    return int(above[0]) if len(above) else None


def believed_cover(features, device, size=GRID):
    """Share of each cell that an antidot covers if its centre lies where the condition path
    believes it: (B, size, size).

    features (B, c, 15, 15) of a network with believed positions (unet.ConditionTransformer): its
    last channels."""
    block = SIZE // GRID
    centres = (
        torch.nn.functional.pixel_shuffle(features[:, -2 * block**2 :].float(), block).sum(
            1, keepdim=True
        )
        / BELIEF
    )
    dx, dy = geometry.disc(device.radius).T
    disc = torch.zeros(1, 1, 2 * device.radius + 1, 2 * device.radius + 1)
    disc[0, 0, dy + device.radius, dx + device.radius] = 1.0
    return cell_means(
        torch.nn.functional.conv2d(centres, disc, padding=device.radius)[:, 0].numpy(), size
    )


def preference(B, lower, upper):
    """(B_upper - B_lower)/(B_upper + B_lower) from mean importance on the two antidots' cells:
    (..., B), in -1..1.

    B (..., B, n, n); lower, upper: cells (B, n, n) of each. 'Complementary' heads (Sec. V) have
    opposite signs."""
    low, up = (
        (B * cells).sum(axis=(-2, -1)) / cells.sum(axis=(-2, -1)) for cells in (lower, upper)
    )
    return (up - low) / (up + low)


# --- attention weights against the wave functions, Sec. V


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
