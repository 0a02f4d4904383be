"""`qfp decode`: from curves to antidots."""

import contextlib
import json
import sys
from collections import Counter
from dataclasses import is_dataclass
from pathlib import Path

from qfp import __version__
from qfp.commands.measurement import add_measurement, measured
from qfp.data.text_file import stem
from qfp.files import output_folder
from qfp.tools import SettingsError, as_dict

HELP = "decode magnetoconductance curves into LDOS and antidots"


def add(sub):
    """Its arguments."""
    sub.add_argument(
        "curves",
        nargs="+",
        metavar="CURVE.csv",
        help="columns field, conductance or resistance and, where known, noise, its standard "
        "deviation; units as the header says, else rad/plaquette and e^2/h; noisy points, branches "
        "and halves are averaged; - is standard input",
    )
    add_measurement(sub)
    sub.add_argument(
        "--out",
        metavar="DIR",
        help="write a report of one page and all samples there; a call that was killed goes on",
    )
    sub.add_argument("--samples", type=int, help="images per curve")
    sub.add_argument("--steps", type=int, help="sampling steps")
    sub.add_argument(
        "--weights",
        help="name in models/, or a .safetensors file (default laptop; with --device none, or a "
        "network of that wire, see `qfp new`)",
    )
    sub.add_argument(
        "--network-only",
        action="store_true",
        help="the network's samples as they are, not judged by the exact solver",
    )
    sub.add_argument("--json", action="store_true", help="one JSON object a line")


def run(arguments):
    """Decode; print the answers, or with --json one object a line; reports and samples go to --out,
    where a call that was killed goes on."""
    from qfp.decoding import answer as answering

    stems = stems_of(arguments.curves, arguments.out)
    names = ("weights", "samples", "steps", "network_only")
    options = {name: getattr(arguments, name) for name in names} | measured(arguments)
    options["certificate"] = "curve" if arguments.out is None else True
    progress = sys.stderr.isatty()
    blocks = answering.in_blocks(arguments.curves, **options, progress=progress)
    kept = None if arguments.out is None else kept_of(Path(arguments.out), stems, options)
    with contextlib.nullcontext() if kept is None else kept.alone():
        before = [None if kept is None else kept.said(block) for block in blocks]
        number = sum(map(len, filter(None, before)))
        if number:
            told = f"{number} of {len(stems)} curves were decoded by an earlier call: kept"
            print(f"note: {told}", file=sys.stderr)
        for block, said in zip(blocks, before, strict=True):
            if said is not None:
                show(said, arguments.json)
                continue
            answers = block.answers()
            said = said_of(answers)
            show(said, arguments.json)
            if kept is not None:
                kept.add(block, answers, said, answering.report)
        if kept is not None:
            kept.finish(blocks)
    if not arguments.json:
        print(answering.SYMMETRIES)
        if kept is not None:
            print(f"reports and samples: {kept.out}")


def said_of(answers):
    """What is said to the curves of Answers, JSON values."""
    from qfp.decoding.told import as_dict, as_text

    return [
        {"file": file, "notes": notes, "text": as_text(answers, i), "json": as_dict(answers, i)}
        for i, (file, notes) in enumerate(zip(answers.files, answers.notes, strict=True))
    ]


def show(said, as_json):
    """Print notes on stderr, answers on stdout."""
    for own in said:
        for note in own["notes"]:
            print(f"note: {own['file']}: {note}", file=sys.stderr)
    for own in said:
        print(json.dumps(own["json"]) if as_json else own["text"], flush=True)


def kept_of(out, stems, options):
    """Kept of a call: what it says depends on its options, weights and blocks, and this version."""
    from qfp.commands.kept import Kept
    from qfp.decoding.answer import BLOCK
    from qfp.model.exported import weights_hash

    values = {n: as_dict(v) if is_dataclass(v) else v for n, v in options.items()}
    weights = options["weights"] or ("laptop" if options["device"] is None else None)
    weighed = weights and weights_hash(weights)
    return Kept(out, stems, [values, weighed, BLOCK, __version__])


def stems_of(files, out):
    """Names without suffix of what is written about files; SettingsError where two are one, or
    `out` is no folder to write to."""
    if out is None:
        return []
    output_folder(out)
    stems = [stem(file) for file in files]
    double = [name for name, n in Counter(stems).items() if n > 1]
    if double:
        raise SettingsError(
            f"two files are called {double[0]}: their reports in {out} would have one name"
        )
    return stems
