"""What the parts of the score study look at, and how they put what they find together."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from qfp.data.dataset import Pairs
from qfp.decoding.decode import Decoder
from qfp.model.diffusion import guided, step_noise
from qfp.model.exported import network_of
from qfp.physics import geometry
from qfp.physics.sweep import images_of
from qfp.studies import intervals
from qfp.studies.frame import Run
from qfp.studies.score import forcefield
from qfp.tools import stream

BATCH = 20
# spread of what is added to a fresh network's weights, whose last layers start at 0
UNTRAINED = 0.05
STEPS = ("x1 + 1", "x2 + 1", "Δy + 1", "x1 − 1", "x2 − 1", "Δy − 1")  # of one antidot by a site


def spread(values, seed):
    """Mean over the images (B, ...) with its 95 % bootstrap interval; lists for JSON."""
    values = np.asarray(values, float)
    flat = values.reshape(len(values), -1)
    bounds = np.array([intervals.bootstrap(column, np.mean, seed) for column in flat.T])
    low, high = (bounds[:, k].reshape(values.shape[1:]).tolist() for k in (0, 1))
    return {"mean": values.mean(axis=0).tolist(), "low": low, "high": high}


def gathered(rows, seed):
    """`spread` of every entry of dictionaries of arrays (B,), one a noise level: {name: {mean, low,
    high}, each (T,)}."""
    return {name: spread(np.stack([row[name] for row in rows], -1), seed) for name in rows[0]}


@dataclass(frozen=True)
class Subject:
    """What is looked at: a network, pairs and the seed; test rows (potential, configuration)."""

    decoder: Decoder
    pairs: Pairs
    parts: dict  # {part of the split: rows (M, 2) of the pairs}
    seed: int
    test: np.ndarray  # (B, 2)
    run: Run | None = None  # keeps what takes long

    @classmethod
    def of(cls, run, test):
        """That of a run of the study."""
        return cls(run.decoder, run.pairs, run.parts, run.seed, test, run)

    @property
    def model(self):
        return self.decoder.model

    @property
    def schedule(self):
        return self.decoder.schedule

    @cached_property
    def ratio(self):
        """σ/α of each step."""
        return self.schedule.ratio.numpy()

    def levels(self, wanted):
        """Steps t nearest to noise levels σ/α, in log."""
        return [int(abs(np.log(self.ratio / value)).argmin()) for value in wanted]

    def variance(self, t):
        return 1 - float(self.schedule.alpha_bar[t])

    def images(self, rows):
        """Normalised images (B, 1, 60, 60) of rows."""
        return self.decoder.normal.image(self.pairs.ldos[rows[:, 0], rows[:, 1]].astype(np.float32))

    def condition(self, rows):
        return self.model.encode(
            self.decoder.normal.curve(self.pairs.conductance[rows[:, 0], rows[:, 1]])
        )

    def field(self, condition, t, model=None):
        return forcefield.field(
            guided(model or self.model, self.schedule, condition), self.schedule, t
        )

    def score(self, condition, t, x):
        """Score (B, 1, 60, 60) at points x, BATCH of them at a time."""
        parts = torch.arange(len(x)).split(BATCH)
        return torch.cat([self.field(condition.index(i), t)(x[i]) for i in parts])

    def seeds(self, rows):
        """Noise seeds (B,) of rows, a function of each row alone."""
        return [
            int(stream("score noise", self.seed, *row).integers(2**63)) for row in rows.tolist()
        ]

    def noisy(self, rows, t):
        return forcefield.noisy_points(self.schedule, self.images(rows), t, self.seeds(rows))

    def scaled_noise(self, rows, t, number):
        """Directions of the length of the noise, (B, 1, 60, 60); number: which, 0 is that of
        `noisy`."""
        return (
            self.variance(t) ** 0.5
            * step_noise((1, *2 * [self.pairs.device.side]), self.seeds(rows), number).float()
        )

    def steps_of(self, row):
        """{step: antidots (2, 2)} of the configurations one step of x1, x2 or dy from a row's.

        Those that the dataset has in that very placement: beyond a symmetry plane the canonical
        copy is no neighbour."""
        device = self.pairs.device
        six = self.pairs.orbit[row[1]].astype(int) + np.concatenate(
            [np.eye(3, dtype=int), -np.eye(3, dtype=int)]
        )
        placed = geometry.placement(six, device)
        return {
            name: pair
            for name, orbit, pair in zip(STEPS, six, placed)
            if geometry.in_dataset(pair, device) and (geometry.orbit(pair, device) == orbit).all()
        }

    def neighbours(self, row):
        """Images (m, 1, 60, 60) of `steps_of` a row, under its potential."""
        device, pairs = self.pairs.device, list(self.steps_of(row).values())
        antidots = np.array(pairs, int).reshape(-1, 2, 2)
        return self.decoder.normal.image(images_of(device, antidots, int(row[0])))


def untrained_of(subject):
    """A fresh network of the same settings in which every layer acts, a function of the seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(subject.seed)
        model = network_of(subject.decoder.config).eval().requires_grad_(False)
        for parameter in model.parameters():
            parameter.add_(UNTRAINED * torch.randn_like(parameter))
    return model


def tangents(subject, row):
    """Exact changes of a row's image, flattened: {'position' (m, 3600): one step of an antidot;
    'potential' (P - 1, 3600): another potential, same antidots; 'both'}."""
    own = subject.images(row[None])
    others = np.array(
        [(p, row[1]) for p in range(len(subject.pairs.potentials)) if p != row[0]]
    ).reshape(-1, 2)
    changes = {
        "position": (subject.neighbours(row) - own).flatten(1).double().numpy(),
        "potential": (subject.images(others) - own).flatten(1).double().numpy(),
    }
    return changes | {"both": np.concatenate(list(changes.values()))}
