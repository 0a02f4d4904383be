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
# **Question.** Which antidots gave a curve that you measured or computed yourself, and when may you believe the answer?
#
# **Method.** Write the curve into a CSV file and decode it. The network proposes; the exact solver judges its samples and
# their neighbours, and answers with a probability, a certificate (an exact curve beside yours) and a verdict: does any wire
# of this kind explain the curve at all ([](06_exact) says how)? Three files in `notebooks/curves/` show what that looks like.
#
# This page takes a file of yours, too: `qfp run --only 11 -p curve=mine.csv`, in tesla with `-p lattice_nm=5`. The same
# without a notebook, and with all options: `qfp decode mine.csv --lattice-nm 5 --out decoded/`.
#
# ```{important}
# **There is no measured curve of a known device among the tests.** Every curve of this site is simulated, by the solver that
# also judges it or by Kwant. A short search for public numbers, a magnetoconductance curve together with the places of the
# antidots in its wire, found none; what is published of antidots is mostly about lattices of many. Whoever has such a curve can try it here.
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
import tempfile
from pathlib import Path

import numpy as np
from IPython.display import Markdown

import qfp
from qfp.data import examples
from qfp.decoding import answer, metrics, told
from qfp.physics.units import SIEMENS, per_tesla
from qfp.studies import shown, units
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
# | `field` | phase $b$ around a plaquette of the lattice | rad, or tesla with the option `--lattice-nm` |
# | `conductance` or `resistance` | $G$ of one spin, or of both with `--spin 2` | $e^2/h$, or siemens with `--siemens`; a resistance needs its unit |
# | `noise` | standard deviation of the conductance; leave the column out where it is not known | as the conductance |
#
# - **Columns and units are read from the header**: `B (mT)`, `R2 [kOhm]`, a line of units below it, a preamble above it.
#   Further columns and lines that begin with `#` are ignored. `--columns B,R2` and `--units mT,kohm` say what the file
#   does not. Commas, semicolons, tabs or spaces; decimal commas where cells are not separated by commas.
# - **Measure as many points as you like.** They are averaged onto the decoder's fields, and structure as narrow as a step
#   between these stays. Noise that no column gives is estimated from neighbours or repeats, and what is left of it after the
#   average, with its correlations, goes into the likelihood.
# - **Branches up and down and both signs of the field** are averaged by $G(-b) = G(b)$, and compared. Where they differ by
#   more than their noise the errors are widened; an offset of the field or a lag of the branches is found, told, and taken
#   off with `--offset auto`. What a field does that is read back is no new branch.
# - The whole range of the table below must be covered, on any grid.
# - Whatever cannot be read is refused in a line that says what to do. Numbers that fit another unit than the one that was
#   said are told: mT, a resistance, microsiemens, a factor 2 of spin.
#
# ## Units
#
# A field $B$ is $b = 2\pi B A^2/(h/e)$, with $A$ the lattice constant. It is no free choice: the network knows one wire,
# {result}`presets/laptop:device.width` $A$ wide, at one energy, that is with one Fermi wavelength. Choose $A$ so that your wire
# has this width; wavelength and holes must then fit as well. **Another wire** needs no network: describe it in a file, in
# nanometres, tesla and millielectronvolts, look at what follows from it with `qfp device mine.yaml`, and
# `qfp decode mine.csv --device mine.yaml` answers from the exact solver alone.

# %% tags=["nbval-check-output", "hide-input"]
Markdown(units.table(wire, (1, 2, 5, 10, 20)))

# %% [markdown]
# The unit of the conductance, and the fields that the decoder knows:

# %% tags=["nbval-check-output", "hide-input"]
fields = f"numpy.linspace(0, {wire.field_max}, {wire.field_points}) rad"
print(f"e^2/h = {SIEMENS:.6e} S; fields of the decoder: {fields}")

# %% [markdown]
# ## A curve of the kind it knows
#
# The file of the parameter `curve`. By default it is a wire that the network never saw in training, from the exact solver:
# the true antidots stand in its first line.

# %% tags=["hide-input"]
mine = qfp.answer([curve], lattice_nm=lattice_nm, siemens=siemens, spin=spin, **options)
print(told.as_text(mine, 0), *(f"note: {note}" for note in mine.notes[0]), sep="\n")

# %% mystnb={"figure": {"caption": "The report that `qfp decode --out` writes. (a), (b) Mean and standard deviation of the LDOS over the random potentials that explain the curve. (c) The antidots and their probability. (d) The measured curve, the exact curve of the answer under the recovered potential, and what all potentials could make of it; above it the verdict.", "name": "own-test"}, "image": {"alt": "Report of a page: interference pattern with two outlined antidots, its small spread, a single bar of candidates, and the measured points along the exact curve, within a band."}} tags=["hide-input"]
answer.report(mine, 0)

# %% [markdown]
# The random potential of your wire is not known. The band shows what potentials of the device's strength make of the
# answer's curve; $\chi^2$ measures the misfit within it, and where it is larger than genuine curves give, the curve is
# flagged. `--network-only` gives the network's samples as they are.

# %% [markdown]
# ## With noise
#
# The likelihood counts what the column `noise` says: noise leaves more pairs possible, and the probability says so.

# %% tags=["hide-input"]
others = qfp.answer(["curves/noisy.csv", "curves/foreign.csv"], **options)
print(told.as_text(others, 0))

# %% mystnb={"figure": {"caption": "A test wire with noise of one twentieth of e²/h, drawn as error bars.", "name": "own-noisy"}, "image": {"alt": "Report of a page for a noisy curve: points with error bars scatter about the exact curve of the answer."}} tags=["hide-input"]
answer.report(others, 0)

# %% [markdown]
# ## Thousands of noisy points
#
# The first curve again, as a magnet sweeps: both signs, four thousand points, noise of half an $e^2/h$ on each that no
# column gives, and a field that is a little off.

# %% tags=["hide-input", "hide-output"]
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
# A resistance in series, a scale that is a few per cent off, a slow background, a field that does not start where it says:
# each turns a right curve into one of another wire. Say how well you know them and they become unknowns of the likelihood,
# inferred with the answer: `qfp decode mine.csv --unknown series_ohm=1000 --unknown gain=0.03`, or the same names in a
# device file. Here the first curve is measured through a resistor of 600 ohm:

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

# %% [markdown]
# The same for many wires, each under a potential of its own. Standard deviations of the priors: gain
# {result}`measurement:sizes.gain:.0%`, resistance {result}`measurement:sizes.series` $h/e^2$ (1 kΩ), half a step of the field, a parabola of
# {result}`measurement:sizes.background` $e^2/h$ a coefficient. With all four unknown at once {result}`measurement:all.right:.0%` of the answers
# are exact, and {result}`measurement:all.covered:.0%` of the parameters lie within the stated 95 %. *Not told* is the same curve,
# judged as if nothing had been added: wrong answers are then flagged. The second table
# asks for the number of antidots, too (`--antidots 1,2`).

# %% tags=["hide-input", "hide-output"]
Markdown(shown.table(measurement.STUDY))

# %% [markdown]
# **Temperature** is averaged over, where it is told: `--temperature 0.01` ($k_B T$ in $t$; in kelvin with a device file in
# laboratory units, whose own kelvins are taken without asking), or `--temperature 0,0.1,0.3` where it is one of these. Each
# energy of the average, three to nine of them, needs a library of its own, a minute of one core, once; a curve takes that many
# times as long. Not told, a warm curve is answered wrongly and mostly flagged ([](02_what_a_curve_fixes) has the numbers).

# %% [markdown]
# ## A curve of another kind
#
# Three antidots instead of two. None of the network's proposals explains the curve; nor does any pair of the whole library,
# which is then asked (made once, in about a minute):

# %% tags=["hide-input"]
print(told.as_text(others, 1))

# %% mystnb={"figure": {"caption": "A wire with three antidots. The best pair, with the best potential, does not give the measured curve, and the answer is flagged.", "name": "own-foreign"}, "image": {"alt": "Report of a page for a wire with three antidots: an interference pattern with two outlined antidots that the samples agree on, and an exact curve that misses the measured points."}} tags=["hide-input"]
answer.report(others, 1)

# %% [markdown]
# **Flagged** means: no two antidots, with a potential of the device's strength, give this curve. The answer is
# printed and drawn, but do not trust it. **A probability is no substitute**: it compares pairs with each other, provided that
# the wire is of this kind.
#
# ## What the answer cannot know
#
# - **Where along the wire, and which way round.** A shift of both antidots along $y$ leaves the curve as it is, and so do two
#   inversions, which make four copies. Positions and images are in the canonical placement, one of the four, centred.
# - **The random potential.** The curve fixes as many directions of it as there are fields, of one for each site.
# - **Another wire that happens to fit.** Not flagged means that this answer explains the curve, not that no other wire
#   would: other energies, leads or radii were never compared, nor temperatures that were not named.
#
# ## The example files
#
# Each file says in its first line how it was made; the last cell makes them again. To make one of your own:
# `qfp solve --antidots 10,20 33,41 --potential-seed 5 > curve.csv`.

# %% tags=["nbval-check-output", "hide-input"]
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
