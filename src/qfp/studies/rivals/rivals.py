"""Do simple rivals read curves as well, also under potentials never seen?

The network beside all strong simple rivals, on the same test configurations. The paper says 'over
95 percent' (Sec. V) and nothing of what simpler means reach. Every row answers the same curves, so
its difference to the network's single sample is paired. Samples, simulated curves and what trained
rivals say are kept in files until they are no longer needed, so a killed run resumes.
"""

from typing import NamedTuple

import numpy as np

from qfp.data import fresh, simulate
from qfp.decoding import decode, positions
from qfp.inference.infer import infer
from qfp.model.vae import decoded, load_vae
from qfp.physics import geometry
from qfp.studies import frame, intervals, scoring, tables
from qfp.studies.frame import Option, Study
from qfp.studies.rivals import readers
from qfp.studies.rivals.libraries import libraries, plain_networks
from qfp.tools import as_dict

DEV_CURVES = 1000  # dev configurations on which metrics are chosen
SETS = {
    "known": "potentials of the dataset; the network saw them with other configurations",
    "unseen": "a potential that no training file holds",
    "fresh": "for every curve a potential of its own that no training file holds",
    "zero": "V = 0: no random potential at all",
}
ROWS = {name: scoring.ROWS[name] for name in ("single", "consensus", "curve_head", "shuffled")} | {
    "nearest": "the training curve nearest to the curve (Euclidean, all potentials)",
    "library": "the nearest of the curves of all configurations, test ones too, simulated under "
    "yet another potential: "
    "given more than the network, which has no simulated curve of a test configuration",
    "library_whitened": "the same, whitened by what potentials change in training curves (floor "
    "chosen on dev): given "
    "more than the network",
    "kriged": "the nearest curve of a library in which those of training configurations are "
    "simulated and all others "
    "interpolated between them, under each potential of the dataset (metric chosen on dev): given "
    "what the "
    "network was given; its image is more, the exact solution for its answer under the potential "
    "found",
    "kriged_mean": "the same with the library's mean over the potentials (metric chosen on dev): "
    "given what the "
    "network was given",
    "mlp": "a plain network with three hidden layers, trained on the training pairs alone: x1, x2, "
    "dy from the curve",
    "mlp_kriged": "the same, trained on the library of 'kriged', as curve_neighbours trains the "
    "condition path",
    "mlp_one": "the same as 'mlp', trained under potential 0 alone",
    "vae": "the two-stage baseline, trained on the training pairs: image from the curve, positions "
    "read from it",
    "posterior": "exact inference: the Schroedinger equation for any potential, no training; "
    "image: mean of the LDOS over potentials of the posterior",
}
NOTES = {
    "rows": ROWS,
    "sets": SETS,
    "columns": scoring.COLUMNS,
    "images": "of nearest, library, library_whitened and kriged: the exact LDOS of the "
    "configuration found, under the "
    "potential of the curve found",
    "difference": "share minus that of the single sample of the same set, on the same curves; 95 % "
    "score interval of "
    "Tango for paired shares",
}


class Answer(NamedTuple):
    """What a row says to B curves."""

    antidots: np.ndarray  # (B, 2, 2)
    ldos: np.ndarray | None = None  # (B, L, W) [1/t]


def network(run, name, curves, rows):
    """The network's own answers to curves (B, F): {name of ROWS: Answer}."""
    device = run.decoder.config.device
    many = decode.conclude(run.samples(name, curves, rows, run.sampling.samples), device)
    found = {
        "single": Answer(many.antidots[:, 0], many.ldos[:, 0]),
        "consensus": Answer(many.consensus, many.image),
    }
    head = decode.head_positions(run.decoder, curves)
    return (
        found if head is None else found | {"curve_head": Answer(geometry.canonical(head, device))}
    )


def posterior(run, name, curves):
    """Answer of exact inference to curves (B, F)."""
    device = run.pairs.device

    def compute(part):
        found = infer(curves[part], device, seed=run.seed)
        return np.stack([np.append(one.answer, one.ldos) for one in found]).astype(np.float32)

    rows = run.in_blocks(f"posterior_{name}", len(curves), compute)
    images = rows[:, 4:].reshape(-1, device.length, device.width)
    return Answer(rows[:, :4].astype(int).reshape(-1, 2, 2), images)


def two_stage(baseline, curves, device):
    """Answer of the VAE to curves (B, F)."""
    images = decoded(baseline.model, baseline.normal, curves)
    return Answer(positions.recover(images, device), images)


def table(device, answers, antidots, ldos, seed):
    """Scores {name: row} of {name: Answer} against antidots (B, 2, 2) and ldos (B, L, W), each with
    its difference to the row 'single'."""
    rows, reference = {}, scoring.hits(device, answers["single"].antidots, antidots)
    for name, answer in answers.items():
        images = {} if answer.ldos is None else {"images": answer.ldos, "true_images": ldos}
        rows[name] = scoring.scores(device, answer.antidots, antidots, **images, seed=seed)
        if name != "single":
            rows[name]["difference"] = intervals.differences(
                scoring.hits(device, answer.antidots, antidots), reference
            )
    return rows


def start(run, test, dev):
    """Say what the result is of, before the work."""
    P = len(run.pairs.potentials)
    run.start(
        f"{len(test)} test configurations, {run.sampling.samples} samples each under {len(SETS)} "
        f"kinds of potential; {run.sampling.steps} {run.sampling.sampler} steps",
        curves=len(test),
        dev_curves=len(dev),
        unseen_potential=P,
        library_potential=P + 1,
        plain_network={
            **readers.PLAIN,
            "curves_seen": readers.PLAIN["steps"] * readers.PLAIN["batch"],
        },
        **as_dict(run.sampling),
    )


def read_by_rivals(run, dev, curves):
    """What libraries and plain networks read from curves (B, F): {name of ROWS: (configurations
    (B,), potentials (B,) or None)}, the metrics chosen on dev, and the plain networks' numbers of
    curves."""
    pairs, train, folder = run.pairs, run.parts["train"], run.curves_folder
    seed = len(pairs.potentials) + 1
    other = simulate.simulated(pairs.device, pairs.antidots, seed, folder)
    found, metric = libraries(pairs, train, dev, other, seed)
    read = {name: library.read(curves) for name, library in found.items()}
    completed = found["kriged"].curves.reshape(*pairs.conductance.shape)
    plain, sizes = plain_networks(completed, pairs.orbit, train, run.seed, curves, run.folder)
    return read | {name: (found, None) for name, found in plain.items()}, metric, sizes


def with_rivals(answers, read, pairs, place):
    """The network's answers {name of ROWS: Answer} to one of SETS, and beside them what rivals
    read, of which the slice `place` belongs to it."""
    # rows are in random order
    shuffled = Answer(*(np.roll(values, 1, axis=0) for values in answers["single"]))
    answers = answers | {"shuffled": shuffled}
    for name, (configurations, potentials) in read.items():
        pair = pairs.antidots[configurations[place]]
        images = (
            None if potentials is None else simulate.pictures(pairs.device, pair, potentials[place])
        )
        answers[name] = Answer(pair, images)
    return answers


def exact_pairs(run, test):
    """Curves {name of SETS: (B, F) [e^2/h]} and images {name: (B, L, W) [1/t]} of rows (B, 2)."""
    pairs, device, folder = run.pairs, run.pairs.device, run.curves_folder
    (p, n), P = test.T, len(pairs.potentials)
    antidots = pairs.antidots[n]
    seeds = {"known": p, "unseen": np.full(len(n), P), "zero": np.full(len(n), -1)}
    G = {
        "known": pairs.conductance[p, n],
        "unseen": simulate.simulated(device, antidots, P, folder),
        "zero": simulate.simulated(device, antidots, None, folder),
    }
    truth = {name: simulate.pictures(device, antidots, own) for name, own in seeds.items()}
    own = fresh.seeds_of("rivals", len(n))
    G["fresh"], truth["fresh"] = fresh.simulated(device, antidots, own, folder)
    return G, truth


def measure(run):
    """Weights and their rivals on test configurations.

    Besides the samples (4 x `samples` a curve) it takes about half an hour of one core, most of it
    exact inference; simulated curves stay in runs/curves."""
    run.require_unseen()
    pairs, device, baseline = run.pairs, run.pairs.device, load_vae(run.options.vae)
    frame.check_data(baseline.meta, pairs, run.data, run.options.vae)
    test, dev = run.rows("test", run.options.curves), run.rows("dev", DEV_CURVES)
    start(run, test, dev)
    G, truth = exact_pairs(run, test)
    antidots, B = pairs.antidots[test[:, 1]], len(test)
    answers = {name: network(run, name, G[name], test) for name in SETS}  # from the same noise
    read, metric, sizes = read_by_rivals(run, dev, np.concatenate([G[name] for name in SETS]))
    rows = {}
    for k, name in enumerate(SETS):
        part = with_rivals(answers[name], read, pairs, slice(k * B, (k + 1) * B))
        part["vae"] = two_stage(baseline, G[name], device)
        part["posterior"] = posterior(run, name, G[name])
        rows[name] = table(device, part, antidots, truth[name], run.seed)
    return {**rows, "metrics": metric, "plain_network_curves": sizes}


def show(result):
    """Tables: one for each of SETS, a line for each of ROWS."""
    shown = {
        "exact": ("within_0", ".1%"),
        "within 1 site": ("within_1", ".1%"),
        "Δy strictly": ("strict_1", ".1%"),
        "within 2 sites": ("within_2", ".1%"),
        "Pearson r, median": ("r_median", ".3f"),
        f"r >= {scoring.HIGH}": ("r_high", ".1%"),
    }
    every, texts = [row for kind in SETS for row in result[kind].values()], []
    shown = {
        title: column for title, column in shown.items() if any(column[0] in row for row in every)
    }
    for kind, title in SETS.items():
        lines = [["", *shown, "exact, less single", "within 1, less single"]]
        for name, row in ((name, result[kind][name]) for name in ROWS if name in result[kind]):
            cells = [tables.cell(row, *column) for column in shown.values()]
            less = row.get("difference", {})
            cells += [tables.cell(less, f"within_{k}", "+.1%") for k in (0, 1)]
            lines.append([name.replace("_", " "), *cells])
        texts.append(f"{kind}: {title}\n\n{tables.markdown(lines)}")
    return "\n\n".join(texts)


STUDY = Study(
    name="rivals",
    measure=measure,
    show=show,
    notes=NOTES,
    result="rivals",
    needs=("weights", "pairs"),
    options={
        "curves": Option(300, "test configurations"),
        "vae": Option("vae", "weights of the two-stage baseline", kind=str),
    },
)
