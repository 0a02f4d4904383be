"""Generation of the learning dataset (Sec. III): resumable, one process a core.

Chunks of a fixed composition are files of their own (temporary name, fsync, rename); the HDF5 file is assembled once from
them, with checksums, and renamed. A killed run therefore resumes and ends with the same bytes.
"""

import contextlib
import json
import multiprocessing
import os
import shutil
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import h5py
import numpy as np
import torch
from tqdm import tqdm

from . import __version__, dataset, sweep
from .config import SettingsError, as_dict, write_atomic
from .dataset import LDOS_BLOCK
from .device import random_potential, spot_check


def chunks(config):
    """Names and arguments of all chunks: conductance by (potential, field), images by (potential, block)."""
    blocks = range(0, config.dataset.configurations, LDOS_BLOCK)
    for p in range(config.dataset.potentials):
        yield from ((f"ldos_p{p}_n{n:05d}.npy", (p, None, n)) for n in blocks)
        yield from ((f"conductance_p{p}_f{f:03d}.npy", (p, f, None)) for f in range(config.device.field_points))


def _make_chunk(config, folder, name, arguments):
    """Worker: compute one chunk and store it."""
    torch.set_num_threads(1)
    p, f, n = arguments
    _, antidots = dataset.choose(config)
    if f is None:
        values = sweep.images_of(config.device, antidots[n : n + LDOS_BLOCK], p).astype(np.float16)
    else:
        values = sweep.curves_at(config.device, antidots, p, config.device.fields[f]).astype(np.float32)
    write_atomic(Path(folder) / name, lambda handle: np.save(handle, values))
    return name


@contextlib.contextmanager
def single_threaded():
    """Environment of worker processes: one BLAS thread each, read by the libraries when they start."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def generate(config, out, workers=None, report=print):
    """Generate the dataset file of a preset; resumes from the chunks of an earlier run, returns the path.

    Raises SettingsError where `out` exists with other settings or its folder cannot be written."""
    out = Path(out)
    sha = dataset.settings_hash(config)
    if out.exists():
        if dataset.read_attributes(out)["config_sha256"] == sha:
            report(f"{out} is complete already: nothing to do")
            return out
        raise SettingsError(f"{out} holds a dataset of other settings: choose another --out or remove it")
    folder = out.with_name(out.name + ".parts") / sha[:12]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"cannot write {out}: {error.strerror}") from None
    todo = [(name, arguments) for name, arguments in chunks(config) if not (folder / name).exists()]
    total = sum(1 for _ in chunks(config))
    report(f"{config.dataset.configurations} configurations x {config.dataset.potentials} potentials: "
           f"{len(todo)} of {total} chunks to compute in {folder}")
    workers = workers or os.cpu_count()
    with tqdm(total=total, initial=total - len(todo), unit="chunk", smoothing=0.05) as bar:
        spawn = multiprocessing.get_context("spawn")
        with single_threaded(), ProcessPoolExecutor(workers, mp_context=spawn) as pool:
            futures = [pool.submit(_make_chunk, config, folder, *chunk) for chunk in todo]
            for future in as_completed(futures):
                try:
                    future.result()
                except OSError as error:
                    pool.shutdown(cancel_futures=True)
                    raise SettingsError(f"cannot write a chunk in {folder}: {error.strerror}; the finished ones are "
                                        "kept, run the same command again to go on") from None
                bar.update()
    _assemble(config, out, folder)
    shutil.rmtree(folder.parent)
    return out


def _assemble(config, out, folder):
    """The HDF5 file from its chunks, under a temporary name until it is whole."""
    device, P = config.device, config.dataset.potentials
    orbits, antidots = dataset.choose(config)
    N, F = len(antidots), device.field_points
    temporary = out.with_name(out.name + ".tmp")
    with h5py.File(temporary, "w") as file:
        whole = {
            "antidots": antidots,
            "orbit": orbits,
            "potentials": np.stack([random_potential(p, device) for p in range(P)]),
            "fields": device.fields,
        }
        for name, (dtype, units, description) in dataset.LAYOUT.items():
            if name in whole:
                stored = file.create_dataset(name, data=whole[name], dtype=dtype, fletcher32=True, chunks=True)
            elif name == "conductance":
                stored = file.create_dataset(name, (P, N, F), dtype, chunks=(1, min(N, 4096), F), fletcher32=True)
                for p in range(P):
                    parts = [np.load(folder / f"conductance_p{p}_f{f:03d}.npy") for f in range(F)]
                    stored[p] = np.stack(parts, axis=-1)
            else:
                shape = (P, N, device.length, device.width)
                stored = file.create_dataset(name, shape, dtype, chunks=(1, min(N, 64), *shape[2:]), fletcher32=True)
                for p in range(P):
                    for n in range(0, N, LDOS_BLOCK):
                        stored[p, n : n + LDOS_BLOCK] = np.load(folder / f"ldos_p{p}_n{n:05d}.npy")
            stored.attrs["units"], stored.attrs["description"] = units, description
        file.attrs["format_version"] = dataset.FORMAT_VERSION
        file.attrs["config"] = json.dumps({"seed": config.seed, "preset": config.preset,
                                           "device": as_dict(device), "dataset": as_dict(config.dataset)})
        file.attrs["config_sha256"] = dataset.settings_hash(config)
        file.attrs["qfp_version"] = __version__
        file.attrs["orientation"] = dataset.ORIENTATION
        file.attrs["spot_check"] = spot_check(device, antidots, file["conductance"], file["ldos"])
    with open(temporary, "rb+") as handle:
        os.fsync(handle.fileno())
    os.replace(temporary, out)
