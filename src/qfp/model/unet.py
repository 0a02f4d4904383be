# long: the whole network in one file, from the curve to the image
"""Conditional U-Net and condition transformer (Sec. IV, Fig. 2).

An image x_t (B, 1, 60, 60) goes down to 15 x 15 and up again; so says everything here, of the
paper's wire, and another wire has other numbers, four times as large the one as the other. At every
level and in both directions there are residual convolution blocks and a transformer block, whose
input is concatenated with the curve's map at that level's size.
"""

import math
from collections import OrderedDict
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional as F

from qfp.config import MOST_ANTIDOTS
from qfp.model.attention import FullAttention, LinearAttention
from qfp.physics.wire import CELL

SIZE = 60  # pixels across of an image of the paper's wire
GRID = SIZE // CELL  # pixels across at the most downsampled level
RANK = 24  # products of rows and columns of which the map of occupancy is the sum
BELIEF = 4.0  # scale of the maps of believed positions, which are 0 at nearly all pixels


@dataclass(frozen=True)
class Condition:
    """What the U-Net sees of a curve: its features (B, grid_width, 15, 15) and one map (B, c, H, W)
    per level."""

    features: torch.Tensor
    maps: tuple

    def index(self, i):
        """Condition of the samples i (an index tensor or a slice)."""
        return Condition(self.features[i], tuple(m[i] for m in self.maps))

    def repeat(self, samples):
        """Each curve `samples` times in a row, (B * samples, ...)."""
        return Condition(
            self.features.repeat_interleave(samples, 0),
            tuple(m.repeat_interleave(samples, 0) for m in self.maps),
        )


def zero(layer):
    """Layer with weights and bias 0: a residual branch that starts as the identity."""
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


def norm(channels):
    """GroupNorm with groups of at least 4 channels."""
    return nn.GroupNorm(math.gcd(channels, 8), channels)


class Mlp(nn.Sequential):
    """Two layers with GELU between, on the last axis; the last starts at 0."""

    def __init__(self, width, hidden):
        super().__init__(nn.Linear(width, hidden), nn.GELU(), zero(nn.Linear(hidden, width)))


def small(*shape):
    """Gaussian numbers of deviation 0.02; none on the meta device, where drawing them would load
    all of sympy, a second."""
    values = torch.empty(shape)
    return values if values.is_meta else values.normal_(std=0.02)


class ConditionTransformer(nn.Module):
    """Reshapes a curve (B, F) to a map at each level of the U-Net (Sec. IV).

    A residual MLP over the whole curve makes one token per row and per column of the 15 x 15 grid.
    With `positions`, a linear read-out of each token gives logits of the antidots' centres over its
    4 rows or columns: that is what the extra curves train, at the price of an MLP. With `occupancy`
    it gives instead a map of any number of centres, a sum of products of rows and columns, and
    logits of their number. Transformer layers then mix the tokens; a feature at (y, x) is the sum
    of what the tokens of row y and column x say, and the believed positions are features too. All
    maps are read from these features by one linear layer each."""

    def __init__(self, fields, network, sizes, positions=False, occupancy=False):
        super().__init__()
        width, hidden = network.condition_width, network.condition_hidden
        grid = sizes[-1] if sizes else GRID  # without maps the paper's wire
        self.width, self.grid_width = width, network.grid_width
        self.positions, self.occupied = positions, occupancy
        self.sizes, self.grid = sizes, grid
        self.enter = nn.Linear(fields, hidden)
        self.stem = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(hidden), Mlp(hidden, hidden))
            for _ in range(network.condition_blocks)
        )
        self.embed = nn.Sequential(nn.LayerNorm(hidden), nn.Linear(hidden, 2 * grid * width))
        self.position = nn.Parameter(small(2 * grid, width))
        self.layers = nn.ModuleList(
            nn.ModuleList(
                [
                    nn.LayerNorm(width),
                    FullAttention(width, network.heads, width // network.heads),
                    nn.LayerNorm(width),
                    Mlp(width, 4 * width),
                ]
            )
            for _ in range(network.condition_layers)
        )
        read = 2 if positions else RANK if occupancy else 0
        self.across, self.along = (nn.Linear(width, read * CELL) if read else None for _ in "xy")
        self.many = nn.Linear(2 * grid * width, MOST_ANTIDOTS) if occupancy else None
        own = network.grid_width - CELL**2 * (2 if positions else 1 if occupancy else 0)
        self.columns, self.rows = (
            nn.Sequential(nn.LayerNorm(width), nn.Linear(width, own)) for _ in range(2)
        )
        self.null = nn.Parameter(torch.zeros(network.grid_width, grid, grid))
        self.maps = nn.ModuleList(
            nn.Conv2d(network.grid_width, c * (size // grid) ** 2, 1)
            for c, size in zip(network.condition_channels, sizes, strict=True)
        )

    def tokens(self, curve):
        """Tokens (B, 30, width) of normalised curves (B, F): 15 columns (x), then 15 rows (y)."""
        x = self.enter(curve)  # (B, hidden)
        for block in self.stem:
            x = x + block(x)
        x = self.embed(x).unflatten(1, (2 * self.grid, self.width))
        return x + self.position.to(x.dtype)

    def profiles(self, tokens):
        """Log probabilities (B, 2, 2, 60) [lower and upper antidot; x, y; image column or row] of
        the centres."""
        columns, rows = tokens.chunk(2, 1)
        parts = self.across(columns), self.along(rows)  # (B, 15, 2 * 4)
        logits = torch.stack([p.unflatten(2, (2, -1)).transpose(1, 2).flatten(2) for p in parts], 2)
        return logits.float().log_softmax(-1)

    def occupancy(self, tokens):
        """Log probabilities (B, 60, 60) [y, x] that the centre of an antidot of the wire, any one
        of them, is there; and (B, 6) of there being 1, 2, ... antidots."""
        columns, rows = tokens.chunk(2, 1)
        parts = self.across(columns), self.along(rows)  # (B, 15, RANK * 4)
        x, y = (p.unflatten(2, (RANK, -1)).transpose(1, 2).flatten(2).float() for p in parts)
        with torch.autocast(x.device.type, enabled=False):
            sites = y.mT @ x  # (B, 60, 60)
        number = self.many(tokens.flatten(1)).float()
        return sites.flatten(1).log_softmax(-1).view_as(sites), number.log_softmax(-1)

    def believed(self, tokens):
        """Probability maps (B, c, 60, 60) of centres: of either antidot, or the map of occupancy as
        so many as there are expected to be."""
        if self.positions:
            return outer(self.profiles(tokens)).exp()
        sites, number = self.occupancy(tokens)
        expected = number.exp() @ torch.arange(1.0, 1 + number.shape[1], device=number.device)
        return (sites.exp() * expected[:, None, None])[:, None]

    def features(self, tokens):
        """Features (B, grid_width, 15, 15) of tokens (B, 30, width)."""
        x = tokens
        for norm1, attention, norm2, mlp in self.layers:
            x = x + attention(norm1(x))
            x = x + mlp(norm2(x))
        columns, rows = self.columns(x[:, : self.grid]), self.rows(x[:, self.grid :])  # (B, 15, c)
        x = F.silu(rows[:, :, None] + columns[:, None]).permute(0, 3, 1, 2)  # (B, c, 15, 15)
        # detached: only curves, of which there are far more, teach where the antidots are
        if self.positions or self.occupied:
            believed = BELIEF * self.believed(tokens).detach()
            x = torch.cat([x, F.pixel_unshuffle(believed, CELL).to(x.dtype)], 1)
        return x.contiguous()

    def forward(self, features):
        """Condition of features (B, grid_width, 15, 15): maps (B, c, H, W) at each level's size."""
        maps = (
            F.pixel_shuffle(layer(features), size // self.grid)
            for layer, size in zip(self.maps, self.sizes, strict=True)
        )
        return Condition(features, tuple(maps))


def outer(profiles):
    """Log probability maps (B, 2, 60, 60) [antidot, y, x] from profiles (B, 2, 2, 60)."""
    return profiles[:, :, 1, :, None] + profiles[:, :, 0, None, :]


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
