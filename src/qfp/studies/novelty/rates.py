"""`qfp evaluate novelty`: how often genuine curves are flagged, and how often foreign ones
(qfp.data.foreign) are.

The changes by potentials come from training configurations; score, floor and threshold are chosen
on development curves; what the tables say is of test curves and of foreign curves that nothing was
chosen on. Answers of the decoder are kept in blocks until the end, so a killed run resumes; exact
curves at V = 0 come from a library of all configurations.
"""

import dataclasses
from pathlib import Path

import numpy as np

from qfp import tools
from qfp.data import foreign, simulate
from qfp.decoding import decode, metrics, novelty
from qfp.decoding.decode import head_positions
from qfp.physics import geometry
from qfp.studies import accuracy, tables
from qfp.studies.frame import BLOCK, check_use, choose_rows, finished, noise_seeds, opened
from qfp.studies.intervals import share
from qfp.tools import as_dict, digest, progress_bar, project_root

DEV_CURVES, DEV_SAMPLES = 600, 4  # genuine curves that set the threshold, and the samples of each
FAMILY_CURVES, FEW = 200, 1  # foreign curves of a family that are judged, and the samples of each
TRIAL_CURVES = 100  # foreign curves of a family, behind those, on which the score is chosen
HEAD_CURVES = 1000  # test curves that the read-out of the curve alone answers
CHECKED, MORE = "potential_x2", 4  # a family that is answered with more samples, too
QUANTILE = 0.97  # of the development curves, below the threshold
# variance added at every field, in units of the mean variance of the changes
FLOORS = (1.0, 0.1, 0.01, 0.001)
# [field steps] by how much resonances may move, tried beside 0 with each of
SHIFTS = (0.3, 0.5, 1.0)
SHIFT_FLOORS = (0.1, 0.01)
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


def consensus(antidots, device):
    """Answers (B, 2, 2) of samples (B, S, 2, 2)."""
    return np.stack([pairs[decode.agree(pairs, device)[0]] for pairs in antidots])


class Clean:
    """Exact curves at V = 0 of all configurations of a device, looked up instead of solved again."""

    def __init__(self, device, folder):
        orbits, antidots = geometry.configurations(device)
        # (N, F) [e^2/h]
        self.device, self.curves = device, simulate.simulated(device, antidots, None, folder)
        self.place = {tuple(orbit): n for n, orbit in enumerate(orbits.tolist())}

    def of(self, antidots):
        """Curves (N, F) of pairs; those that the rule of the dataset forbids, which a read-out may
        name, are left out."""
        places = [
            self.place.get(tuple(orbit)) for orbit in geometry.orbit(antidots, self.device).tolist()
        ]
        return self.curves[[n for n in places if n is not None]].astype(float)

    def explained(self, antidots, near=True):
        """As novelty.explained; near=False: of the pairs alone."""
        return [
            self.of(novelty.neighbours(pair, self.device) if near else np.asarray(pair)[None])
            for pair in antidots
        ]


@dataclasses.dataclass(frozen=True)
class Study:
    """What all parts of an evaluation share: the decoder, genuine curves (P, N, F), exact ones, and
    where blocks are kept."""

    decoder: tuple
    sampling: object
    seed: int
    curves: np.ndarray  # [e^2/h]
    training: np.ndarray  # (M, F) [e^2/h], those of training configurations
    clean: Clean
    folder: Path

    def values(self, rows):
        """Genuine curves (B, F) of rows (B, 2) of (potential, configuration)."""
        return self.curves[rows[:, 0], rows[:, 1]].astype(float)

    def family(self, name, rows):
        """Foreign curves: FAMILY_CURVES to judge, and TRIAL_CURVES. rows: of the genuine ones that
        some alter."""
        given = {
            "curves": self.values(rows),
            "low": self.training.min(axis=0),
            "high": self.training.max(axis=0),
        }
        made = foreign.curves(
            name,
            self.clean.device,
            FAMILY_CURVES + TRIAL_CURVES,
            self.seed,
            given,
            project_root() / "runs" / "curves",
        )
        return np.split(made, [FAMILY_CURVES])

    def answers(self, name, curves, rows, samples):
        """Antidots (B, S, 2, 2) that the decoder's samples show for curves (B, F), block by block
        through files.

        Noise is a pure function of (seed, row)."""
        blocks, seeds, own = [], noise_seeds(rows, samples, self.seed), self.sampling
        for start in progress_bar(range(0, len(curves), BLOCK), desc=name, unit="block"):
            part = slice(start, min(start + BLOCK, len(curves)))

            def compute(part=part):
                ldos = decode.draw(
                    self.decoder, curves[part], seeds[part], own.steps, own.sampler, own.gamma
                )
                return decode.conclude(ldos, self.clean.device).antidots

            blocks.append(
                tools.kept(self.folder / f"{name}-{part.start}-{part.stop}-{samples}.npy", compute)
            )
        return np.concatenate(blocks)

    def quick(self, name, curves, rows):
        """Antidots (B, 2, 2) that the read-out of the curve gives; of weights without one, those of
        one sample."""
        head = head_positions(self.decoder, curves)
        return (
            self.answers(name, curves, rows, 1)[:, 0]
            if head is None
            else geometry.canonical(head, self.clean.device)
        )

    def judged(self, reference, curves, answers, noise=None):
        """Novelty (B,) of curves with answers (B, 2, 2), and the rms difference to what explains
        them best [e^2/h]."""
        exact = self.clean.explained(answers)
        square = [
            np.square(curve - own).mean(axis=1).min(initial=np.inf)
            for curve, own in zip(curves, exact, strict=True)
        ]
        return novelty.novelties(reference, curves, exact, noise), float(np.sqrt(np.median(square)))


def auc(genuine, other):
    """Probability that one of `other` exceeds one of `genuine`, ties half."""
    ordered = np.sort(genuine)
    below, upto = (np.searchsorted(ordered, other, side) for side in ("left", "right"))
    return float((below + upto).mean() / 2 / len(ordered))


def options(reference):
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

    tried: what `options` gives; training (M, F): its curves."""

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


def development(study, changes, about, dev):
    """The Reference that detects most foreign curves at equal false alarms, its name, and the
    comparison.

    changes (M, F): by potentials, of training curves; dev (B, 2): rows of genuine curves."""
    plain = novelty.Reference(
        about["weights_sha256"],
        study.clean.device,
        changes.mean(axis=0),
        np.cov(changes.T),
        0.0,
        0.0,
        1.0,
        QUANTILE,
    )
    curves = study.values(dev)
    genuine = curves, consensus(study.answers("dev", curves, dev, DEV_SAMPLES), study.clean.device)
    trial = {}
    for k, name in enumerate(foreign.FAMILIES):
        curves = study.family(name, dev)[1]
        if len(curves):  # a small dataset has few curves to alter
            trial[name] = (
                curves,
                study.quick(
                    f"trial-{name}", curves, [(k, FAMILY_CURVES + i) for i in range(len(curves))]
                ),
            )
    tried = options(plain)
    scores = scores_of(tried, study.training, study.clean)
    comparison = compare(scores, genuine, trial)
    best = max(tried, key=lambda name: comparison[name]["mean"])  # of equals the first
    alone = {
        f"{best}, no neighbours": lambda curves, answers: novelty.novelties(
            tried[best], curves, study.clean.explained(answers, near=False)
        )
    }
    comparison |= compare(alone, genuine, trial)
    threshold = float(np.quantile(scores[best](*genuine), QUANTILE))
    return dataclasses.replace(tried[best], threshold=threshold), best, comparison


def run_novelty(
    config, weights, data="data/laptop.h5", out="results/novelty.json", curves=1000, report=print
):
    """Make the weights' reference (novelty.save) and measure its rates on `curves` test curves;
    writes `out`, returns it.

    config: for its sampling settings and its seed. Besides `samples` samples a test curve it takes
    about 6,400 samples and ten minutes of exact curves on one core. Raises SettingsError as
    evaluate.opened does."""
    check_use(out, curves=curves)
    decoder, pairs, parts, about = opened(weights, data, config.seed, images=False)
    sampling, device, G = config.sampling, pairs.device, pairs.conductance
    test, dev = (
        choose_rows(parts, "test", curves, config.seed),
        choose_rows(parts, "dev", DEV_CURVES, config.seed),
    )
    root, few = project_root(), min(FEW, sampling.samples)
    # more curves go on behind the first
    folder = root / "runs" / f"novelty-{digest(about, as_dict(sampling), BLOCK)[:12]}"
    about |= {
        "curves": len(test),
        "dev_curves": len(dev),
        "dev_samples": DEV_SAMPLES,
        "few_samples": few,
        "more_samples": MORE,
        **as_dict(sampling),
    }
    report(
        f"{len(test)} test configurations with {sampling.samples} samples, {len(dev)} development "
        "curves with "
        f"{DEV_SAMPLES}, {len(foreign.FAMILIES)} families of {FAMILY_CURVES} with {few}; blocks in "
        f"{folder.relative_to(root)}"
    )
    known = np.unique(parts["train"][:, 1])
    study = Study(
        decoder,
        sampling,
        config.seed,
        G,
        G[:, known].reshape(-1, G.shape[-1]).astype(float),
        Clean(device, root / "runs" / "curves"),
        folder,
    )
    changes = (G[:, known] - study.clean.of(pairs.antidots[known])).reshape(-1, G.shape[-1])
    reference, best, comparison = development(study, changes, about, dev)
    novelty.save(reference, weights)
    reference = novelty.load(weights)  # as `qfp decode` will have it

    drawn = {}  # foreign curves first: test curves take longest
    altered = choose_rows(parts, "test", FAMILY_CURVES + TRIAL_CURVES, config.seed)
    for k, name in enumerate(foreign.FAMILIES):
        values = study.family(name, altered)[0]
        rows = [(k, i) for i in range(len(values))]
        drawn[name] = (
            values,
            rows,
            study.answers(name, values, rows, max(MORE, few) if name == CHECKED else few),
        )
    values = study.values(test)
    samples = study.answers("test", values, test, sampling.samples)
    answers = consensus(samples, device)
    genuine, rms = study.judged(reference, values, answers)
    less = study.judged(reference, values, consensus(samples[:, :few], device))[0]
    strict = np.quantile(genuine, 1 - STRICT)

    def row(values):
        return {
            "n": len(values),
            **share("flagged", values > 1),
            **share("flagged_strict", values > strict),
            "auc": auc(genuine, values),
        }

    def head(name, values, rows):
        found = study.quick(f"quick-{name}", values, rows)
        return found, study.judged(reference, values, found)[0] > 1

    more = choose_rows(parts, "test", HEAD_CURVES, config.seed)
    read, flagged = head("test", study.values(more), more)
    result = {
        **about,
        "quantile": QUANTILE,
        "score": best,
        "floor": reference.floor,
        "shift": reference.shift,
        "threshold": reference.threshold,
        "change_rms": float(np.sqrt(np.square(changes).mean())),
        "test": {
            "n": len(genuine),
            **share("flagged", genuine > 1),
            "rms": rms,
            "few": {
                **share("flagged", less > 1),
                "same_flag": float(((less > 1) == (genuine > 1)).mean()),
            },
            "curve_head": {
                "n": len(more),
                **share("flagged", flagged),
                "right": right(device, read, pairs.antidots[more[:, 1]], flagged),
            },
            "right": right(device, answers, pairs.antidots[test[:, 1]], genuine > 1),
            "novelty": np.round(genuine, 3).tolist(),
        },
    }
    families = {}
    for name, (values, rows, samples) in drawn.items():
        answers = consensus(samples[:, :few], device)
        own, rms = study.judged(reference, values, answers)
        families[name] = {
            "title": foreign.FAMILIES[name],
            "label": foreign.LABELS[name],
            "genuine": name in foreign.GENUINE,
            **row(own),
            "rms": rms,
            "curve_head": share("flagged", head(name, values, rows)[1]),
            "missed": answers[own <= 1][:MISSED].tolist(),
            "novelty": np.round(own, 3).tolist(),
        }
        if name.startswith("noise_"):
            noise = np.full(values.shape, float(name.removeprefix("noise_")))
            families[name]["declared"] = row(
                study.judged(reference, values, consensus(samples, device), noise)[0]
            )
        if name == CHECKED:
            families[name]["more"] = row(
                study.judged(reference, values, consensus(samples, device))[0]
            )
    result |= {
        "families": families,
        "slight": list(foreign.SLIGHT),
        "comparison": comparison,
        "notes": NOTES,
    }
    return finished(out, result, [folder], as_markdown(result), report)


def as_markdown(result):
    """The tables of a novelty.json in Markdown: a line for each family, and one for each score that
    was compared."""
    lines = [
        "| | curves | flagged | flagged where 1 % of test curves are | AUC |",
        "| --- " * 5 + "|",
        f"| test curves | {result['test']['n']} | "
        f"{accuracy.cell(result['test'], 'flagged', '.1%')} | | |",
    ]
    for name, family in result["families"].items():
        for title, row in ((name, family), (f"{name}, declared", family.get("declared"))):
            if row:
                shares = " | ".join(
                    tables.cell(row, key, ".1%") for key in ("flagged", "flagged_strict")
                )
                lines.append(f"| {title} | {row['n']} | {shares} | {row['auc']:.3f} |")
    lines += [
        "",
        "| score, on development curves | foreign curves flagged, mean of families |",
        "| --- | --- |",
    ]
    lines += [f"| {name} | {row['mean']:.1%} |" for name, row in result["comparison"].items()]
    return "\n".join(lines)
