"""The network beside all strong simple rivals, on the same test configurations, and under
potentials never seen.

The paper says 'over 95 percent' (Sec. V) and nothing of what simpler means reach. Every row answers
the same curves, so its difference to the network's single sample is paired. Samples, simulated
curves and what trained rivals say are kept in files until they are no longer needed, so a killed
run resumes.
"""

from typing import NamedTuple

import numpy as np

from qfp import tools
from qfp.data import interpolate, simulate
from qfp.data.simulate import pictures
from qfp.decoding import decode, metrics
from qfp.physics import geometry
from qfp.studies import accuracy, frame, intervals, scoring, tables
from qfp.studies.rivals import readers
from qfp.tools import SettingsError, as_dict, digest, project_root

DEV_CURVES = 1000  # dev configurations on which metrics are chosen
SETS = {
    "known": "potentials of the dataset; the network saw them with other configurations",
    "unseen": "a potential that no training file holds",
    "zero": "V = 0: no random potential at all",
}
ROWS = {name: accuracy.ROWS[name] for name in ("single", "consensus", "curve_head", "shuffled")} | {
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


def libraries(pairs, train, dev, other, other_seed):
    """The libraries {name of ROWS: readers.Library}, and which metric won on dev {name: text}.

    train, dev: rows (M, 2) of (potential, configuration); other (N, F): every configuration's curve
    under `other_seed`. Of pairs.conductance only training curves get into a library or a metric,
    and dev curves choose among metrics."""
    G, orbits, width = pairs.conductance, pairs.orbit, pairs.device.width
    every, known = np.arange(len(orbits)), np.unique(train[:, 1])
    completed = interpolate.complete(G, orbits, known, width, readers.NEIGHBOURS)
    potential = {"changes of potential": readers.potential_changes(G, known)}
    both = potential | {
        "errors of interpolation": readers.interpolation_errors(G, orbits, known, width)
    }
    curves, truth = G[dev.T[0], dev.T[1]], pairs.antidots[dev.T[1]]

    def of(curves, configurations):  # (P, n, F), (n,)
        return readers.Library(
            curves.reshape(-1, curves.shape[-1]),
            np.tile(configurations, len(curves)),
            np.repeat(np.arange(len(curves)), len(configurations)),
        )

    def hits(configurations):
        errors = metrics.within(pairs.antidots[configurations], truth, pairs.device)
        return (errors <= 0).sum() + (errors <= 1).sum()

    given = readers.Library(other, every, np.full(len(every), other_seed))
    tuned = {
        "library_whitened": readers.tuned(given, potential, curves, hits, plain=False),
        "kriged": readers.tuned(of(completed, every), both, curves, hits),
        "kriged_mean": readers.tuned(
            readers.Library(completed.mean(axis=0), every, None), both, curves, hits
        ),
    }
    found = {"nearest": of(G[:, known], known), "library": given}
    return found | {name: pair[0] for name, pair in tuned.items()}, {
        name: pair[1] for name, pair in tuned.items()
    }


def plain_networks(completed, orbits, train, seed, curves, folder):
    """Configurations {name of ROWS: (B,)} that plain networks, each trained here, read from curves
    (B, F), and the number of curves they are trained on {name: int}.

    completed (P, N, F): curves, simulated for the configurations of `train` (M, 2), interpolated
    for others."""
    rows = {
        "mlp": train,
        "mlp_kriged": np.argwhere(np.ones(completed.shape[:2], bool)),
        "mlp_one": train[train[:, 0] == 0],
    }
    found = {}
    for name, (p, n) in ((name, part.T) for name, part in rows.items()):
        found[name] = tools.kept(
            folder / f"{name}.npy",
            lambda p=p, n=n: readers.Mlp(completed[p, n], n, orbits, seed, readers.PLAIN).read(
                curves
            ),
        )
    return found, {name: len(part) for name, part in rows.items()}


def network(decoder, sampling, curves, rows, folder, name, seed):
    """The network's own answers to curves (B, F): {name of ROWS: Answer}."""
    device = decoder.config.device
    ldos = frame.sampled(decoder, sampling, curves, rows, sampling.samples, folder, name, seed)
    many = decode.conclude(ldos, device)
    found = {
        "single": Answer(many.antidots[:, 0], many.ldos[:, 0]),
        "consensus": Answer(many.consensus, many.image),
    }
    head = decode.head_positions(decoder, curves)
    return (
        found if head is None else found | {"curve_head": Answer(geometry.canonical(head, device))}
    )


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


def run_rivals(
    config, weights, data="data/laptop.h5", out="results/rivals.json", curves=300, report=print
):
    """Score weights and their rivals on `curves` test configurations of a dataset file; writes
    `out`, returns it.

    config: for its sampling settings and its seed. Besides the samples (3 x `samples` a curve) it
    takes about seven minutes of one core; simulated curves stay in runs/curves. Raises
    SettingsError where the weights were trained on other data, or with a split that shares
    configurations between its parts."""
    frame.check_use(out, curves=curves)
    decoder, pairs, parts, about = frame.opened(weights, data, config.seed, images=False)
    if about["split"] != "config":
        raise SettingsError(
            f"the weights {weights} were trained on split {about['split']!r}, not 'config': they "
            "have seen the "
            "test configurations"
        )
    sampling, seed, device, P = config.sampling, config.seed, pairs.device, len(pairs.potentials)
    test, dev = (
        frame.choose_rows(parts, "test", curves, seed),
        frame.choose_rows(parts, "dev", DEV_CURVES, seed),
    )
    about |= {
        "curves": len(test),
        "dev_curves": len(dev),
        "unseen_potential": P,
        "library_potential": P + 1,
        "plain_network": {
            **readers.PLAIN,
            "curves_seen": readers.PLAIN["steps"] * readers.PLAIN["batch"],
        },
        **as_dict(sampling),
    }
    runs = project_root() / "runs"
    folder = runs / f"rivals-{digest(about, accuracy.BLOCK)[:12]}"
    report(
        f"{len(test)} test configurations, {sampling.samples} samples each under {len(SETS)} kinds "
        "of potential; "
        f"{sampling.steps} {sampling.sampler} steps; blocks in {folder.relative_to(project_root())}"
    )
    p, n = test.T
    antidots, simulated = pairs.antidots[n], simulate.simulated
    seeds = {"known": p, "unseen": np.full(len(n), P), "zero": np.full(len(n), -1)}
    G = {
        "known": pairs.conductance[p, n],
        "unseen": simulated(device, antidots, P, runs / "curves"),
        "zero": simulated(device, antidots, None, runs / "curves"),
    }
    # the same noise
    answers = {name: network(decoder, sampling, G[name], test, folder, name, seed) for name in SETS}

    every = np.concatenate([G[name] for name in SETS])  # (sets x B, F)
    other = simulated(device, pairs.antidots, P + 1, runs / "curves")
    found, metric = libraries(pairs, parts["train"], dev, other, P + 1)
    read = {name: library.read(every) for name, library in found.items()}
    completed = found["kriged"].curves.reshape(P, len(pairs.antidots), -1)
    plain, sizes = plain_networks(completed, pairs.orbit, parts["train"], seed, every, folder)
    read |= {name: (configurations, None) for name, configurations in plain.items()}
    for k, part in enumerate(answers.values()):
        place, single = slice(k * len(n), (k + 1) * len(n)), part["single"]
        # rows are in random order
        part["shuffled"] = Answer(*(np.roll(values, 1, axis=0) for values in single))
        for name, (configurations, potentials) in read.items():
            pair = pairs.antidots[configurations[place]]
            part[name] = Answer(
                pair, None if potentials is None else pictures(device, pair, potentials[place])
            )
    rows = {
        name: table(device, part, antidots, pictures(device, antidots, seeds[name]), seed)
        for name, part in answers.items()
    }
    result = {**about, **rows, "metrics": metric, "plain_network_curves": sizes, "notes": NOTES}
    return frame.finished(out, result, [folder], as_markdown(result), report)


def as_markdown(result):
    """The tables of a rivals.json in Markdown: one for each of SETS, a line for each of ROWS."""
    shown = {
        "exact": ("within_0", ".1%"),
        "within 1 site": ("within_1", ".1%"),
        "within 2 sites": ("within_2", ".1%"),
        "Pearson r, median": ("r_median", ".3f"),
        f"r >= {accuracy.HIGH}": ("r_high", ".1%"),
    }
    lines = []
    for kind, title in SETS.items():
        lines += [
            "",
            f"{kind}: {title}",
            "",
            f"| | {' | '.join(shown)} | exact, less single | within 1, less single |",
            "|" + " --- |" * (len(shown) + 3),
        ]
        for name, row in ((name, result[kind][name]) for name in ROWS if name in result[kind]):
            cells = [tables.cell(row, *column) for column in shown.values()]
            cells += [tables.cell(row.get("difference", {}), f"within_{k}", "+.1%") for k in (0, 1)]
            lines.append(f"| {name.replace('_', ' ')} | {' | '.join(cells)} |")
    return "\n".join(lines[1:])
