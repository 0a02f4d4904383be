# long: the one place for every setting, and what each must obey
"""Settings: frozen dataclasses, preset files, hashes and random streams.

A preset (``presets/NAME.yaml``) is the one place for every number. Notebooks receive its sections
as papermill parameters, the command line reads the same file, and unknown keys are refused by name.
"""

import dataclasses
import math
from dataclasses import dataclass
from pathlib import Path

import yaml

from qfp.physics.wire import Device
from qfp.tools import SettingsError, project_root

PRESETS = ("smoke", "kettle", "laptop", "paper")


@dataclass(frozen=True)
class Dataset:
    """Which pairs of curve and image a file holds."""

    configurations: int  # 16170 is all of them; fewer are a seeded choice
    potentials: int  # potential seeds 0..potentials-1


@dataclass(frozen=True)
class Network:
    """Conditional U-Net of Sec. IV, Fig. 2."""

    unshuffle: int  # 1: the image enters at 60 x 60; 2: as 2 x 2 blocks at 30 x 30
    channels: tuple  # one entry per level; the last level has 15 x 15 pixels
    attention: tuple  # 'full', 'linear' or 'none' per level
    blocks: int  # residual convolution blocks per level and direction
    heads: int  # of width channels / heads
    condition_hidden: int  # width of the residual MLP that reads the curve
    condition_blocks: int  # its residual blocks
    condition_width: int  # token width of the condition transformer
    condition_layers: int
    grid_width: int  # channels of the curve's features at 15 x 15, from which all its maps are read
    condition_channels: tuple  # channels of the curve's map at each level
    dropout: float


@dataclass(frozen=True)
class Diffusion:
    """Forward process and what the network predicts."""

    steps: int
    schedule: str  # 'linear' (Ho et al.) or 'cosine'
    prediction: str  # 'epsilon' or 'v'


@dataclass(frozen=True)
class Training:
    """Optimisation."""

    seed: int  # of the initial weights and of every batch; the split has the preset's
    split: str  # 'config' or 'pair'
    optimizer: str  # 'adamw' or 'sam'
    learning_rate: float
    weight_decay: float
    warmup: int  # steps
    cooldown: float  # last fraction of the run over which the learning rate goes to 0
    sam_radius: float
    batch: int
    minutes: float  # budget; 0: no limit
    max_steps: int  # 0: no limit
    ema: float
    condition_dropout: float
    time_sampling: str  # 'uniform', or 'max2': the larger of two uniforms
    curve_noise: float  # standard deviation added to training curves [e^2/h]
    curve_target: str  # what the extra curves are decoded to: 'none', 'pooled' or 'positions'
    curve_batch: int  # extra curves a step
    curve_weight: float
    curve_sigma: float  # width of the soft position labels [sites]
    curve_mixing: float  # size of the random combination of potentials in an extra curve; 0: none
    # training curves from which those of other configurations are interpolated; 0: not at all
    curve_neighbours: int
    checkpoint_minutes: float
    precision: str  # 'auto' (bf16 where the processor is faster with it), 'fp32' or 'bf16'


@dataclass(frozen=True)
class Sampling:
    """How curves are decoded."""

    sampler: str  # 'ancestral', 'ddim' or 'dpm2m'
    steps: int
    gamma: float  # deformation of Sec. II; 1 is the plain conditional score
    samples: int  # images per curve


SECTIONS = {
    "device": Device,
    "dataset": Dataset,
    "network": Network,
    "diffusion": Diffusion,
    "training": Training,
    "sampling": Sampling,
}


@dataclass(frozen=True)
class Config:
    """A whole preset."""

    preset: str
    seed: int
    weights: str  # name of the weights in models/ that notebooks and `decode` use
    notebook_configurations: int  # configurations that notebooks simulate afresh
    notebook_training_steps: int  # length of the short training of notebook 02
    device: Device
    dataset: Dataset
    network: Network
    diffusion: Diffusion
    training: Training
    sampling: Sampling


SCALARS = ("preset", "seed", "weights", "notebook_configurations", "notebook_training_steps")


def build(cls, values, where):
    """Instance of a settings dataclass from a mapping; every key must be known and have the field's
    type."""
    if not isinstance(values, dict):
        raise SettingsError(f"{where}: expected a mapping of settings, got {values!r}")
    fields = {f.name: f for f in dataclasses.fields(cls)}
    unknown = sorted(set(values) - set(fields))
    if unknown:
        raise SettingsError(f"{where}: unknown key {unknown[0]!r}; known: {', '.join(fields)}")
    missing = [name for name in fields if name not in values]
    if missing:
        raise SettingsError(f"{where}: missing key {missing[0]!r}")
    out = {}
    for name, field in fields.items():
        value = values[name]
        if field.type is tuple and isinstance(value, (list, tuple)):
            value = tuple(value)
        elif field.type is float and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if not isinstance(value, field.type) or isinstance(value, bool):
            raise SettingsError(f"{where}: {name} must be {field.type.__name__}, got {value!r}")
        out[name] = value
    return cls(**out)


def preset_path(preset):
    """Path of a preset: a name of presets/, or a YAML file of the user's."""
    path = Path(preset)
    if path.suffix in (".yaml", ".yml"):
        if not path.is_file():
            raise SettingsError(f"preset file {preset} does not exist")
        return path
    if preset not in PRESETS:
        raise SettingsError(
            f"unknown preset {preset!r}; choose {', '.join(PRESETS)} or a .yaml file"
        )
    return project_root() / "presets" / f"{preset}.yaml"


def load_preset(preset="laptop", **overrides):
    """Settings of a preset.

    Parameters
    ----------
    preset : str
        'smoke', 'kettle', 'laptop', 'paper', or the path of a YAML file.
    **overrides
        Settings by name; None means the preset's value, a mapping changes keys of a section.

    Returns
    -------
    Config
        With sections device, dataset, network, diffusion, training and sampling.

    Raises
    ------
    SettingsError
        For unknown presets, unknown keys (named) and values of the wrong type.

    Examples
    --------
    >>> config = qfp.load_preset("laptop", sampling={"steps": 20})
    >>> config.sampling.steps, config.device.width
    (20, 50)
    """
    path = preset_path(preset)
    try:
        values = yaml.safe_load(path.read_text())
    except yaml.YAMLError as error:
        raise SettingsError(f"{path.name}: not valid YAML ({str(error).splitlines()[0]})") from None
    if not isinstance(values, dict):
        raise SettingsError(f"{path.name}: expected a mapping of settings")
    for key, change in overrides.items():
        if change is None:
            continue
        if key in SECTIONS and isinstance(change, dict):
            values[key] = {**values.get(key, {}), **change}
        else:
            values[key] = change
    for name, cls in SECTIONS.items():
        if name in values:
            values[name] = build(cls, values[name], f"{path.name}, {name}")
    config = build(Config, values, path.name)
    check(config, path.name)
    return config


def notebook_config(parameters):
    """Settings of a notebook from its parameters cell, which papermill may have changed.

    Parameters
    ----------
    parameters : mapping
        ``globals()`` of the notebook: 'preset', and settings or sections by name, None where the
        preset's stand.

    Returns
    -------
    Config

    Raises
    ------
    SettingsError
        As `load_preset`.

    Examples
    --------
    >>> config = qfp.notebook_config({"preset": "smoke", "seed": 3, "training": None})
    >>> config.preset, config.seed
    ('smoke', 3)
    """
    names = [field.name for field in dataclasses.fields(Config) if field.name != "preset"]
    return load_preset(parameters["preset"], **{name: parameters.get(name) for name in names})


def check(config, where):  # long: all rules stand in one list
    """Relations between settings that a type cannot express."""
    network, diffusion, training, sampling = (
        config.network,
        config.diffusion,
        config.training,
        config.sampling,
    )
    levels = len(network.channels)
    device = config.device
    numbers = (device.energy, device.field_max, device.amplitude)
    rules = [
        (
            device.width >= 2 and device.length >= 3,
            "device: width must be at least 2 sites and length at least 3",
        ),
        (
            all(map(math.isfinite, numbers)),
            "device: energy, field_max and amplitude must be finite numbers",
        ),
        (
            device.radius >= 0 and device.amplitude >= 0,
            "device: radius and amplitude must not be negative",
        ),
        (device.field_points >= 1, "device: field_points must be at least 1"),
        (
            len(network.attention) == levels == len(network.condition_channels),
            "network: channels, attention and condition_channels need one entry per level",
        ),
        (
            all(a in ("full", "linear", "none") for a in network.attention),
            "network: attention entries are 'full', 'linear' or 'none'",
        ),
        (
            60 == 15 * network.unshuffle * 2 ** (levels - 1),
            "network: unshuffle and the number of levels must take 60 pixels to 15 (unshuffle 1: "
            "three levels, 2: two)",
        ),
        (
            all(
                width % network.heads == 0 for width in (*network.channels, network.condition_width)
            ),
            "network: channels and condition_width must be multiples of heads",
        ),
        (
            network.grid_width > 32 or training.curve_target != "positions",
            "network: grid_width must be above 32, the channels of the believed positions",
        ),
        (diffusion.schedule in ("linear", "cosine"), "diffusion: schedule is 'linear' or 'cosine'"),
        (diffusion.prediction in ("epsilon", "v"), "diffusion: prediction is 'epsilon' or 'v'"),
        (
            training.batch >= 1 and training.curve_batch >= 0,
            "training: batch must be at least 1, and curve_batch not negative",
        ),
        (training.split in ("config", "pair"), "training: split is 'config' or 'pair'"),
        (training.optimizer in ("adamw", "sam"), "training: optimizer is 'adamw' or 'sam'"),
        (
            training.time_sampling in ("uniform", "max2"),
            "training: time_sampling is 'uniform' or 'max2'",
        ),
        (
            training.curve_target in ("none", "pooled", "positions"),
            "training: curve_target is 'none', 'pooled' or 'positions'",
        ),
        (
            training.curve_neighbours == 0
            and training.curve_mixing == 0
            or training.split == "config"
            and training.curve_target == "positions",
            "training: curve_neighbours and curve_mixing need split 'config' and curve_target "
            "'positions'",
        ),
        (
            training.precision in ("auto", "fp32", "bf16"),
            "training: precision is 'auto', 'fp32' or 'bf16'",
        ),
        (
            sampling.sampler in ("ancestral", "ddim", "dpm2m"),
            "sampling: sampler is 'ancestral', 'ddim' or 'dpm2m'",
        ),
        (
            1 <= sampling.steps <= diffusion.steps,
            "sampling: steps must lie between 1 and diffusion.steps",
        ),
        (config.dataset.configurations >= 4, "dataset: configurations must be at least 4"),
    ]
    for holds, message in rules:
        if not holds:
            raise SettingsError(f"{where}, {message}")
