"""Curves under potentials that a dataset file does not have: a read-out learns from curves
alone."""

from concurrent.futures import as_completed

import numpy as np

from qfp.data import fresh, numbers
from qfp.data.workers import pool
from qfp.tools import digest, kept, progress_bar, project_root


def under(device, antidots, seed):
    """Exact curves (N, F) float32 [e^2/h] of antidots (N, K, 2) under the potential of a seed."""
    found = [numbers.curves_at(device, antidots, seed, b) for b in device.fields]
    return np.stack(found, axis=-1).astype(np.float32)


def curves(pairs, known, number, workers=None):
    """Curves (Q, N, F) float32 [e^2/h] of a dataset's configurations under `number` potentials that
    no file has and no test uses.

    Those of `known` (indices) are exact and kept in runs/curves, a minute of one core a potential
    of the paper's wire; all others are not simulated, and NaN."""
    antidots, folder = pairs.antidots[known], project_root() / "runs" / "curves"
    found = np.full((number, *pairs.conductance.shape[1:]), np.nan, np.float32)
    name = digest(pairs.device, antidots.tolist())[:16]
    seeds = fresh.seeds_of("further", number).tolist()
    paths = {seed: folder / f"further-{name}-{seed}.npy" for seed in seeds}
    missing = [seed for seed in seeds if not paths[seed].is_file()]
    if missing:
        with pool(workers) as submit:
            jobs = {submit(under, pairs.device, antidots, seed): seed for seed in missing}
            for job in progress_bar(
                as_completed(jobs), total=len(jobs), desc="further potentials", unit="potential"
            ):
                kept(paths[jobs[job]], job.result)
    for out, (seed, path) in zip(found, paths.items(), strict=True):
        out[known] = kept(path, lambda seed=seed: under(pairs.device, antidots, seed))
    return found
