"""How far off are interpolated curves, and is their kernel the best of its kind?

Curves of development configurations, kriged from those of the training set as in training: their
error beside what another random potential changes, over the constants of the kernel.
"""

import itertools

import numpy as np

from qfp.data import interpolate
from qfp.data.interpolate import KERNEL, Kernel
from qfp.studies import tables
from qfp.studies.frame import Option, Study
from qfp.tools import SettingsError, progress_bar

LENGTHS, STRETCHES, NUGGETS = (1.0, 1.5, 2.0, 3.0, 4.0), (0.5, 0.7, 1.0), (1e-4, 1e-3, 1e-2)
NOTES = {
    "rows": "kernels: range [sites of x], what a site of dy counts, nugget; every combination",
    "error": "mean square of interpolated - simulated curve over fields, configurations and "
    "potentials, over that of the difference between two potentials of the same wire",
    "error_median": "the same of each configuration and potential by itself, median",
    "best": "the row with the smallest error; chosen: the constants that training uses",
}


def errors(curves, orbits, wanted, known, width, neighbours, kernel):
    """Mean square errors (P, M) [(e^2/h)^2] of kriged curves of the configurations `wanted` (M,)
    from those of `known` (N,), of all curves (P, N, F)."""
    weight, near = interpolate.weights(orbits[wanted], orbits[known], width, neighbours, kernel)
    found = []
    for own in curves:
        guess = np.einsum("mk,mkf->mf", weight, own[known][near])
        found.append(((guess - own[wanted]) ** 2).mean(axis=1))
    return np.array(found)


def changes(curves):
    """Mean square difference (M,) between two potentials of the same wire, of curves (P, M, F)."""
    pairs = itertools.combinations(curves.astype(float), 2)
    return np.mean([((a - b) ** 2).mean(axis=1) for a, b in pairs], axis=0)


def measure(run):
    """The error of every kernel of the grid on development curves."""
    pairs, neighbours = run.pairs, run.config.training.curve_neighbours
    if not neighbours:
        raise SettingsError(
            f"training.curve_neighbours 0, in preset {run.config.preset}: nothing is interpolated"
        )
    known = np.unique(run.parts["train"][:, 1])
    wanted = np.unique(run.parts["dev"][:, 1])[: run.options.curves]
    change, rows = changes(pairs.conductance[:, wanted]), []
    kernels = [Kernel(*row) for row in itertools.product(LENGTHS, STRETCHES, NUGGETS)]
    for kernel in progress_bar(kernels, desc="kernels", unit="kernel"):
        given = pairs.conductance, pairs.orbit, wanted, known, pairs.device.width
        square = errors(*given, neighbours, kernel)
        row = {"error": float(square.mean() / change.mean())}
        row |= {"error_median": float(np.median(square / change))}
        rows.append(kernel._asdict() | row)
    return {
        "data_sha256": pairs.sha256,
        "seed": run.config.seed,
        "curves": len(wanted),
        "neighbours": neighbours,
        "chosen": next(row for row in rows if Kernel(*list(row.values())[:3]) == KERNEL),
        "best": min(rows, key=lambda row: row["error"]),
        "rows": rows,
    }


def show(result):
    """The chosen kernel, and the best of the grid."""
    table = [["kernel", *Kernel._fields, "error", "median error"]]
    for name in ("chosen", "best"):
        row = result[name]
        cells = (f"{row[key]:g}" for key in Kernel._fields)
        table.append([name, *cells, f"{row['error']:.3f}", f"{row['error_median']:.3f}"])
    return tables.markdown(table)


STUDY = Study(
    name="interpolation",
    measure=measure,
    show=show,
    notes=NOTES,
    result="interpolation",
    needs=("pairs",),
    options={"curves": Option(1000, "development configurations")},
)
