"""What a network is made of, read off its modules (Sec. IV, Fig. 2)."""

import torch

from qfp.model.attention import FullAttention, LinearAttention


def parameters(network):
    """Number of all parameters of a network."""
    return sum(p.numel() for p in network.parameters())


def architecture(model):
    """Stages of a UNet in the order in which they act, read off its modules: a list of dicts.

    Keys: name ('down30'), size, channels, convolutions, attention ('full', 'linear' or 'none'),
    heads, head_dim, condition (channels of the curve's map), parameters."""
    kinds = {LinearAttention: "linear", FullAttention: "full", type(None): "none"}
    stages = [("down", i) for i in range(len(model.down))] + [
        ("up", i) for i in reversed(range(len(model.up)))
    ]
    found = []
    for way, i in stages:
        stage = getattr(model, way)[i]
        transformer = stage["transformer"]
        channels = transformer.norm.num_channels
        attention = transformer.attention
        found.append(
            {
                "name": f"{way}{model.sizes[i]}",
                "size": model.sizes[i],
                "channels": channels,
                "convolutions": sum(
                    isinstance(m, torch.nn.Conv2d) and m.kernel_size == (3, 3)
                    for m in stage.modules()
                ),
                "attention": kinds[type(attention)],
                "heads": getattr(attention, "heads", 0),
                "head_dim": getattr(attention, "head_dim", 0),
                "condition": transformer.enter.in_features - channels,
                "parameters": parameters(stage),
            }
        )
    return found


def condition_path(model):
    """Sizes of the path of the curve: dict of fields, hidden and blocks of its MLP, tokens and
    their width, layers that mix them, grid (features of a grid position) and positions (whether
    believed positions are among them)."""
    path = model.condition
    return {
        "fields": path.enter.in_features,
        "hidden": path.enter.out_features,
        "blocks": len(path.stem),
        "tokens": len(path.position),
        "width": path.width,
        "layers": len(path.layers),
        "grid": path.grid_width,
        "positions": path.positions,
    }
