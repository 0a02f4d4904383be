"""How far curves are apart: those of all wires, of copies, and of one wire under two potentials
(Sec. III). A distance is the root mean square of a difference over the fields [e^2/h]."""

import numpy as np
from scipy.spatial import cKDTree


def apart(curves, others):
    """Distance of curves (..., F) [e^2/h] from others (..., F): (...) [e^2/h]."""
    return np.sqrt(np.mean((curves - others) ** 2, axis=-1))


def nearest_other(curves):
    """Distance of each of curves (N, F) [e^2/h] from the nearest other one: (N,) [e^2/h]."""
    distance, _ = cKDTree(curves).query(curves, k=2)  # the first is the curve itself
    return distance[:, 1] / np.sqrt(curves.shape[-1])


def groups(nearest, copies, clean, disordered, other):
    """Distances [e^2/h] by what the curves are of, {kind: (M,)}.

    nearest (K,): `nearest_other` of all curves. copies (4, N, 2, 2): pairs and their symmetric
    copies, see `geometry.copies`; clean, disordered (4, N, F): their curves at V = 0 and under one
    potential, other (N, F): those of the pairs under another."""
    moved = (copies[1:] != copies[0]).any(axis=(-2, -1))
    return {
        "nearest other configuration, V = 0": nearest,
        "copy under one potential": apart(disordered[1:], disordered[0])[moved],
        "same wire, another potential": apart(other, disordered[0]),
        "unrelated configuration": apart(clean[0], np.roll(clean[0], 1, axis=0)),
    }


def told(groups):
    """Median and spread of `groups`, a line each."""
    lines = []
    for name, values in groups.items():
        low, middle, high = np.quantile(values, [0.025, 0.5, 0.975])
        lines.append(
            f"{name:36s} median {middle:.3f} e²/h, 95 % of them in {low:.3f} to {high:.3f} "
            f"({len(values)} values)"
        )
    return "\n".join(lines)
