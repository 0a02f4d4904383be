# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Can the answer be trusted?
#
# **Claim** (Sec. II, Sec. IV). The network learns the *conditional distribution* of interference patterns given a curve.
# The paper shows one generated image a curve, and says how many are right; it does not ask whether the samples spread as
# that distribution would have them spread.
#
# **Question.** `qfp decode` draws many samples and says which share of them agrees. Can that share be read as a
# probability of being right? Is the truth like one more sample? And what of a curve that no wire of this kind has made?
#
# **Method.** Three tests, each one first on something whose answer is known. *Reliability*: among answers on which a
# given share of samples agrees, how many are right? *Simulation-based calibration*: what rank has the truth among the
# samples? *Novelty*: does an exact solution for the answer give the curve back?

# %% tags=["parameters"]
preset = "laptop"
seed = None
weights = None
notebook_configurations = None
notebook_training_steps = None
device = None
dataset = None
network = None
diffusion = None
training = None
sampling = None

# %%
import numpy as np
from IPython.display import Markdown

import qfp
from qfp.figures import calibration as calibration_figures
from qfp.figures import trust as trust_figures
from qfp.studies import accuracy, frame, scoring, tables
from qfp.studies.calibration import calibration, recalibrate, sbc
from qfp.tools import SettingsError

config = qfp.notebook_config(globals())


def measured(name):
    """results/NAME.json for these weights; empty, with a line that says which command makes it, where there is none."""
    try:
        result = frame.read_result(config.weights, name)
    except SettingsError as error:
        return print(error) or {}
    return (
        result
        or print(f"no results for the weights {config.weights}: `qfp evaluate {name}` makes them")
        or {}
    )


table = measured("calibration")
if table:
    print(
        f"weights {table['weights']}: {table['curves']} test curves, {table['dev_curves']} development curves, "
        f"{table['samples']} samples each, {table['steps']} {table['sampler']} steps"
    )

# %% [markdown]
# ## What failing looks like
#
# First a posterior that is known. A number with a Gaussian prior is measured with Gaussian errors of many sizes, so its
# posterior is Gaussian, too; everything is rounded, as sites are. We draw samples from that posterior, and from three
# wrong ones: half as wide, twice as wide, and off by one standard deviation.
#
# The **reliability diagram** sorts curves by the share of samples that give the most frequent answer. The **rank** of the
# truth is the number of samples below it, ties broken at random: if the truth is like one more sample, all ranks are
# equally likely (Talts et al. 2018). The last row is the cumulative distribution of the ranks less the uniform one, in
# the band that uniform ranks leave nowhere in 95 % of all cases (Säilynoja et al. 2022).

# %% mystnb={"figure": {"caption": "A posterior that is known, sampled well and badly. Above: share of right answers among those on which a share of the samples agrees, with 95 % intervals; dashed: perfect. Middle: ranks of the truth, with the simultaneous 95 % band of uniform ones. Below: their cumulative distribution less the uniform one, with its simultaneous 95 % band.", "name": "trust-toy"}, "image": {"alt": "Four columns. Calibrated: points on the diagonal, flat ranks within the band. Overconfident: points below the diagonal, ranks in the shape of a U. Underconfident: points above it, a hump. Biased: points below it, ranks falling from left to right."}}
cases = {name: calibration.toy_case(name, seed=config.seed) for name in sbc.TOYS}
ecdf = {
    name: (
        sbc.ecdf_difference(case["histogram"]),
        sbc.bands(case["histogram"].sum(), len(case["histogram"])),
    )
    for name, case in cases.items()
}
calibration_figures.comparison(
    {
        name: (cases[name]["bins"], cases[name]["histogram"], bands[0], difference, bands[1])
        for name, (difference, bands) in ecdf.items()
    }
)

# %% tags=["nbval-check-output"]
for name, case in cases.items():
    low, high = case["excess_interval"]
    p = sbc.uniformity(case["histogram"])["ecdf_p"]
    print(
        f"{name}: {calibration.confidence(low, high)}; ranks {'are not uniform' if p < 0.01 else 'look uniform'}; truth outside "
        f"the samples {'more often than' if case['outside']['share_interval'][0] > case['outside']['expected'] else 'no more often than'}"
        " it should be"
    )

# %% [markdown]
# The word in each line does not come from the diagonal. The most frequent of a few answers owes a part of its share to
# luck, so even exact samples lie a little below the diagonal. What exact samples would show is known without any model:
# let **a further sample** stand for the truth. Where it agrees with the others more often than the truth does, the
# samples are overconfident. A bias counts as that, too: biased samples agree with each other, not with the truth.
#
# ## Reliability of the decoder
#
# Now the network, on configurations that it never saw. Right means that the consensus is the true pair, **exactly** or
# **within one site**. In the third panel every answer that any sample gives is a forecast of its own, whether it wins or
# not.

# %% mystnb={"figure": {"caption": "Reliability of the decoder on test curves (results/calibration.json). Blue: share of right answers against the share of samples that agree; 95 % intervals. Grey squares: a further sample in place of the truth, as exact samples would lie. Dashed: perfect. Below: how many forecasts; red: all samples agree.", "name": "trust-reliability"}, "image": {"alt": "Three reliability diagrams, exact, within one site and all candidates, with the diagonal, points with intervals, and below each a histogram of the shares, most of which are 1."}}
panels = {}
for name, title in (
    (("exact", "exact"), ("within_1", "within one site"), ("candidates", "every candidate"))
    if table
    else ()
):
    panels[title] = {"the truth": table["reliability"][name]["bins"]}
    if name in table["further_sample"]:
        panels[title]["a further sample"] = table["further_sample"][name]["bins"]
calibration_figures.reliability(panels) if table else None

# %%
lines = calibration.verdicts(table) if table else []
print("\n".join(line for line in lines if not line.startswith(("x1", "x2", "dy", "smallest"))))

# %%
rows = ["| | exact | within one site | every candidate |", "| --- " * 4 + "|"]
kinds = (
    [table["reliability"][name] for name in ("exact", "within_1", "candidates")] if table else []
)
for key, title, form in (
    ("overconfidence", "mean share less share right", "+.1%"),
    ("ece", "expected calibration error", ".1%"),
    ("brier", "Brier score", ".4f"),
    ("brier_reference", "Brier score of a constant", ".4f"),
):
    rows.append(f"| {title} | " + " | ".join(tables.cell(row, key, form) for row in kinds) + " |")
rows.append(
    "| certain and wrong | "
    + " | ".join(f"{row['certain_and_wrong']} of {row['n']}" for row in kinds)
    + " |"
)
Markdown("\n".join(rows) if table else "")

# %% [markdown]
# The logarithmic score would be infinite for a single answer that is certain and wrong, so it has no value here where
# there is one. Can the share be mended? The simplest way is to add $a$ samples that agree and $b$ that do not,
# $(n + a)/(S + a + b)$, both numbers fixed on development curves. Whether it helps on
# the test curves is said by the last line of each block above; what the share would then mean:

# %%
rows = ["| samples that agree | exactly right | within one site |", "| --- " * 3 + "|"]
S = table["samples"] if table else 0
maps = [table["recalibration"][name] for name in scoring.WITHIN] if table else []
for share in (1, 0.9, 0.7, 0.5) if table else ():
    rows.append(
        f"| {share:.0%} | "
        + " | ".join(f"{recalibrate.shrunk(share, S, m['a'], m['b']):.1%}" for m in maps)
        + " |"
    )
Markdown("\n".join(rows) if table else "")

# %% [markdown]
# ## Ranks of the truth
#
# A pair of antidots is three integers, $x_1$, $x_2$ and $\Delta y$. Where all samples agree with the truth the rank is
# pure chance, so the ranks of all curves are mostly noise, and we look also at the curves where **truth and samples are
# not all equal** (chosen so, symmetric in both, that ranks stay uniform under exact samples; choosing those whose samples
# differ would not do).

# %% mystnb={"figure": {"caption": "Simulation-based calibration of the decoder (results/calibration.json). Above: ranks of the truth among the samples for each of the three parameters, all test curves, with the simultaneous 95 % band of uniform ranks. Below: cumulative distribution less the uniform one with its simultaneous 95 % band, for all curves and (red) for those where truth and samples are not all equal.", "name": "trust-ranks"}, "image": {"alt": "Three histograms of ranks over a grey band, and below each the difference of cumulative distributions with its band, for all curves and for the few that differ."}}
coordinates = {}
for name, title in zip(calibration.COORDINATES, ("$x_1$", "$x_2$", r"$\Delta y$")) if table else ():
    parts = [np.array(table["sbc"][name][part]["histogram"]) for part in ("all", "differing")]
    bands = [sbc.bands(max(part.sum(), 1), len(part)) for part in parts]
    differences = [
        (part.sum(), sbc.ecdf_difference(part), band[1]) for part, band in zip(parts, bands)
    ]
    coordinates[title] = (
        parts[0],
        bands[0][0],
        dict(zip(("all curves", "not all equal"), differences)),
    )
calibration_figures.ranks(coordinates) if table else None

# %%
print("\n".join(line for line in lines if line.startswith(("x1", "x2", "dy", "smallest"))))

# %% [markdown]
# What these ranks cannot see: they average over curves. A sampler that ignored the curve and drew from the prior would
# pass (it would fail the diagram above), and errors of opposite sign cancel. What they can: a U says that the truth lies
# outside the samples too often, a slope that one direction is preferred. The truths are drawn as the training data were,
# uniformly from the configurations and from five potentials; on other wires neither test says anything. For this there is
# a third one.
#
# ## Unlike anything in training
#
# The network answers any curve, and its samples may agree on nonsense. The **novelty** is a posterior predictive check:
# the exact curve of the answer, without random potential, ought to differ from the given one by no more than random
# potentials of the trained strength make it. It is measured in units of a threshold that a small share of genuine
# development curves exceed. Below: genuine test curves and potentials that no training file holds, which ought not to be
# flagged, and curves of other wires, or of none.

# %% mystnb={"figure": {"caption": "Novelty of genuine and of foreign curves (results/novelty.json), one point a curve; black: median and quartiles. Right of the line, above 1, a curve is flagged; at the right the share of these.", "name": "trust-novelty"}, "image": {"alt": "Strips of points on a logarithmic axis of novelty: genuine curves left of the threshold, curves of other wires and of none mostly right of it."}}
novelty = measured("novelty")
trust_figures.novelty_rates(trust_figures.novelty_rows(novelty)) if novelty else None

# %%
if novelty:
    foreign = [
        row
        for name, row in novelty["families"].items()
        if not row["genuine"] and name not in novelty["slight"]
    ]
    print(
        f"test curves flagged: {accuracy.cell(novelty['test'], 'flagged', '.1%')} of {novelty['test']['n']}"
    )
    most = [row for row in foreign if row["flagged"] > 0.95]
    print(
        f"flagged in more than 95 %: {len(most)} of {len(foreign)} kinds of foreign curves; least often: "
        + "; ".join(
            f"{row['label']} {row['flagged']:.1%}"
            for row in sorted(foreign, key=lambda row: row["flagged"])[:3]
        )
    )
    for name, row in novelty["test"]["right"].items():
        print(
            f"{name} test curves: {row['n']}"
            + (
                f", answer exact on {accuracy.cell(row, 'within_0', '.1%')}, within one site on "
                f"{accuracy.cell(row, 'within_1', '.1%')}"
                if row["n"]
                else ""
            )
        )

# %% [markdown]
# ## What it means, and what could be wrong
#
# Read the lines above in this order: the novelty first, as nothing else means anything for a curve that is not of this
# kind; then the share of samples that agree, for what the reliability diagram says that it is worth.
#
# - **Why samples can be too sure.** What the samples vary is the noise of the diffusion. The network itself is one fit to
#   a finite training set: the path of the curve reads off a position, right or wrong, and all samples follow it. Their
#   spread has no part for what another training would have read.
# - **Few steps.** The samples are those of the fast sampler that `qfp decode` uses. A few coarse steps stay nearer to the
#   mean of all images that fit, which may narrow the spread further.
# - **Positions only.** The tests look at antidots. Nothing is said of the spread of the fringes.
# - **One prior.** Configurations and potentials are drawn as in training. Under another mix of wires all of these
#   probabilities change.

# %%
if table:
    for name, title in (("exact", "the exact pair"), ("within_1", "the pair within one site")):
        more, row = table["further_sample"][name], table["reliability"][name]
        print(
            f"Verdict for {title}: {calibration.confidence(*more['excess_interval'])}. Where all {S} samples agree it is right on "
            f"{accuracy.cell(row['bins'][-1], 'right', '.1%')} of {row['bins'][-1]['n']} curves."
        )
    for name, row in ((name, table["sbc"][name]["outside"]) for name in calibration.COORDINATES):
        word = "too often" if row["share"] > row["expected"] else "too rarely"
        print(
            f"Verdict for the spread of {name}: truths lie outside the samples "
            + (word if row["p"] * table["sbc"]["tests"] < 0.05 else "about as often as they should")
        )

# %% tags=["nbval-check-output"]
within = {
    name: bool(((difference >= bands[1][0]) & (difference <= bands[1][1])).all())
    for name, (difference, bands) in ecdf.items()
}
assert within == {
    "calibrated": True,
    "overconfident": False,
    "underconfident": False,
    "biased": False,
}
shape = {
    name: case["histogram"].reshape(4, -1).sum(axis=1) for name, case in cases.items()
}  # quarters of the ranks
assert min(shape["overconfident"][[0, 3]]) > max(shape["overconfident"][1:3]), "U"
assert max(shape["underconfident"][[0, 3]]) < min(shape["underconfident"][1:3]), "hump"
assert (np.diff(shape["biased"]) < 0).all(), "slope"
for row in kinds:
    assert (
        sum(part["n"] for part in row["bins"]) == row["n"]
        and row["ece"] >= abs(row["overconfidence"]) - 1e-12
    )
for name in calibration.COORDINATES if table else ():
    assert sum(table["sbc"][name]["all"]["histogram"]) == table["curves"]
if table and (
    known := frame.read_result(config.weights)
):  # the consensus of more samples, of the same curves
    low, high = table["reliability"]["within_1"]["right_interval"]
    assert (
        low <= known["consensus"]["within_1_interval"][1]
        and high >= known["consensus"]["within_1_interval"][0]
    )
print(
    "checks passed: exact samples within the band, a U, a hump and a slope where they belong; counts whole; table consistent"
)
