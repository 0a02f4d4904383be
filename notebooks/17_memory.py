# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Decoded or remembered?
#
# :::{admonition} In short
# :class: tip in-short
# A generative model can look accurate by giving back images of its training set. This one does not: generated images lie on
# the truth and not on a training image in {result}`memorisation:rows.test.closer:.1%`
# ({result}`memorisation:rows.test.closer_interval:.1%`) of test curves. The antidots are decoded; the random potential is
# not.
# :::
#
# **Method.** Test wires are in no training file, under any potential, so a remembered image lies on some training image and
# not on the truth. For each generated image we measure the distance to the truth, and to the nearest of *all* training
# images. The unit σ is the standard deviation of the LDOS. For training curves, images of the same wire are left out of
# the search, so that both are asked the same. How well the same network bears damaged curves is in [](14_limits).

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

# %% tags=["hide-input", "hide-output"]
from IPython.display import Markdown

import qfp
from qfp.figures import limit_images, shares
from qfp.figures import limits as limits_figures
from qfp.studies import shown
from qfp.studies.limits import memorisation, memory_report

config = qfp.notebook_config(globals())
decoder = qfp.load(config.weights)
assert decoder.config.device == config.device, f"weights {config.weights} belong to another wire"
memory = shown.if_measured(config.weights, memorisation.STUDY)
print(memory_report.about(memory) if memory else "")

# %% [markdown]
# ## Truth or training image
#
# The nearest training image is close anyway: for nearly every wire one that differs by a single site is in the training set,
# and its image looks alike. So the comparison needs controls.
#
# - *The truth* itself has a nearest training image at some distance.
# - *A decoder that remembers* would answer with the image of the nearest training curve, at distance zero from the training set.
# - *Without a curve* the network draws what it likes.

# %% mystnb={"figure": {"caption": "(a) Distance of each image to the truth against that to the nearest training image, in units of the standard deviation of the LDOS; below the dashed diagonal the truth is nearer. (b) How near the nearest training image is: cumulative shares for the true test images, for images generated from test and training curves, and without a curve (results/memorisation.json).", "name": "limits-memory"}, "image": {"alt": "Scatter plot: nearly all points of test and training curves lie far below the diagonal; those above it are wrongly decoded, nearly all. The decoder that remembers lies on the vertical axis, images without a curve above the diagonal. Right: cumulative curves of distances, those of generated images close to that of true images, the one without a curve further right."}} tags=["hide-input"]
limits_figures.distances(*memory_report.distances(memory)) if memory else None

# %% tags=["hide-input", "hide-output"]
Markdown(memorisation.show(memory) if memory else "")

# %% tags=["hide-input", "hide-output"]
print(memory_report.told(memory) if memory else "")

# %% [markdown]
# Generated images of test curves are as far from the training set as the true ones are, and those of training curves are no
# nearer. Where an image *is* nearer to a training image, its antidots are wrong, nearly always: the network drew another
# wire, and the nearest training image is of that wire or next to it.
#
# As in {cite:t}`yoon2023`, a *copy* is an image whose nearest training image is at most a third as far as that of any
# other wire. None of the test images is one ({result}`memorisation:rows.test.copied_interval:.1%`), nor of those without
# a curve ({result}`memorisation:rows.no_curve.copied_interval:.1%`). The last have a training image as their nearest in
# {result}`memorisation:rows.no_curve.nearest_trained:.1%`
# ({result}`memorisation:rows.no_curve.nearest_trained_interval:.1%`), as often as chance has it: the training set holds
# {result}`memorisation:training_share:.0%` of all images.

# %% mystnb={"figure": {"caption": "Truth, generated image and nearest training image of four cases (results/memorisation.json), wires of 50 × 60 sites: an ordinary test curve, the test curve whose image is nearest to a training image relative to the truth, the same among training curves, and the image without a curve that is most like a copy. Solid rings: true antidots. Dashed rings: those in the image. d: distance to the generated image in units of σ.", "name": "limits-examples"}, "image": {"alt": "Two rows of six LDOS images. In the ordinary case truth and generated image look alike and the training image has an antidot one site off. In the worst cases the generated image resembles the training image, with antidots beside the true ones. Without a curve it resembles a training image closely; the truth beside it is of an unrelated wire."}} tags=["hide-input"]
limit_images.triples(memory_report.examples(decoder, memory)) if memory else None

# %% [markdown]
# ## The potential is not decoded
#
# Five potentials make five images of one wire. Which of them is the generated image nearest to?

# %% mystnb={"figure": {"caption": "Share of images that lie nearer to the truth than to any training image, and of images that are nearest to the truth among the five potentials of their wire; 95 % intervals, dotted: one in five (results/memorisation.json).", "name": "memory-shares"}, "image": {"alt": "Dots with whiskers. Test and training curves: nearer to the truth above 90 %, the right potential at about 23 %, chance. The decoder that remembers: 0 % and about 51 %."}} tags=["hide-input"]
shares.whiskers(memory_report.compared(memory), shares.MEMORY, wanted=0.2) if memory else None

# %% [markdown]
# The network does no better than chance ({result}`memorisation:rows.test.own_potential:.1%`,
# {result}`memorisation:rows.test.own_potential_interval:.1%`), on training curves neither: it has not remembered them in
# that detail. Yet the curve does tell: the nearest training curve has the right potential in
# {result}`memorisation:rows.nearest.own_potential:.1%`
# ({result}`memorisation:rows.nearest.own_potential_interval:.1%`). The network leaves this unused. Exact inference does not
# ([](06_exact)).
#
# ## What it means, and what could be wrong
#
# - **Copies of another kind.** A remembered wire under a new potential has a ratio of about one half, and would pass as no
#   copy. The test of images without a curve covers that case.
# - **Not every free image is a wire.** Some images without a curve have a single antidot. What ten coarse steps have to do
#   with that was not tried.
# - **Distances** are dominated by the bright fringes.
# - **Images only.** What the network remembers of training *curves* shows in its positions, between training and test wires
#   ([](05_generation)).
# - **One network**, one seed, one wire.
#
# ## Exercise
#
# Nearly every test wire has a training image one site off. Is that luck, or must it be so? A wire is three integers,
# $x_1$, $x_2$, $\Delta y$, and the training set holds {result}`memorisation:training_share:.0%` of all wires.
#
# :::{admonition} Solution
# :class: dropdown
# It must be so. A wire has up to 26 neighbours that differ by at most one site in each integer, and that none of them is
# in training has the probability $0.3^{26}$, if all are allowed. Near the walls fewer are; even with seven the probability is
# $2 \times 10^{-4}$. So a training image nearby says nothing of memory, and the controls must.
# :::

# %% tags=["nbval-check-output", "hide-input", "hide-output"]
alone = (1 - memory["training_share"]) ** 7 if memory else 0.3**7
near = memory["rows"]["truth"]["sites"]["neighbour_error"] if memory else [0, 1]
assert alone < 3e-4 and sum(near[:2]) >= 0.99 * sum(near)
assert not memory or memory["rows"]["nearest"]["copied"] == 1, "the search finds a copy"
print(f"no neighbour in training: {alone:.1e} at most")
