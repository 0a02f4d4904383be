"""Temperature: a conductance is the average of that at zero temperature over energies.

A device with several energies is an `Ensemble`. Whatever computes curves, images or derivatives
takes a sum over `parts`, so that an average is asked for as any other device is. Higher
temperatures have the energies of lower ones and a further pair, so that what is made for each
energy is made once; the lowest have a pair of their own.
"""

import dataclasses
from dataclasses import dataclass

import numpy as np

from qfp.physics.wire import Device
from qfp.tools import SettingsError

# Energies on either side of the Fermi energy, and k_B T from which on the next are needed, in units
# of `coherence`. Chosen on 256 conductances of 32 of the paper's wires, where the average over 3, 5
# and 7 energies has errors of 0.018, 0.018 and 0.024 e^2/h rms at 0.0045, 0.01 and 0.02 t.
AWAY, ENOUGH = (0.55, 1.36, 2.7, 4.5), (0.25, 0.55, 1.0, 1.6)
GAUSS = 2.06  # [k_B T] of the pair for which an average over three energies is the best
RANGE = 2.6  # [coherence] over which a conductance keeps its value: correlations of those wires
SIZE = 1.3  # [e^2/h], its spread: with it measured errors are 0.5 to 1.2 of those expected
# three energies may miss a narrow resonance: two of 16 curves at 0.003 t, told of it, had errors of
# twice the mean and were flagged
NARROW = 2.0


@dataclass(frozen=True)
class Ensemble(Device):
    """A wire whose curves are averages over energies.

    Attributes
    ----------
    nodes : tuple of (weight, energy [t])
    error : float
        Of the average [e^2/h], rms, which the likelihood takes for noise.
    """

    nodes: tuple = ()
    error: float = 0.0


def averaged(device, nodes, error=0.0):
    """Ensemble of a device and some (weight, energy [t]); error of the average [e^2/h]."""
    nodes = tuple((float(weight), float(energy)) for weight, energy in nodes)
    return Ensemble(**_fields(device), nodes=nodes, error=float(error))


def warm(device, temperature):
    """A device at a temperature.

    Source: G(T) = integral dE (-df/dE) G(E), Landauer's formula at temperature T.

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
        Where the temperature is negative, no number, or higher than ENOUGH or the energy allow.
    """
    scale = coherence(device)
    enough = [T * scale for T, away in zip(ENOUGH, AWAY) if away * scale < 0.9 * device.energy]
    largest = enough[-1] if enough else 0.0
    if not 0 <= temperature <= largest:
        raise SettingsError(
            f"temperature {temperature:g}: expected k_B T in units of t, 0 to {largest:.3g} for "
            "this wire"
        )
    if temperature == 0:
        return device
    pairs = scale * np.array(AWAY[: 1 + int(np.searchsorted(enough, temperature))])
    low = len(pairs) == 1
    if low:  # a pair of its own
        pairs = np.minimum(pairs, GAUSS * temperature)
    away = np.concatenate([-pairs[::-1], [0.0], pairs])
    weight, error = quadrature(away, temperature, RANGE * scale)
    error *= SIZE * (NARROW if low else 1.0)
    return averaged(device, zip(weight, device.energy + away, strict=True), error)


def quadrature(away, temperature, reach):
    """Weights (N,) of the average with -df/dE over energies that are `away` (N,) from the Fermi
    energy [t], and its expected error in units of the spread: of all weights the best where a
    conductance has a Matern correlation over `reach` [t] (Bayesian quadrature, O'Hagan 1991)."""
    fine = temperature * np.linspace(-12, 12, 601)
    slope = np.cosh(fine / (2 * temperature)) ** -2.0  # -df/dE
    slope /= slope.sum()

    def correlation(d):
        d = np.sqrt(3) * abs(d) / reach
        return (1 + d) * np.exp(-d)

    inverse = np.linalg.inv(correlation(away[:, None] - away))
    found = inverse @ correlation(away[:, None] - fine) @ slope
    found += inverse.sum(axis=1) * (1 - found.sum()) / inverse.sum()  # a constant is its average
    every, left = np.concatenate([away, fine]), np.concatenate([found, -slope])
    return found, np.sqrt(max(left @ correlation(every[:, None] - every) @ left, 0.0))


def coherence(device):
    """Energy hbar v / L [t] over which curves change; v = sqrt(4 E - E^2) along the axis."""
    E = abs(device.energy)
    return max(4 * E - E * E, 1e-3) ** 0.5 / device.length


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
        return noise + device.error**2 * np.eye(F)
    return np.hypot(np.broadcast_to(0.0 if noise is None else noise, F), device.error)


def _fields(device):
    """{name: value} of the fields of Device."""
    return {field.name: getattr(device, field.name) for field in dataclasses.fields(Device)}
