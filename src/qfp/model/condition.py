"""The path of the curve (Sec. IV, Fig. 2): from a curve to tokens, features and the maps that every
level of the U-Net is concatenated with, and what is read off on the way.

Sizes are those of the paper's wire, as in `unet`.
"""

import math
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

from qfp.config import MOST_ANTIDOTS
from qfp.model.attention import FullAttention
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
