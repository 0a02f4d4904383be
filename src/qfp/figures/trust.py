"""Figures of when to trust an answer: the novelty of genuine and of foreign curves.

As in `figures`, whose helpers they use: arrays to a Matplotlib figure, one function a figure;
nothing is computed here.
"""

import numpy as np

from qfp.figures.wire import BLUE, GREEN, GREY, ORANGE, canvas, style

COLORS = {"test": BLUE, "genuine": GREEN, "slight": GREY, "foreign": ORANGE}


@style()
def novelty_rates(rows):
    """Novelty of every curve on a logarithmic axis, a strip for each of rows, with the share above
    the threshold, 1.

    rows: {label: (kind, novelty (n,), share, (low, high))}; kind: 'test', 'genuine', 'slight' or
    'foreign'."""
    figure = canvas(0.9 + 0.27 * len(rows))
    ax = figure.subplots()
    ax.axvline(1, color="black", linewidth=1)
    top = len(rows) - 1
    for k, (kind, novelty, share, (low, high)) in enumerate(rows.values()):
        color, place = COLORS[kind], top - k
        spread = np.random.default_rng(k).uniform(-0.3, 0.3, len(novelty))
        ax.plot(
            novelty,
            place + spread,
            ".",
            color=color,
            markersize=3,
            alpha=0.6,
            markeredgewidth=0,
            rasterized=True,
        )
        quartiles = np.quantile(novelty, [0.25, 0.5, 0.75])
        ax.plot(quartiles[[0, 2]], [place, place], color="black", linewidth=1)
        ax.plot(quartiles[1], place, "|", color="black", markersize=10, markeredgewidth=1.6)
        ax.annotate(
            f"{share:.1%} ({low:.0%} to {high:.0%})",
            (1.01, place),
            xycoords=("axes fraction", "data"),
            va="center",
            fontsize=8.5,
            color="black",
        )
    ax.set(xscale="log", xlabel="novelty (above 1: flagged)", ylim=(-0.6, top + 0.6))
    ax.set_yticks(range(top, -1, -1), rows)
    ax.tick_params(axis="y", length=0)
    ax.annotate(
        "flagged (95 % interval)",
        (1.01, top + 0.75),
        xycoords=("axes fraction", "data"),
        fontsize=8.5,
        color=GREY,
    )
    return figure


def novelty_rows(result):
    """Rows of `novelty_rates` from a novelty.json: test curves, then the families, declared noise
    left out."""
    families = result["families"]
    kinds = {
        name: "genuine" if row["genuine"] else "slight" if name in result["slight"] else "foreign"
        for name, row in families.items()
    }
    rows = {"test curves": ("test", result["test"])}
    rows |= {row["label"]: (kinds[name], row) for name, row in families.items()}
    return {
        label: (kind, np.array(row["novelty"]), row["flagged"], row["flagged_interval"])
        for label, (kind, row) in rows.items()
    }
