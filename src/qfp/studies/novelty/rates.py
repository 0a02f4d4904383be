"""How often are genuine curves flagged as unlike anything in training, and how often foreign ones?

The changes by potentials come from training configurations; score, floor and threshold are chosen
on development curves; what the tables say is of test curves and of foreign curves
(qfp.data.foreign) that nothing was chosen on. Exact curves at V = 0 come from a library of all
configurations. The reference that results lies beside the weights, where `qfp decode` finds it.
"""

from typing import NamedTuple

import numpy as np

from qfp.data import foreign
from qfp.decoding import metrics, novelty
from qfp.studies import tables
from qfp.studies.frame import Option, Study
from qfp.studies.intervals import share
from qfp.studies.novelty.bench import FAMILY_CURVES, FEW, TRIAL_CURVES, Bench, Clean, consensus
from qfp.studies.novelty.choice import DEV_CURVES, DEV_SAMPLES, QUANTILE, development
from qfp.tools import as_dict

HEAD_CURVES = 1000  # test curves that the read-out of the curve alone answers
CHECKED, MORE = "potential_x2", 4  # a family that is answered with more samples, too
MISSED = 12  # answers to curves that were not flagged, of each family, that are kept
STRICT = 0.01  # the other share of false alarms at which detection is told
NOTES = {
    "novelty": "distance of the curve from the exact curve (V = 0) of the answer, or of one within "
    "a site of it, in units of "
    "the threshold; above 1 a curve is flagged",
    "threshold": "set on development curves, so that a share `quantile` of them lies below",
    "test": "genuine curves of configurations never seen: what is flagged is a false alarm; 95 % "
    "Wilson intervals",
    "few": "the same curves answered with the first `few_samples` samples alone, as foreign curves "
    "are",
    "more": "the same curves answered with `more_samples` samples",
    "curve_head": "answers that the read-out of the curve alone gives, no image; a neighbour of "
    "the answer is as good, so "
    "that it serves for comparing scores, too",
    "families": "what qfp.data.foreign makes; 'genuine' ones ought not to be flagged",
    "auc": "probability that a curve of the family has a larger novelty than a test curve",
    "flagged_strict": f"share above the novelty that {STRICT:.0%} of the test curves exceed",
    "declared": "the same curves, the noise given to the judge",
    "missed": f"antidots that explain the first {MISSED} curves that were not flagged",
    "rms": "median over the curves of the rms difference to the exact curve that explains them "
    "best [e^2/h]",
    "comparison": "share of foreign development curves flagged where 1 - quantile of genuine ones "
    "are, and its mean over the "
    "families that are not genuine, slight noise left out. Floor: in units of the mean variance of "
    "the "
    "changes; shift: in field steps; 'score' is the one that is used",
}


def auc(genuine, other):
    """Probability that one of `other` exceeds one of `genuine`, ties half."""
    ordered = np.sort(genuine)
    below, upto = (np.searchsorted(ordered, other, side) for side in ("left", "right"))
    return float((below + upto).mean() / 2 / len(ordered))


def right(device, answers, truth, flagged):
    """How often answers to test curves are right, by flag: {'flagged', 'passed': {'n', 'within_0',
    'within_1'}}."""
    errors, rows = metrics.within(answers, truth, device), {}
    for name, part in (("flagged", flagged), ("passed", ~flagged)):
        rows[name] = {"n": int(part.sum())}
        if part.any():
            rows[name] |= share("within_0", errors[part] <= 0) | share(
                "within_1", errors[part] <= 1
            )
    return rows


class Judge(NamedTuple):
    """What judges curves, and the novelty of the test curves that it is held against."""

    bench: Bench
    reference: novelty.Reference
    genuine: np.ndarray  # (B,)

    def novelty(self, curves, answers, noise=None):
        """Novelty (B,) of curves with answers."""
        return self.bench.judged(self.reference, curves, answers, noise)[0]

    def row(self, values):
        """Shares of novelty (B,) beyond what test curves have."""
        strict = np.quantile(self.genuine, 1 - STRICT)
        return {
            "n": len(values),
            **share("flagged", values > 1),
            **share("flagged_strict", values > strict),
            "auc": auc(self.genuine, values),
        }


def head(bench, reference, name, curves, rows):
    """Answers (B, 2, 2) of the read-out of the curve alone, and which of them are flagged."""
    found = bench.quick(f"quick-{name}", curves, rows)
    return found, bench.judged(reference, curves, found)[0] > 1


def test_part(bench, reference, rows, few):
    """What genuine test curves get, and their novelty (B,)."""
    run, device = bench.run, bench.clean.device
    values, antidots = bench.values(rows), run.pairs.antidots
    samples = bench.answers("test", values, rows, run.sampling.samples)
    answers = consensus(samples, device)
    genuine, rms = bench.judged(reference, values, answers)
    less = bench.judged(reference, values, consensus(samples[:, :few], device))[0]
    more = run.rows("test", HEAD_CURVES)
    read, flagged = head(bench, reference, "test", bench.values(more), more)
    same = float(((less > 1) == (genuine > 1)).mean())
    found = {
        "n": len(genuine),
        **share("flagged", genuine > 1),
        "rms": rms,
        "few": {**share("flagged", less > 1), "same_flag": same},
        "curve_head": {
            "n": len(more),
            **share("flagged", flagged),
            "right": right(device, read, antidots[more[:, 1]], flagged),
        },
        "right": right(device, answers, antidots[rows[:, 1]], genuine > 1),
        "novelty": np.round(genuine, 3).tolist(),
    }
    return found, genuine


class Foreign(NamedTuple):
    """Foreign curves of one family, and what the decoder answers."""

    curves: np.ndarray  # (B, F) [e^2/h]
    rows: list  # of (family, curve): what the noise depends on
    samples: np.ndarray  # antidots (B, S, 2, 2)


def foreign_curves(bench, few):
    """{family: Foreign} of all families."""
    drawn, altered = {}, bench.run.rows("test", FAMILY_CURVES + TRIAL_CURVES)
    for k, name in enumerate(foreign.FAMILIES):
        values = bench.family(name, altered)[0]
        rows = [(k, i) for i in range(len(values))]
        number = max(MORE, few) if name == CHECKED else few
        drawn[name] = Foreign(values, rows, bench.answers(name, values, rows, number))
    return drawn


def family(judge, name, drawn, few):
    """What the curves of one family get."""
    bench, device = judge.bench, judge.bench.clean.device
    answers = consensus(drawn.samples[:, :few], device)
    own, rms = bench.judged(judge.reference, drawn.curves, answers)
    flagged = head(bench, judge.reference, name, drawn.curves, drawn.rows)[1]
    found = {
        "title": foreign.FAMILIES[name],
        "label": foreign.LABELS[name],
        "genuine": name in foreign.GENUINE,
        **judge.row(own),
        "rms": rms,
        "curve_head": share("flagged", flagged),
        "missed": answers[own <= 1][:MISSED].tolist(),
        "novelty": np.round(own, 3).tolist(),
    }
    every = consensus(drawn.samples, device)
    if name.startswith("noise_"):
        noise = np.full(drawn.curves.shape, float(name.removeprefix("noise_")))
        found["declared"] = judge.row(judge.novelty(drawn.curves, every, noise))
    if name == CHECKED:
        found["more"] = judge.row(judge.novelty(drawn.curves, every))
    return found


def start(run, rows, few):
    """Say what the result is of, before the work."""
    run.start(
        f"{len(rows['test'])} test configurations with {run.sampling.samples} samples, "
        f"{len(rows['dev'])} development curves with {DEV_SAMPLES}, {len(foreign.FAMILIES)} "
        f"families of {FAMILY_CURVES} with {few}",
        curves=len(rows["test"]),
        dev_curves=len(rows["dev"]),
        dev_samples=DEV_SAMPLES,
        few_samples=few,
        more_samples=MORE,
        **as_dict(run.sampling),
    )


def measure(run):
    """Make the weights' reference (novelty.save) and measure its rates.

    Besides the preset's samples of each test curve it takes about 6,400 samples and ten minutes of
    exact curves on one core."""
    pairs, G, few = run.pairs, run.pairs.conductance, min(FEW, run.sampling.samples)
    rows = {"test": run.rows("test", run.options.curves), "dev": run.rows("dev", DEV_CURVES)}
    start(run, rows, few)
    known = np.unique(run.parts["train"][:, 1])
    training = G[:, known].reshape(-1, G.shape[-1]).astype(float)
    bench = Bench(run, training, Clean(pairs.device, run.curves_folder))
    changes = (G[:, known] - bench.clean.of(pairs.antidots[known])).reshape(-1, G.shape[-1])
    reference, best, comparison = development(bench, changes, rows["dev"])
    novelty.save(reference, run.weights[0])
    reference = novelty.load(run.weights[0])  # as `qfp decode` will have it
    drawn = foreign_curves(bench, few)  # before the test curves, which take longest
    test, genuine = test_part(bench, reference, rows["test"], few)
    judge = Judge(bench, reference, genuine)
    return {
        "quantile": QUANTILE,
        "score": best,
        "floor": reference.floor,
        "shift": reference.shift,
        "threshold": reference.threshold,
        "change_rms": float(np.sqrt(np.square(changes).mean())),
        "test": test,
        "families": {name: family(judge, name, values, few) for name, values in drawn.items()},
        "slight": list(foreign.SLIGHT),
        "comparison": comparison,
    }


def show(result):
    """A line for each family, and one for each score that was compared."""
    test = result["test"]
    table = [["", "curves", "flagged", "flagged where 1 % of test curves are", "AUC"]]
    table.append(["test curves", str(test["n"]), tables.cell(test, "flagged", ".1%"), "", ""])
    for name, values in result["families"].items():
        for title, row in ((name, values), (f"{name}, declared", values.get("declared"))):
            if row:
                shares = (tables.cell(row, key, ".1%") for key in ("flagged", "flagged_strict"))
                table.append([title, str(row["n"]), *shares, f"{row['auc']:.3f}"])
    scores = [["score, on development curves", "foreign curves flagged, mean of families"]]
    scores += [[name, f"{row['mean']:.1%}"] for name, row in result["comparison"].items()]
    return f"{tables.markdown(table)}\n\n{tables.markdown(scores)}"


STUDY = Study(
    name="novelty",
    measure=measure,
    show=show,
    notes=NOTES,
    result="novelty",
    needs=("weights", "pairs"),
    options={"curves": Option(1000, "test configurations")},
)
