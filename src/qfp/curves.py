"""Reading measured or simulated magnetoconductance curves from CSV files onto the decoder's field grid.

A file has a header line and the columns `field` [rad/plaquette] and `conductance` [e^2/h]; others are ignored, and so are
lines that start with #. Whatever is wrong becomes one line that names the file and says what would be right.
"""

import csv
import re
from pathlib import Path

import numpy as np

from .config import SettingsError
from .leads import lead_modes

UNITS = {"field": ("rad/plaquette",), "conductance": ("e^2/h", "e²/h", "e2/h")}
WANTED = "the first line must be field,conductance ([rad/plaquette], [e^2/h])"
HEADER = re.compile(r"\s*([^\[\](]*?)\s*(?:[\[(]([^\])]*)[\])])?\s*")  # name, then perhaps [unit] or (unit)
SAME = 1e-9  # fields closer than this are one point [rad/plaquette]


def read_curve(path, device, report=lambda note: None):
    """Conductance (F,) [e^2/h] of a CSV file at the device's fields.

    Another grid that covers the range is interpolated linearly, negative fields are folded by G(b) = G(-b); both are told
    to `report`. Curves have resonances as narrow as the grid's spacing, so that interpolation costs accuracy: about
    0.04 e^2/h rms from 65 points, 0.07 from 32 (no better with a spline). Raises SettingsError (one line) for everything that cannot be decoded."""
    field, conductance = read_table(path)
    _check_values(path, field, conductance, device)
    if (field < 0).any():
        report(f"{path}: negative fields folded onto positive ones, G(-b) = G(b)")
    field, conductance = _folded(field, conductance)
    grid = device.fields
    if len(field) == len(grid) and np.abs(field - grid).max() < SAME:
        return conductance
    inside = int(((field > grid[0] - SAME) & (field < grid[-1] + SAME)).sum())
    if inside < len(grid) // 2:
        raise SettingsError(f"{path}: {inside} points between b = {grid[0]:g} and {grid[-1]:g} are too few: the decoder's "
                            f"grid has {len(grid)}, give at least {len(grid) // 2}")
    report(f"{path}: {inside} points interpolated linearly onto the decoder's {len(grid)} fields; the answer is less certain, "
           f"best give numpy.linspace({grid[0]:g}, {grid[-1]:g}, {len(grid)})")
    return np.interp(grid, field, conductance)


def read_table(path):
    """Columns field and conductance of a CSV file as they stand there, two float arrays (rows,)."""
    lines = _lines(path)
    if not lines:
        raise SettingsError(f"{path}: the file is empty; {WANTED}")
    names, column = _columns(path, lines[0][1])
    rows = []
    for number, cells in lines[1:]:
        if len(cells) != len(names):
            raise SettingsError(f"{path}, line {number}: {len(cells)} cells where the header has {len(names)}")
        rows.append([_number(path, number, name, cells[column[name]]) for name in UNITS])
    if len(rows) < 2:
        raise SettingsError(f"{path}: {len(rows)} data lines, a curve needs more")
    field, conductance = np.array(rows).T
    order = np.argsort(field, kind="stable")
    twice = np.flatnonzero(np.diff(field[order]) < SAME)
    if len(twice):
        a, b = (lines[1 + order[i]][0] for i in (twice[0], twice[0] + 1))
        raise SettingsError(f"{path}: field {field[order[twice[0]]]:g} stands on lines {a} and {b}: give each field once")
    return field[order], conductance[order]


def _lines(path):
    """[(line number, cells)] without blank lines and comments."""
    try:
        text = Path(path).read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    except IsADirectoryError:
        raise SettingsError(f"{path} is a folder: name CSV files") from None
    except OSError as error:
        raise SettingsError(f"cannot read {path}: {error.strerror}") from None
    if "\0" in text:
        raise SettingsError(f"{path} is not a text file: a CSV file is wanted, {WANTED}")
    reader = csv.reader(text.splitlines())
    try:
        return [(reader.line_num, [cell.strip() for cell in cells]) for cells in reader
                if any(cell.strip() for cell in cells) and not cells[0].lstrip().startswith("#")]
    except csv.Error as error:
        raise SettingsError(f"{path}, line {reader.line_num}: not valid CSV ({error})") from None


def _columns(path, header):
    """Names of all columns and the index of each wanted one, units checked where the header states them."""
    parts = [HEADER.fullmatch(cell) for cell in header]
    names = [part[1].lower() if part else cell for part, cell in zip(parts, header)]
    column = {}
    for name, units in UNITS.items():
        if names.count(name) != 1:
            found = "two columns" if name in names else "no column"
            hint = " (one line without commas: are the columns separated by something else?)" if len(header) == 1 else ""
            raise SettingsError(f"{path}: {found} {name!r} in the header {','.join(header)[:60]!r}{hint}; {WANTED}")
        column[name] = names.index(name)
        unit = (parts[column[name]][2] or units[0]).strip()
        if unit.lower() not in units:
            raise SettingsError(f"{path}: {name} is in [{unit}], it must be in [{units[0]}]")
    return names, column


def _number(path, line, name, cell):
    try:
        value = float(cell)
    except ValueError:
        raise SettingsError(f"{path}, line {line}: {name} {cell[:20]!r} is not a number") from None
    if not np.isfinite(value):
        raise SettingsError(f"{path}, line {line}: {name} is {cell}, a finite number is wanted")
    return value


def _check_values(path, field, conductance, device):
    """Range and units: the sweep must be covered, and 0 <= G <= the open modes at b = 0 (they only close in a field)."""
    top, high = device.field_max, np.abs(field).max()
    modes = lead_modes(device, 0.0).open_modes
    if high > 100 * top:
        raise SettingsError(f"{path}: field goes up to {high:g}, the sweep to {top:g} rad/plaquette (2 pi Phi/(h/e) for one "
                            "plaquette): is it in tesla?")
    if np.isclose(high, top / (2 * np.pi), rtol=1e-3):
        raise SettingsError(f"{path}: field goes up to {high:g}, the sweep to {top:g} rad/plaquette: is it in flux quanta "
                            "per plaquette? Multiply by 2 pi")
    folded = np.abs(field)
    if folded.min() > SAME or high < top - SAME:
        raise SettingsError(f"{path}: field covers {folded.min():g} to {high:g}, the decoder needs all of 0 to {top:g} "
                            "rad/plaquette")
    if conductance.min() < -1e-6 or conductance.max() > modes + 1e-6:
        value = conductance.min() if conductance.min() < -1e-6 else conductance.max()
        raise SettingsError(f"{path}: conductance {value:g} lies outside 0 to {modes} e^2/h, the open modes of this wire")
    if conductance.max() < 1e-2:
        raise SettingsError(f"{path}: conductance is {conductance.max():g} at most: is it in siemens? Divide by "
                            "e^2/h = 3.87405e-5 S")


def _folded(field, conductance):
    """Curve at |b|, rising; where +b and -b were both measured, their mean."""
    field = np.abs(field)
    order = np.argsort(field, kind="stable")
    field, conductance = field[order], conductance[order]
    group = np.concatenate([[0], np.cumsum(np.diff(field) > SAME)])
    count = np.bincount(group)
    return np.bincount(group, field) / count, np.bincount(group, conductance) / count
