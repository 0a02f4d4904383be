"""How far forecasts, shares of samples that agree, are from what happened."""

from functools import partial

import numpy as np

from qfp.studies import intervals

EDGES = (0.2, 0.4, 0.6, 0.8, 1.0)  # of the bins of shares; in the last one all samples agree


def candidates(samples, truth):
    """Every distinct answer of samples (B, S, ...), most frequent of a curve first: its share (M,),
    whether it is the truth (B, ...), bool (M,), and its curve (M,)."""
    rows = []
    for b, (answers, true) in enumerate(
        zip(samples.reshape(*samples.shape[:2], -1), truth.reshape(len(truth), -1))
    ):
        values, counts = np.unique(answers, axis=0, return_counts=True)
        order = np.argsort(-counts, kind="stable")
        rows += [(counts[i] / len(answers), (values[i] == true).all(), b) for i in order]
    share, right, curve = map(np.array, zip(*rows))
    return share, right, curve


def most_frequent(samples, truth):
    """The share of the most frequent answer among samples (B, S, ...), (B,), and whether it is the
    truth (B, ...), bool (B,)."""
    share, right, curve = candidates(samples, truth)
    first = np.unique(curve, return_index=True)[1]
    return share[first], right[first]


def bin_of(share):
    """Bin 0..len(EDGES) of shares."""
    return np.digitize(share, EDGES)


def sums(forecast, right, bins, curve):
    """What scores are ratios of, summed by curve (C, bins + 2): forecast less outcome in each bin;
    its square; the number."""
    table = np.zeros((curve.max() + 1, len(EDGES) + 3))
    np.add.at(table, (curve, bins), forecast - right)
    np.add.at(table, (curve, -2), (forecast - right) ** 2)
    np.add.at(table, (curve, -1), 1)
    return table


def ratios(totals):
    """{name: score (...)} of sums (..., bins + 2) over curves."""
    n = totals[..., -1]
    return {
        "overconfidence": totals[..., :-2].sum(axis=-1) / n,
        "ece": np.abs(totals[..., :-2]).sum(axis=-1) / n,
        "brier": totals[..., -2] / n,
    }


def score(name, table, axis):
    """One of `ratios` of `sums` (..., C, bins + 2) by curve, summed over an axis."""
    return ratios(table.sum(axis=axis))[name]


def binned(forecast, right, bins):
    """The bins of a reliability diagram: dicts of from, to, n and, where any forecast is in it, its
    mean and the share right."""
    rows = []
    for k, edges in enumerate(zip((0.0, *EDGES), (*EDGES, 1.0))):
        part = bins == k
        rows.append(dict(zip(("from", "to"), edges)) | {"n": int(part.sum())})
        if part.any():
            rows[-1] |= {
                "forecast": float(forecast[part].mean()),
                **intervals.share("right", right[part]),
            }
    return rows


def reliability(forecast, right, seed=0, bins=None, curve=None):
    """How far forecasts (n,) are from the outcomes, bool (n,): see NOTES.

    bins (n,): those of the forecasts unless given. curve (n,): what the bootstrap draws together;
    each its own unless given."""
    forecast, right = np.asarray(forecast, float), np.asarray(right, bool)
    bins, curve = (
        bin_of(forecast) if bins is None else bins,
        np.arange(len(forecast)) if curve is None else curve,
    )
    table = sums(forecast, right, bins, curve)
    row = {"n": len(forecast), "forecast": float(forecast.mean())} | intervals.share("right", right)
    for name, value in ratios(table.sum(axis=0)).items():
        interval = intervals.bootstrap(table, partial(score, name), seed)
        row |= {name: float(value), f"{name}_interval": list(interval)}
    row["brier_reference"] = row["right"] * (1 - row["right"])
    given = np.where(right, forecast, 1 - forecast)
    row |= {
        "certain_and_wrong": int((given <= 0).sum()),
        "log_score": float(-np.log(given).mean()) if (given > 0).all() else None,
    }
    return row | {"bins": binned(forecast, right, bins)}


def further(share, sample, truth):
    """The same forecasts, shares (n,) of all samples but the last, against that sample and the
    truth, bool (n,): see NOTES."""
    bins = bin_of(share)
    value, interval = intervals.paired_difference(sample, truth)
    scores = ratios(sums(share, sample, bins, np.arange(len(share))).sum(axis=0))
    return {
        "n": len(share),
        "forecast": float(np.mean(share)),
        **intervals.share("sample", sample),
        **intervals.share("truth", truth),
        "excess": value,
        "excess_interval": list(interval),
        "ece": float(scores["ece"]),
        "overconfidence": float(scores["overconfidence"]),
        "bins": binned(share, sample, bins),
    }
