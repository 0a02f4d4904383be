"""The learning dataset of Sec. III: HDF5 contract, reading and splits. What is wrong with a
file is in `damage`, normalisation in `normalise`."""

import json
from collections import namedtuple
from dataclasses import dataclass

import numpy as np

from qfp.config import Dataset, build
from qfp.data import numbers
from qfp.data.stored import UNREADABLE, DamagedError, checked, opened
from qfp.physics import geometry
from qfp.physics.wire import Device, random_potential
from qfp.tools import SettingsError, digest, stream

FORMAT_VERSION = 1
LDOS_BLOCK = 2048  # configurations in one chunk of images of the generation
# configurations in one chunk of the HDF5 file; LDOS_BLOCK is a multiple of the latter
ROWS = {"conductance": 4096, "ldos": 64}
MOST, ROOM = 200_000, 2**30  # configurations, and bytes of their images: see `affordable`
ORIENTATION = (
    "image row 0 is y = 0, column 0 is x = 0; lower antidot first; zero padding left and right"
)
# what a file keeps of the Config that made it
Settings = namedtuple("Settings", "seed preset device dataset")
LAYOUT = {  # name: (dtype, units, description)
    "antidots": (
        "int16",
        "site",
        "centres (x, y) of the two antidots, lower one first, canonical placement",
    ),
    "orbit": (
        "int16",
        "site",
        "x1, x2, dy: the pair modulo translation along y and the two inversions",
    ),
    "potentials": ("float64", "t", "random onsite potential, [y, x]"),
    "fields": ("float64", "rad/plaquette", "magnetic field b = 2 pi Phi_plaquette/(h/e)"),
    "conductance": ("float32", "e^2/h", "transmission T = Tr(t t^dagger), spinless"),
    "ldos": ("float16", "1/t", "local density of states at b = 0, [y, x]; 0 on removed sites"),
}


def layout(settings):
    """LAYOUT of a file with such settings."""
    if settings.dataset.antidots == (2,):
        return LAYOUT
    return LAYOUT | {name: (*LAYOUT[name][:2], text) for name, text in numbers.TEXTS.items()}


@dataclass(frozen=True)
class Pairs:
    """A dataset in memory: N configurations, P potentials, F fields; shapes as in LAYOUT's file."""

    antidots: np.ndarray  # (N, 2, 2), or (N, K, 2) of up to K antidots, see `numbers`
    orbit: np.ndarray  # (N, 3), or (N, 2 K - 1)
    potentials: np.ndarray  # (P, L, W) [t]
    fields: np.ndarray  # (F,) [rad/plaquette]
    conductance: np.ndarray  # (P, N, F) [e^2/h]
    ldos: np.ndarray  # (P, N, L, W) [1/t]
    device: Device
    sha256: str  # of the settings that made it


def choose(config):
    """Orbits and antidots of the configurations that a dataset holds: all, or a seeded choice in
    their own order; where there may be any number of antidots, drawn ones (see `numbers`)."""
    if config.dataset.antidots != (2,):
        return numbers.drawn(config)
    orbits, antidots = geometry.configurations(config.device)
    n = config.dataset.configurations
    if n > len(orbits):
        raise SettingsError(
            f"dataset: configurations is {n}, but this device has only {len(orbits)}"
        )
    if n < len(orbits):
        chosen = np.sort(
            stream("configurations", config.seed).choice(len(orbits), n, replace=False)
        )
        orbits, antidots = orbits[chosen], antidots[chosen]
    return orbits, antidots


def affordable(device, potentials):
    """How many configurations a dataset of a device has where nobody says how many: all that there
    are, if these are few, and their images under so many potentials take no more than ROOM."""
    images = potentials * device.length * device.width * np.dtype(LAYOUT["ldos"][0]).itemsize
    return min(int(geometry.count(device, 2)), MOST, ROOM // images)


def settings_hash(config):
    """sha256 of what determines a dataset file."""
    return digest(config.device, config.dataset, config.seed, FORMAT_VERSION, LDOS_BLOCK)


def small_arrays(config):
    """Arrays of a dataset file that are pure functions of its settings: all but conductance and
    ldos."""
    orbits, antidots = choose(config)
    potentials = np.stack(
        [random_potential(p, config.device) for p in range(config.dataset.potentials)]
    )
    return {
        "antidots": antidots,
        "orbit": orbits,
        "potentials": potentials,
        "fields": config.device.fields,
    }


def expected_arrays(settings, path):
    """`small_arrays` of the settings that stand in a file. SettingsError names it where they are
    those of no wire that can be listed."""
    try:
        return small_arrays(settings)
    except SettingsError as error:
        raise SettingsError(f"{path}: its settings: {error}") from None


# --- reading


def read_settings(path):
    """Settings that made a dataset file.

    Raises SettingsError where it cannot be read or is no dataset of ours, DamagedError where bytes
    of it are wrong.
    """
    with opened(path) as file:
        try:
            attributes = dict(file.attrs)
        except UNREADABLE:
            raise DamagedError(f"{path}: its attributes are damaged: generate it again") from None
    if not np.array_equal(attributes.get("format_version"), FORMAT_VERSION):
        raise SettingsError(f"{path} is not a qfp dataset of format_version {FORMAT_VERSION}")
    try:
        settings = Settings(**json.loads(attributes["config"]))
        settings = settings._replace(
            device=build(Device, settings.device, path),
            dataset=build(Dataset, settings.dataset, path),
        )
        if str(attributes["config_sha256"]) == settings_hash(settings):
            return settings
    except UNREADABLE:  # a garbled text
        pass
    raise DamagedError(f"{path}: its settings do not fit their sha256: generate it again")


def shapes(settings):
    """Shapes of the arrays of a dataset file."""
    device, N, P = settings.device, settings.dataset.configurations, settings.dataset.potentials
    F, image = device.field_points, (device.length, device.width)
    K = max(settings.dataset.antidots)
    return {
        "antidots": (N, K, 2),
        "orbit": (N, 2 * K - 1),
        "potentials": (P, *image),
        "fields": (F,),
        "conductance": (P, N, F),
        "ldos": (P, N, *image),
    }


def load(path, images=True):
    """Pairs of curve and image of a dataset file.

    Parameters
    ----------
    path : path
    images : bool
        Whether the images are read: 485 MB for the full dataset.

    Returns
    -------
    Pairs
        antidots (N, 2, 2), orbit (N, 3), potentials (P, L, W) [t], field (F,) [rad/plaquette],
        conductance (P, N, F) [e^2/h], ldos (P, N, L, W) [1/t], device and sha256 of the settings.

    Raises
    ------
    SettingsError
        Where the file is missing, damaged or no dataset.

    Examples
    --------
    >>> try:
    ...     qfp.load_dataset("data/none.h5")
    ... except qfp.SettingsError as error:
    ...     print(str(error)[:27])
    no dataset at data/none.h5:
    """
    settings = read_settings(path)
    known, sizes = expected_arrays(settings, path), shapes(settings)
    with opened(path) as file:
        try:
            values = {
                name: checked(file, name, LAYOUT[name][0], sizes[name], known.get(name))
                for name in LAYOUT
                if images or name != "ldos"
            }
        except UNREADABLE as error:
            raise SettingsError(
                f"{path} is damaged ({error}): `qfp dataset --validate {path}` says where"
            ) from None
    nothing = np.empty(
        (len(values["conductance"]), 0, settings.device.length, settings.device.width), np.float16
    )
    return Pairs(
        **{"ldos": nothing, **values}, device=settings.device, sha256=settings_hash(settings)
    )


# --- splits


def split(configurations, potentials, kind, seed):
    """Indices (potential, configuration), int64 (M, 2), of 'train', 'dev' and 'test'.

    70 percent train: the paper's 56,595 and 24,255. kind 'config' keeps a configuration's
    potentials together, so that test configurations were never seen; 'pair' splits pairs. Of 4,851
    validation configurations 1,000 are 'dev'."""
    total = configurations if kind == "config" else configurations * potentials
    order = stream("split " + kind, seed).permutation(total)
    train = round(0.7 * total)
    dev = train + (total - train) * 1000 // 4851
    parts = {"train": order[:train], "dev": order[train:dev], "test": order[dev:]}
    if kind == "pair":
        return {
            name: np.stack(np.divmod(part, configurations), axis=-1) for name, part in parts.items()
        }
    return {
        name: np.stack(
            [np.tile(np.arange(potentials), len(part)), np.repeat(part, potentials)], axis=-1
        )
        for name, part in parts.items()
    }


def split_of(config):
    """`split` of the pairs that a preset's own dataset holds."""
    own = config.dataset
    return split(own.configurations, own.potentials, config.training.split, config.seed)


def configurations_of(config, part):
    """Configurations of a part ('train', 'dev', 'test') of a preset's own split, each once, in its
    order: list of int."""
    return list(dict.fromkeys(split_of(config)[part][:, 1].tolist()))
