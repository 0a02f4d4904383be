"""Can the share of samples that agree be read as a probability?

And is the truth like one more sample? On held-out configurations.

Of each curve many samples are drawn; only the antidots found in them are kept, block by block, so a
killed run resumes.
"""

import functools

import numpy as np

from qfp.data import fresh
from qfp.decoding import positions
from qfp.physics import geometry
from qfp.studies import intervals
from qfp.studies.calibration import forecasts, sbc, text
from qfp.studies.calibration.recalibrate import fit, recalibration
from qfp.studies.frame import Option, Study
from qfp.studies.scoring import WITHIN, agreement
from qfp.tools import SettingsError, as_dict

SAMPLES = 31  # a curve, whatever the preset says: ranks then have 32 values
DEV_CURVES = 200  # development curves on which the recalibration is fixed
POTENTIALS = {
    "known": "those of the dataset, which training has seen with other configurations",
    "fresh": "for each curve one of its own, which no training has seen",
}
NOTES = {
    "potentials": POTENTIALS,
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
    "truths are uniform over the test configurations and the potentials. Uniform ranks "
    "are necessary, not "
    "sufficient: curves averaged over may err in opposite ways, and a sampler that ignores the "
    "curve and draws from "
    "the prior passes; integers that all agree have ranks of pure chance",
}


# --- ranks


def rank_statistics(samples, truth, uniform, seed=0):
    """{coordinate: tests and histograms} of orbits (B, S, 3) against true ones (B, 3), and the
    smallest p value among all."""
    found, cells = sbc.ranks(samples, truth, uniform), samples.shape[1] + 1
    chosen, (beyond, chance) = sbc.differing(samples, truth), sbc.outside(samples, truth)
    rows, p = {}, []
    for c, name in enumerate(sbc.COORDINATES):
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


# --- the study


def rows_of(run):
    """{'dev', 'test'}: rows (B, 2) of (potential, or with fresh ones its seed, configuration)."""
    numbers, own = {"dev": DEV_CURVES, "test": run.options.curves}, run.options.potentials
    if own not in POTENTIALS:
        raise SettingsError(f"--potentials {own}: must be one of {', '.join(POTENTIALS)}")
    if own == "known":
        return {part: run.rows(part, number) for part, number in numbers.items()}
    config = run.decoder.config
    return {part: fresh.rows_of(config, part, number) for part, number in numbers.items()}


def start(run, rows):
    """Say what the result is of, before the work."""
    sampling = run.sampling
    run.start(
        f"{len(rows['test'])} test configurations, {len(rows['dev'])} of the development part, "
        f"{SAMPLES} samples each; {sampling.steps} {sampling.sampler} steps",
        curves=len(rows["test"]),
        dev_curves=len(rows["dev"]),
        potentials=run.options.potentials,
        **as_dict(sampling) | {"samples": SAMPLES},
    )


def found_antidots(run, rows, name):
    """Antidots (B, SAMPLES, 2, 2) in samples of a part's curves, and the true ones (B, 2, 2)."""
    (p, n), device = rows.T, run.pairs.device
    keep = functools.partial(positions.positions, device=device)
    if run.options.potentials == "fresh":
        curves = fresh.simulated(device, run.pairs.antidots[n], p, run.curves_folder)[0]
    else:
        curves = run.pairs.conductance[p, n]
    antidots = run.samples(name, curves, rows, SAMPLES, keep=keep)
    return antidots, geometry.canonical(run.pairs.antidots[n], device)


def further_samples(device, samples, truth):
    """forecasts.further for each of WITHIN."""
    less, last = samples[:, :-1], samples[:, -1]
    right = agreement(device, less, truth)
    return {
        name: forecasts.further(share, sample, right[name][1])
        for name, (share, sample) in agreement(device, less, last).items()
    }


def measure(run):
    """Reliability, recalibration and ranks of SAMPLES samples of each of the test curves and of
    DEV_CURVES development curves.

    Raises SettingsError where gamma is not 1, or of potentials that are not in POTENTIALS."""
    if run.sampling.gamma != 1:
        raise SettingsError(
            f"sampling.gamma {run.sampling.gamma:g}: must be 1, only then are samples meant to "
            "follow the posterior"
        )
    device, seed, rows = run.pairs.device, run.seed, rows_of(run)
    start(run, rows)
    dev = agreement(device, *found_antidots(run, rows["dev"], "dev"))
    samples, true = found_antidots(run, rows["test"], "test")
    test = agreement(device, samples, true)
    share, right, curve = forecasts.candidates(samples, true)
    uniform = sbc.tie_breakers(rows["test"], len(sbc.COORDINATES), seed)
    return {
        "reliability": {name: forecasts.reliability(*test[name], seed) for name in WITHIN}
        | {"candidates": forecasts.reliability(share, right, seed, curve=curve)},
        "named": intervals.share("share", np.bincount(curve[right], minlength=len(true)) > 0),
        "further_sample": further_samples(device, samples, true),
        "recalibration": {
            name: recalibration(*test[name], SAMPLES, *fit(*dev[name], SAMPLES), seed)
            for name in WITHIN
        },
        "sbc": rank_statistics(
            geometry.orbit(samples, device), geometry.orbit(true, device), uniform, seed
        ),
    }


STUDY = Study(
    name="calibration",
    measure=measure,
    show=lambda result: "\n".join(text.verdicts(result)),
    notes=NOTES,
    result="calibration",
    needs=("weights", "pairs"),
    options={
        "curves": Option(1000, "test configurations"),
        "potentials": Option("known", f"of the curves: {' or '.join(POTENTIALS)}", kind=str),
    },
)
