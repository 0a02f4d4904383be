"""`qfp bench learn`: how long from nothing to 95 percent? A short training, stopped again and again
to decode curves.

The clock counts training alone; generating the dataset, loading it and decoding are timed apart.
Steps are the same on any machine, and what the network knows after them nearly so: rounding
differs, and so does `precision`. The minutes belong to the machine. A killed run resumes.
"""

import dataclasses
import json
import time
from pathlib import Path

import numpy as np
import torch

from qfp.data import dataset, normalise
from qfp.decoding import decode, positions
from qfp.decoding.decode import load_decoder
from qfp.model.precision import arithmetic
from qfp.studies import accuracy, frame, scoring
from qfp.tools import SettingsError, as_dict, digest, project_root, write_text
from qfp.training.batches import Batches
from qfp.training.checkpoint import CHECKPOINT, export
from qfp.training.train import train

SHARE = 0.95  # of curves with both antidots within one site, the paper's figure of merit
# of a run, where the preset plans by the clock: another machine would train another network
STEPS, LOOKS = 1500, 10
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
    pairs = dataset.load(data)
    parts = dataset.split(
        len(pairs.antidots), len(pairs.potentials), config.training.split, config.seed
    )
    Batches(config, pairs, parts["train"], normalise.normalisation(pairs, parts["train"]), "cpu")(0)
    return time.perf_counter() - start


def decoded(decoder, sampling, pairs, rows, seed, curves=None):
    """Scores of single samples on rows (B, 2) of pairs, with the hits of each curve; `curves` (B,
    F) in place of their own."""
    p, n = rows.T
    ldos = decode.draw(
        decoder,
        pairs.conductance[p, n] if curves is None else curves,
        frame.noise_seeds(rows, 1, seed),
        sampling.steps,
        sampling.sampler,
        sampling.gamma,
    )
    answer = (
        pairs.device,
        positions.positions(ldos, pairs.device)[:, 0],
        pairs.antidots[n],
        ldos[:, 0],
        pairs.ldos[p, n],
    )
    return {
        **scoring.scores(*answer, seed),
        "hits": {name: hit.tolist() for name, hit in scoring.hits(*answer).items()},
    }


def looked_at(parts, number, seed):
    """Development rows (B, 2) that a look decodes. Raises SettingsError where the split of a small
    file leaves none."""
    rows = frame.choose_rows(parts, "dev", number, seed)
    if len(rows) == 0:
        raise SettingsError(
            "the dataset is too small for development configurations: give one with more "
            "configurations"
        )
    return rows


def course(config, data, folder, number, pairs, rows, report):
    """Train a preset for max_steps in `folder`/run, stopped `number` times to decode rows of pairs
    with the averaged weights.

    Returns a dict a look: step, minutes, images, scores, and the hits of each curve. Goes on where
    it was stopped."""
    diary, plan, run = folder / "looks.jsonl", config.training.max_steps, folder / "run"
    looks = [json.loads(line) for line in diary.read_text().splitlines()] if diary.is_file() else []
    for k in range(len(looks) + 1, number + 1):
        meta = train(
            config,
            data,
            run,
            resume=(run / CHECKPOINT).is_file(),
            stop=plan * k // number,
            report=lambda line: None,
            device="cpu",
        )
        export(run, folder / "look", bf16=False)
        looks.append(
            {
                **{key: meta[key] for key in ("step", "minutes", "images")},
                **decoded(
                    load_decoder(folder / "look.safetensors"),
                    config.sampling,
                    pairs,
                    rows,
                    config.seed,
                ),
            }
        )
        write_text(diary, "".join(json.dumps(look) + "\n" for look in looks))
        report(
            "{minutes:.1f} minutes, step {step}: ".format(**looks[-1])
            + f"within one site {accuracy.cell(looks[-1], 'within_1', '.1%')}, "
            f"exact {accuracy.cell(looks[-1], 'within_0', '.1%')}"
        )
    return looks


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


def run_learn(
    config, data="data/laptop.h5", out="results/bench_learn.json", curves=400, report=print
):
    """Train a preset for training.max_steps steps, by default STEPS, and look LOOKS times; writes
    `out`, returns it.

    curves: development configurations of a look. The plan by the clock, training.minutes, is left
    out: with it the network would depend on the machine. Raises SettingsError for less than a step
    a look."""
    frame.check_use(out, curves=curves)
    plan = config.training.max_steps or STEPS
    if plan < LOOKS:
        raise SettingsError(f"training.max_steps {plan}: must be {LOOKS} or more, one step a look")
    config = dataclasses.replace(
        config, training=dataclasses.replace(config.training, minutes=0.0, max_steps=plan)
    )
    pairs = dataset.load(data)
    rows = looked_at(
        dataset.split(
            len(pairs.antidots), len(pairs.potentials), config.training.split, config.seed
        ),
        curves,
        config.seed,
    )
    # minutes do not mix
    how = {
        "threads": torch.get_num_threads(),
        "precision": arithmetic(config.training.precision, "cpu"),
    }
    folder = (
        project_root()
        / "runs"
        / f"learn-{digest(as_dict(config), pairs.sha256, len(rows), how)[:12]}"
    )
    report(
        f"{plan} steps, whatever training.minutes says, {LOOKS} looks at {len(rows)} development "
        "curves; "
        f"run in {folder.relative_to(project_root())}"
    )
    looks = course(config, data, folder, LOOKS, pairs, rows, report)
    for row in looks:
        del row["hits"]
    result = {
        "config_sha256": digest(as_dict(config)),
        "data_sha256": pairs.sha256,
        "split": config.training.split,
        "seed": config.seed,
        "curves": len(rows),
        **how,
        "preset": config.preset,
        "max_steps": plan,
        "batch": config.training.batch,
        "setup_s": setup_seconds(config, data),
        "share": SHARE,
        "reached": reached(looks),
        "looks": looks,
        "torch": torch.__version__,
        "notes": NOTES,
        **as_dict(dataclasses.replace(config.sampling, samples=1)),
    }
    first = result["reached"]["lower_bound"]
    text = (
        f"at least {SHARE:.0%} within one site, interval included, after {first['minutes']:.1f} "
        "minutes"
        if first
        else f"{SHARE:.0%} within one site was not reached for certain"
    )
    return frame.finished(
        Path(out),
        result,
        [folder],
        f"{text}; {result['setup_s']:.0f} s to load; {result['threads']} threads",
        report,
    )


def lines(result):
    """Columns of a bench_learn.json for figures_network.learning: minutes (K,), and {label: (3, K)}
    value, low, high."""
    looks = result["looks"]
    columns = {
        "both antidots within 1 site": "within_1",
        "both exact": "within_0",
        f"r >= {accuracy.HIGH}": "r_high",
    }
    return np.array([row["minutes"] for row in looks]), {
        label: np.array([[row[key], *row[f"{key}_interval"]] for row in looks]).T
        for label, key in columns.items()
    }
