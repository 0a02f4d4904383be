"""How right is one sample on wires simulated here, and what is a correlation worth?"""

import numpy as np

from qfp.data.simulate import pictures
from qfp.decoding import decode, metrics, positions
from qfp.physics import geometry
from qfp.studies.intervals import wilson
from qfp.studies.scoring import HIGH, Answers

SCALE = 32  # wires from which the scale of correlations is made


def decoded(decoder, wires, sampling, seed):
    """Answers of one sample for each of `unseen.Wires`, by the settings `sampling`; the antidots as
    they lie in the samples."""
    seeds = [decode.sample_seeds(seed + i, 1) for i in range(len(wires.curves))]
    how = sampling.steps, sampling.sampler, sampling.gamma
    samples = decode.draw(decoder, wires.curves, seeds, *how)[:, 0]
    found = positions.recover(samples, decoder.config.device)
    return Answers(found, samples, wires.antidots, wires.ldos)


def told(answers, device):
    """Shares within 0, 1 and 2 sites with their intervals, and the correlations, in lines."""
    errors, r, n = answers.errors(device), answers.correlations(), len(answers.truth)
    lines = []
    for k in (0, 1, 2):
        low, high = wilson(hits := (errors <= k).sum(), n)
        lines.append(f"within {k}: {hits} of {n} ({low:.1%} to {high:.1%})")
    lines.append(
        f"Pearson r: median {np.median(r):.3f}, worst {r.min():.3f}; r >= {HIGH} on "
        f"{(r >= HIGH).sum()} of {n}"
    )
    return "\n".join(lines)


def beside(antidots, device):
    """Antidots (B, 2, 2) with the first of each pair one site to the right, or to the left where
    the dataset has no such pair."""
    right, left = antidots + [[1, 0], [0, 0]], antidots - [[1, 0], [0, 0]]
    return np.array([a if geometry.in_dataset(a, device) else b for a, b in zip(right, left)])


def scale(wires, device):
    """Pearson r (B,) of true images that differ in a known way from those of wires under potential
    0: {label: r}."""
    antidots, ldos = wires.antidots[:SCALE], wires.ldos[:SCALE]
    seeds = np.zeros(len(antidots), int)
    others = {
        "another potential": pictures(device, antidots, seeds + 1),
        "one antidot one site off": pictures(device, beside(antidots, device), seeds),
        "right holes, uniform elsewhere": ~geometry.removed_masks(antidots, device),
    }
    return {label: metrics.pearson(images, ldos) for label, images in others.items()}


def agrees(answers, device, result):
    """Whether the share within one site of fresh answers and that of a result of the study accuracy
    have overlapping intervals."""
    errors = answers.errors(device)
    low, high = wilson((errors <= 1).sum(), len(errors))
    known = result["single"]["within_1_interval"]
    return low <= known[1] and high >= known[0]
