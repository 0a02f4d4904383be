"""Is an image decoded or remembered? Generated images beside the true ones and beside every
training image.

A decoder that remembers gives back an image of its training set, so its image lies nearer to one of
these than to the truth. Test configurations are in no training file under any potential; for curves
of training configurations all images of their own configuration are left out of the search, so that
both are asked the same. Controls say what the numbers are worth: true images, a decoder that does
nothing but remember, and images generated without a curve.
"""

import dataclasses
from typing import NamedTuple

import numpy as np
import torch

from qfp.data import normalise
from qfp.decoding import metrics, positions
from qfp.physics import geometry
from qfp.studies import accuracy, frame, intervals, tables
from qfp.tools import SettingsError, as_dict, digest, progress_bar, project_root

TRAIN_CURVES = 200
# ratio of the distances to the nearest image and to the next one below which an image counts as a
# copy
COPIED = 1 / 3
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


class Near(NamedTuple):
    """What training images lie nearest to Q queries."""

    distance: np.ndarray  # (Q, K) root mean square difference over sites [1/t], rising
    rows: np.ndarray  # (Q, K, 2) potential and configuration
    r: np.ndarray  # (Q,) largest Pearson r with any of them, which need not be the nearest


def rms(images, others):
    """Root mean square difference over the sites of images (..., L, W), float64 (...)."""
    return np.sqrt(np.square(np.asarray(images, float) - others).mean(axis=(-2, -1)))


@torch.inference_mode()
def nearest_images(ldos, known, queries, without=None, block=2048):
    """Near: the P + 1 nearest of images (P, N, L, W) of configurations `known` (M,) to queries (Q,
    L, W), so that one of another configuration is among them. without (Q,): a configuration whose
    images do not count for the query."""
    keep, known = min(len(ldos) + 1, len(ldos) * len(known)), np.asarray(known)
    q = torch.as_tensor(np.asarray(queries, np.float32)).flatten(1)
    q_mean, sites = q.mean(1, keepdim=True), q.shape[1]
    q = q - q_mean
    q_square = q.square().sum(1, keepdim=True)
    best, index = torch.full((len(q), keep), torch.inf), torch.zeros(len(q), keep, dtype=torch.long)
    r = torch.full((len(q),), -torch.inf)
    blocks = [
        (p, part)
        for p in range(len(ldos))
        for part in np.array_split(known, -(-len(known) // block))
    ]
    for p, part in progress_bar(blocks, desc="training images", unit="block"):
        x = torch.from_numpy(ldos[p, part].astype(np.float32)).flatten(1)
        x_mean = x.mean(1, keepdim=True)
        x -= x_mean
        x_square, product = x.square().sum(1), q @ x.T  # (Q, M)
        square = (q_square + x_square - 2 * product) / sites + (q_mean - x_mean.T).square()
        alike = product / (q_square * x_square).sqrt()
        if without is not None:
            own = torch.from_numpy(np.asarray(without)[:, None] == part)
            square[own], alike[own] = torch.inf, -torch.inf
        r = torch.maximum(r, alike.max(1).values)
        both = (
            torch.cat([best, square], 1),
            torch.cat([index, torch.from_numpy(p * ldos.shape[1] + part).expand(len(q), -1)], 1),
        )
        best, place = both[0].topk(keep, largest=False)
        index = both[1].gather(1, place)
    rows = np.stack(np.divmod(index.numpy(), ldos.shape[1]), axis=-1)
    # exact for copies, too
    distance = np.stack(
        [rms(ldos[near.T[0], near.T[1]], query) for near, query in zip(rows, queries)]
    )
    order = distance.argsort(axis=1, kind="stable")
    return Near(
        np.take_along_axis(distance, order, 1),
        np.take_along_axis(rows, order[..., None], 1),
        r.numpy(),
    )


def middle(name, values, seed):
    """The median and its bootstrap interval, as two entries."""
    return {
        name: float(np.median(values)),
        f"{name}_interval": list(intervals.bootstrap(values, np.median, seed)),
    }


def copy_ratio(near):
    """Distance to the nearest image over that to the nearest one of another configuration, (Q,)."""
    other = near.rows[:, :, 1] != near.rows[:, :1, 1]
    return near.distance[:, 0] / near.distance[np.arange(len(other)), other.argmax(axis=1)]


def compared(pairs, rows, known, images, near, truth_near, scale, seed=0):
    """One row of the table and its values by curve, {name: (B,)}: images (B, L, W) that answer
    curves `rows` (B, 2) and their neighbours, and those of the true images, both Near. known (M,):
    configurations in training; scale: the unit of distances [1/t]."""
    p, n = rows.T
    device, truth, antidots = pairs.device, pairs.ldos[p, n].astype(float), pairs.antidots[n]
    answer = positions.positions(images[:, None], device)[:, 0]
    neighbour = pairs.antidots[near.rows[:, 0, 1]]
    sites = {
        name: metrics.within(a, b, device)
        for name, (a, b) in {
            "error": (answer, antidots),
            "neighbour_error": (neighbour, antidots),
            "neighbour_to_answer": (neighbour, answer),
        }.items()
    }
    to_truth, to_near, between = (
        d / scale for d in (rms(images, truth), near.distance[:, 0], truth_near.distance[:, 0])
    )
    own = np.stack([rms(images, image) for image in pairs.ldos[:, n]], axis=1)  # (B, P)
    # 0: itself
    others = np.sort(
        np.stack([rms(truth, image) / scale for image in pairs.ldos[:, n]], axis=1), axis=1
    )[:, 1:]
    closer, exact, copy = to_truth < to_near, sites["error"] == 0, copy_ratio(near)
    training = set(map(tuple, pairs.orbit[known].tolist()))
    trained = np.array(
        [tuple(orbit) in training for orbit in geometry.orbit(answer, device).tolist()]
    )
    r = metrics.pearson(images, truth)
    row = {
        "n": len(rows),
        **intervals.share("closer", closer),
        **intervals.share("closer_r", r > near.r),
    }
    for name, part in (
        ("closer_exact", closer[exact]),
        ("closer_wrong", closer[~exact]),
        ("wrong_trained", trained[~exact]),
    ):
        row |= intervals.share(name, part) if len(part) else {}
    row |= intervals.share("ahead", to_truth < between) | intervals.share(
        "own_potential", own.argmin(axis=1) == p
    )
    row |= middle("truth_distance", to_truth, seed) | middle("neighbour_distance", to_near, seed)
    row |= middle("potential_distance", others.mean(axis=1), seed) if others.size else {}
    row |= middle("r_median", r, seed) | middle("neighbour_r_median", near.r, seed)
    row |= middle("ratio", to_truth / to_near, seed) if to_near.all() else {}
    row |= (
        middle("copy_ratio", copy, seed)
        | {"copy_ratio_smallest": float(copy.min())}
        | intervals.share("copied", copy < COPIED)
    )
    row["sites"] = {
        name: np.bincount(np.minimum(k, 3), minlength=4).tolist() for name, k in sites.items()
    }
    return row, {
        "truth": to_truth,
        "neighbour": to_near,
        "between": between,
        "copy": copy,
        "r": r,
        "neighbour_r": near.r,
        **sites,
    }


def described(pairs, rows, near, values, i):
    """What is kept of one curve: which it is, its neighbour, and how far apart they are."""
    (p, n), (q, m) = rows[i].tolist(), near.rows[i, 0].tolist()
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


def run_memorisation(
    config,
    weights,
    data="data/laptop.h5",
    out="results/memorisation.json",
    curves=300,
    report=print,
):
    """Compare the images of `curves` test curves and TRAIN_CURVES training ones with all training
    images of a dataset file; writes `out` and returns what it holds.

    config: for its sampling settings and its seed. Costs about 10,000 network evaluations for 300
    curves, and a search of a minute. Raises SettingsError where gamma is not 1, or the weights were
    trained on other data or on another split."""
    sampling, seed = config.sampling, config.seed
    if sampling.gamma != 1:
        raise SettingsError(
            f"sampling.gamma {sampling.gamma:g}: must be 1, the images without a curve are drawn "
            "besides"
        )
    frame.check_use(out, curves=curves)
    decoder, pairs, parts, about = frame.opened(weights, data, seed)
    if about["split"] != "config":
        raise SettingsError(
            f"the weights {weights} were trained on split {about['split']!r}, not 'config': they "
            "have seen the "
            "test configurations"
        )
    rows = {
        name: frame.choose_rows(parts, name, number, seed)
        for name, number in (("test", curves), ("train", min(curves, TRAIN_CURVES)))
    }
    known = np.unique(parts["train"][:, 1])
    about |= {
        "curves": len(rows["test"]),
        "train_curves": len(rows["train"]),
        "potentials": len(pairs.potentials),
        "training_images": len(parts["train"]),
        "training_share": len(known) / len(pairs.antidots),
        **as_dict(dataclasses.replace(sampling, samples=1)),
    }
    folder = project_root() / "runs" / f"memorisation-{digest(about, accuracy.BLOCK)[:12]}"
    report(
        f"{len(rows['test'])} test and {len(rows['train'])} training configurations against "
        f"{len(parts['train'])} training "
        f"images; blocks in {folder.relative_to(project_root())}"
    )
    rows |= dict.fromkeys(("truth", "nearest", "no_curve"), rows["test"])
    G = {name: pairs.conductance[rows[name].T[0], rows[name].T[1]] for name in ("test", "train")}
    free = dataclasses.replace(sampling, gamma=0.0)
    chosen = parts["train"][
        metrics.nearest_curve(
            pairs.conductance[parts["train"].T[0], parts["train"].T[1]], G["test"]
        )
    ]
    images = {
        name: frame.sampled(decoder, settings, G[part], rows[part], 1, folder, name, seed)[:, 0]
        for name, part, settings in (
            ("test", "test", sampling),
            ("train", "train", sampling),
            ("no_curve", "test", free),
        )
    }
    images |= {
        name: pairs.ldos[part.T[0], part.T[1]]
        for name, part in (("truth", rows["test"]), ("nearest", chosen))
    }
    images |= {"train truth": pairs.ldos[rows["train"].T[0], rows["train"].T[1]]}
    sizes = {name: len(part) for name, part in images.items()}
    without = np.concatenate(
        [
            rows["train"][:, 1] if name.startswith("train") else np.full(size, -1)
            for name, size in sizes.items()
        ]
    )
    found = nearest_images(pairs.ldos, known, np.concatenate(list(images.values())), without)
    ends = np.cumsum(list(sizes.values()))
    near = {
        name: Near(*(part[end - sizes[name] : end] for part in found))
        for name, end in zip(sizes, ends)
    }
    drawn = nearest_images(pairs.ldos, np.arange(len(pairs.antidots)), images["no_curve"])
    table, values, scale = (
        {},
        {},
        normalise.normalisation(pairs, parts["train"]).spread(pairs.device.length),
    )
    for name in ROWS:
        own = near["train truth" if name == "train" else "truth"]
        table[name], values[name] = compared(
            pairs, rows[name], known, images[name], near[name], own, scale, seed
        )
    table["no_curve"] |= intervals.share("nearest_trained", np.isin(drawn.rows[:, 0, 1], known))
    with np.errstate(divide="ignore"):  # of a copy, infinite
        ratio = {
            name: values[name]["truth"] / values[name]["neighbour"] for name in ("test", "train")
        }
    order = ratio["test"].argsort(kind="stable")
    examples = {
        "median": ("test", order[(len(order) - 1) // 2]),
        "largest": ("test", order[-1]),
        "train": ("train", ratio["train"].argmax()),
        "no_curve": ("no_curve", values["no_curve"]["copy"].argmin()),
    }
    result = about | {
        "ldos_std": scale,
        "rows": table,
        "exceptions": [
            described(pairs, rows["test"], near["test"], values["test"], i)
            for i in order[::-1]
            if ratio["test"][i] >= 1
        ],
        "examples": {
            name: described(pairs, rows[part], near[part], values[part], i)
            | {
                "curve": np.round(
                    G["train" if part == "train" else "test"][i].astype(float), 6
                ).tolist()
            }
            for name, (part, i) in examples.items()
        },
        "values": {
            name: {
                key: np.round(values[name][key], 5).tolist()
                for key in ("truth", "neighbour", "between", "error")
            }
            for name in ROWS
        },
        "notes": NOTES,
    }
    return frame.finished(out, result, [folder], as_markdown(result), report)


def as_markdown(result):
    """The table of a memorisation.json in Markdown, a line for each of ROWS."""
    shown = {
        "n": ("images", ""),
        "closer": ("nearer to the truth than to any training image", ".1%"),
        "truth_distance": ("distance to the truth, median", ".3f"),
        "neighbour_distance": ("distance to the nearest training image, median", ".3f"),
        "ahead": ("nearer to the truth than any training image is", ".1%"),
        "copied": ("copies", ".1%"),
    }
    lines = [
        "| | " + " | ".join(title for title, _ in shown.values()) + " |",
        "|" + " --- |" * (len(shown) + 1),
    ]
    for name, row in result["rows"].items():
        lines.append(
            f"| {name.replace('_', ' ')} | "
            + " | ".join(tables.cell(row, key, form) for key, (_, form) in shown.items())
            + " |"
        )
    return "\n".join(lines)
