"""Measured or simulated magnetoconductance curves from text files, at the decoder's fields.

A file has a line that names its columns, `field`, `conductance` and, where it is known, `noise`,
the standard deviation of the conductance; units may stand there, [mT] or (kOhm). Whatever was
measured more often than the decoder's fields ask for is averaged, and what is left of its noise is
known. Whatever is wrong becomes one line that names the file and says what would be right.
"""

from dataclasses import dataclass

import numpy as np

from qfp.data.averaging import averaged
from qfp.data.columns import Reading, read_columns
from qfp.data.curve_checks import check_conductance, check_range, shown_unit
from qfp.data.smoothing import Points
from qfp.physics.units import per_tesla
from qfp.tools import SettingsError


@dataclass(frozen=True)
class Curve:
    """A curve at the decoder's fields, and what is known of its errors."""

    conductance: np.ndarray  # (F,) [e^2/h]
    covariance: np.ndarray  # (F, F) of its errors [(e^2/h)^2]; 0 where none are known
    notes: tuple = ()  # what was done to the file's numbers, in words

    @property
    def error(self):
        """Standard deviation (F,) of the conductance [e^2/h]."""
        return np.sqrt(np.diag(self.covariance))


def read_curve(
    path, device, lattice_nm=None, siemens=False, spin=1, columns=None, units=None, offset=0.0
):
    """Curve of a text file at a device's fields.

    Sweeps in both directions, at both signs of the field and over and over again are averaged by
    G(b) = G(-b), with the weights that the noise allows; between points the curve is a Brownian
    path, as smooth as the points say (`smoothing`). The noise is that of the column, else that of
    repeats or of neighbours. Where branches disagree beyond it this is told, and counts as error.

    Parameters
    ----------
    path : path
        With columns field, conductance or resistance, and perhaps noise; without units in the
        header [rad/plaquette] and [e^2/h].
    device : Device
    lattice_nm : float, optional
        Lattice constant [nm]: the field is in tesla, or in what the header or `units` says.
    siemens : bool
        Conductance and noise are in siemens, whatever the header says.
    spin : int
        How many spins the conductance counts: 2 for that of a wire at small fields; the solver's
        counts one.
    columns : str, optional
        Names or numbers of the columns: 'B,R2' or '1,4,5', the third is the noise.
    units : str, optional
        Of the field and the conductance, such as 'mT,uS' or 'kohm', whatever the header says.
    offset : float or 'auto'
        Of the file's field, taken off [T with a lattice constant, else rad/plaquette]; 'auto': that
        about which the curve is symmetric, and by which its two branches lag.

    Returns
    -------
    Curve
        conductance (F,) [e^2/h], covariance (F, F) [(e^2/h)^2], notes.

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
    reading, notes = Reading(lattice_nm, siemens, spin, columns, units).checked(), []
    auto = offset == "auto"
    if not auto and not (isinstance(offset, (int, float)) and np.isfinite(offset)):
        raise SettingsError(f"--offset {offset}: expected a field such as 0.02, or auto")
    found = read_columns(path, reading, notes)
    taken_off = 0.0 if auto else offset * (1.0 if lattice_nm is None else per_tesla(lattice_nm))
    field = found.field - taken_off
    check_range(path, field, found, device)
    unit = shown_unit(found)
    variance = np.ones(len(field)) if found.noise is None else found.noise**2
    points = Points(field, found.conductance, variance, np.ones(len(field), bool))
    curve = Curve(
        *averaged(
            points,
            found.noise is not None,
            device.fields,
            auto,
            lambda *b: " +- ".join(f"{v / found.scale:.3g}" for v in b) + f" {unit}",
            notes,
        ),
        tuple(notes),
    )
    check_conductance(path, curve, found.units["conductance"], spin, device)
    return curve
