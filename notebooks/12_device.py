# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Your own device
#
# :::{admonition} In short
# :class: tip in-short
# Describe your wire in a file, in nanometres, tesla and kelvin: the exact solver needs nothing else to decode its curves. A
# simulated GaAs wire, measured with noise, gives both antidots to the site and its contacts of 250 Ω as
# {printed}`12_device:series_ohm (\d+) ` ± {printed}`12_device:series_ohm .* (\d+) ohm` Ω. Contacts or a temperature that the
# file does not mention are flagged.
# :::
#
# You have a wire in a two-dimensional electron gas, a magnet and a cryostat. Nothing about it is the paper's: neither its width
# nor its energy, and your curves are in tesla and kiloohms. A network is a second, optional step.
#
# The page is about the file of its parameter. Yours goes through it like this: `qfp run --only 12 -p device=mine.yaml`.

# %% tags=["parameters", "hide-input"]
preset = "laptop"
seed = None
weights = None
notebook_configurations = None
notebook_training_steps = None
device = "../presets/gaas.yaml"
dataset = None
network = None
diffusion = None
training = None
sampling = None

# %% tags=["hide-input"]
import tempfile
from pathlib import Path

import numpy as np
import yaml
from IPython.display import Markdown

import qfp
from qfp.commands import device as explained
from qfp.commands import new
from qfp.decoding import answer, metrics, told
from qfp.physics import device_file, thermal, units
from qfp.studies import tables

config = qfp.notebook_config(globals())
lab = device_file.read(device, qfp.Device)[1]
assert lab, "this page is about a file in nanometres and tesla"

# %% [markdown]
# ## The file
#
# A wire etched into a GaAs heterostructure, with two antidots. Every line is known from the wafer, the mask or the magnet; a
# Hall measurement gives the density.

# %% tags=["nbval-check-output", "hide-input"]
print(Path(device).read_text())

# %% [markdown]
# What is not in the file has a default. `fermi_energy_mev` may stand for the density, `mean_free_path_nm` for the disorder. The
# last lines are of the measurement: how many spins your conductance counts, and how well you know its scale and your contacts.
#
# ## What follows from it
#
# The solver knows sites, not nanometres. `qfp device mine.yaml` says what it makes of the file (folded here). Read it as you
# would read a colleague's sample:
#
# - **The lattice** has to resolve the wavelength. Below five sites a wavelength the file is refused. The energy is chosen so
#   that the density is right, for that is what you measure.
# - **Cyclotron radius** against the width: where the orbit fits into the wire, electrons run along its edges and pass the
#   antidots by.
# - **Mean free path** against the length: antidots, not impurities, must be what scatters.
# - **Temperature** against the Thouless energy: a curve is smeared when $k_B T$ is no longer small beside it.
#
# Three more rows say what your machine would take: how many places two antidots can have, and how long their curves take, for
# the solver's library and for a network's dataset.

# %% tags=["nbval-check-output", "hide-input", "hide-output"]
Markdown(tables.markdown([["", ""], *explained.laboratory_rows(lab)]))

# %% [markdown]
# ## A measurement
#
# To keep this page short the shipped file is cut in half: antidots of 30 nm in a wire half as wide and as long, up to twice
# the field. A file of yours is used as it is.

# %% tags=["hide-input"]
mine = Path(tempfile.mkdtemp()) / "mine.yaml"
values, shipped = yaml.safe_load(Path(device).read_text()), Path(device).name == "gaas.yaml"
if shipped:
    half = {"width_nm": 250, "length_nm": 300, "radius_nm": 30}
    values |= half | {"field_max_tesla": 0.66, "field_points": 48, "temperature_kelvin": 0.1}
mine.write_text(yaml.safe_dump(values))
wire, lab = device_file.read(mine, qfp.Device)
pairs = qfp.configurations(wire)[1].astype(int)
truth = pairs[len(pairs) // 3]
Markdown(f"{len(pairs):,} configurations; the antidots of this page are at {told.places(truth)}")

# %% [markdown]
# The program gets what a lock-in amplifier writes: siemens against tesla, both spins, at 100 mK, in a random potential that
# nobody knows, through contacts of 250 ohms, on a scale that is a little off, with noise.


# %% tags=["hide-input"]
def measured(antidots, kelvin):
    """What is measured at the wire's fields [e^2/h]."""
    warm = thermal.averaged(wire, thermal.energies(wire, kelvin * lab.kelvin, 12))
    G = lab.spin * qfp.solve(warm, antidots, qfp.random_potential(11, wire))[0]
    G = 1.015 * G / (1 + 250 * units.SIEMENS * G)
    return G + np.random.default_rng(5).normal(0, 0.005, len(G))


curve, tesla = mine.with_name("curve.csv"), wire.fields / units.per_tesla(lab.lattice)
G = measured(truth, lab.temperature)
table = np.column_stack([tesla, 1e6 * units.SIEMENS * G])
np.savetxt(curve, table, "%.6f", delimiter=",", header="B (T),G (uS)", comments="")
print(curve.read_text()[:73] + "...")

# %% [markdown]
# In a shell the next cell is `qfp decode curve.csv --device mine.yaml --out decoded/`. The units stand in the header,
# everything else in the device file:

# %%
unknown = qfp.Nuisance(gain=0.02, series=200 * lab.spin * units.SIEMENS)
known = {"device": wire, "lattice_nm": lab.lattice, "spin": lab.spin, "nuisance": unknown}
found = qfp.answer([curve], **known, temperature=lab.thermal)
print(told.as_text(found, 0).replace(f"{mine.parent}/", ""))

# %% mystnb={"figure": {"caption": "The report of `qfp decode --out` on a curve that is measured through contacts. (a), (b) Mean and standard deviation of the LDOS over potentials that explain the curve. (c) Probability of the antidots. (d) The measured curve, gain and contacts taken off, and the exact curve of the answer; above in tesla.", "name": "device-report"}, "image": {"alt": "Report of a page: interference pattern of a short wire with two outlined antidots, a single bar of candidates, and measured points along the exact curve against field in rad and tesla."}} tags=["hide-input"]
answer.report(found, 0)

# %% [markdown]
# The antidots are right to the site, and the contacts come with them, each with its error. One curve holds both, for a
# resistance bends it in another way than a moved antidot.
#
# ## What the file must mention
#
# The same wire, measured in other ways. *Declared* means that the file has `gain` and `series_ohm`, or the right
# `temperature_kelvin`.

# %% tags=["nbval-check-output", "hide-input"]
ways = {
    "100 mK, all declared": (0.1, unknown, 0.1),
    "100 mK, contacts not declared": (0.1, None, 0.1),
    "1 K, temperature not declared": (1.0, unknown, 0.0),
    "1 K, all declared": (1.0, unknown, 1.0),
}
lines, options = [["measured at", "antidots", "explained"]], {"certificate": False}
for name, (kelvin, how, said) in ways.items():
    y, heat = measured(truth, kelvin)[None] / lab.spin, said * lab.kelvin
    one = qfp.infer(y, wire, 0.005 / lab.spin, nuisance=how, temperature=heat, **options)[0]
    right = "wrong" if metrics.within(one.answer, truth, wire) else "right"
    lines.append([name, right, "yes" if one.explained else "no, flagged"])
Markdown(tables.markdown(lines))

# %% [markdown]
# Contacts that nobody mentions make another curve, which no wire of this kind explains, and so does a temperature. Where the
# temperature is declared, exact curves are averaged over energies, and a warm curve can be read again
# ([](02_what_a_curve_fixes)). Where the flag comes up, believe it.
#
# ## One antidot or two?
#
# With `antidots: [1, 2]` in the file both numbers are possible, and the evidence decides. Here the mask had one hole:

# %%
single = qfp.configurations(wire, 1)[1].astype(int)[-1]
G1 = qfp.solve(wire, single, qfp.random_potential(12, wire))[0]
one = qfp.infer(G1[None], wire, numbers=(1, 2), **options)[0]
print(told.places(one.answer), {number: round(p, 3) for number, p in one.numbers.items()})

# %% [markdown]
# Up to six can be asked for. Pairs are listed one by one. Three and more are too many for that: they are searched, and not
# always found.
#
# ## When a network is worth it
#
# For one curve, or fifty: never. The solver alone is exact for wires of the file's kind, and says when a curve is of none. A
# network answers in a fraction of a second, in a browser, too. That pays where curves come by the thousand, or where someone
# wants to play. One command makes it, in as long as you give it and what `qfp device` says of the dataset:
#
# `qfp new mine.yaml --out mine/ --minutes 30`

# %% tags=["hide-input", "hide-output"]
Markdown(tables.markdown([["stage", "what it does"], *new.ABOUT.items()]))

# %% [markdown]
# Stop it when you like; the same line goes on where it was. In the end `mine/index.html` shows wires that the network never
# saw, and its scores beside those of the exact solver. Look at them first. For the file of this page,
# {result}`bench_new:rows.network.n` wires, each under a potential of its own: the network alone is exact in {result}`bench_new:rows.network.within_0:.0%`
# ({result}`bench_new:rows.network.within_0_interval:.0%`) and within one site in {result}`bench_new:rows.network.within_1:.0%`;
# judged by the solver, exact in {result}`bench_new:rows.network and solver.within_0:.0%`
# ({result}`bench_new:rows.network and solver.within_0_interval:.0%`). What it took stands in [](../costs). Then let the solver judge:
# `qfp decode curve.csv --device mine.yaml --weights mine/weights.safetensors` asks both ([](11_own_curve) has the files,
# [](06_exact) the method).
#
# A network reads two antidots in one wire. Another width, density or field range is another network.
#
# ## What could be wrong
#
# - **Simulation only.** The curve of this page comes from the solver that also reads it. No measured curve of a known device
#   has been tried.
# - **The model.** Hard walls, round holes of one radius, no interaction, no decoherence. Smooth edges of a real etched wire
#   are another device.
#
# ## Exercise
#
# How large may a contact resistance be that you do *not* declare, before the answer is flagged? Estimate what it takes away
# from $G$, with $e^2/h$ = 1/(25.8 kΩ), then look.
#
# :::{admonition} Solution
# :class: dropdown
# A resistance $R$ lowers $G$ by about $R G^2$. With $G$ near 11 $e^2/h$ at small fields, both spins counted, 100 Ω take away
# nearly half an $e^2/h$, of which the random potential can imitate a part. The folded cell goes through ever more ohms: the
# flag comes up between 30 and 100 Ω.
# :::

# %% tags=["hide-input", "hide-output", "nbval-check-output"]
# through ever more ohms that nobody mentions
clean = qfp.solve(wire, truth, qfp.random_potential(11, wire))[0]
for ohm in (0, 10, 30, 100, 300):
    through = clean / (1 + units.SIEMENS * ohm * lab.spin * clean)
    explains = qfp.infer(through[None], wire, **options)[0].explained
    print(f"{ohm:3d} ohm: {'explained' if explains else 'flagged'}")

# %% tags=["nbval-check-output", "hide-input", "hide-output"]
ohm, error = (value / (lab.spin * units.SIEMENS) for value in found.posterior[0].unknown["series"])
right = metrics.within(found.posterior[0].answer, truth, wire) == 0
checks = right, abs(ohm - 250) < 3 * error, lines[2][2] != "yes", one.numbers[1] > 0.99
assert all(checks) or not shipped
print(
    f"right: antidots, contacts, the flag of what was not declared, their number: {sum(checks)} of 4"
)
