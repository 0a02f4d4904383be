"""The evaluation table with a network that knows the answer, and what happens to an interrupted
run."""

import dataclasses
import json

import numpy as np
import pytest
import torch

from qfp.config import load_preset
from qfp.data import dataset, normalise
from qfp.decoding.decode import Decoder
from qfp.model import exported
from qfp.model.condition import Condition
from qfp.model.diffusion import Schedule
from qfp.physics import geometry, sweep
from qfp.studies import accuracy, frame, tables
from qfp.tools import SettingsError, digest

CONFIG = load_preset("smoke", sampling={"steps": 2, "samples": 2})
DEVICE = CONFIG.device


class Oracle(torch.nn.Module):
    """Gives the exact v of the image that a curve's first number names, and its positions."""

    def __init__(self, pairs, constants, schedule):
        super().__init__()
        self.images = constants.image(pairs.ldos.reshape(-1, 60, 50))
        self.antidots, self.schedule = np.tile(pairs.antidots, (2, 1, 1)), schedule

    def encode(self, curve):
        return Condition(curve.round().long()[:, :1, None], ())

    def forward(self, x, t, condition):
        a, s = self.schedule.coefficients(t, x)
        return (a * x - self.images[condition.features[:, 0, 0]]) / s

    def curve(self, curve):
        maps = torch.zeros(len(curve), 2, 60, 60)
        for i, n in enumerate(curve[:, 0].round().long()):
            for k, (x, y) in enumerate(self.antidots[n]):
                maps[i, k, y, x + 5] = 1
        return maps


@pytest.fixture
def world(monkeypatch, tmp_path):
    """40 configurations under two potentials, whose curves are their own numbers; weights that know
    them all."""
    chosen = np.random.default_rng(0).choice(16170, 40, replace=False)
    orbits, antidots = (values[chosen] for values in geometry.configurations(DEVICE))
    ldos = np.stack([sweep.images_of(DEVICE, antidots, p) for p in (0, 1)]).astype(np.float16)
    curves = np.broadcast_to(np.arange(80.0).reshape(2, 40, 1), (2, 40, 64))
    pairs = dataset.Pairs(
        antidots, orbits, np.zeros((2, 60, 50)), DEVICE.fields, curves, ldos, DEVICE, "d" * 64
    )
    constants = normalise.Normalisation(
        (0.0,) * 64, (1.0,) * 64, 0.1, 0.05, DEVICE.width, DEVICE.length
    )
    schedule = Schedule(1000, "cosine", "v")
    meta = {"data": pairs.sha256, "config": {"some": "settings"}}
    decoder = Decoder(Oracle(pairs, constants, schedule), CONFIG, constants, schedule, meta)
    monkeypatch.setattr(frame, "load_decoder", lambda name: decoder)
    monkeypatch.setattr(dataset, "load", lambda path, images=True: pairs)
    for module in (frame, exported):
        monkeypatch.setattr(module, "project_root", lambda: tmp_path)
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "known.safetensors").write_bytes(b"weights")
    return pairs, meta, tmp_path


def study(chosen, world, config=CONFIG, **options):
    """Result of a study on weights that know the answer, in silence."""
    options = {"weights": "known", "data": "data.h5", "report": lambda line: None, **options}
    out = world[2] / "results" / f"{chosen.result}.json"
    return frame.run_study(chosen, config, out, **options)


def run(world, **options):
    return study(accuracy.STUDY, world, **{"curves": 500, **options})


def test_the_table(world, monkeypatch):
    lines = []
    result = run(world, report=lines.append)
    assert result == json.loads((world[2] / "results" / "evaluate.json").read_text())
    assert list((world[2] / "runs").iterdir()) == [], "blocks are removed in the end"
    assert (
        result["curves"] == result["single"]["n"] == 10
        and result["train_curves"] == result["train"]["n"] == 28
    )
    assert (
        result["config_sha256"] == digest({"some": "settings"})
        and result["data_sha256"] == world[0].sha256
    )
    for name in ("single", "consensus", "one_step", "train"):
        assert (
            result[name]["within_0"] == 1
            and result[name]["r_median"] > 0.999
            and result[name]["r_outside_high"] == 1
        )
    assert result["single"]["within_0_interval"][0] == pytest.approx(0.7225, abs=1e-3)
    assert result["curve_head"]["within_0"] == 1 and "r_median" not in result["curve_head"]
    assert result["shuffled"]["within_0"] == result["nearest"]["within_0"] == 0
    assert result["shuffled"]["r_median"] < 0.7 < result["train"]["r_median"]
    assert "consensus" in lines[-2] and "100.0% (72.2% to 100.0%)" in lines[-2]
    assert tables.markdown(tables.scores_table(accuracy.rows_of(result))).count("\n") == 10
    assert frame.read_result("known", accuracy.STUDY) == result
    assert frame.read_result("others", accuracy.STUDY) == {}
    (world[2] / "models" / "known.safetensors").write_bytes(b"trained again")
    with pytest.raises(SettingsError, match="other weights"):
        frame.read_result("known", accuracy.STUDY)


def test_parts_are_measured_again_and_others_stand(world, monkeypatch):
    whole = run(world)
    monkeypatch.setattr(accuracy, "consensus", lambda *_: pytest.fail("it stands"))
    path = world[2] / "results" / "evaluate.json"
    path.write_text(json.dumps(whole | {"single": {}, "consensus": whole["one_step"]}))
    again = run(world, parts=["single", "train"])
    assert again == whole | {"consensus": whole["one_step"]}
    with pytest.raises(SettingsError, match="has another curves than this run: measure all parts"):
        run(world, parts=["single"], curves=5)
    path.write_text(json.dumps({name: whole[name] for name in whole if name != "consensus"}))
    with pytest.raises(SettingsError, match="has no part 'consensus' that could stand"):
        run(world, parts=["single"])
    path.write_text(json.dumps(whole))
    with pytest.raises(SettingsError, match="--parts sngle: the parts are consensus, "):
        run(world, parts=["sngle"])
    assert json.loads(path.read_text()) == whole


def test_parts_of_a_study_without_weights_are_kept_by_wire_and_seed(world):
    """A killed run is not gone on with by one of another wire."""

    def measure(own):
        own.start("some wires", wires=3)
        return {"folder": own.folder.name, "size": own.keep("size", lambda: np.zeros(1)).tolist()}

    def killed(own):
        measure(own)
        raise KeyboardInterrupt

    alone = frame.Study("alone", killed, str, "alone", needs=())
    found, other = [], dataclasses.replace(CONFIG.device, energy=0.6)
    for config in (
        CONFIG,
        dataclasses.replace(CONFIG, device=other),
        dataclasses.replace(CONFIG, seed=7),
    ):
        with pytest.raises(KeyboardInterrupt):
            study(alone, world, config)
        found.append(study(dataclasses.replace(alone, measure=measure), world, config))
    assert (
        len({row["folder"] for row in found}) == len({row["config_sha256"] for row in found}) == 3
    )


def test_weights_in_shards_have_one_hash(world):
    folder = world[2] / "models"
    hashes = []
    for second in ("b", "c"):
        (folder / "big.json").write_text(
            json.dumps({"shards": {"big-1.safetensors": "a", "big-2.safetensors": second}})
        )
        hashes.append(exported.weights_hash("big"))
    assert hashes[0] != hashes[1] and {len(text) for text in hashes} == {64}


def test_the_worst_and_what_they_have_in_common(world, monkeypatch):
    result, (pairs, _, _) = run(world), world
    worst = result["worst"]
    assert len(worst) == 10 and all(entry["error"] == 0 for entry in worst)
    assert [entry["r"] for entry in worst] == sorted(entry["r"] for entry in worst)
    for entry in worst:
        assert (
            entry["antidots"] == pairs.antidots[entry["configuration"]].tolist() == entry["found"]
        )
        assert (
            entry["curve"] == pairs.conductance[entry["potential"], entry["configuration"]].tolist()
        )
    assert sum(row["n"] for name, row in result["groups"].items() if name != "other") == sum(
        len(set(entry["groups"]) - {"other"}) for entry in worst
    )


def test_groups_of_hard_pairs():
    orbits = [[20, 20, 30], [20, 29, 30], [10, 30, 1], [15, 24, 8], [7, 20, 30], [15, 30, 30]]
    # 4 of 6 neighbours of the last one
    around = [[14, 30, 30], [16, 30, 30], [15, 29, 30], [15, 31, 30]]
    found = accuracy.groups(orbits, around, DEVICE)
    assert set(found) == set(accuracy.GROUPS)
    assert found["symmetric"].tolist() == [True, True, True, False, False, False]
    assert found["close"].tolist() == [False, False, False, True, False, False]
    assert found["edge"].tolist() == [False, False, False, False, True, False]
    assert found["isolated"].tolist() == [True] * 5 + [False]
    assert found["other"].tolist() == [False] * 5 + [True]
    # of neighbours of the first: same orbits, other names
    copies = [[29, 29, 29], [30, 29, 30], [29, 28, 30]]
    inside = geometry.orbit(geometry.placement(np.array(copies), DEVICE), DEVICE)
    assert not accuracy.groups(orbits[:1], inside, DEVICE)["isolated"][0]


def test_test_rows_are_of_unseen_configurations_one_potential_each(world):
    for kind in ("config", "pair"):
        parts = dataset.split(40, 5, kind, seed=3)
        rows = frame.choose_rows(parts, "test", 500, seed=0)
        assert len(np.unique(rows[:, 1])) == len(rows) and len(np.unique(rows[:, 0])) > 1
        assert {tuple(row) for row in rows} <= {tuple(row) for row in parts["test"]}
    assert frame.choose_rows(parts, "test", 5, seed=0).tolist() == rows[:5].tolist(), (
        "fewer curves are the first ones"
    )


def test_an_interrupted_run_resumes(world, monkeypatch):
    monkeypatch.setattr(frame, "BLOCK", 3)
    whole, drawn, draw = run(world), [], accuracy.decode.draw

    def interrupted(*arguments, **options):
        if len(drawn) == 4:
            raise KeyboardInterrupt
        drawn.append(1)
        return draw(*arguments, **options)

    monkeypatch.setattr(accuracy.decode, "draw", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(world)
    again = []
    monkeypatch.setattr(accuracy.decode, "draw", lambda *a, **o: again.append(1) or draw(*a, **o))
    assert run(world) == whole
    assert len(again) == 4 + 4 + 10 + 4 - 4, "blocks of the first attempt are not drawn twice"


def test_weights_of_other_data_are_refused(world):
    world[1]["data"] = "e" * 64
    with pytest.raises(SettingsError, match="is not what the weights known were trained on"):
        run(world)
    assert not (world[2] / "results").exists()
