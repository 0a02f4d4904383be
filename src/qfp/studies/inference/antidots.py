"""Any number of antidots: are they found, each wire under a potential of its own?

One antidot has a library of all configurations, as two have; three and four are searched. Where
the number is not told, evidences decide among one, two and three.
"""

import numpy as np

from qfp.data import fresh
from qfp.decoding import metrics
from qfp.inference.decide import SecondOrder
from qfp.inference.infer import infer
from qfp.physics import geometry
from qfp.studies import intervals, tables
from qfp.studies.frame import Option, Study

MAYBE = 1, 2, 3  # numbers that a wire may have, where it is not told
NOTES = {
    "told": "wires of so many antidots, drawn as hard discs; the number is told",
    "configurations": "of so many antidots, modulo symmetries; an estimate beyond two",
    "exact, within_one": "share of answers that are exact, and within one site",
    "right_or_flagged": "exact, or said not to be explained",
    "sure, sure_right": "answers of probability 0.999 and more, and how many are exact",
    "missed": "answers that are not exact although the truth fits better: failures of the search",
    "unknown": f"wires of so many antidots, which could be any of {MAYBE}: share whose number is "
    "right, and of those that are exact",
}


def measure(run):
    """Wires of one, three and four antidots, and of a number that is not told."""
    options = run.options
    told = {1: options.one, 3: options.three, 4: options.four}
    run.start(
        f"{sum(told.values())} wires, each under a potential of its own",
        told={str(K): n for K, n in told.items()},
        unknown=options.unknown,
        maybe=MAYBE,
    )
    return {
        "told": {str(K): found(run, K, n) for K, n in told.items() if n},
        "unknown": {str(K): number(run, K) for K in MAYBE if options.unknown},
    }


def wires(run, K, number):
    """Antidots (B, K, 2) of some wires, their curves (B, F) [e^2/h] and LDOS (B, L, W) [1/t]."""
    device = run.config.device
    truth = np.stack([geometry.sampled(device, K, k, seed=1) for k in range(number)])
    seeds = fresh.seeds_of("measured", number)
    return truth, *fresh.simulated(device, truth, seeds, run.curves_folder, f"{K} antidots")


def found(run, K, number):
    """Row of wires whose number of antidots is told."""
    device, (truth, curves, _) = run.config.device, wires(run, K, number)

    def compute(part):
        own = infer(curves[part], device, numbers=(K,), certificate=False)
        answers = np.stack([one.answer for one in own])
        off = metrics.within(answers, truth[part], device)
        # of answer and truth, by the same likelihood
        pairs = zip(curves[part], answers, truth[part], strict=True)
        gain = [evidence_gain(device, *one) if n else 0.0 for n, one in zip(off, pairs)]
        rows = [off, gain, [one.probability[0] for one in own], [one.explained for one in own]]
        return np.array(rows, float).T

    off, gain, p, explained = run.in_blocks(f"told_{K}", number, compute).T
    exact, sure = off == 0, p >= 0.999
    row = {"n": number, "configurations": float(geometry.count(device, K))}
    row |= intervals.share("exact", exact)
    row |= intervals.share("within_one", off <= 1)
    row |= intervals.share("right_or_flagged", exact | (explained == 0))
    counted = {"sure": sure, "sure_right": sure & exact, "missed": ~exact & (gain > 0)}
    return row | {name: int(which.sum()) for name, which in counted.items()}


def evidence_gain(device, curve, answer, truth):
    """How much likelier the true antidots (K, 2) are than an answer, in nats."""
    judged = SecondOrder.of(device, curve, None, np.stack([answer, truth]))
    return float(judged.log[1] - judged.log[0])


def number(run, K):
    """Row of wires of K antidots, whose number is not told."""
    device, (truth, curves, _) = run.config.device, wires(run, K, run.options.unknown)

    def compute(part):
        own = infer(curves[part], device, numbers=MAYBE, certificate=False)
        same = [one.answer.shape == pair.shape for one, pair in zip(own, truth[part])]
        exact = [np.array_equal(one.answer, pair) for one, pair in zip(own, truth[part])]
        return np.stack([same, exact], axis=1).astype(float)

    same, exact = run.in_blocks(f"unknown_{K}", len(truth), compute).astype(bool).T
    row = {"n": len(truth)} | intervals.share("right_number", same)
    return row | intervals.share("exact", exact)


def show(result):
    """What was found, by the number of antidots; and what number was found."""
    shown = {"exact": "exact", "within one site": "within_one", "or flagged": "right_or_flagged"}
    lines = [["antidots", "configurations", *shown, "failures of the search"]]
    for K, row in result["told"].items():
        cells = [tables.cell(row, key, ".1%") for key in shown.values()]
        lines.append([K, f"{row['configurations']:.3g}", *cells, str(row["missed"])])
    more = [["antidots, not told", "number right", "exact"]]
    for K, row in result["unknown"].items():
        more.append([K, *(tables.cell(row, key, ".1%") for key in ("right_number", "exact"))])
    return "\n\n".join(map(tables.markdown, (lines, more)))


STUDY = Study(
    name="antidots",
    measure=measure,
    show=show,
    notes=NOTES,
    result="antidots",
    needs=(),
    options={
        "one": Option(100, "wires of one antidot"),
        "three": Option(60, "wires of three antidots"),
        "four": Option(30, "wires of four antidots"),
        "unknown": Option(20, "wires of each number, the number not told"),
    },
)
