"""Settings of the two-stage baseline: the sections of presets/vae.yaml."""

from dataclasses import dataclass
from pathlib import Path

from qfp.config import build
from qfp.files import yaml_of
from qfp.model.vae import VaeSettings
from qfp.tools import SettingsError, project_root
from qfp.values import each, within


@dataclass(frozen=True)
class Sweep:
    """Short runs of the baseline that differ from it in one row of changes each."""

    image_steps: int = within(1, 10**9)
    curve_steps: int = within(1, 10**9)
    rows: tuple = each(dict)  # {setting of Vae: value}
    second_rows: tuple = each(dict)  # of the second stage alone, in full on the best of `rows`


@dataclass(frozen=True)
class Restricted:
    """Configurations of the earlier work: one antidot fixed, the other anywhere below it."""

    upper: tuple = within(0, 10**6, of=int)  # centre (x, y) of the fixed antidot
    potentials: int = within(1, 1000)
    latent: int = within(1, 4096)
    image_steps: int = within(1, 10**9)


@dataclass(frozen=True)
class Baseline:
    """presets/vae.yaml: what the baseline has beside the preset that gives device, data, split and
    seed."""

    vae: VaeSettings
    sweep: Sweep
    restricted: Restricted


def load_baseline(path=None, **overrides):
    """Baseline of a YAML file, by default presets/vae.yaml; overrides {section: {key: value}} as in
    load_preset.

    Raises SettingsError for unknown keys (named), values of the wrong type or a row of the sweep
    that is no change."""
    path = project_root() / "presets" / "vae.yaml" if path is None else Path(path)
    values = yaml_of(path, "baseline")
    for section, change in overrides.items():
        if not isinstance(change, dict) or section not in values:
            raise SettingsError(
                f"--set {section}: the sections of {path.name} are {', '.join(values)}"
            )
        values[section] = values[section] | change
    built = {
        name: build(cls, values[name], f"{path.name}, {name}")
        for name, cls in (("vae", VaeSettings), ("sweep", Sweep), ("restricted", Restricted))
    }
    if len(built["restricted"].upper) != 2:
        raise SettingsError(
            f"{path.name}, restricted: upper must be one centre [x, y], not "
            f"{list(built['restricted'].upper)}"
        )
    for row in built["sweep"].rows + built["sweep"].second_rows:
        build(VaeSettings, values["vae"] | row, f"{path.name}, sweep")
    return Baseline(**built)
