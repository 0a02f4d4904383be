"""Training of the two-stage baseline: a sweep, then the general and the restricted configurations.

Batch `step` of every stage is a pure function of (seed, step), and each stage keeps checkpoints: a
killed run resumes.
"""

import dataclasses
import json
import math
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from qfp import tools
from qfp.data import dataset, normalise, simulate
from qfp.decoding import positions
from qfp.model.precision import autocast, keep_memory
from qfp.physics import geometry, sweep
from qfp.physics.wire import random_potential
from qfp.studies import frame, scoring
from qfp.studies.two_stage.network import Vae, curve_loss, image_loss
from qfp.tools import SettingsError, as_dict, digest, progress_bar, stream
from qfp.training import checkpoint
from qfp.training.optimise import GRADIENT_NORM, average

KEEP = 300  # steps between checkpoints
EMA, WARMUP = 0.999, 100
DEV = 500  # development configurations that choose among the sweep's rows
BLOCK = 256  # images at a time outside training


# --- data


def restricted_antidots(device, upper):
    """Antidots (N, 2, 2): the upper one at `upper` (x, y), the lower anywhere that the hard-disc
    rule allows below it.

    As they stand, not in the canonical placement: the upper antidot of every image is in the same
    place."""
    centres, compatible = positions.allowed(device)
    fixed = np.flatnonzero((centres == upper).all(axis=1))
    if not len(fixed):
        raise SettingsError(
            f"restricted: upper {list(upper)} is no place that the wire allows an antidot's centre"
        )
    lower = centres[compatible[fixed[0]] & (centres[:, 1] < upper[1])]
    return np.stack([lower, np.broadcast_to(upper, lower.shape)], axis=1)


def restricted_pairs(device, settings, folder):
    """Pairs of the restricted configurations, from the exact solver; curves are kept in `folder`."""
    antidots, seeds = restricted_antidots(device, settings.upper), range(settings.potentials)
    G = np.stack([simulate.simulated(device, antidots, seed, folder) for seed in seeds])
    images = np.stack(
        [sweep.images_of(device, antidots, seed).astype(np.float16) for seed in seeds]
    )
    V = np.stack([random_potential(seed, device) for seed in seeds])
    return dataset.Pairs(
        antidots,
        geometry.orbit(antidots, device),
        V,
        device.fields,
        G,
        images,
        device,
        digest(device, antidots.tolist(), list(seeds)),
    )


@dataclasses.dataclass(frozen=True)
class Part:
    """Rows (M, 2) of (potential, configuration) of pairs, in normalised units."""

    pairs: dataset.Pairs
    rows: np.ndarray
    normal: normalise.Normalisation

    def images(self, i):
        """(B, 1, 60, 60) of rows i."""
        p, n = self.rows[i].T
        return self.normal.image(self.pairs.ldos[p, n])

    def curves(self, i):
        """(B, F) of rows i."""
        p, n = self.rows[i].T
        return self.normal.curve(self.pairs.conductance[p, n])


# --- the stages


def fit(model, loss, steps, rate, decay, folder):
    """Train `model` by loss(step) (a tuple whose sum counts) for `steps` steps and give it the
    averaged weights.

    Goes on from the checkpoint in `folder`. Returns the minutes that it took, in all runs together.
    """
    parameters = list(model.parameters())
    base, ema = (
        torch.optim.AdamW(parameters, rate, weight_decay=decay, betas=(0.9, 0.99), fused=True),
        average(model, EMA),
    )
    meta = {"step": 0, "minutes": 0.0}
    if (folder / checkpoint.CHECKPOINT).is_file():
        meta = checkpoint.restore(folder, model, ema, base)
    folder.mkdir(parents=True, exist_ok=True)
    start, log = time.monotonic() - 60 * meta["minutes"], []
    with progress_bar(
        total=steps, initial=meta["step"], desc=folder.name, unit="step", mininterval=2
    ) as bar:
        for step in range(meta["step"], steps):
            for group in base.param_groups:
                group["lr"] = (
                    rate
                    * min(1.0, (step + 1) / WARMUP)
                    * (1 + math.cos(math.pi * step / steps))
                    / 2
                )
            with autocast("auto", "cpu"):
                parts = loss(step)
            sum(parts).backward()
            torch.nn.utils.clip_grad_norm_(parameters, GRADIENT_NORM)
            base.step()
            base.zero_grad()
            ema.update_parameters(model)
            log.append([part.item() for part in parts])
            bar.update()
            if (step + 1) % KEEP == 0 or step + 1 == steps:
                meta = {
                    "step": step + 1,
                    "minutes": (time.monotonic() - start) / 60,
                    "loss": np.mean(log, axis=0).tolist(),
                }
                checkpoint.save(folder, model, ema, base, meta)
                bar.set_postfix_str(" ".join(f"{value:.4g}" for value in meta["loss"]))
                log.clear()
    model.load_state_dict(ema.module.state_dict())
    return meta["minutes"]


@torch.no_grad()
def latents(model, part):
    """Mean and log variance (M, latent) that the encoder gives the images of a part."""
    found = []
    for i in progress_bar(
        np.array_split(np.arange(len(part.rows)), -(-len(part.rows) // BLOCK)),
        desc="latents",
        unit="block",
    ):
        with autocast("auto", "cpu"):
            found.append(model.encode(part.images(i)))
    return tuple(torch.cat(values) for values in zip(*found))


def first_stage(model, settings, part, seed, folder):
    """Train encoder and decoder on the images of a part; returns the minutes."""

    def loss(step):
        rng = stream("vae images", seed, step)
        images = part.images(rng.integers(len(part.rows), size=settings.batch))
        noise = torch.from_numpy(rng.standard_normal((len(images), settings.latent), np.float32))
        return image_loss(model, images, noise, settings.beta)

    return fit(
        nn.ModuleList([model.encoder, model.decoder]),
        loss,
        settings.image_steps,
        settings.learning_rate,
        settings.weight_decay,
        folder / "images",
    )


def second_stage(model, settings, part, known, seed, folder):
    """Train the path from curve to latent on the curves of a part; encoder and decoder stay.
    Returns the minutes.

    known: `latents` of the part. With curve_mixing, random combinations of the differences between
    potentials are added to a curve, and the same ones to its latent: a weak potential acts nearly
    linearly on both."""
    mean, log_variance = known
    curves, size = part.curves(np.arange(len(part.rows))), settings.curve_mixing
    order = np.lexsort((part.rows[:, 0], part.rows[:, 1]))
    # (configurations, P) rows
    every = torch.from_numpy(order).unflatten(0, (-1, len(part.pairs.potentials)))

    def loss(step):
        rng = stream("vae curves", seed, step)
        c, p = (
            rng.integers(len(every), size=settings.curve_batch),
            rng.integers(every.shape[1], size=settings.curve_batch),
        )
        own = every[c]  # (B, P)
        row = own.gather(1, torch.from_numpy(p)[:, None])[:, 0]
        G, z = curves[row], mean[row]
        if size:
            a = torch.from_numpy(rng.standard_normal((*own.shape, 1), np.float32))  # (B, P, 1)
            a = size * (a - a.mean(1, keepdim=True)) / own.shape[1] ** 0.5  # differences alone
            G, z = G + (a * curves[own]).sum(1), z + (a * mean[own]).sum(1)
        return (curve_loss(model, G, z, log_variance[row]).mean(),)

    return fit(
        model.curve,
        loss,
        settings.curve_steps,
        settings.curve_learning_rate,
        settings.curve_weight_decay,
        folder,
    )


def joint_stage(model, settings, part, seed, folder):
    """Train both stages on, as one, from curve to image; returns the minutes."""

    def loss(step):
        i = stream("vae joint", seed, step).integers(len(part.rows), size=settings.batch)
        return (F.mse_loss(model(part.curves(i)).float(), part.images(i)),)

    return fit(
        nn.ModuleList([model.curve, model.decoder]),
        loss,
        settings.joint_steps,
        settings.learning_rate / 2,
        settings.weight_decay,
        folder / "joint",
    )


# --- whole networks


def train_vae(settings, config, part, seed, folder, rows=({},), dev=None):
    """Both stages on a part. Keeps NAME/checkpoint.safetensors in `folder`, which `qfp export`
    reads.

    rows: changes of the second stage, which is trained with each; the one that decodes curves of
    `dev` best is kept. Returns the network, its settings, and [{changes, minutes, scores}] of the
    rows (without `dev` there are no scores)."""
    torch.manual_seed(seed)
    first = Vae(settings, config.device.field_points)
    image_minutes = first_stage(first, settings, part, seed, folder)
    known, tried = latents(first, part), []
    for changes in rows:
        own = dataclasses.replace(settings, **changes)
        torch.manual_seed(seed)
        model = Vae(own, config.device.field_points)
        model.encoder, model.decoder = first.encoder, first.decoder
        minutes = second_stage(model, own, part, known, seed, folder / f"curves-{digest(own)[:12]}")
        row = {
            "changes": changes,
            "minutes": minutes,
            "parameters": sum(p.numel() for p in model.parameters()),
        }
        tried.append(
            (row | ({} if dev is None else {"curve": scored(model.eval(), dev)}), model, own)
        )
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


@torch.no_grad()
def images_of(found, normal, blocks):
    """LDOS (B, L, W) [1/t] of found(block), a function that gives normalised images, over blocks (a
    list)."""
    images = []
    for block in blocks:
        with autocast("auto", "cpu"):
            images.append(normal.ldos(found(block)))
    return np.concatenate(images)


def decoded(model, normal, curves):
    """LDOS (B, L, W) [1/t] of curves (B, F) [e^2/h]."""
    return images_of(model, normal, normal.curve(curves).split(BLOCK))


def drawn(model, normal, curves, rng):
    """LDOS (B, L, W) [1/t] of latents drawn from the Gaussians of curves (B, F) [e^2/h], by a numpy
    generator."""

    def image(block):
        mean, log_variance = model.read(block)
        noise = torch.from_numpy(rng.standard_normal(mean.shape, np.float32))
        return model.decoder(mean + noise * (log_variance / 2).exp())

    return images_of(image, normal, normal.curve(curves).split(BLOCK))


def reconstructed(model, normal, ldos):
    """LDOS (B, L, W) [1/t] that the decoder makes of the latents of true ones: what no curve can
    better."""
    return images_of(
        lambda x: model.decoder(model.encode(x)[0]), normal, normal.image(ldos).split(BLOCK)
    )


def scored(model, part, reconstruct=False):
    """Row of evaluate.scores of a part's curves (or of its images, encoded and decoded)."""
    p, n = part.rows.T
    pairs, truth = part.pairs, part.pairs.ldos[p, n]
    images = (
        reconstructed(model, part.normal, truth)
        if reconstruct
        else decoded(model, part.normal, pairs.conductance[p, n])
    )
    return scoring.scores(
        pairs.device, positions.recover(images, pairs.device), pairs.antidots[n], images, truth
    )


def run_sweep(baseline, config, part, dev, folder, report):
    """Short runs of the rows of the baseline's sweep on a part, scored on curves of `dev`; kept in
    `folder`.

    Returns [{changes, minutes, parameters, curve: scores, reconstruction: scores}]."""
    short = {
        "image_steps": baseline.sweep.image_steps,
        "curve_steps": baseline.sweep.curve_steps,
        "joint_steps": 0,
    }
    rows = []
    for changes in baseline.sweep.rows:
        settings = dataclasses.replace(baseline.vae, **short | changes)
        own = folder / digest(settings, config, part.pairs.sha256)[:12]
        path = own / "scores.json"
        if not path.exists():
            start = time.monotonic()
            model, _, (row,) = train_vae(settings, config, part, config.seed, own, dev=dev)
            tools.write_json(
                path,
                row
                | {
                    "changes": changes,
                    "minutes": (time.monotonic() - start) / 60,
                    "reconstruction": scored(model, dev, reconstruct=True),
                },
            )
        rows.append(json.loads(path.read_text()))
        report(
            f"{changes or 'as the preset'}: from curves r {rows[-1]['curve']['r_median']:.3f}, "
            "exact "
            f"{rows[-1]['curve']['within_0']:.1%}; reconstruction r "
            f"{rows[-1]['reconstruction']['r_median']:.3f}"
        )
    return rows


def run_train_vae(config, baseline, data="data/laptop.h5", out="runs/vae", report=print):
    """`qfp train-vae`: a sweep of short runs, then the best row in full with each second stage of
    the sweep, on the general set; and that, with what the preset changes, on the restricted set and
    on as few configurations of the general one as the restricted one trains with. The median r of
    images from development curves decides. Kept in `out`; resumes."""
    out, seed = Path(out), config.seed
    tools.check_folder(out)
    keep_memory()
    pairs = dataset.load(data)
    if pairs.device != config.device:
        raise SettingsError(
            f"{data} holds another device than preset {config.preset!r}: {pairs.device}"
        )
    parts = dataset.split(len(pairs.antidots), len(pairs.potentials), "config", seed)
    normal = normalise.normalisation(pairs, parts["train"])
    general, dev = (
        Part(pairs, rows, normal)
        for rows in (parts["train"], frame.choose_rows(parts, "dev", DEV, seed))
    )
    rows = run_sweep(baseline, config, general, dev, out / "sweep", report)
    best = max(rows, key=lambda row: row["curve"]["r_median"])["changes"]
    model, settings, second = train_vae(
        dataclasses.replace(baseline.vae, **best),
        config,
        general,
        seed,
        out / "general",
        baseline.sweep.second_rows,
        dev,
    )
    chosen = max(second, key=lambda row: row["curve"]["r_median"])["changes"]
    tools.write_json(
        out / "sweep.json",
        {
            "rows": rows,
            "best": best,
            "second_rows": second,
            "second_best": chosen,
            "dev_configurations": len(dev.rows),
            "data": pairs.sha256,
        },
    )
    restricted = restricted_pairs(config.device, baseline.restricted, out)
    own = dataset.split(len(restricted.antidots), len(restricted.potentials), "config", seed)[
        "train"
    ]
    few = parts["train"][: len(own)]
    changes = {
        key: value
        for key, value in as_dict(baseline.restricted).items()
        if key not in ("upper", "potentials")
    }
    small = dataclasses.replace(settings, **changes)
    train_vae(
        small,
        config,
        Part(restricted, own, normalise.normalisation(restricted, own)),
        seed,
        out / "restricted",
    )
    train_vae(small, config, Part(pairs, few, normal), seed, out / "few")
    minutes = joint_stage(model, settings, general, seed, out / "general")
    keep(model.eval(), settings, config, general, [minutes], out / "joint")
    report(
        f"trained into {out}; now `qfp export {out}/general models/vae --bf16` and so on (make vae "
        "does)"
    )
