"""What can a curve fix at all, whatever decodes it?

The exact posterior of the antidots, against the noise of the curve, the strength of the random
potential, the number and the range of the fields, and the temperature: the limit that every decoder
is measured against. Every wire has a potential of its own.
"""

import dataclasses
from functools import partial

import numpy as np

from qfp.data import fresh
from qfp.decoding import metrics
from qfp.inference import library as libraries
from qfp.inference.likelihood import probabilities
from qfp.physics import geometry, symmetry
from qfp.physics.rows import Rows
from qfp.physics.wire import random_potential
from qfp.studies import intervals, tables
from qfp.studies.frame import Option, Study
from qfp.studies.inference.posteriors import (
    CANDIDATES,
    NOISE,
    QUIET,
    SETTINGS,
    STRENGTH,
    TEMPERATURE,
    WARM,
    one_wire,
    shaken,
    warm,
)
from qfp.tools import stream

DRAWN = (0.01, 0.1, 0.5)  # [e^2/h], noise of the posteriors that are drawn
COLUMNS = ("right", "near", "p_answer", "p_truth", "entropy", "edge")
NOTES = {
    "exact, within_1": "share of wires whose most probable configuration is the true one, or "
    "within one site",
    "certainty": "mean probability of the most probable configuration",
    "bits": "mean of log2 of the posterior probability of the truth over that before, at least 0",
    "entropy": "mean entropy of the posterior [bits]",
    "edge": "mean probability of the farthest of the candidates: where it is not small, more "
    "configurations would share the posterior",
    "noise": "white noise [e^2/h], its size known",
    "strength": f"of the random potential, in units of the device's; noise {QUIET} e^2/h; by "
    "`infer`, which refines where the second order leaves a doubt",
    "fields": f"how many, over the whole range; noise {QUIET} e^2/h",
    "range": f"largest field [rad/plaquette], at equal steps; noise {QUIET} e^2/h",
    "temperature": f"k_B T [t], known, at the fields of the device; noise {QUIET} e^2/h; the "
    f"average is over {tuple(TEMPERATURE.values())} energies; {WARM[1]} candidates",
    "placements": "a known potential in place of an unknown one: bits of the choice between all "
    "placements that share the curve at V = 0 which the curve then decides",
    "drawn": f"posteriors of the wire that noise of {DRAWN[1]} e^2/h leaves most open",
}


def measure(run):
    """Posteriors of `wires` wires under all settings, and placements under a known potential."""
    device, options = run.config.device, run.options
    every = geometry.configurations(device)[1].astype(int)
    start(run)
    truth = every[stream("what a curve fixes").permutation(len(every))[: options.wires]]
    seeds = fresh.seeds_of("limits", options.wires)
    library = libraries.library(device)
    folder, number = run.curves_folder, min(options.warm, len(truth))
    finer = dataclasses.replace(device, field_points=2 * device.field_points - 1)
    curves = fresh.simulated(finer, truth, seeds, folder, "curves")[0]

    def compute(part):
        numbers = range(part.start, part.stop)
        return np.stack([one_wire(finer, library, truth[k], curves[k], k) for k in numbers])

    found = run.in_blocks("posteriors", len(truth), compute)  # (B, settings, 1 + 4, CANDIDATES)
    rows = {name: [] for name in ("noise", "strength", "fields", "range", "temperature")}
    for k, (name, value) in enumerate(SETTINGS):
        own = {"value": shown_value(finer, name, value)}
        rows[name].append(own | row(columns(device, truth, found[:, k]), len(every)))
    for f in STRENGTH:
        other = dataclasses.replace(device, amplitude=f * device.amplitude)
        own = fresh.simulated(other, truth, seeds, folder, f"strength {f}")[0]
        own = run.in_blocks(f"strength_{f}", len(truth), partial(shaken, other, own))
        rows["strength"].append({"value": f} | row(columns(device, truth, own), len(every)))
    for T in TEMPERATURE:
        compute = partial(warm, device, library, truth, seeds, temperature=T)
        own = run.in_blocks(f"temperature_{T}", number, compute)
        rows["temperature"].append({"value": T} | row(columns(device, truth, own), len(every)))
    rows["drawn"] = drawn(found, truth)
    some = slice(options.placements)
    lifted = run.keep("placements", lambda: placements(device, truth[some], seeds[some]))
    rows["placements"] = {
        "wires": len(lifted),
        "bits_open": float(lifted[:, 0].mean()),
        "bits_lifted": {str(s): float(v) for s, v in zip(NOISE[1:], lifted[:, 1:].mean(axis=0))},
    }
    return rows


def start(run):
    """Say what the result is of, before the work."""
    run.start(
        f"{run.options.wires} wires, each under a potential of its own",
        wires=run.options.wires,
        warm_wires=min(run.options.warm, run.options.wires),
        candidates=CANDIDATES,
        placements=run.options.placements,
        settings=SETTINGS,
        temperature=list(TEMPERATURE.items()),
    )


def shown_value(device, name, value):
    """What a setting is called: strides and lengths become numbers and fields."""
    if name == "fields":
        return len(device.fields[::value])
    return float(device.fields[:value][-1]) if name == "range" else value


def columns(device, truth, found):
    """COLUMNS (B, ...) of posteriors (B, 1 + 4, C) of the first wires (..., 2, 2)."""
    p, pairs = found[:, 0], found[:, 1:].swapaxes(1, 2).reshape(len(found), -1, 2, 2).astype(int)
    rows = []
    for own, candidates, pair in zip(p, pairs, truth[: len(p)], strict=True):
        off = metrics.within(candidates, np.broadcast_to(pair, candidates.shape), device)
        best = own.argmax()
        entropy = -(own * np.log2(np.maximum(own, 1e-300))).sum()
        exact = own[off == 0].sum()
        rows.append([off[best] == 0, off[best] <= 1, own[best], exact, entropy, own[-1]])
    return np.array(rows, float)


def row(values, configurations):
    """Summary of COLUMNS (B, ...)."""
    right, near, certainty, exact, entropy, edge = values.T
    bits = np.log2(np.maximum(exact * configurations, 1.0))
    found = intervals.share("exact", right) | intervals.share("within_1", near)
    return found | {
        "n": len(values),
        "certainty": float(certainty.mean()),
        "bits": float(bits.mean()),
        "bits_interval": list(intervals.bootstrap(bits, np.mean, seed=0)),
        "entropy": float(entropy.mean()),
        "edge": float(edge.mean()),
    }


def drawn(found, truth):
    """Posteriors of the wire that noise leaves most open: candidates and probabilities."""
    numbers = [SETTINGS.index(("noise", sigma)) for sigma in DRAWN]
    p = found[:, numbers, 0]  # (B, noises, C)
    entropy = -(p * np.log2(np.maximum(p, 1e-300))).sum(axis=2)
    k = int(entropy[:, 1].argmax())
    return {
        "antidots": truth[k].tolist(),
        "candidates": found[k, 0, 1:].T.reshape(-1, 2, 2).astype(int).tolist(),
        "probability": {str(s): own.tolist() for s, own in zip(DRAWN, p[k], strict=True)},
        "bits": dict(zip(map(str, DRAWN), entropy[k].tolist(), strict=True)),
    }


def placements(device, truth, seeds):
    """Bits (B, 1 + noises) of the choice between placements, and those that a curve lifts where the
    potential is known."""
    rows = []
    for k, (pair, seed) in enumerate(zip(truth, seeds, strict=True)):
        places = symmetry.placements(pair, device)
        V = random_potential(int(seed), device)
        masks = geometry.removed_masks(places, device)
        curves = np.stack([Rows(device, removed).conductance(V) for removed in masks])
        own = int((places == pair).all(axis=(1, 2)).argmax())
        noise = stream("noise of placements", k).standard_normal(device.field_points)
        bits = [np.log2(len(places))]
        for sigma in NOISE[1:]:
            chi2 = np.square((curves[own] + sigma * noise - curves) / sigma).sum(axis=1)
            bits.append(bits[0] + np.log2(probabilities(-chi2 / 2)[own]))
        rows.append(bits)
    return np.array(rows)


def show(result):
    """A table for each of what is varied."""
    texts = []
    for name in ("noise", "strength", "fields", "range", "temperature"):
        lines = [[name, "exact", "within 1 site", "certainty", "bits"]]
        for one in result[name]:
            cells = [tables.cell(one, key, ".1%") for key in ("exact", "within_1", "certainty")]
            lines.append([f"{one['value']:g}", *cells, tables.cell(one, "bits", ".2f")])
        texts.append(tables.markdown(lines))
    return "\n\n".join(texts)


STUDY = Study(
    name="limits",
    measure=measure,
    show=show,
    notes=NOTES,
    result="limits",
    needs=(),
    options={
        "wires": Option(48, "each under a potential of its own"),
        "warm": Option(8, "of these, at temperatures"),
        "placements": Option(8, "of these, with a known potential"),
    },
)
