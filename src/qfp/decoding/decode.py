# long: one road from curve to answer; a third of it are docstrings
"""From curves to images to antidots: sampling, recovery of positions from an image, consensus of
many samples.

A curve fixes the antidots only up to translation along y and the two inversions (Sec. III).
Training images are in the canonical placement, so samples are too, and positions are given there.
"""

from dataclasses import dataclass

import numpy as np
import torch

from qfp.config import Config
from qfp.data.normalise import Normalisation
from qfp.decoding import metrics
from qfp.decoding.positions import positions, read_head
from qfp.decoding.sets import conclude_sets, counted, read_map
from qfp.model import exported
from qfp.model.diffusion import Schedule, guided, sample
from qfp.model.precision import for_samples
from qfp.tools import SettingsError, progress_bar, stream


@dataclass(frozen=True)
class Decoded:
    """Answers to B curves from S samples each; antidots (x, y), lower first, in the canonical
    placement."""

    ldos: np.ndarray  # (B, S, L, W) [1/t], the samples
    antidots: np.ndarray  # (B, S, 2, 2), of each sample
    consensus: np.ndarray  # (B, 2, 2), see `agree`
    probability: np.ndarray  # (B,) share of the samples within one site of the consensus
    image: np.ndarray  # (B, L, W) [1/t], mean of the samples within one site of the consensus
    candidates: tuple  # for each curve ((antidots, share of the samples), ...), most frequent first

    @property
    def proposals(self):
        """What each curve's samples name: (B, S, 2, 2)."""
        return self.antidots


def agree(antidots, device):
    """Index of the sample (of S, 2, 2 antidots) that stands for all, and how far each is from it in
    sites (S,).

    The pair with most votes: a sample votes once for its own pair and once for each pair within one
    site of it, so that a cluster of near misses outweighs a repeated outlier. Ties go to the larger
    cluster, then to the earlier sample."""
    k = metrics.within(antidots[:, None], antidots[None], device)  # (S, S)
    exact, near = (k == 0).sum(axis=1), (k <= 1).sum(axis=1)
    best = int(((exact + near) * (len(k) + 1) + near).argmax())
    return best, k[best]


def sample_seeds(seed, samples):
    """Seeds of the noise of samples 0..samples-1: pure functions of (seed, index)."""
    return [int(stream("decode", seed, s).integers(2**63)) for s in range(samples)]


@dataclass(frozen=True)
class Decoder:
    """A trained network with all that it takes to decode curves with it.

    Source: Secs. II and IV.

    Attributes
    ----------
    model : UNet
        The network, in evaluation mode, float32.
    config : Config
        The settings that it was trained with; `config.device` is its wire.
    normal : Normalisation
        Constants that take curves and images to what the network sees.
    schedule : Schedule
        Its forward process.
    meta : dict
        What the weights' JSON says of their making.

    Examples
    --------
    >>> decoder = qfp.load("laptop")
    >>> decoder.config.device.field_points, decoder.schedule.steps
    (64, 1000)
    """

    model: torch.nn.Module
    config: Config
    normal: Normalisation
    schedule: Schedule
    meta: dict

    def given(self, curves):
        """Curves (B, F) [e^2/h] as the network takes them, where it lies."""
        return self.normal.curve(np.asarray(curves)).to(self.place)

    @property
    def place(self):
        """Where the network lies, a torch.device."""
        return next((p.device for p in self.model.parameters()), torch.device("cpu"))

    def decode(self, curves, samples=None, steps=None, **options):
        """Antidots and LDOS that fit curves (B, F) [e^2/h], as a `Decoded`; see `decode`."""
        return decode(self, curves, samples, steps, **options)


def load_decoder(name_or_path="laptop", device="cpu"):
    """Decoder of exported weights.

    Parameters
    ----------
    name_or_path : str or path
        A name stands for models/NAME.safetensors; where NAME.json lists shards, for these.
    device : str
        'cpu' or 'cuda'.

    Returns
    -------
    Decoder

    Raises
    ------
    SettingsError
        Where files are missing or do not fit.

    Examples
    --------
    >>> qfp.load("laptop").model.training
    False
    """
    path, meta, config, normal, files = exported.described(name_or_path)
    if "vae" in meta:
        raise SettingsError(
            f"{path.name} holds the two-stage baseline, which has no diffusion model"
        )
    schedule = Schedule.of(config.diffusion)
    model = exported.filled(exported.network_of(config), path, files).to(device)
    return Decoder(model, config, normal, schedule, meta)


def load_pairs_decoder(name_or_path):
    """Decoder of exported weights, for what knows two antidots alone. SettingsError as
    `load_decoder`, and where the weights read any number of them."""
    decoder = load_decoder(name_or_path)
    if decoder.config.training.curve_target == "occupancy":
        raise SettingsError(
            f"{name_or_path} reads any number of antidots, and here two are needed: "
            "qfp.load(WEIGHTS).decode(curves) decodes with it, other weights do what is asked"
        )
    return decoder


@torch.no_grad()
def draw(decoder, curves, seeds, steps=None, sampler=None, gamma=None, batch=None, progress=False):
    """LDOS samples (B, S, L, W) [1/t] for curves (B, F) [e^2/h], from noise seeds (B, S). None: the
    weights' setting.

    Each curve is encoded once; `batch` images at a time bound the memory, by default 32, on a GPU
    512."""
    model, config, constants, schedule = (
        decoder.model,
        decoder.config,
        decoder.normal,
        decoder.schedule,
    )
    steps, sampler, gamma = (
        getattr(config.sampling, name) if value is None else value
        for name, value in (("steps", steps), ("sampler", sampler), ("gamma", gamma))
    )
    device = decoder.place
    batch = batch or (512 if device.type == "cuda" else 32)
    seeds = np.asarray(seeds, np.uint64)
    rows = np.repeat(np.arange(len(curves)), seeds.shape[1])  # curve of each image
    images = []
    for start in progress_bar(
        range(0, len(rows), batch), desc="samples", unit="batch", disable=not progress
    ):
        part = slice(start, start + batch)
        own, local = np.unique(rows[part], return_inverse=True)
        shape = (1, config.device.side, config.device.side)
        with for_samples(schedule, device):
            condition = model.encode(decoder.given(np.asarray(curves)[own])).index(
                torch.as_tensor(local, device=device)
            )
            eps = guided(model, schedule, condition, gamma)
            noise = seeds.ravel()[part].tolist()
            x = sample(eps, schedule, noise, shape, sampler, steps, device=device)
        images.append(constants.ldos(x))
    return np.concatenate(images).reshape(*seeds.shape, config.device.length, config.device.width)


def decode(
    decoder,
    curves,
    samples=None,
    steps=None,
    sampler=None,
    gamma=None,
    seed=0,
    noise=None,
    progress=False,
):
    """Antidots and images that fit curves; `Decoder.decode` is the same.

    A network of any number of antidots (curve_target 'occupancy') gives `DecodedSets`.

    Source: Secs. II and IV.

    Parameters
    ----------
    decoder : Decoder
    curves : array (B, F)
        [e^2/h], at the fields of the decoder's device.
    samples, steps, sampler, gamma : optional
        In place of the weights' sampling settings; gamma is the deformation of Sec. II.
    seed : int or array (B,)
        Of the noise; one for all curves, or one for each.
    noise : array (B, F), optional
        Standard deviations [e^2/h] of the curves, where they are known; 0 changes nothing.
    progress : bool
        Whether a progress bar is shown.

    Returns
    -------
    Decoded or DecodedSets
        ldos (B, S, L, W) [1/t], antidots (B, S, 2, 2), consensus (B, 2, 2), probability (B,), image
        (B, L, W) [1/t], candidates.

    Examples
    --------
    >>> config = qfp.load_preset("laptop")
    >>> truth = [[14, 20], [35, 41]]
    >>> curve = qfp.solve(config.device, truth, qfp.random_potential(0, config.device))[0]
    >>> found = qfp.decode(qfp.load("laptop"), curve[None], samples=2, steps=5)
    >>> found.consensus.shape, found.image.shape
    ((1, 2, 2), (1, 60, 50))
    """
    samples = decoder.config.sampling.samples if samples is None else samples
    numbers = [int(s) for s in np.broadcast_to(seed, len(curves))]
    seeds = [sample_seeds(s, samples) for s in numbers]
    if noise is None:
        ldos = draw(decoder, curves, seeds, steps, sampler, gamma, progress=progress)
        return concluded(decoder, curves, ldos)
    # Each sample decodes the curve plus a further draw of its noise, so that their agreement says
    # what noise leaves open. On 200 dev curves with noise 0.05 (0.02) e^2/h, 8 samples: 0.78 (0.95)
    # of them name the consensus, exact in 0.77 (0.91) of the curves. All samples on the curve as it
    # is: 0.98 (0.99) name it, exact in 0.81 (0.90), too sure of it. The difference of the consensus
    # is -0.035, interval -0.089 to 0.017 (0.015, -0.004 to 0.043); within one site both have 0.985
    # or more.
    own = [
        [stream("decode curve", n, s).standard_normal(len(g)) for s in range(samples)]
        for n, g in zip(numbers, curves)
    ]
    blurred = np.asarray(curves)[:, None] + np.asarray(noise)[:, None] * own  # (B, S, F)
    ldos = draw(
        decoder,
        np.concatenate(blurred),
        np.reshape(np.array(seeds, np.uint64), (-1, 1)),
        steps,
        sampler,
        gamma,
        progress=progress,
    )
    return concluded(decoder, curves, ldos.reshape(len(curves), samples, *ldos.shape[2:]))


def concluded(decoder, curves, ldos):
    """Answer to curves (B, F) from LDOS samples (B, S, L, W) of a decoder: Decoded of pairs,
    DecodedSets where the network reads any number of antidots."""
    device = decoder.config.device
    if decoder.config.training.curve_target != "occupancy":
        return conclude(ldos, device)
    sites, numbers = read_map(decoder.model, decoder.given(curves), device)
    return conclude_sets(ldos, sites, numbers, device, agree)


def conclude(ldos, device):
    """Decoded from LDOS samples (B, S, L, W): positions of each sample, consensus, candidates."""
    antidots = positions(ldos, device)
    consensus, probability, image, candidates = [], [], [], []
    for pairs, pictures in zip(antidots, ldos):
        best, k = agree(pairs, device)
        consensus.append(pairs[best])
        probability.append((k <= 1).mean())
        image.append(pictures[k <= 1].mean(axis=0))
        candidates.append(counted(pairs))
    return Decoded(
        ldos,
        antidots,
        np.stack(consensus),
        np.array(probability),
        np.stack(image),
        tuple(candidates),
    )


def head_positions(decoder, curves):
    """Antidots (B, 2, 2) from the curve head's maps, canonical placement; None where the weights
    have no such head."""
    if decoder.config.training.curve_target != "positions":
        return None
    return read_head(decoder.model, decoder.given(curves), decoder.config.device)
