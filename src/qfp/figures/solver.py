"""Figures of the exact solver (notebook 03): what its update needs, what it costs, where it could
fail.

As in `figures.wire`, whose helpers they use: arrays to a Matplotlib figure, one function a figure;
nothing is computed here.
"""

import numpy as np
from matplotlib.collections import LineCollection

from qfp.figures.wire import BLUE, GREEN, GREY, ORANGE, PURPLE, RED, SKY, canvas, style


@style()
def rings(cases):
    """Removed sites and what the update needs of them: {title: (removed, ring, neighbours)}, masks
    (l, w) of one window.

    The remaining sites and their bonds in grey; those with a removed neighbour in blue."""
    figure = canvas(3.0)
    axes = figure.subplots(1, len(cases), squeeze=False)[0]
    for ax, (title, (removed, ring, neighbours)) in zip(axes, cases.items(), strict=True):
        ax.set_rasterization_zorder(2)  # thousands of sites and bonds
        y, x = np.nonzero(~removed)
        for dy, dx in ((0, 1), (1, 0)):
            bond = ~np.pad(removed, ((0, 1), (0, 1)), constant_values=True)[y + dy, x + dx]
            bonds = np.stack([x, y, x + dx, y + dy], axis=-1)[bond].reshape(-1, 2, 2)
            ax.add_collection(LineCollection(bonds, color="#D0D0D0", linewidth=0.6, zorder=0))
        kinds = (
            ("stays", ~removed & ~neighbours, 1.2, GREY, GREY),
            ("neighbour", neighbours, 9, SKY, BLUE),
            ("ring", ring, 9, RED, RED),
            ("removed, not needed", removed & ~ring, 6, "white", RED),
        )
        for label, sites, size, face, edge in kinds:
            y, x = np.nonzero(sites)
            ax.scatter(x, y, s=size, facecolor=face, edgecolor=edge, linewidths=0.5, label=label)
        ax.set(
            title=title,
            aspect="equal",
            xticks=[],
            yticks=[],
            xlim=(-1, removed.shape[1]),
            ylim=(-1, removed.shape[0]),
        )
        ax.spines[:].set_visible(False)
    figure.legend(
        *ax.get_legend_handles_labels(), loc="outside lower center", ncols=4, markerscale=1.8
    )
    return figure


@style()
def solver_cost(width, lines, guides):
    """Time [ms] against the width (K,) of the wire: lines {label: (K,)}; guides [(first, last, time
    at last, exponent)]."""
    figure = canvas(3.8)
    ax = figure.subplots()
    for (label, times), marker, color in zip(
        lines.items(), "osD^v", ("black", BLUE, RED, GREEN, PURPLE), strict=False
    ):
        ax.plot(width, times, marker=marker, markersize=5, color=color, label=label)
    for first, last, time, power in guides:
        ax.plot(
            [first, last],
            [time * (first / last) ** power, time],
            color=GREY,
            linestyle=":",
            linewidth=1.2,
        )
        ax.annotate(
            f"$W^{power}$",
            (last, time),
            (4, 0),
            textcoords="offset points",
            va="center",
            color=GREY,
            fontsize=8.5,
        )
    ax.set(
        xscale="log",
        yscale="log",
        xlabel="width W of the wire [site], length in proportion",
        ylabel="time [ms]",
        xlim=(width[0] * 0.93, width[-1] * 1.2),
    )
    ax.set_xticks(width, [f"{w:d}" for w in width])
    ax.minorticks_off()
    figure.legend(*ax.get_legend_handles_labels(), loc="outside right center")
    return figure


@style()
def resonance(fields, singular, centre, distance, errors):
    """Smallest singular values {label: (F,)} of G0[ring, ring] over the field, and around the
    interior level at `centre` the errors {label: (K,)} of a conductance against the distance (K,)
    from it [rad/plaquette]; 0 is drawn at 1e-17."""
    figure = canvas(3.5)
    left, right = figure.subplots(1, 2)
    for (label, values), color in zip(singular.items(), (GREY, BLUE), strict=True):
        left.plot(fields, values, color=color, label=label)
    left.axvline(centre, color=GREY, linestyle=":", linewidth=1, zorder=0)
    left.set(
        yscale="log",
        xlabel="magnetic field b [rad/plaquette]",
        ylabel="smallest singular value [1/t]",
        xlim=(fields[0], fields[-1]),
        title="(a) the matrix",
    )
    left.legend(loc="lower right")
    lines = zip(errors.items(), "osv^", (BLUE, GREEN, RED, ORANGE), strict=False)
    for (label, values), marker, color in lines:
        right.plot(
            distance,
            np.maximum(values, 1e-17),
            marker,
            markersize=3.5,
            color=color,
            label=label,
            linestyle="none",
        )
    right.set(
        xscale="log",
        yscale="log",
        xlabel="distance |b − b*| [rad/plaquette]",
        ylabel="error of the conductance [e²/h]",
        title="(b) the answer",
    )
    figure.legend(*right.get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure
