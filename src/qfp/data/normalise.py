"""What the network sees: curves and images of zero mean and unit variance (Secs. III and IV)."""

import dataclasses
from dataclasses import dataclass

import numpy as np
import torch

from qfp.data.dataset import ORIENTATION
from qfp.tools import as_dict, digest
from qfp.values import within


@dataclass(frozen=True)
class Normalisation:
    """Constants that take curves and images to zero mean and unit variance; from training pairs
    only."""

    curve_mean: tuple = within(-1e6, 1e6, of=float)  # (F,) [e^2/h]
    curve_std: tuple = within(1e-12, 1e6, of=float)  # (F,) [e^2/h]
    image_mean: float = within(-1e6, 1e6)  # [1/t], of the padded image
    image_std: float = within(1e-12, 1e6)  # [1/t]
    width: int = within(1, 10**6)  # sites across the wire, without the padding

    def spread(self, length):
        """Standard deviation [1/t] of the LDOS over the sites alone of wires of this length,
        without the padding."""
        sites = self.width / length  # of the padded image
        mean = self.image_mean / sites
        return float(np.sqrt((self.image_std**2 + self.image_mean**2) / sites - mean**2))

    def curve(self, conductance):
        """Conductance (..., F) [e^2/h] to a float32 tensor (..., F)."""
        scaled = (np.asarray(conductance, np.float64) - self.curve_mean) / self.curve_std
        return torch.as_tensor(scaled, dtype=torch.float32)

    def image(self, ldos):
        """LDOS (..., L, W) [1/t] to a float32 tensor (..., 1, L, L), zero padding left and right
        (footnote 1)."""
        picture = torch.as_tensor(np.asarray(ldos), dtype=torch.float32)
        margin = (picture.shape[-2] - picture.shape[-1]) // 2
        picture = torch.nn.functional.pad(picture, (margin, margin))
        return ((picture - self.image_mean) / self.image_std).unsqueeze(-3)

    def ldos(self, image):
        """Inverse of `image`: tensor (..., 1, L, L) to LDOS, float32 (..., L, W) [1/t]."""
        picture = image.detach().float().cpu().squeeze(-3) * self.image_std + self.image_mean
        margin = (picture.shape[-1] - self.width) // 2
        return picture[..., margin : margin + self.width].numpy()


def normalisation(pairs, train):
    """Normalisation from the training pairs, train (M, 2) of (potential, configuration)."""
    p, n = train.T
    G = pairs.conductance[p, n].astype(np.float64)
    L, W = pairs.device.length, pairs.device.width
    total = squares = 0.0
    for block in np.array_split(np.arange(len(train)), max(1, len(train) // 4096)):
        picture = pairs.ldos[p[block], n[block]].astype(np.float64)
        total, squares = total + picture.sum(), squares + np.square(picture).sum()
    pixels = len(train) * L * L
    mean = total / pixels
    return Normalisation(
        tuple(G.mean(axis=0).tolist()),
        tuple(G.std(axis=0).tolist()),
        mean,
        float(np.sqrt(squares / pixels - mean**2)),
        W,
    )


def contract(device, constants):
    """sha256 that binds weights to lattice, energy, field grid, radius, amplitude, orientation and
    normalisation."""
    return digest(as_dict(device), ORIENTATION, dataclasses.asdict(constants))
