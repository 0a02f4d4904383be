"""The wire of Sec. III: what describes a device, and the random potential in it."""

from dataclasses import dataclass

import numpy as np

from qfp.tools import stream
from qfp.values import check_memory, within

CELL = 4  # pixels across a cell of the coarsest grid of a network


def padded(width, length):
    """Pixels across the square image that a network sees of a wire, its longer side rounded up to
    whole cells; and the padding of that image left of x = 0 and below y = 0, what is odd being
    right and above."""
    side = -(-max(width, length) // CELL) * CELL
    return side, ((side - width) // 2, (side - length) // 2)


@dataclass(frozen=True)
class Device:
    """A wire: a square lattice, a = t = 1, with circular antidots, and leads along y.

    Source: Sec. III.

    Attributes
    ----------
    width : int
        Sites across (x).
    length : int
        Sites along (y).
    energy : float
        Of the electrons [t]; the band begins at 0.
    radius : int or float
        Of an antidot, whole or half a number of sites: a disc dx^2 + dy^2 <= radius^2.
    field_max : float
        End of the sweep; a field b = 2 pi Phi/(h/e) is the phase around a plaquette [rad].
    field_points : int
        Of the sweep, ``numpy.linspace(0, field_max, field_points)``.
    amplitude : float
        The random potential is uniform in [-amplitude, amplitude] [t].

    Examples
    --------
    >>> wire = qfp.Device(50, 60, 0.5, 5, 0.05, 64, 0.05)
    >>> wire == qfp.load_preset("laptop").device
    True
    >>> wire.fields.shape
    (64,)
    """

    width: int = within(2, 10**6)  # sites across (x)
    length: int = within(3, 10**6)  # sites along (y)
    energy: float = within(-1e3, 1e3)  # [t]
    radius: int = within(0, 10**5, halves=True)  # antidot radius [sites]
    field_max: float = within(-100, 100)  # flux per plaquette, b = 2 pi Phi/(h/e) [rad]
    field_points: int = within(1, 10**5)  # numpy.linspace(0, field_max, field_points)
    amplitude: float = within(0, 1e3)  # random potential uniform in [-amplitude, amplitude] [t]

    @classmethod
    def from_file(cls, path):
        """Device of a YAML file, in laboratory or lattice units.

        Source: the wire of Sec. III in a physicist's own units; ``qfp device FILE`` explains it.

        Parameters
        ----------
        path : path
            With the fields of `Device`, or with width_nm, length_nm, radius_nm, effective_mass,
            density_per_m2 or fermi_energy_mev, field_max_tesla, and if wanted field_points,
            lattice_nm, disorder_mev or mean_free_path_nm, and of its curves, which `qfp decode`
            reads, temperature_kelvin, spin, antidots, gain, series_ohm, offset_tesla, background.

        Returns
        -------
        Device

        Raises
        ------
        SettingsError
            Where the file is none, or no lattice can stand for the wire.

        Examples
        --------
        >>> wire = qfp.Device.from_file("presets/gaas.yaml")
        >>> wire.width, wire.length, round(wire.energy, 2)
        (50, 60, 1.16)
        """
        from qfp.physics import device_file

        return device_file.read(path, cls)[0]

    @property
    def fields(self):
        """Magnetic fields of the sweep, shape (F,) [rad/plaquette]."""
        return np.linspace(0.0, self.field_max, self.field_points)

    @property
    def side(self):
        """Pixels across the square image that a network sees of this wire, see `padded`."""
        return padded(self.width, self.length)[0]

    @property
    def margins(self):
        """Padding of that image left of x = 0 and below y = 0."""
        return padded(self.width, self.length)[1]

    def check_size(self, where):
        """SettingsError where the Green's function of this wire without potential, between all its
        rows, does not fit into this machine."""
        needed = 16 * self.width**2 * (2 * self.length + 8)
        check_memory(needed, f"{where}: width={self.width}, length={self.length}")


def random_potential(seed, device):
    """Random potential of a wire, a pure function of its seed.

    Source: Sec. III.

    Parameters
    ----------
    seed : int
        0 to 4 are those of the dataset.
    device : Device

    Returns
    -------
    ndarray, float64 (length, width)
        [t], uniform in [-amplitude, amplitude], indexed [y, x].

    Examples
    --------
    >>> wire = qfp.load_preset("laptop").device
    >>> V = qfp.random_potential(0, wire)
    >>> V.shape, bool(abs(V).max() <= wire.amplitude)
    ((60, 50), True)
    """
    return stream("potential", seed).uniform(
        -device.amplitude, device.amplitude, size=(device.length, device.width)
    )
