"""Speed as ratios against the peer, both timed in the same run on one core."""

import json
import multiprocessing
import platform
import time
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import torch

from . import dataset, geometry, green
from . import device as model
from .config import as_dict, digest, stream, write_atomic
from .generate import single_threaded


def _time_solver(config, rounds, solves):
    """Worker with one BLAS thread: alternate rounds of Kwant and the fast solver; times and differences."""
    torch.set_num_threads(1)
    device = config.device
    _, antidots = dataset.choose(config)
    rings = torch.as_tensor(geometry.rings(antidots, device))
    kwant_times, fast_times, wire_times, differences = [], [], [], []
    for k in range(rounds):
        rng = stream("bench solver", config.seed, k)
        b = float(device.fields[rng.integers(device.field_points)])
        seed = int(rng.integers(5))
        potential = model.random_potential(seed, device)
        start = time.perf_counter()
        w = green.wire(device, b, potential)
        wire_times.append(time.perf_counter() - start)
        G = green.conductance(w, rings).numpy()
        fast_times.append((time.perf_counter() - start) / len(antidots))
        for n in rng.choice(len(antidots), solves, replace=False):
            system = model.build(device, geometry.removed_mask(antidots[n], device), potential)
            system = system.precalculate(device.energy, params={"b": b}, what="modes")
            start = time.perf_counter()
            reference = model.conductance(system, device, b)
            kwant_times.append(time.perf_counter() - start)
            differences.append(abs(reference - G[n]))
    return kwant_times, fast_times, wire_times, differences


def solver(config, out, rounds=6, solves=5):
    """Time a (configuration, potential, field) against Kwant with its leads precalculated; table and JSON file.

    Ours is amortised over all configurations of the preset at one field, the wire's Green's function and lead modes
    included; Kwant's time is the solve alone. Medians of `rounds` rounds at random fields and potentials."""
    with single_threaded(), ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        kwant_times, fast_times, wire_times, differences = pool.submit(_time_solver, config, rounds, solves).result()
    result = {
        "ratio_per_solve": float(np.median(kwant_times) / np.median(fast_times)),
        "kwant_ms": float(np.median(kwant_times) * 1e3),
        "fast_ms": float(np.median(fast_times) * 1e3),
        "wire_ms": float(np.median(wire_times) * 1e3),
        "max_difference": float(max(differences)),
        "kwant_solves": len(kwant_times),
        "fast_solves": rounds * config.dataset.configurations,
        "device": as_dict(config.device),
        "config_sha256": digest(config.device, config.dataset),
        "versions": {"torch": torch.__version__, "numpy": np.__version__, "python": platform.python_version()},
    }
    write_atomic(out, lambda handle: handle.write((json.dumps(result, indent=1) + "\n").encode()))
    print(f"Kwant, leads precalculated   {result['kwant_ms']:9.3f} ms a solve   ({result['kwant_solves']} solves)")
    print(f"fast solver, all included    {result['fast_ms']:9.4f} ms a solve   ({result['fast_solves']} solves)")
    print(f"  of it the wire's G0        {result['wire_ms']:9.1f} ms a field")
    print(f"ratio                        {result['ratio_per_solve']:9.0f}")
    print(f"largest |dG|                 {result['max_difference']:9.1e} e^2/h")
    return result
