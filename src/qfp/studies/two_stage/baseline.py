"""Does the earlier two-stage model fail on general configurations, and why?

The baseline beside the diffusion model, on the same test curves by the same scores. The paper says
that the earlier model reads restricted configurations well and fails on general ones. Here that is
measured, and so is what could be the reason: the blur of the autoencoder, the two stages, or the
amount of data.
"""

import dataclasses
import json
from pathlib import Path

import numpy as np

from qfp.data import dataset
from qfp.decoding import metrics, positions
from qfp.model import exported
from qfp.model.vae import decoded, load_vae
from qfp.studies import frame, intervals, scoring, tables
from qfp.studies.frame import Option, Study
from qfp.studies.two_stage.images import drawn, reconstructed
from qfp.studies.two_stage.restricted import restricted_pairs
from qfp.studies.two_stage.settings import load_baseline
from qfp.tools import SettingsError, as_dict, digest, stream

TRAIN_CURVES = 300  # training configurations that are decoded, too
QUANTILES = np.linspace(0, 1, 101)
ROWS = {
    "two_stage": "image of the curve's most probable latent: what both stages give",
    "two_stage_sample": "image of a latent drawn from the curve's Gaussian",
    "reconstruction": "image of the true image's latent, no curve: what the first stage leaves at "
    "best",
    "one_stage": "two_stage after both stages were trained on as one, from curve to image",
    "train": "two_stage on configurations of the training set",
    "few": "two_stage of a network that trained on as few of the general configurations as the "
    "restricted set has, as long as "
    "the restricted one did",
    "single": "the diffusion model, " + scoring.ROWS["single"],
    "one_step": "the diffusion model, " + scoring.ROWS["one_step"],
}
PAIRS = {  # what is compared with what, on the same curves
    "reading": ("reconstruction", "two_stage", "lost on the way from the curve to the latent"),
    "stages": ("one_stage", "two_stage", "gained by training both stages as one"),
    "data": ("two_stage", "few", "gained by more configurations and steps"),
    "diffusion": ("single", "two_stage", "the diffusion model's lead"),
    "diffusion_mean": ("one_step", "two_stage", "its lead where it, too, gives a mean"),
}
NOTES = {
    "rows": ROWS,
    "columns": scoring.COLUMNS,
    "differences": {
        name: f"{a} - {b}: {text}; paired 95 % interval" for name, (a, b, text) in PAIRS.items()
    },
    "r": "Pearson r of all curves of a row, its quantiles at 0, 0.01, ... 1",
    "sweep": "rows: short runs that differ in a row of changes, scored on development "
    "configurations; the best (largest median "
    "r of 'curve') was trained in full, with each second stage of second_rows, of which the best "
    "was kept",
    "minutes": "of one core: both stages of each network, of 'joint' (one_stage) its further "
    "training alone; rows and "
    "second_rows of the sweep",
}


class Table:
    """Rows of scores on one set of curves, hits for paired differences, and quantiles of r."""

    def __init__(self, pairs, rows, seed):
        (p, n), self.device, self.seed = rows.T, pairs.device, seed
        self.rows, self.curves, self.truth = rows, pairs.conductance[p, n], pairs.ldos[p, n]
        self.antidots = pairs.antidots[n]
        self.scores, self.hits, self.r = {}, {}, {}

    def add(self, name, images):
        """Score LDOS images (B, L, W) of these curves; positions are read from them."""
        found = positions.recover(images, self.device)
        answers = scoring.Answers(found, images, self.antidots, self.truth)
        self.scores[name] = answers.scores(self.device, self.seed)
        self.hits[name] = answers.hits(self.device)
        self.r[name] = np.quantile(metrics.pearson(images, self.truth), QUANTILES).round(4).tolist()

    def add_vae(self, model, normal, folder):
        """The rows that a baseline gives by itself. folder: names the stream from which latents are
        drawn."""
        rng = stream(f"vae {folder}", self.seed)
        self.add("two_stage", decoded(model, normal, self.curves))
        self.add("two_stage_sample", drawn(model, normal, self.curves, rng))
        self.add("reconstruction", reconstructed(model, normal, self.truth))

    def as_dict(self):
        """What the result says of it."""
        differences = {
            name: intervals.differences(self.hits[a], self.hits[b])
            for name, (a, b, _) in PAIRS.items()
            if a in self.hits and b in self.hits
        }
        return {**self.scores, "differences": differences, "r": self.r}


def opened(path, pairs, name):
    """Baseline weights that belong to `pairs`: model, Normalisation, meta. Raises SettingsError
    where they do not."""
    model, _, normal, meta = load_vae(path)
    frame.check_data(meta, pairs, name, path)
    return model, normal, meta


def networks_of(run, restricted):
    """{'general', 'restricted', 'few', 'joint'}: (model, Normalisation, meta). Raises SettingsError
    where one of them was trained on other data, or the folder lacks what is not shipped."""
    folder, data = Path(run.options.folder), run.data
    general, small = run.options.names
    return {
        "general": opened(general, run.pairs, data),
        "restricted": opened(small, restricted, "the restricted set"),
        **{n: opened(folder / f"{n}.safetensors", run.pairs, data) for n in ("few", "joint")},
    }


def described(name, meta):
    """What the result says of a baseline's weights."""
    keys = ("vae", "parameters", "training_pairs", "stage_minutes", "data")
    return {
        "weights_sha256": exported.weights_hash(name),
        "config_sha256": digest(meta["config"]),
        **{key: meta[key] for key in keys},
    }


def on_general(run, found, test):
    """Table of all rows on the general test curves, and that of training ones."""
    pairs, seed = run.pairs, run.seed
    table = Table(pairs, test, seed)
    table.add_vae(*found["general"][:2], "general")
    table.add("one_stage", decoded(*found["joint"][:2], table.curves))
    table.add("few", decoded(*found["few"][:2], table.curves))
    for name, settings in (
        ("single", run.sampling),
        ("one_step", dataclasses.replace(run.sampling, steps=1)),
    ):
        table.add(name, run.samples(name, table.curves, test, 1, settings)[:, 0])
    known = Table(pairs, run.rows("train", min(run.options.curves, TRAIN_CURVES)), seed)
    known.add("train", decoded(*found["general"][:2], known.curves))
    return table, known


def on_restricted(run, pairs, network):
    """The same of the restricted set, by the network that was trained on it."""
    number, seed = run.options.curves, run.seed
    own = dataset.split(len(pairs.antidots), len(pairs.potentials), "config", seed)
    table = Table(pairs, frame.choose_rows(own, "test", number, seed), seed)
    table.add_vae(*network[:2], "restricted")
    few = frame.choose_rows(own, "train", min(number, TRAIN_CURVES), seed)
    known = Table(pairs, few, seed)
    known.add("train", decoded(*network[:2], known.curves))
    return table, known


def measure(run):
    """Score the baseline, trained by `qfp train-vae` into a folder and exported, beside the
    diffusion model."""
    baseline, folder = load_baseline(), Path(run.options.folder)
    run.sampling = dataclasses.replace(run.sampling, samples=1)
    if not (folder / "sweep.json").is_file():
        raise SettingsError(f"{folder} lacks sweep.json: `make vae` trains what is not shipped")
    restricted = restricted_pairs(run.config.device, baseline.restricted, folder)
    found, test = networks_of(run, restricted), run.rows("test", run.options.curves)
    sampling = as_dict(run.sampling)
    run.start(f"{len(test)} test configurations", curves=len(test), **sampling)
    table, known = on_general(run, found, test)
    small, seen = on_restricted(run, restricted, found["restricted"])
    shipped = dict(zip(run.options.names, (found["general"][2], found["restricted"][2])))
    sweep = json.loads((folder / "sweep.json").read_text())
    runs = {"sweep": "rows", "second_rows": "second_rows"}
    numbers = {"general": len(run.pairs.antidots), "restricted": len(restricted.antidots)}
    return {
        "networks": {name: described(name, meta) for name, meta in shipped.items()},
        "upper": list(baseline.restricted.upper),
        "configurations": numbers,
        "general": table.as_dict() | known.scores,
        "restricted": small.as_dict() | seen.scores,
        "sweep": sweep,
        "minutes": {
            **{name: sum(meta["stage_minutes"]) for name, meta in shipped.items()},
            **{name: found[name][2]["minutes"] for name in ("few", "joint")},
            **{key: sum(row["minutes"] for row in sweep[name]) for key, name in runs.items()},
        },
    }


def show(result):
    """Tables of scores on the general and on the restricted set."""
    parts = []
    for name in ("general", "restricted"):
        rows = {key: row for key, row in result[name].items() if key in ROWS}
        parts.append(f"{name}\n{tables.columns(tables.scores_table(rows))}")
    return "\n\n".join(parts)


def best_share(quantiles, share):
    """Pearson r that a share of the curves reaches, from the quantiles of a row of 'r'."""
    return float(np.interp(1 - share, QUANTILES, quantiles))


def sweep_table(rows, best):
    """Rows of a sweep in Markdown, the chosen one marked."""
    table = [
        [
            "change",
            "parameters",
            "minutes",
            "r of the image from the curve",
            "exact from the curve",
            "r of the reconstruction",
        ]
    ]
    for row in rows:
        change = ", ".join(f"{key} {value:g}" for key, value in row["changes"].items()) or "none"
        chosen, other = " (chosen)" if row["changes"] == best else "", row.get("reconstruction")
        table.append(
            [
                f"{change}{chosen}",
                f"{row['parameters'] / 1e6:.1f} M",
                f"{row['minutes']:.1f}",
                tables.cell(row["curve"], "r_median", ".3f"),
                tables.cell(row["curve"], "within_0", ".1%"),
                tables.cell(other, "r_median", ".3f") if other else "as above",
            ]
        )
    return tables.markdown(table)


STUDY = Study(
    name="vae",
    measure=measure,
    show=show,
    notes=NOTES,
    result="vae",
    options={
        "curves": Option(1000, "test configurations"),
        "folder": Option("runs/vae", "what `qfp train-vae` wrote", kind=str),
        "names": Option(("vae", "vae-restricted"), "weights of both sets", kind=str, many=True),
    },
)
