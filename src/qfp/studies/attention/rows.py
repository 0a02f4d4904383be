"""Arrays of importance and attention weights, as `generations` measures them, to the rows of
its result.

Arrays are named 'KIND LAYER', KIND 'importance' or a control; their last axes are maps, after step,
curve and head. Every mean is over the curves and has a 95 % interval; differences are paired. Keys:
probe.NOTES.
"""

import numpy as np
from scipy import stats

from qfp.studies import intervals
from qfp.studies.attention import marks

MARGIN = 0.05  # AUC above the other curves' by which a map tells its own curve


def rounded(values):
    """Numbers as nested lists with five digits after the point."""
    return np.round(np.asarray(values, float), 5).tolist()


def interval(values, seed):
    """95 % bootstrap interval of the mean over the last axis of values (..., B): (..., 2)."""
    values = np.asarray(values)
    return np.array(
        [intervals.bootstrap(v, np.mean, seed) for v in values.reshape(-1, values.shape[-1])]
    ).reshape(*values.shape[:-1], 2)


def adjusted(values, tests):
    """Interval of the mean over the last axis that holds for `tests` of them together (Bonferroni):
    (..., 2)."""
    n = values.shape[-1]
    half = stats.t.ppf(1 - 0.025 / tests, n - 1) * values.std(axis=-1, ddof=1) / n**0.5
    return values.mean(axis=-1)[..., None] + np.stack([-half, half], axis=-1)


def compared(own, other, seed, names=("own", "other", "difference")):
    """Means of two paired arrays (..., B) and of their difference, with its interval."""
    difference = own - other
    return {
        names[0]: rounded(own.mean(axis=-1)),
        names[1]: rounded(other.mean(axis=-1)),
        names[2]: rounded(difference.mean(axis=-1)),
        f"{names[2]}_interval": rounded(interval(difference, seed)),
    }


def told(maps, antidots, device, seed, ratio=None, vicinity=False):
    """Do maps (S, B, n, n) tell their own curve's antidots (B, 2, 2)? The row, and own - other (S,
    B).

    ratio (S,): σ/α of the steps, to say where they first do; vicinity: the cells beside the
    antidots count as theirs."""
    size = maps.shape[-1]
    cells, valid = marks.grid_cells(antidots, device, size), marks.wire_cells(device, size)
    if vicinity:
        cells = cells | (marks.rim_cells(cells) & valid)
    own, other = marks.own_and_other(marks.auc_table(maps, cells, valid))
    row = compared(own, other, seed)
    if ratio is not None:
        first = marks.first_above(np.array(row["difference_interval"])[:, 0], MARGIN)
        row["first_tells"] = (
            None if first is None else {"step": first, "ratio": rounded(ratio[first])}
        )
    return row, own - other


def scored(arrays, antidots, device, seed, ratio, start="importance"):
    """Rows of all heads {layer: {'heads': [...]}} of arrays {'START LAYER': (S, B, head, n, n)},
    and {name: own - other}."""
    rows, differences = {}, {}
    for name, B in arrays.items():
        if name.startswith(start + " "):
            layer, size = name.removeprefix(start + " "), B.shape[-1]
            rows[layer] = {"size": size, "heads": []}
            for head in range(B.shape[2]):
                row, differences[f"{layer} head {head + 1}"] = told(
                    B[:, :, head], antidots, device, seed, ratio
                )
                if start == "importance":
                    usual = marks.auc_table(
                        B[:, :, head].mean(axis=1, keepdims=True),
                        marks.grid_cells(antidots, device, size),
                        marks.wire_cells(device, size),
                    )
                    row["mean_map"] = rounded(usual.mean(axis=(-2, -1)))
                    row["vicinity"] = told(B[:1, :, head], antidots, device, seed, vicinity=True)[0]
                rows[layer]["heads"].append(row)
    return rows, differences


def signs(bounds):
    """How many heads prefer the upper and the lower antidot for sure, by level, and whether both
    kinds are there; bounds {name: (levels, 2)}."""
    ranges = np.stack(list(bounds.values()))  # (heads, levels, 2)
    upper, lower = (ranges[..., 0] > 0).sum(0).tolist(), (ranges[..., 1] < 0).sum(0).tolist()
    return upper, lower, [up > 0 and low > 0 for up, low in zip(upper, lower)]


def preferences(arrays, layers, places, antidots, device, seed, ratio):
    """(b): which antidot each head of `layers` prefers, at the indices `places` of the steps."""
    if not layers:
        return {}
    lower, upper = (marks.grid_cells(antidots[:, k : k + 1], device) for k in (0, 1))
    found = {}
    for layer in layers:
        for head, B in enumerate(np.moveaxis(arrays[f"importance {layer}"][places], 2, 0)):
            found[f"{layer} head {head + 1}"] = marks.preference(B, lower, upper)  # (levels, B)
    bounds = {name: interval(values, seed) for name, values in found.items()}
    sure = {name: adjusted(values, len(found)) for name, values in found.items()}
    rows = {"ratio": rounded(ratio[places]), "heads": {}}
    for name, values in found.items():
        same = np.sign(values) == np.sign(values.mean(axis=-1, keepdims=True))
        rows["heads"][name] = {
            "mean": rounded(values.mean(axis=-1)),
            "mean_interval": rounded(bounds[name]),
            "absolute": rounded(abs(values).mean(axis=-1)),
            "same_sign": rounded(same.mean(axis=-1)),
            "same_sign_interval": rounded([intervals.wilson(s.sum(), len(s)) for s in same]),
        }
    for end, ranges in (("", bounds), ("_adjusted", sure)):
        for key, values in zip(("upper", "lower", "opposite"), signs(ranges)):
            rows[key + end] = values
    means = {name: values.mean(axis=-1) for name, values in found.items()}
    levels = range(len(places))
    rows["sorted"] = [sorted(found, key=lambda name, k=k: -means[name][k]) for k in levels]
    return rows
