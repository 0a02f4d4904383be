"""`qfp evaluate calibration`: can the share of samples that agree be read as a probability, and is
the truth like one more sample? On configurations never seen in training.

Of each curve many samples are drawn; only the antidots found in them are kept, block by block, so a
killed run resumes.
"""

import functools

import numpy as np
from scipy.optimize import minimize

from qfp.decoding import positions
from qfp.physics import geometry
from qfp.studies import accuracy, frame, intervals
from qfp.studies.calibration import sbc
from qfp.studies.scoring import WITHIN, agreement
from qfp.tools import SettingsError, as_dict, digest, project_root

SAMPLES = 31  # a curve, whatever the preset says: ranks then have 32 values
DEV_CURVES = 200  # development curves on which the recalibration is fixed
EDGES = (0.2, 0.4, 0.6, 0.8, 1.0)  # of the bins of shares; in the last one all samples agree
COORDINATES = ("x1", "x2", "dy")
NOTES = {
    "reliability": {
        "exact": "forecast: share of the samples that say exactly what the consensus says; "
        "outcome: whether that is the truth",
        "within_1": "the same, within one site",
        "candidates": "every answer that a sample gives, with its share, against being the truth; "
        "bootstrap over curves",
    },
    "overconfidence": "mean forecast less share of right answers; 95 % bootstrap interval",
    "ece": "expected calibration error over the bins, with its 95 % bootstrap interval; by chance "
    "it is above 0",
    "brier": "mean square of forecast less outcome; reference: that of the constant forecast, the "
    "share of right answers",
    "log_score": "mean -ln of the probability given to what happened; null where a forecast was "
    "certain and wrong",
    "further_sample": "what exact samples would show, as the largest of few shares is too large on "
    "average: the share of all "
    "samples but the last that agree with their consensus, against that last sample instead of the "
    "truth. "
    "excess: share of further samples less share of truths that agree with the same consensus, 0 "
    "under exact "
    "samples; 95 % score interval of Tango for paired shares",
    "recalibration": "share n / S -> (n + a) / (S + a + b), a and b of the largest likelihood on "
    "development curves; "
    "gains (before less after) on the test curves, 95 % paired bootstrap intervals",
    "sbc": "rank of the truth among the samples (Talts et al. 2018), ties broken at random; p "
    "values by simulation of uniform "
    "ranks. differing: curves where truth and samples are not all equal. outside: truth beyond the "
    "samples' range. The "
    "truths are uniform over the test configurations and the dataset's potentials. Uniform ranks "
    "are necessary, not "
    "sufficient: curves averaged over may err in opposite ways, and a sampler that ignores the "
    "curve and draws from "
    "the prior passes; integers that all agree have ranks of pure chance",
}


# --- forecasts and outcomes


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


def _sums(forecast, right, bins, curve):
    """What scores are ratios of, summed by curve (C, bins + 2): forecast less outcome in each bin;
    its square; the number."""
    table = np.zeros((curve.max() + 1, len(EDGES) + 3))
    np.add.at(table, (curve, bins), forecast - right)
    np.add.at(table, (curve, -2), (forecast - right) ** 2)
    np.add.at(table, (curve, -1), 1)
    return table


def _ratios(sums):
    """{name: score (...)} of sums (..., bins + 2) over curves."""
    n = sums[..., -1]
    return {
        "overconfidence": sums[..., :-2].sum(axis=-1) / n,
        "ece": np.abs(sums[..., :-2]).sum(axis=-1) / n,
        "brier": sums[..., -2] / n,
    }


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
    table = _sums(forecast, right, bins, curve)
    row = {"n": len(forecast), "forecast": float(forecast.mean())} | intervals.share("right", right)
    for name, value in _ratios(table.sum(axis=0)).items():
        interval = intervals.bootstrap(
            table, lambda sums, axis: _ratios(sums.sum(axis=axis))[name], seed
        )
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
    scores = _ratios(_sums(share, sample, bins, np.arange(len(share))).sum(axis=0))
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


# --- a better probability


def shrunk(share, samples, a, b):
    """Probability (n + a) / (S + a + b) for a share n / S of S samples."""
    return (np.asarray(share) * samples + a) / (samples + a + b)


def fit(share, right, samples):
    """(a, b) of `shrunk` with the largest likelihood of the outcomes, bool (n,), each between 0.001
    and 1000."""

    def loss(logarithms):
        p = shrunk(share, samples, *np.exp(np.clip(logarithms, *np.log([1e-3, 1e3]))))
        return -np.where(right, np.log(p), np.log1p(-p)).sum()

    found = minimize(
        loss,
        [0.0, 0.0],
        method="Nelder-Mead",
        options={"xatol": 1e-3, "fatol": 1e-6, "maxiter": 2000},
    )
    return tuple(np.exp(np.clip(found.x, *np.log([1e-3, 1e3]))).tolist())


def recalibration(share, right, samples, a, b, seed=0):
    """What `shrunk` changes: {a, b, after: reliability in the bins of the shares, gain in each
    score with its interval}."""
    bins, curve, better = bin_of(share), np.arange(len(share)), shrunk(share, samples, a, b)
    # (n, 2, bins + 2)
    tables = np.stack([_sums(forecast, right, bins, curve) for forecast in (share, better)], axis=1)
    row = {"a": a, "b": b, "after": reliability(better, right, seed, bins)}
    for name in ("ece", "brier"):

        def gain(sums, axis, name=name):
            before, after = np.moveaxis(_ratios(sums.sum(axis=axis))[name], -1, 0)
            return before - after

        row |= {
            f"{name}_gain": float(gain(tables, 0)),
            f"{name}_gain_interval": list(intervals.bootstrap(tables, gain, seed)),
        }
    return row


# --- ranks


def rank_statistics(samples, truth, uniform, seed=0):
    """{coordinate: tests and histograms} of orbits (B, S, 3) against true ones (B, 3), and the
    smallest p value among all."""
    found, cells = sbc.ranks(samples, truth, uniform), samples.shape[1] + 1
    chosen, (beyond, chance) = sbc.differing(samples, truth), sbc.outside(samples, truth)
    rows, p = {}, []
    for c, name in enumerate(COORDINATES):
        row = {}
        for part, some in (("all", np.ones(len(truth), bool)), ("differing", chosen[:, c])):
            histogram = np.bincount(found[some, c], minlength=cells)
            row[part] = {**sbc.uniformity(histogram, seed), "histogram": histogram.tolist()}
            p += [row[part]["chi_square_p"], row[part]["ecdf_p"]]
        row["outside"] = sbc.coverage(beyond[:, c], chance[:, c])
        p.append(row["outside"]["p"])
        rows[name] = row
    return {
        **rows,
        "tests": len(p),
        "smallest_p": min(p),
        "smallest_p_bonferroni": min(1.0, len(p) * min(p)),
    }


def toy_case(name, number=1000, seed=0):
    """What reliability and ranks say of one of sbc.TOYS: {bins, histogram, differing, outside,
    excess, excess_interval}."""
    samples, truth = sbc.toy(number, SAMPLES, seed, *sbc.TOYS[name])
    less, (share, right) = samples[:, :-1], most_frequent(samples, truth)
    more = further(*most_frequent(less, samples[:, -1]), most_frequent(less, truth)[1])
    samples, truth = samples[..., None], truth[:, None]  # one coordinate
    uniform = sbc.tie_breakers(
        np.stack([np.zeros(number, int), np.arange(number)], axis=1), 1, seed
    )
    found, some = sbc.ranks(samples, truth, uniform)[:, 0], sbc.differing(samples, truth)[:, 0]
    return {
        "bins": binned(share, right, bin_of(share)),
        "excess": more["excess"],
        "excess_interval": more["excess_interval"],
        "histogram": np.bincount(found, minlength=SAMPLES + 1),
        "differing": np.bincount(found[some], minlength=SAMPLES + 1),
        "outside": sbc.coverage(*(part[:, 0] for part in sbc.outside(samples, truth))),
    }


# --- the command


def run_calibration(
    config,
    weights,
    data="data/laptop.h5",
    out="results/calibration.json",
    curves=1000,
    report=print,
):
    """Calibration of the samples for `curves` test configurations of a dataset file; writes `out`,
    returns what it holds.

    config: for its sampler, its steps and its seed. Draws SAMPLES samples for each of `curves` and
    DEV_CURVES curves. Raises SettingsError where gamma is not 1, or the weights were trained on
    other data."""
    sampling, seed = config.sampling, config.seed
    if sampling.gamma != 1:
        raise SettingsError(
            f"sampling.gamma {sampling.gamma:g}: must be 1, only then are samples meant to follow "
            "the posterior"
        )
    frame.check_use(out, curves=curves)
    decoder, pairs, parts, about = frame.opened(weights, data, seed, images=False)
    rows = {
        "dev": frame.choose_rows(parts, "dev", DEV_CURVES, seed),
        "test": frame.choose_rows(parts, "test", curves, seed),
    }
    about |= {
        "curves": len(rows["test"]),
        "dev_curves": len(rows["dev"]),
        **as_dict(sampling),
        "samples": SAMPLES,
    }
    folder = project_root() / "runs" / f"calibration-{digest(about, accuracy.BLOCK)[:12]}"
    report(
        f"{len(rows['test'])} test configurations, {len(rows['dev'])} of the development part, "
        f"{SAMPLES} samples each; "
        f"{sampling.steps} {sampling.sampler} steps; blocks in {folder.relative_to(project_root())}"
    )
    keep = functools.partial(positions.positions, device=pairs.device)
    antidots, truth, agreed = {}, {}, {}
    for name, (p, n) in ((name, part.T) for name, part in rows.items()):
        antidots[name] = frame.sampled(
            decoder,
            sampling,
            pairs.conductance[p, n],
            rows[name],
            SAMPLES,
            folder,
            name,
            seed,
            keep,
        )
        truth[name] = geometry.canonical(pairs.antidots[n], pairs.device)
        agreed[name] = agreement(pairs.device, antidots[name], truth[name])
    samples, true = antidots["test"], truth["test"]
    share, right, curve = candidates(samples, true)
    result = about | {
        "reliability": {name: reliability(*part, seed) for name, part in agreed["test"].items()}
        | {"candidates": reliability(share, right, seed, curve=curve)},
        "named": intervals.share("share", np.bincount(curve[right], minlength=len(true)) > 0),
        "further_sample": {
            name: further(share, sample, agreement(pairs.device, samples[:, :-1], true)[name][1])
            for name, (share, sample) in agreement(
                pairs.device, samples[:, :-1], samples[:, -1]
            ).items()
        },
        "recalibration": {
            name: recalibration(
                *agreed["test"][name], SAMPLES, *fit(*agreed["dev"][name], SAMPLES), seed
            )
            for name in WITHIN
        },
        "sbc": rank_statistics(
            geometry.orbit(samples, pairs.device),
            geometry.orbit(true, pairs.device),
            sbc.tie_breakers(rows["test"], len(COORDINATES), seed),
            seed,
        ),
        "notes": NOTES,
    }
    return frame.finished(out, result, [folder], "\n".join(verdicts(result)), report)


def confidence(low, high):
    """'overconfident', 'underconfident' or neither, of the interval of an excess."""
    return (
        "overconfident"
        if low > 0
        else "underconfident"
        if high < 0
        else "neither over- nor underconfident"
    )


def verdicts(result):
    """What a calibration.json says, in sentences."""
    S, lines = result["samples"], []
    for name, title in (("exact", "exactly"), ("within_1", "within one site")):
        row, more, mended = (
            result[part][name] for part in ("reliability", "further_sample", "recalibration")
        )
        low, high = more["excess_interval"]
        gain, gained = mended["brier_gain"], mended["brier_gain_interval"]
        lines += [
            f"{title}: on average {row['forecast']:.1%} of {S} samples agree with their consensus, "
            f"which is right on {row['right']:.1%} "
            "({:.1%} to {:.1%}) of {} curves".format(*row["right_interval"], row["n"]),
            f"  a further sample agrees with it on {more['sample']:.1%}, the truth on "
            f"{more['truth']:.1%}: excess {more['excess']:+.1%} "
            f"({low:+.1%} to {high:+.1%}), {confidence(low, high)}",
            "  expected calibration error {:.1%} ({:.1%} to {:.1%}), with a further sample for the "
            "truth {:.1%}; Brier score {:.4f} "
            "({:.4f} to {:.4f})".format(
                row["ece"], *row["ece_interval"], more["ece"], row["brier"], *row["brier_interval"]
            ),
            f"  with (n + {mended['a']:.2g}) / ({S} + {mended['a'] + mended['b']:.2g}) for n / "
            f"{S}: error {mended['after']['ece']:.1%}, "
            f"Brier score lower by {gain:.4f} ({gained[0]:.4f} to {gained[1]:.4f}), "
            + (
                "better"
                if gained[0] > 0
                else "worse"
                if gained[1] < 0
                else "no gain beyond its interval"
            ),
        ]
    for name, row in ((name, result["sbc"][name]) for name in COORDINATES):
        p = [
            row[part][f"{test}_p"]
            for part in ("all", "differing")
            for test in ("chi_square", "ecdf")
        ]
        lines.append(
            "{}: ranks of all curves p = {:.2g} (chi-square), {:.2g} (ECDF); of the {} that differ "
            "{:.2g}, {:.2g}; truth outside the "
            "samples on {:.1%}, expected {:.1%} (p = {:.2g})".format(
                name,
                *p[:2],
                row["differing"]["n"],
                *p[2:],
                row["outside"]["share"],
                row["outside"]["expected"],
                row["outside"]["p"],
            )
        )
    p, tests = result["sbc"]["smallest_p_bonferroni"], result["sbc"]["tests"]
    return lines + [
        f"smallest of {tests} p values, times {tests}: {p:.2g}, "
        + (
            "the samples are not the posterior"
            if p < 0.05
            else "no deviation from the posterior is seen"
        )
    ]
