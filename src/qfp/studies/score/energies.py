"""Has the learned score an energy, and is the true image its minimum (Sec. VI)?"""

from types import SimpleNamespace

import numpy as np
import torch

from qfp.model.diffusion import guided, sample
from qfp.studies import intervals
from qfp.studies.score import energy, forcefield
from qfp.studies.score.subject import gathered, spread, untrained_of
from qfp.tools import progress_bar

SYMMETRY_NOISE, PROBES, SYMMETRY_IMAGES, UNTRAINED_IMAGES = (0.1, 0.2, 0.5, 1, 2, 5, 20), 4, 30, 5
ENERGY_NOISE = (0.2, 1, 5)
LOOP_IMAGES, INTERVALS, PROFILE_IMAGES, PROFILE_POINTS, WORK_STEPS = 24, 16, 40, 17, 50
TINY = np.finfo(float).tiny
DIRECTIONS = {
    "noise": (2.0, "noise radii sigma sqrt(3600), outward in a random direction"),
    "one site": (
        2.0,
        "steps of one antidot by one site, along the straight line to a neighbouring configuration",
    ),
    "other": (1.0, "of the straight line to the image of another test configuration"),
}


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
                    f"of_{name}": np.sqrt(square["antisymmetric"] / np.maximum(square[name], TINY))
                    for name in ("D", "J", "rest")
                }
            )
        found[label] = gathered(levels, subject.seed) | {"images": len(rows)}
    return {"noise": subject.ratio[times].tolist(), "probes": PROBES, **found}


def with_neighbours(subject, rows, number):
    """Those of rows that have at least `number` neighbouring configurations, and the images of
    these, a list."""
    near = [subject.neighbours(row) for row in rows]
    some = np.array([len(images) >= number for images in near])
    return rows[some], [images for images in near if len(images) >= number]


def rectangles(subject, rows, near, others, t):
    """Sides {name: (u, w)} of rectangles at step t."""
    a, x0 = float(subject.schedule.alpha_bar[t]) ** 0.5, subject.images(rows)
    noise = [subject.scaled_noise(rows, t, k) for k in (1, 2)]
    steps = [a * (torch.stack([images[k] for images in near]) - x0) for k in (0, 1)]
    return {
        "noise, noise": noise,
        "other image, noise": (a * (others - x0), noise[0]),
        "one site, one site": steps,
    }


def loops(subject):
    """Circulation of the score around rectangles, over the line integrals along their sides."""
    rows, near = with_neighbours(subject, subject.test[:LOOP_IMAGES], 2)
    train = subject.parts["train"]
    others = subject.images(train[np.linspace(0, len(train) - 1, len(rows)).astype(int)])
    condition, times, found = subject.condition(rows), subject.levels(ENERGY_NOISE), {}
    for t in progress_bar(times, desc="rectangles", unit="level"):
        field, x = subject.field(condition, t), subject.noisy(rows, t)
        for label, (u, w) in rectangles(subject, rows, near, others, t).items():
            around = energy.circulation(field, x, u, w, INTERVALS)
            size = np.maximum(around["size"], TINY)
            row = {"relative": around["loop"] / size, "loop": around["loop"]}
            row |= {"size": around["size"], "error": around["error"] / size}
            found.setdefault(label, []).append(row)
    return {
        "noise": subject.ratio[times].tolist(),
        "images": len(rows),
        "intervals": INTERVALS,
        **{label: gathered(levels, subject.seed) for label, levels in found.items()},
    }


def line(subject, field, variance, start, step, span):
    """beta E along start + fraction x step, (B, 1, 60, 60) each, and the parabola at the beginning.

    variance: that of the noise; span: of the line, in the unit of DIRECTIONS."""
    seed, fractions = subject.seed, np.linspace(0, 1, PROFILE_POINTS)
    heights, error = energy.profile(field, start, step, fractions)
    fitted, curvature, reach = energy.parabola(fractions, heights)
    lengths = step.double().square().sum((1, 2, 3)).numpy()
    scale = np.maximum(abs(heights).max(axis=1), TINY)
    radii = np.sqrt(lengths / (variance * start[0].numel()))
    return {
        "energy": spread(heights, seed),
        "parabola": fitted.mean(axis=0).tolist(),
        "stiffness": spread(curvature * variance / lengths, seed),
        "reach": spread(reach * span, seed),
        "reach_in_noise_radii": spread(reach * radii, seed),
        **intervals.share("downhill", heights.min(axis=1) < -1e-3 * scale),
        "error": float((error / scale).max()),
    }


def profiles(subject):
    """beta E along straight lines from the true image at fixed noise, and the parabola at their
    beginning."""
    rows, near = with_neighbours(subject, subject.test[:PROFILE_IMAGES], 1)
    near = torch.stack([images[0] for images in near])
    condition, x0, times = (
        subject.condition(rows),
        subject.images(rows),
        subject.levels(ENERGY_NOISE),
    )
    found = {
        label: {
            "at": (span * np.linspace(0, 1, PROFILE_POINTS)).tolist(),
            "unit": unit,
            "levels": [],
        }
        for label, (span, unit) in DIRECTIONS.items()
    }
    for t in progress_bar(times, desc="profiles", unit="level"):
        a, variance = float(subject.schedule.alpha_bar[t]) ** 0.5, subject.variance(t)
        field, steps = (
            subject.field(condition, t),
            {
                "noise": subject.scaled_noise(rows, t, 1),
                "one site": a * (near - x0),
                "other": a * (x0.roll(1, 0) - x0),
            },
        )
        for label, (span, _) in DIRECTIONS.items():
            level = line(subject, field, variance, a * x0, span * steps[label], span)
            found[label]["levels"].append(level)
    return {"noise": subject.ratio[times].tolist(), "images": len(rows), **found}


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
        (1, *2 * [subject.pairs.device.side]),
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


def energies(subject):
    """Part (b), everything about an energy functional: {symmetry, loops, profiles, generation}."""
    return {
        "symmetry": symmetry(subject),
        "loops": loops(subject),
        "profiles": profiles(subject),
        "generation": generation(subject),
    }
