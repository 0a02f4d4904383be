"""The image predicted in one evaluation of the network, from a true one that is noised."""

import numpy as np
import torch

from qfp.model.diffusion import initial_noise
from qfp.model.precision import for_samples
from qfp.tools import progress_bar

BATCH = 32  # images in memory at a time


@torch.no_grad()
def predicted(decoder, curves, ldos, seeds, steps):
    """Images [1/t] predicted in one evaluation from true ones (B, L, W), noised to each of `steps`
    (K,).

    {'given': with the curves (B, F), 'null': without}, each (K, B, L, W). Noise from seeds (B,),
    the same at all steps; the schedule's last step has noise alone, the x_T from which a generation
    of that seed starts."""
    model, constants, schedule = decoder.model, decoder.normal, decoder.schedule
    found = {"given": [], "null": []}
    for start in progress_bar(range(0, len(curves), BATCH), desc="noise levels", unit="batch"):
        part = slice(start, start + BATCH)
        x0 = constants.image(ldos[part]).double()
        noise = initial_noise(x0.shape[1:], seeds[part])
        blocks = {name: [] for name in found}
        with for_samples(schedule):
            conditions = {
                "given": model.encode(constants.curve(curves[part])),
                "null": model.null(len(x0)),
            }
            for step in steps:
                t = torch.full((len(x0),), step)
                x = noise if step == schedule.steps - 1 else schedule.q_sample(x0, t, noise)
                for name, condition in conditions.items():
                    output = model(x.float(), t, condition).double()
                    blocks[name].append(constants.ldos(schedule.x0(output, x, t)))
        for name, block in blocks.items():
            found[name].append(np.stack(block))
    return {name: np.concatenate(images, axis=1) for name, images in found.items()}
