"""What every part of qfp uses: errors of use, hashes, random streams, files that are whole or not
there, progress bars."""

import contextlib
import dataclasses
import errno
import glob
import hashlib
import io
import json
import os
import shutil
import sys
import zipfile
import zlib
from pathlib import Path

import numpy as np


class SettingsError(ValueError):
    """A bad input of the user's: one line that says what was wrong and what would be right.

    Examples
    --------
    >>> try:
    ...     qfp.load_preset("laptob")
    ... except qfp.SettingsError as error:
    ...     print(error)
    unknown preset 'laptob'; choose smoke, kettle, laptop, antidots, paper or a .yaml file
    """


def project_root():
    """Folder that holds presets/, models/ and results/: $QFP_ROOT, else the checkout that this
    package lies in.

    Raises SettingsError where neither holds a preset (an installation without its checkout)."""
    candidates = [
        os.environ.get("QFP_ROOT"),
        Path(__file__).resolve().parents[2],
        Path.cwd(),
        Path.cwd().parent,
    ]
    for candidate in candidates:
        if candidate and (Path(candidate) / "presets" / "laptop.yaml").is_file():
            return Path(candidate)
    raise SettingsError(
        "no presets/laptop.yaml found: run inside a checkout of qfp or set QFP_ROOT to one"
    )


def as_dict(settings):
    """Plain dict of a settings dataclass (tuples become lists, as JSON has them).

    A setting that a file may leave out (`values.within`) is left out where it has its default, so
    that hashes of older settings stay."""
    return _pruned(settings, json.loads(json.dumps(dataclasses.asdict(settings))))


def _pruned(settings, plain):
    """A plain dict of settings without those that may be left out and have their default."""
    for field in dataclasses.fields(settings):
        value = getattr(settings, field.name)
        if "default" in field.metadata and value == field.metadata["default"]:
            del plain[field.name]
        elif dataclasses.is_dataclass(value):
            _pruned(value, plain[field.name])
    return plain


def digest(*values):
    """sha256 of settings dataclasses or JSON values, independent of key order."""
    plain = [as_dict(v) if dataclasses.is_dataclass(v) else v for v in values]
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


def sha256(path):
    """sha256 of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def stream(name, *index):
    """Random generator that is a pure function of a name and indices: item 7 is the same alone or
    in a batch."""
    return np.random.default_rng([zlib.crc32(name.encode()), *index])


REASONS = {  # of an OSError, in words that say what to look at
    errno.ENOENT: "no such file or folder",
    errno.EACCES: "no permission",
    errno.EPERM: "no permission",
    errno.EAGAIN: "another program has locked it",
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the quota of this disk is used up",
    errno.EROFS: "the disk is read-only",
    errno.ENAMETOOLONG: "the name is too long",
    errno.ELOOP: "a link that leads in a circle",
    errno.ENOTDIR: "a file stands where a folder should be",
    errno.EISDIR: "it is a folder",
    errno.EIO: "the disk cannot be read or written there",
}


def reason(error):
    """Why the system refused something, in words: the one place that tells an OSError's kind."""
    told = REASONS.get(error.errno) or (error.errno and os.strerror(error.errno))
    return told or next(iter(str(error).splitlines()), type(error).__name__)


def one_line(text):
    """A text as a terminal can show it in one line: what cannot be printed is written out."""
    return "".join(
        c
        if c.isprintable()
        else f"\\x{ord(c) - 0xDC00:02x}"  # a byte of a name that is not UTF-8
        if 0xDC80 <= ord(c) <= 0xDCFF
        else c.encode("unicode_escape").decode()
        for c in str(text)
    )


class _Stream(io.RawIOBase):
    """A file as NumPy takes any stream: straight into a file it does not say why it failed."""

    def __init__(self, handle):
        self.handle = handle

    def writable(self):
        return True

    def write(self, data):
        return self.handle.write(data)


def temporary_name(path):
    """Path under which something is written before it gets its name; what processes that were
    killed left under such names is removed."""
    for other in path.parent.glob(f"{glob.escape(path.name)}.*.tmp"):
        pid = other.name[len(path.name) + 1 : -len(".tmp")]
        if pid.isdecimal() and len(pid) < 9 and _ended(int(pid)):
            shutil.rmtree(other) if other.is_dir() else other.unlink(missing_ok=True)
    return path.with_name(f"{path.name}.{os.getpid()}.tmp")


def _ended(pid):
    try:
        os.kill(pid, 0)
    except OSError as error:  # another user's is there, too
        return error.errno == errno.ESRCH
    return False


def write_atomic(path, write):
    """Write a file through a temporary name: write(handle), fsync, rename. Nothing is left half
    written, nor under the temporary name where it fails: then SettingsError says why."""
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = temporary_name(path)
        try:
            with open(temporary, "wb") as handle:
                write(_Stream(handle))
                handle.flush()
                os.fsync(handle.fileno())
            os.replace(temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise SettingsError(f"cannot write {path}: {reason(error)}") from None


def write_text(path, text):
    """A text file in UTF-8, atomically."""
    write_atomic(path, lambda handle: handle.write(text.encode()))


def write_json(path, values):
    """Values as readable JSON, atomically."""
    write_text(path, json.dumps(values, indent=1, ensure_ascii=False) + "\n")


# A file that is missing, or that a crash of the machine left cut short or full of NULs
NO_ARRAYS = FileNotFoundError, ValueError, EOFError, zipfile.BadZipFile, zlib.error


def kept(path, compute):
    """Array of a file, which is computed and written where it is missing or damaged: a killed run
    resumes behind it."""
    with contextlib.suppress(*NO_ARRAYS):
        return np.load(path)
    values = np.asarray(compute())
    write_atomic(path, lambda handle: np.save(handle, values))
    return values


def kept_arrays(path, make):
    """Arrays {name: array} of a file, made by `make()` where it is missing or damaged."""
    with contextlib.suppress(*NO_ARRAYS), np.load(path) as file:
        return {name: file[name] for name in file.files}
    arrays = {name: np.asarray(values) for name, values in make().items()}
    write_atomic(path, lambda handle: np.savez(handle, **arrays))
    return arrays


def size(number):
    """A number of bytes in words."""
    for unit in ("kB", "MB", "GB"):
        number /= 1000
        if number < 1000:
            return f"{number:.3g} {unit}"
    return f"{number / 1000:,.0f} TB" if number < 1e15 else f"{number / 1000:.0e} TB"


class Silent:
    """What `progress_bar` gives where tqdm is not installed: shows nothing, but `write` prints."""

    def __init__(self, items):
        self.items = items

    def __iter__(self):
        return iter(self.items)

    def __enter__(self):
        return self

    def update(self, *_):
        """Nothing to show."""

    __exit__ = set_postfix_str = close = update

    def write(self, text):
        """A line on stdout, as tqdm has it."""
        print(text, flush=True)


def progress_bar(items=None, **options):
    """tqdm(items, **options), or Silent: a machine lent for computing may have no tqdm. In a
    notebook's kernel none is shown unless asked for: a page keeps what its cells print."""
    try:
        from tqdm import tqdm
    except ImportError:
        return Silent(items)
    return tqdm(items, **{"disable": "ipykernel" in sys.modules} | options)
