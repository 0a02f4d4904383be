"""The network's rivals on a small real wire: readers of curves, what they may look at, and the
whole table."""

import dataclasses
import json
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from test_evaluate import study

from qfp.config import load_preset
from qfp.data import dataset, fresh, simulate
from qfp.decoding import decode, metrics
from qfp.model import exported
from qfp.physics import geometry, sweep
from qfp.studies import frame
from qfp.studies.rivals import libraries, readers, rivals
from qfp.tools import SettingsError

DEVICE = dataclasses.replace(
    load_preset("smoke").device, width=20, length=24, radius=2, field_points=12
)
N, F = len(geometry.configurations(DEVICE)[0]), DEVICE.field_points
SMOKE = load_preset(
    "smoke", sampling={"steps": 2, "samples": 3}, dataset={"configurations": N, "potentials": 2}
)
CONFIG = dataclasses.replace(SMOKE, device=DEVICE)
SHORT = {**readers.PLAIN, "steps": 20, "batch": 32, "width": 32}


@pytest.fixture(scope="module")
def pairs():
    """Every configuration of a narrow wire under two potentials, without images."""
    return simulate.simulate(CONFIG, potentials=(0, 1), images=False)


@pytest.fixture(scope="module")
def parts(pairs):
    return dataset.split(N, 2, "config", CONFIG.seed)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where simulated curves are kept."""
    return tmp_path_factory.mktemp("curves")


@pytest.fixture(scope="module")
def other(pairs, folder):
    """Every configuration's curve under a potential that `pairs` does not hold."""
    return simulate.simulated(DEVICE, pairs.antidots, 3, folder)


def choose(parts, name, number=60):
    return frame.choose_rows(parts, name, number, seed=0)


def share(pairs, configurations, rows, k):
    """Share of configurations within k sites of those of rows."""
    return (
        metrics.within(pairs.antidots[configurations], pairs.antidots[rows[:, 1]], DEVICE) <= k
    ).mean()


def poisoned(pairs, rows):
    """Pairs in which all curves of the configurations of rows are NaN."""
    curves = pairs.conductance.copy()
    curves[:, rows[:, 1]] = np.nan
    return dataclasses.replace(pairs, conductance=curves)


# --- whitening and libraries


def test_whitened_changes_are_equally_large_in_all_directions():
    changes = np.random.default_rng(0).normal(size=(500, 6)) @ np.random.default_rng(1).normal(
        size=(6, 6)
    )
    white = changes @ readers.whitener(changes, 0)
    np.testing.assert_allclose(white.T @ white / len(white), np.eye(6), atol=1e-9)


def test_whitening_by_equal_changes_changes_no_answer(pairs, other):
    equal = np.concatenate([np.eye(F), -np.eye(F)])
    plain = readers.Library(other, np.arange(N), None)
    for floor in readers.FLOORS:
        white = plain._replace(metric=readers.whitener(equal, floor))
        np.testing.assert_array_equal(
            white.read(pairs.conductance[0])[0], plain.read(pairs.conductance[0])[0]
        )


def test_whitened_answers_do_not_depend_on_units_or_mixing_of_the_fields(pairs, parts, other):
    known = np.unique(parts["train"][:, 1])
    mixing = np.linalg.qr(np.random.default_rng(0).normal(size=(F, F)))[0] * np.linspace(1, 2, F)
    answers = []
    for matrix in (np.eye(F), mixing):
        curves, library = pairs.conductance @ matrix, other @ matrix
        metric = readers.whitener(readers.potential_changes(curves, known), 0)
        answers.append(readers.Library(library, np.arange(N), None, metric).read(curves[0])[0])
    assert (answers[0] == answers[1]).mean() > 0.99, "but for rounding"


def test_a_library_of_the_curves_themselves_is_exact(pairs, parts):
    rows = choose(parts, "test")
    curves = pairs.conductance[rows.T[0], rows.T[1]]
    changes = readers.potential_changes(pairs.conductance, np.unique(parts["train"][:, 1]))
    library = readers.Library(
        pairs.conductance.reshape(2 * N, -1), np.tile(np.arange(N), 2), np.repeat([0, 1], N)
    )
    for metric in (None, readers.whitener(changes, 0.1)):
        found, potentials = library._replace(metric=metric).read(curves)
        np.testing.assert_array_equal(found, rows[:, 1])
        np.testing.assert_array_equal(potentials, rows[:, 0])


def test_the_metric_is_chosen_by_what_counts():
    rng = np.random.default_rng(0)
    library = readers.Library(rng.normal(size=(40, 5)), np.arange(40), None)
    loud = rng.normal(size=(40, 1)) * np.array([[9.0, 0, 0, 0, 0]])  # changes that say nothing
    curves = library.curves + loud

    def hits(found):
        return (found == np.arange(40)).sum()

    best, name = readers.tuned(library, {"loud ones": loud, "nothing": np.eye(5)}, curves, hits)
    assert name.startswith("whitened by loud ones") and hits(best.read(curves)[0]) == 40 > hits(
        library.read(curves)[0]
    )
    assert readers.tuned(library, {"nothing": np.eye(5)}, library.curves, hits)[1] == "plain", (
        "of equals the first"
    )
    assert (
        readers.tuned(library, {"nothing": np.eye(5)}, library.curves, hits, plain=False)[1]
        != "plain"
    )


def test_libraries_read_configurations_never_seen(pairs, parts, other):
    rows = choose(parts, "test", 200)
    found, chosen = libraries.libraries(pairs, parts["train"], choose(parts, "dev", 200), other, 3)
    curves = pairs.conductance[rows.T[0], rows.T[1]]
    exact, near = (
        {name: share(pairs, library.read(curves)[0], rows, k) for name, library in found.items()}
        for k in (0, 1)
    )
    assert exact["nearest"] == 0 and near["nearest"] < near["kriged"]
    assert exact["kriged"] > 0.2 and exact["kriged_mean"] > 0.2
    assert exact["library_whitened"] > 0.5 > exact["library"] > 0.1
    assert (
        set(chosen) == {"library_whitened", "kriged", "kriged_mean"}
        and chosen["library_whitened"] != "plain"
    )
    assert set(found["library"].read(curves)[1]) == {3} and set(
        found["kriged"].read(curves)[1]
    ) == {0, 1}


# --- what the rivals look at


def test_no_test_curve_enters_a_library_or_its_metric(pairs, parts, other):
    dev = choose(parts, "dev", 100)
    expected, names = libraries.libraries(pairs, parts["train"], dev, other, 3)
    found, same = libraries.libraries(poisoned(pairs, parts["test"]), parts["train"], dev, other, 3)
    assert names == same
    for name in ("nearest", "library_whitened", "kriged", "kriged_mean"):
        for a, b in zip(expected[name], found[name]):
            np.testing.assert_array_equal(a, b)


def test_dev_curves_choose_but_do_not_enter(pairs, parts, other):
    rest = np.concatenate([parts["test"], parts["dev"]])
    dev = choose(parts, "dev", 100)
    expected, _ = libraries.libraries(pairs, parts["train"], dev, other, 3)
    found, _ = libraries.libraries(poisoned(pairs, rest), parts["train"], dev, other, 3)
    for name in ("nearest", "kriged", "kriged_mean"):
        np.testing.assert_array_equal(expected[name].curves, found[name].curves)


def test_no_held_out_curve_trains_a_plain_network(pairs, parts, other, tmp_path, monkeypatch):
    monkeypatch.setattr(readers, "PLAIN", SHORT)
    rows, curves = choose(parts, "test"), pairs.conductance[0, parts["test"][:60, 1]]
    answers, rest = [], np.concatenate([parts["test"], parts["dev"]])
    for k, world in enumerate((pairs, poisoned(pairs, rest))):
        completed = libraries.libraries(world, parts["train"], rows, other, 3)[0][
            "kriged"
        ].curves.reshape(2, N, -1)
        answers.append(
            libraries.plain_networks(
                completed, pairs.orbit, parts["train"], 0, curves, tmp_path / str(k)
            )
        )
    assert (
        answers[0][1]
        == answers[1][1]
        == {"mlp": len(parts["train"]), "mlp_kriged": 2 * N, "mlp_one": len(parts["train"]) // 2}
    )
    for name, found in answers[0][0].items():
        np.testing.assert_array_equal(found, answers[1][0][name])


def test_the_plain_network_learns_and_repeats_itself(pairs, parts):
    p, n = parts["train"].T
    state = torch.random.get_rng_state()
    curves, rows = pairs.conductance[p, n], choose(parts, "train", 100)
    longer = {**SHORT, "steps": 200, "batch": 128, "width": 64}
    once, again, late = (
        readers.Mlp(curves, n, pairs.orbit, seed, longer).read(
            pairs.conductance[rows.T[0], rows.T[1]]
        )
        for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(once, again)
    assert (once != late).any() and torch.equal(state, torch.random.get_rng_state())
    assert share(pairs, once, rows, 1) > 0.2 and share(pairs, np.roll(once, 1), rows, 1) < 0.1, (
        "what it has learned"
    )


# --- the whole table


@pytest.fixture
def world(pairs, parts, other, folder, monkeypatch, tmp_path):
    """A decoder that knows the image of every curve of a few test configurations."""
    seeds, rows = (0, 1, 2, None), choose(parts, "test", 12)
    antidots = pairs.antidots[rows[:, 1]]
    curves = [pairs.conductance[p, rows[:, 1]] for p in (0, 1)]
    curves += [simulate.simulated(DEVICE, antidots, seed, folder) for seed in seeds[2:]]
    images = [sweep.images_of(DEVICE, antidots, seed) for seed in seeds]
    own = fresh.simulated(DEVICE, antidots, fresh.seeds_of("rivals", 12), folder)
    curves, images = np.concatenate([*curves, own[0]]), np.concatenate([*images, own[1]])
    shutil.copytree(folder, tmp_path / "runs" / "curves")  # as after an earlier run
    drawn = []

    def draw(decoder, G, noise, steps, sampler, gamma):
        drawn.append(len(G))
        return np.repeat(
            images[metrics.nearest_curve(curves, G)][:, None], np.shape(noise)[1], axis=1
        )

    own = dataclasses.replace(CONFIG, training=dataclasses.replace(CONFIG.training, split="config"))
    meta = {"data": pairs.sha256, "config": {"some": "settings"}}
    decoder = SimpleNamespace(config=own, meta=meta)
    monkeypatch.setattr(frame, "load_decoder", lambda name: decoder)
    monkeypatch.setattr(dataset, "load", lambda path, images: pairs)
    monkeypatch.setattr(decode, "draw", draw)
    monkeypatch.setattr(
        decode, "head_positions", lambda decoder, G: np.tile(antidots[:1], (len(G), 1, 1))
    )
    baseline = SimpleNamespace(model=None, normal=None, meta=meta)
    monkeypatch.setattr(rivals, "load_vae", lambda name: baseline)
    monkeypatch.setattr(
        rivals, "decoded", lambda model, normal, G: images[metrics.nearest_curve(curves, G)]
    )
    monkeypatch.setattr(readers, "PLAIN", SHORT)
    for module in (frame, exported):
        monkeypatch.setattr(module, "project_root", lambda: tmp_path)
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "known.safetensors").write_bytes(b"weights")
    return pairs, decoder, tmp_path, drawn


def run(world, **options):
    return study(rivals.STUDY, world, CONFIG, **{"curves": 12, **options})


def test_the_table(world, monkeypatch):
    lines = []
    result = run(world, report=lines.append)
    assert result == json.loads((world[2] / "results" / "rivals.json").read_text())
    assert [path.name for path in (world[2] / "runs").iterdir()] == ["curves"], (
        "simulated curves stay, samples do not"
    )
    assert (result["unseen_potential"], result["library_potential"], result["split"]) == (
        2,
        3,
        "config",
    )
    for kind in rivals.SETS:
        rows = result[kind]
        assert set(rows) == set(rivals.ROWS) and {row["n"] for row in rows.values()} == {12}, (
            "rows are paired"
        )
        assert (
            rows["single"]["within_0"] == rows["consensus"]["within_0"] == 1
            and rows["single"]["r_median"] > 0.999
        )
        assert (
            rows["curve_head"]["within_0"] == pytest.approx(1 / 12)
            and "r_median" not in rows["curve_head"]
        )
        assert (
            rows["shuffled"]["within_0"] == rows["nearest"]["within_0"] == 0
            and "difference" not in rows["single"]
        )
        assert rows["vae"]["within_0"] == 1 and rows["posterior"]["r_median"] > 0.9
        assert rows["mlp_kriged"]["within_2"] < 1 and rows["library"]["r_median"] < 0.999
        for name, row in rows.items():
            if name != "single":
                assert row["difference"]["within_0"] == pytest.approx(row["within_0"] - 1)
                low, high = row["difference"]["within_1_interval"]
                assert -1 <= low <= row["within_1"] - 1 <= high <= 1
    assert lines[-2] == rivals.STUDY.show(result) and lines[-2].count("| kriged mean |") == 4
    assert frame.read_result("known", rivals.STUDY) == result


def test_images_are_of_the_potential_found(pairs):
    antidots, seeds = pairs.antidots[[5, 100, 300, 400]], np.array([1, 0, -1, 1])
    images = simulate.pictures(DEVICE, antidots, seeds)
    for i, seed in enumerate((1, 0, None, 1)):
        np.testing.assert_allclose(
            images[i], sweep.images_of(DEVICE, antidots[[i]], seed)[0], atol=1e-6
        )
    assert np.abs(images[0] - simulate.pictures(DEVICE, antidots[:1], [0])[0]).max() > 1e-3


def test_an_interrupted_run_resumes(world, monkeypatch):
    whole, table = run(world), rivals.table
    assert world[3] == [12] * 4

    def interrupted(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(rivals, "table", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(world)
    monkeypatch.setattr(rivals, "table", table)
    for module, name in ((readers, "Mlp"), (sweep, "curves_at")):
        monkeypatch.setattr(module, name, interrupted)
    assert run(world) == whole and len(world[3]) == 8, (
        "nothing is drawn, trained or simulated again"
    )


@pytest.mark.parametrize("what", ["data", "split", "curves"])
def test_what_would_not_be_honest_is_refused(world, what):
    decoder = world[1]
    if what == "data":
        decoder.meta["data"] = "e" * 64
    elif what == "split":
        decoder.config = dataclasses.replace(
            CONFIG, training=dataclasses.replace(CONFIG.training, split="pair")
        )
    messages = {
        "data": "is not what the weights known were trained on",
        "split": "have seen the test configurations",
        "curves": "--curves 0: must be 1 or more",
    }
    with pytest.raises(SettingsError, match=messages[what]):
        run(world, **({"curves": 0} if what == "curves" else {}))
    assert not (world[2] / "results").exists()
