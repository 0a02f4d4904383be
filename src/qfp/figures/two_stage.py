"""Figures of the two-stage baseline beside the diffusion model: arrays and results in, a figure
out."""

import numpy as np

from qfp.figures.wire import BLUE, GREY, ORANGE, PURPLE, RED, SKY, canvas, image_grid, style

COLUMNS = ("truth", "VAE, from the curve", "VAE, from the image", "diffusion, from the curve")
LINES = {
    "single": ("diffusion, one sample", BLUE, "-"),
    "one_step": ("diffusion, one step", SKY, "--"),
    "two_stage": ("VAE, two stages", RED, "-"),
    "one_stage": ("VAE, trained on as one", ORANGE, "-"),
    "reconstruction": ("VAE, from the image", GREY, ":"),
    "few": ("VAE, few configurations", PURPLE, "-."),
}


def side_by_side(examples):
    """A row a wire, images (B, K, L, W) [1/t] of examples.Examples in the order of COLUMNS, the
    true antidots outlined."""
    B, K = examples.images.shape[:2]
    labels = [f"wire {k + 1}" for k in range(B)]
    antidots = [[pair] * K for pair in examples.antidots]
    return image_grid(examples.images, labels, COLUMNS[:K], antidots)


@style()
def patterns(result, claimed=None):
    """Share of curves whose image has at least a Pearson r, against r, a panel a set.

    result: of the study of the baseline, of which r at equally spaced quantiles, rising (Q,), is
    drawn; claimed: a share to mark, the paper's."""
    figure, sets = canvas(3.6), ("general", "restricted")
    for ax, name in zip(figure.subplots(1, 2, sharey=True), sets):
        rows = result[name]["r"]
        for row, (label, color, line) in LINES.items():
            if row in rows:
                r = np.asarray(rows[row])
                ax.plot(r, 1 - np.linspace(0, 1, len(r)), color=color, linestyle=line, label=label)
        if claimed is not None:
            ax.axhline(claimed, color="black", linewidth=0.8, linestyle=(0, (1, 3)))
        ax.set(xlim=(0.7, 1.0), ylim=(0, 1.02), xlabel="Pearson r of image and truth")
        ax.set_title(f"{name} set")
        if ax.get_subplotspec().is_first_col():
            ax.set_ylabel("share of test curves with at least r")
            handles = ax.get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=3)
    return figure
