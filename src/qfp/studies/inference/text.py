"""What an inference.json says, in rows of figures and in sentences."""

import numpy as np

from qfp.data import foreign
from qfp.physics import geometry
from qfp.studies import tables

LABELS = {
    "single": "network, one sample",
    "consensus": "network, consensus of samples",
    "library": "library at V = 0, nearest",
    "posterior": "exact posterior",
}
VARIED = {
    "noise": "noise [e²/h]",
    "strength": "potential [times its own]",
    "fields": "number of fields",
    "range": "largest field [rad/plaquette]",
    "temperature": "temperature $k_B T$ [t]",
}
THERMAL = {"temperature": "$k_BT$", "dephasing": "η"}  # rows of thermal.json, whose keys are
THERMAL_KEYS = {"exact": "within_0", "exact_interval": "within_0_interval"}  # in figures
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


def limit_panels(result):
    """Panels of `figures.inference.limits`."""
    return {label: result[name] for name, label in VARIED.items()}


def placements_text(result):
    """How much of what the symmetries leave open a known potential decides."""
    row = result["placements"]
    lifted = ", ".join(f"{bits:.2f} at noise {s}" for s, bits in row["bits_lifted"].items())
    return (
        f"placements that share a curve at V = 0: {row['bits_open']:.2f} bits on average; with a "
        f"known potential the curve decides {lifted} e²/h ({row['wires']} wires)"
    )


def ambiguous_panels(result, device):
    """Panels and axes of `figures.inference.ambiguous`, and what is open in each: a sentence."""
    row = result["drawn"]
    orbits = geometry.orbit(np.array(row["candidates"]), device)[:, [2, 0, 1]]  # dy, x1, x2
    truth = geometry.orbit(np.array(row["antidots"]), device)
    p = np.array(list(row["probability"].values()))
    shown = orbits[p.max(axis=0) > 0.02]
    margin = [0, 1, 1]
    low, high = shown.min(axis=0) - margin, shown.max(axis=0) + margin
    inside = ((orbits >= low) & (orbits <= high)).all(axis=1)
    panels = {}
    for noise, own in row["probability"].items():
        panels[noise] = np.zeros(high - low + 1)
        np.add.at(panels[noise], tuple((orbits - low)[inside].T), np.array(own)[inside])
    values = [np.arange(a, b + 1) for a, b in zip(low, high, strict=True)]
    open_bits = ", ".join(f"{bits:.2f} at noise {noise}" for noise, bits in row["bits"].items())
    return panels, (values, truth), f"bits left open: {open_bits} e²/h"


def thermal_panels(result):
    """Panels of `figures.shares.whiskers` of a thermal.json."""
    readers = {"solver, takes T = 0": "plain", "solver, knows T": "known", "network": "network"}
    curves = [
        (f"{THERMAL[kind]} = {row['value']:g} t", row) for kind in THERMAL for row in result[kind]
    ]
    return {
        title: {
            label: {THERMAL_KEYS.get(key, key): value for key, value in row[reader].items()}
            for label, row in curves
            if reader in row
        }
        for title, reader in readers.items()
    }
