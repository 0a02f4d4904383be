"""From curves to images to antidots: sampling, recovery of positions from an image, consensus of
many samples.

A curve fixes the antidots only up to translation along y and the two inversions (Sec. III).
Training images are in the canonical placement, so samples are too, and positions are given there.
"""

import functools
from collections import Counter
from dataclasses import dataclass

import numpy as np
import torch

from qfp.decoding import metrics
from qfp.model.diffusion import guided, sample
from qfp.model.precision import for_samples
from qfp.physics import geometry
from qfp.tools import progress_bar, stream

# --- positions from an image


@functools.lru_cache(maxsize=4)
def allowed(device):
    """Centres (K, 2) that one antidot of the dataset can have, and which pairs of them may stand
    together, bool (K, K)."""
    r = geometry.clearance(device)
    y, x = np.meshgrid(
        np.arange(r, device.length - r), np.arange(r, device.width - r), indexing="ij"
    )
    centres = np.stack([x.ravel(), y.ravel()], axis=-1)
    apart = [np.square(np.subtract.outer(c, c)) for c in centres.T.astype(np.int32)]
    return centres, sum(apart) > (2 * r) ** 2


def disc_means(ldos, device):
    """Mean LDOS over the disc around every allowed centre, (B, K), centres as in `allowed`."""
    r, margin = device.radius, geometry.clearance(device) - device.radius
    kernel = torch.zeros(1, 1, 2 * r + 1, 2 * r + 1, dtype=torch.float64)
    dx, dy = geometry.disc(r).T
    kernel[0, 0, dy + r, dx + r] = 1 / len(dx)
    # conv2d copies each image 2 MB large
    parts = torch.as_tensor(np.asarray(ldos, np.float64))[:, None].split(256)
    # (B, 1, L - 2r, W - 2r)
    means = torch.cat([torch.nn.functional.conv2d(image, kernel) for image in parts])
    return means[:, 0, margin:-margin, margin:-margin].flatten(1).numpy()


def recover(ldos, device):
    """Antidots (B, 2, 2) in images (B, L, W): the pair of discs with the smallest mean LDOS, lower
    one first.

    Exact over all pairs that the dataset's hard-disc rule allows, in any placement. Centres are
    tried in rising order of their mean; the search ends when no pair of the remaining ones can be
    better."""
    centres, compatible = allowed(device)
    found = np.empty((len(ldos), 2, 2), int)
    for b, mean in enumerate(disc_means(ldos, device)):
        order = np.argsort(mean, kind="stable")
        rising, best, pair = mean[order], np.inf, None
        for i in range(len(order) - 1):
            if rising[i] + rising[i + 1] >= best:
                break
            later = compatible[order[i], order[i + 1 :]]
            j = i + 1 + int(later.argmax())
            if later[j - i - 1] and rising[i] + rising[j] < best:
                best, pair = rising[i] + rising[j], (order[i], order[j])
        found[b] = centres[list(pair)]
    return geometry.ordered(found)


@torch.no_grad()
def read_head(model, curves, device):
    """Antidots (B, 2, 2) that the curve head reads from normalised curves (B, F), a tensor beside
    the model's weights."""
    maps = torch.cat([model.curve(part).cpu() for part in curves.split(256)])  # (B, 2, 60, 60)
    y, x = np.divmod(maps.flatten(2).argmax(-1).numpy(), maps.shape[-1])
    return np.stack([x - (device.length - device.width) // 2, y], axis=-1)


# --- samples and their consensus


@dataclass(frozen=True)
class Decoded:
    """Answers to B curves from S samples each; antidots (x, y), lower first, in the canonical
    placement."""

    ldos: np.ndarray  # (B, S, L, W) [1/t], the samples
    antidots: np.ndarray  # (B, S, 2, 2), of each sample
    consensus: np.ndarray  # (B, 2, 2), see `agree`
    probability: np.ndarray  # (B,) share of the samples within one site of the consensus
    image: np.ndarray  # (B, L, W) [1/t], mean of the samples within one site of the consensus
    candidates: tuple  # for each curve ((antidots, share of the samples), ...), most frequent first


def agree(antidots, device):
    """Index of the sample (of S, 2, 2 antidots) that stands for all, and how far each is from it in
    sites (S,).

    The pair with most votes: a sample votes once for its own pair and once for each pair within one
    site of it, so that a cluster of near misses outweighs a repeated outlier. Ties go to the larger
    cluster, then to the earlier sample."""
    k = metrics.within(antidots[:, None], antidots[None], device)  # (S, S)
    exact, near = (k == 0).sum(axis=1), (k <= 1).sum(axis=1)
    best = int(((exact + near) * (len(k) + 1) + near).argmax())
    return best, k[best]


def sample_seeds(seed, samples):
    """Seeds of the noise of samples 0..samples-1: pure functions of (seed, index)."""
    return [int(stream("decode", seed, s).integers(2**63)) for s in range(samples)]


@torch.no_grad()
def draw(bundle, curves, seeds, steps=None, sampler=None, gamma=None, batch=32, progress=False):
    """LDOS samples (B, S, L, W) [1/t] for curves (B, F) [e^2/h], from noise seeds (B, S). None: the
    weights' setting.

    bundle: what checkpoint.load_model returns. Each curve is encoded once; `batch` images at a time
    bound the memory."""
    model, config, constants, schedule = bundle[:4]
    steps, sampler, gamma = (
        getattr(config.sampling, name) if value is None else value
        for name, value in (("steps", steps), ("sampler", sampler), ("gamma", gamma))
    )
    seeds = np.asarray(seeds, np.uint64)
    rows = np.repeat(np.arange(len(curves)), seeds.shape[1])  # curve of each image
    images = []
    for start in progress_bar(
        range(0, len(rows), batch), desc="samples", unit="batch", disable=not progress
    ):
        part = slice(start, start + batch)
        own, local = np.unique(rows[part], return_inverse=True)
        shape = (1, config.device.length, config.device.length)
        with for_samples(schedule):
            condition = model.encode(constants.curve(np.asarray(curves)[own])).index(
                torch.as_tensor(local)
            )
            eps = guided(model, schedule, condition, gamma)
            x = sample(eps, schedule, seeds.ravel()[part].tolist(), shape, sampler, steps)
        images.append(constants.ldos(x))
    return np.concatenate(images).reshape(*seeds.shape, config.device.length, config.device.width)


def decode(
    bundle,
    curves,
    samples=None,
    steps=None,
    sampler=None,
    gamma=None,
    seed=0,
    noise=None,
    progress=False,
):
    """Decoded answers to curves (B, F) [e^2/h]. None: the weights' setting. seed: one for all
    curves, or (B,).

    noise (B, F): standard deviations [e^2/h] of the curves, where they are known; 0 changes
    nothing."""
    samples = bundle[1].sampling.samples if samples is None else samples
    numbers = [int(s) for s in np.broadcast_to(seed, len(curves))]
    seeds = [sample_seeds(s, samples) for s in numbers]
    if noise is None:
        return conclude(
            draw(bundle, curves, seeds, steps, sampler, gamma, progress=progress), bundle[1].device
        )
    # Each sample decodes the curve plus a further draw of its noise, so that their agreement says
    # what noise leaves open. On 200 dev curves with noise 0.05 (0.02) e^2/h, 8 samples: 0.78 (0.95)
    # of them name the consensus, exact in 0.77 (0.91) of the curves. All samples on the curve as it
    # is: 0.98 (0.99) name it, exact in 0.81 (0.90), too sure of it. The difference of the consensus
    # is -0.035, interval -0.089 to 0.017 (0.015, -0.004 to 0.043); within one site both have 0.985
    # or more.
    own = [
        [stream("decode curve", n, s).standard_normal(len(g)) for s in range(samples)]
        for n, g in zip(numbers, curves)
    ]
    blurred = np.asarray(curves)[:, None] + np.asarray(noise)[:, None] * own  # (B, S, F)
    ldos = draw(
        bundle,
        np.concatenate(blurred),
        np.reshape(np.array(seeds, np.uint64), (-1, 1)),
        steps,
        sampler,
        gamma,
        progress=progress,
    )
    return conclude(ldos.reshape(len(curves), samples, *ldos.shape[2:]), bundle[1].device)


def positions(ldos, device):
    """Antidots (B, S, 2, 2) in LDOS samples (B, S, L, W), canonical placement."""
    return geometry.canonical(recover(ldos.reshape(-1, *ldos.shape[2:]), device), device).reshape(
        *ldos.shape[:2], 2, 2
    )


def conclude(ldos, device):
    """Decoded from LDOS samples (B, S, L, W): positions of each sample, consensus, candidates."""
    S, antidots = ldos.shape[1], positions(ldos, device)
    consensus, probability, image, candidates = [], [], [], []
    for pairs, pictures in zip(antidots, ldos):
        best, k = agree(pairs, device)
        consensus.append(pairs[best])
        probability.append((k <= 1).mean())
        image.append(pictures[k <= 1].mean(axis=0))
        counts = Counter(tuple(pair.ravel().tolist()) for pair in pairs).most_common()
        candidates.append(tuple((np.reshape(pair, (2, 2)), n / S) for pair, n in counts))
    return Decoded(
        ldos,
        antidots,
        np.stack(consensus),
        np.array(probability),
        np.stack(image),
        tuple(candidates),
    )
