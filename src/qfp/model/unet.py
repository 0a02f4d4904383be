"""Conditional U-Net (Sec. IV, Fig. 2); the path of its curve is in `condition`.

An image x_t (B, 1, 60, 60) goes down to 15 x 15 and up again; so says everything here, of the
paper's wire, and another wire has other numbers, four times as large the one as the other. At every
level and in both directions there are residual convolution blocks and a transformer block, whose
input is concatenated with the curve's map at that level's size.
"""

import math
from collections import OrderedDict
from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional as F

from qfp.model.attention import FullAttention, LinearAttention
from qfp.model.condition import SIZE, ConditionTransformer, Mlp, norm, outer, zero
from qfp.physics.wire import CELL


class ResidualBlock(nn.Module):
    """Two 3 x 3 convolutions; the time embedding scales and shifts in between (FiLM)."""

    def __init__(self, inputs, channels, time_width, dropout):
        super().__init__()
        self.norm1, self.conv1 = norm(inputs), nn.Conv2d(inputs, channels, 3, padding=1)
        self.film = nn.Linear(time_width, 2 * channels)
        self.norm2, self.conv2 = norm(channels), zero(nn.Conv2d(channels, channels, 3, padding=1))
        self.dropout = nn.Dropout(dropout)
        self.skip = nn.Conv2d(inputs, channels, 1) if inputs != channels else nn.Identity()

    def forward(self, x, time):
        h = self.conv1(F.silu(self.norm1(x)))
        scale, shift = self.film(time)[:, :, None, None].chunk(2, 1)  # (B, channels, 1, 1)
        h = self.norm2(h) * (1 + scale) + shift
        return self.skip(x) + self.conv2(self.dropout(F.silu(h)))


class TransformerBlock(nn.Module):
    """Image and the curve's map, concatenated, then self-attention and MLP over the pixels as
    tokens."""

    def __init__(self, channels, condition, kind, heads):
        super().__init__()
        self.norm = norm(channels)
        self.enter = nn.Linear(channels + condition, channels)
        kinds = {"full": FullAttention, "linear": LinearAttention}
        self.norm1 = nn.LayerNorm(channels) if kind in kinds else None
        self.attention = kinds[kind](channels, heads, channels // heads) if kind in kinds else None
        self.norm2, self.mlp = nn.LayerNorm(channels), Mlp(channels, 2 * channels)
        self.leave = zero(nn.Linear(channels, channels))

    def forward(self, x, condition):
        # (B, N, C + c)
        h = torch.cat([self.norm(x), condition.to(x.dtype)], 1).flatten(2).transpose(1, 2)
        h = self.enter(h)  # (B, N, C)
        if self.attention is not None:
            h = h + self.attention(self.norm1(h))
        h = self.leave(h + self.mlp(self.norm2(h)))
        return x + h.transpose(1, 2).unflatten(2, x.shape[2:])


class Stage(nn.ModuleDict):
    """One level in one direction: residual blocks, then the transformer block."""

    def __init__(self, inputs, channels, level, network, time_width):
        blocks = [
            ResidualBlock(inputs if i == 0 else channels, channels, time_width, network.dropout)
            for i in range(network.blocks)
        ]
        super().__init__(
            {
                "blocks": nn.ModuleList(blocks),
                "transformer": TransformerBlock(
                    channels,
                    network.condition_channels[level],
                    network.attention[level],
                    network.heads,
                ),
            }
        )

    def forward(self, x, time, condition):
        for block in self["blocks"]:
            x = block(x, time)
        return self["transformer"](x, condition)


class UNet(nn.Module):
    """The denoising network; `network` is a config.Network, `fields` the number of points of a
    curve, `size` that of pixels across an image.

    `forward(x, t, condition)` returns what the schedule's prediction says (ε or v), with t in
    0..T-1."""

    def __init__(self, network, fields, curve_target="none", size=SIZE):
        super().__init__()
        channels, self.unshuffle = network.channels, network.unshuffle
        self.sizes = tuple(size // network.unshuffle // 2**i for i in range(len(channels)))
        if CELL * self.sizes[-1] != size:
            raise ValueError(
                f"the last of {len(channels)} levels has {self.sizes[-1]} pixels across, not "
                f"{size // CELL}"
            )
        self.time_width = 4 * channels[0]
        self.time = nn.Sequential(
            nn.Linear(64, self.time_width),
            nn.SiLU(),
            nn.Linear(self.time_width, self.time_width),
            nn.SiLU(),
        )
        self.curve_target = curve_target
        self.condition = ConditionTransformer(
            fields, network, self.sizes, curve_target == "positions", curve_target == "occupancy"
        )
        self.pooled = nn.Conv2d(network.grid_width, 1, 1) if curve_target == "pooled" else None
        self.enter = nn.Conv2d(network.unshuffle**2, channels[0], 3, padding=1)
        steps = list(pairwise(channels))
        self.down = nn.ModuleList(
            Stage(c, c, i, network, self.time_width) for i, c in enumerate(channels)
        )
        self.reduce = nn.ModuleList(nn.Conv2d(a, b, 3, stride=2, padding=1) for a, b in steps)
        self.up = nn.ModuleList(
            Stage(2 * c, c, i, network, self.time_width) for i, c in enumerate(channels)
        )
        self.enlarge = nn.ModuleList(nn.Conv2d(b, a, 3, padding=1) for a, b in steps)
        self.leave = nn.Sequential(
            norm(channels[0]),
            nn.SiLU(),
            zero(nn.Conv2d(channels[0], network.unshuffle**2, 3, padding=1)),
        )

    def encode(self, curve, keep=None):
        """Condition of normalised curves (B, F); once per curve. Where keep (B,) is False: the null
        condition."""
        features = self.condition.features(self.condition.tokens(curve))
        return self.condition(features if keep is None else self.drop(features, keep))

    def drop(self, features, keep):
        """Features with those of the null condition where keep (B,) is False."""
        return torch.where(
            keep[:, None, None, None], features, self.condition.null.to(features.dtype)
        )

    def null(self, batch):
        """The learned null condition ∅ for `batch` samples."""
        return self.condition(self.condition.null.expand(batch, -1, -1, -1))

    def curve(self, curve):
        """What the extra curves train, from normalised curves (B, F) alone.

        'positions': log probabilities (B, 2, 60, 60) [lower and upper antidot, y, x] of the centres
        in the canonical placement, x in image columns; 'pooled': the normalised image averaged over
        4 x 4 pixels, (B, 1, 15, 15); 'occupancy': see `ConditionTransformer.occupancy`."""
        tokens = self.condition.tokens(curve)
        if self.condition.occupied:
            return self.condition.occupancy(tokens)
        return (
            outer(self.condition.profiles(tokens))
            if self.pooled is None
            else self.pooled(self.condition.features(tokens))
        )

    def embed_time(self, t):
        """Sinusoids of the step t (B,), through two layers: (B, time_width)."""
        frequencies = torch.exp(-math.log(10000.0) * torch.arange(32, device=t.device) / 32)
        angles = t[:, None].float() * frequencies  # (B, 32)
        return self.time(torch.cat([angles.cos(), angles.sin()], -1))

    def forward(self, x, t, condition):
        """Prediction (B, 1, 60, 60) for noisy images x (B, 1, 60, 60) at steps t (B,)."""
        time = self.embed_time(t)
        x = self.enter(F.pixel_unshuffle(x, self.unshuffle))
        skips = []
        for i, stage in enumerate(self.down):
            x = stage(x, time, condition.maps[i])
            skips.append(x)
            if i < len(self.reduce):
                x = self.reduce[i](x)
        for i in reversed(range(len(self.up))):
            if i < len(self.enlarge):
                x = self.enlarge[i](F.interpolate(x, scale_factor=2.0, mode="nearest"))
            x = self.up[i](torch.cat([x, skips[i]], 1), time, condition.maps[i])
        return F.pixel_shuffle(self.leave(x), self.unshuffle)

    def attention_layers(self):
        """The U-Net's attention modules by name, in the order in which they act: 'down60', ...,
        'up60'."""
        layers = OrderedDict()
        for way, stages in (
            ("down", list(enumerate(self.down))),
            ("up", list(enumerate(self.up))[::-1]),
        ):
            for i, stage in stages:
                if stage["transformer"].attention is not None:
                    layers[f"{way}{self.sizes[i]}"] = stage["transformer"].attention
        return layers
