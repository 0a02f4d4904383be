"""What results/memorisation.json says: points for a figure, sentences, and its examples drawn
again."""

from typing import NamedTuple

import numpy as np

from qfp.data.simulate import pictures
from qfp.decoding import decode, positions
from qfp.studies.frame import noise_seeds
from qfp.studies.tables import cell

EXAMPLES = {
    "median": "ordinary",
    "largest": "worst",
    "train": "worst in training",
    "no_curve": "no curve",
}
NEIGHBOURS = {  # whose distance to the nearest training image is drawn
    "true test images": "truth",
    "test curves": "test",
    "training curves": "train",
    "without a curve": "no_curve",
}
ROWS = {  # whose shares are drawn
    "test curves": "test",
    "training curves": "train",
    "a decoder that remembers": "nearest",
}


class Triple(NamedTuple):
    """Truth, generated image and nearest training image of one case."""

    images: tuple  # 3 x (L, W) [1/t]
    titles: tuple  # 3 texts
    antidots: tuple  # 3 x (K, 2), the true ones
    found: tuple  # 3 x (K, 2), those in the image where they are others


def about(result):
    """What was measured, as a line."""
    return (
        f"memorisation: {result['curves']} test curves and {result['train_curves']} training "
        f"curves against {result['training_images']:,} training images"
    )


def distances(result):
    """Clouds of points and distances to neighbours, as `figures.limits.distances` takes them."""
    values = {
        name: {key: np.array(entry) for key, entry in row.items()}
        for name, row in result["values"].items()
    }
    exact, learned = (values[name]["error"] == 0 for name in ("test", "train"))
    clouds = {
        "training, exact": ("train", learned),
        "test, exact": ("test", exact),
        "test, not exact": ("test", ~exact),
        "training, not exact": ("train", ~learned),
        "without a curve": ("no_curve", ...),
        "a decoder that remembers": ("nearest", ...),
    }
    clouds = {
        label: (values[name]["neighbour"][part], values[name]["truth"][part])
        for label, (name, part) in clouds.items()
    }
    return clouds, {label: values[name]["neighbour"] for label, name in NEIGHBOURS.items()}


def compared(result):
    """Rows of `figures.shares.whiskers`: what lies nearer to the truth than to any training image,
    and what recognises the potential."""
    return {"": {label: result["rows"][name] for label, name in ROWS.items()}}


def exceptions(result):
    """Images that are nearer to a training image than to the truth, as lines."""
    test, wrong = result["rows"]["test"], result["exceptions"]
    count = {
        "wrong": sum(entry["error"] > 0 for entry in wrong),
        "one off": sum(entry["error"] == 1 for entry in wrong),
        "answered": sum(entry["neighbour_to_answer"] == 0 for entry in wrong),
    }
    return [
        "nearer to the truth than to any training image, of answers that are exact: "
        f"{cell(test, 'closer_exact', '.1%')}; of the others: {cell(test, 'closer_wrong', '.1%')}",
        f"nearer to a training image: {len(wrong)} of {test['n']} curves, {count['wrong']} of them "
        f"wrongly decoded, {count['one off']} by one site; the training image is of the "
        f"configuration that was answered in {count['answered']}",
        f"wrong answers that are training configurations: {cell(test, 'wrong_trained', '.1%')}; "
        f"of all configurations {result['training_share']:.1%} are",
    ]


def free(result):
    """Images without a curve, as a line."""
    row = result["rows"]["no_curve"]
    same, beside, *_ = row["sites"]["neighbour_to_answer"]
    return (
        "without a curve, the nearest of all images, training or not, is a training image: "
        f"{cell(row, 'nearest_trained', '.1%')}; {same} of {row['n']} images have the antidots of "
        f"their neighbour, {beside} are one site off"
    )


def potentials(result):
    """What images and curves tell of the random potential, as lines."""
    test, train, nearest = (result["rows"][name] for name in ("test", "train", "nearest"))
    own = {
        name: cell(row, "own_potential", ".1%")
        for name, row in (("test", test), ("train", train), ("nearest", nearest))
    }
    return [
        f"distance to the truth, median: test {cell(test, 'truth_distance', '.3f')}, training "
        f"{cell(train, 'truth_distance', '.3f')}",
        "images of one configuration under two potentials differ by "
        f"{cell(test, 'potential_distance', '.3f')}; nearer to the truth than to the same wire "
        f"under the other potentials: test {own['test']}, training {own['train']}, by chance "
        f"{1 / result['potentials']:.1%}; the image of the nearest training curve: "
        f"{own['nearest']}",
    ]


def copies(result):
    """How many images are copies, as a line."""
    test, none = result["rows"]["test"], result["rows"]["no_curve"]
    return (
        "copies (at most a third as far from the nearest image as from the next): test "
        f"{cell(test, 'copied', '.1%')}, without a curve {cell(none, 'copied', '.1%')}; smallest "
        f"ratio {test['copy_ratio_smallest']:.2f} and {none['copy_ratio_smallest']:.2f}"
    )


def told(result):
    """What the search found, one finding a line."""
    lines = [*exceptions(result), free(result), *potentials(result), copies(result)]
    return "\n".join(lines)


def drawn_again(decoder, result, name, case):
    """The image (L, W) [1/t] of a case of EXAMPLES, from the same noise."""
    seeds = noise_seeds([(case["potential"], case["configuration"])], 1, result["seed"])
    gamma = 0.0 if name == "no_curve" else 1.0
    how = result["steps"], result["sampler"], gamma
    return decode.draw(decoder, [case["curve"]], seeds, *how)[0, 0]


def exact_images(device, cases):
    """True images of cases and those of their neighbours, (2, B, L, W) [1/t]."""
    antidots, seeds = (
        np.array([[case[part + key] for case in cases] for part in ("", "neighbour_")])
        for key in ("antidots", "potential")
    )
    images = pictures(device, np.concatenate(antidots), np.concatenate(seeds))
    return images.reshape(2, len(cases), *images.shape[1:])


def examples(decoder, result):
    """A Triple for each of EXAMPLES."""
    device, triples = decoder.config.device, []
    cases = {name: result["examples"][name] for name in EXAMPLES}
    exact = exact_images(device, list(cases.values()))
    for (name, case), truth, neighbour in zip(cases.items(), *exact):
        image = drawn_again(decoder, result, name, case)
        answer = positions.recover(image[None], device)[0]
        subject = "a wire, " if name == "no_curve" else ""
        titles = (
            f"{EXAMPLES[name]}\n{subject}d = {case['truth']:.2f}",
            "",
            f"d = {case['neighbour']:.2f}",
        )
        true, near = case["antidots"], case["neighbour_antidots"]
        images = (truth, image, neighbour)
        triples.append(Triple(images, titles, (true, true, ()), ((), answer, near)))
    return triples
