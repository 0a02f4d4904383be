"""Does the score point to the true data, and what else points there?"""

import torch

from qfp.model.diffusion import Schedule
from qfp.studies import frame
from qfp.studies.score import forcefield
from qfp.studies.score.subject import gathered
from qfp.tools import progress_bar

POINTING_NOISE = (0.1, 0.2, 0.5, 1, 2, 5, 20, 50)  # besides the two levels of 'after 100 steps'
PLANES, TRAINING_IMAGES = 60, 4000  # random planes of two pixels; images of the Gaussian


def marked_levels(subject):
    """σ/α after NOISE_STEPS steps of this schedule and of the linear one."""
    steps = forcefield.NOISE_STEPS
    reference = Schedule(1000, "linear").alpha_bar[steps - 1]
    own = float(subject.ratio[min(steps, subject.schedule.steps) - 1])
    return [own, float(((1 - reference) / reference).sqrt())]


def row_of(x, s, a, x0, sets):
    """Where scores s at points x of x0 point, see probe.NOTES; a = sqrt(alpha_bar), sets: planes of
    two pixels by name."""
    row = {"end": ((x + (1 - a**2) * s) / a - x0).square().mean((1, 2, 3)).sqrt().numpy()}
    for name, images in (("", x0), ("_other", x0.roll(1, 0))):
        for planes, chosen in sets.items():
            for key, value in forcefield.pointing(x, s, a * images, chosen).items():
                row[f"{key}{'' if key == 'full' else planes}{name}"] = value
    return row


@torch.no_grad()
def pointing(subject):
    """Part (a): scores given the own curve, another one and none, and that of a Gaussian."""
    device, schedule, test, seed = (
        subject.pairs.device,
        subject.schedule,
        subject.test,
        subject.seed,
    )
    rows = frame.choose_rows(subject.parts, "train", TRAINING_IMAGES, seed)
    gaussian = forcefield.Gaussian.of(subject.images(rows))
    own, x0, marked = subject.condition(test), subject.images(test), marked_levels(subject)
    times = sorted({*subject.levels(POINTING_NOISE), *subject.levels(marked)})
    random = forcefield.random_pairs(PLANES, device.width, device.length, seed)
    sets = {"": list(forcefield.PIXEL_PAIRS.values()), "_random": random}
    conditions = {
        "own curve": own,
        "another curve": own.index(torch.arange(len(test)).roll(1)),
        "no curve": subject.model.null(len(test)),
    }
    found = {label: [] for label in (*conditions, "Gaussian")}
    for t in progress_bar(times, desc="pointing", unit="level"):
        x, a = subject.noisy(test, t), float(schedule.alpha_bar[t]) ** 0.5
        scores = {label: subject.score(given, t, x) for label, given in conditions.items()}
        scores["Gaussian"] = forcefield.gaussian_score(schedule, x, t, gaussian)
        for label, s in scores.items():
            found[label].append(row_of(x, s, a, x0, sets))
    difference = [
        {name: ours[name] - theirs[name] for name in ours}
        for ours, theirs in zip(found["own curve"], found["Gaussian"])
    ]
    return {
        "noise": subject.ratio[times].tolist(),
        "marked": marked,
        "images": len(test),
        "planes": PLANES,
        "training_images": len(rows),
        "rows": {k: gathered(v, seed) for k, v in found.items()},
        "difference": gathered(difference, seed),
    }
