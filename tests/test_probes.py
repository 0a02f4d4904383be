"""Probes against brute force, closed forms and the layers they look at."""

import numpy as np
import pytest
import torch

from qfp.config import load_preset
from qfp.model import anatomy, exported
from qfp.model.diffusion import Schedule, guided, sample
from qfp.model.unet import UNet
from qfp.physics import geometry
from qfp.studies.attention import marks, watch
from qfp.studies.networks import stages as tables

CONFIG = load_preset("smoke")
DEVICE = CONFIG.device
SCHEDULE = Schedule.of(CONFIG.diffusion)
ANTIDOTS = geometry.configurations(DEVICE)[1]


@pytest.fixture
def model():
    """A small network whose every branch does something (a fresh one starts as 0)."""
    model = UNet(CONFIG.network, DEVICE.field_points).eval().requires_grad_(False)
    for parameter in model.parameters():
        parameter.add_(0.05 * torch.randn_like(parameter))
    return model


@pytest.fixture
def condition(model):
    return model.encode(torch.randn(3, DEVICE.field_points))


@pytest.mark.parametrize(
    "preset, names",
    [("smoke", "down30 down15 up15 up30"), ("paper", "down60 down30 down15 up15 up30 up60")],
)
def test_architecture_is_read_off_the_modules(preset, names):
    config = load_preset(preset)
    network, target = config.network, config.training.curve_target
    model = exported.hollow_network(config)
    stages = anatomy.architecture(model)
    assert " ".join(stage["name"] for stage in stages) == names
    levels = len(network.channels)
    for stage, level in zip(stages, [*range(levels), *reversed(range(levels))]):
        assert stage["channels"] == network.channels[level]
        assert stage["attention"] == network.attention[level]
        assert stage["condition"] == network.condition_channels[level]
        assert stage["convolutions"] == 2 * network.blocks
        assert stage["heads"] == (network.heads if network.attention[level] != "none" else 0)
    path = anatomy.condition_path(model)
    assert path["tokens"] == 30 and path["positions"] == (target == "positions")
    assert (path["hidden"], path["blocks"]) == (network.condition_hidden, network.condition_blocks)
    table, kinds = tables.table({preset: model}), tables.attention({preset: model})
    assert table.startswith(f"**{preset}**, {tables.parameters(model):,} parameters")
    assert table.count("\n| ") == 2 + len(names.split()) == 2 + kinds.count(",")


def test_watching_leaves_the_pass_as_it_is(model, condition):
    def draw():
        return sample(
            guided(model, SCHEDULE, condition), SCHEDULE, [1, 2, 3], (1, 60, 60), "ddim", 4
        )

    before = draw()
    found = []
    with watch.watching(model.attention_layers(), lambda *caught: found.append(caught)):
        watched = draw()
    assert torch.equal(before, watched)
    assert len(found) == 4 * len(model.attention_layers())
    draw()
    assert len(found) == 4 * len(model.attention_layers()), "hooks must be gone"


def test_weights_beside_the_path_are_those_of_the_path(model, condition):
    """A v, with the weights computed from the caught input, is what the layer gives."""
    outputs, caught = {}, {}
    layers = model.attention_layers()
    handles = [
        layer.register_forward_hook(lambda m, i, out, name=name: outputs.update({name: out}))
        for name, layer in layers.items()
    ]
    with watch.watching(layers, lambda name, layer, tokens: caught.update({name: tokens})):
        model(torch.randn(3, 1, 60, 60), torch.tensor([10, 500, 900]), condition)
    for handle in handles:
        handle.remove()
    for name, layer in layers.items():
        v = layer.project(caught[name])[2]
        torch.testing.assert_close(
            layer.merge(layer.weights(caught[name]) @ v), outputs[name], atol=1e-5, rtol=1e-5
        )


def test_importance_trajectory(model, condition):
    seeds = [4, 5, 6]
    path = watch.importance_trajectory(model, SCHEDULE, condition, seeds, 5)
    assert path.t.tolist() == SCHEDULE.respaced(5)
    assert path.x.shape == path.x0.shape == (5, 3, 60, 60)
    assert list(path.importance) == ["down30", "down15", "up15", "up30"]
    assert path.importance["down15"].shape == (5, 3, 4, 15, 15) and path.importance[
        "up30"
    ].shape == (5, 3, 4, 30, 30)
    for B in path.importance.values():
        np.testing.assert_allclose(B.mean(axis=(-2, -1)), 1, atol=1e-5)
    np.testing.assert_allclose(
        path.x0[-1],
        sample(guided(model, SCHEDULE, condition), SCHEDULE, seeds, (1, 60, 60), "ddim", 5)[
            :, 0
        ].numpy(),
        atol=1e-6,
        err_msg="the last x0_hat is the sample",
    )
    x, t = torch.from_numpy(path.x[2])[:, None], int(path.t[2])
    at = watch.importance_at(model, x, t, condition)
    tokens = {}
    with watch.watching(model.attention_layers(), lambda name, layer, x: tokens.update({name: x})):
        model(x, torch.full((3,), t), condition)
    for name, layer in model.attention_layers().items():
        dense = layer.weights(tokens[name]).sum(-2).numpy().reshape(path.importance[name][2].shape)
        np.testing.assert_allclose(path.importance[name][2], dense, atol=1e-4)
        np.testing.assert_allclose(at[name], dense, atol=1e-4)


def test_importance_of_some_layers_and_steps(model, condition):
    whole = watch.importance_trajectory(model, SCHEDULE, condition, [4, 5, 6], 6, "ancestral")
    some = watch.importance_trajectory(
        model, SCHEDULE, condition, [4, 5, 6], 6, "ancestral", ["up15"], keep=[0, 4]
    )
    assert list(some.importance) == ["up15"] and some.t.tolist() == whole.t[[0, 4]].tolist()
    np.testing.assert_array_equal(some.importance["up15"], whole.importance["up15"][[0, 4]])
    alone = watch.importance_trajectory(
        model, SCHEDULE, condition.index([1]), [5], 6, "ancestral", ["up15"], keep=[4]
    )
    np.testing.assert_allclose(
        alone.importance["up15"][0, 0], whole.importance["up15"][4, 1], atol=1e-4
    )


def test_grid_cells():
    chosen = ANTIDOTS[::1500]
    cells, wire = marks.grid_cells(chosen, DEVICE), marks.wire_cells(DEVICE)
    for own, pair in zip(cells, chosen):
        mask = geometry.removed_mask(pair, DEVICE)
        for row in range(15):
            for column in range(15):
                share = (
                    sum(
                        mask[y, x - 5]
                        for y in range(4 * row, 4 * row + 4)
                        for x in range(4 * column, 4 * column + 4)
                        if 0 <= x - 5 < 50
                    )
                    / 16
                )
                assert own[row, column] == (share >= 0.5)
        assert not own[~wire].any() and 6 <= own.sum() <= 14
    assert np.flatnonzero(~wire[0]).tolist() == [0, 14]


def test_rim_cells():
    cells = np.zeros((1, 15, 15), bool)
    cells[0, 0, 3], cells[0, 7, 7] = True, True
    rim = marks.rim_cells(cells)
    assert (
        rim.sum() == 5 + 8
        and rim[0, 0, 2]
        and rim[0, 1, 4]
        and rim[0, 8, 8]
        and not (rim & cells).any()
    )


def test_auc_against_all_pairs_of_cells():
    rng = np.random.default_rng(0)
    maps = rng.integers(6, size=(2, 3, 15, 15)).astype(float)  # many ties
    cells, valid = marks.grid_cells(ANTIDOTS[[5, 9000]], DEVICE), marks.wire_cells(DEVICE)
    table = marks.auc_table(maps, cells, valid)
    for a, m, b in np.ndindex(2, 3, 2):
        inside, outside = maps[a, m][cells[b]], maps[a, m][valid & ~cells[b]]
        difference = inside[:, None] - outside
        assert table[a, m, b] == pytest.approx(((difference > 0) + 0.5 * (difference == 0)).mean())


def test_only_a_map_of_its_own_curve_beats_the_other_curves():
    rng = np.random.default_rng(1)
    chosen = rng.choice(len(ANTIDOTS), 40, replace=False)
    cells, valid = marks.grid_cells(ANTIDOTS[chosen], DEVICE), marks.wire_cells(DEVICE)
    own, other = marks.own_and_other(marks.auc_table(cells.astype(float), cells, valid))
    assert (own == 1).all() and (other < 0.9).all()
    prior = np.broadcast_to(marks.grid_cells(ANTIDOTS, DEVICE).mean(axis=0), (40, 15, 15))
    own, other = marks.own_and_other(marks.auc_table(prior, cells, valid))
    assert own.mean() > 0.7, "where antidots usually are is known without a curve"
    assert abs((own - other).mean()) < 1e-9, "but it is known of every curve alike"
