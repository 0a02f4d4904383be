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
# A metal wire so small that electrons cross it as waves has a conductance that wiggles with the magnetic field. The
# wiggles look like noise, but they are not: the same wire gives the same curve again, because the electrons interfere
# around its impurities. The curve is the wire's **quantum fingerprint**.
#
# **Question.** Can the picture of the interference, and with it the places of the impurities, be read back from the curve
# alone? The paper says so in Sec. IV: its diffusion model "successfully generated the correct quantum interference
# patterns" and the positions of the impurities.
#
# **Method.** We simulate one wire of which the shipped network has seen neither curve nor image (only its potential, in other
# wires, and its position label, on an interpolated curve), give it nothing but the 64 numbers of the curve, and compare its
# answer with the truth. It is the first wire of the test list, not a chosen one.

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

# %% [markdown]
# ## A wire, and its fingerprint
#
# The wire is a square lattice, 50 sites wide and 60 long, with two circular holes (antidots) as impurities and a weak
# random potential; leads continue it at both ends. The exact solver computes how much of the electron wave gets through
# at each of 64 magnetic fields. The weights name the configurations that they were not trained on; here is the first.

# %%
antidots, parts = choose(trained)[1], split_of(trained)
first = parts["test"][0, 1]
truth = antidots[first].astype(int)
conductance, open_modes, ldos = qfp.solve(wire, truth, qfp.random_potential(0, wire), image=True)

# %% tags=["nbval-check-output", "hide-input"]
seen = set(parts["train"][:, 1].tolist())
print(f"{len(antidots)} configurations, {len(seen)} of them seen in training", end="; ")
print(f"this one seen: {first in seen}")
print(f"lattice {ldos.shape} (y, x), curve {conductance.shape}", end=", ")
print(f"open modes {open_modes[0]} at b = 0 and {open_modes[-1]} at b = {wire.field_max}")
print(f"true antidots at (x, y) = {truth.tolist()}")
print(f"G(0) = {conductance[0]:.6f} e^2/h")

# %% mystnb={"figure": {"caption": "The fingerprint: conductance of the wire at 64 magnetic fields (phase per plaquette). The dotted steps are the open modes of the leads, which bound it; the wiggles come from interference around the two antidots. This curve is all that the network is given.", "name": "quickstart-curve"}, "image": {"alt": "Line plot of conductance against magnetic field: an irregular curve below a falling staircase of open modes."}} tags=["hide-input"]
wire_figures.fingerprints(wire.fields, {"conductance": conductance}, open_modes)

# %% [markdown]
# ## Decoding it
#
# The diffusion model starts from noise and removes it in a few steps, led by the curve. Each noise gives one sample; the
# number of samples and steps are the preset's. In every sample we look for the pair of discs with the least LDOS, and
# the answer is the pair on which most samples agree.

# %%
decoded = decoder.decode(conductance[None], **as_dict(config.sampling), seed=config.seed)
answer, share = decoded.consensus[0], decoded.probability[0]
error = metrics.within(answer, truth, wire)
r = metrics.pearson(decoded.image[0], ldos)
samples = decoded.ldos.shape[1]
print(f"decoded antidots (x, y): {answer.tolist()}", end=", ")
print(f"{share:.0%} of {samples} samples within one site")
print(f"true antidots    (x, y): {truth.tolist()}")
print(f"off by {error} sites at most; Pearson r of decoded and true image {r:.3f}")

# %% mystnb={"figure": {"caption": "Truth and answer. The local density of states (LDOS) at b = 0 shows where the electron wave is; it is zero inside the antidots (outlined). Left: the exact solution, which the network never sees. Middle: one sample. Right: mean of the samples within one site of the consensus.", "name": "quickstart-images"}, "image": {"alt": "Three images of the wire side by side: true interference pattern, one generated sample and the mean of the samples that agree, each with two circles around the antidots."}} tags=["hide-input"]
sample = decoded.ldos[0, 0]
wire_figures.ldos_row(
    [ldos, sample, decoded.image[0]],
    ["truth", "one sample", "consensus"],
    [truth, positions.recover(sample[None], wire)[0], answer],
    wire.radius,
)

# %% [markdown]
# ## Checking the answer without the truth
#
# Who measures a wire has no true image to compare with, but has the solver: put antidots where the answer says, compute
# the curve, and hold it against the measured one. The random potential is not known, so we leave it out ($V = 0$) and
# expect agreement up to its small effect. A wrong pair gives itself away, as the curve of the first training
# configuration shows.

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

# %% mystnb={"figure": {"caption": "The measured curve, the curve of the decoded antidots without random potential, and that of an unrelated pair.", "name": "quickstart-check"}, "image": {"alt": "Three conductance curves: the one of the decoded antidots follows the measured one if the answer is right, an unrelated one does not."}} tags=["hide-input"]
wire_figures.fingerprints(wire.fields, clean)

# %% [markdown]
# ## What it means, and what could be wrong
#
# The 64 numbers do hold the picture: for this wire the verdict on the paper's claim stands in the cell below. Three
# cautions:
#
# - **One wire proves nothing.** How often it works, with intervals and beside simple rivals, is the subject of the page
#   on generation.
# - **A curve cannot tell everything.** Shifting both antidots along the wire, or mirroring the wire, leaves the curve as
#   it is (exactly without random potential, nearly with it). The answer is therefore given in one agreed placement, and
#   errors are counted modulo these symmetries.
# - **The wire is one of a kind.** Two holes of this size, this energy, weak disorder: the network knows nothing else, and
#   it will answer any curve with such a wire.

# %% tags=["hide-input"]
verdict = "right" if error == 0 else f"right within {error}" if error <= 2 else "wrong"
print(f"this wire: positions {verdict}, pattern r = {r:.3f}")

# %% tags=["nbval-check-output"]
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
