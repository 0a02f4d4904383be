"""Scalars and intervals to quote out of the parts of the score study."""

import numpy as np

from qfp.studies.score.energies import DIRECTIONS

LEVELS = ("weak", "middle", "strong")  # names of ENERGY_NOISE


def quoted(name, values, index=None):
    """{name: mean, name_interval: [low, high]} of one entry of spread values."""
    mean, low, high = (values[key] for key in ("mean", "low", "high"))
    if index is not None:
        mean, low, high = mean[index], low[index], high[index]
    return {name: mean, f"{name}_interval": [low, high]}


def nearest(noise, wanted):
    """Index of the noise level nearest to the one named, in log."""
    return int(np.argmin(abs(np.log(np.array(noise) / wanted))))


def plain(label):
    """A label as part of a name."""
    return label.replace(", ", "_").replace(" ", "_")


def of_pointing(a):
    """Of part (a)."""
    found = {}
    for at, wanted in (("100_steps", a["marked"][0]), ("strong", 20)):
        index = nearest(a["noise"], wanted)
        for label, row in a["rows"].items():
            for key in ("full", "within", "within_random", "within_other", "end"):
                found |= quoted(f"{key}_{plain(label)}_{at}", row[key], index)
        difference = a["difference"]["within_random"]
        found |= quoted(f"within_random_minus_gaussian_{at}", difference, index)
    return found


def of_symmetry(symmetry):
    """Of part (b), the antisymmetric share."""
    found, keys = {}, {"": "of_D", "_of_J": "of_J", "_of_rest": "of_rest"}
    for label in ("trained", "untrained"):
        for at, wanted in (("weak", 0.2), ("middle", 1), ("strong", 5)):
            index = nearest(symmetry["noise"], wanted)
            for end, key in keys.items():
                name = f"antisymmetric{end}_{label}_{at}"
                found |= quoted(name, symmetry[label][key], index)
    return found


def of_level(index, at, b, soft):
    """Of parts (b) and (c), one of LEVELS."""
    found = {}
    for label in ("noise, noise", "other image, noise", "one site, one site"):
        found |= quoted(f"loop_{plain(label)}_{at}", b["loops"][label]["relative"], index)
    for label in DIRECTIONS:
        level = b["profiles"][label]["levels"][index]
        for key in ("stiffness", "reach", "reach_in_noise_radii"):
            found |= quoted(f"{key}_{plain(label)}_{at}", level[key])
        name = f"downhill_{plain(label)}_{at}"
        found |= {name: level["downhill"], f"{name}_interval": level["downhill_interval"]}
    for place in ("clean", "noisy"):
        level = soft[place][index]
        found |= quoted(f"softest_{place}_{at}", level["eigenvalues"], 0)
        for kind in ("position", "position_control", "both", "both_control"):
            found |= quoted(f"{kind}_{place}_{at}", level[kind], 0)
        name, saddle = f"saddle_{place}_{at}", level["saddle"]
        found |= {name: saddle["mean"], f"{name}_interval": saddle["interval"]}
    return found


def of_memory(d):
    """Of part (d)."""
    found = {}
    for part in ("test", "train"):
        for wanted in (5, 20):
            for label in ("curve", "no curve"):
                for key in ("network", "empirical", "apart", "ahead"):
                    name = f"{key}_{part}_{plain(label)}_{wanted}"
                    found |= quoted(name, d[part][label][key], nearest(d["noise"], wanted))
    return found


def summary(parts):
    """Scalars and intervals out of the five parts; noise levels by the nearest to the one named."""
    energy = parts["energy"]
    found = of_pointing(parts["pointing"]) | of_symmetry(energy["symmetry"])
    for index, at in enumerate(LEVELS):
        found |= of_level(index, at, energy, parts["soft"])
    found |= of_memory(parts["empirical"])
    for name, row in parts["langevin"].items():
        for key in ("within_0", "within_1", "r_high"):
            found |= {f"{name}_{key}": row[key], f"{name}_{key}_interval": row[f"{key}_interval"]}
    return found


def show(result):
    """The summary, a line for each number that has an interval."""
    lines, found = [], result["summary"]
    for name, value in found.items():
        if not name.endswith("_interval"):
            low, high = found[f"{name}_interval"]
            lines.append(f"{name:44s} {value:9.3f} ({low:.3f} to {high:.3f})")
    return "\n".join(lines)
