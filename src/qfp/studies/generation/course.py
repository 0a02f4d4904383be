"""When do the antidots appear in the thousand steps of a generation (Sec. IV, Fig. 3)?"""

from typing import NamedTuple

import numpy as np
import torch

from qfp.decoding import metrics, positions
from qfp.model.diffusion import guided, sample

EVERY = 20  # steps between two that are kept, beside the first


class Course(NamedTuple):
    """One generation by all steps of the ancestral sampler, at the steps that are kept."""

    steps: np.ndarray  # (K,), 1 to T
    noisy: np.ndarray  # (K, L, W) [1/t], the state x_t
    predicted: np.ndarray  # (K, L, W) [1/t], the image that the network believes in, x0_hat
    image: np.ndarray  # (L, W) [1/t], what comes out


class Judged(NamedTuple):
    """A course beside the truth."""

    r_noisy: np.ndarray  # (K,) Pearson correlation of the state with the true image
    r_predicted: np.ndarray  # (K,) and of the predicted image
    errors: np.ndarray  # (K,) [sites] of the antidots found in the predicted image


@torch.no_grad()
def follow(decoder, curve, gamma, seed):
    """Course of the generation for a curve (F,) [e^2/h] from the noise of a seed."""
    normal, schedule, side = decoder.normal, decoder.schedule, decoder.config.device.side
    steps, noisy, predicted = [], [], []

    def watch(index, t, x, x0):
        if index == 0 or (index + 1) % EVERY == 0:
            steps.append(index + 1)
            noisy.append(normal.ldos(x)[0])
            predicted.append(normal.ldos(x0)[0])

    eps = guided(decoder.model, schedule, decoder.model.encode(normal.curve(curve[None])), gamma)
    how = "ancestral", schedule.steps
    image = sample(eps, schedule, [seed], (1, side, side), *how, callback=watch)
    return Course(np.array(steps), np.stack(noisy), np.stack(predicted), normal.ldos(image)[0])


def judge(course, antidots, ldos, device):
    """Judged of a course beside the true antidots (2, 2) and image (L, W) [1/t]."""
    errors = metrics.within(positions.recover(course.predicted, device), antidots, device)
    return Judged(
        metrics.pearson(course.noisy, ldos), metrics.pearson(course.predicted, ldos), errors
    )


def settled(steps, errors):
    """The step of `steps` (K,) from which on errors (K,) stay within one site; None where the last
    does not."""
    late = np.flatnonzero(errors > 1)
    first = late[-1] + 1 if len(late) else 0
    return int(steps[first]) if first < len(steps) else None


def told(course, judged):
    """What a course shows, in lines."""
    lines = [
        f"final image: antidots off by {judged.errors[-1]} sites, Pearson r "
        f"{judged.r_predicted[-1]:.3f}",
        "antidots of the prediction within one site for good from step "
        f"{settled(course.steps, judged.errors) or 'never'}",
    ]
    for i in np.searchsorted(course.steps, (200, 400, 600, 800)):
        lines.append(
            f"step {course.steps[i]:4d}: r of the state {judged.r_noisy[i]:5.2f}, of the "
            f"prediction {judged.r_predicted[i]:5.2f}"
        )
    return "\n".join(lines)
