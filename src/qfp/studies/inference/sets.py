"""Does one network read wires of one to four antidots, and what is it worth to the search?

Wires and potentials are those of the study `antidots`: the search alone, and the search that begins
with the network's proposals, answer the same curves. Here nobody tells the number.
"""

from pathlib import Path

import numpy as np

from qfp.data import fresh
from qfp.decoding import metrics
from qfp.decoding.decode import load_decoder
from qfp.inference.infer import infer
from qfp.model.exported import weights_hash
from qfp.physics import geometry, green
from qfp.physics.wire import random_potential
from qfp.studies import intervals, tables
from qfp.studies.frame import Option, Study
from qfp.studies.inference.antidots import wires
from qfp.tools import SettingsError, digest

WRONG = 99  # sites between sets of different numbers
READ = {
    "map": "the antidots that are likeliest together by its map",
    "consensus": "the sample with most votes",
    "proposals": "the nearest of the samples and the map's sets",
}
NOTES = READ | {
    "network": "wires of so many antidots, each under a potential of its own; the number is not "
    "told, and answers of another number are wrong",
    "number": "share whose number of antidots is right",
    "exact, within_one": "share of answers that are exact, and within one site",
    "r": "Pearson correlation of the consensus' mean image with the true LDOS",
    "judged": "the exact solver, given the proposals: the number is one of those that the network "
    "thinks possible, the search begins with what it names",
    "right_or_flagged": "exact, or said not to be explained",
}


def measure(run):
    """Rows by the number of antidots: of the network alone, and of the solver that it serves."""
    options = run.options
    decoder = load_decoder(options.network)
    own, device = decoder.config, decoder.config.device
    if own.training.curve_target != "occupancy" or device != run.config.device:
        raise SettingsError(
            f"--network {options.network}: expected one that reads any number of antidots of the "
            "preset's wire, such as antidots"
        )
    run.start(
        f"{options.wires} wires of each number, {options.samples} samples of {options.steps} steps",
        networks={Path(options.network).stem: hashes(options.network, decoder)},
        samples=options.samples,
        steps=options.steps,
    )
    most = dict(zip(own.dataset.numbers, options.judged))
    rows = {K: of_number(run, decoder, K, most.get(K, 0)) for K in own.dataset.numbers}
    network = {str(K): row for K, (row, _) in rows.items()}
    return {"network": network, "judged": {str(K): row for K, (_, row) in rows.items() if row}}


def of_number(run, decoder, K, judged):
    """Rows of wires of K antidots: of the network, and of the solver for the first `judged`."""
    options, device, maybe = run.options, run.config.device, decoder.config.dataset.numbers
    truth, curves, images = wires(run, K, max(options.wires, judged))

    def decoded(part):
        own, seeds = curves[part], np.arange(len(curves))[part]
        return decoder.decode(own, options.samples, options.steps, seed=seeds)

    def read(part):
        found, own = decoded(part), zip(truth[part], images[part], strict=True)
        return np.array([line(found, i, *one, device) for i, one in enumerate(own)])

    def solved(part):
        proposals = decoded(part).proposals
        found = infer(curves[part], device, None, proposals, numbers=maybe, certificate=False)
        pairs = zip(found, truth[part], strict=True)
        return np.array([[off([one.answer], t, device), one.explained] for one, t in pairs])

    row = row_of(run.in_blocks(f"network_{K}", options.wires, read), run.seed)
    return row, judged_row(run.in_blocks(f"judged_{K}", judged, solved)) if judged else None


def hashes(name, decoder):
    """What a result says of a network."""
    own = {"weights_sha256": weights_hash(name)}
    return own | {"config_sha256": digest(decoder.meta["config"])}


def off(answers, truth, device):
    """Sites between the true antidots (K, 2) and the nearest of some answers."""
    same = [own for own in answers if len(own) == len(truth)]
    return min((int(metrics.within(own, truth, device)) for own in same), default=WRONG)


def line(found, i, truth, image, device):
    """Of answer i of DecodedSets: whether the number is right, sites off by READ, and r."""
    answers = [found.named[i][found.number[i]]], [found.consensus[i]], found.proposals[i]
    r = metrics.pearson(found.image[i][None], image[None])[0]
    return [found.number[i] == len(truth), *(off(own, truth, device) for own in answers), r]


def row_of(lines, seed):
    """Shares and the median r of lines (B, 5)."""
    number, *sites, r = lines.T
    row = {"n": len(lines)} | intervals.share("number", number == 1)
    for name, own in zip(READ, sites, strict=True):
        row[name] = intervals.share("exact", own == 0) | intervals.share("within_one", own <= 1)
    interval = list(intervals.bootstrap(r, np.median, seed))
    return row | {"r_median": float(np.median(r)), "r_median_interval": interval}


def judged_row(lines):
    """Shares of lines (B, 2): sites off, and whether the answer is explained."""
    sites, explained = lines.T
    row = {"n": len(lines)} | intervals.share("number", sites < WRONG)
    row |= intervals.share("exact", sites == 0) | intervals.share("within_one", sites <= 1)
    return row | intervals.share("right_or_flagged", (sites == 0) | (explained == 0))


def examples(decoder, samples=8, steps=5):
    """What `figures.inference.any_number` draws: the first wire of each number, not chosen."""
    device, rows = decoder.config.device, []
    potential = random_potential(int(fresh.seeds_of("measured", 1)[0]), device)
    for K in decoder.config.dataset.numbers:
        truth = geometry.sampled(device, K, 0, seed=1)
        curve, _, ldos = green.solve(device, truth, potential, image=True)
        found = decoder.decode(curve[None], samples, steps)
        title = f"{K} antidot{'s' if K > 1 else ''}: {found.number[0]} named"
        rows.append((title, truth, found.consensus[0], ldos, found.image[0], found.density[0]))
    return rows


def show(result):
    """What the network reads, and what the solver finds with it."""
    lines = [["antidots", "number right", *(f"{name}, within one" for name in READ), "r"]]
    for K, row in result["network"].items():
        shares = (tables.cell(row[name], "within_one", ".1%") for name in READ)
        r = tables.cell(row, "r_median", ".3f")
        lines.append([K, tables.cell(row, "number", ".1%"), *shares, r])
    shown = "number", "exact", "within_one", "right_or_flagged"
    more = [["antidots, judged", "wires", *(name.replace("_", " ") for name in shown)]]
    for K, row in result["judged"].items():
        more.append([K, str(row["n"]), *(tables.cell(row, name, ".1%") for name in shown)])
    return "\n\n".join(map(tables.markdown, (lines, more) if result["judged"] else (lines,)))


STUDY = Study(
    name="sets",
    measure=measure,
    show=show,
    notes=NOTES,
    result="sets",
    needs=(),
    options={
        "network": Option("antidots", "weights that read any number of antidots", kind=str),
        "wires": Option(100, "wires of each number"),
        "judged": Option(
            (100, 100, 40, 8), "wires of one, two, ... antidots for the solver", many=True
        ),
        "samples": Option(8, "samples of a curve"),
        "steps": Option(5, "sampling steps"),
    },
)
