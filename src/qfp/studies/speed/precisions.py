"""Does bf16 answer as fp32 does? One fast sample of each of some unseen configurations."""

from pathlib import Path

import numpy as np
import torch

from qfp.data.dataset import split_of
from qfp.data.simulate import simulate
from qfp.decoding import positions
from qfp.decoding.decode import load_decoder
from qfp.model import exported
from qfp.model.condition import SIZE
from qfp.model.diffusion import guided, sample
from qfp.model.precision import autocast
from qfp.studies import frame, intervals, scoring, timing
from qfp.tools import digest

BATCH = 32  # curves drawn at a time


def evaluated(model, schedule, curves, seeds, sampler, steps, precision):
    """Images (B, 1, 60, 60) for normalised curves (B, F), in one precision."""
    device = str(curves.device)
    with torch.no_grad(), autocast(precision, device):
        return sample(
            guided(model, schedule, model.encode(curves)),
            schedule,
            seeds,
            (1, SIZE, SIZE),
            sampler,
            steps,
            device=device,
        )


def encoded(model, curves, precision):
    """The part of a sampler's work that is done once a curve."""
    with torch.no_grad(), autocast(precision, curves.device):
        return model.encode(curves)


def unseen(trained, curves, seed):
    """Rows (B, 2) of test configurations of a Config under its first potential, and their Pairs."""
    test = split_of(trained)["test"]
    rows = frame.choose_rows({"test": test[test[:, 0] == 0]}, "test", curves, seed)
    return rows, simulate(trained, rows[:, 1])


def images_of(decoder, curves, seeds, sampling, precision):
    """Images (B, L, W) [1/t] that one precision draws for curves (B, F) [e^2/h]."""
    parts = []
    for i in range(0, len(curves), BATCH):
        y = decoder.normal.curve(curves[i : i + BATCH])
        how = seeds[i : i + BATCH], sampling.sampler, sampling.steps, precision
        parts.append(evaluated(decoder.model, decoder.schedule, y, *how))
    return decoder.normal.ldos(torch.cat(parts))


def agreement(config, curves, precisions=("fp32", "bf16")):
    """What single samples in each precision are worth, and how far they differ. The weights, stored
    in bf16, are the same for both."""
    decoder = load_decoder(config.weights)
    device, constants = decoder.config.device, decoder.normal
    rows, pairs = unseen(decoder.config, curves, config.seed)
    seeds = [row[0] for row in frame.noise_seeds(rows, 1, config.seed)]
    images = {
        p: images_of(decoder, pairs.conductance[0], seeds, config.sampling, p) for p in precisions
    }
    found = {p: positions.positions(ldos[:, None], device)[:, 0] for p, ldos in images.items()}
    read = timing.timed(lambda: positions.positions(images["fp32"][:, None], device), "cpu")
    hits = {
        p: scoring.hits(device, found[p], pairs.antidots, images[p], pairs.ldos[0])
        for p in precisions
    }
    shares = {p: {key: float(hit.mean()) for key, hit in hits[p].items()} for p in precisions}
    alike = {"curves": len(rows), **shares}
    if "bf16" in precisions:
        gap = np.abs(images["bf16"] - images["fp32"]) / constants.spread()
        alike |= {
            "same_antidots": int((found["bf16"] == found["fp32"]).all((1, 2)).sum()),
            "largest_difference": float(gap.max()),
            "rms_difference": float(np.sqrt(np.square(gap).mean())),
            "difference": intervals.differences(hits["bf16"], hits["fp32"]),
        }
    return {
        "weights": Path(config.weights).stem,
        "weights_sha256": exported.weights_hash(config.weights),
        "config_sha256": digest(decoder.meta["config"]),
        "read_s": read / len(rows),
        "precisions": alike,
    }
