"""The network beside the exact score of its training pairs, with the curve and without."""

import numpy as np
import torch

from qfp.studies import frame
from qfp.studies.score.empirical import Empirical
from qfp.studies.score.subject import gathered
from qfp.tools import progress_bar

EMPIRICAL_NOISE = (2, 5, 10, 20, 50, 100)
WIDTHS = (0.02, 0.05, 0.1, 0.2, 0.5, 1)
EMPIRICAL_CURVES = 60


def memory(subject):
    """The training pairs as an Empirical over the wire's pixels, normalised as the network's
    images."""
    p, n = subject.parts["train"].T
    constants = subject.decoder.normal
    images = torch.empty(len(p), subject.pairs.device.length * subject.pairs.device.width)
    for part in np.array_split(np.arange(len(p)), max(1, len(p) // 4096)):
        ldos = subject.pairs.ldos[p[part], n[part]].astype(np.float32)
        images[part] = (
            torch.from_numpy(ldos).flatten(1) - constants.image_mean
        ) / constants.image_std
    return Empirical(images, torch.from_numpy(subject.pairs.conductance[p, n]).double())


def wire_of(subject, images):
    """Images (B, 1, 60, 60) over the wire's pixels: (B, n)."""
    device, (left, below) = subject.pairs.device, subject.pairs.device.margins
    wire = images[:, 0, below : below + device.length, left : left + device.width]
    return wire.flatten(1)


def distance(a, b):
    """Root mean square distance a pixel of images (B, n): (B,)."""
    return (a.double() - b.double()).square().mean(1).sqrt().numpy()


def curves_of(subject, rows):
    """Curves (B, F) [e^2/h] of rows (B, 2)."""
    return torch.from_numpy(subject.pairs.conductance[rows[:, 0], rows[:, 1]]).double()


def width_distances(subject, known, times, rows):
    """Mean distance of the empirical x0_hat from the truth by width of a curve, {width: (T,)}, on
    development rows."""
    truth, found = wire_of(subject, subject.images(rows)), {f"{s:g}": [] for s in WIDTHS}
    near = {s: known.curve_logits(curves_of(subject, rows), s) for s in WIDTHS}
    for t in progress_bar(times, desc="width of a curve", unit="level"):
        alpha_bar = float(subject.schedule.alpha_bar[t])
        logits = known.image_logits(wire_of(subject, subject.noisy(rows, t)), alpha_bar)
        for s in WIDTHS:
            guess = known.mean(logits + near[s])[0]
            found[f"{s:g}"].append(float(distance(guess, truth).mean()))
    return found


def beside(subject, known, times, rows, width, part):
    """Distances of network and memory from the truth and from each other, by condition, for rows of
    a part of the split."""
    conditions = {"curve": subject.condition(rows), "no curve": subject.model.null(len(rows))}
    truth = wire_of(subject, subject.images(rows))
    near = known.curve_logits(curves_of(subject, rows), width)
    levels, effective = ({label: [] for label in conditions} for _ in range(2))
    for t in progress_bar(times, desc=f"empirical score, {part}", unit="level"):
        x, alpha_bar = subject.noisy(rows, t), float(subject.schedule.alpha_bar[t])
        logits = known.image_logits(wire_of(subject, x), alpha_bar)
        for label, condition in conditions.items():
            score = subject.score(condition, t, x)
            ours = wire_of(subject, (x + (1 - alpha_bar) * score) / alpha_bar**0.5)
            theirs, count = known.mean(logits + near if label == "curve" else logits)
            row = {"network": distance(ours, truth), "empirical": distance(theirs, truth)}
            row |= {"apart": distance(ours, theirs), "ahead": row["network"] - row["empirical"]}
            levels[label].append(row)
            effective[label].append(np.quantile(count.numpy(), [0.25, 0.5, 0.75]).tolist())
    found = {}
    for label in conditions:
        quartiles = {"effective": np.transpose(effective[label]).tolist()}
        found[label] = gathered(levels[label], subject.seed) | quartiles
    return found | {"images": len(rows)}


@torch.no_grad()
def against_memory(subject):
    """Part (d): the network beside the exact score of its training pairs."""
    known, times, seed = memory(subject), subject.levels(EMPIRICAL_NOISE), subject.seed
    number = min(EMPIRICAL_CURVES, len(subject.test))
    rows = {p: frame.choose_rows(subject.parts, p, number, seed) for p in ("dev", "test", "train")}
    widths = width_distances(subject, known, times, rows["dev"])
    width = min(WIDTHS, key=lambda s: np.mean(widths[f"{s:g}"]))
    return {
        "noise": subject.ratio[times].tolist(),
        "known": len(known.images),
        "width": width,
        "dev_distance": widths,
        **{
            part: beside(subject, known, times, rows[part], width, part)
            for part in ("test", "train")
        },
    }
