# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # The score: a force field around an interference pattern
#
# :::{admonition} In short
# :class: tip in-short
# The score points to the true image: on random planes of two pixels
# {result}`probe_score:summary.within_random_own_curve_100_steps:.1%`
# ({result}`probe_score:summary.within_random_own_curve_100_steps_interval:.1%`) of the arrows lie within 90° of it. But without a
# curve it does so, too, and nearly so for a Gaussian: this is no evidence for an energy. Measured directly, the field is a gradient
# only in part.
# :::
#
# **Claim** (Sec. VI, the paper's Fig. 5). Around a true image the learned score, $s(x) = \nabla_x \log P(x)$, is "oriented
# towards the original (true) data from all noisy data points", in every plane of two pixels: a property "generally expected in
# diffusion models". Read as a force, $s = -\beta \nabla_x E$, it says that an energy functional "has a (local) minimum at the true
# wave-function data".

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
from qfp.book import explore
from qfp.figures import score as score_figures
from qfp.figures.pixels import png
from qfp.studies import frame
from qfp.studies.score import forcefield, live, probe, text

config = qfp.notebook_config(globals())
decoder = qfp.load(config.weights)
assert decoder.config.device == config.device, "these weights belong to another wire"
result = frame.read_result(config.weights, probe.STUDY)
if not result:
    print("No results for these weights: `qfp study score` makes them; their figures are left out")

# %% [markdown]
# ## Fifty arrows on two pixels
#
# We read the paper's recipe as 50 draws of $x_t = \sqrt{\bar\alpha_t}\,x_0 + \sqrt{1-\bar\alpha_t}\,\epsilon$ after 100 of the
# 1000 steps, and $s = -\epsilon_\theta(x_t, t, y)/\sqrt{1-\bar\alpha_t}$ with the wire's own curve $y$. The schedule is ours, and so
# is the reading of a pixel as (row, column) of the padded image.

# %% tags=["nbval-check-output", "hide-input", "hide-output"]
wires = live.subject_of(decoder, config.notebook_configurations, config.seed)
t = forcefield.NOISE_STEPS - 1
print(live.recipe_text(wires, t))

# %% tags=["hide-input"]
cloud = live.cloud(wires, t)

# %% mystnb={"figure": {"caption": "The paper's Fig. 5 remade for one test wire. Each panel is the plane of two pixels of the normalised image. Dots: 50 noisy images; arrows: their scores, projected, times half the variance of the noise, so that an arrow of a perfect denoiser ends half-way; star: the true image.", "name": "score-planes"}, "image": {"alt": "Four panels with fifty dots each around a vermilion star; the arrows at most dots point towards the star."}} tags=["hide-input"]
score_figures.score_planes(cloud.planes, cloud.variance / 2)

# %% tags=["hide-input", "hide-output"]
print(live.cloud_text(cloud))

# %% [markdown]
# The arrows point to the truth, with a few exceptions in (c) and (d). Raise the noise: at first the arrows follow details of the
# image, in the end all lead to one place, in or near the truth.

# %% tags=["hide-input"]
pages = []
for step in wires.levels((0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 20.0)):
    few, title = live.cloud(wires, step, 25), f"σ/α = {wires.ratio[step]:.2g}"
    figure = score_figures.score_planes(few.planes, few.variance / 2, title)
    pages.append(png(figure))
display(explore.flipbook(pages, "Raise the noise", "noise", width="600px"))

# %% [markdown]
# ## How much does this test show?
#
# Most directions in 3600 dimensions are no interference pattern, and whatever lies along them must be noise. Our controls
# have less information: the network with another wire's curve or with none, and a Gaussian with the mean and covariance of
# training images. We also ask where an arrow of full length **ends**, $x + (1-\bar\alpha_t)\,s = \sqrt{\bar\alpha_t}\,\hat x_0$.

# %% tags=["hide-input"]
here = live.pointing(wires, wires.levels((*live.marked_levels(wires), 1.0, 5.0, 20.0)))

# %% mystnb={"figure": {"caption": "Scores with more and less information, over the noise level, mean over 100 test wires with 95 % bands. Left: cosine with the direction to the truth in all pixels. Middle: share of arrows within 90° of it on random planes of two pixels. Right: root-mean-square distance per pixel of the arrow's end from the true image; 1 is the spread of the dataset. Dotted: the same towards the image of another wire. Vertical lines: the noise of 100 steps, of this schedule and of the linear one.", "name": "score-pointing"}, "image": {"alt": "Three panels over noise level for the network with its own curve, another curve, no curve, and a Gaussian. The first two panels hardly tell them apart; the distances of the third differ at strong noise, where only the network with its own curve stays close."}} tags=["hide-input"]
score_figures.score_pointing(result["pointing"] if result else here)

# %% tags=["hide-input", "hide-output"]
print(text.levels_text(here))

# %% tags=["hide-input", "hide-output"]
if result:
    print(text.pointing_text(result["pointing"]))

# %% [markdown]
# Left and middle, the curves lie close together. At the noise of 100 steps
# {result}`probe_score:summary.within_random_no_curve_100_steps:.1%` of the arrows point to the truth without any curve, and
# {result}`probe_score:summary.within_random_Gaussian_100_steps:.1%` for the Gaussian. Only
# {printed}`09_score:own curve, .*image ([\d.]+%)` point to the image of another wire: in weak noise the image is still visible, and no
# curve is needed. In strong noise (right) only the network with its own curve ends near the truth.

# %% [markdown]
# ## Does the field have an energy?
#
# A force has an energy where its Jacobian $J$ is symmetric; then a line integral does not depend on its path. Most of $J$ only removes
# noise, by $-1/\sigma^2$ in every direction ($\sigma^2 = 1-\bar\alpha_t$). What tells images apart is the rest, $D = 1 + \sigma^2 J$
# less its mean diagonal. For an exact score $D$ is the posterior covariance of $\sqrt{\bar\alpha_t}\,x_0$ over $\sigma^2$. A random
# matrix has an antisymmetric share of $1/\sqrt 2$.

# %% mystnb={"figure": {"caption": "Left: antisymmetric part of D over the norm of D, both without the mean diagonal c, for the trained network and an untrained one. Right: integral of the score around rectangles with the two sides named, over the mean integral along a side (24 wires). Mean over test wires, 95 % bands.", "name": "score-energy-tests"}, "image": {"alt": "Two panels over noise level. Left, the antisymmetric share of the trained network and, above it, of an untrained one. Right, small circulations around rectangles spanned by noise, and larger ones around those that lead to other images."}} tags=["hide-input"]
if result:
    energy = result["energy"]
    display(score_figures.energy_tests(energy["symmetry"], energy["loops"]))

# %% tags=["hide-input", "hide-output"]
if result:
    print(text.energy_text(energy))

# %% [markdown]
# At σ/α = 0.2, 1 and 5 the antisymmetric share is {result}`probe_score:summary.antisymmetric_of_rest_trained_weak:.2f`,
# {result}`probe_score:summary.antisymmetric_of_rest_trained_middle:.2f` and
# {result}`probe_score:summary.antisymmetric_of_rest_trained_strong:.2f`; of $J$ itself, at most
# {result}`probe_score:summary.antisymmetric_of_J_trained_weak:.3f`. Rectangles towards other images fail to close by up to
# {result}`probe_score:summary.loop_other_image_noise_weak:.0%`, those of antidot moves by
# {result}`probe_score:summary.loop_one_site_one_site_weak:.0%`. Those of noise do by
# {result}`probe_score:summary.loop_noise_noise_weak:.1%`, but random directions in 3600 dimensions can hardly fail.

# %% [markdown]
# ## The energy along straight lines
#
# Integrate the force from the true image outward, $\beta E(r) - \beta E(0) = -\int s\cdot dx$, at a fixed noise level.

# %% mystnb={"figure": {"caption": "Energies along straight lines from the true image, given its own curve. Columns: in a random direction of noise, in units of the length of the noise; towards the image with one antidot moved by one site, and beyond; towards the image of another wire. Rows: noise levels. Mean over 40 test wires with 95 % bands. Dashed: the parabola fitted to the first quarter; dotted: where the profiles leave it by 10 %, on average.", "name": "score-profiles"}, "image": {"alt": "Nine panels, three noise levels by three directions, each with an energy curve that rises from zero and the parabola of its beginning."}} tags=["hide-input"]
if result:
    display(score_figures.energy_profiles(energy["loops"]["noise"], energy["profiles"]))

# %% tags=["hide-input", "hide-output"]
if result:
    print(text.profiles_text(energy))

# %% [markdown]
# On average the energy first rises as a parabola. Single wires differ: when one antidot moves, the energy falls below its start for
# {result}`probe_score:summary.downhill_one_site_weak:.0%` of them at σ/α = 0.2 and for
# {result}`probe_score:summary.downhill_one_site_strong:.0%` at 5, and towards another image for
# {result}`probe_score:summary.downhill_other_strong:.0%` at 5. In noise directions it never does.

# %% [markdown]
# ## A minimum, and its soft directions
#
# At a minimum all eigenvalues of the symmetric part of $D$ are below 1. The largest belong to the softest directions. If the network
# knows the physics, these are what the exact solver changes when an antidot moves.

# %% tags=["hide-input"]
soft = live.soft_directions(wires, *wires.levels([1.0]))

# %% mystnb={"figure": {"caption": "Above: the softest directions of the learned field at the true image of a test wire, at σ/α = 1, and their eigenvalues. Below: what the exact solver changes when an antidot moves by a site. The two rows need not correspond column by column. Normalised images, each on its own scale, antidots outlined; a direction has no sign.", "name": "score-soft"}, "image": {"alt": "Two rows of difference images of a wire, red and blue; both have rings around the antidots and fringes between them."}} tags=["hide-input"]
score_figures.soft_directions(
    soft.vectors, soft.values, soft.changes, wires.pairs.antidots[0], config.device.radius
)

# %% tags=["hide-input", "hide-output"]
print(text.live_soft_text(soft))
if result:
    print(text.soft_text(result["soft"]))

# %% [markdown]
# Over {result}`probe_score:soft.images` wires at σ/α = 1, {result}`probe_score:summary.both_clean_middle:.0%` of the squared norm of
# the softest direction lies in the span of exact changes of antidots and potential, and
# {result}`probe_score:summary.both_control_clean_middle:.0%` in that of another wire; at 0.2,
# {result}`probe_score:summary.both_clean_weak:.0%` and {result}`probe_score:summary.both_control_clean_weak:.0%`. An eigenvalue above 1,
# a saddle, is met for {result}`probe_score:summary.saddle_clean_middle:.0%`
# ({result}`probe_score:summary.saddle_clean_middle_interval:.0%`) at σ/α = 1.

# %% [markdown]
# ## Has it only remembered?
#
# The training images alone have a score in closed form: a mean of all images, weighted by their distance and, given a curve, by that
# of their curves. A network that had only remembered would follow it.

# %% mystnb={"figure": {"caption": "Predicted clean images: distance of the network's and of the training set's exact score to the truth, and to each other; means with 95 % bands over 60 wires. Columns: wires of the test and the training set, with the curve and without. Below: effective number of training images in the weighted mean, median and quartiles.", "name": "score-memory"}, "image": {"alt": "Four panels over noise level. For unseen wires with the curve the network is nearer to the truth than the training set's score; for training wires it is farther. Below, the effective number of images grows from one to many thousands without a curve."}} tags=["hide-input"]
if result:
    display(score_figures.against_memory(result["empirical"]))

# %% tags=["hide-input", "hide-output"]
if result:
    print(text.memory_text(result))

# %% [markdown]
# It does not. With the curve it is nearer to the truth for unseen wires and farther for training wires. But it was trained on
# interpolated curves of unseen wires, and without a curve it has no such advantage in strong noise ([](17_memory)).

# %% [markdown]
# ## What it means, and what could be wrong
#
# - **An energy exists: in part.** More training might mend that; not tried.
# - **The true pattern is its minimum: in part.** Noise directions can hardly fail; along soft ones the energy sometimes falls.
# - **The soft directions are physical: about half**, far above the control.
# - **Linear response** is an interpretation. A parabola is necessary for it, not sufficient.
# - **Langevin Monte Carlo** with this score is within one site on {result}`probe_score:summary.langevin_within_1:.0%` of
#   {result}`probe_score:langevin.langevin.n` curves.
#
# The field at $\sqrt{\bar\alpha_t}\,x_0$ itself is hardly trained, since training images are noisy. Straight lines between images
# leave the set of images.

# %% [markdown]
# ## Exercise
#
# Take the simplest score, that of white noise of unit variance: $s(x) = -x$. How large is its cosine with the direction to the truth
# at the noise $r = \sigma/\alpha$? From which $r$ on is it above 0.99?
#
# :::{admonition} Solution
# :class: dropdown
# The arrow is $-\alpha x_0 - \sigma\epsilon$, the way is $-\sigma\epsilon$. In many dimensions $x_0$ and $\epsilon$ are orthogonal,
# and both have unit variance. So the cosine is $\sigma/\sqrt{\alpha^2+\sigma^2} = r/\sqrt{1+r^2}$, above 0.99 from $r \approx 7$ on.
# A cosine near 1 at strong noise says nothing about what a network has learned.
# :::

# %% tags=["hide-input"]
rng = np.random.default_rng(0)
x0, noise = rng.normal(size=(2, 3600))
for r in (0.17, 1, 7.1, 20):
    arrow, way = -(x0 + r * noise), -r * noise
    cosine = arrow @ way / np.linalg.norm(arrow) / np.linalg.norm(way)
    assert abs(cosine - r / np.hypot(1, r)) < 0.03
assert 7.1 / np.hypot(1, 7.1) > 0.99 > 7 / np.hypot(1, 7)

# %% tags=["nbval-check-output", "remove-cell"]
arrows = np.array([plane.cosine for plane in cloud.planes.values()])
assert cloud.cosine.min() > 0.3 and (arrows > 0).mean() > 0.75
assert abs(cloud.radii.mean() / 60 - 1) < 0.02, "a shell of radius sigma times the root of 3600"
exact = cloud.of_one_image()
assert exact.cosine.min() > 1 - 1e-9
assert all(np.allclose(plane.cosine, 1) for plane in exact.planes.values())
own, other, gaussian = (here["rows"][k] for k in ("own curve", "another curve", "Gaussian"))
assert gaussian["full"]["mean"][0] > 0 and gaussian["within"]["mean"][0] > 0, "even a Gaussian does"
assert own["end"]["mean"][-1] < other["end"]["mean"][-1], "at strong noise the curve matters"
assert len(soft.changes) >= 2 and all(abs(image).max() > 0.1 for image in soft.changes.values())
assert (np.diff(soft.values) <= 0).all() and ((soft.shares >= 0) & (soft.shares <= 1 + 1e-9)).all()
print(
    "checks passed: arrows point home, so do a Gaussian's; the shell of noise; "
    "at strong noise the own curve ends nearer; the solver's steps"
)
