"""What every part of qfp uses: errors of use, hashes, random streams, files that are whole or not
there, progress bars."""

import dataclasses
import hashlib
import json
import os
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
    unknown preset 'laptob'; choose smoke, kettle, laptop, paper or a .yaml file
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
    """Plain dict of a settings dataclass (tuples become lists, as JSON has them)."""
    return json.loads(json.dumps(dataclasses.asdict(settings)))


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


def write_atomic(path, write):
    """Write a file through a temporary name: write(handle), fsync, rename. Nothing is left half
    written."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".tmp")
    with open(temporary, "wb") as handle:
        write(handle)
        handle.flush()
        os.fsync(handle.fileno())
    os.replace(temporary, path)


def write_text(path, text):
    """A text file in UTF-8, atomically."""
    write_atomic(path, lambda handle: handle.write(text.encode()))


def write_json(path, values):
    """Values as readable JSON, atomically."""
    write_text(path, json.dumps(values, indent=1, ensure_ascii=False) + "\n")


def kept(path, compute):
    """Array of a file, which is computed and written where it is missing: a killed run resumes
    behind it."""
    if not path.exists():
        values = compute()
        write_atomic(path, lambda handle: np.save(handle, values))
    return np.load(path)


def kept_arrays(path, make):
    """Arrays {name: array} of a file, made by `make()` where it is missing."""
    if not path.exists():
        arrays = make()
        write_atomic(path, lambda handle: np.savez(handle, **arrays))
    with np.load(path) as file:
        return {name: file[name] for name in file.files}


def check_folder(folder):
    """SettingsError where a folder could not be made or written to; makes nothing."""
    there = next(
        path
        for path in (Path(folder).absolute(), *Path(folder).absolute().parents)
        if path.exists()
    )
    if not there.is_dir() or not os.access(there, os.W_OK):
        raise SettingsError(
            f"cannot write to {folder}: {there} is "
            f"{'write-protected' if there.is_dir() else 'not a folder'}"
        )


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
    """tqdm(items, **options), or Silent: a machine lent for computing may have no tqdm."""
    try:
        from tqdm import tqdm
    except ImportError:
        return Silent(items)
    return tqdm(items, **options)
