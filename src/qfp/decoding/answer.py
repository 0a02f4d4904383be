"""From CSV files to antidots, a verdict on each curve, and a report of one page."""

import textwrap
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from qfp.data.measured import per_tesla, read_curve
from qfp.decoding import novelty
from qfp.decoding.decode import Decoded, decode, load_decoder
from qfp.physics.wire import Device
from qfp.tools import SettingsError

SYMMETRIES = (
    "A curve fixes the antidots only up to a shift along y and two inversions, which make four "
    "copies; positions and "
    "images are in the canonical placement, one of the four, centred along y."
)

OUTLINES = "Outlined: the consensus (solid) and other candidates (dotted)."


@dataclass(frozen=True)
class Answers:
    """What the network says to the curves of B files, and whether they are of its kind."""

    device: Device
    files: tuple
    curves: tuple  # measured.Curve of each
    decoded: Decoded
    judged: object  # novelty.Judgement of all, None where the weights have no reference
    notes: tuple  # lines about each file
    tesla: float | None  # b [rad/plaquette] of one tesla, where the files are in tesla
    seconds: float  # of decoding, for one file


def answer(
    files,
    weights="laptop",
    samples=None,
    steps=None,
    seed=0,
    lattice_nm=None,
    siemens=False,
    progress=False,
):
    """Answers to CSV files, decoded in one batch, and whether they can be trusted.

    Parameters
    ----------
    files : sequence of path
        As `read_curve` reads them.
    weights : str or path
    samples, steps : int, optional
        In place of the weights' sampling settings.
    seed : int
    lattice_nm, siemens
        As for `read_curve`.
    progress : bool
        Whether a progress bar is shown.

    Returns
    -------
    Answers
        curves, decoded, judged (the novelty of each curve; None without a reference), notes.

    Raises
    ------
    SettingsError
        For everything that can be refused, before the first sample is drawn.

    Examples
    --------
    >>> found = qfp.answer(["notebooks/curves/test.csv"], samples=1, steps=2)
    >>> found.decoded.consensus.shape
    (1, 2, 2)
    """
    decoder = load_decoder(weights)
    config = decoder.config
    samples = config.sampling.samples if samples is None else samples
    steps = config.sampling.steps if steps is None else steps
    if samples < 1:
        raise SettingsError(f"--samples {samples}: must be 1 or more")
    if not 1 <= steps <= config.diffusion.steps:
        raise SettingsError(f"--steps {steps}: must lie between 1 and {config.diffusion.steps}")
    curves = tuple(read_curve(file, config.device, lattice_nm, siemens) for file in files)
    reference = novelty.load(weights)
    remedy = f"make a reference with `qfp study novelty --weights {weights}`"
    missing = () if reference else (f"novelty is not judged: {remedy}",)
    start = time.perf_counter()
    G, noise = np.stack([curve.conductance for curve in curves]), noise_of(curves)
    decoded = decode(decoder, G, samples, steps, seed=seed, noise=noise, progress=progress)
    error, judged = np.stack([curve.error for curve in curves]), None
    if reference:
        judged = novelty.judge(reference, G, decoded, error)
    return Answers(
        config.device,
        tuple(map(str, files)),
        curves,
        decoded,
        judged,
        tuple(curve.notes + missing for curve in curves),
        None if lattice_nm is None else per_tesla(lattice_nm),
        (time.perf_counter() - start) / len(files),
    )


def noise_of(curves):
    """Standard deviations (B, F) of the noise of curves [e^2/h], 0 where a file gives none; None
    where none does."""
    if all(curve.noise is None for curve in curves):
        return None
    return np.stack([np.zeros_like(c.conductance) if c.noise is None else c.noise for c in curves])


def places(pair):
    """'(10, 20) and (33, 41)'."""
    return " and ".join(f"({x}, {y})" for x, y in pair)


def verdict(answers, i):
    """Whether curve i is like those that the network was trained on, in a line."""
    if answers.judged is None:
        return "novelty not judged: no reference for these weights"
    value = answers.judged.novelty[i]
    if answers.judged.flagged[i]:
        return f"unlike the training curves: novelty {value:.1f}, above 1; do not trust this answer"
    return f"like the training curves: novelty {value:.2f}, not above 1"


def as_dict(answers, i):
    """Answer i as values of JSON."""
    decoded, judged = answers.decoded, answers.judged
    candidates = [
        {"antidots": pair.tolist(), "share": share} for pair, share in decoded.candidates[i]
    ]
    return {
        "file": answers.files[i],
        "antidots": decoded.consensus[i].tolist(),
        "probability": float(decoded.probability[i]),
        "samples": decoded.ldos.shape[1],
        "candidates": candidates,
        "novelty": None if judged is None else float(judged.novelty[i]),
        "flagged": None if judged is None else bool(judged.flagged[i]),
        "notes": list(answers.notes[i]),
        "seconds": round(answers.seconds, 3),
    }


def as_text(answers, i):
    """Answer i in a few lines."""
    decoded = answers.decoded
    consensus = decoded.consensus[i]
    exact = sum(share for pair, share in decoded.candidates[i] if (pair == consensus).all())
    others = [(pair, share) for pair, share in decoded.candidates[i] if (pair != consensus).any()]
    agree = (
        f"{decoded.probability[i]:.0%} of {decoded.ldos.shape[1]} samples agree within one "
        f"site, {exact:.0%} exactly"
    )
    return "\n  ".join(
        [
            f"{answers.files[i]}: antidots at (x, y) = {places(consensus)}",
            agree,
            *(f"{share:.0%} say {places(pair)}" for pair, share in others[:3]),
            verdict(answers, i),
        ]
    )


def report(answers, i):
    """Figure of one page about answer i."""
    from qfp.figures import (
        report as report_figures,  # Matplotlib takes a second to load, and most calls draw nothing
    )

    decoded, judged, curve = answers.decoded, answers.judged, answers.curves[i]
    consensus = decoded.consensus[i]
    predicted = (
        novelty.predicted(answers.device, consensus[None])[0]
        if judged is None
        else judged.predicted[i]
    )
    title = (
        f"{Path(answers.files[i]).name}: antidots at (x, y) = "
        f"{places(consensus)}\n{decoded.probability[i]:.0%} of "
        f"{decoded.ldos.shape[1]} samples agree within one site"
    )
    return report_figures.report(
        answers.device.fields,
        curve.conductance,
        curve.error,
        predicted,
        decoded.ldos[i],
        decoded.candidates[i],
        consensus,
        {
            "title": title,
            "verdict": verdict(answers, i),
            "note": textwrap.fill(f"{OUTLINES} {SYMMETRIES}", 125),
        },
        flagged=judged is not None and bool(judged.flagged[i]),
        tesla=answers.tesla,
        radius=answers.device.radius,
    )
