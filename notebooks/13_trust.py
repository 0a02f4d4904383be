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
# `qfp decode` draws many samples. The share that agrees is no probability: the samples are overconfident. Under the potentials of
# the training, where all of them agree, the exact pair is right on {result}`calibration:reliability.exact.bins.-1.right:.1%`
# ({result}`calibration:reliability.exact.bins.-1.right_interval:.1%`) of the curves, within one site on
# {result}`calibration:reliability.within_1.bins.-1.right:.1%`. Nearly all curves of other wires are flagged, but so are noisy
# curves.
# :::
#
# **Claim** (Secs. II and IV). The network learns the *conditional distribution* of patterns given a curve. The paper shows
# one image per curve, and not whether the samples have the right spread.
#
# **Three questions.** Of the answers on which a given share of samples agrees, how many are right (*reliability*)? Where does the
# truth rank among the samples (*simulation-based calibration*)? Does the solver's curve of the answer agree with the measured one
# (*novelty*)?

# %% tags=["parameters", "remove-cell"]
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
# First a Gaussian posterior, rounded to integers: sampled well, half as wide, twice as wide, and off by one standard deviation.
#
# The **reliability diagram** sorts curves by the share of samples that give the most frequent answer. The **rank** of the truth is
# the number of samples below it, ties broken at random. If the truth is like one more sample, all ranks are equally likely
# {cite:p}`talts2018`, and their cumulative distribution stays within a band {cite:p}`sailynoja2022`.

# %% mystnb={"figure": {"caption": "A posterior that is known, sampled well and badly. Above: share of right answers against the share of samples that agree, with 95 % intervals; dashed: perfect. Middle: ranks of the truth. Below: their cumulative distribution less the uniform one. Bands: where all uniform ranks lie with probability 95 %.", "name": "trust-toy"}, "image": {"alt": "Four columns. Calibrated: points on the diagonal, flat ranks within the band. Overconfident: points below the diagonal, ranks in the shape of a U. Underconfident: points above it, a hump. Biased: points below it, ranks falling from left to right."}} tags=["hide-input"]
cases = toys.cases(config.seed)
calibration_figures.comparison(cases)

# %% tags=["nbval-check-output", "hide-input", "hide-output"]
print(toys.cases_text(cases))

# %% [markdown]
# The largest of several shares is too large on average, so even exact samples lie a little below the diagonal. The right reference is
# **a further sample** in place of the truth. Where it agrees with the others more often than the truth does, the samples are
# overconfident or biased.
#
# ## Reliability of the decoder
#
# Right means that the consensus is the true pair, **exactly** or **within one site**. In the third panel each distinct answer
# counts as a forecast.

# %% mystnb={"figure": {"caption": "Reliability of the decoder on 1,000 held-out curves under the potentials of the training, 31 samples each (results/calibration.json). Above: share of right answers against the share of samples that agree; 95 % intervals. Grey squares, moved aside: a further sample in place of the truth, as exact samples would lie. Dashed: perfect. Below: how many forecasts there are; vermilion: all samples agree.", "name": "trust-reliability"}, "image": {"alt": "Three reliability diagrams, exact, within one site and all candidates, with the diagonal, points with intervals, and below each the numbers of forecasts, most of which are of share 1."}} tags=["hide-input"]
calibration_figures.reliability(panels.reliability(table)) if table else None

# %% tags=["hide-input", "hide-output"]
print("\n".join(text.share_lines(table)) if table else "")

# %% tags=["hide-input", "hide-output"]
Markdown(text.scores_table(table) if table else "")

# %% [markdown]
# The truth agrees with the consensus less often than a further sample does, by
# {result}`calibration:further_sample.exact.excess:.1%`
# ({result}`calibration:further_sample.exact.excess_interval:.1%`) for the exact pair: **overconfident**. The share can be
# mended in part, as $(n + a)/(S + a + b)$: $a$ samples more that agree and $b$ that do not, both fixed on development curves. The Brier
# score of exact answers, {result}`calibration:reliability.exact.brier:.4f`, improves by
# {result}`calibration:recalibration.exact.brier_gain:.4f`
# ({result}`calibration:recalibration.exact.brier_gain_interval:.4f`); that within one site gets slightly worse.

# %% tags=["hide-input", "hide-output"]
Markdown(text.mended_table(table) if table else "")

# %% [markdown]
# ## Ranks of the truth
#
# A pair of antidots is three integers, $x_1$, $x_2$ and $\Delta y$. On most curves truth and samples are all equal, and ties make
# the rank random. We also look at the curves where they are **not all equal**, which leaves the ranks of exact samples uniform.

# %% mystnb={"figure": {"caption": "Simulation-based calibration of the decoder (results/calibration.json). Above: ranks of the truth among the samples for each of the three parameters, all test curves; grey: 95 % band of uniform ranks. Below: cumulative distribution less the uniform one, with its band, for all curves and (vermilion) for those where truth and samples are not all equal; fewer than ten curves are not drawn. The scales differ.", "name": "trust-ranks"}, "image": {"alt": "Three histograms of ranks over a grey band, and below each the difference of cumulative distributions with its band, for all curves and for the few that differ."}} tags=["hide-input"]
calibration_figures.ranks(panels.ranks(table)) if table else None

# %% tags=["hide-input", "hide-output"]
print("\n".join(text.rank_lines(table)) if table else "")

# %% [markdown]
# The samples are not the posterior: the truth lies outside them too often, in $\Delta y$ on
# {result}`calibration:sbc.dy.outside.share:.1%` of the curves, where exact samples give
# {result}`calibration:sbc.dy.outside.expected:.1%`; in $x_1$ and $x_2$, too. Ranks average over curves: even
# a sampler that ignored the curve could pass.
#
# ## Unlike anything in training
#
# Samples may agree on nonsense. The **novelty** is how far the exact curve of the answer, without random potential, lies from
# the given one. It is 1 at a threshold that {result}`novelty:quantile:.0%` of genuine development curves do not reach.

# %% mystnb={"figure": {"caption": "Novelty of genuine and of other curves (results/novelty.json), one point per curve; black (white on dark pages): median and quartiles. Blue and green: genuine curves, of test wires and under potentials that no training file holds. Orange: curves of other wires or of none, and noise from 0.05 e²/h on. Grey: small noise. Right of the line, above 1, a curve is flagged; the share of these stands at the right.", "name": "trust-novelty"}, "image": {"alt": "Strips of points on a logarithmic axis of novelty: genuine curves left of the threshold, curves of other wires and of none mostly right of it."}} tags=["hide-input"]
novelty = shown.if_measured(config.weights, rates.STUDY)
trust_figures.novelty_rates(trust_figures.novelty_rows(novelty)) if novelty else None

# %% tags=["hide-input", "hide-output"]
if novelty:
    print(novelty_text.flags_text(novelty))
    print(novelty_text.right_text(novelty))

# %% [markdown]
# A flag judges the curve, not the answer: noise of 0.05 e²/h is flagged on {result}`novelty:families.noise_0.05.flagged:.0%` of the
# curves, though nearly all answers stay within one site ([](14_limits)).
#
# ## What it means, and what could be wrong
#
# Look at the novelty first, then at the share of samples. Better, compute the posterior ([](06_exact)).
#
# - **Potentials never seen.** There the network `many`, trained for them ([](05_generation)), is exactly right on
#   {result}`calibration_many:reliability.exact.bins.-1.right:.1%`
#   ({result}`calibration_many:reliability.exact.bins.-1.right_interval:.1%`) where all samples agree, and as overconfident: by
#   {result}`calibration_many:further_sample.exact.excess:.1%`
#   ({result}`calibration_many:further_sample.exact.excess_interval:.1%`). For the shipped network it was not measured.
# - **Why samples are too sure.** Probably because the network is one fit: it reads a position, and all samples follow. Only the noise
#   of the diffusion varies.
# - **Positions only.** Nothing is said of the spread of the fringes.
# - **One prior.** Another mix of wires changes all these probabilities.

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

# %% tags=["nbval-check-output", "remove-cell"]
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
