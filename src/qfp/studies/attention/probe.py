"""`qfp probe attention`: what Sec. V says of the attention weights, counted over many curves and
with controls.

Does importance mark the antidots before the image does, do heads share them out, and do the weights
A_ij follow the non-local correlation of the wave functions? Everything is measured along the
network's own generations of unseen wires. Blocks of curves are kept until the end, so a killed run
resumes.
"""

from pathlib import Path

import numpy as np
import torch

from qfp.decoding import positions
from qfp.decoding.decode import load_decoder
from qfp.model import exported
from qfp.model.exported import network_of
from qfp.model.precision import for_samples
from qfp.model.unet import GRID
from qfp.physics import geometry, green
from qfp.studies import frame
from qfp.studies.attention import probes
from qfp.studies.attention.rows import (
    MARGIN,
    as_text,
    compared,
    preferences,
    rounded,
    scored,
    summary,
    told,
    wave_rows,
)
from qfp.studies.networks import diagnose
from qfp.tools import SettingsError, digest, kept_arrays, progress_bar, project_root

STEPS, BLOCK = 50, 20  # DDIM steps of a generation; curves of one block
ANCESTRAL = 16  # curves that are also generated with all T ancestral steps
LEVELS = (30.0, 10.0, 5.0, 2.0, 1.0, 0.5, 0.1)  # σ/α of the controls, beside the first step
# those of (b) and (c), beside the first step
HEADS, WAVES = (10.0, 2.0, 0.5), (10.0, 2.0, 0.5, 0.1)
NOTES = {
    "intervals": "95 %, bootstrap over the curves; of differences paired; '_adjusted' ones hold "
    "for all heads together "
    "(Bonferroni, Student's t)",
    "t, ratio": "diffusion steps of the 50-step DDIM generation and their σ/α; at the first there "
    "is noise alone",
    "own, other, difference": "AUC for the cells of a curve's own antidots (half or more removed, "
    "padding left out), the "
    "same maps against the other curves' antidots, and own - other; large values are to mean "
    "antidots, of images small ones; lists over the steps",
    "first_tells": f"first step at which the interval of the difference lies above {MARGIN}, its "
    "index and σ/α; None: never",
    "attention": "B_j of each layer and head; mean_map: AUC of B_j averaged over all curves, the "
    "same for every curve; "
    "vicinity: the first step with the cells beside the antidots, diagonals included, counted as "
    "theirs",
    "images": "x_t: the noisy image, x0: the clean image predicted from it, both averaged over the "
    "cells at 15 x 15",
    "condition": "what the U-Net is given of the curve, at 15 x 15. believed: share of a cell that "
    "antidots cover if their "
    "centres lie where the path believes them; map: length of the difference to the null "
    "condition's map",
    "prior": "share of all configurations with an antidot in the cell: known without any curve",
    "controls": "B_j at the indices 'steps'. other_condition: the same x_t with the next curve's "
    "condition, against the "
    "antidots of the image's curve and of the condition's; null: generated without a curve, "
    "against the "
    "antidots in its own last image (which DDIM makes of the first noise and of nothing else) and "
    "against the "
    "curve's, of which it knows nothing; untrained: a fresh network at the same x_t",
    "ancestral": "own - other on the first curves, with all T ancestral steps and with DDIM at the "
    "same t, and the gap",
    "heads": "layers of full attention at 15 x 15: (B_upper - B_lower)/(B_upper + B_lower) from "
    "mean importance on the "
    "antidots' cells, and the mean of its absolute value; same_sign: share of curves with the "
    "mean's sign; opposite: some head's interval lies "
    "above 0 and some head's below; lists over 't'",
    "waves": "the same layers: rank correlation over pairs of cells i != j of A_ij with C_ij = |Im "
    "G_ij|^2/(Im G_ii Im G_jj) "
    "at b = 0, given distance and B_j; own: C of the own curve, other: of the next curve of the "
    "same potential, on "
    "the same cells. plain: Spearman's without conditions; distance: Spearman's of A_ij with the "
    "distance. "
    "all_levels: mean over the levels",
    "networks": "the same for other weights, at the steps of the controls",
    "summary": f"telling, avoiding: heads with own - other above {MARGIN} or below -{MARGIN} at "
    "the first step (interval); "
    "ahead: those whose difference lies above that of the predicted image (paired interval); "
    "absolute: mean "
    "over heads of |own - other| there; null_curve, null_own_image, untrained: that of these "
    "controls; "
    "auc: 'own' at the first step; waves: own - other of the mean over levels; other keys as above",
}


# --- measuring, block by block


def near(ratio, levels):
    """Rising indices of the steps of a generation with σ/α `ratio` (S,): the first, and those
    nearest to levels."""
    return sorted({0, *(int(abs(np.log(ratio / level)).argmin()) for level in levels)})


def in_blocks(folder, name, number, make):
    """Arrays of make(slice) over blocks of `number` curves, {name: (S, B, ...)}, each block kept in
    a file of `folder`."""
    blocks = [
        kept_arrays(
            folder / f"{name}_{start:05d}.npz",
            lambda: make(slice(start, min(start + BLOCK, number))),
        )
        for start in progress_bar(range(0, number, BLOCK), desc=name, unit="block")
    ]
    return {key: np.concatenate([block[key] for block in blocks], axis=1) for key in blocks[0]}


def arrays_of(path):
    """What is kept of a probes.Trajectory: images averaged over cells, dark to light, and B_j of
    each layer."""
    return {
        "x_t": -probes.cell_means(path.x),
        "x0": -probes.cell_means(path.x0),
        **{f"importance {name}": B for name, B in path.importance.items()},
    }


def correlations(pairs, rows, folder):
    """C_ij (B, 225, 225) of rows (B, 2) of (potential, configuration) at b = 0, see
    probes.cell_correlation."""
    device, found = pairs.device, np.empty((len(rows), GRID**2, GRID**2), np.float32)
    margin, side = (device.length - device.width) // 2, device.length // GRID

    def of_potential(p, configurations):
        wire = green.wire(device, 0.0, pairs.potentials[p])
        removed = geometry.removed_masks(pairs.antidots[configurations], device)
        states = (
            green.scattering_states(wire, torch.as_tensor(geometry.ring(mask))).numpy()
            for mask in removed
        )
        return {
            "C": np.stack(
                [
                    probes.cell_correlation(psi, ~mask, margin, side)
                    for psi, mask in zip(states, removed)
                ]
            )
        }

    for p in progress_bar(np.unique(rows[:, 0]), desc="wave functions", unit="potential"):
        here = np.flatnonzero(rows[:, 0] == p)
        found[here] = kept_arrays(
            folder / f"correlation_{p}.npz", lambda: of_potential(p, rows[here, 1])
        )["C"]
    return found


def partners(potentials):
    """For each curve the next one of the same potential, int (B,); itself where there is no other."""
    found = np.arange(len(potentials))
    for p in np.unique(potentials):
        here = np.flatnonzero(potentials == p)
        found[here] = np.roll(here, -1)
    return found


def generate(decoder, curves, seeds, keep=None, steps=None, sampler="ddim", weights_at=()):
    """probes.Trajectory of the generations of curves (B, F) from seeds (B,); curves None: without
    any (γ = 0)."""
    model, constants, schedule = decoder.model, decoder.normal, decoder.schedule
    with torch.no_grad(), for_samples(schedule):
        condition = (
            model.null(len(seeds)) if curves is None else model.encode(constants.curve(curves))
        )
        return probes.importance_trajectory(
            model,
            schedule,
            condition,
            seeds,
            steps or min(STEPS, schedule.steps),
            sampler,
            keep=keep,
            weights_at=weights_at,
        )


@torch.no_grad()
def examine(decoder, fresh, curves, following, seeds, places, C):
    """One block of (a) and (c): arrays {name: (S, B, ...)}.

    fresh: an untrained network; following (B, F): the next curves; places: {'controls', 'waves'}:
    indices of steps; C (B, 2, 225, 225): correlations of these curves and of others of the same
    potentials, None without full attention."""
    model, config, constants, schedule = (
        decoder.model,
        decoder.config,
        decoder.normal,
        decoder.schedule,
    )
    path = generate(decoder, curves, seeds, weights_at=places["waves"])
    found = arrays_of(path)
    free = generate(decoder, None, seeds, [*places["controls"], len(path.t) - 1])
    found["antidots"] = positions.recover(
        constants.ldos(torch.from_numpy(free.x0[-1])[:, None]), config.device
    )[None]
    number = len(places["controls"])
    found |= {f"null {name}": B[:number] for name, B in free.importance.items()}
    with for_samples(schedule):
        conditions = {
            "other": (model, model.encode(constants.curve(following))),
            "untrained": (fresh, fresh.encode(constants.curve(curves))),
        }
        for kind, (network, condition) in conditions.items():
            passes = [
                probes.importance_at(
                    network, torch.from_numpy(path.x[i])[:, None], int(path.t[i]), condition
                )
                for i in places["controls"]
            ]
            found |= {
                f"{kind} {name}": np.stack([one[name] for one in passes]) for name in passes[0]
            }
    for name, A in path.weights.items():  # (levels, B, head, 225, 225)
        found[f"waves {name}"] = np.full((*A.shape[:3], 4), np.nan)
    for b in range(len(curves)) if path.weights else ():
        if (C[b, 0] == C[b, 1]).all():  # its potential has no other curve
            continue
        # (levels, heads of all layers, 225, 225)
        A = np.concatenate([A[:, b] for A in path.weights.values()], axis=1)
        partial, plain, distance = probes.partial_rank_correlation(
            A.reshape(-1, *A.shape[2:]), C[b]
        )
        values = np.column_stack([partial, plain[:, 0], distance]).reshape(*A.shape[:2], 4)
        for name, part in zip(path.weights, np.split(values, len(path.weights), axis=1)):
            found[f"waves {name}"][:, b] = part
    return found


# --- all of it


def condition_rows(decoder, curves, antidots, device, seed):
    """Does what the U-Net is given of the curve mark its antidots? Rows of NOTES['condition']."""
    model, constants = decoder.model, decoder.normal
    with torch.no_grad():
        given, empty = model.encode(constants.curve(curves)), model.null(1)
    length = (given.maps[-1] - empty.maps[-1]).norm(dim=1).numpy()
    rows = {"map": told(length[None], antidots, device, seed)[0], "believed": None}
    if model.condition.positions:
        rows["believed"] = told(
            probes.believed_cover(given.features, device)[None], antidots, device, seed
        )[0]
    return rows


def controls(arrays, antidots, places, device, seed, ratio):
    """Rows of NOTES['controls'] from the blocks' arrays, and own - other {kind: {head: (S, B)}} of
    each."""
    ratio = ratio[places]
    found = {
        "other_condition": {
            "image": scored(arrays, antidots, device, seed, ratio, "other"),
            "condition": scored(
                arrays, np.roll(antidots, -1, axis=0), device, seed, ratio, "other"
            ),
        },
        "null": {
            "own_image": scored(arrays, arrays["antidots"][0], device, seed, ratio, "null"),
            "curve": scored(arrays, antidots, device, seed, ratio, "null"),
        },
    }
    untrained, differences = scored(arrays, antidots, device, seed, ratio, "untrained")
    rows = {kind: {name: row for name, (row, _) in part.items()} for kind, part in found.items()}
    return (
        {"steps": places, "ratio": rounded(ratio), **rows, "untrained": untrained},
        {
            "null_own_image": found["null"]["own_image"][1],
            "null_curve": found["null"]["curve"][1],
            "untrained": differences,
        },
    )


def ancestral_rows(decoder, arrays, curves, seeds, antidots, places, folder, device, seed, ratio):
    """Rows of NOTES['ancestral'] for the curves (B, F) given; arrays: those of all curves along
    DDIM."""
    schedule, number = decoder.schedule, len(curves)
    times = schedule.respaced(min(STEPS, schedule.steps))
    keep = [schedule.steps - 1 - times[i] for i in places]
    slow = kept_arrays(
        folder / "ancestral.npz",
        lambda: arrays_of(generate(decoder, curves, seeds, keep, schedule.steps, "ancestral")),
    )
    quick = {name: values[places, :number] for name, values in arrays.items() if name in slow}
    rows = {}
    found = [
        scored(some, antidots, device, seed, ratio[places])[1]
        | {name: told(some[name], antidots, device, seed)[1] for name in ("x_t", "x0")}
        for some in (slow, quick)
    ]
    for name in found[0]:
        rows[name] = compared(found[0][name], found[1][name], seed, ("ancestral", "ddim", "gap"))
    return {"curves": number, "ratio": rounded(ratio[places]), "rows": rows}


def run_probe_attention(
    config,
    weights,
    data="data/laptop.h5",
    out="results/probe_attention.json",
    curves=300,
    others=(),
    report=print,
):
    """Measure what NOTES lists on `curves` test configurations; writes `out` and returns what it
    holds.

    others: further weights, looked at in short. config: for the seed. About 115 network evaluations
    a curve, and all T on 16 of them. Raises SettingsError where weights were trained on other data
    or another split, so that a test configuration could be one that they have seen."""
    frame.check_use(out, curves=curves)
    if curves < 2:
        raise SettingsError("--curves 1: must be 2 or more, as curves are compared with each other")
    decoder, pairs, parts, about = frame.opened(weights, data, config.seed, images=False)
    decoders = {Path(name).stem: load_decoder(name) for name in others}
    frame.check_split({about["weights"]: decoder, **decoders}, pairs, data)
    device, seed = pairs.device, config.seed
    model, own, schedule = decoder.model, decoder.config, decoder.schedule
    test = frame.choose_rows(parts, "test", curves, seed)
    G, antidots = pairs.conductance[test[:, 0], test[:, 1]], pairs.antidots[test[:, 1]]
    seeds = [s for (s,) in frame.noise_seeds(test, 1, seed)]
    about |= {"curves": len(test), "steps": min(STEPS, schedule.steps), "sampler": "ddim"}
    hashes = {Path(name).stem: exported.weights_hash(name) for name in others}
    folder = project_root() / "runs" / f"probe-attention-{digest(about, BLOCK, LEVELS, WAVES)[:12]}"
    folders = {
        name: project_root() / "runs" / f"probe-attention-{digest(about, BLOCK, LEVELS, sha)[:12]}"
        for name, sha in hashes.items()
    }
    report(f"{len(test)} test configurations, blocks in {folder.relative_to(project_root())}")
    times = schedule.respaced(about["steps"])
    ratio, layers = diagnose.ratio(schedule)[times], probes.bottom_layers(model)
    places = {
        "controls": near(ratio, LEVELS),
        "waves": near(ratio, WAVES),
        "heads": near(ratio, HEADS),
    }
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(seed)
        fresh = network_of(own).eval()
    C, partner, following = (
        correlations(pairs, test, folder) if layers else None,
        partners(test[:, 0]),
        np.roll(G, -1, axis=0),
    )
    arrays = in_blocks(
        folder,
        "generations",
        len(test),
        lambda part: examine(
            decoder,
            fresh,
            G[part],
            following[part],
            seeds[part],
            places,
            np.stack([C[part], C[partner[part]]], axis=1) if layers else None,
        ),
    )
    usual = probes.grid_cells(geometry.configurations(device)[1], device).mean(axis=0)
    rows, differences = scored(arrays, antidots, device, seed, ratio)
    images = {name: told(arrays[name], antidots, device, seed, ratio) for name in ("x_t", "x0")}
    control, free = controls(arrays, antidots, places["controls"], device, seed, ratio)
    few = slice(min(ANCESTRAL, len(test)))
    result = {
        **about,
        "t": times,
        "ratio": rounded(ratio),
        "attention": rows,
        "images": {name: row for name, (row, _) in images.items()},
        "condition": condition_rows(decoder, G, antidots, device, seed),
        "prior": told(np.broadcast_to(usual, (1, len(test), *usual.shape)), antidots, device, seed)[
            0
        ],
        "controls": control,
        "ancestral": ancestral_rows(
            decoder,
            arrays,
            G[few],
            seeds[few],
            antidots[few],
            places["controls"],
            folder,
            device,
            seed,
            ratio,
        ),
        "heads": preferences(arrays, layers, places["heads"], antidots, device, seed, ratio),
        "waves": wave_rows(arrays, layers, seed, ratio[places["waves"]]),
        "networks": {},
    }
    for name, other in decoders.items():
        ratios = diagnose.ratio(other[3])[other[3].respaced(min(STEPS, other[3].steps))]
        keep = near(ratios, LEVELS)
        short = in_blocks(
            folders[name],
            name,
            len(test),
            lambda part: arrays_of(generate(other, G[part], seeds[part], keep)),
        )
        few_ratios = ratios[keep]
        result["networks"][name] = {
            "weights_sha256": hashes[name],
            "config_sha256": digest(other[4]["config"]),
            "ratio": rounded(few_ratios),
            "attention": scored(short, antidots, device, seed, few_ratios)[0],
            "images": {
                kind: told(short[kind], antidots, device, seed, few_ratios)[0]
                for kind in ("x_t", "x0")
            },
            "heads": preferences(
                short,
                probes.bottom_layers(other[0]),
                near(few_ratios, HEADS),
                antidots,
                device,
                seed,
                few_ratios,
            ),
        }
    differences |= {name: difference for name, (_, difference) in images.items()}
    result |= {"summary": summary(result, differences, free, seed), "notes": NOTES}
    return frame.finished(out, result, [folder, *folders.values()], as_text(result), report)
