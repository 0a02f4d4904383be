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
# of a wire of your own?
#
# **Method.** Without random potential ($V = 0$) the wire without antidots is the same at every place along it, so its
# Green's function comes straight from the modes of the leads, once per field. Putting in two antidots is then one small
# linear system per field, and a whole curve takes a fraction of a second: exact physics at the speed of a slider.
#
# Widgets marked **works here** need nothing but the browser. Those marked **needs a kernel** show one state in the book
# and come to life when this notebook is run in Jupyter.

# %% tags=["parameters"]
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

# %%
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
# ## One wire

# %% tags=["nbval-check-output"]
scene = explore.look(wire, [[12, 20], [33, 41]])
print(
    f"antidots {scene.antidots.tolist()}: G = "
    + ", ".join(f"{G:.6f}" for G in scene.conductance[[0, 20, 40, 63]])
    + " e^2/h at fields 0, 20, 40 and 63"
)
print(scene.note)

# %% mystnb={"figure": {"caption": "A wire without random potential. Left: LDOS at b = 0, antidots outlined; the lead along -y is below. Right: its curve, computed by the exact solver at 64 fields.", "name": "explore-scene"}, "image": {"alt": "Interference pattern of a wire with two outlined antidots, and its conductance curve, which falls with the field in irregular steps."}}
network_figures.wire_and_curve(
    scene.image, scene.antidots, wire.fields, scene.conductance, wire.radius
)

# %% [markdown]
# ## An antidot walks across the wire
#
# The upper antidot stays, the lower one goes from wall to wall, two sites a step. The curve changes with every step: this
# is what makes it a fingerprint.

# %%
upper = [33, 41]
walk = [explore.look(wire, [[x, 20], upper]) for x in range(6, 44, 2)]
pages = [
    explore.picture(wire, s, top=0.17, title=f"lower antidot at x = {s.antidots[0, 0]}")
    for s in walk
]
display(explore.flipbook(pages, "Move the lower antidot", "lower antidot, from wall to wall"))

# %% [markdown]
# ## Wires that the network has never seen
#
# Six wires of the test list, here without random potential, a case on which the network was not trained (its five
# potentials are weak, so it is near). It gets the curve alone; four samples each.

# %%
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
# ## Your own wire
#
# Choose the centres of two antidots; wires that cannot exist say why. The button draws samples from the network. It
# answers in the canonical placement, as a curve does not tell the antidots' place along the wire, nor the wire from its
# mirror images, and the truth is shown there, too.

# %%
explorer = explore.Explorer(decoder, scene.antidots)
explorer.decode()
display(explorer)

# %% [markdown]
# ## What it means, and what could be wrong
#
# The curve is a function of the wire that one can watch: a step of one site changes it visibly. That the way back exists,
# from curve to wire, is the paper's claim; whether it holds in general is counted on the page on generation, not here.
#
# - Everything here has $V = 0$. The random potential of the dataset changes curves a little, and the network's answers
#   with them.
# - Pairs outside the dataset's rule (closer than one site of clearance to a wall or to each other) can be chosen; the
#   network has never seen such wires, and its answers there mean nothing. The explorer says so.

# %% tags=["nbval-check-output"]
mirrored = explore.look(wire, (wire.width - 1, 0) + scene.antidots * (-1, 1))
shifted = explore.look(wire, scene.antidots + (0, 7))
for other in (mirrored, shifted):  # V = 0: exactly the same curve
    np.testing.assert_allclose(other.conductance, scene.conductance, atol=1e-9)
np.testing.assert_allclose(mirrored.image[:, ::-1], scene.image, atol=1e-9)
assert (scene.image[geometry.removed_mask(scene.antidots, wire)] == 0).all()
assert min(explore.look(wire, s.antidots).seconds for s in walk[:3]) < 1, "fast enough for a slider"
apart = [np.abs(a.conductance - b.conductance).max() for a, b in zip(walk, walk[1:])]
assert min(apart) > 0.01, "every step of the walk changes the curve"
try:
    explore.look(wire, [[3, 20], [20, 22]])
except qfp.SettingsError as error:
    print(f"refused: {error}")
passed = "mirrored and shifted wires share the curve at V = 0, a walking antidot changes it"
print(f"checks passed: {passed}")
