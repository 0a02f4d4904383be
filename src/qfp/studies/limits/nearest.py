"""The search for the training images that lie nearest to a generated one."""

from typing import NamedTuple

import numpy as np
import torch

from qfp.tools import progress_bar


class Near(NamedTuple):
    """What training images lie nearest to Q queries."""

    distance: np.ndarray  # (Q, K) root mean square difference over sites [1/t], rising
    rows: np.ndarray  # (Q, K, 2) potential and configuration
    r: np.ndarray  # (Q,) largest Pearson r with any of them, which need not be the nearest


def rms(images, others):
    """Root mean square difference over the sites of images (..., L, W), float64 (...)."""
    return np.sqrt(np.square(np.asarray(images, float) - others).mean(axis=(-2, -1)))


def compared(q, x):
    """Squared distance over sites and Pearson r, each (Q, M), of images q (Q, D) and x (M, D)."""
    (q_mean, q), (x_mean, x) = (
        (v.mean(1, keepdim=True), v - v.mean(1, keepdim=True)) for v in (q, x)
    )
    q_square, x_square, product = q.square().sum(1, keepdim=True), x.square().sum(1), q @ x.T
    square = (q_square + x_square - 2 * product) / q.shape[1] + (q_mean - x_mean.T).square()
    return square, product / (q_square * x_square).sqrt()


@torch.inference_mode()
def nearest_images(ldos, known, queries, without=None, block=2048):
    """Near: the P + 1 nearest of images (P, N, L, W) of configurations `known` (M,) to queries (Q,
    L, W), so that one of another configuration is among them. without (Q,): a configuration whose
    images do not count for the query."""
    keep, known = min(len(ldos) + 1, len(ldos) * len(known)), np.asarray(known)
    q = torch.as_tensor(np.asarray(queries, np.float32)).flatten(1)
    best, index = torch.full((len(q), keep), torch.inf), torch.zeros(len(q), keep, dtype=torch.long)
    r = torch.full((len(q),), -torch.inf)
    parts = np.array_split(known, -(-len(known) // block))
    blocks = [(p, part) for p in range(len(ldos)) for part in parts]
    for p, part in progress_bar(blocks, desc="training images", unit="block"):
        square, alike = compared(q, torch.from_numpy(ldos[p, part].astype(np.float32)).flatten(1))
        if without is not None:
            own = torch.from_numpy(np.asarray(without)[:, None] == part)
            square[own], alike[own] = torch.inf, -torch.inf
        r = torch.maximum(r, alike.max(1).values)
        here = torch.from_numpy(p * ldos.shape[1] + part).expand(len(q), -1)
        best, place = torch.cat([best, square], 1).topk(keep, largest=False)
        index = torch.cat([index, here], 1).gather(1, place)
    return ordered(ldos, queries, np.stack(np.divmod(index.numpy(), ldos.shape[1]), axis=-1), r)


def ordered(ldos, queries, rows, r):
    """Near of rows (Q, K, 2), by distances that are exact, for copies, too."""
    found = [rms(ldos[near.T[0], near.T[1]], query) for near, query in zip(rows, queries)]
    order = np.stack(found).argsort(axis=1, kind="stable")
    return Near(
        np.take_along_axis(np.stack(found), order, 1),
        np.take_along_axis(rows, order[..., None], 1),
        r.numpy(),
    )


def copy_ratio(near):
    """Distance to the nearest image over that to the nearest one of another configuration, (Q,)."""
    other = near.rows[:, :, 1] != near.rows[:, :1, 1]
    return near.distance[:, 0] / near.distance[np.arange(len(other)), other.argmax(axis=1)]
