"""`qfp evaluate`: positions and patterns on configurations never seen in training, beside simple
rivals.

Every number is measured on one potential per test configuration. Samples are drawn in blocks that
are kept until the end, so a killed run resumes.
"""

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np

from qfp import tools
from qfp.data import dataset
from qfp.decoding import decode, metrics, positions
from qfp.decoding.decode import load_decoder
from qfp.model import checkpoint
from qfp.physics import geometry
from qfp.tools import (
    SettingsError,
    as_dict,
    digest,
    progress_bar,
    project_root,
    stream,
    write_atomic,
    write_json,
)

BLOCK = 20  # curves of one block of samples
TRAIN_CURVES = 200  # training configurations, for comparison
WORST = 24  # decodings that are kept one by one
HIGH = 0.95  # Pearson r above which a pattern counts as reproduced
ROWS = {
    "single": "one sample a curve",
    "consensus": "consensus of all samples of a curve; its image is the mean of the samples within "
    "one site of it",
    "one_step": "the image predicted from noise in a single step, near the mean of all images that "
    "fit the curve",
    "shuffled": "one sample a curve, scored against another configuration: what a decoder that "
    "ignores the curve would get",
    "nearest": "configuration and image of the training curve nearest to the curve (Euclidean, all "
    "potentials)",
    "train": "one sample a curve, on configurations of the training set",
    "curve_head": "positions from the read-out of the curve alone that trains the condition path: "
    "no image, no diffusion",
}
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
COLUMNS = {
    "n": "curves, one potential per configuration",
    "within_k": "share with both antidots within k sites (Chebyshev) of the truth, as a set, "
    "modulo translation along y and "
    "the two inversions; 95 % Wilson interval",
    "r_median": "median Pearson r of generated and true LDOS over the 60 x 50 sites; 95 % "
    "bootstrap interval",
    "r_high": f"share with r >= {HIGH}; 95 % Wilson interval",
    "r_outside_median, r_outside_high": "the same over the sites outside the true antidots",
}


def choose(parts, name, number, seed):
    """Rows (potential, configuration) of a part of the split: `number` configurations, one
    potential each, seeded."""
    rows = stream("evaluate " + name, seed).permutation(parts[name])
    first = np.sort(np.unique(rows[:, 1], return_index=True)[1])
    return rows[first[:number]]


def weights_hash(weights):
    """sha256 of a weights file, named as for load_decoder; of weights in shards, a hash of all
    theirs."""
    path = (
        Path(weights)
        if str(weights).endswith(".safetensors")
        else project_root() / "models" / f"{weights}.safetensors"
    )
    return checkpoint.weights_hash(path)


def read_result(weights, name="evaluate"):
    """What results/NAME.json holds, for these weights; an empty dict where it is about weights of
    another name.

    Raises SettingsError where there is none, or the weights of that name have changed since."""
    path = project_root() / "results" / f"{name}.json"
    command = (
        "qfp evaluate"
        if name == "evaluate"
        else f"qfp {name.replace('_', ' ')}"
        if "_" in name
        else f"qfp evaluate {name}"
    )
    if not path.is_file():
        raise SettingsError(f"results/{name}.json does not exist: make it with `{command}`")
    result = json.loads(path.read_text())
    if result["weights"] != Path(weights).stem:
        return {}
    if result["weights_sha256"] != weights_hash(weights):
        raise SettingsError(
            f"results/{name}.json was measured on other weights than models/{weights}.safetensors: "
            "run "
            f"`{command}` again"
        )
    return result


def share(name, hits):
    """A share and its Wilson interval, as two entries."""
    return {
        name: float(np.mean(hits)),
        f"{name}_interval": list(metrics.wilson(int(np.sum(hits)), len(hits))),
    }


def scores(device, antidots, true_antidots, images=None, true_images=None, seed=0):
    """One row of the table: dict of COLUMNS; without images only the positions."""
    errors = metrics.within(antidots, true_antidots, device)
    row = {"n": len(errors)}
    for k in (0, 1, 2):
        row |= share(f"within_{k}", errors <= k)
    if images is None:
        return row
    for name, sites in (("r", None), ("r_outside", ~geometry.removed_masks(true_antidots, device))):
        r = metrics.pearson(images, true_images, sites)
        row |= {
            f"{name}_median": float(np.median(r)),
            f"{name}_median_interval": list(metrics.bootstrap(r, np.median, seed)),
        }
        row |= share(f"{name}_high", r >= HIGH)
    return row


def hits(device, antidots, true_antidots, images=None, true_images=None):
    """What counts as a success, by curve: {name: bool (B,)}; without images only the positions."""
    errors = metrics.within(antidots, true_antidots, device)
    found = {f"within_{k}": errors <= k for k in (0, 1)}
    return (
        found
        if images is None
        else found | {"r_high": metrics.pearson(images, true_images) >= HIGH}
    )


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
        "close": (x1 - x2) ** 2 + dy**2 < (2 * geometry.clearance(device) + 2) ** 2,
        "edge": outer <= geometry.clearance(device) + 1,
        "isolated": neighbours <= 2,
    }
    return found | {"other": ~np.any(list(found.values()), axis=0)}


def head_positions(decoder, curves):
    """Antidots (B, 2, 2) from the curve head's maps, canonical placement; None where the weights
    have no such head."""
    model, config, constants = decoder.model, decoder.config, decoder.normal
    if config.training.curve_target != "positions":
        return None
    return positions.read_head(model, constants.curve(curves), config.device)


def noise_seeds(rows, samples, seed):
    """Seeds (B, samples) of the noise from which rows (B, 2) of (potential, configuration) are
    decoded."""
    return [
        [int(stream("evaluate noise", seed, p, n, s).integers(2**63)) for s in range(samples)]
        for p, n in rows
    ]


def sampled(decoder, sampling, curves, rows, samples, folder, name, seed, keep=lambda ldos: ldos):
    """LDOS samples (B, S, L, W), block by block through files of `folder`. Noise is a pure function
    of (seed, row).

    keep: what to keep of a block's samples instead, an array of as many rows."""
    blocks = []
    for start in progress_bar(range(0, len(rows), BLOCK), desc=name, unit="block"):
        path, part = folder / f"{name}_{start:05d}.npy", slice(start, start + BLOCK)
        if not path.exists():
            ldos = decode.draw(
                decoder,
                curves[part],
                noise_seeds(rows[part], samples, seed),
                sampling.steps,
                sampling.sampler,
                sampling.gamma,
            )
            write_atomic(path, lambda handle: np.save(handle, keep(ldos)))
        blocks.append(np.load(path))
    return np.concatenate(blocks)


def check_data(meta, pairs, data, weights):
    """SettingsError where weights were trained on other data, so that a test configuration could be
    one they have seen."""
    if meta["data"] != pairs.sha256:
        raise SettingsError(
            f"{data} is not what the weights {weights} were trained on ({pairs.sha256[:12]}, not "
            f"{meta['data'][:12]}): their test configurations are unknown"
        )


def check_use(out, **numbers):
    """SettingsError where a result could not be written to `out`, or one of the numbers of curves
    is below 1."""
    for name, value in numbers.items():
        if value < 1:
            raise SettingsError(f"--{name.replace('_', '-')} {value}: must be 1 or more")
    if Path(out).is_dir():
        raise SettingsError(f"--out {out} is a folder: give the name of a file to write")
    tools.check_folder(Path(out).parent)


def opened(weights, data, seed, images=True):
    """What an evaluation starts from: the weights' decoder, the pairs, the parts of their split
    {name: rows}, and what the result says of them. Raises SettingsError, see check_data."""
    decoder = load_decoder(weights)
    own, meta = decoder.config, decoder.meta
    pairs = dataset.load(data, images)
    check_data(meta, pairs, data, weights)
    parts = dataset.split(len(pairs.antidots), len(pairs.potentials), own.training.split, own.seed)
    about = {
        "weights": Path(weights).stem,
        "weights_sha256": weights_hash(weights),
        "config_sha256": digest(meta["config"]),
        "data_sha256": pairs.sha256,
        "split": own.training.split,
        "seed": seed,
    }
    return decoder, pairs, parts, about


def finished(out, result, folders, table, report):
    """Write a result, remove the blocks from which it was made, show its table; returns the result."""
    Path(out).parent.mkdir(parents=True, exist_ok=True)
    write_json(out, result)
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
    report(table)
    report(f"written to {out}")
    return result


def run_evaluate(
    config,
    weights,
    data="data/laptop.h5",
    out="results/evaluate.json",
    curves=1000,
    consensus_curves=1000,
    report=print,
):
    """Score weights on `curves` test configurations of a dataset file; writes `out` and returns
    what it holds.

    The consensus costs `samples` times as much a curve, so it is taken on the first
    `consensus_curves` of them. config: for its sampling settings and its seed. Raises SettingsError
    where the weights were trained on other data, so that a test configuration could be one that
    they have seen."""
    check_use(out, curves=curves, consensus_curves=consensus_curves)
    decoder, pairs, parts, about = opened(weights, data, config.seed)
    sampling, seed, device = config.sampling, config.seed, pairs.device
    test, train = (
        choose(parts, "test", curves, seed),
        choose(parts, "train", min(curves, TRAIN_CURVES), seed),
    )
    about |= {
        "curves": len(test),
        "consensus_curves": min(consensus_curves, len(test)),
        "train_curves": len(train),
        "potentials": len(pairs.potentials),
        **as_dict(sampling),
    }
    folder = project_root() / "runs" / f"evaluate-{digest(about, len(test), BLOCK)[:12]}"
    report(
        f"{len(test)} test configurations, {sampling.samples} samples for "
        f"{about['consensus_curves']} of them, "
        f"{len(train)} training configurations; {sampling.steps} {sampling.sampler} steps; "
        f"blocks in {folder.relative_to(project_root())}"
    )

    def values(rows):
        return (
            pairs.conductance[rows.T[0], rows.T[1]],
            pairs.ldos[rows.T[0], rows.T[1]],
            pairs.antidots[rows.T[1]],
        )

    G, truth, antidots = values(test)
    one = decode.conclude(sampled(decoder, sampling, G, test, 1, folder, "single", seed), device)
    single = one.antidots[:, 0], one.ldos[:, 0]
    part = slice(about["consensus_curves"])
    many = sampled(
        decoder, sampling, G[part], test[part], sampling.samples, folder, "consensus", seed
    )
    answer = decode.conclude(many, device)
    train_rows = parts["train"]
    near = train_rows[
        metrics.nearest_curve(pairs.conductance[train_rows[:, 0], train_rows[:, 1]], G)
    ]
    seen = values(train)
    own_answer = decode.conclude(
        sampled(decoder, sampling, seen[0], train, 1, folder, "train", seed), device
    )
    once = dataclasses.replace(sampling, steps=1)
    predicted = decode.conclude(
        sampled(decoder, once, G, test, 1, folder, "one step", seed), device
    )
    other = np.roll(np.arange(len(test)), 1)  # rows are in random order already
    table = {
        "single": scores(device, single[0], antidots, single[1], truth, seed),
        "consensus": scores(
            device, answer.consensus, antidots[part], answer.image, truth[part], seed
        ),
        "one_step": scores(
            device, predicted.antidots[:, 0], antidots, predicted.ldos[:, 0], truth, seed
        ),
        "shuffled": scores(device, single[0][other], antidots, single[1][other], truth, seed),
        "nearest": scores(
            device,
            pairs.antidots[near[:, 1]],
            antidots,
            pairs.ldos[near[:, 0], near[:, 1]],
            truth,
            seed,
        ),
        "train": scores(
            device, own_answer.antidots[:, 0], seen[2], own_answer.ldos[:, 0], seen[1], seed
        ),
    }
    head = head_positions(decoder, G)
    if head is not None:
        table["curve_head"] = scores(device, geometry.canonical(head, device), antidots)
    errors, r = metrics.within(single[0], antidots, device), metrics.pearson(single[1], truth)
    known = np.unique(train_rows[:, 1])
    kinds = groups(pairs.orbit[test[:, 1]], pairs.orbit[known], device)
    hardness = {
        name: scores(device, single[0][kind], antidots[kind], single[1][kind], truth[kind], seed)
        for name, kind in kinds.items()
        if kind.any()
    }
    worst = [
        {
            "potential": int(p),
            "configuration": int(n),
            "error": int(errors[i]),
            "r": float(r[i]),
            "antidots": antidots[i].tolist(),
            "found": single[0][i].tolist(),
            "groups": [name for name, kind in kinds.items() if kind[i]],
            "curve": [round(float(g), 6) for g in G[i]],
        }
        for i, (p, n) in ((i, test[i]) for i in np.lexsort([r, -errors])[:WORST])
    ]
    notes = {
        "rows": {name: ROWS[name] for name in table},
        "columns": COLUMNS,
        "groups": GROUPS,
        "worst": "the single samples with the largest position error, then the smallest r",
    }
    result = {**about, **table, "groups": hardness, "worst": worst, "notes": notes}
    return finished(out, result, [folder], as_table(table), report)


def cells(rows):
    """The table of {name: scores} as rows of texts, header first; one column a name, intervals in
    brackets."""
    lines = {
        "n": "curves",
        "within_0": "exact",
        "within_1": "within 1 site",
        "within_2": "within 2 sites",
        "r_median": "Pearson r, median",
        "r_high": f"r >= {HIGH}",
        "r_outside_median": "r outside antidots, median",
        "r_outside_high": f"r outside >= {HIGH}",
    }
    table = [["", *(name.replace("_", " ") for name in rows)]]
    for key, title in lines.items():
        form = "" if key == "n" else ".3f" if "median" in key else ".1%"
        line = [cell(row, key, form) for row in rows.values()]
        if set(line) != {"-"}:
            table.append([title, *line])
    return table


def cell(row, key, form):
    """'97.4% (95.6% to 98.5%)', or '-' where the row has no such column."""
    if key not in row:
        return "-"
    bounds = row.get(f"{key}_interval")
    return f"{row[key]:{form}}" + (f" ({bounds[0]:{form}} to {bounds[1]:{form}})" if bounds else "")


def rows_of(result):
    """The rows of an evaluate.json: {name of ROWS: scores}."""
    return {name: result[name] for name in ROWS if name in result}


def as_table(rows):
    """The table of {name: scores} as text in columns."""
    table = cells(rows)
    widths = [max(map(len, column)) for column in zip(*table)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in table
    )


def as_markdown(rows):
    """The table of {name: scores} in Markdown."""
    table = cells(rows)
    header, *lines = ["| " + " | ".join(row) + " |" for row in table]
    return "\n".join([header, "|" + " --- |" * len(table[0]), *lines])
