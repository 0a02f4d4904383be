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
# samples? *Novelty*: does an exact solution for the answer give the curve back? Test wires had no curve or image in training,
# but their potentials, and their position labels on interpolated curves.

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

# %% tags=["hide-input"]
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
# First a posterior that is known. A number with a Gaussian prior is measured with Gaussian errors of many sizes, so its
# posterior is Gaussian, too; everything is rounded, as sites are. We draw samples from that posterior, and from three
# wrong ones: half as wide, twice as wide, and off by one standard deviation.
#
# The **reliability diagram** sorts curves by the share of samples that give the most frequent answer. The **rank** of the
# truth is the number of samples below it, ties broken at random: if the truth is like one more sample, all ranks are
# equally likely (Talts et al. 2018). The last row is the cumulative distribution of the ranks less the uniform one, in
# the band that uniform ranks leave nowhere in 95 % of all cases (Säilynoja et al. 2022).

# %% mystnb={"figure": {"caption": "A posterior that is known, sampled well and badly. Above: share of right answers among those on which a share of the samples agrees, with 95 % intervals; dashed: perfect. Middle: ranks of the truth, with the simultaneous 95 % band of uniform ones. Below: their cumulative distribution less the uniform one, with its simultaneous 95 % band.", "name": "trust-toy"}, "image": {"alt": "Four columns. Calibrated: points on the diagonal, flat ranks within the band. Overconfident: points below the diagonal, ranks in the shape of a U. Underconfident: points above it, a hump. Biased: points below it, ranks falling from left to right."}} tags=["hide-input"]
cases = toys.cases(config.seed)
calibration_figures.comparison(cases)

# %% tags=["nbval-check-output", "hide-input"]
print(toys.cases_text(cases))

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

# %% mystnb={"figure": {"caption": "Reliability of the decoder on test curves (results/calibration.json). Blue: share of right answers against the share of samples that agree; 95 % intervals. Grey squares: a further sample in place of the truth, as exact samples would lie. Dashed: perfect. Below: how many forecasts; vermilion: all samples agree.", "name": "trust-reliability"}, "image": {"alt": "Three reliability diagrams, exact, within one site and all candidates, with the diagonal, points with intervals, and below each a histogram of the shares, most of which are 1."}} tags=["hide-input"]
calibration_figures.reliability(panels.reliability(table)) if table else None

# %% tags=["hide-input", "hide-output"]
print("\n".join(text.share_lines(table)) if table else "")

# %% tags=["hide-input", "hide-output"]
Markdown(text.scores_table(table) if table else "")

# %% [markdown]
# The logarithmic score would be infinite for a single answer that is certain and wrong, so it has no value here where
# there is one. Can the share be mended? The simplest way is to add $a$ samples that agree and $b$ that do not,
# $(n + a)/(S + a + b)$, both numbers fixed on development curves. Whether it helps on
# the test curves is said by the last line of each block above; what the share would then mean:

# %% tags=["hide-input"]
Markdown(text.mended_table(table) if table else "")

# %% [markdown]
# ## Ranks of the truth
#
# A pair of antidots is three integers, $x_1$, $x_2$ and $\Delta y$. Where all samples agree with the truth the rank is
# pure chance, so the ranks of all curves are mostly noise, and we look also at the curves where **truth and samples are
# not all equal** (chosen so, symmetric in both, that ranks stay uniform under exact samples; choosing those whose samples
# differ would not do).

# %% mystnb={"figure": {"caption": "Simulation-based calibration of the decoder (results/calibration.json). Above: ranks of the truth among the samples for each of the three parameters, all test curves, with the simultaneous 95 % band of uniform ranks. Below: cumulative distribution less the uniform one with its simultaneous 95 % band, for all curves and (vermilion) for those where truth and samples are not all equal.", "name": "trust-ranks"}, "image": {"alt": "Three histograms of ranks over a grey band, and below each the difference of cumulative distributions with its band, for all curves and for the few that differ."}} tags=["hide-input"]
calibration_figures.ranks(panels.ranks(table)) if table else None

# %% tags=["hide-input", "hide-output"]
print("\n".join(text.rank_lines(table)) if table else "")

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

# %% mystnb={"figure": {"caption": "Novelty of genuine and of foreign curves (results/novelty.json), one point a curve; black: median and quartiles. Right of the line, above 1, a curve is flagged; at the right the share of these.", "name": "trust-novelty"}, "image": {"alt": "Strips of points on a logarithmic axis of novelty: genuine curves left of the threshold, curves of other wires and of none mostly right of it."}} tags=["hide-input"]
novelty = shown.if_measured(config.weights, rates.STUDY)
trust_figures.novelty_rates(trust_figures.novelty_rows(novelty)) if novelty else None

# %% tags=["hide-input", "hide-output"]
if novelty:
    print(novelty_text.flags_text(novelty))
    print(novelty_text.right_text(novelty))

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

# %% tags=["hide-input", "hide-output"]
print(text.last_verdicts(table) if table else "")

# %% tags=["nbval-check-output", "hide-input"]
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
