"""A quick look at a network in training: scores on some dev curves, and a picture."""

import functools
import sys

import numpy as np
import torch

from qfp.decoding import metrics, positions
from qfp.model.diffusion import guided, sample
from qfp.tools import write_atomic

CURVES, SHOWN, HEAD_CURVES, STEPS = 32, 8, 1000, 20


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
    found = positions.recover(ldos, pairs.device)
    scores = {
        "r_median": round(float(np.median(metrics.pearson(ldos, truth))), 4),
        "image": shares(metrics.within(found, pairs.antidots[n], pairs.device)),
    }
    if config.training.curve_target == "positions":
        p, n = dev[:: max(1, len(dev) // HEAD_CURVES)][:HEAD_CURVES].T
        found = positions.read_head(
            model, normal.curve(pairs.conductance[p, n]).to(device), pairs.device
        )
        scores["curve_head"] = shares(metrics.within(found, pairs.antidots[n], pairs.device))
    model.train(was_training)
    return scores
