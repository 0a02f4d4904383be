"""What a decoded curve is worth: one row of the accuracy tables, and what counts as a success."""

from typing import NamedTuple

import numpy as np

from qfp.decoding import decode, metrics
from qfp.physics import geometry
from qfp.studies.intervals import bootstrap, share

WITHIN = {"exact": 0, "within_1": 1}  # sites
HIGH = 0.95  # Pearson r above which a pattern counts as reproduced
ROWS = {  # who answers
    "single": "one sample a curve",
    "consensus": "consensus of all samples of a curve; its image is the mean of the samples within "
    "one site of it",
    "one_step": "the image predicted from noise in a single step, near the mean of all images that "
    "fit the curve",
    "shuffled": "one sample a curve, scored against another configuration: what a decoder that "
    "ignores the curve would get",
    "nearest": "configuration and image of the training curve nearest to the curve (Euclidean, all "
    "potentials)",
    "train": "one sample a curve, on configurations of the training set",
    "curve_head": "positions from the read-out of the curve alone that trains the condition path: "
    "no image, no diffusion",
}
COLUMNS = {
    "n": "curves, one potential per configuration",
    "within_k": "share with both antidots within k sites (Chebyshev) of the truth, as a set, "
    "modulo translation along y and "
    "the two inversions; 95 % Wilson interval",
    "strict_1": "the same within 1 site, with the error of the distance Δy counted in full: a "
    "shift along y, which no curve tells, lets within_1 pass an error of 2 there",
    "r_median": "median Pearson r of generated and true LDOS over the 60 x 50 sites; 95 % "
    "bootstrap interval",
    "r_high": f"share with r >= {HIGH}; 95 % Wilson interval",
    "r_outside_median, r_outside_high": "the same over the sites outside the true antidots",
}


def scores(device, antidots, true_antidots, images=None, true_images=None, seed=0):
    """One row of the table: dict of COLUMNS; without images only the positions."""
    errors = metrics.within(antidots, true_antidots, device)
    row = {"n": len(errors)}
    for k in (0, 1, 2):
        row |= share(f"within_{k}", errors <= k)
    row |= share("strict_1", metrics.within(antidots, true_antidots, device, strict=True) <= 1)
    if images is None:
        return row
    for name, sites in (("r", None), ("r_outside", ~geometry.removed_masks(true_antidots, device))):
        r = metrics.pearson(images, true_images, sites)
        row |= {
            f"{name}_median": float(np.median(r)),
            f"{name}_median_interval": list(bootstrap(r, np.median, seed)),
        }
        row |= share(f"{name}_high", r >= HIGH)
    return row


def hits(device, antidots, true_antidots, images=None, true_images=None):
    """What counts as a success, by curve: {name: bool (B,)}; without images only the positions."""
    errors = metrics.within(antidots, true_antidots, device)
    found = {f"within_{k}": errors <= k for k in (0, 1)}
    return (
        found
        if images is None
        else found | {"r_high": metrics.pearson(images, true_images) >= HIGH}
    )


class Answers(NamedTuple):
    """Antidots and images that B curves were given as answers, beside the truth."""

    antidots: np.ndarray  # (B, 2, 2)
    images: np.ndarray  # (B, L, W) [1/t]
    true_antidots: np.ndarray  # (B, 2, 2)
    truth: np.ndarray  # (B, L, W) [1/t]

    def part(self, kind):
        """Those of some curves: an index, a slice or bool (B,)."""
        return Answers(*(values[kind] for values in self))

    def shuffled(self):
        """Each curve with the answer of the one before: what ignoring the curve would get."""
        antidots, images = (np.roll(values, 1, axis=0) for values in self[:2])
        return self._replace(antidots=antidots, images=images)

    def errors(self, device):
        """Position errors (B,) [sites]."""
        return metrics.within(self.antidots, self.true_antidots, device)

    def correlations(self):
        """Pearson r (B,) of the images with the true ones."""
        return metrics.pearson(self.images, self.truth)

    def scores(self, device, seed):
        """One row of the table, see `scores`."""
        return scores(device, self.antidots, self.true_antidots, self.images, self.truth, seed)

    def hits(self, device):
        """What counts as a success, by curve, see `hits`."""
        return hits(device, self.antidots, self.true_antidots, self.images, self.truth)


def agreement(device, antidots, truth):
    """{name of WITHIN: (share of the samples that agree with the consensus (B,), whether it is
    right, bool (B,))} of samples (B, S, 2, 2) and true antidots (B, 2, 2)."""
    found = [decode.agree(pairs, device) for pairs in antidots]
    off = np.stack([k for _, k in found])  # (B, S) sites
    errors = metrics.within(
        np.stack([pairs[best] for pairs, (best, _) in zip(antidots, found)]), truth, device
    )
    return {name: ((off <= k).mean(axis=1), errors <= k) for name, k in WITHIN.items()}
