"""Figures of the network: what it is made of, how it is trained, what its parts bring, and the
explorer.

As in `figures`, whose helpers they use: arrays to a Matplotlib figure, one function a figure;
nothing is computed here.
"""

from itertools import chain

import matplotlib
import numpy as np
from matplotlib.lines import Line2D

from qfp.figures.wire import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    RED,
    SKY,
    canvas,
    curve,
    ldos_image,
    style,
)

# --- notebook 04


@style()
def forward_process(images, steps, ratio, antidots=(), radius=5):
    """Noisy images (S, L, W) side by side, in normalised units, with their steps (S,), which are
    shown counted from 1, and noise over signal σ/α (S,)."""
    figure = canvas(2.2)
    axes = figure.subplots(1, len(images), sharex=True, sharey=True)
    for ax, image, step, noise in zip(axes, images, steps, ratio):
        shown = ldos_image(ax, image, antidots, radius, vmin=-2.5, vmax=3.5)
        ax.set(xticks=[0, 25, 49], yticks=[0, 30, 59])
        ax.label_outer()
        told = f"= {noise:.2g}" if noise < 100 else "> 100"
        ax.set_title(f"step {step + 1}\nσ/α {told}", fontsize=8.5)
    figure.colorbar(shown, ax=axes, label="image [std]", shrink=0.8, pad=0.01)
    return figure


@style()
def training_steps(ratio, loss, curve_loss):
    """A short training: loss of each image (steps, batch) over its noise level, and the curve
    head's loss by step."""
    figure = canvas(2.9)
    left, right = figure.subplots(1, 2)
    number = np.broadcast_to(np.arange(1, len(loss) + 1)[:, None], loss.shape)
    shown = left.scatter(ratio, loss, c=number, s=8, cmap="viridis", linewidths=0)
    figure.colorbar(shown, ax=left, label="training step")
    left.set(xscale="log", xlabel="noise over signal σ/α", ylabel="squared error of one image")
    right.plot(number[:, 0], curve_loss, color=RED)
    right.set(xlabel="training step", ylabel="read-out: cross-entropy [nat]")
    return figure


@style()
def training_log(minutes, levels, score_minutes, scores):
    """Log of a whole run: loss by noise level {name: (S,)} and shares on development curves {name:
    (K,)}."""
    figure = canvas(3.0)
    left, right = figure.subplots(1, 2)
    shades = matplotlib.colormaps["viridis"](np.linspace(0.0, 0.85, len(levels)))
    for color, (name, loss) in zip(shades, levels.items()):
        width = min(9, len(loss))
        left.plot(minutes, loss, color=color, alpha=0.25, linewidth=0.8)
        smooth = np.convolve(loss, np.ones(width) / width, "valid")
        left.plot(
            minutes[width // 2 : width // 2 + len(smooth)], smooth, color=color, label=f"σ/α {name}"
        )
    left.set(yscale="log", xlabel="minutes", ylabel="loss (mean squared error)")
    left.legend()
    for marker, (name, share) in zip("osD^v", scores.items()):
        right.plot(score_minutes, share, marker=marker, markersize=3, label=name)
    lowest = min(min(share) for share in scores.values())
    # room for the legend
    right.set(
        xlabel="minutes", ylabel="score on unseen curves", ylim=(max(0.0, lowest - 0.35), 1.02)
    )
    right.legend(loc="lower right")
    return figure


@style()
def learning(minutes, scores, wanted):
    """Shares on unseen curves {label: (3, K) value, low, high} over minutes of training (K,); a
    line at `wanted`."""
    figure = canvas(2.9)
    ax = figure.subplots()
    for color, marker, (label, (value, low, high)) in zip(
        [BLUE, RED, GREEN], "osD", scores.items()
    ):
        ax.plot(minutes, value, color=color, marker=marker, markersize=4, label=label)
        ax.fill_between(minutes, low, high, color=color, alpha=0.18, linewidth=0)
    ax.axhline(wanted, color="black", linestyle="--", linewidth=1)
    ax.set(
        xlabel="minutes of training",
        ylabel="share of unseen curves",
        xlim=(0, None),
        ylim=(-0.02, 1.02),
    )
    figure.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


@style()
def score_against_noise(panels, called=None):
    """Score of the clean image predicted in one evaluation, against the noise σ/α of the image that
    was given.

    panels: {label of the score: {network: dict of noise (K,), given and null (3, K) [value, low,
    high], readout}}, as diagnose.lines gives them; called: names of networks. Solid: with
    the curve; dashed: from the noisy image alone; dotted: positions read off the curve's features,
    without any image (None: no such score). The last point has noise alone and stands at 250."""
    figure = canvas(3.9)
    for ax, (label, networks) in zip(
        figure.subplots(1, len(panels), squeeze=False)[0], panels.items()
    ):
        styles = zip([BLUE, RED, GREEN, ORANGE, PURPLE], "osD^v", strict=False)
        for (name, row), (color, marker) in zip(networks.items(), styles):
            noise = np.append(row["noise"][:-1], 250)
            for kind, line in (
                ("given", {"marker": marker, "label": (called or {}).get(name, name)}),
                ("null", {"linestyle": "--"}),
            ):
                value, low, high = row[kind]
                ax.plot(noise, value, color=color, markersize=3.5, linewidth=1.2, **line)
                ax.fill_between(noise, low, high, color=color, alpha=0.15, linewidth=0)
            if row["readout"] is not None:
                ax.axhline(row["readout"], color=color, linestyle=":", linewidth=1.6)
        ax.set(xscale="log", xlabel="noise over signal σ/α", ylabel=label, ylim=(-0.02, 1.03))
        ax.set_xticks([0.2, 1, 5, 25, 250], ["0.2", "1", "5", "25", "noise"])
        ax.minorticks_off()
    kinds = {"noisy image and curve": "-", "noisy image alone": "--", "curve's features alone": ":"}
    kinds = [(Line2D([], [], color=GREY, linestyle=line), kind) for kind, line in kinds.items()]
    networks = list(zip(*ax.get_legend_handles_labels()))
    empty = [(Line2D([], [], linestyle="none"), "")] * (-len(networks) % len(kinds))
    # a legend is filled by columns: networks, then kinds
    rows = [*networks, *empty, *kinds]
    entries = [entry for k in range(len(kinds)) for entry in rows[k :: len(kinds)]]
    figure.legend(*zip(*entries), loc="outside lower center", ncols=len(kinds))
    return figure


# --- notebook 10


@style()
def wire_and_curve(image, antidots, fields, conductance, radius=5, title=None):
    """LDOS (L, W) of a wire and its curve (F,)."""
    figure = canvas(3.1)
    left, right = figure.subplots(1, 2, width_ratios=[1, 1.5])
    shown = ldos_image(left, image, antidots, radius, vmin=0, vmax=np.quantile(image, 0.995))
    figure.colorbar(shown, ax=left, label="LDOS [1/t]")
    curve(right, fields, conductance, marker="o", markersize=2.5, linewidth=1)
    right.set(ylim=(2.5, 9))
    if title:
        right.set_title(title)
    return figure


@style()
def truth_and_samples(truth, antidots, images, found, radius=5):
    """True LDOS (L, W) beside decoded ones (S, L, W), each with its own antidots (S, 2, 2), on one
    colour scale."""
    figure = canvas(2.15)
    top = np.quantile(truth, 0.995)
    columns = [
        ("truth", truth, antidots),
        *((f"sample {i + 1}", *pair) for i, pair in enumerate(zip(images, found))),
    ]
    for ax, (name, image, pair) in zip(figure.subplots(1, len(columns)), columns):
        shown = ldos_image(ax, image, pair, radius, vmin=0, vmax=top, labels=False)
        places = "  ".join(f"({x}, {y})" for x, y in pair)
        ax.set_title(f"{name}\n{places}", fontsize=8)
    figure.colorbar(shown, ax=figure.axes, label="LDOS [1/t]", shrink=0.7, pad=0.01)
    return figure


@style()
def ablations(rows, scores, groups, called=None):
    """Scores of short trainings against minutes: a row of panels for each score, a column for each
    group of trainings.

    rows: {name: (minutes (K,), {score: (3, K) value, low, high})}, the first of them, with which
    the others are compared, in every column; groups: {title: rows}, others in the last one, too;
    called: names of rows. Bars are the intervals of the last look."""
    figure = canvas(6.6)
    axes = figure.subplots(len(scores), len(groups), sharex=True, sharey="row", squeeze=False)
    first, *others = rows
    named = {name for names in groups.values() for name in names}
    columns = {title: [name for name in names if name in others] for title, names in groups.items()}
    list(columns.values())[-1].extend(name for name in others if name not in named)
    for column, (title, names) in zip(axes.T, columns.items(), strict=True):
        looks = (
            (color, line)
            for line in ("-", "--")
            for color in (BLUE, RED, GREEN, ORANGE, PURPLE, SKY)
        )
        for name, (color, line), marker in zip(
            [first, *names], chain([("black", "-")], looks), "os^DvPX*<>hd", strict=False
        ):
            minutes, shares = rows[name]
            for ax, score in zip(column, scores, strict=True):
                value, low, high = shares[score]
                ax.plot(
                    minutes,
                    value,
                    line,
                    color=color,
                    marker=marker,
                    markersize=3.5,
                    linewidth=1.2,
                    label=(called or {}).get(name, name),
                )
                ax.plot([minutes[-1]] * 2, [low[-1], high[-1]], color=color, linewidth=1)
        column[0].set_title(title)
        column[-1].set_xlabel("minutes of training")
        column[-1].legend(loc="upper center", bbox_to_anchor=(0.5, -0.24))
    for ax, score in zip(axes[:, 0], scores, strict=True):
        ax.set(ylabel=score, ylim=(-0.02, None), xlim=(0, None))
    return figure
