# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Attention: what the network looks at
#
# **Claim** (Sec. V, Fig. 4). The importance of a pixel in the self-attention of the most downsampled level,
#
# $$B_j = \sum_i A_{ij}, \qquad A_{ij} = \frac{\exp(q_i \cdot k_j/\sqrt d)}{\sum_{j'} \exp(q_i \cdot k_{j'}/\sqrt d)},$$
#
# "has large values" at the defects and around them "even at the stage when defects have not yet appeared" in the image,
# and the four heads show it "in a complementary manner": some for the upper antidot, some for the lower, some for both.
#
# **Question.** Is that so, in more than one picture? And where does $B_j$ know the antidots from?
#
# **Method.** We follow the generation of one test wire through all its steps, as Fig. 4 does. Then we count, over a few
# tens of test wires: the area under the ROC curve (AUC) of $B_j$ for antidot cells, that is the probability that a cell
# on an antidot has a larger $B_j$ than another cell of the wire. The sign is fixed beforehand: large values mean antidots.

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
import torch

from qfp import figures_network, metrics, probes
from qfp.checkpoint import load_model
from qfp.config import load_preset
from qfp.dataset import split
from qfp.diffusion import initial_noise
from qfp.geometry import configurations
from qfp.sweep import simulate

config = load_preset(preset, seed=seed, weights=weights, notebook_configurations=notebook_configurations,
                     notebook_training_steps=notebook_training_steps, device=device, dataset=dataset, network=network,
                     diffusion=diffusion, training=training, sampling=sampling)
wire = config.device
model, trained, constants, schedule, _ = load_model(config.weights)
assert trained.device == wire, "these weights belong to another wire"

# %% [markdown]
# ## Which attention
#
# The most downsampled level has 15 x 15 cells of 4 x 4 pixels each. Our U-Net has two transformer blocks there, on the way
# down and on the way up; the paper does not say which of its blocks Fig. 4 shows. We draw the first, `down15`, and count
# both. $B_j$ is normalised so that its mean over the 225 cells is 1.

# %% tags=["nbval-check-output"]
blocks = [stage["name"] for stage in probes.architecture(model) if stage["size"] == 15 and stage["attention"] == "full"]
parts = split(trained.dataset.configurations, trained.dataset.potentials, trained.training.split, trained.seed)
chosen = list(dict.fromkeys(parts["test"][:, 1].tolist()))[: min(32, config.notebook_configurations)]
pairs = simulate(trained, chosen, potentials=(0,))
antidots, seen = pairs.antidots.astype(int), set(parts["train"][:, 1].tolist())
cells, valid = probes.grid_cells(antidots, wire), probes.wire_cells(wire)
print(f"blocks with full attention at 15 x 15: {', '.join(blocks)}; heads: {model.attention_layers()[blocks[0]].heads}")
print(f"{len(seen & set(chosen))} of the wires below were seen in training; {valid.sum()} of 225 cells lie on the wire")

# %% [markdown]
# ## One generation (Fig. 4)
#
# The thousand ancestral steps for the first test wire. The weights are computed beside the untouched path of the network,
# from the same input as the attention layer itself gets.

# %%
condition = model.encode(constants.curve(pairs.conductance[0]))
kept = [0, 99, 199, 399, 699, 999]
kept = [index * (schedule.steps - 1) // 999 for index in kept]
one = probes.importance_trajectory(model, schedule, condition.index([0]), [config.seed], schedule.steps, "ancestral",
                                   blocks, kept)

# %% mystnb={"figure": {"caption": "The paper's Fig. 4 remade for one test wire. Columns: steps of the generation with the ratio of noise to signal. Rows: the noisy image, the clean image that the network predicts from it (both in normalised units, padding included), and the importance of each cell in the four heads of the block down15, each on one scale for all steps, which ends at what the cells on the wire reach (the padding may exceed it). Circles: the true antidots.", "name": "attention-steps"}, "image": {"alt": "Six columns of images from noise to interference pattern; in the maps of some heads the cells at the two outlined antidots are bright in the first columns, while the noisy image shows nothing there."}}
ratio = ((1 - schedule.alpha_bar) / schedule.alpha_bar).sqrt().numpy()
titles = [f"step {index + 1}\nσ/α = {ratio[t]:.3g}" if ratio[t] < 1000 else f"step {index + 1}\nσ/α > 1000"
          for index, t in zip(kept, one.t)]
figures_network.attention_steps(one.x[:, 0], one.x0[:, 0], one.importance[blocks[0]][:, 0], titles, antidots[0], wire.radius)

# %% [markdown]
# ## Counted, with a control
#
# A high AUC alone shows little: antidots are not everywhere equally often, and a map of **where they usually are**, made
# without any curve, scores well too. The fair question is whether $B_j$ fits the antidots of its *own* curve better than
# those of the other curves. The same generation is therefore scored twice, and the paired difference over the wires is
# what counts (bootstrap, 95 %). Beside it stand the noisy image itself and the predicted clean image, averaged over the
# same cells; low values mean antidots there.

# %%
path = probes.importance_trajectory(model, schedule, condition, list(range(len(chosen))), config.sampling.steps, "ddim",
                                    blocks)
noise = ratio[path.t]


def scored(label, maps):
    """Means of the AUC for own and other antidots at each step, and the interval of their paired difference."""
    own, other = probes.own_and_other(probes.auc_table(maps, cells, valid))  # each (steps, curves)
    low, high = np.transpose([metrics.bootstrap(d, np.mean, config.seed) for d in own - other])
    return label, own.mean(axis=-1), other.mean(axis=-1), low, high


def cell_means(images):
    """Images (..., 60, 60) averaged over the cells of the 15 x 15 level."""
    return images.reshape(*images.shape[:-2], 15, 4, 15, 4).mean(axis=(-3, -1))


groups = {block: [scored(f"head {h + 1}", path.importance[block][:, :, h]) for h in range(path.importance[block].shape[2])]
          for block in blocks}
groups["images"] = [scored("noisy image $x_t$", -cell_means(path.x)),
                    scored(r"predicted $\hat x_0$", -cell_means(path.x0))]
usual = probes.grid_cells(configurations(wire)[1], wire).mean(axis=0)  # share of all configurations with an antidot there
prior = probes.own_and_other(probes.auc_table(np.broadcast_to(usual, cells.shape), cells, valid))[0].mean()

# %% mystnb={"figure": {"caption": "AUC for antidot cells through the generation, from pure noise on the left to the image on the right. Solid: against the own antidots; dotted: the same maps against the antidots of the other curves; the band is the 95 % interval of their paired difference, drawn upon the dotted line. Dashed: the map of where antidots usually are. Grey: chance. Left and middle: the four heads of the two blocks; right: the images.", "name": "attention-auc"}, "image": {"alt": "Three panels of AUC against noise level. Some heads lie far above their dotted control lines at strong noise already, others below; the noisy image rises from one half as the noise falls, the predicted image is near 1 throughout."}}
figures_network.attention_auc(noise, groups, prior)

# %% [markdown]
# ## The first step
#
# At the first step the image is pure noise: it cannot tell anything, so whatever $B_j$ knows there comes from the curve.
# As a control, the same pass with the learned empty condition $\varnothing$ in place of the curve.

# %%
x = initial_noise((1, wire.length, wire.length), list(range(len(chosen)))).float()
empty = probes.importance_at(model, x, schedule.steps - 1, model.null(len(x)), blocks)
first = {}
for block in blocks:
    for h, (label, own, other, low, high) in enumerate(groups[block]):
        _, _, _, low0, high0 = scored(label, empty[block][None, :, h])
        first[block, h] = own[0], low[0], high[0], low0[0], high0[0]
        print(f"{block} {label}: AUC {own[0]:.3f}, above the other curves' by {own[0] - other[0]:+.3f} "
              f"({low[0]:+.3f} to {high[0]:+.3f}); without the curve {low0[0]:+.3f} to {high0[0]:+.3f}")
print(f"map of where antidots usually are: AUC {prior:.3f}")

# %% [markdown]
# ## Heads
#
# The paper speaks of the defects "and their vicinity", and of heads that prefer one antidot. Mean importance on the lower
# antidot, on the upper one, on the rim (cells beside an antidot) and elsewhere on the wire, block `down15`, at the first
# step and in the middle of the generation; 1 is the mean of all cells.

# %%
lower, upper = (probes.grid_cells(antidots[:, k : k + 1], wire) for k in (0, 1))
rim = valid & probes.rim_cells(cells)
places = {"lower": lower, "upper": upper, "rim": rim, "elsewhere": valid & ~cells & ~rim}
for index in (0, len(path.t) // 2):
    print(f"σ/α = {noise[index]:.3g}")
    for h in range(path.importance[blocks[0]].shape[2]):
        B = path.importance[blocks[0]][index, :, h]  # (curves, 15, 15)
        means = {name: (B * mask).sum(axis=(1, 2)) / mask.sum(axis=(1, 2)) for name, mask in places.items()}
        low, high = metrics.bootstrap(means["upper"] - means["lower"], np.mean, config.seed)
        print(f"  head {h + 1}: " + ", ".join(f"{name} {values.mean():.2f}" for name, values in means.items())
              + f"; upper - lower {low:+.2f} to {high:+.2f}")

# %% [markdown]
# ## What it means, and what could be wrong
#
# - **The picture is right.** Heads that mark the antidots do so from the first step, when the noisy image holds nothing;
#   the control with other curves' antidots and the one without a curve rule out that they only mark the usual places.
#   Some turn elsewhere once the image itself shows the antidots.
# - **It is less deep than it sounds.** The image shown in Fig. 3 and 4 is the noisy one. The clean image that the network
#   *predicts* already shows the antidots at the first step (second row of the figure, right panel of the curves): by then
#   the network has decided, and $B_j$ is not ahead of it.
# - **Where it knows it from.** The input of the attention is the image *and* the map of the curve. The shipped network's
#   path of the curve was trained, in part, to name the antidots' positions (a difference from the paper), so its map can
#   mark them before any attention acts. $B_j$ shows that the attention uses this, not that it found it.
# - **Some heads do the opposite**, with an AUC well below one half: they avoid the antidots and mark the rim, or look at
#   the padding. Which head does what is an accident of the training. Whether heads share out upper and lower antidot is
#   printed above; an interval of `upper - lower` that holds 0 says that a head treats them alike.
# - **Not decided here:** whether $A_{ij}$ follows the non-local correlations of the wave functions, as the section
#   suggests. Large $B_j$ at the antidots is not evidence of that.
#
# **Verdict.** "Importance before they appear": confirmed for those heads whose interval at the first step lies above zero,
# counted below; the reading as an interference extractor is not tested by it.

# %%
leads = [f"{block} head {h + 1}" for (block, h), values in first.items() if values[1] > 0.05]
print(f"{len(leads)} of {len(first)} heads mark their own curve's antidots at the first step by more than 0.05: "
      + (", ".join(leads) or "none"))

# %% tags=["nbval-check-output"]
for B in (*path.importance.values(), *one.importance.values()):
    np.testing.assert_allclose(B.mean(axis=(-2, -1)), 1, atol=1e-4)
for B in empty.values():
    assert B.shape[1:] == (model.attention_layers()[blocks[0]].heads, 15, 15)
assert path.t[0] == schedule.steps - 1 and path.t[-1] == 0 and (np.diff(path.t) < 0).all()
truth = cell_means(constants.image(pairs.ldos[0].astype(np.float32))[:, 0].numpy())
assert (scored("truth", -truth[None])[1] > 0.9).all(), "in the true images antidot cells are dark"
assert abs(scored("noise", -cell_means(path.x)[:1])[1][0] - 0.5) < 0.1, "pure noise knows nothing"
assert 0.75 < prior < 0.95, "where antidots usually are scores high without any curve"
print("checks passed: rows of A sum to 1, noise knows nothing, true images know the antidots, the prior scores high")
