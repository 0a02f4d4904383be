"""The inputs: (kind, command, what must come of it).

A command is a text, split as a shell does it, or a list of words; @name is a file of `inputs`. What
must come is a text: words of the one line on stderr (exit code 2, nothing written), or, after
'0:' or '1:', words of stdout with that exit code.
"""

import dataclasses

from qfp.config import SECTIONS, Config
from qfp.model.vae import VaeSettings

WIRE = "solve --antidots 10,20 33,41 --fields 0:0:1"
TRAIN = "train --preset @small.yaml --data @small.h5 --out run"
DECODE = "decode --network-only --samples 1 --steps 1 --weights @good.safetensors @good.csv"
EXACT = DECODE.replace("--network-only ", "")
DATASET = "dataset --preset @small.yaml --workers 1"
LONG = "a" * 300

# --- settings: every field of a preset, and what no field may be


def beyond(field):
    """Texts that are no value of a field."""
    rule, kind = field.metadata, field.type
    if kind is tuple:
        if rule.get("of") is not int:
            return ["none", "[1]", "{a: 1}", "[none, none, none, [full]]"]
        return ["[0, 0]", "[16, a]", "16", "[1e9, 16]", "[.nan, 1]", "[[16, 32]]", "[true, 16]"]
    if "names" in rule:
        return ["evil", "null ", "[a]"]
    if kind in (int, float):
        low, high = rule["low"], rule["high"]
        near = [low - 1, high * 2 + 1] if kind is int else [f"{low - 1:.6e}", f"{high * 2:.6e}"]
        part = "2.25" if rule.get("halves") else "2.5"
        return [*map(str, near), ".nan", "text", "true", part if kind is int else "1e999"]
    return []


def settings():
    """--set of each field of a preset."""
    for name, cls in SECTIONS.items():
        for field in dataclasses.fields(cls):
            for value in beyond(field):
                key = f"{name}.{field.name}"
                yield (
                    ["dataset", "--preset", "smoke", "--dry-run", "--set", f"{key}={value}"],
                    field.name,
                )
    for field in dataclasses.fields(Config):
        if field.type is int:
            for value in beyond(field):
                yield ["dataset", "--dry-run", "--set", f"{field.name}={value}"], field.name
    for field in dataclasses.fields(VaeSettings):
        for value in beyond(field)[:3]:
            words = [
                "train-vae",
                "--data",
                "@small.h5",
                "--dry-run",
                "--set",
                f"vae.{field.name}={value}",
            ]
            yield words, field.name


VALUES = [
    ("seed=2020-99-99", "seed must be int"),
    ("seed=!!int abc", "no values"),
    ("seed=!!binary aGVsbG8=", "no values"),
    ('seed=!!python/object/apply:os.system ["touch pwned"]', "no values"),
    ("seed=" + "[" * 5000, "brackets"),
    ("seed=" + "{a: " * 5000, "brackets"),
    ("seed=&a 1", "anchors"),
    ("seed=" + "9" * 5000, "digits"),
    ("seed=10000000000000000000000", "seed must be int"),
    ("seed", "KEY=VALUE"),
    ("=3", "KEY=VALUE"),
    (".=3", "KEY=VALUE"),
    ("device.=3", "KEY=VALUE"),
    ("device.width", "KEY=VALUE"),
    ("device={width: 50, width: 60}", "twice"),
    ("device=3", "expected a mapping"),
    ("device=[1, 2]", "expected a mapping"),
    ("device.width.more=3", "unknown key 'width.more'"),
    ("colour=1", "unknown key 'colour'"),
    ("network.attention=[linear, magic]", "each of attention must be"),
    ("network.channels=[16]", "one entry per level"),
    ("network.channels=[16, 32, 64]", "one entry per level"),
    ("network.heads=5", "multiples of heads"),
    ("network.unshuffle=1", "60 pixels to 15"),
    ("sampling.steps=2000", "steps must lie between"),
    ("device.width=5000", "of memory, this machine has"),
    ("device.width=1000000", "of memory, this machine has"),
    ("device.width=1e3", "width must be int"),
    ("device.width=1_0", "width must be int"),
    ("device.width=", "width must be int"),
    ("device.width=null", "width must be int"),
    ("device.energy=1:30", "energy must be float"),
    ("device.energy=-.inf", "energy must be float"),
    ("device.energy='0.5", "not valid YAML"),
    ("device.energy=\x07", "not valid YAML"),
    ("training={minutes: }", "minutes must be float"),
]
NUMBERS = [
    ("training.learning_rate=1e-4", "learning_rate: 0.0001"),
    ("training.learning_rate=1.0e-4", "learning_rate: 0.0001"),
    ("training.learning_rate=0.0001", "learning_rate: 0.0001"),
    ("training.learning_rate=+1E-04", "learning_rate: 0.0001"),
    ("device.energy=1e-05", "energy: 1.0e-05"),
    ("device.energy=1", "energy: 1.0"),
    ("device.width=0050", "width: 50"),
    ("device.width=0x32", "width: 50"),
    ("weights=0123", "weights: '0123'"),
    ("weights=run #1", "weights: 'run #1'"),
    ("seed=9223372036854775807", "seed: 9223372036854775807"),
    ("device={width: 40}", "width: 40"),
    ("network.attention=[none, none]", "- none"),
]
CHANGES = [
    ("--set device=3 --set device.width=50", "a single value before"),
    ("--set device.width=3 --set device=[1]", "expected a mapping"),
]
PRESETS = [
    ("twice", "key 'seed' stands there twice"),
    ("twice-inside", "key 'width' stands there twice"),
    ("latin", "line 1: byte 0xfc"),
    ("date", "seed must be int"),
    ("set", "no values"),
    ("binary", "no values"),
    ("python", "no values"),
    ("anchor", "anchors"),
    ("deepy", "brackets"),
    ("deep-map", "not valid YAML"),
    ("chan0", "each of channels must be int"),
    ("channels-text", "each of channels must be int"),
    ("channels-number", "channels must be tuple"),
    ("heads0", "heads must be int"),
    ("octal", "0:width: 50"),
    ("exponent", "0:learning_rate: 0.0008"),
    ("tab", "not valid YAML"),
    ("control", "not valid YAML"),
    ("two", "not valid YAML"),
    ("section", "dataset: expected a mapping"),
    ("missing", "missing key 'heads'"),
    ("null", "heads must be int"),
    ("key-number", "unknown key '1'"),
    ("key-list", "a key must be a name"),
    ("nan", "energy must be float"),
    ("merge", "unknown key '<<'"),
    ("list", "expected a mapping"),
    ("word", "expected a mapping"),
    ("number", "expected a mapping"),
    ("empty", "expected a mapping"),
    ("noise", "save the file as UTF-8"),
    ("utf16", "save the file as UTF-8"),
    ("long", "longer than"),
    ("folder", "a folder"),
    ("fifo", "a pipe"),
    ("zero", "a device"),
    ("absent", "no such file"),
]


def presets():
    """--set values, preset files, and the same values in other commands."""
    for pair, told in VALUES:
        yield ["dataset", "--dry-run", "--set", pair], told
    for pair, told in NUMBERS:
        yield ["dataset", "--preset", "smoke", "--dry-run", "--set", pair], f"0:{told}"
    for words, told in CHANGES:
        yield f"{WIRE} {words}", told
    for name, told in PRESETS:
        yield f"dataset --preset @{name}.yaml --dry-run", told
    for command in (WIRE, "train", "train-vae", "run", "study accuracy"):
        yield f"{command} --preset nonsense", "unknown preset 'nonsense'"
        yield f"{command} --preset @heads0.yaml", "heads must be int"


# --- arguments of commands

SOLVE = [
    ("--width 1000000000", "width must be int"),
    ("--width 100000", "of memory, this machine has"),
    ("--length 1000000000000", "length must be int"),
    ("--width 1000000000000000000000000000000", "width must be int"),
    ("--width 2.5", "--width"),
    ("--width -3", "width must be int"),
    ("--energy nan", "energy must be float"),
    ("--energy 1e400", "energy must be float"),
    ("--energy five", "--energy"),
    ("--energy -1", "0:0.000000000,0.000000000,0"),
    ("--energy 100", "0:0.000000000,0.000000000,0"),
    ("--fields 0:1:1000000000000", "--fields 0:1:1000000000000: expected"),
    ("--fields 0:1:100000000000000000000", "expected FIRST:LAST:NUMBER"),
    ("--fields 0:1", "expected FIRST:LAST:NUMBER"),
    ("--fields 0:nan:3", "expected FIRST:LAST:NUMBER"),
    ("--fields 0:1:0", "expected FIRST:LAST:NUMBER"),
    ("--fields 0:1:-5", "expected FIRST:LAST:NUMBER"),
    ("--fields a:b:c", "expected FIRST:LAST:NUMBER"),
    ("--fields ''", "--fields: expected a value"),
    ("--fields=", "--fields: expected a value"),
    ("--radius -1", "antidot radii"),
    ("--radius nan", "antidot radii"),
    ("--radius 1e300", "antidot radii"),
    ("--radius 1 2 3", "one for each of the 2 antidots"),
    ("--potential-seed -1", "--potential-seed -1"),
    ("--potential-seed x", "--potential-seed"),
    ("--method magic", "--method"),
    ("--colour", "unrecognized"),
    ("--energy 0.00001", "0:0.000000000,0.000000000,0"),
    ("--energy 1e-5", "0:0.000000000,0.000000000,0"),
    ("--fields -0.05:0.05:3", "0:-0.050000000"),
    ("--fields -.05:0.05:2", "0:-0.050000000"),
    ("--fields -5e-2:0.05:2", "0:-0.050000000"),
    ("--json", '0:{"fields": [0.0]'),
    ("--potential @good.npy", "0:field,conductance"),
]
ANTIDOTS = [
    ("10;20", "expected centres X,Y"),
    ("10", "expected centres X,Y"),
    ("10,20,30", "expected centres X,Y"),
    ("nan,3", "expected centres X,Y"),
    ("1.5,3", "expected centres X,Y"),
    ("99999999999999999999999,3", "antidot"),
    ("-3,20", "leaves the wire"),
    ("10,1", "end row"),
    ("", "expected a value"),
    ("  ", "expected a value"),
]
ARRAYS = {
    "bomb.npy": "not a readable .npy",
    "deep.npy": "not a readable .npy",
    "cut.npy": "not a readable .npy",
    "empty.npy": "it is empty",
    "noise.npy": "not a readable .npy",
    "archive.npz": "an archive of arrays",
    "zip.npy": "an archive of arrays",
    "nan.npy": "[0, 0] is no finite number",
    "one-nan.npy": "[3, 1] is no finite number",
    "complex.npy": "got complex128",
    "text.npy": "got <U1",
    "turned.npy": "got float64 (50, 60)",
    "objects.npy": "not a readable .npy",
    "folder.npy": "a folder",
    "fifo.npy": "a pipe",
    "zero.npy": "a device",
    "loop": "a link that leads in a circle",
    "dangling": "no such file",
    "absent.npy": "no such file",
    "small.h5": "not a readable .npy",
}
DEVICES = {
    "d-width": "width_nm must be above 0",
    "d-wide": "d-wide.yaml",
    "d-nan": "width_nm must be a number",
    "d-inf": "length_nm must be a number",
    "d-mass": "effective_mass must be a number",
    "d-text": "radius_nm must be a number",
    "d-list": "radius_nm must be one number",
    "d-field": "field_max_tesla",
    "d-points": "field_points must be a whole number",
    "d-points-many": "field_points",
    "d-spin": "spin must be 1 or 2",
    "d-antidots": "antidots must be a number from 1 to 6",
    "d-key": "unknown key 'colour'",
    "d-bool": "width_nm must be a number",
    "l-width": "width",
    "l-points": "field_points",
    "l-radius": "radius",
    "l-energy": "energy",
    "l-one": "width",
    "l-mixed": "cannot be mixed",
    "latin": "save the file as UTF-8",
    "deepy": "brackets",
    "python": "no values",
    "word": "expected lines such as",
    "empty": "expected lines such as",
    "noise": "save the file as UTF-8",
    "fifo": "a pipe",
    "folder": "a folder",
    "zero": "a device",
    "absent": "no such file",
}


def arguments():
    """Words after an option that are no value of it."""
    for words, told in SOLVE:
        yield (
            f"solve --antidots 10,20 33,41 {'' if 'fields' in words else '--fields 0:0:1 '}{words}",
            told,
        )
    for word, told in ANTIDOTS:
        yield (
            ["solve", "--fields", "0:0:1", f"--antidots={word}"]
            if word[:1] == "-"
            else ["solve", "--fields", "0:0:1", "--antidots", word],
            told,
        )
    for name, told in ARRAYS.items():
        yield f"{WIRE} --potential @{name}", told
    for name in ("bomb.npy", "archive.npz", "empty.npy", "fifo.npy"):
        yield f"solve --mask @{name}", ARRAYS[name]
    yield "solve --mask @twos.npy", "0 and 1"
    for name, told in DEVICES.items():
        yield f"device @{name}.yaml", told
    for name in ("d-wide", "l-width", "fifo", "empty", "deepy"):
        yield f"decode @good.csv --device @{name}.yaml", DEVICES[name]
        yield f"{WIRE} --device @{name}.yaml", DEVICES[name]
    yield from DECODES
    yield from NOTEBOOKS
    yield from OTHERS


DECODES = [
    (f"{DECODE} --lattice-nm 1e308", "--lattice-nm"),
    (f"{DECODE} --lattice-nm -5", "--lattice-nm"),
    (f"{DECODE} --lattice-nm nan", "--lattice-nm"),
    (f"{DECODE} --lattice-nm 0", "--lattice-nm"),
    (f"{DECODE} --spin 3", "--spin 3"),
    (f"{DECODE} --samples 1000000000000", "--samples"),
    (f"{DECODE} --samples 10000000", "--samples"),
    (f"{DECODE} --samples 0", "--samples"),
    (f"{DECODE} --samples -4", "--samples"),
    (f"{DECODE} --samples x", "--samples"),
    (f"{DECODE} --steps 0", "--steps"),
    (f"{DECODE} --steps 1001", "--steps"),
    (f"{DECODE} --unknown gain", "--unknown gain"),
    (f"{DECODE} --unknown gain=nan", "--unknown gain=nan"),
    (f"{DECODE} --unknown gain=-1", "--unknown gain=-1"),
    (f"{DECODE} --unknown colour=1", "--unknown colour=1"),
    (f"{DECODE} --unknown gain=1e400", "--unknown gain"),
    (f"{EXACT} --temperature -0.01", "temperature -0.01"),
    (f"{EXACT} --temperature nan", "temperature nan"),
    (f"{EXACT} --temperature 0,inf", "temperature inf"),
    (f"{EXACT} --temperature warm", "--temperature warm"),
    (f"{EXACT} --temperature 0.01,,0.02", "--temperature 0.01,,0.02"),
    (
        "decode --weights @good.safetensors @good.csv --temperature 0.01 --antidots 3",
        "temperature with 3 antidots",
    ),
    (f"{DECODE} --temperature 0.01", "knows of no --temperature"),
    (f"{DECODE} --antidots 0", "--antidots 0"),
    (f"{DECODE} --antidots two", "--antidots two"),
    (f"{DECODE} --antidots 1,,2", "--antidots"),
    (f"{DECODE} --weights nonsense", "no weights at"),
    (f"{DECODE} --weights ''", "--weights: expected a value"),
    (["decode", ""], "expected a value"),
    ("decode", "required"),
    (f"{DECODE}", "0:antidots"),
    (f"{DECODE} --json", '0:{"'),
    (["decode", "no\x1b[31m\nsecond.csv"], r"no\x1b[31m\nsecond.csv"),
    (["decode", b"no\xff.csv"], r"no\xff.csv"),
    ("decode @folder", "a folder"),
    ("decode @absent.csv", "absent.csv"),
    ("decode -", "-: standard input is empty"),
    (f"{DECODE.removesuffix('@good.csv')} - @good.csv --out out", "-: standard input is empty"),
    ("decode @empty.csv", "empty"),
    ("decode @noise.csv", "noise.csv"),
    (f"{DECODE} --out out", "0:reports and samples"),
    (f"{DECODE} @a$\\\\frac{{1$.csv --out out", "0:reports and samples"),
    ([*DECODE.split(), b"@x\xff.csv", "--out", "out"], "0:reports and samples"),
    ([*DECODE.split(), b"@x\xff.csv", "--json"], '0:{"'),
    (f"{DECODE} @good.csv --out out", "two files are called good"),
]
NOTEBOOKS = [
    ("run --only ''", "--only: expected a value"),
    ("run --only ,", "no notebook starts with ''"),
    ("run --only 08,", "no notebook starts with ''"),
    ("run --only 99", "no notebook starts with '99'"),
    ("run --only ../08", "no notebook starts with"),
    ("run -p seed=2020-99-99 --only 08", "seed must be int"),
    ("run -p seed=!!binary,aGk= --only 08", "no values"),
    (["run", "--only", "08", "-p", "lattice_nm=!!binary aGk="], "no values"),
    (
        ["run", "--only", "08", "-p", 'lattice_nm=!!python/object/apply:os.system ["touch pwned"]'],
        "no values",
    ),
    (["run", "--only", "08", "-p", "lattice_nm={a: 1}"], "a mapping only for a section"),
    (["run", "--only", "08", "-p", "lattice_nm=[[[1]]]"], "lists of them"),
    (["run", "--only", "08", "-p", "training={minutes: {a: 1}}"], "a mapping only for a section"),
    (["run", "--only", "08", "-p", b"curve=\xff.csv"], "not UTF-8"),
    ("run -p curve --only 08", "KEY=VALUE"),
    ("run -p =3 --only 08", "KEY=VALUE"),
    ("run -p a-b=3 --only 08", "KEY=VALUE"),
    ("run -p colour=red --only 08", "unknown key 'colour'"),
    ("run -p colour.width=3 --only 08", "the sections are"),
    ("run -p preset=paper --only 08", "--preset"),
    ("run -p training.minuts=3 --only 08", "unknown key 'minuts'"),
    ("run -p training.batch=-1 --only 08", "batch must be int"),
    ("run -p network.channels=[0,0] --only 08", "each of channels"),
]
OTHERS = [
    (f"{DATASET} --out x.h5 --workers 1000000000", "--workers 1000000000"),
    (f"{DATASET} --out x.h5 --workers 0", "--workers 0"),
    (f"{DATASET} --out x.h5 --workers -1", "--workers -1"),
    (f"{DATASET} --out x.h5 --workers two", "--workers"),
    (
        f"{DATASET} --out x.h5 --set dataset.configurations=1000000000000",
        "configurations must be int",
    ),
    (f"{DATASET} --out x.h5 --set dataset.configurations=9999999", "this device has only 16170"),
    (f"{DATASET} --out x.h5 --set dataset.potentials=0", "potentials must be int"),
    (f"{DATASET} --out x.h5 --set device.field_points=1000000000", "field_points must be int"),
    (f"{DATASET} --out x.h5 --set device.width=5000", "of memory, this machine has"),
    ("dataset --preset @small.yaml --out x.h5 --scheduler nonsense", "--scheduler nonsense"),
    ("dataset --repair", "--repair mends the file"),
    ("dataset --validate ''", "--validate: expected a value"),
    ("train --data @small.h5 --preset smoke --out run", "holds another device"),
    (f"{TRAIN} --slice-minutes nan", "--slice-minutes"),
    (f"{TRAIN} --slice-minutes -1", "--slice-minutes"),
    (f"{TRAIN} --slice-minutes 0", "--slice-minutes"),
    (f"{TRAIN} --set training.max_steps=0", "would never end"),
    (f"{TRAIN} --set training.batch=100000", "of memory, this machine has"),
    (
        f"{TRAIN} --set training.curve_batch=1000000 --set network.condition_hidden=16384",
        "of memory, this machine has",
    ),
    (
        f"{TRAIN} --set network.condition_hidden=16384 --set network.condition_blocks=64",
        "of memory, this machine has",
    ),
    (f"{TRAIN} --set device.width=51", "another device than"),
    (f"{TRAIN} --resume", "nothing to resume"),
    (f"train --init laptop --resume {TRAIN[6:]}", "give one of them"),
    ("train --init nonsense " + TRAIN[6:], "no weights at"),
    ("study", "0:accuracy"),
    ("study nonsense", "no study 'nonsense'"),
    ("study accuracy --curves 0", "--curves 0"),
    ("study accuracy --curves x", "--curves"),
    ("study accuracy --out ''", "--out: expected a value"),
    ("study accuracy --data @small.h5 --weights @good.safetensors --curves -5", "--curves"),
    ("study accuracy --weights one two", "unrecognized"),
    ("study ablations --plan @deepy.yaml", "brackets"),
    ("study ablations --plan @absent.yaml", "no such file"),
    ("evaluate table", "is now `qfp study accuracy`"),
    ("probe attention", "is now `qfp study attention`"),
    ("frobnicate", "invalid choice"),
    ("--version", "0:qfp"),
    ("train-vae --set vae=3", "--set vae"),
    ("train-vae --set sweep.rows=[3]", "each of rows must be dict"),
    ("train-vae --set sweep.rows=[{latent:\\ 0}]", "latent must be int"),
    ("train-vae --set restricted.upper=[a,b]", "each of upper"),
    ("train-vae --set colour.a=1", "unknown key 'colour'"),
]

# --- outputs: every command that writes, and what cannot be written to

WRITERS = {
    "file": (
        (f"{WIRE} --ldos {{}}", "--ldos"),
        (f"{DATASET} --out {{}}", "--out"),
        ("study accuracy --data @small.h5 --weights @good.safetensors --out {}", "--out"),
    ),
    "folder": (
        (f"{DECODE} --out {{}}", "--out"),
        ("train --preset @small.yaml --data @small.h5 --out {}", "--out"),
        ("train-vae --preset @small.yaml --data @small.h5 --out {}", "--out"),
        ("run --only 08 --out {}", "--out"),
    ),
    "stem": (("export @run {}", "OUT"),),
}
PLACES = {  # path: kinds of output that it is none for, and words
    "''": ("file folder stem", "expected a value"),
    "/dev/full": ("file folder", "a device"),
    "/dev/full/x": ("file folder stem", "/dev/full/x"),
    "@loop": ("file folder", "@loop"),
    "@loop/x": ("file folder stem", "@loop/x"),
    "/proc/x": ("file folder stem", "/proc/x"),
    "@file/x": ("file folder stem", "@file/x"),
    "@file": ("folder", "not a folder"),
    LONG: ("file folder stem", "the name is too long"),
    "a" * 250: ("file", "the name is too long"),
    "@folder": ("file", "a folder"),
    "@fifo": ("file folder", "a pipe"),
    "@to-device": ("file folder", "@to-device"),
    "@dangling": ("file folder", "a link"),
    ".": ("file", "a folder"),
    "/": ("file", "a folder"),
}


def outputs():
    """Every command that writes, to every place that cannot be written to."""
    for kind, commands in WRITERS.items():
        for command, _ in commands:
            for place, (kinds, told) in PLACES.items():
                if kind in kinds.split():
                    yield command.format(place), told
    yield "export @run @good", "exists already"
    yield f"{DATASET} --out @small.yaml", "not an HDF5 file"
    yield f"{DATASET} --out @good.json", "good.json"
    yield f"{WIRE} --ldos @good.npy", "exists"
    yield "train --preset @small.yaml --data @small.h5 --out @run", "exists already"
    yield f"{WIRE} --ldos new/deep/x.npy", "0:field,conductance"
    yield "export @run new/deep/x", "0:parameters"


# --- files that are read

DATASETS = {  # words of `train`, and the exit code and words of --validate
    "h-external": ("/ldos", "1:/ldos"),
    "h-external-missing": ("/ldos", "1:/ldos"),
    "h-soft": ("/conductance", "1:/conductance"),
    "h-raw": ("/ldos", "1:/ldos"),
    "h-virtual": ("/ldos", "1:/ldos"),
    "h-bomb": ("/conductance", "1:/conductance"),
    "h-shape": ("/conductance", "1:/conductance"),
    "h-dtype": ("/conductance", "1:/conductance"),
    "h-group": ("/ldos", "1:/ldos"),
    "h-gone": ("/ldos", "1:/ldos"),
    "h-nan": ("/conductance[0, 0, 0]", "1:/conductance[0, 0:12]"),
    "h-inf": ("/ldos[0, 0, 0, 0]", "1:/ldos[0, 0:12]"),
    "h-negative": ("/conductance[0, 0, 0]", "1:/conductance[0, 0:12]"),
    "h-index": ("/antidots", "1:/antidots"),
    "h-orbit": ("/orbit", "1:/orbit"),
    "h-potential": ("/potentials", "1:/potentials"),
    "h-field": ("/fields", "1:/fields"),
    "h-version": ("format_version", "format_version"),
    "h-version-list": ("format_version", "format_version"),
    "h-version-text": ("format_version", "format_version"),
    "h-config": ("settings", "1:settings"),
    "h-config-deep": ("settings", "1:settings"),
    "h-config-list": ("settings", "1:settings"),
    "h-hash": ("settings", "1:settings"),
    "h-hash-list": ("settings", "1:settings"),
    "h-config-type": ("settings", "1:settings"),
    "h-config-huge": ("settings", "1:settings"),
    "h-config-wide": ("its settings:", "its settings:"),
    "h-config-many": ("settings", "1:settings"),
    "h-cut": ("cut short", "1:cut short"),
    "h-head": ("cut short", "1:cut short"),
    "h-empty": ("not a qfp dataset", "not a qfp dataset"),
    "empty": ("not an HDF5 file", "not an HDF5 file"),
    "noise": ("not an HDF5 file", "not an HDF5 file"),
    "folder": ("a folder", "a folder"),
    "fifo": ("a pipe", "a pipe"),
    "zero": ("a device", "a device"),
    "absent": ("no dataset at", "no dataset at"),
}
CHECKPOINTS = {  # words of --resume and of export
    "c-list": ("c-list", "c-list"),
    "c-json": ("c-json", "c-json"),
    "c-deep": ("c-deep", "c-deep"),
    "c-bare": ("c-bare", "c-bare"),
    "c-none": ("c-none", "c-none"),
    "c-step-text": ("step", "step"),
    "c-step-negative": ("step", "step"),
    "c-step-nan": ("step", "step"),
    "c-minutes": ("minutes", "minutes"),
    "c-minutes-nan": ("minutes", "minutes"),
    "c-data": ("another dataset", None),
    "c-data-list": ("data", "data"),
    "c-config": ("c-config", "c-config"),
    "c-config-heads": ("heads", "heads"),
    "c-normal": ("normalisation", "normalisation"),
    "c-normal-short": ("normalisation", "normalisation"),
    "c-normal-zero": ("normalisation", "normalisation"),
    "c-normal-text": ("normalisation", "normalisation"),
    "c-normal-nan": ("normalisation", "normalisation"),
    "c-nan": ("not finite", "not finite"),
    "c-fewer": ("weights do not fit", "weights do not fit"),
    "c-shape": ("weights do not fit", "weights do not fit"),
    "c-optimizer": ("optimiser", None),
    "c-cut": ("not a readable safetensors", "not a readable safetensors"),
}
WEIGHTS = {
    "w-list": "does not describe weights",
    "w-json": "does not describe weights",
    "w-deep": "does not describe weights",
    "w-none": "does not describe weights",
    "w-channels": "each of channels must be int",
    "w-heads": "heads must be int",
    "w-steps": "steps must be int",
    "w-sampler": "sampler must be",
    "w-width": "width must be int",
    "w-points": "field_points must be int",
    "w-config": "w-config",
    "w-normal-list": "w-normal-list",
    "w-normal-short": "normalisation",
    "w-normal-zero": "normalisation",
    "w-normal-text": "normalisation",
    "w-contract": "contract",
    "w-shards": "shards",
    "w-shards-list": "does not describe weights",
    "w-nan": "not finite",
    "w-fewer": "weights do not fit",
    "w-cut": "not a readable safetensors",
    "w-alone": "needs its description",
    "absent": "no weights at",
    "folder": "no weights at",
    "fifo": "no weights at",
}


def files():
    """Datasets, checkpoints and weights that are none, or damaged."""
    train = "train --preset @small.yaml --out run --data @{}.h5"
    for name, (told, validated) in DATASETS.items():
        yield train.format(name), told
        yield f"dataset --validate @{name}.h5", validated
    yield "dataset --validate @good.json", "not an HDF5 file"
    yield "dataset --validate @small.h5", "0:whole"
    for command in (
        "study accuracy --weights @good.safetensors",
        "train-vae --preset @small.yaml --out o",
    ):
        for name in ("h-nan", "h-shape", "absent", "fifo", "h-cut"):
            yield f"{command} --data @{name}.h5", DATASETS[name][0]
    resume = (
        "train --preset @small.yaml --data @small.h5 --resume --set training.max_steps=3 --out @{}"
    )
    for name, (resumed, exported) in CHECKPOINTS.items():
        yield resume.format(name), resumed
        if exported:
            yield f"export @{name} new", exported
    for name in ("c-log-half", "c-log-nul", "c-log-latin"):
        yield resume.format(name), "0:finished"
    yield "export @folder new", "no weights at"
    yield "export @absent new", "no weights at"
    yield "export @file new", "no weights at"
    for name, told in WEIGHTS.items():
        yield (
            f"decode --network-only --samples 1 --steps 1 @good.csv --weights @{name}.safetensors",
            told,
        )
    for name in ("w-heads", "w-nan", "w-normal-short", "absent"):
        yield f"{TRAIN} --init @{name}.safetensors", WEIGHTS[name]
        yield f"study accuracy --data @small.h5 --weights @{name}.safetensors", WEIGHTS[name]


KINDS = {
    "settings": settings,
    "presets": presets,
    "arguments": arguments,
    "outputs": outputs,
    "files": files,
}
ROWS = [(kind, *row) for kind, rows in KINDS.items() for row in rows()]
