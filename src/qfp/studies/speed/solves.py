"""What is timed of the solver, each in a process of one BLAS thread: ours, and Kwant's."""

import time

import numpy as np
import torch

from qfp.physics import geometry, green, kwant_model, sweep, wire
from qfp.physics.leads import lead_modes
from qfp.tools import stream

CURVES = 5  # at V = 0, spread over the configurations


def seconds(function, repeats=1):
    """Least time of a few calls, and the last result."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        result = function()
        times.append(time.perf_counter() - start)
    return min(times), result


def kwant(device, antidots, solver, solves, seed):
    """Times [s] of Kwant's conductance and LDOS, leads precalculated, with their arguments and
    results."""
    curves, images = [], []
    for k in range(solves):
        rng = stream("bench kwant", seed, k)
        n, f, p = (
            int(rng.integers(len(antidots))),
            int(rng.integers(device.field_points)),
            int(rng.integers(5)),
        )
        system = kwant_model.build(
            device, geometry.removed_mask(antidots[n], device), wire.random_potential(p, device)
        )
        ready = system.precalculate(
            device.energy, params={"b": float(device.fields[f])}, what="modes"
        )
        curves.append(
            (
                *seconds(
                    lambda s=ready, f=f: kwant_model.conductance(
                        s, device, device.fields[f], solver
                    )
                ),
                p,
                f,
                n,
            )
        )
        ready = system.precalculate(device.energy, params={"b": 0.0}, what="modes")
        images.append(seconds(lambda s=ready: kwant_model.ldos(s, device, solver))[0])
    return curves, images


def fastest_kwant(device, antidots):
    """Worker: name of the fastest of Kwant's solvers here."""
    return min(
        kwant_model.kwant_solvers(),
        key=lambda name: np.median([c[0] for c in kwant(device, antidots, name, 3, 0)[0]]),
    )


def sweeps(device, antidots, solver, potentials):
    """Worker: one whole sweep of fields in both precisions, the potentials in turn, and a Kwant
    solve at each field.

    Returns arrays by field: seconds of lead modes, of the pristine Green's function, of all in
    double and in single precision, of Kwant's solve; |dG| of double against Kwant and of single
    against double precision."""
    double, single = (
        sweep.Sweep(device, antidots, dtype) for dtype in (torch.complex128, torch.complex64)
    )
    rows = []
    for f, b in enumerate(device.fields):
        V = wire.random_potential(f % potentials, device)
        leads_time, leads = seconds(lambda b=b: lead_modes(device, b))
        pristine, _ = seconds(lambda b=b, V=V, leads=leads: double.pristine(b, V, leads), 2)
        double_time, G = seconds(
            lambda b=b, V=V, leads=leads: double.conductance(b, V, leads).numpy(), 2
        )
        single_time, rough = seconds(
            lambda b=b, V=V, leads=leads: single.conductance(b, V, leads).numpy(), 2
        )
        n = int(stream("bench sweep", f).integers(len(antidots)))
        system = kwant_model.build(device, geometry.removed_mask(antidots[n], device), V)
        system = system.precalculate(device.energy, params={"b": float(b)}, what="modes")
        kwant_time, exact = seconds(
            lambda s=system, b=b: kwant_model.conductance(s, device, b, solver), 2
        )
        rows.append(
            (
                leads_time,
                pristine,
                double_time,
                single_time,
                kwant_time,
                abs(G[n] - exact),
                abs(G - rough).max(),
            )
        )
    return np.array(rows).T


def accelerator(device, antidots):
    """Worker: ms of a solve on a GPU in double and in single precision; None without one."""
    if not torch.cuda.is_available():
        return None
    b, V, times = float(device.fields[-1]) / 2, wire.random_potential(0, device), []
    for dtype in (torch.complex128, torch.complex64):
        fast = sweep.Sweep(device, antidots, dtype, "cuda")
        fast.conductance(b, V)
        times.append(
            1e3 * seconds(lambda fast=fast: fast.conductance(b, V).cpu(), 3)[0] / len(antidots)
        )
    return times


def clean(device, antidots):
    """Worker: seconds of the set-up for V = 0, and of one curve after it (all fields), for a few
    pairs."""
    for b in device.fields[:2]:
        green.clean_wire(device, float(b))
    setup, _ = seconds(lambda: [green.clean_wire_cached(device, float(b)) for b in device.fields])
    green.solve(device, antidots[0])
    return setup, [
        seconds(lambda pair=pair: green.solve(device, pair))[0]
        for pair in antidots[:: len(antidots) // CURVES]
    ]


def images(device, antidots):
    """Worker: seconds an LDOS image, the wire's own part left out, for one block of the dataset."""
    few = antidots[: len(antidots) // 4]
    times = [
        seconds(lambda pairs=pairs: sweep.images_of(device, pairs, 0))[0]
        for pairs in (few, few, antidots)
    ]
    return (times[2] - times[1]) / (len(antidots) - len(few))


def machine():
    """Worker: flop/s of a large complex product and bytes/s of a large copy, the rooms in which a
    solve lives."""
    a = torch.randn(600, 600, dtype=torch.complex128)
    big = torch.randn(16, 1024, 1024)
    return 8 * 600**3 / seconds(lambda: a @ a, 5)[0], 2 * 4 * big.numel() / seconds(big.clone, 5)[0]
