# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # The learning dataset and its symmetries
#
# :::{admonition} In short
# :class: tip in-short
# The paper counts 16,170 antidot configurations with distinct curves. A simple rule gives this number, though not the only
# one. **Reproduced** without potential: symmetric copies share a curve, and no two of the 16,170 do. The closest two are
# {printed}`01_dataset:closest two of the curves: (\S+)` $e^2/h$ apart.
# :::
#
# **Claim** (Sec. III, the paper's Fig. 1). A wire of 60 × 50 sites with two round antidots has symmetries, "translation in
# the y-direction and inversion about the x-axis and y-axis", that make different configurations share a curve. Counting
# each set of copies once leaves "16,170 antidot configurations corresponding to unique conductance data".

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
from qfp.data import distances, simulate
from qfp.figures import wire as wire_figures
from qfp.physics import geometry, kwant_model
from qfp.tools import stream

config = qfp.notebook_config(globals())
wire = config.device
fields = wire.fields

# %% [markdown]
# ## One pair of curve and image
#
# The wire is a square lattice in a magnetic field,
#
# $$H = \sum_r (4t + V_r)\,|r\rangle\langle r| \;-\; t\sum_{\langle r r'\rangle} e^{i\varphi_{rr'}}\,|r\rangle\langle r'|,
# \qquad \varphi = b\,\bigl(x - \tfrac{W-1}{2}\bigr)\ \text{on bonds along}\ {+y},$$
#
# with $t = a = 1$ and $b = 2\pi\Phi_\text{plaquette}/(h/e)$. An antidot is a disc of removed sites. The paper gives neither
# energy nor range of the field; ours are printed here. At this energy a wavelength is 9 sites: an antidot is about as wide.

# %% tags=["hide-input"]
_, antidots = qfp.configurations(wire)
pair = antidots[len(antidots) // 3]
V = qfp.random_potential(0, wire)
G, modes, image = qfp.solve(wire, pair, V, image=True)
print(f"energy {wire.energy} t, antidot radius {wire.radius} sites, ", end="")
print(f"b from {fields[0]} to {fields[-1]} in {len(fields)} points")
print(f"antidots at {pair.tolist()}, random potential within {wire.amplitude} t")

# %% mystnb={"figure": {"caption": "A learning pair, after the paper's Fig. 1: (a) the wire with its removed sites, (b) the local density of states at b = 0, the electrons' interference pattern, (c) the magnetoconductance, its fingerprint, below the number of open modes of the leads.", "name": "fig-pair"}, "image": {"alt": "Lattice with two round holes; picture of the local density of states with interference fringes around the holes; conductance curve that wiggles as the field grows."}} tags=["hide-input"]
wire_figures.learning_pair(geometry.removed_mask(pair, wire), pair, image, fields, G, modes)

# %% [markdown]
# The solver of [chapter 3](03_solver) agrees with Kwant {cite:p}`groth2014`:

# %% tags=["hide-input"]
system = kwant_model.build(wire, geometry.removed_mask(pair, wire), V)
f = len(fields) // 2
difference = abs(kwant_model.conductance(system, wire, fields[f]) - G[f])
ldos_difference = np.abs(kwant_model.ldos(system, wire) - image).max()
print(f"fast solver against Kwant: |ΔG| below 1e-12 e²/h: {difference < 1e-12}, ", end="")
print(f"|ΔLDOS| below 1e-12 1/t: {ldos_difference < 1e-12}")

# %% [markdown]
# ## Where 16,170 comes from
#
# The paper gives no rule. Here is one: each antidot keeps a margin of one site, so it is a hard disc of radius 6. Centres then
# lie in x = 6…43 and y = 6…53, and two of them are more than 12 apart. Up to a translation along y, a pair is
# $(x_1, x_2, \Delta y)$. The inversions act as $(x_1, x_2) \to (x_2, x_1)$ and $(x_1, x_2) \to (49 - x_1, 49 - x_2)$.
# Configurations that these moves connect form an orbit.

# %% tags=["nbval-check-output", "hide-input"]
orbits, antidots = qfp.configurations(wire)
r = geometry.clearance(wire)
across, along = wire.width - 2 * r, wire.length - 2 * r
print(f"centres: {across} values of x, {along} values of y; hard-disc radius {r}")
print(f"orbits under translation and the two inversions: {len(orbits)}")
print(f"distinct: {len(np.unique(orbits, axis=0))}")

# %% [markdown]
# Other rules give the same number (centres at least 12 rows apart, or level and at least 12 columns apart, in a slightly
# larger range), so it is not necessarily the paper's. Each orbit has one agreed placement: the smallest $(x_1, x_2)$, and the
# pair centred along the wire. **A curve fixes the antidots only up to these symmetries.** Every error in this book is
# counted modulo the symmetries.
#
# ## Do the copies share a curve?
#
# Yes, without potential. The field fills the leads, so a translation changes nothing. An inversion turns $b$ into $-b$, and a
# device with two terminals has $G(b) = G(-b)$. A random potential is not symmetric, and the curves differ slightly
# ({numref}`fig-copies`).

# %% tags=["hide-input"]
rng, number = stream("notebook 01", config.seed), config.notebook_configurations
chosen = rng.choice(len(antidots), number, replace=False)
pairs = np.concatenate([pair[None], antidots[chosen]])
copies = geometry.copies(pairs, wire)  # (4, N, 2, 2)
assert (geometry.orbit(copies, wire) == geometry.orbit(pairs, wire)).all()
clean = simulate.curves(wire, copies, None)  # (4, N, F)
disordered = simulate.curves(wire, copies, 0)

# %% mystnb={"figure": {"caption": "The four copies of one configuration. Without potential their curves coincide; under one random potential of 0.05 t they differ a little.", "name": "fig-copies"}, "image": {"alt": "Left: four conductance curves that lie on each other. Right: the same four under a random potential, close together but not equal."}} tags=["hide-input"]
names = ["itself", "y inverted", "x inverted", "moved by 3 in y"]
wire_figures.symmetric_copies(fields, clean[:, 0], disordered[:, 0], names)

# %% tags=["nbval-check-output", "hide-input"]
spread = np.abs(clean - clean[0]).max()
print(f"V = 0: largest difference between copies below 1e-9 e²/h: {spread < 1e-9}")
backwards, _, _ = qfp.solve(wire, pair, V, -fields[[1, f, -1]])
asymmetry = np.abs(backwards - G[[1, f, -1]]).max()
print(f"one potential: |G(b) - G(-b)| below 1e-9 e²/h: {asymmetry < 1e-9}")

# %% [markdown]
# ## Do the 16,170 curves differ?
#
# Yes, on eight of the 64 fields already. {numref}`fig-distances` shows how far each curve without potential is from the nearest
# curve of another configuration (root mean square difference). The random potential moves a curve about as far. So the plainly
# nearest curve is often wrong; a distance that discounts what potentials change does well ([chapter 6](06_exact)).

# %% tags=["hide-input"]
sparse = fields[::8]
library = simulate.curves(wire, antidots, None, sparse)
nearest = distances.nearest_other(library)
other_potential = simulate.curves(wire, pairs, 1)
groups = distances.groups(nearest, copies, clean, disordered, other_potential)

# %% mystnb={"figure": {"caption": "How far curves are apart: cumulative distribution of distances. Without potential, the nearest neighbour of a curve (vermilion, all 16,170, on eight fields) is about as far away as the same wire's curve under a potential (blue, dashed: a symmetric copy; green, dash-dotted: another potential; 257 wires). Unrelated wires (grey) are ten times as far in the median.", "name": "fig-distances"}, "image": {"alt": "Four rising lines on a logarithmic axis of distance. Three of them rise together around 0.07; the grey one, of unrelated configurations, rises around 0.6."}} tags=["hide-input"]
wire_figures.curve_distances(groups)

# %% tags=["hide-input"]
print(distances.told(groups))

# %% tags=["nbval-check-output", "hide-input"]
print(f"configurations at V = 0: {len(library)}")
print(f"closest two of the curves: {nearest.min():.4f} e²/h apart ", end="")
print(f"(root mean square over {len(sparse)} fields)")

# %% [markdown]
# ## What it means, and what could be wrong
#
# - **The curves are unique** as numbers, at $V = 0$ and at this one energy. Noise above the smallest distance could confuse the
#   closest pairs.
# - **The potential hides small differences**; [chapter 2](02_what_a_curve_fixes) shows what survives.

# %% tags=["remove-cell"]
assert len(orbits) == len(antidots) == len(np.unique(orbits, axis=0))
assert preset != "laptop" or len(orbits) == 16170, "the paper's number"
assert difference < 1e-9 and ldos_difference < 1e-9, "the fast solver must agree with Kwant"
assert spread < 1e-9, "symmetric copies share their curve at V = 0"
# no two configurations share a curve: they differ by far more than the solver errs
assert nearest.min() > 1e-5
assert np.all(G >= 0) and np.all(G <= modes + 1e-9), "a wire conducts at most its open modes"

# %% [markdown]
# ## Exercise
#
# Your amplifier adds noise of 0.02 $e^2/h$ to each point. Which share of the curves has a neighbour nearer than that? Are
# these wires lost?
#
# :::{admonition} Solution
# :class: dropdown
# A few in a hundred: read the vermilion line of {numref}`fig-distances` at 0.02. They are not lost. The distance is a
# mean over the fields, and the noise of 64 fields averages out: what counts is $\sqrt{64}$ times the distance over the
# noise.
# :::

# %% tags=["hide-input"]
share = np.mean(nearest < 0.02)
print(
    f"{share:.1%} have a neighbour within 0.02 e²/h, {np.mean(nearest < 0.02 / 8):.1%} within 0.0025"
)
assert np.mean(nearest < 0.02 / 8) < share
