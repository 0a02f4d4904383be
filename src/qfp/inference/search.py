"""Candidates of three and more antidots, which are too many to be listed.

Chains draw antidots one by one from the posterior of the surrogate (Gibbs sampling). The nearest
configurations that they met are judged by exact curves at V = 0, the best of these moved site by
site. A typical potential says how near the truth has to come: until that, or until patience ends,
it is begun again.
"""

import numpy as np

from qfp.inference import library as libraries
from qfp.inference.surrogate import surrogate
from qfp.physics import discs, geometry, symmetry

COLDEST = 1.0, 1.0, 1.5, 2.0, 3.0, 4.0  # temperatures at which the chains of a round end
# distances of a find, at 64 fields, that is kept, and that is kept where the next rounds, one for
# three antidots and two for four, find nothing nearer
FOUND, NEAR = 8.0, 36.0
SWEEPS, HOT, ANNEALED = 10, 6.0, 0.6  # of a chain, its first temperature, until that share of it
SCANS = 2400  # of a round
KEPT = 40  # nearest configurations of a scan that are remembered
NAMED, COARSE, FEW = 12000, 4, 1000  # go to exact curves at every 4th field; so many to all fields
POLISHED, MOVES = 16, 4  # the best are moved, so many times


def from_search(device, curve, noise, number, rng, proposals=None):
    """Candidates (C, K, 2) of so many antidots for a curve (F,) [e^2/h] with noise; proposals
    (S, K, 2) are judged first."""
    exact = Exact(device, curve, noise, number)
    tables = surrogate(device, number).tables(curve, noise)
    best, scale = [], device.field_points / 64
    if proposals is not None:
        exact.judge(geometry.canonical(proposals, device))
        best.append(exact.best()[1][0])
    for coldest in COLDEST:
        agreed = best and best.count(best[-1]) > number - 2
        if best and (best[-1] <= FOUND * scale or (best[-1] <= NEAR * scale and agreed)):
            break
        exact.judge(visited(device, number, tables, rng, coldest, exact.met))
        best.append(exact.best()[1][0])
    antidots, distances = exact.best(libraries.MOST)
    return antidots[libraries.chosen(distances)]


def visited(device, number, tables, rng, coldest, met):
    """Configurations (N, K, 2), canonical, that chains met nearest to the curve of the tables, and
    that are not in `met`: a set of their bytes."""
    found, near = [], []
    for _ in range(SCANS // (SWEEPS * number)):
        antidots = geometry.sampled(device, number, int(rng.integers(2**32)))
        for sweep in range(SWEEPS):
            temperature = max(coldest, HOT * (1 - sweep / (ANNEALED * SWEEPS)))
            for k in rng.permutation(number):
                every, chi2 = tables.scan(np.delete(antidots, k, axis=0))
                best = np.argpartition(chi2, min(KEPT, len(chi2) - 1))[:KEPT]
                found.append(every[best])
                near.append(chi2[best])
                weight = np.cumsum(np.exp((chi2.min() - chi2) / (2 * temperature)))
                drawn = every[np.searchsorted(weight, rng.uniform() * weight[-1])]
                antidots = drawn - [0, drawn[0, 1]]
    order = np.argsort(np.concatenate(near))
    named = geometry.canonical(np.concatenate(found)[order], device)
    new = {own.tobytes(): own for own in named if own.tobytes() not in met}
    return np.stack(list(new.values())[:NAMED])


class Exact:
    """Distances of configurations from a curve, by exact curves at V = 0; each is solved once."""

    def __init__(self, device, curve, noise, number):
        own = surrogate(device, number)
        self.device, self.left = device, curve - own.shift
        self.allowed = libraries.allowed(own.covariance, noise)
        self.met = set()  # canonical antidots as bytes
        self.seen = {}  # of those, and of what moves made of them: distance and antidots

    def distances(self, antidots, fields=slice(None)):
        """Robust distances (N,) at some of the fields."""
        root = libraries.inverse_root(self.allowed[fields, fields])
        left = self.left[fields] - discs.curves(self.device, antidots, fields)
        return libraries.robust(left @ root.T)

    def judge(self, antidots):
        """Take configurations (N, K, 2) in: the nearest of them, and what moves lead to."""
        self.met |= {own.tobytes() for own in antidots}
        coarse = self.distances(antidots, slice(COARSE // 2, None, COARSE))
        self.solve(antidots[np.argsort(coarse)[:FEW]])
        for _ in range(MOVES):
            before = len(self.seen)
            best, _ = self.best(POLISHED)
            self.solve(np.concatenate([symmetry.neighbours(own, self.device) for own in best]))
            if len(self.seen) == before:
                break

    def solve(self, antidots):
        """Distances at all fields of configurations that have none."""
        new = {own.tobytes(): own for own in antidots if own.tobytes() not in self.seen}
        if new:
            found = self.distances(np.stack(list(new.values())))
            self.seen |= {key: (d, own) for (key, own), d in zip(new.items(), found, strict=True)}

    def best(self, some=1):
        """The nearest configurations (C, K, 2) and their distances (C,)."""
        nearest = sorted(self.seen.values(), key=lambda one: one[0])[:some]
        return np.stack([own for _, own in nearest]), np.array([d for d, _ in nearest])
