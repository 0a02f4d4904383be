"""A wire in a physicist's own units: nanometres, tesla, millielectronvolts, kelvins."""

import math
from dataclasses import dataclass, field
from functools import cached_property

from scipy import constants

from qfp.physics import leads
from qfp.physics.units import MEV, NM, fermi_energy, fermi_wavenumber, hopping, per_tesla


@dataclass(frozen=True)
class Laboratory:
    """A wire in laboratory units and the lattice that stands for it.

    Attributes
    ----------
    device : Device
    lattice : float
        Lattice constant a [nm].
    mass : float
        Effective mass [electron's].
    density : float
        Of electrons [1/m^2], both spins.
    temperature : float
        [K].
    antidots : tuple of int
        How many there may be.
    spin : int
        Spins that a measured conductance counts.
    unknown : dict
        {name: standard deviation} of what a measurement adds, in the file's units.
    radius : float
        Of an antidot, that of the file [nm]; the device has whole sites.
    """

    device: object
    lattice: float
    mass: float
    density: float
    temperature: float
    antidots: tuple = (2,)
    spin: int = 1
    unknown: dict = field(default_factory=dict)
    radius: float = 0.0

    @property
    def hopping(self):
        """t = hbar^2 / (2 m* a^2) [meV]."""
        return hopping(self.mass, self.lattice)

    @property
    def wavelength(self):
        """Fermi wavelength [nm]."""
        return 2 * math.pi / fermi_wavenumber(self.density) / NM

    @property
    def fermi_energy(self):
        """hbar^2 k_F^2 / (2 m*), that of the continuum [meV]."""
        return fermi_energy(self.mass, self.density)

    @property
    def energy(self):
        """Of the lattice [meV]."""
        return self.device.energy * self.hopping

    @property
    def tesla(self):
        """Largest field [T]."""
        return self.device.field_max / per_tesla(self.lattice)

    @property
    def cyclotron_radius(self):
        """hbar k_F / (e B) at the largest field [nm]."""
        return fermi_wavenumber(self.density) * constants.hbar / (constants.e * self.tesla) / NM

    @cached_property
    def anisotropy(self):
        """k_F along the lattice's diagonal less that along its axes, of their mean."""
        axis = math.acos(1 - self.device.energy / 2)
        diagonal = math.sqrt(2) * math.acos(1 - self.device.energy / 4)
        return 2 * (axis - diagonal) / (axis + diagonal)

    @property
    def mean_free_path(self):
        """v tau in Born approximation, hbar / tau = s^2 / (2 t) [nm]; infinite without disorder."""
        amplitude = self.device.amplitude
        ka = fermi_wavenumber(self.density) * self.lattice * NM
        return 12 * ka / amplitude**2 * self.lattice if amplitude else math.inf

    @property
    def thouless_energy(self):
        """hbar v / L, or hbar v l / (2 L^2) where the mean free path l is shorter than L [meV]."""
        k, length = fermi_wavenumber(self.density), self.device.length * self.lattice * NM
        velocity = constants.hbar * k / (self.mass * constants.m_e)
        slower = min(1.0, self.mean_free_path * NM / (2 * length))
        return constants.hbar * velocity / length * slower / MEV

    @property
    def kelvin(self):
        """k_B times one kelvin [t]."""
        return constants.k / MEV / self.hopping

    @property
    def thermal(self):
        """k_B T [t]."""
        return self.kelvin * self.temperature

    @cached_property
    def open_modes(self):
        """Of a lead at b = 0."""
        return leads.lead_modes(self.device, 0.0).open_modes
