"""The score as a force field (Sec. VI, Fig. 5): where it points, and its Jacobian.

Images are what the network sees: normalised, with the zero padding of the paper's footnote 1, (B,
1, 60, 60). A field is any callable x -> s(x), (B, 1, 60, 60), each image by itself. With sigma^2 =
1 - alpha_bar and J the Jacobian of s,

    D = I + sigma^2 J = sqrt(alpha_bar) d x0_hat / dx,

for an exact score the posterior covariance of sqrt(alpha_bar) x_0 given x_t = x, over sigma^2
(Tweedie, second order): then D is symmetric, and its largest eigenvalues belong to the softest
directions of the energy E, beta d^2E/dx^2 = (I - D)/sigma^2.
"""

from dataclasses import dataclass

import numpy as np
import torch

from qfp.model.diffusion import score_from_eps, step_noise
from qfp.physics.wire import padded

# The two pixels of each panel of Fig. 5, read as (row, column) = (y, x + 5) of the padded image;
# the paper does not say.
PIXEL_PAIRS = {
    "a": ((20, 40), (30, 50)),
    "b": ((10, 30), (50, 40)),
    "c": ((15, 30), (20, 10)),
    "d": ((25, 10), (45, 30)),
}
# 'each with 100 steps of added noise' (Sec. VI): t = 99, q(x_t | x_0) with alpha_bar of 100 steps
NOISE_STEPS = 100
NOISY_POINTS = 50


# --- scores


def noisy_points(schedule, x0, t, seeds):
    """Points x_t = sqrt(alpha_bar) x0 + sqrt(1 - alpha_bar) ε around clean images x0 (B, 1, 60,
    60), one a seed."""
    noise = step_noise(x0.shape[1:], seeds, 0).to(x0.dtype)
    return schedule.q_sample(x0, torch.full((len(x0),), t), noise)


def field(eps_model, schedule, t):
    """The score x -> ∇_x log P_t(x), float64, of a noise model (x, t) -> ε at a fixed step: a field
    that can be derived."""
    alpha_bar = float(schedule.alpha_bar[t])
    return lambda x: score_from_eps(eps_model(x, torch.full((len(x),), t)).double(), alpha_bar)


@torch.no_grad()
def score_at(eps_model, schedule, x, t):
    """Score ∇_x log P_t(x) at points x (B, 1, 60, 60), of a noise model (x, t) -> ε; float64."""
    return field(eps_model, schedule, t)(x)


def score_to(x0_hat, x, alpha_bar):
    """The score that belongs to a clean image predicted at x: (sqrt(alpha_bar) x0_hat - x) / (1 -
    alpha_bar)."""
    return (alpha_bar**0.5 * x0_hat - x) / (1 - alpha_bar)


@dataclass(frozen=True)
class Gaussian:
    """The plainest model of clean images: their mean (n,), and the covariance's axes (n, k) and
    variances (k,); float64."""

    mean: torch.Tensor
    axes: torch.Tensor
    variances: torch.Tensor

    @classmethod
    def of(cls, images):
        """Mean and covariance of images (M, 1, 60, 60); directions in which they do not vary have
        no axis where M is small."""
        flat = images.double().flatten(1)
        mean = flat.mean(0)
        flat = (flat - mean) / (len(flat) - 1) ** 0.5
        if len(flat) > flat.shape[1]:
            variances, axes = torch.linalg.eigh(flat.T @ flat)
            return cls(mean, axes, variances.clamp(min=0))
        _, singular, axes = torch.linalg.svd(flat, full_matrices=False)
        return cls(mean, axes.T, singular**2)


def gaussian_score(schedule, x, t, gaussian):
    """Score of a Gaussian, noised to step t: -(alpha_bar R + sigma^2 I)^-1 (x - sqrt(alpha_bar)
    mean), R its covariance."""
    alpha_bar = float(schedule.alpha_bar[t])
    residual = x.double().flatten(1) - alpha_bar**0.5 * gaussian.mean
    share = alpha_bar * gaussian.variances / (alpha_bar * gaussian.variances + 1 - alpha_bar)
    return -(
        (residual - (residual @ gaussian.axes * share) @ gaussian.axes.T) / (1 - alpha_bar)
    ).view(x.shape)


# --- planes of two pixels


def on_plane(images, pixels):
    """Values of images (B, 1, 60, 60) at two pixels ((row, column), (row, column)): (B, 2)."""
    (r1, c1), (r2, c2) = pixels
    return torch.stack([images[:, 0, r1, c1], images[:, 0, r2, c2]], dim=-1)


def cosine(a, b):
    """Cosine of the angle between vectors: rows of (B, ...), flattened; numpy (B,)."""
    return torch.nn.functional.cosine_similarity(
        a.double().flatten(1), b.double().flatten(1)
    ).numpy()


@dataclass(frozen=True)
class Plane:
    """One panel of Fig. 5: points and their scores on the plane of two pixels, in the units of
    normalised images."""

    pixels: tuple  # ((row, column), (row, column))
    points: np.ndarray  # (B, 2) noisy points
    arrows: np.ndarray  # (B, 2) projected scores
    truth: np.ndarray  # (2,) sqrt(alpha_bar) x0, where the arrows should lead
    cosine: np.ndarray  # (B,) between arrow and the way to the truth, in this plane


def score_on_plane(x, score, target, pixels):
    """Projection of points x and scores (B, 1, 60, 60) on two pixels; target (1, 60, 60) or (B, 1,
    60, 60), the truth."""
    target = target.expand_as(x)
    points, arrows, truth = (on_plane(a, pixels).double() for a in (x, score, target))
    return Plane(
        pixels, points.numpy(), arrows.numpy(), truth[0].numpy(), cosine(arrows, truth - points)
    )


def random_pairs(number, width, length, seed):
    """Pairs of different pixels on the wire, as PIXEL_PAIRS has them: a list of ((row, column),
    (row, column))."""
    rng, (left, below) = np.random.default_rng(seed), padded(width, length)[1]
    chosen = [rng.choice(length * width, 2, replace=False) for _ in range(number)]
    return [
        tuple((int(site // width) + below, int(site % width) + left) for site in pair)
        for pair in chosen
    ]


def pointing(x, score, target, pairs):
    """Does a score lead from x to a target, all (B, 1, 60, 60)? numpy (B,): 'full' cosine in all
    pixels, and over the planes of `pairs` 'within', the share of arrows within 90 degrees of the
    way there, and 'plane', their mean cosine."""
    way = target - x
    planes = np.stack([cosine(on_plane(score, pixels), on_plane(way, pixels)) for pixels in pairs])
    return {
        "full": cosine(score, way),
        "within": (planes > 0).mean(axis=0),
        "plane": planes.mean(axis=0),
    }


# --- the Jacobian


def products(score, variance, x, v):
    """D v and D^T v for directions v at points x, all (B, 1, 60, 60); variance: sigma^2. One JVP
    and one VJP; float64."""
    value, forward = torch.func.jvp(score, (x,), (v,))
    backward = torch.func.vjp(score, x)[1](v.to(value.dtype))[0]
    return v.double() + variance * forward.double(), v.double() + variance * backward.double()


def squared_norms(score, variance, x, seeds, probes):
    """Squared Frobenius norms at each point of x (B, 1, 60, 60), by Hutchinson's estimate with
    `probes` normal directions: numpy (B,) of 'antisymmetric', (D - D^T)/2, which a field with an
    energy has as 0; 'D'; 'J', sigma^2 J; and 'rest', D less the multiple of I that fits it best
    (never negative: it is fitted to the same directions)."""
    found = {"antisymmetric": 0.0, "D": 0.0, "J": 0.0}
    overlap = length = 0.0
    for k in range(probes):
        v = step_noise(x.shape[1:], seeds, 1 + k).to(x.dtype)
        right, left = products(score, variance, x, v)
        for name, image in (("antisymmetric", (right - left) / 2), ("D", right), ("J", right - v)):
            found[name] = found[name] + image.square().sum((1, 2, 3)).numpy() / probes
        overlap = overlap + (v * right).sum((1, 2, 3)).numpy() / probes
        length = length + v.double().square().sum((1, 2, 3)).numpy() / probes
    return found | {"rest": found["D"] - overlap**2 / length}


def softest(score, variance, x, k, iterations, seeds):
    """The k largest eigenvalues of (D + D^T)/2 at points x (B, 1, 60, 60), falling: values (B, k),
    vectors (B, k, n) and residual norms |D v - value v| (B, k), float64.

    Rayleigh-Ritz in the space of `iterations` blocks v, D v, D^2 v, ... of k directions (block
    Lanczos, orthogonalised anew each time): with the same products it converges far faster than
    power iteration. The field is called with B k images, each point k times in a row."""
    B, shape = len(x), x.shape[1:]
    repeated = x.repeat_interleave(k, 0)
    # (B, n, k)
    start = torch.stack([step_noise(shape, seeds, 1 + i).flatten(1) for i in range(k)], -1)
    basis, images = torch.linalg.qr(start)[0], None
    for _ in range(iterations):
        new = basis[..., -k:]
        right, left = products(score, variance, repeated, new.mT.reshape(B * k, *shape).to(x.dtype))
        block = ((right + left) / 2).reshape(B, k, -1).mT
        images = block if images is None else torch.cat([images, block], -1)
        basis = torch.cat([basis, torch.linalg.qr(torch.cat([basis, block], -1))[0][..., -k:]], -1)
    basis = basis[..., :-k]  # the last block has no products
    small = basis.mT @ images
    values, mix = torch.linalg.eigh((small + small.mT) / 2)
    values, mix = values.flip(-1)[:, :k], mix.flip(-1)[..., :k]
    vectors = basis @ mix
    residuals = (images @ mix - vectors * values[:, None]).norm(dim=-2)
    return values.numpy(), vectors.mT.numpy(), residuals.numpy()


def share_in_span(vectors, tangents):
    """Squared norm of unit vectors (k, n) that lies in the span of tangents (m, n): numpy (k,)
    between 0 and 1."""
    axes = np.linalg.qr(np.asarray(tangents, float).T)[0]
    return np.square(np.asarray(vectors, float) @ axes).sum(axis=1)
