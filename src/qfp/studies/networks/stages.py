"""What networks are made of, in words: the tables beside the drawing of Fig. 2."""

from qfp.config import load_preset
from qfp.model.anatomy import architecture, condition_path, parameters
from qfp.model.exported import hollow_network

HEADER = "| stage | pixels | channels | attention | heads × width | curve's map | parameters |"
ALIGNED = "| --- | ---: | ---: | --- | ---: | ---: | ---: |"
ROW = (
    "| {name} | {size} × {size} | {channels} | {attention} | {heads} × {head_dim} | {condition} | "
    "{parameters:,} |"
)


def beside(model, preset):
    """The shipped network and that of a preset, without weights: {name: UNet}."""
    return {"shipped weights": model, f"preset {preset}": hollow_network(load_preset(preset))}


def table(networks):
    """A table in Markdown for each of {name: UNet}, one line a stage."""
    lines = []
    for name, network in networks.items():
        number = f"{parameters(network):,} parameters with the path of the curve"
        rows = [ROW.format(**stage) for stage in architecture(network)]
        lines += [f"**{name}**, {number}", "", HEADER, ALIGNED, *rows, ""]
    return "\n".join(lines)


def attention(networks):
    """Kinds of attention, numbers of heads and fields of the curve of {name: UNet}, as text."""
    lines = []
    for name, network in networks.items():
        stages, fields = architecture(network), condition_path(network)["fields"]
        lines.append(f"{name}: " + ", ".join(f"{s['name']} {s['attention']}" for s in stages))
        lines.append(f"  heads {sorted({s['heads'] for s in stages})}, curve of {fields} fields")
    return "\n".join(lines)
