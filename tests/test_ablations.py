"""Short trainings that differ in one setting: what a row changes, what it costs, how it is resumed
and compared."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from test_train import tiny, toy_pairs

from qfp.config import load_preset
from qfp.data import dataset, generate, normalise
from qfp.decoding import decode
from qfp.decoding.decode import Decoder
from qfp.model import diffusion, exported
from qfp.studies import frame, intervals, timing
from qfp.studies.short import ablations, closer, course, factors, recipe
from qfp.studies.short.plan import load_plan
from qfp.tools import SettingsError, as_dict
from qfp.training import checkpoint

PLAN = {
    "passes": 4,
    "looks": 2,
    "noise": 0.05,
    "rows": {
        "plain": {},
        "sam": {"training": {"optimizer": "sam"}},
        "noise": {"training": {"curve_noise": 0.1}},
        "one": {"dataset": {"potentials": 1}},
    },
}


@pytest.fixture
def plan(tmp_path):
    def write(**changes):
        path = tmp_path / "plan.yaml"
        path.write_text(yaml.safe_dump(PLAN | changes, sort_keys=False))
        return path

    return write


@pytest.fixture
def pairs(monkeypatch):
    """Toy pairs, found in any dataset file but in one that a row has made for itself: it holds the
    first potential alone."""
    pairs = dataclasses.replace(toy_pairs(100), sha256=dataset.settings_hash(tiny()))
    one = dataclasses.replace(
        pairs, **{name: getattr(pairs, name)[:1] for name in ("potentials", "conductance", "ldos")}
    )
    monkeypatch.setattr(
        dataset, "load", lambda path, images=True: pairs if Path(path).name == "toy.h5" else one
    )
    # a picture that nobody looks at
    monkeypatch.setattr("qfp.training.train.preview", lambda *_: {})
    return pairs


def test_every_row_of_the_table_changes_what_it_says_and_no_more():
    config = load_preset("laptop")
    plan, rows = load_plan(config)
    whole = as_dict(config)
    for name, row in rows.items():
        differs = {
            (section, key)
            for section, values in as_dict(row.config).items()
            if isinstance(values, dict)
            for key, value in values.items()
            if value != whole[section][key]
        }
        named = {(section, key) for section, change in row.changes.items() for key in change}
        assert differs == named | {("training", "minutes"), ("training", "max_steps")}, name
        passes = row.config.training.max_steps * (
            2 if row.config.training.optimizer == "sam" else 1
        )
        assert passes == plan["passes"]
        with torch.device("meta"):
            exported.network_of(row.config)
    assert next(iter(rows.values())).changes == {}


@pytest.mark.parametrize(
    "change, message",
    [
        ({"trainig": {"ema": 0}}, "off: trainig: .*: a row changes settings of device, dataset"),
        ({"training": {"emma": 0}}, "off, training: unknown key 'emma'"),
        ({"training": 5}, "off: training: 5: a row changes settings of device, dataset"),
        ({"training": {"optimizer": "lion"}}, "off, training: optimizer must be 'adamw' or 'sam'"),
    ],
)
def test_a_row_that_is_no_change_is_refused_by_name(plan, change, message):
    with pytest.raises(SettingsError, match=f"plan.yaml, {message}"):
        load_plan(tiny(), plan(rows={"plain": {}, "off": change}))


@pytest.mark.parametrize("text", ["passes: 4\n", "rows: {plain: {}}\n", "passes: 4\nrows: [1]\n"])
def test_a_plan_without_rows_or_passes_is_refused(text, tmp_path):
    path = tmp_path / "plan.yaml"
    path.write_text(text)
    with pytest.raises(SettingsError, match="plan.yaml: a plan has passes, a number, and rows"):
        load_plan(tiny(), path)


# --- rows that are not trained


HITS = {  # within one site, by network and curve
    "plain": "110000",
    "sam": "111000",
    "noise": "100000",
    "one": "011111",
    "plain, last": "000000",
    "sam, last": "111001",
    "noise, last": "000000",
    "one, last": "110111",
}


def scored(hits):
    """What `course.decoded` says of six curves with these hits, none of them exact."""
    found = {
        "within_0": [False] * 6,
        "within_1": [hit == "1" for hit in hits],
        "r_high": [False] * 6,
    }
    row = {"n": 6, "r_median": 0.5, "r_median_interval": [0.4, 0.6], "hits": found}
    return row | {
        key: value
        for name, values in found.items()
        for key, value in intervals.share(name, values).items()
    }


@pytest.fixture
def faked(pairs, plan, monkeypatch, tmp_path):
    """Runs the plan without training; a network is its row's name, and what it hits stands in HITS.
    Returns the function and what it saw: {'trained': [(row, data)], 'made': [(row, potentials)],
    'asked': {(network, what): (rows, curves)}}."""
    table, seen = load_plan(tiny(), plan())[1], {"trained": [], "made": [], "asked": {}}

    def name_of(config):
        return next(name for name, row in table.items() if row.config == config)

    def trained(run, config, folder, number, rows, data=None):
        name, steps = name_of(config), config.training.max_steps
        seen["trained"].append((name, Path(data or run.data).name))
        (folder / "run").mkdir(parents=True, exist_ok=True)
        (folder / "look.json").write_text(
            json.dumps({"name": name, "parameters": 1, "step": steps, "images": 4 * steps})
        )
        return [
            {"step": steps * k // number, **scored(HITS[name] if k == number else "000000")}
            for k in range(1, number + 1)
        ]

    def decoded(network, config, pairs, rows, curves=None):
        what = (
            "noisy"
            if curves is not None
            else "last"
            if network.endswith("last")
            else "first_potential"
        )
        seen["asked"][network, what] = rows, curves
        return scored(HITS[network])

    def generated(config, out, **_):
        seen["made"].append((name_of(config), config.dataset.potentials))
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text("data")
        return out

    monkeypatch.setattr(frame, "project_root", lambda: tmp_path)
    monkeypatch.setattr(ablations, "course", trained)
    monkeypatch.setattr(closer, "decoded", decoded)
    monkeypatch.setattr(generate, "generate", generated)
    monkeypatch.setattr(
        decode,
        "load_decoder",
        lambda path: json.loads(path.with_suffix(".json").read_text())["name"],
    )
    monkeypatch.setattr(closer, "last_weights", lambda run, network: f"{network}, last")
    monkeypatch.setattr(
        closer, "x0_error", lambda *_: {"given": np.full(6, 0.5), "null": np.ones(6)}
    )
    monkeypatch.setattr(ablations, "network_of", lambda config: None)
    monkeypatch.setattr(timing, "training_step", lambda model, config, *_: name_of(config))
    # a median of 2 s a step, with SAM of 5 s
    monkeypatch.setattr(
        timing,
        "take_turns",
        lambda steps, rounds, device: {
            name: np.array([90.0, 0.0, 5.0 if network == "sam" else 2.0])
            for name, network in steps.items()
        },
    )
    given = {"data": "toy.h5", "plan": plan(), "report": str}
    return lambda **options: frame.run_study(
        ablations.STUDY, tiny(), tmp_path / "ablations.json", **given | options
    ), seen


def test_finished_rows_are_kept_and_one_potential_gets_data_of_its_own(faked, tmp_path):
    run, seen = faked
    assert run(rows=["sam"]) is None and run(rows=["one", "sam"]) is None
    assert sorted(path.name for path in tmp_path.glob("runs/*/*")) == 2 * ["look.json"] + 2 * [
        "row.json"
    ], "and nothing else"
    assert list(run()["rows"]) == list(PLAN["rows"]) and seen["made"] == [("one", 1)]
    assert seen["trained"] == [
        ("sam", "toy.h5"),
        ("one", "data.h5"),
        ("plain", "toy.h5"),
        ("noise", "toy.h5"),
    ]


def test_a_difference_is_the_row_minus_the_first_and_the_last_weights_minus_the_averaged_ones(
    faked,
):
    rows = faked[0]()["rows"]
    assert [name for name in rows if "difference" in rows[name]] == ["sam", "noise", "one"]
    found = {name: row["difference"] for name, row in rows.items() if name != "plain"}
    found |= {f"{name}, last": row["last_weights"]["difference"] for name, row in rows.items()}
    # of six hits
    more = {
        "sam": 1,
        "noise": -1,
        "one": 3,
        "plain, last": -2,
        "sam, last": 1,
        "noise, last": -1,
        "one, last": 0,
    }
    for name, curves in more.items():
        assert (
            found[name]["within_1"] == pytest.approx(curves / 6) and found[name]["within_0"] == 0
        ), name
        low, high = found[name]["within_1_interval"]
        assert low < curves / 6 < high and (low + high) * curves >= 0, name


def test_the_further_looks_are_at_noisy_curves_and_at_the_first_potential(faked, pairs):
    run, seen = faked
    rows, asked = run()["rows"], seen["asked"]
    assert {
        name: [key for key in ("noisy", "first_potential") if key in row]
        for name, row in rows.items()
    } == {
        "plain": ["noisy", "first_potential"],
        "sam": [],
        "noise": ["noisy"],
        "one": ["first_potential"],
    }
    chosen, curves = asked["plain, last", "last"]
    assert set(chosen[:, 0]) == {0, 1} and curves is None
    for network in ("plain", "one"):
        same, curves = asked[network, "first_potential"]
        assert curves is None and (same == np.stack([np.zeros(6), chosen[:, 1]], axis=1)).all()
    noise = [
        asked[network, "noisy"][1] - pairs.conductance[chosen[:, 0], chosen[:, 1]]
        for network in ("plain", "noise")
    ]
    assert (noise[0] == noise[1]).all() and all(
        (asked[network, "noisy"][0] == chosen).all() for network in ("plain", "noise")
    )
    # 384 numbers: 3 sigma and 4
    np.testing.assert_allclose([noise[0].mean(), noise[0].std()], [0, PLAN["noise"]], atol=0.008)
    assert abs(np.corrcoef(noise[0]) - np.eye(6)).max() < 0.5, "each curve has its own"


def test_a_pass_costs_what_the_clock_says_and_a_step_of_sam_is_two(faked):
    result = faked[0]()
    assert {name: row["pass_s"] for name, row in result["rows"].items()} == {
        "plain": 2,
        "sam": 2.5,
        "noise": 2,
        "one": 2,
    }
    assert [look["minutes"] * 60 for look in result["rows"]["plain"]["looks"]] == [2 * 2, 4 * 2]
    minutes, scores = ablations.lines(result)["sam"]
    np.testing.assert_allclose(60 * minutes, [5, 10])
    low, high = intervals.share("within_1", [True] * 3 + [False] * 3)["within_1_interval"]
    np.testing.assert_allclose(scores["both antidots within 1 site"][:, 1], [0.5, low, high])
    rows, drawn, groups = ablations.panels(result)
    assert rows.keys() == result["rows"].keys() and set(drawn) < set(rows["sam"][1]) and groups
    assert "4 gradient passes a row, 6 development curves" in ablations.preface(result)
    asked = closer.asked_more(result, ["noise", "one"]).splitlines()
    assert [line.partition(":")[0] for line in asked] == [
        "plain, as in the table",
        "plain, noise of 0.05 e²/h",
        "plain, all under the first potential",
        "noise, as in the table",
        "noise, noise of 0.05 e²/h",
        "one, as in the table",
        "one, all under the first potential",
    ]
    table = ablations.show(result).splitlines()
    assert (
        len(table) == 2 + len(PLAN["rows"])
        and "| 50.0% (+16.7%, " in table[3]
        and "| 16.7% (-16.7%, " in table[4]
    )


def test_what_cannot_be_compared_is_refused(faked, pairs, monkeypatch):
    run, seen = faked
    with pytest.raises(
        SettingsError, match="--rows lion: no such row; there are plain, sam, noise, one"
    ):
        run(rows=["lion"])
    for unfit, message in (
        (dataclasses.replace(pairs, sha256="0" * 64), "toy.h5 is not the dataset of preset smoke"),
        (
            dataclasses.replace(toy_pairs(8), sha256=pairs.sha256),
            "too small for development configurations",
        ),
    ):
        monkeypatch.setattr(dataset, "load", lambda path, images=True, unfit=unfit: unfit)
        with pytest.raises(SettingsError, match=message):
            run()
    assert not seen["trained"]


# --- rows that are


def test_rows_are_trained_and_a_stopped_one_goes_on(pairs, plan, tmp_path, monkeypatch):
    trained, decoded, looked = [], [], []
    train, decode_of, error = course.train, course.decoded, closer.x0_error

    def watched(config, data, run, resume, **options):
        trained.append((config.dataset.potentials, Path(data).name, resume))
        return train(config, data, run, resume=resume, **options)

    def seen(*arguments):
        decoded.append(len(trained))
        if len(decoded) == 2:
            raise KeyboardInterrupt  # in the second look
        return decode_of(*arguments)

    def error_of(*arguments):
        looked.append(len(trained))
        if len(looked) == 1:
            raise KeyboardInterrupt  # after the last one
        return error(*arguments)

    monkeypatch.setattr(frame, "project_root", lambda: tmp_path)
    monkeypatch.setattr(course, "train", watched)
    monkeypatch.setattr(course, "decoded", seen)
    monkeypatch.setattr(closer, "x0_error", error_of)
    monkeypatch.setattr(ablations, "ROUNDS", 1)
    monkeypatch.setattr(generate, "generate", lambda config, out, **_: out)
    lines, out = [], tmp_path / "ablations.json"
    arguments = {
        "data": "toy.h5",
        "out": out,
        "curves": 3,
        "report": lines.append,
        "plan": plan(rows={name: PLAN["rows"][name] for name in ("plain", "sam", "one")}),
    }
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            frame.run_study(ablations.STUDY, tiny(), rows=["sam"], **arguments)
    assert (
        frame.run_study(ablations.STUDY, tiny(), rows=["sam"], **arguments) is None
        and not out.exists()
    )
    assert lines[-1] == "not trained yet: plain, one"
    kept = json.loads(next(tmp_path.glob("runs/*/row.json")).read_text())
    result = frame.run_study(ablations.STUDY, tiny(), **arguments)
    assert result == json.loads(out.read_text()) and not [*tmp_path.glob("runs/*")]
    assert trained == [
        (2, "toy.h5", False),
        (2, "toy.h5", True),
        (2, "toy.h5", False),
        (1, "data.h5", False),
    ]
    assert decoded == [1, 1, 2, 3, 3, 4, 4], "the look that was stopped is taken again"
    assert looked == [2, 2, 3, 4], "once a row, and once more for the one that was stopped there"
    rows = result["rows"]
    assert {name: row["step"] for name, row in rows.items()} == {"plain": 4, "sam": 2, "one": 4}
    looks = [{**look, "minutes": 0} for row in (rows["sam"], kept) for look in row["looks"]]
    assert looks[:2] == looks[2:] and rows["sam"]["images"] == rows["plain"]["images"] / 2
    assert [look["step"] for look in rows["plain"]["looks"]] == [2, 4] and result["curves"] == 3
    for row in rows.values():
        assert (
            "hits" not in row
            and row["last_weights"]["n"] == row["looks"][-1]["n"] == 3
            and row["pass_s"] > 0
        )
        for kind in ("given", "null"):
            low, high = row["x0_error"][f"{kind}_interval"]
            assert 0 < low <= row["x0_error"][kind] <= high
    assert 0 < result["mean_image"]["error_interval"][0] <= result["mean_image"]["error"]


def test_errors_are_in_units_of_the_spread_over_the_sites(pairs):
    """v = 0 predicts sqrt(alpha_bar) x_t: at σ/α of 5 to 40 nearly the mean, which is that of the
    padded image."""
    config, train, rows = (
        tiny(),
        np.array([(p, n) for p in (0, 1) for n in range(20)]),
        np.array([(0, n) for n in range(20, 28)]),
    )
    normal = normalise.normalisation(pairs, train)
    model = exported.network_of(config).eval()  # its last layer starts at 0
    schedule = diffusion.Schedule(config.diffusion.steps, "cosine", "v")
    errors = closer.x0_error(Decoder(model, config, normal, schedule, {}), pairs, rows, 0)
    known, images = pairs.ldos[:, :20].astype(float), pairs.ldos[0, 20:28].astype(float)
    assert known.std() < 0.9 * normal.image_std, "the padding adds to it"
    assert (errors["given"] == errors["null"]).all()
    np.testing.assert_allclose(
        errors["given"], (((images - normal.image_mean) / known.std()) ** 2).mean((1, 2)), rtol=0.1
    )
    mean = closer.mean_image_error(pairs, train, rows, 0)
    each = (((images - known.mean((0, 1))) / known.std()) ** 2).mean((1, 2))
    assert (
        mean["error"] == pytest.approx(each.mean(), rel=1e-6)
        and each.min() < mean["error_interval"][0] < mean["error"]
    )


def test_the_last_weights_are_not_the_averaged_ones(pairs, tmp_path):
    config = tiny(max_steps=3)
    course.train(config, "toy.h5", tmp_path / "run", report=str)
    checkpoint.export(tmp_path / "run", tmp_path / "look", bf16=False)
    decoder = decode.load_decoder(tmp_path / "look.safetensors")
    last = closer.last_weights(tmp_path / "run", decoder)
    state = exported.part(exported.read(tmp_path / "run" / checkpoint.CHECKPOINT)[0], "model")
    assert all(torch.equal(value, state[key]) for key, value in last.model.state_dict().items())
    assert any(
        not torch.equal(value, state[key]) for key, value in decoder.model.state_dict().items()
    )
    assert dataclasses.replace(last, model=decoder.model) == decoder and not last.model.training


# --- attention and labels


CELLS = ("labels+attention", "labels", "attention", "neither")
KNOWN = dict(zip(CELLS, (90, 89, 60, 20)))  # within one site, of 100 curves


@pytest.fixture
def two_by_two(pairs, tmp_path, monkeypatch):
    """Call of study `attention-labels` on a plan without training: what a row hits stands in
    KNOWN, one fewer for the second seed."""
    rows = {f"{cell}, seed {k}": {"training": {"seed": k}} for k in (1, 2) for cell in CELLS}
    for k, name in enumerate(rows):
        rows[name] |= {"network": {"dropout": 0.01 * k}}
    path = tmp_path / "plan.yaml"
    path.write_text(yaml.safe_dump({"passes": 4, "margin": 0.03, "rows": rows}, sort_keys=False))
    names = {row.config: name for name, row in load_plan(tiny(), path)[1].items()}

    def trained(run, config, folder, number, rows):
        cell, _, seed = names[config].partition(", seed ")
        hits = np.arange(100) < KNOWN[cell] - (seed == "2")
        (folder / "run").mkdir(parents=True, exist_ok=True)
        (folder / "look.json").write_text(json.dumps({"parameters": 1}))
        found = {score: hits.tolist() for score in factors.SCORES}
        return [{"step": 4, "hits": found} | intervals.share("within_1", hits)]

    monkeypatch.setattr(frame, "project_root", lambda: tmp_path)
    monkeypatch.setattr(factors, "course", trained)
    return lambda **options: frame.run_study(
        factors.STUDY,
        tiny(),
        tmp_path / "out.json",
        **{"data": "toy.h5", "plan": str(path), "report": str, **options},
    )


def test_what_attention_brings_with_labels_and_without(two_by_two):
    assert two_by_two(rows=["labels, seed 1"]) is None
    result = two_by_two()
    found = {name: row["within_1"] for name, row in result["attention"].items()}
    assert found["labels"]["difference"] == pytest.approx(0.01)
    assert found["no_labels"]["difference"] == pytest.approx(0.4)
    assert found["no_labels"]["verdict"] == "needed"
    assert [seed["within_1"] for seed in found["no_labels"]["seeds"]] == pytest.approx([0.4, 0.4])
    low, high = found["interaction"]["interval"]
    assert low < found["interaction"]["difference"] == pytest.approx(0.39) and high < 0.5
    assert len(factors.show(result).splitlines()) == 2 + 8 + 1 + 2 * len(factors.SCORES)


def test_a_result_may_lack_rows_and_is_completed_later(two_by_two):
    without = [f"{cell}, seed 1" for cell in CELLS[2:]]
    assert two_by_two(rows=without) is None
    result = two_by_two(rows=without, missing=6)
    assert list(result["rows"]) == without and len(result["missing"]) == 6
    assert result["attention"].keys() == {"no_labels"}
    assert "attention, no labels, within_1: +40.0 points" in factors.show(result)
    whole = two_by_two()
    assert whole["missing"] == [] and whole["attention"].keys() == {*factors.PAIRS, "interaction"}
    assert {name: whole["rows"][name] for name in without} == result["rows"]
    shown = factors.panels(result)
    assert shown["without"]["no attention, seed 1"] is result["rows"]["neither, seed 1"]
    assert not shown["with position labels"] and len(factors.panels(whole)["without"]) == 4


@pytest.mark.parametrize(
    "interval, word",
    [
        ((-0.03, 0.03), "none"),
        ((0.001, 0.02), "none"),
        ((0.001, 0.04), "needed"),
        ((-0.2, -0.001), "harmful"),
        ((-0.01, 0.04), "undecided"),
    ],
)
def test_the_margin_decides_what_counts_as_none(interval, word):
    assert factors.verdict(interval, 0.03) == word


def test_the_plan_of_attention_and_labels_is_a_two_by_two(two_by_two):
    plan, rows = load_plan(
        load_preset("laptop"), Path(__file__).parents[1] / "presets" / factors.PLAN
    )
    cells = factors.seeds_of(rows)
    for cell, names in cells.items():
        for k, name in enumerate(names.values()):
            network, training = rows[name].config.network, rows[name].config.training
            assert training.seed == k + 1 and training.max_steps == plan["passes"]
            assert (training.curve_target == "positions") == (cell.startswith("labels"))
            assert (network.attention == ("linear", "full")) == (cell.endswith("attention"))
            assert (network.condition_layers > 0) == cell.endswith("attention")
    with pytest.raises(SettingsError, match="rows must be 'CELL, seed K'"):
        factors.seeds_of([*rows][:-1])
    with pytest.raises(SettingsError, match="no such row; there are labels"):
        two_by_two(rows=["lion"])


# --- the paper's recipe as a whole


def test_the_recipe_takes_all_of_the_papers_choices():
    config, paper = load_preset("laptop"), load_preset("paper")
    plan, rows = load_plan(config, Path(__file__).parents[1] / "presets" / recipe.PLAN)
    (row,) = rows.values()
    own = row.config
    assert own.network == config.network and own.diffusion == paper.diffusion
    same = ("optimizer", "sam_radius", "time_sampling", "curve_target", "curve_batch", "cooldown")
    for name in (*same, "curve_neighbours", "curve_mixing", "condition_dropout"):
        assert getattr(own.training, name) == getattr(paper.training, name), name
    assert own.training.max_steps % plan["looks"] == 0, "looks at equal numbers of images"


def test_the_recipe_is_trained_and_scored(pairs, plan, tmp_path):
    paper = {"optimizer": "sam", "curve_target": "none", "curve_batch": 0, "curve_neighbours": 0}
    row = {"training": paper, "diffusion": {"prediction": "epsilon", "steps": 20}}
    path, said = plan(passes=16, looks=4, rows={"all": row}), []
    how = {"plan": str(path), "curves": 3, "test": 6, "ancestral": 4, "data": "toy.h5"}
    out, how["export"] = tmp_path / "out.json", str(tmp_path / "mine")
    result = frame.run_study(recipe.STUDY, tiny(), out, report=said.append, **how)
    batch = tiny().training.batch
    assert [look["images"] for look in result["looks"]] == [batch * 2 * k for k in range(1, 5)]
    assert result["test"]["n"] == 6 and result["ancestral"]["n"] == result["fast"]["n"] == 4
    assert result["fit"]["looks"] < 4 and result["changes"] == row
    assert result["network_sha256"] == exported.weights_hash(tmp_path / "mine.safetensors")
    assert decode.load_decoder(tmp_path / "mine.safetensors").meta["step"] == 8
    ((label, (looks, end, line)),) = recipe.courses({"ours": result, "none": {}}).items()
    assert label == "ours" and looks.shape == (4, 4) and end[0] == looks[0, -1]
    images, share, low, high = line
    assert images[-1] >= looks[0, -1] and (low <= high).all()
    assert share[0] == pytest.approx(result["fit"]["line"]["10000"]["value"])
    assert "the line at 10,000,000 images" in "\n".join(said)
    assert load_plan(tiny(), path, 32)[1]["all"].config.training.max_steps == 16
    how["plan"] = str(plan(passes=16, looks=4, rows={"all": row, "more": {}}))
    with pytest.raises(SettingsError, match="all, more: the plan must have one row"):
        frame.run_study(recipe.STUDY, tiny(), out, report=str, **how)


def test_a_line_of_shares_is_found_and_extrapolated():
    images, n, rng = np.array([1e4, 2e4, 4e4, 8e4, 1e5]), 4000, np.random.default_rng(1)
    share = 1 / (1 + np.exp(12 - np.log(images)))  # a = -12, b = 1
    looks = [
        {"images": own, "hits": {"within_1": (rng.random(n) < p).tolist()}}
        for own, p in zip(images, share, strict=True)
    ]
    looks[-1]["hits"]["within_1"] = [True] * n  # behind the fall of the learning rate: left out
    fit = recipe.fitted(looks, 9e4, 0)
    assert fit["looks"] == 4
    low, high = fit["b"]["interval"]
    assert low < 1 < high and high - low < 0.4
    ahead = fit["line"]["1000000"]
    low, high = ahead["interval"]
    assert low < 1 / (1 + np.exp(12 - np.log(1e6))) < high and low < ahead["value"] < high
    with pytest.raises(SettingsError, match="two or more must come before"):
        recipe.fitted(looks, 1.5e4, 0)


def test_a_block_of_another_size_does_not_stand_for_a_whole_one(tmp_path, monkeypatch):
    monkeypatch.setattr(frame, "project_root", lambda: tmp_path)
    run = frame.Run(recipe.STUDY, tiny())
    run.folder, values = tmp_path, np.arange(30.0)
    for number in (7, 30, 25):
        found = run.in_blocks("some", number, lambda part: values[part])
        np.testing.assert_array_equal(found, values[:number])
