"""The stages of the baseline's training: images, curves, and both as one.

Batch `step` of every stage is a pure function of (seed, step), and each stage keeps checkpoints in
a folder that is named by all that it depends on.
"""

import dataclasses
import math
import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from qfp.data import dataset, normalise
from qfp.model.precision import autocast
from qfp.model.vae import BLOCK, curve_loss, image_loss
from qfp.tools import SettingsError, digest, progress_bar, stream
from qfp.training import checkpoint
from qfp.training.optimise import DivergedError, average, clip

KEEP = 300  # steps between checkpoints
EMA, WARMUP = 0.999, 100


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


def place(folder, stage, settings, part, seed):
    """Folder of a stage's checkpoints in `folder`: another one for other settings, pairs or seed,
    whose weights would not be what a run says of its own."""
    given = settings, part.pairs.sha256, part.rows.tolist(), part.normal, seed
    return folder / f"{stage}-{digest(*given)[:12]}"


def cosine(step, steps):
    """Share of the learning rate at a step: a warm-up, then half a cosine."""
    return min(1.0, (step + 1) / WARMUP) * (1 + math.cos(math.pi * step / steps)) / 2


class Fit:
    """A network, what trains it, and its averaged weights; goes on from the folder's checkpoint."""

    def __init__(self, model, rate, decay, folder):
        self.model, self.rate, self.folder = model, rate, folder
        self.parameters, self.log = list(model.parameters()), []
        more = {"weight_decay": decay, "betas": (0.9, 0.99), "fused": True}
        self.base = torch.optim.AdamW(self.parameters, rate, **more)
        self.ema, self.meta = average(model, EMA), {"step": 0, "minutes": 0.0}
        if (folder / checkpoint.CHECKPOINT).is_file():
            self.meta = checkpoint.restore(folder, model, self.ema, self.base)
        folder.mkdir(parents=True, exist_ok=True)
        self.start = time.monotonic() - 60 * self.meta["minutes"]

    def advance(self, parts, rate):
        """One step down the gradient of the sum of parts, a tuple of losses."""
        for group in self.base.param_groups:
            group["lr"] = rate
        sum(parts).backward()
        clip(self.parameters)
        self.base.step()
        self.base.zero_grad()
        self.ema.update_parameters(self.model)
        self.log.append([part.item() for part in parts])

    def keep(self, step):
        """Write a checkpoint; returns the losses as text."""
        minutes, loss = (time.monotonic() - self.start) / 60, np.mean(self.log, axis=0).tolist()
        self.meta = {"step": step, "minutes": minutes, "loss": loss}
        checkpoint.save(self.folder, self.model, self.ema, self.base, self.meta)
        self.log.clear()
        return " ".join(f"{value:.4g}" for value in loss)


def fit(model, loss, steps, rate, decay, folder):
    """Train `model` by loss(step) (a tuple whose sum counts) for `steps` steps and give it the
    averaged weights.

    Goes on from the checkpoint in `folder`. Returns the minutes that it took, in all runs together.
    """
    run = Fit(model, rate, decay, folder)
    first, look = run.meta["step"], {"desc": folder.name, "unit": "step", "mininterval": 2}
    with progress_bar(total=steps, initial=first, **look) as bar:
        for step in range(first, steps):
            with autocast("auto", "cpu"):
                parts = loss(step)
            try:
                run.advance(parts, rate * cosine(step, steps))
            except DivergedError as error:
                raise SettingsError(
                    f"{folder}: the training diverged at step {step}: {error}; its last checkpoint "
                    "stays, a smaller learning rate may go on from it"
                ) from None
            bar.update()
            if (step + 1) % KEEP == 0 or step + 1 == steps:
                bar.set_postfix_str(run.keep(step + 1))
    model.load_state_dict(run.ema.module.state_dict())
    return run.meta["minutes"]


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
        place(folder, "images", settings, part, seed),
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
        rng, number = stream("vae curves", seed, step), settings.curve_batch
        own = every[rng.integers(len(every), size=number)]  # (B, P)
        p = torch.from_numpy(rng.integers(every.shape[1], size=number))
        row = own.gather(1, p[:, None])[:, 0]
        G, z = curves[row], mean[row]
        if size:
            a = torch.from_numpy(rng.standard_normal((*own.shape, 1), np.float32))  # (B, P, 1)
            a = size * (a - a.mean(1, keepdim=True)) / own.shape[1] ** 0.5  # differences alone
            G, z = G + (a * curves[own]).sum(1), z + (a * mean[own]).sum(1)
        return (curve_loss(model, G, z, log_variance[row]).mean(),)

    rate, decay = settings.curve_learning_rate, settings.curve_weight_decay
    kept = place(folder, "curves", settings, part, seed)
    return fit(model.curve, loss, settings.curve_steps, rate, decay, kept)


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
        place(folder, "joint", settings, part, seed),
    )
