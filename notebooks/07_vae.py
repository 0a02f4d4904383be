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
# :::{admonition} In short
# :class: tip in-short
# Does the authors' earlier VAE drop to "around 60 percent" on this data? Exact positions are a little lower,
# {result}`vae:general.two_stage.within_0:.1%` ({result}`vae:general.two_stage.within_0_interval:.1%`); within one site there is no
# such drop. More than half of its gap to the diffusion model closes with the interpolated curves that only the latter was given.
# :::
#
# **Claim** (Secs. I and III). A variational autoencoder (VAE, the paper's reference [7]) "successfully deciphered quantum
# fingerprints associated with restricted configurations". With the configurations of this paper "the accuracy of interference
# reconstruction using the VAE-based model drops to around 60 percent". It "requires a two-stage learning process".
#
# **Method.** We train such a VAE on the diffusion model's pairs and split; and another on restricted configurations, with one antidot
# fixed and the other anywhere below it.

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

# %% tags=["hide-input"]
from IPython.display import Markdown

import qfp
from qfp.decoding import positions
from qfp.figures import shares
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
# An **encoder** turns an image $x$ into a Gaussian $q(z|x)$ over the latent $z$; a **decoder** turns $z$ back into an
# image. Both learn from images alone:
#
# $$\mathcal{L}_1 = \big\langle (x - \hat x(z))^2 \big\rangle_{\rm pixels}
#   + \frac{\beta}{N_{\rm pixels}}\, D_{\rm KL}\big(q(z|x)\,\|\,\mathcal{N}(0, 1)\big), \qquad z \sim q(z|x).$$
#
# Then both are frozen, and a **second network** learns a Gaussian $p(z|G)$ over the latent for each curve,
# $\mathcal{L}_2 = D_{\rm KL}\big(q(z|x)\,\|\,p(z|G)\big)$. It is a residual network like the one that reads the curve in
# [](04_network). To decode a curve, the decoder gets the mean of $p(z|G)$. Sizes and $\beta$ were chosen on development curves.

# %% tags=["hide-input"]
print(findings.networks({"general": vae, "restricted": small}))

# %% tags=["hide-input", "hide-output"]
measured = frame.read_result(config.weights, baseline.STUDY)
MISSING = "No results: `make vae` makes them."
sweep = measured.get("sweep")
Markdown(baseline.sweep_table(sweep["rows"], sweep["best"]) if sweep else MISSING)

# %% tags=["hide-input", "hide-output"]
Markdown(baseline.sweep_table(sweep["second_rows"], sweep["second_best"]) if sweep else MISSING)

# %% [markdown]
# ## Side by side
#
# The third column is the true image after encoder and decoder, without any curve: what is missing there, no curve can bring back.

# %% tags=["hide-input"]
general = examples.general_examples(vae, decoder, 3, config.seed, config.sampling)
settings = load_baseline().restricted
restricted = examples.restricted_examples(small, settings, 2)

# %% mystnb={"figure": {"caption": "Three held-out general configurations: true LDOS at b = 0, the VAE's image from the curve, the VAE's image from the true image (no curve), and one sample of the diffusion model from the curve. True antidots outlined.", "name": "vae-general"}, "image": {"alt": "Grid of LDOS images, three wires in rows. The VAE's images show the antidots and the coarse ripples, its fine ripples are smoother than the truth; the diffusion sample is as sharp as the truth."}} tags=["hide-input"]
figures.side_by_side(general)

# %% [markdown]
# In the restricted configurations the fixed antidot stands next to the centre line. A pair and its mirror image then have almost the
# same curve, and some answers, like that to wire 1, are the mirror image, which counts as off by one site. The diffusion model, which answers in its canonical placement,
# is left out.

# %% mystnb={"figure": {"caption": "Two held-out restricted configurations: true LDOS, the VAE's image from the curve, and from the true image. True antidots outlined; from the curve of wire 1 comes the mirror image of the lower one.", "name": "vae-restricted"}, "image": {"alt": "Grid of LDOS images, two wires in rows, the upper antidot always in the middle of the wire; the VAE's images from the curve resemble the truth."}} tags=["hide-input"]
figures.side_by_side(restricted)

# %% [markdown]
# ## How good
#
# **One step** is the diffusion model's prediction from pure noise: a mean over the images that fit
# the curve, as the VAE's answer is. **Few** has as few general configurations as the restricted set; **one stage** was trained from
# curve to image at once; **kriged** had interpolated curves.

# %% mystnb={"figure": {"caption": "Shares of right answers on test curves with 95 % intervals (results/vae.json, results/vae_kriged.json); dotted: 95 %. Left: 1,000 general configurations. Right: 304 restricted ones, with a VAE of their own.", "name": "vae-accuracy"}, "image": {"alt": "Two panels of dots with whiskers. General set: the VAE is within one site nearly always and exact in about half; with interpolated curves in three quarters; the diffusion model in over nine tenths; its reconstructions are all right; with few configurations all shares fall to half and less. Restricted set: about as in the general one."}} tags=["hide-input"]
taught = frame.read_result(config.weights, kriged.STUDY)
panels = findings.panels(measured, taught) if measured and taught else {}
shares.whiskers(panels, (*shares.COLUMNS,), findings.NAMES) if panels else None

# %% tags=["hide-input", "hide-output"]
Markdown(findings.scores(measured, "general") if measured else MISSING)

# %% tags=["hide-input", "hide-output"]
Markdown(findings.scores(measured, "restricted") if measured else MISSING)

# %% [markdown]
# The paper does not say what counts as accurate. With a threshold in r, any accuracy can be had:

# %% mystnb={"figure": {"caption": "Share of test curves whose image has at least the Pearson correlation r with the true one (results/vae.json). The thin dotted line marks the paper's 60 percent.", "name": "vae-patterns"}, "image": {"alt": "Two panels of falling curves. In the general set the diffusion model stays high up to r of about 0.95, the VAE falls earlier; in the restricted set it falls earlier still, far from its reconstruction."}} tags=["hide-input"]
figures.patterns(measured, 0.6) if measured else None

# %% tags=["hide-input"]
if measured:
    print(findings.reached(measured, 0.6))

# %% [markdown]
# ## Why
#
# The diffusion model was given more: its curve encoder also learns from interpolated curves of all configurations,
# with their positions as labels, and from mixed potentials. **Kriged** gives the same curves to the second stage, with interpolated
# latents as labels.

# %% tags=["hide-input", "hide-output"]
if measured:
    print(findings.differences(measured))

# %% tags=["hide-input", "hide-output"]
Markdown(shown.table(kriged.STUDY, config.weights, kriged.in_markdown))

# %% [markdown]
# ## What it means, and what could be wrong
#
# - **"Around 60 percent"** is more than the share of exact positions, and than that of patterns with $r \ge 0.95$,
#   {result}`vae:general.two_stage.r_high:.1%` ({result}`vae:general.two_stage.r_high_interval:.1%`).
# - **Blur is not the reason.** Encoder and decoder alone give true images back.
# - **Nor are the two stages.** Trained as one, the network is exact less often
#   ({result}`vae:general.differences.stages.within_0:+.1%`, {result}`vae:general.differences.stages.within_0_interval:+.1%`).
# - **Too few curves** are the likely reason. With few general configurations, and a shorter training, the same network fails.
# - **Interpolated curves** raise its exact positions to {result}`vae_kriged:rows.kriged.within_0:.1%`
#   ({result}`vae_kriged:rows.kriged.difference.within_0:+.1%`,
#   {result}`vae_kriged:rows.kriged.difference.within_0_interval:+.1%`). The diffusion model's
#   {result}`vae:general.single.within_0:.1%` stay ahead; without such curves a smaller one is exact no more often than
#   the VAE ([](15_choices)).
# - **The restricted set** is not read with the high accuracy that the paper reports. But the earlier work had its own wire, data and
#   measure, and ours a short training, a smaller latent and the mirror images.
# - **What could be wrong.** One seed a network. The VAE was trained far shorter (above) than the diffusion model,
#   {result}`networks:networks.laptop.minutes:.0f` minutes. Another second stage may read better.
#
# ## Exercise
#
# Choose the correlation at which the VAE is "around 60 percent" accurate. At which one is the diffusion model?

# %% [markdown]
# :::{admonition} Solution
# :class: dropdown
# Both are, each at its own threshold: an accuracy means nothing without what counts as right.
# :::

# %% tags=["hide-input"]
if measured:
    ours, vaes = (
        baseline.best_share(measured["general"]["r"][row], 0.6) for row in ("single", "two_stage")
    )
    print(f"60 percent: VAE at r = {vaes:.3f}, diffusion model at r = {ours:.3f}")
    assert vaes < 0.95 < ours

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
