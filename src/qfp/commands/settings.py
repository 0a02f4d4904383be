"""Settings on the command line: --preset, --set and --dry-run, and the Config that they give."""

import sys

import yaml

from qfp.config import PRESETS, load_preset, type_of
from qfp.tools import SettingsError, as_dict
from qfp.values import as_typed


def add_settings(parser):
    """--preset, --device, --set and --dry-run."""
    choices = f"{', '.join(PRESETS)} or a .yaml file (default laptop)"
    parser.add_argument("--preset", default="laptop", help=choices)
    wire = "a wire of your own in place of the preset's: see `qfp device FILE.yaml`"
    parser.add_argument("--device", metavar="FILE.yaml", help=wire)
    add_changes(parser)


def add_changes(parser):
    """--set and --dry-run."""
    change = {"action": "append", "metavar": "KEY=VALUE"}
    parser.add_argument("--set", help="change a setting: training.minutes=5", **change)
    parser.add_argument("--dry-run", action="store_true", help="print the settings and exit")


def parse_changes(pairs, option="--set"):
    """Mapping for load_preset from texts such as 'training.minutes=5', the values read as in a
    preset."""
    changes = {}
    for pair in pairs or ():
        key, equals, text = pair.partition("=")
        section, dot, name = key.partition(".")
        if not equals or not section or (dot and not name):
            raise SettingsError(f"{option} {pair}: expected KEY=VALUE, such as training.minutes=5")
        value = as_typed(text, f"{option} {pair}", type_of(section, name or None))
        if dot and not isinstance(changes.setdefault(section, {}), dict):
            raise SettingsError(f"{option} {pair}: {section} was given a single value before")
        if dot:
            changes[section][name] = value
        else:
            changes[section] = value
    return changes


def described(path, warm=False):
    """Device and Laboratory (None for lattice units) of a device file. Where its temperature is not
    taken (`warm`), a note says so."""
    from qfp.physics import device_file
    from qfp.physics.wire import Device

    device, found = device_file.read(path, Device)
    if found is not None and found.temperature and not warm:
        print(
            f"note: {path}: curves and answers are those at T = 0, not at {found.temperature:g} K "
            f"(k_B T = {found.thermal:.4f} t)",
            file=sys.stderr,
        )
    return device, found


def with_device(preset, changes, path, warm=False):
    """Changes for load_preset with the wire of a device file, and so many of its configurations as
    a dataset affords; `warm` as for `described`."""
    from qfp.data import dataset  # HDF5 is not loaded by commands that need no pairs

    for section in {"device", "dataset"} & changes.keys():
        if not isinstance(changes[section], dict):
            raise SettingsError(f"--set {section}: expected a mapping, or {section}.NAME=VALUE")
    changed = changes | {"device": as_dict(described(path, warm)[0]) | changes.get("device", {})}
    config = load_preset(preset, **changed)
    number = {"configurations": dataset.affordable(config.device, config.dataset.potentials)}
    return changed | {"dataset": number | changes.get("dataset", {})}


def config_of(given):
    """Config of --preset, --device and --set, from {name: value}; with --dry-run it is printed, and
    the program ends."""
    changes = parse_changes(given["set"])
    if given.get("device") is not None:
        warm = given.get("temperature") is not None
        changes = with_device(given["preset"], changes, given["device"], warm)
    config = load_preset(given["preset"], **changes)
    if given["dry_run"]:
        print(yaml.safe_dump(as_dict(config), sort_keys=False), end="")
        raise SystemExit(0)
    return config
