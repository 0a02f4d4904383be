"""What a calibration.json says, in sentences and tables."""

from qfp.studies import tables
from qfp.studies.calibration import sbc
from qfp.studies.calibration.recalibrate import shrunk
from qfp.studies.scoring import WITHIN

KINDS = {"exact": "exact", "within_1": "within one site", "candidates": "every candidate"}
SCORES = {  # of a row of forecasts.reliability: title and format
    "overconfidence": ("mean share less share right", "+.1%"),
    "ece": ("expected calibration error", ".1%"),
    "brier": ("Brier score", ".4f"),
    "brier_reference": ("Brier score of a constant", ".4f"),
}


def confidence(low, high):
    """'overconfident', 'underconfident' or neither, of the interval of an excess."""
    return (
        "overconfident"
        if low > 0
        else "underconfident"
        if high < 0
        else "neither over- nor underconfident"
    )


def agreement_verdict(title, samples, row, more, mended):
    """What shares of agreement are worth, in sentences."""
    low, high = more["excess_interval"]
    gain, gained = mended["brier_gain"], mended["brier_gain_interval"]
    worth = (
        "better" if gained[0] > 0 else "worse" if gained[1] < 0 else "no gain beyond its interval"
    )
    return [
        f"{title}: on average {row['forecast']:.1%} of {samples} samples agree with their "
        f"consensus, which is right on {row['right']:.1%} "
        "({:.1%} to {:.1%}) of {} curves".format(*row["right_interval"], row["n"]),
        f"  a further sample agrees with it on {more['sample']:.1%}, the truth on "
        f"{more['truth']:.1%}: excess {more['excess']:+.1%} "
        f"({low:+.1%} to {high:+.1%}), {confidence(low, high)}",
        "  expected calibration error {:.1%} ({:.1%} to {:.1%}), with a further sample for the "
        "truth {:.1%}; Brier score {:.4f} ({:.4f} to {:.4f})".format(
            row["ece"], *row["ece_interval"], more["ece"], row["brier"], *row["brier_interval"]
        ),
        f"  with (n + {mended['a']:.2g}) / ({samples} + {mended['a'] + mended['b']:.2g}) for n / "
        f"{samples}: error {mended['after']['ece']:.1%}, "
        f"Brier score lower by {gain:.4f} ({gained[0]:.4f} to {gained[1]:.4f}), {worth}",
    ]


def rank_verdict(name, row):
    """What the ranks of one coordinate say, in a sentence."""
    parts = [(part, test) for part in ("all", "differing") for test in ("chi_square", "ecdf")]
    p = [row[part][f"{test}_p"] for part, test in parts]
    return (
        "{}: ranks of all curves p = {:.2g} (chi-square), {:.2g} (ECDF); of the {} that differ "
        "{:.2g}, {:.2g}; truth outside the samples on {:.1%}, expected {:.1%} (p = {:.2g})"
    ).format(
        name,
        *p[:2],
        row["differing"]["n"],
        *p[2:],
        *(row["outside"][key] for key in ("share", "expected", "p")),
    )


def share_lines(result):
    """What the shares of agreement say, in sentences."""
    lines = []
    for name, title in (("exact", "exactly"), ("within_1", "within one site")):
        parts = (result[part][name] for part in ("reliability", "further_sample", "recalibration"))
        lines += agreement_verdict(title, result["samples"], *parts)
    return lines


def rank_lines(result):
    """What the ranks of the truth say, in sentences."""
    lines = [rank_verdict(name, result["sbc"][name]) for name in sbc.COORDINATES]
    p, tests = result["sbc"]["smallest_p_bonferroni"], result["sbc"]["tests"]
    seen = (
        "the samples are not the posterior"
        if p < 0.05
        else "no deviation from the posterior is seen"
    )
    return [*lines, f"smallest of {tests} p values, times {tests}: {p:.2g}, {seen}"]


def verdicts(result):
    """What a calibration.json says, in sentences."""
    return share_lines(result) + rank_lines(result)


def about(result):
    """What was measured, in a line."""
    return (
        f"weights {result['weights']}: {result['curves']} test curves, {result['dev_curves']} "
        f"development curves, {result['samples']} samples each, {result['steps']} "
        f"{result['sampler']} steps"
    )


def scores_table(result):
    """Scores of the forecasts, a column each, in Markdown."""
    rows = [result["reliability"][name] for name in KINDS]
    table = [["", *KINDS.values()]]
    table += [
        [title, *(tables.cell(row, key, form) for row in rows)]
        for key, (title, form) in SCORES.items()
    ]
    certain = [f"{row['certain_and_wrong']} of {row['n']}" for row in rows]
    return tables.markdown([*table, ["certain and wrong", *certain]])


def mended_table(result, shares=(1, 0.9, 0.7, 0.5)):
    """What shares of samples would mean after the recalibration, in Markdown."""
    maps = [result["recalibration"][name] for name in WITHIN]
    table = [["samples that agree", "exactly right", "within one site"]]
    for share in shares:
        better = (shrunk(share, result["samples"], own["a"], own["b"]) for own in maps)
        table.append([f"{share:.0%}", *(f"{value:.1%}" for value in better)])
    return tables.markdown(table)


def last_verdicts(result):
    """May a reader trust the shares, and the spread of each coordinate?"""
    lines = []
    for name, title in (("exact", "the exact pair"), ("within_1", "the pair within one site")):
        more, certain = result["further_sample"][name], result["reliability"][name]["bins"][-1]
        lines.append(
            f"Verdict for {title}: {confidence(*more['excess_interval'])}. Where all "
            f"{result['samples']} samples agree it is right on "
            f"{tables.cell(certain, 'right', '.1%')} of {certain['n']} curves."
        )
    for name in sbc.COORDINATES:
        row = result["sbc"][name]["outside"]
        word = "too often" if row["share"] > row["expected"] else "too rarely"
        found = row["p"] * result["sbc"]["tests"] < 0.05
        often = word if found else "about as often as they should"
        lines.append(f"Verdict for the spread of {name}: truths lie outside the samples {often}")
    return "\n".join(lines)
