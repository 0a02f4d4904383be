"""Figure of the two-stage baseline beside the diffusion model: arrays in, a figure out."""

import numpy as np

from qfp.figures.wire import BLUE, GREEN, GREY, ORANGE, PURPLE, RED, SKY, canvas, style

LINES = {
    "single": (BLUE, "-"),
    "one_step": (SKY, "--"),
    "two_stage": (RED, "-"),
    "one_stage": (ORANGE, "-"),
    "reconstruction": (GREY, ":"),
    "few": (PURPLE, "-."),
    "train": (GREEN, ":"),
}


@style()
def patterns(panels, names, claimed=None):
    """Share of curves whose image has at least a Pearson r, against r.

    panels: {title: {row: r at equally spaced quantiles, rising (Q,)}}; names: {row: label}, which
    are drawn; claimed: a share to mark, the paper's."""
    figure = canvas(3.6)
    for ax, (title, rows) in zip(
        figure.subplots(1, len(panels), sharey=True, squeeze=False)[0], panels.items(), strict=True
    ):
        for row, label in names.items():
            if row in rows:
                color, line = LINES[row]
                r = np.asarray(rows[row])
                ax.plot(r, 1 - np.linspace(0, 1, len(r)), color=color, linestyle=line, label=label)
        if claimed is not None:
            ax.axhline(claimed, color="black", linewidth=0.8, linestyle=(0, (1, 3)))
        ax.set(title=title, xlim=(0.7, 1.0), ylim=(0, 1.02), xlabel="Pearson r of image and truth")
        if ax.get_subplotspec().is_first_col():
            ax.set_ylabel("share of test curves with at least r")
            handles = ax.get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=3)
    return figure
