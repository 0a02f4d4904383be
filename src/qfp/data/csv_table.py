"""Numbers of a CSV file with a header; what is wrong names the file, the line and the remedy."""

import csv
import re
from pathlib import Path

import numpy as np

from qfp.tools import SettingsError

CONDUCTANCE = ("e^2/h", "e²/h", "e2/h"), ("S", "siemens"), "--siemens"
UNITS = {  # of each column: ours, those of the SI, and the option that announces these
    "field": (("rad/plaquette",), ("T", "tesla"), "--lattice-nm A (the lattice constant in nm)"),
    "conductance": CONDUCTANCE,
    "noise": CONDUCTANCE,
}
WANTED = "the first line must be field,conductance or field,conductance,noise"
# name, then perhaps [unit] or (unit)
HEADER = re.compile(r"\s*([^\[\](]*?)\s*(?:[\[(]([^\])]*)[\])])?\s*")


def read_table(path, si, notes):
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
    """Names of all columns and {wanted one: its index}, units checked where the header has them."""
    while header and not header[-1]:
        header = header[:-1]
    parts = [HEADER.fullmatch(cell) for cell in header]
    names = [part[1].lower() if part else cell for part, cell in zip(parts, header)]
    column = {}
    for name in UNITS:
        if name == "noise" and name not in names:
            continue
        _check_once(path, name, names, ",".join(header))
        column[name] = names.index(name)
        unit = parts[column[name]][2]
        if unit is not None:
            _check_unit(path, name, unit, si[name])
    return names, column


def _check_once(path, name, names, header):
    """A column must stand there once."""
    if names.count(name) == 1:
        return
    for sign, what in ((";", "semicolons"), ("\t", "tabs")):
        if sign in header:
            raise SettingsError(
                f"{path}: the columns are separated by {what}: save with commas, and decimal points"
            )
    found = "two columns" if name in names else "no column"
    raise SettingsError(f"{path}: {found} {name!r} in the header {header[:60]!r}; {WANTED}")


def _check_unit(path, name, unit, si):
    """The unit in a header must be the one that is meant; si: whether that is an SI unit."""
    ours, others, option = UNITS[name]
    own, stated = unit.strip().lower(), [[u.lower() for u in units] for units in (ours, others)]
    known, other = stated[::-1] if si else stated
    if own in known:
        return
    wanted = f"it must be in [{ours[0]}], or in [{others[0]}] with {option}"
    if own in other:
        wanted = f"{'leave out' if si else 'give'} {option}"
    raise SettingsError(f"{path}: {name} is in [{unit}]: {wanted}")


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
            "out where there is none)"
        )
    return value
