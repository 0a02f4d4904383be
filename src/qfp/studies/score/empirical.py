"""The exact score of a finite set of images: what a network would learn that only remembered its
training data.

The data's distribution is a sum of points x_i, (M, n); noised to a step it is a mixture of
Gaussians, and x0_hat(x) = sum_i w_i x_i with w_i ~ exp(-|x - sqrt(alpha_bar) x_i|^2 / 2 sigma^2),
sigma^2 = 1 - alpha_bar. Given a curve y, w_i is multiplied by exp(-|y - y_i|^2 / 2 s^2): s, the
width of a curve, is a choice, as curves have no noise here.
"""

from dataclasses import dataclass
from functools import cached_property

import torch


@dataclass(frozen=True)
class Empirical:
    """M training images, flattened, and their curves [e^2/h]. Products in float32, weights in
    float64."""

    images: torch.Tensor  # (M, n) float32
    curves: torch.Tensor  # (M, F) float64

    @cached_property
    def squares(self):
        """|x_i|^2, (M,) float64."""
        return torch.cat([part.double().square().sum(1) for part in self.images.split(4096)])

    def image_logits(self, x, alpha_bar):
        """log w_i of points x (B, n) up to a constant of each point: (B, M) float64."""
        overlap = (x.float() @ self.images.T).double()
        return (alpha_bar**0.5 * overlap - alpha_bar * self.squares / 2) / (1 - alpha_bar)

    def curve_logits(self, y, width):
        """What curves y (B, F) add to log w_i, s = width [e^2/h]: (B, M) float64."""
        return -torch.cdist(y.double(), self.curves).square() / (2 * width**2)

    def mean(self, logits):
        """x0_hat (B, n) float64 of weights with these logits, and the effective number of images 1
        / sum w^2 (B,)."""
        w = logits.softmax(1)
        return (w.float() @ self.images).double(), 1 / w.square().sum(1)
