"""Arrays to Matplotlib figures, one function a figure; nothing is computed here. Common helpers,
the physics and the generated images; other figures are in the modules beside it.

Every figure function is decorated with `@style()`, makes its figure with `canvas` and returns it.
Images of the wire are drawn with row 0 (y = 0, the lead along -y) at the bottom and x to the right,
in sites, equal aspect.
"""

import contextlib

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Circle

# Okabe and Ito
BLUE, ORANGE, GREEN, RED, PURPLE, SKY = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#D55E00",
    "#CC79A7",
    "#56B4E9",
)
GREY, OUTLINE = "#6B6B6B", "#5FE0FF"
# outlines on colour maps, which the dark theme leaves as they are: no plain white and black
LIGHT, DARK = "#FEFEFE", "#010101"
WIDTH = 7.2  # inches: text stays readable where a page shows a figure 600 pixels wide
STYLE = {
    "figure.dpi": 110,
    "savefig.dpi": 110,
    "figure.facecolor": "white",
    "font.size": 9.5,
    "axes.titlesize": 9.5,
    "axes.labelsize": 9.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.prop_cycle": matplotlib.cycler(color=[BLUE, RED, GREEN, ORANGE, PURPLE, SKY, "black"]),
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "lines.linewidth": 1.5,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
}
matplotlib.rcParams["svg.hashsalt"] = "qfp"  # a figure drawn again has the same bytes


@contextlib.contextmanager
def style():
    """Settings of all figures, for a block or, as `@style()`, for a figure function."""
    with matplotlib.rc_context(STYLE):
        yield


def canvas(height, width=WIDTH):
    """New figure in inches with constrained layout, unknown to pyplot, so that a notebook shows it
    once."""
    figure = plt.figure(figsize=(width, height), layout="constrained")
    plt.close(figure)
    return figure


def outline(ax, antidots, radius=5, **line):
    """Circles around antidots (K, 2), centres (x, y) in sites."""
    line = {"edgecolor": OUTLINE, "facecolor": "none", "linewidth": 1.2, **line}
    for x, y in antidots:
        ax.add_patch(Circle((x, y), radius + 0.5, **line))


def ldos_image(ax, image, antidots=(), radius=5, margin=0, cell=1, labels=True, **options):
    """Image of the wire, indexed [y, x], on axes in sites; returns the AxesImage (for a colour
    bar).

    Row 0 is y = 0 and is drawn at the bottom. margin: padding columns left of x = 0 (5 for a padded
    60 x 60 image); cell: sites per pixel (4 for a map of 15 x 15). antidots (K, 2): centres to
    outline. options go to imshow: inferno unless told otherwise, vmin and vmax."""
    image = np.asarray(image, float)
    left, bottom = -0.5 - margin, -0.5
    extent = (left, left + cell * image.shape[1], bottom, bottom + cell * image.shape[0])
    options = {"cmap": "inferno", "interpolation": "none", **options}  # SVG keeps the pixels
    shown = ax.imshow(image, extent=extent, aspect="equal", origin="lower", **options)
    outline(ax, antidots, radius)
    ax.spines[:].set_visible(True)
    ax.set(xlim=extent[:2], ylim=extent[2:])
    if labels:
        ax.set(xlabel="x [site]", ylabel="y [site]")
    else:
        ax.set(xticks=[], yticks=[])
    return shown


def curve(ax, fields, conductance, **line):
    """Conductance curve with its axis labels."""
    ax.plot(fields, conductance, **line)
    ax.set(
        xlabel="magnetic field b [rad/plaquette]",
        ylabel="conductance G [e²/h]",
        xlim=(fields[0], fields[-1]),
    )


# --- notebook 01


@style()
def learning_pair(removed, antidots, image, fields, conductance, modes):
    """Fig. 1: lattice (L, W) with removed sites and leads, LDOS image, and curve with the number of
    open modes."""
    figure = canvas(2.9)
    lattice, picture, fingerprint = figure.subplots(1, 3, width_ratios=[1, 1, 1.6])
    y, x = np.nonzero(~removed)
    lattice.scatter(x, y, s=0.8, color=GREY, linewidths=0, rasterized=True)
    outline(lattice, antidots, edgecolor=RED)
    for row, text in ((-3.5, "lead 0 (−y)"), (removed.shape[0] + 2.5, "lead 1 (+y)")):
        lattice.text(removed.shape[1] / 2 - 0.5, row, text, ha="center", va="center", fontsize=8)
    lattice.set(
        xlabel="x [site]",
        ylabel="y [site]",
        aspect="equal",
        ylim=(-7, removed.shape[0] + 6),
        title="(a) wire",
    )
    shown = ldos_image(picture, image, antidots, vmin=0, vmax=np.quantile(image, 0.995))
    picture.set_title("(b) LDOS [1/t]")
    figure.colorbar(shown, ax=picture, shrink=0.8)
    fingerprint.step(
        fields, modes, where="mid", color=GREY, linewidth=1, linestyle=":", label="open modes"
    )
    curve(fingerprint, fields, conductance, color=BLUE, label="G(b)")
    fingerprint.legend(loc="upper right")
    fingerprint.set_title("(c) quantum fingerprint")
    return figure


@style()
def symmetric_copies(fields, clean, disordered, names):
    """Curves (4, F) of the four copies of one pair at V = 0, and under one random potential, (4,
    F)."""
    figure = canvas(2.8)
    for ax, curves, title in zip(
        figure.subplots(1, 2, sharey=True),
        (clean, disordered),
        ("(a) V = 0", "(b) one random potential"),
        strict=True,
    ):
        for values, name, line in zip(curves, names, ("-", "--", "-.", ":"), strict=True):
            curve(ax, fields, values, label=name, linestyle=line)
        ax.set_title(title)
    ax.legend()
    ax.set_ylabel("")
    return figure


@style()
def curve_distances(groups):
    """Cumulative distributions {label: values} of the RMS distance between curves [e²/h], on a
    logarithmic axis."""
    figure = canvas(3.2)
    ax = figure.subplots()
    looks = zip((RED, BLUE, GREEN, GREY), ("-", "--", "-.", "-"), strict=True)
    for (label, values), (color, line) in zip(groups.items(), looks, strict=False):
        ax.ecdf(values, color=color, linestyle=line, label=label)
    low = min(values.min() for values in groups.values())
    ax.set(
        xscale="log",
        xlabel="RMS distance of two curves [e²/h]",
        ylabel="cumulative share",
        xlim=(low * 0.9, max(values.max() for values in groups.values()) * 1.1),
        ylim=(0, 1.01),
    )
    ax.grid(alpha=0.3)
    ax.legend(loc="upper left")
    return figure


# --- notebook 00, and images that others show


@style()
def fingerprints(fields, curves):
    """Curves {label: (F,)} over the field."""
    figure = canvas(3.0)
    ax = figure.subplots()
    for (label, conductance), line in zip(curves.items(), ("-", "--", "-."), strict=False):
        curve(ax, fields, conductance, label=label, linestyle=line)
    ax.legend()
    return figure


@style()
def curve_and_images(fingerprint, images, titles, antidots, radius=5):
    """A curve, (fields, conductance, open modes), each (F,), and below it images (n, L, W) on one
    colour scale, each with its antidots, (n, K, 2), outlined."""
    fields, conductance, modes = fingerprint
    figure = canvas(5.0)
    above, below = figure.subfigures(2, 1, height_ratios=[1, 1.5])
    ax = above.subplots()
    steps = {"where": "mid", "color": GREY, "linewidth": 1, "linestyle": ":"}
    ax.step(fields, modes, label="open modes", **steps)
    curve(ax, fields, conductance, label="conductance")
    ax.set_title("(a) the fingerprint", loc="left")
    ax.legend()
    axes, top = below.subplots(1, len(images), sharey=True), np.quantile(images[0], 0.995)
    for ax, image, title, pair in zip(axes, images, titles, antidots, strict=True):
        shown = ldos_image(ax, image, pair, radius, vmin=0, vmax=top)
        ax.set_title(title, loc="left")
    for ax in axes[1:]:
        ax.set_ylabel("")
    below.colorbar(shown, ax=axes, shrink=0.75, label="LDOS [1/t]")
    return figure


@style()
def image_grid(rows, row_labels, titles, antidots, dashed=None, radius=5, top=None):
    """Rows of images {R x (n, L, W)} on one colour scale (0 to `top`), antidots R x (n, K, 2)
    outlined.

    titles: (n,) above the first row, or R x (n,). dashed: further outlines R x (n, K, 2), white and
    dashed; an empty sequence for a row has none."""
    top = np.quantile(rows[0], 0.995) if top is None else top
    count = len(rows[0])
    titles = [titles] + [[""] * count] * (len(rows) - 1) if isinstance(titles[0], str) else titles
    figure = canvas(0.4 + 1.27 * len(rows) * 6 / count)
    axes = figure.subplots(len(rows), count, squeeze=False)
    for i, (row, label) in enumerate(zip(rows, row_labels, strict=True)):
        for j, (ax, image) in enumerate(zip(axes[i], row, strict=True)):
            shown = ldos_image(
                ax,
                image,
                antidots[i][j] if len(antidots[i]) else (),
                radius,
                labels=False,
                vmin=0,
                vmax=top,
            )
            if dashed is not None and len(dashed[i]):
                outline(ax, dashed[i][j], radius, edgecolor=LIGHT, linestyle="--", linewidth=0.9)
            ax.set_title(titles[i][j], fontsize=8.5)
        axes[i, 0].set_ylabel(label)
    figure.colorbar(shown, ax=axes, shrink=0.7, label="LDOS [1/t]")
    return figure
