"""The learning dataset of Sec. III: HDF5 contract, reading and validation, splits and
normalisation."""

import dataclasses
import json
from collections import namedtuple
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
import torch

from qfp.config import Dataset
from qfp.physics import geometry
from qfp.physics.kwant_model import spot_check
from qfp.physics.wire import Device, random_potential
from qfp.tools import SettingsError, as_dict, digest, stream

FORMAT_VERSION = 1
LDOS_BLOCK = 2048  # configurations in one chunk of images of the generation
# configurations in one chunk of the HDF5 file; LDOS_BLOCK is a multiple of the latter
ROWS = {"conductance": 4096, "ldos": 64}
# h5py at damaged bytes
UNREADABLE = (
    OSError,
    RuntimeError,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    MemoryError,
)
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


class DamagedError(SettingsError):
    """A dataset file that cannot be read, nor repaired."""


@dataclass(frozen=True)
class Pairs:
    """A dataset in memory: N configurations, P potentials, F fields; shapes as in LAYOUT's file."""

    antidots: np.ndarray  # (N, 2, 2)
    orbit: np.ndarray  # (N, 3)
    potentials: np.ndarray  # (P, L, W) [t]
    fields: np.ndarray  # (F,) [rad/plaquette]
    conductance: np.ndarray  # (P, N, F) [e^2/h]
    ldos: np.ndarray  # (P, N, L, W) [1/t]
    device: Device
    sha256: str  # of the settings that made it


def choose(config):
    """Orbits and antidots of the configurations that a dataset holds: all, or a seeded choice in
    their own order."""
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


# --- reading


def read_settings(path):
    """Settings that made a dataset file.

    Raises SettingsError where it is no dataset of ours, DamagedError where bytes of it are wrong.
    """
    if not Path(path).is_file():
        raise SettingsError(
            f"no dataset at {path}: make one with `qfp dataset --preset laptop --out {path}`"
        )
    try:
        with h5py.File(path) as file:
            attributes = dict(file.attrs)
    except UNREADABLE:
        raise DamagedError(
            f"{path} is not a readable HDF5 file (cut short?): remove it and generate it again"
        ) from None
    if attributes.get("format_version") != FORMAT_VERSION:
        raise SettingsError(f"{path} is not a qfp dataset of format_version {FORMAT_VERSION}")
    try:
        settings = Settings(**json.loads(attributes["config"]))
        settings = settings._replace(
            device=Device(**settings.device), dataset=Dataset(**settings.dataset)
        )
        if settings_hash(settings) == attributes["config_sha256"]:
            return settings
    except UNREADABLE:  # a garbled text
        pass
    raise DamagedError(
        f"{path}: its settings do not fit their sha256: remove it and generate it again"
    )


def load(path, images=True):
    """Pairs of a dataset file (485 MB of images for the full one; images=False leaves them out)."""
    settings = read_settings(path)
    with h5py.File(path) as file:
        try:
            values = {name: file[name][()] for name in LAYOUT if images or name != "ldos"}
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


# --- validation


class Problem(NamedTuple):
    """One thing that is wrong with a dataset file, and what mends it."""

    text: str  # a sentence
    # beginning of the names of the chunks to compute again (see generate.chunks)
    lost: str | None = None
    fatal: bool = False  # nothing does: the file must be generated again


def validate(path):
    """Problems of a dataset file, a list of Problem; empty where it is whole. Reads every byte
    (checksums).

    Raises SettingsError where there is no such file, or it is none of ours."""
    try:
        settings = read_settings(path)
    except DamagedError as error:
        return [Problem(str(error), fatal=True)]
    problems, small = [], small_arrays(settings)
    masks = geometry.removed_masks(small["antidots"], settings.device)  # (N, L, W)
    P, N, F = len(small["potentials"]), len(masks), len(small["fields"])
    shapes = {
        **{name: small[name].shape for name in small},
        "conductance": (P, N, F),
        "ldos": (P, *masks.shape),
    }
    with h5py.File(path) as file:
        if file.attrs.get("orientation") != ORIENTATION:
            problems.append(Problem("the attribute orientation is missing or garbled"))
        for name, (dtype, units, description) in LAYOUT.items():
            lost = None if name in small else f"{name}_"
            expected = f"{np.dtype(dtype)} {shapes[name]} [{units}], {description}"
            try:
                data = file[name]
                found = (
                    f"{data.dtype} {data.shape} [{data.attrs['units']}], "
                    f"{data.attrs['description']}"
                )
                if found != expected:
                    problems.append(Problem(f"/{name} is {found}; expected {expected}", lost))
                elif lost:
                    problems += _damaged_rows(name, data, masks)
                elif not np.allclose(data[()], small[name], rtol=1e-12, atol=0):
                    problems.append(Problem(f"/{name} is not what the settings give"))
            except UNREADABLE:
                problems.append(Problem(f"/{name}: missing, checksum wrong or unreadable", lost))
        if not problems:
            try:
                spot_check(settings.device, small["antidots"], file["conductance"], file["ldos"])
            # the checksums hold, so nothing says which other values are wrong, too
            except SettingsError as error:
                problems.append(
                    Problem(f"{error}: remove the file and generate it again", fatal=True)
                )
    return problems


def _damaged_rows(name, data, masks):
    """Problems of /conductance or /ldos, one for each HDF5 chunk: there checksums lie. masks:
    removed sites (N, L, W)."""
    for p in range(len(data)):
        for n in range(0, len(masks), ROWS[name]):
            end = min(n + ROWS[name], len(masks))
            try:
                values, fault = data[p, n:end], None
            except UNREADABLE:
                fault = "checksum wrong or unreadable"
            else:
                if not np.isfinite(values).all() or (values < -1e-6).any():
                    fault = "not finite, or negative"
                elif name == "ldos" and values[masks[n:end]].any():
                    fault = "not 0 on removed sites"
            if fault:
                lost = (
                    f"conductance_p{p}_"
                    if name == "conductance"
                    else f"ldos_p{p}_n{n // LDOS_BLOCK * LDOS_BLOCK:05d}"
                )
                yield Problem(
                    f"/{name}[{p}, {n}:{end}] (potential {p}, configurations {n} to {end - 1}): "
                    f"{fault}",
                    lost,
                )


# --- splits and normalisation


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


@dataclass(frozen=True)
class Normalisation:
    """Constants that take curves and images to zero mean and unit variance; from training pairs
    only."""

    curve_mean: tuple  # (F,) [e^2/h]
    curve_std: tuple  # (F,) [e^2/h]
    image_mean: float  # [1/t], of the padded image
    image_std: float  # [1/t]
    width: int  # sites across the wire, without the padding

    def spread(self, length):
        """Standard deviation [1/t] of the LDOS over the sites alone of wires of this length,
        without the padding."""
        sites = self.width / length  # of the padded image
        mean = self.image_mean / sites
        return float(np.sqrt((self.image_std**2 + self.image_mean**2) / sites - mean**2))

    def curve(self, conductance):
        """Conductance (..., F) [e^2/h] to a float32 tensor (..., F)."""
        scaled = (np.asarray(conductance, np.float64) - self.curve_mean) / self.curve_std
        return torch.as_tensor(scaled, dtype=torch.float32)

    def image(self, ldos):
        """LDOS (..., L, W) [1/t] to a float32 tensor (..., 1, L, L), zero padding left and right
        (footnote 1)."""
        picture = torch.as_tensor(np.asarray(ldos), dtype=torch.float32)
        margin = (picture.shape[-2] - picture.shape[-1]) // 2
        picture = torch.nn.functional.pad(picture, (margin, margin))
        return ((picture - self.image_mean) / self.image_std).unsqueeze(-3)

    def ldos(self, image):
        """Inverse of `image`: tensor (..., 1, L, L) to LDOS, float32 (..., L, W) [1/t]."""
        picture = image.detach().float().cpu().squeeze(-3) * self.image_std + self.image_mean
        margin = (picture.shape[-1] - self.width) // 2
        return picture[..., margin : margin + self.width].numpy()


def normalisation(pairs, train):
    """Normalisation from the training pairs, train (M, 2) of (potential, configuration)."""
    p, n = train.T
    G = pairs.conductance[p, n].astype(np.float64)
    L, W = pairs.device.length, pairs.device.width
    total = squares = 0.0
    for block in np.array_split(np.arange(len(train)), max(1, len(train) // 4096)):
        picture = pairs.ldos[p[block], n[block]].astype(np.float64)
        total, squares = total + picture.sum(), squares + np.square(picture).sum()
    pixels = len(train) * L * L
    mean = total / pixels
    return Normalisation(
        tuple(G.mean(axis=0).tolist()),
        tuple(G.std(axis=0).tolist()),
        mean,
        float(np.sqrt(squares / pixels - mean**2)),
        W,
    )


def contract(device, constants):
    """sha256 that binds weights to lattice, energy, field grid, radius, amplitude, orientation and
    normalisation."""
    return digest(as_dict(device), ORIENTATION, dataclasses.asdict(constants))
