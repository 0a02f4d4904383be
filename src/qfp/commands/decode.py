"""`qfp decode`: from curves to antidots."""

import json
import sys
from collections import Counter
from pathlib import Path

from qfp.commands.measurement import add_measurement, measured
from qfp.files import output_file, output_folder
from qfp.tools import SettingsError, write_atomic

HELP = "decode magnetoconductance curves into LDOS and antidots"


def add(sub):
    """Its arguments."""
    sub.add_argument(
        "curves",
        nargs="+",
        metavar="CURVE.csv",
        help="columns field, conductance or resistance and, where known, noise, its standard "
        "deviation; units as the header says, else rad/plaquette and e^2/h; noisy points, branches "
        "and halves are averaged",
    )
    add_measurement(sub)
    sub.add_argument(
        "--out", metavar="DIR", help="write a report of one page and all samples there"
    )
    sub.add_argument("--samples", type=int, help="images per curve")
    sub.add_argument("--steps", type=int, help="sampling steps")
    sub.add_argument(
        "--weights",
        default="laptop",
        help="name in models/, or a .safetensors file (default laptop)",
    )
    sub.add_argument(
        "--network-only",
        action="store_true",
        help="the network's samples as they are, not judged by the exact solver",
    )
    sub.add_argument("--json", action="store_true", help="one JSON object a line")


def run(arguments):
    """Decode; print the answers, or with --json one object a line; reports and samples go to
    --out."""
    from qfp.decoding import answer as answering
    from qfp.decoding.told import as_dict, as_text

    targets = output_paths(arguments.curves, arguments.out)
    names = ("weights", "samples", "steps", "network_only")
    options = {name: getattr(arguments, name) for name in names} | measured(arguments)
    options["certificate"] = "curve" if arguments.out is None else True
    done = 0
    for answers in answering.in_blocks(arguments.curves, **options, progress=sys.stderr.isatty()):
        for file, notes in zip(answers.files, answers.notes):
            for note in notes:
                print(f"note: {file}: {note}", file=sys.stderr)
        for i in range(len(answers.files)):
            found = json.dumps(as_dict(answers, i)) if arguments.json else None
            print(found or as_text(answers, i), flush=True)
        for i, stem in enumerate(targets[done : done + len(answers.files)]):
            if answers.decoded is not None:
                write_samples(f"{stem}.npy", answers.decoded.ldos[i])
            write_report(f"{stem}.png", answering.report(answers, i))
        done += len(answers.files)
    if not arguments.json:
        print(answering.SYMMETRIES)
    if targets and not arguments.json:
        print(f"reports and samples: {targets[0].parent}")


def write_samples(path, ldos):
    """All samples (S, L, W) [1/t] of a curve."""
    import numpy as np

    write_atomic(path, lambda handle: np.save(handle, ldos))


def write_report(path, figure):
    """The page about a curve, a picture."""
    write_atomic(path, lambda handle: figure.savefig(handle, format="png", dpi=150))


def output_paths(files, out):
    """Output paths without suffix, one a file; SettingsError where one would be overwritten."""
    if out is None:
        return []
    output_folder(out)
    stems = [Path(file).stem for file in files]
    double = [stem for stem, n in Counter(stems).items() if n > 1]
    if double:
        raise SettingsError(
            f"two files are called {double[0]}: their reports in {out} would have one name"
        )
    for stem in stems:
        for suffix in (".png", ".npy"):
            output_file(Path(out) / (stem + suffix))
    return [Path(out) / stem for stem in stems]
