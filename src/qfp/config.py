# long: the one place for every setting, and what each must obey
"""Settings: frozen dataclasses and preset files.

A preset (``presets/NAME.yaml``) is the one place for every number. Notebooks receive its sections
as papermill parameters, the command line reads the same file, and unknown keys are refused by name.
"""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from qfp.files import yaml_of
from qfp.physics.wire import CELL, Device
from qfp.tools import SettingsError, as_dict, project_root
from qfp.values import SEEDS, fitted, one_of, told, within

MOST_ANTIDOTS = 6  # of a wire of a dataset with any number of them
PRESETS = ("smoke", "kettle", "laptop", "antidots", "paper")


@dataclass(frozen=True)
class Dataset:
    """Which pairs of curve and image a file holds."""

    configurations: int = within(4, 10**7)  # 16170 is all of them; fewer are a seeded choice
    potentials: int = within(1, 1000)  # potential seeds 0..potentials-1
    # numbers that a wire may have, each as likely (3, 3, 4: 3 twice as likely as 4); where these
    # are other than two, configurations are drawn as hard discs
    antidots: tuple = within(1, MOST_ANTIDOTS, of=int, default=(2,))

    @property
    def numbers(self):
        """Numbers of antidots that a wire may have, each once."""
        return tuple(sorted(set(self.antidots)))


@dataclass(frozen=True)
class Network:
    """Conditional U-Net of Sec. IV, Fig. 2."""

    # 1: the image of the paper's wire enters at 60 x 60; 2: as 2 x 2 blocks at 30 x 30
    unshuffle: int = within(1, 4)
    channels: tuple = within(
        1, 4096, of=int
    )  # one entry per level; the last level has 15 x 15 pixels, a quarter of the image's each way
    attention: tuple = one_of(
        "full", "linear", "none", of=str
    )  # 'full', 'linear' or 'none' per level
    blocks: int = within(1, 64)  # residual convolution blocks per level and direction
    heads: int = within(1, 64)  # of width channels / heads
    condition_hidden: int = within(1, 16384)  # width of the residual MLP that reads the curve
    condition_blocks: int = within(0, 64)  # its residual blocks
    condition_width: int = within(1, 4096)  # token width of the condition transformer
    condition_layers: int = within(0, 64)
    grid_width: int = within(
        1, 4096
    )  # channels of the curve's features at 15 x 15, from which all its maps are read
    condition_channels: tuple = within(1, 4096, of=int)  # channels of the curve's map at each level
    dropout: float = within(0, 0.99)


@dataclass(frozen=True)
class Diffusion:
    """Forward process and what the network predicts."""

    steps: int = within(1, 10**5)
    schedule: str = one_of("linear", "cosine")  # 'linear' (Ho et al.) or 'cosine'
    prediction: str = one_of("epsilon", "v")  # 'epsilon' or 'v'


@dataclass(frozen=True)
class Training:
    """Optimisation."""

    seed: int = within(
        0, SEEDS
    )  # of the initial weights and of every batch; the split has the preset's
    split: str = one_of("config", "pair")  # 'config' or 'pair'
    optimizer: str = one_of("adamw", "sam")  # 'adamw' or 'sam'
    learning_rate: float = within(1e-12, 1)
    weight_decay: float = within(0, 1e3)
    warmup: int = within(0, 10**9)  # steps
    cooldown: float = within(
        0, 1
    )  # last fraction of the run over which the learning rate goes to 0
    sam_radius: float = within(0, 1e3)
    batch: int = within(0, 10**5)  # images a step; 0: the read-out of curves alone is trained
    minutes: float = within(0, 1e7)  # budget; 0: no limit
    max_steps: int = within(0, 10**12)  # 0: no limit
    ema: float = within(0, 0.9999999)
    condition_dropout: float = within(0, 1)
    time_sampling: str = one_of(
        "uniform", "max2"
    )  # 'uniform', or 'max2': the larger of two uniforms
    curve_noise: float = within(0, 1e3)  # standard deviation added to training curves [e^2/h]
    curve_target: str = one_of(
        "none", "pooled", "positions", "occupancy"
    )  # what the extra curves are decoded to: 'none', 'pooled', 'positions' of two antidots, or the
    # 'occupancy' by any number of them
    curve_batch: int = within(0, 10**6)  # extra curves a step
    curve_weight: float = within(0, 1e6)
    curve_sigma: float = within(1e-3, 1e3)  # width of the soft position labels [sites]
    curve_mixing: float = within(
        0, 1e3
    )  # size of the random combination of potentials in an extra curve; 0: none
    # training curves from which those of other configurations are interpolated; 0: not at all
    curve_neighbours: int = within(0, 10**4)
    checkpoint_minutes: float = within(0, 1e7)
    precision: str = one_of(
        "auto", "fp32", "bf16"
    )  # 'auto' (bf16 where the processor is faster with it), 'fp32' or 'bf16'
    # share of the configurations outside the training set that lend no interpolated curve
    curve_left_out: float = within(0, 1, default=0.0)
    # potentials beside those of the file, under which extra curves of training configurations are
    # simulated
    curve_potentials: int = within(0, 1000, default=0)
    # size of the errors that are added to interpolated curves, as interpolation makes them
    curve_errors: float = within(0, 1e3, default=0.0)
    # configurations beside those of the file, whose extra curves are changed as typical potentials
    # change them
    curve_configurations: int = within(0, 10**7, default=0)


@dataclass(frozen=True)
class Sampling:
    """How curves are decoded."""

    sampler: str = one_of("ancestral", "ddim", "dpm2m")  # 'ancestral', 'ddim' or 'dpm2m'
    steps: int = within(1, 10**5)
    gamma: float = within(-100, 100)  # deformation of Sec. II; 1 is the plain conditional score
    samples: int = within(1, 10**5)  # images per curve


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
    seed: int = within(0, SEEDS)
    weights: str  # name of the weights in models/ that notebooks and `decode` use
    notebook_configurations: int = within(1, 10**7)  # configurations that notebooks simulate afresh
    notebook_training_steps: int = within(1, 10**9)  # length of the short training of notebook 04
    device: Device
    dataset: Dataset
    network: Network
    diffusion: Diffusion
    training: Training
    sampling: Sampling


def build(cls, values, where):
    """Instance of a settings dataclass from a mapping; every key must be known and have the field's
    type and range."""
    if not isinstance(values, dict):
        raise SettingsError(f"{where}: expected a mapping of settings, got {told(values)}")
    fields = {f.name: f for f in dataclasses.fields(cls)}
    unknown = sorted(set(values) - set(fields), key=str)
    if unknown:
        raise SettingsError(f"{where}: unknown key {unknown[0]!r}; known: {', '.join(fields)}")
    needed = [f.name for f in fields.values() if f.default is dataclasses.MISSING]
    missing = [name for name in needed if name not in values]
    if missing:
        raise SettingsError(f"{where}: missing key {missing[0]!r}")
    return cls(**{name: fitted(fields[name], value, where) for name, value in values.items()})


def type_of(section, name=None):
    """Type of a setting of a preset, None where there is none of that name."""
    cls = Config if name is None else SECTIONS.get(section)
    fields = dataclasses.fields(cls) if cls else ()
    return next((f.type for f in fields if f.name == (name or section)), None)


def preset_path(preset):
    """Path of a preset: a name of presets/, or a YAML file of the user's."""
    path = Path(preset)
    if path.suffix in (".yaml", ".yml"):
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
        'smoke', 'kettle', 'laptop', 'antidots', 'paper', or the path of a YAML file.
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
    values = yaml_of(path, "preset file")
    if not isinstance(values, dict):
        raise SettingsError(f"{path.name}: expected a mapping of settings")
    for key, change in overrides.items():
        if change is None:
            continue
        if key in SECTIONS and isinstance(change, dict):
            own = values.get(key, {})
            values[key] = {**own, **change} if isinstance(own, dict) else own
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
        preset's stand; 'device' may be the path of a device file, too.

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
    given = {name: parameters.get(name) for name in names}
    if isinstance(given["device"], str):
        from qfp.physics import device_file  # with it comes torch, which settings do without

        given["device"] = as_dict(device_file.read(given["device"], Device)[0])
    return load_preset(parameters["preset"], **given)


def antidot_rules(config):
    """Relations between settings of a dataset's numbers of antidots and of what is read of them:
    (whether one holds, what it asks)."""
    own, training = config.dataset.antidots, config.training
    return [
        (len(own) > 0, "dataset: antidots must name one number or more"),
        (
            own == (2,) or training.curve_target != "positions" and training.curve_neighbours == 0,
            "training: curve_target 'positions' and curve_neighbours know pairs alone; with "
            "dataset.antidots use 'occupancy' and 0",
        ),
        (
            training.curve_configurations == 0 or training.curve_target == "occupancy",
            "training: curve_configurations need curve_target 'occupancy'",
        ),
    ]


def curve_rules(training):
    """Relations between settings of the extra curves: (whether one holds, what it asks)."""
    positions = training.curve_target in ("positions", "occupancy")
    return [
        (
            training.curve_neighbours == training.curve_mixing == training.curve_potentials == 0
            or training.split == "config"
            and positions,
            "training: curve_neighbours, curve_mixing and curve_potentials need split 'config' and "
            "curve_target 'positions' or 'occupancy'",
        ),
        (
            training.curve_errors == training.curve_left_out == 0 or training.curve_neighbours > 0,
            "training: curve_errors and curve_left_out need curve_neighbours, from which curves "
            "are interpolated",
        ),
        (
            training.curve_potentials == training.curve_configurations == 0
            or training.curve_batch > 0,
            "training: curve_potentials and curve_configurations need a curve_batch",
        ),
        (
            training.batch > 0 or training.curve_batch > 0 and positions,
            "training: batch 0 needs a curve_batch and curve_target 'positions' or 'occupancy'",
        ),
    ]


def check(config, where):
    """Relations between settings, which a field's type and range cannot express."""
    network, training, device = config.network, config.training, config.device
    levels = len(network.channels)
    widths = *network.channels, network.condition_width
    rules = [
        (
            len(network.attention) == levels == len(network.condition_channels),
            "network: channels, attention and condition_channels need one entry per level",
        ),
        (
            CELL == network.unshuffle * 2 ** (levels - 1),
            "network: unshuffle and the number of levels must take 60 pixels to 15 (unshuffle 1: "
            "three levels, 2: two)",
        ),
        (
            all(width % network.heads == 0 for width in widths),
            "network: channels and condition_width must be multiples of heads",
        ),
        (
            network.grid_width > 32 or training.curve_target not in ("positions", "occupancy"),
            "network: grid_width must be above 32, the channels of the believed positions",
        ),
        *curve_rules(training),
        *antidot_rules(config),
        (
            config.sampling.steps <= config.diffusion.steps,
            "sampling: steps must lie between 1 and diffusion.steps",
        ),
    ]
    for holds, message in rules:
        if not holds:
            raise SettingsError(f"{where}, {message}")
    device.check_size(where)
