"""Curves under potentials that a dataset does not have: exact, of training configurations alone."""

import dataclasses

import numpy as np
import pytest
import torch

from qfp.config import load_preset
from qfp.data import dataset, fresh, further, normalise, simulate
from qfp.tools import SettingsError, as_dict
from qfp.training.batches import Batches

CONFIG = load_preset(
    "smoke",
    device={"width": 24, "length": 28, "radius": 3, "field_points": 3},
    dataset={"configurations": 24, "potentials": 2},
    training={"curve_neighbours": 5, "curve_batch": 300, "curve_potentials": 2},
)


@pytest.fixture(scope="module")
def pairs():
    return simulate.simulate(CONFIG, potentials=(0, 1))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(further, "project_root", lambda: tmp_path)
    return tmp_path


def test_they_are_exact_kept_and_of_known_configurations_alone(pairs, folder, monkeypatch):
    known = np.array([1, 4, 7])
    found = further.curves(pairs, known, 2, workers=1)
    assert found.shape == (2, 24, 3) and np.isnan(np.delete(found, known, axis=1)).all()
    for curves, seed in zip(found, fresh.seeds_of("further", 2)):
        exact = [fresh.curve(pairs.device, antidots, seed) for antidots in pairs.antidots[known]]
        np.testing.assert_allclose(curves[known], exact, atol=1e-4)
    assert len(list(folder.glob("runs/curves/*.npy"))) == 2
    monkeypatch.setattr(further, "pool", None)  # nothing is left to compute
    np.testing.assert_array_equal(further.curves(pairs, known, 2), found)


def test_extra_curves_of_a_batch_have_them_and_images_do_not(pairs, folder):
    rows = dataset.split(24, 2, "config", 0)["train"]
    normal = normalise.normalisation(pairs, rows)
    still = dataclasses.replace(CONFIG.training, curve_mixing=0.0)
    batches = Batches(dataclasses.replace(CONFIG, training=still), pairs, rows, normal, "cpu")
    batch, B = batches(0), CONFIG.training.batch
    assert batches.curves.shape == (4, 24, 3) and np.isfinite(batches.curves).all()
    every = normal.curve(batches.curves).flatten(0, 1)
    source = torch.cdist(batch["curves"], every).argmin(1) // 24
    assert source[:B].max() < 2 and source[B:].unique().tolist() == [0, 1, 2, 3]
    # of configurations outside the training set they are interpolated, as all other curves
    missing = np.setdiff1d(np.arange(24), rows[:, 1])
    exact = further.under(pairs.device, pairs.antidots[missing], fresh.FIRST["further"])
    assert np.abs(batches.curves[2, missing] - exact).max() > 1e-3


def test_a_file_without_them_keeps_its_hash_and_rules_name_what_they_need():
    plain = load_preset("smoke")
    assert "curve_potentials" not in as_dict(plain)["training"]
    with pytest.raises(SettingsError, match="curve_potentials need split 'config'"):
        load_preset("laptop", training={"curve_potentials": 2, "split": "pair"})
