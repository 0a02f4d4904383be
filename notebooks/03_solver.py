# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # A thousand times faster, exactly?
#
# :::{admonition} In short
# :class: tip in-short
# Kwant solves each wire from scratch. Under one potential, all wires of the dataset differ in two antidots only, and what they
# share is computed once. If all {result}`presets/laptop:dataset.configurations:,` configurations share it, a conductance takes
# {result}`bench_solver:fast_ms:.3f` ms instead of {result}`bench_solver:kwant_ms:.0f`:
# {result}`bench_solver:ratio_per_solve:,.0f` times faster, short of a thousand. The two agree to about
# {result}`bench_solver:max_difference:.0e` $e^2/h$. For a single wire Kwant is faster.
# :::
#
# The paper says only that its curves come from Kwant (Sec. III) {cite:p}`groth2014`.

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
import dataclasses

import numpy as np
import torch
from IPython.display import Markdown

import qfp
from qfp import studies
from qfp.data.dataset import choose
from qfp.figures import solver as solver_figures
from qfp.physics import geometry, green, kwant_model, sweep
from qfp.studies.exact import against_kwant, resonance, shapes
from qfp.studies.speed import report

config = qfp.notebook_config(globals())
wire = config.device
bench = studies.recorded("solver-speed")

# %% [markdown]
# ## The idea: removing sites is a small correction
#
# Let $G_0$ be the Green's function of the wire *without* antidots but with its potential, and $D$ a set of sites. Removing them
# is the limit of an infinite potential on $D$. The correction therefore has the rank of $D$, and nothing is neglected:
#
# $$G \;=\; G_0 \;-\; G_0[:,D]\,\bigl(G_0[D,D]\bigr)^{-1}\,G_0[D,:]$$
#
# Not all removed sites are needed. It suffices to remove the *ring*, the sites of $D$ with a neighbour outside: the sites within
# are then cut off, and have no effect. Nor is all of $G$ needed: the conductance is made of the amplitudes between the open modes
# of the two leads. The broadening of a lead is $\Gamma = UU^\dagger$, with a column of $U$ per open mode. With $U_\pm$ for the two
# ends,
#
# $$t \;=\; \underbrace{U_+^\dagger\, G_0[+,-]\, U_-}_{t_0} \;-\; U_+^\dagger\, G_0[+,D]\;\bigl(G_0[D,D]\bigr)^{-1}\;G_0[D,-]\,U_-,
# \qquad G = \mathrm{Tr}\, t t^\dagger.$$
#
# One matrix as large as the ring takes the place of one as large as the wire.

# %% tags=["hide-input"]
antidots = choose(config)[1]
pair, V = antidots[len(antidots) // 3].astype(int), qfp.random_potential(0, wire)
b = float(wire.fields[len(wire.fields) // 2])
mask = geometry.removed_mask(pair, wire)
removed, D = (torch.as_tensor(sites) for sites in (np.flatnonzero(mask), geometry.ring(mask)))
w = green.wire(wire, b, V)


def amplitudes(w, D):
    """t of the wire without the sites D."""
    X = torch.linalg.solve(w.between(D[:, None], D), w.psi[0][D])  # G0[D,D]^-1 (G0[D,-] U-)
    return w.t0 - w.out[:, D] @ X


G_ring, G_all = (amplitudes(w, sites).abs().square().sum().item() for sites in (D, removed))
reference = kwant_model.conductance(kwant_model.build(wire, mask, V), wire, b)

# %% tags=["nbval-check-output", "hide-input"]
print(
    f"sites of the wire: {wire.width * wire.length}, removed: {len(removed)}, "
    f"on the ring: {len(D)}, open modes: {len(w.t0)}\n"
    f"G = {G_ring:.6f} e²/h at b = {b:.4f}; all removed sites instead of the ring change it by "
    f"less than 1e-10: {abs(G_all - G_ring) < 1e-10}\n"
    f"Kwant: {reference:.6f} e²/h, difference below 1e-10: {abs(G_ring - reference) < 1e-10}"
)

# %% mystnb={"figure": {"caption": "What the update needs. Removed sites with a neighbour outside form the ring (vermilion, filled); they alone enter the matrix that is solved. The sites within (open) are cut off and drop out. Blue: sites of the wire next to the ring. The rule is the same for any shape.", "name": "fig-rings"}, "image": {"alt": "Three pieces of a square lattice with sites removed: two discs, two overlapping discs of different size, and an irregular shape with outcrops. Filled vermilion sites line the rim of each hole, open sites fill its inside, blue sites of the wire surround it."}} tags=["hide-input"]
solver_figures.rings(shapes.pictured(wire, config.seed))

# %% [markdown]
# ## Why a whole dataset is cheap
#
# 1. **One recursion serves all configurations.** $G_0$ depends on the potential and the field, not on the antidots. It is found
#    by a recursion over rows, from either end.
# 2. **A first antidot is eliminated once for all its partners.** With $A$ and $B$ the rings of the two antidots,
#
#    $$\begin{pmatrix} G_{AA} & G_{AB} & \psi_A\\ G_{BA} & G_{BB} & \psi_B\\ o_A & o_B & t_0\end{pmatrix}
#    \;\longrightarrow\; \begin{pmatrix} G_{BB} & \psi_B\\ o_B & t_0\end{pmatrix} -
#    \begin{pmatrix} G_{BA}\\ o_A\end{pmatrix} G_{AA}^{-1} \begin{pmatrix} G_{AB} & \psi_A\end{pmatrix}
#    \;\longrightarrow\; t.$$
#
#    What remains for each configuration is a product and a factorisation of the size of one ring.

# %% tags=["nbval-check-output", "hide-input"]
fast = sweep.Sweep(wire, geometry.ordered(antidots))
(firsts, sites), (seconds, _) = (ring.shape for ring in fast.rings)
wires = config.dataset.potentials * wire.field_points
print(
    f"{len(antidots)} configurations: {firsts} places of a first antidot, {seconds} of a second, "
    f"rings of {sites} sites\n"
    f"wires to recurse: {config.dataset.potentials} potentials x {wire.field_points} fields, "
    f"for {wires * len(antidots)} conductances"
)

# %% [markdown]
# ## Exact
#
# *Exact* means: only rounding remains. The test is Kwant, on four kinds of wires: a pair of the dataset, the overlapping and
# the odd shape of {numref}`fig-rings`, and a wire that lost one site in ten at random. All agree, and each scattering matrix is
# unitary (folded: how closely).

# %% tags=["hide-input"]
errors = against_kwant.of_shapes(wire, shapes.tested(wire, pair, config.seed))
many, single = against_kwant.of_all(wire, antidots, b, config.seed)

# %% tags=["nbval-check-output", "hide-input", "hide-output"]
print(against_kwant.told(errors, len(antidots), many, single))

# %% [markdown]
# ## The race
#
# Same machine, same run, one thread. Kwant gets its lead modes ready made and the fastest of its installed solvers. One
# solve of ours is the mean over all configurations, including its share of the recursion and the lead modes. The
# arithmetic alone would take {result}`bench_solver:floor_ms:.3f` ms (second fold).

# %% tags=["hide-input", "hide-output"]
Markdown(report.race(bench))

# %% tags=["hide-input", "hide-output"]
Markdown(report.floor(bench))

# %% [markdown]
# For a wire as long as wide, the recursion multiplies $W\times W$ matrices for each of $W$ rows, hence $W^4$. The cost of a pair
# depends on the width only through the number of open modes. The number of configurations that share a recursion grows at least
# as $W^3$, so the recursion costs each of them at most $\propto W$.

# %% tags=["hide-input", "hide-output"]
print(report.exponents(bench))

# %% mystnb={"figure": {"caption": "Time of one solve against the width of the wire, from the same race: Kwant; the wire without antidots, needed once for all configurations under one potential at one field; and one solve of this solver when all configurations share it (the narrowest wire has a handful of them). Dotted: powers of the width, to guide the eye.", "name": "fig-solver-cost"}, "image": {"alt": "Four lines on logarithmic axes. Kwant's time and that of the wire without antidots rise steeply with the width; the time of a solve that shares falls at first, then rises slowly, orders of magnitude below them."}} tags=["hide-input"]
solver_figures.solver_cost(*report.cost_lines(bench))

# %% [markdown]
# ## Where it would fail
#
# **A resonance of the cut-off sites.** They have levels of their own. Where the energy meets one, $G_0[D,D]$ on the ring is
# *singular*. With the dataset's radius this does not happen in the sweep of {numref}`fig-resonance`. With a radius larger by one it
# does, at one field $b^*$. The reference uses *all* removed sites: then nothing is singular.

# %% tags=["hide-input"]
radii = wire.radius, wire.radius + 1
holes = [resonance.two_holes(wire, radius) for radius in radii]
centre = resonance.crossing(wire, holes[1])
print(f"levels of the isolated sites cross the energy {wire.energy} t at b* = {centre:.7f}")

# %% tags=["hide-input"]
near = resonance.approach(wire, holes, centre, config.notebook_configurations // 8)

# %% mystnb={"figure": {"caption": "(a) Smallest singular value of the ring's matrix through the sweep of fields, for the dataset's antidots and for antidots larger by one site. It vanishes where a level of the cut-off sites crosses the energy. (b) Error of the conductance on approaching that field, against all removed sites in double precision; zeros are drawn at 10⁻¹⁷. Factorised and solved, nothing further is lost in either precision: a source on the ring in the singular direction radiates only inwards. With an explicit inverse the accuracy is lost.", "name": "fig-resonance"}, "image": {"alt": "Left: two lines against the field, one flat, the other with a sharp dip to the level of rounding. Right: errors against distance from the dip; two sets of points stay level at the rounding of their precision, two others rise towards the dip by many orders of magnitude."}} tags=["hide-input"]
singular = {f"radius {radius}": values for radius, values in zip(radii, near.singular)}
solver_figures.resonance(near.fields, singular, centre, near.distance, near.error)

# %% tags=["nbval-check-output", "hide-input", "hide-output"]
print(resonance.told(near, radii))

# %% [markdown]
# **A mode at its threshold.** There the velocity of a wave is zero, and no amplitude can be normalised. The solver says so:

# %% tags=["nbval-check-output", "hide-input"]
threshold = 2 - 2 * np.cos(3 * np.pi / (wire.width + 1))  # third mode at b = 0: 4 - 2 cos(kx) - 2
try:
    qfp.solve(dataclasses.replace(wire, energy=float(threshold)), pair, fields=[0.0])
except qfp.SettingsError as refusal:
    print(refusal)

# %% tags=["hide-input"]
Markdown(report.single_precision(bench))

# %% [markdown]
# **What it cannot do.**
#
# * **Speed for a single wire.** A new potential, field or energy needs a recursion of its own.
# * **Other leads.** The two end rows must stay whole; there are two leads, as wide as the wire.
# * **Other lattices, spins, several orbitals.** The update holds for them, but the recursion is written for one orbital on the
#   square lattice.

# %% tags=["hide-input"]
Markdown(report.alone(bench, sites))

# %% [markdown]
# ## What it means, and what could be wrong
#
# - **Many configurations of one wire.** For the dataset as a whole, with images and a file on disk, the factor is
#   {result}`bench_solver:ratio_dataset:,.0f`. Kwant solves systems that this solver cannot.
# - **One machine, one thread, one race.** Another machine gives another ratio. Kwant's time for the dataset is extrapolated.
# - **A shared error would not show.** The model is written down twice, for Kwant and for this solver; the same mistake in both
#   would agree.

# %% tags=["hide-input", "hide-output"]
Markdown(report.verdict(bench))

# %% tags=["remove-cell"]
assert abs(G_ring - reference) < 1e-9 and abs(G_all - G_ring) < 1e-9, "the ring must be enough"
worst = [max(e["G"], e["LDOS"], e["S"]) for e in errors.values()]
assert max(worst) < 1e-9, "exact for any shape, and current is conserved"
assert many < 1e-9 and single < 1e-3, "the sweep must agree with Kwant"
assert max(near.reference) < 1e-9, "the reference at the resonance must agree with Kwant"
lost = near.worst("inverted, double")
assert near.worst("factorised, double") < 1e-9 < 1e-6 < lost, "factorise, never invert"
below, above = (resonance.levels_below(wire, holes[1], centre + db) for db in (-1e-6, 1e-6))
assert preset != "laptop" or below != above, "a level crosses the energy"
assert bench["max_difference"] < 1e-9, "the race was run with an exact solver"

# %% [markdown]
# ## Exercise
#
# The time to factorise a matrix grows as the cube of its size. How much does the ring save for two antidots of the
# dataset, and how does the saving grow with the radius?
#
# :::{admonition} Solution
# :class: dropdown
# The cube of removed sites over ring sites, about 24. A disc has of the order of $r^2$ sites and its ring of the order of $r$:
# the saving grows as $r^3$.
# :::

# %% tags=["remove-cell"]
assert wire.radius != 5 or round((len(removed) / len(D)) ** 3) == 24
