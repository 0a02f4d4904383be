"""What does training under many potentials bring under one that no training has seen?

Networks side by side, single samples of the same configurations: under the dataset's potentials,
which all networks have seen with other configurations, and each under a fresh potential.
"""

import dataclasses

from qfp.data import fresh
from qfp.decoding import decode
from qfp.physics import geometry
from qfp.studies import intervals, scoring, tables
from qfp.studies.frame import Option, Study
from qfp.studies.networks.diagnose import describe
from qfp.tools import SettingsError, as_dict

PARTS = ("dev", "test")
READERS = {"single": "one sample a curve", "read-out": scoring.ROWS["curve_head"]}
NOTES = READERS | {
    "known": "configurations outside the training set, under one of the dataset's potentials each",
    "fresh": "other such configurations, each under a potential of its own",
    "difference": "share minus that of the first network on the same curves and noise; 95 % "
    "interval, paired (Tango)",
    "columns": scoring.COLUMNS,
}


def curves_of(run):
    """{'known', 'fresh'}: rows (B, 2), curves (B, F) [e^2/h], antidots (B, 2, 2), LDOS [1/t]."""
    part, own = run.options.part, run.decoder.config
    if part not in PARTS:
        raise SettingsError(f"--part {part}: must be one of {', '.join(PARTS)}")
    rows = run.rows(part, run.options.curves)
    fresh_rows = fresh.rows_of(own, part, run.options.fresh)
    antidots = run.pairs.antidots[fresh_rows[:, 1]].astype(int)
    curves, ldos = fresh.simulated(own.device, antidots, fresh_rows[:, 0], run.curves_folder)
    return {"known": (rows, *run.values(rows)), "fresh": (fresh_rows, curves, antidots, ldos)}


def answers(run, name, decoder, rows, curves):
    """{reader of READERS: (antidots (B, 2, 2), images (B, L, W) [1/t], or None)} of some curves."""
    ldos = run.samples(name, curves, rows, decoder=decoder)[:, 0]
    found = {"single": (decode.conclude(ldos[:, None], run.pairs.device).antidots[:, 0], ldos)}
    head = decode.head_positions(decoder, curves)
    if head is not None:
        found["read-out"] = geometry.canonical(head, run.pairs.device), None
    return found


def read(run, name, decoder, rows, curves, antidots, truth):
    """Scores and hits of READERS on some curves."""
    scores, hits = {}, {}
    for reader, (found, images) in answers(run, name, decoder, rows, curves).items():
        answer = run.pairs.device, found, antidots, images, truth
        scores[reader], hits[reader] = scoring.scores(*answer, run.seed), scoring.hits(*answer)
    return scores, hits


def measure(run):
    """Scores of all networks on both kinds of curves, and differences to the first."""
    given, (reference, *_) = curves_of(run), run.decoders
    run.sampling = dataclasses.replace(run.sampling, samples=1)
    run.start(
        f"{run.options.part} configurations under known and fresh potentials",
        data_sha256=run.pairs.sha256,
        part=run.options.part,
        seed=run.seed,
        **as_dict(run.sampling),
    )
    networks, hits = {}, {}
    for (name, decoder), path in zip(run.decoders.items(), run.weights):
        networks[name] = describe(decoder, path, run.decoders[reference])
        run.folder = run.place(run.about, networks[name])
        for kind, (rows, *values) in given.items():
            scores, hits[name, kind] = read(run, kind, decoder, rows, *values)
            for reader, row in scores.items():
                theirs = hits[reference, kind].get(reader)
                if name != reference and theirs:
                    row["difference"] = intervals.differences(hits[name, kind][reader], theirs)
            networks[name][kind] = scores
    return {"reference": reference, "networks": networks}


def show(result):
    """A line for each network, kind of potential and reader; in brackets the difference."""
    keys = ("within_0", "within_1", "r_high")
    table = [["network", "potentials", "read by", "of", *keys]]
    for name, row in result["networks"].items():
        for kind in ("known", "fresh"):
            for reader, own in row[kind].items():
                shares = (
                    tables.against(own, key, own.get("difference")) if key in own else "-"
                    for key in keys
                )
                table.append([name, kind, reader, str(own["n"]), *shares])
    return tables.columns(table)


def panels(result):
    """Panels of `figures.shares.whiskers`: {potentials: {network and reader: scores}}."""
    titles = {"known": "the five potentials", "fresh": "a fresh potential each"}
    names = {"single": "one sample", "read-out": "read-out"}
    return {
        title: {
            f"{name}, {names[reader]}": scores
            for name, row in result["networks"].items()
            for reader, scores in row[kind].items()
        }
        for kind, title in titles.items()
    }


STUDY = Study(
    name="potentials",
    measure=measure,
    show=show,
    notes=NOTES,
    result="potentials",
    needs=("networks", "images"),
    options={
        "curves": Option(1000, "configurations under the dataset's potentials"),
        "fresh": Option(1000, "configurations under a potential of their own"),
        "part": Option("test", "of the split: dev to choose by, test to report", kind=str),
    },
)
