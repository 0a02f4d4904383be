"""Short trainings that differ in one setting: what a row changes, what it costs, how it is resumed and compared."""

import json

import numpy as np
import pytest
import torch
import yaml
from test_train import pairs, tiny  # noqa: F401

from qfp import ablations, checkpoint, diffusion, generate
from qfp.config import SettingsError, as_dict, load_preset

PLAN = {"passes": 4, "looks": 2, "noise": 0.05, "rows": {
    "plain": {}, "sam": {"training": {"optimizer": "sam"}}, "noise": {"training": {"curve_noise": 0.1}},
    "one": {"dataset": {"potentials": 1}}}}


@pytest.fixture
def plan(tmp_path):
    def write(**changes):
        path = tmp_path / "plan.yaml"
        path.write_text(yaml.safe_dump(PLAN | changes, sort_keys=False))
        return path

    return write


def test_every_row_of_the_table_changes_what_it_says_and_no_more():
    config = load_preset("laptop")
    plan, rows = ablations.load_plan(config)
    whole = as_dict(config)
    for name, row in rows.items():
        differs = {(section, key) for section, values in as_dict(row.config).items() if isinstance(values, dict)
                   for key, value in values.items() if value != whole[section][key]}
        named = {(section, key) for section, change in row.changes.items() for key in change}
        assert differs == named | {("training", "minutes"), ("training", "max_steps")}, name
        passes = row.config.training.max_steps * (2 if row.config.training.optimizer == "sam" else 1)
        assert passes == plan["passes"]
        with torch.device("meta"):
            checkpoint.network_of(row.config)
    assert next(iter(rows.values())).changes == {}


@pytest.mark.parametrize("change, message", [
    ({"trainig": {"ema": 0}}, "off: trainig is no section; a row changes device, dataset"),
    ({"training": {"emma": 0}}, "off, training: unknown key 'emma'"),
    ({"training": {"optimizer": "lion"}}, "off, training: optimizer is 'adamw' or 'sam'"),
])
def test_a_row_that_is_no_change_is_refused_by_name(plan, change, message):
    with pytest.raises(SettingsError, match=f"plan.yaml, {message}"):
        ablations.load_plan(tiny(), plan(rows={"plain": {}, "off": change}))


def test_rows_are_trained_compared_and_resumed(pairs, plan, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.setattr(ablations, "project_root", lambda: tmp_path)
    monkeypatch.setattr(generate, "generate", lambda config, out, **_: out)  # the toy pairs are found in any file
    lines, out = [], tmp_path / "ablations.json"
    arguments = {"data": "toy.h5", "out": out, "curves": 3, "plan": plan(), "report": lines.append}
    with pytest.raises(SettingsError, match="--rows lion: no such row; there are plain, sam, noise, one"):
        ablations.run_ablations(tiny(), rows=["lion"], **arguments)
    assert ablations.run_ablations(tiny(), rows=["sam"], **arguments) is None and not out.exists()
    assert lines[-1] == "not trained yet: plain, noise, one"
    kept = json.loads(next(tmp_path.glob("runs/*/row.json")).read_text())
    result = ablations.run_ablations(tiny(), **arguments)
    assert result == json.loads(out.read_text()) and not [*tmp_path.glob("runs/*")]
    rows = result["rows"]
    assert {name: row["step"] for name, row in rows.items()} == {"plain": 4, "sam": 2, "noise": 4, "one": 4}
    looks = [{**look, "minutes": 0} for row in (rows["sam"], kept) for look in row["looks"]]
    assert looks[:2] == looks[2:] and rows["sam"]["images"] == rows["plain"]["images"] / 2
    assert [look["step"] for look in rows["plain"]["looks"]] == [2, 4] and "difference" not in rows["plain"]
    assert {name: [key for key in ("noisy", "first_potential") if key in row] for name, row in rows.items()} == {
        "plain": ["noisy", "first_potential"], "sam": [], "noise": ["noisy"], "one": ["first_potential"]}
    for row in rows.values():
        assert "hits" not in row and row["last_weights"]["n"] == row["looks"][-1]["n"] == result["curves"]
        assert row["last_weights"]["difference"]["within_1"] == pytest.approx(
            row["last_weights"]["within_1"] - row["looks"][-1]["within_1"])
        for kind in ("given", "null"):
            low, high = row["x0_error"][f"{kind}_interval"]
            assert 0 < low <= row["x0_error"][kind] <= high
    assert rows["sam"]["difference"]["within_1"] == pytest.approx(
        rows["sam"]["looks"][-1]["within_1"] - rows["plain"]["looks"][-1]["within_1"])
    assert len(ablations.as_markdown(result).splitlines()) == 2 + len(rows)
    minutes, scores = ablations.lines(result)["sam"]
    np.testing.assert_allclose(60 * minutes, np.array([1, 2]) * 2 * rows["sam"]["pass_s"])  # a step is two passes
    assert (scores["both exact"][1] <= scores["both exact"][2]).all() and 0 < rows["plain"]["pass_s"]


def test_the_error_of_a_network_that_answers_nothing_is_that_of_the_mean_image(pairs):  # noqa: F811
    """v = 0 predicts sqrt(alpha_bar) x_t: at σ/α of 5 to 40 nearly the mean, off by the images' variance."""
    config = tiny()
    normal = ablations.dataset.normalisation(pairs, np.array([(0, n) for n in range(20)]))
    model = checkpoint.network_of(config).eval()  # its last layer starts at 0
    schedule = diffusion.Schedule(config.diffusion.steps, "cosine", "v")
    rows = np.array([(0, n) for n in range(8)])
    errors = ablations.x0_error((model, config, normal, schedule, {}), pairs, rows, 0)
    variance = (((pairs.ldos[0, :8].astype(float) - normal.image_mean) / normal.image_std) ** 2).mean((1, 2))
    assert (errors["given"] == errors["null"]).all()
    np.testing.assert_allclose(errors["given"], variance, rtol=0.1)


def test_the_last_weights_are_not_the_averaged_ones(pairs, tmp_path):  # noqa: F811
    config = tiny(max_steps=3)
    ablations.learn.train(config, "toy.h5", tmp_path / "run", report=str)
    checkpoint.export(tmp_path / "run", tmp_path / "look", bf16=False)
    bundle = checkpoint.load_model(tmp_path / "look.safetensors")
    last = ablations.last_weights(tmp_path / "run", bundle)
    state = checkpoint.part(checkpoint.read(tmp_path / "run" / checkpoint.CHECKPOINT)[0], "model")
    assert all(torch.equal(value, state[key]) for key, value in last[0].state_dict().items())
    assert any(not torch.equal(value, state[key]) for key, value in bundle[0].state_dict().items())
    assert last[1:] == bundle[1:] and not last[0].training
