"""What samplers cost and give: arrays to a Matplotlib figure."""

from qfp.figures.wire import BLUE, GREEN, GREY, RED, canvas, style

LOOKS = {
    "ancestral": ("ancestral (paper)", BLUE, "o"),
    "ddim": ("DDIM", RED, "D"),
    "dpm2m": ("DPM-Solver++, second order", GREEN, "s"),
}
SCORES = {  # panels: keys of rows of scores, and labels
    "r_median": "Pearson r, median",
    "within_0": "both antidots exact",
    "within_1": "within one site",
}


def _ends(value, interval):
    """What errorbar wants of an interval."""
    return [[max(value - interval[0], 0)], [max(interval[1] - value, 0)]]


@style()
def against_evaluations(rows):
    """Scores with 95 % intervals against network evaluations, a panel a score, of rows {name:
    scores with `sampler`, `network_evaluations` and the keys of SCORES}."""
    figure = canvas(3.2)
    places = sorted({row["network_evaluations"] for row in rows.values()})
    for ax, (key, label) in zip(figure.subplots(1, len(SCORES)), SCORES.items(), strict=True):
        for k, (sampler, (_, color, marker)) in enumerate(LOOKS.items()):
            for row in (row for row in rows.values() if row["sampler"] == sampler):
                x = places.index(row["network_evaluations"]) + 0.26 * (k - 1)  # side by side
                off = _ends(row[key], row[f"{key}_interval"])
                look = {"color": color, "fmt": marker, "markersize": 4, "elinewidth": 1.3}
                ax.errorbar(x, row[key], yerr=off, label=sampler, **look)
        ax.set(xlabel="network evaluations", title=label)
        ax.set_xticks(range(len(places)), [f"{place:,}" for place in places])
        ax.grid(axis="y", alpha=0.3)
    found = dict(zip(*ax.get_legend_handles_labels()[::-1], strict=True))
    names = [LOOKS[sampler][0] for sampler in found]
    figure.legend(found.values(), names, loc="outside lower center", ncols=len(found))
    return figure


@style()
def costs(panels):
    """How many times our network's time others take, with 95 % intervals: {title: {network:
    {precision: (ratio, (low, high))}}}, a panel each. A line at 1: as long as ours."""
    figure = canvas(2.3)
    axes = figure.subplots(1, len(panels), sharex=True, sharey=True, squeeze=False)[0]
    for ax, (title, networks) in zip(axes, panels.items(), strict=True):
        for i, ratios in enumerate(networks.values()):
            for k, (precision, (ratio, interval)) in enumerate(ratios.items()):
                color, marker = ((BLUE, "o"), (RED, "D"))[k]
                look = {"color": color, "fmt": marker, "markersize": 4.5, "elinewidth": 1.6}
                off = _ends(ratio, interval)
                ax.errorbar(ratio, i + 0.24 * k - 0.12, xerr=off, label=precision, **look)
        ax.axvline(1, color=GREY, linewidth=1, linestyle="--")
        ax.set(xlabel="time, relative to ours", xlim=(0, None), ylim=(len(networks) - 0.5, -0.5))
        ax.set_yticks(range(len(networks)), [name.replace(", ", ",\n") for name in networks])
        ax.set_title(title, loc="left")
        ax.grid(axis="x", alpha=0.3)
    found = dict(zip(*axes[0].get_legend_handles_labels()[::-1], strict=True))
    figure.legend(found.values(), found.keys(), loc="outside lower center", ncols=len(found))
    return figure
