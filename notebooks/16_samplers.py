# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Fast samplers, and what a curve costs
#
# :::{admonition} In short
# :class: tip in-short
# Are the paper's thousand steps needed? For the shipped network ten DDIM steps made no difference in positions: exact changes by
# {result}`samplers:rows.ddim 10.difference.within_0:+.1%`
# ({result}`samplers:rows.ddim 10.difference.within_0_interval:+.1%`). One curve then takes
# {result}`bench_sample:contestants.ours.fp32.1.ddim 10.curve_s:.2f` s of one core in place of
# {result}`bench_sample:contestants.ours.fp32.1.ancestral 1000.curve_s:.0f` s.
# :::
#
# **Claim** (Sec. IV). The pattern is generated in a thousand Langevin steps. Here is what they add to a few steps, what they cost, and
# how fast our network is beside one built from a library.

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
from IPython.display import Markdown

import qfp
from qfp import studies
from qfp.figures import samplers as figures
from qfp.studies import frame, shown
from qfp.studies.limits import samplers
from qfp.studies.speed import race, race_sample, told

config = qfp.notebook_config(globals())

# %% [markdown]
# ## The fast sampler and the thousand steps
#
# Every sampler decodes the same {result}`samplers:curves` curves from the same starting noise, so that differences are paired.
# DDIM {cite:p}`song2021` and DPM-Solver++ of second order {cite:p}`lu2022` take far fewer evaluations of the network than the
# ancestral sampler {cite:p}`ho2020` with all its steps.

# %% mystnb={"figure": {"caption": "Scores of samplers against the number of network evaluations a sample, with 95 % intervals over the curves, not paired (results/samplers.json). The axes show a small part of their range.", "name": "samplers-scores"}, "image": {"alt": "Three panels of dots with whiskers against network evaluations from 5 to 1000. Median correlation falls from about 0.983 to 0.977 as evaluations grow, shares of exact positions and of positions within one site stay level within their intervals."}} tags=["hide-input"]
found = frame.read_result(config.weights, samplers.STUDY)
figures.against_evaluations(found["rows"]) if found else None

# %% tags=["hide-input", "hide-output"]
Markdown(shown.table(samplers.STUDY, config.weights))

# %% [markdown]
# No difference in positions is seen; the intervals allow a few percentage points. The correlation *rises* as steps get fewer, with the
# ancestral sampler and DDIM alike. That need not mean better samples. Coarse steps may stay closer to the mean of all images that fit
# the curve, and a mean correlates better with the truth than a fair sample does (see the exercise). This explanation was not tested.
#
# ## What a step and a curve cost
#
# We compare with the conditional U-Net of the library diffusers, `UNet2DConditionModel`, narrowed to as many
# parameters as our whole network. It gets the same tokens of the curve and reads them by cross-attention. The **peer** works on
# the image as it is. The **unshuffled** peer gets our stem, which folds blocks of pixels into channels. The **sparing** one, nearest to
# ours in design, also has no attention on the fine grid, where ours is linear.
#
# A training step does the same work in all, but for the average of our weights. A generation is the peer's
# network in our sampler. All weights are random: only time is compared. All took turns
# on one core (`qfp study training-speed`, `qfp study sampling-speed`).

# %% mystnb={"figure": {"caption": "Time of networks built from the library diffusers, relative to ours (dashed: as long as ours), with 95 % intervals (results/bench_train.json, results/bench_sample.json). Left: a training step. Right: ten DDIM steps for many curves together.", "name": "samplers-costs"}, "image": {"alt": "Two panels of dots with whiskers. The plain peer takes three to five times as long as our network, the unshuffled one nearly as much, the sparing one only a little longer than ours."}} tags=["hide-input"]
steps, curves = (
    studies.recorded("training-speed"),
    frame.read_result(config.weights, race_sample.STUDY),
)
figures.costs(told.panels(steps, curves)) if steps and curves else None

# %% tags=["hide-input", "hide-output"]
Markdown(shown.table(race.STUDY))

# %% tags=["hide-input", "hide-output"]
Markdown(shown.table(race_sample.STUDY, config.weights))

# %% tags=["hide-input", "hide-output"]
print(told.told(steps, curves))

# %% [markdown]
# In the tables, **diffusion alone** is our network without the further curves, which the peer does not have. **Net** memory leaves out
# what imports take. The thousand steps are extrapolated from a few, and checked by one whole generation.
#
# The peer takes {result}`bench_train:ratios.peer.ours.fp32.ratio:.1f` times
# ({result}`bench_train:ratios.peer.ours.fp32.ratio_interval:.1f`) as long as ours for a training step in single precision, and longer in
# bf16. Most of that is full attention on the fine grid: dropping it helps the peer more than our stem does. The sparing peer
# takes {result}`bench_train:ratios.peer unshuffled, sparing.ours.fp32.ratio:.2f` times as long
# ({result}`bench_train:ratios.peer unshuffled, sparing.ours.fp32.ratio_interval:.2f`), and less memory than ours.
#
# ## What it means, and what could be wrong
#
# - **Our network is fast because of what it leaves out**, full attention on the fine grid, and not because of better kernels.
# - **One machine.** On another the small lead over the sparing peer may be gone.
# - **Accuracy of the peer** was not compared.
#
# ## Exercise
#
# Let the images that fit a curve be a common mean plus independent fluctuations, and let truth and sample be two fair draws. If
# sample and truth correlate with $r$, how does the *mean* correlate with the truth? Is the rise of r with fewer steps within that?

# %% [markdown]
# :::{admonition} Solution
# :class: dropdown
# Let the mean have variance $S$ over the pixels and the fluctuations $N$. Sample and truth share $S$ of $S + N$, so
# $r = S/(S + N)$. Mean and truth have $r_{\rm mean} = S/\sqrt{S (S + N)} = \sqrt{r}$. The observed rise with five steps stays
# below this bound, so a step towards the mean could explain it.
# :::

# %% tags=["nbval-check-output", "remove-cell"]
if found:
    fair, few = (found["rows"][name]["r_median"] for name in ("ancestral 1000", "ancestral 5"))
    assert fair < few < np.sqrt(fair)
    print(f"fair sample {fair:.3f}, five steps {few:.3f}, mean at best {np.sqrt(fair):.3f}")
    for row in found["rows"].values():
        low, high = row.get("difference", {"within_0_interval": (0, 0)})["within_0_interval"]
        assert low <= 0 <= high, "no sampler differs in exact positions beyond chance"
    print("checks passed: no difference in exact positions, rise of r below that of a mean")
