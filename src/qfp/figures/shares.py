"""Shares with their intervals, in place of wide tables: arrays to a Matplotlib figure."""

from matplotlib.ticker import PercentFormatter

from qfp.figures.wire import BLUE, GREEN, ORANGE, RED, canvas, style

COLUMNS = {  # keys of rows of scores: name, colour, marker
    "within_1": ("both antidots within one site", BLUE, "o"),
    "within_0": ("both exactly", RED, "D"),
    "r_high": ("pattern correlation of at least 0.95", GREEN, "s"),
    "flagged": ("flagged as not explained", ORANGE, "^"),
}
AGREEMENT = {
    "unanimous": ("all samples agree", BLUE, "o"),
    "right": ("their consensus is right", RED, "D"),
}
FLAGGED = {"right_or_flagged": ("exact or flagged", BLUE, "o"), "right": ("exact", RED, "D")}
MEMORY = {
    "closer": ("nearer to the truth than to training", BLUE, "o"),
    "own_potential": ("the right potential of five", RED, "D"),
}
ACCURACY = {  # what rows of study `accuracy` are called
    "single": "one sample",
    "consensus": "consensus",
    "one_step": "one step",
    "curve_head": "position read-out",
    "nearest": "nearest training curve",
    "shuffled": "curves exchanged",
    "train": "training wires",
}
PARTS = {  # what networks are called that lack a part
    "twin": "all parts",
    "twin-no-attention": "no self-attention",
    "twin-no-gradient": "no position loss",
    "twin-no-interpolation": "no interpolation",
    "laptop": "shipped network",
}
CHOICES = {  # what rows of study `ablations` are called
    "reference": "reference",
    "no-gradient": "no position loss",
    "no-gradient-seed-1": "the same, seed 1",
    "own-curves": "own curves alone",
    "own-curves-pooled": "LDOS as target",
    "own-curves-pooled-1": "LDOS, twice the weight",
    "linear": "linear schedule",
    "epsilon": "predicts ε",
    "epsilon-seed-1": "predicts ε, seed 1",
    "epsilon-linear": "ε, linear schedule",
    "uniform": "uniform t",
    "reference-seed-1": "reference, seed 1",
    "no-attention": "no self-attention",
    "sam": "SAM",
    "one-potential": "one potential",
    "curve-noise": "noisy curves",
}
RIVALS = {  # what rows of study `rivals` are called
    "single": "network, one sample",
    "consensus": "network, consensus",
    "curve_head": "network, read-out",
    "nearest": "nearest training curve",
    "library_whitened": "library, whitened",
    "kriged": "kriged library",
    "kriged_mean": "kriged library, mean",
    "mlp": "MLP",
    "mlp_kriged": "MLP, kriged curves",
    "mlp_one": "MLP, one potential",
    "vae": "VAE",
    "posterior": "exact posterior",
}
APART = 0.2  # of rows, between the columns of one


@style()
def whiskers(panels, columns=("within_1", "within_0"), names=None, wanted=0.95):
    """Shares of right answers with 95 % intervals; a panel for each of {title: rows}.

    rows {name: scores}; scores with the keys `columns` and those of their intervals, where a row
    has them. columns: names of COLUMNS, or {key: (name, colour, marker)} for others. names: what
    some rows are called, {name: label}. wanted: where a dotted line is drawn, None for none."""
    looks = columns if isinstance(columns, dict) else {key: COLUMNS[key] for key in columns}
    known = {key for rows in panels.values() for row in rows.values() for key in row}
    looks = {key: look for key, look in looks.items() if key in known}
    labels = list(dict.fromkeys(name for rows in panels.values() for name in rows))
    figure = canvas(1.1 + (0.1 + 0.11 * len(looks)) * len(labels))
    axes = figure.subplots(1, len(panels), sharex=True, sharey=True, squeeze=False)[0]
    for ax, (title, rows) in zip(axes, panels.items(), strict=True):
        for k, (key, (name, color, marker)) in enumerate(looks.items()):
            shown = [
                (i, rows[label]) for i, label in enumerate(labels) if key in rows.get(label, {})
            ]
            share = [row[key] for _, row in shown]
            ends = zip(share, (row[f"{key}_interval"] for _, row in shown))
            off = [(max(x - low, 0), max(high - x, 0)) for x, (low, high) in ends]
            y = [i + APART * (k - (len(looks) - 1) / 2) for i, _ in shown]
            look = {"fmt": marker, "color": color, "markersize": 4.5, "elinewidth": 1.6}
            ax.errorbar(share, y, xerr=list(zip(*off)) or None, label=name, **look)
        ax.set(ylim=(len(labels) - 0.5, -0.5), xlim=(-0.02, 1.02))
        plain = {x: x if "$" in x else x.replace("_", " ") for x in labels}  # formulas stay
        ax.set_yticks(range(len(labels)), [(plain | (names or {}))[x] for x in labels])
        ax.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        ax.set_title(title, loc="left")
        ax.grid(axis="x", alpha=0.3)
        if wanted is not None:
            ax.axvline(wanted, color="black", linewidth=0.8, linestyle=":")
    figure.legend(
        *axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=len(looks)
    )
    return figure


@style()
def learning_curve(courses, wanted):
    """Shares over images seen, {label: (looks (4, K), end (4, 1), line (4, M))}, each with images,
    share, low, high: filled markers, an open one, and a line that is dashed beyond them; a line at
    `wanted`."""
    figure = canvas(2.9)
    ax = figure.subplots()
    for (label, (looks, end, line)), color, marker in zip(
        courses.items(), (BLUE, RED, GREEN), "oDs"
    ):
        images, share, low, high = line
        seen = images <= looks[0].max()
        ax.plot(images, share, color=color, linewidth=1.0, linestyle="--")
        ax.plot(images[seen], share[seen], color=color, linewidth=1.0)
        ax.fill_between(images, low, high, color=color, alpha=0.12, linewidth=0)
        for (x, y, least, most), face, name in ((looks, color, label), (end, "none", None)):
            how = {"color": color, "markersize": 4, "markerfacecolor": face, "label": name}
            ax.errorbar(x, y, yerr=(y - least, most - y), fmt=marker, **how)
    ax.axhline(wanted, color="black", linestyle=":", linewidth=1)
    ax.set(xlabel="images seen", ylabel="share within one site", xscale="log", ylim=(-0.02, 1.02))
    figure.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure
