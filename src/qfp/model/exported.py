"""Weights on disk: checkpoints of a run, exported weights, and reading them back. safetensors and
JSON, no pickles."""

import json
import math
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open

from qfp.config import SECTIONS, Config, build, check
from qfp.data import normalise
from qfp.files import existing, text_of
from qfp.model.unet import UNet
from qfp.tools import SettingsError, digest, project_root, sha256
from qfp.values import told

ABOUT = 2**26  # bytes of the JSON beside weights, at most


def read(path):
    """Tensors and meta of a file written by `save` or `export`."""
    path = Path(path)
    if not path.is_file():
        raise SettingsError(f"no weights at {path}")
    existing(path, "weights")
    try:
        with safe_open(path, "pt") as file:
            names, meta = file.keys(), (file.metadata() or {}).get("meta", "{}")
            return {name: file.get_tensor(name) for name in names}, json.loads(meta)
    except (SafetensorError, ValueError, RecursionError):
        raise SettingsError(f"{path} is not a readable safetensors file") from None


def part(tensors, prefix):
    """Tensors whose names start with `prefix.`, without it."""
    return {k[len(prefix) + 1 :]: v for k, v in tensors.items() if k.startswith(prefix + ".")}


def check_fit(own, state, where):
    """SettingsError where a state dict has an entry that is no finite number, or not the names and
    shapes of the state dict `own`: it names the first that does not fit."""
    check_finite(state, where)
    for name in sorted(set(own) | set(state)):
        if name not in state or name not in own or own[name].shape != state[name].shape:
            shapes = [tuple(s[name].shape) if name in s else "none" for s in (state, own)]
            raise SettingsError(
                f"{where}: weights do not fit this network: {name} is {shapes[0]}, expected "
                f"{shapes[1]}"
            )


def strict_load(model, state, where):
    """Load a state dict that fits, see `check_fit`."""
    check_fit(model.state_dict(), state, where)
    model.load_state_dict(state)


def check_finite(tensors, where):
    """SettingsError where a tensor of weights has entries that are no finite numbers."""
    for name, values in tensors.items():
        if values.is_floating_point() and not torch.isfinite(values).all():
            raise SettingsError(
                f"{where}: weights are not finite in {name}: the training that made them diverged"
            )


def weights_path(weights):
    """Path of exported weights: of a name in models/, or a .safetensors file as it is."""
    path = Path(weights)
    return (
        path
        if path.suffix == ".safetensors"
        else project_root() / "models" / f"{weights}.safetensors"
    )


def weights_hash(weights):
    """sha256 of exported weights, named as in `weights_path`; of weights in shards, which have no
    such file, a hash of all theirs."""
    path = weights_path(weights)
    if path.is_file():
        return sha256(path)
    return digest(json.loads(path.with_suffix(".json").read_text())["shards"])


def read_shards(described, files):
    """Tensors of all shards {path: sha256} that the JSON file `described` names."""
    tensors = {}
    for path, expected in files.items():
        if not path.is_file():
            raise SettingsError(
                f"{path.name} is missing: {described} needs {len(files)} shards beside it"
            )
        if sha256(path) != expected:
            raise SettingsError(
                f"{path} is not the shard that {described.name} describes: its sha256 differs"
            )
        tensors |= read(path)[0]
    return tensors


def config_of(values, where):
    """Config from a JSON description of weights."""
    if not isinstance(values, dict):
        raise SettingsError(f"{where}: config is {told(values)}, expected settings")
    sections = {
        name: build(cls, values.get(name), f"{where}, {name}") for name, cls in SECTIONS.items()
    }
    config = build(Config, values | sections, where)
    check(config, where)
    return config


def normalisation_of(meta, device, where):
    """Normalisation from the meta of weights: a mean and a spread for each field of a device."""
    # weights of before any length was taken say none
    values = {"length": device.length} | dict(meta["normalisation"])
    made = build(normalise.Normalisation, values, f"{where}, normalisation")
    points = {len(made.curve_mean), len(made.curve_std), device.field_points}
    sizes = made.width, made.length
    if len(points) > 1 or sizes != (device.width, device.length):
        raise SettingsError(
            f"{where}: the normalisation is that of another device: {len(made.curve_mean)} fields, "
            f"width {made.width}; expected {device.field_points} and {device.width}"
        )
    return made


def checked_meta(meta, where):
    """Config and Normalisation of the meta of a checkpoint, whose other entries are what they must
    be. SettingsError names the first that is not."""
    wanted = {"config": dict, "normalisation": dict, "data": str, "step": int, "images": int}
    if not isinstance(meta, dict):
        raise SettingsError(f"{where} does not describe a training")
    for name, kind in {**wanted, "minutes": float}.items():
        value = meta.get(name)
        fits = isinstance(value, (int, float) if kind is float else kind)
        if not fits or kind in (int, float) and not 0 <= value < math.inf:
            raise SettingsError(f"{where} does not describe a training: {name} is {told(value)}")
    config = config_of(meta["config"], where)
    return config, normalisation_of(meta, config.device, where)


def filled(model, path, files):
    """`model` in eval mode with the weights of a file or of its shards, as float32."""
    tensors = read_shards(path.with_suffix(".json"), files) if files else read(path)[0]
    strict_load(model, {k: v.float() for k, v in tensors.items()}, path.name)
    return model.eval()


def described(name_or_path):
    """Path of exported weights and what their JSON says: meta, Config, Normalisation, shards {path:
    sha256}."""
    path = weights_path(name_or_path)
    about = path.with_suffix(".json")
    if not about.is_file():
        if path.is_file():
            raise SettingsError(f"{path.name} needs its description {about.name} beside it")
        raise SettingsError(
            f"no weights at {path}: train with `qfp train`, or name a .safetensors file"
        )
    try:
        meta = json.loads(text_of(about, "weights", ABOUT))
        config = config_of(meta["config"], about.name)
        normal = normalisation_of(meta, config.device, about.name)
        files = {
            path.with_name(Path(name).name): expected
            for name, expected in dict(meta.get("shards", {})).items()
        }
    except SettingsError:
        raise
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise SettingsError(
            f"{about} does not describe weights: {type(error).__name__} {error}"
        ) from None
    if normalise.contract(config.device, normal) != meta.get("contract"):
        raise SettingsError(
            f"{about}: contract hash and settings disagree; the file was changed or is too old"
        )
    return path, meta, config, normal, files


def network_of(config):
    """Fresh network of a Config."""
    device, target = config.device, config.training.curve_target
    return UNet(config.network, device.field_points, target, device.side)


def hollow_network(config):
    """Network of a Config with all its modules and shapes, but without memory for its weights."""
    with torch.device("meta"):
        return network_of(config)
