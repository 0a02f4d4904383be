"""The attention probe on planted maps, on closed forms, and on small networks; what happens to an
interrupted run."""

import dataclasses
import json

import numpy as np
import pytest
import torch
from test_evaluate import CONFIG, DEVICE, study, world  # noqa: F401
from test_physics import SMALL, dense

from qfp.data import dataset
from qfp.data.normalise import Normalisation
from qfp.decoding.decode import Decoder
from qfp.model.diffusion import Schedule
from qfp.model.unet import UNet
from qfp.physics import geometry, green
from qfp.studies import frame
from qfp.studies.attention import findings, following, generations, marks, waves
from qfp.studies.attention import probe as probe_attention
from qfp.studies.attention import rows as attention_rows
from qfp.studies.attention.subject import FirstStep, Subject
from qfp.tools import SettingsError, as_dict

ANTIDOTS = geometry.configurations(DEVICE)[1]


# --- maps and their rows


def test_a_map_that_learns_its_antidots_first_tells_when_it_does():
    rng = np.random.default_rng(0)
    antidots = ANTIDOTS[rng.choice(len(ANTIDOTS), 30, replace=False)]
    for size in (15, 30):
        cells = marks.grid_cells(antidots, DEVICE, size)
        maps = rng.normal(size=(4, 30, size, size))
        maps[2:] += 3 * cells
        row, difference = attention_rows.told(
            maps, antidots, DEVICE, 0, np.array([1e4, 10.0, 2.0, 0.1])
        )
        assert row["first_tells"] == {"step": 2, "ratio": 2.0}
        assert row["own"][0] == pytest.approx(0.5, abs=0.05) and row["own"][3] > 0.95
        np.testing.assert_allclose(difference.mean(axis=1), row["difference"], atol=1e-5)
        for value, (low, high) in zip(row["difference"], row["difference_interval"]):
            assert low <= value <= high
        usual = np.broadcast_to(cells.mean(axis=0), (4, *maps.shape[1:]))
        row, difference = attention_rows.told(usual, antidots, DEVICE, 0, np.ones(4))
        assert row["first_tells"] is None and abs(difference.mean()) < 1e-9, (
            "where antidots usually are tells no curve"
        )
    assert (
        attention_rows.told(1.0 * marks.rim_cells(cells)[None], antidots, DEVICE, 0)[0]["own"][0]
        < 0.5
    )
    assert attention_rows.told(
        1.0 * (cells | marks.rim_cells(cells))[None], antidots, DEVICE, 0, vicinity=True
    )[0]["own"] == [1], "padding left out"
    assert (
        marks.first_above([0.0, 0.06, -1.0], 0.05) == 1 and marks.first_above([0.05], 0.05) is None
    )


def test_cells_of_finer_levels_hold_those_of_the_coarse_one():
    fine, coarse = (marks.grid_cells(ANTIDOTS[::900], DEVICE, size) for size in (60, 15))
    np.testing.assert_array_equal(fine[:, :, 5:-5], geometry.removed_masks(ANTIDOTS[::900], DEVICE))
    np.testing.assert_array_equal(marks.cell_means(fine) >= 0.5, coarse)
    assert (
        marks.wire_cells(DEVICE, 60).sum() == 3000 and marks.wire_cells(DEVICE, 30).sum() == 30 * 26
    )


def test_cells_lie_where_the_network_sees_a_wire_that_is_wider_than_long():
    wire = dataclasses.replace(DEVICE, width=57, length=51)
    sees = Normalisation((0.0,), (1.0,), 0.0, 1.0, wire.width, wire.length).image
    removed = geometry.removed_masks([[[10, 20], [40, 30]]], wire)
    for cells, images in (
        (marks.grid_cells([[[10, 20], [40, 30]]], wire, 60), removed),
        (marks.wire_cells(wire, 60)[None], np.ones_like(removed)),
    ):
        np.testing.assert_array_equal(cells, sees(images.astype(np.float32))[:, 0] == 1)


def test_heads_that_share_out_the_antidots():
    rng, antidots = np.random.default_rng(0), ANTIDOTS[5000::400]
    lower, upper = (marks.grid_cells(antidots[:, k : k + 1], DEVICE) for k in (0, 1))
    B = 1 + 0.01 * rng.random((2, len(antidots), 3, 15, 15))
    B[:, :, 0] += upper
    B[:, :, 1] += lower
    B[:, :, 2] += lower | upper
    np.testing.assert_allclose(marks.preference(B[:, :, 0], lower, upper), 1 / 3, atol=0.01)
    ratio = np.array([100.0, 2.0])
    rows = attention_rows.preferences(
        {"importance down15": B}, ["down15"], [0, 1], antidots, DEVICE, 0, ratio
    )
    assert rows["opposite"] == rows["opposite_adjusted"] == [True, True]
    assert rows["sorted"][0] == ["down15 head 1", "down15 head 3", "down15 head 2"]
    assert rows["heads"]["down15 head 2"]["same_sign"] == [1, 1]
    alike = attention_rows.preferences(
        {"importance up15": B[:, :, [0, 0, 2]]}, ["up15"], [1], antidots, DEVICE, 0, ratio
    )
    assert alike["opposite"] == [False] and alike["upper_adjusted"][0] >= 2
    assert attention_rows.preferences({}, [], [0], antidots, DEVICE, 0, ratio) == {}


def test_an_interval_for_all_heads_is_wider():
    values = np.random.default_rng(0).normal(size=(3, 200))
    one, many = attention_rows.adjusted(values, 1), attention_rows.adjusted(values, 40)
    np.testing.assert_allclose(one, attention_rows.interval(values, 0), atol=0.02)
    assert (many[:, 0] < one[:, 0]).all() and (many[:, 1] > one[:, 1]).all()


# --- weights and wave functions


def test_correlation_of_cells_against_all_pairs_of_sites_of_a_dense_inverse():
    rng = np.random.default_rng(3)
    potential, mask = (
        rng.uniform(-0.05, 0.05, (14, 12)),
        geometry.removed_mask([[4, 4], [8, 10]], SMALL),
    )
    G = dense(SMALL, mask, potential, 0.0)[0]
    keep = np.flatnonzero(~mask.ravel())
    local = -G.imag[keep, keep]
    sites = G.imag[np.ix_(keep, keep)] ** 2 / np.outer(local, local)
    np.testing.assert_allclose(np.diagonal(sites), 1)
    assert sites.min() >= 0 and sites.max() <= 1 + 1e-9
    psi = green.scattering_states(
        green.wire(SMALL, 0.0, potential), torch.as_tensor(geometry.ring(mask))
    ).numpy()
    C = waves.cell_correlation(psi, ~mask, ((0, 0), (1, 1)), side=2)
    y, x = np.divmod(keep, SMALL.width)
    cell = (y // 2) * 7 + (x + 1) // 2
    for i, j in np.ndindex(49, 49):
        pairs = sites[np.ix_(cell == i, cell == j)]
        if min(pairs.shape) >= 2:
            assert C[i, j] == pytest.approx(pairs.mean(), abs=1e-6)
        else:
            assert np.isnan(C[i, j])
    assert np.isnan(C).any() and np.nanmin(C) >= 0 and np.nanmax(C) <= 1
    alone = waves.cell_correlation(psi, ~mask, ((0, 0), (0, 0)), side=1)
    np.testing.assert_allclose(np.diagonal(alone)[keep], 1)


def test_partial_correlation_takes_out_distance_and_importance_and_leaves_the_rest():
    rng, N = np.random.default_rng(0), 225
    y, x = np.divmod(np.arange(N), 15)
    distance = np.hypot(y[:, None] - y, x[:, None] - x)

    def positive(logits):
        A = np.exp(logits)
        return A / A.sum(axis=1, keepdims=True)

    own, other = (np.exp(-distance / 4) * rng.random((N, N)) for _ in range(2))
    importance = rng.normal(size=N)
    own, other = (c * np.exp(0.5 * importance) for c in (own, other))  # C knows both, too
    C = np.stack([own, other])
    C[:, [3, 100]] = C[:, :, [3, 100]] = np.nan
    only = positive(-0.3 * distance + importance + 0.3 * rng.normal(size=(N, N)))
    planted = positive(
        -0.3 * distance
        + importance
        + 0.3 * rng.normal(size=(N, N))
        + 0.3 * np.log(own / own.mean())
    )
    partial, plain, far = waves.partial_rank_correlation(
        np.stack([only, planted, np.full((N, N), 1 / N)]), C
    )
    assert partial.shape == plain.shape == (3, 2) and far.shape == (3,)
    assert plain[0].min() > 0.7 and far[0] < -0.6 and abs(partial[0]).max() < 0.13
    assert abs(partial[0, 0] - partial[0, 1]) < 0.02, "what is left does not tell the own curve"
    assert (
        partial[1, 0] > 0.4
        and partial[1, 0] - partial[1, 1] > 0.3
        and abs(plain[1, 0] - plain[1, 1]) < 0.2
    )
    assert (partial[2] == 0).all() and (plain[2] == 0).all(), "uniform weights follow nothing"


def test_a_planted_signal_is_as_strong_as_it_is_said_to_be():
    rng = np.random.default_rng(1)
    A = np.exp(rng.normal(size=(2, 225, 225)))
    A /= A.sum(axis=-1, keepdims=True)
    C = rng.random((2, 225, 225))
    C[:, [3, 100]] = C[:, :, [3, 100]] = np.nan
    signal = waves.planted(A, C[0], np.array([0.0, 0.1, 0.3]))
    np.testing.assert_allclose(signal[:, 0], A, rtol=1e-5)
    np.testing.assert_allclose(signal.sum(axis=-1), 1)
    found = waves.partial_rank_correlation(signal.reshape(-1, 225, 225), C)[0].reshape(2, 3, 2)
    np.testing.assert_allclose(found[:, :, 0], [[0, 0.1, 0.3]] * 2, atol=0.03)
    assert abs(found[:, :, 1]).max() < 0.02, "the other wire's is another"


def test_cells_away_from_the_antidots_are_compared_alone():
    rng = np.random.default_rng(2)
    antidots = ANTIDOTS[[5000, 9000]]
    touched = following.touched(antidots, DEVICE, 15)
    cells = marks.grid_cells(antidots, DEVICE).any(axis=0).ravel()
    assert (touched >= cells).all() and 2 * cells.sum() < touched.sum() < 150
    A, C = rng.random((1, 225, 225)), rng.random((2, 225, 225))
    near = touched[:, None] | touched
    A[0][near] = C[0][near]  # what only the antidots' cells know
    found, rest = following.followed(A, C, antidots, DEVICE)
    assert found.shape == (1, 2, 2) and rest.shape == (1, 2)
    (whole, _), (apart, _) = found[0]
    assert whole > 0.2 and abs(apart) < 0.03


def test_rows_of_waves():
    rng = np.random.default_rng(0)
    values = 0.01 * rng.normal(size=(5, 40, 2, 2, 2))
    values[:, :, 0, 0, 0] += 0.2  # the first head, on all cells, its own curve's
    planted = 0.01 * rng.normal(size=(1, 40, 2, len(following.STRENGTHS), 2, 2))
    planted[..., 0] += np.array(following.STRENGTHS)[:, None]
    arrays = {"follow": values, "plain": np.ones((5, 40, 2, 2)), "planted": planted}
    rows = following.head_rows(arrays, ["a", "b"], 0)
    assert (
        rows["all"]["a"]["difference_adjusted"][0] > 0.15 and rows["all"]["a"]["plain"] == [1] * 5
    )
    for row in (rows["all"]["b"], *rows["away"].values()):
        low, high = row["difference_adjusted"]
        assert low < 0 < high
    counted = following.summary(rows)
    assert counted["all"]["above_adjusted"] == 1 and counted["away"]["above_adjusted"] == 0
    power = following.power_rows(arrays, np.array(2.0), 0)
    for cells in following.CELLS:
        share = power[cells]["detected"]
        assert share[0] < 0.1 and share[-1] == 1 and share == sorted(share)
    result = {"summary": counted, "power": power, "heads": rows}
    assert "1 of 2 heads above 0" in following.show(result).splitlines()[0]


def test_the_waves_of_a_network_are_followed(networks, monkeypatch):
    given = {"weights": ("first",), "curves": 8}
    with pytest.raises(SettingsError, match="three of one potential are compared"):
        study(following.STUDY, networks, **given | {"curves": 2})
    result = study(following.STUDY, networks, **given)
    assert 2 <= result["compared"] <= 8 and result["summary"]["heads"] == 8
    assert list(result["heads"]["away"]) == list(result["heads"]["all"])
    assert np.isfinite(list(numbers(result))).all()
    assert len(findings.verdict(run(networks), result).splitlines()) == 3
    for weights, across in (("plain", 15), ("first", 30)):
        wanted = {"weights": (weights,), "across": across}
        with pytest.raises(SettingsError, match=f"{weights} has no full attention at {across} x"):
            study(following.STUDY, networks, **given | wanted)


def test_the_waves_are_followed_one_level_finer(networks, tmp_path, monkeypatch):
    """Where attention is full at 30 x 30, its weights stand beside the waves in cells of 2 x 2
    sites; a signal that is planted there is found."""
    pairs, decoders, _ = networks
    coarse = decoders["first"]
    fine = dataclasses.replace(coarse.config.network, attention=("full", "full"))
    config = dataclasses.replace(coarse.config, network=fine)
    decoder = dataclasses.replace(coarse, model=network(config, 0), config=config)
    found = generations.generate(
        decoder, pairs.conductance[0, :1], [1], [0], weights_at=[0], across=30
    ).weights
    assert list(found) == ["down30", "up30"]
    A = found["up30"][0, 0, :1]
    assert A.shape == (1, 900, 900)
    np.testing.assert_allclose(A.sum(axis=-1), 1, atol=1e-5)
    rows = np.array([[0, 3], [0, 30]])
    C, means = (waves.correlations(pairs, rows, tmp_path / str(n), n) for n in (30, 15))
    assert C.shape == (2, 900, 900) and np.isfinite(C[0]).sum() > np.isfinite(means[0]).sum() * 10
    by_four = C[0].reshape(15, 2, 15, 2, 15, 2, 15, 2).mean(axis=(1, 3, 5, 7)).reshape(225, 225)
    mask = geometry.removed_mask(pairs.antidots[3], DEVICE)
    whole = marks.cell_means(np.pad(~mask, ((0, 0), (5, 5)))).ravel() == 1
    assert 100 < whole.sum() < 225, "cells of which no edge and no antidot takes a site"
    np.testing.assert_allclose(*(C[np.ix_(whole, whole)] for C in (by_four, means[0])), rtol=1e-3)
    signal = waves.planted(A, C[0], np.array([0.3]))[:, 0]
    followed, _ = following.followed(signal, C, pairs.antidots[rows[:, 1]], DEVICE)
    assert (followed[0, :, 0] - followed[0, :, 1] > 0.1).all()


def test_the_other_curve_has_the_same_potential():
    assert generations.partners(np.array([0, 1, 0, 2, 1, 0])).tolist() == [2, 4, 5, 3, 1, 0]


# --- whole runs


def network(config, seed):
    """A small network whose every branch does something (a fresh one starts as 0)."""
    torch.manual_seed(seed)
    model = (
        UNet(config.network, DEVICE.field_points, config.training.curve_target)
        .eval()
        .requires_grad_(False)
    )
    for parameter in model.parameters():
        parameter.add_(0.05 * torch.randn_like(parameter))
    return model


@pytest.fixture
def networks(world, monkeypatch):
    """The world of test_evaluate with random networks by name: with attention, of another seed, and
    without attention."""
    pairs, _, root = world
    constants, schedule = frame.load_decoder("known").normal, Schedule(40, "cosine", "v")
    pairs = dataclasses.replace(
        pairs, conductance=np.random.default_rng(0).normal(size=(2, 40, 64))
    )
    plain = dataclasses.replace(CONFIG.network, attention=("none",) * len(CONFIG.network.attention))
    decoders = {}
    for seed, (name, settings) in enumerate(
        (("first", CONFIG.network), ("second", CONFIG.network), ("plain", plain))
    ):
        config = dataclasses.replace(
            CONFIG,
            network=settings,
            diffusion=dataclasses.replace(CONFIG.diffusion, steps=schedule.steps),
        )
        meta = {"data": pairs.sha256, "config": as_dict(config)}
        decoders[name] = Decoder(network(config, seed), config, constants, schedule, meta)
        (root / "models" / f"{name}.safetensors").write_bytes(name.encode())
    monkeypatch.setattr(frame, "load_decoder", decoders.__getitem__)
    monkeypatch.setattr(dataset, "load", lambda path, images=True: pairs)
    monkeypatch.setattr(generations, "STEPS", 6)
    monkeypatch.setattr(frame, "BLOCK", 4)
    return pairs, decoders, root


def run(networks, *weights, **options):
    given = {"weights": weights or ("first",), "curves": 6, "ancestral": 3}
    return study(probe_attention.STUDY, networks, **given | options)


def numbers(value):
    """All numbers of a result."""
    if isinstance(value, (list, tuple, dict)):
        for entry in value.values() if isinstance(value, dict) else value:
            yield from numbers(entry)
    elif isinstance(value, float):
        yield value


def check_lines(result):
    """What a reader is told of a result on networks first, second and plain."""
    summary = result["summary"]
    assert findings.about(result, "first").endswith(": 6 test wires")
    assert "other weights than x" in findings.about({}, "x")
    told = findings.first_tells(result).splitlines()
    assert len(told) == 18 and all("tells" in line for line in told)
    origins = findings.origins(result)
    assert f"|own - other|: {summary['first']['absolute']:.3f}" in origins
    assert f"untrained: {summary['first']['untrained']:.3f}" in origins
    assert list(findings.head_rows(result)) == ["first", "second"], "one has no attention"
    assert len(findings.preferences(result).splitlines()) == 4
    assert len(findings.verdict(result, {}).splitlines()) == 2


def test_a_run_resumes_and_says_what_it_measured(networks, monkeypatch):
    examine, blocks = generations.examine, []

    def interrupted(*arguments):
        blocks.append(arguments[3])
        if len(blocks) == 2:
            raise KeyboardInterrupt
        return examine(*arguments)

    monkeypatch.setattr(generations, "examine", interrupted)
    names = "first", "second", "plain"
    with pytest.raises(KeyboardInterrupt):
        run(networks, *names)
    resumed, path = run(networks, *names), networks[2] / "results" / "probe_attention.json"
    assert len(blocks) == 3 and blocks[1] == blocks[2] != blocks[0], (
        "the block that was finished is not made again"
    )
    text = path.read_text()
    assert resumed == json.loads(text) and list((networks[2] / "runs").iterdir()) == []
    run(networks, *names)
    assert path.read_text() == text and frame.read_result("first", probe_attention.STUDY) == resumed
    result = resumed
    check_lines(result)
    assert np.isfinite(list(numbers(result))).all()
    assert (
        result["curves"] == 6 and result["steps"] == len(result["t"]) == len(result["ratio"]) == 6
    )
    assert {"weights_sha256", "config_sha256", "data_sha256", "seed", "notes"} <= result.keys()
    assert list(result["attention"]) == ["down30", "down15", "up15", "up30"]
    for part in result["attention"].values():
        for row in part["heads"]:
            assert all(
                len(row[key]) == 6
                for key in ("own", "other", "difference", "difference_interval", "mean_map")
            )
    assert abs(result["images"]["x_t"]["own"][0] - 0.5) < 0.1, "pure noise knows nothing"
    assert result["prior"]["difference"] == [0] and result["prior"]["own"][0] > 0.7
    assert (
        result["summary"]["auc"]["up15 head 2"] == result["attention"]["up15"]["heads"][1]["own"][0]
    )
    assert result["summary"]["heads"] == 16 and set(result["summary"]["first_tells"]) >= {
        "x_t",
        "x0",
        "up30 head 4",
    }
    assert len(result["heads"]["heads"]) == 8 and set(result["heads"]["sorted"][0]) == set(
        result["heads"]["heads"]
    )
    assert result["ancestral"]["curves"] == 3 and set(result["ancestral"]["rows"]) == {
        *result["summary"]["first"]["heads"],
        "x_t",
        "x0",
    }
    for row in result["controls"]["null"]["own_image"]["up15"]["heads"]:
        assert len(row["difference"]) == len(result["controls"]["steps"])
    at = [result["images"]["x0"]["own"][i] for i in result["controls"]["steps"]]
    np.testing.assert_allclose(
        result["ancestral"]["rows"]["x0"]["gap"][0], 0, atol=1e-4, err_msg="the same x_T"
    )
    assert (
        len(at)
        == len(result["controls"]["ratio"])
        == len(result["controls"]["untrained"]["up15"]["heads"][0]["own"])
    )
    second, plain = result["networks"]["second"], result["networks"]["plain"]
    assert len(second["heads"]["heads"]) == 8 and second["images"]["x0"]["own"] != at
    assert plain["attention"] == plain["heads"] == {} and len(plain["images"]["x0"]["own"]) == len(
        plain["ratio"]
    )


def test_a_network_without_attention(networks):
    result = run(networks, "plain")
    assert result["attention"] == result["heads"] == {} and result["summary"]["heads"] == 0
    assert len(result["images"]["x0"]["difference"]) == 6
    assert findings.verdict(result, {}).splitlines()[1:] == ["complementary heads: "]


def test_a_few_wires_are_looked_at(networks):
    pairs, decoders, _ = networks
    few = dataclasses.replace(
        pairs,
        antidots=pairs.antidots[:4],
        conductance=pairs.conductance[:1, :4],
        ldos=pairs.ldos[:, :4],
    )
    subject = Subject(decoders["first"], few, 0, 7)
    assert subject.blocks == ["down15", "up15"] and "195 of 225 cells" in subject.show()
    assert (subject.mark("truth", -subject.truth[None]).own > 0.9).all()
    usual = subject.mark("usual", np.ones((1, 4, 15, 15)))
    assert usual.own == usual.other == 0.5 and usual.low == usual.high == 0
    assert 0.6 < subject.prior() < 1
    cells = np.sum(list(subject.places().values()), axis=0)
    np.testing.assert_array_equal(cells, np.broadcast_to(subject.valid, cells.shape))
    path, one = subject.generations(5), subject.one_generation()
    assert path.importance["up15"].shape == (5, 4, 4, 15, 15)
    assert one.x.shape[1] == 1 and one.t[0] == 39 and one.t[-1] == 0
    groups = subject.mark_all(path)
    rows = subject.first_steps(groups, subject.without_curve())
    assert list(rows) == [f"{block} head {h}" for block in subject.blocks for h in range(1, 5)]
    head = groups["up15"][1]
    assert rows["up15 head 2"].difference == head.own[0] - head.other[0]
    assert len(findings.first_steps(rows, 0.8).splitlines()) == 8 + 2
    assert len(findings.by_place(subject, path).splitlines()) == 2 * (1 + 4)


def test_the_few_wires_are_unseen_and_a_page_agrees_with_the_file(networks):
    device = dataclasses.replace(DEVICE, field_points=2)
    decoder = networks[1]["first"]
    decoder = dataclasses.replace(decoder, config=dataclasses.replace(CONFIG, device=device))
    subject = Subject.of(decoder, 2, 0)
    test = dataset.configurations_of(decoder.config, "test")
    assert len(test) == len(set(test)) and subject.seen == 0
    np.testing.assert_array_equal(subject.antidots, dataset.choose(decoder.config)[1][test[:2]])
    result = {"attention": {"up15": {"heads": [{"difference": [0.2]}]}}}
    row = FirstStep(0.8, 0.21, (0.15, 0.25), (0, 0))
    findings.check_agreement({"up15 head 1": row}, result)
    with pytest.raises(AssertionError, match="up15 head 1"):
        findings.check_agreement({"up15 head 1": row._replace(difference=0.5)}, result)


def test_controls_along_a_generation(networks):
    """Another curve's condition is what the network would see of that curve; without a curve all
    curves are one."""
    pairs, decoders, _ = networks
    decoder, curves, seeds = decoders["first"], pairs.conductance[0, :3], [1, 2, 3]
    places = {"controls": [0, 3]}
    given = generations.Examined(decoder, network(decoder.config, 9), places)
    found = generations.examine(given, curves, np.roll(curves, -1, axis=0), seeds)
    swapped = generations.generate(decoder, np.roll(curves, -1, axis=0), seeds, [0])
    np.testing.assert_allclose(found["other up15"][0], swapped.importance["up15"][0], atol=2e-3)
    assert abs(found["other up15"][0] - found["importance up15"][0]).max() > 1e-3
    again = generations.examine(given, curves[::-1], curves, seeds)
    np.testing.assert_array_equal(found["null up15"], again["null up15"])
    np.testing.assert_array_equal(found["antidots"], again["antidots"])
    weights = generations.generate(decoder, curves, seeds, weights_at=[0, 2]).weights
    assert list(weights) == ["down15", "up15"] and weights["up15"].shape == (2, 3, 4, 225, 225)
    np.testing.assert_allclose(weights["up15"].sum(axis=-1), 1, atol=1e-5)
    np.testing.assert_allclose(
        weights["up15"][0].sum(axis=-2).reshape(3, 4, 15, 15),
        found["importance up15"][0],
        atol=1e-4,
    )


def test_believed_positions_cover_the_cells_of_their_antidots():
    config = dataclasses.replace(
        CONFIG, training=dataclasses.replace(CONFIG.training, curve_target="positions")
    )
    model, antidots = network(config, 0), ANTIDOTS[::3000]
    maps = torch.zeros(len(antidots), 2, 60, 60)
    for i, pair in enumerate(antidots):
        for k, (x, y) in enumerate(pair):
            maps[i, k, y, x + 5] = 4.0
    features = model.encode(torch.zeros(len(antidots), DEVICE.field_points)).features.clone()
    features[:, -32:] = torch.nn.functional.pixel_unshuffle(maps, 4)
    np.testing.assert_array_equal(
        marks.believed_cover(features, DEVICE) >= 0.5, marks.grid_cells(antidots, DEVICE)
    )


def test_what_cannot_be_probed_is_refused(networks):
    for options, message in (
        ({"curves": 0}, "--curves 0"),
        ({"curves": 1}, "--curves 1: must be 2 or more"),
    ):
        with pytest.raises(SettingsError, match=message):
            run(networks, **options)
    second = networks[1]["second"]
    other = dataclasses.replace(second.config, seed=4)
    networks[1]["second"] = dataclasses.replace(second, config=other)
    with pytest.raises(SettingsError, match="second was trained on split 'config' of seed 4"):
        run(networks, "first", "second")
    assert not (networks[2] / "results").exists()
