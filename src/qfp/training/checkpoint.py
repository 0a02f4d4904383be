"""Checkpoints of a run, and its export: safetensors and JSON, no pickles."""

import contextlib
import glob
import json
import signal
import threading
from pathlib import Path

import torch
from safetensors.torch import save as packed

from qfp.data.normalise import contract
from qfp.files import output_file
from qfp.model.exported import (
    check_fit,
    checked_meta,
    hollow_network,
    part,
    read,
    strict_load,
    weights_hash,
)
from qfp.tools import SettingsError, as_dict, sha256, write_atomic, write_json

CHECKPOINT, LOG = "checkpoint.safetensors", "log.jsonl"
# bytes of weights in an exported file: with names and meta it stays under 16 MiB
FILE_LIMIT = 31 * 2**19


def write_tensors(path, tensors, meta):
    """Tensors and `meta` (JSON) as one safetensors file, whole or not at all."""
    data = packed(tensors, {"meta": json.dumps(meta)})
    write_atomic(path, lambda handle: handle.write(data))


def save(folder, model, ema, optimizer, meta):
    """Write a checkpoint: tensors of model, EMA and optimiser, and `meta` (JSON) in the same file;
    returns `meta`."""
    tensors = {f"model.{k}": v for k, v in model.state_dict().items()}
    tensors |= {f"ema.{k}": v for k, v in ema.state_dict().items()}
    for i, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{i}.{k}": v for k, v in state.items()}
    tensors = {k: v.detach().cpu().contiguous().clone() for k, v in tensors.items()}
    write_tensors(Path(folder) / CHECKPOINT, tensors, meta)
    return meta


@contextlib.contextmanager
def held_interrupt():
    """Context in which the first interrupt (Ctrl-C) only makes the function that it gives return
    True, for a loop to end where its state is whole; the second one interrupts as usual. Without
    effect outside the main thread, or where interrupts are ignored."""
    asked, usual = threading.Event(), signal.getsignal(signal.SIGINT)
    held = callable(usual) and threading.current_thread() is threading.main_thread()

    def ask(number, frame):
        asked.set()
        signal.signal(signal.SIGINT, usual)

    if held:
        signal.signal(signal.SIGINT, ask)
    try:
        yield asked.is_set
    finally:
        if held:
            signal.signal(signal.SIGINT, usual)


def restore(folder, model, ema, optimizer):
    """Put a checkpoint into model, EMA and optimiser; returns its meta."""
    tensors, meta = read(Path(folder) / CHECKPOINT)
    strict_load(model, part(tensors, "model"), folder)
    strict_load(ema, part(tensors, "ema"), folder)
    state = {}
    for name, value in part(tensors, "optimizer").items():
        i, _, key = name.partition(".")
        if not i.isdecimal():
            raise SettingsError(f"{folder}: the optimiser's state is damaged: {name}")
        state.setdefault(int(i), {})[key] = value
    optimizer.load_state_dict(
        {"state": state, "param_groups": optimizer.state_dict()["param_groups"]}
    )
    return meta


def shards(weights, limit):
    """Weights cut into dicts of at most `limit` bytes, in their order; a tensor beyond the limit
    has one for itself."""
    parts, size = [{}], 0
    for name, value in weights.items():
        if parts[-1] and size + value.nbytes > limit:
            parts.append({})
            size = 0
        parts[-1][name] = value
        size += value.nbytes
    return parts


def shard_files(out, number):
    """Paths of the files of weights that are cut into so many."""
    names = [f"{out.name}-{i + 1:05d}-of-{number:05d}.safetensors" for i in range(number)]
    return [out.with_name(n) for n in (names if number > 1 else [f"{out.name}.safetensors"])]


def export(folder, out, bf16=None):
    """Write the averaged weights of a run as files that `load` reads.

    Parameters
    ----------
    folder : path
        Of the run.
    out : path
        Weights go to `out`.safetensors, what they are to `out`.json, the log to `out`.jsonl; an
        earlier export of that name is replaced. Weights of more than 16 MiB are cut into files of
        less, `out`-00001-of-00002.safetensors and so on, and the JSON has the sha256 of each.
    bf16 : bool, optional
        Halve the weights; by default where fp32 would take more than 16 MiB.

    Returns
    -------
    dict
        What the JSON holds.

    Raises
    ------
    SettingsError
        Where there is no checkpoint.

    Examples
    --------
    >>> try:
    ...     qfp.export("runs/none", "models/none")
    ... except qfp.SettingsError as error:
    ...     print(error)
    no weights at runs/none/checkpoint.safetensors
    """
    folder, out = Path(folder), Path(out)
    for suffix in (".safetensors", ".json", ".jsonl"):
        output_file(f"{out}{suffix}", "OUT", replace=True)
    tensors, meta = read(folder / CHECKPOINT)
    weights = {
        k.removeprefix("module."): v
        for k, v in part(tensors, "ema").items()
        if k.startswith("module.")
    }
    config = checked_meta(meta, folder)[0]
    if "vae" not in meta:
        check_fit(hollow_network(config).state_dict(), weights, folder)
    if bf16 is None:
        bf16 = sum(4 * v.numel() for v in weights.values()) > FILE_LIMIT
    if bf16:
        weights = {k: v.bfloat16() for k, v in weights.items()}
    out.parent.mkdir(parents=True, exist_ok=True)
    meta = {
        **meta,
        "dtype": "bfloat16" if bf16 else "float32",
        "parameters": sum(v.numel() for v in weights.values()),
    }
    parts = shards(weights, FILE_LIMIT)
    files = shard_files(out, len(parts))
    for file, tensors in zip(files, parts, strict=True):
        write_tensors(file, tensors, meta)
    if len(parts) > 1:
        meta["shards"] = {file.name: sha256(file) for file in files}
    write_json(f"{out}.json", meta)
    for stale in {
        *out.parent.glob(f"{glob.escape(out.name)}-?????-of-?????.safetensors"),
        out.with_name(f"{out.name}.safetensors"),
    } - {*files}:
        stale.unlink(missing_ok=True)
    if (folder / LOG).is_file():
        log = (folder / LOG).read_bytes()
        write_atomic(f"{out}.jsonl", lambda handle: handle.write(log))
    return meta


def describe(config, pairs, normal, init=None):
    """The part of the meta that does not change during a run; init: of the weights that it started
    from."""
    versions = {"qfp": _version(), "torch": torch.__version__}
    return {
        "config": as_dict(config),
        "seed": config.seed,
        "contract": contract(config.device, normal),
        "normalisation": as_dict(normal),
        "data": pairs.sha256,
        "versions": versions,
        **({"init": init} if init else {}),
    }


def origin(weights, meta):
    """What a run says of the exported weights, with their meta, that it starts from."""
    facts = {key: meta[key] for key in ("step", "images", "minutes")}
    before = {"before": meta["init"]} if "init" in meta else {}
    return {"weights": Path(weights).stem, "sha256": weights_hash(weights)} | facts | before


def _version():
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("qfp")
    except PackageNotFoundError:
        return "source"
