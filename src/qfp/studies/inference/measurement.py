"""What a measurement adds, and how many antidots there are: can exact inference find both out?

Exact curves of wires that each have a potential of their own get a gain, a resistance in series, a
shift of the field and a background, drawn from the priors that the likelihood is told; the same
curves are judged without telling it.
"""

import dataclasses

import numpy as np

from qfp.data import fresh
from qfp.inference.infer import infer
from qfp.inference.nuisance import ORDER, Nuisance
from qfp.physics import geometry
from qfp.studies import intervals, tables
from qfp.studies.frame import Option, Study
from qfp.tools import stream

# gain 3 %, 1 kOhm in h/e^2, half a step of the field, 0.1 e^2/h
SIZES = {"gain": 0.03, "series": 0.0387, "offset": 0.5, "background": 0.1}
NAMES = {  # what they are called in a figure
    "gain": "gain",
    "series": "series resistance",
    "offset": "field offset",
    "background": "background",
    "all": "all four",
}
TWICE = 1.96  # standard deviations that hold 95 %
NOTES = {
    "known": "priors: standard deviations of gain, series resistance [h/e^2] (drawn positive), "
    "shift of the field [steps] (drawn in half steps), and of each coefficient of a parabola "
    "[e^2/h]; 'all': all four at once",
    "right": "share of answers that are exact where the likelihood infers the parameters",
    "right_or_flagged": "exact, or said not to be explained",
    "plain": "the same curves judged as if nothing had been added",
    "covered": f"share of all parameters within {TWICE} of the stated standard deviations of the "
    "true value, of right answers",
    "left": "median of the stated standard deviation over that of the prior, of each parameter",
    "numbers": "curves of one and of two antidots, the number not told: share whose number is "
    "right, and of those that are exact",
}


def measure(run):
    """Curves with each kind of nuisance, with all at once, and of one antidot or two."""
    device, options = run.config.device, run.options
    number = max(options.all, options.each)
    run.start(
        f"{number} wires, each under a potential of its own",
        wires_of_all=options.all,
        wires_of_each=options.each,
        wires_of_numbers=options.numbers,
        sizes=SIZES,
    )
    every = geometry.configurations(device)[1].astype(int)
    truth = every[stream("measured wires").permutation(len(every))[:number]]
    seeds = fresh.seeds_of("measured", number)
    # half steps, and one step more: an offset moves both ends
    step = device.fields[1] / 2
    points = 2 * device.field_points + 1
    finer = dataclasses.replace(device, field_points=points, field_max=step * (points - 1))
    fine = fresh.simulated(finer, truth, seeds, run.curves_folder, "measured")[0]
    result = {}
    for name in (*SIZES, "all"):
        some = options.all if name == "all" else options.each
        result[name] = kind(run, device, name, truth[:some], fine[:some])
    result["numbers"] = {str(K): numbers(run, device, K) for K in (1, 2)}
    return result


def nuisance_of(device, name):
    """Nuisance of one of SIZES, or of all."""
    sizes = SIZES | {"offset": SIZES["offset"] * device.fields[1]}
    return Nuisance(**(sizes if name == "all" else {name: sizes[name]}))


def drawn(nuisance, device, k):
    """Parameters (P,) of wire k, resistance positive, offset in half steps of at most one."""
    theta = stream("nuisance", k).standard_normal(len(nuisance.prior)) * nuisance.prior
    for i, name in enumerate(nuisance.names):
        half = device.fields[1] / 2
        if name == "series":
            theta[i] = abs(theta[i])
        if name == "offset":
            theta[i] = np.clip(np.round(theta[i] / half), -2, 2) * half
    return theta


def measured(nuisance, device, fine, theta):
    """Curve (F,) of a wire whose curve at half steps is fine (2 F + 1,), with parameters (P,); the
    offset is exact."""
    b, rest = device.fields, theta.copy()
    shift = round(2 * nuisance.values(theta).get("offset", 0.0) / b[1])
    if nuisance.offset:
        rest[nuisance.names.index("offset")] = 0.0
    return nuisance.put_on(fine[np.abs(2 * np.arange(len(b)) + shift)], b, rest)


def kind(run, device, name, truth, fine):
    """Row of one kind of nuisance, or of all."""
    nuisance = nuisance_of(device, name)
    P = len(nuisance.prior)

    def compute(part):
        theta = np.stack([drawn(nuisance, device, k) for k in range(part.start, part.stop)])
        own = [measured(nuisance, device, *one) for one in zip(fine[part], theta, strict=True)]
        rows = []
        found = infer(np.stack(own), device, nuisance=nuisance, certificate=False)
        plain = infer(np.stack(own), device, certificate=False)
        for one, other, pair, real in zip(found, plain, truth[part], theta, strict=True):
            told = [np.hstack([one.unknown[n][i] for n in nuisance.names]) for i in (0, 1)]
            right = [(answer.answer == pair).all() for answer in (one, other)]
            rows.append([*right, one.explained, other.explained, *(told[0] - real), *told[1]])
        return np.array(rows, float)

    table = run.in_blocks(name, len(truth), compute)
    right, plain, explained, plainly = table[:, :4].astype(bool).T
    off, spread = table[right, 4 : 4 + P], table[right, 4 + P :]
    row = {"n": len(table)} | intervals.share("right", right)
    row |= intervals.share("right_or_flagged", right | ~explained)
    row |= intervals.share("plain", plain)
    row |= intervals.share("plain_right_or_flagged", plain | ~plainly)
    row |= intervals.share("covered", np.abs(off).ravel() < TWICE * spread.ravel())
    labels = [
        label
        for n in nuisance.names
        for label in ([f"{n} {k}" for k in range(ORDER + 1)] if n == "background" else [n])
    ]
    left = np.median(spread / nuisance.prior, axis=0)
    return row | {"left": dict(zip(labels, left.tolist(), strict=True))}


def numbers(run, device, K):
    """Row of curves of K antidots that may be one or two."""
    truth = np.stack([geometry.sampled(device, K, k) for k in range(run.options.numbers)])
    seeds = fresh.seeds_of("measured", len(truth))
    curves = fresh.simulated(device, truth, seeds, run.curves_folder, f"{K} antidots")[0]

    def compute(part):
        found = infer(curves[part], device, numbers=(1, 2), certificate=False)
        same = [one.answer.shape == own.shape for one, own in zip(found, truth[part])]
        exact = [np.array_equal(one.answer, own) for one, own in zip(found, truth[part])]
        return np.stack([same, exact], axis=1).astype(float)

    same, exact = run.in_blocks(f"numbers_{K}", len(truth), compute).astype(bool).T
    row = {"n": len(truth)} | intervals.share("right_number", same)
    return row | intervals.share("exact", exact)


def told_or_not(result):
    """Rows of `figures.shares.whiskers`: what was added to the curve, a panel where the likelihood
    infers it and one where it does not."""
    wanted = "right", "right_or_flagged"

    def row(name, keys):
        pairs = zip(wanted, keys, strict=True)
        ends = "", "_interval"
        return {new + end: result[name][key + end] for new, key in pairs for end in ends}

    return {
        title: {label: row(name, keys) for name, label in NAMES.items()}
        for title, keys in (
            ("declared, and inferred", wanted),
            ("not declared", ("plain", "plain_right_or_flagged")),
        )
    }


def show(result):
    """What was added and what was found out; numbers of antidots."""
    shown = {
        "exact": "right",
        "or flagged": "right_or_flagged",
        "not told: exact": "plain",
        "not told: or flagged": "plain_right_or_flagged",
        "parameters within their 95 %": "covered",
    }
    lines, more = [["added", *shown]], [["antidots", "number right", "exact"]]
    for name in (*SIZES, "all"):
        lines.append([name, *(tables.cell(result[name], key, ".1%") for key in shown.values())])
    for K, row in result["numbers"].items():
        more.append([K, *(tables.cell(row, key, ".1%") for key in ("right_number", "exact"))])
    return "\n\n".join(map(tables.markdown, (lines, more)))


STUDY = Study(
    name="measurement",
    measure=measure,
    show=show,
    notes=NOTES,
    result="measurement",
    needs=(),
    options={
        "all": Option(200, "wires with all that a measurement adds"),
        "each": Option(30, "wires for each alone"),
        "numbers": Option(30, "wires of one antidot, and of two, the number not told"),
    },
)
