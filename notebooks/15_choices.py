# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # What each choice brings
#
# :::{admonition} In short
# :class: tip in-short
# The position loss of the curve encoder decides. With it
# {result}`networks:networks.twin.single.within_1:.1%` are within one site, without it, after equal steps,
# {result}`networks:networks.twin-no-gradient.single.within_1:.1%`
# ({result}`networks:networks.twin-no-gradient.single.within_1_interval:.1%`). No effect of self-attention was found, with positions
# supplied or, in a short training, without.
# :::
#
# **Claim** (Sec. V). Self-attention is "the key mechanism by which this learning process is achieved". We train networks without
# one part each, and make short trainings that differ in one choice.

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
from IPython.display import Markdown

import qfp
from qfp import studies
from qfp.figures import network as network_figures
from qfp.figures import shares
from qfp.studies.networks import diagnose, readout
from qfp.studies.short import ablations, closer, learning, recipe

config = qfp.notebook_config(globals())

# %% [markdown]
# ## What each part brings
#
# A network with **all parts**, smaller than the shipped one, is trained again with **no self-attention** anywhere; with **no position
# loss** and none of its curves; and with **no interpolation**, that is without interpolated curves and
# mixed potentials. Steps, batches and seed are equal.

# %% mystnb={"figure": {"caption": "Single samples of networks that lack one part each, on the same 300 test curves, with 95 % intervals over these (results/networks.json); dotted: 95 %. The shipped network is wider and was trained longer.", "name": "choices-parts"}, "image": {"alt": "Dots with whiskers for five networks. Without attention all three shares equal those of the network with all parts. Without interpolation exact positions fall to about a half. Without the position loss all shares fall far, within one site to about a third."}} tags=["hide-input"]
found = diagnose.read_networks()
rows = {name: row["single"] for name, row in found["networks"].items()} if found else {}
shares.whiskers({"": rows}, (*shares.COLUMNS,), shares.PARTS) if found else None

# %% tags=["hide-input", "hide-output"]
Markdown(diagnose.compared(found) if found else "No results: `make twins` makes them.")

# %% [markdown]
# At which stage do errors arise? In {numref}`network-noise` each network cleans the true image of noise, with and without the curve.
# A linear probe of the curve's *features*, without any image, shows what is known before.

# %% mystnb={"figure": {"caption": "Score of the clean image predicted in one evaluation from the true image with noise, on test curves (results/networks.json). Solid: with the curve; dashed: from the noisy image alone; dotted: positions read off the features of the curve, without image. The last point is pure noise. Bands: 95 % intervals.", "name": "network-noise"}, "image": {"alt": "Two panels of score against noise. Without the curve all networks fall from nearly 1 to 0 between a noise of 2 and 20. With it, both antidots within one site stay near 1 up to pure noise, except without the position loss; a correlation of at least 0.95 ends highest for the shipped network, lower with all parts and without attention, lower still without interpolation, and at 0 without the position loss."}} tags=["hide-input"]
network_figures.score_against_noise(diagnose.panels(found), shares.PARTS) if found else None

# %% tags=["hide-input", "hide-output"]
if found:
    print(diagnose.show(found), readout.untrained(found), sep="\n")

# %% [markdown]
# Most errors arise where the curve is read, hardly any between there and the image. Only the network without the position loss
# visibly loses more in sampling.
#
# ## From nothing to 95 % within one site
#
# How long does a training of one's own take? The preset `kettle` makes small steps at a higher learning rate, each with
# {result}`presets/kettle:training.curve_batch` curves for the position loss. Minutes count training alone.

# %% mystnb={"figure": {"caption": "A short training of the network, from random weights (results/bench_learn.json). Shares of development curves, configurations that are not in training, with 95 % intervals. Dashed: 95 %. The learning rate falls over the last fifth.", "name": "network-learning"}, "image": {"alt": "Three rising curves of shares against minutes of training: both antidots within one site rises first and reaches nearly 1, exact positions follow, pattern correlation of at least 0.95 stays near 0 in so short a time."}} tags=["hide-input"]
short = studies.recorded("learning")
network_figures.learning(*learning.lines(short), short["share"]) if short else None

# %% tags=["hide-input"]
missing = "no results: `qfp study learning --preset kettle` makes them"
print(learning.told(short) if short else missing)

# %% [markdown]
# Positions come in minutes. The patterns are still wrong.
#
# ## What each choice brings, in minutes
#
# Each training differs from the reference, the preset `laptop`, in one choice; all have equally many forward and backward passes. This
# shows what makes reading the curve *fast*, not where a long training would end.

# %% mystnb={"figure": {"caption": "Shares of 300 development curves decoded right, against minutes of training on one core, for trainings that differ in one choice each, in three groups; black (white on dark pages): the reference (results/bench_ablations.json). Bars: 95 % intervals at the end.", "name": "network-ablations"}, "image": {"alt": "Six panels of rising lines, one line a training. Both antidots within one site: most lines reach nearly 1; those without position loss stay near 0, those with the LDOS as target or with predicted noise lie between. Both exact: the lines fan out, with the same ones at the bottom."}} tags=["hide-input"]
table = studies.recorded("ablations")
network_figures.ablations(*ablations.panels(table), shares.CHOICES) if table else None

# %% [markdown]
# :::{admonition} The rows
# :class: note dropdown
# - **no position loss**: the diffusion loss alone, as in the paper. **own curves alone**: the position loss sees training curves only, nothing
#   interpolated or mixed. **LDOS as target**: the LDOS averaged over 4 × 4 sites in place of positions, no labels; **LDOS, twice the
#   weight**. In these rows, but for own curves alone, learned channels replace the maps of positions that the U-Net is given.
# - **linear schedule**, **predicts ε**, **ε, linear schedule**: the paper's schedule, its prediction, both. **uniform t**: from one
#   uniform draw, as in the paper, with the cosine schedule.
# - **no self-attention**; **SAM**: the paper's optimiser, two passes a step, so half the steps, with an untuned ρ;
#   **one potential**: one of the five potentials in training; **noisy curves**: white noise on training curves;
#   **seed 1**: another seed.
# :::

# %% tags=["hide-input", "hide-output"]
if table:
    print(ablations.preface(table), closer.asked_more(table), sep="\n")
Markdown(ablations.show(table) if table else "No results: `make ablations` makes them.")

# %% [markdown]
# - **No position loss.** {result}`bench_ablations:rows.no-gradient.looks.3.within_1:.1%` are within one site
#   ({result}`bench_ablations:rows.no-gradient.looks.3.within_1_interval:.1%`), against
#   {result}`bench_ablations:rows.reference.looks.3.within_1:.1%`. The LDOS as target, twice the weight, needs no labels and reaches
#   {result}`bench_ablations:rows.own-curves-pooled-1.looks.3.within_1:.1%`. Own curves alone cost nothing visible yet
#   (but see {numref}`choices-parts`).
# - **Predicting ε.** Its error is magnified by $\sigma/\alpha$ in the image, just where the curve is
#   needed. With the cosine schedule one evaluation is then worse than the mean of all images: error
#   {result}`bench_ablations:rows.epsilon.x0_error.given:.2f`
#   ({result}`bench_ablations:rows.epsilon.x0_error.given_interval:.2f`) against
#   {result}`bench_ablations:mean_image.error:.2f`. With $v$, as in the reference, the schedule makes no difference to positions.
# - **SAM** brings no more per step than AdamW, and a step costs twice.
# - **Uniform t** costs exact positions.
# - **Noisy curves** do not yet help with noise.
# - **One potential** helps under that potential only.
# - **A second seed** changes little: predicting ε {result}`bench_ablations:rows.epsilon-seed-1.looks.3.within_1:.1%` against
#   {result}`bench_ablations:rows.epsilon.looks.3.within_1:.1%`.
#
# ## All of the paper's choices at once
#
# The paper's network on a GPU, its data split by configurations or by pairs, and a network of our size:

# %% mystnb={"figure": {"caption": "The paper's recipe: share of single samples within one site against training images, with 95 % intervals (results/recipe_paper.json, results/recipe_pairs.json, results/recipe.json). Filled: development curves; open: test curves, at the end. Lines are fitted to the shares before the learning rate falls; dashed: extrapolated. Dotted: 95 %.", "name": "choices-recipe"}, "image": {"alt": "Three rising curves against the number of images on a logarithmic axis. The two of the full size run side by side to about two thirds and three quarters, steepest at their ends; that of our size, far to the left, ends near zero. The lines of the full size pass 95 percent beyond a few million images."}} tags=["hide-input"]
files = {
    "full size": "recipe_paper",
    "full size, split by pairs": "recipe_pairs",
    "our size": "recipe",
}
whole = {label: studies.recorded("recipe", file) for label, file in files.items()}
shares.learning_curve(recipe.courses(whole), recipe.WANTED) if any(whole.values()) else None

# %% tags=["hide-input", "hide-output"]
for label, result in whole.items():
    print(f"{label}\n{recipe.show(result)}" if result else f"{label}: see `qfp study recipe`")

# %% [markdown]
# ## What it means, and what could be wrong
#
# - **Attention** is not needed. Where positions are labels in training and an input of the U-Net, on
#   {result}`attention_labels:curves:,` test curves it brings exact answers
#   {result}`attention_labels:attention.labels.within_0.interval:+.1%`, patterns with $r \ge 0.95$
#   {result}`attention_labels:attention.labels.r_high.interval:+.1%`: inside the margin of three points that was set before. Without
#   labels {result}`attention_labels:rows.attention, seed 1.within_1:.1%` and {result}`attention_labels:rows.attention, seed 2.within_1:.1%`
#   (two seeds) are within one site with attention, {result}`attention_labels:rows.neither, seed 1.within_1:.1%` and
#   {result}`attention_labels:rows.neither, seed 2.within_1:.1%` without: {result}`attention_labels:attention.no_labels.within_1.interval:+.1%`,
#   barely inside the margin.
# - **Exact positions** need interpolation, too: {result}`networks:networks.twin-no-interpolation.single.within_0:.1%` without,
#   {result}`networks:networks.twin.single.within_0:.1%` with it. Interpolated curves also lend labels to test wires: what these
#   bring, [](04_network) tells.
# - **The paper's recipe** learns, slowly. Nine minutes of an H200, {result}`recipe_paper:looks.7.images:,` images, bring
#   {result}`recipe_paper:test.within_1:.1%` within one site ({result}`recipe_paper:test.within_1_interval:.1%`),
#   {result}`recipe_paper:test.within_0:.1%` exactly. The paper's thousand steps, on {result}`recipe_paper:ancestral.n` curves, bring
#   {result}`recipe_paper:ancestral.difference.within_1:+.1%` ({result}`recipe_paper:ancestral.difference.within_1_interval:+.1%`)
#   and {result}`recipe_paper:ancestral.difference.within_0:+.1%` ({result}`recipe_paper:ancestral.difference.within_0_interval:+.1%`). At five million, if the line stays one:
#   {result}`recipe_paper:fit.line.5000000.interval:.0%`. Before the learning rate falls, the split of pairs is no easier.
# - **What could be wrong.** Most rows are single runs.
#
# ## Exercise
#
# Train your own decoder: make the data (`qfp dataset --preset laptop --out data/laptop.h5`), then run the
# commands printed below. Do your weights and the shipped ones read the same antidots off `notebooks/curves/test.csv`? Then remove
# the position loss (`--set training.curve_target=none --set training.curve_batch=0 --set training.curve_neighbours=0 --set
# training.curve_mixing=0`) and decode again. What should you expect?

# %% tags=["hide-input"]
if short:
    name = short["preset"]
    print(f"qfp train --preset {name} --data data/laptop.h5 --out runs/{name}")
    print(f"qfp export runs/{name} models/{name}")
    print(f"qfp decode notebooks/curves/test.csv --weights {name}")

# %% [markdown]
# :::{admonition} Solution
# :class: dropdown
# With the position loss you should be within one site on nearly every curve, exactly on less than half, and the fringes are still poor.
# Without it you should be nowhere: after a training of this kind fewer than one curve in five is read within one site.
# :::

# %% tags=["nbval-check-output", "remove-cell"]
if short and table:
    last, without = short["looks"][-1], table["rows"]["no-gradient"]["looks"][-1]
    assert last["within_1_interval"][0] > 0.9 and last["within_0_interval"][1] < 0.5
    assert without["within_1_interval"][1] < 0.2
if found:
    twins = found["networks"]
    low, high = twins["twin-no-attention"]["difference"]["single"]["within_0_interval"]
    assert low < 0 < high, "without attention: no difference beyond chance"
print("checks passed: kettle, no-gradient, no-attention")
