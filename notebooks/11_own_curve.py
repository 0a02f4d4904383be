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
# Write a curve into a CSV file and decode it. The answer is a pair of antidots with a probability, and a verdict: does any wire
# with two antidots explain the curve? With gain, series resistance, field offset and background all unknown,
# {result}`measurement:all.right:.0%` ({result}`measurement:all.right_interval:.0%`) of {result}`measurement:all.n` answers are
# exact; most of the wrong ones are not flagged.
# :::
#
# **Method.** The network proposes pairs; the exact solver judges them and their neighbours ([](06_exact)).
#
# To run this page on your file: `qfp run --only 11 -p curve=mine.csv`, in tesla with `-p lattice_nm=5`. On the command line:
# `qfp decode mine.csv --lattice-nm 5 --out decoded/`, which takes seconds ([](../costs)).
#
# ```{important}
# **No measured curve of a known device has been tried.** Every curve in this book is simulated, by the solver that also judges it
# or by Kwant. A short search found no published curve with known positions of the antidots.
# ```

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
# Plain text, one point per line, in measured order; repeats are allowed:

# %% tags=["nbval-check-output", "hide-input"]
for name in ("test", "noisy"):
    print("".join(Path(f"curves/{name}.csv").read_text().splitlines(keepends=True)[:4]) + "...\n")

# %% [markdown]
# | column | meaning | unit, where the header names none |
# | --- | --- | --- |
# | `field` | phase $b$ around a plaquette of the lattice | rad, or tesla with `--lattice-nm` |
# | `conductance` or `resistance` | $G$ of one spin; measured ones count both: `--spin 2` | $e^2/h$, or siemens with `--siemens`; a resistance needs its unit |
# | `noise` | standard deviation of the conductance; optional | as the conductance |
#
# - **The header** names columns and units: `B (mT)`, `R2 [kOhm]`. What it lacks, `--columns B,R2` and `--units mT,kohm` add.
# - **Any grid** over the whole range of fields will do: points are averaged onto the decoder's fields. Without a column, the noise
#   is estimated from neighbours or repeats.
# - **Up and down sweeps and both signs of the field** are compared, and averaged by $G(-b) = G(b)$. Where they differ by more
#   than their noise, the errors are enlarged. A field offset is reported; `--offset auto` removes it.
#
# A field $B$ is $b = 2\pi B A^2/(h/e)$, with $A$ the lattice constant. Your wire fixes $A$: the network knows one wire,
# {result}`presets/laptop:device.width` $A$ wide. Its wavelength and the radius of its antidots must then fit as well (folded table).
# **Another wire** needs no network: describe it in a file ([](12_device)).

# %% tags=["nbval-check-output", "hide-input", "hide-output"]
Markdown(units.table(wire, (1, 2, 5, 10, 20)))

# %% tags=["nbval-check-output", "hide-input", "hide-output"]
fields = f"numpy.linspace(0, {wire.field_max}, {wire.field_points}) rad"
print(f"e^2/h = {SIEMENS:.6e} S; fields of the decoder: {fields}")

# %% [markdown]
# ## A curve of two antidots
#
# By default the page decodes a held-out wire. Its true antidots are in the first line of the file.

# %% tags=["hide-input"]
mine = qfp.answer([curve], lattice_nm=lattice_nm, siemens=siemens, spin=spin, **options)
print(told.as_text(mine, 0), *(f"note: {note}" for note in mine.notes[0]), sep="\n")

# %% mystnb={"figure": {"caption": "The report that `qfp decode --out` writes. (a), (b) Mean and standard deviation of the LDOS over the random potentials that explain the curve. (c) The antidots and their probability. (d) The measured curve; the certificate, which is the answer's exact curve under the recovered potential; and the band of all potentials, which widens at resonances. Above: the verdict, and the rms distance of the certificate.", "name": "own-test"}, "image": {"alt": "Report of a page: interference pattern with two outlined antidots, its small spread, a single bar of candidates, and the measured points along the exact curve, within a band."}} tags=["hide-input"]
answer.report(mine, 0)

# %% [markdown]
# The random potential of your wire is not known. The band shows how far potentials of the stated strength move the answer's
# curve; $\chi^2$ measures the misfit within it. A curve is flagged when $\chi^2$ is larger than genuine curves give.
#
# ## With noise
#
# The likelihood uses the column `noise`. More noise leaves more pairs possible, and lowers the probability.

# %% tags=["hide-input"]
others = qfp.answer(["curves/noisy.csv", "curves/foreign.csv"], **options)
print(told.as_text(others, 0))

# %% mystnb={"figure": {"caption": "The report on a test wire whose curve has noise of one twentieth of e²/h (error bars); panels as in the figure before.", "name": "own-noisy"}, "image": {"alt": "Report of a page for a noisy curve: points with error bars scatter about the exact curve of the answer."}} tags=["hide-input"]
answer.report(others, 0)

# %% [markdown]
# The sweep of a magnet can be decoded, too. The folded cell makes one from the first curve: thousands of points, both signs of the
# field, noise of half an $e^2/h$ on each, and a field offset. The antidots come out right.

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
# ## Gain, contacts, offset, background
#
# Each of these makes a curve look like that of another wire. Say how well you know them, and they are inferred with the antidots:
# `qfp decode mine.csv --unknown series_ohm=1000 --unknown gain=0.03`. Here the first curve is measured through 600 ohm, first
# undeclared, then declared:

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

# %% mystnb={"figure": {"caption": "Wires whose curves have something added: a gain, a series resistance, a field offset, a parabolic background (30 wires each), or all four (200). Left: declared, and inferred. Right: the same curves, undeclared. Bars: 95 % intervals (results/measurement.json).", "name": "own-added"}, "image": {"alt": "Dots with whiskers in two panels. Declared: exact answers above 95 % for each alone, 87 % for all four, and hardly more exact or flagged. Undeclared: between 8 and 83 % exact, and all wrong answers flagged."}} tags=["hide-input"]
added = recorded(measurement.STUDY.name)
shares.whiskers(measurement.told_or_not(added), shares.FLAGGED, wanted=None) if added else None

# %% tags=["hide-input", "hide-output"]
Markdown(shown.table(measurement.STUDY))

# %% [markdown]
# The priors have standard deviations of {result}`measurement:sizes.gain:.0%` for the gain, {result}`measurement:sizes.series` $h/e^2$
# (1 kΩ) for the resistance, half a step of the field, and {result}`measurement:sizes.background` $e^2/h$ for each coefficient of a
# parabola.
#
# **Undeclared**, all wrong answers are flagged. **With all four declared**, only {result}`measurement:all.right_or_flagged:.1%`
# ({result}`measurement:all.right_or_flagged_interval:.1%`) are exact or flagged: the others are wrong and pass as explained. The gain is
# then hardly known better than before ({result}`measurement:all.left.gain:.2f` of the prior's width remains). Where the antidots are right,
# {result}`measurement:all.covered:.0%` of the inferred parameters lie within their 95% intervals.
#
# **Temperature.** With `--temperature 0.01` ($k_B T$ in $t$) exact curves are averaged over energies; `--temperature 0,0.005,0.01`
# leaves the choice to the curve. Each energy needs a library of its own, made once. Undeclared, a temperature can make the answer
# wrong; mostly, it is flagged ([](02_what_a_curve_fixes)).
#
# ## A wire with three antidots
#
# None of the network's proposals explains this curve, nor does any pair of the library, which is searched next:

# %% tags=["hide-input"]
print(told.as_text(others, 1))

# %% mystnb={"figure": {"caption": "The report on a wire with three antidots; panels as in the figures before. The best pair under the best potential misses the measured curve, and the answer is flagged, whatever its probability.", "name": "own-foreign"}, "image": {"alt": "Report of a page for a wire with three antidots: an interference pattern with two outlined antidots that the samples agree on, and an exact curve that misses the measured points."}} tags=["hide-input"]
answer.report(others, 1)

# %% [markdown]
# **Flagged** means that no pair was found that gives this curve under a potential of the stated strength.
# Of genuine curves {result}`inference:fresh.posterior.explained:.1%` pass. **A probability is no substitute**: it only compares pairs of
# antidots with each other.
#
# ## What the answer cannot know
#
# Another wire may happen to fit: other energies, leads or radii are never compared. [](14_limits) shows what undeclared noise and
# offsets do to the network alone.
#
# A curve to try: `qfp solve --antidots 10,20 33,41 --potential-seed 5 > curve.csv`.
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

# %% tags=["nbval-check-output", "remove-cell"]
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
