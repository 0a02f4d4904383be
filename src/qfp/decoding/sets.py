"""Any number of antidots: sets of discs in LDOS images, and in the map of occupancy of a curve.

Unlike pairs (`positions`) they are too many to be judged one by one: a set is started from each of
the best places, filled up with the best that are left, and then each disc is placed anew given the
others, until none moves.
"""

from collections import Counter
from dataclasses import dataclass

import numpy as np
import torch

from qfp.decoding import metrics
from qfp.decoding.positions import allowed, disc_means
from qfp.physics import geometry

STARTS = 16  # places from which a set is begun
ROUNDS = 20  # of placing each disc anew
POSSIBLE = 1e-3  # probability of a number of antidots from which on it is proposed


@dataclass(frozen=True)
class DecodedSets:
    """Answers to B curves of any number of antidots from S samples each. Tuples have an entry for
    each curve, whose K is its own; antidots (x, y), lower first, canonical."""

    ldos: np.ndarray  # (B, S, L, W) [1/t], the samples
    number: np.ndarray  # (B,) likeliest number of antidots
    numbers: np.ndarray  # (B, 6) probability of 1, 2, ... antidots
    density: np.ndarray  # (B, L, W) expected antidots with their centre at a site
    antidots: tuple  # B of (S, K, 2), of each sample
    named: tuple  # B of {K: (K, 2)}, likeliest by the map, for each number that is possible
    consensus: tuple  # B of (K, 2), the sample with most votes, see `decode.agree`
    probability: np.ndarray  # (B,) share of the samples within one site of the consensus
    image: np.ndarray  # (B, L, W) [1/t], mean of the samples within one site of the consensus
    candidates: tuple  # for each curve ((antidots, share of the samples), ...), most frequent first

    @property
    def proposals(self):
        """What each curve's samples and map name: B lists of antidots (K, 2)."""
        pairs = zip(self.antidots, self.named, strict=True)
        return [[*samples, *named.values()] for samples, named in pairs]


def lowest(costs, device, number):
    """Antidots (B, K, 2), ordered, that keep clear of each other and whose sum of costs is least,
    costs (B, C) of centres as in `positions.allowed`: found by a search that may miss it."""
    centres, compatible = allowed(device)
    found = np.empty((len(costs), number, 2), int)
    for b, cost in enumerate(np.asarray(costs, float)):
        sets = [_filled(cost, compatible, number, start) for start in _starts(cost, compatible)]
        best = min((s for s in sets if s is not None), key=lambda s: cost[s].sum(), default=None)
        # discs that leave no room where they were put: any that have some
        found[b] = geometry.sampled(device, number, 0) if best is None else centres[best]
    return geometry.ordered(found)


def _starts(cost, compatible):
    """The best places, each clear of the better ones."""
    left, starts = cost.copy(), []
    while len(starts) < STARTS and np.isfinite(left).any():
        starts.append(int(left.argmin()))
        left[~compatible[starts[-1]]] = np.inf
    return starts


def _filled(cost, compatible, number, start):
    """Places (K,) of a set that is begun with one; None where there is no room for so many."""
    chosen = [start]
    while len(chosen) < number:
        best = _free(cost, compatible, chosen)
        if best is None:
            return None
        chosen.append(best)
    for _ in range(ROUNDS):
        before = list(chosen)
        for k in range(number):
            chosen[k] = _free(cost, compatible, chosen[:k] + chosen[k + 1 :])
        if chosen == before:
            break
    return chosen


def _free(cost, compatible, others):
    """The best place that keeps clear of others; None where there is none."""
    free = compatible[others].all(axis=0)
    return int(np.where(free, cost, np.inf).argmin()) if free.any() else None


def recover(ldos, device, number):
    """Antidots (B, K, 2) in images (B, L, W), as many as there are said to be: discs of the least
    mean LDOS, ordered, in any placement."""
    return lowest(disc_means(ldos, device), device, number)


@torch.no_grad()
def read_map(model, curves, device):
    """What a network says of normalised curves (B, F): probability that the centre of any one
    antidot is at a site, (B, L, W), and that there are 1, 2, ... of them, (B, 6)."""
    parts = [model.curve(part) for part in curves.split(256)]
    sites, numbers = (torch.cat(part).exp().cpu().numpy() for part in zip(*parts, strict=True))
    left, below = device.margins
    return sites[:, below : below + device.length, left : left + device.width], numbers


def named_by(sites, device, number):
    """Antidots (B, K, 2), canonical, likeliest under maps (B, L, W): centres that are as likely
    together as any, at the distance of hard discs."""
    x, y = allowed(device)[0].T
    costs = -np.log(np.maximum(sites[:, y, x], np.finfo(np.float32).tiny))
    return geometry.canonical(lowest(costs, device, number), device)


def conclude_sets(ldos, sites, numbers, device, agree):
    """DecodedSets from LDOS samples (B, S, L, W), maps and numbers as of `read_map`; agree: what
    finds the sample that stands for all."""
    number = 1 + numbers.argmax(axis=1)
    antidots, named, consensus, probability, image, candidates = [], [], [], [], [], []
    for K, pictures, own, share in zip(number, ldos, sites, numbers, strict=True):
        sets = geometry.canonical(recover(pictures, device, int(K)), device)
        best, k = agree(sets, device)
        antidots.append(sets)
        possible = 1 + np.flatnonzero(share >= POSSIBLE)
        named.append({int(n): named_by(own[None], device, int(n))[0] for n in possible})
        consensus.append(sets[best])
        probability.append((k <= 1).mean())
        image.append(pictures[k <= 1].mean(axis=0))
        candidates.append(counted(sets))
    return DecodedSets(
        ldos,
        number,
        numbers,
        sites * (numbers @ np.arange(1, 1 + numbers.shape[1]))[:, None, None],
        tuple(antidots),
        tuple(named),
        tuple(consensus),
        np.array(probability),
        np.stack(image),
        tuple(candidates),
    )


def counted(antidots):
    """((antidots (K, 2), share of the samples), ...) of samples (S, K, 2), most frequent first."""
    counts = Counter(tuple(map(tuple, own)) for own in np.asarray(antidots).tolist())
    return tuple((np.array(own), n / len(antidots)) for own, n in counts.most_common())


def scores(found, truth, device):
    """Share of answers, B of (K, 2), whose number is right, and that are exact and within one and
    two sites; of true antidots, B of (K, 2)."""
    same = np.array([len(one) == len(true) for one, true in zip(found, truth, strict=True)])
    off = np.array(
        [
            metrics.within(one, true, device) if right else np.inf
            for one, true, right in zip(found, truth, same)
        ]
    )
    shares = {f"within{k}": round(float((off <= k).mean()), 4) for k in (0, 1, 2)}
    return {"number": round(float(same.mean()), 4)} | shares
