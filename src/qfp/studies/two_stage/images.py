"""Images that the two-stage baseline makes: of curves, of drawn latents, of other images."""

import numpy as np
import torch

from qfp.decoding import positions
from qfp.model.vae import BLOCK, decoded, images_of
from qfp.studies import scoring


def drawn(model, normal, curves, rng):
    """LDOS (B, L, W) [1/t] of latents drawn from the Gaussians of curves (B, F) [e^2/h], by a numpy
    generator."""

    def image(block):
        mean, log_variance = model.read(block)
        noise = torch.from_numpy(rng.standard_normal(mean.shape, np.float32))
        return model.decoder(mean + noise * (log_variance / 2).exp())

    return images_of(image, normal, normal.curve(curves).split(BLOCK))


def reconstructed(model, normal, ldos):
    """LDOS (B, L, W) [1/t] that the decoder makes of the latents of true ones: what no curve can
    better."""
    return images_of(
        lambda x: model.decoder(model.encode(x)[0]), normal, normal.image(ldos).split(BLOCK)
    )


def scored(model, part, reconstruct=False):
    """Row of scoring.scores of a part's curves (or of its images, encoded and decoded)."""
    p, n = part.rows.T
    pairs, truth = part.pairs, part.pairs.ldos[p, n]
    images = (
        reconstructed(model, part.normal, truth)
        if reconstruct
        else decoded(model, part.normal, pairs.conductance[p, n])
    )
    return scoring.scores(
        pairs.device, positions.recover(images, pairs.device), pairs.antidots[n], images, truth
    )
