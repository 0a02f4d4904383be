"""Figures of exact inference: arrays to a Matplotlib figure, one function a figure."""

import numpy as np

from qfp.figures.wire import BLUE, GREEN, GREY, ORANGE, RED, canvas, curve, ldos_image, style

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
    below.set_ylabel("less that at V = 0")
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
def ladder(rows):
    """Share of curves that are *not* answered exactly, and not within one site, on a logarithmic
    axis; rows: {label: (n, (exact, (low, high)), (within one, (low, high)))}, shares that are."""
    figure = canvas(1.2 + 0.36 * len(rows))
    ax = figure.subplots()
    top = len(rows) - 1
    for k, (n, *shares) in enumerate(rows.values()):
        for offset, color, (share, (low, high)) in zip((0.13, -0.13), (RED, BLUE), shares):
            least = 0.3 / n  # none of n: an open mark at the left
            place, wrong = top - k + offset, max(1 - share, least)
            ends = [max(1 - high, least), max(1 - low, least)]
            ax.plot(ends, [place, place], color=color, linewidth=1.6)
            face = color if share < 1 else "white"
            ax.plot(wrong, place, "o", color=color, markerfacecolor=face, markersize=5)
    ax.plot([], [], "o", color=RED, label="not exact")
    ax.plot([], [], "o", color=BLUE, label="not within one site")
    ax.plot([], [], "o", color="black", markerfacecolor="white", label="none")
    ax.set(xscale="log", xlabel="share of the curves (95 % intervals)", ylim=(-0.6, top + 0.6))
    ax.set_yticks(range(top, -1, -1), rows)
    ticks = [tick for tick in TICKS if ax.get_xlim()[0] < tick < ax.get_xlim()[1]]
    ax.set_xticks(ticks, [f"{100 * tick:g} %" for tick in ticks])
    ax.set_xticks([], minor=True)
    ax.grid(axis="x", color="0.9")
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
    ax.set(xlabel="share flagged (95 % intervals)", xlim=(-0.02, 1.02), ylim=(-0.6, top + 0.6))
    ax.set_yticks(range(top, -1, -1), rows)
    figure.legend(loc="outside lower center", ncols=2)
    return figure
