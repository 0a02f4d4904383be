"""What fields and lengths are in tesla and nanometres for the one wire that a network knows."""

import numpy as np

from qfp.physics.units import per_tesla
from qfp.studies import tables


def wavelength(device):
    """Fermi wavelength along an axis of the lattice [sites], from E = 2 - 2 cos k."""
    return 2 * np.pi / np.arccos(1 - device.energy / 2)


def table(device, lattices):
    """A line of Markdown for each lattice constant [nm]: the wire in nm, its fields in T."""
    rows = [
        [
            "$A$ [nm]",
            "width [nm]",
            "Fermi wavelength [nm]",
            "radius of a hole [nm]",
            "$b$ of 1 T [rad]",
            "$B$ [T]",
            "step [mT]",
        ]
    ]
    for A in lattices:
        top = device.field_max / per_tesla(A)
        lengths = A * device.width, f"{A * wavelength(device):.1f}", A * device.radius
        step = 1000 * top / (device.field_points - 1)
        fields = f"{per_tesla(A):.3g}", f"0 to {top:.4g}", f"{step:.3g}"
        rows.append([str(A), *map(str, lengths), *fields])
    return tables.markdown(rows)
