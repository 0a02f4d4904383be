"""Training of the two-stage baseline: a sweep, then the general and the restricted configurations.

A killed run resumes.
"""

import dataclasses
import json
import time

import torch

from qfp import files, tools
from qfp.data import dataset, normalise
from qfp.model.precision import keep_memory
from qfp.model.vae import Vae
from qfp.studies import frame
from qfp.studies.two_stage.images import scored
from qfp.studies.two_stage.restricted import restricted_antidots, restricted_pairs
from qfp.studies.two_stage.stages import EMA, Part, first_stage, joint_stage, latents, second_stage
from qfp.tools import as_dict, digest
from qfp.training import checkpoint, refusals
from qfp.training.optimise import average

DEV = 500  # development configurations that choose among the sweep's rows


def train_vae(settings, config, part, seed, folder, rows=({},), dev=None):
    """Both stages on a part. Keeps NAME/checkpoint.safetensors in `folder`, which `qfp export`
    reads.

    rows: changes of the second stage, which is trained with each; the one that decodes curves of
    `dev` best is kept. Returns the network, its settings, and [{changes, minutes, scores}] of the
    rows (without `dev` there are no scores)."""
    torch.manual_seed(seed)
    first = Vae(settings, config.device.field_points, config.device.side)
    image_minutes = first_stage(first, settings, part, seed, folder)
    known, tried = latents(first, part), []
    for changes in rows:
        own = dataclasses.replace(settings, **changes)
        torch.manual_seed(seed)
        model = Vae(own, config.device.field_points, config.device.side)
        model.encoder, model.decoder = first.encoder, first.decoder
        minutes = second_stage(model, own, part, known, seed, folder)
        parameters = sum(p.numel() for p in model.parameters())
        row = {"changes": changes, "minutes": minutes, "parameters": parameters}
        if dev is not None:
            row["curve"] = scored(model.eval(), dev)
        tried.append((row, model, own))
    row, model, own = max(tried, key=lambda one: one[0]["curve"]["r_median"]) if dev else tried[0]
    keep(model.eval(), own, config, part, [image_minutes, row["minutes"]], folder)
    return model, own, [one[0] for one in tried]


def keep(model, settings, config, part, minutes, folder):
    """Write the network as a checkpoint that can be exported."""
    meta = checkpoint.describe(config, part.pairs, part.normal)
    meta |= {
        "vae": as_dict(settings),
        "minutes": sum(minutes),
        "stage_minutes": minutes,
        "step": settings.image_steps,
        "images": settings.image_steps * settings.batch,
        "training_pairs": len(part.rows),
    }
    folder.mkdir(parents=True, exist_ok=True)
    checkpoint.save(folder, model, average(model, EMA), torch.optim.AdamW(model.parameters()), meta)


def short_run(settings, changes, config, part, dev, folder):
    """One row of the sweep: {changes, minutes, parameters, curve: scores, reconstruction: scores};
    kept in `folder`."""
    own = folder / digest(settings, config, part.pairs.sha256)[:12]
    path = own / "scores.json"
    if not path.exists():
        start = time.monotonic()
        model, _, (row,) = train_vae(settings, config, part, config.seed, own, dev=dev)
        row |= {"changes": changes, "minutes": (time.monotonic() - start) / 60}
        tools.write_json(path, row | {"reconstruction": scored(model, dev, reconstruct=True)})
    return json.loads(path.read_text())


def run_sweep(baseline, config, part, dev, folder, report):
    """Short runs of the rows of the baseline's sweep on a part, scored on curves of `dev`."""
    sweep, rows = baseline.sweep, []
    short = {"image_steps": sweep.image_steps, "curve_steps": sweep.curve_steps, "joint_steps": 0}
    for changes in sweep.rows:
        settings = dataclasses.replace(baseline.vae, **short | changes)
        rows.append(short_run(settings, changes, config, part, dev, folder))
        curve, other = rows[-1]["curve"], rows[-1]["reconstruction"]
        report(
            f"{changes or 'as the preset'}: from curves r {curve['r_median']:.3f}, exact "
            f"{curve['within_0']:.1%}; reconstruction r {other['r_median']:.3f}"
        )
    return rows


def train_general(baseline, config, general, dev, out, report):
    """The sweep, and its best row in full with each second stage; returns network and settings."""
    rows = run_sweep(baseline, config, general, dev, out / "sweep", report)
    best = max(rows, key=lambda row: row["curve"]["r_median"])["changes"]
    settings = dataclasses.replace(baseline.vae, **best)
    further = out / "general", baseline.sweep.second_rows, dev
    model, settings, second = train_vae(settings, config, general, config.seed, *further)
    chosen = max(second, key=lambda row: row["curve"]["r_median"])["changes"]
    found = {
        "rows": rows,
        "best": best,
        "second_rows": second,
        "second_best": chosen,
        "dev_configurations": len(dev.rows),
        "data": general.pairs.sha256,
    }
    tools.write_json(out / "sweep.json", found)
    return model, settings


def train_restricted(baseline, config, settings, general, out):
    """The settings, with what the preset changes, on the restricted set, and on as few of the
    general configurations as it trains with."""
    pairs = restricted_pairs(config.device, baseline.restricted, out)
    N, P = len(pairs.antidots), len(pairs.potentials)
    own = dataset.split(N, P, "config", config.seed)["train"]
    changes = as_dict(baseline.restricted)
    del changes["upper"], changes["potentials"]
    small = dataclasses.replace(settings, **changes)
    part = Part(pairs, own, normalise.normalisation(pairs, own))
    train_vae(small, config, part, config.seed, out / "restricted")
    few = dataclasses.replace(general, rows=general.rows[: len(own)])
    train_vae(small, config, few, config.seed, out / "few")


def run_train_vae(config, baseline, data="data/laptop.h5", out="runs/vae", report=print):
    """`qfp train-vae`: a sweep of short runs, then the best row in full with each second stage of
    the sweep, on the general set; and that, with what the preset changes, on the restricted set and
    on as few configurations of the general one as the restricted one trains with. The median r of
    images from development curves decides. Kept in `out`; resumes, and trains anew what other
    settings or pairs gave."""
    out = files.output_folder(out)
    keep_memory()
    restricted_antidots(config.device, baseline.restricted.upper)  # refused now, not in the end
    pairs = refusals.pairs_of(config, data)
    out.mkdir(parents=True, exist_ok=True)
    with files.sole(out, "training"):
        train_all(config, baseline, pairs, out, report)
    report(
        f"trained into {out}; now `qfp export {out}/general models/vae --bf16` and so on (make vae "
        "does)"
    )


def train_all(config, baseline, pairs, out, report):
    """The sweep, the general and the restricted model, into a folder that is ours."""
    seed = config.seed
    parts = dataset.split(len(pairs.antidots), len(pairs.potentials), "config", seed)
    normal = normalise.normalisation(pairs, parts["train"])
    general = Part(pairs, parts["train"], normal)
    dev = Part(pairs, frame.choose_rows(parts, "dev", DEV, seed), normal)
    model, settings = train_general(baseline, config, general, dev, out, report)
    train_restricted(baseline, config, settings, general, out)
    minutes = joint_stage(model, settings, general, seed, out / "general")
    keep(model.eval(), settings, config, general, [minutes], out / "joint")
