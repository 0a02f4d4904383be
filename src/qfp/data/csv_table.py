"""Numbers of a text file with a header; what is wrong names the file, the line and the remedy."""

import csv
import itertools
import re
from array import array
from typing import NamedTuple

import numpy as np

from qfp.data.text_file import text_lines
from qfp.tools import SettingsError

WANTED = "a line such as field,conductance or field,conductance,noise must stand above the numbers"
HEAD = 200  # lines among which the first numbers must stand
LARGEST = 1e30  # a number above it is none that was measured
DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", None: "spaces"}
NUMBER = r"[-+]?(?:\d+[.,]?\d*|[.,]\d+)(?:[eEdD][-+]?\d+)?"
MISSING = {"", "nan", "-nan", "nanq", "na", "n/a", "none", "null", "--"}


class Row(NamedTuple):
    """A line of the file."""

    number: int
    cells: list


class Sheet:
    """A text file with a block of numbers, open at its first line.

    Attributes
    ----------
    headers : list of Row
        Lines that may name the columns, the likeliest first; comments last.
    width : int
        Cells of the first line of numbers.
    notes : list of str
        What was seen of the file's form, in words.
    """

    def __init__(self, path, file, notes):
        self.path, self.notes, comments = path, notes, []
        self._lines = text_lines(path, file, comments)
        head = list(itertools.islice(self._lines, HEAD))
        if not head:
            raise SettingsError(f"{path}: only comments and blank lines; {WANTED}")
        self._delimiter, start = self._form(head)
        rows = [Row(n, self._split(n, line)) for n, line in head[: start + 1]]
        self.width = len(rows[start].cells)
        texts = [row for row in rows[:start] if sum(map(bool, row.cells)) > 1]
        comments = [Row(n, self._split(n, line)) for n, line in comments if n < rows[start].number]
        self.headers = texts[::-1] + [row for row in comments if len(row.cells) == self.width]
        self._lines = itertools.chain(head[start:], self._lines)
        if self._delimiter != ",":
            notes.append(f"columns separated by {DELIMITERS[self._delimiter]}")

    def _form(self, head):
        """Delimiter, and which line of the head is the first of numbers: where another one follows,
        and with the largest share of numbers."""
        best = (False, 0.0, 0, "", 0)
        for place, delimiter in enumerate(DELIMITERS):
            shares = [_share(line, delimiter) for _, line in head]
            for k, share in enumerate(shares):
                if share:
                    followed = k + 1 == len(shares) or shares[k + 1] > 0
                    best = max(best, (followed, share, -place, delimiter or "", -k))
        _, share, _, delimiter, k = best
        if not share:
            raise SettingsError(
                f"{self.path}: no line of two numbers or more among the first {len(head)}, which "
                f"begin with {head[0][1][:40]!r}; {WANTED}"
            )
        return delimiter or None, -k

    def _split(self, number, line):
        """Cells of a line, empty ones at its end left out."""
        if self._delimiter is None:
            cells = line.split()
        elif '"' not in line:
            cells = [cell.strip() for cell in line.split(self._delimiter)]
        else:
            try:
                (cells,) = csv.reader([line], delimiter=self._delimiter, strict=True)
            except csv.Error as error:
                raise SettingsError(
                    f"{self.path}, line {number}: not valid CSV ({error})"
                ) from None
            cells = [cell.strip() for cell in cells]
        while cells and not cells[-1]:
            cells.pop()
        return cells

    def read(self, columns, most):
        """Numbers of some columns {name: index}.

        Parameters
        ----------
        columns : dict
        most : int
            Cells that a line may have.

        Returns
        -------
        lines : ndarray, int (rows,)
            Where they stand.
        values : ndarray (columns, rows)
        """
        found, lines, missing = array("d"), array("q"), 0
        imaginary, commas = 0.0, False
        for number, line in self._lines:
            cells = self._split(number, line)
            if len(cells) > most:
                hint = (
                    "; decimal commas? Save with decimal points" if self._delimiter == "," else ""
                )
                raise SettingsError(
                    f"{self.path}, line {number}: {len(cells)} cells where the header has "
                    f"{most}{hint}"
                )
            row = []
            for name, place in columns.items():
                if place >= len(cells):
                    cells += [""] * (place + 1 - len(cells))
                value, other = self._number(number, name, cells[place])
                row.append(value)
                imaginary = max(imaginary, other)
                commas = commas or "," in cells[place]
            if any(value != value for value in row):
                missing += 1
                continue
            found.extend(row)
            lines.append(number)
        if len(lines) < 2:
            raise SettingsError(
                f"{self.path}: {len(lines)} lines of numbers below the header, a curve has more"
            )
        if missing:
            self.notes.append(f"{missing} lines without a number left out (NaN or an empty cell)")
        if imaginary:
            self.notes.append(
                f"real parts (X) taken of complex numbers; Y is up to {imaginary:.3g} there"
            )
        if commas:
            self.notes.append("decimal commas read")
        return np.array(lines), np.array(found).reshape(len(lines), -1).T

    def _number(self, line, name, cell):
        """A number, NaN where it is missing, and the modulus of its imaginary part."""
        other = 0.0
        try:
            value = float(cell)
        except ValueError:
            if cell.lower() in MISSING:
                return np.nan, 0.0
            value, other = _other_number(cell)
            if value is None:
                raise SettingsError(
                    f"{self.path}, line {line}: {name} {cell[:20]!r} is not a number"
                ) from None
        if abs(value) > LARGEST:
            raise SettingsError(
                f"{self.path}, line {line}: {name} is {cell}, a finite number is wanted"
            )
        if name == "noise" and value <= 0:
            raise SettingsError(
                f"{self.path}, line {line}: noise {cell}: a standard deviation is above 0 (leave "
                "the column out where there is none)"
            )
        return value, other


def _share(line, delimiter):
    """Part of the cells of a line that hold numbers; 0 where fewer than two do."""
    cells = line.split(delimiter)
    while len(cells) > 1 and not cells[-1].strip():
        cells.pop()
    found = sum(_is_number(cell.strip(' "'), delimiter != ",") for cell in cells)
    return found / len(cells) if found > 1 else 0.0


def _is_number(cell, commas):
    """Whether a cell holds a number, or says that it is missing."""
    if "," in cell and not commas:
        return False
    try:
        float(cell)
    except ValueError:
        return _other_number(cell)[0] is not None
    return True


def _other_number(cell):
    """Number with a decimal comma, or the parts of a complex one; None where it is neither."""
    if re.fullmatch(NUMBER, cell):
        return float(re.sub("[dD]", "e", cell.replace(",", "."))), 0.0
    if not re.search("[ij]", cell):
        return None, 0.0
    try:
        value = complex(cell.replace(" ", "").replace("i", "j"))
    except ValueError:
        return None, 0.0
    return value.real, abs(value.imag)
