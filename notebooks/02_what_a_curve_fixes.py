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
# **Question.** How much of a wire does its curve determine, whatever decodes it? The exact posterior
# ([](06_exact)) answers: it is the limit that every decoder of this book is measured against.
#
# **Method.** Wires with two antidots, each under a random potential of its own. The posterior of all plausible
# configurations, while the noise of the curve, the strength of the potential, the number of the fields, their range or the
# temperature is varied: a curve at $T$ is the average over energies with $-\partial f/\partial E$. There are
# {result}`presets/laptop:dataset.configurations:,` configurations; each curve leaves some of them open.

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
from IPython.display import Markdown

import qfp
from qfp.figures import inference as inference_figures
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

# %% mystnb={"figure": {"caption": "The exact posterior against noise, strength of the random potential, number and range of the fields, and temperature (results/limits.json). Vermilion and blue: share of wires whose most probable configuration is the true one, or within one site of it. Crosses: mean probability of that configuration; where they lie on the vermilion line the posterior is calibrated. Grey: bits that the curve says of the configuration, of all there are. Where one thing is varied the noise is 0.01 e²/h and all others are those of the data.", "name": "limits-scan"}, "image": {"alt": "Five panels: the share of exact answers falls with noise, with the strength of the potential and as fields become fewer or their range shorter, while answers within one site hold out longer."}} tags=["hide-input"]
result = recorded("limits")
inference_figures.limits(text.limit_panels(result), most) if result else None

# %% tags=["hide-input", "hide-output"]
Markdown(shown.table(limits.STUDY))

# %% [markdown]
# ## An ambiguous wire
#
# Of all these wires the one that noise leaves most open. Its posterior spreads first along $\Delta y$, on which the curve
# depends least, and only then across the wire:

# %% mystnb={"figure": {"caption": "Posterior of one wire over x1, x2 (axes) and Δy (columns), on a logarithmic scale, for three levels of noise (rows). Orange ring: the truth.", "name": "limits-ambiguous"}, "image": {"alt": "A grid of small maps. In the first row one cell holds almost all probability; in the last row it is spread over several values of Δy and neighbouring positions."}} tags=["hide-input"]
if result:
    panels, axes, said = text.ambiguous_panels(result, wire)
    print(said)
inference_figures.ambiguous(panels, axes) if result else None

# %% [markdown]
# ## What the symmetries leave open
#
# Shifts along the wire and the two inversions leave the curve as it is while the potential is zero, and while it is unknown
# all these placements stay equally likely. With a *known* potential they are different wires:

# %%
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
# ## Temperature and lost phase, as a decoder meets them
#
# The figure above gives the exact posterior the right candidates. Here whole curves go in, each under a potential of its own
# that nobody has seen, averaged over {result}`thermal:energies` energies: to the network, which was trained at $T = 0$; to
# exact inference that is not told the temperature; and to exact inference that is (`qfp decode --temperature`, or the kelvins
# of a device file). It then takes each curve, its response to the potential and its refinement for an average over three to
# nine energies, whose expected error counts as noise. The last lines are curves whose electrons lose their phase to a
# voltage probe {cite:p}`brouwer1997`, of which no likelihood here knows.

# %% tags=["hide-input", "hide-output"]
Markdown(shown.table(thermal.STUDY, config.weights))

# %% [markdown]
# - **A warm curve is another wire's to the network**: at $k_B T =$ {result}`thermal:temperature.1.value` $t$ it is exact in
#   {result}`thermal:temperature.1.network.exact:.0%`, at {result}`thermal:temperature.2.value` $t$ in
#   {result}`thermal:temperature.2.network.exact:.0%`. Exact inference that is not told does no better, and knows it:
#   {result}`thermal:temperature.2.plain.flagged:.0%` of its answers there are flagged. At
#   {result}`thermal:temperature.1.value` $t$ it is still right, and flags {result}`thermal:temperature.1.plain.flagged:.0%`.
# - **Told, it reads the curve again**: {result}`thermal:temperature.2.known.exact:.0%` exact and
#   {result}`thermal:temperature.2.known.within_1:.0%` within one site at {result}`thermal:temperature.2.value` $t$,
#   {result}`thermal:temperature.3.known.exact:.0%` and {result}`thermal:temperature.3.known.within_1:.0%` at
#   {result}`thermal:temperature.3.value` $t$, from a third of the fields. The curve keeps its fingerprint; what was lost is the
#   model. Told only that the temperature is one of three, it is exact in {result}`thermal:temperature.2.unknown.exact:.0%` of
#   {result}`thermal:temperature.2.unknown.n` wires.
# - **Lost phase.** With $\eta =$ {result}`thermal:dephasing.0.value` $t$ the network is exact in
#   {result}`thermal:dephasing.0.network.exact:.0%` and exact inference in {result}`thermal:dephasing.0.plain.exact:.0%`, which it
#   flags in {result}`thermal:dephasing.0.plain.flagged:.0%` of the curves; with ten times as much nothing is right, and all of
#   it is flagged. No likelihood here has dephasing as a parameter: a flag is all that can be had.
#
# There are {result}`thermal:wires` wires, so the intervals are wide; the true temperature was among the three; and one
# reservoir for all sites is the simplest picture of lost phase, not the best. At 0.003 $t$ the error that three energies are
# allowed was doubled after two of these very wires had been flagged falsely: that row is no clean test.

# %% [markdown]
# ## What it means
#
# - **A curve is a fingerprint.** Up to noise of {result}`limits:noise.3.value` $e^2/h$ it names the configuration almost always,
#   though the potential is unknown. What is wrong is mostly wrong in $\Delta y$, by a site.
# - **It could be shorter.** From {result}`limits:fields.4.value` fields over the whole range
#   {result}`limits:fields.4.exact:.0%` are exact; from {result}`limits:fields.5.value`, {result}`limits:fields.5.exact:.0%`. Half
#   of the range gives {result}`limits:range.1.exact:.0%`, a quarter {result}`limits:range.2.exact:.0%`: what counts is the range.
# - **Where decoders are judged.** One that is exact more often than the vermilion line is lucky, or was told more than the
#   curve.
# - **Where this ruler ends.** Under a potential {result}`limits:strength.2.value:.0f` times as strong
#   {result}`limits:strength.2.exact:.0%` are exact, at a mean probability of {result}`limits:strength.2.certainty:.0%`: too sure.
#   At {result}`limits:strength.3.value:.0f` times the expansion fails altogether. Both say what *this method* reads, not what the
#   curve holds.
# - **Temperature.** In the figure it is known, and its average is in the likelihood. The curve's features fade, and so do those
#   of the potential. Candidates there are the nearest of the curve at $T = 0$; the table makes its own. Few wires were tried.
# - **Left out.** Other numbers of antidots; more candidates than the nearest ones of the library (`edge` in the file says how
#   much probability the farthest of them has).
