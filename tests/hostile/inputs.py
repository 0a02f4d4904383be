"""Files that a user might hand over by mistake or in malice; `make` writes all of them into a
folder."""

import json
import os
import shutil
import struct

import h5py
import numpy as np
import yaml
from safetensors import safe_open
from safetensors.torch import load_file, save_file

import qfp
from qfp.config import load_preset
from qfp.tools import as_dict, digest, project_root

SMALL = {
    "device": {"field_points": 8},
    "dataset": {"configurations": 12, "potentials": 1},
    "network": {
        "channels": [8, 16],
        "condition_channels": [4, 4],
        "condition_width": 16,
        "condition_hidden": 16,
        "grid_width": 40,
    },
    "training": {"batch": 2, "curve_batch": 2, "max_steps": 2, "precision": "fp32"},
    "sampling": {"steps": 1, "samples": 1},
}
SMOKE = (project_root() / "presets" / "smoke.yaml").read_text()


def make(folder):
    """All inputs."""
    os.chdir(folder)
    strange_files()
    arrays()
    presets()
    devices()
    config = load_preset("smoke", **SMALL)
    (folder / "small.yaml").write_text(yaml.safe_dump(as_dict(config)))
    quiet = {"report": lambda text: None}
    data = qfp.generate(config, "small.h5", workers=1, **quiet)
    qfp.train(config, data, "run", device="cpu", **quiet)
    qfp.export("run", "good")
    datasets()
    checkpoints()
    weights()


def strange_files():
    """What is no regular file, or an empty or foreign one."""
    os.mkfifo("fifo")
    os.symlink("loop", "loop")
    os.symlink("/dev/full", "to-device")
    os.symlink("nowhere", "dangling")
    os.mkdir("folder")
    for name in ("empty.npy", "empty.yaml", "empty.h5", "empty.safetensors", "empty.csv", "file"):
        open(name, "w").close()
    for suffix in ("npy", "yaml", "h5", "safetensors", "csv"):
        with open(f"noise.{suffix}", "wb") as file:
            file.write(np.random.default_rng(0).bytes(3000))
    for suffix in ("npy", "yaml", "h5", "safetensors"):
        os.mkdir(f"folder.{suffix}")
        os.mkfifo(f"fifo.{suffix}")
        os.symlink("/dev/zero", f"zero.{suffix}")


def npy(name, shape, data=b"", descr="<f8", header=None):
    """A .npy file with any header."""
    text = header or repr({"descr": descr, "fortran_order": False, "shape": shape})
    text = text.ljust(118) + "\n"
    with open(name, "wb") as file:
        file.write(b"\x93NUMPY\x02\x00" + struct.pack("<I", len(text)) + text.encode() + data)


def arrays():
    """Arrays that are no potential of 60 x 50 sites."""
    good = np.zeros((60, 50))
    np.save("good.npy", good)
    npy("bomb.npy", (10**6, 10**6))
    npy("deep.npy", None, header="(" * 20000)
    npy("cut.npy", (60, 50), b"\0" * 800)
    np.savez("archive.npz", good)
    shutil.copy("archive.npz", "zip.npy")
    np.save("nan.npy", np.full((60, 50), np.nan))
    np.save("one-nan.npy", np.where(np.arange(3000).reshape(60, 50) == 151, np.inf, 0))
    np.save("complex.npy", good + 1j)
    np.save("text.npy", np.full((60, 50), "a"))
    np.save("turned.npy", good.T)
    np.save("objects.npy", np.full((60, 50), None), allow_pickle=True)
    np.save("twos.npy", good + 2)


def changed(name, old, new):
    """smoke.yaml with a change."""
    assert old in SMOKE, old
    with open(f"{name}.yaml", "wb") as file:
        file.write(SMOKE.replace(old, new, 1).encode("latin-1"))


def presets():
    """Presets with one thing wrong."""
    changed("twice", "seed: 0\n", "seed: 0\nseed: 1\n")
    changed("twice-inside", "  width: 50\n", "  width: 50\n  width: 60\n")
    changed("latin", "# For", "# F\xfcr")
    changed("date", "seed: 0", "seed: 2020-99-99")
    changed("set", "seed: 0", "seed: !!set {a, b}")
    changed("binary", "weights: laptop", "weights: !!binary aGVsbG8=")
    changed("python", "seed: 0", 'seed: !!python/object/apply:os.system ["touch pwned"]')
    changed("anchor", "channels: [16, 32]", "channels: &a [16, 32]")
    changed("deepy", "seed: 0", "seed: " + "[" * 4000)
    changed("deep-map", "seed: 0", "seed: " + "{a: " * 4000)
    changed("chan0", "channels: [16, 32]", "channels: [0, 32]")
    changed("channels-text", "channels: [16, 32]", "channels: [16, wide]")
    changed("channels-number", "channels: [16, 32]", "channels: 16")
    changed("heads0", "heads: 4", "heads: 0")
    changed("octal", "width: 50", "width: 0o62")
    changed("exponent", "learning_rate: 8.0e-4", "learning_rate: 8e-4")
    changed("tab", "  width: 50", "\twidth: 50")
    changed("control", "seed: 0", "seed: \x07")
    changed("two", "preset: smoke", "preset: smoke\n---\npreset: smoke")
    changed("section", "dataset:\n  configurations: 48\n  potentials: 2", "dataset: 48")
    changed("missing", "  heads: 4\n", "")
    changed("null", "  heads: 4\n", "  heads:\n")
    changed("key-number", "seed: 0", "seed: 0\n1: 2")
    changed("key-list", "seed: 0", "seed: 0\n? [a, b]\n: 2")
    changed("nan", "energy: 0.5", "energy: .nan")
    changed("merge", "seed: 0", "seed: 0\n<<: {seed: 1}")
    for name, text in (("list", "- 1\n- 2\n"), ("word", "hello\n"), ("number", "12\n")):
        with open(f"{name}.yaml", "w") as file:
            file.write(text)
    with open("long.yaml", "w") as file:
        file.write("#" * 2**21)
    with open("utf16.yaml", "wb") as file:
        file.write(SMOKE.encode("utf-16"))


GAAS = (project_root() / "presets" / "gaas.yaml").read_text()


def devices():
    """Device files with one thing wrong."""
    values = yaml.safe_load(GAAS)
    for name, change in {
        "d-width": {"width_nm": 0},
        "d-wide": {"width_nm": 1e30},
        "d-nan": {"width_nm": float("nan")},
        "d-inf": {"length_nm": float("inf")},
        "d-mass": {"effective_mass": -1},
        "d-text": {"radius_nm": "big"},
        "d-list": {"radius_nm": [1, 2]},
        "d-field": {"field_max_tesla": 1e9},
        "d-points": {"field_points": 2.5},
        "d-points-many": {"field_points": 10**12},
        "d-spin": {"spin": 3},
        "d-antidots": {"antidots": 99},
        "d-key": {"colour": "red"},
        "d-bool": {"width_nm": True},
    }.items():
        with open(f"{name}.yaml", "w") as file:
            yaml.safe_dump(values | change, file)
    lattice = as_dict(load_preset("smoke").device)
    for name, change in {
        "l-width": {"width": 10**9},
        "l-points": {"field_points": 10**12},
        "l-radius": {"radius": 10**7},
        "l-energy": {"energy": 1e300},
        "l-one": {"width": 1},
        "l-mixed": {"width_nm": 3},
    }.items():
        with open(f"{name}.yaml", "w") as file:
            yaml.safe_dump(lattice | change, file)


def datasets():
    """small.h5 with one thing wrong."""

    def copy(name):
        return h5py.File(shutil.copy("small.h5", f"{name}.h5"), "r+")

    def put(name, key, change):
        with copy(name) as file:
            values = file[key][()]
            attributes = dict(file[key].attrs)
            del file[key]
            change(file, values)
            if key in file and isinstance(file.get(key, getlink=True), h5py.HardLink):
                file[key].attrs.update(attributes)

    with copy("h-external") as file:
        del file["ldos"]
        file["ldos"] = h5py.ExternalLink("small.h5", "ldos")
    with copy("h-external-missing") as file:
        del file["ldos"]
        file["ldos"] = h5py.ExternalLink("nowhere.h5", "ldos")
    with copy("h-soft") as file:
        del file["conductance"]
        file["conductance"] = h5py.SoftLink("/ldos")
    with open("raw", "wb") as file:
        file.write(b"\0" * 10**6)
    put("h-raw", "ldos", lambda f, v: f.create_dataset("ldos", v.shape, v.dtype, external="raw"))

    def virtual(file, values):
        layout = h5py.VirtualLayout(values.shape, values.dtype)
        layout[:] = h5py.VirtualSource("small.h5", "ldos", values.shape)
        file.create_virtual_dataset("ldos", layout)

    put("h-virtual", "ldos", virtual)
    put(
        "h-bomb",
        "conductance",
        lambda f, v: f.create_dataset("conductance", (10**6, 10**6, 8), "f4", chunks=(1, 12, 8)),
    )
    put("h-shape", "conductance", lambda f, v: f.create_dataset("conductance", data=v[..., :7]))
    put(
        "h-dtype",
        "conductance",
        lambda f, v: f.create_dataset("conductance", v.shape, "S1", data=np.full(v.shape, b"x")),
    )
    put("h-group", "ldos", lambda f, v: f.create_group("ldos"))
    put("h-gone", "ldos", lambda f, v: None)
    for name, key, value in (
        ("h-nan", "conductance", np.nan),
        ("h-inf", "ldos", np.inf),
        ("h-negative", "conductance", -1),
        ("h-index", "antidots", 30000),
        ("h-orbit", "orbit", -7),
        ("h-potential", "potentials", np.nan),
        ("h-field", "fields", 1e9),
    ):
        with copy(name) as file:
            file[key][(0,) * file[key].ndim] = value
    for name, attribute, value in (
        ("h-version", "format_version", 7),
        ("h-version-list", "format_version", [1, 1]),
        ("h-version-text", "format_version", "one"),
        ("h-config", "config", "{"),
        ("h-config-deep", "config", "[" * 5000),
        ("h-config-list", "config", [1.0, 2.0]),
        ("h-hash", "config_sha256", "0" * 64),
        ("h-hash-list", "config_sha256", [1, 2]),
    ):
        with copy(name) as file:
            file.attrs[attribute] = value
    for name, section, change in (
        ("h-config-type", "device", {"field_points": "8"}),
        ("h-config-huge", "device", {"field_points": 10**12}),
        ("h-config-wide", "device", {"width": 10**6}),
        ("h-config-many", "dataset", {"potentials": 10**12}),
    ):
        with copy(name) as file:
            settings = json.loads(file.attrs["config"])
            settings[section] |= change
            file.attrs["config"] = json.dumps(settings)
            config = load_preset("small.yaml")

            own = (as_dict(config.device), as_dict(config.dataset))
            own = [
                part | change if section == n else part
                for part, n in zip(own, ("device", "dataset"))
            ]
            file.attrs["config_sha256"] = digest(*own, config.seed, 1, 2048)
    with open("small.h5", "rb") as file:
        data = file.read()
    for name, part in (("h-cut", data[: len(data) // 2]), ("h-head", data[:64])):
        with open(f"{name}.h5", "wb") as file:
            file.write(part)
    with h5py.File("h-empty.h5", "w"):
        pass


def meta_of(path):
    """Meta of a checkpoint."""
    with safe_open(path, "pt") as file:
        return json.loads(file.metadata()["meta"])


def checkpoints():
    """The run with one thing wrong in its checkpoint or log."""
    tensors, meta = load_file("run/checkpoint.safetensors"), meta_of("run/checkpoint.safetensors")

    def write(name, meta, tensors=tensors):
        shutil.copytree("run", name)
        text = meta if isinstance(meta, str) else json.dumps(meta)
        save_file(tensors, f"{name}/checkpoint.safetensors", {"meta": text})

    write("c-list", [1, 2])
    write("c-json", "{")
    write("c-deep", "[" * 5000)
    write("c-bare", {"step": 2})
    write("c-none", {})
    write("c-step-text", meta | {"step": "2"})
    write("c-step-negative", meta | {"step": -5})
    write("c-step-nan", meta | {"step": float("nan")})
    write("c-minutes", meta | {"minutes": None})
    write("c-minutes-nan", meta | {"minutes": float("nan")})
    write("c-data", meta | {"data": "0" * 64})
    write("c-data-list", meta | {"data": [1]})
    write("c-config", meta | {"config": 3})
    write(
        "c-config-heads",
        meta | {"config": meta["config"] | {"network": meta["config"]["network"] | {"heads": 0}}},
    )
    normal = meta["normalisation"]
    write("c-normal", meta | {"normalisation": None})
    write("c-normal-short", meta | {"normalisation": normal | {"curve_mean": [1, 2, 3]}})
    write("c-normal-zero", meta | {"normalisation": normal | {"curve_std": [0.0] * 8}})
    write("c-normal-text", meta | {"normalisation": normal | {"image_std": "x"}})
    write("c-normal-nan", meta | {"normalisation": normal | {"image_mean": float("nan")}})
    first = next(
        name for name in tensors if name.startswith("ema.module.") and tensors[name].ndim > 1
    )
    other = first.replace("ema.module.", "model.")
    bad = {name: value.clone() for name, value in tensors.items()}
    bad[first].view(-1)[0] = float("nan")
    bad[other].view(-1)[0] = float("inf")
    write("c-nan", meta, bad)
    write("c-fewer", meta, {name: v for name, v in tensors.items() if name != first})
    write("c-shape", meta, tensors | {first: tensors[first][:1].contiguous()})
    write(
        "c-optimizer",
        meta,
        {name.replace("optimizer.0.", "optimizer.x."): v for name, v in tensors.items()},
    )
    for name, tail in (
        ("c-log-half", b'{"step": 1, "min'),
        ("c-log-nul", b"\0" * 40),
        ("c-log-latin", b"\xff\n"),
    ):
        write(name, meta)
        with open(f"{name}/log.jsonl", "ab") as file:
            file.write(tail)
    write("c-cut", meta)
    os.truncate("c-cut/checkpoint.safetensors", 500)


def weights():
    """good.safetensors with one thing wrong beside or in it."""
    with open("good.json") as file:
        meta = json.load(file)
    config, normal = meta["config"], meta["normalisation"]

    def write(name, text, tensors=None):
        shutil.copy("good.safetensors", f"{name}.safetensors")
        if tensors is not None:
            save_file(tensors, f"{name}.safetensors")
        with open(f"{name}.json", "w") as file:
            file.write(text if isinstance(text, str) else json.dumps(text))

    def section(name, **change):
        return meta | {"config": config | {name: config[name] | change}}

    write("w-list", [1])
    write("w-json", "{")
    write("w-deep", "[" * 5000)
    write("w-none", {})
    write("w-channels", section("network", channels=[10**9, 10**9]))
    write("w-heads", section("network", heads=0))
    write("w-steps", section("diffusion", steps=10**12))
    write("w-sampler", section("sampling", sampler="evil"))
    write("w-width", section("device", width=10**9))
    write("w-points", section("device", field_points=10**9))
    write("w-config", meta | {"config": []})
    write("w-normal-list", meta | {"normalisation": [1]})
    write("w-normal-short", meta | {"normalisation": normal | {"curve_mean": [1.0]}})
    write("w-normal-zero", meta | {"normalisation": normal | {"curve_std": [0.0] * 8}})
    write("w-normal-text", meta | {"normalisation": normal | {"image_std": "x"}})
    write("w-contract", meta | {"contract": "0" * 64})
    write("w-shards", meta | {"shards": {"../secret.safetensors": "0"}})
    write("w-shards-list", meta | {"shards": [1, 2]})
    own = load_file("good.safetensors")
    first = sorted(own)[0]
    write("w-nan", meta, own | {first: own[first] * float("nan")})
    write("w-fewer", meta, {k: v for k, v in own.items() if k != first})
    write("w-cut", meta)
    os.truncate("w-cut.safetensors", 300)
    shutil.copy("good.safetensors", "w-alone.safetensors")
    fields = load_preset("small.yaml").device.fields
    table = np.column_stack([fields, np.full(len(fields), 3.0)])
    np.savetxt("good.csv", table, delimiter=",", header="field,conductance", comments="")
    shutil.copy("good.csv", "a$\\frac{1$.csv")
    shutil.copy("good.csv", b"x\xff.csv")
