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
# **Claim** (ours; the paper says only that its curves come from Kwant, Sec. III). The dataset needs the conductance of
# {result}`presets/laptop:dataset.configurations:,` configurations under {result}`presets/laptop:dataset.potentials` potentials
# at {result}`presets/laptop:device.field_points` fields. Kwant solves each of these wires from nothing. They differ in two
# antidots and share everything else, and using that costs no accuracy.
#
# **Question.** How much faster is a solver that computes what is shared only once, is it really exact, and where does it fail?
#
# **Method.** A finite-rank update, written out below and held against Kwant {cite:p}`groth2014`. What was timed comes from
# one race, `qfp study solver-speed`, in which both solvers ran on the same machine with one thread a process; this page reads
# its result, `results/bench_solver.json`, and times nothing itself.
#
# **In short.** A solve takes Kwant {result}`bench_solver:kwant_ms:.0f` ms and this solver
# {result}`bench_solver:fast_ms:.3f` ms, a ratio of {result}`bench_solver:ratio_per_solve:,.0f`, with a largest difference of
# {result}`bench_solver:max_difference:.0e` $e^2/h$ between the two.

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
# Let $G_0$ be the Green's function of the wire *without* antidots, and $D$ a set of sites. Removing them is the limit of
# an infinite potential there, and since that potential acts on $D$ alone, the correction has the rank of $D$:
#
# $$G \;=\; G_0 \;-\; G_0[:,D]\,\bigl(G_0[D,D]\bigr)^{-1}\,G_0[D,:]$$
#
# Nothing is neglected. Better still, not all removed sites are needed. Once the *ring* is gone, i.e. the removed sites
# that have a neighbour outside, the sites within it are cut off from the leads, and no electron asks whether they are
# there. The conductance needs even less than $G$, only its amplitudes between the open modes of the two leads. With
# $\Gamma = UU^\dagger$ for the broadening of a lead ($-$ and $+$ for the leads along $-y$ and $+y$),
#
# $$t \;=\; \underbrace{U_+^\dagger\, G_0[+,-]\, U_-}_{t_0} \;-\; U_+^\dagger\, G_0[+,D]\;\bigl(G_0[D,D]\bigr)^{-1}\;G_0[D,-]\,U_-,
# \qquad G = \mathrm{Tr}\, t t^\dagger.$$
#
# In `qfp.physics.green.Wire` the factors are called `t0`, `out`, `between` and `psi[0]`, and the formula is two lines:

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

# %% [markdown]
# One matrix as large as the ring takes the place of one as large as the wire. The picture shows which sites that are. The
# rule is local, so it does not care what shape was removed.

# %% mystnb={"figure": {"caption": "What the update needs. Removed sites with a neighbour outside form the ring (vermilion, filled); they alone enter the matrix that is solved. The sites behind them (open) are cut off and drop out. (a) Two antidots of the dataset's kind, (b) two overlapping antidots of unequal radii, (c) an odd shape: the rule is the same.", "name": "fig-rings"}, "image": {"alt": "Three pieces of a square lattice with sites removed: two discs, two overlapping discs of different size, and an irregular shape with outcrops. Filled vermilion sites line the rim of each hole, open sites fill its inside, blue sites of the wire surround it."}} tags=["hide-input"]
solver_figures.rings(shapes.pictured(wire, config.seed))

# %% [markdown]
# ## Why a whole dataset is cheap
#
# 1. **One recursion for all configurations.** $G_0$ knows the potential and the field, not the antidots. It comes from a
#    recursion over the rows of the wire, `qfp.physics.green.steps`: the two half wires on either side of each row, then
#    $G_0[i,j]$ between any rows as a product with one half wire's Green's function, which keeps it stable.
# 2. **The first antidot is eliminated once for all its partners.** With $A$ and $B$ the rings of the two antidots,
#
#    $$\begin{pmatrix} G_{AA} & G_{AB} & \psi_A\\ G_{BA} & G_{BB} & \psi_B\\ o_A & o_B & t_0\end{pmatrix}
#    \;\longrightarrow\; \begin{pmatrix} G_{BB} & \psi_B\\ o_B & t_0\end{pmatrix} -
#    \begin{pmatrix} G_{BA}\\ o_A\end{pmatrix} G_{AA}^{-1} \begin{pmatrix} G_{AB} & \psi_A\end{pmatrix}
#    \;\longrightarrow\; t,$$
#
#    and the first arrow's solution serves every configuration with the same $A$ (`qfp.physics.sweep.Sweep.conductance`). What is a
#    configuration's own is a product and a factorisation of the size of one ring, `qfp.physics.sweep.eliminated`.

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
# *Exact* means: what remains is rounding. Four kinds of wires, each under a random potential and at three fields,
# against Kwant: a pair of the dataset, the overlapping antidots and the odd shape of
# the figure, and a wire from which one site in ten was taken at random. The scattering matrix of each must be unitary
# besides. Then all configurations of the dataset at one field, some against Kwant.

# %% tags=["hide-input"]
errors = against_kwant.of_shapes(wire, shapes.tested(wire, pair, config.seed))
many, single = against_kwant.of_all(wire, antidots, b, config.seed)

# %% tags=["nbval-check-output", "hide-input", "hide-output"]
print(against_kwant.told(errors, len(antidots), many, single))

# %% [markdown]
# ## The race
#
# Both solvers on the same machine, in the same run, one thread a process. Kwant is given its lead modes ready made and the
# fastest of its installed solvers. One solve of ours is the mean over all configurations and includes its share of the
# recursion and of the lead modes.

# %% tags=["hide-input", "hide-output"]
Markdown(report.race(bench))

# %% [markdown]
# Is there room left? The work of one solve sets a floor. Its operations cannot be done faster than this core
# multiplies large matrices. The matrices that are the configuration's own were also counted as if they
# went through main memory once, which is severe: they mostly stay in cache.

# %% tags=["hide-input"]
Markdown(report.floor(bench))

# %% [markdown]
# ## How the cost grows with the wire
#
# Wires of one shape and several widths $W$, antidots of radius {result}`bench_solver:device.radius` in all of them. The recursion
# inverts and multiplies $W\times W$ matrices for each of its rows, hence $W^4$. A pair knows the width only through the number
# of open modes. The number of configurations that share a recursion grows as $W^3$ or faster, so what each of them bears of it
# grows at most as $W$.

# %% tags=["hide-input", "hide-output"]
print(report.exponents(bench))

# %% mystnb={"figure": {"caption": "Time of one solve against the width of the wire, from the same race: Kwant; the wire without antidots, needed once for all configurations under one potential at one field; and one solve of this solver when all configurations share it. The narrowest wire has a handful of configurations, so there is nothing to share. Dotted: powers of the width.", "name": "fig-solver-cost"}, "image": {"alt": "Four lines on logarithmic axes. Kwant's time and that of the wire without antidots rise steeply with the width; the time of a solve that shares falls at first, then rises slowly, orders of magnitude below them."}} tags=["hide-input"]
solver_figures.solver_cost(*report.cost_lines(bench))

# %% [markdown]
# ## Where it would fail: a level behind the ring
#
# The ring is enough because cutting it isolates what lies within. But the isolated sites have levels of their own, and where
# the energy meets one of them $G_0[D,D]$ on the ring is *singular*: its inverse does not exist. With the dataset's radius
# this does not happen in the sweep. With a radius larger by one it does, at one field, and we go there.

# %% tags=["hide-input"]
radii = wire.radius, wire.radius + 1
holes = [resonance.two_holes(wire, radius) for radius in radii]
centre = resonance.crossing(wire, holes[1])
print(
    f"levels of the isolated sites cross the energy {wire.energy} t at b* = {centre:.7f}, "
    "between two fields of the sweep"
)

# %% [markdown]
# How singular, and what does that do to a conductance? We approach $b^*$ from both sides. The reference is the update with
# *all* removed sites: with them nothing is isolated, so it has no such resonance (and Kwant, at a few points, says the same).
# Against it: the ring's matrix factorised and solved, as the code does it, and inverted explicitly, both in double and in
# single precision.


# %% tags=["hide-input"]
near = resonance.approach(wire, holes, centre, config.notebook_configurations // 8)

# %% mystnb={"figure": {"caption": "(a) Smallest singular value of the ring's matrix through the sweep of fields, for the dataset's antidots and for antidots larger by one site. It vanishes where a level of the isolated sites behind the ring crosses the energy. (b) Error of the conductance on approaching that field. Factorised and solved, nothing is lost in either precision: the singular direction has no weight outside the ring. Inverted explicitly, the digits go. Points at the lower edge: no difference at all.", "name": "fig-resonance"}, "image": {"alt": "Left: two lines against the field, one flat, the other with a sharp dip to the level of rounding. Right: errors against distance from the dip; two sets of points stay level at the rounding of their precision, two others rise towards the dip by many orders of magnitude."}} tags=["hide-input"]
singular = {f"radius {radius}": values for radius, values in zip(radii, near.singular)}
solver_figures.resonance(near.fields, singular, centre, near.distance, near.error)

# %% tags=["nbval-check-output", "hide-input"]
print(resonance.told(near, radii))

# %% [markdown]
# So the code factorises and never inverts a ring's matrix.
#
# **A second limit is the physics'.** Exactly at the threshold of a lead mode an incoming and an outgoing wave become one and
# their velocity is zero: there is nothing to normalise an amplitude by, and no answer. The solver says so instead of returning one.

# %% tags=["nbval-check-output"]
threshold = 2 - 2 * np.cos(3 * np.pi / (wire.width + 1))  # third mode at b = 0: 4 - 2 cos(kx) - 2
try:
    qfp.solve(dataclasses.replace(wire, energy=float(threshold)), pair, fields=[0.0])
except qfp.SettingsError as refusal:
    print(refusal)

# %% tags=["hide-input"]
Markdown(report.single_precision(bench))

# %% [markdown]
# ## What it cannot do
#
# * **Another wire for each solve.** Whatever changes the wire itself, another potential, field or energy, needs a recursion of
#   its own. Where each is used once there is nothing to share; the next lines say what that costs.
# * **Many removed sites.** The matrix grows with the ring $R$ and its factorisation as $R^3$.
# * **End rows and other leads.** A removed set must leave the end rows whole, because the leads begin there; leads are as wide
#   as the wire and there are two of them. Kwant has no such limits.
# * **Other lattices, spins, several orbitals.** The update holds for all of them; the recursion here is written for one
#   orbital on the square lattice.

# %% tags=["hide-input"]
Markdown(report.alone(bench, sites))

# %% [markdown]
# ## What it means

# %% tags=["hide-input", "hide-output"]
Markdown(report.verdict(bench))

# %% [markdown]
# **What could be wrong.** The ratio is that of one machine and one thread; a machine with another balance between small and
# large matrix products gives another one. Kwant's time for the dataset is extrapolated, not run. Both solvers share the model
# that `qfp.physics.kwant_model.build` and `qfp.physics.leads.row_hamiltonian` write down separately: an error in both would not show here.

# %% tags=["hide-input"]
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
