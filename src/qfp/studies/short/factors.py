"""Is self-attention needed where no positions are supplied?

Attention on and off, with position labels for the path of the curve and without, some seeds of
each, equal steps (presets/attention_labels.yaml). What counts as equal is stated there before any
run. Finished rows are kept, and several processes may train rows at the same time (`--rows`); the
call that finds all of them finished writes the result.
"""

import json
import shutil

import numpy as np

from qfp import tools
from qfp.model.precision import arithmetic
from qfp.studies import intervals, scoring, tables
from qfp.studies.frame import Option, Study
from qfp.studies.short.course import course
from qfp.studies.short.plan import load_plan
from qfp.tools import SettingsError, digest, project_root

PLAN = "attention_labels.yaml"
PAIRS = {  # what is subtracted from what, by the names of rows without their seed
    "labels": ("labels+attention", "labels"),
    "no_labels": ("attention", "neither"),
}
SCORES = ("within_1", "within_0", "r_high")
NOTES = {
    "rows": "one training each, equal gradient passes; single samples of the averaged weights on "
    "test curves, the same curves and noise for all",
    "attention": "what attention brings with position labels ('labels') and without ('no_labels'): "
    "share with it minus share without, mean over the seeds and bootstrap interval over the "
    "curves; seeds: the same of each seed (Tango)",
    "verdict": "stated before any run: 'none' where the whole 95 % interval lies within +- margin, "
    "'needed' where it lies above 0, 'harmful' where it lies below, 'undecided' otherwise; "
    "'none' goes first. Other lengths of training may differ",
    "interaction": "what attention brings without labels minus what it brings with them",
    "columns": scoring.COLUMNS,
}


def seeds_of(names):
    """Names of rows by what they have: {'labels': [of seed 1, ...]}. SettingsError where the plan
    is no 2 x 2 with the same number of seeds everywhere."""
    found = {}
    for name in names:
        found.setdefault(name.split(",")[0], []).append(name)
    wanted = {cell for pair in PAIRS.values() for cell in pair}
    if set(found) != wanted or len({len(rows) for rows in found.values()}) != 1:
        raise SettingsError(
            f"{PLAN}: rows must be 'CELL, seed K' with CELL of {', '.join(sorted(wanted))}, as "
            "many seeds each"
        )
    return found


def verdict(interval, margin):
    """What an interval (low, high) of a difference decides, see NOTES."""
    low, high = interval
    if -margin <= low and high <= margin:
        return "none"
    return "needed" if low > 0 else "harmful" if high < 0 else "undecided"


def brought(hits, cells, margin, seed):
    """What attention brings in each of PAIRS, and their difference, of hits {row: {score: bool
    (n,)}}."""
    found, gains = {}, {}
    for name, pair in PAIRS.items():
        found[name] = {}
        with_it, without = (cells[cell] for cell in pair)
        for score in SCORES:
            each = [
                (np.array(hits[a][score]), np.array(hits[b][score]))
                for a, b in zip(with_it, without)
            ]
            gain = np.mean([a.astype(float) - b for a, b in each], axis=0)  # (n,)
            bounds = intervals.bootstrap(gain, np.mean, seed)
            found[name][score] = {
                "difference": float(gain.mean()),
                "interval": list(bounds),
                "verdict": verdict(bounds, margin),
                "seeds": [intervals.differences({score: a}, {score: b}) for a, b in each],
            }
            gains[name, score] = gain
    found["interaction"] = {}
    for score in SCORES:
        change = gains["no_labels", score] - gains["labels", score]
        bounds = intervals.bootstrap(change, np.mean, seed)
        found["interaction"][score] = {"difference": float(change.mean()), "interval": list(bounds)}
    return found


def train_row(run, row, folder, rows):
    """Train a row in `folder` and decode test rows with it: its part of the result."""
    kept = folder / "row.json"
    if not kept.is_file():
        (look,) = course(run, row.config, folder, 1, rows)
        meta = json.loads((folder / "look.json").read_text())
        found = {"changes": row.changes, "parameters": meta["parameters"], **look}
        tools.write_json(kept, found)
        shutil.rmtree(folder / "run")


def measure(run):
    """Train the rows that are not finished, or those named; None while rows are missing."""
    path = run.options.plan or project_root() / "presets" / PLAN
    plan, table = load_plan(run.config, path)
    cells, wanted = seeds_of(table), run.options.rows or list(table)
    for name in wanted:
        if name not in table:
            raise SettingsError(f"--rows {name!r}: no such row; there are {'; '.join(table)}")
    test, folders = run.rows("test", run.options.curves), {}
    for name, row in table.items():
        how = arithmetic(row.config.training.precision, "cpu")
        folders[name] = run.place(row.config, plan, run.pairs.sha256, len(test), how)
        if name in wanted:
            run.report(f"{name}: {plan['passes']} passes; run in {folders[name]}")
            train_row(run, row, folders[name], test)
    missing = [name for name, folder in folders.items() if not (folder / "row.json").is_file()]
    if missing:
        run.report(f"not trained yet: {'; '.join(missing)}")
        return None
    rows = {name: json.loads((path / "row.json").read_text()) for name, path in folders.items()}
    hits = {name: row.pop("hits") for name, row in rows.items()}
    return {
        "config_sha256": digest(run.config),
        "data_sha256": run.pairs.sha256,
        "split": run.config.training.split,
        "seed": run.config.seed,
        "curves": len(test),
        **plan,
        "rows": rows,
        "attention": brought(hits, cells, plan["margin"], run.seed),
    }


def show(result):
    """A line for each row, and one for what attention brings."""
    lines = [["row", *SCORES]]
    for name, row in result["rows"].items():
        lines.append([name, *(tables.cell(row, score, ".1%") for score in SCORES)])
    text = [tables.markdown(lines), ""]
    for name in PAIRS:
        for score, row in result["attention"][name].items():
            low, high = row["interval"]
            text.append(
                f"attention, {name.replace('_', ' ')}, {score}: {row['difference']:+.1%} "
                f"({low:+.1%} to {high:+.1%}): {row['verdict']}, margin {result['margin']:.0%}"
            )
    return "\n".join(text)


STUDY = Study(
    name="attention-labels",
    measure=measure,
    show=show,
    notes=NOTES,
    result="attention_labels",
    needs=("images",),
    options={
        "curves": Option(1000, "test configurations"),
        "rows": Option(None, "train these rows alone", kind=str, many=True),
        "plan": Option(None, f"file with the rows: presets/{PLAN}", kind=str),
    },
)
