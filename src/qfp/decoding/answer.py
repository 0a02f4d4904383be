"""From CSV files to antidots, a verdict on each curve, and a report of one page."""

import textwrap
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from qfp.data.measured import per_tesla, read_curve
from qfp.decoding import novelty
from qfp.decoding.decode import Decoded, decode, load_decoder
from qfp.decoding.told import report_parts
from qfp.inference.infer import infer
from qfp.inference.posterior import largest_chi2
from qfp.physics.wire import Device
from qfp.tools import SettingsError

SYMMETRIES = (
    "A curve fixes the antidots only up to a shift along y and two inversions, which make four "
    "copies; positions and images are in the canonical placement, one of the four, centred along y."
)

OUTLINES = "Outlined: the answer (solid) and other candidates (dotted)."

PROPOSALS = 4  # samples of a curve, where physics decides among them and their neighbours
BLOCK = 100  # files whose samples are in memory at once


@dataclass(frozen=True)
class Answers:
    """What is said to the curves of B files: by physics, and by the network that proposed."""

    device: Device
    files: tuple
    curves: tuple  # measured.Curve of each
    decoded: Decoded | None  # the network's samples, None where none was asked
    posterior: tuple | None  # inference.Posterior of each, None where the network alone was asked
    judged: (
        object  # novelty.Judgement of all, where the network alone was asked and has a reference
    )
    notes: tuple  # lines about each file
    tesla: float | None  # b [rad/plaquette] of one tesla, where the files are in tesla
    seconds: float  # of decoding, for one file


def answer(files, weights="laptop", **options):
    """Answers to CSV files: the network proposes, the exact solver decides.

    Parameters
    ----------
    files : sequence of path
        As `read_curve` reads them.
    weights : str or path
    device : Device, optional
        Of another wire: the exact solver answers alone, without any network.
    samples, steps : int, optional
        In place of the weights' sampling settings; of samples 4, unless the network is alone.
    seed : int
    lattice_nm, siemens
        As for `read_curve`.
    network_only : bool
        Whether the network's samples are the answer, as they are.
    progress : bool
        Whether a progress bar is shown.

    Returns
    -------
    Answers
        curves, decoded, posterior (see `infer`; None with `network_only`), judged (the novelty of
        each curve with `network_only`; None without a reference), notes.

    Raises
    ------
    SettingsError
        For everything that can be refused, before the first sample is drawn.

    Examples
    --------
    >>> found = qfp.answer(["notebooks/curves/test.csv"], samples=1, steps=2, network_only=True)
    >>> found.decoded.consensus.shape
    (1, 2, 2)
    """
    return next(in_blocks(files, weights, block=len(files), **options))


def in_blocks(
    files,
    weights="laptop",
    device=None,
    samples=None,
    steps=None,
    seed=0,
    lattice_nm=None,
    siemens=False,
    network_only=False,
    progress=False,
    block=BLOCK,
):
    """Answers to some CSV files after the other, in bounded memory; see `answer`."""
    sampling = {"samples": samples, "steps": steps, "network_only": network_only}
    device, draw, reference = proposer(weights, device, sampling, seed, progress)
    curves = tuple(read_curve(file, device, lattice_nm, siemens) for file in files)
    tesla = None if lattice_nm is None else per_tesla(lattice_nm)

    def block_of(part):
        own, start = curves[part], time.perf_counter()
        G, noise = np.stack([curve.conductance for curve in own]), noise_of(own)
        decoded = draw(G, noise=noise)
        error, exact, judged, missing = np.stack([curve.error for curve in own]), None, None, ()
        if not network_only:
            options = {"seed": seed, "progress": progress}
            proposals = None if decoded is None else decoded.antidots
            exact = tuple(infer(G, device, error, proposals, **options))
        elif reference:
            judged = novelty.judge(reference, G, decoded, error)
        else:
            remedy = f"make a reference with `qfp study novelty --weights {weights}`"
            missing = (f"novelty is not judged: {remedy}",)
        notes = tuple(curve.notes + missing for curve in own)
        names, seconds = tuple(map(str, files[part])), (time.perf_counter() - start) / len(own)
        return Answers(device, names, own, decoded, exact, judged, notes, tesla, seconds)

    return map(block_of, [slice(k, k + block) for k in range(0, len(files), block)])


def proposer(weights, device, sampling, seed, progress):
    """Device, what draws samples for curves (B, F), and the reference of novelty or None. With a
    device there are no samples, and SettingsError where some are asked for."""
    if device is not None:
        if any(sampling.values()):
            raise SettingsError(
                "--device: the exact solver answers alone, so --samples, --steps and "
                "--network-only have nothing to set"
            )
        return device, lambda curves, noise: None, None
    decoder = load_decoder(weights)
    plan = check_sampling(decoder.config, **sampling)
    draw = partial(decode, decoder, **plan, seed=seed, progress=progress)
    reference = novelty.load(weights) if sampling["network_only"] else None
    return decoder.config.device, draw, reference


def check_sampling(config, samples, steps, network_only):
    """Samples of a curve and their steps, None the default. SettingsError where a decoder could not
    draw so many in so many steps."""
    if samples is None:
        samples = config.sampling.samples if network_only else PROPOSALS
    steps = config.sampling.steps if steps is None else steps
    if samples < 1:
        raise SettingsError(f"--samples {samples}: must be 1 or more")
    if not 1 <= steps <= config.diffusion.steps:
        raise SettingsError(f"--steps {steps}: must lie between 1 and {config.diffusion.steps}")
    return {"samples": samples, "steps": steps}


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
    """Whether the answer to curve i can be trusted, in a line."""
    if answers.posterior is not None:
        return certificate_line(answers.posterior[i])
    if answers.judged is None:
        return "novelty not judged: no reference for these weights"
    value = answers.judged.novelty[i]
    if answers.judged.flagged[i]:
        return f"unlike the training curves: novelty {value:.1f}, above 1; do not trust this answer"
    return f"like the training curves: novelty {value:.2f}, not above 1"


def certificate_line(posterior):
    """What the certificate says, in a line."""
    fields = len(posterior.curve)
    if not posterior.explained:
        return (
            f"no wire of this kind explains the curve: chi2 {posterior.chi2:.0f} for {fields} "
            f"fields, above {largest_chi2(fields):.0f}; do not trust this answer"
        )
    return (
        f"explained by physics: chi2 {posterior.chi2:.0f} for {fields} fields; certificate within "
        f"{posterior.residual:.3f} e^2/h"
    )


def as_text(answers, i):
    """Answer i in a few lines."""
    decoded, lines = answers.decoded, []
    if decoded is not None:
        consensus, samples = decoded.consensus[i], decoded.ldos.shape[1]
        agreed = f"{decoded.probability[i]:.0%} of {samples} samples"
    if answers.posterior is None:
        pairs, answer = decoded.candidates[i], consensus
        exact = sum(share for pair, share in pairs if (pair == consensus).all())
        lines.append(f"{agreed} agree within one site, {exact:.0%} exactly")
    else:
        own = answers.posterior[i]
        pairs, answer = list(zip(own.antidots, own.probability, strict=True)), own.answer
        lines.append(f"probability {own.probability[0]:.4f}, from the exact solver")
        if decoded is not None:
            lines.append(
                f"network: {places(consensus)}, {agreed} within one site; they "
                f"hold {own.proposed.mass:.0%} of the posterior"
            )
    others = [(p, pair) for pair, p in pairs if (pair != answer).any() and p >= 0.001]
    return "\n  ".join(
        [
            f"{answers.files[i]}: antidots at (x, y) = {places(answer)}",
            *lines,
            *(f"{p:.1%} for {places(pair)}" for p, pair in others[:3]),
            verdict(answers, i),
        ]
    )


def report(answers, i):
    """Figure of one page about answer i."""
    from qfp.figures import (
        report as report_figures,  # Matplotlib takes a second to load, and most calls draw nothing
    )

    curve, name = answers.curves[i], Path(answers.files[i]).name
    answer, said, parts = report_parts(answers, i)
    texts = {
        "title": f"{name}: antidots at (x, y) = {places(answer)}\n{said}",
        "verdict": verdict(answers, i).replace("e^2/h", "e²/h").replace("chi2", "χ²"),
        "note": textwrap.fill(f"{OUTLINES} {SYMMETRIES}", 125),
    }
    return report_figures.report(
        answers.device.fields,
        curve.conductance,
        curve.error,
        answer=answer,
        texts=texts,
        tesla=answers.tesla,
        radius=answers.device.radius,
        **parts,
    )
