"""`qfp decode`: from curves to antidots."""

import json
import sys
from collections import Counter
from pathlib import Path

from qfp.commands.settings import described
from qfp.tools import SettingsError, check_folder, write_atomic

UNKNOWN = "gain", "series_ohm", "offset", "background"

HELP = "decode magnetoconductance curves into LDOS and antidots"


def add(sub):
    """Its arguments."""
    sub.add_argument(
        "curves",
        nargs="+",
        metavar="CURVE.csv",
        help="columns field [rad/plaquette], conductance [e^2/h] and, "
        "where known, noise, its standard deviation",
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


def add_measurement(sub):
    """Arguments that say what the curves are of."""
    sub.add_argument(
        "--lattice-nm",
        type=float,
        metavar="A",
        help="the field is in tesla; A is the lattice constant in nm",
    )
    sub.add_argument("--siemens", action="store_true", help="conductance and noise are in siemens")
    sub.add_argument("--spin", type=int, help="spins that the conductance counts (default 1)")
    sub.add_argument(
        "--unknown",
        action="append",
        metavar="NAME=SIZE",
        help="what the measurement adds, known to within SIZE (a standard deviation), inferred "
        f"with the answer: {', '.join(UNKNOWN)}; offset in the field's unit, background in e^2/h",
    )
    sub.add_argument(
        "--antidots",
        metavar="K",
        help="how many antidots the wire has, or may have: 1, 2 or 1,2 (default 2)",
    )
    sub.add_argument(
        "--device",
        metavar="FILE.yaml",
        help="of another wire, see `qfp device`: the exact solver alone, without any network; one "
        "in laboratory units says what its curves are, too (tesla, spin, --unknown, --antidots)",
    )


def run(arguments):
    """Decode; print the answers, or with --json one object a line; reports and samples go to
    --out."""
    from qfp.decoding import answer as answering
    from qfp.decoding.told import as_dict, as_text

    targets = output_paths(arguments.curves, arguments.out)
    names = ("weights", "samples", "steps", "siemens", "network_only")
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


def measured(arguments):
    """Options of `in_blocks` that say what the curves are of: from the arguments, else from a
    device file in laboratory units."""
    device, found = None, None
    if arguments.device is not None:
        device, found = described(arguments.device)
    lattice = arguments.lattice_nm
    if lattice is None and found is not None:
        lattice = found.lattice
    spin = arguments.spin if arguments.spin is not None else found.spin if found else 1
    numbers = found.antidots if found else (2,)
    if arguments.antidots is not None:
        numbers = numbers_of(arguments.antidots)
    sizes = {} if found is None else {n.removesuffix("_tesla"): v for n, v in found.unknown.items()}
    sizes |= unknown_of(arguments.unknown or ())
    return {
        "device": device,
        "lattice_nm": lattice,
        "spin": spin,
        "numbers": numbers,
        "nuisance": nuisance_of(sizes, lattice, spin) if sizes else None,
    }


def numbers_of(text):
    """Numbers of antidots of a text such as '1,2'."""
    try:
        numbers = tuple(sorted({int(part) for part in text.split(",")}))
    except ValueError:
        numbers = ()
    if not numbers or numbers[0] < 1:
        raise SettingsError(f"--antidots {text}: expected numbers such as 2 or 1,2")
    return numbers


def unknown_of(pairs):
    """{name: size} of texts such as 'gain=0.02'."""
    sizes = {}
    for pair in pairs:
        name, _, size = pair.partition("=")
        try:
            sizes[name] = float(size)
        except ValueError:
            name = None
        if name not in UNKNOWN or not 0 < sizes[name] < float("inf"):
            raise SettingsError(
                f"--unknown {pair}: expected NAME=SIZE such as gain=0.02, NAME one of "
                f"{', '.join(UNKNOWN)} and SIZE above 0"
            )
    return sizes


def nuisance_of(sizes, lattice_nm, spin):
    """Nuisance of sizes in the file's units, {name of UNKNOWN: size}."""
    from qfp.data.measured import SIEMENS
    from qfp.inference.nuisance import Nuisance
    from qfp.physics.units import per_tesla

    return Nuisance(
        gain=sizes.get("gain", 0.0),
        series=SIEMENS * spin * sizes.get("series_ohm", 0.0),
        offset=(1.0 if lattice_nm is None else per_tesla(lattice_nm)) * sizes.get("offset", 0.0),
        background=sizes.get("background", 0.0) / spin,
    )


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
    check_folder(out)
    stems = [Path(file).stem for file in files]
    double = [stem for stem, n in Counter(stems).items() if n > 1]
    if double:
        raise SettingsError(
            f"two files are called {double[0]}: their reports in {out} would have one name"
        )
    for stem in stems:
        for suffix in (".png", ".npy"):
            if (Path(out) / (stem + suffix)).exists():
                raise SettingsError(
                    f"{Path(out) / (stem + suffix)} exists: choose another --out or remove it"
                )
    return [Path(out) / stem for stem in stems]
