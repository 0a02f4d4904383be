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
# Describe your wire in a file, in nanometres, tesla and kelvin, and its curves can be decoded without a network. From the noisy curve
# of a simulated GaAs wire both antidots are found exactly, and its contacts of 250 Ω as {printed}`12_device:series_ohm (\d+) ` ±
# {printed}`12_device:series_ohm .* (\d+) ohm` Ω. In this example, contacts or a temperature that the file does not mention are flagged.
# :::
#
# This page runs on a device file, by default `presets/gaas.yaml`; on yours with `qfp run --only 12 -p device=mine.yaml`.

# %% tags=["parameters", "remove-cell"]
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
# Optional lines have defaults.
#
# ## What follows from it
#
# The solver works on a lattice. `qfp device mine.yaml` prints what it makes of the file (folded here). Check four lines:
#
# - **Wavelength**: the lattice must resolve it. Below five sites per wavelength the file is refused; this one is not far above. The
#   energy is chosen to give the density.
# - **Cyclotron radius** against the width: where the orbit fits into the wire, electrons run along its edges and miss the antidots.
# - **Mean free path** against the length: the antidots must dominate the scattering.
# - **Temperature** against the Thouless energy: unless $k_B T$ is small beside it, the curve is smeared.

# %% tags=["nbval-check-output", "hide-input", "hide-output"]
Markdown(tables.markdown([["", ""], *explained.laboratory_rows(lab)]))

# %% [markdown]
# ## A measurement
#
# To keep the run short, the page takes a wire of half the width and length, with antidots of 30 nm, up to twice the field. A file
# of yours is used as it is.

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
# The program gets what a lock-in amplifier writes: siemens against tesla, both spins, at 100 mK, with an unknown random potential,
# contacts of 250 ohms, a scale that is a little off, and noise.


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
# On the command line the next cell is `qfp decode curve.csv --device mine.yaml --out decoded/`. Units come from the header, the rest
# from the device file:

# %%
unknown = qfp.Nuisance(gain=0.02, series=200 * lab.spin * units.SIEMENS)
known = {"device": wire, "lattice_nm": lab.lattice, "spin": lab.spin, "nuisance": unknown}
found = qfp.answer([curve], **known, temperature=lab.thermal)
print(told.as_text(found, 0).replace(f"{mine.parent}/", ""))

# %% mystnb={"figure": {"caption": "The report of `qfp decode --out` on a curve that is measured through contacts; panels as on the page before. (d) The measured curve, gain and contacts taken off, and the answer's; upper axis in tesla.", "name": "device-report"}, "image": {"alt": "Report of a page: interference pattern of a short wire with two outlined antidots, a single bar of candidates, and measured points along the exact curve against field in rad and tesla."}} tags=["hide-input"]
answer.report(found, 0)

# %% [markdown]
# One curve gives both antidots and contacts, because a series resistance changes it differently from a moved antidot.
#
# ## What must be declared
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
# Here undeclared contacts, or an undeclared temperature, give a curve that no wire of this kind has. But these are four curves of
# one wire; smaller effects can pass (see the exercise, and [](02_what_a_curve_fixes)).
#
# ## One antidot or two?
#
# With `antidots: [1, 2]` in the file both numbers are possible, and the evidence decides. Here the wire has one:

# %%
single = qfp.configurations(wire, 1)[1].astype(int)[-1]
G1 = qfp.solve(wire, single, qfp.random_potential(12, wire))[0]
one = qfp.infer(G1[None], wire, numbers=(1, 2), **options)[0]
print(told.places(one.answer), {number: round(p, 3) for number, p in one.numbers.items()})

# %% [markdown]
# Three and more can be asked for; they are searched, and not always found ([](06_exact)). For any number of them
# `qfp train --preset antidots --device mine.yaml` makes a network, which saves the search of numbers that are not there.
#
# ## When a network is worth it
#
# Not for a few curves. On {result}`bench_new:rows.solver alone.n` wires of the shipped file, each under a potential of its own, the
# solver alone is exact for {result}`bench_new:rows.solver alone.within_0:.0%`
# ({result}`bench_new:rows.solver alone.within_0_interval:.0%`), in {result}`bench_new:rows.solver alone.seconds:.1f` s per curve once its
# library is made. It also flags curves of other wires. A network answers in a fraction of a second, and in a browser, which pays when
# curves come by the thousand. One command makes its dataset, trains it and shows its scores ([cost](../costs)); after a stop it resumes:
#
# `qfp new mine.yaml --out mine/ --minutes 30`

# %% tags=["hide-input", "hide-output"]
Markdown(tables.markdown([["stage", "what it does"], *new.ABOUT.items()]))

# %% [markdown]
# On the same wires this network alone is exact for {result}`bench_new:rows.network.within_0:.0%`
# ({result}`bench_new:rows.network.within_0_interval:.0%`) and within one site for {result}`bench_new:rows.network.within_1:.0%`; judged by
# the solver, it is exact for {result}`bench_new:rows.network and solver.within_0:.0%`
# ({result}`bench_new:rows.network and solver.within_0_interval:.0%`). So let the solver judge:
# `qfp decode curve.csv --device mine.yaml --weights mine/weights.safetensors`. Another width, density or field range needs another
# network.
#
# ## What could be wrong
#
# - **Simulation only.** The solver that reads the curves of this page also made them.
# - **The model.** Hard walls, round holes of one radius, disorder without correlation in space; no interaction, no decoherence, no
#   Zeeman splitting. A real etched wire has smooth edges and smooth disorder; neither was simulated.
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
