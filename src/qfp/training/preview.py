"""A quick look at a network in training: scores on some dev curves, and a picture."""

import functools
import sys

import numpy as np
import torch

from qfp.data import numbers
from qfp.decoding import metrics, positions, sets
from qfp.model.diffusion import guided, sample
from qfp.tools import write_atomic

CURVES, SHOWN, HEAD_CURVES, STEPS = 32, 8, 1000, 20
SETS = 200  # curves of the map of occupancy


@functools.cache
def painter():
    """matplotlib's imsave, or None, said once: a machine for computing may have no matplotlib."""
    try:
        from matplotlib.image import imsave
    except ImportError:
        print("preview: no picture, matplotlib is not installed", file=sys.stderr)
        return None
    return imsave


def shares(errors):
    """Shares that are exact and within one and two sites."""
    return {f"within{k}": round(float((errors <= k).mean()), 4) for k in (0, 1, 2)}


@torch.no_grad()
def preview(model, config, pairs, dev, normal, schedule, path, device="cpu"):
    """Scores of `model` on dev pairs (potential, configuration): dict of the image's and the curve
    head's shares.

    Writes a picture: true images above, generated ones below; none where matplotlib is not
    installed."""
    if not len(dev):  # a dataset of a few configurations has none
        return {}
    was_training = model.training
    model.eval()
    p, n = dev[:: max(1, len(dev) // CURVES)][:CURVES].T
    condition = model.encode(normal.curve(pairs.conductance[p, n]).to(device))
    images = sample(
        guided(model, schedule, condition),
        schedule,
        list(range(len(n))),
        (1, config.device.side, config.device.side),
        "ddim",
        min(STEPS, schedule.steps),
        device=device,
    )
    ldos, truth = normal.ldos(images.cpu()), pairs.ldos[p, n].astype(np.float32)
    rows = [
        np.concatenate(list(np.pad(a[:SHOWN], ((0, 0), (1, 1), (1, 1)))), 1) for a in (truth, ldos)
    ]
    if imsave := painter():
        bright = float(np.quantile(truth, 0.995))
        how = {"cmap": "inferno", "vmin": 0, "vmax": bright, "origin": "lower", "format": "png"}
        write_atomic(path, lambda handle: imsave(handle, np.concatenate(rows), **how))
    scores = {"r_median": round(float(np.median(metrics.pearson(ldos, truth))), 4)}
    if config.training.curve_target == "occupancy":
        scores |= of_sets(model, normal, pairs, n, ldos, dev, device)
        model.train(was_training)
        return scores
    found = positions.recover(ldos, pairs.device)
    scores["image"] = shares(metrics.within(found, pairs.antidots[n], pairs.device))
    if config.training.curve_target == "positions":
        p, n = dev[:: max(1, len(dev) // HEAD_CURVES)][:HEAD_CURVES].T
        found = positions.read_head(
            model, normal.curve(pairs.conductance[p, n]).to(device), pairs.device
        )
        scores["curve_head"] = shares(metrics.within(found, pairs.antidots[n], pairs.device))
    model.train(was_training)
    return scores


def of_sets(model, normal, pairs, n, ldos, dev, device):
    """Shares of images (B, L, W) of configurations n, their numbers of antidots told, and of the
    curve's map on more dev pairs, its number its own."""
    wire, truth = pairs.device, numbers.present(pairs.antidots[n])
    found = [sets.recover(image[None], wire, len(t))[0] for image, t in zip(ldos, truth)]
    scores = {"image": sets.scores(found, truth, wire)}
    p, n = dev[:: max(1, len(dev) // SETS)][:SETS].T
    curves = normal.curve(pairs.conductance[p, n]).to(device)
    maps, many = sets.read_map(model, curves, wire)
    found = [
        sets.named_by(one[None], wire, int(K))[0] for one, K in zip(maps, 1 + many.argmax(axis=1))
    ]
    scores["curve_head"] = sets.scores(found, numbers.present(pairs.antidots[n]), wire)
    return scores
