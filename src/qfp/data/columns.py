"""Which columns of a file are the field, the conductance and its noise, and in which units."""

import re
from typing import NamedTuple

import numpy as np

from qfp.data.csv_table import WANTED, Sheet
from qfp.data.text_file import opened
from qfp.physics.units import SIEMENS, Unit, per_tesla, unit_of
from qfp.tools import SettingsError

WORDS = {  # parts of names, and names
    "field": (("field",), ("b", "h", "mu0h")),
    "conductance": (("conductance", "resistance"), ("g", "r")),
    "noise": ((), ("noise",)),
}
KINDS = {"field": ("field", "flux"), "conductance": ("conductance", "resistance")}
KINDS["noise"] = KINDS["conductance"]
OURS = {"field": Unit("rad/plaquette", "flux", 1.0), "conductance": Unit("e^2/h", "conductance", 1)}
TESLA, IN_SIEMENS = Unit("T", "field", 1.0), Unit("S", "conductance", 1 / SIEMENS)
RESISTANCE = r"^\s*r\s*$|resistance"  # a name that needs its unit: kohm look like e^2/h
# name, then perhaps [unit] or (unit)
HEADER = re.compile(r"\s*(.*?)\s*[\[(]([^\[\]()]*)[\])]\s*")


class Reading(NamedTuple):
    """How a file's numbers are to be read; what the file says is taken where this says nothing."""

    lattice_nm: float | None = None
    siemens: bool = False
    spin: int = 1
    columns: str | None = None  # names or numbers, with commas
    units: str | None = None  # of the field and the conductance, with commas

    def checked(self):
        """Itself; SettingsError where it says what cannot be."""
        a = self.lattice_nm
        if a is not None and not (isinstance(a, (int, float)) and 1e-3 <= a <= 1e6):
            raise SettingsError(f"--lattice-nm {a}: a lattice constant in nm is wanted, such as 5")
        if self.spin not in (1, 2):
            raise SettingsError(f"--spin {self.spin}: a curve counts 1 spin or 2")
        self.stated()
        return self

    def stated(self):
        """{column: Unit} of the options."""
        found = {"conductance": IN_SIEMENS} if self.siemens else {}
        for text in [] if self.units is None else self.units.split(","):
            unit = unit_of(text)
            name = next((n for n, kinds in KINDS.items() if unit and unit.kind in kinds), None)
            if name is None or (name in found and found[name] != unit):
                raise SettingsError(
                    f"--units {self.units}: expected that of the field, that of the conductance or "
                    "resistance, or both with a comma, such as mT,uS or kohm"
                )
            found[name] = unit
        return found


class Measured(NamedTuple):
    """Numbers of a file, in our units."""

    lines: np.ndarray  # int (n,)
    field: np.ndarray  # (n,) [rad/plaquette]
    conductance: np.ndarray  # (n,) [e^2/h], of one spin
    noise: np.ndarray | None  # (n,) [e^2/h], of one spin
    units: dict  # {'field': Unit, 'conductance': Unit}, as they were read
    scale: float  # of the field that is shown, T or rad/plaquette, in rad/plaquette


def read_columns(path, reading, notes):
    """Measured of a file, as a Reading says."""
    with opened(path, notes) as file:
        sheet = Sheet(path, file, notes)
        names, column, units = _chosen(sheet, reading)
        lines, values = sheet.read(column, max(len(names), max(column.values()) + 1))
    stated = reading.stated()
    usual = OURS if reading.lattice_nm is None else OURS | {"field": TESLA}
    unit = usual | units | stated
    name = names[column["conductance"]]
    if re.search(RESISTANCE, name, re.IGNORECASE) and "conductance" not in units | stated:
        raise SettingsError(f"{path}: column {name!r} has no unit: give --units ohm or kohm")
    noise_unit = unit["conductance"] if "conductance" in stated else units.get("noise")
    _tell(names, column, units, usual, notes)
    if unit["conductance"].kind == "resistance" and not values[1].all():
        line = lines[np.flatnonzero(values[1] == 0)[0]]
        raise SettingsError(f"{path}, line {line}: a resistance of 0 has no conductance")
    field, scale = _in_flux(path, values[0], unit["field"], reading.lattice_nm)
    conductance, noise = _in_quanta(
        values[1], values[2] if len(values) > 2 else None, unit["conductance"], noise_unit
    )
    noise = None if noise is None else noise / reading.spin
    return Measured(lines, field, conductance / reading.spin, noise, unit, scale)


def _chosen(sheet, reading):
    """Names of all columns, {wanted one: its index} and {wanted one: Unit} of the header that says
    the most."""
    first, beside = None, []
    if reading.columns is not None and not sheet.headers:
        return [""] * sheet.width, _asked(sheet, reading.columns, [""] * sheet.width), {}
    for row in sheet.headers:
        if all(unit_of(cell) or not cell for cell in row.cells):
            beside = row.cells  # a line of units
            continue
        parts = [_parts(cell) for cell in row.cells]
        for i, unit in enumerate(beside[: len(parts)]):
            parts[i] = (parts[i][0], parts[i][1] or unit)
        try:
            column = (
                _found(sheet, row, parts)
                if reading.columns is None
                else _asked(sheet, reading.columns, [name for name, _ in parts], row.cells)
            )
        except SettingsError as error:
            first = first or error
            continue
        units = {n: _unit(sheet, n, parts[i][1], reading) for n, i in column.items()}
        return [name for name, _ in parts], column, {n: u for n, u in units.items() if u}
    raise first or SettingsError(
        f"{sheet.path}: no line names the columns; {WANTED}, or give --columns 1,2"
    )


def _parts(cell):
    """Name and unit, or None, of a cell of a header."""
    found = HEADER.fullmatch(cell)
    if found:
        return found[1], found[2].strip()
    name, _, unit = cell.partition("/")
    return (name.strip(), unit.strip()) if unit and unit_of(unit) else (cell, None)


def _unit(sheet, name, text, reading):
    """Unit that a header gives a column, None where it says nothing or an option overrides it."""
    unit = None if text is None else unit_of(text)
    told = "conductance" if name == "noise" else name
    if not text or told in reading.stated():
        return None
    if unit is None or unit.kind not in KINDS[name]:
        known = "rad/plaquette, T, mT, Oe, G" if name == "field" else "e^2/h, S, uS, ohm, kohm"
        raise SettingsError(
            f"{sheet.path}: {name} is in [{text}]: it must be in one of {known}; if it is, say so "
            f"with --units {'T' if name == 'field' else 'S'}"
        )
    return unit


def _found(sheet, row, parts):
    """{wanted column: its index} by the names and units of a header."""
    column = {}
    for name, (words, names) in WORDS.items():
        plain = [own.lower() for own, _ in parts]
        found = [i for i, own in enumerate(plain) if own == name]
        for rule in (
            lambda own, unit, names=names: own in names,
            lambda own, unit, words=words: any(word in own for word in words),
            lambda own, unit, name=name: name != "noise" and unit and unit.kind in KINDS[name],
        ):
            found = found or [
                i
                for i, (own, unit) in enumerate(parts)
                if rule(own.lower(), unit_of(unit or "")) and i not in column.values()
            ]
        if len(found) == 1:
            column[name] = found[0]
        elif found or name != "noise":
            header = ",".join(row.cells)[:100]
            what = f"{len(found)} columns may be" if found else "no column"
            raise SettingsError(
                f"{sheet.path}: {what} {name!r} in the header {header!r}; {WANTED}, or choose with "
                "--columns FIELD,CONDUCTANCE (names or numbers)"
            )
    return column


def _asked(sheet, text, names, cells=()):
    """{wanted column: its index} of names or numbers that an option gives."""
    wanted, column = [part.strip() for part in text.split(",")], {}
    if len(wanted) not in (2, 3):
        raise SettingsError(
            f"--columns {text}: expected field,conductance or field,conductance,noise: names or "
            "numbers of columns"
        )
    for name, own in zip(WORDS, wanted, strict=False):
        places = [i for i, known in enumerate(names) if known.lower() == own.lower()]
        places = places or [i for i, cell in enumerate(cells) if cell.lower() == own.lower()]
        if own.isdigit() and 1 <= int(own) <= len(names):
            places = [int(own) - 1]
        if len(places) != 1:
            raise SettingsError(
                f"{sheet.path}: --columns {text}: {'several' if places else 'no'} columns {own!r} "
                f"among {', '.join(map(repr, names))[:200]}"
            )
        column[name] = places[0]
    return column


def _tell(names, column, units, usual, notes):
    """Notes of the columns that were taken, and of their units where a header says unusual ones."""
    for name, i in column.items():
        if names[i].strip().lower() not in ("", name):
            notes.append(f"column {names[i]!r} taken for the {name}")
    for name in ("field", "conductance"):
        if name in units and units[name][1:] != usual[name][1:]:
            turned = ", inverted" if units[name].kind == "resistance" else ""
            notes.append(f"{name} read in {units[name].name}{turned}, as the header says")


def _in_flux(path, values, unit, lattice_nm):
    """Fields [rad/plaquette], and what one of those that are shown is of it."""
    if unit.kind == "flux":
        return values * unit.size, 1.0
    if lattice_nm is None:
        raise SettingsError(
            f"{path}: field is in [{unit.name}]: give --lattice-nm A (the lattice constant in nm)"
        )
    return values * unit.size * per_tesla(lattice_nm), per_tesla(lattice_nm)


def _in_quanta(values, noise, unit, noise_unit):
    """Conductances and their noise [e^2/h] of values in a unit."""
    noise_unit = noise_unit or unit
    conductance = values * unit.size
    if unit.kind == "resistance":
        conductance = 1 / conductance
    if noise is None:
        return conductance, None
    slope = conductance**2 if noise_unit.kind == "resistance" else 1.0  # |dG/dR| = G^2
    return conductance, noise * noise_unit.size * slope
