"""Settings of the two-stage baseline: the sections of presets/vae.yaml."""

from dataclasses import dataclass
from pathlib import Path

import yaml

from qfp.config import build
from qfp.model.vae import VaeSettings
from qfp.tools import SettingsError, project_root


@dataclass(frozen=True)
class Sweep:
    """Short runs of the baseline that differ from it in one row of changes each."""

    image_steps: int
    curve_steps: int
    rows: tuple  # of mappings {setting of Vae: value}
    second_rows: tuple  # changes of the second stage alone, each in full on the best of `rows`


@dataclass(frozen=True)
class Restricted:
    """Configurations of the earlier work: one antidot fixed, the other anywhere below it."""

    upper: tuple  # centre (x, y) of the fixed antidot
    potentials: int
    latent: int
    image_steps: int


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
    values = yaml.safe_load(path.read_text())
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
    for row in built["sweep"].rows + built["sweep"].second_rows:
        build(VaeSettings, values["vae"] | row, f"{path.name}, sweep")
    return Baseline(**built)
