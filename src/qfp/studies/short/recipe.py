"""What does the paper's own recipe reach, and what would more images bring?

One training with all of the paper's choices (presets/paper_recipe.yaml), at the size of the preset,
that decodes the same development curves at fixed numbers of images, then is scored on test curves,
with the fast sampler and with the paper's. A line through the looks says what more images would
bring, if it stayed one.
"""

import dataclasses
from pathlib import Path

import numpy as np
import torch
from scipy.special import expit, logit

from qfp.decoding.decode import load_decoder
from qfp.files import output_file
from qfp.model.exported import weights_hash
from qfp.model.precision import here, processor
from qfp.studies import intervals, scoring, tables
from qfp.studies.frame import Option, Study
from qfp.studies.short.course import course, decoded, looked_at
from qfp.studies.short.plan import load_plan
from qfp.tools import SettingsError, digest, project_root
from qfp.training.checkpoint import export

PLAN = "paper_recipe.yaml"
SCORES = ("within_1", "within_0", "r_median")
AHEAD = [digit * 10**k for k in (4, 5, 6) for digit in (1, 2, 5)] + [10**7]  # images
WANTED = 0.95  # share within one site
DRAWS = 2000  # of the bootstrap
NOTES = {
    "looks": "single samples of the averaged weights on development curves (one of each "
    "configuration; with split 'config' configurations not trained on, with 'pair' pairs), the "
    "same curves and noise at each",
    "test": "single samples of the last weights on test curves, as exported: in bf16 where fp32 "
    "takes more than 16 MiB",
    "ancestral": "the same weights, the first of the same curves, the paper's 1000-step sampler; "
    "fast: the sampler of the looks on these curves",
    "fit": "logit of the share within one site = a + b ln(images), least squares weighted by n p "
    "(1 - p), of the looks before the learning rate falls; intervals: bootstrap over the curves. "
    "line: its share at so many images; beyond the looks an "
    "extrapolation: nothing says that the line stays one",
    "columns": scoring.COLUMNS,
}


def line(images, hits):
    """(a, b) (..., 2) of the fit in NOTES, from images (K,) and hits (..., K, n)."""
    n = hits.shape[-1]
    share = (hits.sum(-1) + 0.5) / (n + 1)  # finite where none or all are hit
    x, y, w = np.log(images), logit(share), n * share * (1 - share)
    w = w / w.sum(-1, keepdims=True)
    mean_x, mean_y = ((w * values).sum(-1, keepdims=True) for values in (x, y))
    slope = (w * (x - mean_x) * (y - mean_y)).sum(-1) / (w * (x - mean_x) ** 2).sum(-1)
    return np.stack([mean_y[..., 0] - slope * mean_x[..., 0], slope], axis=-1)


def fitted(looks, before, seed):
    """What the looks up to `before` images say of more of them: see NOTES."""
    chosen = [look for look in looks if look["images"] <= before]
    if len(chosen) < 2:
        raise SettingsError("looks: two or more must come before the learning rate falls")
    images = np.array([look["images"] for look in chosen])
    hits = np.array([look["hits"]["within_1"] for look in chosen])
    n = hits.shape[1]
    again = np.random.default_rng(seed).integers(n, size=(DRAWS, n))
    own, lines = line(images, hits), np.stack([line(images, hits[:, drawn]) for drawn in again])

    def with_interval(value):
        low, high = np.quantile(value(*lines.T), [0.025, 0.975])
        return {"value": float(value(*own)), "interval": [float(low), float(high)]}

    return {
        "looks": len(chosen),
        "a": float(own[0]),
        "b": with_interval(lambda a, b: b),
        "line": {
            str(more): with_interval(lambda a, b, more=more: expit(a + b * np.log(more)))
            for more in AHEAD
        },
        "wanted": WANTED,
    }


def with_samplers(run, config, decoder, test):
    """Scores on test rows with the config's sampler, and on the first of them with the paper's."""
    few = test[: run.options.ancestral]
    slow = dataclasses.replace(config.sampling, sampler="ancestral", steps=config.diffusion.steps)
    ways = {
        "test": (config, test),
        "fast": (config, few),
        "ancestral": (dataclasses.replace(config, sampling=slow), few),
    }
    found = {name: decoded(decoder, own, run.pairs, rows) for name, (own, rows) in ways.items()}
    hits = {name: scores.pop("hits") for name, scores in found.items()}
    ours, theirs = (
        {k: np.array(v) for k, v in hits[name].items()} for name in ("ancestral", "fast")
    )
    found["ancestral"]["difference"] = intervals.differences(ours, theirs)
    return found


def measure(run):
    """Train the row of the plan, look at it on its way, and score its end."""
    path = run.options.plan or project_root() / "presets" / PLAN
    plan, table = load_plan(run.config, path, run.options.passes)
    if len(table) > 1:
        raise SettingsError(f"{', '.join(table)}: the plan must have one row")
    ((name, row),) = table.items()
    if run.options.export:
        output_file(f"{run.options.export}.safetensors", "--export", replace=True)
    config, training = row.config, row.config.training
    rows, test = looked_at(run), run.rows("test", run.options.test)
    how = here(training.precision)
    folder = run.place(config, plan, run.pairs.sha256, len(rows), how)
    run.report(
        f"{name}: {plan['passes']} gradient passes, {plan['looks']} looks at {len(rows)} "
        f"development curves; run in {folder}"
    )
    looks = course(run, config, folder, plan["looks"], rows)
    out = Path(run.options.export or folder / "end")
    parameters = export(folder / "run", out)["parameters"]
    before = (1 - training.cooldown) * training.max_steps * training.batch
    fit = fitted(looks, before, run.seed)
    for look in looks:
        del look["hits"]
    return {
        "config_sha256": digest(config),
        "data_sha256": run.pairs.sha256,
        "split": training.split,
        "seed": run.config.seed,
        "preset": run.config.preset,
        "precision": how,
        "curves": len(rows),
        **plan,
        "changes": row.changes,
        "parameters": parameters,
        "processor": torch.cuda.get_device_name() if processor() == "cuda" else "cpu",
        "network_sha256": weights_hash(f"{out}.safetensors"),
        "looks": looks,
        "fit": fit,
        **with_samplers(run, config, load_decoder(f"{out}.safetensors", processor()), test),
    }


def show(result):
    """A line for each look, for the test curves, and what the fit says."""
    table = [["images", *SCORES]]
    for look in result["looks"]:
        cells = (tables.cell(look, key, ".1%" if key != "r_median" else ".3f") for key in SCORES)
        table.append([f"{look['images']:,}", *cells])
    fit = result["fit"]
    text = [tables.markdown(table), ""]
    for name in ("test", "fast", "ancestral"):
        text.append(f"{name}: within one site {tables.cell(result[name], 'within_1', '.1%')}")
    for more, row in fit["line"].items():
        low, high = row["interval"]
        text.append(
            f"the line at {int(more):,} images: {row['value']:.1%} ({low:.1%} to {high:.1%})"
        )
    return "\n".join(text)


def courses(results):
    """What `figures.shares.learning_curve` draws of {label: result}: {label: (looks (4, K), end (4,
    1), line (4, M))}, images and share within one site with its interval, of those that are; the
    line to ten times the images seen."""

    def columns(rows):
        return np.array([[n, row["within_1"], *row["within_1_interval"]] for n, row in rows]).T

    found = {}
    for label, result in results.items():
        if result:
            looks = [(look["images"], look) for look in result["looks"]]
            last = looks[-1][0]
            line = [(int(n), r["value"], *r["interval"]) for n, r in result["fit"]["line"].items()]
            known, *shares = np.array(line).T  # straight lines of logits over log images
            images = np.geomspace(known[0], min(10 * last, known[-1]), 50)
            at = (expit(np.interp(np.log(images), np.log(known), logit(own))) for own in shares)
            line = np.stack([images, *at])
            found[label] = columns(looks), columns([(last, result["test"])]), line
    return found


STUDY = Study(
    name="recipe",
    measure=measure,
    show=show,
    notes=NOTES,
    result="recipe",
    needs=("images",),
    options={
        "curves": Option(300, "development configurations of a look"),
        "test": Option(1000, "test configurations of the end"),
        "ancestral": Option(40, "of them for the paper's sampler"),
        "plan": Option(None, f"file with the row: presets/{PLAN}", kind=str),
        "passes": Option(None, "gradient passes in place of the plan's"),
        "export": Option(None, "write the weights of the end there, too", kind=str),
    },
)
