# long: the way of a call from files to answers is read at once; a fifth of it is a docstring
"""From CSV files to antidots, a verdict on each curve, and a report of one page."""

import textwrap
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from qfp.data.measured import read_curve
from qfp.decoding import novelty
from qfp.decoding.decode import Decoded, decode, load_decoder
from qfp.decoding.sets import DecodedSets
from qfp.decoding.told import places, report_parts, verdict
from qfp.inference.infer import cases_of, infer
from qfp.model import exported
from qfp.physics.units import per_tesla
from qfp.physics.wire import Device
from qfp.tools import SettingsError, one_line

SYMMETRIES = (
    "A curve fixes the antidots only up to a shift along y and two inversions, which make four "
    "copies; positions and images are in the canonical placement, one of the four, centred along y."
)

OUTLINES = "Outlined: the answer (solid) and other candidates (dotted)."

# Samples of a curve and their steps, where physics decides among them and their neighbours: of 300
# dev curves, each under a fresh potential, 99.7 % had a sample within one site, with 10 steps too
PROPOSALS, PROPOSAL_STEPS = 4, 5
SAMPLES = 10**5  # of a curve at most
BLOCK = 20  # files whose samples are in memory at once, and that a killed call may lose


class Block(NamedTuple):
    """Some files of a call, read and checked, that are answered together."""

    files: tuple
    curves: tuple  # measured.Curve of each
    answers: Callable  # () -> Answers, the work


@dataclass(frozen=True)
class Answers:
    """What is said to the curves of B files: by physics, and by the network that proposed."""

    device: Device
    files: tuple
    curves: tuple  # measured.Curve of each
    decoded: Decoded | DecodedSets | None  # the network's samples, None where none was asked
    posterior: tuple | None  # inference.Posterior of each, None where the network alone was asked
    judged: (
        object  # novelty.Judgement of all, where the network alone was asked and has a reference
    )
    notes: tuple  # lines about each file
    tesla: float | None  # b [rad/plaquette] of one tesla, where the files are in tesla
    spin: int  # how many spins the files' conductance counts
    seconds: float  # of decoding, for one file
    kelvin: float | None = None  # k_B times one kelvin [t], where temperatures are told in kelvin


def answer(files, weights=None, **options):
    """Answers to CSV files: the network proposes, the exact solver decides.

    Parameters
    ----------
    files : sequence of path
        As `read_curve` reads them.
    weights : str or path, optional
        Of the network that proposes; laptop where there is no device.
    device : Device, optional
        Of another wire: without weights of its own the exact solver answers alone.
    samples, steps : int, optional
        In place of 4 samples of 5 steps; of the weights' sampling settings where the network is
        alone.
    seed : int
    lattice_nm, siemens, spin, columns, units, offset
        As for `read_curve`.
    nuisance : Nuisance, optional
        What the measurement adds that is not known exactly.
    numbers : sequence of int
        Of antidots that the wire may have, None those that the network knows; where it does not
        know them, the exact solver answers alone.
    temperature : float or sequence of floats
        k_B T [t], as for `infer`; the network's proposals are those for T = 0.
    kelvin : float, optional
        k_B times one kelvin [t], where temperatures are to be told in kelvin.
    network_only : bool
        Whether the network's samples are the answer, as they are.
    certificate : bool or 'curve'
        As for `infer`; reports draw the LDOS.
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
    if not len(files):
        raise SettingsError("files: expected at least one CSV file")
    return in_blocks(files, weights, block=len(files), **options)[0].answers()


def in_blocks(
    files,
    weights=None,
    device=None,
    samples=None,
    steps=None,
    seed=0,
    nuisance=None,
    numbers=None,
    temperature=0.0,
    kelvin=None,
    network_only=False,
    certificate=True,
    progress=False,
    block=BLOCK,
    **reading,
):
    """CSV files as a list of Block, whose answers come one block after the other, in bounded
    memory; see `answer`. reading: options of `read_curve`."""
    sampling = {"samples": samples, "steps": steps, "network_only": network_only}
    weights = weights or ("laptop" if device is None else None)
    judging = {"nuisance": nuisance, "numbers": numbers, "temperature": temperature}
    judging |= {"certificate": certificate, "seed": seed}
    device, draw, reference = proposer(weights, device, judging, sampling, progress)
    curves = tuple(read_curve(file, device, **reading) for file in files)
    tesla = reading.get("lattice_nm") and per_tesla(reading["lattice_nm"])

    def answers(names, own):
        start, exact, judged, missing = time.perf_counter(), None, None, ()
        G, error = (np.stack([getattr(c, name) for c in own]) for name in ("conductance", "error"))
        decoded = draw(G, noise=error if error.any() else None)
        if not network_only:
            noise = np.stack([curve.covariance for curve in own])
            proposals = None if decoded is None else decoded.proposals
            exact = tuple(infer(G, device, noise, proposals, **judging, progress=progress))
        else:
            judged, missing = unlike(reference, weights, G, decoded, error)
        seconds = (time.perf_counter() - start) / len(own)
        told = tuple(c.notes + missing for c in own), tesla, reading.get("spin", 1), seconds, kelvin
        return Answers(device, names, own, decoded, exact, judged, *told)

    return cut(tuple(map(str, files)), curves, block, answers)


def cut(files, curves, number, answers):
    """List of Block of so many files; answers: (files, curves) -> Answers."""
    parts = [slice(k, k + number) for k in range(0, len(files), number)]
    own = ((files[part], curves[part]) for part in parts)
    return [Block(*part, partial(answers, *part)) for part in own]


def unlike(reference, weights, curves, decoded, error):
    """Judgement of the curves' novelty, or None and a note where there is no reference."""
    if reference:
        return novelty.judge(reference, curves, decoded, error), ()
    remedy = f"make a reference with `qfp study novelty --weights {weights}`"
    return None, (f"novelty is not judged: {remedy}",)


def proposer(weights, device, judging, sampling, progress):
    """Device, what draws samples for curves (B, F), and the reference of novelty or None; numbers
    of antidots are filled in where `judging` has None. Where the exact solver answers alone there
    are no samples, and SettingsError where some are asked for, or where weights are those of
    another wire."""
    config = exported.described(weights)[2] if weights else None
    known = config.dataset.numbers if config else (2,)
    judging["numbers"] = judging["numbers"] or known
    asked = judging["numbers"], judging["temperature"]
    if sampling["network_only"] and judging["nuisance"] is not None:
        raise SettingsError("--network-only: the network infers nothing of --unknown")
    if sampling["network_only"] and np.any(judging["temperature"]):
        raise SettingsError("--network-only: the network knows of no --temperature")
    if weights is None or not set(judging["numbers"]) <= set(known):
        if any(sampling.values()):
            raise SettingsError(
                "--device without --weights, or --antidots of another number than the network's: "
                "the exact solver answers alone, so --samples, --steps and --network-only have "
                "nothing to set"
            )
        device = config.device if device is None else device
        cases_of(device, *asked)  # refuses what this wire cannot have
        return device, lambda curves, noise: None, None
    decoder = load_decoder(weights)
    check_wire(decoder, weights, device)
    cases_of(decoder.config.device, *asked)
    plan = check_sampling(decoder.config, **sampling)
    draw = partial(decode, decoder, **plan, seed=judging["seed"], progress=progress)
    reference = novelty.load(weights) if sampling["network_only"] else None
    return decoder.config.device, draw, reference


def check_wire(decoder, weights, device):
    """SettingsError where weights are those of another wire than a device (None: theirs)."""
    if device not in (None, decoder.config.device):
        raise SettingsError(
            f"--weights {weights}: of another wire than --device, {decoder.config.device}: train "
            "with `qfp new`, or leave --weights out, and the exact solver answers alone"
        )


def check_sampling(config, samples, steps, network_only):
    """Samples of a curve and their steps, None the default. SettingsError where a decoder could not
    draw so many in so many steps."""
    own = config.sampling
    usual = (own.samples, own.steps) if network_only else (PROPOSALS, PROPOSAL_STEPS)
    samples, steps = (
        default if value is None else value
        for value, default in zip((samples, steps), usual, strict=True)
    )
    if not 1 <= samples <= SAMPLES:
        raise SettingsError(f"--samples {samples}: must lie between 1 and {SAMPLES}")
    if not 1 <= steps <= config.diffusion.steps:
        raise SettingsError(f"--steps {steps}: must lie between 1 and {config.diffusion.steps}")
    return {"samples": samples, "steps": steps}


def report(answers, i):
    """Figure of one page about answer i."""
    from qfp.figures import report as report_figures  # Matplotlib takes a second to load

    curve, name = answers.curves[i], one_line(Path(answers.files[i]).name)
    own = None if answers.posterior is None else answers.posterior[i]
    answer, said, parts = report_parts(answers, i)
    texts = {
        "title": f"{name}: antidots at (x, y) = {places(answer)}\n{said}",
        "verdict": verdict(answers, i).replace("e^2/h", "e²/h").replace("chi2", "χ²"),
        "note": textwrap.fill(f"{OUTLINES} {SYMMETRIES}", 125),
    }
    return report_figures.report(
        answers.device.fields,
        curve.conductance if own is None else own.measured,
        curve.error,
        answer=answer,
        texts=texts,
        tesla=answers.tesla,
        radius=answers.device.radius,
        **parts,
    )
