"""Diagnosis of networks that know the answer, that do not look at the curve, and that never read
it."""

import dataclasses
import json

import numpy as np
import pytest
import torch
from test_evaluate import CONFIG, DEVICE, Oracle, study, world  # noqa: F401

from qfp.data import dataset, fresh, interpolate, normalise
from qfp.decoding import decode, metrics, one_step
from qfp.decoding.decode import Decoder
from qfp.model.condition import Condition
from qfp.model.diffusion import Schedule
from qfp.model.unet import UNet
from qfp.physics import geometry, sweep
from qfp.studies import frame, intervals
from qfp.studies.networks import diagnose, lent, losses, potentials, readout
from qfp.tools import SettingsError, as_dict

ANTIDOTS = geometry.configurations(DEVICE)[1]
SETTINGS = {**readout.PROBE, "steps": 100, "batch": 128, "learning_rate": 3e-2, "reach": 1}
N = 1000  # configurations, each under two potentials


class Path:
    """Condition path whose tokens are curves and whose features are the maps that `maps` makes of
    them."""

    def __init__(self, maps):
        self.maps = maps

    def tokens(self, curve):
        return curve

    def features(self, tokens):
        return torch.nn.functional.pixel_unshuffle(self.maps(tokens), 4)  # (B, 32, 15, 15)


class Knowing(Oracle):
    """The oracle with a condition path. blind: its images are of configuration 0; deaf: its
    features are noise."""

    def __init__(self, pairs, constants, schedule, blind=False, deaf=False):
        super().__init__(pairs, constants, schedule)
        self.blind = blind
        self.condition = Path(
            (lambda curve: torch.rand(len(curve), 2, 60, 60)) if deaf else self.curve
        )

    def encode(self, curve):
        return super().encode(0 * curve if self.blind else curve)

    def null(self, batch):
        return Condition(torch.zeros(batch, 1, 1, dtype=torch.long), ())


@pytest.fixture
def networks(world, monkeypatch):
    """The world of test_evaluate with N configurations, images for ten of the test ones, and three
    networks by name: decoders that a test may change."""
    small, _, root = world
    known = frame.load_decoder("known")
    config, constants, schedule = known.config, known.normal, known.schedule
    chosen = np.random.default_rng(0).choice(len(ANTIDOTS), N, replace=False)
    ldos = np.zeros((2, N, 60, 50), np.float16)
    p, n = frame.choose_rows(dataset.split(N, 2, "config", config.seed), "test", 10, CONFIG.seed).T
    ldos[p, n] = sweep.images_of(DEVICE, ANTIDOTS[chosen[n]], 0)
    curves = np.broadcast_to(np.arange(2.0 * N).reshape(2, N, 1), (2, N, 64))
    pairs = dataclasses.replace(small, antidots=ANTIDOTS[chosen], conductance=curves, ldos=ldos)
    monkeypatch.setattr(dataset, "load", lambda path, images: pairs)
    plain = dataclasses.replace(
        config, training=dataclasses.replace(config.training, curve_target="none")
    )
    decoders = {}
    kinds = (
        ("known", config, {}),
        ("blind", plain, {"blind": True}),
        ("deaf", plain, {"deaf": True}),
    )
    for name, own, faults in kinds:
        meta = {
            "data": pairs.sha256,
            "config": as_dict(own),
            "parameters": 5,
            "step": 7,
            "images": 70,
            "minutes": 0.5,
        }
        network = Knowing(pairs, constants, schedule, **faults)
        decoders[name] = Decoder(network, own, constants, schedule, meta)
        (root / "models" / f"{name}.safetensors").write_bytes(name.encode())
    monkeypatch.setattr(frame, "load_decoder", decoders.__getitem__)
    monkeypatch.setattr(diagnose, "project_root", lambda: root)
    monkeypatch.setattr(readout, "PROBE", SETTINGS)
    return pairs, decoders, root


def run(networks, names=("known", "blind", "deaf"), **options):
    return study(diagnose.STUDY, networks, **{"weights": names, "curves": 10, **options})


def test_what_each_network_loses_is_lost_where_it_fails(networks):
    lines, (pairs, _, root) = [], networks
    result = run(networks, report=lines.append)
    assert result == json.loads((root / "results" / "networks.json").read_text())
    assert list((root / "runs").iterdir()) == [], "blocks are removed in the end"
    assert (result["curves"], result["data_sha256"], result["reference"]) == (
        10,
        pairs.sha256,
        "known",
    )
    known, blind, deaf = (result["networks"][name] for name in ("known", "blind", "deaf"))
    right = [known[row] for row in ("single", "one_step", "readout", "curve_head")]
    for row in (*right, deaf["single"], deaf["one_step"], blind["readout"]):
        assert row["n"] == 10 and row["within_0"] == 1
    for row in (blind["single"], blind["one_step"], deaf["readout"], known["readout_untrained"]):
        assert row["within_1"] <= 0.1
    for row, stage, text in (
        (known, None, "in sampling; too little to tell where most of it."),
        (blind, "entry", "; most between features and image."),
        (deaf, "condition_path", "in the condition path, -100.0% "),
    ):
        assert (
            row["verdict"]["within_0"] == row["verdict"]["within_1"] == stage
            and text in row["verdict"]["text"]
        )
    assert (
        "no more than those of an untrained" in deaf["verdict"]["text"]
        and f"deaf: {deaf['verdict']['text']}" in lines[-2]
    )
    for row in (known, blind, deaf):
        lost = sum(row["lost"][stage]["within_1"] for stage in losses.STAGES)
        assert lost == pytest.approx(1 - row["single"]["within_1"])
    assert (
        "curve_head" not in blind
        and blind["differs"] == {"training.curve_target": "none"}
        and not known["differs"]
    )
    assert (blind["parameters"], blind["step"], blind["images"], blind["minutes"]) == (
        5,
        7,
        70,
        0.5,
    )
    assert "difference" not in known and deaf["difference"]["single"]["within_1"] == 0
    assert blind["difference"]["single"]["r_high"] <= -0.9
    assert blind["difference"]["single"]["r_high_interval"][1] < -0.3
    assert deaf["difference"]["readout"].keys() == {
        f"within_{k}{end}" for k in (0, 1) for end in ("", "_interval")
    }


def test_the_table_and_the_curves_of_a_page_are_those_of_the_result(networks):
    pairs, decoders, root = networks
    assert diagnose.read_networks() == {}
    result = run(networks)
    assert diagnose.read_networks() == result
    header, _, known, blind, deaf = diagnose.compared(result).splitlines()
    assert header.count("|") == known.count("|") == 8 and known.startswith(
        "| known | 7 | 0.0 M | 100.0% | 100.0% |"
    )
    assert "| 0.0% (-100.0%, -100.0% to " in blind and "| 100.0% (+0.0%, " in deaf
    for key in ("within_1", "r_high"):
        found = diagnose.lines(result, key)["deaf"]
        assert found["given"].shape == found["null"].shape == (3, len(found["noise"]))
        assert (found["given"][0] == result["networks"]["deaf"]["noise"]["given"][key]).all()
        assert (found["given"][1] <= found["given"][0]).all() and (
            found["given"][0] <= found["given"][2]
        ).all()
    drawn = diagnose.panels(result)
    assert list(drawn) == ["both antidots within 1 site", "r ≥ 0.95"]
    assert (drawn["r ≥ 0.95"]["deaf"]["given"] == found["given"]).all()
    share = result["networks"]["blind"]["readout_untrained"]["within_1"]
    assert f"{share:.0%} (blind)" in readout.untrained(result)
    (root / "models" / "blind.json").write_text("{}")
    assert diagnose.read_networks() == result
    (root / "models" / "blind.safetensors").write_bytes(b"other weights")
    with pytest.raises(SettingsError, match="other weights than models/blind.safetensors"):
        diagnose.read_networks()


def test_an_oracle_is_right_at_all_noise_levels(networks):
    row = run(networks, ["known"])["networks"]["known"]["noise"]
    assert (
        len(row["t"]) == len(row["ratio"]) == len(diagnose.LEVELS) + 1
        and row["t"][-1] == CONFIG.diffusion.steps - 1
    )
    assert row["given"]["within_0"] == [1.0] * 10 and min(row["given"]["r_median"]) > 0.999
    assert max(row["null"]["within_1"]) <= 0.1, "without the curve it gives one image"
    shown = diagnose.lines(
        {"networks": {"known": {"noise": row, "readout": {"within_1": 1.0}}}}, "within_1"
    )["known"]
    assert shown["given"].shape == shown["null"].shape == (3, 10) and shown["readout"] == 1
    value, low, high = shown["null"]
    assert ((low <= value) & (value <= high)).all() and shown["noise"] == pytest.approx(
        row["ratio"]
    )


def test_networks_are_compared_under_known_and_fresh_potentials(networks, monkeypatch):
    """The wires of the test part, under other seeds than those of the dataset's potentials."""
    pairs, decoders, _ = networks
    rows = frame.choose_rows(
        dataset.split(N, 2, "config", decoders["known"].config.seed), "test", 10, CONFIG.seed
    )
    p, n = rows.T
    asked = []

    def simulated(device, antidots, seeds, folder):
        asked.append((antidots, seeds))
        return pairs.conductance[p, n], pairs.ldos[p, n].astype(float)

    monkeypatch.setattr(fresh, "numbers", lambda config, part, number: n[:number])
    monkeypatch.setattr(fresh, "simulated", simulated)
    how = {"curves": 10, "fresh": 10}
    result = study(potentials.STUDY, networks, weights=("known", "blind"), **how)
    ((antidots, seeds),) = asked
    assert (antidots == pairs.antidots[n]).all()
    assert (seeds == fresh.FIRST["test"] + np.arange(10)).all()
    known, blind = (result["networks"][name] for name in ("known", "blind"))
    for kind in ("known", "fresh"):
        assert known[kind]["single"]["within_0"] == known[kind]["read-out"]["within_0"] == 1
        assert blind[kind]["single"]["n"] == 10 and "read-out" not in blind[kind]
        assert blind[kind]["single"]["difference"]["within_0"] <= -0.9
        assert "difference" not in known[kind]["single"]
    shown = potentials.show(result).splitlines()
    assert len(shown) == 1 + 4 + 2 and shown[-1].startswith("blind")
    drawn = potentials.panels(result)["a fresh potential each"]
    assert list(drawn) == ["known, one sample", "known, read-out", "blind, one sample"]
    assert drawn["known, read-out"] is known["fresh"]["read-out"]
    with pytest.raises(SettingsError, match="--part train: must be one of dev, test"):
        study(potentials.STUDY, networks, weights=("known",), part="train", **how)


def test_pairs_that_lent_no_label_are_compared_with_the_others(networks):
    pairs, decoders, _ = networks
    known = decoders["known"]
    training = dataclasses.replace(known.config.training, curve_left_out=0.5)
    own = dataclasses.replace(known.config, training=training)
    decoders["halved"] = dataclasses.replace(known, config=own)
    (networks[2] / "models" / "halved.safetensors").write_bytes(b"halved")
    result = study(lent.STUDY, networks, weights=("known", "halved"), curves=10)
    halves = [result["twins"]["halved"][half]["single"] for half in lent.HALVES]
    assert sum(row["n"] for row in halves) == 10 and min(row["n"] for row in halves) > 0
    assert all(row["within_0"] == 1 for row in halves)
    assert result["label"]["single"]["within_0"] == 0 and "read-out" in result["label"]
    low, high = result["label"]["single"]["within_0_interval"]
    assert low < 0 < high
    rows = frame.choose_rows(dataset.split(N, 2, "config", own.seed), "test", 10, CONFIG.seed)
    train = np.unique(dataset.split(N, 2, "config", own.seed)["train"][:, 1])
    out = interpolate.left_out(N, train, 0.5, own.seed)
    assert result["twins"]["known"]["not lent"]["single"]["n"] == np.isin(rows[:, 1], out).sum()
    assert len(lent.show(result).splitlines()) == 1 + 2 * 2 * 2
    for names, found in {
        ("known",): "must be two networks",
        ("known", "blind"): "they differ in training.curve_target",
        ("halved", "known"): "the one without it first",
    }.items():
        with pytest.raises(SettingsError, match=found):
            study(lent.STUDY, networks, weights=names, curves=10)
    with pytest.raises(SettingsError, match="--curves 1: too few, all are of one kind"):
        study(lent.STUDY, networks, weights=("known", "halved"), curves=1)


def test_what_a_label_brings_is_the_change_of_its_own_pairs_beyond_that_of_others():
    """Of 100 pairs each the lent ones lose 5, the others 25."""
    halves = {"lent": np.arange(200) < 100, "not lent": np.arange(200) >= 100}
    second = np.ones(200, bool)
    second[[*range(5), *range(100, 125)]] = False
    hits = [{"single": {"within_0": own}} for own in (np.ones(200, bool), second)]
    found = lent.changes(hits, halves)
    assert found["change"]["lent"]["single"]["within_0"] == pytest.approx(-0.05)
    assert found["change"]["not lent"]["single"]["within_0"] == pytest.approx(-0.25)
    row = found["label"]["single"]
    low, high = row["within_0_interval"]
    assert row["within_0"] == pytest.approx(-0.2) and -0.31 < low < -0.2 < high < -0.1


def test_the_interval_of_a_contrast_takes_the_ends_that_face_each_other():
    value, (low, high) = intervals.contrast((1.0, (0.0, 3.0)), (0.5, (-2.5, 5.5)))
    assert (value, low, high) == pytest.approx((0.5, 0.5 - 26**0.5, 0.5 + 13**0.5))


def test_noise_levels_are_steps_of_the_schedule():
    for kind in ("linear", "cosine"):
        schedule = Schedule(1000, kind)
        steps = diagnose.times(schedule)
        assert len(steps) == 10 and steps[-1] == 999
        np.testing.assert_allclose(schedule.ratio[steps[:-1]], diagnose.LEVELS, rtol=0.1)
    assert diagnose.times(Schedule(4, "cosine"))[-1] == 3, "few steps: some levels are one step"


def test_at_the_last_step_there_is_noise_alone(world):
    pairs, own = world[0], frame.load_decoder("known")
    model = UNet(CONFIG.network, 64).eval()
    torch.nn.init.normal_(model.leave[-1].weight, std=0.1)
    decoder = dataclasses.replace(own, model=model)
    seeds, curves = [3, 5], pairs.conductance[0, :2] / 40 - 1
    images = one_step.predicted(decoder, curves, pairs.ldos[0, :2], seeds, [0, 500, 999])
    others = one_step.predicted(decoder, curves, pairs.ldos[0, 2:4], seeds, [0, 500, 999])
    start = decode.draw(decoder, curves, np.array(seeds)[:, None], 1, "ddim", 1.0)[:, 0]
    np.testing.assert_allclose(images["given"][-1], start, atol=1e-5)
    for kind in ("given", "null"):
        np.testing.assert_array_equal(images[kind][-1], others[kind][-1])
        assert abs(images[kind][1] - others[kind][1]).max() > 0.01
    r = metrics.pearson(images["given"][0], pairs.ldos[0, :2])
    assert (r > 0.99).all(), "nearly no noise: the image is there already"


def test_probe_finds_planted_positions_and_nothing_in_noise():
    rng = np.random.default_rng(0)
    antidots = ANTIDOTS[rng.choice(len(ANTIDOTS), 2200, replace=False)]
    code = rng.normal(size=(2, 4, 24))  # what a channel says of each antidot's place in a grid cell
    planted = np.zeros((2200, 2, 15, 24))
    for k in range(2):
        for axis, places in enumerate((antidots[:, k, 0] + 5, antidots[:, k, 1])):
            np.add.at(planted, (np.arange(2200), axis, places // 4), code[k, places % 4])
    planted = torch.from_numpy(planted + 0.1 * rng.normal(size=planted.shape)).flatten(1, 2).half()
    noise = torch.from_numpy(rng.normal(size=planted.shape)).half()

    def share(features):
        probe = readout.Probe(features[:2000], antidots[:2000], (5, 0), 0, SETTINGS)
        found = probe.read(features[2000:])
        again = readout.Probe(features[:2000], antidots[:2000], (5, 0), 0, SETTINGS).read(
            features[2000:]
        )
        np.testing.assert_array_equal(found, again)
        return (metrics.within(found, antidots[2000:], DEVICE) <= 1).mean()

    assert share(planted) > 0.98
    assert share(noise) < 0.05


def test_labels_and_curves_of_test_configurations_do_not_reach_the_probe(networks):
    pairs, decoders, _ = networks
    parts = dataset.split(N, 2, "config", CONFIG.seed)
    p, n = parts["test"].T
    antidots, curves = pairs.antidots.copy(), np.array(pairs.conductance)
    antidots[n], curves[:, n] = 999, np.nan
    spoilt = dataclasses.replace(pairs, antidots=antidots, conductance=curves)
    path, constants = decoders["known"].model.condition, decoders["known"].normal
    found = [
        readout.read_out(path, constants, part, parts["train"], pairs.conductance[p, n], 0)
        for part in (pairs, spoilt)
    ]
    np.testing.assert_array_equal(*found)


def test_features_are_means_over_rows_and_columns_of_what_the_unet_sees():
    for target in ("none", "positions"):
        model = UNet(CONFIG.network, 64, target).eval()
        constants = normalise.Normalisation(
            (0.0,) * 64, (1.0,) * 64, 0.1, 0.05, DEVICE.width, DEVICE.length
        )
        curves = np.random.default_rng(0).normal(size=(3, 64))
        seen = model.encode(constants.curve(curves)).features
        found = readout.features(model.condition, constants, curves)
        assert found.shape == (3, 30, CONFIG.network.grid_width)
        torch.testing.assert_close(
            found[:, :15].float(), seen.mean(2).transpose(1, 2), atol=0.02, rtol=0.02
        )
        torch.testing.assert_close(
            found[:, 15:].float(), seen.mean(3).transpose(1, 2), atol=0.02, rtol=0.02
        )


def test_what_cannot_be_compared_is_refused(networks):
    decoders = networks[1]
    for names, options, message in (
        (["known"], {"curves": 0}, "--curves 0"),
        (["known", "known"], {}, "names must differ"),
        (["known"], {"reference": "others"}, "compared with others"),
    ):
        with pytest.raises(SettingsError, match=message):
            run(networks, names, **options)
    blind = decoders["blind"]
    other = dataclasses.replace(blind.config, seed=4)
    decoders["blind"] = dataclasses.replace(blind, config=other)
    with pytest.raises(
        SettingsError, match="blind was trained on split 'config' of seed 4, known on 'config'"
    ):
        run(networks)
    decoders["blind"] = dataclasses.replace(blind, meta={**blind.meta, "data": "e" * 64})
    with pytest.raises(SettingsError, match="is not what the weights blind were trained on"):
        run(networks)
    assert not (networks[2] / "results").exists()
