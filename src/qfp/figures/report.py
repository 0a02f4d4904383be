"""Arrays to a Matplotlib figure: the report of `qfp decode --out` and of notebook 11."""

import numpy as np

from qfp.figures.wire import (
    BLUE,
    GREY,
    LIGHT,
    ORANGE,
    OUTLINE,
    RED,
    canvas,
    curve,
    ldos_image,
    outline,
    style,
)

SHOWN = 5  # candidates that are named one by one


@style()
def report(
    fields,
    conductance,
    error,
    predicted,
    images,
    candidates,
    answer,
    texts,
    flagged=False,
    tesla=None,
    radius=5,
    band=None,
):
    """One page about a measured curve (F,) with its standard deviation `error` (F,) [e²/h].

    predicted (F,): exact curve of the antidots `answer` (K, 2), under the recovered potential where
    there is a band, else at V = 0; images: mean and standard deviation (L, W) of the LDOS [1/t];
    candidates: ((antidots, probability), ...), the best first; texts: title, verdict and note;
    tesla: b [rad/plaquette] of one; band: mean and standard deviation (F,) of the answer's curve
    over all potentials."""
    figure = canvas(6.4 if tesla is None else 6.9, 7.8)
    figure.get_layout_engine().set(h_pad=0.06, hspace=0.02)
    # a file's name may have a $, which is no formula
    figure.suptitle(texts["title"], x=0.012, ha="left", fontsize=10.5, parse_math=False)
    figure.supxlabel(texts["note"], x=0.012, ha="left", fontsize=8, color=GREY)
    panels = figure.subplot_mosaic(
        [["mean", "spread", "shares"], ["curve"] * 3],
        height_ratios=[1.1, 1],
        width_ratios=[1, 1, 0.72],
    )
    _images(panels, figure, images, candidates, answer, radius)
    _shares(panels["shares"], candidates, answer, band is not None)
    ax = panels["curve"]
    _curves(ax, fields, conductance, error, predicted, band, flagged)
    weight = {"color": RED, "fontweight": "bold"} if flagged else {"fontweight": "normal"}
    ax.set_title(f"(d) {texts['verdict']}", loc="left", **{"color": "black"} | weight)
    if tesla is not None:
        ax.spines.top.set_visible(True)
        above = ax.secondary_xaxis("top", functions=(lambda b: b / tesla, lambda B: B * tesla))
        above.set_xlabel("magnetic field B [T]")
    return figure


def _curves(ax, fields, conductance, error, predicted, band, flagged):
    """The measured curve beside the exact one of the answer."""
    rms = np.sqrt(np.mean((predicted - conductance) ** 2))
    if band is None:
        label = f"decoded antidots, exact, V = 0 (rms difference {rms:.2f} e²/h)"
    else:
        kind = "best potential: exact" if flagged else "certificate: exact, recovered potential"
        label = f"{kind} (rms difference {rms:.4f} e²/h)"
        low, high = band[0] - 2 * band[1], band[0] + 2 * band[1]
        every = "these antidots, any potential (mean ± 2 standard deviations)"
        ax.fill_between(fields, low, high, color=BLUE, alpha=0.18, linewidth=0, label=every)
    curve(ax, fields, predicted, color=BLUE, label=label)
    noisy = (error > 0).any()
    ax.errorbar(
        fields,
        conductance,
        error if noisy else None,
        fmt="o",
        color="black",
        markersize=2.6,
        elinewidth=0.8,
        label="measured" + (", ± 1 standard deviation" if noisy else ""),
    )
    ax.set_xlim(fields[0] - 0.01 * fields[-1], 1.01 * fields[-1])
    ax.legend(loc="lower left")


def _images(panels, figure, images, candidates, answer, radius):
    """Mean and standard deviation of the LDOS, candidates outlined."""
    mean, spread = images
    for name, image, title, options, colour in (
        ("mean", mean, "(a) mean LDOS [1/t]", {"vmax": np.quantile(mean, 0.995)}, OUTLINE),
        ("spread", spread, "(b) standard deviation [1/t]", {"cmap": "viridis"}, ORANGE),
    ):
        ax = panels[name]
        shown = ldos_image(ax, image, vmin=0, **options)
        for pair, _ in candidates[:SHOWN]:
            if (pair != answer).any():
                outline(ax, pair, radius, edgecolor=LIGHT, linestyle=":", linewidth=0.9)
        outline(ax, answer, radius, edgecolor=colour, linewidth=1.5)
        ax.set_title(title, loc="left")
        figure.colorbar(shown, ax=ax, fraction=0.05, pad=0.02)
    panels["spread"].set_ylabel("")


def _shares(ax, candidates, answer, exact):
    """Bars of the candidates' shares or (exact) probabilities, their positions written above."""
    rows = [
        (" ".join(f"({x}, {y})" for x, y in pair), share, (pair == answer).all())
        for pair, share in candidates[:SHOWN]
    ]
    rest = sum(share for _, share in candidates[SHOWN:])
    rows += [(f"{len(candidates) - SHOWN} others", rest, False)] if rest else []
    for k, (text, share, chosen) in enumerate(rows):
        ax.barh(k, share, height=0.42, color=BLUE if chosen else "#B0B0B0")
        ax.text(
            0,
            k - 0.27,
            f"{text}  {share:.0%}",
            fontsize=8,
            va="bottom",
            fontweight="bold" if chosen else "normal",
        )
    ax.set(
        title="(c) antidots (x, y)",
        xlabel="probability" if exact else "share of the samples",
        xlim=(0, 1),
        ylim=(max(len(rows), 4) - 0.5, -0.8),
        yticks=[],
        xticks=[0, 0.5, 1],
    )
    ax.spines.left.set_visible(False)
    ax.title.set_ha("left")
    ax.title.set_x(0)
