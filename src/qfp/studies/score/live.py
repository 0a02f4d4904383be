"""The score around a few test wires, without a dataset file: the exact solver makes their pairs.

What notebook 09 computes itself. One potential, that of seed 0; the noise of point i is that of
seed i.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch

from qfp.data import dataset
from qfp.data.simulate import simulate
from qfp.physics.sweep import images_of
from qfp.studies import intervals
from qfp.studies.score import forcefield
from qfp.studies.score.pointing import conditions, marked_levels, row_of, scores_at
from qfp.studies.score.subject import Subject, gathered

WIRES, TRAINING_WIRES = 16, 720  # test wires at most; training wires of the Gaussian, about


def subject_of(decoder, number, seed):
    """Subject of the first `number` test configurations, WIRES at most."""
    decoder.model.requires_grad_(False)
    unseen = dataset.configurations_of(decoder.config, "test")
    pairs = simulate(decoder.config, unseen[: min(WIRES, number)], potentials=(0,))
    test = np.stack([np.zeros(len(pairs.antidots), int), np.arange(len(pairs.antidots))], axis=-1)
    return Subject(decoder, pairs, {"test": test}, seed, test)


# --- Fig. 5


@dataclass(frozen=True)
class Cloud:
    """Noisy points around one image at one step, and the score there."""

    points: torch.Tensor  # (B, 1, 60, 60) x_t
    score: torch.Tensor  # (B, 1, 60, 60)
    truth: torch.Tensor  # (1, 60, 60) sqrt(alpha_bar) x0
    alpha_bar: float

    @property
    def variance(self):
        """That of the noise, sigma^2."""
        return 1 - self.alpha_bar

    @property
    def cosine(self):
        """Cosine (B,) of the score with the way to the truth, in all pixels."""
        return forcefield.cosine(self.score, self.truth - self.points)

    @property
    def radii(self):
        """Distances (B,) from the truth, in units of sigma."""
        square = (self.points - self.truth).double().square().sum((1, 2, 3))
        return (square.sqrt() / self.variance**0.5).numpy()

    @property
    def planes(self):
        """{panel of Fig. 5: Plane}."""
        return {name: self.on(pixels) for name, pixels in forcefield.PIXEL_PAIRS.items()}

    def on(self, pixels):
        """Plane of two pixels."""
        return forcefield.score_on_plane(self.points, self.score, self.truth, pixels)

    def of_one_image(self):
        """The same points with the score of a single image, the truth: it leads straight home."""
        return replace(self, score=-(self.points.double() - self.truth) / self.variance)


@torch.no_grad()
def cloud(subject, t, number=forcefield.NOISY_POINTS):
    """Cloud of `number` points around the first test image after step t, given its own curve."""
    row, alpha_bar = subject.test[:1], float(subject.schedule.alpha_bar[t])
    x0 = subject.images(row)
    clean = x0.expand(number, -1, -1, -1)
    points = forcefield.noisy_points(subject.schedule, clean, t, range(number))
    score = subject.field(subject.condition(row).repeat(number), t)(points)
    return Cloud(points, score, alpha_bar**0.5 * x0[0], alpha_bar)


def recipe_text(subject, t):
    """The noise of Fig. 5 at step t beside that of the linear schedule, and the sites (x, y) that
    its pixels are."""
    (own, linear), (left, below) = marked_levels(subject), subject.pairs.device.margins
    lines = [
        f"{forcefield.NOISY_POINTS} points, t = {t}: σ/α = {own:.6f} ({subject.schedule.kind}), "
        f"{linear:.6f} (linear)"
    ]
    for name, ((r1, c1), (r2, c2)) in forcefield.PIXEL_PAIRS.items():
        lines.append(
            f"({name}) row {r1}, column {c1}: site (x, y) = {c1 - left, r1 - below};  "
            f"row {r2}, column {c2}: site {c2 - left, r2 - below}"
        )
    return "\n".join(lines)


def cloud_text(cloud):
    """How many arrows of a cloud lead to the truth, in all pixels and on the planes of Fig. 5."""
    full, planes = cloud.cosine, cloud.planes
    lines = [f"all 3600 pixels: cosine {full.min():.3f} to {full.max():.3f}"]
    for name, plane in planes.items():
        hits = int((plane.cosine > 0).sum())
        low, high = intervals.wilson(hits, len(full))
        lines.append(
            f"({name}) towards the truth: {hits} of {len(full)} ({low:.0%} to {high:.0%}), "
            f"mean cosine {plane.cosine.mean():.3f}"
        )
    pairs = forcefield.PIXEL_PAIRS.values()
    swapped = [cloud.on(tuple(pixel[::-1] for pixel in pixels)) for pixels in pairs]
    own, other = (
        np.mean([plane.cosine > 0 for plane in some]) for some in (planes.values(), swapped)
    )
    return "\n".join(
        [
            *lines,
            f"pixels read as (column, row) instead: {other:.1%} towards the truth, "
            f"against {own:.1%}",
        ]
    )


# --- scores that know less


def gaussian_of(decoder):
    """forcefield.Gaussian of about TRAINING_WIRES training images."""
    wires = sorted(dataset.configurations_of(decoder.config, "train"))
    wires = wires[:: max(1, len(wires) // TRAINING_WIRES)]
    antidots = dataset.choose(decoder.config)[1][wires]
    return forcefield.Gaussian.of(
        decoder.normal.image(images_of(decoder.config.device, antidots, 0))
    )


@torch.no_grad()
def pointing(subject, times, points=2):
    """Where scores that know more and less point at steps `times`, as part 'pointing' of the
    study's result, from `points` points around each test image."""
    rows, gaussian = np.repeat(subject.test, points, axis=0), gaussian_of(subject.decoder)
    given = {label: one.repeat(points) for label, one in conditions(subject).items()}
    x0, sets = subject.images(rows), {"": list(forcefield.PIXEL_PAIRS.values())}
    found = {label: [] for label in (*given, "Gaussian")}
    for t in times:
        x = forcefield.noisy_points(subject.schedule, x0, t, range(len(x0)))
        a = float(subject.schedule.alpha_bar[t]) ** 0.5
        for label, s in scores_at(subject, given, gaussian, t, x).items():
            row = row_of(x, s, a, x0, sets)
            found[label].append({k: v.reshape(-1, points).mean(axis=1) for k, v in row.items()})
    return {
        "noise": subject.ratio[times].tolist(),
        "marked": marked_levels(subject),
        "rows": {label: gathered(levels, subject.seed) for label, levels in found.items()},
    }


# --- soft directions


@dataclass(frozen=True)
class Soft:
    """Softest directions of the field at a clean image, beside exact changes of this image."""

    values: np.ndarray  # (k,) eigenvalues of D, falling
    vectors: np.ndarray  # (k, 60, 60)
    changes: dict  # {step of an antidot: (60, 60)}
    shares: np.ndarray  # (k,) squared norm of each vector in the span of the changes


def soft_directions(subject, t, number=4, blocks=5):
    """Soft of the first test wire at step t."""
    row = subject.test[:1]
    x0, alpha_bar = subject.images(row), float(subject.schedule.alpha_bar[t])
    field = subject.field(subject.condition(row).repeat(number), t)
    given = subject.variance(t), alpha_bar**0.5 * x0, number, blocks, [subject.seed]
    values, vectors, _ = forcefield.softest(field, *given)
    moved = (subject.neighbours(row[0]) - x0)[:, 0].numpy()
    shares = forcefield.share_in_span(vectors[0], moved.reshape(len(moved), -1))
    changes = dict(zip(subject.steps_of(row[0]), moved))
    return Soft(values[0], vectors[0].reshape(-1, *x0.shape[2:]), changes, shares)
