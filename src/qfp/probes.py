"""Looks inside the network: attention importance (Sec. V, Fig. 4) and the score around an image (Sec. VI, Fig. 5).

Images are what the network sees: normalised, with the zero padding of the paper's footnote 1, (B, 1, 60, 60).
"""

import contextlib
from dataclasses import dataclass

import numpy as np
import torch
from scipy.stats import rankdata

from . import geometry
from .attention import FullAttention, LinearAttention
from .diffusion import guided, sample, score_from_eps, step_noise
from .unet import GRID, SIZE

# The two pixels of each panel of Fig. 5, read as (row, column) = (y, x + 5) of the padded image; the paper does not say.
PIXEL_PAIRS = {
    "a": ((20, 40), (30, 50)),
    "b": ((10, 30), (50, 40)),
    "c": ((15, 30), (20, 10)),
    "d": ((25, 10), (45, 30)),
}
NOISE_STEPS = 100  # 'each with 100 steps of added noise' (Sec. VI): t = 99, q(x_t | x_0) with alpha_bar of 100 steps
NOISY_POINTS = 50


# --- the network as it is


def architecture(model):
    """Stages of a UNet in the order in which they act, read off its modules: a list of dicts.

    Keys: name ('down30'), size, channels, convolutions, attention ('full', 'linear' or 'none'), heads, head_dim,
    condition (channels of the curve's map), parameters."""
    kinds = {LinearAttention: "linear", FullAttention: "full", type(None): "none"}
    stages = [("down", i) for i in range(len(model.down))] + [("up", i) for i in reversed(range(len(model.up)))]
    found = []
    for way, i in stages:
        stage = getattr(model, way)[i]
        transformer = stage["transformer"]
        channels = transformer.norm.num_channels
        attention = transformer.attention
        found.append({
            "name": f"{way}{model.sizes[i]}", "size": model.sizes[i], "channels": channels,
            "convolutions": sum(isinstance(m, torch.nn.Conv2d) and m.kernel_size == (3, 3) for m in stage.modules()),
            "attention": kinds[type(attention)],
            "heads": getattr(attention, "heads", 0), "head_dim": getattr(attention, "head_dim", 0),
            "condition": transformer.enter.in_features - channels,
            "parameters": sum(p.numel() for p in stage.parameters()),
        })
    return found


def condition_path(model):
    """Sizes of the path of the curve: dict of fields, hidden and blocks of its MLP, tokens and their width, layers that mix
    them, grid (features of a grid position) and positions (whether believed positions are among them)."""
    path = model.condition
    return {"fields": path.enter.in_features, "hidden": path.enter.out_features, "blocks": len(path.stem),
            "tokens": len(path.position), "width": path.width, "layers": len(path.layers), "grid": path.grid_width,
            "positions": path.positions}


# --- attention importance, Sec. V


@contextlib.contextmanager
def watching(layers, record):
    """Calls record(name, layer, tokens) with the input (B, N, C) of each attention layer at every forward pass.

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
    return {name: layer for name, layer in model.attention_layers().items() if layers is None or name in layers}


def _images(B):
    """B_j (..., N) as maps (..., n, n), numpy."""
    side = round(B.shape[-1] ** 0.5)
    return B.unflatten(-1, (side, side)).cpu().numpy()


@torch.no_grad()
def importance_at(model, x, t, condition, layers=None):
    """B_j = sum_i A_ij of Sec. V in one pass at points x (B, 1, 60, 60) of step t: {layer: (B, head, n, n)}."""
    watched, found = _watched(model, layers), {}
    with watching(watched, lambda name, layer, tokens: found.update({name: _images(layer.importance(tokens))})):
        model(x, torch.full((len(x),), t), condition)
    return found


@dataclass(frozen=True)
class Trajectory:
    """What a generation did at its recorded steps, for B curves."""

    t: np.ndarray  # (S,) diffusion steps, from noise to image
    x: np.ndarray  # (S, B, 60, 60) noisy images x_t, normalised
    x0: np.ndarray  # (S, B, 60, 60) clean images predicted from them
    importance: dict  # layer name: B_j, (S, B, head, n, n); its mean over the pixels j is 1


def importance_trajectory(model, schedule, condition, seeds, steps, sampler="ddim", layers=None, keep=None):
    """B_j = sum_i A_ij of Sec. V along a generation with `steps` steps: Trajectory.

    One image per seed, of condition's row; layers: names out of model.attention_layers(), all by default; keep: indices
    of the steps to record, all by default."""
    watched = _watched(model, layers)
    now, times, noisy, clean = {}, [], [], []
    found = {name: [] for name in watched}

    def record(name, layer, tokens):
        now[name] = tokens

    def step(index, t, x, x0_hat):
        if keep is None or index in keep:
            times.append(t)
            noisy.append(x[:, 0].float().cpu().numpy())
            clean.append(x0_hat[:, 0].float().cpu().numpy())
            for name, layer in watched.items():
                found[name].append(_images(layer.importance(now[name])))

    with watching(watched, record):
        sample(guided(model, schedule, condition), schedule, seeds, (1, SIZE, SIZE), sampler, steps, callback=step)
    return Trajectory(np.array(times), np.stack(noisy), np.stack(clean), {k: np.stack(v) for k, v in found.items()})


def grid_cells(antidots, device):
    """Which cells of the 15 x 15 level lie on an antidot, bool (B, 15, 15), for antidots (B, 2, 2).

    A cell is 4 x 4 pixels of the padded image; it counts where half of it or more is removed."""
    margin = (device.length - device.width) // 2
    cover = np.pad(geometry.removed_masks(antidots, device), ((0, 0), (0, 0), (margin, margin)))
    side = device.length // GRID
    return cover.reshape(len(cover), GRID, side, GRID, side).mean(axis=(2, 4)) >= 0.5


def wire_cells(device):
    """Cells of the 15 x 15 level that lie on the wire by half or more, bool (15, 15): the padding is left out."""
    side, margin = device.length // GRID, (device.length - device.width) // 2
    inside = np.pad(np.ones(device.width), margin).reshape(GRID, side).mean(axis=1) >= 0.5
    return np.broadcast_to(inside, (GRID, GRID))


def rim_cells(cells):
    """Cells beside antidot cells (B, 15, 15), diagonals included: their vicinity, bool (B, 15, 15)."""
    wide = np.pad(cells, ((0, 0), (1, 1), (1, 1)))
    near = np.any([wide[:, i : i + GRID, j : j + GRID] for i in range(3) for j in range(3)], axis=0)
    return near & ~cells


def auc_table(maps, cells, valid):
    """AUC of maps (..., M, 15, 15) for antidot cells (B, 15, 15): (..., M, B), map m scored against antidots b.

    The probability that an antidot cell has a larger value than another cell of the wire (valid, (15, 15)); ties count
    half. 0.5 is chance. Sign fixed: large values are to mean antidots."""
    rank = rankdata(maps[..., valid], axis=-1)  # (..., M, n)
    own = cells[:, valid].astype(float)  # (B, n)
    positives = own.sum(axis=-1)
    return (rank @ own.T - positives * (positives + 1) / 2) / (positives * (own.shape[-1] - positives))


def own_and_other(table):
    """AUC against a curve's own antidots and, averaged, against those of the other curves: two arrays (..., B).

    table (..., B, B) from auc_table. Where antidots usually are is known without any curve, so that only the paired
    difference of the two says that a map knows its own curve."""
    own = np.diagonal(table, axis1=-2, axis2=-1)
    return own, (table.sum(axis=-1) - own) / (table.shape[-1] - 1)


# --- the score around an image, Sec. VI


def noisy_points(schedule, x0, t, seeds):
    """Points x_t = sqrt(alpha_bar) x0 + sqrt(1 - alpha_bar) ε around clean images x0 (B, 1, 60, 60), one a seed."""
    noise = step_noise(x0.shape[1:], seeds, 0).to(x0.dtype)
    return schedule.q_sample(x0, torch.full((len(x0),), t), noise)


@torch.no_grad()
def score_at(eps_model, schedule, x, t):
    """Score ∇_x log P_t(x) at points x (B, 1, 60, 60), of a noise model (x, t) -> ε; float64."""
    return score_from_eps(eps_model(x, torch.full((len(x),), t)).double(), float(schedule.alpha_bar[t]))


def gaussian_score(schedule, x, t, images):
    """Score of the Gaussian with mean and covariance of clean images (M, 1, 60, 60), noised to step t: the plainest model.

    With R = X^T X / (M - 1) the covariance, -(alpha_bar R + (1 - alpha_bar) I)^-1 (x - sqrt(alpha_bar) mean)."""
    alpha_bar = float(schedule.alpha_bar[t])
    flat = images.double().flatten(1)
    mean = flat.mean(0)
    _, singular, axes = torch.linalg.svd((flat - mean) / (len(flat) - 1) ** 0.5, full_matrices=False)  # R = V s^2 V^T
    residual = x.double().flatten(1) - alpha_bar**0.5 * mean
    share = alpha_bar * singular**2 / (alpha_bar * singular**2 + 1 - alpha_bar)
    return -((residual - (residual @ axes.T * share) @ axes) / (1 - alpha_bar)).view(x.shape)


def on_plane(images, pixels):
    """Values of images (B, 1, 60, 60) at two pixels ((row, column), (row, column)): (B, 2)."""
    (r1, c1), (r2, c2) = pixels
    return torch.stack([images[:, 0, r1, c1], images[:, 0, r2, c2]], dim=-1)


def cosine(a, b):
    """Cosine of the angle between vectors: rows of (B, ...), flattened; numpy (B,)."""
    return torch.nn.functional.cosine_similarity(a.double().flatten(1), b.double().flatten(1)).numpy()


@dataclass(frozen=True)
class Plane:
    """One panel of Fig. 5: points and their scores on the plane of two pixels, in the units of normalised images."""

    pixels: tuple  # ((row, column), (row, column))
    points: np.ndarray  # (B, 2) noisy points
    arrows: np.ndarray  # (B, 2) projected scores
    truth: np.ndarray  # (2,) sqrt(alpha_bar) x0, where the arrows should lead
    cosine: np.ndarray  # (B,) between arrow and the way to the truth, in this plane


def score_on_plane(x, score, target, pixels):
    """Projection of points x and scores (B, 1, 60, 60) on two pixels; target (1, 60, 60) or (B, 1, 60, 60), the truth."""
    target = target.expand_as(x)
    points, arrows, truth = (on_plane(a, pixels).double() for a in (x, score, target))
    return Plane(pixels, points.numpy(), arrows.numpy(), truth[0].numpy(), cosine(arrows, truth - points))
