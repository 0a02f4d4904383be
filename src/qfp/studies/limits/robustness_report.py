"""What results/robustness.json says: series of shares for figures, tables and sentences."""

import numpy as np

from qfp.studies import scoring, tables
from qfp.studies.limits import samplers
from qfp.studies.limits.robustness import FACTORS

SHARES = {"within one site": "within_1", "exact": "within_0", f"r ≥ {scoring.HIGH}": "r_high"}
PANELS = {  # factor: title and axis of its panel
    "noise": ("(a) noise", "standard deviation [e²/h]"),
    "potential": ("(b) unseen potentials", "strength, trained = 1"),
    "shift": ("(c) field offset", "offset [grid steps]"),
    "gamma": ("(d) deformation", "γ"),
}
CAUSES = {"noise": "white noise", "shift": "field offset", "potential": "another potential"}
MEASURES = {"share decoded exactly": "within_0", "Pearson r, median": "r_median"}
AGREEMENT = {  # columns of what samples say
    "unanimous": "all agree",
    "right": "consensus right",
    "right_unanimous": "right where all agree",
    "wrong": "wrong",
    "wrong_flagged": "wrong ones that disagree",
}
WORDS = {  # what a row is called, by its factor
    "reference": "as it is",
    "noise": "noise {:g} e²/h",
    "potential": "unseen potential × {:g}",
    "shift": "field offset {:+g} step",
}
NOVELTIES = ("noise", "potential ×", "genuine, unseen")  # beginnings of labels of changed curves


def about(result):
    """What was measured, as a line."""
    return (
        f"robustness: {result['curves']} test curves, {result['steps']} {result['sampler']} steps, "
        f"gamma {result['gamma']:g}; unseen potentials: seeds "
        f"{', '.join(map(str, result['unseen']))}"
    )


def series(result, factor, sampler=None):
    """Rows of one factor (of one sampler), by rising value; the reference is among them where it
    has a value of its own.

    Returns values (K,) and the rows, a list."""
    rows, reference = result["rows"], result["rows"]["reference"]
    at = {"noise": 0.0, "shift": 0.0, "gamma": reference["gamma"], "steps": reference["steps"]}
    found = [
        (row["value"], row)
        for row in rows.values()
        if row["factor"] == factor and sampler in (None, row["sampler"])
    ]
    if factor in at and sampler in (None, reference["sampler"]):
        found.append((at[factor], reference))
    found.sort(key=lambda pair: pair[0])
    return np.array([value for value, _ in found]), [row for _, row in found]


def shares(rows, key):
    """A share (or a median) of rows and the ends of its interval, (3, K)."""
    return np.array([[row[key], *row[f"{key}_interval"]] for row in rows]).T


def verdicts(result):
    """What a robustness.json says, in sentences: for each factor, where a share differs from the
    reference beyond its interval."""
    lines = []
    for factor in FACTORS:
        rows = {name: row for name, row in result["rows"].items() if row["factor"] == factor}
        for key, title in (
            ("within_0", "exact"),
            ("within_1", "within one site"),
            ("r_high", f"r >= {scoring.HIGH}"),
        ):
            found = {"lower": [], "higher": [], "no difference seen": []}
            for name, row in rows.items():
                low, high = row["difference"][f"{key}_interval"]
                found[
                    "lower" if high < 0 else "higher" if low > 0 else "no difference seen"
                ].append(
                    f"{name if factor == 'steps' else name.split()[1]} "
                    f"({row['difference'][key]:+.1%})"
                )
            lines.append(
                f"{factor}, {title}: "
                + "; ".join(
                    f"{word} at {', '.join(names)}" for word, names in found.items() if names
                )
            )
    return lines


def factors(result):
    """Panels of shares against what is changed, as `figures.limits.factors` takes them. Potentials
    are set against the reference, which has no value among them."""
    panels = {}
    for factor, (title, label) in PANELS.items():
        values, rows = series(result, factor)
        reference = {name: result["rows"]["reference"][key] for name, key in SHARES.items()}
        lines = {name: shares(rows, key) for name, key in SHARES.items()}
        alone = reference if factor == "potential" else None
        panels[title] = (label, values, lines, alone, factor != "gamma")
    return panels


def against_change(result):
    """Panels of shares against the change of the curve, as `figures.limits.against_change` takes
    them."""
    panels = {"exact": {}, "within one site": {}}
    for factor, cause in CAUSES.items():
        rows = [row for row in result["rows"].values() if row["factor"] == factor]
        rows.sort(key=lambda row: row["curve_change"])
        change = [row["curve_change"] for row in rows]
        strengths = [f"{row['value']:g}" for row in rows] if factor == "potential" else None
        for name, lines in panels.items():
            lines[cause] = (change, shares(rows, SHARES[name]), strengths)
    return panels


def few_steps(result):
    """Panels of what a sample is worth against its steps, as `figures.limits.steps` takes them."""
    panels = {}
    for name, key in MEASURES.items():
        panels[name] = {}
        for sampler in ("ancestral", "ddim", "dpm2m"):
            _, rows = series(result, "steps", sampler)
            evaluations = [row["network_evaluations"] for row in rows]
            panels[name][sampler] = evaluations, shares(rows, key)
    return panels


def changes(result):
    """The table of all rows but those of other numbers of steps."""
    rows = {name: row for name, row in result["rows"].items() if row["factor"] != "steps"}
    return samplers.show({"rows": rows})


def sentences(result, factors):
    """The verdicts of some factors, one a line."""
    return "\n".join(line for line in verdicts(result) if line.startswith(tuple(factors)))


def agreement(result):
    """The table of what samples that agree say, within one site and then to the site."""
    table = [["within one site", *AGREEMENT.values()]]
    for measure in ("within_1", "exact"):
        table += [["**to the site**", *[""] * len(AGREEMENT)]] if measure == "exact" else []
        for name, row in result["rows"].items():
            if "agreement" in row:
                found = row["agreement"][measure]
                cells = {key: tables.cell(found, key, ".1%") for key in AGREEMENT}
                cells["wrong"] = str(round(found["n"] * (1 - found["right"])))
                table.append([name, *cells.values()])
    return tables.markdown(table)


def agreeing(result):
    """Rows of `figures.shares.whiskers` for samples that agree and consensuses that are right, to
    the site and within one: a panel each."""
    rows = [row for row in result["rows"].values() if "agreement" in row]
    names = [WORDS[row["factor"]].format(row["value"]).replace("-", "−") for row in rows]
    return {
        title: {name: row["agreement"][key] for name, row in zip(names, rows, strict=True)}
        for key, title in (("exact", "to the site"), ("within_1", "within one site"))
    }


def novelties(rates):
    """What results/novelty.json says of curves that are changed as here, a line for each."""
    rows = [row for row in rates["families"].values() if row["label"].startswith(NOVELTIES)]
    return "\n".join(
        f"{row['label']}: flagged {tables.cell(row, 'flagged', '.1%')}" for row in rows
    )
