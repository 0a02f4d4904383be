"""How long from nothing to 95 percent?

A short training, stopped again and again to decode curves. The clock counts training alone;
generating the dataset, loading it and decoding are timed apart. Steps are the same on any machine,
and what the network knows after them nearly so: rounding differs, and so does `precision`. The
minutes belong to the machine.
"""

import dataclasses
import time

import numpy as np
import torch

from qfp.data import dataset, normalise
from qfp.model.precision import here
from qfp.studies import scoring, tables
from qfp.studies.frame import Option, Study
from qfp.studies.short.course import course, looked_at
from qfp.tools import SettingsError, as_dict, digest
from qfp.training.batches import Batches

SHARE = 0.95  # of curves with both antidots within one site, the paper's figure of merit
# of a run, where the preset plans by the clock: another machine would train another network
STEPS, LOOKS = 1500, 10
COLUMNS = {  # of a look, that a reader sees
    "both antidots within 1 site": "within_1",
    "both exact": "within_0",
    f"pattern correlation r ≥ {scoring.HIGH}": "r_high",
}
NOTES = {
    "looks": "single samples of the averaged weights on development curves (unseen configurations, "
    "one potential each)",
    "minutes": "wall time of training up to the look, without data generation, setup_s and the "
    "looks themselves",
    "precision": "in which the network was trained: bf16 where the processor is faster in it",
    "setup_s": "seconds to load the dataset and to interpolate curves, once",
    "reached": f"first look whose share within one site is {SHARE:.0%} or more, and first whose "
    "lower bound is; None: none",
    "columns": scoring.COLUMNS,
}


def setup_seconds(config, data):
    """Seconds from the dataset file to the first batch."""
    start = time.perf_counter()
    pairs, own = dataset.load(data), config.training
    train = dataset.split(len(pairs.antidots), len(pairs.potentials), own.split, config.seed)[
        "train"
    ]
    Batches(config, pairs, train, normalise.normalisation(pairs, train), "cpu")(0)
    return time.perf_counter() - start


def reached(looks):
    """The first looks at which SHARE is reached, by the share itself and by its lower bound:
    {'share', 'lower_bound'}."""
    tests = {
        "share": lambda row: row["within_1"],
        "lower_bound": lambda row: row["within_1_interval"][0],
    }
    return {
        name: next(
            (
                {key: row[key] for key in ("step", "minutes", "images")}
                for row in looks
                if value(row) >= SHARE
            ),
            None,
        )
        for name, value in tests.items()
    }


def planned(config):
    """The config with its plan in steps, by default STEPS; SettingsError for less than one a look.

    The plan by the clock is left out: with it the network would depend on the machine."""
    plan = config.training.max_steps or STEPS
    if plan < LOOKS:
        raise SettingsError(f"training.max_steps {plan}: must be {LOOKS} or more, one step a look")
    training = dataclasses.replace(config.training, minutes=0.0, max_steps=plan)
    return dataclasses.replace(config, training=training)


def measure(run):
    """Train a preset for training.max_steps steps, by default STEPS, and look LOOKS times."""
    config, pairs = planned(run.config), run.pairs
    rows, plan = looked_at(run), config.training.max_steps
    precision = here(config.training.precision)
    how = {"threads": torch.get_num_threads(), "precision": precision}  # minutes do not mix
    run.folder = run.place(as_dict(config), pairs.sha256, len(rows), how)
    run.report(
        f"{plan} steps, whatever training.minutes says, {LOOKS} looks at {len(rows)} development "
        f"curves; run in {run.folder}"
    )
    looks = course(run, config, run.folder, LOOKS, rows)
    for row in looks:
        del row["hits"]
    return {
        "config_sha256": digest(as_dict(config)),
        "data_sha256": pairs.sha256,
        "split": config.training.split,
        "seed": config.seed,
        "curves": len(rows),
        **how,
        "preset": config.preset,
        "max_steps": plan,
        "batch": config.training.batch,
        "setup_s": setup_seconds(config, run.data),
        "share": SHARE,
        "reached": reached(looks),
        "looks": looks,
        "torch": torch.__version__,
        **as_dict(dataclasses.replace(config.sampling, samples=1)),
    }


def show(result):
    """When the share was reached, in a sentence."""
    first = result["reached"]["lower_bound"]
    text = f"{SHARE:.0%} within one site was not reached for certain"
    if first:
        text = (
            f"at least {SHARE:.0%} within one site, interval included, after "
            f"{first['minutes']:.1f} minutes"
        )
    return f"{text}; {result['setup_s']:.0f} s to load; {result['threads']} threads"


def told(result):
    """How the training went, when the share was reached and what it knew at the end, as text."""
    last, share = result["looks"][-1], f"{result['share']:.0%} within one site"
    names = {"share": "reached", "lower_bound": "surpassed by the whole interval"}
    text = [
        f"preset {result['preset']}: {result['max_steps']:,} steps of {result['batch']} images "
        f"with {result['threads']} thread(s) in {result['precision']}, {last['minutes']:.1f} "
        f"minutes; loading and interpolating took {result['setup_s']:.0f} s before"
    ]
    for what, found in result["reached"].items():
        when = "not reached"
        if found:
            when = f"after {found['minutes']:.1f} minutes, {found['images']:,} images"
        text.append(f"{share} {names[what]}: {when}")
    ends = (f"{label} {tables.cell(last, key, '.1%')}" for label, key in COLUMNS.items())
    return "\n".join([*text, f"at the end: {', '.join(ends)}"])


def lines(result):
    """Columns of a bench_learn.json for figures.network.learning: minutes (K,), and {label: (3, K)}
    value, low, high."""
    looks = result["looks"]
    return np.array([row["minutes"] for row in looks]), {
        label: np.array([[row[key], *row[f"{key}_interval"]] for row in looks]).T
        for label, key in COLUMNS.items()
    }


STUDY = Study(
    name="learning",
    measure=measure,
    show=show,
    notes=NOTES,
    result="bench_learn",
    needs=("images",),
    options={"curves": Option(400, "development configurations of a look")},
)
