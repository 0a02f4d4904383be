"""From curves to images to antidots: sampling, recovery of positions from an image, consensus of many samples.

A curve fixes the antidots only up to translation along y and the two inversions (Sec. III). Training images are in the
canonical placement, so samples are too, and positions are given there.
"""

import functools
import json
import os
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from . import geometry, metrics
from .checkpoint import load_model
from .config import SettingsError, progress_bar, stream, write_atomic
from .curves import read_curve
from .diffusion import guided, sample
from .precision import for_samples

NOTE = ("note: a curve fixes the antidots only up to a shift along y and the two inversions; positions are given in the "
        "canonical placement, one of the four copies, centred along y")


# --- positions from an image


@functools.lru_cache(maxsize=4)
def allowed(device):
    """Centres (K, 2) that one antidot of the dataset can have, and which pairs of them may stand together, bool (K, K)."""
    r = geometry.clearance(device)
    y, x = np.meshgrid(np.arange(r, device.length - r), np.arange(r, device.width - r), indexing="ij")
    centres = np.stack([x.ravel(), y.ravel()], axis=-1)
    square = np.square(centres[:, None] - centres[None]).sum(axis=-1)
    return centres, square > (2 * r) ** 2


def disc_means(ldos, device):
    """Mean LDOS over the disc around every allowed centre, (B, K), centres as in `allowed`."""
    r, margin = device.radius, geometry.clearance(device) - device.radius
    kernel = torch.zeros(1, 1, 2 * r + 1, 2 * r + 1, dtype=torch.float64)
    dx, dy = geometry.disc(r).T
    kernel[0, 0, dy + r, dx + r] = 1 / len(dx)
    parts = torch.as_tensor(np.asarray(ldos, np.float64))[:, None].split(256)  # conv2d copies each image 2 MB large
    means = torch.cat([torch.nn.functional.conv2d(image, kernel) for image in parts])  # (B, 1, L - 2r, W - 2r)
    return means[:, 0, margin:-margin, margin:-margin].flatten(1).numpy()


def recover(ldos, device):
    """Antidots (B, 2, 2) in images (B, L, W): the pair of discs with the smallest mean LDOS, lower one first.

    Exact over all pairs that the dataset's hard-disc rule allows, in any placement. Centres are tried in rising order of
    their mean; the search ends when no pair of the remaining ones can be better."""
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
    """Antidots (B, 2, 2) that the curve head reads from normalised curves (B, F), a tensor beside the model's weights."""
    maps = torch.cat([model.curve(part).cpu() for part in curves.split(256)])  # (B, 2, 60, 60)
    y, x = np.divmod(maps.flatten(2).argmax(-1).numpy(), maps.shape[-1])
    return np.stack([x - (device.length - device.width) // 2, y], axis=-1)


# --- samples and their consensus


@dataclass(frozen=True)
class Decoded:
    """Answers to B curves from S samples each; antidots (x, y), lower first, in the canonical placement."""

    ldos: np.ndarray  # (B, S, L, W) [1/t], the samples
    antidots: np.ndarray  # (B, S, 2, 2), of each sample
    consensus: np.ndarray  # (B, 2, 2), see `agree`
    probability: np.ndarray  # (B,) share of the samples within one site of the consensus
    image: np.ndarray  # (B, L, W) [1/t], mean of the samples within one site of the consensus
    candidates: tuple  # for each curve ((antidots, share of the samples), ...), most frequent first


def agree(antidots, device):
    """Index of the sample (of S, 2, 2 antidots) that stands for all, and how far each is from it in sites (S,).

    The pair with most votes: a sample votes once for its own pair and once for each pair within one site of it, so that
    a cluster of near misses outweighs a repeated outlier. Ties go to the larger cluster, then to the earlier sample."""
    k = metrics.within(antidots[:, None], antidots[None], device)  # (S, S)
    exact, near = (k == 0).sum(axis=1), (k <= 1).sum(axis=1)
    best = int(((exact + near) * (len(k) + 1) + near).argmax())
    return best, k[best]


def sample_seeds(seed, samples):
    """Seeds of the noise of samples 0..samples-1: pure functions of (seed, index)."""
    return [int(stream("decode", seed, s).integers(2**63)) for s in range(samples)]


@torch.no_grad()
def draw(bundle, curves, seeds, steps=None, sampler=None, gamma=None, batch=32, progress=False):
    """LDOS samples (B, S, L, W) [1/t] for curves (B, F) [e^2/h], from noise seeds (B, S). None: the weights' setting.

    bundle: what checkpoint.load_model returns. Each curve is encoded once; `batch` images at a time bound the memory."""
    model, config, constants, schedule = bundle[:4]
    steps, sampler, gamma = (getattr(config.sampling, name) if value is None else value
                             for name, value in (("steps", steps), ("sampler", sampler), ("gamma", gamma)))
    seeds = np.asarray(seeds, np.uint64)
    rows = np.repeat(np.arange(len(curves)), seeds.shape[1])  # curve of each image
    images = []
    for start in progress_bar(range(0, len(rows), batch), desc="samples", unit="batch", disable=not progress):
        part = slice(start, start + batch)
        own, local = np.unique(rows[part], return_inverse=True)
        shape = (1, config.device.length, config.device.length)
        with for_samples(schedule):
            condition = model.encode(constants.curve(np.asarray(curves)[own])).index(torch.as_tensor(local))
            eps = guided(model, schedule, condition, gamma)
            x = sample(eps, schedule, seeds.ravel()[part].tolist(), shape, sampler, steps)
        images.append(constants.ldos(x))
    return np.concatenate(images).reshape(*seeds.shape, config.device.length, config.device.width)


def decode(bundle, curves, samples=None, steps=None, sampler=None, gamma=None, seed=0, progress=False):
    """Decoded answers to curves (B, F) [e^2/h]. None: the weights' setting. seed: one for all curves, or (B,)."""
    samples = bundle[1].sampling.samples if samples is None else samples
    seeds = [sample_seeds(int(s), samples) for s in np.broadcast_to(seed, len(curves))]
    return conclude(draw(bundle, curves, seeds, steps, sampler, gamma, progress=progress), bundle[1].device)


def conclude(ldos, device):
    """Decoded from LDOS samples (B, S, L, W): positions of each sample, consensus, candidates."""
    B, S = ldos.shape[:2]
    antidots = geometry.canonical(recover(ldos.reshape(B * S, *ldos.shape[2:]), device), device).reshape(B, S, 2, 2)
    consensus, probability, image, candidates = [], [], [], []
    for pairs, pictures in zip(antidots, ldos):
        best, k = agree(pairs, device)
        consensus.append(pairs[best])
        probability.append((k <= 1).mean())
        image.append(pictures[k <= 1].mean(axis=0))
        counts = Counter(tuple(pair.ravel().tolist()) for pair in pairs).most_common()
        candidates.append(tuple((np.reshape(pair, (2, 2)), n / S) for pair, n in counts))
    return Decoded(ldos, antidots, np.stack(consensus), np.array(probability), np.stack(image), tuple(candidates))


# --- the command


def run_decode(files, out=None, samples=None, as_json=False, steps=None, weights=None, seed=0):
    """`qfp decode`: decode CSV files in one batch; print positions, or with as_json one JSON object a line.

    out: folder for STEM.png (picture) and STEM.npy (all samples, (S, L, W) [1/t]) of each file; nothing is overwritten.
    Everything that can be refused is refused before the first sample is drawn."""
    bundle = load_model(weights or "laptop")
    config = bundle[1]
    samples = config.sampling.samples if samples is None else samples
    steps = config.sampling.steps if steps is None else steps
    if samples < 1:
        raise SettingsError(f"--samples {samples}: must be 1 or more")
    if not 1 <= steps <= config.diffusion.steps:
        raise SettingsError(f"--steps {steps}: must lie between 1 and {config.diffusion.steps}")
    targets = _targets(files, out)
    curves = np.stack([read_curve(file, config.device, lambda note: print(f"note: {note}", file=sys.stderr))
                       for file in files])
    start = time.perf_counter()
    decoded = decode(bundle, curves, samples, steps, seed=seed, progress=sys.stderr.isatty())
    seconds = (time.perf_counter() - start) / len(files)
    for i, file in enumerate(files):
        print(json.dumps(_as_dict(decoded, i, str(file), seconds)) if as_json else _as_text(decoded, i, file))
    if not as_json:
        print(NOTE)
    for i, (stem, curve) in enumerate(zip(targets, curves)):
        _write(stem, config.device, curve, decoded, i)
    if targets and not as_json:
        print(f"images and samples: {Path(targets[0]).parent}")


def _targets(files, out):
    """Output paths without suffix, one a file; SettingsError where something would be overwritten."""
    if out is None:
        return []
    check_folder(out)
    stems = [Path(file).stem for file in files]
    double = [stem for stem, n in Counter(stems).items() if n > 1]
    if double:
        raise SettingsError(f"two files are called {double[0]}: their images in {out} would have one name")
    for stem in stems:
        for suffix in (".png", ".npy"):
            if (Path(out) / (stem + suffix)).exists():
                raise SettingsError(f"{Path(out) / (stem + suffix)} exists: choose another --out or remove it")
    return [Path(out) / stem for stem in stems]


def check_folder(folder):
    """SettingsError where a folder could not be made or written to; makes nothing."""
    there = next(path for path in (Path(folder).absolute(), *Path(folder).absolute().parents) if path.exists())
    if not there.is_dir() or not os.access(there, os.W_OK):
        raise SettingsError(f"cannot write to {folder}: {there} is {'write-protected' if there.is_dir() else 'not a folder'}")


def _as_dict(decoded, i, file, seconds):
    candidates = [{"antidots": pair.tolist(), "share": share} for pair, share in decoded.candidates[i]]
    return {"file": file, "antidots": decoded.consensus[i].tolist(), "probability": float(decoded.probability[i]),
            "samples": decoded.ldos.shape[1], "candidates": candidates, "seconds": round(seconds, 3)}


def _as_text(decoded, i, file):
    def text(pair):
        return " and ".join(f"({x}, {y})" for x, y in pair)

    samples, consensus = decoded.ldos.shape[1], decoded.consensus[i]
    exact = sum(share for pair, share in decoded.candidates[i] if (pair == consensus).all())
    lines = [f"{file}: antidots at (x, y) = {text(consensus)}",
             f"  {decoded.probability[i]:.0%} of {samples} samples agree within one site, {exact:.0%} exactly"]
    others = [(pair, share) for pair, share in decoded.candidates[i] if (pair != consensus).any()]
    lines += [f"  {share:.0%} say {text(pair)}" for pair, share in others[:3]]
    return "\n".join(lines)


def _write(stem, device, curve, decoded, i):
    from . import figures

    figure = figures.decoded(device.fields, curve, decoded.image[i], decoded.ldos[i].std(axis=0), decoded.consensus[i],
                             device.radius)
    write_atomic(stem.with_name(stem.name + ".npy"), lambda handle: np.save(handle, decoded.ldos[i]))
    write_atomic(stem.with_name(stem.name + ".png"), lambda handle: figure.savefig(handle, format="png", dpi=150))
