"""Arrays of importance and attention weights, as `probe_attention` measures them, to the rows of
its result.

Arrays are named 'KIND LAYER', KIND 'importance' or a control; their last axes are maps, after step,
curve and head. Every mean is over the curves and has a 95 % interval; differences are paired. Keys:
probe_attention.NOTES.
"""

import numpy as np
from scipy import stats

from qfp.studies import intervals
from qfp.studies.attention import probes

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
    cells, valid = probes.grid_cells(antidots, device, size), probes.wire_cells(device, size)
    if vicinity:
        cells = cells | (probes.rim_cells(cells) & valid)
    own, other = probes.own_and_other(probes.auc_table(maps, cells, valid))
    row = compared(own, other, seed)
    if ratio is not None:
        first = probes.first_above(np.array(row["difference_interval"])[:, 0], MARGIN)
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
                    usual = probes.auc_table(
                        B[:, :, head].mean(axis=1, keepdims=True),
                        probes.grid_cells(antidots, device, size),
                        probes.wire_cells(device, size),
                    )
                    row["mean_map"] = rounded(usual.mean(axis=(-2, -1)))
                    row["vicinity"] = told(B[:1, :, head], antidots, device, seed, vicinity=True)[0]
                rows[layer]["heads"].append(row)
    return rows, differences


def preferences(arrays, layers, places, antidots, device, seed, ratio):
    """(b): which antidot each head of `layers` prefers, at the indices `places` of the steps."""
    if not layers:
        return {}
    lower, upper = (probes.grid_cells(antidots[:, k : k + 1], device) for k in (0, 1))
    found = {}
    for layer in layers:
        for head, B in enumerate(np.moveaxis(arrays[f"importance {layer}"][places], 2, 0)):
            found[f"{layer} head {head + 1}"] = probes.preference(B, lower, upper)  # (levels, B)
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
        ranges = np.stack(list(ranges.values()))  # (heads, levels, 2)
        rows["upper" + end], rows["lower" + end] = (
            (ranges[..., 0] > 0).sum(0).tolist(),
            (ranges[..., 1] < 0).sum(0).tolist(),
        )
        rows["opposite" + end] = [
            up > 0 and low > 0 for up, low in zip(rows["upper" + end], rows["lower" + end])
        ]
    means = {name: values.mean(axis=-1) for name, values in found.items()}
    rows["sorted"] = [
        sorted(found, key=lambda name: -means[name][level]) for level in range(len(places))
    ]
    return rows


def wave_rows(arrays, layers, seed, ratio):
    """(c): partial rank correlation of A_ij with C_ij of the own and of another curve, each head of
    `layers`."""
    rows, count = {}, sum(arrays[f"waves {layer}"].shape[2] for layer in layers)
    for layer in layers:
        # (levels, head, [own, other, plain, distance], B)
        values = np.moveaxis(arrays[f"waves {layer}"], 1, -1)
        values = values[..., np.isfinite(values).all(axis=(0, 1, 2))]
        if values.shape[-1] < 2:  # no two curves share a potential
            return {}
        rows[layer] = {"heads": []}
        for own, other, plain, distance in np.moveaxis(values, 0, 2):  # each (levels, B)
            row = compared(own, other, seed) | {
                "plain": rounded(plain.mean(-1)),
                "distance": rounded(distance.mean(-1)),
            }
            whole = compared(own.mean(0), other.mean(0), seed)
            whole["difference_adjusted"] = rounded(adjusted((own - other).mean(0), count))
            rows[layer]["heads"].append(row | {"all_levels": whole})
    return {"ratio": rounded(ratio), "curves": values.shape[-1], **rows} if rows else {}


def summary(result, differences, free, seed):
    """Scalars of probe_attention.NOTES['summary'].

    differences {name: own - other (S, B)} of all heads, x_t and x0; free {kind: the same} of
    controls."""
    heads = {name: values[0] for name, values in differences.items() if name not in ("x_t", "x0")}
    rows = {
        f"{layer} head {i + 1}": row
        for layer, part in result["attention"].items()
        for i, row in enumerate(part["heads"])
    }
    first = {
        "x0": rounded(differences["x0"][0].mean()),
        "x0_interval": rounded(interval(differences["x0"][0], seed)),
    }
    if heads:
        values = np.stack(list(heads.values()))  # (head, B)
        bounds, lead = interval(values, seed), interval(values - differences["x0"][0], seed)
        first |= {
            "telling": int((bounds[:, 0] > MARGIN).sum()),
            "telling_vicinity": sum(
                row["vicinity"]["difference_interval"][0][0] > MARGIN for row in rows.values()
            ),
            "avoiding": int((bounds[:, 1] < -MARGIN).sum()),
            "ahead": int((lead[:, 0] > 0).sum()),
            "absolute": rounded(abs(values.mean(axis=1)).mean()),
            "absolute_interval": rounded(
                intervals.bootstrap(
                    values.T, lambda chosen, axis: abs(chosen.mean(axis)).mean(-1), seed
                )
            ),
            **{
                kind: rounded(np.mean([abs(part[0].mean()) for part in found.values()]))
                for kind, found in free.items()
            },
            "heads": dict(zip(heads, rounded(values.mean(axis=1)))),
        }
    found = {
        "heads": len(heads),
        "first": first,
        "auc": {
            name: row["own"][0]
            for name, row in {**rows, **result["images"], "prior": result["prior"]}.items()
        },
        "first_tells": {
            name: row["first_tells"] and row["first_tells"]["ratio"]
            for name, row in {**rows, **result["images"]}.items()
        },
    }
    waves = [
        row["all_levels"]
        for part in result["waves"].values()
        if isinstance(part, dict)
        for row in part["heads"]
    ]
    if waves:
        found["waves"] = {
            "heads": len(waves),
            "largest": max(row["difference"] for row in waves),
            "median": float(np.median([row["difference"] for row in waves])),
        }
        for end, key in (("", "difference_interval"), ("_adjusted", "difference_adjusted")):
            found["waves"] |= {
                "above" + end: sum(row[key][0] > 0 for row in waves),
                "below" + end: sum(row[key][1] < 0 for row in waves),
            }
    return found


def as_text(result):
    """The findings of a probe_attention.json in a few lines."""
    first, waves = result["summary"]["first"], result["summary"].get("waves")
    lines = [f"first step: predicted image {first['x0']:+.3f} above the other curves' AUC"]
    for name, value in first.get("heads", {}).items():
        tells = result["summary"]["first_tells"][name]
        when = "never tells" if tells is None else f"first tells at sigma/alpha {tells:.3g}"
        lines.append(f"{name}: {value:+.3f}; {when}")
    if waves:
        lines.append(
            f"waves: {waves['above_adjusted']} of {waves['heads']} heads follow their own curve's "
            "correlation better "
            f"than another's, {waves['below_adjusted']} worse; largest difference "
            f"{waves['largest']:+.4f}"
        )
    return "\n".join(lines)
