"""What the network sees: curves and images of zero mean and unit variance (Secs. III and IV)."""

import dataclasses
from dataclasses import dataclass

import numpy as np
import torch

from qfp.data.dataset import ORIENTATION
from qfp.physics.wire import padded
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
    length: int = within(1, 10**6)  # sites along it

    def spread(self):
        """Standard deviation [1/t] of the LDOS over the sites alone, without the padding."""
        # of the padded image
        sites = self.width * self.length / padded(self.width, self.length)[0] ** 2
        mean = self.image_mean / sites
        return float(np.sqrt((self.image_std**2 + self.image_mean**2) / sites - mean**2))

    def curve(self, conductance):
        """Conductance (..., F) [e^2/h] to a float32 tensor (..., F)."""
        scaled = (np.asarray(conductance, np.float64) - self.curve_mean) / self.curve_std
        return torch.as_tensor(scaled, dtype=torch.float32)

    def image(self, ldos):
        """LDOS (..., L, W) [1/t] to a float32 tensor (..., 1, S, S), zero padding to a square
        (footnote 1), see `padded`."""
        picture = torch.as_tensor(np.asarray(ldos), dtype=torch.float32)
        side, (left, below) = padded(self.width, self.length)
        right, above = side - self.width - left, side - self.length - below
        picture = torch.nn.functional.pad(picture, (left, right, below, above))
        return ((picture - self.image_mean) / self.image_std).unsqueeze(-3)

    def ldos(self, image):
        """Inverse of `image`: tensor (..., 1, S, S) to LDOS, float32 (..., L, W) [1/t]."""
        picture = image.detach().float().cpu().squeeze(-3) * self.image_std + self.image_mean
        left, below = padded(self.width, self.length)[1]
        return picture[..., below : below + self.length, left : left + self.width].numpy()


def normalisation(pairs, train):
    """Normalisation from the training pairs, train (M, 2) of (potential, configuration)."""
    p, n = train.T
    G = pairs.conductance[p, n].astype(np.float64)
    total = squares = 0.0
    for block in np.array_split(np.arange(len(train)), max(1, len(train) // 4096)):
        picture = pairs.ldos[p[block], n[block]].astype(np.float64)
        total, squares = total + picture.sum(), squares + np.square(picture).sum()
    pixels = len(train) * pairs.device.side**2
    mean = total / pixels
    return Normalisation(
        tuple(G.mean(axis=0).tolist()),
        tuple(G.std(axis=0).tolist()),
        mean,
        float(np.sqrt(squares / pixels - mean**2)),
        pairs.device.width,
        pairs.device.length,
    )


def contract(device, constants):
    """sha256 that binds weights to lattice, energy, field grid, radius, amplitude, orientation and
    normalisation."""
    known = dataclasses.asdict(constants)
    del known["length"]  # the device has it, and weights of before any length was taken say none
    return digest(as_dict(device), ORIENTATION, known)
