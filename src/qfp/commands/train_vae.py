"""`qfp train-vae`: train the two-stage baseline."""

import yaml

from qfp.commands.settings import add_settings, parse_changes, with_device
from qfp.config import load_preset
from qfp.tools import as_dict

HELP = "train the two-stage baseline of presets/vae.yaml: sweep, general, restricted set"
BASELINE = ("vae", "sweep", "restricted")  # sections of presets/vae.yaml


def add(sub):
    """Its arguments."""
    add_settings(sub)
    sub.add_argument("--data", metavar="FILE", help="default data/PRESET.h5")
    sub.add_argument(
        "--out",
        metavar="DIR",
        default="runs/vae",
        help="default runs/vae; goes on with what is there",
    )


def run(arguments):
    """Train the sweep, the general and the restricted model."""
    from qfp.studies.two_stage import train_vae as training
    from qfp.studies.two_stage.settings import load_baseline

    changes = parse_changes(arguments.set)
    own = {name: changes.pop(name) for name in BASELINE if name in changes}
    if arguments.device is not None:
        changes = with_device(arguments.preset, changes, arguments.device)
    config, baseline = load_preset(arguments.preset, **changes), load_baseline(**own)
    if arguments.dry_run:
        print(yaml.safe_dump(as_dict(config) | as_dict(baseline), sort_keys=False), end="")
        return
    training.run_train_vae(
        config, baseline, arguments.data or f"data/{config.preset}.h5", arguments.out
    )
