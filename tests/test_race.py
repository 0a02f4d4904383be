"""The race with diffusers' network: as many parameters, the same work, turns, and a result that follows from its seconds."""

import json
import sys

import numpy as np
import pytest
import torch

from qfp import peer, race, race_sample
from qfp.checkpoint import network_of
from qfp.cli import main
from qfp.config import SettingsError, load_preset
from qfp.diffusion import Schedule
from qfp.train import Batches, closure_of

SMOKE = load_preset("smoke", training={"batch": 2, "curve_batch": 4})


@pytest.mark.parametrize("kind", peer.KINDS)
def test_the_peer_has_as_many_parameters(kind):
    """Ours includes the path of the curve, of which the peer has the larger part too."""
    config = load_preset("laptop")
    ours = peer.parameters(network_of(config))
    widths = peer.widths(config, kind, ours)
    other = peer.Peer(config, kind, widths)
    assert abs(peer.parameters(other) / ours - 1) < 0.03
    unet, levels = other.unet.config, {"peer": 3}.get(kind, 2)
    assert len(widths) == levels and unet.sample_size == 60 // 2 ** (3 - levels) and unet.layers_per_block == 2
    crossed = [block.startswith("CrossAttn") for block in unet.down_block_types]
    assert crossed[-2:] == [kind != "peer unshuffled, sparing", True] and not any(crossed[:-2])
    assert list(unet.up_block_types) == [block.replace("Down", "Up") for block in unet.down_block_types[::-1]]


@pytest.mark.parametrize("kind", peer.KINDS)
def test_the_peer_reads_the_curve_and_trains(kind):
    model, fused = (peer.Peer(SMOKE, kind, (8, 16, 24)[-2 - (kind == "peer") :], plain) for plain in (True, False))
    fused.load_state_dict(model.state_dict())
    x, t = torch.randn(2, 1, 60, 60), torch.tensor([3, 900])
    condition = model.encode(torch.randn(2, 64))
    out = model(x, t, condition)
    assert out.shape == x.shape
    torch.testing.assert_close(fused(x, t, condition), out, rtol=1e-3, atol=1e-4)
    assert not torch.allclose(model(x, t, condition.index([1, 0])), out)
    dropped = model.drop(condition.features, torch.tensor([True, False]))
    assert torch.equal(dropped[0], condition.features[0]) and torch.equal(dropped[1], model.condition.null)
    pairs = race.toy(SMOKE)
    training = race.dataclasses.replace(SMOKE.training, curve_target="none", curve_batch=0)
    rows = np.array([[0, 1], [1, 2]])
    batch = Batches(race.dataclasses.replace(SMOKE, training=training), pairs, rows, race.dataset.normalisation(pairs, rows), "cpu")(0)
    closure_of(model, Schedule(1000, "cosine", "v"), batch, training, [])()
    assert {name for name, p in model.named_parameters() if p.grad is None} <= {"condition.null"}


def test_turns_rotate_and_the_first_is_not_counted():
    calls = []
    seconds = race.take_turns({name: lambda name=name: calls.append(name) for name in "abc"}, 3, "cpu")
    assert "".join(calls) == "cab" "abc" "bca" "cab" and all(values.shape == (3,) for values in seconds.values())


def test_ratio_is_taken_within_rounds():
    """Rounds in which everything was slow do not change it."""
    fast = np.array([1.0, 5.0, 1.0, 9.0])
    row = race.ratio(2 * fast, fast, 0)
    assert row == {"ratio": 2.0, "ratio_interval": [2.0, 2.0]}


@pytest.fixture
def one_peer(monkeypatch):
    monkeypatch.setattr(race, "PEERS", {"peer unshuffled, sparing": "one of them"})


def test_training_race(one_peer, monkeypatch, tmp_path):
    monkeypatch.setattr(race, "alone", race._alone)
    lines = []
    result = race.run_train(SMOKE, tmp_path / "train.json", rounds=3, report=lines.append)
    assert result == json.loads((tmp_path / "train.json").read_text()) | {"contestants": result["contestants"]}
    assert result["batch"] == 2 and result["threads"] == torch.get_num_threads() and result["clock"] in result["notes"]["clock"]
    rows, name = result["contestants"], "peer unshuffled, sparing"
    assert list(rows) == ["ours", "ours, diffusion alone", name] and rows[name][race.PRECISIONS[0]]["attention"] in ("plain", "fused")
    for precision in race.PRECISIONS:
        for row in rows.values():
            part = row[precision]
            assert len(part["seconds"]) == 3 and min(part["seconds"]) > 0 and part["peak_gib"] > 0
            assert ("shares" in part) == ("attention" not in part)
            if "shares" in part:
                assert sum(part["shares"].values()) == pytest.approx(1) and part["shares"]["matrix products"] > 0.05
                assert part["shares"]["convolutions"] > 0.1 and min(part["shares"].values()) > 0
            assert part["images_per_s"] == pytest.approx(np.median(2 / np.array(part["seconds"])))
        for own, found in result["ratios"][name].items():
            expected = np.divide(rows[name][precision]["seconds"], rows[own][precision]["seconds"])
            assert found[precision]["ratio"] == pytest.approx(np.median(expected))
            low, high = found[precision]["ratio_interval"]
            assert expected.min() <= low <= found[precision]["ratio"] <= high <= expected.max()
    assert race.below(result, 0) == [] and len(race.below(result, 1e9)) == 4
    assert any(f"{result['ratios'][name]['ours']['bf16']['ratio']:.2f}" in line for line in lines)


def test_memory_is_that_of_a_process_of_its_own():
    imports = race.alone(None, None, None, None, False, "cpu")[1]
    seconds, peak = race.alone("ours", SMOKE, None, "fp32", False, "cpu")
    assert seconds > 0 and 0.05 < imports < peak < imports + 1


def test_sampling_race(one_peer, monkeypatch, tmp_path):
    judged = {"weights": "laptop", "weights_sha256": "0" * 64, "config_sha256": "1" * 64,
              "precisions": {"curves": 3, "same_antidots": 3}}
    monkeypatch.setattr(race_sample, "agreement", lambda config, curves: judged)
    monkeypatch.setattr(race_sample, "STRETCH", {2: 2, 1: 3})
    taken, sample = [], race_sample.sample

    def short(model, schedule, seeds, shape, sampler, steps, device):
        taken.append((sampler, steps))
        return sample(model, schedule, seeds, shape, sampler, min(steps, 5), device=device)

    monkeypatch.setattr(race_sample, "sample", short)
    lines = []
    result = race_sample.run_sample(SMOKE, tmp_path / "sample.json", curves=3, rounds=3, report=lines.append)
    assert {key: result[key] for key in judged} == judged and (tmp_path / "sample.json").is_file()
    assert list(result["accuracy"]) == result["samplers"] == ["ancestral 1000", "ddim 10"]
    rows, name = result["contestants"], "peer unshuffled, sparing"
    for precision in race.PRECISIONS:
        for batch in ("1", "2"):
            ours, other = rows["ours"][precision][batch], rows[name][precision][batch]
            for title in result["samplers"]:
                expected = np.divide(other[title]["seconds"], ours[title]["seconds"])
                assert result["ratios"][name][title][batch][precision]["ratio"] == pytest.approx(np.median(expected))
    assert taken[-2:] == [("ancestral", 1000)] * 2 and min(row["curve_s"] for row in result["whole"].values()) > 0
    assert "2 at a time" in lines[-2] and lines[-2].count("\n| peer unshuffled, sparing |") == 2


def test_precisions_are_compared_on_the_same_curves(monkeypatch):
    toy, part = race.toy(SMOKE), {"antidots": slice(2), "orbit": slice(2)} | dict.fromkeys(["conductance", "ldos"], np.s_[:, :2])
    pairs = race.dataclasses.replace(toy, **{name: getattr(toy, name)[index] for name, index in part.items()})
    monkeypatch.setattr(race_sample, "simulate", lambda config, rows: pairs)
    result = race_sample.agreement(load_preset("laptop"), 2)
    found = result["precisions"]
    assert found["curves"] == 2 and result["weights"] == "laptop" and 0 < found["rms_difference"] <= found["largest_difference"]
    assert found["difference"]["within_1"] == found["bf16"]["within_1"] - found["fp32"]["within_1"]


def test_without_diffusers_one_line_says_what_to_install(capsys, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "diffusers", None)
    monkeypatch.setitem(sys.modules, "diffusers.models.attention_processor", None)
    for what in ("train", "sample"):
        assert main(["bench", what, "--preset", "smoke", "--out", str(tmp_path / "new" / "x.json")]) == 2
        out, err = capsys.readouterr()
        assert "pip install diffusers" in err and err.count("\n") == 1 and not out
    assert not list(tmp_path.iterdir())


def test_results_that_could_not_be_written_or_judged_are_refused_first(tmp_path):
    with pytest.raises(SettingsError, match="--curves 0"):
        race_sample.run_sample(SMOKE, tmp_path / "x.json", curves=0)
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="not a folder"):
        race.run_train(SMOKE, tmp_path / "file" / "x.json")
