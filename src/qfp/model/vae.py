"""The two-stage baseline (the paper's reference [7]): a variational autoencoder of LDOS images, and
a path from curve to latent.

First stage: an encoder gives a Gaussian over latents for an image (B, 1, 60, 60), a decoder an
image for a latent; both are trained by reconstruction and the divergence of that Gaussian from the
unit one. Second stage: with encoder and decoder fixed, a network gives a Gaussian over latents for
a curve, trained to match the encoder's. A curve is decoded by its mean.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from qfp.config import Config, build
from qfp.data.normalise import Normalisation
from qfp.model import exported
from qfp.model.condition import SIZE, Mlp, norm, zero
from qfp.model.precision import autocast
from qfp.physics.wire import CELL
from qfp.tools import SettingsError
from qfp.values import within

NARROW = 24  # channels between the 15 x 15 grid and the latent: all weights of that layer
LOG_VARIANCE = (-14.0, 4.0)  # bounds: an encoder that is nearly sure makes no overflow of exp

BLOCK = 256  # images at a time


@dataclass(frozen=True)
class VaeSettings:
    """The two-stage baseline (the paper's reference [7]) and its training."""

    latent: int = within(1, 4096)  # numbers that stand for an image
    beta: float = within(0, 1e6)  # weight of the divergence of the latents from the unit Gaussian
    width: int = within(2, 4096)  # channels at 15 x 15; half as many at 30 x 30
    blocks: int = within(0, 64)  # residual blocks a level, in encoder and decoder each
    curve_hidden: int = within(1, 16384)  # width of the residual MLP from curve to latent
    curve_blocks: int = within(0, 64)
    # size of the random combination of potentials in a training curve and its latent; 0: none
    curve_mixing: float = within(0, 1e3)
    learning_rate: float = within(1e-12, 1)
    weight_decay: float = within(0, 1e3)
    batch: int = within(1, 10**5)  # images of a step
    image_steps: int = within(1, 10**9)  # first stage
    curve_batch: int = within(1, 10**6)
    curve_learning_rate: float = within(1e-12, 1)
    curve_weight_decay: float = within(0, 1e3)
    curve_steps: int = within(1, 10**9)  # second stage
    joint_steps: int = within(0, 10**9)  # of both together, curve to image, for comparison


class Residual(nn.Sequential):
    """x + two 3 x 3 convolutions of it, the identity at the start."""

    def __init__(self, channels):
        super().__init__(
            norm(channels),
            nn.SiLU(),
            nn.Conv2d(channels, channels, 3, padding=1),
            norm(channels),
            nn.SiLU(),
            zero(nn.Conv2d(channels, channels, 3, padding=1)),
        )

    def forward(self, x):
        return x + super().forward(x)


def encoder(latent, width, blocks, size):
    """Image (B, 1, size, size) to mean and log variance of its latent, (B, 2 * latent)."""
    half, fine = CELL // 2, width // 2
    return nn.Sequential(
        nn.PixelUnshuffle(half),
        nn.Conv2d(half**2, fine, 3, padding=1),
        *(Residual(fine) for _ in range(blocks)),
        nn.Conv2d(fine, width, 3, stride=2, padding=1),
        *(Residual(width) for _ in range(blocks)),
        norm(width),
        nn.SiLU(),
        nn.Conv2d(width, NARROW, 1),
        nn.Flatten(),
        nn.Linear(NARROW * (size // CELL) ** 2, 2 * latent),
    )


def decoder(latent, width, blocks, size):
    """Latent (B, latent) to an image (B, 1, size, size)."""
    half, fine, grid = CELL // 2, width // 2, size // CELL
    return nn.Sequential(
        nn.Linear(latent, NARROW * grid**2),
        nn.Unflatten(1, (NARROW, grid, grid)),
        nn.Conv2d(NARROW, width, 1),
        *(Residual(width) for _ in range(blocks)),
        nn.Upsample(scale_factor=2.0),
        nn.Conv2d(width, fine, 3, padding=1),
        *(Residual(fine) for _ in range(blocks)),
        norm(fine),
        nn.SiLU(),
        nn.Conv2d(fine, half**2, 3, padding=1),
        nn.PixelShuffle(half),
    )


class Vae(nn.Module):
    """Both stages; `settings` is a VaeSettings, `fields` the number of points of a curve, `size`
    that of pixels across an image. All in normalised units."""

    def __init__(self, settings, fields, size=SIZE):
        super().__init__()
        latent, hidden = settings.latent, settings.curve_hidden
        self.encoder = encoder(latent, settings.width, settings.blocks, size)
        self.decoder = decoder(latent, settings.width, settings.blocks, size)
        self.curve = nn.Sequential(
            nn.Linear(fields, hidden),
            *(
                Plus(nn.LayerNorm(hidden), Mlp(hidden, hidden))
                for _ in range(settings.curve_blocks)
            ),
            nn.LayerNorm(hidden),
            nn.Linear(hidden, 2 * latent),
        )

    def encode(self, images):
        """Mean and log variance (B, latent) of the latent of images (B, 1, 60, 60)."""
        return gaussian(self.encoder(images))

    def read(self, curves):
        """Mean and log variance (B, latent) of the latent of curves (B, F)."""
        return gaussian(self.curve(curves))

    def forward(self, curves):
        """Images (B, 1, 60, 60) of curves (B, F): the decoder at the mean of their latent."""
        return self.decoder(self.read(curves)[0])


class Plus(nn.Sequential):
    """x + what the layers make of it."""

    def forward(self, x):
        return x + super().forward(x)


def gaussian(values):
    """Mean and log variance, (B, latent) each, from the last layer's (B, 2 * latent)."""
    mean, log_variance = values.float().chunk(2, 1)
    return mean, log_variance.clamp(*LOG_VARIANCE)


def divergence(mean, log_variance, other=0.0, other_log_variance=0.0):
    """KL divergence (B,) of a Gaussian from another, by default the unit one; diagonal, arguments
    (B, latent)."""
    other_log_variance = torch.as_tensor(other_log_variance)
    ratio = (log_variance - other_log_variance).exp()
    return 0.5 * (
        ratio
        + (mean - other).square() / other_log_variance.exp()
        - 1
        - log_variance
        + other_log_variance
    ).sum(1)


def image_loss(vae, images, noise, beta):
    """First stage: mean square error of a pixel of images (B, 1, 60, 60), and divergence over the
    number of pixels.

    noise (B, latent) draws the latent; beta weighs the divergence: where it is twice the error of a
    pixel, the sum is the negative log likelihood's bound for Gaussian pixels of that error."""
    mean, log_variance = vae.encode(images)
    error = F.mse_loss(vae.decoder(mean + noise * (log_variance / 2).exp()).float(), images)
    return error, beta * divergence(mean, log_variance).mean() / images[0].numel()


def curve_loss(vae, curves, mean, log_variance):
    """Second stage: divergence (B,) of the encoder's Gaussians from those of curves (B, F), a nat
    per latent number."""
    found, found_log_variance = vae.read(curves)
    return divergence(mean, log_variance, found, found_log_variance) / mean.shape[1]


class TrainedVae(NamedTuple):
    """The two-stage baseline of exported weights."""

    model: Vae  # in evaluation mode, float32
    config: Config  # of its device and data
    normal: Normalisation
    meta: dict  # what the weights' JSON says of their making


def load_vae(name_or_path):
    """TrainedVae of exported weights, named as for `load_decoder`.

    Raises SettingsError as it does, and where the weights are a diffusion model's."""
    path, meta, config, normal, files = exported.described(name_or_path)
    if "vae" not in meta:
        raise SettingsError(f"{path.name} holds a diffusion model, not the two-stage baseline")
    settings, device = build(VaeSettings, meta["vae"], f"{path.name}, vae"), config.device
    model = Vae(settings, device.field_points, device.side)
    return TrainedVae(exported.filled(model, path, files), config, normal, meta)


@torch.no_grad()
def images_of(found, normal, blocks):
    """LDOS (B, L, W) [1/t] of found(block), a function that gives normalised images, over blocks (a
    list)."""
    images = []
    for block in blocks:
        with autocast("auto", "cpu"):
            images.append(normal.ldos(found(block)))
    return np.concatenate(images)


def decoded(model, normal, curves):
    """LDOS (B, L, W) [1/t] of curves (B, F) [e^2/h]."""
    return images_of(model, normal, normal.curve(curves).split(BLOCK))
