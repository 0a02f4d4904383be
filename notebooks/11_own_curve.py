# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Your own curve
#
# :::{admonition} In short
# :class: tip in-short
# Write a curve into a CSV file and decode it. The answer is two antidots with a probability, and a verdict: does any such wire
# explain the curve? With gain, series resistance, field offset and background unknown,
# {result}`measurement:all.right:.0%` ({result}`measurement:all.right_interval:.0%`) of answers are exact.
# :::
#
# **Method.** The network proposes; the exact solver judges its samples and their neighbours ([](06_exact)).
#
# This page takes a file of yours, too: `qfp run --only 11 -p curve=mine.csv`, in tesla with `-p lattice_nm=5`. The same
# without a notebook, and with all options: `qfp decode mine.csv --lattice-nm 5 --out decoded/`.
#
# ```{important}
# **There is no measured curve of a known device among the tests.** Every curve of this site is simulated, by the solver that
# also judges it or by Kwant. A short search for public numbers, a magnetoconductance curve together with the places of its
# antidots, found none; what is published is mostly about lattices of many. Whoever has such a curve can try it here.
# ```

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
curve = "curves/test.csv"
lattice_nm = None
siemens = False
spin = 1

# %% tags=["hide-input"]
from pathlib import Path

import numpy as np
from IPython.display import Markdown

import qfp
from qfp.data import examples
from qfp.decoding import answer, metrics, told
from qfp.figures import shares
from qfp.physics.units import SIEMENS, per_tesla
from qfp.studies import recorded, shown, units
from qfp.studies.inference import measurement

config = qfp.notebook_config(globals())
wire = config.device
assert qfp.load(config.weights).config.device == wire, "these weights belong to another wire"
options = {name: getattr(config.sampling, name) for name in ("samples", "steps")}
options |= {"weights": config.weights, "seed": config.seed}

# %% [markdown]
# ## The file
#
# Plain text, one line a point, in the order and as often as it was measured:

# %% tags=["nbval-check-output", "hide-input"]
for name in ("test", "noisy"):
    print("".join(Path(f"curves/{name}.csv").read_text().splitlines(keepends=True)[:4]) + "...\n")

# %% [markdown]
# | column | meaning | unit, where the header names none |
# | --- | --- | --- |
# | `field` | phase $b$ around a plaquette of the lattice | rad, or tesla with `--lattice-nm` |
# | `conductance` or `resistance` | $G$ of one spin, or of both with `--spin 2` | $e^2/h$, or siemens with `--siemens`; a resistance needs its unit |
# | `noise` | standard deviation of the conductance; may be left out | as the conductance |
#
# - **Columns and units are read from the header**: `B (mT)`, `R2 [kOhm]`, a line of units below it, a preamble above it.
#   `--columns B,R2` and `--units mT,kohm` say what the file does not. Commas, semicolons, tabs or spaces.
# - **Measure as many points as you like**, on any grid over the whole range of fields. They are averaged onto the decoder's
#   fields. Noise that no column gives is estimated from neighbours or repeats.
# - **Branches up and down and both signs of the field** are averaged by $G(-b) = G(b)$, and compared. Where they differ by
#   more than their noise, the errors are widened. An offset of the field is reported, and taken off with `--offset auto`.
# - Whatever cannot be read is refused in a line that says what to do. Numbers that fit another unit are pointed out.
#
# A field $B$ is $b = 2\pi B A^2/(h/e)$, with $A$ the lattice constant. It is no free choice: the network knows one wire,
# {result}`presets/laptop:device.width` $A$ wide, at one Fermi wavelength. Choose $A$ so that your wire has this width;
# wavelength and holes must then fit as well. **Another wire** needs no network: describe it in a file ([](12_device)).

# %% tags=["nbval-check-output", "hide-input", "hide-output"]
Markdown(units.table(wire, (1, 2, 5, 10, 20)))

# %% tags=["nbval-check-output", "hide-input", "hide-output"]
fields = f"numpy.linspace(0, {wire.field_max}, {wire.field_points}) rad"
print(f"e^2/h = {SIEMENS:.6e} S; fields of the decoder: {fields}")

# %% [markdown]
# ## A curve of the kind it knows
#
# By default the page decodes a wire that the network never saw: the true antidots stand in the first line of its file.

# %% tags=["hide-input"]
mine = qfp.answer([curve], lattice_nm=lattice_nm, siemens=siemens, spin=spin, **options)
print(told.as_text(mine, 0), *(f"note: {note}" for note in mine.notes[0]), sep="\n")

# %% mystnb={"figure": {"caption": "The report that `qfp decode --out` writes. (a), (b) Mean and standard deviation of the LDOS over the random potentials that explain the curve. (c) The antidots and their probability. (d) The measured curve, the exact curve of the answer under the recovered potential, and what all potentials could make of it; above it the verdict.", "name": "own-test"}, "image": {"alt": "Report of a page: interference pattern with two outlined antidots, its small spread, a single bar of candidates, and the measured points along the exact curve, within a band."}} tags=["hide-input"]
answer.report(mine, 0)

# %% [markdown]
# The random potential of your wire is not known. The band shows what potentials of the device's strength make of the
# answer's curve, and $\chi^2$ measures the misfit within it. Where it is larger than genuine curves give, the curve is flagged.
# `--network-only` gives the network's samples as they are.
#
# ## With noise
#
# The likelihood counts what the column `noise` says: noise leaves more pairs possible, and the probability says so.

# %% tags=["hide-input"]
others = qfp.answer(["curves/noisy.csv", "curves/foreign.csv"], **options)
print(told.as_text(others, 0))

# %% mystnb={"figure": {"caption": "The report on a test wire whose curve has noise of one twentieth of e²/h, drawn as error bars; panels as in the figure before.", "name": "own-noisy"}, "image": {"alt": "Report of a page for a noisy curve: points with error bars scatter about the exact curve of the answer."}} tags=["hide-input"]
answer.report(others, 0)

# %% [markdown]
# Thousands of very noisy points work, too. The folded cell sweeps the first curve as a magnet does: both signs, noise of half
# an $e^2/h$ on each point that no column gives, and a zero that is a little off. The antidots come out right.

# %% tags=["hide-input", "hide-output"]
import tempfile

rng = np.random.default_rng(0)
exact = qfp.read_curve("curves/test.csv", wire).conductance
b = np.linspace(-wire.field_max, wire.field_max, 4001)
G = np.interp(np.abs(b - 5e-4), wire.fields, exact) + rng.normal(0, 0.5, len(b))
table = {"delimiter": ",", "header": "field,conductance", "comments": ""}
with tempfile.TemporaryDirectory() as folder:
    np.savetxt(f"{folder}/sweep.csv", np.column_stack([b, G]), **table)
    swept = qfp.answer([f"{folder}/sweep.csv"], offset="auto", certificate=False, **options)
print(*swept.notes[0], sep="\n")
print(told.places(swept.posterior[0].answer), f"{swept.posterior[0].probability[0]:.4f}")
assert metrics.within(swept.posterior[0].answer, examples.MADE["test"][0], wire) <= 1

# %% [markdown]
# ## What a measurement adds
#
# A resistance in series, a scale that is a few per cent off, a slow background, a field that does not start where it says: each
# turns a right curve into one of another wire. Say how well you know them, and they are inferred with the answer:
# `qfp decode mine.csv --unknown series_ohm=1000 --unknown gain=0.03`. Here the first curve is measured through 600 ohm:

# %%
kilohm = 1000 * SIEMENS  # of h/e^2
through = exact / (1 + 0.6 * kilohm * exact)
for told_of in (None, qfp.Nuisance(series=kilohm)):
    found = qfp.infer(through[None], wire, nuisance=told_of, certificate=False)[0]
    pair = f"{told.places(found.answer)}, chi2 {found.chi2:.0f}, explained: {found.explained}"
    if found.unknown:
        ohm, error = np.divide(found.unknown["series"], kilohm / 1000)
        pair += f"; {ohm:.0f} +- {error:.0f} ohm"
    print(pair)

# %% mystnb={"figure": {"caption": "Answers for wires whose curves have something added: a gain, a series resistance, an offset of the field, a parabolic background, or all four. Left: the likelihood infers it. Right: the same curves, judged as if nothing had been added. 95 % intervals (results/measurement.json).", "name": "own-added"}, "image": {"alt": "Dots with whiskers in two panels. Inferred: exact answers above 95 % for each alone, 87 % for all four. Left unsaid: between 8 and 83 % exact, and all wrong answers flagged."}} tags=["hide-input"]
added = recorded(measurement.STUDY.name)
shares.whiskers(measurement.told_or_not(added), shares.FLAGGED, wanted=None) if added else None

# %% tags=["hide-input", "hide-output"]
Markdown(shown.table(measurement.STUDY))

# %% [markdown]
# Standard deviations of the priors: gain {result}`measurement:sizes.gain:.0%`, resistance
# {result}`measurement:sizes.series` $h/e^2$ (1 kΩ), half a step of the field, a parabola of
# {result}`measurement:sizes.background` $e^2/h$ a coefficient. Of the inferred parameters
# {result}`measurement:all.covered:.0%` lie within their stated 95 %. Left unsaid, wrong answers are all flagged. The folded
# table also asks for the number of antidots (`--antidots 1,2`).
#
# **Temperature** is averaged over where you give it: `--temperature 0.01` ($k_B T$ in $t$), or `--temperature 0,0.1,0.3`
# where it is one of these. Each energy of the average needs a library of its own, made once. A warm curve whose temperature
# is not given is answered wrongly, and mostly flagged ([](02_what_a_curve_fixes)).
#
# ## A curve of another kind
#
# Three antidots instead of two. None of the network's proposals explains the curve; nor does any pair of the whole library,
# which is then asked:

# %% tags=["hide-input"]
print(told.as_text(others, 1))

# %% mystnb={"figure": {"caption": "The report on a wire with three antidots; panels as in the figures before. The best pair, with the best potential, does not give the measured curve, and the answer is flagged.", "name": "own-foreign"}, "image": {"alt": "Report of a page for a wire with three antidots: an interference pattern with two outlined antidots that the samples agree on, and an exact curve that misses the measured points."}} tags=["hide-input"]
answer.report(others, 1)

# %% [markdown]
# **Flagged** means: no two antidots, with a potential of the device's strength, give this curve. Do not trust the answer.
# **A probability is no substitute**: it compares pairs with each other, provided that the wire is of this kind.
#
# ## What the answer cannot know
#
# - **Where along the wire, and which way round.** A shift of both antidots along $y$ leaves the curve as it is, and so do two
#   inversions. Answers are in the canonical placement, one of four copies, centred.
# - **The random potential.** The curve fixes as many directions of it as there are fields, of one for each site.
# - **Another wire that happens to fit.** Other energies, leads or radii were never compared, nor temperatures that were not
#   given. [](14_limits) shows what undeclared noise and offsets do to the network alone.
#
# Each example file says in its first line how it was made. One of your own:
# `qfp solve --antidots 10,20 33,41 --potential-seed 5 > curve.csv`.
#
# ## Exercise
#
# Your wire is 250 nm wide. Up to which field must you sweep, and how many flux quanta $h/e$ thread the wire there?
#
# :::{admonition} Solution
# :class: dropdown
# The lattice constant is 250 nm / 50 = 5 nm, so the last field of 0.05 rad is 1.32 T. It puts $0.05/2\pi$ of a flux quantum
# through a plaquette, and about 24 through the 50 × 60 plaquettes of the wire.
# :::

# %% tags=["hide-input", "hide-output"]
B = wire.field_max / per_tesla(250 / wire.width)
quanta = B * 250e-9 * 300e-9 / 4.135667696e-15
assert abs(B - 1.316) < 1e-3 and abs(quanta - 3000 * wire.field_max / (2 * np.pi)) < 0.01
print(f"{B:.3f} T, {quanta:.1f} flux quanta")

# %% tags=["nbval-check-output", "hide-input", "hide-output"]
examples.check("curves", wire)
tesla = per_tesla(1) * 4.135667696e-15
assert np.isclose(tesla, 2 * np.pi * 1e-18), "one flux quantum h/e through a plaquette is 2 pi"
noisy = examples.MADE["noisy"][0]
off = metrics.within(others.posterior[0].answer, noisy, wire)
assert off <= 1, "noise of 0.05 is survived"
flagged = [not one.explained for one in others.posterior]
assert flagged == [False, True], "three antidots are flagged"
try:
    qfp.read_curve("curves/none.csv", wire)
except qfp.SettingsError as error:
    print(f"refused: {error}")
print(
    "checks passed: the three files are what their first lines say, a noisy curve gives its antidots"
)
