"""Has the learned score an energy, and is the true image its minimum (Sec. VI)? Measurements of
`qfp probe score`."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch

from qfp.model.diffusion import guided, sample, step_noise
from qfp.model.exported import network_of
from qfp.physics import geometry
from qfp.physics.sweep import images_of
from qfp.studies import intervals
from qfp.studies.score import energy, forcefield
from qfp.tools import progress_bar, stream

SYMMETRY_NOISE, PROBES, SYMMETRY_IMAGES, UNTRAINED_IMAGES = (0.1, 0.2, 0.5, 1, 2, 5, 20), 4, 20, 5
ENERGY_NOISE = (0.2, 1, 5)
LOOP_IMAGES, INTERVALS, PROFILE_IMAGES, PROFILE_POINTS, WORK_STEPS = 12, 16, 20, 17, 50
SOFT_IMAGES, SOFT, BLOCKS = 12, 6, 7
# spread of what is added to a fresh network's weights, whose last layers start at 0
UNTRAINED = 0.05
DIRECTIONS = {
    "noise": (2.0, "noise radii sigma sqrt(3600), outward in a random direction"),
    "one site": (
        2.0,
        "steps of one antidot by one site, along the straight line to a neighbouring configuration",
    ),
    "other": (1.0, "of the straight line to the image of another test configuration"),
}


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
    """What a probe looks at: a network, its data and the seed; test rows (potential,
    configuration)."""

    decoder: tuple
    pairs: object
    parts: dict
    test: np.ndarray
    sampling: object
    seed: int
    folder: Path

    @property
    def model(self):
        return self.decoder.model

    @property
    def schedule(self):
        return self.decoder.schedule

    @cached_property
    def ratio(self):
        """σ/α of each step."""
        return ((1 - self.schedule.alpha_bar) / self.schedule.alpha_bar).sqrt().numpy()

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
            * step_noise((1, *2 * [self.pairs.device.length]), self.seeds(rows), number).float()
        )

    def neighbours(self, row):
        """Images (m, 1, 60, 60) of the configurations one step of x1, x2 or dy from a row's, under
        its potential.

        Those that the dataset has in that very placement: beyond a symmetry plane the canonical
        copy is no neighbour."""
        device = self.pairs.device
        six = self.pairs.orbit[row[1]].astype(int) + np.concatenate(
            [np.eye(3, dtype=int), -np.eye(3, dtype=int)]
        )
        placed = geometry.placement(six, device)
        kept = [
            i
            for i, pair in enumerate(placed)
            if geometry.in_dataset(pair, device) and (geometry.orbit(pair, device) == six[i]).all()
        ]
        return self.decoder.normal.image(images_of(device, placed[kept], int(row[0])))


def untrained_of(subject):
    """A fresh network of the same settings in which every layer acts; a pure function of the seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(subject.seed)
        model = network_of(subject.decoder.config).eval().requires_grad_(False)
        for parameter in model.parameters():
            parameter.add_(UNTRAINED * torch.randn_like(parameter))
    return model


def symmetry(subject):
    """Share of D that is antisymmetric, over the noise level, for the network and an untrained one
    of its settings.

    Of a fresh network's D most is a multiple of I that the prediction of v brings along; 'rest'
    leaves out the mean diagonal, tr D / n I, so that the two can be compared."""
    times, found = subject.levels(SYMMETRY_NOISE), {}
    fresh = untrained_of(subject)
    for label, model, number in (
        ("trained", subject.model, SYMMETRY_IMAGES),
        ("untrained", fresh, UNTRAINED_IMAGES),
    ):
        rows, levels = subject.test[:number], []
        curves = subject.decoder.normal.curve(subject.pairs.conductance[rows[:, 0], rows[:, 1]])
        condition = model.encode(curves)
        for t in progress_bar(times, desc=f"symmetry, {label}", unit="level"):
            square = forcefield.squared_norms(
                subject.field(condition, t, model),
                subject.variance(t),
                subject.noisy(rows, t),
                subject.seeds(rows),
                PROBES,
            )
            levels.append(
                {
                    f"of_{name}": np.sqrt(
                        square["antisymmetric"] / np.maximum(square[name], np.finfo(float).tiny)
                    )
                    for name in ("D", "J", "rest")
                }
            )
        found[label] = gathered(levels, subject.seed) | {"images": len(rows)}
    return {"noise": subject.ratio[times].tolist(), "probes": PROBES, **found}


def loops(subject):
    """Circulation of the score around rectangles, relative to the line integrals along their sides."""
    rows = subject.test[:LOOP_IMAGES]
    near = [subject.neighbours(row) for row in rows]
    some = np.array([len(images) > 1 for images in near])
    rows, near = rows[some], [images for images in near if len(images) > 1]
    others = subject.images(
        subject.parts["train"][
            np.linspace(0, len(subject.parts["train"]) - 1, len(rows)).astype(int)
        ]
    )
    condition, x0, times, found = (
        subject.condition(rows),
        subject.images(rows),
        subject.levels(ENERGY_NOISE),
        {},
    )
    for t in progress_bar(times, desc="rectangles", unit="level"):
        a = float(subject.schedule.alpha_bar[t]) ** 0.5
        noise = [subject.scaled_noise(rows, t, k) for k in (1, 2)]
        steps = [a * (torch.stack([images[k] for images in near]) - x0) for k in (0, 1)]
        sides = {
            "noise, noise": noise,
            "other image, noise": (a * (others - x0), noise[0]),
            "one site, one site": steps,
        }
        for label, (u, w) in sides.items():
            around = energy.circulation(
                subject.field(condition, t), subject.noisy(rows, t), u, w, INTERVALS
            )
            size = np.maximum(around["size"], np.finfo(float).tiny)
            found.setdefault(label, []).append(
                {
                    "relative": around["loop"] / size,
                    "loop": around["loop"],
                    "size": around["size"],
                    "error": around["error"] / size,
                }
            )
    return {
        "noise": subject.ratio[times].tolist(),
        "images": len(rows),
        "intervals": INTERVALS,
        **{label: gathered(levels, subject.seed) for label, levels in found.items()},
    }


def profiles(subject):
    """beta E along straight lines from the true image at fixed noise, and the parabola at their
    beginning."""
    rows = subject.test[:PROFILE_IMAGES]
    near = [subject.neighbours(row) for row in rows]
    some = np.array([len(images) > 0 for images in near])
    rows, near = rows[some], torch.stack([images[0] for images in near if len(images)])
    condition, x0, times, found = (
        subject.condition(rows),
        subject.images(rows),
        subject.levels(ENERGY_NOISE),
        {},
    )
    fractions = np.linspace(0, 1, PROFILE_POINTS)
    for t in progress_bar(times, desc="profiles", unit="level"):
        a, variance = float(subject.schedule.alpha_bar[t]) ** 0.5, subject.variance(t)
        steps = {
            "noise": subject.scaled_noise(rows, t, 1),
            "one site": a * (near - x0),
            "other": a * (x0.roll(1, 0) - x0),
        }
        for label, (span, _) in DIRECTIONS.items():
            step = span * steps[label]
            heights, error = energy.profile(subject.field(condition, t), a * x0, step, fractions)
            fitted, curvature, reach = energy.parabola(fractions, heights)
            lengths = step.double().square().sum((1, 2, 3)).numpy()
            scale = np.maximum(abs(heights).max(axis=1), np.finfo(float).tiny)
            lowest = heights.min(axis=1) < -1e-3 * scale
            found.setdefault(label, []).append(
                {
                    "energy": spread(heights, subject.seed),
                    "parabola": fitted.mean(axis=0).tolist(),
                    "stiffness": spread(curvature * variance / lengths, subject.seed),
                    "reach": spread(reach * span, subject.seed),
                    "reach_in_noise_radii": spread(
                        reach * np.sqrt(lengths / (variance * x0[0].numel())), subject.seed
                    ),
                    "downhill": float(lowest.mean()),
                    "error": float((error / scale).max()),
                }
            )
    along = {
        label: {"at": (span * fractions).tolist(), "unit": unit}
        for label, (span, unit) in DIRECTIONS.items()
    }
    return {
        "noise": subject.ratio[times].tolist(),
        "images": len(rows),
        **{label: along[label] | {"levels": levels} for label, levels in found.items()},
    }


@torch.no_grad()
def generation(subject):
    """Work of the score along a generation, where the noise level falls with every step."""
    rows = subject.test[:PROFILE_IMAGES]
    condition, found = subject.condition(rows), SimpleNamespace(points=[], scores=[], times=[])

    def record(index, t, x, x0_hat):
        found.times.append(t)
        found.points.append(x)
        found.scores.append(forcefield.score_to(x0_hat, x, float(subject.schedule.alpha_bar[t])))

    steps = min(WORK_STEPS, subject.schedule.steps)
    sample(
        guided(subject.model, subject.schedule, condition),
        subject.schedule,
        subject.seeds(rows),
        (1, *2 * [subject.pairs.device.length]),
        "ddim",
        steps,
        callback=record,
    )
    total = energy.work(torch.stack(found.scores), torch.stack(found.points))
    return {
        "noise": subject.ratio[found.times].tolist(),
        "images": len(rows),
        "work": spread(total.T, subject.seed),
    }


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


def soft_directions(subject):
    """Largest eigenvalues of D at the true image and at a noisy point, and what lies in the
    solver's tangents."""
    rows = subject.test[:SOFT_IMAGES]
    known = [tangents(subject, row) for row in rows]
    times, found = subject.levels(ENERGY_NOISE), {}
    bar = progress_bar(
        [(place, t) for place in ("clean", "noisy") for t in times],
        desc="soft directions",
        unit="level",
    )
    for place, t in bar:
        levels = []
        for i, row in enumerate(rows):
            x = (
                float(subject.schedule.alpha_bar[t]) ** 0.5 * subject.images(row[None])
                if place == "clean"
                else subject.noisy(row[None], t)
            )
            score = subject.field(subject.condition(row[None]).repeat(SOFT), t)
            values, vectors, residuals = forcefield.softest(
                score, subject.variance(t), x, SOFT, BLOCKS, subject.seeds(row[None])
            )
            shares = {}
            for kind, own in known[i].items():
                shares[kind] = forcefield.share_in_span(vectors[0], own)
                shares[f"{kind}_control"] = forcefield.share_in_span(vectors[0], known[i - 1][kind])
            levels.append(
                {
                    "eigenvalues": values[0],
                    "residuals": residuals[0],
                    "saddle": float((values > 1).any()),
                    **shares,
                }
            )
        entry = {
            name: spread([level[name] for level in levels], subject.seed) for name in levels[0]
        }
        hits = sum(level["saddle"] for level in levels)
        entry["saddle"] |= {"interval": list(intervals.wilson(int(hits), len(levels)))}
        found.setdefault(place, []).append(entry)
    return {
        "noise": subject.ratio[times].tolist(),
        "images": len(rows),
        "tangents": [len(k["both"]) for k in known],
        **found,
    }


def energies(subject):
    """Everything about an energy functional: {symmetry, loops, profiles, generation}."""
    return {
        "symmetry": symmetry(subject),
        "loops": loops(subject),
        "profiles": profiles(subject),
        "generation": generation(subject),
    }
