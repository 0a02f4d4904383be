"""Temperature: a conductance is the average of that at zero temperature over energies."""

import dataclasses

import numpy as np

from qfp.physics import green


def energies(device, temperature, points):
    """Nodes of the average over energies with -df/dE (Landauer formula at temperature T).

    Source: G(T) = integral dE (-df/dE) G(E); with f the variable of integration the weight is one,
    and Gauss and Legendre's nodes of f are energies.

    Parameters
    ----------
    device : Device
    temperature : float
        k_B T [t].
    points : int
        How many; the mistake falls with points, and grows with the temperature in units of the
        energy over which a curve becomes another one.

    Returns
    -------
    list of (weight, energy [t])
    """
    f, weight = np.polynomial.legendre.leggauss(points)
    f, weight = (f + 1) / 2, weight / 2
    return list(zip(weight, device.energy + temperature * np.log(f / (1 - f)), strict=True))


def wires(device, b, thermal=None):
    """(weight, clean wire) at a field b for each of the energies; None: the device's own alone."""
    if thermal is None:
        return [(1.0, green.clean_wire_cached(device, b))]
    return ((w, green.clean_wire(own, b)) for w, own in devices(device, thermal))


def devices(device, thermal):
    """(weight, Device) for each of the energies."""
    return [(float(w), dataclasses.replace(device, energy=float(E))) for w, E in thermal]
