"""How well does the exact solver decide, where every curve has a potential of its own?

The wires are test configurations of the network's split, each under a fresh random potential:
neither the network nor the likelihood has seen either. The same curves are given to the network.
"""

import dataclasses

import numpy as np

from qfp.data import foreign, fresh
from qfp.decoding import decode, metrics, novelty
from qfp.inference.library import library
from qfp.inference.posterior import largest_chi2
from qfp.studies import intervals, scoring, tables
from qfp.studies.frame import Option, Study
from qfp.studies.inference import score
from qfp.studies.inference.judged import judged
from qfp.tools import stream

PROPOSALS = 4  # samples of the network a curve
NOISE = (0.02, 0.05)  # [e^2/h], white and declared
FOREIGN = ("one_antidot", "three_antidots", "energy_0.49", "radius_6", "shuffled", "halves")
ROWS = {
    "posterior": "exact inference: candidates from the library, exact likelihood; image: mean of "
    "the LDOS over potentials of the posterior",
    "library": "the library's nearest curve alone: typical changes by potentials, robust distance",
    "single": "the first sample of the network",
    "consensus": f"the network's consensus of {PROPOSALS} samples; image: mean of those within one "
    "site of it",
}
NOTES = {
    "rows": ROWS,
    "columns": scoring.COLUMNS
    | {
        "difference": "share minus that of 'posterior' on the same curves; 95 % score interval of "
        "Tango for paired shares",
        "mean_probability_less_right": "probability of the answer, on average, minus the share of "
        "answers that are exact; 95 % bootstrap interval",
        "sure, sure_right": f"answers of probability {score.SURE} and more, and how many are exact",
        "truth_mass": "posterior probability of the true configuration, on average",
        "explained": f"chi2 of the answer at most {largest_chi2(64):.0f} for 64 fields",
        "right_or_flagged": "exact, or not explained",
        "r_good": f"share of images with Pearson r >= {score.GOOD}",
        "effective_mean": "effective sample size of the network's samples as a proposal",
    },
    "noise": "white noise of that many e^2/h, its size declared; the same wires",
    "offset": "fields that are one step of the grid higher than said, not declared",
    "strong": "a random potential twice as strong as the device says",
    "foreign": "share flagged by the exact likelihood, and by the novelty of the network's single "
    "sample, on the same curves",
}


def measure(run):
    """Exact inference on fresh potentials, with noise, and where the device is not as described."""
    run.require_unseen()
    config, few = run.decoder.config, run.options.others
    seeds, chosen = fresh.rows_of(config, "test", run.options.curves).T
    device, number = config.device, len(chosen)
    run.start(
        f"{number} wires, each under a fresh potential",
        curves=number,
        others=few,
        noisy=run.options.noisy,
        foreign_curves=run.options.foreign,
        noise=NOISE,
        proposals=PROPOSALS,
        potentials_from=fresh.FIRST["test"],
    )
    antidots = run.pairs.antidots[chosen].astype(int)
    curves, ldos = fresh.simulated(device, antidots, seeds, run.curves_folder)
    exact = judged(run, "posterior", curves, ldos=ldos)
    samples, r = network(run, curves, ldos)
    result = {"fresh": ladder(run, device, exact, samples, r, curves, antidots)}
    result["ranks"] = score.ranks(device, exact, antidots, run.seed)
    result["chi2"] = score.misfit(exact)
    result["proposal"] = score.proposal(samples, exact, device)
    some = slice(run.options.noisy)
    result["noise"] = {str(s): noisy(run, s, curves[some], antidots[some]) for s in NOISE}
    result |= misdescribed(run, device, antidots[:few], seeds[:few])
    result["foreign"] = alarms(run, device, curves[:few])
    return result


def network(run, curves, ldos):
    """Antidots (B, S, 2, 2) of the network's samples, and r (B, 2) of the first image and of the
    consensus'."""
    device, S = run.decoder.config.device, PROPOSALS

    def compute(part):
        seeds = [decode.sample_seeds(k, S) for k in range(part.start, part.stop)]
        found = decode.conclude(decode.draw(run.decoder, curves[part], seeds), device)
        r = [metrics.pearson(images, ldos[part]) for images in (found.ldos[:, 0], found.image)]
        return np.concatenate([found.antidots.reshape(len(r[0]), -1), np.stack(r, axis=1)], axis=1)

    table = run.in_blocks("network", len(curves), compute)
    return table[:, : 4 * S].astype(int).reshape(-1, S, 2, 2), table[:, 4 * S :]


def ladder(run, device, exact, samples, r, curves, antidots):
    """Rows of ROWS on the same curves."""
    nearest = library(device)
    first = nearest.antidots[[int(nearest.distances(curve).argmin()) for curve in curves]]
    agreed = np.stack([own[decode.agree(own, device)[0]] for own in samples])
    answers = {"library": first, "single": samples[:, 0], "consensus": agreed}
    rows = {
        "posterior": score.positions(device, exact, antidots, run.seed)
        | score.patterns(exact, run.seed)
    }
    ours = scoring.hits(device, exact.answer, antidots)
    for name, answer in answers.items():
        rows[name] = scoring.scores(device, answer, antidots, seed=run.seed)
        rows[name]["difference"] = intervals.differences(
            scoring.hits(device, answer, antidots), ours
        )
    for name, own in zip(("single", "consensus"), r.T, strict=True):
        rows[name] |= {"r_median": float(np.median(own))}
        rows[name] |= {"r_median_interval": list(intervals.bootstrap(own, np.median, run.seed))}
        rows[name] |= intervals.share("r_good", own >= score.GOOD)
    return rows


def noisy(run, size, curves, antidots):
    """Positions with white noise of a size [e^2/h]."""
    device, rng = run.decoder.config.device, stream("noise of inference", run.seed)
    blurred = curves + size * rng.standard_normal(curves.shape)
    found = judged(run, f"noise_{size}", blurred, noise=np.full(curves.shape[1], size))
    return score.positions(device, found, antidots, run.seed)


def misdescribed(run, device, antidots, seeds):
    """Positions where fields are one step off, and where the potential is twice as strong."""
    step = device.fields[1] - device.fields[0]
    longer = dataclasses.replace(
        device, field_points=device.field_points + 1, field_max=device.field_max + step
    )
    strong = dataclasses.replace(device, amplitude=2 * device.amplitude)
    folder = run.curves_folder
    moved = fresh.simulated(longer, antidots, seeds, folder, "offset")[0][:, 1:]
    shaken = fresh.simulated(strong, antidots, seeds, folder, "strong")[0]
    return {
        name: score.positions(device, judged(run, name, curves), antidots, run.seed)
        for name, curves in (("offset", moved), ("strong", shaken))
    }


def alarms(run, device, genuine):
    """Shares that are flagged, of genuine curves (B, F) and of FOREIGN families."""
    reference = novelty.load(run.weights[0])
    given = {"curves": genuine, "low": genuine.min(axis=0), "high": genuine.max(axis=0)}
    number, rows = run.options.foreign, {}
    for name in ("genuine", *FOREIGN):
        if name == "genuine":
            curves = genuine[:number]
        else:
            curves = foreign.curves(name, device, number, run.seed, given, run.curves_folder)
        found = judged(run, f"alarm_{name}", curves)
        seeds = [decode.sample_seeds(k, 1) for k in range(len(curves))]
        ldos = decode.draw(run.decoder, curves, seeds)
        answers = decode.conclude(ldos, device).consensus
        unlike = novelty.novelties(reference, curves, novelty.explained(device, answers)) > 1
        rows[name] = {"n": len(curves)}
        rows[name] |= intervals.share("flagged", ~found.explained)
        rows[name] |= intervals.share("novelty_flagged", unlike)
    return rows


def show(result):
    """What a reader sees: the ladder, calibration, and where the device is another."""
    columns = {"exact": "within_0", "within 1 site": "within_1", "r >= 0.99": "r_good"}
    lines = [["", *columns, "r, median"]]
    for name, row in result["fresh"].items():
        cells = [tables.cell(row, key, ".1%") for key in columns.values()]
        lines.append([name, *cells, tables.cell(row, "r_median", ".3f")])
    judged_rows = {"fresh": result["fresh"]["posterior"], "offset": result["offset"]}
    judged_rows |= {f"noise {size}": row for size, row in result["noise"].items()}
    judged_rows |= {"strong": result["strong"]}
    shown = {
        "exact": "within_0",
        "within 1 site": "within_1",
        "right or flagged": "right_or_flagged",
    }
    more = [["", *shown, "mean P less right", "right of the sure"]]
    for name, row in judged_rows.items():
        cells = [tables.cell(row, key, ".1%") for key in shown.values()]
        gap = tables.cell(row, "mean_probability_less_right", "+.3f")
        more.append([name, *cells, gap, f"{row['sure_right']} of {row['sure']}"])
    flags = [["", "flagged", "by novelty"]]
    for name, row in result["foreign"].items():
        keys = "flagged", "novelty_flagged"
        flags.append([name, *(tables.cell(row, key, ".0%") for key in keys)])
    return "\n\n".join(map(tables.markdown, (lines, more, flags)))


STUDY = Study(
    name="inference",
    measure=measure,
    show=show,
    notes=NOTES,
    result="inference",
    needs=("weights", "pairs"),
    options={
        "curves": Option(1000, "test configurations, each under a fresh potential"),
        "noisy": Option(300, "of these, with noise"),
        "others": Option(60, "of these, for fields one step off and for a stronger potential"),
        "foreign": Option(20, "curves of each kind that no such wire gives"),
    },
)
