# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Generating interference patterns
#
# :::{admonition} In short
# :class: tip in-short
# Is the decoder right in over 95 % of cases, as the paper says? Yes, if both antidots within one site are right:
# {result}`evaluate:single.within_1:.1%` ({result}`evaluate:single.within_1_interval:.1%`). No, if both have to be exact,
# {result}`evaluate:single.within_0:.1%`, or the pattern to have $r \ge 0.95$, {result}`evaluate:single.r_high:.1%`. The first
# evaluation of the network already has the antidots and most of the pattern.
# :::
#
# **Claim** (Sec. IV, the paper's Fig. 3). Conditioned on the curve, a thousand steps turn noise into the interference pattern, and
# validation data are reproduced "with high accuracy (over 95 percent)". The paper defines neither what counts as right nor
# on which validation data.

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
from qfp.data import unseen
from qfp.decoding import positions
from qfp.figures import generation as figures
from qfp.figures import shares
from qfp.studies import accuracy, frame, shown
from qfp.studies.generation import course, fresh, worst
from qfp.studies.networks import potentials
from qfp.studies.rivals import rivals

config = qfp.notebook_config(globals())
decoder, wire = qfp.load(config.weights), config.device
assert decoder.config.device == wire, "these weights belong to another wire"

# %% [markdown]
# ## Held-out wires
#
# These test wires are simulated here, under the first of the five potentials of training. The network was trained on neither their
# curves nor their images, but on their positions, as labels of interpolated curves ({numref}`network-labels`).

# %% tags=["nbval-check-output", "hide-input"]
wires = unseen.wires(decoder.config, config.notebook_configurations)
print(unseen.described(decoder.config, wires.numbers))
print(f"curves {wires.curves.shape}, images {wires.ldos.shape}")

# %% [markdown]
# ## A thousand steps
#
# The ancestral sampler {cite:p}`ho2020` starts from pure noise. In every step the network estimates the noise, and with
# it the clean image, $\hat x_0$. The paper shows the state $x_t$; the prediction $\hat x_0$ shows what the network already knows.

# %% tags=["hide-input"]
generated = course.follow(decoder, wires.curves[0], config.sampling.gamma, config.seed)

# %% mystnb={"figure": {"caption": "The paper's Fig. 3 remade: generation of the LDOS of a test wire through the thousand ancestral steps. Above the state, below the image that the network predicts at that step. One colour scale, at which the noise is clipped. Circles: the true antidots. The lead along -y is below.", "name": "generation-steps"}, "image": {"alt": "Two rows of six images. Above, noise turns into an interference pattern only in the last columns; below, the predicted image shows the antidots earlier."}} tags=["hide-input"]
figures.generation_steps(generated, wires.antidots[0], wires.ldos[0], wire.radius)

# %% tags=["hide-input"]
judged = course.judge(generated, wires.antidots[0], wires.ldos[0], wire)
print(course.told(generated, judged))

# %% mystnb={"figure": {"caption": "The course of the same generation. Pearson correlation with the true LDOS, of the state (dashed) and of the image that the network predicts at that step (solid).", "name": "generation-course"}, "image": {"alt": "Two curves of correlation against generation step, the one of the noisy state rising slowly from zero, the one of the predicted image above it; the latter starts near one and stays there."}} tags=["hide-input"]
figures.generation_course(generated.steps, judged.r_noisy, judged.r_predicted)

# %% [markdown]
# The step numbers depend on the noise schedule, which the paper does not give. Yet the prediction has the antidots, and
# nearly all of the pattern, while the state is still noise. The antidots do not come from denoising: the part of the network that
# reads the curve was trained to name them, and hands their positions on ([](04_network)).
#
# ## How often is it right?
#
# {result}`evaluate:curves:,` test configurations, one potential each, {result}`evaluate:steps` DDIM steps. Beside **one sample** a
# curve there are
#
# - the **consensus**: the pair on which most of {result}`evaluate:samples` samples agree;
# - **one step**: the image predicted from pure noise in one evaluation;
# - the **position read-out**: positions read off the curve, without any image;
# - the wire of the **nearest training curve**, never exact, as no test wire is in training;
# - **curves exchanged**: each sample scored against another wire;
# - **training wires**.

# %% mystnb={"figure": {"caption": "Shares of right answers with 95 % intervals over the test curves (results/evaluate.json); dotted: 95 %. The position read-out makes no image. The table below has all columns.", "name": "generation-accuracy"}, "image": {"alt": "Dots with whiskers: single samples, consensus, one step and position read-out lie near 100 % within one site and at 93 % exactly; the nearest training curve lower, shuffled curves at zero."}} tags=["hide-input"]
table = frame.read_result(config.weights, accuracy.STUDY)
rows = {"": accuracy.rows_of(table)} if table else {}
shares.whiskers(rows, (*shares.COLUMNS,), shares.ACCURACY) if table else None

# %% tags=["hide-input"]
print(accuracy.verdicts(table) if table else "")

# %% tags=["hide-input", "hide-output"]
Markdown(shown.table(accuracy.STUDY, config.weights, accuracy.in_markdown))

# %% [markdown]
# A common shift along the wire is free, so "within one site" allows an error of two in $\Delta y$. **Δy strictly**, in the
# table, counts it in full; here this changes little.
#
# ## Strong simple rivals, on the same curves
#
# A **library** holds one simulated curve of *every* configuration, the test wires included, under a potential not among the
# five. It answers with the nearest curve; **whitened**, in a distance that weighs down what potentials change. The **kriged
# library** has the training curves and, like the training of the network, interpolated ones of all other configurations;
# **mean**: averaged over the potentials. The **MLP** is a plain network that reads positions off training curves, kriged ones, or those
# of one potential. [](07_vae) and [](06_exact) explain the **VAE** and the **exact posterior**.

# %% mystnb={"figure": {"caption": "The network and its rivals on the same 300 test curves, with 95 % intervals (results/rivals.json); dotted: 95 %. Left: under the potentials of training. Right: each curve under a fresh potential.", "name": "generation-rivals"}, "image": {"alt": "Two panels of dots with whiskers for thirteen methods. Within one site most lie near 100 %. Exactly, the exact posterior leads in both panels; under the potentials of training the network and the kriged library follow, under fresh ones the whitened library comes second."}} tags=["hide-input"]
measured = frame.read_result(config.weights, rivals.STUDY)
panels = {"potentials of training": "known", "a fresh potential each": "fresh"}
rows = {title: dict(measured[kind]) for title, kind in panels.items()} if measured else {}
for own in rows.values():
    own.pop("shuffled")  # zero, as above
shares.whiskers(rows, names=shares.RIVALS) if measured else None

# %% tags=["hide-input", "hide-output"]
Markdown(shown.table(rivals.STUDY, config.weights))

# %% [markdown]
# Under the potentials of training the kriged library, without a network, is exact as often as one sample of the network
# (difference {result}`rivals:known.kriged.difference.within_0:+.1%`,
# {result}`rivals:known.kriged.difference.within_0_interval:+.1%`). Under fresh ones the whitened library is ahead:
# {result}`rivals:fresh.library_whitened.within_0:.1%` ({result}`rivals:fresh.library_whitened.within_0_interval:.1%`) against
# {result}`rivals:fresh.single.within_0:.1%` ({result}`rivals:fresh.single.within_0_interval:.1%`) of {result}`rivals:curves`. A library without potential does
# better still ({numref}`exact-ladder`). The exact posterior leads under both, under the potentials of training by
# {result}`rivals:known.posterior.difference.within_0:+.1%` ({result}`rivals:known.posterior.difference.within_0_interval:+.1%`).
#
# ## Trained for potentials never seen
#
# The network `many` is the shipped one, trained further: first its read-out, then all of it, under 40 more potentials and on
# interpolated curves that err as interpolation does. What each brings was not separated.

# %% mystnb={"figure": {"caption": "The shipped network and `many` on the same test curves, with 95 % intervals (results/potentials.json); dotted: 95 %.", "name": "generation-many"}, "image": {"alt": "Two panels of dots with whiskers for two networks, one sample and read-out each. Under fresh potentials the second network is exact more often; under the five potentials both are alike."}} tags=["hide-input"]
further = studies.recorded("potentials")
shares.whiskers(potentials.panels(further)) if further else None

# %% [markdown]
# Under fresh potentials one sample is exact for {result}`potentials:networks.many.fresh.single.within_0:.1%` in place of
# {result}`potentials:networks.laptop.fresh.single.within_0:.1%`
# ({result}`potentials:networks.many.fresh.single.difference.within_0_interval:+.1%`), within one site for
# {result}`potentials:networks.many.fresh.single.within_1:.1%`.
#
# ## The worst

# %% tags=["hide-input"]
redrawn = worst.redrawn(decoder, table) if table else None

# %% mystnb={"figure": {"caption": "The twelve worst single samples, by position error, then by correlation: each true image, and below it what the network made of its curve. Solid circles: antidots of each image; dashed: the true ones; error: of the positions, in sites.", "name": "generation-worst"}, "image": {"alt": "Two double rows of six images: true interference patterns, and below each the generated one, whose antidots are displaced or whose fringes differ."}} tags=["hide-input"]
figures.beside_truth(redrawn, wire.radius) if table else None

# %% [markdown]
# A curve stays the same when the antidots exchange their $x$, and when the pair is mirrored. So it is
# even in $x_1 - x_2$, in $x_1 + x_2 - 49$ and in $\Delta y$. Where one of these nearly vanishes (a **symmetric** pair), the curve
# hardly depends on it. **Close** pairs and those at the **edge** have fewer neighbours to learn from;
# **isolated** ones have few in the training set. Close pairs are the hardest: exact on {result}`evaluate:groups.close.within_0:.1%`
# ({result}`evaluate:groups.close.within_0_interval:.1%`).

# %% tags=["hide-input", "hide-output"]
Markdown(accuracy.groups_table(table) if table else "")

# %% [markdown]
# Is the right answer in the curve at all? We compare the clean curves of the true and the found antidots.

# %% tags=["hide-input"]
print(worst.in_the_curve(wire, table["worst"]) if table else "")

# %% [markdown]
# For those a plain distance between curves cannot tell which answer is right. Exact inference uses more ([](06_exact)); on these
# wires it was not tried.
#
# ## Decoded here
#
# One sample for each of the first held-out wires.

# %% tags=["hide-input"]
answers = fresh.decoded(decoder, wires.part(slice(64)), config.sampling, config.seed)
off, r = answers.errors(wire), answers.correlations()
print(fresh.told(answers, wire))

# %% mystnb={"figure": {"caption": "Some of the wires decoded here beside the truth, from the best to the worst correlation; error: of the positions, in sites. Solid circles: antidots of each image; dashed: the true ones.", "name": "generation-gallery"}, "image": {"alt": "Two rows of six images, true interference patterns above and generated ones below, sorted from best to worst, with circles around the antidots."}} tags=["hide-input"]
figures.gallery(answers, off, r, wire.radius)

# %% [markdown]
# ## What a correlation is worth
#
# Two black discs in the right places already give a high r, so it needs a scale. Pairs of true images that differ in a known way
# give one.

# %% tags=["hide-input"]
scale = fresh.scale(wires, wire)
for label, values in scale.items():
    print(f"{label}: median r {np.median(values):.3f}")

# %% mystnb={"figure": {"caption": "Share of the wires decoded here whose correlation with the truth is at least the value on the axis, and the same for pairs of true images that differ in a known way.", "name": "generation-similarity"}, "image": {"alt": "Falling step curves of the share of images against Pearson r for generated images, another potential, a neighbour one site off, and uniform wires with right holes."}} tags=["hide-input"]
figures.similarity(r, scale)

# %% [markdown]
# A neighbour one site off nearly always falls below 0.95. So $r \ge 0.95$ asks for the exact positions and the right fringes at once.
# The network's images are about as near to the truth as the right wire under another potential: it draws the wire, but not its
# potential ([](17_memory)).
#
# ## What it means, and what could be wrong
#
# - **Validation data.** The paper's counts would also fit a random split of pairs, with nearly every validation wire in
#   training under another potential. In a short training of the paper's recipe it was no easier ([](15_choices)).
# - **Held out.** Without its own interpolated curve and label a test pair loses ([](04_network)): to the site
#   {result}`lent:label.single.within_0:+.1%` ({result}`lent:label.single.within_0_interval:+.1%`), within one site
#   {result}`lent:label.single.within_1:+.1%` ({result}`lent:label.single.within_1_interval:+.1%`).
# - **A thousand steps** bring this network no gain in positions over ten ([](16_samplers)), the paper's some ([](15_choices)).
#
# ## Exercise
#
# The share of patterns with $r \ge 0.95$ never exceeds the share of exact positions by much. Why? Test it on the wires decoded here.

# %% [markdown]
# :::{admonition} Solution
# :class: dropdown
# One antidot off by one site leaves a median r well below 0.95 ({numref}`generation-similarity`). A pattern above 0.95 therefore
# almost always has exact antidots. Among the wires decoded here this holds without exception.
# :::

# %% tags=["hide-input"]
high = r >= 0.95
print(f"{high.sum()} of {len(r)} patterns with r >= 0.95, of which {(off[high] == 0).sum()} exact")
assert (off[high] == 0).all()

# %% tags=["remove-cell"]
found = positions.recover(wires.ldos, wire)
assert (found == wires.antidots).all(), "antidots are found in every true image"
steps, noise, T = generated.steps, generated.noisy[0], decoder.schedule.steps
assert len(steps) == T // course.EVERY + 1 and steps[-1] == T
white = abs(noise.std() / decoder.normal.image_std - 1) < 0.05 and abs(judged.r_noisy[0]) < 0.1
assert white, "the start is white noise"
last = generated.predicted[-1]  # the last step adds no noise
np.testing.assert_allclose(generated.image, last, atol=1e-3)
other, moved, holes = (np.median(values) for values in scale.values())
assert 1 > other > moved > holes > 0.4, "another potential changes less than one site does"

# %% tags=["nbval-check-output", "remove-cell"]
if table:
    accuracy.check(table)
if table and table["steps"] == config.sampling.steps:
    assert fresh.agrees(answers, wire, table), "the slice and the table agree"
if further:
    many = further["networks"]["many"]["fresh"]["single"]
    assert many["difference"]["within_0_interval"][0] > 0, "better under potentials never seen"
print(
    f"checks passed: antidots found in {len(found)} of {len(found)} true images; white noise first, "
    "no noise last; scale of r in order; table consistent"
)
