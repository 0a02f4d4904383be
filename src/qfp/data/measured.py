"""Reading measured or simulated magnetoconductance curves from CSV files onto the decoder's field
grid.

A file has a header line with the columns `field` [rad/plaquette, or T], `conductance` [e^2/h, or S]
and, where it is known, `noise`, the standard deviation of the conductance in its unit. Further
columns, blank lines and lines that start with # are ignored. Whatever is wrong becomes one line
that names the file and says what would be right.
"""

from dataclasses import dataclass

import numpy as np

from qfp.data.csv_table import read_table
from qfp.data.curve_checks import SAME, check_conductance, check_order, check_range
from qfp.physics.units import per_tesla
from qfp.tools import SettingsError

SIEMENS = 3.874045865e-5  # e^2/h [S]
OWN = 0.01  # a point this near to one of the decoder's fields, in steps between them, stands on it
# Error of interpolation over that at every second point, left out and interpolated from the others:
# 0.40 to 0.53 in rms over 60 wires, for 32 to 256 points (errors 0.07 to 0.014 e^2/h). One curve's
# own ratio is 0.2 to 0.8 in nine of ten.
LEFT_OUT = 0.47


@dataclass(frozen=True)
class Curve:
    """A curve at the decoder's fields, and what is known of its errors."""

    conductance: np.ndarray  # (F,) [e^2/h]
    noise: np.ndarray | None  # (F,) standard deviation that the file gives [e^2/h]
    interpolation: float  # estimated rms error of resampling [e^2/h]; 0 on the decoder's own fields
    notes: tuple  # what was done to the file's numbers, in words

    @property
    def error(self):
        """Standard deviation (F,) of noise and interpolation together [e^2/h]."""
        return np.hypot(
            np.zeros_like(self.conductance) if self.noise is None else self.noise,
            self.interpolation,
        )


def read_curve(path, device, lattice_nm=None, siemens=False, spin=1):
    """Curve of a CSV file at a device's fields.

    A falling sweep is turned round, negative fields are folded by G(b) = G(-b), any other grid that
    covers the range is interpolated linearly: curves have resonances as narrow as the grid's
    spacing, and no spline does better. What it costs is estimated by leaving every second point
    out.

    Parameters
    ----------
    path : path
        Columns field [rad/plaquette], conductance [e^2/h] and perhaps noise [e^2/h].
    device : Device
    lattice_nm : float, optional
        The field is in tesla, this is the lattice constant [nm].
    siemens : bool
        Conductance and noise are in siemens.
    spin : int
        How many spins the conductance counts: 2 for that of a wire at small fields; the solver's
        counts one.

    Returns
    -------
    Curve
        conductance (F,) [e^2/h], noise (F,) or None, interpolation [e^2/h], notes.

    Raises
    ------
    SettingsError
        For everything that cannot be decoded.

    Examples
    --------
    >>> import numpy as np, tempfile
    >>> wire = qfp.load_preset("laptop").device
    >>> file = tempfile.mkdtemp() + "/curve.csv"
    >>> table = np.column_stack([wire.fields, np.full(64, 3.0)])
    >>> np.savetxt(file, table, delimiter=",", header="field,conductance", comments="")
    >>> qfp.read_curve(file, wire).conductance.shape
    (64,)
    """
    if lattice_nm is not None and not (
        isinstance(lattice_nm, (int, float)) and 0 < lattice_nm < np.inf
    ):
        raise SettingsError(
            f"--lattice-nm {lattice_nm}: a lattice constant in nm is wanted, such as 5"
        )
    if spin not in (1, 2):
        raise SettingsError(f"--spin {spin}: a curve counts 1 spin or 2")
    notes = []
    lines, values = read_table(
        path, {"field": lattice_nm is not None, "conductance": siemens, "noise": siemens}, notes
    )
    unit, scale = ("rad/plaquette", 1.0) if lattice_nm is None else ("T", per_tesla(lattice_nm))
    one = spin * (SIEMENS if siemens else 1.0)
    field, (conductance, *noise) = scale * values[0], values[1:] / one
    check_order(path, lines, field, values[0])
    check_range(path, values[0], scale, unit, device)
    check_conductance(path, conductance, noise[0] if noise else 0.0, device, siemens)
    if (field < 0).any():
        notes.append("negative fields folded onto positive ones, G(-b) = G(b)")
    field, conductance, noise = _folded(field, conductance, noise[0] if noise else None)
    return _resampled(
        device.fields,
        f"numpy.linspace(0, {device.field_max / scale:.6g}, {device.field_points}) {unit}",
        field,
        conductance,
        noise,
        notes,
    )


def _folded(field, conductance, noise):
    """The curve at |b|, rising; where +b and -b were both measured, their mean and its noise."""
    order = np.argsort(np.abs(field), kind="stable")
    field = np.abs(field)[order]
    group = np.concatenate([[0], np.cumsum(np.diff(field) > SAME)])
    count = np.bincount(group)
    field, conductance = (
        np.bincount(group, values) / count for values in (field, conductance[order])
    )
    return (
        field,
        conductance,
        None if noise is None else np.sqrt(np.bincount(group, noise[order] ** 2)) / count,
    )


def _resampled(grid, best, field, conductance, noise, notes):
    """Curve at the fields of a grid (F,); best: these in words."""
    if len(field) == len(grid) and np.abs(field - grid).max() < OWN * grid[1]:
        return Curve(conductance, noise, 0.0, tuple(notes))
    place = np.interp(grid, field, np.arange(len(field)))  # beyond the ends: the values there
    left = np.minimum(place.astype(int), len(field) - 2)
    w = place - left
    inside = slice(0, int((field < grid[-1] + SAME).sum()))
    error = interpolation_error(
        field[inside], conductance[inside], None if noise is None else noise[inside]
    )
    notes.append(
        f"{len(field[inside])} points interpolated linearly onto the decoder's {len(grid)} fields, "
        f"which costs about {error:.3f} e^2/h rms; best measure at {best}"
    )
    return Curve(
        (1 - w) * conductance[left] + w * conductance[left + 1],
        None if noise is None else np.hypot((1 - w) * noise[left], w * noise[left + 1]),
        error,
        tuple(notes),
    )


def interpolation_error(field, conductance, noise=None):
    """Estimated rms error [e^2/h] of interpolating between the points: at every second one, from
    its neighbours, less what noise alone would give there, times LEFT_OUT."""
    w = (field[1:-1:2] - field[:-2:2]) / (field[2::2] - field[:-2:2])
    square = ((1 - w) * conductance[:-2:2] + w * conductance[2::2] - conductance[1:-1:2]) ** 2
    if noise is not None:
        square -= ((1 - w) * noise[:-2:2]) ** 2 + (w * noise[2::2]) ** 2 + noise[1:-1:2] ** 2
    return LEFT_OUT * float(np.sqrt(max(square.mean(), 0.0)))
