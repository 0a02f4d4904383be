# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Quickstart: a fingerprint decoded
#
# :::{admonition} In short
# :class: tip in-short
# Sixty-four numbers go into the network, the conductance of a wire at 64 magnetic fields. A picture of the electron wave
# comes out, and from it the positions of two holes. For this wire the mean of the samples correlates with the truth at
# {printed}`00_quickstart:pattern r = ([\d.]+)`.
# :::

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

import qfp
from qfp.data.dataset import choose, split_of
from qfp.decoding import metrics, positions
from qfp.figures import wire as wire_figures
from qfp.physics import geometry
from qfp.tools import as_dict

config = qfp.notebook_config(globals())
wire = config.device
decoder = qfp.load(config.weights)
trained = decoder.config  # the settings that the weights were trained with
assert trained.device == wire, "these weights belong to another wire"

# %% tags=["hide-input"]
antidots, parts = choose(trained)[1], split_of(trained)
first = parts["test"][0, 1]  # of the configurations that the weights were not trained on
truth = antidots[first].astype(int)
conductance, open_modes, ldos = qfp.solve(wire, truth, qfp.random_potential(0, wire), image=True)
decoded = decoder.decode(conductance[None], **as_dict(config.sampling), seed=config.seed)
answer, share = decoded.consensus[0], decoded.probability[0]
error, r = metrics.within(answer, truth, wire), metrics.pearson(decoded.image[0], ldos)

# %% mystnb={"figure": {"caption": "From a curve to a picture. (a) The conductance of the wire at 64 magnetic fields (phase per plaquette), all that the network is given of this wire. Dotted: the open modes of the leads, which bound it. (b) The exact local density of states (LDOS) at b = 0, which the network never sees: it shows where the electron wave is, and is zero inside the antidots (outlined). (c) One sample. (d) Mean of the samples within one site of the consensus, the answer on which most of them agree.", "name": "quickstart-images"}, "image": {"alt": "Above, an irregular conductance curve below a falling staircase of open modes. Below, three images of the wire: true interference pattern, one generated sample and the mean of the samples that agree, each with two circles around the antidots."}} tags=["hide-input"]
sample = decoded.ldos[0, 0]
wire_figures.curve_and_images(
    (wire.fields, conductance, open_modes),
    [ldos, sample, decoded.image[0]],
    ["(b) truth", "(c) one sample", "(d) consensus"],
    [truth, positions.recover(sample[None], wire)[0], answer],
    wire.radius,
)

# %% [markdown]
# Electrons in a small cold wire are waves. How they interfere around the impurities makes the curve the wire's **quantum
# fingerprint**. The paper says (Sec. IV) that a diffusion model "successfully generated the correct quantum interference
# patterns", and the positions of the impurities, from it.
#
# ## The wire
#
# It is a square lattice, 50 sites wide and 60 long, with two round holes (antidots) and a weak random potential. Leads
# continue it at both ends. A solver computes how much of the wave gets through ([chapter 3](03_solver)). This is
# the first wire of the test list. The network was trained on neither its curve nor its image, but on this potential in
# other wires, and on these positions as the label of an *interpolated* curve ([chapter 4](04_network)).

# %% tags=["nbval-check-output", "hide-input"]
seen = set(parts["train"][:, 1].tolist())
print(f"{len(antidots)} configurations, {len(seen)} of them seen in training", end="; ")
print(f"this one seen: {first in seen}")
print(f"lattice {ldos.shape} (y, x), curve {conductance.shape}", end=", ")
print(f"open modes {open_modes[0]} at b = 0 and {open_modes[-1]} at b = {wire.field_max}")
print(f"true antidots at (x, y) = {truth.tolist()}")
print(f"G(0) = {conductance[0]:.6f} e^2/h")

# %% [markdown]
# ## The decoder
#
# `decoder.decode` starts from noise and removes it in a few steps, conditioned on the curve. Each draw of noise gives one
# sample. In each, the antidots are the two discs with the lowest mean LDOS. The answer, the *consensus*, is the pair on
# which most samples agree.

# %% tags=["hide-input"]
samples = decoded.ldos.shape[1]
print(f"decoded antidots (x, y): {answer.tolist()}", end=", ")
print(f"{share:.0%} of {samples} samples within one site")
print(f"true antidots    (x, y): {truth.tolist()}")
print(f"off by {error} sites at most; Pearson r of decoded and true image {r:.3f}")

# %% [markdown]
# ## A check without the truth
#
# In an experiment there is no true image, but there is the solver. Put antidots where the answer says, compute the curve,
# and compare it with the measured one. The random potential is unknown, so it is left out ($V = 0$). A potential of this
# strength moves a curve by about {printed}`01_dataset:same wire, another potential +median (\S+)` $e^2/h$
# ([chapter 1](01_dataset)). An unrelated pair is much farther off; a neighbour need not be.

# %%
other = antidots[parts["train"][0, 1]].astype(int)
clean = {
    "measured (simulated here)": conductance,
    "decoded antidots, V = 0": qfp.solve(wire, answer)[0],
    "other antidots, V = 0": qfp.solve(wire, other)[0],
}
for label, curve in list(clean.items())[1:]:
    distance = np.sqrt(np.mean((curve - conductance) ** 2))
    print(f"{label}: rms difference from the measured curve {distance:.3f} e^2/h")

# %% mystnb={"figure": {"caption": "The measured curve, which is simulated here; the curve of the decoded antidots without random potential; and that of an unrelated pair.", "name": "quickstart-check"}, "image": {"alt": "Three conductance curves: the one of the decoded antidots follows the measured one if the answer is right, an unrelated one does not."}} tags=["hide-input"]
wire_figures.fingerprints(wire.fields, clean)

# %% [markdown]
# ## What it means, and what could be wrong
#
# - **This is one wire.** [Chapter 5](05_generation) counts, with intervals and rivals.
# - **A curve cannot tell everything.** Shift both antidots along the wire, or mirror it: the curve stays, exactly
#   without potential and nearly with it. The answer is one agreed placement.
# - **The network knows one kind of wire.** Whatever the curve, it draws two holes of this size.
#   [Chapter 6](06_exact) says when not to believe it.

# %% tags=["hide-input"]
verdict = "right" if error == 0 else f"right within {error}" if error <= 2 else "wrong"
print(f"this wire: positions {verdict}, pattern r = {r:.3f}")

# %% tags=["nbval-check-output", "remove-cell"]
assert conductance.shape == (wire.field_points,)
assert (conductance > 0).all() and (conductance <= open_modes + 1e-9).all()
holes = 2 * len(geometry.disc(wire.radius))
assert ldos.min() == 0 and (ldos == 0).sum() == holes, "zero on the removed sites only"
found = positions.recover(ldos[None], wire)[0]
assert (found == truth).all(), "the true image gives the true antidots"
assert geometry.in_dataset(answer, wire) and (geometry.canonical(answer, wire) == answer).all()
mirror, some = (wire.width - 1, 0) + truth * (-1, 1), wire.fields[[0, 20, 40]]
mirrored = qfp.solve(wire, mirror, fields=-some)[0]
np.testing.assert_allclose(mirrored, qfp.solve(wire, truth, fields=some)[0], atol=1e-9)
print("physics checks passed: G below the open modes, LDOS zero in the antidots", end=", ")
print("mirrored wire and field give the same G")

# %% [markdown]
# ## Exercise
#
# Move both antidots three sites along the wire and leave the potential out. What changes in the curve, and in what the
# decoder can answer?
#
# :::{admonition} Solution
# :class: dropdown
# Nothing. Without potential, wire and leads look the same from every row. The decoder gets the same 64 numbers, and must
# give the same answer.
# :::

# %% tags=["remove-cell"]
moved = qfp.solve(wire, truth + [0, 3], fields=some)[0]
np.testing.assert_allclose(moved, qfp.solve(wire, truth, fields=some)[0], atol=1e-9)
