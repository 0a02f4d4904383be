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
# **Question.** How do the interference pattern and the curve change when an antidot moves, and what does the network make
# of a wire?
#
# **Method.** Without random potential ($V = 0$) the wire without antidots is the same at every place along it, so its
# Green's function comes straight from the modes of the leads, once per field. Putting in antidots is then one small
# linear system per field. Your browser solves it here, for every field of the curve, each time that a hole moves.
#
# ```{live} laptop
# ```
#
# ## Things to try
#
# - Push a hole against a wall, and let the two touch. The bright stripes are standing waves between hole and wall.
# - Move the cursor along the curve: the picture follows. At strong fields the electrons run along the walls and around the
#   holes, in orbits that the field bends. Press *Show the current* there: it comes in on the right,
#   and what the holes throw back leaves on the left.
# - Press *Same curve, other wire*. The picture changes, the curve does not: its largest change is rounding.
#   This is why a curve fixes two antidots only up to these copies, and why every error in this book is measured modulo them.
# - Guess a wire. A step of one site changes the curve visibly; whether the eye finds the way back is another question.
# - Press *Decode this curve*: the network, which sees the curve alone, answers while you drag, and draws its images step by
#   step, with the attention of a head beside them. The solver then judges: is the curve of the answer the given one? Give it a
#   third hole and see it fail. A curve of your own, as a CSV file, never leaves your machine.
#
# How exact is it? Against `qfp solve`, over {result}`live:scenes` scenes of one to six antidots, radii and overlaps of many
# kinds, the browser's curves differ by at most {result}`live:agreement.curve:.0e` e²/h. One curve takes
# {result}`live:wasm.curve_ms:.0f` ms and one picture {result}`live:wasm.image_ms:.0f` ms in the browser (in plain JavaScript
# {result}`live:js.curve_ms:.0f` and {result}`live:js.image_ms:.0f`, by `qfp solve` in Python {result}`live:python.curve_ms:.0f`
# and {result}`live:python.image_ms:.0f`); while a hole is dragged, {result}`live:drag.images_per_second:.0f` pictures and
# {result}`live:drag.curves_per_second:.0f` curves a second ({result}`live:cores` cores, measured in one run by
# `qfp study live`). A whole curve is there {result}`live:wasm.ready_ms:.0f` ms after the page of its own is opened, and
# {result}`live:front.ready_ms:.0f` ms after the front page of this book is. Phones and machines with little memory keep the tables
# of the curve in single precision, {result}`live:single.megabytes:.0f` instead of {result}`live:wasm.megabytes:.0f` MB: their
# curves are off by up to {result}`live:single.agreement:.1e` e²/h, and the page says so. The decoder's worker takes {result}`live:decoder.wasm.read_ms:.1f` ms for the positions alone and
# {result}`live:decoder.wasm.sample_ms:.0f` ms for a sample of {result}`live:decoder.steps` steps, on one thread; PyTorch, on one
# thread too, {result}`live:decoder.pytorch.read_ms:.1f` and {result}`live:decoder.pytorch.sample_ms:.0f` ms. For the same noise
# the two images differ by at most {result}`live:decoder.agreement:.0e` of their spread. A page of its own, for this wire or for
# yours, comes from `qfp live --out FOLDER`: a folder that can be mailed.

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
from IPython.display import display

import qfp
from qfp.book import explore
from qfp.data.dataset import choose, configurations_of
from qfp.figures import network as network_figures
from qfp.physics import geometry

config = qfp.notebook_config(globals())
wire = config.device
decoder = qfp.load(config.weights)
assert decoder.config.device == wire, "these weights belong to another wire"
_ = explore.prepare(wire)  # the clean wires of all fields: a few seconds, once

# %% [markdown]
# ## One wire, on paper

# %% tags=["nbval-check-output", "hide-input"]
scene = explore.look(wire, [[12, 20], [33, 41]])
print(
    f"antidots {scene.antidots.tolist()}: G = "
    + ", ".join(f"{G:.6f}" for G in scene.conductance[[0, 20, 40, 63]])
    + " e^2/h at fields 0, 20, 40 and 63"
)
print(scene.note)

# %% mystnb={"figure": {"caption": "A wire without random potential. Left: LDOS at b = 0, antidots outlined; the lead along -y is below. Right: its curve, computed by the exact solver at 64 fields.", "name": "explore-scene"}, "image": {"alt": "Interference pattern of a wire with two outlined antidots, and its conductance curve, which falls with the field in irregular steps."}} tags=["hide-input"]
network_figures.wire_and_curve(
    scene.image, scene.antidots, wire.fields, scene.conductance, wire.radius
)

# %% [markdown]
# ## Wires that the network was not trained on
#
# Six wires of the test list, here without random potential, a case on which the network was not trained (its five
# potentials are weak, so it is near). It gets the curve alone; four samples each.

# %% tags=["hide-input"]
antidots = choose(decoder.config)[1][configurations_of(decoder.config, "test")[:6]]
answers = [explore.ask(decoder, explore.look(wire, pair), seed=config.seed) for pair in antidots]
for answer in answers:
    print(f"true {answer.truth.antidots.tolist()}. {explore.verdict(answer)}")
display(
    explore.flipbook(
        [explore.answer_picture(wire, answer) for answer in answers],
        "Truth and samples",
        "test wire",
    )
)

# %% [markdown]
# ## In Jupyter
#
# Run in Jupyter, this notebook shows an explorer here whose sliders call Python: the same physics, and a button that draws
# samples from the network. It needs a kernel, so the page leaves it out.

# %% tags=["remove-cell", "hide-input"]
explorer = explore.Explorer(decoder, scene.antidots)
display(explorer)

# %% [markdown]
# ## What it means, and what could be wrong
#
# The curve is a function of the wire that one can watch: a step of one site changes it visibly. That the way back exists,
# from curve to wire, is the paper's claim; whether it holds in general is counted on the page on generation, not here.
#
# - Everything here has $V = 0$. A random potential makes the wire different at every place, and each wire one of its own:
#   that takes a kernel (`qfp solve --potential-seed`). It changes curves a little, and the network's answers with them.
# - Pairs outside the dataset's rule (closer than one site of clearance to a wall or to each other) can be chosen; the
#   network has never seen such wires, and its answers there mean nothing.

# %% tags=["nbval-check-output", "hide-input"]
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
