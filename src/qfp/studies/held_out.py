"""What a new network is worth: wires that it never saw, each under a potential of its own, read by
the network, by the exact solver upon its samples, and by the exact solver alone."""

import time

import numpy as np

from qfp.data import dataset, fresh
from qfp.decoding.answer import PROPOSAL_STEPS, PROPOSALS
from qfp.decoding.decode import decode
from qfp.inference.infer import infer
from qfp.studies.scoring import scores

SHOWN = 3  # wires that are drawn
ROWS = {
    "network": f"consensus of {PROPOSALS} samples of {PROPOSAL_STEPS} steps; its image is the mean "
    "of the samples within one site of it",
    "network and solver": "these samples and their neighbours, judged by the exact solver: what "
    "`qfp decode` answers with these weights",
    "solver alone": "exact inference from the library of all configurations, no network",
}


def wires(config, number, folder):
    """Antidots (B, 2, 2), exact curves (B, F) [e^2/h] and LDOS (B, L, W) [1/t] of the first wires
    of a Config's test list, each under a potential of its own; kept in `folder`."""
    seeds, chosen = fresh.rows_of(config, "test", number).T
    antidots = dataset.choose(config)[1][chosen].astype(int)
    return antidots, *fresh.simulated(config.device, antidots, seeds, folder, "held-out wires")


def timed(compute, *arguments, **options):
    """What a call returns, and its seconds."""
    start = time.perf_counter()
    found = compute(*arguments, **options)
    return found, time.perf_counter() - start


def measured(decoder, number, folder):
    """Scores of a decoder on wires that it never saw.

    Parameters
    ----------
    decoder : Decoder
    number : int
        Of wires, at most; a test list may have fewer.
    folder : path
        Where the simulated wires are kept.

    Returns
    -------
    rows : dict
        {name of ROWS: scores, see `scoring.scores`, with 'seconds' of a curve}.
    examples : dict
        Of the first wires: antidots, curves, truth and images [1/t], answers.
    """
    device = decoder.config.device
    truth, curves, ldos = wires(decoder.config, number, folder)
    decoded, first = timed(decode, decoder, curves, PROPOSALS, PROPOSAL_STEPS, progress=True)
    options = {"certificate": False, "progress": True}
    infer(curves[:1], device, **options)  # the library, which is made once
    judged, second = timed(infer, curves, device, None, decoded.antidots, **options)
    alone, third = timed(infer, curves, device, **options)
    answers = [np.stack([one.answer for one in found]) for found in (judged, alone)]
    rows = {
        "network": scores(device, decoded.consensus, truth, decoded.image, ldos),
        "network and solver": scores(device, answers[0], truth),
        "solver alone": scores(device, answers[1], truth),
    }
    for row, seconds in zip(rows.values(), (first, first + second, third), strict=True):
        row["seconds"] = seconds / len(curves)
    examples = {
        "antidots": truth[:SHOWN],
        "curves": curves[:SHOWN],
        "truth": ldos[:SHOWN],
        "images": decoded.image[:SHOWN],
        "answers": answers[0][:SHOWN],
    }
    return rows, examples
