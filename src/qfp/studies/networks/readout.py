"""What the features of a network's condition path tell of the antidots: a linear probe, trained on
frozen features."""

import numpy as np
import torch
from torch import nn

from qfp.model.condition import GRID, SIZE
from qfp.model.precision import autocast
from qfp.physics import geometry
from qfp.tools import progress_bar, stream
from qfp.training.loss import position_loss

# Chosen on dev curves. A layer over the whole grid, or two layers, read no more curves within one
# site from trained features, and far more from untrained ones (57 and 84 %, not 24 %): that is the
# probe's own learning.
PROBE = {
    "steps": 1000,
    "batch": 256,
    "reach": 2,
    "learning_rate": 5e-3,
    "weight_decay": 0.05,
    "sigma": 0.5,
}


@torch.no_grad()
def features(path, constants, curves):
    """What a condition path makes of curves (B, F): its 15 x 15 features averaged over rows, then
    over columns.

    float16 (B, 30, c), 15 columns (x) and then 15 rows (y), as the path's tokens; those of all
    pairs fit in memory."""
    found = []
    for part in constants.curve(curves).split(512):
        with autocast("auto", "cpu"):
            grid = path.features(path.tokens(part)).float()  # (B, c, 15, 15)
        found.append(torch.cat([grid.mean(2), grid.mean(3)], 2).transpose(1, 2).half())
    return torch.cat(found)


class Probe(nn.Module):
    """Linear read-out of positions from features (M, 30, c), trained on antidots (M, 2, 2) that
    they belong to.

    A multinomial regression with soft labels onto the 60 columns and the 60 rows of each antidot.
    Like a convolution of the U-Net it has the same weights everywhere and sees `reach` grid cells
    to either side; only its bias knows where it is. margins: as a Device has them; settings: as
    PROBE. The result is a pure function of the arguments."""

    def __init__(self, features, antidots, margins, seed, settings):
        super().__init__()
        self.margins, block, reach = margins, SIZE // GRID, settings["reach"]
        axes = features[:4096].float().unflatten(1, (2, GRID))  # (m, xy, 15, c)
        self.mean = axes.mean((0, 2))  # (xy, c)
        self.std = axes.std((0, 2)) + 1e-3 * axes.std()
        centres = torch.as_tensor(np.asarray(antidots, np.float32)) + torch.tensor(margins)
        with torch.random.fork_rng(devices=()):
            torch.manual_seed(seed)
            self.axes = nn.ModuleList(
                nn.Conv1d(features.shape[-1], 2 * block, 2 * reach + 1, padding=reach)
                for _ in range(2)
            )
            self.bias = nn.Parameter(torch.zeros(2, 2, SIZE))
        optimizer = torch.optim.AdamW(
            self.parameters(),
            settings["learning_rate"],
            weight_decay=settings["weight_decay"],
            fused=True,
        )
        plan = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, settings["steps"])
        for step in progress_bar(range(settings["steps"]), desc="read-out", unit="step"):
            chosen = torch.from_numpy(
                stream("probe", seed, step).integers(len(features), size=settings["batch"])
            )
            loss = position_loss(self(features[chosen]), centres[chosen], settings["sigma"])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            plan.step()

    def forward(self, features):
        """Log probabilities (B, 2, 2, 60) [lower and upper antidot; x, y; image column or row] of
        the centres."""
        scaled = (features.float().unflatten(1, (2, GRID)) - self.mean[:, None]) / self.std[:, None]
        # 15 x 4 of a row: 60
        logits = [
            layer(part.transpose(1, 2)).unflatten(1, (2, -1)).transpose(2, 3).flatten(2)
            for layer, part in zip(self.axes, scaled.unbind(1), strict=True)
        ]
        return (torch.stack(logits, 2) + self.bias).float().log_softmax(-1)

    @torch.no_grad()
    def read(self, features):
        """Antidots (B, 2, 2), the most probable columns and rows."""
        return self(features).argmax(-1).numpy() - self.margins


def read_out(path, constants, pairs, train, curves, seed):
    """Antidots (B, 2, 2) that a Probe, trained on rows `train` (M, 2) of pairs, reads off features
    of curves (B, F)."""
    p, n = train.T
    margins = pairs.device.margins
    probe = Probe(
        features(path, constants, pairs.conductance[p, n]), pairs.antidots[n], margins, seed, PROBE
    )
    return geometry.canonical(probe.read(features(path, constants, curves)), pairs.device)


def untrained(result):
    """What the probe reads off features of untrained networks, of the result of study `networks`,
    in a sentence."""
    shares = (
        f"{row['readout_untrained']['within_1']:.0%} ({name})"
        for name, row in result["networks"].items()
    )
    return (
        "the probe is linear, and alone finds something: on features of untrained networks within "
        f"one site {', '.join(shares)}"
    )
