"""Two wires besides the paper's through every command, in smoke size: one wider than long, with an
odd number of sites across, in lattice units, one in nanometres and tesla with antidots
of two sites and a half."""

import json
import shutil

import numpy as np
import pytest
import yaml

import qfp
from qfp import cli
from qfp.commands import new_stages
from qfp.physics import device_file, geometry, units
from qfp.tools import SettingsError

WIDE = {
    "width": 21,
    "length": 14,
    "energy": 0.9,
    "radius": 2,
    "field_max": 0.2,
    "field_points": 10,
    "amplitude": 0.03,
}
GAAS = {
    "width_nm": 144,
    "length_nm": 176,
    "radius_nm": 20,  # two sites and a half
    "effective_mass": 0.067,
    "density_per_m2": 3.0e15,
    "field_max_tesla": 1.2,
    "field_points": 12,
    "lattice_nm": 8,
    "disorder_mev": 0.3,
    "spin": 2,
    "series_ohm": 300,
}
WIRES = {"wide": WIDE, "gaas": GAAS}
SMALL = ("--preset", "smoke", "--workers", "1", "--minutes", "0.03", "--wires", "4")


@pytest.fixture(scope="module", params=WIRES)
def made(request, tmp_path_factory):
    """A wire: its file, Device, Laboratory or None, and the folder that `qfp new` has made of it;
    libraries are kept there."""
    from qfp.inference import library

    folder = tmp_path_factory.mktemp(request.param)
    path = folder / "mine.yaml"
    path.write_text(yaml.safe_dump(WIRES[request.param]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(library, "project_root", lambda: folder)
        few = ("--set", "dataset.configurations=200", "--set", "dataset.potentials=2")
        assert cli.main(["new", str(path), "--out", str(folder / "mine"), *SMALL, *few]) == 0
        yield path, *device_file.read(path, qfp.Device), folder / "mine"


def pair_of(device):
    """Two antidots of a wire, in canonical placement."""
    return geometry.configurations(device)[1][-7].astype(int)


def written(device, laboratory, file, pair):
    """The exact curve of a pair as a file, in the wire's own units."""
    G = qfp.solve(device, pair, qfp.random_potential(3, device))[0]
    field, spin = device.fields, 1
    if laboratory is not None:
        field, spin = field / units.per_tesla(laboratory.lattice), laboratory.spin
    table = {"delimiter": ",", "header": "field,conductance", "comments": ""}
    np.savetxt(file, np.column_stack([field, spin * G]), **table)


def said(capsys, *words):
    """What a command says that ends well."""
    capsys.readouterr()
    assert cli.main(list(map(str, words))) == 0
    return capsys.readouterr().out


def test_the_network_is_that_of_the_wire(made):
    decoder = qfp.load(made[3] / "weights.safetensors")
    assert decoder.config.device == made[1]
    side = decoder.config.device.side
    assert side % 4 == 0 and side >= max(made[1].width, made[1].length) > side - 4
    assert decoder.model.sizes == (side // 2, side // 4)
    curve = qfp.solve(made[1], pair_of(made[1]))[0]
    found = decoder.decode(curve[None], samples=2, steps=2)
    assert found.ldos.shape == (1, 2, made[1].length, made[1].width)


def test_the_road_says_what_the_network_is_worth(made):
    rows = json.loads((made[3] / "scores.json").read_text())["rows"]
    assert {row["n"] for row in rows.values()} == {4}
    assert rows["solver alone"]["within_1"] == 1.0, "exact inference needs no training"
    page = (made[3] / "index.html").read_text()
    assert "solver alone" in page and "{" not in page.split("</style>")[1]
    assert (made[3] / "live" / "decoder-mine.js").is_file() and "live/index.html" in page


def test_a_road_that_is_whole_is_left_alone_and_a_killed_one_goes_on(made, capsys, monkeypatch):
    path, out = made[0], made[3]
    few = ("--set", "dataset.configurations=200", "--set", "dataset.potentials=2")
    call = ("new", path, "--out", out, *SMALL, *few)
    assert said(capsys, *call).count("whole already") == 7
    weights = (out / "weights.safetensors").read_bytes()
    state = json.loads((out / "new.json").read_text())
    for stage in ("scores", "live", "page"):
        del state["stages"][stage]
    (out / "new.json").write_text(json.dumps(state))

    def killed(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(new_stages, "live", killed)
        assert cli.main(list(map(str, call))) == 130
    again = said(capsys, *call)
    assert again.count("whole already") == 5 and "[5/7] scores: whole already" in again
    assert (out / "weights.safetensors").read_bytes() == weights
    assert cli.main([*map(str, call), "--set", "training.batch=9"]) == 2
    assert "other settings (training.batch: 8, now 9)" in capsys.readouterr().err


def test_solve_dataset_train_and_export_take_the_file(made, capsys, tmp_path):
    path, device = str(made[0]), made[1]
    pair = [",".join(map(str, centre)) for centre in pair_of(device)]
    told = said(capsys, "solve", "--device", path, "--antidots", *pair, "--json")
    exact = qfp.solve(device, pair_of(device))[0]
    np.testing.assert_allclose(json.loads(told)["conductance"], exact, atol=1e-12)
    small = ("--preset", "smoke", "--device", path, "--set", "dataset.configurations=40")
    data = tmp_path / "few.h5"
    said(capsys, "dataset", *small, "--out", data, "--workers", "1")
    assert qfp.load_dataset(data).device == device
    run = ("--data", data, "--out", tmp_path / "run", "--set", "training.max_steps=2")
    assert "finished" in said(capsys, "train", *small, *run)
    said(capsys, "export", tmp_path / "run", tmp_path / "own")
    assert qfp.load(tmp_path / "own.safetensors").config.device == device


def test_decode_asks_the_solver_alone_or_with_the_network(made, capsys, tmp_path):
    path, device, laboratory, out = made
    file, pair = tmp_path / "curve.csv", pair_of(device)
    written(device, laboratory, file, pair)
    call = ("decode", file, "--device", path, "--json")
    weights = ("--weights", out / "weights.safetensors")
    alone = json.loads(said(capsys, *call))
    both = json.loads(said(capsys, *call, *weights))
    assert alone["antidots"] == both["antidots"] == pair.tolist()
    assert alone["network"] is None and both["network"]["samples"] == 4
    if laboratory is None:  # the other one's curves have an unknown resistance
        only = json.loads(said(capsys, *call, *weights, "--network-only"))
        assert sum(one["share"] for one in only["candidates"]) == pytest.approx(1)
    assert cli.main(["decode", str(file), "--device", str(path), "--weights", "laptop"]) == 2
    assert "--weights laptop: of another wire than --device" in capsys.readouterr().err


def test_live_takes_the_file_and_the_weights(made, capsys, tmp_path):
    weights = ("--weights", made[3] / "weights.safetensors")
    said(capsys, "live", "--device", made[0], "--out", tmp_path / "page", *weights)
    names = {path.name for path in (tmp_path / "page").iterdir()}
    assert {"index.html", "wire-mine.js", "decoder-mine.js"} <= names


def test_the_two_stage_baseline_takes_the_file(made, capsys, tmp_path):
    shutil.copy(made[3] / "dataset.h5", tmp_path / "data.h5")
    few = ("vae.image_steps=2", "vae.curve_steps=2", "vae.joint_steps=1", "vae.width=8")
    few += ("sweep.image_steps=1", "sweep.curve_steps=1", "dataset.configurations=200")
    few += ("dataset.potentials=2", "restricted.potentials=2", "restricted.image_steps=2")
    x, y = pair_of(made[1])[1]
    few += (f"restricted.upper=[{x},{y}]", "sweep.rows=[{}]", "sweep.second_rows=[{}]")
    changes = [word for change in few for word in ("--set", change)]
    call = ("train-vae", "--preset", "smoke", "--device", made[0], *changes)
    said(capsys, *call, "--data", tmp_path / "data.h5", "--out", tmp_path / "vae")
    said(capsys, "export", tmp_path / "vae" / "general", tmp_path / "baseline")
    from qfp.model.vae import decoded, load_vae

    vae = load_vae(tmp_path / "baseline.safetensors")
    curve = qfp.solve(made[1], pair_of(made[1]))[0]
    image = decoded(vae.model, vae.normal, curve[None])
    assert image.shape == (1, made[1].length, made[1].width)


REFUSED = {
    "3 antidots: this network reads two": (GAAS | {"antidots": 3}, ()),
    "--minutes 0: must be above 0": (GAAS, ("--minutes", "0")),
    "--wires 0: must be 1 or more": (GAAS, ("--wires", "0")),
    "--workers 0: must be 1 or more": (GAAS, ("--workers", "0")),
    "minutes and max_steps are both 0": (GAAS, ("--set", "training.minutes=0")),
    "--preset antidots: its network reads any number of antidots": (WIDE, ("--preset", "antidots")),
    "--set device: expected a mapping, or device.NAME=VALUE": (WIDE, ("--set", "device=5")),
    "configurations is 999, but this device has only": (
        WIDE,
        ("--set", "dataset.configurations=999"),
    ),
}


@pytest.mark.parametrize("line", REFUSED)
def test_what_makes_no_network_is_refused_before_the_first_stage(line, tmp_path, capsys):
    values, more = REFUSED[line]
    path, out = tmp_path / "mine.yaml", tmp_path / "mine"
    path.write_text(yaml.safe_dump(values))
    assert cli.main(["new", str(path), "--out", str(out), *SMALL, *more]) == 2
    error = capsys.readouterr().err
    assert line in error and error.count("qfp: error") == 1 and not out.exists()


def test_a_folder_of_something_else_is_refused(tmp_path, capsys):
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(WIDE))
    assert cli.main(["new", str(tmp_path / "mine.yaml"), "--out", str(tmp_path), *SMALL]) == 2
    assert "holds something else" in capsys.readouterr().err


@pytest.mark.parametrize("state", ["{", "[]", '{"settings": 1, "stages": {}}', ""])
def test_a_damaged_state_is_refused(state, tmp_path, capsys):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "new.json").write_text(state)
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(WIDE))
    call = ["new", str(tmp_path / "mine.yaml"), "--out", str(tmp_path / "mine"), *SMALL]
    assert cli.main(call) == 2
    assert "new.json is damaged" in capsys.readouterr().err


def test_a_wire_too_large_to_be_listed_is_explained(tmp_path, capsys):
    """No list of configurations, no library, no network."""
    device = qfp.Device(**WIDE | {"width": 230, "length": 300})
    assert geometry.count(device, 2) > 1e6
    with pytest.raises(SettingsError, match="too many to be listed"):
        qfp.configurations(device)
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(WIDE | {"width": 230, "length": 300}))
    assert "too many to be listed: no library" in said(capsys, "device", path)
