"""What does each choice bring in a short training?

One change a row, equal numbers of gradient passes. Every row is trained from random weights,
decodes the same development curves from the same noise a few times, and is looked at more closely
at its end. Finished rows are kept, and several processes may train rows at the same time
(`--rows`); the call that finds all of them finished writes the result.
"""

import json
import shutil

import numpy as np
import torch

from qfp import tools
from qfp.data import dataset, generate
from qfp.model.exported import network_of
from qfp.model.precision import here, processor
from qfp.studies import scoring, tables, timing
from qfp.studies.frame import Option, Study
from qfp.studies.short import learning
from qfp.studies.short.closer import LEVELS, closer_look, differences, mean_image_error
from qfp.studies.short.course import course, looked_at
from qfp.studies.short.plan import GROUPS, load_plan, passes
from qfp.tools import SettingsError, digest

ROUNDS = 9  # of timing
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


def train_row(run, row, plan, folder, rows, first):
    """Train a row in `folder` and look at it; its part of the result, with the hits of each curve,
    stays in row.json."""
    kept, data = folder / "row.json", run.data
    if kept.is_file():
        return
    if dataset.settings_hash(row.config) != run.pairs.sha256:
        quiet = {"workers": 1, "report": lambda line: None}
        data = generate.generate(row.config, folder / "data.h5", **quiet)
    looks = course(run, row.config, folder, plan["looks"], rows, data)
    hits = [look.pop("hits") for look in looks][-1]
    meta = json.loads((folder / "look.json").read_text())
    found = {
        "changes": row.changes,
        "config_sha256": digest(row.config),
        "parameters": meta["parameters"],
        **{key: meta[key] for key in ("step", "images")},
        "looks": looks,
        "hits": hits,
        **closer_look(row.config, plan["noise"], folder, run.pairs, rows, first, hits),
    }
    tools.write_json(kept, found)
    shutil.rmtree(folder / "run")
    (folder / "data.h5").unlink(missing_ok=True)


def pass_seconds(table):
    """Seconds of a gradient pass of each row of {name: Row}, {name: float}; see NOTES."""
    steps = {
        name: timing.training_step(network_of(row.config), row.config, True, processor())
        for name, row in table.items()
    }
    return {
        name: float(np.median(seconds)) / passes(table[name].config)
        for name, seconds in timing.take_turns(steps, ROUNDS, processor()).items()
    }


def opened(run):
    """The plan, its rows {name: Row} and those to train. Raises SettingsError for a row that the
    plan does not have, and for data that are not those of the preset."""
    plan, table = load_plan(run.config, run.options.plan)
    for name in run.options.rows or ():
        if name not in table:
            raise SettingsError(f"--rows {name}: no such row; there are {', '.join(table)}")
    preset = run.config.preset
    if run.pairs.sha256 != dataset.settings_hash(run.config):
        raise SettingsError(
            f"{run.data} is not the dataset of preset {preset}: `qfp dataset --preset {preset}` "
            "makes it"
        )
    return plan, table, run.options.rows or list(table)


def together(table, found):
    """Rows {name: dict} with what a pass costs, and differences to the first."""
    seconds, hits = pass_seconds(table), {name: row.pop("hits") for name, row in found.items()}
    first = next(iter(table))
    for name, row in found.items():
        row["pass_s"] = seconds[name]
        for look in row["looks"]:
            look["minutes"] = look["step"] * passes(table[name].config) * seconds[name] / 60
        if name != first:
            row["difference"] = differences(hits[name], hits[first])
    return found


def measure(run):
    """Train the rows that are not finished, or those named; None while rows are missing."""
    plan, table, wanted = opened(run)
    chosen, first, config = looked_at(run), next(iter(table)), run.config
    precision, folders = here(config.training.precision), {}
    for name, row in table.items():
        folders[name] = run.place(row.config, plan, run.pairs.sha256, len(chosen), precision)
        if name in wanted:
            run.report(
                f"{name}: {plan['passes']} gradient passes, {plan['looks']} looks at "
                f"{len(chosen)} development curves; run in {folders[name]}"
            )
            train_row(run, row, plan, folders[name], chosen, name == first)
    missing = [name for name, folder in folders.items() if not (folder / "row.json").is_file()]
    if missing:
        run.report(f"not trained yet: {', '.join(missing)}")
        return None
    rows = {name: json.loads((path / "row.json").read_text()) for name, path in folders.items()}
    return {
        "config_sha256": digest(config),
        "data_sha256": run.pairs.sha256,
        "split": config.training.split,
        "seed": config.seed,
        "curves": len(chosen),
        **plan,
        "threads": torch.get_num_threads(),
        "clock": timing.clock(processor()),
        "levels": LEVELS.tolist(),
        "precision": precision,
        "torch": torch.__version__,
        "mean_image": mean_image_error(run.pairs, run.parts["train"], chosen, config.seed),
        "reference": first,
        "rows": together(table, rows),
    }


def show(result):
    """A line for each row; in brackets the difference to the first row, for the last weights that
    to the averaged ones, and 95 % intervals."""
    header = ["row", "minutes", "x0 error; without the curve", "within 1 site", "exact"]
    table = [[*header, "r, median; last weights", "exact, last weights"]]
    for name, row in result["rows"].items():
        look, last, error = row["looks"][-1], row["last_weights"], row["x0_error"]
        low, high = error["given_interval"]
        shares = (
            tables.against(look, key, row.get("difference")) for key in ("within_1", "within_0")
        )
        table.append(
            [
                name,
                f"{look['minutes']:.1f}",
                f"{error['given']:.3f} ({low:.3f} to {high:.3f}); {error['null']:.3f}",
                *shares,
                f"{tables.cell(look, 'r_median', '.3f')}; {last['r_median']:.3f}",
                tables.against(last, "within_0", last["difference"]),
            ]
        )
    return tables.markdown(table)


def preface(result):
    """What the columns of `show` are, as text."""
    levels, blind = result["levels"], tables.cell(result["mean_image"], "error", ".3f")
    lines = [
        f"{result['passes']:,} gradient passes a row, {result['curves']} development curves a look",
        "x0 error: mean square error of the image predicted in one evaluation, mean over noise "
        "levels σ/α",
        f"  {levels[0]:.0f} to {levels[-1]:.0f}, in units of the images' variance; of the mean of "
        "all training",
        f"  images in place of a prediction: {blind}",
        "brackets: 95 % intervals, for shares after the paired difference from "
        f"{result['reference']},",
        "  for the last weights from the averaged ones of the same row",
    ]
    return "\n".join(lines)


def lines(result):
    """Columns of a bench_ablations.json for figures.network.ablations: {row: (minutes (K,), {score:
    (3, K)})}."""
    return {name: learning.lines(row) for name, row in result["rows"].items()}


def panels(result):
    """Arguments of figures.network.ablations: the rows' `lines`, the scores that are drawn, and
    groups of rows {title: names}."""
    return lines(result), list(learning.COLUMNS)[:2], GROUPS


STUDY = Study(
    name="ablations",
    measure=measure,
    show=show,
    notes=NOTES,
    result="bench_ablations",
    needs=("images",),
    options={
        "curves": Option(300, "development configurations of a look"),
        "rows": Option(None, "train these rows alone", kind=str, many=True),
        "plan": Option(None, "file with the rows: presets/ablations.yaml", kind=str),
    },
)
