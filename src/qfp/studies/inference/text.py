"""What an inference.json says, in rows of figures and in sentences."""

from qfp.data import foreign
from qfp.studies import tables

LABELS = {
    "single": "network, one sample",
    "consensus": "network, consensus of samples",
    "library": "library at V = 0, nearest",
    "posterior": "exact posterior",
}
OTHERS = {"offset": "fields one step off", "strong": "potential twice as strong"}


def _share(row, key):
    return row[key], tuple(row[f"{key}_interval"])


def ladder_rows(result):
    """Rows of `figures.inference.ladder`."""
    rows = {LABELS[name]: result["fresh"][name] for name in LABELS}
    rows |= {f"exact posterior, noise {size} e²/h": row for size, row in result["noise"].items()}
    return {
        label: (row["n"], _share(row, "within_0"), _share(row, "within_1"))
        for label, row in rows.items()
    }


def flag_rows(result):
    """Rows of `figures.inference.flags`."""
    labels = {"genuine": "genuine, fresh potentials"} | foreign.LABELS
    return {
        labels[name]: (_share(row, "flagged"), _share(row, "novelty_flagged"))
        for name, row in result["foreign"].items()
    }


def calibration_text(result):
    """Whether the probability can be read as one."""
    row = result["fresh"]["posterior"]
    gap = tables.cell(row, "mean_probability_less_right", "+.2%")
    lines = [
        f"mean probability of the answer {row['mean_probability']:.2%}, exact "
        f"{row['within_0']:.2%} of {row['n']}; difference {gap}",
        f"of the {row['sure']} answers of probability 0.999 and more {row['sure_right']} are exact",
    ]
    ranks = result["ranks"]
    values = ", ".join(f"{name} {ranks[name]['p_value']:.2f}" for name in ("x1", "x2", "dy"))
    return "\n".join([*lines, f"ranks of the truth, p value of uniform ones: {values}"])


def bins_table(result):
    """Certainty of the answers and share of right ones, as Markdown."""
    rows = [["probability of the answer", "curves", "mean", "exact"]]
    bins = result["fresh"]["posterior"]["bins"]
    ends = [*(part["from"] for part in bins[1:]), 1]
    for part, end in zip(bins, ends, strict=True):
        if part["n"]:
            right = f"{part['right'] / part['n']:.1%}"
            mean = f"{part['mean']:.4f}"
            rows.append([f"{part['from']:g} to {end:g}", str(part["n"]), mean, right])
    return tables.markdown(rows)


def others_text(result):
    """What happens where the device is not as described."""
    lines = []
    for name, label in OTHERS.items():
        row = result[name]
        exact, safe = (tables.cell(row, key, ".1%") for key in ("within_0", "right_or_flagged"))
        lines.append(f"{label}: exact {exact}; exact or flagged {safe}")
    return "\n".join(lines)


def proposal_text(result):
    """What the network's samples are worth to the exact solver."""
    row = result["proposal"]
    near = tables.cell(row, "answer_near_a_sample", ".1%")
    return (
        f"{row['samples']} samples of the network hold {row['mass_mean']:.1%} of the exact "
        f"posterior, effective sample size {row['effective_mean']:.2f}; the exact answer is a "
        f"sample or beside one on {near} of the curves"
    )
