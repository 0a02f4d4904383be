"""The peer of our U-Net: diffusers' UNet2DConditionModel, narrowed until it has as many parameters,
on the same curve.

It reads the curve's tokens of our own path (`ConditionTransformer.tokens`) by cross-attention, as
its users would have it, and takes the place of a `UNet` in `loss.losses` and `diffusion.guided`.
What our path goes on to make of the tokens is left out.
"""

import dataclasses

import torch
from torch import nn
from torch.nn import functional as F

from qfp.model.anatomy import parameters
from qfp.model.condition import GRID, SIZE, Condition, ConditionTransformer
from qfp.tools import SettingsError

# name: pixel-unshuffle, kinds of our attention at whose levels the peer has its own, what it is
KINDS = {
    "peer": (
        1,
        ("linear", "full"),
        "images 1 x 60 x 60, levels 60, 30 and 15, attention at each level where ours has it",
    ),
    "peer unshuffled": (
        2,
        ("linear", "full"),
        "with our stem: images 4 x 30 x 30, levels 30 and 15, attention likewise",
    ),
    "peer unshuffled, sparing": (
        2,
        ("full",),
        "and attention only where ours is full: it has no linear kind",
    ),
}
FRACTIONS = (3 / 8, 3 / 4, 1)  # widths of the last levels, of the last one's
STEP = 8  # groups of its norms, of which widths are multiples


def library():
    """diffusers, in the extra `test`. Raises SettingsError where it is missing."""
    try:
        import diffusers.models.attention_processor
    except ImportError:
        raise SettingsError(
            "the peer is diffusers' UNet2DConditionModel, and package diffusers is not installed: "
            "pip install diffusers"
        ) from None
    return diffusers


class Tokens(ConditionTransformer):
    """Our path of the curve as far as its tokens (B, 30, width)."""

    def __init__(self, fields, network):
        super().__init__(
            fields, dataclasses.replace(network, condition_layers=0, condition_channels=()), ()
        )
        del self.columns, self.rows, self.maps
        self.null = nn.Parameter(torch.zeros(2 * GRID, network.condition_width))

    def features(self, tokens):
        """The tokens themselves."""
        return tokens

    def forward(self, features):
        """Condition of tokens, without maps."""
        return Condition(features, ())


class Peer(nn.Module):
    """One of KINDS for a Config, with widths (levels,) of its levels; `plain`: attention without
    PyTorch's fused kernel."""

    def __init__(self, config, kind, widths, plain=False):
        super().__init__()
        network, (self.unshuffle, kinds, _) = config.network, KINDS[kind]
        ours = {GRID * 2**i: attention for i, attention in enumerate(network.attention[::-1])}
        sizes = [GRID * 2**i for i in range(len(widths))][::-1]
        blocks = ["CrossAttn" if ours.get(size) in kinds else "" for size in sizes]
        self.condition = Tokens(config.device.field_points, network)
        self.unet = library().UNet2DConditionModel(
            sample_size=SIZE // self.unshuffle,
            in_channels=self.unshuffle**2,
            out_channels=self.unshuffle**2,
            # its name for their number
            block_out_channels=widths,
            layers_per_block=2,
            attention_head_dim=network.heads,
            down_block_types=[f"{block}DownBlock2D" for block in blocks],
            up_block_types=[f"{block}UpBlock2D" for block in blocks[::-1]],
            cross_attention_dim=network.condition_width,
            norm_num_groups=STEP,
            dropout=network.dropout,
        )
        if plain:
            self.unet.set_attn_processor(library().models.attention_processor.AttnProcessor())

    def encode(self, curve):
        """Condition of normalised curves (B, F)."""
        return self.condition(self.condition.tokens(curve))

    def drop(self, features, keep):
        """Tokens with those of the null condition where keep (B,) is False."""
        return torch.where(keep[:, None, None], features, self.condition.null.to(features.dtype))

    def forward(self, x, t, condition):
        """Prediction (B, 1, 60, 60) for noisy images x (B, 1, 60, 60) at steps t (B,)."""
        out = self.unet(F.pixel_unshuffle(x, self.unshuffle), t, condition.features).sample
        return F.pixel_shuffle(out, self.unshuffle)


def widths(config, kind, target):
    """Widths of a kind's levels with which it has nearly `target` parameters, the path of the curve
    included."""
    levels, best = (SIZE // GRID // KINDS[kind][0]).bit_length(), None
    for last in range(3 * STEP, 1024, STEP):
        tried = tuple(int(f * last) // STEP * STEP for f in FRACTIONS[-levels:])
        with torch.device("meta"):
            count = parameters(Peer(config, kind, tried))
        if best is None or abs(count - target) < abs(best[0] - target):
            best = count, tried
        if count > target:
            return best[1]
