# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # The network and its training
#
# **Claim** (Sec. IV, Fig. 2). A U-Net with two stages of downsampling and upsampling, with transformer blocks in which
# the curve, reshaped by a transformer of its own, is concatenated with the image at every level, learns the score of
# interference patterns given the curve. "The learning in the diffusion model is unified into a single stage."
#
# **Question.** What exactly is trained here, does it learn, and where does it differ from the paper's description?
#
# **Method.** We draw the network from the modules of the shipped weights, so that the picture cannot be wrong about them;
# train a fresh one for a moment on wires simulated here; and plot the whole log of the shipped training.

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
import torch
from IPython.display import Markdown

import qfp
from qfp import studies
from qfp.data.dataset import configurations_of
from qfp.figures import architecture as architecture_figures
from qfp.figures import network as network_figures
from qfp.model import anatomy
from qfp.model.diffusion import Schedule, step_noise
from qfp.studies.networks import diagnose, readout, stages
from qfp.studies.short import ablations, closer, first_steps, learning
from qfp.training import log, loss

config = qfp.notebook_config(globals())
decoder = qfp.load(config.weights)
assert decoder.config.device == config.device, "these weights belong to another wire"

# %% [markdown]
# ## What is learned: to take noise away
#
# A clean image $x_0$ is mixed with white noise $\epsilon$,
#
# $$x_t = \sqrt{\bar\alpha_t}\, x_0 + \sqrt{1 - \bar\alpha_t}\, \epsilon ,$$
#
# more of it at every step $t$. A network that finds the noise knows the score,
# $\nabla_x \log P_t(x) = -\epsilon/\sqrt{1 - \bar\alpha_t}$ (Sec. II). What counts is the ratio of noise to signal,
# $\sigma/\alpha = \sqrt{(1 - \bar\alpha_t)/\bar\alpha_t}$: the step number means nothing without the schedule, which the
# paper does not print. First some training wires, simulated afresh.

# %% tags=["hide-input"]
chosen = configurations_of(decoder.config, "train")[: config.notebook_configurations]
pairs = qfp.simulate(decoder.config, chosen)
# (1, 1, 60, 60), zero mean and unit variance over the dataset
x0 = decoder.normal.image(pairs.ldos[0, :1])

# %% mystnb={"figure": {"caption": "The forward process on one training image, with the schedule of the shipped weights. Steps are counted from 1; below them the ratio of noise to signal. Somewhere between 5 and 20 the image stops telling which wire it is, and then only the curve can.", "name": "network-forward"}, "image": {"alt": "Six images of the same wire with growing noise: the interference pattern and the two antidots, outlined, drown in it."}} tags=["hide-input"]
times = torch.tensor([0, 199, 399, 599, 799, 999]) * decoder.schedule.steps // 1000
noise = step_noise((1, 60, 60), [config.seed] * len(times), 0).float()
noisy = decoder.schedule.q_sample(x0.expand(len(times), -1, -1, -1), times, noise)
ratio, radius = decoder.schedule.ratio[times], config.device.radius
network_figures.forward_process(noisy[:, 0], times, ratio, pairs.antidots[0], radius)

# %% tags=["nbval-check-output", "hide-input"]
schedules = {kind: Schedule(1000, kind) for kind in ("linear", "cosine")}
shares = {kind: float((own.ratio > 5).double().mean()) for kind, own in schedules.items()}
for kind, share in shares.items():
    print(f"{kind}: {share:.1%} of the 1000 steps have σ/α > 5, ", end="")
    print(f"alpha_bar after 100 steps = {schedules[kind].alpha_bar[99]:.6f}")

# %% [markdown]
# The steps with $\sigma/\alpha > 5$ are the ones that teach the network to read the curve. The schedule of Ho et al., the
# paper's reference [5], has many; the cosine schedule of the shipped weights has few, which is why those steps are drawn
# more often in its training (below).
#
# ## The network (Fig. 2)
#
# The diagram is drawn from the instantiated modules. Image and curve meet in the transformer blocks: in each, the curve's
# map of that level is concatenated with the image's channels before attention acts on the pixels.

# %% mystnb={"figure": {"caption": "The shipped network, read off its modules. Blue: convolution blocks. Vermilion: transformer blocks with self-attention over the pixels. Green: the path of the curve, whose maps are concatenated with the input of both transformer blocks of a level. The full attention at 15 x 15 is the one that the page on attention looks into.", "name": "network-unet"}, "image": {"alt": "Diagram of a U-shaped network: on the left blocks lead down from 60 by 60 pixels to 15 by 15, on the right up again; between them green boxes bring maps of the curve to the attention blocks on both sides."}} tags=["hide-input"]
parts, path = anatomy.architecture(decoder.model), anatomy.condition_path(decoder.model)
architecture_figures.network(parts, path, decoder.model.unshuffle)

# %% tags=["hide-input", "hide-output"]
networks = stages.beside(decoder.model, "paper")
Markdown(stages.table(networks))

# %% tags=["nbval-check-output", "hide-input"]
print(stages.attention(networks))

# %% [markdown]
# The preset `paper` has the levels of the paper, 60, 30 and 15 pixels. On two cores a convolution over 60 x 60 pixels is
# what takes the time, so the shipped network folds each 2 x 2 block of pixels into channels first (*pixel-unshuffle*),
# which loses nothing, and has the levels 30 and 15. Attention is as in the paper: four heads, full at the most
# downsampled level, linear at the other (its footnote 2). One slip of the paper is not copied: its Eq. (1) sums the
# denominator over $j = 1 \ldots d$, the dimension of the vectors; weights are normalised over all 225 pixels.
#
# ## A short training, here
#
# The loop below is the whole of it: an image, a step, some noise, the error of the prediction, a step downhill. In the
# same step further curves pass through the first half of the path of the curve alone, towards a linear read-out of the
# antidots' coordinates; `qfp train` adds averaging of the weights, checkpoints and a learning rate that falls.

# %% tags=["hide-input"]
network, optimizer, batches = first_steps.prepared(config, pairs)
forward, course = Schedule.of(config.diffusion), []
for step in range(config.notebook_training_steps):
    batch = batches(step)
    total, squared, curve = loss.losses(network, forward, batch, config.training)
    optimizer.zero_grad()
    total.backward()
    optimizer.step()
    course.append((forward.ratio[batch["t"]], squared, curve))
# (steps, batch), of head (steps,)
seen, error, head = (torch.stack(values).numpy() for values in zip(*course))

# %% mystnb={"figure": {"caption": "A training of a few steps. Left: the squared error of every image that was shown, over its noise level, coloured by the training step. Right: cross-entropy of the antidots' coordinates read off further curves; a blind guess over 60 rows or columns costs 4.1.", "name": "network-short-training"}, "image": {"alt": "Left, a scatter plot of loss against noise level whose points sink as training goes on; right, a falling curve of cross-entropy against training step."}} tags=["hide-input"]
network_figures.training_steps(seen, error, head)

# %% tags=["hide-input"]
print(first_steps.summary(error, head))

# %% [markdown]
# In so few steps the network learns what all images share: the padding and the mean. At strong noise this is a good part
# of the error. At weak noise it is not: there the noise has to be told from the fringes, which takes longer. What remains
# at strong noise afterwards is what tells one wire from another, and only the curve can give that.
#
# ## The training of the shipped weights
#
# The log of the whole run stands beside the weights, in `models/`.

# %% tags=["hide-input"]
diary = log.read(config.weights)
print(log.told(diary, decoder.meta))

# %% mystnb={"figure": {"caption": "The shipped training. Left: loss by noise level (thin: as logged, thick: running mean). Right: scores on curves of configurations not in training, a few dozen curves for the images, a thousand for the head; single samples.", "name": "network-log"}, "image": {"alt": "Left, losses of four ranges of noise against minutes of training, all falling; right, scores on unseen curves against minutes, rising."}} tags=["hide-input"]
network_figures.training_log(**log.course(diary))

# %% [markdown]
# ## From nothing to 95 %
#
# How long must a reader train? `qfp study learning --preset kettle` trains this network for a fixed number of steps and stops ten
# times to decode development curves, one sample each. The preset `kettle` is `laptop` but for its training: fewer images a step,
# at a higher learning rate. A short training has to learn to read curves above all, and the further curves that teach it this,
# as many a step as before, cost little beside images. Steps are the same on any machine and scores nearly; the minutes are not.
# They count training alone, without the making of the data ([](../costs.md)) and the time to load it, printed below.

# %% mystnb={"figure": {"caption": "A short training of the network, from random weights (results/bench_learn.json). Shares of development curves, configurations that are not in training, with 95 % intervals. Dashed: 95 %. The learning rate falls over the last fifth.", "name": "network-learning"}, "image": {"alt": "Three rising curves of shares against minutes of training: both antidots within one site rises first and reaches nearly 1, exact positions follow, pattern correlation of at least 0.95 stays near 0 in so short a time."}} tags=["hide-input"]
short = studies.recorded("learning")
network_figures.learning(*learning.lines(short), short["share"]) if short else None

# %% tags=["hide-input"]
missing = "no results: `qfp study learning --preset kettle` makes them"
print(learning.told(short) if short else missing)

# %% [markdown]
# ```{admonition} Exercise: train your own decoder while the kettle boils
# :class: tip
# Have the data (`qfp dataset --preset laptop --out data/laptop.h5`, minutes, once), put the kettle on, and run the first of the
# commands below. It is the training of the figure above, with a line of progress, and goes on with `--resume` if you stop it.
# The other two give your weights a name and read a curve with them.
#
# 1. Decode `notebooks/curves/test.csv` with your weights and with the shipped ones. Do they find the same antidots? How many of
#    the samples agree?
# 2. Take something away, `--set training.curve_target=none --set training.curve_batch=0 --set training.curve_neighbours=0
#    --set training.curve_mixing=0` for the extra gradient, say, with another `--out`, and decode again. The table of short
#    trainings at the end of this page says what to expect.
# 3. Change the device in the preset, make its data, and train for that.
# ```

# %% tags=["hide-input"]
if short:
    name = short["preset"]
    print(f"qfp train --preset {name} --data data/laptop.h5 --out runs/{name}")
    print(f"qfp export runs/{name} models/{name}")
    print(f"qfp decode notebooks/curves/test.csv --weights {name}")

# %% [markdown]
# ## What each part brings
#
# The paper calls self-attention "the key mechanism by which this learning process is achieved". Networks trained without
# one part each can tell. All have the same steps, batches and seed, and a narrower path of the curve than the shipped one;
# **twin** has every part, the others lack attention in all blocks, the extra gradient for the path of the curve (the paper
# has none either), or only the interpolated curves and mixed potentials in it. Single samples on the same test curves; in
# brackets the paired difference from `twin`. The last column reads positions off the *features* of the path of the curve
# by a linear probe, without any image: what is known there and not in the image is lost where the curve enters the U-Net.

# %% tags=["hide-input", "hide-output"]
found = diagnose.read_networks()
Markdown(diagnose.compared(found) if found else "No results: `make twins` makes them.")

# %% mystnb={"figure": {"caption": "Where does each network know what? Score of the clean image predicted in one evaluation from the true image with noise, on test curves (results/networks.json). Solid: with the curve; dashed: from the noisy image alone; dotted: positions read off the features of the curve, without image. The last point is pure noise. Bands: 95 % intervals.", "name": "network-noise"}, "image": {"alt": "Two panels of score against noise. Without the curve all networks fall from nearly 1 to 0 between a noise of 2 and 20. With it, both antidots within one site stay near 1 up to pure noise, except without the extra gradient; a correlation of at least 0.95 ends highest for laptop, lower for the twins, lower still without interpolation, and at 0 without the extra gradient."}} tags=["hide-input"]
network_figures.score_against_noise(diagnose.panels(found)) if found else None

# %% tags=["hide-input", "hide-output"]
if found:
    print(diagnose.show(found), readout.untrained(found), sep="\n")

# %% [markdown]
# ## What each choice brings, in minutes
#
# The rest is asked in short trainings. Each row below is the preset but for one choice, trained from random weights with the
# same number of gradient passes and the same seed, and stopped a few times to decode the same development curves from the same
# noise (`make ablations`, plan in `presets/ablations.yaml`). A short run tells what makes reading the curve *fast*; what it does
# not tell is where a long one would end, nor what choices do together: no row makes all of the paper's at once. Without a
# read-out of positions the U-Net cannot be given what it believes either: in the rows no-gradient and own-curves-pooled other
# learned channels stand in place of the maps of believed positions.
#
# | row | its choice, and what follows from it |
# | --- | --- |
# | reference | the preset `laptop`: $v$, cosine schedule, $t$ the larger of two uniforms, AdamW, read-out of positions from training curves, interpolated curves and mixed potentials |
# | no-gradient | no extra gradient: the diffusion loss alone, as in the paper |
# | own-curves | the read-out of positions sees training curves only: nothing interpolated, nothing mixed |
# | own-curves-pooled, …-1 | as own-curves, but (a second change) what is read out is the LDOS averaged over 4 × 4 sites: no labels, the image itself; in …-1 with twice the weight |
# | linear, epsilon, epsilon-linear | the paper's schedule, its prediction, both |
# | uniform | $t$ drawn from one uniform, as in the paper, but still with the cosine schedule, which has few steps at strong noise |
# | no-attention | no self-attention anywhere |
# | sam | SAM, the paper's optimiser; a step takes two passes, so it has half the steps and half the warm-up; its ρ was not tuned |
# | one-potential | training pairs and further curves under one of the five potentials only, so that nothing can be mixed |
# | curve-noise | white noise on all training curves, as much as in the noisy curves below |
# | … -seed-1 | the same row from another seed, of weights and batches |

# %% tags=["hide-input", "hide-output"]
table = studies.recorded("ablations")
if table:
    print(ablations.preface(table))
Markdown(ablations.show(table) if table else "No results: `make ablations` makes them.")

# %% mystnb={"figure": {"caption": "Shares of development curves decoded right, against minutes of training on one core, for trainings that differ in one choice each, in three groups; black: the row that the others are compared with (results/bench_ablations.json). Minutes are passes times the seconds of a pass, timed for all rows in turn. Bars: 95 % intervals of the last look.", "name": "network-ablations"}, "image": {"alt": "Six panels of rising lines, one line a training. Both antidots within one site: most lines reach nearly 1; those without extra gradient stay near 0, those with pooled images or with predicted noise lie between. Both exact: the lines fan out, with the same ones at the bottom."}} tags=["hide-input"]
network_figures.ablations(*ablations.panels(table)) if table else None

# %% [markdown]
# Two rows are asked more: the one that was trained with noise, about noisy curves, and the one that saw a single potential, about
# curves that all have this potential.

# %% tags=["hide-input", "hide-output"]
if table:
    print(closer.asked_more(table))

# %% [markdown]
# ## What it means, and what could be wrong
#
# Within one site the antidots are found after minutes, by the image as by the curve head, which sees nothing
# but the curve. Exact positions take longer, the image follows the head, and the fringes (Pearson's r) come last.
# **Reading the curve is the bottleneck of this training**, and most of the differences from the paper are there for that
# reason.
#
# Differences from the paper in the shipped weights (the preset `paper` has none of them; the page on differences says why):
#
# - pixel-unshuffle in place of a 60 x 60 level, so one downsampling in place of two;
# - cosine schedule and prediction of $v = \sqrt{\bar\alpha}\,\epsilon - \sqrt{1-\bar\alpha}\,x_0$, in place of the linear
#   schedule and $\epsilon$; both give the same score;
# - steps $t$ drawn as the larger of two uniforms, in place of one uniform;
# - AdamW in place of SAM;
# - extra gradient for the path of the curve from further curves and a read-out of positions. The learning is still one
#   stage, but it is no longer the plain diffusion loss, and it uses the positions as labels;
# - the further curves are not only those of the training set. As a function of $(x_1, x_2, \Delta y)$ a curve is smooth
#   enough to be **interpolated** (kriging) from training curves nearby, and these interpolated curves of the configurations
#   in between are training data too, with the positions that they stand for: no simulated curve or image of a held-out
#   configuration is used, but its position label is. On development curves the error of an interpolated curve is
#   {result}`interpolation:chosen.error:.2f` of what another potential changes (mean square; median
#   {result}`interpolation:chosen.error_median:.2f`), with the best constants of the kernel that were tried. Random mixtures of the differences between the five
#   potentials are added to all further curves;
# - what the read-out believes is given to the U-Net as part of the curve's features.
#
# What could be wrong: the paper prints neither channel numbers nor blocks, heads' widths, schedule or training time, so
# the preset `paper` is a reading of its Fig. 2, not a copy. Its network was not trained here.
#
# The short trainings are single runs but for the rows with a second seed, of one length, and they say what makes the network
# learn *soon*:
#
# - **The gradient for the path of the curve** decides how soon the curve is read. Without it
#   {result}`bench_ablations:rows.no-gradient.looks.3.within_1:.1%` are within one site
#   ({result}`bench_ablations:rows.no-gradient.looks.3.within_1_interval:.1%`), and after the twins'
#   {result}`networks:networks.twin-no-gradient.step:,` steps {result}`networks:networks.twin-no-gradient.single.within_1:.1%`
#   ({result}`networks:networks.twin-no-gradient.single.within_1_interval:.1%`): slow, not nothing. The LDOS itself as a target,
#   without any labels, brings a part of it, more so with twice the weight (the preset's was chosen for positions); positions,
#   with what follows from them, bring far more. At this length no difference could be told from chance whether their curves
#   are interpolated and mixed: that pays later, in the longer runs of the table before, perhaps because the training curves are
#   known by heart by then, which was not measured.
# - **What is predicted** comes next. An error of $\epsilon$ is magnified by $\sigma/\alpha$ in the image, just where the
#   curve has to tell; the cosine schedule goes to far larger $\sigma/\alpha$ than the linear one and is worse off. An error
#   of $v$ is not, and then the schedule changes no positions that could be told from chance. The samples' r is lower with the
#   linear one, the error of the image predicted in one evaluation is not: the few steps of the sampler may be the reason. That
#   $\epsilon$ is worse, and worse still with the cosine schedule, that error says, too: with the latter it is above that of the
#   mean image, {result}`bench_ablations:rows.epsilon.x0_error.given:.2f`
#   ({result}`bench_ablations:rows.epsilon.x0_error.given_interval:.2f`) against
#   {result}`bench_ablations:mean_image.error:.2f`; what is wrong with $\epsilon$ counts there with the square of $\sigma/\alpha$.
# - **SAM**, at equal gradient passes, has made half the steps, and is about where the reference was after as many, though its
#   learning rate had fallen to 0 by then and the reference's had not: a step costs twice and brings no more. In a long run this
#   may change.
# - **Uniform $t$** costs exact positions. It sees fewer of the steps in which the curve is needed.
# - **Self-attention** brings nothing that could be told from chance where positions are supplied, and its price is in the column
#   of minutes.
# - **Noise on training curves** costs, if anything, a few answers on clean ones
#   ({result}`bench_ablations:rows.curve-noise.difference.within_1:+.1%` within one site,
#   {result}`bench_ablations:rows.curve-noise.difference.within_1_interval:+.1%`). In so short a run it does not make noisy ones
#   easier, either.
# - **The average of the weights** brings nothing in so short a run, where the learning rate has fallen to 0 at the end and
#   the average still forgets fast. The last weights have the higher r in nearly all rows, and if anything more exact answers.
# - **One potential in training** makes exact answers far more frequent under that potential, and no more frequent over all,
#   where some answers within one site are lost: a longer training would still have to learn what potentials do to a curve.
#
# **Verdict.** The architecture of Sec. IV can be built as described. By the plain diffusion loss alone this smaller relative of
# it reads the curve far too slowly to be of use within the steps compared here:
# {result}`networks:networks.twin-no-gradient.single.within_1:.1%` within one site
# ({result}`networks:networks.twin-no-gradient.single.within_1_interval:.1%`), against
# {result}`networks:networks.twin.single.within_1:.1%` ({result}`networks:networks.twin.single.within_1_interval:.1%`) with the extra
# gradient; whether SAM and a long training would get there is not checked. Without any self-attention it is as good within the
# intervals (exact {result}`networks:networks.twin-no-attention.difference.single.within_0:+.1%`,
# {result}`networks:networks.twin-no-attention.difference.single.within_0_interval:+.1%`): "the key
# mechanism" is not needed where positions are supplied; whether it is without them is not decided
# (`qfp study attention-labels` would). In the longer runs exact positions owe most to interpolated curves and mixed potentials
# ({result}`networks:networks.twin-no-interpolation.single.within_0:.1%` without,
# {result}`networks:networks.twin.single.within_0:.1%` with them).

# %% tags=["nbval-check-output", "hide-input"]
alpha_bar, size = decoder.schedule.alpha_bar, stages.parameters(decoder.model)
assert abs(shares["linear"] - 0.434) < 0.001 and abs(shares["cosine"] - 0.127) < 0.001
assert (alpha_bar.diff() < 0).all() and alpha_bar[-1] < 1e-4, "all signal is gone in the end"
assert abs(float(noisy[-1].std()) - 1) < 0.05, "the last step is white noise"
first_steps.check_first_steps(config, error, head)
bottom = parts[len(parts) // 2]
assert bottom["attention"] == "full" and bottom["size"] == 15
assert size == decoder.meta["parameters"] and (size <= 5.5e6 or decoder.config.preset != "laptop")
print("checks passed: shares of strong noise, white noise at the end, ", end="")
print("untrained error, full attention at 15 x 15, size")
