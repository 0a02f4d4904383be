"""Images beside the truth and beside their nearest training images: what of them is nearer."""

from typing import NamedTuple

import numpy as np

from qfp.decoding import metrics, positions
from qfp.physics import geometry
from qfp.studies import intervals
from qfp.studies.limits.nearest import Near, copy_ratio, rms

# ratio of the distances to the nearest image and to the next one below which an image counts as a
# copy
COPIED = 1 / 3


def middle(name, values, seed):
    """The median and its bootstrap interval, as two entries."""
    return {
        name: float(np.median(values)),
        f"{name}_interval": list(intervals.bootstrap(values, np.median, seed)),
    }


class Case(NamedTuple):
    """Images (B, L, W) that answer curves `rows` (B, 2), and what lies near them."""

    rows: np.ndarray
    images: np.ndarray
    near: Near
    truth_near: Near  # near the true images


def sites_off(pairs, case, answer):
    """Distances [sites] between true antidots, those of the answer and of its neighbour,
    {name: (B,)}."""
    truth, neighbour = pairs.antidots[case.rows[:, 1]], pairs.antidots[case.near.rows[:, 0, 1]]
    return {
        "error": metrics.within(answer, truth, pairs.device),
        "neighbour_error": metrics.within(neighbour, truth, pairs.device),
        "neighbour_to_answer": metrics.within(neighbour, answer, pairs.device),
    }


def by_potential(images, pairs, n):
    """Distances (B, P) [1/t] of images (B, L, W) to those of configurations n (B,) under all
    potentials."""
    return np.stack([rms(images, image) for image in pairs.ldos[:, n]], axis=1)


def by_curve(pairs, case, scale):
    """What is known of each curve, {name: (B,)}; scale: the unit of distances [1/t]."""
    p, n = case.rows.T
    truth = pairs.ldos[p, n].astype(float)
    answer = positions.positions(case.images[:, None], pairs.device)[:, 0]
    return answer, {
        "truth": rms(case.images, truth) / scale,
        "neighbour": case.near.distance[:, 0] / scale,
        "between": case.truth_near.distance[:, 0] / scale,
        "copy": copy_ratio(case.near),
        "r": metrics.pearson(case.images, truth),
        "neighbour_r": case.near.r,
        **sites_off(pairs, case, answer),
    }


def nearer(values, trained):
    """Shares of images that lie nearer to the truth; trained (B,): whether the answer is a
    configuration of the training set."""
    closer, exact = values["truth"] < values["neighbour"], values["error"] == 0
    row = intervals.share("closer", closer)
    row |= intervals.share("closer_r", values["r"] > values["neighbour_r"])
    for name, part in (
        ("closer_exact", closer[exact]),
        ("closer_wrong", closer[~exact]),
        ("wrong_trained", trained[~exact]),
    ):
        row |= intervals.share(name, part) if len(part) else {}
    return row | intervals.share("ahead", values["truth"] < values["between"])


def compared(pairs, case, known, scale, seed=0):
    """One row of the table and its values by curve, {name: (B,)}; known (M,): configurations in
    training."""
    p, n = case.rows.T
    answer, values = by_curve(pairs, case, scale)
    training = set(map(tuple, pairs.orbit[known].tolist()))
    orbits = geometry.orbit(answer, pairs.device).tolist()
    row = {"n": len(p), **nearer(values, np.array([tuple(orbit) in training for orbit in orbits]))}
    own = by_potential(case.images, pairs, n)
    row |= intervals.share("own_potential", own.argmin(axis=1) == p)
    row |= middle("truth_distance", values["truth"], seed)
    row |= middle("neighbour_distance", values["neighbour"], seed)
    # 0: itself
    others = np.sort(by_potential(pairs.ldos[p, n].astype(float), pairs, n) / scale, axis=1)[:, 1:]
    row |= middle("potential_distance", others.mean(axis=1), seed) if others.size else {}
    row |= middle("r_median", values["r"], seed)
    row |= middle("neighbour_r_median", values["neighbour_r"], seed)
    if values["neighbour"].all():
        row |= middle("ratio", values["truth"] / values["neighbour"], seed)
    row |= middle("copy_ratio", values["copy"], seed)
    row |= {"copy_ratio_smallest": float(values["copy"].min())}
    row |= intervals.share("copied", values["copy"] < COPIED)
    row["sites"] = {
        name: np.bincount(np.minimum(values[name], 3), minlength=4).tolist()
        for name in ("error", "neighbour_error", "neighbour_to_answer")
    }
    return row, values
