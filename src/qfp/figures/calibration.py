"""Figures of calibration (notebook 13): whether shares can be read as probabilities, and whether
the truth is like one more sample.

As in `figures`, whose helpers they use: arrays to a Matplotlib figure, one function a figure;
nothing is computed here.
"""

import numpy as np
from matplotlib.ticker import PercentFormatter

from qfp.figures.wire import BLUE, GREY, RED, canvas, style

BAND = "#D9D9D9"
FEW = 10  # curves: a distribution of fewer is no curve to look at


def _diagram(ax, bins, label=None, color=BLUE, marker="o", shift=0.0, **line):
    """Points of a reliability diagram with their intervals: bins as forecasts.binned gives them,
    drawn `shift` beside."""
    some = [part for part in bins if part["n"]]
    x, y = (np.array([part[key] for part in some]) for key in ("forecast", "right"))
    low, high = np.array([part["right_interval"] for part in some]).T
    ax.errorbar(
        x + shift,
        y,
        [y - low, high - y],
        color=color,
        marker=marker,
        markersize=4.5,
        linestyle="none",
        elinewidth=1.2,
        label=label,
        **line,
    )


def _diagonal(ax):
    """The line of perfect calibration, and axes from 0 to 1."""
    ax.plot([0, 1], [0, 1], color="black", linestyle="--", linewidth=1, zorder=0)
    ax.set(
        xlim=(-0.03, 1.03),
        ylim=(-0.03, 1.03),
        xticks=[0, 0.5, 1],
        yticks=[0, 0.5, 1],
        aspect="equal",
    )
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter(PercentFormatter(1, decimals=0))


def _histogram(ax, histogram, band):
    """Histogram of ranks over their band (2, cells)."""
    cells = len(histogram)
    ax.fill_between(
        np.arange(cells + 1) - 0.5,
        *(np.append(edge, edge[-1]) for edge in band),
        step="post",
        color=BAND,
        linewidth=0,
    )
    ax.bar(np.arange(cells), histogram, width=0.85, color=BLUE)
    ax.axhline(sum(histogram) / cells, color="black", linestyle="--", linewidth=1)
    ax.set(xlim=(-0.7, cells - 0.3), xticks=[0, cells // 2, cells - 1])


def _difference(ax, difference, band, color=BLUE):
    """ECDF of ranks less the uniform one (cells - 1,), with its band (2, cells - 1)."""
    rank = np.linspace(0, 1, len(difference) + 2)
    # 0 below rank 0 and at the last
    closed = [np.concatenate([[0], values, [0]]) for values in (*band, difference)]
    ax.fill_between(rank, closed[0], closed[1], color=color, alpha=0.15, linewidth=0)
    ax.plot(rank, closed[2], color=color, marker=".", markersize=3, linewidth=1)
    ax.axhline(0, color="black", linestyle="--", linewidth=1)
    ax.set(xlim=(0, 1), xticks=[0, 0.5, 1], xlabel="relative rank")


@style()
def reliability(panels):
    """Reliability diagrams, and below each how many forecasts lie in its bins.

    panels: {title: {what is drawn: bins of forecasts.binned}}, one or two in a panel; the first
    one's are counted."""
    figure = canvas(4.2)
    axes = figure.subplots(2, len(panels), squeeze=False, height_ratios=[3, 1], sharex="col")
    looks = (
        {"color": BLUE, "marker": "o"},
        {"color": GREY, "marker": "s", "markerfacecolor": "white", "shift": -0.025},
    )
    for (title, drawn), ax, below in zip(panels.items(), *axes):
        _diagonal(ax)
        for (label, bins), look in reversed(list(zip(drawn.items(), looks))):
            _diagram(ax, bins, label, **look)
        ax.set_title(title)
        bins = next(iter(drawn.values()))
        for part in (part for part in bins if part["n"]):
            color = BLUE if part["from"] < part["to"] else RED
            below.plot(part["forecast"], part["n"], "o", color=color, markersize=4.5)
            place = part["forecast"], part["n"]
            below.annotate(
                f"{part['n']:,}", place, (0, 4), textcoords="offset points", ha="center", fontsize=8
            )
        most = max(part["n"] for part in bins)
        below.set(yscale="log", ylim=(0.5, 12 * most), xlabel="share of samples")
        below.set_yticks([1, 10, 100, 1000], ["1", "10", "100", "1,000"])
        below.minorticks_off()
    axes[0, 0].set_ylabel("share right")
    axes[1, 0].set_ylabel("forecasts")
    figure.align_ylabels(axes[:, 0])
    handles = {
        label: handle for ax in axes[0] for handle, label in zip(*ax.get_legend_handles_labels())
    }
    order = [label for drawn in panels.values() for label in drawn]
    names = list(dict.fromkeys(order))
    figure.legend(
        [handles[name] for name in names], names, loc="outside lower center", ncols=len(names)
    )
    return figure


@style()
def ranks(coordinates):
    """Histograms of the truth's rank over their bands, and below the ECDFs less the uniform one, a
    row for each kind of curves.

    coordinates: {name: (histogram (cells,), its band (2, cells), {kind: (number, difference (cells
    - 1,), its band)})}, the same kinds for all; one of fewer than FEW curves stays empty."""
    figure = canvas(6.0)
    kinds = list(next(iter(coordinates.values()))[2])
    axes = figure.subplots(1 + len(kinds), len(coordinates), squeeze=False, sharey="row")
    for (name, (histogram, band, differences)), (above, *below) in zip(coordinates.items(), axes.T):
        _histogram(above, histogram, band)
        above.set(title=name, xlabel="rank of the truth")
        for ax, (number, difference, limits), color in zip(
            below, differences.values(), (BLUE, RED)
        ):
            if number >= FEW:
                _difference(ax, difference, limits, color)
            else:
                ax.set(xlim=(0, 1), xticks=[0, 0.5, 1], xlabel="relative rank")
            ax.text(
                0.97,
                0.95,
                f"{number} curves" if number >= FEW else f"{number} curves: too few",
                transform=ax.transAxes,
                ha="right",
                va="top",
                fontsize=8,
                color=GREY,
            )
    for ax, label in zip(axes[:, 0], ("curves", *(f"ECDF − uniform,\n{kind}" for kind in kinds))):
        ax.set_ylabel(label)
    return figure


@style()
def comparison(cases):
    """What each fault looks like: reliability diagram, histogram of ranks and ECDF difference, a
    column for each sampler.

    cases: {title: {'bins', 'histogram' (cells,), 'band' (2, cells), 'difference' (cells - 1,),
    'limits' (2, cells - 1)}}."""
    figure = canvas(5.0)
    axes = figure.subplots(3, len(cases), sharey="row", squeeze=False, height_ratios=[1.5, 1, 1])
    for (title, case), (top, middle, bottom) in zip(cases.items(), axes.T):
        _diagonal(top)
        _diagram(top, case["bins"])
        top.set_title(title)
        top.set_xlabel("share of samples")
        _histogram(middle, case["histogram"], case["band"])
        middle.set_xlabel("rank of the truth")
        _difference(bottom, case["difference"], case["limits"])
    for ax, label in zip(axes[:, 0], ("share right", "curves", "ECDF − uniform")):
        ax.set_ylabel(label)
    figure.align_ylabels(axes[:, 0])
    return figure
