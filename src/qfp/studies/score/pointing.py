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


def conditions(subject):
    """What the network is told of each test wire: its own curve, that of another one, or none."""
    own, number = subject.condition(subject.test), len(subject.test)
    return {
        "own curve": own,
        "another curve": own.index(torch.arange(number).roll(1)),
        "no curve": subject.model.null(number),
    }


def scores_at(subject, given, gaussian, t, x):
    """Scores {label: (B, 1, 60, 60)} at points x, under conditions {label: condition} and of a
    Gaussian."""
    scores = {label: subject.score(condition, t, x) for label, condition in given.items()}
    return scores | {"Gaussian": forcefield.gaussian_score(subject.schedule, x, t, gaussian)}


@torch.no_grad()
def pointing(subject):
    """Part (a): scores given the own curve, another one and none, and that of a Gaussian."""
    device, test, seed = subject.pairs.device, subject.test, subject.seed
    rows = frame.choose_rows(subject.parts, "train", TRAINING_IMAGES, seed)
    gaussian = forcefield.Gaussian.of(subject.images(rows))
    given, x0, marked = conditions(subject), subject.images(test), marked_levels(subject)
    times = sorted({*subject.levels(POINTING_NOISE), *subject.levels(marked)})
    random = forcefield.random_pairs(PLANES, device.width, device.length, seed)
    sets = {"": list(forcefield.PIXEL_PAIRS.values()), "_random": random}
    found = {label: [] for label in (*given, "Gaussian")}
    for t in progress_bar(times, desc="pointing", unit="level"):
        x, a = subject.noisy(test, t), float(subject.schedule.alpha_bar[t]) ** 0.5
        for label, s in scores_at(subject, given, gaussian, t, x).items():
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
