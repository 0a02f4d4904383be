"""Figures of the score (notebook 05): where it points, whether it has an energy, and what its soft
directions are.

As in `figures`, whose helpers they use: arrays to a Matplotlib figure, one function a figure;
nothing is computed here.
"""

import numpy as np
from matplotlib.lines import Line2D

from qfp.figures.wire import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    RED,
    canvas,
    ldos_image,
    outline,
    style,
)

NOISE_LABEL = "noise over signal σ/α"
TICKS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100]


def _noise_axis(ax, noise):
    """Logarithmic axis of noise levels with a few round ticks."""
    low, high = min(noise) / 1.15, max(noise) * 1.15
    ticks = [tick for tick in TICKS if low <= tick <= high]
    ticks = ticks[::2] if len(ticks) > 6 else ticks
    ax.set(xscale="log", xlabel=NOISE_LABEL, xlim=(low, high))
    ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.minorticks_off()


def _line(ax, noise, values, **options):
    """Mean with its band, values (mean, low, high) over the noise level."""
    mean, low, high = values
    (drawn,) = ax.plot(noise, mean, markersize=3.5, linewidth=1.2, **options)
    ax.fill_between(noise, low, high, color=drawn.get_color(), alpha=0.2, linewidth=0)


@style()
def score_planes(planes, step, title=None):
    """Fig. 5: {panel: forcefield.Plane}; arrows are `step` times the score."""
    figure = canvas(6.4)
    for ax, (name, plane) in zip(figure.subplots(2, 2).flat, planes.items()):
        ax.quiver(
            *plane.points.T,
            *(step * plane.arrows).T,
            color=BLUE,
            angles="xy",
            scale_units="xy",
            scale=1,
            width=0.005,
        )
        ax.plot(*plane.points.T, "o", color=GREY, markersize=2.5)
        ax.plot(*plane.truth, "*", color=RED, markersize=13, markeredgecolor="white")
        (r1, c1), (r2, c2) = plane.pixels
        ax.set(
            xlabel=f"image at row {r1}, column {c1}",
            ylabel=f"image at row {r2}, column {c2}",
            aspect="equal",
            title=f"({name})",
        )
        ax.set_adjustable("datalim")
    if title:
        figure.suptitle(title, fontsize=10)
    return figure


@style()
def score_pointing(noise, lines, marked):
    """Does the score lead to the truth? Over the noise level σ/α (T,): cosine with the way there in
    all pixels, share of two-pixel arrows within 90 degrees of it, and rms distance of the arrow's
    end from the truth.

    lines: {label: {'full': (mean, low, high), 'planes': ..., 'end': ...}}, each (T,); where a label
    has 'full_other' and 'planes_other', the same towards another image is dotted. marked: noise
    levels of Fig. 5."""
    figure = canvas(3.6)
    panels = {
        "full": "cosine, all pixels",
        "planes": "share within 90°, two pixels",
        "end": "distance of the arrow's end",
    }
    for ax, (kind, title) in zip(figure.subplots(1, 3), panels.items()):
        for color, marker, (label, values) in zip(
            [BLUE, ORANGE, PURPLE, "black"], "osD^", lines.items()
        ):
            _line(ax, noise, values[kind], color=color, marker=marker, label=label)
            if f"{kind}_other" in values:
                ax.plot(
                    noise, values[f"{kind}_other"][0], color=color, linestyle=":", linewidth=1.2
                )
        for level in marked:
            ax.axvline(level, color=GREY, linestyle="--", linewidth=0.8)
        _noise_axis(ax, noise)
        ax.set_title(title)
    figure.axes[2].set_yscale("log")
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure


@style()
def energy_tests(noise, antisymmetric, loop_noise, loops):
    """Has the score an energy? Left: antisymmetric part of D over the norm of D less a multiple c
    of 1, {label: (mean, low, high)} over noise (T,). Right: |∮ s·dx| of rectangles over the
    integral along a side, {label: (mean, low, high)} over loop_noise (K,)."""
    figure = canvas(3.3)
    left, right = figure.subplots(1, 2)
    for ax, levels, lines in ((left, noise, antisymmetric), (right, loop_noise, loops)):
        for color, marker, (label, values) in zip(
            [BLUE, RED, GREEN, ORANGE, PURPLE], "osD^v", lines.items()
        ):
            _line(ax, levels, values, color=color, marker=marker, label=label)
        _noise_axis(ax, levels)
        ax.legend(
            loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=1 + (len(lines) > 3), fontsize=8
        )
    left.set(ylabel="‖(D − Dᵀ)/2‖ / ‖D − c‖", ylim=(0, None))
    right.set(ylabel="|∮ s·dx| / |∫ s·dx| of a side", yscale="log")
    return figure


@style()
def energy_profiles(panels):
    """Energies along straight lines with their parabolas: {row title: {column label: dict}}, a
    panel each.

    dict: at (P,), mean, low, high (P,) of beta E, parabola (P,), unit (the axis label), reach:
    where the parabola fails."""
    figure = canvas(2.15 * len(panels) + 0.4)
    grid = figure.subplots(len(panels), max(map(len, panels.values())), squeeze=False)
    for i, (axes, (row, columns)) in enumerate(zip(grid, panels.items())):
        for ax, (label, line) in zip(axes, columns.items()):
            ax.plot(line["at"], line["mean"], color=BLUE)
            ax.fill_between(
                line["at"], line["low"], line["high"], color=BLUE, alpha=0.2, linewidth=0
            )
            ax.plot(line["at"], line["parabola"], color=RED, linestyle="--", linewidth=1.2)
            ax.axvline(line["reach"], color=GREY, linestyle=":", linewidth=1)
            ax.set_ylim(*_limits(line))
            if i == 0:
                ax.set_title(label)
            if i == len(panels) - 1:
                ax.set_xlabel(line["unit"])
        axes[0].set_ylabel(f"{row}\nβE")
    entries = [
        Line2D([], [], color=BLUE),
        Line2D([], [], color=RED, linestyle="--"),
        Line2D([], [], color=GREY, linestyle=":"),
    ]
    figure.legend(
        entries,
        ["−∫ s·dx", "parabola at its beginning", "10 % apart"],
        loc="outside lower center",
        ncols=3,
    )
    return figure


def _limits(line):
    """Range of a profile with a margin: a parabola may leave it."""
    low, high = min(line["low"]), max(line["high"])
    margin = 0.12 * max(high - low, 1e-9)
    return low - margin, high + margin


@style()
def soft_directions(vectors, values, tangents, antidots, radius=5, margin=5):
    """Softest directions (k, 60, 60) with their eigenvalues (k,) above exact changes {label: (60,
    60)} of the same image."""
    figure = canvas(4.1)
    grid = figure.subplots(2, max(len(vectors), len(tangents)))
    rows = [
        zip(vectors, [f"eigenvalue {value:.3f}" for value in values]),
        zip(tangents.values(), tangents),
    ]
    for axes, row in zip(grid, rows):
        for ax in axes:
            ax.axis("off")
        for ax, (image, title) in zip(axes, row):
            ax.axis("on")
            # a few pixels at a rim would hide the fringes
            top = np.quantile(abs(np.asarray(image)), 0.998)
            shown = ldos_image(
                ax, image, (), radius, margin, labels=False, cmap="RdBu_r", vmin=-top, vmax=top
            )
            outline(ax, antidots, radius, edgecolor="black", linewidth=0.9)
            ax.set_title(title, fontsize=8)
        bar = figure.colorbar(shown, ax=axes, pad=0.01, fraction=0.03, ticks=[-top, 0, top])
        bar.ax.set_yticklabels(["−max", "0", "max"])
    for axes, name in zip(grid, ("network: soft", "solver: exact")):
        axes[0].set_ylabel(name)
    return figure


@style()
def against_memory(noise, panels):
    """Network and exact score of the training pairs over the noise level: {title: {'network',
    'empirical', 'apart': (mean, low, high), 'effective': (quartiles, T)}}; above rms distances per
    pixel, below the effective number of training images."""
    figure = canvas(5.0)
    grid = figure.subplots(
        2, len(panels), height_ratios=[1.7, 1], sharex=True, sharey="row", squeeze=False
    )
    names = {
        "network": "network to truth",
        "empirical": "training set's score to truth",
        "apart": "one to the other",
    }
    for (top, below), (title, lines) in zip(grid.T, panels.items()):
        for color, marker, (key, label) in zip([BLUE, "black", ORANGE], "o^D", names.items()):
            _line(top, noise, lines[key], color=color, marker=marker, label=label)
        low, middle, high = lines["effective"]
        below.plot(noise, middle, color=GREEN, marker="s", markersize=3)
        below.fill_between(noise, low, high, color=GREEN, alpha=0.2, linewidth=0)
        below.set_yscale("log")
        _noise_axis(below, noise)
        top.set_title(title, fontsize=8.5)
    grid[0, 0].set_ylabel("rms distance per pixel\n(1: spread of the data)")
    grid[1, 0].set_ylabel("effective number\nof images")
    figure.legend(*grid[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure
