"""Reading measured or simulated magnetoconductance curves from CSV files onto the decoder's field
grid.

A file has a header line with the columns `field` [rad/plaquette, or T], `conductance` [e^2/h, or S]
and, where it is known, `noise`, the standard deviation of the conductance in its unit. Further
columns, blank lines and lines that start with # are ignored. Whatever is wrong becomes one line
that names the file and says what would be right.
"""

import csv
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from qfp.physics.leads import lead_modes
from qfp.tools import SettingsError

FLUX_QUANTUM = 4.135667697e-15  # h/e [Wb]
SIEMENS = 3.874045865e-5  # e^2/h [S]
CONDUCTANCE = ("e^2/h", "e²/h", "e2/h"), ("S", "siemens"), "--siemens"
UNITS = {  # of each column: ours, those of the SI, and the option that announces these
    "field": (("rad/plaquette",), ("T", "tesla"), "--lattice-nm A (the lattice constant in nm)"),
    "conductance": CONDUCTANCE,
    "noise": CONDUCTANCE,
}
WANTED = "the first line must be field,conductance or field,conductance,noise"
# name, then perhaps [unit] or (unit)
HEADER = re.compile(r"\s*([^\[\](]*?)\s*(?:[\[(]([^\])]*)[\])])?\s*")
SAME = 1e-7  # fields closer than this are one point [rad/plaquette]
OWN = 0.01  # a point this near to one of the decoder's fields, in steps between them, stands on it
GAP = 4  # widest gap between points, in the same steps
NOISES = 5  # a conductance may lie this many standard deviations outside its bounds
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


def per_tesla(lattice_nm):
    """b [rad/plaquette] of one tesla, 2 pi A^2 / (h/e), for a lattice constant A [nm]."""
    return 2 * np.pi * (lattice_nm * 1e-9) ** 2 / FLUX_QUANTUM


def read_curve(path, device, lattice_nm=None, siemens=False):
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
    notes = []
    lines, values = _read_table(
        path, {"field": lattice_nm is not None, "conductance": siemens, "noise": siemens}, notes
    )
    unit, scale = ("rad/plaquette", 1.0) if lattice_nm is None else ("T", per_tesla(lattice_nm))
    field, (conductance, *noise) = scale * values[0], values[1:] / (SIEMENS if siemens else 1.0)
    _check_order(path, lines, field, values[0])
    _check_range(path, values[0], scale, unit, device)
    _check_conductance(path, conductance, noise[0] if noise else 0.0, device, siemens)
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


# --- the file


def _read_table(path, si, notes):
    """Numbers of the lines, and what stands there in the columns, (2 or 3, rows); si: {column:
    whether in SI units}."""
    lines = _lines(path, notes)
    if not lines:
        raise SettingsError(f"{path}: the file is empty; {WANTED}")
    names, column = _columns(path, lines[0][1], si)
    rows = []
    for number, cells in lines[1:]:
        # commas at the end of a line
        cells = cells[: len(names)] + [cell for cell in cells[len(names) :] if cell]
        if len(cells) != len(names):
            hint = "; decimal commas? Save with decimal points" if len(cells) > len(names) else ""
            raise SettingsError(
                f"{path}, line {number}: {len(cells)} cells where the header has {len(names)}{hint}"
            )
        rows.append([_number(path, number, name, cells[place]) for name, place in column.items()])
    if len(rows) < 2:
        raise SettingsError(
            f"{path}: {len(rows)} lines of numbers below the header, a curve has more"
        )
    return [number for number, _ in lines[1:]], np.array(rows).T


def _lines(path, notes):
    """[(line number, cells)] without blank lines and comments."""
    try:
        data = Path(path).read_bytes()
    except IsADirectoryError:
        raise SettingsError(f"{path} is a folder: name CSV files") from None
    except OSError as error:
        raise SettingsError(f"cannot read {path}: {error.strerror}") from None
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise SettingsError(f"{path} is UTF-16 text: save it as 'CSV UTF-8'")
    if b"\0" in data:
        raise SettingsError(
            f"{path} is not a text file: a CSV file is wanted (a spreadsheet can save one)"
        )
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise SettingsError(
            f"{path}, line {line}: byte {data[error.start]:#x} is not UTF-8: save it as 'CSV UTF-8'"
        ) from None
    if text.startswith("\ufeff"):
        text = text[1:]
        notes.append("byte order mark skipped")
    reader = csv.reader(text.splitlines(), strict=True)
    try:
        return [
            (reader.line_num, [cell.strip() for cell in cells])
            for cells in reader
            if any(cell.strip() for cell in cells) and not cells[0].lstrip().startswith("#")
        ]
    except csv.Error as error:
        raise SettingsError(f"{path}, line {reader.line_num}: not valid CSV ({error})") from None


def _columns(path, header, si):
    """Names of all columns and {wanted one: its index}, units checked where the header states them."""
    while header and not header[-1]:
        header = header[:-1]
    parts = [HEADER.fullmatch(cell) for cell in header]
    names = [part[1].lower() if part else cell for part, cell in zip(parts, header)]
    column = {}
    for name, (ours, others, option) in UNITS.items():
        if name == "noise" and name not in names:
            continue
        if names.count(name) != 1:
            text = ",".join(header)
            separated = next(
                (what for sign, what in ((";", "semicolons"), ("\t", "tabs")) if sign in text), None
            )
            if separated:
                raise SettingsError(
                    f"{path}: the columns are separated by {separated}: save with commas, and "
                    "decimal points"
                )
            found = "two columns" if name in names else "no column"
            raise SettingsError(f"{path}: {found} {name!r} in the header {text[:60]!r}; {WANTED}")
        column[name] = names.index(name)
        unit = parts[column[name]][2]
        known, other = (
            [u.lower() for u in units] for units in ((others, ours) if si[name] else (ours, others))
        )
        if unit is not None and unit.strip().lower() not in known:
            give = f"{'leave out' if si[name] else 'give'} {option}"
            raise SettingsError(
                f"{path}: {name} is in [{unit}]: "
                + (
                    give
                    if unit.strip().lower() in other
                    else f"it must be in [{ours[0]}], or in [{others[0]}] with {option}"
                )
            )
    return names, column


def _number(path, line, name, cell):
    try:
        value = float(cell)
    except ValueError:
        wanted = (
            "is empty: fill it in, or leave the line out"
            if not cell
            else f"{cell[:20]!r} has a decimal comma: save with decimal points"
            if re.fullmatch(r"[-+\d]\d*,\d+", cell)
            else f"{cell[:20]!r} is not a number"
        )
        raise SettingsError(f"{path}, line {line}: {name} {wanted}") from None
    if not np.isfinite(value):
        raise SettingsError(f"{path}, line {line}: {name} is {cell}, a finite number is wanted")
    if name == "noise" and value <= 0:
        raise SettingsError(
            f"{path}, line {line}: noise {cell}: a standard deviation is above 0 (leave the column "
            "out where "
            "there is none)"
        )
    return value


# --- its numbers


def _check_order(path, lines, field, shown):
    """Fields rise or fall, each once. shown: in the file's unit."""
    change = np.where(np.abs(np.diff(field)) < SAME, 0, np.sign(np.diff(field)))
    turns = np.flatnonzero(change * next((c for c in change if c), 1) < 0)
    if len(turns):
        line = lines[turns[0] + 1]
        raise SettingsError(
            f"{path}, line {line}: the field turns, it must rise or fall throughout (one sweep a "
            "file)"
        )
    if not change.all():
        k = int(np.argmin(np.abs(change)))
        raise SettingsError(
            f"{path}: field {shown[k]:g} stands on lines {lines[k]} and {lines[k + 1]}: give each "
            "field once"
        )


def _check_range(path, field, scale, unit, device):
    """The whole sweep must be covered, but for half a step of the decoder's fields at the top,
    without wide gaps (around 0 the curve's mirror image counts). field, in units of `scale`
    [rad/plaquette]."""
    top, step = device.field_max / scale, device.fields[1] / scale
    folded = np.sort(np.abs(field))
    tesla = (
        " (is it in tesla? Then give --lattice-nm A, the lattice constant in nm)"
        if unit != "T" and folded[-1] > 2 * top
        else ""
    )
    low, high, wanted = folded[0], folded[-1], f"all of 0 to {top:.4g} {unit}"
    if unit != "T" and high > 20 * top:
        raise SettingsError(
            f"{path}: field goes up to {high:g} {unit}, the decoder needs {wanted}{tesla}"
        )
    if unit != "T" and np.isclose(high, top / (2 * np.pi), rtol=1e-3):
        raise SettingsError(
            f"{path}: field goes up to {high:g}, the decoder needs {wanted}: is it in flux quanta "
            "per "
            "plaquette? Multiply by 2 pi"
        )
    if 2 * low > GAP * step or high < top - step / 2:
        raise SettingsError(
            f"{path}: field covers {low:.4g} to {high:.4g}, the decoder needs {wanted}"
        )
    inside = int((folded < top + SAME / scale).sum())
    if inside < device.field_points // 2:
        raise SettingsError(
            f"{path}: {inside} points between 0 and {top:.4g} {unit} are too few: the decoder has "
            f"{device.field_points} fields, give at least {device.field_points // 2}{tesla}"
        )
    gaps = np.diff(folded)[:inside]
    if gaps.max() > GAP * step:
        start = folded[gaps.argmax()]
        raise SettingsError(
            f"{path}: no points between {start:.4g} and {start + gaps.max():.4g} {unit}: at most "
            f"{GAP * step:.2g} "
            "may lie between two"
        )


def _check_conductance(path, conductance, noise, device, siemens):
    """0 <= G <= the open modes at b = 0 (they only close in a field), or as far outside as the
    noise allows."""
    modes = lead_modes(device, 0.0).open_modes
    if not siemens and conductance.max() < 1e-2:
        raise SettingsError(
            f"{path}: conductance is {conductance.max():g} e^2/h at most: is it in siemens? Then "
            "give --siemens"
        )
    allowed = NOISES * np.broadcast_to(noise, conductance.shape) + 1e-6
    outside = np.maximum(-conductance, conductance - modes) - allowed
    if outside.max() > 0:
        value = conductance[outside.argmax()]
        hint = (
            "; is it in e^2/h? Then leave out --siemens"
            if siemens and value > 100 * modes
            else f", by more than {NOISES} times its noise"
            if np.ndim(noise)
            else "; where this is noise, add a column noise, its standard deviation"
        )
        raise SettingsError(
            f"{path}: conductance {value:g} lies outside 0 to {modes} e^2/h, the open modes of "
            "this "
            f"wire{hint}"
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
    error = _interpolation_error(
        field[inside], conductance[inside], None if noise is None else noise[inside]
    )
    notes.append(
        f"{len(field[inside])} points interpolated linearly onto the decoder's {len(grid)} fields, "
        "which costs about "
        f"{error:.3f} e^2/h rms; best measure at {best}"
    )
    return Curve(
        (1 - w) * conductance[left] + w * conductance[left + 1],
        None if noise is None else np.hypot((1 - w) * noise[left], w * noise[left + 1]),
        error,
        tuple(notes),
    )


def _interpolation_error(field, conductance, noise):
    """Estimated rms error [e^2/h] of interpolating between the points: at every second one, from
    its neighbours, less what noise alone would give there, times LEFT_OUT."""
    w = (field[1:-1:2] - field[:-2:2]) / (field[2::2] - field[:-2:2])
    square = ((1 - w) * conductance[:-2:2] + w * conductance[2::2] - conductance[1:-1:2]) ** 2
    if noise is not None:
        square -= ((1 - w) * noise[:-2:2]) ** 2 + (w * noise[2::2]) ** 2 + noise[1:-1:2] ** 2
    return LEFT_OUT * float(np.sqrt(max(square.mean(), 0.0)))
