"""Do the attention weights A_ij follow the wave functions of their own wire?

What Sec. V says of A_ij, along the network's own generations of unseen wires: the rank correlation
with the wave functions' non-local correlation, minus that with another wire's. The same away from
the antidots, around which A_ij and the wave functions change together; and the power of the test:
how strong a signal, planted into weights that know neither wire, it finds.
"""

import numpy as np

from qfp.model.condition import GRID
from qfp.studies.attention import generations, marks, watch, waves
from qfp.studies.attention.generations import Path, Wires, generate, in_blocks, near
from qfp.studies.attention.rows import adjusted, compared, rounded
from qfp.studies.frame import Option, Study
from qfp.tools import SettingsError, stream

LEVELS = (10.0, 2.0, 0.5, 0.1)  # σ/α, beside the first step
STRENGTHS = (0.0, 0.01, 0.02, 0.05, 0.1)  # of planted signals, in units of the noise
PLANTED = 2.0  # σ/α at which they are planted
DRAWS = 400  # resamples of the curves for the share that is detected
CELLS = {
    "all": "all cells on the wire that no antidot of the two wires takes",
    "away": "of these the ones that touch no antidot of the two wires",
}
NOTES = {
    "heads": "layers of full attention at 15 x 15, or `across` x `across`: rank correlation over "
    "pairs of cells i != j of A_ij with C_ij = |Im G_ij|^2/(Im G_ii Im G_jj) at b = 0, given "
    "distance and B_j; own: C of "
    "the own curve, other: of the next curve of the same potential, on the same cells; mean over "
    "noise levels `ratio` and curves, difference own - other with its 95 % bootstrap interval; "
    "difference_adjusted holds for all heads together (Bonferroni, Student's t). plain: "
    "Spearman's without conditions; distance: Spearman's of A_ij with the distance, by level",
    "cells": CELLS,
    "power": "weights at the noise level `ratio` of a third wire, to whose logarithm C of one of "
    "the two is added (waves.planted), `strengths` times the noise, which is what distance and B_j "
    "leave of the logarithm; detected: share of heads and resamples of the curves whose "
    "difference_adjusted at this level lies above 0; mean: own - other over heads and curves",
    "summary": "of each of `cells`: heads whose interval lies above or below 0, largest and median "
    "difference",
}


def touched(antidots, device, across):
    """Cells of across x across on or beside an antidot of any of antidots (K, 2, 2), bool (N,)."""
    cells = marks.grid_cells(antidots, device, across)
    return (cells | marks.rim_cells(cells)).any(axis=0).ravel()


def followed(A, C, antidots, device):
    """How A (M, N, N) follows C (2, N, N) of two wires with antidots (2, 2, 2): (M, cells, [own,
    other]) for each of CELLS, and (M, [plain, distance])."""
    free = ~touched(antidots, device, round(C.shape[-1] ** 0.5))
    partial, plain, distance = waves.partial_rank_correlation(A, C)
    far = waves.partial_rank_correlation(A, C, free)[0]
    return np.stack([partial, far], axis=1), np.stack([plain[:, 0], distance], axis=1)


def examined(run, wires, C, path, part):
    """Arrays of one block of curves: 'follow' (levels, B, head, cells, 2), 'plain' (levels, B,
    head, 2) and 'planted' (1, B, head, strengths, cells, 2); NaN for a curve whose potential has
    not two others."""
    device, places = run.pairs.device, near(path.ratio, LEVELS)
    given, across = (wires.curves[part], wires.seeds[part]), run.options.across
    found = generate(run.decoder, *given, places, weights_at=places, across=across).weights
    A = np.concatenate(list(found.values()), axis=2)  # (levels, B, heads of all layers, N, N)
    (S, B, H), level = A.shape[:3], places.index(near(path.ratio, (PLANTED,))[-1])
    follow, plain = np.full((S, B, H, 2, 2), np.nan), np.full((S, B, H, 2), np.nan)
    power = np.full((1, B, H, len(STRENGTHS), 2, 2), np.nan)
    partner = generations.partners(wires.rows[:, 0])
    for b, own in enumerate(range(*part.indices(len(wires.rows)))):
        other, third = partner[own], partner[partner[own]]
        if len({own, other, third}) < 3:
            continue
        pair = [own, other], [other, third]
        values = A[:, b].reshape(-1, *A.shape[3:])
        near_far, rest = followed(values, C[pair[0]], wires.antidots[pair[0]], device)
        follow[:, b], plain[:, b] = near_far.reshape(S, H, 2, 2), rest.reshape(S, H, 2)
        signal = waves.planted(A[level, b], C[other], np.array(STRENGTHS))
        signal = signal.reshape(-1, *A.shape[3:])
        power[0, b] = followed(signal, C[pair[1]], wires.antidots[pair[1]], device)[0].reshape(
            H, len(STRENGTHS), 2, 2
        )
    return {"follow": follow, "plain": plain, "planted": power}


def head_rows(arrays, names, seed):
    """Rows {cells: {head: ...}} of arrays of `examined` without NaN."""
    rows = {}
    for k, cells in enumerate(CELLS):
        own, other = arrays["follow"][..., k, :].mean(axis=0).transpose(2, 1, 0)  # (heads, B)
        bounds = adjusted(own - other, len(names))
        rows[cells] = {}
        for h, name in enumerate(names):
            row = compared(own[h], other[h], seed) | {"difference_adjusted": rounded(bounds[h])}
            if cells == "all":
                levels = arrays["plain"][:, :, h].mean(axis=1).T
                row |= dict(zip(("plain", "distance"), rounded(levels)))
            rows[cells][name] = row
    return rows


def detected(differences, seed):
    """Share of heads and resamples of the curves in which own - other (heads, B) is found above 0,
    by the interval that holds for all heads together."""
    heads, B = differences.shape
    rng, found = stream("power", seed), []
    for _ in range(DRAWS):
        some = differences[:, rng.integers(B, size=B)]
        found.append(adjusted(some, heads)[:, 0] > 0)
    return float(np.mean(found))


def power_rows(arrays, ratio, seed):
    """Rows of NOTES['power']."""
    values = arrays["planted"][0]  # (B, head, strengths, cells, 2)
    difference = (values[..., 0] - values[..., 1]).transpose(3, 2, 1, 0)
    return {
        "ratio": rounded(ratio),
        "strengths": list(STRENGTHS),
        **{
            cells: {
                "detected": rounded([detected(some, seed) for some in part]),
                "mean": rounded(part.mean(axis=(1, 2))),
            }
            for cells, part in zip(CELLS, difference)
        },
    }


def summary(rows):
    """How many heads follow their own wire's correlation, of each of CELLS."""
    found = {"heads": len(rows["all"])}
    for cells, heads in rows.items():
        values = list(heads.values())
        found[cells] = {
            "largest": max(row["difference"] for row in values),
            "median": rounded(np.median([row["difference"] for row in values])),
        }
        for end, key in (("", "difference_interval"), ("_adjusted", "difference_adjusted")):
            found[cells]["above" + end] = sum(row[key][0] > 0 for row in values)
            found[cells]["below" + end] = sum(row[key][1] < 0 for row in values)
    return found


def measure(run):
    """Own and another wire's correlation on test configurations.

    Raises SettingsError where there is no full attention at that level, or too few curves of one
    potential."""
    test, path = run.rows("test", run.options.curves), Path.of(run.decoder.schedule)
    across = run.options.across
    wires, layers = Wires.of(run, test), watch.full_layers(run.decoder.model, across)
    if not layers:
        raise SettingsError(
            f"{run.weights[0]} has no full attention at {across} x {across}: nothing to follow"
        )
    facts = {"curves": len(test), "across": across}
    run.start(f"{len(test)} test configurations", LEVELS, STRENGTHS, PLANTED, **facts)
    C = waves.correlations(run.pairs, test, run.folder, across)
    blocks = in_blocks(
        run.folder, "weights", len(test), lambda part: examined(run, wires, C, path, part)
    )
    known = np.isfinite(blocks["plain"]).all(axis=(0, 2, 3))
    if known.sum() < 2:
        raise SettingsError(f"--curves {len(test)}: give more: three of one potential are compared")
    arrays = {name: values[:, known] for name, values in blocks.items()}
    attention = run.decoder.model.attention_layers()
    names = [f"{name} head {h + 1}" for name in layers for h in range(attention[name].heads)]
    rows, places = head_rows(arrays, names, run.seed), near(path.ratio, LEVELS)
    return {
        "compared": int(known.sum()),
        "ratio": rounded(path.ratio[places]),
        "heads": rows,
        "power": power_rows(arrays, path.ratio[near(path.ratio, (PLANTED,))[-1]], run.seed),
        "summary": summary(rows),
    }


def show(result):
    """The findings in a few lines."""
    counted, power = result["summary"], result["power"]
    lines = []
    for cells in CELLS:
        row = counted[cells]
        lines.append(
            f"own - other, {CELLS[cells]}: {row['above']} of {counted['heads']} heads above 0, "
            f"{row['below']} below; with an interval for all heads together "
            f"{row['above_adjusted']} and {row['below_adjusted']}; median {row['median']:+.3f}, "
            f"largest {row['largest']:+.3f}"
        )
    plain = [abs(value) for row in result["heads"]["all"].values() for value in row["plain"]]
    lines.append(
        f"Spearman's correlation of A_ij with C_ij, nothing taken out: {max(plain):.2f} at most"
    )
    for cells in CELLS:
        shares = zip(power["strengths"], power[cells]["detected"])
        text = ", ".join(f"{share:.0%} at {strength:g}" for strength, share in shares)
        lines.append(f"planted signals found, {cells}: {text} of the noise")
    return "\n".join(lines)


STUDY = Study(
    name="waves",
    measure=measure,
    show=show,
    notes=NOTES,
    result="probe_waves",
    needs=("weights", "pairs"),
    options={
        "curves": Option(200, "test configurations"),
        "across": Option(GRID, "pixels across of the layers: 15 or, with full attention there, 30"),
    },
)
