# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # The VAE before it
#
# **Claim** (Secs. I and III). The authors' earlier model, a variational autoencoder (VAE, their reference [7]), "successfully
# deciphered quantum fingerprints associated with restricted configurations", but "its performance is limited when applied to
# larger datasets": with the configurations of this paper, "the accuracy of interference reconstruction using the VAE-based
# model drops to around 60 percent". It "requires a two-stage learning process".
#
# **Question.** Is that so for a VAE that is trained as well as we can, and if it falls behind, why: is it the two stages, the
# blur of an autoencoder, or the amount of data?
#
# **Method.** We train such a VAE on the same pairs, with the same split, and score it on the same test curves by the same
# measures as the diffusion model; and again on restricted configurations, one antidot fixed and the other anywhere below it.

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
from IPython.display import Markdown

import qfp
from qfp.decoding import positions
from qfp.figures import two_stage as figures
from qfp.model.vae import load_vae
from qfp.studies import frame, shown
from qfp.studies.two_stage import baseline, examples, findings, kriged
from qfp.studies.two_stage.settings import load_baseline

config = qfp.notebook_config(globals())
decoder, vae, small = qfp.load(config.weights), load_vae("vae"), load_vae("vae-restricted")
devices = {trained.config.device for trained in (decoder, vae, small)}
assert devices == {config.device}, "these weights belong to another wire"

# %% [markdown]
# ## Two stages
#
# An **encoder** turns an image $x$ into a Gaussian $q(z|x)$ over a few numbers $z$, the latent, and a **decoder** turns $z$ back
# into an image. Both learn, from images alone, to make the reconstruction error small while $q(z|x)$ stays near the unit
# Gaussian:
#
# $$\mathcal{L}_1 = \big\langle (x - \hat x(z))^2 \big\rangle_{\rm pixels}
#   + \frac{\beta}{N_{\rm pixels}}\, D_{\rm KL}\big(q(z|x)\,\|\,\mathcal{N}(0, 1)\big), \qquad z \sim q(z|x).$$
#
# Then both are frozen, and a **second network** learns a Gaussian $p(z|G)$ over the latent for each curve,
# $\mathcal{L}_2 = D_{\rm KL}\big(q(z|x)\,\|\,p(z|G)\big)$. To decode a curve, the decoder is given the mean of $p(z|G)$. The
# second network is the same kind of residual network over the 64 numbers that leads the diffusion model's path of the curve.

# %% tags=["hide-input"]
print(findings.networks({"general": vae, "restricted": small}))

# %% [markdown]
# How many numbers the latent has, the weight $\beta$ and the width were chosen by short runs, scored on development curves.
# `curve_mixing` mixes potentials in the second stage: random combinations of the differences between a configuration's five
# potentials are added to its curve, and the same ones to its latent.

# %% tags=["hide-input", "hide-output"]
measured = frame.read_result(config.weights, baseline.STUDY)
MISSING = "No results: `make vae` makes them."
sweep = measured.get("sweep")
Markdown(baseline.sweep_table(sweep["rows"], sweep["best"]) if sweep else MISSING)

# %% [markdown]
# The chosen one was trained in full, and its second stage, which costs little, in four ways:

# %% tags=["hide-input", "hide-output"]
Markdown(baseline.sweep_table(sweep["second_rows"], sweep["second_best"]) if sweep else MISSING)

# %% [markdown]
# ## Side by side
#
# The same unseen wires, simulated here, decoded by both. The third column shows the true image after encoder and decoder
# without any curve: what is missing there, no curve can bring back.

# %% tags=["hide-input"]
general = examples.general_examples(vae, decoder, 3, config.seed, config.sampling)
settings = load_baseline().restricted
restricted = examples.restricted_examples(small, settings, 2)

# %% mystnb={"figure": {"caption": "Three unseen general configurations: true LDOS at b = 0, the VAE's image from the curve, the VAE's image from the true image (no curve), and one sample of the diffusion model from the curve. True antidots outlined; one colour scale.", "name": "vae-general"}, "image": {"alt": "Grid of LDOS images, three wires in rows. The VAE's images show the antidots and the coarse ripples, its fine ripples are smoother than the truth; the diffusion sample is as sharp as the truth."}} tags=["hide-input"]
figures.side_by_side(general)

# %% [markdown]
# The restricted configurations as they stand: the upper antidot of every image is in the same place. The diffusion model
# was trained on the canonical placement and would answer there, so only the VAE trained for this set is shown.

# %% mystnb={"figure": {"caption": "Two unseen restricted configurations: true LDOS, the VAE's image from the curve, and from the true image. The upper antidot is the same in all.", "name": "vae-restricted"}, "image": {"alt": "Grid of LDOS images, two wires in rows, the upper antidot always in the middle of the wire; the VAE's images from the curve resemble the truth."}} tags=["hide-input"]
figures.side_by_side(restricted)

# %% [markdown]
# ## How good
#
# All unseen test curves, each decoded once. `two stage` is the VAE as described; `one step` is the diffusion model's prediction
# from pure noise, a mean over the images that fit the curve, as the VAE's answer is.

# %% tags=["hide-input", "hide-output"]
Markdown(findings.scores(measured, "general") if measured else MISSING)

# %% [markdown]
# On the restricted set:

# %% tags=["hide-input", "hide-output"]
Markdown(findings.scores(measured, "restricted") if measured else MISSING)

# %% [markdown]
# The paper does not say what counts as accurate. As a share of curves whose image has at least some Pearson r with the truth, a
# model has any accuracy that one likes:

# %% mystnb={"figure": {"caption": "Share of unseen test curves whose image has at least the Pearson correlation r with the true one (results/vae.json). The thin dotted line marks the 60 percent that the paper gives for the VAE on the general set. Few: the VAE trained on as few general configurations as the restricted set has.", "name": "vae-patterns"}, "image": {"alt": "Two panels of falling curves. In the general set the diffusion model stays high up to r of about 0.95, the VAE falls earlier; in the restricted set it falls earlier still, far from its reconstruction."}} tags=["hide-input"]
figures.patterns(measured, 0.6) if measured else None

# %% tags=["hide-input"]
if measured:
    print(findings.reached(measured, 0.6))

# %% [markdown]
# ## Why
#
# Paired differences on the same curves, in points of the share, with 95 % intervals.

# %% tags=["hide-input", "hide-output"]
if measured:
    print(findings.differences(measured))

# %% [markdown]
# The diffusion model was given more: its path of the curve learns from interpolated curves of all configurations as well, with
# their positions as labels, and from mixed potentials. Here the second stage gets the same, on the same first stage; its labels
# are latents, so they are interpolated, too. `labels` is what these are worth: the decoder's images of them on the test wires.

# %% tags=["hide-input", "hide-output"]
Markdown(shown.table(kriged.STUDY, config.weights, kriged.in_markdown))

# %% [markdown]
# ## What it means, and what could be wrong
#
# - **Not the blur.** Encoder and decoder alone give nearly every true image back, antidots and fringes.
# - **Not the two stages as such.** Trained on as one, from curve to image, the same network reads test curves no better.
# - **The reading of the curve, and with it the amount of data.** With few configurations of the general set the same network fails;
#   with all of them it finds the antidots within one site nearly always, and exactly about every second time. The restricted
#   set has few configurations as well, but they are dense: only one antidot moves.
# - **What the diffusion model has beside.** Without interpolated curves its exact positions fall to those of the VAE: the row
#   `twin-no-interpolation` on the page of the network. With them the VAE's rise to
#   {result}`vae_kriged:rows.kriged.within_0:.1%` ({result}`vae_kriged:rows.kriged.difference.within_0:+.1%`,
#   {result}`vae_kriged:rows.kriged.difference.within_0_interval:+.1%`), and patterns with $r \ge 0.95$ to
#   {result}`vae_kriged:rows.kriged.r_high:.1%`. So most of the gap was what only one of the two was taught; the diffusion model's
#   {result}`vae:general.single.within_0:.1%` stay ahead. Its read-out names positions, where the VAE's learns latents.
#
# The drop to "around 60 percent" is about what we find, if exact positions or a correlation of 0.95 is meant; within one site
# there is no such drop. The restricted set is not read with the high accuracy that the paper reports. The earlier work's
# wire, data and measure were its own, and ours has few restricted configurations to learn from (their number stands above).
#
# What could be wrong: one seed a network; the restricted network was trained for less time and with a smaller latent, its size
# chosen by us; other second stages may read better. All that was tried stands in the tables above.

# %% tags=["nbval-check-output", "hide-input"]
assert set(vae.meta["vae"]) == set(small.meta["vae"])
assert vae.meta["training_pairs"] > small.meta["training_pairs"]
found = positions.recover(restricted.images[:, 0], config.device)
assert (found == restricted.antidots).all(), "true images give true antidots"
every, few = general.configurations, restricted.configurations
assert (few[:, 1] == settings.upper).all() and len(few) < len(every)
print(
    f"{len(every)} general configurations, {len(few)} restricted ones: upper antidot at {tuple(settings.upper)}"
)
