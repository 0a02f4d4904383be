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
# **Question.** You have a wire in a two-dimensional electron gas, a magnet and a cryostat. Nothing about it is the paper's:
# neither its width nor its energy, and your curves are in tesla and kiloohms. What can be read from them?
#
# **Method.** Describe the wire in a file, in your own units. The exact solver needs nothing else: it decodes at once. A
# network is a second, optional step, for those who have many curves or want the images in a blink.
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
from scipy import constants

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
# A wire etched into a GaAs heterostructure, with two antidots. Every line is something that you know from the wafer, the
# mask or the magnet; a Hall measurement gives the density.

# %% tags=["nbval-check-output", "hide-input", "hide-output"]
print(Path(device).read_text())

# %% [markdown]
# What is not in the list has a default. `fermi_energy_mev` may stand for the density, `mean_free_path_nm` for the disorder,
# and without `lattice_nm` a lattice is chosen. The last lines are of the measurement: how many spins your conductance
# counts, and how well you know its scale and the resistance of your contacts.
#
# ## What follows from it
#
# The solver knows sites, not nanometres. `qfp device mine.yaml` says what it makes of the file:

# %% tags=["nbval-check-output", "hide-input", "hide-output"]
Markdown(tables.markdown([["", ""], *explained.laboratory_rows(lab)]))

# %% [markdown]
# Read it as you would read a colleague's sample:
#
# - **The lattice** has to resolve the wavelength. Below five sites the file is refused. Near that limit the Fermi line is no
#   circle any more, and two rows say by how much. The energy is chosen so that the density is right, for that is what you
#   measure.
# - **Cyclotron radius** against the width: where the orbit is no longer wider than the wire, electrons run along its edges
#   and pass the antidots by.
# - **Mean free path** against the length: antidots, not impurities, must be what scatters.
# - **Temperature** against the Thouless energy: a curve is smeared when $k_B T$ is no longer small beside it.
#
# Three more rows tell costs, measured on your machine: how many places two antidots can have, and how long their curves
# take, for the solver's library and for a network's dataset.
#
# ## A measurement
#
# To keep this page short the shipped file is cut in half here: antidots of 30 nm in a wire half as wide and as long, up to
# twice the field. A file of yours is used as it is.

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
# What the program gets is a file such as a lock-in amplifier writes: siemens against tesla, both spins, at 100 mK, in a
# random potential that nobody knows, through contacts of 250 ohms, on a scale that is a little off, with noise. Temperature
# is an average of exact curves over energies:


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
# On your side of the screen this is `qfp decode curve.csv --device mine.yaml --out decoded/`. The units stand in the header,
# everything else in the device file:

# %%
unknown = qfp.Nuisance(gain=0.02, series=200 * lab.spin * units.SIEMENS)
known = {"device": wire, "lattice_nm": lab.lattice, "spin": lab.spin, "nuisance": unknown}
found = qfp.answer([curve], **known, temperature=lab.thermal)
print(told.as_text(found, 0).replace(f"{mine.parent}/", ""))

# %% mystnb={"figure": {"caption": "The report of `qfp decode --out`. (a), (b) Mean and standard deviation of the LDOS over potentials that explain the curve. (c) Probability of the antidots. (d) The measured curve, gain and contacts taken off, and the exact curve of the answer; above in tesla.", "name": "device-report"}, "image": {"alt": "Report of a page: interference pattern of a short wire with two outlined antidots, a single bar of candidates, and measured points along the exact curve against field in rad and tesla."}} tags=["hide-input"]
answer.report(found, 0)

# %% [markdown]
# The antidots are right to the site, and the contacts come with them: what was not known of the measurement is inferred with
# the answer, each with its error. One curve can tell both, for a resistance bends it in another way than a moved antidot.
#
# ## What you must tell
#
# The same wire, measured in other ways. *Told* means that the file has `gain` and `series_ohm`, or the right
# `temperature_kelvin`.

# %% tags=["nbval-check-output"]
ways = {
    "100 mK, all told": (0.1, unknown, 0.1),
    "100 mK, contacts not told": (0.1, None, 0.1),
    "1 K, temperature not told": (1.0, unknown, 0.0),
    "1 K, all told": (1.0, unknown, 1.0),
}
lines, options = [["measured at", "antidots", "explained"]], {"certificate": False}
for name, (kelvin, how, said) in ways.items():
    y, heat = measured(truth, kelvin)[None] / lab.spin, said * lab.kelvin
    one = qfp.infer(y, wire, 0.005 / lab.spin, nuisance=how, temperature=heat, **options)[0]
    right = "wrong" if metrics.within(one.answer, truth, wire) else "right"
    lines.append([name, right, "yes" if one.explained else "no, flagged"])
Markdown(tables.markdown(lines))

# %% [markdown]
# The flag earns its place. Contacts that nobody mentions make another curve, which no wire of this kind explains, and so does
# a temperature. Where the temperature is told, curves are averaged over the same energies as in the cryostat, and a warm one
# can be read again. Where the flag comes up, believe it.
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
# Up to six can be asked for. Pairs are listed one by one; three and more are too many for that and are searched, a minute a
# curve, and not always found.
#
# ## When a network is worth it
#
# For one curve, or fifty: never. The solver alone is exact for wires of the file's kind, and says when a curve is of none. A
# network answers in a fraction of a second, in a browser, too, and draws the pattern without a library; that pays where
# curves come by the thousand, or where someone wants to play. It costs up to an hour of two cores, once:
#
# `qfp new mine.yaml --out mine/ --minutes 30`

# %% tags=["hide-input", "hide-output"]
Markdown(tables.markdown([["stage", "what it does"], *new.ABOUT.items()]))

# %% [markdown]
# Each stage says how long it took. Stop it when you like; the same line goes on where it was. In the end
# `mine/index.html` shows wires that the network never saw, and its scores beside those of the exact solver. Look at them
# before you use it, and then let the solver judge: `qfp decode curve.csv --device mine.yaml --weights
# mine/weights.safetensors` asks both.
#
# A network reads two antidots and one wire. Another width, density or field range is another network.
#
# ## Exercises
#
# 1. **How coarse may it be?** Which lattice constant is the largest that the file may have, and how does the error of the
#    energy fall with it?
# 2. **When do electrons go round?** At which field does the cyclotron orbit fit into the wire, $2 R_c = W$? What is the
#    phase around a plaquette then?
# 3. **Contacts.** How large may a resistance be that you do not mention, before the answer is flagged?
#
# The solutions are folded below; they are computed with the page.

# %% tags=["hide-cell", "nbval-check-output", "hide-input"]
# 1: five sites a wavelength; the error falls with the square of the lattice constant
limit = lab.wavelength / device_file.COARSE
for a in (limit, limit / 2, limit / 4):
    own = device_file.of_units(values | {"lattice_nm": a}, "mine.yaml", qfp.Device)
    print(f"{a:5.2f} nm: the energy is {own.energy / own.fermi_energy - 1:+.1%} off")

# %% tags=["hide-cell", "nbval-check-output", "hide-input"]
# 2: R_c = hbar k_F / (e B)
width = wire.width * lab.lattice * units.NM
B = 2 * constants.hbar * units.fermi_wavenumber(lab.density) / (constants.e * width)
assert np.isclose(lab.cyclotron_radius * lab.tesla / B, width / units.NM / 2)
print(f"{B:.2f} T, {B * units.per_tesla(lab.lattice):.3f} rad a plaquette")

# %% tags=["hide-cell", "nbval-check-output"]
# 3: through ever more ohms that nobody mentions
clean = qfp.solve(wire, truth, qfp.random_potential(11, wire))[0]
for ohm in (0, 10, 30, 100, 300):
    through = clean / (1 + units.SIEMENS * ohm * lab.spin * clean)
    explains = qfp.infer(through[None], wire, **options)[0].explained
    print(f"{ohm:3d} ohm: {'explained' if explains else 'flagged'}")

# %% [markdown]
# How exact inference works is told in [](06_exact), what a curve can hold at all in [](02_what_a_curve_fixes), and how files
# are read in [](11_own_curve).

# %% tags=["nbval-check-output", "hide-input"]
ohm, error = (value / (lab.spin * units.SIEMENS) for value in found.posterior[0].unknown["series"])
right = metrics.within(found.posterior[0].answer, truth, wire) == 0
checks = right, abs(ohm - 250) < 3 * error, lines[2][2] != "yes", one.numbers[1] > 0.99
assert all(checks) or not shipped
print(f"right: antidots, contacts, the flag of what was not told, their number: {sum(checks)} of 4")
