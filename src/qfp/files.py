"""Files of the user's: what one may be read from, what one may be written to, and whose turn it is.

Every command asks here before its work, so that a folder, a link, a device or a full name is one
line at the start and not a loss at the end.
"""

import contextlib
import errno
import fcntl
import os
import shutil
import stat
import tempfile
from pathlib import Path

import numpy as np

from qfp.tools import SettingsError, reason, size, temporary_name
from qfp.values import parsed

TEXT_LIMIT = 2**20  # bytes of a settings file
KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFLNK: "a link",
}
SUFFIX = ".4194304.tmp"  # the longest that `write_atomic` adds to a name


def kind_of(mode):
    """What stands at a path with this mode, in words; None where it is a regular file."""
    return KINDS.get(stat.S_IFMT(mode))


def existing(path, what="file"):
    """Path of a regular file that can be read. SettingsError where it is none."""
    path = Path(path)
    try:
        kind = kind_of(path.stat().st_mode)
        if kind is None:
            os.close(os.open(path, os.O_RDONLY))
            return path
    except OSError as error:
        raise SettingsError(f"{what} {path}: {reason(error)}") from None
    raise SettingsError(f"{what} {path} is {kind}: the name of a regular file is wanted")


def text_of(path, what, limit=TEXT_LIMIT):
    """Text of a UTF-8 file that is not longer than a settings file can be."""
    path = existing(path, what)
    with path.open("rb") as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise SettingsError(f"{what} {path}: longer than {limit} bytes, which no such file is")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise SettingsError(
            f"{what} {path}, line {line}: byte {data[error.start]:#x}: save the file as UTF-8 text"
        ) from None


def yaml_of(path, what):
    """The value of a YAML file, see `values.parsed`."""
    return parsed(text_of(path, what), f"{what} {path}")


def array_of(path, shape, option, what):
    """Array of finite numbers from a .npy file, given as `option`; what: it should hold. The header
    is looked at before the numbers are read."""
    expected = f"expected {what} of shape {shape}, indexed [y, x]"
    path = existing(path, option)
    try:
        values = np.load(path, mmap_mode="r")
    except (OSError, ValueError, EOFError, SyntaxError, MemoryError, RecursionError) as error:
        told = "it is empty" if not path.stat().st_size else next(iter(str(error).splitlines()), "")
        raise SettingsError(
            f"{option} {path}: not a readable .npy file ({told}); {expected}"
        ) from None
    if not isinstance(values, np.ndarray):
        raise SettingsError(f"{option} {path}: an archive of arrays (.npz); {expected} (.npy)")
    if values.shape != shape or values.dtype.kind not in "bfiu":
        raise SettingsError(f"{option} {path}: {expected}; got {values.dtype} {values.shape}")
    if not np.isfinite(values).all():
        place = ", ".join(map(str, np.argwhere(~np.isfinite(values))[0]))
        raise SettingsError(f"{option} {path}: {expected}; [{place}] is no finite number")
    return np.array(values)


def output_folder(path):
    """Path of a folder that a command will write into. SettingsError where it could not; makes
    nothing."""
    path = Path(path)
    refuse_folder(path, f"--out {path}")
    return path


def refuse_folder(path, what):
    """SettingsError, beginning with `what`, where a folder could not be written to, or made."""
    try:
        os.lstat(path.absolute() / ("x" * 12 + SUFFIX))  # a name too long, a circle of links
    except (FileNotFoundError, NotADirectoryError):
        pass
    except OSError as error:
        raise SettingsError(f"{what}: cannot be written to: {reason(error)}") from None
    there = next(p for p in (path.absolute(), *path.absolute().parents) if os.path.lexists(p))
    if not there.is_dir():
        kind = kind_of(there.lstat().st_mode) or "a file"
        raise SettingsError(f"{what}: {there} is {kind}, not a folder")
    try:
        tempfile.TemporaryFile(dir=there).close()
    except OSError as error:
        raise SettingsError(f"{what}: cannot be written to: {reason(error)}") from None


def output_file(path, option="--out", replace=False):
    """Path of a file that a command will write: a regular one, or none yet, in a folder that can be
    written to. SettingsError otherwise; `replace`: whether one may be there. Makes nothing."""
    path, what = Path(path), f"{option} {path}"
    refuse_folder(path.parent, what)
    if not os.path.lexists(path):
        try:
            os.lstat(path.with_name(path.name + SUFFIX))
        except FileNotFoundError:
            return path
        except OSError as error:
            raise SettingsError(f"{what}: cannot be written to: {reason(error)}") from None
    mode = path.lstat().st_mode
    kind = kind_of(mode)
    if kind is not None:
        to = f" to {os.readlink(path)}" if stat.S_ISLNK(mode) else ""
        raise SettingsError(f"{what} is {kind}{to}: give the name of a file to write")
    if not replace:
        raise SettingsError(f"{what} exists: choose another name or remove it")
    return path


def check_room(path, needed):
    """SettingsError where a disk has not so many bytes left."""
    path = Path(path).absolute()
    there = next(p for p in (path, *path.parents) if p.exists())
    free = shutil.disk_usage(there).free
    if needed > free:
        raise SettingsError(
            f"--out {path}: {size(needed)} are needed on the way, the disk has {size(free)} left"
        )


@contextlib.contextmanager
def whole_folder(path):
    """Context that gives a folder to write into, which gets its name when all is written. Nothing
    is left of it where that fails."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_name(path)
    try:
        temporary.mkdir()
        yield temporary
        os.replace(temporary, path)
    except BaseException as error:
        shutil.rmtree(temporary, ignore_errors=True)
        if isinstance(error, OSError):
            raise SettingsError(f"cannot write {path}: {reason(error)}") from None
        raise


@contextlib.contextmanager
def sole(folder, doing):
    """Context in which no other process is in `sole` of the same folder, which exists, or did a
    moment ago: who is there may remove it at the end. The lock goes with the process, however it
    ends."""
    refused = SettingsError(
        f"{folder}: another process is {doing} there: wait for it, or give another --out"
    )
    try:
        handle = os.open(folder, os.O_RDONLY)
    except FileNotFoundError:
        raise refused from None
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # the lock of a folder that is gone keeps nobody out of a new one
            if not os.path.samestat(os.fstat(handle), os.stat(folder)):
                raise refused
        except OSError as error:
            if error.errno in (errno.EAGAIN, errno.EACCES, errno.ENOENT):
                raise refused from None
            # a file system without locks: nothing to ask
        yield
    finally:
        os.close(handle)


@contextlib.contextmanager
def alone_in(folder, doing):
    """Context that gives a folder, made where it is missing, as `sole` does; it leaves no empty
    one."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"cannot write {folder}: {reason(error)}") from None
    with sole(folder, doing):
        try:
            yield folder
        finally:  # not where another process is there: its folder may be empty yet
            with contextlib.suppress(OSError):
                folder.rmdir()
