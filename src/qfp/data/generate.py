"""Generation of the learning dataset (Sec. III): resumable, on the processes of this machine or of
a dask cluster.

Chunks of a fixed composition are computed by workers and stored as files of their own (temporary
name, fsync, rename); the HDF5 file is assembled once from them, with checksums, and renamed. A
killed run therefore resumes and ends with the same bytes, and so does the repair of a damaged file.
"""

import contextlib
import functools
import json
import math
import os
import shutil
from concurrent.futures import as_completed
from pathlib import Path

import h5py
import numpy as np

from qfp import __version__, files
from qfp.data import dataset, numbers
from qfp.data.dataset import LDOS_BLOCK
from qfp.data.disk import Disk
from qfp.data.stored import UNREADABLE, opened
from qfp.data.workers import AGAIN, pool
from qfp.physics.kwant_model import spot_check
from qfp.tools import SettingsError, as_dict, progress_bar, reason, temporary_name, write_atomic


def chunks(config):
    """File names and arguments (potential, field, first configuration) of all chunks: images, then
    conductance.

    The potentials of one field lie next to each other, so that a worker has the lead modes of that
    field at hand."""
    P = config.dataset.potentials
    blocks = range(0, config.dataset.configurations, LDOS_BLOCK)
    yield from ((f"ldos_p{p}_n{n:05d}.npy", (p, None, n)) for p in range(P) for n in blocks)
    yield from (
        (f"conductance_p{p}_f{f:03d}.npy", (p, f, None))
        for f in range(config.device.field_points)
        for p in range(P)
    )


@functools.lru_cache(maxsize=1)
def _antidots(config):
    """A tenth of a second, so once a worker."""
    return dataset.choose(config)[1]


def compute(config, p, f, n):
    """Values of one chunk: conductance at one field, (N,) float32 [e^2/h], or a block of images,
    (<= LDOS_BLOCK, L, W) float16 [1/t]. Its last bits depend on the number of threads: one."""
    antidots = _antidots(config)
    if f is None:
        return numbers.images_of(config.device, antidots[n : n + LDOS_BLOCK], p).astype(np.float16)
    return numbers.curves_at(config.device, antidots, p, config.device.fields[f]).astype(np.float32)


def _complete(config, folder, submit, report):
    """Compute the chunks that a folder lacks and store each when it arrives."""
    every = list(chunks(config))
    todo = [(name, arguments) for name, arguments in every if not _whole(folder / name)]
    report(
        f"{config.dataset.configurations} configurations x {config.dataset.potentials} potentials: "
        f"{len(todo)} of {len(every)} chunks to compute in {folder}"
    )
    with progress_bar(
        total=len(every), initial=len(every) - len(todo), unit="chunk", smoothing=0.05
    ) as bar:
        futures = {submit(compute, config, *arguments): name for name, arguments in todo}
        for future in as_completed(futures):
            _store(folder / futures.pop(future), future.result())
            bar.update()


def _whole(path):
    """Whether a chunk is there, and was not cut short by a crash of the machine."""
    try:
        np.load(path, mmap_mode="r")
    except (OSError, ValueError, EOFError):
        return False
    return True


def _store(path, values):
    """Write a chunk, whole or not at all. SettingsError where the disk is full, for example."""
    try:
        write_atomic(path, lambda handle: np.save(handle, values))
    except SettingsError as error:
        raise SettingsError(f"{error}; {AGAIN}") from None


def _alone(out):
    """Context that gives the folder of all chunks of a dataset file, in which no other process
    makes or mends that file, of whatever settings."""
    return files.alone_in(out.with_name(out.name + ".parts"), "at work on this dataset")


def _made(config, out):
    """Whether a dataset file is there. SettingsError where it holds other settings."""
    own, there = dataset.settings_hash(config), out.exists()
    if there and dataset.settings_hash(dataset.read_settings(out)) != own:
        raise SettingsError(
            f"{out} holds a dataset of other settings: choose another --out or remove it"
        )
    return there


def generate(config, out, workers=None, report=print, scheduler=None):
    """Generate the dataset file of a preset; resumes from the chunks of an earlier run.

    Source: Sec. III.

    Parameters
    ----------
    config : Config
    out : path
        The HDF5 file to write (see the data card).
    workers : int, optional
        Processes; None is one a core.
    report : callable
        Is given lines of text.
    scheduler : str, optional
        Address of a dask cluster that computes instead.

    Returns
    -------
    Path
        `out`.

    Raises
    ------
    SettingsError
        Where `out` exists with other settings, its folder cannot be written, or the workers fail;
        finished chunks stay.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.mkdtemp()
    >>> small = {"device": {"field_points": 3}, "dataset": {"configurations": 8}}
    >>> config = qfp.load_preset("smoke", **small)
    >>> file = qfp.generate(config, f"{folder}/few.h5", workers=1, report=lambda line: None)
    >>> qfp.load_dataset(file).conductance.shape
    (2, 8, 3)
    """
    out = files.output_file(out, replace=True)
    if not _made(config, out):
        dataset.choose(config)  # SettingsError where the wire has not so many
        sizes, layout = dataset.shapes(config), dataset.layout(config)
        needed = sum(np.dtype(layout[n][0]).itemsize * math.prod(sizes[n]) for n in layout)
        files.check_room(out, 2 * needed)  # the chunks, and the file that is made of them
    with _alone(out) as parts:
        if _made(config, out):  # another process may have been first
            report(f"{out} is complete already: nothing to do")
        else:
            folder = parts / dataset.settings_hash(config)[:12]
            with pool(workers, scheduler) as submit:
                _complete(config, folder, submit, report)
                _assemble(config, out, folder)
        shutil.rmtree(parts, ignore_errors=True)
    return out


def repair(path, problems, workers=None, report=print, scheduler=None):
    """Compute again what `dataset.validate` found damaged in a file, and write the file anew from
    that and the rest.

    The old file stays until the new one is whole, so a repair may be killed, too. The same bytes as
    before the damage, by the same version. Raises SettingsError as `generate` does, or where a
    problem is fatal."""
    path = Path(path)
    for problem in problems:
        if problem.fatal:
            raise SettingsError(f"{path} cannot be repaired: {problem.text}")
    lost = tuple(problem.lost for problem in problems if problem.lost)
    with _alone(path) as parts, pool(workers, scheduler) as submit:
        config = dataset.read_settings(path)
        folder = parts / dataset.settings_hash(config)[:12]
        with opened(path) as file:
            for name, (p, f, n) in chunks(config):
                if not name.startswith(lost) and not (folder / name).exists():
                    try:
                        values = (
                            file["ldos"][p, n : n + LDOS_BLOCK]
                            if f is None
                            else file["conductance"][p, :, f]
                        )
                    except UNREADABLE:
                        continue  # damaged metadata: it was readable a moment ago, by another way
                    _store(folder / name, values)
        _complete(config, folder, submit, report)
        _assemble(config, path, folder)
        shutil.rmtree(parts, ignore_errors=True)


def _assemble(config, out, folder):
    """The HDF5 file from its chunks, under a temporary name until it is whole."""
    temporary = temporary_name(out)
    try:
        with Disk(temporary, "w+") as disk:
            try:
                with h5py.File(disk, "w") as file:
                    _fill(file, config, folder)
            finally:
                if disk.error:  # whatever HDF5 made of it
                    raise disk.error
            os.fsync(disk.fileno())
        os.replace(temporary, out)
    except OSError as error:
        raise SettingsError(f"cannot write {out}: {reason(error)}; {AGAIN}") from None
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def _fill(file, config, folder):
    """Write everything into an open HDF5 file."""
    small, P = dataset.small_arrays(config), config.dataset.potentials
    F = config.device.field_points
    N, L, W = len(small["antidots"]), config.device.length, config.device.width
    shapes = {"conductance": (P, N, F), "ldos": (P, N, L, W)}
    for name, (dtype, units, description) in dataset.layout(config).items():
        if name in small:
            stored = file.create_dataset(
                name, data=small[name], dtype=dtype, fletcher32=True, chunks=True
            )
        else:
            pieces = (1, min(N, dataset.ROWS[name]), *shapes[name][2:])
            stored = file.create_dataset(name, shapes[name], dtype, chunks=pieces, fletcher32=True)
        stored.attrs["units"], stored.attrs["description"] = units, description
    for p in range(P):
        file["conductance"][p] = np.stack(
            [np.load(folder / f"conductance_p{p}_f{f:03d}.npy") for f in range(F)], axis=-1
        )
        for n in range(0, N, LDOS_BLOCK):
            file["ldos"][p, n : n + LDOS_BLOCK] = np.load(folder / f"ldos_p{p}_n{n:05d}.npy")
    file.attrs["format_version"] = dataset.FORMAT_VERSION
    described = {"seed": config.seed, "preset": config.preset}
    described |= {"device": as_dict(config.device), "dataset": as_dict(config.dataset)}
    file.attrs["config"] = json.dumps(described)
    file.attrs["config_sha256"] = dataset.settings_hash(config)
    file.attrs["qfp_version"] = __version__
    file.attrs["orientation"] = dataset.ORIENTATION
    file.attrs["spot_check"] = spot_check(
        config.device, small["antidots"], file["conductance"], file["ldos"]
    )
