"""Scalars to quote out of the rows of the attention study."""

import numpy as np

from qfp.studies import intervals
from qfp.studies.attention.rows import MARGIN, interval, rounded


def first_step(rows, differences, free, seed):
    """What heads tell where there is noise alone, beside the predicted image and the controls."""
    heads = {name: values[0] for name, values in differences.items() if name not in ("x_t", "x0")}
    image = differences["x0"][0]
    found = {"x0": rounded(image.mean()), "x0_interval": rounded(interval(image, seed))}
    if not heads:
        return heads, found
    values = np.stack(list(heads.values()))  # (head, B)
    bounds, lead = interval(values, seed), interval(values - image, seed)
    near = [row["vicinity"]["difference_interval"][0][0] for row in rows.values()]

    def absolute(chosen, axis):
        return abs(chosen.mean(axis)).mean(-1)

    return heads, found | {
        "telling": int((bounds[:, 0] > MARGIN).sum()),
        "telling_vicinity": sum(low > MARGIN for low in near),
        "avoiding": int((bounds[:, 1] < -MARGIN).sum()),
        "ahead": int((lead[:, 0] > 0).sum()),
        "absolute": rounded(abs(values.mean(axis=1)).mean()),
        "absolute_interval": rounded(intervals.bootstrap(values.T, absolute, seed)),
        **{
            kind: rounded(np.mean([abs(part[0].mean()) for part in some.values()]))
            for kind, some in free.items()
        },
        "heads": dict(zip(heads, rounded(values.mean(axis=1)))),
    }


def summary(result, differences, free, seed):
    """Scalars of probe.NOTES['summary'].

    differences {name: own - other (S, B)} of all heads, x_t and x0; free {kind: the same} of
    controls."""
    rows = {
        f"{layer} head {i + 1}": row
        for layer, part in result["attention"].items()
        for i, row in enumerate(part["heads"])
    }
    heads, first = first_step(rows, differences, free, seed)
    every = {**rows, **result["images"]}
    found = {
        "heads": len(heads),
        "first": first,
        "auc": {name: row["own"][0] for name, row in {**every, "prior": result["prior"]}.items()},
        "first_tells": {
            name: row["first_tells"] and row["first_tells"]["ratio"] for name, row in every.items()
        },
    }
    return found


def show(result):
    """The findings in a few lines."""
    first = result["summary"]["first"]
    lines = [f"first step: predicted image {first['x0']:+.3f} above the other curves' AUC"]
    for name, value in first.get("heads", {}).items():
        tells = result["summary"]["first_tells"][name]
        when = "never tells" if tells is None else f"first tells at sigma/alpha {tells:.3g}"
        lines.append(f"{name}: {value:+.3f}; {when}")
    return "\n".join(lines)
