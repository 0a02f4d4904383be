"""Is self-attention needed where no positions are supplied?

Attention on and off, with position labels for the path of the curve and without, some seeds of
each, equal steps (presets/attention_labels.yaml). What counts as equal is stated there before any
run. Finished rows are kept, also those in the result of an earlier call, and several processes may
train rows at the same time (`--rows`); the call that finds all of them finished writes the result,
or one that may lack some (`--missing`).
"""

import json
import shutil

import numpy as np

from qfp import tools
from qfp.model.precision import here
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
    "hits": "of the test curves in their order, 1 where a score counts it",
    "missing": "rows that are not trained yet",
    "interaction": "what attention brings without labels minus what it brings with them",
    "columns": scoring.COLUMNS,
}


def seeds_of(names):
    """Names of rows by what they have and by seed: {'labels': {'seed 1': 'labels, seed 1', ...},
    ...}. SettingsError where the plan is no 2 x 2 with the same seeds everywhere."""
    found = {}
    for name in names:
        cell, _, seed = name.partition(", ")
        found.setdefault(cell, {})[seed] = name
    wanted = {cell for pair in PAIRS.values() for cell in pair}
    if set(found) != wanted or len({tuple(rows) for rows in found.values()}) != 1:
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


def gains_of(hits, cells, score):
    """What attention brings each curve, mean over the seeds that both networks of a pair have, and
    (with, without) of each of those seeds: {pair: ((n,), list)} of the PAIRS that have one."""
    found = {}
    for pair, (one, other) in PAIRS.items():
        names = [(name, cells[other][seed]) for seed, name in cells[one].items()]
        each = [
            [np.array(hits[name][score]) for name in two] for two in names if hits.keys() >= {*two}
        ]
        if each:
            found[pair] = np.mean([a.astype(float) - b for a, b in each], axis=0), each
    return found


def brought(hits, cells, margin, seed):
    """What attention brings in each of PAIRS, and their difference, of hits {row: {score: bool
    (n,)}} of the rows that are finished."""
    found = {}
    for score in SCORES:
        gains = gains_of(hits, cells, score)
        for pair, (gain, each) in gains.items():
            bounds = intervals.bootstrap(gain, np.mean, seed)
            found.setdefault(pair, {})[score] = {
                "difference": float(gain.mean()),
                "interval": list(bounds),
                "verdict": verdict(bounds, margin),
                "seeds": [intervals.differences({score: a}, {score: b}) for a, b in each],
            }
        if len(gains) == len(PAIRS):
            change = gains["no_labels"][0] - gains["labels"][0]
            bounds = intervals.bootstrap(change, np.mean, seed)
            row = {"difference": float(change.mean()), "interval": list(bounds)}
            found.setdefault("interaction", {})[score] = row
    return found


def train_row(run, row, folder, test):
    """Train a row in `folder` and decode test rows with it: its part of the result."""
    kept = folder / "row.json"
    if not kept.is_file():
        (look,) = course(run, row.config, folder, 1, test)
        parameters = json.loads((folder / "look.json").read_text())["parameters"]
        tools.write_json(kept, {"changes": row.changes, "parameters": parameters, **look})
        shutil.rmtree(folder / "run", ignore_errors=True)


def finished(run, table, folders):
    """Rows {name: what was measured} that are trained, here or by an earlier run of the result."""
    standing = json.loads(run.out.read_text()) if run.out.is_file() else {}
    same = all(standing.get(key) == value for key, value in run.about.items())
    rows = {}
    for name, row in table.items():
        kept = folders[name] / "row.json"
        earlier = standing.get("rows", {}).get(name) if same else None
        if kept.is_file():
            rows[name] = json.loads(kept.read_text())
        elif earlier and earlier["changes"] == row.changes:
            hits = {score: [c == "1" for c in text] for score, text in earlier["hits"].items()}
            rows[name] = earlier | {"hits": hits}
    return rows


def begun(run):
    """The plan, its rows {name: Row}, and what the result says of its making."""
    plan, table = load_plan(run.config, run.options.plan or project_root() / "presets" / PLAN)
    for name in run.options.rows or ():
        if name not in table:
            raise SettingsError(f"--rows {name!r}: no such row; there are {'; '.join(table)}")
    run.about.update(
        config_sha256=digest(run.config),
        data_sha256=run.pairs.sha256,
        split=run.config.training.split,
        seed=run.config.seed,
        curves=run.options.curves,
        **plan,
    )
    return plan, table


def measure(run):
    """Train the rows that are not finished, or those named; None while too many are missing."""
    (plan, table), folders = begun(run), {}
    cells, test = seeds_of(table), run.rows("test", run.options.curves)
    for name, row in table.items():
        how = here(row.config.training.precision)
        folders[name] = run.place(row.config, plan, run.pairs.sha256, len(test), how)
    rows = finished(run, table, folders)
    for name in run.options.rows or table:
        if name not in rows:
            run.report(f"{name}: {plan['passes']} passes; run in {folders[name]}")
            train_row(run, table[name], folders[name], test)
    rows = finished(run, table, folders)
    missing = [name for name in table if name not in rows]
    if missing:
        run.report(f"not trained yet: {'; '.join(missing)}")
        run.folders = [folders[name] for name in rows]  # others may be at work on the rest
    if len(missing) > (run.options.missing or 0):
        return None
    hits = {name: row["hits"] for name, row in rows.items()}
    found = brought(hits, cells, plan["margin"], run.seed)
    for row in rows.values():
        row["hits"] = {
            score: "".join(map(str, np.array(of, int))) for score, of in row["hits"].items()
        }
    return {"missing": missing, "attention": found, "rows": rows}


def show(result):
    """A line for each row, and one for what attention brings."""
    lines = [["row", *SCORES]]
    for name, row in result["rows"].items():
        lines.append([name, *(tables.cell(row, score, ".1%") for score in SCORES)])
    text = [tables.markdown(lines), ""]
    for name in PAIRS.keys() & result["attention"].keys():
        for score, row in result["attention"][name].items():
            low, high = (100 * end for end in row["interval"])
            text.append(
                f"attention, {name.replace('_', ' ')}, {score}: {100 * row['difference']:+.1f} "
                f"points ({low:+.1f} to {high:+.1f}): {row['verdict']}, margin "
                f"{100 * result['margin']:g}"
            )
    return "\n".join(text)


def panels(result):
    """Panels of `figures.shares.whiskers`: {labels or none: {attention or none, seed: scores}}."""
    titles = {"labels": "with position labels", "no_labels": "without"}
    with_it = {cell: title for pair, title in titles.items() for cell in PAIRS[pair]}
    found = {title: {} for title in titles.values()}
    for name, row in result["rows"].items():
        cell, _, seed = name.partition(", ")
        own = "attention" if cell.endswith("attention") else "no attention"
        found[with_it[cell]][f"{own}, {seed}"] = row
    return found


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
        "missing": Option(None, "write the result while so many rows are not trained (default 0)"),
    },
)
