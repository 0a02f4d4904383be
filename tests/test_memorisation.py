"""The search among training images, and what it says of a decoder that knows and of one that
remembers."""

import dataclasses
import json

import numpy as np
import pytest
from test_evaluate import CONFIG, study, world  # noqa: F401  (a fixture)

from qfp.data import dataset
from qfp.decoding import decode, metrics
from qfp.physics import geometry
from qfp.studies import frame
from qfp.studies.limits import likeness, memorisation, memory_report, nearest
from qfp.tools import SettingsError, project_root

RNG = np.random.default_rng(0)
# (P, N, L, W)
IMAGES = (0.03 * RNG.random((3, 50, 12, 10)) + 0.1 * RNG.random((50, 1, 1))).astype(np.float16)


# --- the search


@pytest.mark.parametrize("block", [7, 2048])
def test_the_search_is_brute_force(block):
    known, queries = np.arange(3, 50, 2), RNG.random((9, 12, 10)) / 10
    without = np.array([-1, 3, 5, 4, 7, 9, 11, -1, 13])
    near = nearest.nearest_images(IMAGES, known, queries, without, block)
    assert near.rows.shape == (9, 4, 2)
    for q, query in enumerate(queries):
        rows = [(p, n) for p in range(3) for n in known if n != without[q]]
        every = {row: np.sqrt(np.square(IMAGES[row].astype(float) - query).mean()) for row in rows}
        best = sorted(every, key=every.get)[:4]
        assert list(map(tuple, near.rows[q].tolist())) == best
        np.testing.assert_allclose(near.distance[q], [every[row] for row in best], rtol=1e-12)
        np.testing.assert_allclose(
            near.r[q], max(metrics.pearson(IMAGES[row], query) for row in rows), atol=1e-6
        )


def test_a_planted_copy_is_found():
    known = np.arange(10, 40)
    queries = np.stack([IMAGES[1, 20], IMAGES[2, 20], IMAGES[0, 5]]).astype(np.float32)
    near = nearest.nearest_images(IMAGES, known, queries)
    assert near.rows[:2, 0].tolist() == [[1, 20], [2, 20]] and (near.distance[:2, 0] == 0).all()
    assert near.distance[2, 0] > 0, "of no known configuration"
    ratio = nearest.copy_ratio(near)
    assert (ratio[:2] == 0).all() and ratio[2] > likeness.COPIED
    hidden = nearest.nearest_images(IMAGES, known, queries, np.array([20, 20, -1]))
    assert (hidden.distance > 0).all() and not (hidden.rows[:2, :, 1] == 20).any()


def test_the_next_image_is_of_another_configuration():
    alike = IMAGES.copy()
    # its potentials
    alike[:, 20] = alike[0, 20] + np.linspace(0, 1e-3, 3)[:, None, None].astype(np.float16)
    near = nearest.nearest_images(alike, np.arange(50), alike[:1, 20].astype(np.float32) + 1e-3)
    assert (
        near.rows[0, :3, 1].tolist() == [20] * 3
        and near.distance[0, 1] < 4 * near.distance[0, 0] + 1e-3
    )
    assert nearest.copy_ratio(near)[0] == near.distance[0, 0] / near.distance[0, 3]


# --- the command


@pytest.fixture
def known(world, monkeypatch):
    """The world of test_evaluate: weights that know the truth, and without a curve give a training
    image, too noisy by a bit."""
    pairs = world[0]
    train = dataset_train(pairs)
    draw, mode = decode.draw, {"remembers": False}

    def drawn(decoder, curves, seeds, steps, sampler, gamma):
        images = draw(decoder, curves, seeds, steps, sampler, 1.0)
        if gamma == 0 or mode["remembers"]:
            images[:, 0] = pairs.ldos[0, train[: len(images)]]
        return images

    monkeypatch.setattr(decode, "draw", drawn)
    return *world, mode


def dataset_train(pairs):
    return np.unique(dataset.split(len(pairs.antidots), 2, "config", CONFIG.seed)["train"][:, 1])


def run(known, config=CONFIG, **options):
    return study(memorisation.STUDY, known, config, **{"curves": 8, **options})


def test_the_result(known):
    lines = []
    result = run(known, report=lines.append)
    assert result == json.loads((known[2] / "results" / "memorisation.json").read_text())
    assert list((known[2] / "runs").iterdir()) == [] and lines[-2] == memorisation.show(result)
    assert result["ldos_std"] == pytest.approx(
        known[0].ldos[:, dataset_train(known[0])].astype(float).std(), rel=1e-6
    )
    assert (result["curves"], result["train_curves"], result["training_images"]) == (
        8,
        8,
        56,
    ) and result["training_share"] == 0.7
    rows = result["rows"]
    for name in ("test", "train", "truth"):
        assert rows[name]["closer"] == rows[name]["closer_r"] == rows[name]["own_potential"] == 1
        assert (
            rows[name]["sites"]["error"][0] == 8
            and rows[name]["sites"]["neighbour_error"][0] == 0 == rows[name]["copied"]
        )
    assert (
        rows["test"]["truth_distance"] < 0.01 < rows["test"]["neighbour_distance"]
        and rows["test"]["ahead"] == 1
    )
    assert rows["test"]["neighbour_distance"] == pytest.approx(
        rows["truth"]["neighbour_distance"], rel=0.01
    )
    for name in ("nearest", "no_curve"):
        assert (
            rows[name]["closer"] == rows[name]["ahead"] == 0
            and rows[name]["copied"] == rows[name]["wrong_trained"] == 1
        )
        assert (
            rows[name]["neighbour_distance"] < 1e-9
            and rows[name]["sites"]["neighbour_to_answer"][0] == 8
        )
    assert rows["no_curve"]["nearest_trained"] == 1, (
        "its images are training images, in a file that holds others, too"
    )
    pairs, train = known[0], dataset_train(known[0])
    parts = dataset.split(len(pairs.antidots), 2, "config", CONFIG.seed)
    # each beside its own truths' neighbours
    for name, part in {"test": "test", "train": "train", "no_curve": "test"}.items():
        between = [
            nearest.rms(pairs.ldos[:, train[train != n]], pairs.ldos[p, n]).min()
            for p, n in frame.choose_rows(parts, part, 8, CONFIG.seed)
        ]
        np.testing.assert_allclose(
            result["values"][name]["between"], np.array(between) / result["ldos_std"], atol=1e-5
        )
    assert result["exceptions"] == [] and len(result["values"]["test"]["truth"]) == 8
    assert (
        set(result["examples"]) == {"median", "largest", "train", "no_curve"}
        and len(result["examples"]["train"]["curve"]) == 64
    )


def test_a_decoder_that_remembers_is_found_out(known):
    known[3]["remembers"] = True
    result = run(known)
    test = result["rows"]["test"]
    assert (
        test["closer"] == 0
        and test["copied"] == 1
        and test["closer_wrong"] == 0
        and "closer_exact" not in test
    )
    assert len(result["exceptions"]) == 8 and all(
        entry["neighbour_to_answer"] == 0 for entry in result["exceptions"]
    )
    assert [
        entry["truth"] / max(entry["neighbour"], 1e-12) > 1 for entry in result["exceptions"]
    ] == [True] * 8


def test_wrong_answers_and_the_training_set(known):
    pairs = known[0]
    train, device = dataset_train(pairs), pairs.device
    rows = np.array([[0, n] for n in np.setdiff1d(np.arange(40), train)[:4]])
    images = pairs.ldos[1, np.concatenate([train[:3], rows[:1, 1]])].astype(np.float32)
    near = nearest.nearest_images(pairs.ldos, train, images)
    row, values = likeness.compared(pairs, likeness.Case(rows, images, near, near), train, 0.03)
    wrong = (
        metrics.within(
            geometry.canonical(pairs.antidots[[*train[:3], rows[0, 1]]], device),
            pairs.antidots[rows[:, 1]],
            device,
        )
        > 0
    )
    assert (
        row["wrong_trained"] == pytest.approx(np.array([1, 1, 1, 0])[wrong].mean())
        and wrong[:3].all()
    )
    np.testing.assert_allclose(values["copy"][:3], 0, atol=1e-9)


def test_other_potentials_are_those_of_the_truth_without_itself(known):
    """Truths under three potentials, images between them and the next one: by brute force."""
    pairs, train = known[0], dataset_train(known[0])
    ldos = np.concatenate([pairs.ldos, 0.9 * pairs.ldos[:1] + 0.01]).astype(np.float16)
    rows = np.array([(p, n) for p in range(3) for n in train[:4]])
    truth = ldos[rows[:, 0], rows[:, 1]].astype(float)
    images = 0.8 * truth + 0.2 * ldos[(rows[:, 0] + 1) % 3, rows[:, 1]]
    near = nearest.nearest_images(ldos, train, images)
    row, _ = likeness.compared(
        dataclasses.replace(pairs, ldos=ldos), likeness.Case(rows, images, near, near), train, 0.03
    )
    means = [
        np.mean([np.sqrt(np.square(ldos[q, n] - image).mean()) for q in range(3) if q != p]) / 0.03
        for (p, n), image in zip(rows, truth)
    ]
    assert (
        min(means) > 0
        and row["potential_distance"] == pytest.approx(np.median(means))
        and row["own_potential"] == 1
    )


def test_what_has_no_meaning_is_refused(known):
    stretched = dataclasses.replace(
        CONFIG, sampling=dataclasses.replace(CONFIG.sampling, gamma=1.5)
    )
    with pytest.raises(SettingsError, match="sampling.gamma 1.5: must be 1"):
        run(known, stretched)
    with pytest.raises(SettingsError, match="--curves 0: must be 1 or more"):
        run(known, curves=0)
    assert not (known[2] / "results").exists()


def test_the_page_tells_every_curve_once():
    result = json.loads((project_root() / "results" / "memorisation.json").read_text())
    clouds, near = memory_report.distances(result)
    for name in ("test", "train"):
        parts = [len(x) for label, (x, _) in clouds.items() if label.startswith(name)]
        assert sum(parts) == result["rows"][name]["n"]
    assert [len(values) for values in near.values()] == [300, 300, 200, 300]
    told = memory_report.told(result).splitlines()
    assert len(told) == 7 and f"{len(result['exceptions'])} of 300 curves" in told[1]


def test_an_example_is_drawn_again_with_its_neighbour():
    result = json.loads((project_root() / "results" / "memorisation.json").read_text())
    decoder, case = decode.load_decoder(result["weights"]), result["examples"]["median"]
    image = memory_report.drawn_again(decoder, result, "median", case)
    exact = memory_report.exact_images(decoder.config.device, [case])[:, 0]
    # how a processor rounds shows in samples
    for other, name in zip(exact, ("truth", "neighbour")):
        distance = nearest.rms(image[None], other)[0] / result["ldos_std"]
        assert distance == pytest.approx(case[name], rel=0.1)
    assert metrics.pearson(image, exact[0]) == pytest.approx(case["r"], abs=0.03)
