"""Temperature: a conductance is the average of that at zero temperature over energies.

A device with several energies is an `Ensemble`. Whatever computes curves, images or derivatives
takes a sum over `parts`, so that an average is asked for as any other device is. The energies of
`warm` lie on a lattice that all temperatures of a wire share, and so does what is made for each.
"""

import dataclasses
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline, lagrange

from qfp.physics.wire import Device
from qfp.tools import SettingsError

APART = 0.9  # of the energies, in units of `coherence`
REACH = 3.0  # [k_B T] of the energies: 0.95 of -df/dE, which then stands for all of it
# [e^2/h] rms of the average over such energies against a fine one: 0.02 to 0.04 for k_B T of 0.003
# to 0.03 t, over 32 of the paper's wires. Noise of this size costs no answer.
ERROR = 0.035
# k_B T at most: in units of `coherence`, beyond which energies are too many, and of the energy,
# below which all of them have open modes
LARGEST = 4.0, 0.25


@dataclass(frozen=True)
class Ensemble(Device):
    """A wire whose curves are averages over energies.

    Attributes
    ----------
    nodes : tuple of (weight, energy [t])
    """

    nodes: tuple = ()


def averaged(device, nodes):
    """Ensemble of a device and some (weight, energy [t])."""
    nodes = tuple((float(weight), float(energy)) for weight, energy in nodes)
    return Ensemble(**_fields(device), nodes=nodes)


def warm(device, temperature):
    """A device at a temperature.

    Source: G(T) = integral dE (-df/dE) G(E), Landauer's formula at temperature T. Between the
    energies G is taken for a spline, whose average is a sum with these weights.

    Parameters
    ----------
    device : Device
    temperature : float
        k_B T [t].

    Returns
    -------
    Ensemble, or at zero the device itself

    Raises
    ------
    SettingsError
        Where the temperature is negative, no number, or so high that a curve says nothing.
    """
    scale = coherence(device)
    largest = min(LARGEST[0] * scale, LARGEST[1] * device.energy)
    if not 0 <= temperature <= largest:
        raise SettingsError(
            f"temperature {temperature:g}: expected k_B T in units of t, 0 to {largest:.3g} for "
            "this wire"
        )
    if temperature == 0:
        return device
    step = APART * scale
    away = step * np.arange(-(number := int(np.ceil(REACH * temperature / step))), number + 1)
    fine = np.linspace(away[0], away[-1], 4001)
    slope = np.cosh(fine / (2 * temperature)) ** -2.0  # -df/dE
    weights = slope / slope.sum() @ _cardinal(away, fine)
    return averaged(device, zip(weights, device.energy + away, strict=True))


def coherence(device):
    """Energy hbar v / L [t] over which curves change; v = sqrt(4 E - E^2) along the axis."""
    E = abs(device.energy)
    return max(4 * E - E * E, 1e-3) ** 0.5 / device.length


def _cardinal(x, fine):
    """Values (M, N) at `fine` (M,) of the splines through 1 at one of x (N,) and 0 at the others;
    of three points, of parabolas."""
    if len(x) > 3:
        return CubicSpline(x, np.eye(len(x)))(fine)
    return np.stack([lagrange(x, one)(fine) for one in np.eye(len(x))], axis=1)


def energies(device, temperature, points):
    """Nodes of the average over energies with -df/dE, for one temperature.

    Source: with f the variable of integration the weight is one, and Gauss and Legendre's nodes of
    f are energies.

    Parameters
    ----------
    device : Device
    temperature : float
        k_B T [t].
    points : int
        How many; the mistake falls with points, and grows with the temperature in units of
        `coherence`.

    Returns
    -------
    list of (weight, energy [t])
    """
    f, weight = np.polynomial.legendre.leggauss(points)
    f, weight = (f + 1) / 2, weight / 2
    return list(zip(weight, device.energy + temperature * np.log(f / (1 - f)), strict=True))


def parts(device):
    """[(weight, Device of one energy)] of a device."""
    if not isinstance(device, Ensemble):
        return [(1.0, device)]
    own = Device(**_fields(device))
    return [(weight, dataclasses.replace(own, energy=energy)) for weight, energy in device.nodes]


def average(device, of):
    """Sum of weight times of(Device of one energy), an array."""
    return sum(weight * of(own) for weight, own in parts(device))


def with_error(device, noise):
    """Noise of a curve as `covariance_of` takes it, the error of a temperature's average
    included."""
    if not isinstance(device, Ensemble):
        return noise
    F = device.field_points
    if np.ndim(noise) == 2:
        return noise + ERROR**2 * np.eye(F)
    return np.hypot(np.broadcast_to(0.0 if noise is None else noise, F), ERROR)


def _fields(device):
    """{name: value} of the fields of Device."""
    return {field.name: getattr(device, field.name) for field in dataclasses.fields(Device)}
