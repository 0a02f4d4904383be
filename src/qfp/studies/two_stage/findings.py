"""What is found about the two-stage baseline, in lines and tables for a reader."""

from qfp.studies import tables
from qfp.studies.scoring import HIGH
from qfp.studies.two_stage import baseline

SETS = ("general", "restricted")
LISTED = ("two_stage", "two_stage_sample", "reconstruction", "single", "one_step", "train")
SHOWN = {  # rows of a figure, by set
    "general": ("two_stage", "one_stage", "few", "reconstruction", "single", "one_step"),
    "restricted": ("two_stage", "reconstruction"),
}
NAMES = {  # of its rows
    "two_stage": "VAE, two stages",
    "one_stage": "VAE, one stage",
    "kriged": "VAE, kriged",
    "few": "VAE, few",
    "reconstruction": "VAE, from the image",
    "single": "diffusion, one sample",
    "one_step": "diffusion, one step",
}
GAINS = {"within 1 site": "within_1", "exact": "within_0", f"r ≥ {HIGH}": "r_high"}


def networks(trained):
    """Sizes of the first and how long each of {name: TrainedVae} was trained."""
    first = next(iter(trained.values()))
    sizes = {
        name: sum(p.numel() for p in getattr(first.model, name).parameters())
        for name in ("encoder", "decoder", "curve")
    }
    texts = ", ".join(f"{name} {size / 1e6:.1f} M" for name, size in sizes.items())
    lines = [f"{texts} parameters; latent of {first.meta['vae']['latent']} numbers"]
    for name, network in trained.items():
        images, curves = network.meta["stage_minutes"]
        lines.append(
            f"{name}: {network.meta['training_pairs']:,} training pairs, first stage {images:.0f} "
            f"minutes of one core, second {curves:.0f}"
        )
    return "\n".join(lines)


def scores(result, name):
    """Scores on the set `name`, in Markdown."""
    rows = {row: result[name][row] for row in LISTED if row in result[name]}
    return tables.markdown(tables.scores_table(rows))


def panels(result, taught):
    """Rows {"SET configurations": {name: scores}} of the figure; taught: the result of study
    `kriged`, whose row of that name comes after the VAE's own."""
    rows = {name: {row: result[name][row] for row in SHOWN[name]} for name in SETS}
    first, *others = rows["general"].items()
    rows["general"] = dict([first, ("kriged", taught["rows"]["kriged"]), *others])
    return {f"{name} configurations": row for name, row in rows.items()}


def reached(result, share):
    """The Pearson r that a share of the baseline's images reaches, a line a set."""
    found = {name: baseline.best_share(result[name]["r"]["two_stage"], share) for name in SETS}
    return "\n".join(
        f"{name}: {100 * share:.0f} % of the VAE's images have r of at least {r:.3f}"
        for name, r in found.items()
    )


def gain(row, column):
    """A difference of shares with its interval, in points: '+3.1 (+2.2 to +4.4)'."""
    value, low, high = (100 * x for x in (row[column], *row[f"{column}_interval"]))
    return f"{value:+.1f} ({low:+.1f} to {high:+.1f})"


def differences(result):
    """What is gained or lost between two rows on the same curves, and where, by set."""
    lines = []
    for name in SETS:
        lines.append(name)
        for key, row in result[name]["differences"].items():
            first, second, text = baseline.PAIRS[key]
            gains = ", ".join(f"{label} {gain(row, column)}" for label, column in GAINS.items())
            lines.append(f"  {first} - {second}, {text}: {gains}")
    return "\n".join(lines)
