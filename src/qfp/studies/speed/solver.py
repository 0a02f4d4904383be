"""Speed as ratios against the peer, Kwant, both timed in the same run; one BLAS thread a process."""

import dataclasses
import json
import platform
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from qfp.data import dataset, generate
from qfp.data.workers import processes
from qfp.physics import geometry, green, kwant_model, sweep, wire
from qfp.physics.leads import lead_modes
from qfp.tools import SettingsError, as_dict, digest, stream, write_text

MODES = 7  # open modes in the count of a solve's work: about the mean of the sweep
CURVES = 5  # at V = 0, spread over the configurations
PAIRS = 16000  # about as many are timed where a wire has more


def _seconds(function, repeats=1):
    """Least time of a few calls, and the last result."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        result = function()
        times.append(time.perf_counter() - start)
    return min(times), result


def _kwant(device, antidots, solver, solves, seed):
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
                *_seconds(
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
        images.append(_seconds(lambda s=ready: kwant_model.ldos(s, device, solver))[0])
    return curves, images


def _fastest_kwant(device, antidots):
    """Worker: name of the fastest of Kwant's solvers here."""
    return min(
        kwant_model.kwant_solvers(),
        key=lambda name: np.median([c[0] for c in _kwant(device, antidots, name, 3, 0)[0]]),
    )


def _sweeps(device, antidots, solver, potentials):
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
        leads_time, leads = _seconds(lambda b=b: lead_modes(device, b))
        pristine, _ = _seconds(lambda b=b, V=V, leads=leads: double.pristine(b, V, leads), 2)
        double_time, G = _seconds(
            lambda b=b, V=V, leads=leads: double.conductance(b, V, leads).numpy(), 2
        )
        single_time, rough = _seconds(
            lambda b=b, V=V, leads=leads: single.conductance(b, V, leads).numpy(), 2
        )
        n = int(stream("bench sweep", f).integers(len(antidots)))
        system = kwant_model.build(device, geometry.removed_mask(antidots[n], device), V)
        system = system.precalculate(device.energy, params={"b": float(b)}, what="modes")
        kwant_time, exact = _seconds(
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


def _accelerator(device, antidots):
    """Worker: ms of a solve on a GPU in double and in single precision; None without one."""
    if not torch.cuda.is_available():
        return None
    b, V, times = float(device.fields[-1]) / 2, wire.random_potential(0, device), []
    for dtype in (torch.complex128, torch.complex64):
        fast = sweep.Sweep(device, antidots, dtype, "cuda")
        fast.conductance(b, V)
        times.append(
            1e3 * _seconds(lambda fast=fast: fast.conductance(b, V).cpu(), 3)[0] / len(antidots)
        )
    return times


def _clean(device, antidots):
    """Worker: seconds of the set-up for V = 0, and of one curve after it (all fields), for a few
    pairs."""
    for b in device.fields[:2]:
        green.clean_wire(device, float(b))
    setup, _ = _seconds(lambda: [green.clean_wire_cached(device, float(b)) for b in device.fields])
    green.solve(device, antidots[0])
    return setup, [
        _seconds(lambda pair=pair: green.solve(device, pair))[0]
        for pair in antidots[:: len(antidots) // CURVES]
    ]


def _images(device, antidots):
    """Worker: seconds an LDOS image, the wire's own part left out, for one block of the dataset."""
    few = antidots[: len(antidots) // 4]
    times = [
        _seconds(lambda pairs=pairs: sweep.images_of(device, pairs, 0))[0]
        for pairs in (few, few, antidots)
    ]
    return (times[2] - times[1]) / (len(antidots) - len(few))


def _machine():
    """Worker: flop/s of a large complex product and bytes/s of a large copy, the rooms in which a
    solve lives."""
    a = torch.randn(600, 600, dtype=torch.complex128)
    big = torch.randn(16, 1024, 1024)
    return 8 * 600**3 / _seconds(lambda: a @ a, 5)[0], 2 * 4 * big.numel() / _seconds(big.clone, 5)[
        0
    ]


def _widths(config, solver, widths, solves):
    """Worker: for wires of several widths and the same shape, ms of a Kwant solve, of our pair and
    of the pristine wire."""
    rows = []
    for width in widths:
        device = dataclasses.replace(
            config.device, width=width, length=width * config.device.length // config.device.width
        )
        _, antidots = geometry.configurations(device)
        total = len(antidots)
        # whole groups: partners share a first antidot
        first, partners = np.unique(antidots[:, 0], axis=0, return_inverse=True)
        few = stream("bench width", width).permutation(len(first))[
            : max(1, len(first) * PAIRS // max(total, PAIRS))
        ]
        antidots = antidots[np.isin(partners, few)]
        fast, V, b = (
            sweep.Sweep(device, antidots),
            wire.random_potential(0, device),
            float(device.fields[len(device.fields) // 2]),
        )
        leads = lead_modes(device, b)
        pristine, _ = _seconds(lambda f=fast, b=b, V=V, leads=leads: f.pristine(b, V, leads), 3)
        whole, _ = _seconds(lambda f=fast, b=b, V=V, leads=leads: f.conductance(b, V, leads), 3)
        kwant = np.median([c[0] for c in _kwant(device, antidots, solver, solves, 2)[0]])
        pair = (whole - pristine) / len(antidots)
        rows.append(
            {
                "width": width,
                "length": device.length,
                "configurations": total,
                "kwant_ms": 1e3 * kwant,
                "pair_ms": 1e3 * pair,
                "pristine_ms": 1e3 * pristine,
                "ratio": kwant / (pair + pristine / total),
            }
        )
    return rows


def solver(config, out, solves=24, widths=(20, 30, 50, 70), report=print):
    """Race the fast solver against Kwant with its leads precalculated: a table, and a JSON file
    `out`.

    One solve is a (configuration, potential, field), amortised over a whole sweep; the dataset is
    generated for good, with 2 processes, into a folder that is removed. Kwant's time for it is
    extrapolated from solves in 2 processes."""
    if Path(out).is_dir():
        raise SettingsError(f"--out {out} is a folder: give the name of a file to write")
    device, P = config.device, config.dataset.potentials
    _, antidots = dataset.choose(config)
    N, F = len(antidots), device.field_points
    with processes(1) as submit:
        name = submit(_fastest_kwant, device, antidots).result()
        leads, pristine, double, single, kwant, error, rough = submit(
            _sweeps, device, antidots, name, P
        ).result()
        setup, curves = submit(_clean, device, antidots).result()
        image = submit(_images, device, antidots[: dataset.LDOS_BLOCK]).result()
        flops, bandwidth = submit(_machine).result()
        gpu = submit(_accelerator, device, antidots).result()
        growth = submit(_widths, config, name, widths, max(3, solves // 4)).result()
    with processes(2) as submit:
        both = [
            job.result()
            for job in [submit(_kwant, device, antidots, name, solves, k) for k in (3, 4)]
        ]
    kwant_curve = float(np.median([c[0] for curves_, _ in both for c in curves_]))
    kwant_image = float(np.median([t for _, images in both for t in images]))
    with tempfile.TemporaryDirectory() as folder:
        whole, _ = _seconds(
            lambda: generate.generate(
                config, Path(folder) / "data.h5", workers=2, report=lambda _: None
            )
        )
    peak = (
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        + 2 * resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    )
    kwant_whole = (P * N * F * kwant_curve + P * N * kwant_image) / 2
    shared = leads / P  # a field's lead modes serve all its potentials
    work = sweep.Sweep(device, antidots).work(MODES)
    parts = {
        "pristine": P * (pristine + 2 * shared).sum() / 2,
        "pairs": P * (double - pristine).sum() / 2,
        "images": P * N * image / 2,
    }
    parts["rest"] = whole - sum(parts.values())
    fast = (np.median(double + shared) / N, np.median(single + shared) / N)
    result = {
        "ratio_per_solve": float(np.median(kwant) / fast[0]),
        "ratio_per_solve_single": float(np.median(kwant) / fast[1]),
        "ratio_dataset": kwant_whole / whole,
        "kwant_solver": name,
        "kwant_ms": 1e3 * float(np.median(kwant)),
        "kwant_solves": F,
        "fast_ms": 1e3 * float(fast[0]),
        "fast_single_ms": 1e3 * float(fast[1]),
        "fast_solves": N * F,
        "pristine_ms": 1e3 * float(np.median(pristine + shared)),
        "leads_ms": 1e3 * float(np.median(leads)),
        "max_difference": float(error.max()),
        "max_difference_single": float(rough.max()),
        **{key: float(value) for key, value in work.items()},
        "machine_flops": flops,
        "machine_bandwidth": bandwidth,
        "floor_ms": 1e3 * max(work["flops"] / flops, work["bytes"] / bandwidth),
        "clean_setup_s": setup,
        "clean_curve_ms": 1e3 * float(np.median(curves)),
        "image_ms": 1e3 * image,
        "kwant_image_ms": 1e3 * kwant_image,
        "kwant_two_ms": 1e3 * kwant_curve,
        "dataset_pairs": P * N,
        "dataset_s": whole,
        "kwant_dataset_days": kwant_whole / 86400,
        "peak_gib": peak / 2**20,
        "shares": {key: float(value / whole) for key, value in parts.items()},
        "gpu_ms": gpu,
        "widths": growth,
        "device": as_dict(device),
        "config_sha256": digest(config.device, config.dataset),
        "versions": {
            "torch": torch.__version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
        },
    }
    write_text(out, json.dumps(result, indent=1) + "\n")
    report(table(result))
    return result


def table(r):
    """The result of `solver` as text."""
    text = f"""\
one solve: a (configuration, potential, field), mean over {r["fast_solves"]:,}; Kwant's median over {r["kwant_solves"]}
  Kwant ({r["kwant_solver"]}), leads precalculated {r["kwant_ms"]:9.3f} ms
  fast, double precision            {r["fast_ms"]:9.4f} ms, ratio {r["ratio_per_solve"]:5.0f}; \
against Kwant |dG| <= {r["max_difference"]:.0e} e^2/h
  fast, single precision            {r["fast_single_ms"]:9.4f} ms, ratio {r["ratio_per_solve_single"]:5.0f}; \
against double |dG| <= {r["max_difference_single"]:.0e} e^2/h over the whole sweep
  the wire's own G0                 {r["pristine_ms"]:9.1f} ms a field and potential, included
  work: {r["flops"] / 1e6:.2f} Mflop and {r["bytes"] / 1e3:.0f} kB; at this core's {r["machine_flops"] / 1e9:.0f} Gflop/s and \
{r["machine_bandwidth"] / 1e9:.0f} GB/s at least {1e3 * r["floor_ms"]:.1f} us; the code takes {r["fast_ms"] / r["floor_ms"]:.1f} times that
a curve at V = 0: {r["clean_curve_ms"]:.0f} ms after a set-up of {r["clean_setup_s"]:.1f} s
an LDOS image: Kwant {r["kwant_image_ms"]:.1f} ms, fast {r["image_ms"]:.3f} ms
the dataset, {r["dataset_pairs"]:,} pairs, 2 processes: {r["dataset_s"]:.0f} s, at most {r["peak_gib"]:.1f} GiB
  Kwant would take {r["kwant_dataset_days"]:.2f} days (extrapolated), ratio {r["ratio_dataset"]:.0f}
  share of time: {", ".join(f"{name} {100 * share:.0f} %" for name, share in r["shares"].items())}
wire        Kwant [ms]   pair [ms]   pristine wire [ms]   ratio with all its configurations
"""
    return text + "\n".join(
        f"{w['width']:3} x {w['length']:3}  {w['kwant_ms']:9.2f} {w['pair_ms']:11.4f} "
        f"{w['pristine_ms']:20.1f} {w['ratio']:20.0f}"
        for w in r["widths"]
    )
