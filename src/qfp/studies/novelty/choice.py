"""Which score tells foreign curves best? Chosen on development curves and trial families."""

import dataclasses

import numpy as np

from qfp.data import foreign
from qfp.decoding import metrics, novelty
from qfp.studies.novelty.bench import FAMILY_CURVES, consensus

DEV_CURVES, DEV_SAMPLES = 600, 4  # genuine curves that set the threshold, and the samples of each
QUANTILE = 0.97  # of the development curves, below the threshold
# variance added at every field, in units of the mean variance of the changes
FLOORS = (1.0, 0.1, 0.01, 0.001)
# [field steps] by how much resonances may move, tried beside 0 with each of
SHIFTS = (0.3, 0.5, 1.0)
SHIFT_FLOORS = (0.1, 0.01)


def candidates(reference):
    """References that differ in what they add to the covariance, {name: Reference}."""
    unit = np.trace(reference.covariance) / len(reference.mean)
    pairs = [(floor, 0.0) for floor in FLOORS] + [
        (floor, shift) for floor in SHIFT_FLOORS for shift in SHIFTS
    ]
    return {
        f"whitened, floor {floor:g}, shift {shift:g}": dataclasses.replace(
            reference, floor=floor * unit, shift=shift
        )
        for floor, shift in pairs
    }


def scores_of(tried, training, clean):
    """Scores to compare, {name: function of curves (B, F) and answers (B, 2, 2) to (B,)}.

    tried: what `candidates` gives; training (M, F): its curves."""

    def distance(reference, near=True):
        return lambda curves, answers: novelty.novelties(
            reference, curves, clean.explained(answers, near)
        )

    some = next(iter(tried.values()))
    centre, spread = training.mean(axis=0), np.cov(training.T)
    whole = dataclasses.replace(
        some, mean=centre, covariance=spread, floor=1e-3 * np.trace(spread) / len(centre)
    )
    zero = np.zeros((1, len(centre)))
    return {name: distance(reference) for name, reference in tried.items()} | {
        "rms": distance(dataclasses.replace(some, covariance=0 * spread, floor=1.0)),
        "curve, Mahalanobis": lambda curves, answers: novelty.novelties(
            whole, curves, [zero] * len(curves)
        ),
        "nearest training curve": lambda curves, answers: np.square(
            curves - training[metrics.nearest_curve(training, curves)]
        ).mean(axis=1),
    }


def compare(scores, genuine, families):
    """Detection {score: {'families': {name: share}, 'mean': share}} of foreign curves, at equal
    false alarms.

    genuine: (curves, answers); families: {name: (curves, answers)}."""
    table = {}
    for name, score in scores.items():
        threshold = np.quantile(score(*genuine), QUANTILE)
        shares = {
            family: float((score(*values) > threshold).mean())
            for family, values in families.items()
        }
        foreigners = [
            value
            for family, value in shares.items()
            if family not in foreign.GENUINE + foreign.SLIGHT
        ]
        table[name] = {"families": shares, "mean": float(np.mean(foreigners))}
    return table


def trials(bench, dev):
    """{family: (curves, answers)} of the foreign curves on which the score is chosen; dev (B, 2):
    rows of the genuine ones that some alter."""
    found = {}
    for k, name in enumerate(foreign.FAMILIES):
        curves = bench.family(name, dev)[1]
        if len(curves):  # a small dataset has few curves to alter
            rows = [(k, FAMILY_CURVES + i) for i in range(len(curves))]
            found[name] = curves, bench.quick(f"trial-{name}", curves, rows)
    return found


def development(bench, changes, dev):
    """The Reference that detects most foreign curves at equal false alarms, its name, and the
    comparison.

    changes (M, F): by potentials, of training curves; dev (B, 2): rows of genuine curves."""
    device, sha256 = bench.clean.device, bench.run.about["weights_sha256"]
    centre, spread = changes.mean(axis=0), np.cov(changes.T)
    plain = novelty.Reference(sha256, device, centre, spread, 0.0, 0.0, 1.0, QUANTILE)
    curves = bench.values(dev)
    genuine = curves, consensus(bench.answers("dev", curves, dev, DEV_SAMPLES), device)
    trial, tried = trials(bench, dev), candidates(plain)
    scores = scores_of(tried, bench.training, bench.clean)
    comparison = compare(scores, genuine, trial)
    best = max(tried, key=lambda name: comparison[name]["mean"])  # of equals the first

    def alone(curves, answers):
        exact = bench.clean.explained(answers, near=False)
        return novelty.novelties(tried[best], curves, exact)

    comparison |= compare({f"{best}, no neighbours": alone}, genuine, trial)
    threshold = float(np.quantile(scores[best](*genuine), QUANTILE))
    return dataclasses.replace(tried[best], threshold=threshold), best, comparison
