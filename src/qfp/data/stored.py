"""HDF5 files as they are found: what keeps one from being opened, and whether an array of it is one
of its own, of the right shape, with numbers that can be."""

import os
from pathlib import Path

import h5py
import numpy as np

from qfp.files import existing
from qfp.tools import REASONS, SettingsError, reason

LEAST = -1e-6  # of conductances and LDOS, by rounding
# h5py at damaged bytes
UNREADABLE = (
    OSError,
    RuntimeError,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    MemoryError,
    RecursionError,
)


class DamagedError(SettingsError):
    """A dataset file that cannot be read, nor repaired."""


def opened(path):
    """A dataset file, open. SettingsError says what is the matter where it cannot be read,
    DamagedError where it is cut short: only then is it no longer whole."""
    path = Path(path)
    if not os.path.lexists(path):
        raise SettingsError(
            f"no dataset at {path}: make one with `qfp dataset --preset laptop --out {path}`"
        )
    existing(path, "dataset")
    try:
        return h5py.File(path)
    except UNREADABLE as error:
        if getattr(error, "errno", None) in REASONS:
            raise SettingsError(f"dataset {path}: {reason(error)}; the file may be whole") from None
    if not h5py.is_hdf5(path):
        raise SettingsError(f"{path} is not an HDF5 file: name a file of `qfp dataset`")
    raise DamagedError(
        f"{path} is not a readable HDF5 file, it was cut short: copy it again, or generate it again"
    )


def foreign(file, name, dtype, shape):
    """What an open file has in place of the array `name`, in words; None where it is an array of
    its own of that shape. Nothing is read of it."""
    link = file.get(name, getlink=True)
    if link is None:
        return "missing"
    if not isinstance(link, h5py.HardLink):
        return "a link to elsewhere"
    data = file[name]
    if not isinstance(data, h5py.Dataset):
        return "a group"
    if data.is_virtual or data.external:
        return "numbers of another file"
    if (data.dtype, data.shape) != (np.dtype(dtype), shape):
        return f"{data.dtype} {data.shape}; expected {dtype} {shape}"
    return None


def checked(file, name, dtype, shape, known):
    """Array `name` of an open file: of its own, of that shape, and what the settings give (known),
    or else finite numbers from 0 on. SettingsError names the first that is none."""
    fault = foreign(file, name, dtype, shape)
    if fault:
        raise SettingsError(f"/{name} is {fault}")
    values = file[name][()]
    if known is not None:
        if not np.allclose(values, known, rtol=1e-12, atol=0):
            raise SettingsError(f"/{name} is not what the settings give")
    elif values.size and not (values.min() >= LEAST and values.max() < np.inf):  # NaN: neither
        place = np.argwhere(~((values >= LEAST) & (values < np.inf)))[0]
        where = ", ".join(map(str, place))
        raise SettingsError(f"/{name}[{where}] is {values[tuple(place)]}, not finite or negative")
    return values
