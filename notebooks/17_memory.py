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
# A generative model can look accurate by giving back images of its training set. In the images no sign of that was found: none
# is a copy, and those of test curves are nearer to the truth than to any training image in
# {result}`memorisation:rows.test.closer:.1%`
# ({result}`memorisation:rows.test.closer_interval:.1%`). The antidots are decoded; the random potential is not.
# :::
#
# **Method.** Test wires are in no training file, under any potential, so a remembered image lies on some training image and
# not on the truth. For each generated image we measure the distance to the truth, and to the nearest of *all* training
# images, in units of the standard deviation σ of the LDOS. For training curves, images of the same wire are left out of
# the search.

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
# A training image that looks alike is always near: for nearly every wire one that differs by a single site is in the training set.
# So the comparison needs controls: the true images themselves; a decoder that remembers, and answers with the image of the nearest
# training curve; and images drawn without a curve.

# %% mystnb={"figure": {"caption": "(a) Distance of each image to the truth against that to the nearest training image, in units of the standard deviation of the LDOS; below the dashed diagonal the truth is nearer. (b) How near the nearest training image is: cumulative shares for the true test images, for images generated from 300 test and 200 training curves, and without a curve (results/memorisation.json).", "name": "limits-memory"}, "image": {"alt": "Scatter plot: nearly all points of test and training curves lie far below the diagonal; those above it are wrongly decoded, nearly all. The decoder that remembers lies on the vertical axis, images without a curve above the diagonal. Right: cumulative curves of distances, those of generated images close to that of true images, the one without a curve further right."}} tags=["hide-input"]
limits_figures.distances(*memory_report.distances(memory)) if memory else None

# %% tags=["hide-input", "hide-output"]
Markdown(memorisation.show(memory) if memory else "")

# %% tags=["hide-input", "hide-output"]
print(memory_report.told(memory) if memory else "")

# %% [markdown]
# Generated images of test curves are as far from the training set as the true ones are, and those of training curves are no
# nearer. Where an image *is* nearer to a training image, its antidots are nearly always wrong.
#
# As in {cite:t}`yoon2023`, a *copy* is an image whose nearest training image is at most a third as far as that of any
# other wire. None of the test images is one ({result}`memorisation:rows.test.copied_interval:.1%`), nor of those without
# a curve ({result}`memorisation:rows.no_curve.copied_interval:.1%`). Of all images, trained or not, the nearest to one without a curve
# is a training image in {result}`memorisation:rows.no_curve.nearest_trained:.1%`
# ({result}`memorisation:rows.no_curve.nearest_trained_interval:.1%`). That is chance: the training set holds
# {result}`memorisation:training_share:.0%` of all wires.

# %% mystnb={"figure": {"caption": "Four cases, a column each (results/memorisation.json), wires of 50 × 60 sites: an ordinary test curve, the test curve whose image is nearest to a training image relative to the truth, the same among training curves, and the image without a curve that is most like a copy. Solid rings: true antidots. Dashed rings: those in the image. d: distance of this image to the generated one in units of σ.", "name": "limits-examples"}, "image": {"alt": "Four columns of three LDOS images. In the ordinary case truth and generated image look alike and the training image has an antidot one site off. In the worst cases the generated image resembles the training image, with antidots beside the true ones. Without a curve it resembles a training image closely; the truth beside it is of an unrelated wire."}} tags=["hide-input"]
limit_images.triples(memory_report.examples(decoder, memory)) if memory else None

# %% [markdown]
# ## The potential is not decoded
#
# Five potentials make five images of one wire. Which of them is the generated image nearest to?

# %% mystnb={"figure": {"caption": "Share of images that lie nearer to the truth than to any training image, and of images that are nearest to the truth among the five potentials of their wire, for which the dotted line, one in five, is chance; 95 % intervals (results/memorisation.json).", "name": "memory-shares"}, "image": {"alt": "Dots with whiskers. Test and training curves: nearer to the truth above 90 %, the right potential at about 23 %, chance. The decoder that remembers: 0 % and about 51 %."}} tags=["hide-input"]
shares.whiskers(memory_report.compared(memory), shares.MEMORY, wanted=0.2) if memory else None

# %% [markdown]
# No better than chance was seen ({result}`memorisation:rows.test.own_potential:.1%`,
# {result}`memorisation:rows.test.own_potential_interval:.1%`), nor on training curves. Yet the curve does tell: the nearest training
# curve has the right potential in {result}`memorisation:rows.nearest.own_potential:.1%`
# ({result}`memorisation:rows.nearest.own_potential_interval:.1%`). The network does not use this; exact inference does ([](06_exact)).
#
# ## What it means, and what could be wrong
#
# - **Few passes.** The training showed {result}`networks:networks.laptop.images:,` images, each of the
#   {result}`memorisation:training_images:,` some six times. A longer one could remember more.
# - **Copies of another kind.** A remembered wire under a new potential would not count as a copy. But images without a curve are near to
#   training wires no more often than chance.
# - **Positions.** Training wires are exact in {result}`evaluate:train.within_0:.1%`, test wires, whose labels were used too
#   ([](04_network)), in {result}`evaluate:single.within_0:.1%`: training curves are known a little better.
# - **One network**, one seed. Distances are dominated by the bright fringes, and some images without a curve have a single antidot.
#
# ## Exercise
#
# Nearly every test wire has a training image one site off. Must that be so? A wire is three integers,
# $x_1$, $x_2$, $\Delta y$.
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
