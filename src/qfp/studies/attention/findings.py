"""What is found about attention, in lines for a reader: of a `subject.Subject`, then of the
study's result."""

import numpy as np

from qfp.studies import intervals
from qfp.studies.attention.rows import MARGIN


def about(result, weights):
    """Which wires the result file is about, or that it is about other weights (result {})."""
    file = "results/probe_attention.json"
    if result:
        return f"{file}: {result['curves']} test wires"
    return f"{file} is about other weights than {weights}: `qfp study attention` makes one"


# --- a few wires


def first_steps(rows, prior):
    """A line for each {head: FirstStep}, and how many mark their own curve's antidots; prior: AUC
    of where antidots usually are."""
    lines = []
    for name, row in rows.items():
        (low, high), (low0, high0) = row.bounds, row.without_curve
        lines.append(
            f"{name}: AUC {row.own:.3f}, above the other curves' by {row.difference:+.3f} "
            f"({low:+.3f} to {high:+.3f}); without the curve {low0:+.3f} to {high0:+.3f}"
        )
    leads = [name for name, row in rows.items() if row.bounds[0] > MARGIN]
    return "\n".join(
        [
            *lines,
            f"map of where antidots usually are: AUC {prior:.3f}",
            f"{len(leads)} of {len(rows)} heads mark their own curve's antidots at the first step "
            f"by more than {MARGIN}: {', '.join(leads) or 'none'}",
        ]
    )


def by_place(subject, path):
    """Mean importance on the cells of `Subject.places`, heads of the first block, at the first step
    of a Trajectory and in its middle."""
    lines, places = [], subject.places()
    for index in (0, len(path.t) // 2):
        lines.append(f"σ/α = {subject.ratio[path.t[index]]:.3g}")
        # B: (curves, 15, 15)
        for h, B in enumerate(path.importance[subject.blocks[0]][index].swapaxes(0, 1)):
            means = {
                name: (B * cells).sum(axis=(1, 2)) / cells.sum(axis=(1, 2))
                for name, cells in places.items()
            }
            difference = means["upper"] - means["lower"]
            low, high = intervals.bootstrap(difference, np.mean, subject.seed)
            texts = ", ".join(f"{name} {values.mean():.2f}" for name, values in means.items())
            lines.append(f"  head {h + 1}: {texts}; upper - lower {low:+.2f} to {high:+.2f}")
    return "\n".join(lines)


# --- the study's result


def first_tells(result):
    """When each head and image first tells its own curve's antidots."""
    lines = []
    for name, tells in result["summary"]["first_tells"].items():
        if tells is None:
            lines.append(f"{name}: never tells")
        else:
            noise = f"= {tells:.2g}" if tells <= 1000 else "of pure noise"
            lines.append(f"{name}: first tells at σ/α {noise}")
    return "\n".join(lines)


def absolute(layers):
    """Mean over heads of |own - other| at the first step, of rows {layer: {'heads': [...]}}."""
    heads = [head for part in layers.values() for head in part["heads"]]
    return np.mean([abs(head["difference"][0]) for head in heads])


def origins(result):
    """Where the heads know it from: the condition, the predicted image, and the controls."""
    first, control, slow = result["summary"]["first"], result["controls"], result["ancestral"]
    lines = [
        f"condition, {name}: AUC {row['own'][0]:.3f}, above the other curves' by "
        f"{row['difference'][0]:+.3f}"
        for name, row in result["condition"].items()
        if row is not None
    ]
    lines += [
        f"predicted image: above the other curves' by {first['x0']:+.3f}; heads ahead of it: "
        f"{first.get('ahead', 0)}",
        f"heads that mark their own antidots by more than {MARGIN}: {first.get('telling', 0)}; "
        f"with the cells beside them counted as theirs: {first.get('telling_vicinity', 0)}",
        f"heads, mean of |own - other|: {absolute(result['attention']):.3f}",
    ]
    for name, layers in (
        ("another curve, antidots of the image", control["other_condition"]["image"]),
        ("another curve, antidots of that curve", control["other_condition"]["condition"]),
        ("no curve", control["null"]["curve"]),
        ("untrained", control["untrained"]),
    ):
        lines.append(f"  {name}: {absolute(layers):.3f}")
    gaps = [abs(gap) for row in slow["rows"].values() for gap in row["gap"]]
    lines.append(
        f"all ancestral steps instead of 50 DDIM steps, {slow['curves']} wires: differences change "
        f"by {np.median(gaps):.3f} (median), {max(gaps):.3f} at most"
    )
    return "\n".join(lines)


def head_rows(result):
    """Rows 'heads' of all networks that have such heads, {network: rows}."""
    every = {result["weights"]: result} | result["networks"]
    return {name: row["heads"] for name, row in every.items() if row["heads"]}


def preferences(result, level=1):
    """How many heads prefer which antidot, at an index of the levels, and how steadily."""
    lines = []
    for name, rows in head_rows(result).items():
        upper, lower, sure_upper, sure_lower = (
            rows[key][level] for key in ("upper", "lower", "upper_adjusted", "lower_adjusted")
        )
        steady = np.mean([head["same_sign"][level] for head in rows["heads"].values()])
        lines += [
            f"{name}: {upper} heads for the upper antidot, {lower} for the lower, of "
            f"{len(rows['heads'])}; with an interval for all heads together {sure_upper} and "
            f"{sure_lower}",
            f"  a head's sign is the same in {steady:.0%} of the curves on average",
        ]
    return "\n".join(lines)


def verdict(result, followed, level=1):
    """The three claims of Sec. V, each in a line; followed: the result of study `waves`, or {}."""
    summary, first = result["summary"], result["summary"]["first"]
    opposite = {
        name: "yes" if rows["opposite_adjusted"][level] else "not shown"
        for name, rows in head_rows(result).items()
    }
    lines = [
        f"before the image: {first.get('telling', 0)} of {summary['heads']} heads mark their own "
        f"antidots at the first step, {first.get('avoiding', 0)} avoid them, "
        f"{first.get('ahead', 0)} are ahead of the predicted image",
        "complementary heads: " + "; ".join(f"{name} {text}" for name, text in opposite.items()),
    ]
    if followed:
        counted = followed["summary"]
        above, apart = (counted[cells]["above_adjusted"] for cells in ("all", "away"))
        lines.append(
            f"weights follow the own wave functions: {above} of {counted['heads']} heads, "
            f"{apart} away from the antidots"
        )
    return "\n".join(lines)


def check_agreement(rows, result):
    """Raise AssertionError where {head: FirstStep} of a few wires and the result, if any, disagree
    at the first step by more than chance explains."""
    for name, row in rows.items() if result else ():
        block, head = name.split(" head ")
        there = result["attention"][block]["heads"][int(head) - 1]["difference"][0]
        low, high = row.bounds
        assert abs(row.difference - there) < 0.02 + 2 * (high - low), (
            f"{name}: this page and the file disagree at the first step"
        )
