"""What do the curves that are decoded worst have in common, and is the answer in them at all?"""

from typing import NamedTuple

import numpy as np

from qfp.data import simulate
from qfp.data.distances import apart
from qfp.decoding import decode, positions
from qfp.physics import green
from qfp.studies import frame


class Redrawn(NamedTuple):
    """The worst decodings of a result of the study accuracy, drawn again from the same noise."""

    antidots: np.ndarray  # (B, 2, 2), the true ones
    ldos: np.ndarray  # (B, L, W) [1/t], the true images
    found: np.ndarray  # (B, 2, 2), in the samples
    samples: np.ndarray  # (B, L, W) [1/t]
    titles: list  # (B,) position error and correlation, as the result has them


def redrawn(decoder, result, count=12):
    """Redrawn of the first `count` of the worst in a result of the study accuracy."""
    worst, device = result["worst"][:count], decoder.config.device
    rows = np.array([[w["potential"], w["configuration"]] for w in worst])
    antidots = np.array([w["antidots"] for w in worst])
    samples = decode.draw(
        decoder,
        np.array([w["curve"] for w in worst]),
        frame.noise_seeds(rows, 1, result["seed"]),
        *(result[name] for name in ("steps", "sampler", "gamma")),
    )[:, 0]
    ldos = simulate.pictures(device, antidots, rows[:, 0])
    titles = [f"error {w['error']}, r = {w['r']:.2f}" for w in worst]
    return Redrawn(antidots, ldos, positions.recover(samples, device), samples, titles)


def in_the_curve(device, worst):
    """Whether the curves tell the wrong answers from the right ones, in a line.

    Of the wrong among the `worst` of a result, how far the clean curve moves from the true antidots
    to the found ones, beside how far the potential moves the true one (rms, [e^2/h])."""
    moved, shaken = [], []
    for wrong in (w for w in worst if w["error"] > 0):
        true, found = (green.solve(device, wrong[key])[0] for key in ("antidots", "found"))
        moved.append(apart(found, true))
        shaken.append(apart(wrong["curve"], true))
    nearer = np.less(moved, shaken).sum()
    return (
        f"{len(moved)} of {len(worst)} are not exact; for {nearer} of them the curve of the wrong "
        "answer is nearer to the true clean curve than the potential moves it (rms, median "
        f"{np.median(moved):.3f} against {np.median(shaken):.3f} e²/h)"
    )
