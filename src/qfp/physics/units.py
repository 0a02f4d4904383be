"""From laboratory units to those of the lattice and back.

A square lattice of constant a stands for the effective-mass equation with t = hbar^2 / (2 m* a^2).
"""

import math
import re
from typing import NamedTuple

import numpy as np
from scipy import constants

NM, MEV = 1e-9, constants.e * 1e-3
SIEMENS = 3.874045865e-5  # e^2/h [S]


class Unit(NamedTuple):
    """A unit of a measured field or conductance."""

    name: str
    kind: str  # 'field', 'flux' (ours of the field), 'conductance' or 'resistance'
    size: float  # in T, rad/plaquette, e^2/h or h/e^2


PREFIXES = {"n": 1e-9, "m": 1e-3, "": 1.0, "k": 1e3, "K": 1e3, "M": 1e6}
PREFIXES |= dict.fromkeys(("u", "\u00b5", "\u03bc"), 1e-6)  # the micro sign and the letter mu
BASES = {  # that take prefixes: names (one letter: its case counts, s is a second), kind, size
    ("T", "tesla"): ("field", 1.0),
    ("G", "gauss", "oe", "oersted"): ("field", 1e-4),  # of Oe in vacuum
    ("S", "siemens", "mho"): ("conductance", 1 / SIEMENS),
    ("ohm", "ohms", "\u03a9", "\u2126"): ("resistance", SIEMENS),
}
WHOLE = {  # as they are, spaces and ^ left out
    ("rad/plaquette", "rad"): ("flux", 1.0),
    ("e2/h",): ("conductance", 1.0),
    ("2e2/h", "g0"): ("conductance", 2.0),
    ("h/e2",): ("resistance", 1.0),
}


def unit_of(text):
    """Unit of a text such as 'mT', 'Oe', 'e^2/h', 'uS' or 'kOhm'; None where it is none."""
    name = text.strip()
    plain = re.sub(r"[\s^]", "", name.lower().replace("\u00b2", "2"))
    for names, (kind, size) in WHOLE.items():
        if plain in names:
            return Unit(name, kind, size)
    for names, (kind, size) in BASES.items():
        for base in names:
            end = name if len(base) == 1 else name.lower()
            prefix = name[: len(name) - len(base)]
            if end.endswith(base) and prefix in PREFIXES:
                return Unit(name, kind, PREFIXES[prefix] * size)
    return None


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
