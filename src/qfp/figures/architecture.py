"""The network as the paper's Fig. 2 draws it, and the flow of data in its training."""

import numpy as np
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from qfp.figures.wire import BLUE, GREEN, GREY, RED, canvas, style

INK = "#303030"


def _box(ax, x, y, width, height, text, color, **options):
    """Rounded box centred at (x, y) with text in it."""
    ax.add_patch(
        FancyBboxPatch(
            (x - width / 2, y - height / 2),
            width,
            height,
            boxstyle="round,pad=0,rounding_size=0.06",
            facecolor=color,
            edgecolor="none",
        )
    )
    ax.text(
        x,
        y,
        text,
        ha="center",
        va="center",
        **{"fontsize": 8, "color": "white", "linespacing": 1.25, **options},
    )


def _arrow(ax, start, end, color=GREY, **options):
    ax.add_patch(
        FancyArrowPatch(
            start,
            end,
            arrowstyle="-|>",
            mutation_scale=9,
            color=color,
            shrinkA=0,
            shrinkB=0,
            **{"linewidth": 1.2, **options},
        )
    )


def _note(ax, x, y, text, **options):
    """Small grey text."""
    look = {"va": "center", "fontsize": 7.5, "color": GREY, **options}
    ax.text(x, y, text, **look)


def _ends(ax, unshuffle):
    """Where the image comes in and the prediction goes out."""
    for x, image, stem in (
        (-3.0, "noisy image x$_t$\n60 × 60", "pixel-unshuffle"),
        (3.0, "prediction\n60 × 60", "pixel-shuffle"),
    ):
        _box(ax, x, 1.1, 2.2, 0.56, image, INK)
        _arrow(ax, *sorted([(x, 0.82), (x, 0.02)], reverse=x < 0))
        text = "conv 3 × 3" if unshuffle == 1 else f"{stem} {unshuffle}\nconv 3 × 3"
        _note(ax, 0.95 * x, 0.42, text, ha="left" if x < 0 else "right")


def _stage(ax, stage, x, y):
    """One level in one direction: convolutions and attention, in the order of action."""
    conv, attention = (y + 0.42, y - 0.38) if x < 0 else (y - 0.42, y + 0.38)
    _box(ax, x, conv, 2.2, 0.68, f"convolutions\n{stage['convolutions']} × (3 × 3)", BLUE)
    heads = f"\n{stage['heads']} heads × {stage['head_dim']}" if stage["heads"] else ""
    kind, color = f"{stage['attention']} attention{heads}", RED if stage["heads"] else GREY
    _box(ax, x, attention, 2.2, 0.68, kind, color)
    text = f"{stage['name']}\n{stage['size']} × {stage['size']}\n{stage['channels']} channels"
    beside = {"ha": "left" if x > 0 else "right", "va": "center", "fontsize": 8}
    ax.text(x + np.sign(x) * 1.25, y, text, **beside)


def _level(ax, down, up, y, first):
    """One level: its stages, the curve's map between them, and the way from the level above."""
    _stage(ax, down, -3.0, y)
    _stage(ax, up, 3.0, y)
    _arrow(ax, (-1.9, y - 0.55), (1.9, y - 0.55), linestyle="--")
    _note(ax, -0.12, y - 0.62, "skip: concatenated", ha="right", va="top")
    shape = f"{down['condition']} × {down['size']} × {down['size']}"
    _box(ax, 0, y, 2.1, 0.56, f"map of the curve\n{shape}", GREEN)
    _arrow(ax, (-1.05, y), (-1.9, y - 0.2), GREEN)
    _arrow(ax, (1.05, y), (1.9, y + 0.2), GREEN)
    if not first:
        _arrow(ax, (-3.0, y + 1.24), (-3.0, y + 0.77))
        _arrow(ax, (3.0, y + 0.73), (3.0, y + 1.22))
        _note(ax, -2.85, y + 1.0, "stride 2", ha="left")
        _note(ax, 2.85, y + 1.0, "upsample", ha="right")
        ax.plot([0, 0], [y + 0.28, y + 1.72], color=GREEN, linewidth=1.2, zorder=0)


def _curve_path(ax, path, bottom):
    """The path of the curve, below the levels."""
    y, number = bottom - 0.25, path["layers"]
    _arrow(ax, (0, y + 0.1), (0, bottom + 0.97), GREEN, zorder=0)
    layers = f"{number} attention layer{'s' * (number > 1)}: " if number else ""
    text = (
        f"{path['blocks']} residual blocks × {path['hidden']}: {path['tokens']} tokens × "
        f"{path['width']}\n{layers}15 × 15 × {path['grid']} features"
    )
    _box(ax, 0, y - 0.2, 5.4, 0.62, text, GREEN)
    _arrow(ax, (0, y - 0.86), (0, y - 0.52), GREEN)
    _box(ax, 0, y - 1.12, 3.6, 0.5, f"curve G(b), {path['fields']} fields", INK)
    _note(ax, -4.2, y - 0.2, "step t scales and shifts\nevery convolution block", ha="center")
    if path["positions"]:
        _box(ax, 4.35, y - 0.2, 2.3, 0.62, "read-out of positions\n(labels in training)", RED)
        _arrow(ax, (2.7, y - 0.05), (3.2, y - 0.05), RED)
        _arrow(ax, (3.2, y - 0.35), (2.7, y - 0.35), RED)
        _note(ax, 2.95, y - 0.68, "its maps are\namong the features", ha="center", va="top")


@style()
def network(stages, path, unshuffle=1):
    """The U-Net as Fig. 2 draws it, from anatomy.architecture (stages) and anatomy.condition_path
    (path)."""
    levels = len(stages) // 2
    down, up = stages[:levels], stages[levels:][::-1]  # both from the largest level to the smallest
    bottom = -2.0 * levels
    figure = canvas(1.7 + 1.35 * levels)
    ax = figure.subplots()
    ax.set(xlim=(-5.6, 5.6), ylim=(bottom - 1.75, 1.5), aspect="equal")
    ax.axis("off")
    _ends(ax, unshuffle)
    for i, (a, b) in enumerate(zip(down, up)):
        _level(ax, a, b, -0.75 - 2.0 * i, i == 0)
    _curve_path(ax, path, bottom)
    return figure


def _source(ax, y, title, items):
    """A row of data of the training: its name, and a box for each item {x: (text, in use)}."""
    ax.text(-5.5, y, title, va="center", fontsize=8.5, linespacing=1.3)
    for x, (text, used) in items.items():
        color = {"facecolor": INK if used else "white", "edgecolor": INK if used else GREY}
        shape = FancyBboxPatch(
            (x - 0.8, y - 0.3),
            1.6,
            0.6,
            boxstyle="round,pad=0,rounding_size=0.06",
            linestyle="-" if used else "--",
            **color,
        )
        ax.add_patch(shape)
        color = "white" if used else INK
        ax.text(x, y, text, ha="center", va="center", fontsize=8, color=color, linespacing=1.2)


@style()
def labels(train, held_out):
    """Who sees which label: what becomes of curve, image and position label of `train` and
    `held_out` configurations (numbers). Filled boxes are in training, dashed ones are not."""
    figure = canvas(3.8)
    ax = figure.subplots()
    ax.set(xlim=(-5.6, 5.6), ylim=(-2.75, 3.15), aspect="equal")
    ax.axis("off")
    image, curve, label = -2.3, -0.4, 1.5
    for x, name in ((image, "image"), (curve, "curve"), (label, "position label")):
        ax.text(x, 3.0, name, ha="center", va="center", fontsize=8.5, color=GREY)
    used = {image: ("simulated", True), curve: ("simulated", True), label: ("known", True)}
    _source(ax, 2.3, f"training:\n{train:,} configurations", used)
    lent = {curve: ("interpolated", True), label: ("lent", True)}
    _source(ax, 0.0, f"held out:\n{held_out:,} configurations", lent)
    kept = {image: ("simulated", False), curve: ("simulated", False), label: ("known", False)}
    _source(ax, -1.95, "the same,\nfor scores alone", kept)
    _arrow(ax, (curve, 2.0), (curve, 0.3), GREEN)
    _note(ax, curve - 0.1, 0.95, "kriging", ha="right")
    ax.plot([-5.5, 5.5], [-1.22, -1.22], color=GREY, linewidth=0.8, linestyle=":")
    _note(ax, -5.5, -1.04, "in training", va="bottom")
    _note(ax, -5.5, -1.36, "never in training", va="top")
    _consumers(ax, image, curve, label)
    return figure


def _consumers(ax, image, curve, label):
    """What uses the boxes of `labels`: the two losses, and the scores."""
    x, left = 4.3, 3.1
    _box(ax, x, 2.45, 2.4, 0.95, "U-Net and path of\nthe curve: error of\nthe prediction", BLUE)
    _box(ax, x, 0.35, 2.4, 0.95, "read-out of the path:\ncross-entropy of\npositions", RED)
    _box(ax, x, -2.15, 2.4, 0.75, "choices (dev)\nand tables (test)", GREY)
    _collect(ax, (image, curve), 2.6, 2.74, (left, 2.74), BLUE)
    _collect(ax, (curve + 0.3, label), 2.0, 1.5, (left, 0.55), RED)
    _collect(ax, (curve, label), -0.3, -0.75, (left, 0.15), RED)
    _collect(ax, (image, curve, label), -2.25, -2.4, (left, -2.4), GREY, linestyle="--")
    text = "differences between potentials\nare mixed into these curves"
    _note(ax, x, 1.4, text, ha="center", fontsize=8)


def _collect(ax, starts, box, y, end, color, linestyle="-"):
    """A line at height y that gathers what leaves boxes at `starts` and ends in an arrow."""
    look = {"color": color, "linewidth": 1.2, "linestyle": linestyle, "zorder": 0}
    for x in starts:
        ax.plot([x, x], [box, y], **look)
    turn = 2.6
    ax.plot([min(starts), turn, turn], [y, y, end[1]], **look)
    _arrow(ax, (turn, end[1]), end, color)
