"""Is an image decoded or remembered?

Generated images beside the true ones and beside every training image. A decoder that remembers
gives back an image of its training set, so its image lies nearer to one of these than to the truth.
Test configurations are in no training file under any potential; for curves of training
configurations all images of their own configuration are left out of the search, so that both are
asked the same. Controls say what the numbers are worth: true images, a decoder that does nothing
but remember, and images generated without a curve.
"""

import dataclasses

import numpy as np

from qfp.data import normalise
from qfp.decoding import metrics
from qfp.studies import intervals, tables
from qfp.studies.frame import Option, Study
from qfp.studies.limits.likeness import Case, compared
from qfp.studies.limits.nearest import Near, nearest_images
from qfp.tools import SettingsError, as_dict

TRAIN_CURVES = 200
ROWS = {
    "test": "one sample a curve, on test configurations",
    "train": "one sample a curve, on configurations of the training set; their own images are no "
    "neighbours here",
    "truth": "control: the true test images themselves, as if a decoder made no error",
    "nearest": "control: a decoder that remembers, the image of the training curve nearest to the "
    "curve (Euclidean)",
    "no_curve": "control: as many images from the same noise without a curve (gamma 0), scored "
    "against the same truths",
}
NOTES = {
    "rows": ROWS,
    "distance": "root mean square difference over the 60 x 50 sites, in units of the standard "
    "deviation of the training images "
    "over theirs; medians with 95 % bootstrap intervals",
    "neighbour": "the nearest of all training images; of a training configuration's curve, of all "
    "of other configurations",
    "closer": "share of images nearer to the truth than to any training image; closer_r: by "
    "Pearson r; closer_exact and "
    "closer_wrong: of those whose antidots are exact, and of the others; 95 % Wilson intervals",
    "ahead": "share of images that are nearer to the truth than any training image is: what no "
    "choice among training images "
    "could have reached",
    "ratio": "distance to the truth over distance to the neighbour, median",
    "copy_ratio": "distance to the neighbour over that to the nearest image of any other "
    "configuration (the other potentials of "
    "the same configuration look much alike); its smallest value. copied: share below 1/3, which "
    "would be copies "
    "(Yoon et al. 2023) of an image with its potential",
    "nearest_trained": "share of images whose nearest one, of *all* images of the file, is a "
    "training image: a network that draws "
    "what it remembers is above `training_share`",
    "own_potential": "share of images nearer to the truth than to images of the same configuration "
    "under the dataset's other "
    "potentials; chance is 1 in their number",
    "potential_distance": "mean distance of the truth to the images of its configuration under the "
    "dataset's other potentials",
    "wrong_trained": "share of the wrong answers that are configurations of the training set, "
    "beside its share of all, "
    "`training_share`: memory would raise the former",
    "sites": "curves by the distance of antidots [sites], 0, 1, 2 and more: error, of the answer "
    "from the truth; neighbour_error, of "
    "the neighbour from the truth; neighbour_to_answer",
    "values": "by curve: distance of the image to the truth, of the image to its neighbour, of the "
    "truth to its own neighbour "
    "(between), and the error [sites]",
    "exceptions": "test curves whose image is nearer to a training image than to the truth; truth, "
    "neighbour: its distances to them, "
    "copy: its copy_ratio",
    "examples": "curves with the median (test) and the largest ratio (test, train); the image "
    "without a curve that has the smallest "
    "copy_ratio",
}


def described(pairs, case, values, i):
    """What is kept of one curve: which it is, its neighbour, and how far apart they are."""
    (p, n), (q, m) = case.rows[i].tolist(), case.near.rows[i, 0].tolist()
    return {
        "potential": p,
        "configuration": n,
        "antidots": pairs.antidots[n].tolist(),
        "neighbour_potential": q,
        "neighbour_configuration": m,
        "neighbour_antidots": pairs.antidots[m].tolist(),
        **{
            name: float(values[name][i])
            for name in ("truth", "neighbour", "copy", "r", "neighbour_r")
        },
        **{
            name: int(values[name][i])
            for name in ("error", "neighbour_error", "neighbour_to_answer")
        },
    }


def start(run, rows, known):
    """Say what the result is of, before the work."""
    train = run.parts["train"]
    run.start(
        f"{len(rows['test'])} test and {len(rows['train'])} training configurations against "
        f"{len(train)} training images",
        curves=len(rows["test"]),
        train_curves=len(rows["train"]),
        potentials=len(run.pairs.potentials),
        training_images=len(train),
        training_share=len(known) / len(run.pairs.antidots),
        **as_dict(dataclasses.replace(run.sampling, samples=1)),
    )


def images_of(run, rows):
    """Images {name of ROWS, or 'train truth': (B, L, W)}: generated ones and the controls'."""
    pairs, train = run.pairs, run.parts["train"]
    free = dataclasses.replace(run.sampling, gamma=0.0)
    curves = {name: run.values(rows[name])[0] for name in ("test", "train")}
    nearest = train[metrics.nearest_curve(pairs.conductance[tuple(train.T)], curves["test"])]
    return {
        "test": run.samples("test", curves["test"], rows["test"])[:, 0],
        "train": run.samples("train", curves["train"], rows["train"])[:, 0],
        "no_curve": run.samples("no_curve", curves["test"], rows["test"], 1, free)[:, 0],
        "truth": pairs.ldos[tuple(rows["test"].T)],
        "nearest": pairs.ldos[tuple(nearest.T)],
        "train truth": pairs.ldos[tuple(rows["train"].T)],
    }


def neighbours(pairs, images, rows, known):
    """Near of all images {name: (B, L, W)}, in one search; those of training configurations without
    their own."""
    without = [
        rows["train"][:, 1] if name.startswith("train") else np.full(len(part), -1)
        for name, part in images.items()
    ]
    every = np.concatenate(list(images.values()))
    found = nearest_images(pairs.ldos, known, every, np.concatenate(without))
    ends = np.cumsum([len(part) for part in images.values()])[:-1]
    parts = zip(*(np.split(values, ends) for values in found))
    return {name: Near(*part) for name, part in zip(images, parts)}


def told(pairs, cases, values):
    """The curves that are told one by one: 'exceptions' and 'examples', see NOTES."""
    with np.errstate(divide="ignore"):  # of a copy, infinite
        ratio = {n: values[n]["truth"] / values[n]["neighbour"] for n in ("test", "train")}
    order = ratio["test"].argsort(kind="stable")
    examples = {
        "median": ("test", order[(len(order) - 1) // 2]),
        "largest": ("test", order[-1]),
        "train": ("train", ratio["train"].argmax()),
        "no_curve": ("no_curve", values["no_curve"]["copy"].argmin()),
    }
    found = {
        "exceptions": [
            described(pairs, cases["test"], values["test"], i)
            for i in order[::-1]
            if ratio["test"][i] >= 1
        ],
        "examples": {},
    }
    for name, (part, i) in examples.items():
        p, n = cases[part].rows[i]
        curve = np.round(pairs.conductance[p, n].astype(float), 6).tolist()
        found["examples"][name] = described(pairs, cases[part], values[part], i) | {"curve": curve}
    return found


def measure(run):
    """The images of test curves, and of TRAIN_CURVES training ones, beside all training images.

    Costs about 10,000 network evaluations for 300 curves, and a search of a minute. Raises
    SettingsError where gamma is not 1, or the weights were trained on another split."""
    if run.sampling.gamma != 1:
        raise SettingsError(
            f"sampling.gamma {run.sampling.gamma:g}: must be 1, the images without a curve are "
            "drawn besides"
        )
    run.require_unseen()
    pairs, number, train = run.pairs, run.options.curves, run.parts["train"]
    rows = {"test": run.rows("test", number), "train": run.rows("train", min(number, TRAIN_CURVES))}
    known = np.unique(train[:, 1])
    start(run, rows, known)
    rows |= dict.fromkeys(("truth", "nearest", "no_curve"), rows["test"])
    images = images_of(run, rows)
    near = neighbours(pairs, images, rows, known)
    drawn = nearest_images(pairs.ldos, np.arange(len(pairs.antidots)), images["no_curve"])
    scale = normalise.normalisation(pairs, train).spread()
    cases, table, values = {}, {}, {}
    for name in ROWS:
        truth = near["train truth" if name == "train" else "truth"]
        cases[name] = Case(rows[name], images[name], near[name], truth)
        table[name], values[name] = compared(pairs, cases[name], known, scale, run.seed)
    table["no_curve"] |= intervals.share("nearest_trained", np.isin(drawn.rows[:, 0, 1], known))
    kept = {
        name: {
            key: np.round(values[name][key], 5).tolist()
            for key in ("truth", "neighbour", "between", "error")
        }
        for name in ROWS
    }
    return {"ldos_std": scale, "rows": table, **told(pairs, cases, values), "values": kept}


def show(result):
    """A table with a line for each of ROWS."""
    shown = {
        "n": ("images", ""),
        "closer": ("nearer to the truth than to any training image", ".1%"),
        "truth_distance": ("distance to the truth, median", ".3f"),
        "neighbour_distance": ("distance to the nearest training image, median", ".3f"),
        "ahead": ("nearer to the truth than any training image is", ".1%"),
        "copied": ("copies", ".1%"),
    }
    table = [["", *(title for title, _ in shown.values())]]
    for name, row in result["rows"].items():
        cells = (tables.cell(row, key, form) for key, (_, form) in shown.items())
        table.append([name.replace("_", " "), *cells])
    return tables.markdown(table)


STUDY = Study(
    name="memorisation",
    measure=measure,
    show=show,
    notes=NOTES,
    result="memorisation",
    options={"curves": Option(300, "test configurations")},
)
