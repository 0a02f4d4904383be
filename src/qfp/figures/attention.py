"""Figures of the attention weights (notebook 08). As in `figures`, whose helpers they use: arrays
to a Matplotlib figure, one function a figure; nothing is computed here.
"""

import numpy as np

from qfp.figures.wire import (
    BLUE,
    GREEN,
    GREY,
    LIGHT,
    ORANGE,
    OUTLINE,
    PURPLE,
    RED,
    canvas,
    ldos_image,
    outline,
    style,
)

COLORS = (BLUE, RED, GREEN, ORANGE, PURPLE)  # of heads 1, 2, ...
NETWORKS = {"laptop": "shipped network", "twin": "second network"}
PURE_NOISE = 100.0  # σ/α at which the first step is drawn


def _noise_axis(ax):
    """Noise level from pure noise on the left to the image on the right."""
    ax.set(xscale="log", xlabel="noise over signal σ/α", xlim=(130, 0.004))
    ax.set_xticks([100, 10, 1, 0.1, 0.01], ["noise", "10", "1", "0.1", "0.01"])


def _on_the_wire(ax, image, cell, margin):
    """Cut the padding of an image away: axes from the first site to the last, with their ticks."""
    side = cell * image.shape[-1]
    right = side - 2 * margin
    ax.set(xlim=(-0.5, right - 0.5), xticks=[0, right - 1], yticks=[0, side - 1])
    ax.tick_params(labelsize=8, length=2)


def step_titles(times, ratio):
    """Titles of diffusion steps `times` (S,), counted from noise; ratio (T,): σ/α of all steps."""
    noise = [f"= {ratio[t]:.3g}" if ratio[t] < 1000 else "> 1000" for t in times]
    return [f"step {len(ratio) - t}\nσ/α {text}" for t, text in zip(times, noise)]


def layer_title(layer):
    """What 'down15' stands for: on the way down, at 15 x 15."""
    way, side = layer.rstrip("0123456789"), layer.lstrip("abcdefghijklmnopqrstuvwxyz")
    return f"{layer}: {'encoder' if way == 'down' else 'decoder'}, {side} × {side}"


@style()
def attention_steps(path, block, ratio, antidots, radius=5, margin=5, steps=4):
    """Fig. 4: rows are steps of a generation, columns the noisy image, the clean image predicted
    from it and the importance B_j of each head of a block.

    path: watch.Trajectory, of which the first curve is drawn; ratio (T,): σ/α of all steps."""
    few = np.linspace(0, len(path.t) - 1, steps).round().astype(int)
    x, x0, importance = (part[few, 0] for part in (path.x, path.x0, path.importance[block]))
    heads, cell = importance.shape[1], x.shape[-1] // importance.shape[-1]
    # the padding must not set the scale
    wire = slice(margin // cell, importance.shape[-1] - margin // cell)
    figure = canvas(1.25 * len(x) + 0.9)
    axes = figure.subplots(len(x), heads + 2, sharex=True, sharey=True)
    columns = [
        ("noisy x$_t$", x, 1, {"vmin": -2.5, "vmax": 3.5}),
        ("predicted x̂$_0$", x0, 1, {"vmin": -1.5, "vmax": 3.5}),
    ]
    for head in range(heads):
        B = importance[:, head]
        limits = {"vmin": 0, "vmax": np.quantile(B[..., wire], 0.995), "cmap": "viridis"}
        columns.append((f"B$_j$, head {head + 1}", B, cell, limits))
    for column, (name, images, size, limits) in zip(axes.T, columns):
        for ax, image in zip(column, images):
            shown = ldos_image(ax, image, (), radius, margin, size, labels=False, **limits)
            outline(ax, antidots, radius, edgecolor=OUTLINE if size == 1 else LIGHT)
            _on_the_wire(ax, image, size, margin)
        column[0].set_title(name, fontsize=8.5)
        figure.colorbar(shown, ax=column, location="bottom", pad=0.01, fraction=0.05)
    for ax, title in zip(axes[:, 0], step_titles(path.t[few], ratio)):
        ax.set_ylabel(f"{title}\ny [site]", fontsize=8.5)
    for ax in axes[-1]:
        ax.set_xlabel("x [site]", fontsize=8.5)
    return figure


@style()
def attention_auc(noise, groups, prior):
    """AUC for antidot cells through a generation, a panel a layer.

    noise (S,): σ/α; groups: {panel: [(label, own (S,), other (S,), low (S,), high (S,)), ...]}, the
    interval is that of own - other, drawn around own; prior: AUC of the map of where antidots
    usually are."""
    figure, noise = canvas(3.8), np.minimum(noise, PURE_NOISE)
    for ax, (panel, lines) in zip(
        figure.subplots(1, len(groups), sharey=True, squeeze=False)[0], groups.items()
    ):
        for k, (label, own, other, low, high) in enumerate(lines):
            color = COLORS[k % 5]
            ax.plot(noise, own, color=color, label=label)
            ax.fill_between(noise, other + low, other + high, color=color, alpha=0.18, linewidth=0)
            ax.plot(noise, other, color=color, linestyle=":", linewidth=1)
        ax.axhline(prior, color="black", linestyle="--", linewidth=1)
        ax.axhline(0.5, color=GREY, linewidth=0.8)
        ax.set_title(panel)
        _noise_axis(ax)
        ax.legend(
            fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.22), ncols=2, handlelength=1.2
        )
    figure.axes[0].set_ylabel("AUC for antidot cells")
    return figure


@style()
def attention_frame(x, x0, importance, title, tops, antidots, radius=5, margin=5):
    """One step of a generation: the noisy image and the predicted one (60, 60), then B_j (head, 15,
    15) of each head.

    tops (head,): where the colour scales of the heads end, the same for all steps."""
    figure, cell = canvas(1.9), x.shape[-1] // importance.shape[-1]
    axes = figure.subplots(1, 2 + len(importance))
    for ax, image, name, low in zip(
        axes, (x, x0), ("noisy x$_t$", "predicted x̂$_0$"), (-2.5, -1.5)
    ):
        ldos_image(ax, image, antidots, radius, margin, labels=False, vmin=low, vmax=3.5)
        _on_the_wire(ax, image, 1, margin)
        ax.set_title(name, fontsize=8)
    for head, (ax, B) in enumerate(zip(axes[2:], importance)):
        ldos_image(
            ax, B, (), radius, margin, cell, labels=False, vmin=0, vmax=tops[head], cmap="viridis"
        )
        outline(ax, antidots, radius, edgecolor=LIGHT)
        _on_the_wire(ax, B, cell, margin)
        ax.set_title(f"B$_j$, head {head + 1}", fontsize=8)
    for ax in axes:
        ax.label_outer()
    axes[0].set(xlabel="x [site]", ylabel="y [site]")
    figure.suptitle(title, fontsize=9)
    return figure


def attention_frames(path, block, ratio, antidots, radius=5, margin=5):
    """A figure for each step of a watch.Trajectory, first curve, with B_j of a block; ratio (T,):
    σ/α of all steps."""
    B, cell = path.importance[block][:, 0], path.x.shape[-1] // path.importance[block].shape[-1]
    # one scale a head for all steps, which no cell that reaches into the padding sets
    edge = -(-margin // cell)
    tops = np.quantile(B[..., edge:-edge], 0.995, axis=(0, 2, 3))
    titles = [title.replace("\n", ", ") for title in step_titles(path.t, ratio)]
    for x, x0, importance, title in zip(path.x[:, 0], path.x0[:, 0], B, titles):
        yield attention_frame(x, x0, importance, title, tops, antidots, radius, margin)


@style()
def through_generation(result):
    """How much a map tells its own curve, AUC own - other, through a generation; a panel a layer,
    heads in colours, the noisy and the predicted image in black in every panel.

    result: of the attention study; of its rows, 'difference' (S,) and its interval are drawn."""
    layers, noise = result["attention"], np.minimum(result["ratio"], PURE_NOISE)
    shown = np.unique([*range(0, len(noise), 3), len(noise) - 1])  # more is not seen
    images = {
        "noisy $x_t$": ("-", result["images"]["x_t"]),
        r"predicted $\hat x_0$": (":", result["images"]["x0"]),
    }
    rows = -(-max(len(layers), 1) // 2)
    figure = canvas(0.7 + 2.1 * rows)
    axes = figure.subplots(rows, 2, sharex=True, sharey=True, squeeze=False)
    for ax, (layer, part) in zip(axes.flat, layers.items()):
        lines = [(label, "black", *row) for label, row in images.items()]
        lines += [(f"head {k + 1}", COLORS[k % 5], "-", row) for k, row in enumerate(part["heads"])]
        for label, color, line, row in lines:
            bounds = np.transpose(row["difference_interval"])[:, shown]
            own = np.array(row["difference"])[shown]
            ax.plot(noise[shown], own, color=color, linestyle=line, label=label, lw=1.3)
            ax.fill_between(noise[shown], *bounds, color=color, alpha=0.18, linewidth=0)
        ax.axhline(0, color=GREY, linewidth=0.8)
        ax.set_title(layer_title(layer))
        _noise_axis(ax)
    for ax in axes[:-1].flat:
        ax.set_xlabel("")
    figure.supylabel("AUC, own antidots − those of other curves", fontsize=9)
    figure.legend(*axes.flat[0].get_legend_handles_labels(), loc="outside lower center", ncols=6)
    return figure


def dots(ax, labels, values, bounds, color, offset=0.0, **look):
    """Values (n,) with intervals (n, 2), a line of the axis each, first on top."""
    y, (low, high) = np.arange(len(labels)) + offset, np.transpose(bounds)
    ax.errorbar(
        values,
        y,
        xerr=np.clip([values - low, high - values], 0, None),
        color=color,
        linestyle="none",
        capsize=2,
        **{"marker": "o", "markersize": 4.5, **look},
    )
    ax.set_yticks(range(len(labels)), labels)
    ax.set_ylim(len(labels) - 0.5, -0.5)


@style()
def preferences(networks, level=1):
    """Which antidot each head prefers, networks side by side, heads in the order of preference.

    networks {name: rows 'heads' of the attention study}; level: index of the noise levels."""
    figure = canvas(0.8 + 0.26 * max(len(rows["heads"]) for rows in networks.values()))
    for ax, (name, rows) in zip(
        figure.subplots(1, len(networks), sharex=True, squeeze=False)[0], networks.items()
    ):
        names = rows["sorted"][level]
        values, bounds = (
            np.array([rows["heads"][head][key][level] for head in names])
            for key in ("mean", "mean_interval")
        )
        for sign, color in ((1, BLUE), (-1, RED), (0, GREY)):
            chosen = np.where(bounds[:, 0] > 0, 1, np.where(bounds[:, 1] < 0, -1, 0)) == sign
            shown = np.where(chosen, values, np.nan)
            dots(ax, names, shown, np.where(chosen[:, None], bounds, np.nan), color)
        ax.axvline(0, color=GREY, linewidth=0.8)
        ax.set(xlabel="← lower · preference · upper →", title=NETWORKS.get(name, name))
    return figure


@style()
def first_step(rows):
    """How much better each head fits its own curve's antidots than those of other curves where the
    image is pure noise, with 95 % intervals, and the same without the curve.

    rows {head: row with 'difference', 'bounds' and 'without_curve', both (low, high)}."""
    labels = list(rows)
    figure = canvas(1.1 + 0.3 * len(labels), 5.6)
    ax = figure.subplots()
    empty = np.array([row.without_curve for row in rows.values()])
    values, bounds = zip(*((row.difference, row.bounds) for row in rows.values()))
    dots(ax, labels, empty.mean(axis=1), empty, GREY, 0.14, marker="s", label="without the curve")
    dots(ax, labels, np.array(values), bounds, BLUE, -0.14, label="given the curve")
    ax.axvline(0, color=GREY, linewidth=0.8)
    ax.set_xlabel("AUC, own antidots − those of other curves")
    figure.legend(loc="outside lower center", ncols=2)
    return figure
