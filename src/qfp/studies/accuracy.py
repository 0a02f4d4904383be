"""Are positions and patterns right on held-out wires, beside simple rivals?

Held out are curves and images. The potentials are those of training, and where interpolated curves
are trained on, each pair lent its position label. One potential per test configuration.
"""

import dataclasses

import numpy as np

from qfp.decoding import decode, metrics
from qfp.physics import geometry
from qfp.studies import frame, scoring, tables
from qfp.studies.frame import Option, Study
from qfp.tools import as_dict

TRAIN_CURVES = 200  # training configurations, for comparison
WORST = 24  # decodings that are kept one by one
CLAIM = 0.95  # the paper's 'over 95 percent'
GROUPS = {
    "symmetric": "a symmetry nearly maps the pair to itself (|x1 - x2| <= 1, |x1 + x2 - 49| <= 1 "
    "or dy <= 1): the curve does "
    "not change there, to first order, when an antidot moves",
    "close": "centres less than 14 sites apart, near the closest that is allowed",
    "edge": "an antidot at most one site from the outermost column that is allowed",
    "isolated": "at most 2 of the 6 nearest configurations (x1, x2 or dy one site off) are in the "
    "training set",
    "other": "none of these",
}


def groups(orbits, known, device):
    """What can make a pair hard to decode: {name of GROUPS: bool (B,)} of orbits (B, 3), `known`
    (N, 3) in training."""
    x1, x2, dy = np.asarray(orbits, int).T
    outer = np.minimum(np.minimum(x1, x2), device.width - 1 - np.maximum(x1, x2))
    steps = np.concatenate([np.eye(3, dtype=int), -np.eye(3, dtype=int)])
    # (B, 6, 3); beyond a symmetry plane: the copy on this side
    six = np.asarray(orbits, int)[:, None] + steps
    six = geometry.orbit(geometry.placement(six, device), device)
    training = set(map(tuple, np.asarray(known, int).tolist()))
    neighbours = np.array([sum(tuple(orbit) in training for orbit in row) for row in six.tolist()])
    found = {
        "symmetric": (abs(x1 - x2) <= 1) | (abs(x1 + x2 - device.width + 1) <= 1) | (dy <= 1),
        "close": (x1 - x2) ** 2 + dy**2 < (geometry.spacing(device) + 2) ** 2,
        "edge": outer <= geometry.clearance(device) + 1,
        "isolated": neighbours <= 2,
    }
    return found | {"other": ~np.any(list(found.values()), axis=0)}


def consensus(run, rows):
    """Answers of the consensus of all samples for each of rows (B, 2)."""
    curves, antidots, truth = run.values(rows)
    samples = run.samples("consensus", curves, rows, run.sampling.samples)
    answer = decode.conclude(samples, run.pairs.device)
    return scoring.Answers(answer.consensus, answer.image, antidots, truth)


def nearest(run, single, curves):
    """Answers of the training curve that is nearest to each of curves (B, F)."""
    train, pairs = run.parts["train"], run.pairs
    p, n = train[metrics.nearest_curve(pairs.conductance[train[:, 0], train[:, 1]], curves)].T
    return single._replace(antidots=pairs.antidots[n], images=pairs.ldos[p, n])


def worst(single, rows, curves, kinds, device):
    """The single samples with the largest position error, then the smallest r, one by one."""
    errors, r = single.errors(device), single.correlations()
    return [
        {
            "potential": int(rows[i, 0]),
            "configuration": int(rows[i, 1]),
            "error": int(errors[i]),
            "r": float(r[i]),
            "antidots": single.true_antidots[i].tolist(),
            "found": single.antidots[i].tolist(),
            "groups": [name for name, kind in kinds.items() if kind[i]],
            "curve": [round(float(g), 6) for g in curves[i]],
        }
        for i in np.lexsort([r, -errors])[:WORST]
    ]


def scored(run, test, train, many, single):
    """Rows {name of scoring.ROWS: scores}, each a part that may stand; single: Answers of test."""
    device, curves = run.pairs.device, run.values(test)[0]
    one = dataclasses.replace(run.sampling, steps=1)
    found = {
        "single": lambda: single,
        "consensus": lambda: consensus(run, many),
        "one_step": lambda: run.singles("one step", test, one),
        "shuffled": single.shuffled,  # rows are in random order already
        "nearest": lambda: nearest(run, single, curves),
        "train": lambda: run.singles("train", train),
    }
    table = {
        name: run.part(name, lambda answers=answers: answers().scores(device, run.seed))
        for name, answers in found.items()
    }
    head = decode.head_positions(run.decoder, curves)
    if head is not None:
        head = geometry.canonical(head, device)
        table["curve_head"] = scoring.scores(device, head, single.true_antidots)
    return table


def measure(run):
    """Scores of all of scoring.ROWS on test configurations, by group, and the worst decodings."""
    pairs, device, seed = run.pairs, run.pairs.device, run.seed
    test = run.rows("test", run.options.curves)
    train = run.rows("train", min(run.options.curves, TRAIN_CURVES))
    many = test[: run.options.consensus_curves]
    run.start(
        f"{len(test)} test configurations, {run.sampling.samples} samples for {len(many)} of them, "
        f"{len(train)} training configurations; {run.sampling.steps} {run.sampling.sampler} steps",
        curves=len(test),
        consensus_curves=len(many),
        train_curves=len(train),
        potentials=len(pairs.potentials),
        **as_dict(run.sampling),
    )
    curves = run.values(test)[0]
    single = run.singles("single", test)
    table = scored(run, test, train, many, single)
    known = np.unique(run.parts["train"][:, 1])
    kinds = groups(pairs.orbit[test[:, 1]], pairs.orbit[known], device)
    return {
        **table,
        "groups": {
            name: single.part(kind).scores(device, seed)
            for name, kind in kinds.items()
            if kind.any()
        },
        "worst": worst(single, test, curves, kinds, device),
    }


def rows_of(result):
    """The rows of the table: {name of scoring.ROWS: scores}."""
    return {name: result[name] for name in scoring.ROWS if name in result}


def in_markdown(result):
    """The table of all rows."""
    return tables.markdown(tables.scores_table(rows_of(result)))


def groups_table(result):
    """A line for each of GROUPS: its part of the curves and of the worst, and its shares."""
    shown = {"exact": "within_0", "within 1 site": "within_1"}
    table = [["wires", "of the test curves", f"of the {WORST} worst", *shown]]
    for name, row in result["groups"].items():
        among = sum(name in w["groups"] for w in result["worst"])
        cells = (tables.cell(row, key, ".1%") for key in shown.values())
        table.append([name, f"{row['n'] / result['single']['n']:.0%}", str(among), *cells])
    return tables.markdown(table)


def verdicts(result):
    """How the claim 'over 95 percent' stands for single samples and for the consensus, in lines."""
    lines = []
    for name in ("single", "consensus"):
        row = result[name]
        low, high = row["within_1_interval"]
        word = "95 % lies within the interval"
        if low > CLAIM:
            word = "above 95 %"
        elif high < CLAIM:
            word = "below 95 %"
        lines += [
            f"{name}: both antidots within one site on {tables.cell(row, 'within_1', '.1%')} of "
            f"{row['n']} curves: {word}",
            f"{name}: pattern with r >= {scoring.HIGH} on {tables.cell(row, 'r_high', '.1%')}",
        ]
    return "\n".join(lines)


def check(result):
    """AssertionError where shares of a result do not rise with the sites that are allowed, or lie
    outside their intervals."""
    for row in rows_of(result).values():
        assert row["within_0"] <= row["within_1"] <= row["within_2"]
        for k in (0, 1, 2):
            low, high = row[f"within_{k}_interval"]
            assert low - 1e-9 <= row[f"within_{k}"] <= high + 1e-9


def notes(result):
    """What the names in the file mean."""
    return {
        "rows": {name: scoring.ROWS[name] for name in rows_of(result)},
        "columns": scoring.COLUMNS,
        "groups": {name: GROUPS[name] for name in result["groups"]},
        "worst": "the single samples with the largest position error, then the smallest r",
    }


STUDY = Study(
    name="accuracy",
    measure=measure,
    show=lambda result: tables.columns(tables.scores_table(rows_of(result))),
    notes=notes,
    result="evaluate",
    options={
        "curves": Option(1000, "test configurations"),
        "consensus_curves": Option(1000, "of them with many samples each"),
        "parts": frame.PARTS,
    },
)
