"""Batches of training pairs and of further curves: pure functions of a seed and a step."""

import itertools
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch.nn import functional as F

from qfp.data import further, interpolate
from qfp.tools import SettingsError, stream
from qfp.training.drawn import Drawn

NEAR = 8  # simulated neighbours that tell the error of an interpolated curve


class Batches:
    """Training data in memory; batch `step` is a pure function of (seed, step)."""

    def __init__(self, config, pairs, rows, normal, device):
        self.config, self.pairs, self.rows, self.normal, self.device = (
            config,
            pairs,
            rows,
            normal,
            device,
        )
        training = config.training
        self.extra = training.curve_batch if training.curve_target != "none" else 0
        self.curves = pairs.conductance
        if training.curve_potentials:
            known = np.unique(rows[:, 1])
            more = further.curves(pairs, known, training.curve_potentials)
            self.curves = np.concatenate([self.curves, more])
        if training.curve_errors:
            self.find_errors(np.unique(rows[:, 1]))
        # positions need no image, so the configurations in between are learned too
        if training.curve_neighbours:
            self.curves = interpolate.complete(
                self.curves, pairs.orbit, rows[:, 1], pairs.device.width, training.curve_neighbours
            )
        N, share = len(pairs.antidots), training.curve_left_out
        out = interpolate.left_out(N, rows[:, 1], share, config.seed)
        self.pool = np.setdiff1d(np.arange(N), out)  # configurations that lend further curves
        self.drawn = Drawn(config, pairs, rows) if training.curve_configurations else None
        more = training.curve_configurations
        self.drawn_share = more / (more + len(np.unique(rows[:, 1])))

    def __call__(self, step):
        """Dict of tensors: x0 (B, 1, S, S), t, noise, keep (B,), curves (B + E, F), centres or
        pooled images."""
        training, steps = self.config.training, self.config.diffusion.steps
        B, E, side = training.batch, self.extra, self.pairs.device.side
        rng = stream("train", training.seed, step)
        p, n = self.rows[rng.integers(len(self.rows), size=B + E)].T.copy()
        u = rng.random((2, B))
        t = np.minimum(
            (u.max(0) if training.time_sampling == "max2" else u[0]) * steps, steps - 1
        ).astype(np.int64)
        out = {
            "x0": self.normal.image(self.pairs.ldos[p[:B], n[:B]]),
            "t": torch.from_numpy(t),
            "noise": torch.from_numpy(rng.standard_normal((B, 1, side, side), np.float32)),
            "keep": torch.from_numpy(rng.random(B) >= training.condition_dropout),
            "dropout_seed": int(rng.integers(2**31)),
        }
        if training.curve_neighbours:
            n[B:] = self.pool[rng.integers(len(self.pool), size=E)]
        if training.curve_potentials:
            p[B:] = rng.integers(len(self.curves), size=E)
        curves = self.curves[p, n]  # no simulated curve of a configuration outside `rows`
        curves[B:] = self.mixed(p[B:], n[B:], rng)
        if training.curve_errors:
            curves[B:] += self.erring(n[B:], rng)
        antidots = self.pairs.antidots[n]
        if self.drawn:
            own = B + np.flatnonzero(rng.random(E) < self.drawn_share)
            antidots[own], curves[own] = self.drawn(rng, len(own))
        if training.curve_noise > 0:
            curves = curves + training.curve_noise * rng.standard_normal(curves.shape, np.float32)
        out["curves"] = self.normal.curve(curves)
        if training.curve_target in ("positions", "occupancy"):
            centres = antidots.astype(np.float32)
            centres[centres < 0] = np.nan  # of wires that have fewer, see `numbers`
            out["centres"] = torch.from_numpy(centres) + torch.tensor(
                self.pairs.device.margins, dtype=torch.float32
            )
        elif training.curve_target == "pooled":
            out["pooled"] = F.avg_pool2d(self.normal.image(self.pairs.ldos[p, n]), 4)
        return {k: v.to(self.device) if isinstance(v, torch.Tensor) else v for k, v in out.items()}

    def find_errors(self, known):
        """What `erring` takes; known (M,): configurations whose curves are simulated. SettingsError
        where there is one alone."""
        if len(known) < 2:
            raise SettingsError("training: curve_errors needs two training configurations or more")
        orbit, width = self.pairs.orbit, self.pairs.device.width
        neighbours = self.config.training.curve_neighbours
        self.errors = interpolate.errors(self.curves, orbit, known, width, neighbours)
        self.interpolated = ~np.isin(np.arange(len(orbit)), known)
        near = interpolate.weights(orbit[self.interpolated], orbit[known], width, NEAR)[1]
        self.near = np.zeros((len(orbit), near.shape[1]), int)
        self.near[self.interpolated] = near

    def erring(self, n, rng):
        """Errors (E, F) as interpolation makes them at configurations n, 0 where curves are
        simulated: random combinations of those of the nearest simulated ones, were they
        interpolated."""
        J = self.near.shape[1]
        c = rng.standard_normal((len(n), J), np.float32) / np.sqrt(J)
        c *= self.config.training.curve_errors * self.interpolated[n, None]
        p = rng.integers(len(self.errors), size=(len(n), 1))
        return np.einsum("ej,ejf->ef", c, self.errors[p, self.near[n]])

    def mixed(self, p, n, rng):
        """Curves (E, F) of configurations n under potentials p, changed as by yet another
        potential.

        A weak potential acts nearly linearly, so random combinations of the differences between
        potentials are added: of the configuration's own, and of another configuration's, which no
        potential of the file has here."""
        curves, size = self.curves[p, n], self.config.training.curve_mixing
        for source in (n, rng.permutation(n)) if size else ():
            c = rng.standard_normal((len(n), len(self.curves)), np.float32) / np.sqrt(
                len(self.curves)
            )
            c -= c.mean(1, keepdims=True)  # differences alone
            curves = curves + size * np.einsum("ep,pef->ef", c, self.curves[:, source])
        return curves


def supplied(batches, step, device):
    """Iterator over batches(step), batches(step + 1), ...; on a GPU a thread makes them ahead."""
    return (
        ahead(batches, step)
        if torch.device(device).type == "cuda"
        else map(batches, itertools.count(step))
    )


def ahead(batches, step):
    """As `supplied`; a thread makes the next one while a GPU works on this one: 128 images cost a
    core about 7 ms."""
    with ThreadPoolExecutor(1) as thread:
        coming = thread.submit(batches, step)
        while True:
            step += 1
            batch, coming = coming.result(), thread.submit(batches, step)
            yield batch
