"""Any number of antidots in a dataset, in a network's map of occupancy, and in what is decoded."""

import dataclasses
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import qfp
from qfp.data import damage, dataset, generate, numbers
from qfp.decoding import answer, metrics, sets, told
from qfp.decoding.decode import load_pairs_decoder
from qfp.figures import inference as inference_figures
from qfp.inference import library
from qfp.model.unet import UNet
from qfp.physics import geometry, green
from qfp.studies import frame
from qfp.studies.inference import sets as sets_study
from qfp.tools import SettingsError
from qfp.training import drawn
from qfp.training.batches import Batches
from qfp.training.loss import occupancy_loss
from qfp.training.train import train

TINY = {
    "channels": [8, 8],
    "condition_channels": [4, 4],
    "condition_hidden": 48,
    "condition_width": 16,
    "grid_width": 40,
    "blocks": 1,
}
QUICK = {
    "minutes": 0,
    "batch": 4,
    "curve_batch": 16,
    "curve_configurations": 0,  # but where a test draws some
    "precision": "fp32",
    "warmup": 2,
}


def small(configurations=16, points=3, **training):
    return qfp.load_preset(
        "antidots",
        device={"field_points": points},
        dataset={"configurations": configurations},
        network=TINY,
        training={**QUICK, "max_steps": 4, **training},
    )


CONFIG = small()
DEVICE = CONFIG.device


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    out = tmp_path_factory.mktemp("antidots") / "few.h5"
    return generate.generate(CONFIG, out, workers=1, report=lambda line: None)


def test_configurations_are_drawn_each_by_its_index():
    orbits, antidots = numbers.drawn(small(60))
    number = numbers.counted(antidots)
    assert set(number) == {1, 2, 3, 4}
    for before, now in zip(numbers.drawn(small(20)), (orbits, antidots), strict=True):
        np.testing.assert_array_equal(before, now[:20])
    for own, name, K in zip(numbers.present(antidots), orbits, number, strict=True):
        assert geometry.apart(own, DEVICE)
        np.testing.assert_array_equal(geometry.canonical(own, DEVICE), own)
        np.testing.assert_array_equal(geometry.orbit(own, DEVICE), name[: 2 * K - 1])
        assert (name[2 * K - 1 :] == numbers.NONE).all()


def test_a_number_is_drawn_as_often_as_it_is_listed():
    number = numbers.counted(numbers.drawn(small(600))[1])
    shares = np.bincount(number, minlength=5)[1:] / 600
    assert abs(shares - np.array([1, 3, 4, 4]) / 12).max() < 0.06


def test_a_file_holds_what_the_solver_says_of_each_wire(file):
    pairs = qfp.load_dataset(file)
    assert pairs.antidots.shape == (16, 4, 2) and pairs.orbit.shape == (16, 7)
    number = numbers.counted(pairs.antidots)
    for K in (1, 2, 3, 4):
        n = int(np.flatnonzero(number == K)[0])
        own = numbers.present(pairs.antidots)[n].astype(int)
        G, _, ldos = qfp.solve(DEVICE, own, pairs.potentials[1], image=True)
        np.testing.assert_allclose(pairs.conductance[1, n], G, atol=2e-6)
        np.testing.assert_allclose(pairs.ldos[1, n].astype(float), ldos, atol=1e-6, rtol=2e-3)
    assert damage.validate(file) == []


def test_the_same_pairs_are_simulated_in_memory(file):
    known, found = qfp.load_dataset(file), qfp.simulate(CONFIG, [3, 9], potentials=(1,))
    np.testing.assert_allclose(found.conductance[0], known.conductance[1, [3, 9]], atol=1e-6)
    np.testing.assert_allclose(found.ldos[0], known.ldos[1, [3, 9]], rtol=2e-3, atol=1e-4)


def test_settings_of_pairs_keep_their_hash_and_wrong_ones_are_named():
    pairs, some = qfp.load_preset("laptop"), qfp.load_preset("antidots")
    assert dataset.settings_hash(pairs) == dataset.settings_hash(
        qfp.load_preset("laptop", dataset={"antidots": [2]})
    )
    assert dataset.layout(pairs) is dataset.LAYOUT and dataset.layout(some) != dataset.LAYOUT
    for change, word in (
        ({"dataset": {"antidots": [2, 3]}}, "occupancy"),
        ({"dataset": {"antidots": []}}, "one number or more"),
        ({"dataset": {"antidots": [7]}}, "1 to 6"),
    ):
        with pytest.raises(SettingsError, match=word):
            qfp.load_preset("laptop", **change)
    with pytest.raises(SettingsError, match="6 antidots"):
        crowded = dataclasses.replace(CONFIG.device, length=13)
        numbers.drawn(
            dataclasses.replace(
                CONFIG, device=crowded, dataset=dataclasses.replace(CONFIG.dataset, antidots=(6,))
            )
        )


def test_the_loss_is_the_cross_entropy_of_the_antidots_that_are_there():
    torch.manual_seed(0)
    sites = torch.randn(2, 60, 60).flatten(1).log_softmax(-1).view(2, 60, 60)
    number = torch.randn(2, 6).log_softmax(-1)
    nan = float("nan")
    centres = torch.tensor([[[10.0, 20.0], [nan, nan]], [[30.0, 5.0], [12.0, 40.0]]])
    expected = [
        -sites[0, 20, 10] - number[0, 0],
        -(sites[1, 5, 30] + sites[1, 40, 12]) / 2 - number[1, 1],
    ]
    found = occupancy_loss(sites, number, centres, 1e-2)
    torch.testing.assert_close(found, torch.stack(expected).mean())


def test_the_map_is_a_distribution_and_its_beliefs_are_the_expected_number():
    torch.manual_seed(0)
    model = UNet(CONFIG.network, 3, "occupancy")
    tokens = model.condition.tokens(torch.randn(3, 3))
    sites, number = model.condition.occupancy(tokens)
    torch.testing.assert_close(sites.exp().sum((1, 2)), torch.ones(3))
    expected = (number.exp() * torch.arange(1, 7)).sum(1)
    torch.testing.assert_close(model.condition.believed(tokens).sum((1, 2, 3)), expected)
    assert model.encode(torch.randn(3, 3)).features.shape == (3, 40, 15, 15)


@pytest.mark.parametrize("K", [1, 2, 3, 4])
def test_discs_are_found_in_images_of_any_number_of_them(K):
    antidots = np.stack([geometry.sampled(DEVICE, K, k) for k in range(6)])
    rng = np.random.default_rng(K)
    ldos = np.where(geometry.removed_masks(antidots, DEVICE), 0, 1 + rng.random((6, 60, 50)))
    ldos += 0.2 * rng.random(ldos.shape)
    np.testing.assert_array_equal(sets.recover(ldos, DEVICE, K), antidots)


@pytest.mark.parametrize("K", [1, 3, 4])
def test_sets_are_named_by_a_map_at_the_distance_of_hard_discs(K):
    antidots = np.stack([geometry.sampled(DEVICE, K, k) for k in range(6)])
    y, x = np.mgrid[:60, :50]
    away = [
        (x - antidots[:, k, 0, None, None]) ** 2 + (y - antidots[:, k, 1, None, None]) ** 2
        for k in range(K)
    ]
    sites = sum(np.exp(-square / 4.0) for square in away)  # peaks that reach beyond one site
    found = sets.named_by(sites / sites.sum((1, 2), keepdims=True), DEVICE, K)
    np.testing.assert_array_equal(found, antidots)


def test_a_crowded_map_still_gives_a_set_that_obeys_the_rule():
    sites = np.zeros((1, 60, 50))
    sites[0, 30, 25] = 1.0  # all says one place
    found = sets.named_by(sites, DEVICE, 4)
    assert geometry.apart(found[0], DEVICE)


def test_it_learns_number_and_places_by_heart(file):
    """Curves that were trained on: a few hundred steps of the read-out alone."""
    config = small(curve_batch=32, curve_mixing=0.0, curve_weight=1.0)
    pairs, rows = qfp.load_dataset(file), np.array([[0, n] for n in range(16)])
    normal = qfp.data.normalise.normalisation(pairs, rows)
    batches = Batches(config, pairs, rows, normal, "cpu")
    torch.manual_seed(0)
    model = UNet(config.network, 3, "occupancy")
    optimiser = torch.optim.AdamW(model.condition.parameters(), 4e-3)
    for step in range(250):
        batch = batches(step)
        read = model.condition.occupancy(model.condition.tokens(batch["curves"]))
        loss = occupancy_loss(*read, batch["centres"], config.training.curve_sigma)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    curves, truth = normal.curve(pairs.conductance[0]), numbers.present(pairs.antidots)
    sites, many = sets.read_map(model, curves, DEVICE)
    number = 1 + many.argmax(axis=1)
    found = [sets.named_by(one[None], DEVICE, int(K))[0] for one, K in zip(sites, number)]
    scores = sets.scores(found, truth, DEVICE)
    assert scores["number"] == 1.0 and scores["within1"] > 0.7


@pytest.fixture(scope="module")
def made(file, tmp_path_factory):
    """Batches with drawn configurations."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("drawn")
        patch.setattr(drawn, "project_root", lambda: folder)
        pairs = qfp.load_dataset(file)
        rows = dataset.split(16, 2, "config", 0)["train"]
        normal = qfp.data.normalise.normalisation(pairs, rows)
        config = small(curve_batch=40, curve_configurations=120, curve_mixing=0.0)
        return Batches(config, pairs, rows, normal, "cpu")


def test_drawn_curves_are_those_of_their_antidots_under_typical_potentials(made):
    own, rng = made.drawn, np.random.default_rng(0)
    assert set(own.number) == {1, 2, 3, 4}
    for rows, antidots in numbers.groups(own.antidots):
        exact = green.clean_curves(DEVICE, antidots[:3].astype(int))
        np.testing.assert_allclose(own.curves[rows[:3]], exact, atol=0.05)
    antidots, curves = own(rng, 20_000)
    for K, (shift, root) in own.typical.items():
        change = curves - own.curves[[own.antidots.tolist().index(a) for a in antidots.tolist()]]
        change = change[numbers.counted(antidots) == K]
        np.testing.assert_allclose(change.mean(0), shift, atol=0.02)
        np.testing.assert_allclose(np.cov(change.T), root.T @ root, atol=0.01)


def test_extra_curves_of_a_batch_are_of_drawn_configurations_and_of_the_file(made):
    batch, B, left = made(3), made.config.training.batch, DEVICE.margins
    placed = batch["centres"].nan_to_num(numbers.NONE).numpy() - np.array(left)
    placed[batch["centres"].isnan().numpy()] = numbers.NONE
    placed, drawn_ones = placed.astype(int).tolist(), made.drawn.antidots.tolist()
    share = np.mean([one in drawn_ones for one in placed[B:]])
    assert abs(share - made.drawn_share) < 0.2
    assert all(one in made.pairs.antidots.tolist() for one in placed if one not in drawn_ones)
    assert all(one in made.pairs.antidots.tolist() for one in placed[:B]), "images have their own"


def test_configurations_outside_the_training_set_are_not_drawn(file):
    pairs, config = qfp.load_dataset(file), small(curve_configurations=120)
    orbits, antidots = numbers.drawn(config, np.arange(16, 136))
    held = dataclasses.replace(pairs, orbit=np.concatenate([pairs.orbit[:15], orbits[:1]]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drawn, "simulated", lambda device, own: np.zeros((len(own), 3)))
        patch.setattr(drawn, "_typical", lambda *given: None)
        kept = drawn.Drawn(config, held, np.array([[0, n] for n in range(15)])).antidots.tolist()
    assert antidots[0].tolist() not in kept and antidots[1].tolist() in kept


def test_it_trains_goes_on_is_exported_and_decodes(file, tmp_path):
    quiet = {"report": lambda line: None}
    train(CONFIG, file, tmp_path / "run", watch=lambda training: training.step == 2, **quiet)
    assert train(CONFIG, file, tmp_path / "run", resume=True, **quiet)["step"] == 4
    train(CONFIG, file, tmp_path / "whole", **quiet)
    for run in ("run", "whole"):
        qfp.export(tmp_path / run, tmp_path / run / "mine")
    parts = [(tmp_path / run / "mine.safetensors").read_bytes() for run in ("run", "whole")]
    curves = qfp.load_dataset(file).conductance[0, :3]
    decoder = qfp.load(tmp_path / "whole" / "mine.safetensors")
    resumed = qfp.load(tmp_path / "run" / "mine.safetensors")
    for name, value in decoder.model.state_dict().items():
        assert torch.equal(value, resumed.model.state_dict()[name]), name
    assert len(parts[0]) == len(parts[1])
    found = decoder.decode(curves, samples=2, steps=2)
    assert found.ldos.shape == (3, 2, 60, 50) and found.density.shape == (3, 60, 50)
    np.testing.assert_allclose(found.numbers.sum(axis=1), 1, rtol=1e-5)
    for K, every, best in zip(found.number, found.antidots, found.consensus, strict=True):
        assert every.shape == (2, K, 2)
        assert geometry.apart(best, DEVICE)
        assert min(metrics.within(every, best, DEVICE)) == 0
    for K, named, proposals in zip(found.number, found.named, found.proposals, strict=True):
        assert K in named and len(proposals) == 2 + len(named)
        assert all(geometry.apart(own, DEVICE) for own in proposals)
    for every in found.candidates:
        assert sum(share for _, share in every) == pytest.approx(1)
    with pytest.raises(SettingsError, match="any number of antidots"):
        load_pairs_decoder(tmp_path / "run" / "mine.safetensors")


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A network of 12 fields that was hardly trained."""
    out = tmp_path_factory.mktemp("sets")
    config = small(points=12, max_steps=2)
    quiet = {"report": lambda line: None}
    made = generate.generate(config, out / "few.h5", workers=1, **quiet)
    train(config, made, out / "run", **quiet)
    qfp.export(out / "run", out / "mine")
    return out / "mine.safetensors"


def test_a_file_is_answered_by_it_alone_and_as_a_proposal(weights, tmp_path, monkeypatch):
    device, truth = qfp.load(weights).config.device, [[14, 20], [35, 41]]
    curve = qfp.solve(device, truth, qfp.random_potential(0, device))[0]
    csv = tmp_path / "curve.csv"
    np.savetxt(csv, np.c_[device.fields, curve], delimiter=",", header="field,conductance")
    options = {"weights": weights, "samples": 2, "steps": 2}
    alone = qfp.answer([csv], network_only=True, **options)
    text, values = told.as_text(alone, 0), told.as_dict(alone, 0)
    assert "by the network" in text and "agree within one site" in text
    assert values["antidots"] == alone.decoded.consensus[0].tolist()
    assert sum(values["numbers"].values()) == pytest.approx(1, abs=0.01)
    assert answer.report(alone, 0).axes
    monkeypatch.setattr(library, "project_root", lambda: tmp_path)
    judged = qfp.answer([csv], numbers=(1, 2), certificate="curve", **options)
    assert judged.posterior[0].answer.tolist() == geometry.canonical(truth, device).tolist()
    values = told.as_dict(judged, 0)
    assert values["network"]["numbers"] and not values["flagged"]
    assert ": 0." in told.as_text(judged, 0) or ": 1." in told.as_text(judged, 0)
    with pytest.raises(SettingsError, match="another number than the network's"):
        qfp.answer([csv], numbers=(5,), **options)


def test_the_study_judges_the_network_and_the_solver_that_it_serves(weights, tmp_path, monkeypatch):
    monkeypatch.setattr(frame, "project_root", lambda: tmp_path)

    def first_proposal(curves, device, noise, proposals, numbers, certificate):
        """In place of a judgement, which takes forward models of three and four: minutes."""
        assert numbers == (1, 2, 3, 4) and len(curves) == len(proposals)
        return [SimpleNamespace(answer=own[0], explained=True) for own in proposals]

    monkeypatch.setattr(sets_study, "infer", first_proposal)
    config = small(points=12)
    options = {"network": str(weights), "wires": 2, "judged": (2, 2), "samples": 2, "steps": 1}
    out = tmp_path / "sets.json"
    run = partial(frame.run_study, sets_study.STUDY, config, out, report=lambda line: None)
    result = run(**options)
    assert set(result["network"]) == {"1", "2", "3", "4"} and set(result["judged"]) == {"1", "2"}
    for row in result["network"].values():
        nearest = row["proposals"]["within_one"]
        assert row["n"] == 2 and nearest >= row["consensus"]["within_one"] >= 0
    for K, row in result["judged"].items():
        assert row["number"] == result["network"][K]["number"], "a sample's is the network's"
        assert row["exact"] == row["right_or_flagged"] <= row["within_one"] <= row["number"]
    assert result["networks"]["mine"]["weights_sha256"] and "| 4 |" in sets_study.show(result)
    with pytest.raises(SettingsError, match="--network laptop: expected one"):
        run(network="laptop")


def test_sites_off_are_those_of_the_same_number():
    truth = np.array([[10, 20], [33, 41]])
    three = np.array([[10, 20], [33, 41], [20, 50]])
    assert sets_study.off([truth + [0, 1], truth + [2, 0]], truth, DEVICE) == 0
    assert sets_study.off([three], truth, DEVICE) == sets_study.WRONG


def test_the_first_wire_of_each_number_is_drawn(weights):
    rows = sets_study.examples(qfp.load(weights), samples=1, steps=1)
    figure = inference_figures.any_number(rows)
    assert len(figure.axes) == 12
    for ax, row in zip(figure.axes, rows, strict=False):
        assert len(ax.patches) == len(row[1])
