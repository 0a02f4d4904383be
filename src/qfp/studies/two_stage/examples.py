"""Unseen wires decoded by the two-stage baseline and by the diffusion model, side by side."""

from typing import NamedTuple

import numpy as np

from qfp.data import dataset
from qfp.decoding import decode
from qfp.model.vae import decoded
from qfp.physics import green
from qfp.physics.wire import random_potential
from qfp.studies import frame
from qfp.studies.two_stage.images import reconstructed
from qfp.studies.two_stage.restricted import restricted_antidots


class Examples(NamedTuple):
    """Test wires B of a set of configurations N."""

    configurations: np.ndarray  # (N, 2, 2), all of the set
    antidots: np.ndarray  # int (B, 2, 2), of those that are shown
    images: np.ndarray  # (B, K, L, W) [1/t]: truth, of the curve, of the truth, perhaps a sample


def examples(baseline, configurations, potentials, number, sample=None):
    """Examples of `number` test configurations (N, 2, 2) of a TrainedVae, by the exact solver.

    K = 3: the truth, the baseline's image of the curve, its image of the truth; sample: a function
    that makes a fourth (L, W) of a curve (F,)."""
    device, seed = baseline.config.device, baseline.config.seed
    parts = dataset.split(len(configurations), potentials, "config", seed)
    rows = frame.choose_rows(parts, "test", number, seed)
    antidots = configurations[rows[:, 1]].astype(int)
    network, images = (baseline.model, baseline.normal), []
    for p, pair in zip(rows[:, 0], antidots):
        V = random_potential(int(p), device)
        curve, _, truth = green.solve(device, pair, V, image=True)
        own = [decoded(*network, curve[None])[0], reconstructed(*network, truth[None])[0]]
        images.append([truth, *own, *([sample(curve)] if sample else [])])
    return Examples(configurations, antidots, np.array(images))


def general_examples(baseline, decoder, number, seed, sampling):
    """Examples of the set that both were trained on: K = 4, the last a sample of the diffusion
    model from noise `seed`; sampling: its steps and sampler."""

    def sample(curve):
        how = sampling.steps, sampling.sampler
        return decode.draw(decoder, curve[None], [[seed]], *how)[0, 0]

    own = baseline.config
    return examples(baseline, dataset.choose(own)[1], own.dataset.potentials, number, sample)


def restricted_examples(baseline, restricted, number):
    """Examples of the settings `restricted`: K = 3. The diffusion model, trained on the canonical
    placement, would answer there."""
    every = restricted_antidots(baseline.config.device, restricted.upper)
    return examples(baseline, every, restricted.potentials, number)
