"""Rivals of the network that read a configuration straight from a curve: libraries of curves, and a
plain network.

They see curves and orbits, no image and no diffusion. Which configurations they may use is an
argument, `known`: the other curves of the arrays they are given are never looked at."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from qfp.data import interpolate
from qfp.decoding import metrics
from qfp.tools import progress_bar, stream
from qfp.training.loss import position_loss

NEIGHBOURS = 60  # curves that an interpolated one is made from, as in the network's training
# what whitening may add to every direction, in units of the mean variance
FLOORS = (0.01, 0.1, 1.0)
HELD = 10  # every tenth known configuration tells the error of interpolation
# sigma [sites]: soft labels
PLAIN = {"steps": 4000, "batch": 512, "width": 512, "learning_rate": 4e-3, "sigma": 1.0}


# --- libraries: the nearest curve


def potential_changes(conductance, known):
    """How potentials change curves (P, N, F): those of known configurations less their mean over P,
    (M, F)."""
    curves = conductance[:, known].astype(np.float64)
    return (curves - curves.mean(axis=0)).reshape(-1, curves.shape[-1])


def interpolation_errors(conductance, orbits, known, width):
    """Errors (M, F) of interpolate.complete, from known configurations alone: every tenth from the
    nine others."""
    held, rest = known[::HELD], np.delete(known, np.s_[::HELD])
    weight, near = interpolate.weights(orbits[held], orbits[rest], width, NEIGHBOURS)
    errors = [
        np.einsum("mk,mkf->mf", weight, curves[rest][near]) - curves[held] for curves in conductance
    ]
    return np.concatenate(errors)


def whitener(changes, floor):
    """Matrix (F, F) that a curve is multiplied with, so that changes (M, F) become equally large in
    all directions.

    floor: part of their mean variance that is added to every direction, so that one in which
    nothing ever changed does not decide alone. Euclidean distances are then Mahalanobis distances.
    """
    covariance = np.asarray(changes, np.float64).T @ changes / len(changes)
    variances, directions = np.linalg.eigh(covariance)
    return directions / np.sqrt(variances + floor * variances.mean())


class Library(NamedTuple):
    """Curves with known configurations; a curve is read as the nearest one's."""

    curves: np.ndarray  # (M, F) [e^2/h]
    configurations: np.ndarray  # (M,)
    potentials: np.ndarray | None  # (M,) seeds; None where a curve is of no single one
    metric: np.ndarray | None = None  # (F, F), see whitener; None: Euclidean

    def read(self, curves):
        """Configurations (B,) of curves (B, F), and the seeds (B,) of their potentials, or None."""
        pair = self.curves, curves
        near = metrics.nearest_curve(
            *(pair if self.metric is None else (part @ self.metric for part in pair))
        )
        return self.configurations[near], None if self.potentials is None else self.potentials[near]


def tuned(library, changes, curves, hits, plain=True):
    """The library with the metric that reads dev curves (B, F) best, and a text that names it.

    changes: {name: (M, F)} to whiten by. plain: whether the Euclidean metric may win.
    hits(configurations (B,)): what counts, a number."""
    metric = {"plain": None} if plain else {}
    metric |= {
        f"whitened by {name}, floor {floor:g}": whitener(values, floor)
        for name, values in changes.items()
        for floor in FLOORS
    }
    options = {name: library._replace(metric=matrix) for name, matrix in metric.items()}
    best = max(options, key=lambda name: hits(options[name].read(curves)[0]))  # of equals the first
    return options[best], best


# --- a plain network


class Mlp:
    """Three hidden layers, trained on curves (M, F) of configurations (M,); float32, on the
    processor.

    x1, x2 and dy have one factor of the probability each, and of `orbits` (N, 3) the most probable
    is read. settings: as PLAIN; the number of steps is fixed, so the same seed gives the same
    network."""

    def __init__(self, curves, configurations, orbits, seed, settings):
        self.mean, self.std = curves.mean(axis=0), curves.std(axis=0)
        self.orbits = torch.as_tensor(orbits.astype(np.int64))
        self.sizes = [int(n) + 1 for n in orbits.max(axis=0)]
        with torch.random.fork_rng(devices=()):
            torch.manual_seed(seed)
            widths = [curves.shape[1], *[settings["width"]] * 3]
            layers = [
                layer
                for a, b in pairwise(widths)
                for layer in (nn.Linear(a, b), nn.LayerNorm(b), nn.SiLU())
            ]
            self.net = nn.Sequential(*layers, nn.Linear(widths[-1], sum(self.sizes)))
        x, y, rate = self._scaled(curves), self.orbits[configurations], settings["learning_rate"]
        optimizer = torch.optim.AdamW(self.net.parameters(), rate, weight_decay=0.05, fused=True)
        plan = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, rate, total_steps=settings["steps"], pct_start=0.1
        )
        for step in progress_bar(range(settings["steps"]), desc="plain network", unit="step"):
            batch = torch.from_numpy(
                stream("plain network", seed, step).integers(len(x), size=settings["batch"])
            )
            factors = zip(self._factors(x[batch]), y[batch].T)
            loss = sum(position_loss(log_p, value, settings["sigma"]) for log_p, value in factors)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            plan.step()

    def _scaled(self, curves):
        return torch.as_tensor((curves - self.mean) / self.std, dtype=torch.float32)

    def _factors(self, x):
        """Log probabilities of x1, x2 and dy, each (B, number of values)."""
        return [part.log_softmax(1) for part in self.net(x).split(self.sizes, dim=1)]

    @torch.no_grad()
    def read(self, curves):
        """Configurations (B,) of curves (B, F)."""
        log_p = self._factors(self._scaled(curves))
        return sum(part[:, self.orbits[:, k]] for k, part in enumerate(log_p)).argmax(dim=1).numpy()
