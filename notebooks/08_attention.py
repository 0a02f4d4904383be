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
# At the most downsampled level {printed}`08_attention:(\d+) of \d+ heads mark their own curve` of
# {printed}`08_attention:\d+ of (\d+) heads mark their own curve` heads mark the antidots before the image shows any. But the U-Net is
# given the positions before any attention acts, and a network without attention predicts the antidots just as early. Their weights
# depend on the wave functions of their wire only weakly, and there with the opposite sign.
# :::
#
# **Claim** (Sec. V, the paper's Fig. 4). In the self-attention of the most downsampled level, the importance of a cell,
#
# $$B_j = \sum_i A_{ij}, \qquad A_{ij} = \frac{\exp(q_i \cdot k_j/\sqrt d)}{\sum_{j'} \exp(q_i \cdot k_{j'}/\sqrt d)},$$
#
# "has large values" at the defects "even at the stage when defects have not yet appeared". The heads are "complementary": some
# mark the upper antidot, some the lower. And $A_{ij}$ "incorporates the correlation of wave functions at two distant points".

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

# %% tags=["hide-input"]
import numpy as np
from IPython.display import display

import qfp
from qfp import studies
from qfp.book import explore
from qfp.figures import attention as figures
from qfp.figures import waves as wave_figures
from qfp.figures.pixels import png
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
# `down15` in the encoder, `up15` in the decoder. The paper does not say which it shows. $B_j$ is scaled to a mean of 1.

# %% tags=["nbval-check-output", "hide-input", "hide-output"]
subject = Subject.of(decoder, min(32, config.notebook_configurations), config.seed)
print(subject.show())

# %% tags=["hide-input"]
one = subject.one_generation()
first_block, last_block = subject.blocks[0], subject.blocks[-1]
drawn = subject.ratio, subject.antidots[0], config.device.radius

# %% mystnb={"figure": {"caption": "The paper's Fig. 4 remade for one test wire, block down15. Rows: steps of the generation, with the ratio of noise to signal. Columns: the noisy image, the clean image that the network predicts from it (both in normalised units), and the importance of each cell in the four heads, each head on one scale for all steps. Circles: the true antidots.", "name": "attention-steps"}, "image": {"alt": "Four rows of images from noise to interference pattern; the predicted image shows both antidots in all of them; in the maps of some heads the cells at an outlined antidot are bright from the first row on, while the noisy image shows nothing there."}} tags=["hide-input"]
figures.attention_steps(one, first_block, *drawn)

# %% [markdown]
# The noisy image shows nothing until half-way, the predicted one both antidots from the start. As early, head 4 is bright on the
# rows and columns of the antidots and head 2 beside the upper one.

# %% tags=["hide-input"]
pages = [png(page) for page in figures.attention_frames(one, last_block, *drawn)]
title = f"Images and importance in block {last_block}"
display(explore.flipbook(pages, title, "generation step"))

# %% [markdown]
# ## Counted, with a control
#
# The AUC below is the probability that a cell on an antidot has a larger $B_j$ than another cell of the wire. Antidots are more
# frequent in some places than in others, so even a map of **where they usually are** has a high AUC. We therefore score each map
# twice: against the antidots of its own wire and against those of other wires. The difference counts.

# %% tags=["hide-input"]
path = subject.generations(config.sampling.steps)
groups, prior = subject.mark_all(path), subject.prior()

# %% mystnb={"figure": {"caption": "AUC for antidot cells through the generation, from pure noise (left) to the image (right), on 32 test wires. Solid: against the antidots of its own wire; dotted: the same maps against those of other wires. Band: the dotted line plus the 95 % interval of the paired difference. Dashed: the map of where antidots usually are. Grey: chance. Left and middle: the heads of the two blocks; right: the images, in which low values mean antidots.", "name": "attention-auc"}, "image": {"alt": "Three panels of AUC against noise level. Some heads lie far above their dotted control lines at strong noise already, others below; the noisy image rises from one half as the noise falls, the predicted image is near 1 throughout."}} tags=["hide-input"]
figures.attention_auc(subject.ratio[path.t], groups, prior)

# %% [markdown]
# All heads of `down15` mark antidots worse than the map without a curve (dashed). Yet two of them, and all of `up15`, lie well above
# their dotted lines: they depend on the curve.
#
# ## The first step
#
# In pure noise, what $B_j$ shows of the antidots comes from the curve. With the learned empty condition in its place, nothing is left:

# %% tags=["hide-input"]
empty = subject.without_curve()
first = subject.first_steps(groups, empty)

# %% mystnb={"figure": {"caption": "The first step, in pure noise: AUC of the importance against the antidots of the own wire less that against other wires' antidots, for each head; 95 % intervals, paired over 32 wires. Blue: given the curve. Grey: the interval with the empty condition, and its middle.", "name": "attention-first"}, "image": {"alt": "Eight heads, a blue dot with an interval each: six lie clearly to the right of zero, two on it. The grey squares of the same heads without the curve all lie on zero."}} tags=["hide-input"]
figures.first_step(first)

# %% tags=["hide-input", "hide-output"]
print(findings.first_steps(first, prior))

# %% [markdown]
# ## Through the whole generation, all layers
#
# The same for {result}`probe_attention:curves` wires and all layers. Those at 30 x 30, one level finer, use linear attention.

# %% mystnb={"figure": {"caption": "AUC against the antidots of the own wire less that against other wires' antidots, for each attention layer; 95 % bands, mostly thinner than the lines. Colours: importance in the heads; black (white on dark pages): the noisy image; dotted: the clean image predicted from it. Below 0: the head avoids the antidots.", "name": "attention-course"}, "image": {"alt": "A panel for each attention layer. The predicted image's dotted line lies at one half from the first step on, above all heads; the noisy image rises to it where the noise falls; some heads lie well above zero from the first step on, others below."}} tags=["hide-input"]
figures.through_generation(measured) if measured else print(about)

# %% tags=["hide-input", "hide-output"]
if measured:
    print(findings.first_tells(measured))

# %% [markdown]
# With the finer level, {result}`probe_attention:summary.first.telling` of {result}`probe_attention:summary.heads` heads mark the
# antidots in pure noise, {result}`probe_attention:summary.first.avoiding` avoid them. None reaches the predicted image (dotted).
# Two controls decide:
#
# - **The positions are given.** The part of the network that reads the curve is also trained to name them, unlike the paper's, and
#   passes them to the U-Net. There they mark the antidot cells before any attention acts: AUC
#   {result}`probe_attention:condition.believed.own.0:.3f`.
# - **Attention is not needed for it.** Without it ([](15_choices)) the image predicted from pure noise has an AUC of
#   {result}`probe_attention:networks.twin-no-attention.images.x0.own.0:.3f`.
#
# Given another wire's curve, the heads mark *that* wire's antidots; untrained, they mark none.

# %% tags=["hide-input", "hide-output"]
if measured:
    print(findings.origins(measured))

# %% [markdown]
# ## The paper's own network
#
# Trained by the paper's recipe ([](15_choices)), it has no position labels. In pure noise
# {result}`attention_paper:summary.first.telling` of {result}`attention_paper:summary.heads` heads mark the wire's antidots, most at
# 15 × 15, the strongest at 30 × 30. Again none is ahead of the predicted image.

# %% mystnb={"figure": {"caption": "As {numref}`attention-course`, for the paper's own network and 100 test wires (results/attention_paper.json). Not drawn: 60 x 60, where heads tell nothing before the noisy image does.", "name": "attention-paper"}, "image": {"alt": "Four panels, one for each attention layer. At 15 x 15 nearly all heads start above zero and fall to it or below half-way; at 30 x 30 some start above and some below, and most end above; the predicted image lies above them all."}} tags=["hide-input"]
theirs = studies.recorded("attention", "attention_paper")
coarse = {name: part for name, part in theirs.get("attention", {}).items() if "60" not in name}
figures.through_generation(theirs | {"attention": coarse}) if theirs else print(about)

# %% tags=["hide-input", "hide-output"]
print(probe.show(theirs) if theirs else about)

# %% [markdown]
# ## Heads: upper or lower?
#
# We compare the importance on the cells of the two antidots, $(B_{\rm up} - B_{\rm low})/(B_{\rm up} + B_{\rm low})$, at σ/α near 10,
# where the noisy image still shows little.

# %% mystnb={"figure": {"caption": "Preference of each head at 15 x 15 for the upper (right, blue) or the lower antidot (left, vermilion), with 95 % intervals over the wires; grey: undecided. Left: the shipped network; right: a second, narrower one. Heads in the order of their preference.", "name": "attention-heads"}, "image": {"alt": "Dots with intervals for each head: a few to the right of zero, a few to the left, others across it."}} tags=["hide-input"]
figures.preferences(findings.head_rows(measured)) if measured else print(about)

# %% [markdown]
# In both networks some heads prefer the upper antidot and others the lower. They are complementary, but only on average: a head
# prefers the same antidot in {printed}`08_attention:sign is the same in (\d+%) of` of the curves, the steadiest one in
# {result}`probe_attention:heads.heads.down15 head 3.same_sign.1:.0%`.

# %% tags=["hide-input", "hide-output"]
if measured:
    print(findings.preferences(measured))

# %% tags=["hide-input", "hide-output"]
print(findings.by_place(subject, path))

# %% [markdown]
# ## Do the weights follow the wave functions?
#
# For the correlation of the wave functions at two sites we take
# $C_{ij} = |\mathrm{Im}\,G_{ij}|^2/(\mathrm{Im}\,G_{ii}\,\mathrm{Im}\,G_{jj})$, from the exact solver ([](03_solver)) at $b = 0$,
# averaged over the sites of two cells. A cell is about half a wavelength wide, so the fringes are averaged out.
#
# Close cells are correlated more, and $A_{ij}$ may depend on distance and on $B_j$ for other reasons. So we take the rank correlation
# of $A_{ij}$ with $C_{ij}$ at fixed distance and importance, with the waves of the own wire and with those of another. If attention
# follows the waves, the first is larger, and above zero.

# %% tags=["hide-input", "hide-output"]
waves = shown.if_measured(config.weights, following.STUDY)
if waves:
    print(following.show(waves))

# %% mystnb={"figure": {"caption": "Partial rank correlation of attention weights with the correlation of wave functions, mean over noise levels and wires (results/probe_waves.json). Left: with the waves of the own wire and of another wire of the same potential. Right: own minus other with paired 95 % intervals, on all cells and away from antidots.", "name": "attention-waves"}, "image": {"alt": "Dots for each of eight heads. Left: all partial correlations are small. Right: own minus other lies at or below zero for every head, for most of them closer to it away from the antidots."}} tags=["hide-input"]
wave_figures.wave_correlation(waves["heads"]) if waves else None

# %% [markdown]
# It is not. For {result}`probe_waves:summary.all.below_adjusted` of {result}`probe_waves:summary.heads` heads the difference lies
# below zero (median {result}`probe_waves:summary.all.median:+.3f`), for none above. The weights depend on the waves with the
# opposite sign, also away from the antidots ({result}`probe_waves:summary.away.median:+.3f`).
#
# In the paper's own network one head is nearer to its own waves ({result}`waves_paper:summary.all.largest:+.3f`), but does not follow them
# ({result}`waves_paper:heads.all.up15 head 2.own:+.3f`); {result}`waves_paper:summary.all.below_adjusted` do the opposite.
#
# Are the cells too coarse? On cells of two sites, in a network trained with full attention at 30 × 30,
# {result}`waves_fine:summary.all.above_adjusted` of {result}`waves_fine:summary.heads` heads are nearer to their own waves (by
# {result}`waves_fine:summary.all.largest:.3f` at most), {result}`waves_fine:summary.all.below_adjusted` is farther
# ({result}`waves_fine:compared` wires); away from antidots {result}`waves_fine:summary.away.above_adjusted` and
# {result}`waves_fine:summary.away.below_adjusted`.

# %% mystnb={"figure": {"caption": "As {numref}`attention-waves`, for the paper's own network (results/waves_paper.json).", "name": "attention-waves-paper"}, "image": {"alt": "Dots for each of eight heads. Right: own minus other lies below zero for six heads, on it for one, and above it for head 2 of the decoder, on all cells and away from antidots."}} tags=["hide-input"]
own_waves = studies.recorded("waves", "waves_paper")
wave_figures.wave_correlation(own_waves["heads"]) if own_waves else None

# %% [markdown]
# What would the test see? We plant an effect: $C_{ij}$ of one of the two, added to $\ln A_{ij}$ of a *third* wire.

# %% mystnb={"figure": {"caption": "Power of the test: how often a planted signal is noticed (share of heads and of resampled sets of wires whose interval, for all heads together, lies above 0), over its strength. Unit: standard deviation of what is left of the logarithm of the weights at fixed distance and importance (results/probe_waves.json).", "name": "attention-power"}, "image": {"alt": "Two rising curves with points, all cells and away from antidots, nearly alike: a few percent without a signal, about half at a hundredth of the noise, nearly all from a twentieth on."}} tags=["hide-input"]
wave_figures.wave_power(waves["power"]) if waves else None

# %% [markdown]
# ## What it means, and what could be wrong
#
# - **Importance before the antidots appear: yes**, also without position labels. Whether it needs attention there was not tried.
# - **Following the waves: weakly, with either sign.** The test sees a planted signal of {result}`probe_waves:power.strengths.3:.2f` of the noise; a
#   weaker one could hide under the negative effect. Ranks see monotonic relations only.

# %% tags=["hide-input", "hide-output"]
if measured:
    print("the shipped network:", findings.verdict(measured, waves), sep="\n")

# %% [markdown]
# ## Exercise
#
# The map of where antidots usually are has a high AUC. Score it against the antidots of the own wire and against those of other
# wires. What must the average difference be, and why?
#
# :::{admonition} Solution
# :class: dropdown
# Zero, on average. The map is the same for all wires, so "own" and "other" antidots are drawn from one distribution. The AUC alone
# is high because some places hold an antidot more often than others: it is the dashed line of {numref}`attention-auc`.
# :::

# %% tags=["hide-input"]
scored = subject.mark("usual places", subject.usual()[None])
assert scored.own[0] > 0.6 and abs(scored.own[0] - scored.other[0]) < 0.1
print(f"AUC own {scored.own[0]:.2f}, of other curves {scored.other[0]:.2f}")

# %% tags=["nbval-check-output", "remove-cell"]
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
