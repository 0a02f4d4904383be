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
# :::{admonition} In short
# :class: tip in-short
# Does attention mark the antidots before they appear? {result}`probe_attention:summary.first.telling` of
# {result}`probe_attention:summary.heads` heads do, from pure noise on. But none is ahead of the image that the network predicts,
# which exceeds chance by {result}`probe_attention:summary.first.x0:.2f`
# ({result}`probe_attention:summary.first.x0_interval:.2f`) in AUC. No head's weights follow the wave functions.
# :::
#
# **Claim** (Sec. V, the paper's Fig. 4). In the self-attention of the most downsampled level, the importance of a cell,
#
# $$B_j = \sum_i A_{ij}, \qquad A_{ij} = \frac{\exp(q_i \cdot k_j/\sqrt d)}{\sum_{j'} \exp(q_i \cdot k_{j'}/\sqrt d)},$$
#
# "has large values" at the defects "even at the stage when defects have not yet appeared". The heads are "complementary": some
# mark the upper antidot, some the lower. And $A_{ij}$ "incorporates the correlation of wave functions at two distant points".
#
# The paper shows one picture. We watch one generation, then count over many held-out wires, with controls.

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
from qfp.figures import waves as wave_figures
from qfp.studies import frame, shown
from qfp.studies.attention import findings, following, probe
from qfp.studies.attention.subject import Subject

config = qfp.notebook_config(globals())
decoder = qfp.load(config.weights)
assert decoder.config.device == config.device, "these weights belong to another wire"

# %% tags=["hide-input", "hide-output"]
measured = frame.read_result(config.weights, probe.STUDY)
about = findings.about(measured, config.weights)
print(about)

# %% [markdown]
# ## One generation
#
# The most downsampled level has 15 x 15 cells of 4 x 4 pixels. Our U-Net ([](04_network)) has two transformer blocks there:
# `down15` on the way down, `up15` on the way up. The paper does not say which it shows. We draw the first, put the second under a
# slider, and count both. $B_j$ is scaled to a mean of 1 over the cells.

# %% tags=["nbval-check-output", "hide-input", "hide-output"]
subject = Subject.of(decoder, min(32, config.notebook_configurations), config.seed)
print(subject.show())

# %% tags=["hide-input"]
one = subject.one_generation()
first_block, last_block = subject.blocks[0], subject.blocks[-1]
drawn = subject.ratio, subject.antidots[0], config.device.radius

# %% mystnb={"figure": {"caption": "The paper's Fig. 4 remade for one test wire. Columns: steps of the generation, with the ratio of noise to signal. Rows: the noisy image, the clean image that the network predicts from it (both in normalised units), and the importance of each cell in the four heads of the block down15, each head on one scale for all steps; 1 is the mean of all cells. Circles: the true antidots.", "name": "attention-steps"}, "image": {"alt": "Six columns of images from noise to interference pattern; the predicted image shows both antidots in all of them; in the maps of some heads the cells at an outlined antidot are bright from the first column on, while the noisy image shows nothing there."}} tags=["hide-input"]
figures.attention_steps(one, first_block, *drawn)

# %% [markdown]
# The top row is noise until half-way. The second row shows both antidots from the first column on: the network has already
# decided. So have the heads. Head 4 is bright on the rows and columns of the antidots, head 2 beside the upper one; heads 1 and 3
# are bright elsewhere. The maps change little until the noise is gone. The second block, step by step (the slider works in the browser):

# %% tags=["hide-input"]
pages = [explore.png(page) for page in figures.attention_frames(one, last_block, *drawn)]
title = f"Images and importance in block {last_block}"
display(explore.flipbook(pages, title, "generation step"))

# %% [markdown]
# ## Counted, with a control
#
# The AUC below is the probability that a cell on an antidot has a larger $B_j$ than another cell of the wire. A high AUC alone
# shows little. Antidots are not everywhere equally often, and a map of **where they usually are**, made without any curve, scores
# well, too. So each map is scored twice: against the antidots of its *own* curve and against those of the *other* curves. The
# paired difference counts.

# %% tags=["hide-input"]
path = subject.generations(config.sampling.steps)
groups, prior = subject.mark_all(path), subject.prior()

# %% mystnb={"figure": {"caption": "AUC for antidot cells through the generation, from pure noise on the left to the image on the right. Solid: against the own antidots; dotted: the same maps against the antidots of other curves. The band is the 95 % interval of their paired difference, drawn upon the dotted line. Dashed: the map of where antidots usually are. Grey: chance. Left and middle: the heads of the two blocks; right: the images, in which low values mean antidots.", "name": "attention-auc"}, "image": {"alt": "Three panels of AUC against noise level. Some heads lie far above their dotted control lines at strong noise already, others below; the noisy image rises from one half as the noise falls, the predicted image is near 1 throughout."}} tags=["hide-input"]
figures.attention_auc(subject.ratio[path.t], groups, prior)

# %% [markdown]
# All heads of `down15` lie below the dashed line: they mark antidots worse than a map that knows no curve. Yet two of them, and all
# of `up15`, lie well above their own dotted lines. They know *this* curve.
#
# ## The first step
#
# At the first step the image is pure noise. Whatever $B_j$ knows there comes from the curve. Take the curve away (the learned empty
# condition $\varnothing$), and the knowledge is gone:

# %% tags=["hide-input"]
empty = subject.without_curve()
first = subject.first_steps(groups, empty)

# %% mystnb={"figure": {"caption": "Where the image is pure noise: how much better the importance of each head fits the antidots of its own curve than those of other curves, with paired 95 % intervals over the wires of this page. Blue dots: given the curve; grey squares: the middle of the interval with the empty condition in its place.", "name": "attention-first"}, "image": {"alt": "Eight heads, a blue dot with an interval each: six lie clearly to the right of zero, two on it. The grey squares of the same heads without the curve all lie on zero."}} tags=["hide-input"]
figures.first_step(first)

# %% tags=["hide-input", "hide-output"]
print(findings.first_steps(first, prior))

# %% [markdown]
# ## Through the whole generation, all layers
#
# The same over {result}`probe_attention:curves` wires and all attention layers, those of linear attention at the level above
# included.

# %% mystnb={"figure": {"caption": "How much better a map fits its own curve's antidots than those of other curves (difference of AUC; bands: paired 95 % interval, mostly thinner than the lines) through the generation, from pure noise on the left to the image on the right. Colours: importance in the heads of each attention layer; black (white on dark pages): the noisy image; dotted: the clean image predicted from it. Below 0: the head avoids the antidots.", "name": "attention-course"}, "image": {"alt": "A panel for each attention layer. The predicted image's dotted line lies at one half from the first step on, above all heads; the noisy image rises to it where the noise falls; some heads lie well above zero from the first step on, others below."}} tags=["hide-input"]
figures.through_generation(measured) if measured else print(about)

# %% tags=["hide-input", "hide-output"]
if measured:
    print(findings.first_tells(measured))

# %% [markdown]
# The dotted line is the lesson. The predicted image knows the antidots completely, at once; every head lies below it. Attention
# uses knowledge that is already there.
#
# Where does it come from? The network's path of the curve was trained, in part, to name the antidots' positions. That is a difference
# from the paper. What it believes marks the antidot cells before any attention acts: AUC
# {result}`probe_attention:condition.believed.own.0:.3f`. With another wire's curve the heads mark *that* wire's antidots; without a
# curve, or untrained, they mark none. The numbers are folded below.

# %% tags=["hide-input", "hide-output"]
if measured:
    print(findings.origins(measured))

# %% [markdown]
# ## Heads: upper or lower?
#
# The next figure compares the importance on the upper antidot's cells with that on the lower one's,
# $(B_{up} - B_{low})/(B_{up} + B_{low})$, at σ/α near 10, where the noisy image still shows little.

# %% mystnb={"figure": {"caption": "Preference of each head of the blocks at 15 x 15 for the upper (right, blue) or the lower antidot (left, vermilion), with 95 % intervals over the wires; grey: undecided. Heads in the order of their preference; one panel a network: the shipped one and a second one, the twin.", "name": "attention-heads"}, "image": {"alt": "Dots with intervals for each head: a few to the right of zero, a few to the left, others across it."}} tags=["hide-input"]
figures.preferences(findings.head_rows(measured)) if measured else print(about)

# %% [markdown]
# In both networks some heads prefer the upper antidot and others the lower. This much of "complementary" holds. It is a statement
# about the average: a head's preference has the same sign in about six of ten curves. Which head does what is an accident of the
# training.

# %% tags=["hide-input", "hide-output"]
if measured:
    print(findings.preferences(measured))

# %% tags=["hide-input", "hide-output"]
print(findings.by_place(subject, path))

# %% [markdown]
# ## Do the weights follow the wave functions?
#
# The correlation of the wave functions at two sites is $C_{ij} = |\mathrm{Im}\,G_{ij}|^2/(\mathrm{Im}\,G_{ii}\,
# \mathrm{Im}\,G_{jj})$, from the exact solver ([](03_solver)) at $b = 0$, averaged over the pairs of sites of two cells. Close cells
# are correlated more, and $A_{ij}$ may depend on distance and on $B_j$ for reasons of its own. So we take the rank correlation of
# $A_{ij}$ with $C_{ij}$ *given* both, once with the own wire's waves and once with another wire's, on the same cells. Attention
# that follows its own interference would give a positive difference.

# %% tags=["hide-input", "hide-output"]
waves = shown.if_measured(config.weights, following.STUDY)
if waves:
    print(following.show(waves))

# %% mystnb={"figure": {"caption": "Rank correlation of attention weights with the correlation of wave functions, given distance and importance, mean over noise levels and wires (results/probe_waves.json). Left: with the waves of the own wire and of another wire of the same potential. Right: own minus other with paired 95 % intervals, on all cells and away from antidots.", "name": "attention-waves"}, "image": {"alt": "Dots for each of eight heads. Left: all partial correlations are small. Right: own minus other lies at or below zero for every head, for most of them closer to it away from the antidots."}} tags=["hide-input"]
wave_figures.wave_correlation(waves["heads"]) if waves else None

# %% [markdown]
# No dot lies to the right of zero. Could the test have seen anything? We plant a signal: to the weights of a *third* wire, which
# know neither of two others, we add the $C_{ij}$ of one of them, and count how often the test notices.

# %% mystnb={"figure": {"caption": "Power of the test: share of heads and of resampled sets of wires in which a planted signal is noticed (its interval, for all heads together, lies above 0), over its strength. The unit is the spread of what distance and importance leave of the logarithm of the attention weights (results/probe_waves.json).", "name": "attention-power"}, "image": {"alt": "Two rising curves with points, all cells and away from antidots, nearly alike: a few percent without a signal, about half at a hundredth of the noise, nearly all from a twentieth on."}} tags=["hide-input"]
wave_figures.wave_power(waves["power"]) if waves else None

# %% [markdown]
# ## What it means, and what could be wrong
#
# - **Importance before the antidots appear: yes, in some heads.** {result}`probe_attention:summary.first.telling` heads of
#   {result}`probe_attention:summary.heads` mark their own curve's antidots in pure noise;
#   {result}`probe_attention:summary.first.avoiding` avoid them.
# - **It is less deep than it sounds.** The predicted image shows the antidots as early, and better. Attention uses the positions; it
#   does not discover them. A network without attention decodes about as well
#   ([](04_network)).
# - **Complementary heads: yes**, on average over curves, in both networks.
# - **Following the waves: no**, and the test would have seen it. A signal of {result}`probe_waves:power.strengths.3:.2f` of the noise is
#   found in {result}`probe_waves:power.all.detected.3:.0%` of the cases, one of {result}`probe_waves:power.strengths.2:.2f` in
#   {result}`probe_waves:power.all.detected.2:.0%`.
# - **Unexplained.** Most differences are negative: median {result}`probe_waves:summary.all.median:+.3f`, away from antidots
#   {result}`probe_waves:summary.away.median:+.3f`. About half of it is made at the antidots.
# - **Not excluded.** A cell averages over half a wavelength, ranks see monotonic relations only, and the values of a block may carry
#   what its weights do not.
# - **Not decided.** The paper's network: its weights are not public. Ours has one level less and the trained read-out of positions.

# %% tags=["hide-input", "hide-output"]
if measured:
    print(findings.verdict(measured, waves))

# %% [markdown]
# ## Exercise
#
# A map that has never seen a curve, the map of where antidots usually are, reaches a high AUC. Score it against the own antidots and
# against those of other curves. What must the average difference be, and why?
#
# :::{admonition} Solution
# :class: dropdown
# Zero, on average. The map is the same for all wires, so "own" and "other" antidots are drawn from one distribution. The AUC alone is high because some places hold an antidot more often than others. This is why the page never
# argues from an AUC without its control ([](14_limits) has the same for images).
# :::

# %% tags=["hide-input"]
scored = subject.mark("usual places", subject.usual()[None])
assert scored.own[0] > 0.6 and abs(scored.own[0] - scored.other[0]) < 0.1
print(f"AUC own {scored.own[0]:.2f}, of other curves {scored.other[0]:.2f}")

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
