"""Figures of the score (notebook 09): where it points, whether it has an energy, and what its soft
directions are.

As in `figures`, whose helpers they use: arrays to a Matplotlib figure, one function a figure;
nothing is computed here. A spread is what results hold of values over many images: {'mean', 'low',
'high'}, each over the noise level, with a 95 % band.
"""

import numpy as np
from matplotlib.lines import Line2D

from qfp.figures.wire import (
    BLUE,
    DARK,
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
# straight lines along which an energy is drawn, and the unit on their axes
DIRECTIONS = {
    "noise": ("into noise", "distance [noise radii]"),
    "one site": ("one antidot moves", "distance [sites]"),
    "other": ("towards another wire", "part of the way"),
}
# sides of the rectangles around which the score is integrated
SIDES = {
    "noise, noise": "sides: noise, other noise",
    "other image, noise": "sides: another image, noise",
    "one site, one site": "sides: two antidot moves",
}


def _noise_axis(ax, noise):
    """Logarithmic axis of noise levels with a few round ticks."""
    low, high = min(noise) / 1.15, max(noise) * 1.15
    ticks = [tick for tick in TICKS if low <= tick <= high]
    ticks = ticks[::2] if len(ticks) > 6 else ticks
    ax.set(xscale="log", xlabel=NOISE_LABEL, xlim=(low, high))
    ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.minorticks_off()


def _line(ax, noise, spread, width=1.2, **options):
    """Mean with its band over the noise level."""
    (drawn,) = ax.plot(noise, spread["mean"], markersize=width + 2.3, linewidth=width, **options)
    band = spread["low"], spread["high"]
    ax.fill_between(noise, *band, color=drawn.get_color(), alpha=0.2, linewidth=0)


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
            xlabel=f"pixel in row {r1}, column {c1} [std]",
            ylabel=f"pixel in row {r2}, column {c2} [std]",
            aspect="equal",
            title=f"({name})",
        )
        ax.set_adjustable("datalim")
    if title:
        figure.suptitle(title, fontsize=10)
    return figure


@style()
def score_pointing(part):
    """Does the score lead to the truth? Over the noise level σ/α: cosine with the way there in all
    pixels, share of two-pixel arrows within 90 degrees of it, and rms distance of the arrow's end
    from the truth.

    part: noise (T,), marked: noise levels of Fig. 5, and rows {label: {'full', 'within', 'end':
    spread}}; 'within_random' goes before 'within', and with 'full_other' and so on the same towards
    another image is dotted."""
    figure, noise = canvas(3.6), part["noise"]
    panels = {
        "full": "cosine with the way, all pixels",
        "within": "share within 90°, two pixels",
        "end": "rms from arrow's end to truth",
    }
    for ax, (kind, title) in zip(figure.subplots(1, 3), panels.items()):
        # the first is seen behind others that coincide with it
        looks = zip([BLUE, ORANGE, PURPLE, "black"], "osD^", [3.5, 1.2, 1.2, 1.2])
        for (color, marker, width), (label, row) in zip(looks, part["rows"].items()):
            key = f"{kind}_random" if f"{kind}_random" in row else kind
            _line(ax, noise, row[key], width, color=color, marker=marker, label=label)
            if other := row.get(f"{key}_other"):
                ax.plot(noise, other["mean"], color=color, linestyle=":", linewidth=1.2)
        for level in part["marked"]:
            ax.axvline(level, color=GREY, linestyle="--", linewidth=0.8)
        _noise_axis(ax, noise)
        ax.set_title(title, fontsize=9)
    figure.axes[2].set_yscale("log")
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure


@style()
def energy_tests(symmetry, loops):
    """Has the score an energy? Left: antisymmetric part of D over the norm of D less a multiple c
    of 1. Right: |∮ s·dx| of rectangles over the integral along a side.

    symmetry: noise (T,) and {'trained', 'untrained': {'of_rest': spread}}; loops: noise (K,) and
    {label: {'relative': spread}}."""
    figure = canvas(3.3)
    left, right = figure.subplots(1, 2)
    shares = {label: symmetry[label]["of_rest"] for label in ("trained", "untrained")}
    around = {label: row["relative"] for label, row in loops.items() if isinstance(row, dict)}
    for ax, noise, lines in ((left, symmetry["noise"], shares), (right, loops["noise"], around)):
        looks = zip([BLUE, RED, GREEN, ORANGE, PURPLE], "osD^v")
        for (color, marker), (label, spread) in zip(looks, lines.items()):
            name = SIDES.get(label, label)
            _line(ax, noise, spread, color=color, marker=marker, label=name)
        _noise_axis(ax, noise)
        columns = 1 + (len(lines) > 3)
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=columns, fontsize=8)
    left.set(ylabel="‖(D − Dᵀ)/2‖ / ‖D − c‖", ylim=(0, None))
    right.set(ylabel="|∮ s·dx| / |∫ s·dx| of a side", yscale="log")
    return figure


@style()
def energy_profiles(noise, profiles):
    """Energies along straight lines with their parabolas, a row for each noise level of (T,) and a
    column for each of DIRECTIONS.

    profiles: {direction: {'at' (P,), 'levels': T dicts of 'energy', a spread (P,) of beta E,
    'parabola' (P,) and 'reach', the spread of where it fails}}."""
    figure = canvas(2.15 * len(noise) + 0.4)
    grid = figure.subplots(len(noise), len(DIRECTIONS), squeeze=False)
    for i, (axes, level) in enumerate(zip(grid, noise)):
        for ax, (name, (title, unit)) in zip(axes, DIRECTIONS.items()):
            _profile(ax, profiles[name]["at"], profiles[name]["levels"][i])
            if i == 0:
                ax.set_title(title)
            if i == len(noise) - 1:
                ax.set_xlabel(unit)
        axes[0].set_ylabel(f"σ/α = {level:.2g}\nβE")
    entries = [
        Line2D([], [], color=BLUE),
        Line2D([], [], color=RED, linestyle="--"),
        Line2D([], [], color=GREY, linestyle=":"),
    ]
    names = ["−∫ s·dx", "parabola at its beginning", "10 % apart"]
    figure.legend(entries, names, loc="outside lower center", ncols=3)
    return figure


def _profile(ax, at, level):
    """One energy (P,) along a line with its parabola, which may leave the panel."""
    energy = level["energy"]
    ax.plot(at, energy["mean"], color=BLUE)
    ax.fill_between(at, energy["low"], energy["high"], color=BLUE, alpha=0.2, linewidth=0)
    ax.plot(at, level["parabola"], color=RED, linestyle="--", linewidth=1.2)
    ax.axvline(level["reach"]["mean"], color=GREY, linestyle=":", linewidth=1)
    low, high = min(energy["low"]), max(energy["high"])
    margin = 0.12 * max(high - low, 1e-9)
    ax.set_ylim(low - margin, high + margin)


@style()
def soft_directions(vectors, values, changes, antidots, radius=5, margin=5):
    """Softest directions (k, 60, 60) with their eigenvalues (k,) above the first k of exact changes
    {label: (60, 60)} of the same image."""
    figure = canvas(4.1)
    grid = figure.subplots(2, len(vectors))
    rows = [
        zip(vectors, [f"eigenvalue {value:.3f}" for value in values]),
        zip(changes.values(), changes),
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
            outline(ax, antidots, radius, edgecolor=DARK, linewidth=0.9)
            side = len(image)
            ax.set(xlim=(-0.5, side - 2 * margin - 0.5), xticks=[0, 20, 40], yticks=[0, 20, 40])
            ax.tick_params(labelsize=8)
            ax.label_outer()
            ax.set_title(title, fontsize=8)
        bar = figure.colorbar(shown, ax=axes, pad=0.01, fraction=0.03, ticks=[-top, 0, top])
        bar.ax.set_yticklabels(["−max", "0", "max"])
    for axes, name in zip(grid, ("network: soft", "solver: exact")):
        axes[0].set_ylabel(f"{name}\ny [site]")
    for ax in grid[-1]:
        ax.set_xlabel("x [site]")
    return figure


@style()
def against_memory(part):
    """Network and exact score of the training pairs over the noise: above rms distances per pixel,
    below the effective number of training images; unseen and trained wires, with curve or without.

    part: noise (T,) and {'test', 'train': {'curve', 'no curve': {'network', 'empirical', 'apart':
    spread, 'effective': quartiles (3, T)}}}."""
    figure, noise = canvas(5.0), part["noise"]
    panels = {
        f"{name}, {label}": part[key][label]
        for name, key in (("unseen", "test"), ("trained on", "train"))
        for label in ("curve", "no curve")
    }
    ratios = {"height_ratios": [1.7, 1], "sharex": True, "sharey": "row"}
    grid = figure.subplots(2, len(panels), squeeze=False, **ratios)
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
