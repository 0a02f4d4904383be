"""`qfp evaluate vae`: the two-stage baseline beside the diffusion model, on the same test curves by
the same scores.

The paper says that the earlier model reads restricted configurations well and fails on general
ones. Here that is measured, and so is what could be the reason: the blur of the autoencoder, the
two stages, or the amount of data.
"""

import dataclasses
import json
from pathlib import Path

import numpy as np

from qfp.data import dataset
from qfp.decoding import metrics, positions
from qfp.model import exported
from qfp.studies import accuracy, frame, intervals, scoring, tables
from qfp.studies.two_stage.network import load_vae
from qfp.studies.two_stage.settings import load_baseline
from qfp.studies.two_stage.train_vae import decoded, drawn, reconstructed, restricted_pairs
from qfp.tools import SettingsError, as_dict, digest, project_root, stream

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
    """Rows of scores on one set of test curves, their hits for paired differences, and quantiles of
    r."""

    def __init__(self, pairs, rows, seed):
        (p, n), self.device, self.seed = rows.T, pairs.device, seed
        self.rows, self.curves, self.truth, self.antidots = (
            rows,
            pairs.conductance[p, n],
            pairs.ldos[p, n],
            pairs.antidots[n],
        )
        self.scores, self.hits, self.r = {}, {}, {}

    def add(self, name, images):
        """Score LDOS images (B, L, W) of these curves; positions are read from them."""
        answer = (
            self.device,
            positions.recover(images, self.device),
            self.antidots,
            images,
            self.truth,
        )
        self.scores[name], self.hits[name] = (
            scoring.scores(*answer, self.seed),
            scoring.hits(*answer),
        )
        self.r[name] = np.quantile(metrics.pearson(images, self.truth), QUANTILES).round(4).tolist()

    def add_vae(self, model, normal, folder):
        """The rows that a baseline gives by itself. folder: names the stream from which latents are
        drawn."""
        self.add("two_stage", decoded(model, normal, self.curves))
        self.add(
            "two_stage_sample",
            drawn(model, normal, self.curves, stream(f"vae {folder}", self.seed)),
        )
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


def run_vae(
    config,
    weights,
    data="data/laptop.h5",
    out="results/vae.json",
    curves=1000,
    folder="runs/vae",
    names=("vae", "vae-restricted"),
    baseline=None,
    report=print,
):
    """Score the baseline, trained by `qfp train-vae` into `folder` and exported as `names`, beside
    the diffusion model `weights`; writes `out`, returns it. curves: test configurations of the
    general set, one potential each.

    Raises SettingsError where one of them was trained on other data, or the folder lacks what is
    not shipped."""
    frame.check_use(out, curves=curves)
    decoder, pairs, parts, about = frame.opened(weights, data, config.seed)
    baseline = load_baseline() if baseline is None else baseline
    folder, seed, sampling = (
        Path(folder),
        config.seed,
        dataclasses.replace(config.sampling, samples=1),
    )
    if not (folder / "sweep.json").is_file():
        raise SettingsError(f"{folder} lacks sweep.json: `make vae` trains what is not shipped")
    restricted = restricted_pairs(config.device, baseline.restricted, folder)
    own = dataset.split(len(restricted.antidots), len(restricted.potentials), "config", seed)
    vaes = {
        name: opened(name, on, what)
        for name, on, what in zip(
            names, (pairs, restricted), (data, "the restricted set"), strict=True
        )
    }
    other = {name: opened(folder / f"{name}.safetensors", pairs, data) for name in ("few", "joint")}

    test = frame.choose_rows(parts, "test", curves, seed)
    about |= {"curves": len(test), **as_dict(sampling)}
    blocks = project_root() / "runs" / f"evaluate-vae-{digest(about, accuracy.BLOCK)[:12]}"
    table = Table(pairs, test, seed)
    report(
        f"{len(test)} test configurations; blocks of the diffusion model's samples in "
        f"{blocks.relative_to(project_root())}"
    )
    table.add_vae(*vaes[names[0]][:2], "general")
    table.add("one_stage", decoded(*other["joint"][:2], table.curves))
    table.add("few", decoded(*other["few"][:2], table.curves))
    for name, settings in (
        ("single", sampling),
        ("one_step", dataclasses.replace(sampling, steps=1)),
    ):
        table.add(
            name, frame.sampled(decoder, settings, table.curves, test, 1, blocks, name, seed)[:, 0]
        )
    known = Table(
        pairs, frame.choose_rows(parts, "train", min(curves, accuracy.TRAIN_CURVES), seed), seed
    )
    known.add("train", decoded(*vaes[names[0]][:2], known.curves))

    small = Table(restricted, frame.choose_rows(own, "test", curves, seed), seed)
    small.add_vae(*vaes[names[1]][:2], "restricted")
    seen = Table(
        restricted, frame.choose_rows(own, "train", min(curves, accuracy.TRAIN_CURVES), seed), seed
    )
    seen.add("train", decoded(*vaes[names[1]][:2], seen.curves))

    networks = {
        name: {
            "weights_sha256": exported.weights_hash(name),
            "config_sha256": digest(meta["config"]),
            **{
                key: meta[key]
                for key in ("vae", "parameters", "training_pairs", "stage_minutes", "data")
            },
        }
        for name, (_, _, meta) in vaes.items()
    }
    sweep = json.loads((folder / "sweep.json").read_text())
    result = {
        **about,
        "networks": networks,
        "upper": list(baseline.restricted.upper),
        "configurations": {"general": len(pairs.antidots), "restricted": len(restricted.antidots)},
        "general": table.as_dict() | known.scores,
        "restricted": small.as_dict() | seen.scores,
        "sweep": sweep,
        "minutes": {
            **{name: sum(meta["stage_minutes"]) for name, (_, _, meta) in vaes.items()},
            **{name: meta["minutes"] for name, (_, _, meta) in other.items()},
            "sweep": sum(row["minutes"] for row in sweep["rows"]),
            "second_rows": sum(row["minutes"] for row in sweep["second_rows"]),
        },
        "notes": NOTES,
    }
    text = "\n\n".join(
        f"{name}\n{accuracy.as_table(part.scores)}"
        for name, part in (("general", table), ("restricted", small))
    )
    return frame.finished(out, result, [blocks], text, report)


def best_share(quantiles, share):
    """Pearson r that a share of the curves reaches, from the quantiles of a row of 'r'."""
    return float(np.interp(1 - share, QUANTILES, quantiles))


def sweep_table(rows, best):
    """Rows of a sweep in Markdown, the chosen one marked."""
    lines = [
        "| change | parameters | minutes | r of the image from the curve | exact from the curve | "
        "r of the reconstruction |",
        "| --- " * 6 + "|",
    ]
    for row in rows:
        change = ", ".join(f"{key} {value:g}" for key, value in row["changes"].items()) or "none"
        reconstruction = (
            tables.cell(row["reconstruction"], "r_median", ".3f")
            if "reconstruction" in row
            else "as above"
        )
        lines.append(
            f"| {change}{' (chosen)' if row['changes'] == best else ''} | "
            f"{row['parameters'] / 1e6:.1f} M | "
            f"{row['minutes']:.1f} | {accuracy.cell(row['curve'], 'r_median', '.3f')} | "
            f"{accuracy.cell(row['curve'], 'within_0', '.1%')} | {reconstruction} |"
        )
    return "\n".join(lines)
