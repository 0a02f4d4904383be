"""`qfp bench ablations`: what each choice brings in a short training. One change a row, equal
numbers of gradient passes.

Every row is trained from random weights as in `learn`, stopped a few times to decode the same
development curves from the same noise, and looked at more closely at its end. Finished rows are
kept, so a killed run resumes, and several processes may train rows at the same time (`--rows`); the
call that finds all of them finished writes the result.
"""

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import torch
import yaml

from qfp import tools
from qfp.config import SECTIONS, check
from qfp.data import dataset, generate, normalise
from qfp.decoding import decode, one_step
from qfp.model import exported
from qfp.model.precision import arithmetic
from qfp.studies import accuracy, frame, intervals, scoring
from qfp.studies.networks import diagnose
from qfp.studies.short import learning
from qfp.studies.speed import race
from qfp.tools import SettingsError, as_dict, digest, project_root, stream
from qfp.training import checkpoint

ROUNDS = 9  # of timing
LEVELS = np.geomspace(5.0, 40.0, 4)  # σ/α where the noisy image says little, and the curve has to
NOTES = {
    "rows": "one training each, in all settings the preset's except for `changes`; curves, noise "
    "and looks are the same",
    "passes": "gradient passes of every row; a step of SAM takes two, so it has half the steps and "
    "sees half the images",
    "looks": "single samples of the averaged weights on development curves (unseen configurations, "
    "one potential each); the "
    "last one is the row's score",
    "x0_error": "mean square of predicted - true image over the sites, in units of the training "
    "images' variance over theirs, "
    "with the curve ('given') and without ('null'); mean over curves and over σ/α of `levels`; 95 "
    "% bootstrap "
    "interval over curves. mean_image: that of the mean of the training images in place of a "
    "prediction",
    "last_weights": "the last look with the weights of the last step in place of the exponential "
    "moving average, whose memory "
    "is a ninth of the steps so far at most; `difference`: minus the averaged weights, paired "
    "(Tango)",
    "noisy": "the last look with white noise of `noise` e^2/h on the curves",
    "first_potential": "the last look with the same configurations, all under the first potential: "
    "the only one in the "
    "training data of the row that has one",
    "difference": "share minus that of the first row on the same curves and noise; 95 % interval, "
    "paired (Tango)",
    "pass_s": "seconds of a gradient pass: rows in turn, in one process with one set of batches, "
    "median over rounds; read from "
    "`clock` ('processor': time on the processor, where one thread computes; 'wall' otherwise)",
    "minutes": "passes times pass_s: what training costs, without data, looks, and whatever else "
    "the machine had to do",
    "columns": scoring.COLUMNS,
}


@dataclasses.dataclass(frozen=True)
class Row:
    """One training of the table."""

    changes: dict  # {section: {setting: value}}
    config: object


def passes(config):
    """Gradient passes of a step."""
    return 2 if config.training.optimizer == "sam" else 1


def load_plan(config, path=None):
    """The plan of a YAML file, by default presets/ablations.yaml: {passes, looks, noise}, and
    {name: Row}.

    Raises SettingsError for a change that no preset could have."""
    path = project_root() / "presets" / "ablations.yaml" if path is None else Path(path)
    plan = yaml.safe_load(path.read_text())
    rows = {}
    for name, changes in plan.pop("rows").items():
        where, values = f"{path.name}, {name}", as_dict(config)
        for section, change in changes.items():
            if section not in SECTIONS:
                raise SettingsError(
                    f"{where}: {section} is no section; a row changes {', '.join(SECTIONS)}"
                )
            values[section] |= change
        own = exported.config_of(values, where)
        check(own, where)
        training = dataclasses.replace(
            own.training, minutes=0.0, max_steps=plan["passes"] // passes(own)
        )
        rows[name] = Row(changes, dataclasses.replace(own, training=training))
    return plan, rows


def x0_error(decoder, pairs, rows, seed):
    """Square errors (B,) of the image predicted in one evaluation, mean over LEVELS: {'given',
    'null'}, see NOTES."""
    constants, schedule = decoder.normal, decoder.schedule
    p, n = rows.T
    truth, seeds = (
        pairs.ldos[p, n].astype(np.float32),
        [s for (s,) in frame.noise_seeds(rows, 1, seed)],
    )
    steps = [int(abs(np.log(diagnose.ratio(schedule) / level)).argmin()) for level in LEVELS]
    found = one_step.predicted(decoder, pairs.conductance[p, n], truth, seeds, steps)
    unit = constants.spread(truth.shape[1])
    return {
        name: (((images - truth) / unit) ** 2).mean((0, 2, 3)) for name, images in found.items()
    }


def mean_image_error(pairs, train, rows, seed):
    """Square error of the mean of the training images, train (M, 2), on `rows` (B, 2), in the unit
    of `x0_error`."""
    (p, n), (q, m) = train.T, rows.T
    mean = sum(
        pairs.ldos[p[part], n[part]].sum(axis=0, dtype=float)
        for part in np.array_split(np.arange(len(train)), 64)
    )
    unit = normalise.normalisation(pairs, train).spread(mean.shape[0])
    errors = np.square((mean / len(train) - pairs.ldos[q, m]) / unit).mean((1, 2))
    return {
        "error": float(errors.mean()),
        "error_interval": list(intervals.bootstrap(errors, np.mean, seed)),
    }


def last_weights(run, decoder):
    """`decoder` with the weights of the last step of a run in place of the averaged ones."""
    model = exported.network_of(decoder.config)
    exported.strict_load(
        model, exported.part(exported.read(run / checkpoint.CHECKPOINT)[0], "model"), run
    )
    return dataclasses.replace(decoder, model=model.eval())


def differences(ours, others):
    """Paired differences of shares, from lists of hits by score: see `metrics.differences`."""
    return intervals.differences(
        *({key: np.array(hit) for key, hit in hits.items()} for hits in (ours, others))
    )


def closer_look(config, noise, folder, pairs, rows, first, hits):
    """What a finished row is worth beyond its looks. first: the row with which others are compared
    has every score; hits: those of the last look, by score."""
    seed, decoder, (p, n) = config.seed, decode.load_decoder(folder / "look.safetensors"), rows.T

    def scores(decoder, rows=rows, curves=None, compared=False):
        found = learning.decoded(decoder, config.sampling, pairs, rows, seed, curves)
        own = found.pop("hits")
        return found | ({"difference": differences(own, hits)} if compared else {})

    errors = x0_error(decoder, pairs, rows, seed)
    found = {
        "x0_error": {name: float(values.mean()) for name, values in errors.items()}
        | {
            f"{name}_interval": list(intervals.bootstrap(values, np.mean, seed))
            for name, values in errors.items()
        }
    }
    if first or config.training.curve_noise:
        white = np.stack(
            [
                stream("ablation noise", seed, *r).standard_normal(len(pairs.device.fields))
                for r in rows.tolist()
            ]
        )
        found["noisy"] = scores(decoder, curves=pairs.conductance[p, n] + noise * white)
    if first or config.dataset.potentials < len(pairs.potentials):
        found["first_potential"] = scores(decoder, np.stack([np.zeros_like(n), n], axis=1))
    return found | {"last_weights": scores(last_weights(folder / "run", decoder), compared=True)}


def run_row(row, plan, folder, data, pairs, rows, first, report):
    """Train a row in `folder` and look at it; returns its part of the result, with the hits of each
    curve."""
    kept = folder / "row.json"
    if not kept.is_file():
        if dataset.settings_hash(row.config) != pairs.sha256:
            data = generate.generate(
                row.config, folder / "data.h5", workers=1, report=lambda line: None
            )
        looks = learning.course(row.config, data, folder, plan["looks"], pairs, rows, report)
        hits = [look.pop("hits") for look in looks][-1]
        meta = json.loads((folder / "look.json").read_text())
        tools.write_json(
            kept,
            {
                "changes": row.changes,
                "config_sha256": digest(row.config),
                "parameters": meta["parameters"],
                **{key: meta[key] for key in ("step", "images")},
                "looks": looks,
                "hits": hits,
                **closer_look(row.config, plan["noise"], folder, pairs, rows, first, hits),
            },
        )
        shutil.rmtree(folder / "run")
        (folder / "data.h5").unlink(missing_ok=True)
    return json.loads(kept.read_text())


def pass_seconds(table):
    """Seconds of a gradient pass of each row of {name: Row}, {name: float}; see NOTES."""
    steps = {
        name: race.trainee("ours", row.config, None, row.config.training.precision, False, "cpu")
        for name, row in table.items()
    }
    return {
        name: float(np.median(seconds)) / passes(table[name].config)
        for name, seconds in race.take_turns(steps, ROUNDS, "cpu").items()
    }


def run_ablations(
    config,
    data="data/laptop.h5",
    out="results/bench_ablations.json",
    curves=300,
    rows=None,
    plan=None,
    report=print,
):
    """Train the rows of a plan (a YAML file) that are not finished, or those named; writes `out`
    when all are.

    curves: development configurations of a look. The length of a training is the plan's, whatever
    the preset says. Returns the result, or None while rows are missing. Raises SettingsError for a
    row that the plan does not have, and for data that are not those of the preset."""
    frame.check_use(out, curves=curves)
    plan, table = load_plan(config, plan)
    for name in rows or ():
        if name not in table:
            raise SettingsError(f"--rows {name}: no such row; there are {', '.join(table)}")
    pairs = dataset.load(data)
    if pairs.sha256 != dataset.settings_hash(config):
        raise SettingsError(
            f"{data} is not the dataset of preset {config.preset}: `qfp dataset --preset "
            f"{config.preset}` makes it"
        )
    parts = dataset.split(
        len(pairs.antidots), len(pairs.potentials), config.training.split, config.seed
    )
    chosen = learning.looked_at(parts, curves, config.seed)
    first, folders, precision = next(iter(table)), {}, arithmetic(config.training.precision, "cpu")
    for name, row in table.items():
        folders[name] = (
            project_root()
            / "runs"
            / f"ablation-{digest(row.config, plan, pairs.sha256, len(chosen), precision)[:12]}"
        )
        if rows is None or name in rows:
            report(
                f"{name}: {plan['passes']} gradient passes, {plan['looks']} looks at {len(chosen)} "
                "development curves; "
                f"run in {folders[name].relative_to(project_root())}"
            )
            run_row(row, plan, folders[name], data, pairs, chosen, name == first, report)
    missing = [name for name, folder in folders.items() if not (folder / "row.json").is_file()]
    if missing:
        report(f"not trained yet: {', '.join(missing)}")
        return None
    found = {
        name: json.loads((folder / "row.json").read_text()) for name, folder in folders.items()
    }
    hits = {name: row.pop("hits") for name, row in found.items()}
    seconds = pass_seconds(table)
    for name, row in found.items():
        row["pass_s"] = seconds[name]
        for look in row["looks"]:
            look["minutes"] = look["step"] * passes(table[name].config) * seconds[name] / 60
        if name != first:
            row["difference"] = differences(hits[name], hits[first])
    result = {
        "config_sha256": digest(config),
        "data_sha256": pairs.sha256,
        "split": config.training.split,
        "seed": config.seed,
        "curves": len(chosen),
        **plan,
        "threads": torch.get_num_threads(),
        "clock": race.clock("cpu"),
        "levels": LEVELS.tolist(),
        "precision": precision,
        "torch": torch.__version__,
        "mean_image": mean_image_error(pairs, parts["train"], chosen, config.seed),
        "reference": first,
        "rows": found,
        "notes": NOTES,
    }
    return frame.finished(out, result, folders.values(), as_markdown(result), report)


def as_markdown(result):
    """The table of a bench_ablations.json in Markdown, a line for each row; in brackets the
    difference to the first row, for the last weights that to the averaged ones, and 95 % intervals.
    """
    lines = [
        "| row | minutes | x0 error; without the curve | within 1 site | exact | r, median; last "
        "weights | exact, last weights |",
        "| --- " * 7 + "|",
    ]

    def share(scores, difference, key):
        text = f"{scores[key]:.1%}"
        if difference:
            low, high = difference[f"{key}_interval"]
            text += f" ({difference[key]:+.1%}, {low:+.1%} to {high:+.1%})"
        return text

    for name, row in result["rows"].items():
        look, last, error = row["looks"][-1], row["last_weights"], row["x0_error"]
        low, high = error["given_interval"]
        cells = [
            name,
            f"{look['minutes']:.1f}",
            f"{error['given']:.3f} ({low:.3f} to {high:.3f}); {error['null']:.3f}",
            *(share(look, row.get("difference"), key) for key in ("within_1", "within_0")),
            f"{accuracy.cell(look, 'r_median', '.3f')}; {last['r_median']:.3f}",
            share(last, last["difference"], "within_0"),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def lines(result):
    """Columns of a bench_ablations.json for figures_network.ablations: {row: (minutes (K,), {score:
    (3, K)})}."""
    return {name: learning.lines(row) for name, row in result["rows"].items()}
