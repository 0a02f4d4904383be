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
# :::{admonition} In short
# :class: tip in-short
# `qfp decode` draws many samples. The share that agrees is no probability: the samples are overconfident. Where all of them
# agree, the exact pair is right on {result}`calibration:reliability.exact.bins.-1.right:.1%`
# ({result}`calibration:reliability.exact.bins.-1.right_interval:.1%`) of the curves, within one site nearly always. Curves of
# other wires are flagged.
# :::
#
# **Claim** (Secs. II and IV). The network learns the *conditional distribution* of patterns given a curve. The paper shows
# one image a curve; it does not ask whether the samples spread as that distribution would.
#
# **Three questions.** Of the answers on which a given share of samples agrees, how many are right (*reliability*)? What rank
# has the truth among the samples (*simulation-based calibration*)? Does the answer's exact curve give the measured one back
# (*novelty*)? No curve or image of the test wires was in training; their potentials were, and their positions as labels of
# interpolated curves.

# %% tags=["parameters", "hide-input"]
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

# %% tags=["hide-input", "hide-output"]
from IPython.display import Markdown

import qfp
from qfp.figures import calibration as calibration_figures
from qfp.figures import trust as trust_figures
from qfp.studies import accuracy, frame, shown
from qfp.studies.calibration import calibration, panels, sbc, text, toys
from qfp.studies.novelty import rates
from qfp.studies.novelty import text as novelty_text

config = qfp.notebook_config(globals())
table = shown.if_measured(config.weights, calibration.STUDY)
if table:
    print(text.about(table))

# %% [markdown]
# ## What failing looks like
#
# First a posterior that is known, a Gaussian, rounded as sites are. We draw samples from it, and from three wrong ones: half as
# wide, twice as wide, off by one standard deviation.
#
# The **reliability diagram** sorts curves by the share of samples that give the most frequent answer. The **rank** of the
# truth is the number of samples below it, ties broken at random. If the truth is like one more sample, all ranks are equally
# likely {cite:p}`talts2018`. The last row is their cumulative distribution less the uniform one, in the band that uniform
# ranks leave nowhere in 95 % of all cases {cite:p}`sailynoja2022`.

# %% mystnb={"figure": {"caption": "A posterior that is known, sampled well and badly. Above: share of right answers among those on which a share of the samples agrees, with 95 % intervals; dashed: perfect. Middle: ranks of the truth, with the simultaneous 95 % band of uniform ones. Below: their cumulative distribution less the uniform one, with its simultaneous 95 % band.", "name": "trust-toy"}, "image": {"alt": "Four columns. Calibrated: points on the diagonal, flat ranks within the band. Overconfident: points below the diagonal, ranks in the shape of a U. Underconfident: points above it, a hump. Biased: points below it, ranks falling from left to right."}} tags=["hide-input"]
cases = toys.cases(config.seed)
calibration_figures.comparison(cases)

# %% tags=["nbval-check-output", "hide-input", "hide-output"]
print(toys.cases_text(cases))

# %% [markdown]
# The diagonal alone is no judge: the most frequent of a few answers owes a part of its share to luck, so even exact samples lie
# a little below it. The right reference is **a further sample** in place of the truth. Where it agrees with the others more
# often than the truth does, the samples are overconfident. A bias counts as that, too.
#
# ## Reliability of the decoder
#
# Right means that the consensus is the true pair, **exactly** or **within one site**. In the third panel every answer that
# any sample gives is a forecast of its own.

# %% mystnb={"figure": {"caption": "Reliability of the decoder on test curves (results/calibration.json). Above: share of right answers against the share of samples that agree; 95 % intervals. Grey squares: a further sample in place of the truth, as exact samples would lie. Dashed: perfect. Below: how many forecasts there are; vermilion: all samples agree.", "name": "trust-reliability"}, "image": {"alt": "Three reliability diagrams, exact, within one site and all candidates, with the diagonal, points with intervals, and below each the numbers of forecasts, most of which are of share 1."}} tags=["hide-input"]
calibration_figures.reliability(panels.reliability(table)) if table else None

# %% tags=["hide-input", "hide-output"]
print("\n".join(text.share_lines(table)) if table else "")

# %% tags=["hide-input", "hide-output"]
Markdown(text.scores_table(table) if table else "")

# %% [markdown]
# The truth agrees with the consensus less often than a further sample does, by
# {result}`calibration:further_sample.exact.excess:.1%`
# ({result}`calibration:further_sample.exact.excess_interval:.1%`) for the exact pair: **overconfident**. The share can be
# mended in part. Add $a$ samples that agree and $b$ that do not, $(n + a)/(S + a + b)$, both fixed on development curves: the
# Brier score of exact answers gains {result}`calibration:recalibration.exact.brier_gain:.4f`
# ({result}`calibration:recalibration.exact.brier_gain_interval:.4f`) on test curves, that within one site loses a little. What
# the share then means is folded here.

# %% tags=["hide-input", "hide-output"]
Markdown(text.mended_table(table) if table else "")

# %% [markdown]
# ## Ranks of the truth
#
# A pair of antidots is three integers, $x_1$, $x_2$ and $\Delta y$. On most curves truth and samples are all equal, and the rank
# is pure chance. So we look also at the curves where they are **not all equal**, a choice that leaves the ranks of exact samples
# uniform.

# %% mystnb={"figure": {"caption": "Simulation-based calibration of the decoder (results/calibration.json). Above: ranks of the truth among the samples for each of the three parameters, all test curves, with the simultaneous 95 % band of uniform ranks. Below: cumulative distribution less the uniform one with its simultaneous 95 % band, for all curves and (vermilion) for those where truth and samples are not all equal; fewer than ten curves are not drawn.", "name": "trust-ranks"}, "image": {"alt": "Three histograms of ranks over a grey band, and below each the difference of cumulative distributions with its band, for all curves and for the few that differ."}} tags=["hide-input"]
calibration_figures.ranks(panels.ranks(table)) if table else None

# %% tags=["hide-input", "hide-output"]
print("\n".join(text.rank_lines(table)) if table else "")

# %% [markdown]
# The samples are not the posterior: the truth lies outside them too often, in $\Delta y$ on
# {result}`calibration:sbc.dy.outside.share:.1%` of the curves, where {result}`calibration:sbc.dy.outside.expected:.1%` is
# expected.
#
# Ranks average over curves. A sampler that ignored the curve and drew from the prior would pass here (and fail above), and errors
# of opposite sign cancel.
#
# ## Unlike anything in training
#
# Samples may agree on nonsense. The **novelty** is how far the exact curve of the answer, without random potential, lies from
# the given one. Its unit is a threshold that few genuine development curves exceed.

# %% mystnb={"figure": {"caption": "Novelty of genuine and of foreign curves (results/novelty.json), one point a curve; black (white on dark pages): median and quartiles. Blue and green: genuine curves, of test wires and under potentials that no training file holds. Orange: curves of other wires, or of none. Grey: small noise. Right of the line, above 1, a curve is flagged; the share of these stands at the right.", "name": "trust-novelty"}, "image": {"alt": "Strips of points on a logarithmic axis of novelty: genuine curves left of the threshold, curves of other wires and of none mostly right of it."}} tags=["hide-input"]
novelty = shown.if_measured(config.weights, rates.STUDY)
trust_figures.novelty_rates(trust_figures.novelty_rows(novelty)) if novelty else None

# %% tags=["hide-input", "hide-output"]
if novelty:
    print(novelty_text.flags_text(novelty))
    print(novelty_text.right_text(novelty))

# %% [markdown]
# ## What it means, and what could be wrong
#
# Look at the novelty first: nothing else means anything for a curve of another kind. Then at the share of samples, for what
# {numref}`trust-reliability` says it is worth. Better, let exact inference answer ([](06_exact)).
#
# - **Why samples are too sure.** Only the noise of the diffusion varies. The network is one fit to a finite training set: it
#   reads a position, right or wrong, and all samples follow. What another training would have read is not in their spread.
# - **Few steps.** A few coarse steps stay nearer to the mean of all images that fit, which may narrow the spread further
#   ([](14_limits)).
# - **Positions only.** Nothing is said of the spread of the fringes.
# - **One prior.** Wires and potentials are drawn as in training. Under another mix all of these probabilities change.

# %% tags=["hide-input", "hide-output"]
print(text.last_verdicts(table) if table else "")

# %% [markdown]
# ## Exercise
#
# All 31 samples of a curve agree. Suppose they *were* exact draws from the posterior. How probable might another pair still be?
#
# :::{admonition} Solution
# :class: dropdown
# If the pair has probability $p$, all 31 agree with probability $p^{31}$. That is above one in twenty for all $p > 0.05^{1/31}$,
# about 0.91: another pair may hold nine hundredths. So 31 samples cannot promise more than that, even if they are perfect.
# :::

# %% tags=["hide-input", "hide-output"]
p = 0.05 ** (1 / 31)
assert 0.90 < p < 0.91 and abs(p**31 - 0.05) < 1e-12
print(f"all 31 agree in one case of twenty at p = {p:.3f}")

# %% tags=["nbval-check-output", "hide-input", "hide-output"]
toys.check_cases(cases)
for row in table["reliability"].values() if table else ():
    assert sum(part["n"] for part in row["bins"]) == row["n"]
    assert row["ece"] >= abs(row["overconfidence"]) - 1e-12
for name in sbc.COORDINATES if table else ():
    assert sum(table["sbc"][name]["all"]["histogram"]) == table["curves"]
if table and (known := frame.read_result(config.weights, accuracy.STUDY)):
    low, high = table["reliability"]["within_1"]["right_interval"]
    others = known["consensus"]["within_1_interval"]  # of more samples, of the same curves
    assert low <= others[1] and high >= others[0]
print(
    "checks passed: exact samples within the band, a U, a hump and a slope where they belong; "
    "counts whole; table consistent"
)
