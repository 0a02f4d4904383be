"""How far does the decoder hold?

Noise, guidance, few steps, unseen potentials and a field offset, one at a time.

Every row decodes the same test configurations from the same x_T once each, so its difference to the
reference, the preset's own sampling of the clean curves, is paired. No row depends on which others
are measured, and blocks of samples are kept until the end, so a killed run resumes.
"""

import dataclasses
import functools
from typing import NamedTuple

import numpy as np

from qfp import tools
from qfp.config import Sampling
from qfp.data import foreign, simulate
from qfp.decoding import decode, positions
from qfp.studies import intervals, scoring
from qfp.studies.frame import Option, Study
from qfp.studies.limits import samplers
from qfp.tools import as_dict, digest, stream

NOISE = (0.01, 0.02, 0.05, 0.1, 0.2)  # standard deviation of white noise [e^2/h]
# strength of unseen random potentials, in units of the trained one
POTENTIAL = (0.0, 0.5, 1.0, 1.5, 2.0)
# offset of the field in steps of its grid, and parts of a step
SHIFT, PARTS = (-1.0, -0.5, -0.25, 0.25, 0.5, 1.0), 4
GAMMA = (0.0, 1.0, 1.5, 2.0)
# beside samplers.RUNS
FEWER = tuple((sampler, steps) for sampler in ("ancestral", "ddim", "dpm2m") for steps in (3, 2, 1))
# curves, the first ones, of which more samples are drawn, and how many
AGREE_CURVES, SAMPLES = 100, 4
FACTORS = {
    "noise": "white noise of this standard deviation [e^2/h], added once to the curve and not "
    "declared",
    "potential": "random potentials that no training file holds, their amplitude in units of the "
    "trained one; half of the "
    "curves under each of the seeds `unseen`; curve and true image are exact under that potential",
    "shift": "the curve measured at b + value grid steps and taken for b; fields below 0 by the "
    "Onsager relation G(-b) = G(b), "
    "those beyond the grid and between its points solved exactly under the row's own potential",
    "gamma": "the deformation of Sec. II; at 0 the noise model is not given the curve at all, so "
    "that row is what a decoder "
    "without the curve gets",
    "steps": "number of steps, by sampler",
}
NOTES = {
    "rows": "one sample a curve, all from the same x_T; one thing changed against the reference, "
    "the preset's sampling of the "
    "clean curves under the dataset's potentials",
    "factors": FACTORS,
    "columns": scoring.COLUMNS,
    "network_evaluations": samplers.NOTES["network_evaluations"],
    "curve_change": "root mean square of the change of the curves [e^2/h], over curves and fields",
    "difference": "share minus that of the reference on the same curves and x_T; 95 % score "
    "interval of Tango for paired shares",
    "agreement": "of the reference, and of rows with other curves whose share within one site is "
    "lower beyond its interval: what "
    "`samples` samples for each of the first curves say. unanimous: all agree with their consensus "
    "(exact: the same "
    "pair, within_1: within one site of it). right: share of consensus answers that are. "
    "right_unanimous: of the "
    "unanimous ones. wrong_flagged: share of the wrong ones that are not unanimous; 95 % Wilson "
    "intervals",
}


class Case(NamedTuple):
    """One row: what it changes."""

    factor: str  # of FACTORS, or 'reference'
    value: float
    sampling: Sampling


def cases(sampling):
    """{name: Case} of all rows, the reference first; those that change the curve next."""
    found = {"reference": Case("reference", 0.0, sampling)}
    for factor, values in (("noise", NOISE), ("potential", POTENTIAL), ("shift", SHIFT)):
        found |= {f"{factor} {value:g}": Case(factor, value, sampling) for value in values}
    found |= {
        f"gamma {value:g}": Case("gamma", value, dataclasses.replace(sampling, gamma=value))
        for value in GAMMA
    }
    found |= {
        f"{sampler} {steps}": Case(
            "steps", steps, dataclasses.replace(sampling, sampler=sampler, steps=steps)
        )
        for sampler, steps in (*samplers.RUNS, *FEWER)
    }
    return {
        name: case
        for name, case in found.items()
        if name == "reference" or changes_curve(case) or case.sampling != sampling
    }


def changes_curve(case):
    """Whether a case decodes other curves than the reference."""
    return case.factor in ("noise", "potential", "shift")


def noisy(curves, rows, sigma, seed):
    """Curves (B, F) with white noise of standard deviation sigma [e^2/h]; a row's noise is a pure
    function of (seed, row) and differs only in size from one sigma to another."""
    white = [
        stream("robustness noise", seed, p, n).standard_normal(curves.shape[1]) for p, n in rows
    ]
    return curves + sigma * np.array(white)


def finer(device):
    """The device with PARTS fields a step of its grid, from 0 to one whole step beyond the last."""
    F = device.field_points
    return dataclasses.replace(
        device, field_max=device.field_max * F / (F - 1), field_points=PARTS * F + 1
    )


def shifted(curves, steps):
    """Curves (B, F) at fields `steps` grid steps above those of the grid, PARTS x steps an integer,
    from curves (B, PARTS F + 1) of `finer`."""
    F = (curves.shape[1] - 1) // PARTS
    return curves[:, abs(PARTS * np.arange(F) + round(PARTS * steps))]  # G(-b) = G(b)


def solved(device, antidots, seeds, folder):
    """Exact curves (B, F) [e^2/h] of antidots (B, 2, 2), each under the potential of its own seed
    (B,), kept in `folder`."""
    curves = np.empty((len(antidots), device.field_points), np.float32)
    for seed in np.unique(seeds):
        curves[seeds == seed] = simulate.simulated(
            device, antidots[seeds == seed], int(seed), folder
        )
    return curves


def values_of(case, values, rows, device, seed, folder):
    """What a case decodes, and the truth: curves (B, F), antidots (B, 2, 2), LDOS (B, L, W), of
    those of the reference."""
    curves, antidots, ldos = values
    if case.factor == "noise":
        curves = noisy(curves, rows, case.value, seed)
    elif case.factor == "shift":
        curves = shifted(solved(finer(device), antidots, rows[:, 0], folder), case.value)
    elif case.factor == "potential":
        other = dataclasses.replace(device, amplitude=case.value * device.amplitude)
        seeds = np.resize(foreign.UNSEEN, len(rows))
        curves = solved(other, antidots, seeds, folder)
        ldos = tools.kept(
            folder / f"ldos-{digest(other, antidots.tolist(), seeds.tolist())[:16]}.npy",
            lambda: simulate.pictures(other, antidots, seeds),
        )
    return curves, antidots, ldos


def agreement(device, antidots, truth):
    """Whether disagreement of samples (B, S, 2, 2) says that the answer is wrong: see NOTES."""
    found = {}
    for name, (share, right) in scoring.agreement(device, antidots, truth).items():
        agreed = share == 1
        row = {
            "n": len(right),
            **intervals.share("unanimous", agreed),
            **intervals.share("right", right),
        }
        for key, part in (("right_unanimous", right[agreed]), ("wrong_flagged", ~agreed[~right])):
            row |= intervals.share(key, part) if len(part) else {}
        found[name] = row
    return found


def decoded(run, case, name, rows, values, reference=None):
    """Row of a case for Answers to `values` (curves, antidots, LDOS), and its Answers."""
    samples = run.samples(name, values[0], rows, 1, case.sampling)
    answer = decode.conclude(samples, run.pairs.device)
    answers = scoring.Answers(answer.antidots[:, 0], answer.ldos[:, 0], *values[1:])
    row = samplers.row_of(answers, case.sampling, run.pairs.device, run.seed, reference)
    made = {"factor": case.factor, "value": case.value, "gamma": case.sampling.gamma}
    return made | row, answers


def suffers(row):
    """Whether a row's share within one site is lower than the reference's beyond its interval."""
    return row["difference"]["within_1_interval"][1] < 0


def consensus(run, case, name, rows, values):
    """What SAMPLES samples for each of `values` say, see NOTES."""
    device = run.pairs.device
    keep = functools.partial(positions.positions, device=device)
    antidots = run.samples(f"{name} x{SAMPLES}", values[0], rows, SAMPLES, case.sampling, keep)
    return agreement(device, antidots, values[1])


def measure(run):
    """All of `cases` on test configurations.

    With the preset's 10 steps it costs 493 network evaluations a curve, and for the first
    AGREE_CURVES of a row whose answers suffer 10 x SAMPLES."""
    test, todo = run.rows("test", run.options.curves), cases(run.sampling)
    run.start(
        f"{len(test)} test configurations, {len(todo)} rows",
        curves=len(test),
        **as_dict(run.sampling),
    )
    few = min(AGREE_CURVES, len(test))
    run.about.update(samples=SAMPLES, agreement_curves=few, unseen=list(foreign.UNSEEN))
    clean, rows, hits = run.values(test), {}, None
    for name, case in todo.items():
        own = values_of(case, clean, test, run.pairs.device, run.seed, run.folder)
        rows[name], answers = decoded(run, case, name, test, own, hits)
        hits = hits or answers.hits(run.pairs.device)
        if changes_curve(case):
            rows[name]["curve_change"] = float(np.sqrt(np.square(own[0] - clean[0]).mean()))
        if name == "reference" or changes_curve(case) and suffers(rows[name]):
            first = [values[:few] for values in own]
            rows[name]["agreement"] = consensus(run, case, name, test[:few], first)
    return {"reference": "reference", "rows": rows}


STUDY = Study(
    name="robustness",
    measure=measure,
    show=samplers.show,
    notes=NOTES,
    result="robustness",
    options={"curves": Option(300, "test configurations")},
)
