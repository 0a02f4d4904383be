"""Settings of the two-stage baseline: the sections of presets/vae.yaml."""

from dataclasses import dataclass
from pathlib import Path

import yaml

from qfp.config import build
from qfp.tools import SettingsError, project_root


@dataclass(frozen=True)
class Vae:
    """The two-stage baseline (the paper's reference [7]) and its training."""

    latent: int  # numbers that stand for an image
    beta: float  # weight of the divergence of the latents from the unit Gaussian
    width: int  # channels at 15 x 15; half as many at 30 x 30
    blocks: int  # residual blocks a level, in encoder and decoder each
    curve_hidden: int  # width of the residual MLP from curve to latent
    curve_blocks: int
    # size of the random combination of potentials in a training curve and its latent; 0: none
    curve_mixing: float
    learning_rate: float
    weight_decay: float
    batch: int  # images of a step
    image_steps: int  # first stage
    curve_batch: int
    curve_learning_rate: float
    curve_weight_decay: float
    curve_steps: int  # second stage
    joint_steps: int  # of both stages together, from curve to image, for comparison


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

    vae: Vae
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
        for name, cls in (("vae", Vae), ("sweep", Sweep), ("restricted", Restricted))
    }
    for row in built["sweep"].rows + built["sweep"].second_rows:
        build(Vae, values["vae"] | row, f"{path.name}, sweep")
    return Baseline(**built)
