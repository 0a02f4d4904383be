"""Lines of a text file that somebody else wrote, read in a stream and within bounds."""

import codecs
import io
import itertools
import os
import stat
import sys
from pathlib import Path

from qfp.tools import SettingsError

STDIN = "-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"  # names of standard input
BYTES = 64 << 20  # of a file
LINES = 1_000_000
LONGEST = 20_000  # characters of a line
COMMENTS = 200  # that are kept: one of them may name the columns
SAMPLE = 1 << 16  # bytes from which the encoding is told
MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


def opened(path, notes):
    """A regular file, or standard input, as text. SettingsError where there is none."""
    if "\0" in str(path):
        raise SettingsError(f"cannot read {str(path)!r}: no name of a file")
    try:
        file = io.BytesIO(piped(path)) if str(path) in STDIN else regular(path)
        start = file.read(SAMPLE)
        file.seek(0)
    except OSError as error:
        raise SettingsError(f"cannot read {path}: {error.strerror}") from None
    encoding = next((own for mark, own in MARKS.items() if start.startswith(mark)), "utf-8")
    if encoding == "utf-8":
        try:
            codecs.getincrementaldecoder("utf-8")().decode(start)
        except UnicodeDecodeError:
            encoding = "latin-1"
    if encoding != "utf-8":
        notes.append("byte order mark skipped" if encoding == "utf-8-sig" else f"{encoding} text")
    return io.TextIOWrapper(file, encoding, errors="replace", newline=None)


def regular(path):
    """A regular file that is neither empty nor too long, open. SettingsError where it is none."""
    found = os.stat(path)
    if stat.S_ISDIR(found.st_mode):
        raise SettingsError(f"{path} is a folder: name CSV files")
    if not stat.S_ISREG(found.st_mode):
        raise SettingsError(
            f"{path} is a device or a pipe, which may never end: name a file, or - for standard "
            "input"
        )
    if not found.st_size:  # those of /proc, which may never end, say so, too
        raise SettingsError(f"{path}: the file is empty")
    check_size(path, found.st_size)
    return open(path, "rb")


def piped(path):
    """Bytes of standard input, no more of them than of a file."""
    data = b"" if sys.stdin is None else sys.stdin.buffer.read(BYTES + 1)
    if not data:
        raise SettingsError(f"{path}: standard input is empty, or was read before")
    check_size(path, len(data))
    return data


def stem(path):
    """Name of a file without folder and suffix; 'stdin' of standard input."""
    return "stdin" if str(path) in STDIN else Path(path).stem


def check_size(path, size):
    """SettingsError where a file has more bytes than are read."""
    if size > BYTES:
        found = "more" if str(path) in STDIN else f"{size >> 20} MiB"
        raise SettingsError(
            f"{path} has {found}, and at most {BYTES >> 20} MiB are read: average every few "
            "points, or cut the file"
        )


def text_lines(path, file, comments):
    """(line number, text) of the lines of an open file, without blank ones and those that start
    with #; these are added to a list of comments."""
    for number in itertools.count(1):
        line = file.readline(LONGEST + 1)
        if not line:
            return
        if "\0" in line:
            raise SettingsError(
                f"{path} is not a text file: a CSV file is wanted (a spreadsheet can save one)"
            )
        if len(line) > LONGEST:
            raise SettingsError(
                f"{path}, line {number}: longer than {LONGEST} characters, a table has shorter ones"
            )
        if number > LINES:
            raise SettingsError(
                f"{path}: more than {LINES} lines, the most that are read: average every few "
                "points, or cut the file"
            )
        line = line.strip("\r\n ")
        if line.startswith(("#", '"#')):
            if len(comments) < COMMENTS:
                comments.append((number, line.replace('"', "").lstrip("# ")))
        elif line.strip(",;\t "):
            yield number, line
