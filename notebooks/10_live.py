# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Explore: antidots, patterns, fingerprints
#
# :::{admonition} In short
# :class: tip in-short
# Drag an antidot: your browser solves the wire for every field of the curve and draws its pattern, so you can watch what the
# decoder reads. Over {result}`live:scenes` wires the browser's curves differ from those of the Python solver by at most
# {result}`live:agreement.curve:.0e` e²/h.
# :::
#
# Without random potential ($V = 0$) the clean wire is the same all along its length, so its Green's function comes straight from
# the modes of the leads. Putting in antidots is then one small linear system per field ([](03_solver)).
#
# ```{live} laptop
# ```
#
# ## Things to try
#
# - Push a hole against a wall, and let the two touch. The bright stripes are standing waves between hole and wall.
# - Move the cursor along the curve: the picture follows. At its right end, in the strongest fields, the electrons run along the
#   walls and around the holes. Press *Show the current* there: it enters along the right wall, and what the holes reflect leaves
#   along the left one.
# - Press *Same curve, other wire*. The picture changes, the curve does not. A curve fixes two antidots only up to these copies
#   ([](02_what_a_curve_fixes)).
# - Press *Decode this curve*: the network, which sees the curve alone, answers while you drag. The solver then judges: is the
#   curve of the answer the given one? Add a third hole and see the network fail.
#
# One curve takes {result}`live:wasm.curve_ms:.0f` ms in the browser and {result}`live:python.curve_ms:.0f` ms by `qfp solve`, one
# picture {result}`live:wasm.image_ms:.0f` and {result}`live:python.image_ms:.0f` ms, on the machine of the test.
#
# :::{admonition} More of what was measured
# :class: dropdown
# The wires that were compared have one to six antidots, radii and overlaps of many kinds. The first whole curve is there
# {result}`live:wasm.ready_ms:.0f` ms after the page is opened. Plain JavaScript
# takes {result}`live:js.curve_ms:.0f` ms for a curve and {result}`live:js.image_ms:.0f` ms for a picture. While a hole is dragged,
# {result}`live:drag.images_per_second:.0f` pictures and {result}`live:drag.curves_per_second:.0f` curves a second are drawn
# ({result}`live:cores` cores, one run of `qfp study live`). On the front page of this book the first whole curve takes
# {result}`live:front.ready_ms:.0f` ms. Phones and machines with little memory keep the tables of the curve in single precision,
# {result}`live:single.megabytes:.0f` instead of {result}`live:wasm.megabytes:.0f` MB: their curves are off by up to
# {result}`live:single.agreement:.1e` e²/h, and the page says so. The decoder takes {result}`live:decoder.wasm.read_ms:.1f` ms for the
# positions alone and {result}`live:decoder.wasm.sample_ms:.0f` ms for a sample of {result}`live:decoder.steps` steps, on one thread;
# PyTorch, on one thread too, {result}`live:decoder.pytorch.read_ms:.1f` and {result}`live:decoder.pytorch.sample_ms:.0f` ms. For the
# same noise the two images differ by at most {result}`live:decoder.agreement:.0e` of their spread. A page of its own, for this wire or
# for yours, comes from `qfp live --out FOLDER`: a folder that can be mailed.
# :::

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

# %% tags=["hide-input", "hide-output"]
import numpy as np
from IPython.display import display

import qfp
from qfp.book import explore
from qfp.data.dataset import choose, configurations_of
from qfp.physics import geometry

config = qfp.notebook_config(globals())
wire = config.device
decoder = qfp.load(config.weights)
assert decoder.config.device == wire, "these weights belong to another wire"
_ = explore.prepare(wire)  # the clean wires of all fields: a few seconds, once

# %% tags=["nbval-check-output", "remove-cell"]
scene = explore.look(wire, [[12, 20], [33, 41]])
print(
    f"antidots {scene.antidots.tolist()}: G = "
    + ", ".join(f"{G:.6f}" for G in scene.conductance[[0, 20, 40, 63]])
    + " e^2/h at fields 0, 20, 40 and 63"
)
print(scene.note)

# %% [markdown]
# ## Test wires without random potential
#
# The network was not trained on wires with $V = 0$. It gets the curves of six of them alone and draws four samples of each; the slider shows three wires.

# %% tags=["hide-input"]
antidots = choose(decoder.config)[1][configurations_of(decoder.config, "test")[:6]]
answers = [explore.ask(decoder, explore.look(wire, pair), seed=config.seed) for pair in antidots]
for answer in answers:
    print(f"true {answer.truth.antidots.tolist()}. {explore.verdict(answer)}")
display(
    explore.flipbook(
        [explore.answer_picture(wire, answer) for answer in answers[:3]],
        "Truth and samples",
        "test wire",
    )
)

# %% [markdown]
# ## In Jupyter
#
# Run in Jupyter, this notebook shows an explorer here that calls Python. It needs a kernel, so the page leaves it out.

# %% tags=["remove-cell", "hide-input"]
explorer = explore.Explorer(decoder, scene.antidots)
display(explorer)

# %% [markdown]
# ## What it means, and what could be wrong
#
# - Everything here has $V = 0$. A random potential changes curves a little, and the network's answers with them
#   (`qfp solve --potential-seed`).
# - You can choose pairs outside the dataset's rule, closer than one site to a wall or to each other. The network has never seen
#   such wires, and its answers there are not tested.
# - How often a wire is recovered from its curve is counted in [](05_generation).
#
# ## Exercise
#
# Find, without the button, another wire with the same curve. Then move only one of its holes: what changes?
#
# :::{admonition} Solution
# :class: dropdown
# Move both holes by the same number of sites along the wire, or mirror the wire left to right: without potential the curve stays,
# to rounding. Any single step of one hole changes it.
# :::

# %% tags=["nbval-check-output", "remove-cell"]
mirrored = explore.look(wire, (wire.width - 1, 0) + scene.antidots * (-1, 1))
shifted = explore.look(wire, scene.antidots + (0, 7))
for other in (mirrored, shifted):  # V = 0: exactly the same curve
    np.testing.assert_allclose(other.conductance, scene.conductance, atol=1e-9)
np.testing.assert_allclose(mirrored.image[:, ::-1], scene.image, atol=1e-9)
assert (scene.image[geometry.removed_mask(scene.antidots, wire)] == 0).all()
walk = [explore.look(wire, [[x, 20], [33, 41]]) for x in (6, 7, 8)]
apart = [np.abs(a.conductance - b.conductance).max() for a, b in zip(walk, walk[1:])]
assert min(apart) > 0.01, "every step of the walk changes the curve"
try:
    explore.look(wire, [[3, 20], [20, 22]])
except qfp.SettingsError as error:
    print(f"refused: {error}")
passed = "mirrored and shifted wires share the curve at V = 0, a walking antidot changes it"
print(f"checks passed: {passed}")
