"""`qfp evaluate`: positions and patterns on configurations never seen in training, beside simple rivals.

Every number is measured on one potential per test configuration. Samples are drawn in blocks that are kept until the
end, so a killed run resumes.
"""

import dataclasses
import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from . import dataset, decode, geometry, metrics
from .checkpoint import load_model, write_json
from .config import SettingsError, as_dict, digest, project_root, stream, write_atomic

BLOCK = 20  # curves of one block of samples
TRAIN_CURVES = 200  # training configurations, for comparison
HIGH = 0.95  # Pearson r above which a pattern counts as reproduced
ROWS = {
    "single": "one sample a curve",
    "consensus": "consensus of all samples of a curve; its image is the mean of the samples within one site of it",
    "one_step": "the image predicted from noise in a single step, near the mean of all images that fit the curve",
    "shuffled": "one sample a curve, scored against another configuration: what a decoder that ignores the curve would get",
    "nearest": "configuration and image of the training curve nearest to the curve (Euclidean, all potentials)",
    "train": "one sample a curve, on configurations of the training set",
    "curve_head": "positions from the read-out of the curve alone that trains the condition path: no image, no diffusion",
}
COLUMNS = {
    "n": "curves, one potential per configuration",
    "within_k": "share with both antidots within k sites (Chebyshev) of the truth, as a set, modulo translation along y and "
                "the two inversions; 95 % Wilson interval",
    "r_median": "median Pearson r of generated and true LDOS over the 60 x 50 sites; 95 % bootstrap interval",
    "r_high": f"share with r >= {HIGH}; 95 % Wilson interval",
    "r_outside_median, r_outside_high": "the same over the sites outside the true antidots",
}


def choose(parts, name, number, seed):
    """Rows (potential, configuration) of a part of the split: `number` configurations, one potential each, seeded."""
    rows = stream("evaluate " + name, seed).permutation(parts[name])
    first = np.sort(np.unique(rows[:, 1], return_index=True)[1])
    return rows[first[:number]]


def weights_hash(weights):
    """sha256 of a weights file, named as for load_model."""
    path = Path(weights) if str(weights).endswith(".safetensors") else project_root() / "models" / f"{weights}.safetensors"
    return hashlib.sha256(path.read_bytes()).hexdigest()


def read_result(weights):
    """What results/evaluate.json holds, for these weights; an empty dict where it is about weights of another name.

    Raises SettingsError where the weights of that name have changed since."""
    path = project_root() / "results" / "evaluate.json"
    if not path.is_file():
        raise SettingsError("results/evaluate.json does not exist: make it with `qfp evaluate`")
    result = json.loads(path.read_text())
    if result["weights"] != Path(weights).stem:
        return {}
    if result["weights_sha256"] != weights_hash(weights):
        raise SettingsError(f"results/evaluate.json was measured on other weights than models/{weights}.safetensors: run "
                            "`qfp evaluate` again")
    return result


def share(name, hits):
    """A share and its Wilson interval, as two entries."""
    return {name: float(np.mean(hits)), f"{name}_interval": list(metrics.wilson(int(np.sum(hits)), len(hits)))}


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
        row |= {f"{name}_median": float(np.median(r)), f"{name}_median_interval": list(metrics.bootstrap(r, np.median, seed))}
        row |= share(f"{name}_high", r >= HIGH)
    return row


def head_positions(bundle, curves):
    """Antidots (B, 2, 2) from the curve head's maps, canonical placement; None where the weights have no such head."""
    model, config, constants = bundle[:3]
    if config.training.curve_target != "positions":
        return None
    maps = torch.cat([model.curve(part).detach() for part in constants.curve(curves).split(256)])  # (B, 2, 60, 60)
    y, x = np.divmod(maps.flatten(2).argmax(-1).numpy(), maps.shape[-1])
    return np.stack([x - (config.device.length - config.device.width) // 2, y], axis=-1)


def sampled(bundle, sampling, curves, rows, samples, folder, name, seed):
    """LDOS samples (B, S, L, W), block by block through files of `folder`. Noise is a pure function of (seed, row)."""
    blocks = []
    for start in tqdm(range(0, len(rows), BLOCK), desc=name, unit="block"):
        path, part = folder / f"{name}_{start:05d}.npy", slice(start, start + BLOCK)
        if not path.exists():
            seeds = [[int(stream("evaluate noise", seed, p, n, s).integers(2**63)) for s in range(samples)]
                     for p, n in rows[part]]
            ldos = decode.draw(bundle, curves[part], seeds, sampling.steps, sampling.sampler, sampling.gamma)
            write_atomic(path, lambda handle: np.save(handle, ldos))
        blocks.append(np.load(path))
    return np.concatenate(blocks)


def run_evaluate(config, weights, data="data/laptop.h5", out="results/evaluate.json", curves=500, consensus_curves=200,
                 report=print):
    """Score weights on `curves` test configurations of a dataset file; writes `out` and returns what it holds.

    The consensus costs `samples` times as much a curve, so it is taken on the first `consensus_curves` of them.
    config: for its sampling settings and its seed. Raises SettingsError where the weights were trained on other data,
    so that a test configuration could be one that they have seen."""
    for name, value in (("--curves", curves), ("--consensus-curves", consensus_curves)):
        if value < 1:
            raise SettingsError(f"{name} {value}: must be 1 or more")
    decode.check_folder(Path(out).parent)
    bundle = load_model(weights)
    own, meta = bundle[1], bundle[4]
    pairs = dataset.load(data)
    if meta["data"] != pairs.sha256:
        raise SettingsError(f"{data} is not what the weights {weights} were trained on ({pairs.sha256[:12]}, not "
                            f"{meta['data'][:12]}): their test configurations are unknown")
    sampling, seed, device = config.sampling, config.seed, pairs.device
    parts = dataset.split(len(pairs.antidots), len(pairs.potentials), own.training.split, own.seed)
    test, train = choose(parts, "test", curves, seed), choose(parts, "train", min(curves, TRAIN_CURVES), seed)
    about = {
        "weights": Path(weights).stem, "weights_sha256": weights_hash(weights),
        "config_sha256": digest(meta["config"]), "data_sha256": pairs.sha256, "split": own.training.split, "seed": seed,
        "curves": len(test), "consensus_curves": min(consensus_curves, len(test)), "train_curves": len(train), "potentials": len(pairs.potentials), **as_dict(sampling),
    }
    folder = project_root() / "runs" / f"evaluate-{digest(about, len(test), BLOCK)[:12]}"
    report(f"{len(test)} test configurations, {sampling.samples} samples for {about['consensus_curves']} of them, "
           f"{len(train)} training configurations; {sampling.steps} {sampling.sampler} steps; "
           f"blocks in {folder.relative_to(project_root())}")

    def values(rows):
        return pairs.conductance[rows.T[0], rows.T[1]], pairs.ldos[rows.T[0], rows.T[1]], pairs.antidots[rows.T[1]]

    G, truth, antidots = values(test)
    one = decode.conclude(sampled(bundle, sampling, G, test, 1, folder, "single", seed), device)
    single = one.antidots[:, 0], one.ldos[:, 0]
    part = slice(about["consensus_curves"])
    many = sampled(bundle, sampling, G[part], test[part], sampling.samples, folder, "consensus", seed)
    answer = decode.conclude(many, device)
    library = parts["train"]
    near = library[metrics.nearest_curve(pairs.conductance[library[:, 0], library[:, 1]], G)]
    seen = values(train)
    own_answer = decode.conclude(sampled(bundle, sampling, seen[0], train, 1, folder, "train", seed), device)
    once = dataclasses.replace(sampling, steps=1)
    predicted = decode.conclude(sampled(bundle, once, G, test, 1, folder, "one step", seed), device)
    other = np.roll(np.arange(len(test)), 1)  # rows are in random order already
    table = {
        "single": scores(device, single[0], antidots, single[1], truth, seed),
        "consensus": scores(device, answer.consensus, antidots[part], answer.image, truth[part], seed),
        "one_step": scores(device, predicted.antidots[:, 0], antidots, predicted.ldos[:, 0], truth, seed),
        "shuffled": scores(device, single[0][other], antidots, single[1][other], truth, seed),
        "nearest": scores(device, pairs.antidots[near[:, 1]], antidots, pairs.ldos[near[:, 0], near[:, 1]], truth, seed),
        "train": scores(device, own_answer.antidots[:, 0], seen[2], own_answer.ldos[:, 0], seen[1], seed),
    }
    head = head_positions(bundle, G)
    if head is not None:
        table["curve_head"] = scores(device, geometry.canonical(head, device), antidots)
    notes = {"rows": {name: ROWS[name] for name in table}, "columns": COLUMNS}
    result = {**about, **table, "notes": notes}
    Path(out).parent.mkdir(parents=True, exist_ok=True)
    write_json(out, result)
    shutil.rmtree(folder, ignore_errors=True)
    report(as_table(result))
    report(f"written to {out}")
    return result


def cells(result):
    """The table of an evaluate.json as rows of texts, header first; one column a row of ROWS, intervals in brackets."""
    lines = {"n": "curves", "within_0": "exact", "within_1": "within 1 site", "within_2": "within 2 sites",
             "r_median": "Pearson r, median", "r_high": f"r >= {HIGH}", "r_outside_median": "r outside antidots, median",
             "r_outside_high": f"r outside >= {HIGH}"}
    names = [name for name in ROWS if name in result]
    table = [["", *(name.replace("_", " ") for name in names)]]
    for key, title in lines.items():
        form = "" if key == "n" else ".3f" if "median" in key else ".1%"
        table.append([title] + [_cell(result[name], key, form) for name in names])
    return table


def _cell(row, key, form):
    """'97.4% (95.6% to 98.5%)', or '-' where the row has no such column."""
    if key not in row:
        return "-"
    bounds = row.get(f"{key}_interval")
    return f"{row[key]:{form}}" + (f" ({bounds[0]:{form}} to {bounds[1]:{form}})" if bounds else "")


def as_table(result):
    """The table as text in columns."""
    table = cells(result)
    widths = [max(map(len, column)) for column in zip(*table)]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in table)


def as_markdown(result):
    """The table in Markdown."""
    header, *rows = ["| " + " | ".join(row) + " |" for row in cells(result)]
    return "\n".join([header, "|" + " --- |" * len(cells(result)[0]), *rows])
