"""The two-stage baseline: its losses, its data, training that resumes, and the whole way from
training to a table."""

import dataclasses
import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.distributions import Normal, kl_divergence

from qfp import cli
from qfp.config import load_preset
from qfp.data import dataset, normalise, simulate
from qfp.decoding import decode, positions
from qfp.model import vae as network
from qfp.physics import geometry
from qfp.studies import frame, scoring
from qfp.studies.two_stage import (
    baseline,
    examples,
    findings,
    images,
    kriged,
    restricted,
    stages,
    train_vae,
)
from qfp.studies.two_stage.settings import load_baseline
from qfp.tools import SettingsError, as_dict
from qfp.training import checkpoint

SMOKE = load_preset("smoke")
CONFIG = dataclasses.replace(SMOKE, device=dataclasses.replace(SMOKE.device, field_points=4))
TINY = load_baseline(
    vae={
        "latent": 6,
        "width": 16,
        "blocks": 1,
        "curve_hidden": 16,
        "curve_blocks": 1,
        "batch": 4,
        "curve_batch": 16,
        "image_steps": 8,
        "curve_steps": 8,
        "joint_steps": 4,
    },
    sweep={
        "image_steps": 2,
        "curve_steps": 2,
        "rows": [{}, {"latent": 3}],
        "second_rows": [{}, {"curve_mixing": 1.0}],
    },
    restricted={"upper": [24, 16], "potentials": 1, "latent": 4, "image_steps": 2},
)


@pytest.fixture(scope="module")
def pairs():
    """48 configurations under two potentials."""
    return simulate.simulate(CONFIG, potentials=(0, 1))


@pytest.fixture(scope="module")
def part(pairs):
    rows = dataset.split(len(pairs.antidots), 2, "config", 0)["train"]
    return stages.Part(pairs, rows, normalise.normalisation(pairs, rows))


def fresh(settings=TINY.vae):
    torch.manual_seed(0)
    return network.Vae(settings, CONFIG.device.field_points)


def test_the_divergence_is_that_of_two_gaussians():
    mean, log_variance, other, other_log_variance = torch.randn(4, 5, 7)
    found = network.divergence(mean, log_variance, other, other_log_variance)
    a, b = (
        Normal(m, (v / 2).exp()) for m, v in ((mean, log_variance), (other, other_log_variance))
    )
    torch.testing.assert_close(found, kl_divergence(a, b).sum(1))
    unit = kl_divergence(a, Normal(torch.zeros(()), torch.ones(()))).sum(1)
    torch.testing.assert_close(network.divergence(mean, log_variance), unit)


def test_both_losses_by_hand(part):
    model, i = fresh(), np.arange(3)
    given, curves = part.images(i), part.curves(i)
    mean, log_variance = model.encode(given)
    noise = torch.randn(3, 6)
    error, regular = network.image_loss(model, given, noise, beta=0.5)
    image = model.decoder(mean + noise * torch.exp(0.5 * log_variance))
    assert image.shape == given.shape == (3, 1, 60, 60)
    torch.testing.assert_close(error, (image - given).square().mean())
    torch.testing.assert_close(regular, 0.5 * network.divergence(mean, log_variance).mean() / 3600)
    found = network.curve_loss(model, curves, mean, log_variance)
    torch.testing.assert_close(
        found, network.divergence(mean, log_variance, *model.read(curves)) / 6
    )
    torch.testing.assert_close(model(curves), model.decoder(model.read(curves)[0]))


# --- the restricted set


def test_restricted_configurations_are_all_that_the_rule_allows_below_the_fixed_antidot():
    device, upper = SMOKE.device, (24, 45)
    antidots = restricted.restricted_antidots(device, upper)
    every = [((x, y), upper) for y in range(device.length) for x in range(device.width)]
    expected = [
        pair for pair in every if geometry.in_dataset(pair, device) and pair[0][1] < upper[1]
    ]
    assert sorted(map(tuple, antidots[:, 0].tolist())) == sorted(pair[0] for pair in expected)
    assert (antidots[:, 1] == upper).all() and (geometry.ordered(antidots) == antidots).all()
    assert (geometry.canonical(antidots, device) != antidots).any()
    with pytest.raises(SettingsError, match=r"upper \[3, 45\] is no place"):
        restricted.restricted_antidots(device, (3, 45))


def test_restricted_pairs_come_from_the_exact_solver_and_are_kept(tmp_path):
    pairs = restricted.restricted_pairs(CONFIG.device, TINY.restricted, tmp_path)
    from qfp.physics import green
    from qfp.physics.wire import random_potential

    k = len(pairs.antidots) // 2
    G, _, ldos = green.solve(
        CONFIG.device, pairs.antidots[k], random_potential(0, CONFIG.device), image=True
    )
    np.testing.assert_allclose(pairs.conductance[0, k], G, atol=1e-6)
    np.testing.assert_allclose(pairs.ldos[0, k], ldos, atol=1e-2)
    np.testing.assert_array_equal(positions.recover(pairs.ldos[0], CONFIG.device), pairs.antidots)
    kept = next(tmp_path.glob("curves-*.npy"))
    np.save(kept, pairs.conductance[0] + 1)
    again = restricted.restricted_pairs(CONFIG.device, TINY.restricted, tmp_path)
    np.testing.assert_array_equal(again.conductance, pairs.conductance + 1)
    assert again.sha256 == pairs.sha256


# --- training


def test_training_learns_images_and_then_curves(part, tmp_path):
    few = dataclasses.replace(part, rows=part.rows[:8])
    settings = dataclasses.replace(
        TINY.vae, image_steps=120, curve_steps=150, learning_rate=4e-3, beta=1e-3, batch=8
    )
    model = train_vae.train_vae(settings, CONFIG, few, 0, tmp_path)[0]
    p, n = few.rows.T
    truth = part.pairs.ldos[p, n].astype(float)
    variance = truth.var()
    for found in (
        images.reconstructed(model, part.normal, truth),
        images.decoded(model, part.normal, part.pairs.conductance[p, n]),
    ):
        own, other = ((found - target) ** 2 for target in (truth, np.roll(truth, 2, axis=0)))
        error, mistaken = float(own.mean()), float(other.mean())
        assert error < 0.6 * variance and error < 0.6 * mistaken, "it tells the wires apart"


@pytest.mark.parametrize("stage", ["first_stage", "second_stage"])
def test_a_killed_stage_goes_on_to_the_same_weights(part, tmp_path, monkeypatch, stage):
    monkeypatch.setattr(stages, "KEEP", 3)
    settings = dataclasses.replace(TINY.vae, curve_mixing=1.0)
    whole, killed = fresh(), fresh()
    known = () if stage == "first_stage" else (stages.latents(whole, part),)

    def run(model, name):
        getattr(stages, stage)(model, settings, part, *known, 0, tmp_path / name)

    run(whole, "whole")
    name = {"first_stage": "image_loss", "second_stage": "curve_loss"}[stage]
    real, calls = getattr(stages, name), []

    def dies(*arguments):
        calls.append(arguments)
        if len(calls) == 6:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(stages, name, dies)
    with pytest.raises(KeyboardInterrupt):
        run(killed, "killed")
    run(resumed := fresh(), "killed")
    assert len(calls) == 6 + 8 - 3, "three steps had been kept"
    for ours, theirs in zip(resumed.parameters(), whole.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=0)


def weights_of(model):
    return torch.cat([p.detach().flatten() for p in model.parameters()])


@pytest.mark.parametrize("change", ["settings", "seed", "rows", "data"])
def test_a_stage_made_with_other_settings_or_pairs_is_not_taken_for_its_own(part, tmp_path, change):
    """A second training in one folder gives what it gives in a folder of its own."""
    rows = {
        "settings": (dataclasses.replace(TINY.vae, beta=3.0, curve_learning_rate=1e-2), part, 0),
        "seed": (TINY.vae, part, 1),
        "rows": (TINY.vae, dataclasses.replace(part, rows=part.rows[:20]), 0),
        "data": (TINY.vae, doubled(part), 0),
    }

    def run(settings, part, seed, folder):
        model, own, _ = train_vae.train_vae(settings, CONFIG, part, seed, folder)
        stages.joint_stage(model, own, part, seed, folder)
        return weights_of(model)

    first = run(TINY.vae, part, 0, tmp_path / "one")
    again = run(*rows[change], tmp_path / "one")
    assert torch.equal(again, run(*rows[change], tmp_path / "other"))
    assert not torch.equal(again, first)


def doubled(part):
    """The part, of a dataset of other settings: all its images are twice as bright."""
    pairs = dataclasses.replace(part.pairs, ldos=2 * part.pairs.ldos, sha256="1" * 64)
    return dataclasses.replace(part, pairs=pairs)


def test_the_second_stage_leaves_encoder_and_decoder_alone(part, tmp_path):
    model, before = fresh(), fresh()
    stages.second_stage(model, TINY.vae, part, stages.latents(model, part), 0, tmp_path)
    for name in ("encoder", "decoder"):
        for ours, theirs in zip(
            getattr(model, name).parameters(), getattr(before, name).parameters(), strict=True
        ):
            assert torch.equal(ours, theirs)
    assert not torch.equal(model.curve[0].weight, before.curve[0].weight)


# --- from training to the table


def stamps_of(folder):
    """When the checkpoints of all stages were written."""
    stages_of = ("images", "curves", "joint")
    files = [p for name in stages_of for p in folder.rglob(f"{name}-*/{checkpoint.CHECKPOINT}")]
    assert len(files) == 2 * 2 + 1 + 2 + 2 * 2 + 1, "sweep, general, restricted and few, joint"
    return {path: path.stat().st_mtime_ns for path in files}


@pytest.fixture(scope="module")
def trained(pairs, tmp_path_factory):
    """Folder of `qfp train-vae` with tiny settings, everything exported; and what it reported."""
    folder, lines = tmp_path_factory.mktemp("vae"), []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dataset, "load", lambda path: pairs)
        patch.setattr(train_vae, "DEV", 5)
        train_vae.run_train_vae(CONFIG, TINY, "data.h5", folder, lines.append)
        stamps = stamps_of(folder)
        train_vae.run_train_vae(CONFIG, TINY, "data.h5", folder, lines.append)
        assert stamps_of(folder) == stamps, "nothing is done twice"
    for name in ("few", "joint", "general", "restricted"):
        checkpoint.export(folder / name, folder / name, bf16=True)
    return folder, lines


def test_the_sweep_chooses_by_development_curves(trained):
    found = json.loads((trained[0] / "sweep.json").read_text())
    assert [row["changes"] for row in found["rows"]] == [{}, {"latent": 3}]
    best = max(found["rows"], key=lambda row: row["curve"]["r_median"])
    assert found["best"] == best["changes"] and best["curve"]["n"] == 2, "as many as there are"
    second = max(found["second_rows"], key=lambda row: row["curve"]["r_median"])
    assert len(found["second_rows"]) == 2 and found["second_best"] == second["changes"]
    model, config, _, meta = network.load_vae(trained[0] / "general.safetensors")
    assert (
        meta["vae"]["latent"]
        == (found["best"] or {"latent": 6})["latent"]
        == model.read(torch.zeros(1, 4))[0].shape[1]
    )
    assert meta["vae"]["curve_mixing"] == found["second_best"].get("curve_mixing", 0.0)
    assert config == CONFIG and len(meta["stage_minutes"]) == 2 and meta["training_pairs"] == 68
    few = network.load_vae(trained[0] / "few.safetensors")[3]
    assert few["vae"]["image_steps"] == 2 < meta["vae"]["image_steps"]


def test_weights_of_one_kind_are_not_taken_for_the_other(trained):
    with pytest.raises(SettingsError, match="general.safetensors holds the two-stage baseline"):
        decode.load_decoder(trained[0] / "general.safetensors")
    with pytest.raises(SettingsError, match="laptop.safetensors holds a diffusion model"):
        network.load_vae("laptop")


def test_the_whole_table(trained, pairs, tmp_path, monkeypatch):
    folder, lines = trained[0], []
    names = [str(folder / f"{name}.safetensors") for name in ("general", "restricted")]
    parts = dataset.split(len(pairs.antidots), 2, "config", CONFIG.seed)
    meta = {"data": pairs.sha256, "config": {}}
    decoder = SimpleNamespace(config=CONFIG, meta=meta)
    (tmp_path / "known.safetensors").write_bytes(b"weights")
    monkeypatch.setattr(frame, "load_decoder", lambda name: decoder)
    monkeypatch.setattr(frame, "project_root", lambda: tmp_path)
    monkeypatch.setattr(dataset, "load", lambda path, images: pairs)
    monkeypatch.setattr(baseline, "load_baseline", lambda: TINY)

    def truth(run, name, curves, rows, *_):
        return pairs.ldos[rows[:, 0], rows[:, 1]][:, None]

    monkeypatch.setattr(frame.Run, "samples", truth)
    options = {"curves": 6, "folder": str(folder), "names": names, "report": lines.append}
    weights = tmp_path / "known.safetensors"
    out = tmp_path / "vae.json"
    result = frame.run_study(baseline.STUDY, CONFIG, out, weights, "data.h5", **options)
    assert result == json.loads((tmp_path / "vae.json").read_text())
    general, few = result["general"], result["restricted"]
    assert general.keys() - {"differences", "r"} == baseline.ROWS.keys()
    assert few.keys() - {"differences", "r"} == {
        "two_stage",
        "two_stage_sample",
        "reconstruction",
        "train",
    }
    assert general["single"]["within_0"] == 1 and general["two_stage"]["n"] == 6, (
        "the truth stood in for the diffusion model"
    )
    assert general["differences"].keys() == baseline.PAIRS.keys() and few["differences"].keys() == {
        "reading"
    }
    lead = general["differences"]["diffusion"]
    assert (
        lead["r_high"] == 1 - general["two_stage"]["r_high"] and len(lead["r_high_interval"]) == 2
    )
    assert baseline.best_share(general["r"]["single"], 0.6) == 1
    model, _, normal, _ = network.load_vae(names[0])
    p, n = frame.choose_rows(parts, "test", 6, CONFIG.seed).T
    truth = pairs.ldos[p, n]
    again = scoring.scores(
        pairs.device,
        positions.recover(images.decoded(model, normal, pairs.conductance[p, n]), pairs.device),
        pairs.antidots[n],
        images.decoded(model, normal, pairs.conductance[p, n]),
        truth,
    )
    assert again == general["two_stage"]
    assert (
        "| latent 3" in baseline.sweep_table(result["sweep"]["rows"], {"latent": 3})
        and "two stage" in lines[-2]
    )
    assert "| none (chosen) |" in baseline.sweep_table(result["sweep"]["second_rows"], {})
    assert "| exact |" in findings.scores(result, "restricted")
    assert len(findings.differences(result).splitlines()) == 2 + len(baseline.PAIRS) + 1
    assert len(findings.reached(result, 0.6).splitlines()) == 2
    row = result["networks"][names[0]]
    assert (
        row["vae"] == as_dict(TINY.vae) | result["sweep"]["best"] | result["sweep"]["second_best"]
        and sum(row["stage_minutes"]) > 0
    )


@pytest.fixture
def lending(trained, pairs, tmp_path, monkeypatch):
    """Call of study `vae-kriged` beside a diffusion model that was given interpolated curves."""
    training = dataclasses.replace(CONFIG.training, curve_neighbours=10, curve_mixing=1.0)
    meta = {"data": pairs.sha256, "config": {}}
    decoder = SimpleNamespace(config=dataclasses.replace(CONFIG, training=training), meta=meta)
    (tmp_path / "known.safetensors").write_bytes(b"weights")
    monkeypatch.setattr(frame, "load_decoder", lambda name: decoder)
    monkeypatch.setattr(frame, "project_root", lambda: tmp_path)

    def run(of=pairs):
        monkeypatch.setattr(dataset, "load", lambda path, images: of)
        given = tmp_path / "known.safetensors", "data.h5", str
        more = {"vae": str(trained[0] / "general.safetensors"), "curves": 6, "steps": 5}
        return frame.run_study(kriged.STUDY, CONFIG, tmp_path / "out.json", *given, **more)

    return run


def test_a_second_stage_is_taught_by_kriged_labels(lending):
    result = lending()
    rows = result["rows"]
    assert rows.keys() == kriged.ROWS.keys() and result["curve_mixing"] == 1
    assert rows["two_stage"]["n"] == 6 and "difference" not in rows["two_stage"]
    assert rows["kriged"]["difference"]["within_0_interval"][0] < 0
    assert rows["kriged"]["r_median"] != rows["two_stage"]["r_median"]
    assert "| labels |" in kriged.in_markdown(result).splitlines()[0]


def test_no_held_out_curve_or_image_enters_a_kriged_label(lending, pairs, monkeypatch):
    parts, seen = dataset.split(len(pairs.antidots), 2, "config", CONFIG.seed), []
    rest = np.concatenate([parts["test"], parts["dev"]])[:, 1]
    poisoned = dataclasses.replace(
        pairs, conductance=pairs.conductance.copy(), ldos=pairs.ldos.copy()
    )
    poisoned.conductance[:, rest], poisoned.ldos[:, rest] = np.nan, np.nan

    def taught(model, settings, part, known, seed, folder):
        seen.append((part.curves(np.arange(len(part.rows))), *known))
        raise KeyboardInterrupt

    monkeypatch.setattr(kriged, "second_stage", taught)
    for world in (pairs, poisoned):
        with pytest.raises(KeyboardInterrupt):
            lending(world)
    for ours, theirs in zip(*seen, strict=True):
        assert torch.isfinite(ours).all() and len(ours) == 2 * len(pairs.antidots)
        torch.testing.assert_close(ours, theirs, rtol=0, atol=0)


def test_gains_in_points():
    row = {"within_1": 0.031, "within_1_interval": [0.022, 0.044]}
    assert findings.gain(row, "within_1") == "+3.1 (+2.2 to +4.4)"


def test_examples_are_unseen_wires_of_their_set(trained, monkeypatch):
    vae, small = (
        network.load_vae(trained[0] / f"{name}.safetensors") for name in ("general", "restricted")
    )
    assert findings.networks({"general": vae, "restricted": small}).count("minutes") == 2
    monkeypatch.setattr(decode, "draw", lambda *_: np.full((1, 1, 60, 50), 7.0))
    general = examples.general_examples(vae, None, 2, 0, SMOKE.sampling)
    few = examples.restricted_examples(small, TINY.restricted, 2)
    assert general.images.shape == (2, 4, 60, 50) and few.images.shape == (2, 3, 60, 50)
    assert (general.images[:, 3] == 7).all(), "the sample of the diffusion model"
    test = dataset.configurations_of(CONFIG, "test")
    unseen = general.configurations[test].tolist()
    for shown in (general, few):
        found = positions.recover(shown.images[:, 0], CONFIG.device)
        np.testing.assert_array_equal(found, shown.antidots)
        assert np.isfinite(shown.images).all()
    assert all(pair in unseen for pair in general.antidots.tolist())
    assert (few.antidots[:, 1] == TINY.restricted.upper).all()


def test_weights_of_other_data_are_refused(trained, pairs):
    other = dataclasses.replace(pairs, sha256="other")
    with pytest.raises(SettingsError, match="not what the weights"):
        baseline.opened(trained[0] / "general.safetensors", other, "data.h5")


# --- the command


@pytest.mark.parametrize(
    "change, message",
    [
        ("vae.latnt=3", "unknown key 'latnt'"),
        ("vae.latent=many", "latent must be int"),
        ("sweep.rows=[{latnt: 3}]", "unknown key 'latnt'"),
        ("vae=3", "--set vae"),
    ],
)
def test_bad_settings_are_one_line(capsys, change, message):
    assert cli.main(["train-vae", "--dry-run", "--set", change]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


def test_dry_run_shows_the_sections_of_the_baseline(capsys):
    assert cli.main(["train-vae", "--dry-run", "--set", "vae.latent=3"]) == 0
    shown = capsys.readouterr().out
    assert "latent: 3" in shown and "upper:" in shown and "width: 50" in shown


def test_the_figure_shows_the_second_stage_taught_more_after_the_vae():
    result = {name: dict.fromkeys(rows, name) for name, rows in findings.SHOWN.items()}
    panels = findings.panels(result, {"rows": {"kriged": "taught"}})
    general = panels["general configurations"]
    assert list(general)[:3] == ["two_stage", "kriged", "one_stage"]
    assert general["kriged"] == "taught" and set(general) == set(findings.NAMES)
    assert panels["restricted configurations"] == result["restricted"]
