# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # What can a curve fix at all?
#
# :::{admonition} In short
# :class: tip in-short
# How much about a wire does its curve contain, whatever the decoder? Nearly everything: the posterior names the true
# configuration of {result}`inference:fresh.posterior.within_0:.1%` of {result}`inference:fresh.posterior.n:,` wires
# ({result}`inference:fresh.posterior.within_0_interval:.1%`), though their potential is unknown. Warm curves can be read
# if the temperature is known.
# :::
#
# There are {result}`presets/laptop:dataset.configurations:,` configurations. The posterior ([chapter 6](06_exact)) gives the
# probability of each; here it is computed for {result}`limits:wires` wires, each with a random potential of its own.

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
from qfp.figures import inference as inference_figures
from qfp.figures.shares import whiskers
from qfp.inference import likelihood
from qfp.physics import green, symmetry
from qfp.studies import recorded, shown
from qfp.studies.inference import limits, text, thermal

config = qfp.notebook_config(globals())
wire = config.device
orbits, antidots = qfp.configurations(wire)
most = np.log2(len(orbits))

# %% tags=["nbval-check-output", "hide-input"]
print(f"{len(orbits)} configurations: {most:.2f} bits")

# %% [markdown]
# ## Noise, disorder, fields, temperature
#
# One thing is varied at a time. Up to {result}`limits:noise.3.value` $e^2/h$ of noise no loss is seen on these few wires. Eight
# fields over the whole range do nearly as well as {result}`limits:fields.1.value` ({result}`limits:fields.4.exact:.0%` right); a
# quarter of the range does not ({result}`limits:range.2.exact:.0%`).

# %% mystnb={"figure": {"caption": "The posterior against noise, strength of the random potential (1: that of the data), number and range of the fields, and temperature (results/limits.json). Vermilion and blue: share of wires whose most probable configuration is the true one, or within one site of it. Crosses: mean probability of that configuration; where they lie on the vermilion line the posterior is calibrated. Grey: information gained from the curve, as a share of 14 bits. The noise is 0.01 e²/h except in the first panel. n = 48 wires, 8 in the last panel; bars: 95 % intervals over wires.", "name": "limits-scan"}, "image": {"alt": "Five panels: the share of exact answers falls with noise, with the strength of the potential and as fields become fewer or their range shorter, while answers within one site hold out longer."}} tags=["hide-input"]
result = recorded("limits")
inference_figures.limits(text.limit_panels(result), most) if result else None

# %% tags=["hide-input", "hide-output"]
Markdown(shown.table(limits.STUDY))

# %% [markdown]
# ## An ambiguous wire
#
# Of these wires this one has the widest posterior at a noise of 0.1 $e^2/h$; {numref}`limits-ambiguous` shows why. Here
# $\Delta y = 0$, a symmetric pair, and the curve does not change to first order in $\Delta y$. So moving one antidot a site
# *along* the wire changes it by far less than the unknown potential does. Moving it a site *across* changes it more, and in a
# shape that potentials do not make. Several distances $\Delta y$ stay possible, even without much noise, while $x_2$ is fixed.

# %% tags=["hide-input"]
truth = np.array(result["drawn"]["antidots"])
moves = {"along: Δy + 1": [[0, 0], [0, 1]], "across: x₂ − 1": [[0, 0], [-1, 0]]}
moved = green.clean_curves(wire, [truth, *(truth + move for move in moves.values())])
changes = dict(zip(moves, moved[1:] - moved[0]))
expected = likelihood.expected(wire, [truth])
spread = np.sqrt(np.diag(expected.first[0] + expected.rest[0]))
panels, axes, said = text.ambiguous_panels(result, wire)
print(said)

# %% mystnb={"figure": {"caption": "A wire whose curve is ambiguous. (a) What moving its second antidot by one site does to the curve without potential, beside the standard deviation due to an unknown potential (to second order). (b) to (d) Posterior of the distance along the wire, which counts from zero, and of the second antidot's place across it, for three levels of white noise. Orange ring: the truth.", "name": "limits-ambiguous"}, "image": {"alt": "Above, two lines over the magnetic field: the blue one stays within or close to a grey band, the dashed one leaves it by far. Below, three small maps: with little noise one row holds a few cells, with more noise the row grows longer and a second row appears."}} tags=["hide-input"]
inference_figures.ambiguous(panels, axes, wire.fields, changes, spread)

# %% [markdown]
# ## What the symmetries leave open
#
# Shifts along the wire and the two inversions leave the curve as it is while the potential is zero ([chapter 1](01_dataset)).
# While it is unknown, all these placements stay nearly equally likely. Under a *known* potential the curve tells them apart:

# %% tags=["hide-input"]
pair = [[14, 19], [35, 40]]
V = qfp.random_potential(0, wire)
places = symmetry.placements(pair, wire)
some = places[:: len(places) // 4]
G = np.stack([qfp.solve(wire, place, V, fields=wire.fields[::8])[0] for place in some])
clean = green.clean_curves(wire, some)[:, ::8]

# %% tags=["nbval-check-output", "hide-input"]
print(f"{len(places)} placements of this pair share the curve at V = 0")
assert np.allclose(clean, clean[0], atol=1e-9)
print(f"under a potential their curves differ by up to {np.ptp(G, axis=0).max():.2f} e²/h")

# %% tags=["hide-input"]
print(text.placements_text(result) if result else "")

# %% [markdown]
# ## Warm wires, and electrons that lose their phase
#
# A curve at temperature $T$ is an average over energies, weighted with $-\partial f/\partial E$. Here {result}`thermal:wires`
# curves, each under a fresh potential, are averaged over {result}`thermal:energies` energies. Three decoders read them: the
# network, trained at $T = 0$; the posterior that assumes $T = 0$; and the posterior that knows the temperature
# (`qfp decode --temperature`), both from every third field. In two more rows a voltage probe {cite:p}`brouwer1997` destroys phase
# coherence, and no decoder knows it. It couples equally to all sites.

# %% mystnb={"figure": {"caption": "Right answers, and answers flagged as not explained, for curves at rising temperature $k_B T$ and with dephasing $\\eta$, half of ħ over the time in which an electron loses its phase (results/thermal.json). A flag is good on a wrong answer and bad on a right one; the network has none. Bars: 95 % intervals. Dotted: 95 %.", "name": "limits-warm"}, "image": {"alt": "Three panels of points with intervals. Exact inference that takes the curve for a cold one and the network fall to zero as temperature rises, the former with every answer flagged; exact inference that knows the temperature stays near one, within one site."}} tags=["hide-input"]
warm = shown.if_measured(config.weights, thermal.STUDY)
whiskers(text.thermal_panels(warm), ("within_1", "within_0", "flagged")) if warm else None

# %% tags=["hide-input", "hide-output"]
Markdown(shown.table(thermal.STUDY, config.weights))

# %% [markdown]
# - **The network fails on warm curves**: at $k_B T =$ {result}`thermal:temperature.2.value` $t$ it is right to the site in
#   {result}`thermal:temperature.2.network.exact:.0%`.
# - **The posterior that assumes $T = 0$ fails too, and says so**: there it flags
#   {result}`thermal:temperature.2.plain.flagged:.0%`. At {result}`thermal:temperature.1.value` $t$ it is right in
#   {result}`thermal:temperature.1.plain.exact:.0%`, and flags {result}`thermal:temperature.1.plain.flagged:.0%`.
# - **Knowing the temperature restores most of the reading**: {result}`thermal:temperature.2.known.exact:.0%` to the site and
#   {result}`thermal:temperature.2.known.within_1:.0%` within one site at {result}`thermal:temperature.2.value` $t$,
#   {result}`thermal:temperature.3.known.exact:.0%` and {result}`thermal:temperature.3.known.within_1:.0%` at
#   {result}`thermal:temperature.3.value` $t$. With $T$ one of three values,
#   {result}`thermal:temperature.2.unknown.exact:.0%` of {result}`thermal:temperature.2.unknown.n` wires are right.
# - **Lost phase was only flagged.** With $\eta =$ {result}`thermal:dephasing.0.value` $t$ the network is right in
#   {result}`thermal:dephasing.0.network.exact:.0%`, the posterior in {result}`thermal:dephasing.0.plain.exact:.0%`, with
#   {result}`thermal:dephasing.0.plain.flagged:.0%` flagged. With ten times as much nothing is right and all is flagged.
#
# ## What it means, and what could be wrong
#
# - **At strong disorder the method fails before the curve does.** Under a potential {result}`limits:strength.2.value:.0f` times as
#   strong {result}`limits:strength.2.exact:.0%` are right at a mean probability of {result}`limits:strength.2.certainty:.0%`. At
#   {result}`limits:strength.3.value:.0f` times the expansion fails, and its probabilities mean nothing.
# - **Few warm wires.** The intervals are wide, and {numref}`limits-scan` and {numref}`limits-warm` use different wires and
#   fields. At {result}`thermal:temperature.1.value` $t$ the numerical error allowed for the average was doubled after two wires
#   had been flagged falsely; they are not among these.
#
# ## Exercise
#
# A configuration needs 14 bits. A field with signal $S$ and noise $N$ carries at most $\tfrac12\log_2(1 + S^2/N^2)$ of them.
# The unknown potential is noise, too. How many fields are needed at least, and what does {numref}`limits-scan` say?
#
# :::{admonition} Solution
# :class: dropdown
# Five, says the cell below. Three or four are too few, and leave most wires open in the figure. Eight are enough nearly
# always: real curves do not fill a channel perfectly, and neighbouring fields say similar things.
# :::

# %% tags=["hide-input"]
signal = green.clean_curves(wire, antidots[::200]).std(axis=0).mean()
bits = np.log2(1 + signal**2 / (0.01**2 + np.mean(spread**2))) / 2
print(f"{bits:.1f} bits a field: {np.ceil(most / bits):.0f} fields")
assert 3 <= np.ceil(most / bits) <= 8
