"""The wire of Sec. III: what describes a device, and the random potential in it."""

from dataclasses import dataclass

import numpy as np

from qfp.tools import stream


@dataclass(frozen=True)
class Device:
    """The wire of Sec. III: a square lattice with a = t = 1, two circular antidots, leads along y."""

    width: int  # sites across (x)
    length: int  # sites along (y)
    energy: float  # [t]
    radius: int  # antidot radius [sites]
    field_max: float  # flux per plaquette, b = 2 pi Phi/(h/e) [rad]
    field_points: int  # numpy.linspace(0, field_max, field_points)
    amplitude: float  # random potential uniform in [-amplitude, amplitude] [t]

    @property
    def fields(self):
        """Magnetic fields of the sweep, shape (F,) [rad/plaquette]."""
        return np.linspace(0.0, self.field_max, self.field_points)


def random_potential(seed, device):
    """Random potential [t], float64 (length, width), uniform in [-amplitude, amplitude]; a pure
    function of its seed."""
    return stream("potential", seed).uniform(
        -device.amplitude, device.amplitude, size=(device.length, device.width)
    )
