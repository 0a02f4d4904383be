"""Antidots in LDOS images, and those that the curve alone names: positions modulo what a curve
cannot tell (Sec. III)."""

import functools

import numpy as np
import torch

from qfp.physics import geometry


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
    return centres, sum(apart) > geometry.spacing(device) ** 2


def disc_means(ldos, device):
    """Mean LDOS over the disc around every allowed centre, (B, K), centres as in `allowed`."""
    r = int(device.radius)
    margin = geometry.clearance(device) - r
    kernel = torch.zeros(1, 1, 2 * r + 1, 2 * r + 1, dtype=torch.float64)
    dx, dy = geometry.disc(device.radius).T
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
    return np.stack([x, y], axis=-1) - device.margins


def positions(ldos, device):
    """Antidots (B, S, 2, 2) in LDOS samples (B, S, L, W), canonical placement."""
    return geometry.canonical(recover(ldos.reshape(-1, *ldos.shape[2:]), device), device).reshape(
        *ldos.shape[:2], 2, 2
    )
