"""What exact inference says of many curves, as arrays that a run keeps."""

from typing import NamedTuple

import numpy as np

from qfp.decoding import metrics
from qfp.inference.infer import infer
from qfp.inference.library import MOST

NONE = -1  # of candidates that there are not


class Judged(NamedTuple):
    """Posteriors of B curves, without their images."""

    antidots: np.ndarray  # (B, MOST, 2, 2) int, NONE behind the last candidate
    probability: np.ndarray  # (B, MOST)
    chi2: np.ndarray  # (B,)
    explained: np.ndarray  # (B,) bool
    converged: np.ndarray  # (B,) bool
    r: np.ndarray  # (B,), of the mean LDOS with the true one, NaN without images

    @property
    def answer(self):
        """Most probable antidots (B, 2, 2)."""
        return self.antidots[:, 0]

    @property
    def certainty(self):
        """Their probability (B,)."""
        return self.probability[:, 0]


def judged(run, name, curves, noise=None, ldos=None, device=None):
    """Judged of curves (B, F), in blocks that are kept; images are judged by ldos (B, L, W)."""
    device = device or run.decoder.config.device

    def compute(part):
        images = ldos is not None
        found = infer(curves[part], device, noise, certificate=images, seed=run.seed)
        truth = ldos[part] if images else [None] * len(found)
        return np.stack([_row(one, image) for one, image in zip(found, truth, strict=True)])

    return _table(run.in_blocks(name, len(curves), compute))


def _row(posterior, image):
    """A posterior as one line of numbers."""
    antidots = np.full((MOST, 2, 2), NONE)
    probability = np.zeros(MOST)
    some = min(MOST, len(posterior.antidots))
    antidots[:some], probability[:some] = posterior.antidots[:some], posterior.probability[:some]
    r = np.nan if image is None else metrics.pearson(posterior.ldos[None], image[None])[0]
    rest = posterior.chi2, posterior.explained, bool(posterior.converged), r
    return np.concatenate([antidots.ravel(), probability, rest])


def _table(rows):
    """Judged of such lines (B, ...)."""
    places, numbers = rows[:, : 4 * MOST].astype(int), rows[:, 4 * MOST :]
    chi2, explained, converged, r = numbers[:, MOST:].T
    return Judged(
        places.reshape(-1, MOST, 2, 2),
        numbers[:, :MOST],
        chi2,
        explained.astype(bool),
        converged.astype(bool),
        r,
    )
