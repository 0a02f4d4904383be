"""Figures of attention weights beside wave functions (notebook 08). As in `figures`, whose helpers
they use: arrays to a Matplotlib figure, one function a figure; nothing is computed here.
"""

import numpy as np
from matplotlib.ticker import PercentFormatter

from qfp.figures.attention import dots
from qfp.figures.wire import BLUE, GREEN, GREY, ORANGE, canvas, style


@style()
def wave_correlation(heads):
    """Does A_ij follow the wave functions? Left: partial rank correlation of each head with C_ij of
    the own wire and of another; right: their difference with its interval.

    heads {'all', 'away': {head: row}}: all cells and those away from antidots, of study `waves`."""
    labels = list(heads["all"])
    own, other = (
        np.array([heads["all"][name][key] for name in labels]) for key in ("own", "other")
    )
    figure = canvas(1.5 + 0.26 * len(labels))
    left, right = figure.subplots(1, 2)
    nothing = np.full((len(labels), 2), np.nan)
    dots(left, labels, other, nothing, ORANGE, 0.12, label="another wire's waves", marker="s")
    dots(left, labels, own, nothing, BLUE, -0.12, label="the own waves")
    for (cells, rows), color, shift in zip(heads.items(), (BLUE, GREEN), (-0.14, 0.14)):
        values, bounds = (
            np.array([row[key] for row in rows.values()])
            for key in ("difference", "difference_interval")
        )
        text = {"all": "all cells", "away": "away from antidots"}[cells]
        dots(right, labels, values, bounds, color, shift, label=text)
    left.set(xlabel="partial rank correlation")
    right.set(xlabel="own − other")
    right.tick_params(labelleft=False)
    for ax in (left, right):
        ax.axvline(0, color=GREY, linewidth=0.8)
        ax.legend(fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.22), ncols=2)
    return figure


@style()
def wave_power(power):
    """How often the test of `wave_correlation` finds a signal that was planted, over its strength.

    power: of study `waves`."""
    figure = canvas(3.0, 5.2)
    ax = figure.subplots()
    looks = {"all": ("o-", BLUE, "all cells"), "away": ("s--", GREEN, "away from antidots")}
    for cells, (line, color, label) in looks.items():
        ax.plot(power["strengths"], power[cells]["detected"], line, color=color, label=label)
    ax.set(ylim=(-0.03, 1.03), ylabel="share of cases in which it is seen")
    ax.set(xlabel="strength of the planted signal [spread of the noise in ln A]")
    ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    ax.legend(loc="lower right")
    return figure
