"""Generation, HDF5 contract, validation, splits and normalisation."""

import dataclasses
import hashlib

import h5py
import numpy as np
import pytest

from qfp import files
from qfp.config import load_preset
from qfp.data import damage, dataset, distances, generate, normalise, simulate, workers
from qfp.tools import SettingsError

CONFIG = load_preset(
    "smoke", device={"field_points": 3}, dataset={"configurations": 12, "potentials": 2}
)


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return generate.generate(
        CONFIG, tmp_path_factory.mktemp("data") / "small.h5", workers=1, report=lambda _: None
    )


def test_the_file_keeps_the_contract(file):
    assert damage.validate(file) == []
    with h5py.File(file) as content:
        assert (
            content["conductance"].shape == (2, 12, 3)
            and content["conductance"].dtype == np.float32
        )
        assert content["ldos"].shape == (2, 12, 60, 50) and content["ldos"].dtype == np.float16
        assert content["antidots"].dtype == np.int16 and content["potentials"].dtype == np.float64
        assert content["fields"].attrs["units"] == "rad/plaquette"
        assert content.attrs["format_version"] == 1 and len(content.attrs["config_sha256"]) == 64
        assert "of Kwant" in content.attrs["spot_check"]
    pairs = dataset.load(file)
    assert pairs.device == CONFIG.device and pairs.sha256 == dataset.settings_hash(CONFIG)


def test_file_equals_simulation_in_memory(file):
    pairs, again = dataset.load(file), simulate.simulate(CONFIG, [3, 7], potentials=(1,))
    assert np.allclose(pairs.conductance[1, [3, 7]], again.conductance[0], atol=1e-6)
    np.testing.assert_allclose(pairs.ldos[1, [3, 7]], again.ldos[0], rtol=1e-3, atol=1e-4)
    assert np.array_equal(pairs.antidots[[3, 7]], again.antidots)


def test_curves_keep_the_order_of_their_antidots(file):
    pairs = dataset.load(file)
    found = simulate.curves(CONFIG.device, pairs.antidots.reshape(3, 4, 2, 2), 1)
    assert found.shape == (3, 4, 3)
    assert np.allclose(found.reshape(12, 3), pairs.conductance[1], atol=1e-6)
    some = simulate.curves(CONFIG.device, pairs.antidots[:2], 1, CONFIG.device.fields[1:2])
    assert np.allclose(some, pairs.conductance[1, :2, 1:2], atol=1e-6)


def test_distances_are_root_mean_squares_over_the_fields():
    curves = np.array([[0.0, 0.0], [3.0, 4.0], [3.0, 5.0]])
    np.testing.assert_allclose(distances.apart(curves[1], curves[0]), np.sqrt(12.5))
    np.testing.assert_allclose(distances.nearest_other(curves), np.sqrt([12.5, 0.5, 0.5]))
    copies = np.zeros((4, 3, 2, 2), int)
    copies[1, 0] = 1  # the only copy that is another pair
    clean, disordered = np.stack([curves] * 4), np.stack([curves + k for k in range(4)])
    found = distances.groups(np.ones(5), copies, clean, disordered, curves + 2)
    assert [len(values) for values in found.values()] == [5, 1, 3, 3]
    assert found["copy under one potential"] == [1]
    np.testing.assert_allclose(found["same wire, another potential"], 2)
    np.testing.assert_allclose(
        found["unrelated configuration"],
        np.sqrt([17, 12.5, 0.5]),  # of the one before
    )
    assert "another potential         median 2.000 e²/h" in distances.told(found)


def test_an_interrupted_run_resumes_to_the_same_bytes(file, tmp_path):
    out = tmp_path / "resumed.h5"
    folder = out.with_name(out.name + ".parts") / dataset.settings_hash(CONFIG)[:12]
    folder.mkdir(parents=True)
    for name, arguments in list(generate.chunks(CONFIG))[::2]:  # as if killed half way
        np.save(folder / name, workers.one_thread(generate.compute, CONFIG, *arguments))
    (folder / "conductance_p0_f001.npy.tmp").write_bytes(b"half a chunk")
    made = {path.name: path.stat().st_mtime_ns for path in folder.glob("*.npy")}
    messages = []
    generate.generate(CONFIG, out, workers=1, report=messages.append)
    assert f"{8 - len(made)} of 8 chunks" in messages[0]
    assert sha256(out) == sha256(file)
    assert not out.with_name(out.name + ".parts").exists()


def test_nothing_is_overwritten(file):
    before = sha256(file)
    generate.generate(CONFIG, file, report=lambda _: None)  # complete already
    other = load_preset(
        "smoke", device={"field_points": 4}, dataset={"configurations": 12, "potentials": 2}
    )
    with pytest.raises(SettingsError, match="other settings"):
        generate.generate(other, file, report=lambda _: None)
    assert sha256(file) == before


OTHER = dataclasses.replace(CONFIG, seed=7)  # another choice of wires
QUIET = {"workers": 1, "report": lambda line: None}


def test_one_process_at_a_time_makes_or_mends_a_file(file, tmp_path, monkeypatch):
    """Whatever the settings; the first one ends as if alone."""
    out, refused = tmp_path / "one.h5", []
    assemble = generate._assemble

    def joined(config, path, folder):
        problems = [damage.Problem("/ldos[0, 0:12]: wrong", "ldos_p0_n00000")]
        calls = [(generate.generate, config, path)]
        if path.exists():  # it is mended
            calls.append((generate.repair, path, problems))
        else:
            calls.append((generate.generate, OTHER, path))
        for call, *given in calls:
            with pytest.raises(SettingsError, match="another process is at work on this dataset"):
                call(*given, **QUIET)
            refused.append(path.exists())
        assemble(config, path, folder)

    monkeypatch.setattr(generate, "_assemble", joined)
    generate.generate(CONFIG, out, **QUIET)
    generate.repair(out, [], **QUIET)
    assert refused == [False, False, True, True] and sha256(out) == sha256(file)
    assert [path.name for path in tmp_path.iterdir()] == ["one.h5"]


def test_a_file_that_another_process_ended_meanwhile_is_not_replaced(file, tmp_path, monkeypatch):
    out, check = tmp_path / "one.h5", files.check_room

    def slow(*arguments):  # between the first look at the file and the lock
        monkeypatch.setattr(files, "check_room", check)
        generate.generate(CONFIG, out, **QUIET)

    monkeypatch.setattr(files, "check_room", slow)
    with pytest.raises(SettingsError, match="holds a dataset of other settings"):
        generate.generate(OTHER, out, **QUIET)
    assert sha256(out) == sha256(file) and [p.name for p in tmp_path.iterdir()] == ["one.h5"]


def test_validate_names_damage(file, tmp_path):
    flipped, truncated, changed = (
        tmp_path / name for name in ("flipped.h5", "truncated.h5", "changed.h5")
    )
    data = bytearray(file.read_bytes())
    with h5py.File(file) as content:
        chunk = content["ldos"].id.get_chunk_info(1)
    data[chunk.byte_offset + 1000] ^= 1
    flipped.write_bytes(data)
    (problem,) = damage.validate(flipped)
    assert "/ldos[1, 0:12]" in problem.text and "checksum" in problem.text and not problem.fatal
    with pytest.raises(SettingsError, match="damaged"):
        dataset.load(flipped)
    truncated.write_bytes(file.read_bytes()[:-5000])
    (problem,) = damage.validate(truncated)
    assert "not a readable HDF5" in problem.text and problem.fatal
    with pytest.raises(SettingsError, match="generate it again"):
        dataset.load(truncated)
    changed.write_bytes(file.read_bytes())
    with h5py.File(changed, "r+") as content:
        values = content["conductance"][()]
        values[0, 2] += 0.01  # finite and plausible, but wrong: Kwant finds it if it looks there
        values[1, 3, 0] = np.nan
        content["conductance"][()] = values
    assert any("/conductance[1" in problem.text for problem in damage.validate(changed))


def test_missing_or_foreign_files_are_one_line_errors(tmp_path):
    with pytest.raises(SettingsError, match="qfp dataset"):
        dataset.load(tmp_path / "none.h5")
    with h5py.File(tmp_path / "foreign.h5", "w") as content:
        content["x"] = 1
    with pytest.raises(SettingsError, match="format_version"):
        dataset.load(tmp_path / "foreign.h5")


def test_splits_have_the_paper_s_counts():
    parts = dataset.split(16170, 5, "config", 0)
    assert [len(parts[name]) for name in ("train", "dev", "test")] == [56595, 5000, 19255]
    configurations = {name: set(parts[name][:, 1].tolist()) for name in parts}
    assert [len(configurations[name]) for name in ("train", "dev", "test")] == [11319, 1000, 3851]
    assert not configurations["train"] & (configurations["dev"] | configurations["test"])
    assert not configurations["dev"] & configurations["test"]
    pair = dataset.split(16170, 5, "pair", 0)
    assert len(pair["train"]) == 56595 and len(pair["dev"]) + len(pair["test"]) == 24255
    flat = np.concatenate([p[:, 0] * 16170 + p[:, 1] for p in pair.values()])
    assert len(np.unique(flat)) == 80850


def test_configurations_of_a_part_are_those_of_the_split_once_each():
    config = load_preset("smoke")
    own, found = config.dataset, {}
    rows = dataset.split(own.configurations, own.potentials, config.training.split, config.seed)
    for part in rows:
        found[part] = dataset.configurations_of(config, part)
        assert set(found[part]) == set(rows[part][:, 1].tolist())
    assert sorted(sum(found.values(), [])) == list(range(own.configurations))


def test_normalisation_uses_training_pairs_only_and_inverts(file):
    pairs = dataset.load(file)
    train = dataset.split(12, 2, "config", 0)["train"]
    constants = normalise.normalisation(pairs, train)
    p, n = train.T
    curves, images = constants.curve(pairs.conductance[p, n]), constants.image(pairs.ldos[p, n])
    assert (
        curves.mean(0).abs().max() < 1e-5 and (curves.std(0, unbiased=False) - 1).abs().max() < 1e-4
    )
    assert images.shape == (len(train), 1, 60, 60)
    assert abs(images.mean()) < 1e-4 and abs(images.std() - 1) < 1e-3
    assert np.allclose(constants.ldos(images), pairs.ldos[p, n], atol=1e-5)
    assert (images[..., :5] == images[..., -5:]).all()  # padding is LDOS 0
    assert normalise.contract(pairs.device, constants) != normalise.contract(
        pairs.device, normalise.normalisation(pairs, train[:4])
    )
