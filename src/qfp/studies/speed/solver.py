"""How many times as fast as Kwant is the exact solver?

Both are timed in the same run. One BLAS thread a process; Kwant's leads are precalculated. One
solve is a (configuration, potential, field), amortised over a whole sweep; the dataset is generated
for good, with 2 processes, into a folder that is removed. Kwant's time for it is extrapolated from
solves in 2 processes.
"""

import platform
import resource
import tempfile
from pathlib import Path

import numpy as np
import torch

from qfp.data import dataset, generate
from qfp.data.workers import processes
from qfp.physics import sweep
from qfp.studies.frame import Option, Study
from qfp.studies.speed import solves, widths
from qfp.tools import as_dict, digest

MODES = 7  # open modes in the count of a solve's work: about the mean of the sweep


def in_one_process(config, antidots, number, sizes):
    """All that is timed in one process: what each function of `solves` gives, by its name."""
    device, P = config.device, config.dataset.potentials
    with processes(1) as submit:
        name = submit(solves.fastest_kwant, device, antidots).result()
        return {
            "solver": name,
            "sweeps": submit(solves.sweeps, device, antidots, name, P).result(),
            "clean": submit(solves.clean, device, antidots).result(),
            "image": submit(solves.images, device, antidots[: dataset.LDOS_BLOCK]).result(),
            "machine": submit(solves.machine).result(),
            "gpu": submit(solves.accelerator, device, antidots).result(),
            "growth": submit(widths.growth, device, name, sizes, max(3, number // 4)).result(),
        }


def kwant_in_two(device, antidots, solver, number):
    """Seconds of Kwant's conductance and of its LDOS, where two processes work side by side."""
    with processes(2) as submit:
        jobs = [submit(solves.kwant, device, antidots, solver, number, k) for k in (3, 4)]
        both = [job.result() for job in jobs]
    curve = float(np.median([c[0] for curves, _ in both for c in curves]))
    return curve, float(np.median([t for _, images in both for t in images]))


def generated(config):
    """Seconds of generating the dataset with 2 processes."""
    with tempfile.TemporaryDirectory() as folder:
        out, quiet = Path(folder) / "data.h5", {"workers": 2, "report": lambda _: None}
        return solves.seconds(lambda: generate.generate(config, out, **quiet))[0]


def peak_gib():
    """Largest memory of this process and twice that of its largest child [GiB]."""
    own, child = (
        resource.getrusage(who).ru_maxrss
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return (own + 2 * child) / 2**20


def per_solve(sweeps, potentials, number):
    """Times and errors of single solves, from arrays by field."""
    leads, pristine, double, single, kwant, error, rough = sweeps
    shared = leads / potentials  # a field's lead modes serve all its potentials
    fast = (np.median(double + shared) / number, np.median(single + shared) / number)
    return {
        "kwant_ms": 1e3 * float(np.median(kwant)),
        "kwant_solves": len(kwant),
        "fast_ms": 1e3 * float(fast[0]),
        "fast_single_ms": 1e3 * float(fast[1]),
        "fast_solves": number * len(kwant),
        "pristine_ms": 1e3 * float(np.median(pristine + shared)),
        "leads_ms": 1e3 * float(np.median(leads)),
        "max_difference": float(error.max()),
        "max_difference_single": float(rough.max()),
    }, [float(np.median(kwant) / time) for time in fast]


def dataset_shares(config, number, sweeps, image, whole):
    """Parts of the time `whole` [s] that the dataset takes with 2 processes."""
    P, (leads, pristine, double, *_) = config.dataset.potentials, sweeps
    parts = {
        "pristine": P * (pristine + 2 * leads / P).sum() / 2,
        "pairs": P * (double - pristine).sum() / 2,
        "images": P * number * image / 2,
    }
    parts["rest"] = whole - sum(parts.values())
    return {key: float(value / whole) for key, value in parts.items()}


def measure(run):
    """Race the fast solver against Kwant with its leads precalculated."""
    config, number = run.config, run.options.solves
    device, P, antidots = config.device, config.dataset.potentials, dataset.choose(config)[1]
    N, F = len(antidots), device.field_points
    found = in_one_process(config, antidots, number, run.options.widths)
    kwant_curve, kwant_image = kwant_in_two(device, antidots, found["solver"], number)
    whole = generated(config)
    kwant_whole = (P * N * F * kwant_curve + P * N * kwant_image) / 2
    solve, ratio = per_solve(found["sweeps"], P, N)
    work, (flops, bandwidth) = sweep.Sweep(device, antidots).work(MODES), found["machine"]
    return {
        "ratio_per_solve": ratio[0],
        "ratio_per_solve_single": ratio[1],
        "ratio_dataset": kwant_whole / whole,
        "kwant_solver": found["solver"],
        **solve,
        **{key: float(value) for key, value in work.items()},
        "machine_flops": flops,
        "machine_bandwidth": bandwidth,
        "floor_ms": 1e3 * max(work["flops"] / flops, work["bytes"] / bandwidth),
        "clean_setup_s": found["clean"][0],
        "clean_curve_ms": 1e3 * float(np.median(found["clean"][1])),
        "image_ms": 1e3 * found["image"],
        "kwant_image_ms": 1e3 * kwant_image,
        "kwant_two_ms": 1e3 * kwant_curve,
        "dataset_pairs": P * N,
        "dataset_s": whole,
        "kwant_dataset_days": kwant_whole / 86400,
        "peak_gib": peak_gib(),
        "shares": dataset_shares(config, N, found["sweeps"], found["image"], whole),
        "gpu_ms": found["gpu"],
        "widths": found["growth"],
        "device": as_dict(device),
        "config_sha256": digest(config.device, config.dataset),
        "versions": {
            "torch": torch.__version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
        },
    }


def show(r):
    """The result as text."""
    work = f"{r['flops'] / 1e6:.2f} Mflop and {r['bytes'] / 1e3:.0f} kB"
    machine = f"{r['machine_flops'] / 1e9:.0f} Gflop/s and {r['machine_bandwidth'] / 1e9:.0f} GB/s"
    shares = ", ".join(f"{name} {100 * share:.0f} %" for name, share in r["shares"].items())
    lines = [
        f"one solve: a (configuration, potential, field), mean over {r['fast_solves']:,}; Kwant's "
        f"median over {r['kwant_solves']}",
        f"  Kwant ({r['kwant_solver']}), leads precalculated {r['kwant_ms']:9.3f} ms",
        f"  fast, double precision            {r['fast_ms']:9.4f} ms, ratio "
        f"{r['ratio_per_solve']:5.0f}; against Kwant |dG| <= {r['max_difference']:.0e} e^2/h",
        f"  fast, single precision            {r['fast_single_ms']:9.4f} ms, ratio "
        f"{r['ratio_per_solve_single']:5.0f}; against double |dG| <= "
        f"{r['max_difference_single']:.0e} e^2/h over the whole sweep",
        f"  the wire's own G0                 {r['pristine_ms']:9.1f} ms a field and potential, "
        "included",
        f"  work: {work}; at this core's {machine} at least {1e3 * r['floor_ms']:.1f} us; the code "
        f"takes {r['fast_ms'] / r['floor_ms']:.1f} times that",
        f"a curve at V = 0: {r['clean_curve_ms']:.0f} ms after a set-up of "
        f"{r['clean_setup_s']:.1f} s",
        f"an LDOS image: Kwant {r['kwant_image_ms']:.1f} ms, fast {r['image_ms']:.3f} ms",
        f"the dataset, {r['dataset_pairs']:,} pairs, 2 processes: {r['dataset_s']:.0f} s, at most "
        f"{r['peak_gib']:.1f} GiB",
        f"  Kwant would take {r['kwant_dataset_days']:.2f} days (extrapolated), ratio "
        f"{r['ratio_dataset']:.0f}",
        f"  share of time: {shares}",
        "wire        Kwant [ms]   pair [ms]   pristine wire [ms]   ratio with all its "
        "configurations",
    ]
    lines += [
        f"{w['width']:3} x {w['length']:3}  {w['kwant_ms']:9.2f} {w['pair_ms']:11.4f} "
        f"{w['pristine_ms']:20.1f} {w['ratio']:20.0f}"
        for w in r["widths"]
    ]
    return "\n".join(lines)


STUDY = Study(
    name="solver-speed",
    measure=measure,
    show=show,
    result="bench_solver",
    needs=(),
    options={
        "solves": Option(24, "Kwant solves in each of two processes"),
        "widths": Option((20, 30, 50, 70), "widths of wires, in sites", many=True),
    },
)
