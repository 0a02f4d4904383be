# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Attention: what the network looks at
#
# **Claim** (Sec. V, Fig. 4). The importance of a pixel in the self-attention of the most downsampled level,
#
# $$B_j = \sum_i A_{ij}, \qquad A_{ij} = \frac{\exp(q_i \cdot k_j/\sqrt d)}{\sum_{j'} \exp(q_i \cdot k_{j'}/\sqrt d)},$$
#
# "has large values" at the defects and around them "even at the stage when defects have not yet appeared" in the image;
# the four heads show it "in a complementary manner", some for the upper antidot, some for the lower, some for both; and
# $A_{ij}$ "incorporates the correlation of wave functions at two distant points".
#
# **Question.** Is that so, in more than one picture? Where does $B_j$ know the antidots from, and is it ahead of the image?
# Does $A_{ij}$ follow the wave functions?
#
# **Method.** We follow the generation of one test wire through all its steps, as Fig. 4 does. Then we count, over held-out
# test wires: the area under the ROC curve (AUC) of $B_j$ for antidot cells, that is the probability that
# a cell on an antidot has a larger $B_j$ than another cell of the wire. The sign is fixed beforehand: large values mean
# antidots. Every count stands beside controls. A few tens of wires are counted here; `qfp study attention` has counted more
# of them, through all steps and layers, into `results/probe_attention.json`, and the two must agree; `qfp study waves` has
# compared $A_{ij}$ with the wave functions.

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
import numpy as np
from IPython.display import display

import qfp
from qfp.book import explore
from qfp.figures import attention as figures
from qfp.studies import frame, shown
from qfp.studies.attention import findings, following, probe
from qfp.studies.attention.subject import Subject

config = qfp.notebook_config(globals())
decoder = qfp.load(config.weights)
assert decoder.config.device == config.device, "these weights belong to another wire"

# %% tags=["hide-input"]
measured = frame.read_result(config.weights, probe.STUDY)
about = findings.about(measured, config.weights)
print(about)

# %% [markdown]
# ## Which attention
#
# The most downsampled level has 15 x 15 cells of 4 x 4 pixels each. Our U-Net has two transformer blocks there, on the way
# down and on the way up; the paper does not say which of its blocks Fig. 4 shows. We draw the first, `down15`, in the figure
# and the second, `up15`, under the slider, and count all, those of linear attention at the level above included. $B_j$ is normalised so that
# its mean over the cells is 1.

# %% tags=["nbval-check-output", "hide-input"]
subject = Subject.of(decoder, min(32, config.notebook_configurations), config.seed)
print(subject.show())

# %% [markdown]
# ## One generation (Fig. 4)
#
# The thousand ancestral steps for the first test wire. The weights are computed beside the untouched path of the network,
# from the same input as the attention layer itself gets.

# %% tags=["hide-input"]
one = subject.one_generation()
first_block, last_block = subject.blocks[0], subject.blocks[-1]
drawn = subject.ratio, subject.antidots[0], config.device.radius

# %% mystnb={"figure": {"caption": "The paper's Fig. 4 remade for one test wire. Columns: steps of the generation with the ratio of noise to signal. Rows: the noisy image, the clean image that the network predicts from it (both in normalised units, padding included), and the importance of each cell in the heads of the block down15, each on one scale for all steps, which ends at what the cells on the wire reach (the padding may exceed it). Circles: the true antidots.", "name": "attention-steps"}, "image": {"alt": "Six columns of images from noise to interference pattern; the predicted image shows both antidots in all of them; in the maps of some heads the cells at an outlined antidot are bright from the first column on, while the noisy image shows nothing there."}} tags=["hide-input"]
figures.attention_steps(one, first_block, *drawn)

# %% [markdown]
# The same for the second block, step by step; the slider works in the browser.

# %% tags=["hide-input"]
pages = [explore.png(page) for page in figures.attention_frames(one, last_block, *drawn)]
title = f"Images and importance in block {last_block}"
display(explore.flipbook(pages, title, "generation step"))

# %% [markdown]
# ## Counted, with a control
#
# A high AUC alone shows little: antidots are not everywhere equally often, and a map of **where they usually are**, made
# without any curve, scores well too. The fair question is whether $B_j$ fits the antidots of its *own* curve better than
# those of the other curves. The same generation is therefore scored twice, and the paired difference over the wires is
# what counts (bootstrap, 95 %). Beside it stand the noisy image itself and the predicted clean image, averaged over the
# same cells; low values mean antidots there.

# %% tags=["hide-input"]
path = subject.generations(config.sampling.steps)
groups, prior = subject.mark_all(path), subject.prior()

# %% mystnb={"figure": {"caption": "AUC for antidot cells through the generation, from pure noise on the left to the image on the right, for the wires of this page. Solid: against the own antidots; dotted: the same maps against the antidots of the other curves; the band is the 95 % interval of their paired difference, drawn upon the dotted line. Dashed: the map of where antidots usually are. Grey: chance. Left and middle: the heads of the two blocks; right: the images.", "name": "attention-auc"}, "image": {"alt": "Three panels of AUC against noise level. Some heads lie far above their dotted control lines at strong noise already, others below; the noisy image rises from one half as the noise falls, the predicted image is near 1 throughout."}} tags=["hide-input"]
figures.attention_auc(subject.ratio[path.t], groups, prior)

# %% [markdown]
# ## The first step
#
# At the first step the image is pure noise: it cannot tell anything, so whatever $B_j$ knows there comes from the curve.
# As a control, the same pass with the learned empty condition $\varnothing$ in place of the curve.

# %% tags=["hide-input", "hide-output"]
empty = subject.without_curve()
first = subject.first_steps(groups, empty)
print(findings.first_steps(first, prior))

# %% [markdown]
# ## Through the whole generation, all layers
#
# The same over more wires, 50 steps and all layers, from the result file. "First tells" is the first step whose interval
# lies above 0.05.


# %% tags=["hide-input", "hide-output"]
if measured:
    print(findings.first_tells(measured))

# %% mystnb={"figure": {"caption": "How much better a map fits its own curve's antidots than those of other curves (difference of AUC, bands: paired 95 % interval) through the generation, from pure noise on the left to the image on the right. Colours: $B_j$ of the heads of each attention layer; black: the noisy image, dotted: the clean image predicted from it. Below 0: the head avoids the antidots.", "name": "attention-course"}, "image": {"alt": "A panel for each attention layer. The predicted image's dotted line lies at one half from the first step on, above all heads; the noisy image rises to it where the noise falls; some heads lie well above zero from the first step on, others below."}} tags=["hide-input"]
figures.through_generation(measured) if measured else print(about)

# %% [markdown]
# Where does it come from? Controls at the first step. **Condition**: what the U-Net is given of the curve, before any
# attention acts. **Another curve**: same noise, the next wire's condition. **No curve**: a generation with $\varnothing$.
# **Untrained**: a fresh network of the same settings.


# %% tags=["hide-input", "hide-output"]
if measured:
    print(findings.origins(measured))

# %% [markdown]
# ## Heads: upper or lower?
#
# The paper speaks of the defects "and their vicinity", and of heads that prefer one antidot. Mean importance on the lower
# antidot, on the upper one, on the rim (cells beside an antidot) and elsewhere on the wire, block `down15`, at the first
# step and in the middle of the generation, for the wires of this page; 1 is the mean of all cells.

# %% tags=["hide-input", "hide-output"]
print(findings.by_place(subject, path))

# %% [markdown]
# Over the wires of the file, both blocks: importance on the upper antidot's cells against that on the lower one's,
# $(B_{up} - B_{low})/(B_{up} + B_{low})$, at σ/α near 10, where the noisy image still shows little. The quotient keeps the
# few curves with huge $B_j$ from deciding, as they do in the difference above. *Complementary* heads have intervals on both
# sides of 0. Which head does what is an accident of the training, so networks are compared by their sorted heads.


# %% tags=["hide-input", "hide-output"]
if measured:
    print(findings.preferences(measured))

# %% mystnb={"figure": {"caption": "Preference of each head of the blocks at 15 x 15 for the upper (right, blue) or the lower antidot (left, vermilion), with 95 % intervals over the wires; grey: undecided. Heads in the order of their preference; one panel a network.", "name": "attention-heads"}, "image": {"alt": "Dots with intervals for each head: a few to the right of zero, a few to the left, others across it."}} tags=["hide-input"]
figures.preferences(findings.head_rows(measured)) if measured else print(about)

# %% [markdown]
# ## Do the weights follow the wave functions?
#
# The non-local correlation of the wave functions at two sites is $C_{ij} = |\mathrm{Im}\,G_{ij}|^2/(\mathrm{Im}\,G_{ii}\,
# \mathrm{Im}\,G_{jj})$, from the exact solver at $b = 0$ ($-2\,\mathrm{Im}\,G = \psi\psi^\dagger$, with the scattering states
# $\psi$ of both leads), averaged over the pairs of sites of two cells. Near cells are correlated more, and $A_{ij}$ may depend
# distance and on $B_j$ for reasons of its own, so we take the rank correlation of $A_{ij}$ with $C_{ij}$ over pairs $i \ne
# j$ *given* distance and $B_j$, and compare it with that for the $C_{ij}$ of another wire of the same potential, on the same
# cells. If attention follows the interference of its own wire, own minus other is positive. At the own antidots both $A_{ij}$ and
# $C_{ij}$ change, so the same is counted without the cells that touch an antidot of either wire. And could the test see anything?
# To the weights of a *third* wire, which know neither, we add one wire's $C_{ij}$, in units of the noise (what distance and $B_j$
# leave of $\ln A_{ij}$), and count how often it is found.

# %% tags=["hide-input", "hide-output"]
waves = shown.if_measured(config.weights, following.STUDY)
if waves:
    print(following.show(waves))

# %% mystnb={"figure": {"caption": "Rank correlation of attention weights and wave functions, given distance and $B_j$, mean over noise levels and wires (results/probe_waves.json). Left: with the correlation $C_{ij}$ of the own wire and of another wire of the same potential. Middle: own minus other with paired 95 % intervals, on all cells and away from antidots. Right: power of the test, the share of heads and resampled wires in which a planted signal is found, over its strength.", "name": "attention-waves"}, "image": {"alt": "Left and middle, dots for each head: partial correlations are small, and own minus other lies at or below zero for every head, for most of them nearer to it away from the antidots. Right, two rising curves from nearly 0 without a signal to 1 at a tenth of the noise."}} tags=["hide-input"]
figures.wave_correlation(waves["heads"], waves["power"]) if waves else None

# %% [markdown]
# ## What the paper claims, what we find, what we could not decide
#
# - **Importance is large at the defects before they appear.** Some heads do mark the antidots of their own curve from the
#   first step on, when the noisy image holds nothing; other curves' antidots, another curve's condition and no curve at all
#   rule out that they only mark the usual places. Others avoid the antidots, and most of the AUC of many heads is known
#   without any curve.
# - **It is less deep than it sounds.** Fig. 3 and 4 show the noisy image. The clean image that the network *predicts* shows
#   the antidots at the first step already: by then it has decided, and $B_j$ is not ahead of it.
# - **Where it knows it from.** The attention's input is the image *and* the map of the curve. The shipped network's path of
#   the curve was trained, in part, to name the antidots' positions (a difference from the paper), and the believed positions
#   mark the cells before any attention acts. $B_j$ shows that attention uses this, not that it found it.
# - **Complementary heads.** Counted above, over the curves. A preference is one of the average: a single curve's may differ.
# - **$A_{ij}$ and the wave functions.** No head follows its own wire, and the test has power: a planted signal of
#   {result}`probe_waves:power.strengths.3:.2f` of the noise is found in {result}`probe_waves:power.all.detected.3:.0%` of the cases,
#   one of {result}`probe_waves:power.strengths.2:.2f` in {result}`probe_waves:power.all.detected.2:.0%`. Most heads lie *below* 0;
#   away from the antidots the median is {result}`probe_waves:summary.away.median:+.3f` in place of
#   {result}`probe_waves:summary.all.median:+.3f`, so about half of that is made at the antidots, and the rest is not explained. Other
#   ways to use interference are not excluded: cells of 4 x 4 sites average over about half a wavelength, ranks see monotonic
#   relations only, and a block's values may carry what its weights do not.
# - **Not decided**: what the paper's own network does. Its weights are not public; ours has one level less and a trained
#   read-out of the positions.

# %% tags=["hide-input"]
if measured:
    print(findings.verdict(measured, waves))

# %% [markdown]
# **Verdict.** "Importance before they appear": holds for the heads counted above, but not ahead of the image that the network
# predicts. "Complementary" heads and the correlation of the wave functions: as printed.

# %% tags=["nbval-check-output", "hide-input"]
for B in (*path.importance.values(), *one.importance.values()):
    np.testing.assert_allclose(B.mean(axis=(-2, -1)), 1, atol=1e-4)
heads = decoder.model.attention_layers()[first_block].heads
assert {B.shape[1:] for B in empty.values()} == {(heads, 15, 15)}
assert path.t[0] == len(subject.ratio) - 1 and path.t[-1] == 0 and (np.diff(path.t) < 0).all()
truth, noise = subject.mark("", -subject.truth[None]), groups["images"][0]
assert (truth.own > 0.9).all(), "in the true images antidot cells are dark"
assert abs(noise.own[0] - 0.5) < 0.1, "pure noise knows nothing"
assert 0.75 < prior < 0.95, "where antidots usually are scores high without any curve"
findings.check_agreement(first, measured)
print(
    "checks passed: rows of A sum to 1, noise knows nothing, true images know the antidots, the prior scores high"
)
