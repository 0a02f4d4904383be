"""Figures of exact inference: arrays to a Matplotlib figure, one function a figure."""

import numpy as np
from matplotlib.colors import PowerNorm
from matplotlib.ticker import MaxNLocator, PercentFormatter

from qfp.figures.wire import (
    BLUE,
    GREEN,
    GREY,
    LIGHT,
    ORANGE,
    RED,
    canvas,
    curve,
    ldos_image,
    outline,
    style,
)

TICKS = [factor * 10.0**power for power in range(-5, 0) for factor in (1, 3)]


@style()
def band(fields, measured, clean, expected, spread):
    """A curve (F,) under a random potential, that at V = 0, and mean and standard deviation (F,) of
    all potentials to second order [e²/h]; below, the same less the curve at V = 0."""
    figure = canvas(4.4)
    above, below = figure.subplots(2, sharex=True, height_ratios=[1.5, 1])
    for ax, base in ((above, 0.0), (below, clean)):
        low, high = expected - 2 * spread - base, expected + 2 * spread - base
        label = "any potential: mean ± 2 standard deviations"
        ax.fill_between(fields, low, high, color=BLUE, alpha=0.2, linewidth=0, label=label)
        curve(ax, fields, expected - base, color=BLUE, linewidth=1, label="their mean")
        curve(ax, fields, clean - base, color=GREY, linestyle="--", label="V = 0")
        curve(ax, fields, measured - base, color="black", linewidth=1.1, label="one potential")
    above.legend(loc="lower left")
    above.set_xlabel("")
    below.set_ylabel("difference from\nV = 0 [e²/h]")
    return figure


@style()
def recovered(true, mean, spread, antidots, radius=5):
    """The true LDOS (L, W) [1/t], the posterior mean, their difference and the posterior's standard
    deviation, antidots (K, 2) outlined."""
    figure = canvas(2.9)
    top = np.quantile(true, 0.995)
    error = float(abs(mean - true).max())
    panels = (
        ("(a) true LDOS [1/t]", true, {"vmin": 0, "vmax": top}),
        ("(b) posterior mean", mean, {"vmin": 0, "vmax": top}),
        ("(c) (b) less (a)", mean - true, {"cmap": "RdBu_r", "vmin": -error, "vmax": error}),
        ("(d) standard deviation", spread, {"cmap": "viridis", "vmin": 0}),
    )
    for ax, (title, image, options) in zip(figure.subplots(1, 4, sharey=True), panels, strict=True):
        shown = ldos_image(ax, image, antidots, radius, **options)
        ax.set_title(title, loc="left", fontsize=9)
        figure.colorbar(shown, ax=ax, orientation="horizontal", fraction=0.05, pad=0.03)
        if ax.get_subplotspec().colspan.start:
            ax.set_ylabel("")
    return figure


@style()
def any_number(wires, radius=5):
    """Wires of some numbers of antidots in columns: the true LDOS (L, W) [1/t], the mean image of
    the samples, and how many centres are expected at each site; true antidots outlined, those of
    the answer dotted. wires: (title, true antidots, answer, true image, mean image, density)."""
    figure = canvas(6.6)
    rows = "true LDOS", "the network's mean image", "centres expected"
    axes = figure.subplots(3, len(wires), sharex=True, sharey=True)
    for column, (title, truth, answer, true, mean, density) in zip(axes.T, wires, strict=True):
        options = {"vmin": 0, "vmax": np.quantile(true, 0.995)}
        for ax, image in zip(column, (true, mean)):
            ldos_image(ax, image, truth, radius, labels=False, **options)
        norm = PowerNorm(0.5, vmin=0, vmax=max(density.max(), 0.05))
        ldos_image(column[2], density, truth, radius, labels=False, cmap="viridis", norm=norm)
        outline(column[1], answer, radius, edgecolor=LIGHT, linestyle=":")
        column[0].set_title(title)
    for ax, label in zip(axes[:, 0], rows, strict=True):
        ax.set_ylabel(label)
    return figure


@style()
def ladder(rows):
    """Share of curves that are *not* answered exactly, and not within one site, on a logarithmic
    axis; rows: {label: (n, (exact, (low, high)), (within one, (low, high)))}, shares that are."""
    figure = canvas(1.3 + 0.36 * len(rows))
    ax, top = figure.subplots(), len(rows) - 1
    for k, (n, *shares) in enumerate(rows.values()):
        for offset, color, (share, (low, high)) in zip((-0.13, 0.13), (RED, BLUE), shares):
            least = 0.3 / n  # where the axis of a share of n begins
            place, ends = top - k + offset, [max(1 - high, least), max(1 - low, least)]
            if share == 1:  # none is wrong: what the interval allows at most
                ax.plot(ends[1], place, "<", color=color, markerfacecolor="white")
                continue
            ax.plot(ends, [place, place], color=color, linewidth=1.6)
            ax.plot(1 - share, place, "o", color=color, markersize=5)
    ax.set(xscale="log", xlabel="share of wrong answers", ylim=(-0.6, top + 0.6))
    ax.set_yticks(range(top, -1, -1), rows)
    ax.grid(axis="x", color="0.9")
    ticks = [tick for tick in TICKS if ax.get_xlim()[0] < tick < ax.get_xlim()[1]]
    ax.set_xticks(ticks, [f"{100 * tick:g} %" for tick in ticks])
    ax.set_xticks([], minor=True)
    ax.plot([], [], "o", color=BLUE, label="not within one site")
    ax.plot([], [], "o", color=RED, label="not exact")
    limit = {"color": GREY, "markerfacecolor": "white", "label": "none wrong: at most"}
    ax.plot([], [], "<", **limit)
    figure.legend(loc="outside lower center", ncols=3)
    return figure


@style()
def flags(rows):
    """Share of curves that are flagged, by the exact likelihood and by the network's novelty; rows:
    {label: ((share, (low, high)), (share, (low, high)))}."""
    figure = canvas(1.2 + 0.32 * len(rows))
    ax = figure.subplots()
    top = len(rows) - 1
    for k, pair in enumerate(rows.values()):
        for offset, color, (share, (low, high)) in zip((0.13, -0.13), (GREEN, ORANGE), pair):
            ax.plot([low, high], [top - k + offset] * 2, color=color, linewidth=1.6)
            ax.plot(share, top - k + offset, "o", color=color, markersize=5)
    ax.plot([], [], "o", color=GREEN, label="exact likelihood")
    ax.plot([], [], "o", color=ORANGE, label="novelty of the network's answer")
    ax.set(xlabel="share flagged", xlim=(-0.02, 1.02), ylim=(-0.6, top + 0.6))
    ax.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    ax.set_yticks(range(top, -1, -1), rows)
    figure.legend(loc="outside lower center", ncols=2)
    return figure


@style()
def limits(panels, most):
    """What a curve fixes, against what is varied: share exact and within one site (bars: 95 %
    intervals), mean probability of the answer, and bits on the right axis, `most` at best.

    panels: {axis label: rows}, at most five, rows of dicts with value, exact, within_1, certainty
    and bits."""
    figure = canvas(5.2)
    axes = figure.subplots(2, 3, sharey=True).ravel()
    for ax, (label, rows) in zip(axes, panels.items()):
        x = np.arange(len(rows))
        for key, color, name in (("within_1", BLUE, "within one site"), ("exact", RED, "exact")):
            share = np.array([row[key] for row in rows])
            low, high = np.array([row[f"{key}_interval"] for row in rows]).T
            bars = np.maximum([share - low, high - share], 0)
            ax.errorbar(x, share, bars, color=color, fmt="o-", markersize=4, label=name)
        certainty = [row["certainty"] for row in rows]
        ax.plot(x, certainty, "x", color="black", markersize=5, label="probability of the answer")
        bits = [row["bits"] / most for row in rows]
        ax.plot(x, bits, "s--", color=GREY, markersize=3.5, label=f"bits, of {most:.0f}")
        ax.set(xlabel=label, ylim=(0, 1.03))
        ax.set_xticks(x, [f"{row['value']:.{2 + (row['value'] >= 100)}g}" for row in rows])
    for ax in axes[::3]:
        ax.set_ylabel("share")
    for ax in axes[len(panels) :]:
        ax.set_axis_off()
        ax.legend(*axes[0].get_legend_handles_labels(), loc="center")
    return figure


@style()
def ambiguous(panels, axes_of, fields, changes, spread):
    """Why a posterior is wide: what small moves change in the curve, beside what the unknown
    potential does; below, the posterior over x2 and dy for each level of noise.

    panels: {noise [e^2/h]: array (dy, x1, x2) of probability}; axes_of: the values (dy, x1, x2) and
    the true one; changes {move: (F,)} of the curve at V = 0 and standard deviation (F,) [e^2/h]."""
    (dy, _, x2), truth = axes_of
    figure = canvas(5.2)
    above, below = figure.subfigures(2, 1, height_ratios=[1.1, 1])
    ax = above.subplots()
    ax.fill_between(fields, -spread, spread, color="0.85", label="unknown potential: ± 1 st. dev.")
    for (label, change), color, line in zip(changes.items(), (BLUE, RED), ("-", "--"), strict=True):
        curve(ax, fields, change, color=color, linestyle=line, label=label)
    ax.set(ylabel="change of G [e²/h]", title="(a) what a move of one site does to the curve")
    above.legend(loc="outside lower center", ncols=3)
    grid = below.subplots(1, len(panels), sharex=True, sharey=True, squeeze=False)[0]
    edges = (dy[0] - 0.5, dy[-1] + 0.5, x2[0] - 0.5, x2[-1] + 0.5)
    for ax, letter, (noise, maps) in zip(grid, "bcd", panels.items(), strict=False):
        p = maps.sum(axis=1).T
        look = {"origin": "lower", "extent": edges, "aspect": "auto", "cmap": "Blues"}
        shown = ax.imshow(p, vmin=0, vmax=max(m.max() for m in panels.values()), **look)
        ax.plot(truth[2], truth[1], "o", color=ORANGE, markerfacecolor="none", markersize=11)
        ax.set(title=f"({letter}) noise {noise} e²/h", xlabel="Δy [site]")
        ax.xaxis.set_major_locator(MaxNLocator(8, integer=True))
        ax.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    grid[0].set_ylabel("$x_2$ [site]")
    below.colorbar(shown, ax=grid, label="probability", fraction=0.04)
    return figure
