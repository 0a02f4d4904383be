"""From laboratory units to those of the lattice and back.

A square lattice of constant a stands for the effective-mass equation with t = hbar^2 / (2 m* a^2).
"""

import math

import numpy as np
from scipy import constants

NM, MEV = 1e-9, constants.e * 1e-3


def hopping(mass, lattice):
    """t = hbar^2 / (2 m* a^2) [meV] of a lattice constant [nm]."""
    return constants.hbar**2 / (2 * mass * constants.m_e * (lattice * NM) ** 2) / MEV


def fermi_wavenumber(density):
    """k_F = sqrt(2 pi n) [1/m] of a density of both spins [1/m^2]."""
    return math.sqrt(2 * math.pi * density)


def fermi_energy(mass, density):
    """hbar^2 k_F^2 / (2 m*) [meV]."""
    return (constants.hbar * fermi_wavenumber(density)) ** 2 / (2 * mass * constants.m_e) / MEV


def per_tesla(lattice):
    """b = e B a^2 / hbar [rad/plaquette] of one tesla, for a lattice constant [nm]."""
    return constants.e * (lattice * NM) ** 2 / constants.hbar


def lattice_energy(ka):
    """Energy [t] of the Fermi line that holds as many states as the circle of radius ka."""
    from scipy.optimize import brentq  # every reader of curves loads this module, few need it

    def missing(energy):
        kx = np.linspace(0.0, math.acos(1 - energy / 2), 4001)
        ky = np.arccos(np.clip(2 - energy / 2 - np.cos(kx), -1, 1))
        return 4 * np.trapezoid(ky, kx) - math.pi * ka**2

    return float(brentq(missing, 1e-6, 4 - 1e-6, xtol=1e-9))
