# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Generating interference patterns
#
# **Claim** (Sec. IV, Fig. 3). Led by the curve, a thousand steps turn noise into the interference pattern; the patterns
# and the antidot positions of validation data are reproduced "with high accuracy (over 95 percent)". The paper defines
# neither what is counted as right nor on which validation data.
#
# **Question.** When in those thousand steps do the antidots appear, how often is the answer right on wires never seen, and
# how right is it?
#
# **Method.** We redraw the generation for one test wire with the shipped network. Then we count: antidots within 0, 1 and
# 2 sites, Pearson correlation of the patterns, 95 % intervals, beside rivals that need no diffusion model. The table was
# measured once on the full dataset; a slice simulated here checks it.

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
from IPython.display import Markdown

from qfp import decode, evaluate, figures, geometry, metrics
from qfp.checkpoint import load_model
from qfp.config import load_preset
from qfp.dataset import choose, split
from qfp.diffusion import guided
from qfp.diffusion import sample as generate
from qfp.sweep import images_of, simulate

config = load_preset(preset, seed=seed, weights=weights, notebook_configurations=notebook_configurations,
                     notebook_training_steps=notebook_training_steps, device=device, dataset=dataset, network=network,
                     diffusion=diffusion, training=training, sampling=sampling)
wire = config.device
bundle = load_model(config.weights)
model, trained, constants, schedule, _ = bundle
assert trained.device == wire, "these weights belong to another wire"

# %% [markdown]
# ## Wires never seen
#
# The first configurations of the test list of the weights' own split: no potential of these wires was in the training
# set. They are simulated afresh, under the first of the five random potentials.

# %% tags=["nbval-check-output"]
parts = split(trained.dataset.configurations, trained.dataset.potentials, trained.training.split, trained.seed)
chosen = list(dict.fromkeys(parts["test"][:, 1].tolist()))[: config.notebook_configurations]
pairs = simulate(trained, chosen, potentials=(0,))
truth, curves, ldos = pairs.antidots.astype(int), pairs.conductance[0], pairs.ldos[0].astype(np.float32)
seen = set(parts["train"][:, 1].tolist())
print(f"{len(choose(trained)[0])} configurations, {len(seen)} in training; simulated here: {len(chosen)}, "
      f"of which {len(seen & set(chosen))} in training")
print(f"curves {curves.shape}, images {ldos.shape}")

# %% [markdown]
# ## A thousand steps (Fig. 3)
#
# The ancestral sampler of Ho et al. walks from pure noise (step 1) to an image. In every step the network estimates the
# noise, and with it the clean image that it now believes in, $\hat x_0$. The state $x_t$ is what the paper shows; the
# prediction $\hat x_0$ shows what the network already knows.

# %%
steps, noisy, predicted = [], [], []


def watch(index, t, x, x0):
    """Keep the state and the predicted image, in units of LDOS, of every 20th step and the first."""
    if index == 0 or (index + 1) % 20 == 0:
        steps.append(index + 1)
        noisy.append(constants.ldos(x)[0])
        predicted.append(constants.ldos(x0)[0])


condition = model.encode(constants.curve(curves[:1]))
first = generate(guided(model, schedule, condition, config.sampling.gamma), schedule, [config.seed],
                 (1, wire.length, wire.length), "ancestral", schedule.steps, callback=watch)
steps, noisy, predicted = np.array(steps), np.stack(noisy), np.stack(predicted)

# %% mystnb={"figure": {"caption": "Fig. 3 remade: generation of the LDOS of a test wire through the thousand ancestral steps. Above the state, below the image that the network predicts at that step. Circles: the true antidots. The lead along -y is below.", "name": "generation-steps"}, "image": {"alt": "Two rows of six images. Above, noise turns into an interference pattern only in the last columns; below, the predicted image shows the antidots earlier."}}
columns = np.searchsorted(steps, np.linspace(0, schedule.steps, 6).clip(1))
figures.image_grid([noisy[columns], predicted[columns]], ["state $x_t$", r"predicted $\hat x_0$"],
                   [f"step {step}" for step in steps[columns]], [truth[:1].repeat(6, 0)] * 2, radius=wire.radius,
                   top=np.quantile(ldos[0], 0.995))

# %%
r_noisy, r_predicted = metrics.pearson(noisy, ldos[0]), metrics.pearson(predicted, ldos[0])
errors = metrics.within(decode.recover(predicted, wire), truth[0], wire)
late = np.flatnonzero(errors > 1)
settled = steps[late[-1] + 1] if len(late) and late[-1] + 1 < len(steps) else steps[0] if not len(late) else None
print(f"final image: antidots off by {errors[-1]} sites, Pearson r {r_predicted[-1]:.3f}")
print("antidots of the prediction within one site for good from step", settled or "never")
for step in (200, 400, 600, 800):
    i = np.searchsorted(steps, step)
    print(f"step {steps[i]:4d}: r of the state {r_noisy[i]:5.2f}, of the prediction {r_predicted[i]:5.2f}")

# %% mystnb={"figure": {"caption": "The course of the same generation. Above: correlation of the state and of the predicted image with the true LDOS. Below: how far the antidots found in the prediction are from the true ones.", "name": "generation-course"}, "image": {"alt": "Two curves of correlation against generation step, the one of the predicted image above that of the noisy state, and the position error of the predicted antidots below."}}
figures.generation_course(steps, r_noisy, r_predicted, errors)

# %% [markdown]
# The step numbers depend on the noise schedule, which the paper does not give: with another one the same image appears
# elsewhere on the axis. What does not depend on it is the order: the prediction knows the antidots while the state is
# still noise, and the fine fringes come last.
#
# ## How often is it right?
#
# The table is `results/evaluate.json`: test configurations of the full dataset, one potential each. **Single** is one
# sample a curve with the fast sampler; **consensus** the pair on which most of several samples agree; **one step** the
# image that the network predicts from pure noise at once. Rivals: **shuffled** scores each sample against another wire (what ignoring the curve would give), **nearest** answers with the
# training wire whose curve is nearest, **curve head** reads positions off the curve alone, as in the extra training
# signal, and makes no image. **Train** is the same network on wires it has seen. In brackets 95 % intervals.

# %%
table = evaluate.read_result(config.weights)
Markdown(evaluate.as_markdown(table) if table else f"No table for the weights {config.weights}: `qfp evaluate` makes one.")

# %%
for name in ("single", "consensus") if table else ():
    share, (low, high) = table[name]["within_1"], table[name]["within_1_interval"]
    word = "above 95 %" if low > 0.95 else "below 95 %" if high < 0.95 else "95 % lies within the interval"
    print(f"{name}: both antidots within one site on {share:.1%} ({low:.1%} to {high:.1%}) of {table[name]['n']} curves: {word}")
    share, (low, high) = table[name]["r_high"], table[name]["r_high_interval"]
    print(f"{name}: pattern with r >= 0.95 on {share:.1%} ({low:.1%} to {high:.1%})")

# %% [markdown]
# ## A slice, decoded here
#
# One sample for each of the first wires of the slice, the same sampler and number of steps as in the preset.

# %%
live = min(64, len(chosen))
seeds = [decode.sample_seeds(config.seed + i, 1) for i in range(live)]
samples = decode.draw(bundle, curves[:live], seeds, config.sampling.steps, config.sampling.sampler,
                      config.sampling.gamma)[:, 0]
found = decode.recover(samples, wire)
off = metrics.within(found, truth[:live], wire)
r = metrics.pearson(samples, ldos[:live])
for k in (0, 1, 2):
    low, high = metrics.wilson((off <= k).sum(), live)
    print(f"within {k}: {(off <= k).sum()} of {live} ({low:.1%} to {high:.1%})")
print(f"Pearson r: median {np.median(r):.3f}, worst {r.min():.3f}; r >= 0.95 on {(r >= 0.95).sum()} of {live}")

# %% mystnb={"figure": {"caption": "Decoded wires of the slice beside the truth, from the best to the worst correlation; off: position error in sites. Solid circles: antidots of each image; dashed: the true ones.", "name": "generation-gallery"}, "image": {"alt": "Two rows of six images, true interference patterns above and generated ones below, sorted from best to worst, with circles around the antidots."}}
ranked = np.argsort(-r)
picked = ranked[[0, live // 4, live // 2, 3 * live // 4, -2, -1]]
titles = [f"r = {r[i]:.2f}, off {off[i]}" for i in picked]
figures.image_grid([ldos[picked], samples[picked]], ["truth", "one sample"], titles, [truth[picked], found[picked]],
                   dashed=[(), truth[picked]], radius=wire.radius)

# %% [markdown]
# ## What a correlation is worth
#
# Pearson's r rewards the black discs alone, so it needs a scale. From true images: the same wire under another random
# potential, its neighbour with one antidot moved by one site, and right holes in an otherwise uniform wire.

# %%
few = truth[:32]
moves = [few + [[1, 0], [0, 0]], few - [[1, 0], [0, 0]]]
near = np.array([a if geometry.in_dataset(a, wire) else b for a, b in zip(*moves)])
holes = geometry.removed_masks(few, wire)
scale = {"another potential": metrics.pearson(images_of(wire, few, 1), ldos[:32]),
         "one antidot one site off": metrics.pearson(images_of(wire, near, 0), ldos[:32]),
         "right holes, uniform elsewhere": metrics.pearson(~holes, ldos[:32])}
for label, values in scale.items():
    print(f"{label}: median r {np.median(values):.3f}")

# %% mystnb={"figure": {"caption": "Share of the slice whose correlation with the truth is at least the value on the axis, and the same for pairs of true images that differ in a known way. Grey line: 0.95.", "name": "generation-similarity"}, "image": {"alt": "Falling step curves of the share of images against Pearson r for generated images, another potential, a neighbour one site off, and uniform wires with right holes."}}
figures.similarity(r, scale)

# %% [markdown]
# ## What it means, and what could be wrong
#
# Whether "over 95 percent" holds depends on what is counted, and the lines under the table say it for each reading:
# positions within one site, or patterns with a correlation of at least 0.95. The second asks for the exact positions and
# the right fringes at once, as a neighbour one site off already falls below.
#
# - **Validation data.** The paper's counts fit a random split of pairs, where nearly every validation wire is in the
#   training set under another potential. Here test wires were never seen, which is harder; the column *train* shows the
#   difference.
# - **Rivals.** The nearest training curve needs no network, and one step needs no diffusion. Look at what each gets within
#   one site before crediting the thousand steps with the positions: what they add is a sharp pattern, and samples that
#   disagree where the curve does not decide.
# - **Symmetries.** Errors are counted modulo the shift along the wire and the two inversions, which the curve cannot see.
# - **Potentials.** The five potentials were all in training; an unseen one is not measured on this page.
# - **Sampler.** The table uses the fast sampler; the thousand ancestral steps are shown for one wire only.

# %% tags=["nbval-check-output"]
assert (decode.recover(ldos, wire) == truth).all(), "antidots are found in every true image"
assert len(steps) == schedule.steps // 20 + 1 and steps[-1] == schedule.steps
assert abs(noisy[0].std() / constants.image_std - 1) < 0.05 and abs(r_noisy[0]) < 0.1, "the start is white noise"
np.testing.assert_allclose(constants.ldos(first)[0], predicted[-1], atol=1e-3)  # the last step adds no noise
medians = [float(np.median(values)) for values in scale.values()]
assert 1 > medians[0] > medians[1] > medians[2] > 0.4, "another potential changes less than one site does"
for row in (table[name] for name in evaluate.ROWS if name in table):
    assert row["within_0"] <= row["within_1"] <= row["within_2"]
    for k in (0, 1, 2):
        low, high = row[f"within_{k}_interval"]
        assert low - 1e-9 <= row[f"within_{k}"] <= high + 1e-9
if table and table["steps"] == config.sampling.steps:  # the slice and the table agree
    low, high = metrics.wilson((off <= 1).sum(), live)
    assert low <= table["single"]["within_1_interval"][1] and high >= table["single"]["within_1_interval"][0]
print(f"checks passed: antidots found in {len(ldos)} of {len(ldos)} true images; white noise first, no noise last; "
      "scale of r in order; table consistent")
