"""Shapes, conditions and starting point of the network, in the presets' sizes."""

import dataclasses

import pytest
import torch

from qfp.config import load_preset
from qfp.model.unet import UNet

CONFIG = load_preset("smoke")


@pytest.fixture
def model():
    """The smoke network with its zero layers perturbed, so that every path matters."""
    net = UNet(CONFIG.network, 64, "positions").eval()
    with torch.no_grad():
        for p in net.parameters():
            p.add_(0.05 * torch.randn_like(p))
    return net


def on_meta(preset):
    with torch.device("meta"):
        config = load_preset(preset)
        return config, UNet(config.network, 64, config.training.curve_target)


@pytest.mark.parametrize(
    ("preset", "sizes", "names"),
    [
        ("paper", (60, 30, 15), ["down60", "down30", "down15", "up15", "up30", "up60"]),
        ("laptop", (30, 15), ["down30", "down15", "up15", "up30"]),
        ("smoke", (30, 15), ["down30", "down15", "up15", "up30"]),
    ],
)
def test_presets_have_the_shapes_of_fig_2(preset, sizes, names):
    """On the meta device: shapes without arithmetic, so the paper's network costs nothing."""
    config, net = on_meta(preset)
    with torch.device("meta"):
        condition = net.encode(torch.randn(3, 64))
        x, t = torch.randn(3, 1, 60, 60), torch.zeros(3, dtype=torch.int64)
        assert net(x, t, condition).shape == x.shape
        assert net(x, t, net.null(3)).shape == x.shape
    want = [(3, c, s, s) for c, s in zip(config.network.condition_channels, sizes, strict=True)]
    assert [tuple(m.shape) for m in condition.maps] == want
    layers = net.attention_layers()
    assert list(layers) == names
    assert all(
        type(a).__name__ == ("FullAttention" if "15" in n else "LinearAttention")
        for n, a in layers.items()
    )
    assert all(a.heads == 4 for a in layers.values())


def test_laptop_network_is_small():
    _, net = on_meta("laptop")
    assert sum(p.numel() for p in net.parameters()) <= 5.5e6


def test_a_fresh_network_predicts_zero():
    net = UNet(CONFIG.network, 64)
    x = torch.randn(2, 1, 60, 60)
    assert not net(x, torch.tensor([3, 800]), net.encode(torch.randn(2, 64))).any()


def test_every_parameter_learns(model):
    keep = torch.tensor([True, False])
    output = model(
        torch.randn(2, 1, 60, 60), torch.tensor([3, 800]), model.encode(torch.randn(2, 64), keep)
    )
    (output.square().mean() + model.curve(torch.randn(2, 64)).square().mean()).backward()
    assert [n for n, p in model.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_dropped_curves_leave_the_null_condition(model):
    curve = torch.randn(3, 64)
    condition = model.encode(curve, torch.tensor([True, False, False]))
    null, full = model.null(3), model.encode(curve)
    for got, empty, given in zip(condition.maps, null.maps, full.maps, strict=True):
        torch.testing.assert_close(got[1:], empty[1:])
        torch.testing.assert_close(got[:1], given[:1])
        assert not torch.allclose(empty[0], given[0])


def test_the_curve_and_the_step_matter(model):
    x, t = torch.randn(1, 1, 60, 60), torch.tensor([500])
    one, two = (
        model.encode(torch.randn(2, 64)).index([0]),
        model.encode(torch.randn(2, 64)).index([1]),
    )
    assert not torch.allclose(model(x, t, one), model(x, t, two), atol=1e-4)
    assert not torch.allclose(model(x, t, one), model(x, t - 400, one), atol=1e-4)


def test_conditions_are_encoded_once_and_reused(model):
    curve, x, t = torch.randn(2, 64), torch.randn(6, 1, 60, 60), torch.full((6,), 300)
    repeated = model(x, t, model.encode(curve).repeat(3))
    torch.testing.assert_close(
        repeated, model(x, t, model.encode(curve.repeat_interleave(3, 0))), rtol=1e-4, atol=1e-5
    )
    alone = torch.cat(
        [
            model(x[i : i + 1], t[:1], model.encode(curve).index(slice(i // 3, i // 3 + 1)))
            for i in range(6)
        ]
    )
    torch.testing.assert_close(repeated, alone, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("target", "shape"), [("positions", (2, 2, 60, 60)), ("pooled", (2, 1, 15, 15))]
)
def test_what_the_extra_curves_train(target, shape):
    net, curve = UNet(CONFIG.network, 64, target), torch.randn(2, 64)
    assert net.curve(curve).shape == shape
    net.curve(curve).square().sum().backward()
    trained = {
        n.split(".")[1]
        for n, p in net.condition.named_parameters("condition")
        if p.grad is not None
    }
    reading = {"across", "along"} if target == "positions" else {"layers", "columns", "rows"}
    assert trained == {"enter", "stem", "embed", "position"} | reading


def test_attention_none_leaves_the_concatenation():
    net = UNet(dataclasses.replace(CONFIG.network, attention=("none", "full")), 64)
    assert list(net.attention_layers()) == ["down15", "up15"]


def test_sizes_must_end_at_15():
    with pytest.raises(ValueError, match="30 pixels"):
        UNet(dataclasses.replace(CONFIG.network, unshuffle=1), 64)


def test_forward_mode_derivatives_work(model):
    condition, t = model.encode(torch.randn(1, 64)), torch.tensor([200])
    x, tangent = torch.randn(2, 1, 1, 60, 60).unbind()
    _, derivative = torch.func.jvp(lambda x: model(x, t, condition), (x,), (tangent,))
    finite = (
        model(x + 1e-2 * tangent, t, condition) - model(x - 1e-2 * tangent, t, condition)
    ) / 2e-2
    assert (derivative - finite).norm() / finite.norm() < 1e-2
