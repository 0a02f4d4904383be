"""The race with diffusers' network: as many parameters, the same work, turns, and a result that
follows from its seconds."""

import dataclasses
import itertools
import json
import sys

import numpy as np
import pytest
import torch
from test_train import toy_pairs
from torch.optim.swa_utils import AveragedModel

from qfp.cli import main
from qfp.config import load_preset
from qfp.data import normalise
from qfp.model.diffusion import Schedule
from qfp.model.exported import network_of
from qfp.studies import timing
from qfp.studies.frame import run_study
from qfp.studies.speed import contestants, peer, precisions, race, race_sample, told
from qfp.tools import SettingsError
from qfp.training.batches import Batches
from qfp.training.loss import closure_of

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
    assert (
        len(widths) == levels
        and unet.sample_size == 60 // 2 ** (3 - levels)
        and unet.layers_per_block == 2
    )
    crossed = [block.startswith("CrossAttn") for block in unet.down_block_types]
    assert crossed[-2:] == [kind != "peer unshuffled, sparing", True] and not any(crossed[:-2])
    assert list(unet.up_block_types) == [
        block.replace("Down", "Up") for block in unet.down_block_types[::-1]
    ]


@pytest.mark.parametrize("kind", peer.KINDS)
def test_the_peer_reads_the_curve_and_trains(kind):
    model, fused = (
        peer.Peer(SMOKE, kind, (8, 16, 24)[-2 - (kind == "peer") :], plain)
        for plain in (True, False)
    )
    fused.load_state_dict(model.state_dict())
    x, t = torch.randn(2, 1, 60, 60), torch.tensor([3, 900])
    condition = model.encode(torch.randn(2, 64))
    out = model(x, t, condition)
    assert out.shape == x.shape
    torch.testing.assert_close(fused(x, t, condition), out, rtol=1e-3, atol=1e-4)
    assert not torch.allclose(model(x, t, condition.index([1, 0])), out)
    dropped = model.drop(condition.features, torch.tensor([True, False]))
    assert torch.equal(dropped[0], condition.features[0]) and torch.equal(
        dropped[1], model.condition.null
    )
    pairs = timing.toy(SMOKE)
    training = dataclasses.replace(SMOKE.training, curve_target="none", curve_batch=0)
    rows = np.array([[0, 1], [1, 2]])
    batch = Batches(
        dataclasses.replace(SMOKE, training=training),
        pairs,
        rows,
        normalise.normalisation(pairs, rows),
        "cpu",
    )(0)
    closure_of(model, Schedule(1000, "cosine", "v"), batch, training, [])()
    assert {name for name, p in model.named_parameters() if p.grad is None} <= {"condition.null"}


def test_turns_rotate_and_the_first_is_not_counted():
    calls = []
    seconds = timing.take_turns(
        {name: lambda name=name: calls.append(name) for name in "abc"}, 3, "cpu"
    )
    assert "".join(calls) == "cababcbcacab" and all(
        values.shape == (3,) for values in seconds.values()
    )


def test_ratio_is_taken_within_rounds():
    """Rounds in which everything was slow do not change it, whatever else happened in them."""
    fast = np.array([1.0, 5.0, 1.0, 9.0, 7.0])
    assert timing.ratio(2 * fast, fast, 0) == {"ratio": 2.0, "ratio_interval": [2.0, 2.0]}
    row = timing.ratio(fast * [2, 6, 2, 2, 3], fast, 0)
    assert row["ratio"] == 2 == row["ratio_interval"][0] and row["ratio_interval"][1] > 2


NAME = "peer unshuffled, sparing"


@pytest.fixture
def one_peer(monkeypatch):
    for module in (contestants, race):
        monkeypatch.setattr(module, "PEERS", {NAME: "one of them"})


@pytest.fixture(params=[("fp32",), ("fp32", "bf16")], ids="+".join)
def machine(request, monkeypatch, one_peer):
    """A processor without fast bf16, and one with it: the precisions that are raced there."""
    monkeypatch.setattr(race, "fast_bf16", lambda device: len(request.param) > 1)
    monkeypatch.setattr(race, "processor", lambda: "cpu")
    return request.param


def known_seconds(calls, rounds):
    """What `take_turns` says, made up: rounds in which all takes 1, 3, 2, 1, 3, ... times as long;
    the k-th call 2 ** k s."""
    slow = np.resize([1.0, 3.0, 2.0], rounds)
    return {name: 2.0**k * slow for k, name in enumerate(calls)}


@pytest.mark.parametrize("name", [*race.OURS, NAME])
def test_what_a_contestant_does_in_a_step(name, monkeypatch):
    """Batches of its own, one after the other; the further curves of ours alone; an average of our
    weights and of no peer's."""
    seen, averaged, update = [], [], AveragedModel.update_parameters

    def watched(model, schedule, batch, training, passes):
        seen.append((batch, [value.detach().clone() for value in model.parameters()]))
        return closure_of(model, schedule, batch, training, passes)

    monkeypatch.setattr(timing, "closure_of", watched)
    monkeypatch.setattr(
        AveragedModel,
        "update_parameters",
        lambda ema, model: averaged.append(len(seen)) or update(ema, model),
    )
    config = load_preset("smoke", training={"batch": 2, "curve_batch": 4, "curve_mixing": 0.5})
    step = contestants.trainee(
        name, config, None if name in race.OURS else (8, 16), "fp32", False, "cpu"
    )
    for _ in range(3):
        step()
    assert [
        (len(batch["x0"]), len(batch["curves"]), len(batch.get("centres", ()))) for batch, _ in seen
    ] == [(2, 6, 6) if name == "ours" else (2, 2, 0)] * 3
    for key in ("x0", "noise", "curves"):
        assert not any(
            torch.equal(seen[i][0][key], seen[j][0][key]) for i, j in ((0, 1), (0, 2), (1, 2))
        ), key
    assert all(
        any(not torch.equal(*pair) for pair in zip(seen[i][1], seen[i + 1][1])) for i in (0, 1)
    ), "it learns"
    assert averaged == ([1, 2, 3] if name in race.OURS else [])


def test_the_training_race_follows_from_its_seconds(machine, monkeypatch, tmp_path):
    """Peers with the faster implementation of attention and the memory of the leaner one, each
    beside imports of its own kind."""

    def alone(name, config, widths, precision, plain, device):  # seconds, GiB
        return (
            (0.0, 1.0 if widths is None else 2.0)
            if name is None
            else (3.0 - plain, 5.0 + plain + (widths is not None))
        )

    made = []
    monkeypatch.setattr(contestants, "alone", alone)
    monkeypatch.setattr(
        contestants,
        "trainee",
        lambda *arguments: made.append((arguments[0], *arguments[3:])) or (lambda: None),
    )
    monkeypatch.setattr(contestants, "shares", lambda step: {"all else": 1.0})
    monkeypatch.setattr(
        timing, "take_turns", lambda steps, rounds, device: known_seconds(steps, rounds)
    )
    lines = []
    result = run_study(race.STUDY, SMOKE, tmp_path / "train.json", rounds=4, report=lines.append)
    assert json.loads(json.dumps(result)) == json.loads((tmp_path / "train.json").read_text())
    assert (
        result["raced"] == list(machine)
        and result["batch"] == 2
        and result["threads"] == torch.get_num_threads()
    )
    assert made == [
        (name, precision, name == NAME, "cpu")
        for name in (*race.OURS, NAME)
        for precision in machine
    ]
    rows, count = result["contestants"], len(machine)
    for i, (name, row) in enumerate(rows.items()):
        assert [key for key in row if key in race.PRECISIONS] == list(machine)
        for k, precision in enumerate(machine):
            found, single = row[precision], 2.0 ** (count * i + k)
            assert found["seconds"] == [single, 3 * single, 2 * single, single]
            assert found["images_per_s"] == pytest.approx(
                np.median([2 / single, 2 / 3 / single, 1 / single, 2 / single])
            )
            assert (found["peak_gib"], found["net_gib"]) == ((6, 4) if name == NAME else (5, 4))
            assert found.get("attention") == ("plain" if name == NAME else None) and (
                "shares" in found
            ) == (name != NAME)
    factors = {"ours": 4.0**count, "ours, diffusion alone": 2.0**count}  # of the peer's seconds
    assert result["ratios"] == {
        NAME: {
            own: {
                precision: {"ratio": factor, "ratio_interval": [factor, factor]}
                for precision in machine
            }
            for own, factor in factors.items()
        }
    }
    assert (
        race.below(result, min(factors.values())) == []
        and len(race.below(result, 1e9)) == 2 * count
    )
    bars = [line.count("|") for line in lines[-2].splitlines() if line]
    assert (
        bars == [3 + 2 * count] * 5 + [2 + 2 * count] * 3 and f"{factors['ours']:.2f}" in lines[-2]
    )


def test_training_race(machine, monkeypatch, tmp_path):
    """In earnest, at a size at which bf16 is bearable where the processor has to emulate it: so
    both kinds of machine are tested on either."""
    monkeypatch.setattr(contestants, "alone", contestants._alone)
    result = run_study(race.STUDY, SMOKE, tmp_path / "train.json", rounds=2, report=str)
    assert result["raced"] == list(machine)
    assert result["clock"] in result["notes"]["clock"] and list(result["contestants"]) == [
        *race.OURS,
        NAME,
    ]
    for (name, row), precision in itertools.product(result["contestants"].items(), machine):
        part = row[precision]
        assert len(part["seconds"]) == 2 and min(part["seconds"]) > 0 and part["peak_gib"] > 0
        if name == NAME:
            assert part["attention"] in ("plain", "fused")
        else:
            assert sum(part["shares"].values()) == pytest.approx(1) and set(part["shares"]) == {
                *contestants.KINDS,
                "all else",
            }
            # every kind of operation is found; how much it takes, the machine says
            assert min(part["shares"].values()) > 0


def test_memory_is_that_of_a_process_of_its_own():
    imports = contestants.alone(None, None, None, None, False, "cpu")[1]
    seconds, peak = contestants.alone("ours", SMOKE, None, "fp32", False, "cpu")
    assert seconds > 0 and 0.05 < imports < peak < imports + 1


@pytest.fixture
def judged(monkeypatch):
    """What is not raced: the comparison of precisions, made up."""
    found, asked = (
        {
            "weights": "laptop",
            "weights_sha256": "0" * 64,
            "config_sha256": "1" * 64,
            "precisions": {"curves": 3, "same_antidots": 3},
        },
        [],
    )
    monkeypatch.setattr(
        race_sample,
        "agreement",
        lambda config, curves, precisions: asked.append(precisions) or found,
    )
    monkeypatch.setattr(race_sample, "STRETCH", {4: 2, 1: 8})
    return found, asked


def test_the_sampling_race_follows_from_its_seconds(machine, judged, monkeypatch, tmp_path):
    """An image costs encoding once and all steps of the sampler, of which a stretch is timed with
    the encoding."""

    def turns(calls, rounds, device):
        slow, found = np.resize([1.0, 3.0, 2.0], rounds), {}
        # a step of the peer takes 3 times as long as ours, its encoding is the same
        for name, precision, batch, what in calls:
            step = (3 if name == NAME else 1) * (1 + (precision == "bf16")) * batch * 0.01
            stretch = 0 if what == "encode" else {4: 2, 1: 8}[batch] * step * (1 + (what == "ddim"))
            found[name, precision, batch, what] = (batch * 0.5 + stretch) * slow
            calls[name, precision, batch, what]()
        return found

    drawn = []
    monkeypatch.setattr(timing, "take_turns", turns)
    # the first one is the faster
    monkeypatch.setattr(timing, "settled", lambda call, device: (call(), len(drawn))[1])
    monkeypatch.setattr(timing, "timed", lambda call, device: (call(), 7.0)[1])
    monkeypatch.setattr(
        race_sample,
        "evaluated",
        lambda model, schedule, y, seeds, sampler, steps, precision: drawn.append(
            (isinstance(model, peer.Peer), len(y), len(seeds), sampler, steps, precision)
        ),
    )
    monkeypatch.setattr(
        race_sample,
        "encoded",
        lambda model, y, precision: drawn.append(
            (isinstance(model, peer.Peer), len(y), "encode", precision)
        ),
    )
    lines = []
    result = run_study(
        race_sample.STUDY, SMOKE, tmp_path / "sample.json", curves=3, rounds=4, report=lines.append
    )
    assert {key: result[key] for key in judged[0]} == judged[0] and judged[1] == [machine]
    assert list(result["accuracy"]) == result["samplers"] == ["ancestral 1000", "ddim 10"]
    tried = [
        (True, batch, batch, "ddim", steps, p)
        for batch, steps in ((4, 2), (1, 8))
        for p in machine
        for _ in "ab"
    ]
    raced = [
        call
        for peers in (False, True)
        for batch, steps in ((4, 2), (1, 8))
        for p in machine
        for call in (
            (peers, batch, batch, "ancestral", steps, p),
            (peers, batch, batch, "ddim", steps, p),
            (peers, batch, "encode", p),
        )
    ]
    assert drawn == tried + raced + [(False, 1, 1, "ancestral", 1000, p) for p in machine]
    rows, ratios, cost = result["contestants"], result["ratios"], {}
    for name, factor in (("ours", 1), (NAME, 3)):
        for k, precision in enumerate(machine):
            for batch in ("4", "1"):
                row = rows[name][precision][batch]
                assert row.get("attention") == ("fused" if name == NAME else None)
                for title, steps in (("ancestral 1000", 1000), ("ddim 10", 2 * 10)):
                    cost[name, precision, batch, title] = once = (
                        0.5 + steps * factor * (1 + k) * 0.01
                    )
                    assert row[title]["seconds"] == pytest.approx([once, 3 * once, 2 * once, once])
                    assert row[title]["curve_s"] == pytest.approx(1.5 * once)
    for (name, precision, batch, title), once in cost.items():
        if name == NAME:
            found, ours = (
                ratios[NAME][title][batch][precision]["ratio"],
                cost["ours", precision, batch, title],
            )
            assert found == pytest.approx(once / ours)
        elif title == "ancestral 1000":
            found = ratios["ours"]["ancestral 1000 to ddim 10"][batch][precision]["ratio"]
            assert found == pytest.approx(once / cost["ours", precision, batch, "ddim 10"])
    assert result["whole"] == {
        p: {"curve_s": 7.0, "stretch_s": rows["ours"][p]["1"]["ancestral 1000"]["curve_s"]}
        for p in machine
    }
    assert "1 at a time" in lines[-2] and lines[-2].count(f"\n| {NAME} |") == 2
    assert {line.count("|") for line in lines[-2].splitlines() if "|" in line} == {
        2 + 2 * len(machine)
    }
    assert any("bf16 finds the antidots of fp32 on 3 of 3 curves" in line for line in lines) == (
        len(machine) > 1
    )


def test_sampling_race(machine, judged, monkeypatch, tmp_path):
    """In earnest, on both kinds of machine."""
    taken, sample = [], precisions.sample

    def short(model, schedule, seeds, shape, sampler, steps, device):
        taken.append((sampler, steps))
        return sample(model, schedule, seeds, shape, sampler, min(steps, 2), device=device)

    monkeypatch.setattr(precisions, "sample", short)
    result = run_study(
        race_sample.STUDY, SMOKE, tmp_path / "sample.json", curves=3, rounds=1, report=str
    )
    assert json.loads(json.dumps(result)) == json.loads((tmp_path / "sample.json").read_text())
    whole = len(machine)  # generations of all steps, the last of what is timed
    assert taken[-whole:] == whole * [("ancestral", 1000)]
    assert set(taken[:-whole]) == {(name, n) for name in ("ancestral", "ddim") for n in (2, 8)}
    assert (
        list(result["whole"]) == result["raced"] == list(machine)
        and min(row["curve_s"] for row in result["whole"].values()) > 0
    )


def test_precisions_are_compared_on_the_same_curves(monkeypatch):
    """The images are made up, in blocks: in fp32 the true ones; in bf16 brighter by a bit, and the
    first curve gets another's."""
    pairs, asked = toy_pairs(34, 1), {"fp32": [], "bf16": []}
    constants = precisions.load_decoder("laptop").normal
    brighter = pairs.ldos[0].astype(np.float32) + 0.1 * constants.spread()
    images = {
        "fp32": pairs.ldos[0].astype(np.float32),
        "bf16": np.concatenate([brighter[1:2], brighter[1:]]),
    }

    def evaluated(model, schedule, y, seeds, sampler, steps, precision):
        start = sum(len(part) for part, _ in asked[precision])
        asked[precision].append((y, seeds))
        return constants.image(images[precision][start : start + len(y)])

    monkeypatch.setattr(precisions, "simulate", lambda config, rows: pairs)
    monkeypatch.setattr(precisions, "evaluated", evaluated)
    result = precisions.agreement(load_preset("laptop"), 34)
    found = result["precisions"]
    for fp32, bf16 in zip(asked["fp32"], asked["bf16"], strict=True):
        assert torch.equal(fp32[0], bf16[0]) and fp32[1] == bf16[1], "the same curves and noise"
    assert torch.equal(
        torch.cat([y for y, _ in asked["fp32"]]), constants.curve(pairs.conductance[0])
    )
    assert found["curves"] == 34 and found["same_antidots"] == 33 and result["weights"] == "laptop"
    assert (found["fp32"]["within_1"], found["bf16"]["within_1"]) == (1, 33 / 34)
    assert found["difference"]["within_1"] == pytest.approx(-1 / 34)
    gap = abs(images["bf16"] - images["fp32"]) / constants.spread()
    assert found["largest_difference"] == pytest.approx(gap.max(), rel=1e-3) and gap.max() > 1
    assert found["rms_difference"] == pytest.approx(np.sqrt((gap**2).mean()), rel=1e-3)
    asked["fp32"].clear()
    assert precisions.agreement(load_preset("laptop"), 34, ("fp32",))["precisions"] == {
        "curves": 34,
        "fp32": found["fp32"],
    }


def test_without_diffusers_one_line_says_what_to_install(capsys, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "diffusers", None)
    monkeypatch.setitem(sys.modules, "diffusers.models.attention_processor", None)
    for what in ("training-speed", "sampling-speed"):
        out = str(tmp_path / "new" / "x.json")
        assert main(["study", what, "--preset", "smoke", "--out", out]) == 2
        out, err = capsys.readouterr()
        assert "pip install diffusers" in err and err.count("\n") == 1 and not out
    assert not list(tmp_path.iterdir())


def test_results_that_could_not_be_written_or_judged_are_refused_first(tmp_path):
    with pytest.raises(SettingsError, match="--curves 0"):
        run_study(race_sample.STUDY, SMOKE, tmp_path / "x.json", curves=0)
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="not a folder"):
        run_study(race.STUDY, SMOKE, tmp_path / "file" / "x.json")


def test_costs_of_the_page_are_those_of_the_fast_sampler_many_together():
    def row(ratio):
        return {"fp32": {"ratio": ratio, "ratio_interval": [ratio - 1, ratio + 1]}}

    steps = {"raced": ["fp32"], "ratios": {"peer": {"ours": row(2.0)}}}
    times = {name: {"32": row(3.0 + k), "1": row(9.0)} for k, name in enumerate(("slow", "fast"))}
    curves = {
        "raced": ["fp32"],
        "stretch": {"1": 8, "32": 2},
        "samplers": ["slow", "fast"],
        "ratios": {"peer": times, "ours": times},
    }
    assert told.panels(steps, curves) == {
        "a training step": {"peer": {"fp32": (2.0, [1.0, 3.0])}},
        "a generation, 32 together": {"peer": {"fp32": (4.0, [3.0, 5.0])}},
    }
