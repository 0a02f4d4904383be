"""Figures of how far the decoder holds (notebook 14) and of what it has in memory (17).

As in `figures`, whose helpers they use: arrays to a Matplotlib figure, one function a figure;
nothing is computed here.
"""

import numpy as np
from matplotlib.ticker import NullFormatter, PercentFormatter, ScalarFormatter

from qfp.figures.wire import BLUE, GREEN, GREY, ORANGE, RED, canvas, style

LOOKS = ((BLUE, "o", "-"), (RED, "D", "-."), (GREEN, "s", "--"))
CLOSE = 1.1  # ratio of changes whose points share a label
SAMPLERS = {"ancestral": "ancestral (DDPM)", "ddim": "DDIM", "dpm2m": "DPM-Solver++(2M)"}
CLOUDS = {
    "test, exact": (BLUE, "o", 9),
    "test, not exact": (RED, "X", 34),
    "training, exact": (GREEN, "^", 11),
    "training, not exact": (ORANGE, "P", 34),
    "without a curve": (GREY, "s", 7),
    "a decoder that remembers": ("black", "_", 18),
}


def _share(ax):
    """Axis of shares from 0 to 1."""
    ax.set_ylim(-0.03, 1.03)
    ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))


def _points(ax, x, shares, look, label):
    """A line of shares (3, K): value and ends of its interval."""
    color, marker, line = look
    y, low, high = np.asarray(shares)
    ax.errorbar(
        x,
        y,
        [y - low, high - y],
        color=color,
        marker=marker,
        linestyle=line,
        markersize=4,
        elinewidth=1,
        linewidth=1.2,
        label=label,
    )


@style()
def factors(panels):
    """Shares with their intervals against what is changed, a panel for each factor.

    panels: {title: (axis label, values (K,), {name: shares (3, K)}, {name: share of the reference}
    or None, joined)}, the same names in all; the reference is drawn as a line where it has no value
    of its own. Points that are not `joined` stand side by side. A panel whose smallest step is
    below a tenth of its range is drawn on a logarithmic axis around 0."""
    figure = canvas(5.6)
    columns = -(-len(panels) // 2)
    axes = figure.subplots(2, columns, sharey=True, squeeze=False)
    for ax, (title, (label, values, lines, reference, joined)) in zip(
        axes.flat, panels.items(), strict=True
    ):
        beside = 0 if joined else 0.03 * np.ptp(values)
        for k, ((name, shares), look) in enumerate(zip(lines.items(), LOOKS, strict=True)):
            look = look if joined else (*look[:2], "none")
            _points(ax, values + (k - 1) * beside, shares, look, name)
            if reference is not None:
                ax.axhline(reference[name], color=look[0], linewidth=0.8, alpha=0.6, zorder=0)
        if np.diff(values).min() < 0.1 * np.ptp(values):
            ax.set_xscale("symlog", linthresh=values[1], linscale=0.5)
            ax.xaxis.set_minor_formatter(NullFormatter())
        ax.set_xticks(values, [f"{value:g}".replace("-", "−") for value in values])
        ax.minorticks_off()
        ax.set(title=title, xlabel=label)
        _share(ax)
    for ax in axes[:, 0]:
        ax.set_ylabel("share of test curves")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


@style()
def steps(panels):
    """What a sample is worth against the network evaluations that it takes, a panel for each
    measure, scaled to what it shows.

    panels: {axis label: {sampler: (evaluations (K,), values with their intervals (3, K))}}; a label
    that begins with 'share' is one of shares."""
    figure = canvas(3.4)
    for ax, (label, lines) in zip(
        figure.subplots(1, len(panels), squeeze=False)[0], panels.items(), strict=True
    ):
        for shift, ((name, (evaluations, values)), look) in enumerate(zip(lines.items(), LOOKS)):
            beside = np.asarray(evaluations) * 1.12 ** (shift - 1)
            _points(ax, beside, values, look, SAMPLERS.get(name, name))
        ax.set_xscale("log")
        ticks = sorted({int(n) for evaluations, _ in lines.values() for n in evaluations})
        ax.set_xticks(ticks, ticks)
        ax.minorticks_off()
        ax.set(xlabel="network evaluations a sample", ylabel=label)
        if label.startswith("share"):
            ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    handles, names = ax.get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=len(names))
    return figure


def _labels(ax, x, y, names, color):
    """Names above the points (x, y), one text for points that lie above each other."""
    columns = []
    for point in sorted(zip(x, y, names)):
        if columns and point[0] < CLOSE * columns[-1][0][0]:
            columns[-1].append(point)
        else:
            columns.append([point])
    for column in columns:
        place = column[0][0], max(top for _, top, _ in column)
        text = ", ".join(sorted((name for *_, name in column), key=float))
        ax.annotate(
            text,
            place,
            (0, 2),
            textcoords="offset points",
            ha="center",
            va="bottom",
            fontsize=8.5,
            color=color,
        )


@style()
def against_change(panels):
    """Shares against how much the curves change, whatever changed them: {title: {cause: (change
    (K,) [e²/h], shares (3, K), names)}}.

    Where there are names (K,), the points are not joined, and have them beside."""
    figure = canvas(3.3)
    axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for ax, (title, lines) in zip(axes, panels.items(), strict=True):
        for (cause, (change, shares, names)), look in zip(lines.items(), LOOKS, strict=True):
            _points(ax, change, shares, (*look[:2], "none") if names else look, cause)
            _labels(ax, change, np.asarray(shares)[2], names or (), look[0])
        ax.set_xscale("log")
        ax.xaxis.set_major_formatter(ScalarFormatter())
        ax.set(
            title=title,
            xlabel="change of the curve, RMS [e²/h]",
            xticks=[0.01, 0.02, 0.05, 0.1, 0.2],
        )
        ax.minorticks_off()
        _share(ax)
        ax.set_ylim(top=1.12)  # room for names
    axes[0].set_ylabel("share of test curves")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


@style()
def distances(clouds, neighbours):
    """Distance of images to the truth against that to the nearest training image, and how near
    training images lie at all.

    clouds: {name of CLOUDS: (distance to the nearest training image (B,), to the truth (B,))};
    neighbours: {label: distances to the nearest training image (B,)}. All in units of the LDOS'
    standard deviation."""
    figure = canvas(4.4)
    left, right = figure.subplots(1, 2, width_ratios=[1.25, 1])
    reach = 1.04 * max(np.max(near) for near, _ in clouds.values())
    _truth_or_memory(left, clouds, reach)
    _how_near(right, neighbours, reach)
    handles = left.get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=3, markerscale=1.3)
    return figure


def _truth_or_memory(ax, clouds, reach):
    """Distance to the truth against that to the nearest training image; `reach` of the latter."""
    for name, (near, truth) in clouds.items():
        color, marker, size = CLOUDS[name]
        ax.scatter(
            near,
            truth,
            s=size,
            color=color,
            marker=marker,
            alpha=0.6,
            linewidths=0 if marker != "_" else 1,
            label=name,
            rasterized=True,
        )
    top = 1.04 * max(np.max(truth) for _, truth in clouds.values())
    ax.plot([0, top], [0, top], color="black", linestyle="--", linewidth=1, zorder=0)
    ax.set(
        xlim=(-0.03, reach),
        ylim=(0, top),
        xlabel="distance to the nearest training image [σ]",
        ylabel="distance to the truth [σ]",
        title="(a) truth or memory",
    )
    below = "below the diagonal:\nnearer to the truth"
    ax.text(0.97 * reach, 0.02 * top, below, ha="right", fontsize=8.5)
    ax.text(0.05 * reach, 0.98 * top, "above: nearer to a training image", va="top", fontsize=8.5)


def _how_near(ax, neighbours, reach):
    """Shares of images whose nearest training image is at most so far."""
    lines = zip(neighbours.items(), (("black", ":"), (BLUE, "-"), (GREEN, "--"), (GREY, "-.")))
    for (label, values), (color, line) in lines:
        values, shares = np.sort(values), np.arange(1, len(values) + 1) / len(values)
        ax.step(values, shares, where="post", color=color, linestyle=line, label=label)
    ax.set(
        xlim=(0, 1.4 * reach),  # room for names
        xlabel="distance to the nearest training image [σ]",
        ylabel="share of images at most so far",
        title="(b) how near is the nearest",
    )
    _share(ax)
    ax.legend(loc="lower right", borderaxespad=0.1)
