"""`qfp live`: a page in which a reader moves the antidots of a wire: a folder to be mailed."""

from pathlib import Path

from qfp.commands.settings import described
from qfp.config import PRESETS, load_preset

HELP = "write a page in which a wire is solved while its antidots are dragged"


def add(sub):
    """Its arguments."""
    wire = sub.add_mutually_exclusive_group()
    choices = f"{', '.join(PRESETS)} or a .yaml file (default laptop)"
    wire.add_argument("--preset", default="laptop", help=choices)
    wire.add_argument(
        "--device", metavar="FILE.yaml", help="a wire of your own: see `qfp device FILE.yaml`"
    )
    sub.add_argument(
        "--weights",
        help="name in models/, or a .safetensors file: a network of this wire, which the page then "
        "can ask (default: that of the preset; with --device none)",
    )
    sub.add_argument("--out", required=True, metavar="DIR", help="a new folder for the page")


def run(arguments):
    """Write the page. Raises SettingsError where there can be none."""
    from qfp.decoding.answer import check_wire
    from qfp.decoding.decode import load_pairs_decoder as load_decoder
    from qfp.live import page
    from qfp.live.decoder import fitting

    device, unit = wire_of(arguments)
    name = Path(arguments.device or arguments.preset).stem
    if arguments.weights is not None:
        decoder = load_decoder(arguments.weights)
        check_wire(decoder, arguments.weights, device)
    else:
        decoder = None if arguments.device else fitting(load_preset(arguments.preset))
    index = page.write_page(arguments.out, device, page.file_name(name), unit, decoder)
    size = sum(path.stat().st_size for path in index.parent.iterdir())
    print(f"{index}: open it in a browser ({size / 1e6:.1f} MB in the folder)")


def wire_of(arguments):
    """Device of the arguments, and the unit of its fields, None for the lattice's."""
    if arguments.device is None:
        return load_preset(arguments.preset).device, None
    device, found = described(arguments.device)
    return device, unit_of(device, found)


def unit_of(device, found):
    """The unit of the fields of a Device and its Laboratory; None for the lattice's."""
    if found is None:
        return None
    return {"symbol": "B", "name": "T", "per": found.tesla / device.field_max}
