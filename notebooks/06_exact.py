# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Exact inference
#
# :::{admonition} In short
# :class: tip in-short
# Can the Schrödinger equation itself read the curve, and how sure is it? It reads better than every network here: exact on
# {result}`inference:fresh.posterior.within_0:.1%` ({result}`inference:fresh.posterior.within_0_interval:.1%`) of curves under
# potentials nobody has seen, never off by more than one site, with probabilities that hold.
# :::
#
# The paper reads antidots and pattern with a generative model (Sec. IV). Whether that takes a network, it does not ask.
# Here the equation answers, in three steps:
#
# 1. **Candidates.** A short list of antidot pairs that may have made the curve.
# 2. **Likelihood.** How probable is the measured curve for each of them, over all random potentials? Bayes' rule turns
#    this into a posterior.
# 3. **Certificate.** A potential is computed with which the winner has very nearly this curve. If there is none, the curve
#    is flagged.
#
# Gravitational waves are analysed in this way {cite:p}`dax2023,wildberger2023`. Potentials of conductors have been
# found from transport by automatic differentiation {cite:p}`kobayashi2025`, disorder from scanning gate microscopy by
# networks {cite:p}`percebois2021,percebois2023`.

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
from qfp.decoding import metrics
from qfp.figures import inference as inference_figures
from qfp.inference import likelihood
from qfp.physics.response import response
from qfp.studies import shown
from qfp.studies.inference import antidots, inference, text
from qfp.studies.rivals.rivals import STUDY as RIVALS

config = qfp.notebook_config(globals())
decoder = qfp.load(config.weights)
wire = decoder.config.device

# %% [markdown]
# ## The likelihood: what a random potential does to a curve
#
# Take a wire under a potential that no file of this book holds. Its potential is unknown, but not its statistics: at each
# site it has the variance $s^2$. To first order $V$ changes the conductance by $\sum_i J_i V_i$, which leaves the fields
# with the covariance $C = s^2 J J^{\mathsf T}$. The second order, $\sum_{ij} V_i K_{ij} V_j$, shifts the mean by
# $m = s^2 \sum_i K_{ii}$ and adds the covariance $Q = 2 s^4 \sum_{i\ne j} K_{ij}K'_{ij}$. A configuration with the curve
# $g$ at $V = 0$ therefore has curves distributed as $\mathcal N(g + m,\, C + Q)$. Nothing here is learned: $J$ and $K$
# come from the scattering states,
#
# $$J_i = 2\,\mathrm{Re}\sum_m o_{mi}(\psi t^\dagger)_{im}, \qquad o = U_1^\dagger G,$$
#
# with $\psi$ the waves that come in from one lead and $t$ their transmission amplitudes ([](03_solver)). Only a noise floor
# and the values at which $m$ and $Q$ saturate near narrow resonances were chosen, on development curves.

# %%
truth, own = [[10, 19], [33, 40]], 77
V = qfp.random_potential(own, wire)
measured, _, ldos = qfp.solve(wire, truth, V, image=True)
clean = response(wire, [truth]).curve[0]
expected = likelihood.expected(wire, [truth])
spread = np.sqrt(np.diag(expected.first[0] + expected.rest[0]))

# %% mystnb={"figure": {"caption": "Curves of one pair of antidots. Black (white on dark pages): exact, under one random potential. Grey: exact, without potential. Blue: mean and spread over all potentials, from perturbation theory to second order around the exact wire. Below: the same less the grey curve.", "name": "exact-band"}, "image": {"alt": "Two panels over the magnetic field. Above, a ragged black curve runs within a narrow blue band; below, the differences, of some hundredths of the conductance quantum, with the blue mean below zero."}} tags=["hide-input"]
inference_figures.band(wire.fields, measured, clean, expected.mean[0], spread)

# %% tags=["nbval-check-output", "hide-input"]
log, chi2 = likelihood.judge(measured, expected)
print(f"chi2 {chi2[0]:.0f} of {len(measured)} fields")

# %% [markdown]
# ## The posterior: candidates weighed
#
# Four samples of the network and their neighbours are the candidates. (Without a network, take the nearest curves of a
# library of all configurations at $V = 0$.) Each is judged by its own Gaussian. Remaining doubt is settled at each
# candidate's most probable potential, which Gauss-Newton steps find.

# %%
samples = decoder.decode(measured[None], samples=4, seed=config.seed).antidots
posterior = qfp.infer(measured[None], wire, proposals=samples, seed=config.seed)[0]
rows = [
    f"| {pair.tolist()} | {p:.4f} |" for pair, p in zip(posterior.antidots, posterior.probability)
]
Markdown("\n".join(["| antidots (x, y) | probability |", "| --- | --- |", *rows]))

# %% [markdown]
# ## The certificate: an exact curve, and a picture
#
# The most probable potential gives more than a verdict. With it the solver computes the whole wire, so the picture
# ({numref}`exact-image`) comes with a curve to check it by. The line below says how far that curve is from the measured one.

# %% mystnb={"figure": {"caption": "The same wire. (a) Its LDOS at b = 0. (b) Mean over potentials of the posterior. (c) Their difference. (d) Standard deviation over the posterior: where the curve leaves the pattern open.", "name": "exact-image"}, "image": {"alt": "Four pictures of the wire with two outlined antidots: the true interference pattern, the same pattern recovered, a faint difference, and the spread."}} tags=["hide-input"]
inference_figures.recovered(ldos, posterior.ldos, posterior.ldos_spread, posterior.answer)

# %% tags=["hide-input"]
r = metrics.pearson(posterior.ldos[None], ldos[None])[0]
print(
    f"Pearson r of the recovered pattern {r:.4f}; certificate off by {posterior.residual:.3f} e²/h"
)
print(f"{posterior.copies} placements in the wire share this curve at V = 0")

# %% [markdown]
# ## How well it decides
#
# {result}`inference:curves:,` test configurations, each under a fresh potential. All that was chosen was chosen on
# development wires under other potentials, and the final run was made once. The posterior's probability can be taken at its
# word: of {result}`inference:fresh.posterior.sure` sure answers {result}`inference:fresh.posterior.sure_right` are exact.

# %% mystnb={"figure": {"caption": "Wrong answers on the same curves (results/inference.json), logarithmic: the network, the nearest curve of a library without potential, the exact posterior, and the posterior with declared white noise.", "name": "exact-ladder"}, "image": {"alt": "Points with intervals on a logarithmic axis: the network's single sample is wrong most often, then its consensus, the library and, far to the left, the exact posterior."}} tags=["hide-input"]
result = shown.if_measured(config.weights, inference.STUDY)
inference_figures.ladder({"": text.ladder_rows(result)}) if result else None

# %% tags=["hide-input"]
print(text.calibration_text(result) if result else "")

# %% tags=["hide-input", "hide-output"]
Markdown(text.bins_table(result) if result else "")

# %% [markdown]
# {numref}`exact-whole-ladder` is the whole ladder of readers, from the nearest training curve upward
# ([](05_generation) explains the simpler ones). It stands under the five potentials that the network was trained with, and
# under a new one for every curve. The exact posterior is best on both; the network loses ground under new potentials.

# %% mystnb={"figure": {"caption": "Wrong answers of all readers on the same test configurations (results/rivals.json), logarithmic. Left: under the potentials of the training set. Right: each curve under a potential of its own that no training file holds.", "name": "exact-whole-ladder"}, "image": {"alt": "Two panels of points with intervals, nine readers each: from the nearest training curve, which is never exact, over plain network and VAE to libraries, diffusion model and, farthest left, the exact posterior."}} tags=["hide-input"]
rivals = shown.if_measured(config.weights, RIVALS)
inference_figures.ladder(text.whole_ladder(rivals)) if rivals else None

# %% [markdown]
# ## When the wire is not as described
#
# Then the answer should be right or flagged. A curve is flagged if even the best candidate, at its most probable potential,
# leaves a $\chi^2$ that genuine curves hardly ever have. Every foreign curve tried was caught.

# %% tags=["hide-input"]
print(text.others_text(result) if result else "")

# %% mystnb={"figure": {"caption": "Flagged curves, genuine ones under fresh potentials and such that no wire of this kind gives (results/inference.json): by the exact likelihood, and by the novelty of the network's own answer on the same curves.", "name": "exact-flags"}, "image": {"alt": "Pairs of points with intervals, one pair for each kind of curve, on an axis from 0 to 1."}} tags=["hide-input"]
inference_figures.flags(text.flag_rows(result)) if result else None

# %% [markdown]
# ## What the network is for
#
# Not for reading positions: a library and the exact likelihood do this better, and know when they fail. The network
# *proposes*. It saves the library, which takes a minute for pairs and is out of reach for many antidots.

# %% tags=["hide-input"]
print(text.proposal_text(result) if result else "")

# %% tags=["hide-input", "hide-output"]
Markdown(shown.table(inference.STUDY, config.weights))

# %% [markdown]
# ## Other numbers of antidots
#
# The likelihood takes any number of antidots. The list of candidates is what grows: {result}`antidots:told.1.configurations:.0f`
# for one antidot, a library for two, {result}`antidots:told.3.configurations:,.0f` for three,
# {result}`antidots:told.4.configurations:,.0f` for four. Three and four are searched by chains that place one antidot after
# another, led by a model linear in the curves of pairs.
#
# - **One and three are read**: {result}`antidots:told.1.exact:.0%` and {result}`antidots:told.3.exact:.1%`
#   ({result}`antidots:told.3.exact_interval:.1%`) exact. If the number is unknown, evidences decide between one, two and three.
# - **Four are not**: {result}`antidots:told.4.exact:.1%` of {result}`antidots:told.4.n` wires
#   ({result}`antidots:told.4.exact_interval:.1%`). In each failure the truth is likelier than the answer. The search missed
#   it; the curve did not. {result}`antidots:told.4.right_or_flagged:.0%` of the answers are right or flagged.

# %% tags=["hide-input", "hide-output"]
Markdown(shown.table(antidots.STUDY))

# %% [markdown]
# ## What it means, and what could be wrong
#
# - **Another wire.** The likelihood knows two discs of one radius, one energy, one strength of disorder. Elsewhere its
#   probability means nothing: with fields off by a step most answers are wrong, and many of them sure. The flag protects the
#   reader, or an offset among the unknowns ([](11_own_curve)).
# - **Sure and wrong.** It happens, by one site. Near a narrow resonance the expansion in $V$ diverges, and shift and spread
#   are held at values that fresh potentials showed.
# - **The pattern.** A curve fixes as many directions of the potential as it has fields; the potential has one for each site.
#   {numref}`exact-image` (d) shows what stays open, [](02_what_a_curve_fixes) how much.

# %% tags=["nbval-check-output", "hide-input"]
assert posterior.answer.tolist() == truth and posterior.explained
assert posterior.probability[0] > 0.99 and chi2[0] < 100
check = qfp.solve(wire, truth, posterior.potential, fields=wire.fields[:3])[0]
assert np.allclose(check, posterior.curve[:3], atol=1e-4), "the certificate is an exact curve"
print("answer", posterior.answer.tolist())

# %% [markdown]
# ## Exercise
#
# Move the second antidot by one site, once across the wire and once along it. By what factor does the likelihood fall
# before any potential is fitted? Which neighbour is the more dangerous?
#
# :::{admonition} Solution
# :class: dropdown
# The one along the wire. A curve depends on $\Delta y$ least, so that neighbour keeps the larger likelihood. It is the
# second line of the posterior above.
# :::

# %% tags=["hide-input"]
across, along = ([truth[0], [33 + dx, 40 + dy]] for dx, dy in ((1, 0), (0, -1)))
fall = log[0] - likelihood.judge(measured, likelihood.expected(wire, [across, along]))[0]
print(f"powers of ten: {fall[0] / np.log(10):.0f} across, {fall[1] / np.log(10):.0f} along")
assert fall[0] > fall[1]
