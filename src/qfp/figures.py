"""Arrays to Matplotlib figures, one function a figure; nothing is computed here.

Every figure function is decorated with `@style()`, makes its figure with `canvas` and returns it. Images of the wire are
drawn with row 0 (y = 0, the lead along -y) at the bottom and x to the right, in sites, equal aspect.
"""

import contextlib

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch

BLUE, ORANGE, GREEN, RED, PURPLE, SKY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9"  # Okabe and Ito
GREY, OUTLINE = "#6B6B6B", "#5FE0FF"
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


@contextlib.contextmanager
def style():
    """Settings of all figures, for a block or, as `@style()`, for a figure function."""
    with matplotlib.rc_context(STYLE):
        yield


def canvas(height, width=WIDTH):
    """New figure in inches with constrained layout, unknown to pyplot, so that a notebook shows it once."""
    figure = plt.figure(figsize=(width, height), layout="constrained")
    plt.close(figure)
    return figure


def outline(ax, antidots, radius=5, **line):
    """Circles around antidots (K, 2), centres (x, y) in sites."""
    line = {"edgecolor": OUTLINE, "facecolor": "none", "linewidth": 1.2, **line}
    for x, y in antidots:
        ax.add_patch(Circle((x, y), radius + 0.5, **line))


def ldos_image(ax, image, antidots=(), radius=5, margin=0, cell=1, labels=True, **options):
    """Image of the wire, indexed [y, x], on axes in sites; returns the AxesImage (for a colour bar).

    Row 0 is y = 0 and is drawn at the bottom. margin: padding columns left of x = 0 (5 for a padded 60 x 60 image);
    cell: sites per pixel (4 for a map of 15 x 15). antidots (K, 2): centres to outline. options go to imshow: inferno
    unless told otherwise, vmin and vmax."""
    image = np.asarray(image, float)
    left, bottom = -0.5 - margin, -0.5
    extent = (left, left + cell * image.shape[1], bottom, bottom + cell * image.shape[0])
    options = {"cmap": "inferno", "interpolation": "nearest", **options}
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
    ax.set(xlabel="magnetic field b [rad/plaquette]", ylabel="conductance G [e²/h]", xlim=(fields[0], fields[-1]))


# --- notebooks 00 and 03, `qfp decode`


@style()
def decoded(fields, conductance, image, spread, antidots, radius=5):
    """Answer to one curve: the curve (F,), the mean image (L, W) with the antidots, and the samples' standard deviation."""
    figure = canvas(3.4, 9.2)
    left, middle, right = figure.subplots(1, 3, width_ratios=[1.5, 1, 1])
    curve(left, fields, conductance)
    left.set_title("quantum fingerprint")
    shown = ldos_image(middle, image, antidots, radius, vmin=0, vmax=np.quantile(image, 0.995))
    middle.set_title("decoded LDOS [1/t]")
    figure.colorbar(shown, ax=middle, shrink=0.8)
    shown = ldos_image(right, spread, antidots, radius, vmin=0, cmap="viridis")
    right.set_title("spread of samples [1/t]")
    figure.colorbar(shown, ax=right, shrink=0.8)
    return figure


@style()
def fingerprints(fields, curves, modes=None):
    """Curves {label: (F,)} over the field, and the number of open modes (F,), which bounds them, as steps."""
    figure = canvas(3.0)
    ax = figure.subplots()
    if modes is not None:
        ax.step(fields, modes, where="mid", color=GREY, linewidth=1, linestyle=":", label="open modes")
    for (label, conductance), line in zip(curves.items(), ("-", "--", "-."), strict=False):
        curve(ax, fields, conductance, label=label, linestyle=line)
    ax.legend()
    return figure


@style()
def ldos_row(images, titles, antidots, radius=5):
    """Images (n, L, W) side by side on one colour scale, each with its antidots, (n, K, 2), outlined."""
    figure = canvas(3.0)
    axes = figure.subplots(1, len(images), sharey=True)
    top = np.quantile(images[0], 0.995)
    for ax, image, title, pair in zip(axes, images, titles, antidots, strict=True):
        shown = ldos_image(ax, image, pair, radius, vmin=0, vmax=top)
        ax.set_title(title)
    for ax in axes[1:]:
        ax.set_ylabel("")
    figure.colorbar(shown, ax=axes, shrink=0.75, label="LDOS [1/t]")
    return figure


@style()
def image_grid(rows, row_labels, titles, antidots, dashed=None, radius=5, top=None):
    """Rows of images {R x (n, L, W)} on one colour scale (0 to `top`), antidots R x (n, K, 2) outlined.

    dashed: further outlines R x (n, K, 2), white and dashed; an empty sequence for a row has none."""
    top = np.quantile(rows[0], 0.995) if top is None else top
    count = len(rows[0])
    figure = canvas(0.4 + 1.27 * len(rows) * 6 / count)
    axes = figure.subplots(len(rows), count, squeeze=False)
    for i, (row, label) in enumerate(zip(rows, row_labels, strict=True)):
        for j, (ax, image) in enumerate(zip(axes[i], row, strict=True)):
            shown = ldos_image(ax, image, antidots[i][j] if len(antidots[i]) else (), radius, labels=False, vmin=0, vmax=top)
            if dashed is not None and len(dashed[i]):
                outline(ax, dashed[i][j], radius, edgecolor="white", linestyle="--", linewidth=0.9)
            if i == 0:
                ax.set_title(titles[j], fontsize=8.5)
        axes[i, 0].set_ylabel(label)
    figure.colorbar(shown, ax=axes, shrink=0.7, label="LDOS [1/t]")
    return figure


@style()
def generation_course(steps, noisy, predicted, errors):
    """Along the generation: Pearson r of x_t and of the predicted x_0 with the true image, and the position error."""
    figure = canvas(3.8)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[2, 1])
    upper.plot(steps, predicted, label="predicted $x_0$")
    upper.plot(steps, noisy, "--", label="noisy image $x_t$")
    upper.set(ylabel="Pearson r with the truth", ylim=(min(-0.05, np.min(predicted)), 1.0))
    upper.legend()
    lower.step(steps, np.minimum(errors, 20), where="mid", color=GREEN)
    lower.set(xlabel="generation step", ylabel="antidots off\n[sites, to 20]", ylim=(-0.5, 20.5), xlim=(0, steps[-1]))
    return figure


@style()
def similarity(r, references):
    """Share of samples whose r (n,) is at least the abscissa, and the same for {label: r of pairs of true images}."""
    figure = canvas(3.3)
    ax = figure.subplots()
    for (label, values), line in zip({"generated and true image": r, **references}.items(), ("-", "--", "-.", ":")):
        values = np.sort(values)
        share = 1 - np.arange(len(values)) / len(values)
        ax.step(np.concatenate([[-1], values, values[-1:]]), np.concatenate([[1], share, [0]]), where="pre",
                linestyle=line, label=label)
    ax.axvline(0.95, color=GREY, linewidth=0.8)
    ax.set(xlabel="Pearson r", ylabel="share with at least this r", xlim=(min(0.4, np.min(r)), 1.0), ylim=(0, 1.02))
    ax.legend(loc="lower left")
    return figure


# --- notebook 02


def _box(ax, x, y, width, height, text, color, **options):
    """Rounded box centred at (x, y) with text in it."""
    ax.add_patch(FancyBboxPatch((x - width / 2, y - height / 2), width, height, boxstyle="round,pad=0,rounding_size=0.06",
                                facecolor=color, edgecolor="none"))
    ax.text(x, y, text, ha="center", va="center", **{"fontsize": 8, "color": "white", "linespacing": 1.25, **options})


def _arrow(ax, start, end, color=GREY, **options):
    ax.add_patch(FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=9, color=color, shrinkA=0, shrinkB=0,
                                 **{"linewidth": 1.2, **options}))


@style()
def network(stages, path, unshuffle=1):
    """The U-Net as Fig. 2 draws it, from probes.architecture (stages) and probes.condition_path (path)."""
    levels = len(stages) // 2
    down, up = stages[:levels], stages[levels:][::-1]  # both from the largest level to the smallest
    bottom = -2.0 * levels
    figure = canvas(1.7 + 1.35 * levels)
    ax = figure.subplots()
    ax.set(xlim=(-5.6, 5.6), ylim=(bottom - 1.75, 1.5), aspect="equal")
    ax.axis("off")
    ends = [(-3.0, "noisy image x$_t$\n60 × 60", "pixel-unshuffle"), (3.0, "prediction\n60 × 60", "pixel-shuffle")]
    for x, image, stem in ends:
        _box(ax, x, 1.1, 2.2, 0.56, image, "#303030")
        _arrow(ax, *sorted([(x, 0.82), (x, 0.02)], reverse=x < 0))
        text = "conv 3 × 3" if unshuffle == 1 else f"{stem} {unshuffle}\nconv 3 × 3"
        ax.text(0.95 * x, 0.42, text, ha="left" if x < 0 else "right", va="center", fontsize=7.5, color=GREY)
    for i, (a, b) in enumerate(zip(down, up)):
        y = -0.75 - 2.0 * i
        for stage, x, conv, attention in ((a, -3.0, y + 0.42, y - 0.38), (b, 3.0, y - 0.42, y + 0.38)):
            _box(ax, x, conv, 2.2, 0.68, f"convolutions\n{stage['convolutions']} × (3 × 3)", BLUE)
            heads = f"\n{stage['heads']} heads × {stage['head_dim']}" if stage["heads"] else ""
            _box(ax, x, attention, 2.2, 0.68, f"{stage['attention']} attention{heads}", RED if stage["heads"] else GREY)
            text = f"{stage['name']}\n{stage['size']} × {stage['size']}\n{stage['channels']} channels"
            ax.text(x + np.sign(x) * 1.25, y, text, ha="left" if x > 0 else "right", va="center", fontsize=8)
        _arrow(ax, (-1.9, y - 0.55), (1.9, y - 0.55), linestyle="--")
        ax.text(-0.12, y - 0.62, "skip: concatenated", ha="right", va="top", fontsize=7.5, color=GREY)
        _box(ax, 0, y, 2.1, 0.56, f"map of the curve\n{a['condition']} × {a['size']} × {a['size']}", GREEN)
        _arrow(ax, (-1.05, y), (-1.9, y - 0.2), GREEN)
        _arrow(ax, (1.05, y), (1.9, y + 0.2), GREEN)
        if i:
            _arrow(ax, (-3.0, y + 1.24), (-3.0, y + 0.77))
            _arrow(ax, (3.0, y + 0.73), (3.0, y + 1.22))
            ax.text(-2.85, y + 1.0, "stride 2", ha="left", va="center", fontsize=7.5, color=GREY)
            ax.text(2.85, y + 1.0, "upsample", ha="right", va="center", fontsize=7.5, color=GREY)
            ax.plot([0, 0], [y + 0.28, y + 1.72], color=GREEN, linewidth=1.2, zorder=0)
    y = bottom - 0.25
    _arrow(ax, (0, y + 0.1), (0, bottom + 0.97), GREEN, zorder=0)
    text = (f"condition transformer: {path['tokens']} tokens × {path['width']}, {path['layers']} layers\n"
            f"laid out as 15 × 15 features × {path['grid']}")
    _box(ax, 0, y - 0.2, 5.4, 0.62, text, GREEN)
    _arrow(ax, (0, y - 0.86), (0, y - 0.52), GREEN)
    _box(ax, 0, y - 1.12, 3.6, 0.5, f"curve G(b), {path['fields']} fields", "#303030")
    ax.text(4.2, y - 0.66, "step t scales and shifts\nevery convolution block", ha="center", va="center", fontsize=7.5,
            color=GREY)
    return figure


@style()
def forward_process(images, titles, antidots=(), radius=5, margin=5):
    """Noisy images (S, 60, 60) side by side, in normalised units."""
    figure = canvas(1.9)
    for ax, image, title in zip(figure.subplots(1, len(images)), images, titles):
        ldos_image(ax, image, antidots, radius, margin, labels=False, vmin=-2.5, vmax=3.5)
        ax.set_title(title, fontsize=8)
    return figure


@style()
def training_steps(ratio, loss, curve_loss):
    """A short training: loss of each image (steps, batch) over its noise level, and the curve head's loss by step."""
    figure = canvas(2.9)
    left, right = figure.subplots(1, 2)
    number = np.broadcast_to(np.arange(1, len(loss) + 1)[:, None], loss.shape)
    shown = left.scatter(ratio, loss, c=number, s=8, cmap="viridis", linewidths=0)
    figure.colorbar(shown, ax=left, label="training step")
    left.set(xscale="log", xlabel="noise over signal σ/α", ylabel="squared error of one image")
    right.plot(number[:, 0], curve_loss, color=RED)
    right.set(xlabel="training step", ylabel="curve head: cross-entropy [nat]")
    return figure


@style()
def training_log(minutes, levels, score_minutes, scores):
    """Log of a whole run: loss by noise level {name: (S,)} and shares on development curves {name: (K,)}."""
    figure = canvas(3.0)
    left, right = figure.subplots(1, 2)
    shades = matplotlib.colormaps["viridis"](np.linspace(0.0, 0.85, len(levels)))
    for color, (name, loss) in zip(shades, levels.items()):
        width = min(9, len(loss))
        left.plot(minutes, loss, color=color, alpha=0.25, linewidth=0.8)
        smooth = np.convolve(loss, np.ones(width) / width, "valid")
        left.plot(minutes[width // 2 : width // 2 + len(smooth)], smooth, color=color, label=f"σ/α {name}")
    left.set(yscale="log", xlabel="minutes", ylabel="loss (mean squared error)")
    left.legend()
    for marker, (name, share) in zip("osD^v", scores.items()):
        right.plot(score_minutes, share, marker=marker, markersize=3, label=name)
    right.set(xlabel="minutes", ylabel="score on unseen curves", ylim=(-0.02, 1.02))
    right.legend(loc="lower right")
    return figure


# --- notebook 04


@style()
def attention_steps(x, x0, importance, titles, antidots, radius=5, margin=5):
    """Fig. 4: columns are steps of a generation, rows the noisy image (S, 60, 60), the clean image predicted from it and
    the importance B_j (S, head, 15, 15) of each head."""
    heads, cell = importance.shape[1], x.shape[-1] // importance.shape[-1]
    wire = slice(margin // cell, importance.shape[-1] - margin // cell)  # the padding must not set the scale
    figure = canvas(1.08 * (heads + 2) + 0.3)
    axes = figure.subplots(heads + 2, len(x))
    rows = [("noisy image x$_t$", x, 1, {"vmin": -2.5, "vmax": 3.5}),
            ("predicted x̂$_0$", x0, 1, {"vmin": -1.5, "vmax": 3.5})]
    for head in range(heads):
        B = importance[:, head]
        limits = {"vmin": 0, "vmax": np.quantile(B[..., wire], 0.995), "cmap": "viridis"}
        rows.append((f"B$_j$, head {head + 1}", B, cell, limits))
    for line, (name, images, size, limits) in zip(axes, rows):
        for ax, image in zip(line, images):
            shown = ldos_image(ax, image, (), radius, margin, size, labels=False, **limits)
            outline(ax, antidots, radius, edgecolor=OUTLINE if size == 1 else "white")
        line[0].set_ylabel(name, fontsize=8.5)
        figure.colorbar(shown, ax=line, pad=0.01, fraction=0.05)
    for ax, title in zip(axes[0], titles):
        ax.set_title(title, fontsize=8)
    return figure


@style()
def attention_auc(noise, groups, prior):
    """AUC for antidot cells through a generation, a panel a layer.

    noise (S,): σ/α; groups: {panel: [(label, own (S,), other (S,), low (S,), high (S,)), ...]}, the interval is that of own
    - other, drawn around own; prior: AUC of the map of where antidots usually are."""
    figure, noise = canvas(3.8), np.minimum(noise, 100)
    for ax, (panel, lines) in zip(figure.subplots(1, len(groups), sharey=True, squeeze=False)[0], groups.items()):
        for k, (label, own, other, low, high) in enumerate(lines):
            color = [BLUE, RED, GREEN, ORANGE, PURPLE][k % 5]
            ax.plot(noise, own, color=color, label=label)
            ax.fill_between(noise, other + low, other + high, color=color, alpha=0.18, linewidth=0)
            ax.plot(noise, other, color=color, linestyle=":", linewidth=1)
        ax.axhline(prior, color="black", linestyle="--", linewidth=1)
        ax.axhline(0.5, color=GREY, linewidth=0.8)
        ax.set(xscale="log", xlabel="noise over signal σ/α", title=panel, xlim=(130, 0.004))
        ax.set_xticks([100, 10, 1, 0.1, 0.01], ["noise", "10", "1", "0.1", "0.01"])
        ax.legend(fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.22), ncols=2, handlelength=1.2)
    figure.axes[0].set_ylabel("AUC for antidot cells")
    return figure


# --- notebook 05


@style()
def score_planes(planes, step):
    """Fig. 5: {panel: probes.Plane}; arrows are `step` times the score."""
    figure = canvas(6.4)
    for ax, (name, plane) in zip(figure.subplots(2, 2).flat, planes.items()):
        ax.quiver(*plane.points.T, *(step * plane.arrows).T, color=BLUE, angles="xy", scale_units="xy", scale=1, width=0.005)
        ax.plot(*plane.points.T, "o", color=GREY, markersize=2.5)
        ax.plot(*plane.truth, "*", color=RED, markersize=13, markeredgecolor="white")
        (r1, c1), (r2, c2) = plane.pixels
        ax.set(xlabel=f"image at row {r1}, column {c1}", ylabel=f"image at row {r2}, column {c2}", aspect="equal",
               title=f"({name})")
        ax.set_adjustable("datalim")
    return figure


@style()
def score_pointing(noise, lines, marked):
    """Does the score lead to the truth? Over the noise level σ/α (T,): cosine with the way there in all pixels, share of
    two-pixel arrows within 90 degrees of it, and rms distance of the arrow's end from the truth.

    lines: {label: {'full': (mean, low, high), 'planes': ..., 'end': ...}}, each (T,); marked: σ/α of Fig. 5."""
    figure = canvas(3.5)
    panels = {"full": "cosine, all pixels", "planes": "share within 90°, two pixels", "end": "distance of the arrow's end"}
    for ax, (kind, title) in zip(figure.subplots(1, 3), panels.items()):
        for color, marker, (label, values) in zip([BLUE, ORANGE, PURPLE, "black"], "osD^", lines.items()):
            mean, low, high = values[kind]
            ax.plot(noise, mean, marker=marker, markersize=3.5, linewidth=1.2, color=color, label=label)
            ax.fill_between(noise, low, high, color=color, alpha=0.2, linewidth=0)
        ax.axvline(marked, color=GREY, linestyle=":", linewidth=1)
        ax.set(xscale="log", xlabel="noise over signal σ/α", title=title)
        ax.set_xticks([0.2, 1, 5, 20], ["0.2", "1", "5", "20"])
        ax.minorticks_off()
    figure.axes[0].set_ylim(0.45, 1.02)
    figure.axes[1].set_ylim(0.45, 1.02)
    figure.axes[2].set(yscale="log", ylim=(0.04, 1.1))
    figure.axes[2].set_yticks([0.05, 0.1, 0.2, 0.5, 1], ["0.05", "0.1", "0.2", "0.5", "1"])
    figure.axes[2].minorticks_off()
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure


# --- notebook 06


@style()
def wire_and_curve(image, antidots, fields, conductance, radius=5, top=None, title=None):
    """LDOS (L, W) of a wire and its curve (F,). top: where the colour scale ends [1/t], to compare pictures."""
    figure = canvas(3.1)
    left, right = figure.subplots(1, 2, width_ratios=[1, 1.5])
    shown = ldos_image(left, image, antidots, radius, vmin=0, vmax=top or np.quantile(image, 0.995))
    figure.colorbar(shown, ax=left, label="LDOS [1/t]")
    curve(right, fields, conductance)
    right.set(ylim=(2.5, 9))
    if title:
        right.set_title(title)
    return figure


@style()
def truth_and_samples(truth, antidots, images, found, radius=5):
    """True LDOS (L, W) beside decoded ones (S, L, W), each with its own antidots (S, 2, 2), on one colour scale."""
    figure = canvas(2.15)
    top = np.quantile(truth, 0.995)
    columns = [("truth", truth, antidots), *((f"sample {i + 1}", *pair) for i, pair in enumerate(zip(images, found)))]
    for ax, (name, image, pair) in zip(figure.subplots(1, len(columns)), columns):
        shown = ldos_image(ax, image, pair, radius, vmin=0, vmax=top, labels=False)
        places = "  ".join(f"({x}, {y})" for x, y in pair)
        ax.set_title(f"{name}\n{places}", fontsize=8)
    figure.colorbar(shown, ax=figure.axes, label="LDOS [1/t]", shrink=0.7, pad=0.01)
    return figure


# --- notebook 01


@style()
def learning_pair(removed, antidots, image, fields, conductance, modes):
    """Fig. 1: lattice (L, W) with removed sites and leads, LDOS image, and curve with the number of open modes."""
    figure = canvas(3.4, 9.2)
    lattice, picture, fingerprint = figure.subplots(1, 3, width_ratios=[1, 1, 1.6])
    y, x = np.nonzero(~removed)
    lattice.scatter(x, y, s=0.8, color=GREY, linewidths=0)
    outline(lattice, antidots, edgecolor=RED)
    for row, text in ((-3.5, "lead 0 (−y)"), (removed.shape[0] + 2.5, "lead 1 (+y)")):
        lattice.text(removed.shape[1] / 2 - 0.5, row, text, ha="center", va="center", fontsize=8)
    lattice.set(xlabel="x [site]", ylabel="y [site]", aspect="equal", ylim=(-7, removed.shape[0] + 6), title="(a) wire")
    shown = ldos_image(picture, image, antidots, vmin=0, vmax=np.quantile(image, 0.995))
    picture.set_title("(b) LDOS [1/t] at b = 0")
    figure.colorbar(shown, ax=picture, shrink=0.8)
    fingerprint.step(fields, modes, where="mid", color=GREY, linewidth=1, linestyle=":", label="open modes")
    curve(fingerprint, fields, conductance, color=BLUE, label="G(b)")
    fingerprint.legend(loc="upper right")
    fingerprint.set_title("(c) quantum fingerprint")
    return figure


@style()
def symmetric_copies(fields, clean, disordered, names):
    """Curves (4, F) of the four copies of one pair at V = 0, and under one random potential, (4, F)."""
    figure = canvas(3.0, 9.2)
    for ax, curves, title in zip(figure.subplots(1, 2, sharey=True), (clean, disordered),
                                 ("V = 0: one curve", "one random potential: nearly one curve"), strict=True):
        for values, name, line in zip(curves, names, ("-", "--", "-.", ":"), strict=True):
            curve(ax, fields, values, label=name, linestyle=line)
        ax.set_title(title)
    ax.legend()
    ax.set_ylabel("")
    return figure


@style()
def curve_distances(groups):
    """Distributions {label: values} of the RMS distance between curves [e²/h], on a logarithmic axis."""
    figure = canvas(3.0)
    ax = figure.subplots()
    low = min(values.min() for values in groups.values())
    bins = np.geomspace(low * 0.9, max(values.max() for values in groups.values()) * 1.1, 50)
    for (label, values), color in zip(groups.items(), (RED, BLUE, GREEN, GREY), strict=False):
        ax.hist(values, bins, weights=np.full(len(values), 1 / len(values)), histtype="stepfilled", alpha=0.35, color=color)
        ax.hist(values, bins, weights=np.full(len(values), 1 / len(values)), histtype="step", color=color, label=label)
    ax.set(xscale="log", xlabel="RMS distance of two curves [e²/h]", ylabel="share", xlim=(bins[0], bins[-1]))
    ax.legend(loc="upper left")
    return figure
