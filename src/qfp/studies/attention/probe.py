"""Does attention mark the antidots before the image does, and do heads share them out?

What Sec. V says of the importance B_j, counted over many curves and with controls, along the
network's own generations of unseen wires. (Whether the weights A_ij follow the wave functions is
study `waves`.)
"""

import numpy as np
import torch

from qfp.model import exported
from qfp.physics import geometry
from qfp.studies.attention import generations, marks, watch
from qfp.studies.attention.generations import Examined, Path, Wires, arrays_of, generate, in_blocks
from qfp.studies.attention.rows import MARGIN, compared, preferences, rounded, scored, told
from qfp.studies.attention.summary import show, summary
from qfp.studies.frame import Option, Study
from qfp.tools import SettingsError, digest, kept_arrays, project_root

OTHERS = ("twin", "twin-no-attention")  # networks of `make twins`, beside the preset's weights
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
    "networks": "the same for other weights, at the steps of the controls",
    "summary": f"telling, avoiding: heads with own - other above {MARGIN} or below -{MARGIN} at "
    "the first step (interval); "
    "ahead: those whose difference lies above that of the predicted image (paired interval); "
    "absolute: mean "
    "over heads of |own - other| there; null_curve, null_own_image, untrained: that of these "
    "controls; "
    "auc: 'own' at the first step; other keys as above",
}


def condition_rows(decoder, curves, antidots, device, seed):
    """Does what the U-Net is given of the curve mark its antidots? Rows of NOTES['condition']."""
    model, constants = decoder.model, decoder.normal
    with torch.no_grad():
        given, empty = model.encode(constants.curve(curves)), model.null(1)
    length = (given.maps[-1] - empty.maps[-1]).norm(dim=1).numpy()
    rows = {"map": told(length[None], antidots, device, seed)[0], "believed": None}
    if model.condition.positions:
        rows["believed"] = told(
            marks.believed_cover(given.features, device)[None], antidots, device, seed
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
    free = {f"null_{name}": found["null"][name][1] for name in ("own_image", "curve")}
    return (
        {"steps": places, "ratio": rounded(ratio), **rows, "untrained": untrained},
        free | {"untrained": differences},
    )


def ancestral_rows(run, path, arrays, wires):
    """Rows of NOTES['ancestral'] for the first wires; arrays: those of all curves along DDIM."""
    decoder, device, seed, number = run.decoder, run.pairs.device, run.seed, len(wires.curves)
    places, T = path.places["controls"], decoder.schedule.steps
    keep, ratio = [T - 1 - path.times[i] for i in places], path.ratio[places]

    def make():
        given = decoder, wires.curves, wires.seeds, keep, T, "ancestral"
        return arrays_of(generate(*given))

    slow = kept_arrays(run.folder / f"ancestral_{number}.npz", make)
    quick = {name: values[places, :number] for name, values in arrays.items() if name in slow}
    found = []
    for some in (slow, quick):
        heads = scored(some, wires.antidots, device, seed, ratio)[1]
        for name in ("x_t", "x0"):
            heads[name] = told(some[name], wires.antidots, device, seed)[1]
        found.append(heads)
    names = "ancestral", "ddim", "gap"
    rows = {name: compared(found[0][name], found[1][name], seed, names) for name in found[0]}
    return {"curves": number, "ratio": rounded(ratio), "rows": rows}


def recorded(run, path, wires):
    """Arrays {name: (S, B, ...)} of the generations of all wires and of their controls."""
    own = run.decoder.config
    given = Examined(run.decoder, generations.untrained(own, run.seed), path.places)
    following = np.roll(wires.curves, -1, axis=0)

    def examine(part):
        curves, seeds = wires.curves[part], wires.seeds[part]
        return generations.examine(given, curves, following[part], seeds)

    return in_blocks(run.folder, "generations", len(wires.rows), examine)


def in_short(run, name, weights, wires):
    """Rows of another network, at the steps of the controls."""
    other, device, seed = run.decoders[name], run.pairs.device, run.seed
    path, sha256 = Path.of(other.schedule), exported.weights_hash(weights)
    keep = path.places["controls"]
    ratio = path.ratio[keep]
    arrays = in_blocks(
        run.place(run.about, generations.LEVELS, sha256),
        name,
        len(wires.rows),
        lambda part: arrays_of(generate(other, wires.curves[part], wires.seeds[part], keep)),
    )
    layers, heads = watch.full_layers(other.model), generations.near(ratio, generations.HEADS)
    given = wires.antidots, device, seed, ratio
    return {
        "weights_sha256": sha256,
        "config_sha256": digest(other.meta["config"]),
        "ratio": rounded(ratio),
        "attention": scored(arrays, *given)[0],
        "images": {kind: told(arrays[kind], *given)[0] for kind in ("x_t", "x0")},
        "heads": preferences(arrays, layers, heads, *given),
    }


def prior(wires, device, seed):
    """Row of the map of where antidots usually are, known without any curve."""
    usual = marks.grid_cells(geometry.configurations(device)[1], device).mean(axis=0)
    maps = np.broadcast_to(usual, (1, len(wires.rows), *usual.shape))
    return told(maps, wires.antidots, device, seed)[0]


def start(run, test, path):
    """Say what the result is of, before the work."""
    facts = {"curves": len(test), "steps": len(path.times), "sampler": "ddim"}
    run.start(f"{len(test)} test configurations", generations.LEVELS, **facts)


def measure(run):
    """What NOTES lists, on test configurations; further weights are looked at in short.

    About 115 network evaluations a curve, and all T on some of them. Raises SettingsError
    where weights were trained on other data or another split."""
    if run.options.curves < 2:
        raise SettingsError("--curves 1: must be 2 or more, as curves are compared with each other")
    device, seed, path = run.pairs.device, run.seed, Path.of(run.decoder.schedule)
    test = run.rows("test", run.options.curves)
    wires, layers = Wires.of(run, test), watch.full_layers(run.decoder.model)
    start(run, test, path)
    arrays, places = recorded(run, path, wires), path.places
    given = wires.antidots, device, seed, path.ratio
    rows, differences = scored(arrays, *given)
    images = {name: told(arrays[name], *given) for name in ("x_t", "x0")}
    control, free = controls(arrays, wires.antidots, places["controls"], *given[1:])
    few = Wires(*(values[: run.options.ancestral] for values in wires))
    result = {
        "t": path.times,
        "ratio": rounded(path.ratio),
        "attention": rows,
        "images": {name: row for name, (row, _) in images.items()},
        "condition": condition_rows(run.decoder, wires.curves, *given[:3]),
        "prior": prior(wires, device, seed),
        "controls": control,
        "ancestral": ancestral_rows(run, path, arrays, few),
        "heads": preferences(arrays, layers, places["heads"], *given),
        "networks": {
            name: in_short(run, name, weights, wires)
            for name, weights in list(zip(run.decoders, run.weights))[1:]
        },
    }
    differences |= {name: difference for name, (_, difference) in images.items()}
    return result | {"summary": summary(result, differences, free, seed)}


STUDY = Study(
    name="attention",
    measure=measure,
    show=show,
    notes=NOTES,
    result="probe_attention",
    needs=("weights", "networks", "pairs"),
    options={
        "curves": Option(300, "test configurations"),
        "ancestral": Option(16, "of them generated with all T ancestral steps, too"),
    },
    weights=lambda config: (
        config.weights,
        *(project_root() / "runs" / name / f"{name}.safetensors" for name in OTHERS),
    ),
)
