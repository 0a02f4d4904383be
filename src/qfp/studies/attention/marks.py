"""Does a map over the cells of a level mark the antidots? Cells, and the area under the ROC
curve."""

import numpy as np
import torch
from scipy.stats import rankdata

from qfp.model.condition import BELIEF, GRID, SIZE
from qfp.physics import geometry


def cell_means(images, size=GRID):
    """Images (..., 60, 60) averaged over the cells of the level with size x size of them: (...,
    size, size)."""
    side = images.shape[-1] // size
    return images.reshape(*images.shape[:-2], size, side, size, side).mean(axis=(-3, -1))


def pad_of(device):
    """Pixels ((below, above), (left, right)) around a wire in the square image that the network
    sees, as `numpy.pad` takes them."""
    left, below = device.margins
    return (below, device.side - device.length - below), (left, device.side - device.width - left)


def grid_cells(antidots, device, size=GRID):
    """Which cells of the level with size x size of them lie on an antidot, bool (B, size, size),
    for antidots (B, 2, 2).

    A cell of the 15 x 15 level is 4 x 4 pixels of the padded image; it counts where half of it or
    more is removed."""
    cover = np.pad(geometry.removed_masks(antidots, device), ((0, 0), *pad_of(device)))
    return cell_means(cover, size) >= 0.5


def wire_cells(device, size=GRID):
    """Cells of the level that lie on the wire by half or more, bool (size, size): the padding is
    left out."""
    return cell_means(np.pad(np.ones((device.length, device.width)), pad_of(device)), size) >= 0.5


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


def believed_cover(features, device):
    """Share of each cell that an antidot covers if its centre lies where the condition path
    believes it: (B, 15, 15).

    features (B, c, 15, 15) of a network with believed positions (ConditionTransformer): its
    last channels."""
    block = SIZE // GRID
    centres = (
        torch.nn.functional.pixel_shuffle(features[:, -2 * block**2 :].float(), block).sum(
            1, keepdim=True
        )
        / BELIEF
    )
    r, (dx, dy) = int(device.radius), geometry.disc(device.radius).T
    disc = torch.zeros(1, 1, 2 * r + 1, 2 * r + 1)
    disc[0, 0, dy + r, dx + r] = 1.0
    return cell_means(torch.nn.functional.conv2d(centres, disc, padding=r)[:, 0].numpy())


def preference(B, lower, upper):
    """(B_upper - B_lower)/(B_upper + B_lower) from mean importance on the two antidots' cells:
    (..., B), in -1..1.

    B (..., B, n, n); lower, upper: cells (B, n, n) of each. 'Complementary' heads (Sec. V) have
    opposite signs."""
    low, up = (
        (B * cells).sum(axis=(-2, -1)) / cells.sum(axis=(-2, -1)) for cells in (lower, upper)
    )
    return (up - low) / (up + low)
