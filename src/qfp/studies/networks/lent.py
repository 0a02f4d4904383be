"""What does a test pair lose when its interpolated curve lends no position label?

Two networks that differ in `training.curve_left_out` alone: the first learned from the interpolated
curves, with their positions, of all configurations outside the training set, the second from those
of a seeded part of them. Both read the same test curves; the pairs whose labels the second network
was not given are compared with the others.
"""

import dataclasses

import numpy as np

from qfp.data import interpolate
from qfp.studies import intervals, scoring, tables
from qfp.studies.frame import Option, Study
from qfp.studies.networks.diagnose import describe, differing
from qfp.studies.networks.potentials import READERS, answers
from qfp.tools import SettingsError, as_dict

HALVES = {
    "lent": "test pairs whose interpolated curves lent both networks their position labels",
    "not lent": "those whose neither curve, image nor label the second network was given",
}
NOTES = (
    READERS
    | HALVES
    | {
        "change": "share of the second network minus share of the first, on the same curves and "
        "noise; 95 % interval, paired (Tango)",
        "label": "change of the pairs that are not lent minus that of the others: what a label and "
        "its interpolated curve bring their own pair; 95 % interval (Zou and Donner) over pairs, "
        "of one training each",
        "columns": scoring.COLUMNS,
    }
)


def left_out(run, rows):
    """{name of HALVES: bool (B,)} of rows (B, 2). SettingsError where the networks do not differ as
    the study needs it."""
    decoders = list(run.decoders.values())
    if len(decoders) != 2:
        raise SettingsError(f"--weights {' '.join(run.decoders)}: must be two networks")
    first, second = decoders
    differs = differing(second.config, first.config)
    if set(differs) != {"training.curve_left_out"} or first.config.training.curve_left_out:
        found = ", ".join(differs) or "nothing"
        raise SettingsError(
            f"--weights {' '.join(run.decoders)}: must be two networks that differ in "
            f"training.curve_left_out alone, the one without it first; they differ in {found}"
        )
    own, N = second.config, len(run.pairs.antidots)
    out = interpolate.left_out(N, run.parts["train"][:, 1], own.training.curve_left_out, own.seed)
    out = np.isin(rows[:, 1], out)
    if out.all() or not out.any():
        raise SettingsError(f"--curves {len(rows)}: too few, all are of one kind")
    return {"lent": ~out, "not lent": out}


def changes(hits, halves):
    """'change' and 'label' of NOTES, by reader, from hits [{reader: {score: bool (B,)}}] of the two
    networks."""
    change, label = {half: {} for half in halves}, {}
    for reader, own in hits[1].items():
        for half, kind in halves.items():
            ours, theirs = (
                {score: hit[kind] for score, hit in found[reader].items()} for found in hits
            )
            change[half][reader] = intervals.differences(theirs, ours)
        label[reader] = {}
        for score in own:
            ends = (
                (change[half][reader][score], change[half][reader][f"{score}_interval"])
                for half in ("not lent", "lent")
            )
            value, interval = intervals.contrast(*ends)
            label[reader] |= {score: value, f"{score}_interval": list(interval)}
    return {"change": change, "label": label}


def measure(run):
    """Scores of both networks on both halves of the test pairs, and what changes."""
    test = run.rows("test", run.options.curves)
    halves, (curves, antidots, truth) = left_out(run, test), run.values(test)
    run.sampling = dataclasses.replace(run.sampling, samples=1)
    run.start(
        f"{len(test)} test configurations, {halves['not lent'].sum()} of them not lent",
        data_sha256=run.pairs.sha256,
        seed=run.seed,
        curves=len(test),
        **as_dict(run.sampling),
    )
    networks, hits, device = {}, [], run.pairs.device
    for (name, decoder), path in zip(run.decoders.items(), run.weights):
        networks[name] = describe(decoder, path, run.decoder)
        run.folder = run.place(run.about, networks[name])
        hits.append({})
        for reader, (found, images) in answers(run, "test", decoder, test, curves).items():
            hits[-1][reader] = scoring.hits(device, found, antidots, images, truth)
            for half, kind in halves.items():
                own = None if images is None else images[kind]
                row = scoring.scores(
                    device, found[kind], antidots[kind], own, truth[kind], run.seed
                )
                networks[name].setdefault(half, {})[reader] = row
    return {"twins": networks, **changes(hits, halves)}


def show(result):
    """A line for each reader and half: both networks, and the change in brackets."""
    first, second = result["twins"].values()
    table = [["read by", "pairs", "of", "score", *result["twins"]]]
    for half, readers in result["change"].items():
        for reader, change in readers.items():
            for key in ("within_0", "within_1"):
                row = second[half][reader]
                shares = (
                    tables.cell(first[half][reader], key, ".1%"),
                    tables.against(row, key, change),
                )
                table.append([reader, half, str(row["n"]), key, *shares])
    return tables.columns(table)


STUDY = Study(
    name="lent",
    measure=measure,
    show=show,
    notes=NOTES,
    result="lent",
    needs=("networks", "images"),
    options={"curves": Option(2000, "test configurations")},
)
