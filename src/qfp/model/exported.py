"""Weights on disk: checkpoints of a run, exported weights, and reading them back. safetensors and
JSON, no pickles."""

import json
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open

from qfp.config import SECTIONS, Config, build
from qfp.data import normalise
from qfp.model.unet import UNet
from qfp.tools import SettingsError, digest, project_root, sha256


def read(path):
    """Tensors and meta of a file written by `save` or `export`."""
    path = Path(path)
    if not path.is_file():
        raise SettingsError(f"no weights at {path}")
    try:
        with safe_open(path, "pt") as file:
            names, meta = file.keys(), (file.metadata() or {}).get("meta", "{}")
            return {name: file.get_tensor(name) for name in names}, json.loads(meta)
    except (SafetensorError, ValueError):
        raise SettingsError(f"{path} is not a readable safetensors file") from None


def part(tensors, prefix):
    """Tensors whose names start with `prefix.`, without it."""
    return {k[len(prefix) + 1 :]: v for k, v in tensors.items() if k.startswith(prefix + ".")}


def strict_load(model, state, where):
    """Load a state dict whose names and shapes must all fit; SettingsError names the first that
    does not."""
    own = model.state_dict()
    for name in sorted(set(own) | set(state)):
        if name not in state or name not in own or own[name].shape != state[name].shape:
            shapes = [tuple(s[name].shape) if name in s else "none" for s in (state, own)]
            raise SettingsError(
                f"{where}: weights do not fit this network: {name} is {shapes[0]}, expected "
                f"{shapes[1]}"
            )
    model.load_state_dict(state)


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
    values = {**values}
    for name, cls in SECTIONS.items():
        values[name] = build(cls, values.get(name), f"{where}, {name}")
    return build(Config, values, where)


def normalisation_of(meta):
    """Normalisation from the meta of weights."""
    values = meta["normalisation"].items()
    return normalise.Normalisation(**{k: tuple(v) if isinstance(v, list) else v for k, v in values})


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
        meta = json.loads(about.read_text())
        normal = normalisation_of(meta)
        config = config_of(meta["config"], about.name)
        files = {
            path.with_name(name): expected
            for name, expected in dict(meta.get("shards", {})).items()
        }
    except (KeyError, TypeError, ValueError) as error:
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
    return UNet(config.network, config.device.field_points, config.training.curve_target)


def hollow_network(config):
    """Network of a Config with all its modules and shapes, but without memory for its weights."""
    with torch.device("meta"):
        return network_of(config)
