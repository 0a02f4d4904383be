"""Arguments that say what measured curves are of, and how their files are to be read."""

from qfp.commands.settings import described
from qfp.tools import SettingsError

LATTICES = 1e-3, 1e6  # lattice constants [nm] that a wire may have
MOST = 6  # antidots
UNKNOWN = "gain", "series_ohm", "offset", "background"
OPTIONS = {
    "--lattice-nm": {
        "type": float,
        "metavar": "A",
        "help": "lattice constant in nm; the field is then in tesla, or as the header says",
    },
    "--siemens": {"action": "store_true", "help": "conductance and noise are in siemens"},
    "--units": {
        "metavar": "FIELD,CONDUCTANCE",
        "help": "whatever the header says: one of T, mT, Oe, G, rad/plaquette, or of e^2/h, S, uS, "
        "ohm, kohm, or both, such as mT,uS",
    },
    "--columns": {
        "metavar": "FIELD,CONDUCTANCE",
        "help": "which columns are meant, names or numbers; a third one is the noise",
    },
    "--offset": {
        "metavar": "B",
        "default": "0",
        "help": "offset of the field, taken off: in tesla with --lattice-nm, else rad/plaquette; "
        "'auto': what makes the curve symmetric and its branches agree",
    },
    "--spin": {"type": int, "help": "spins that the conductance counts (default 1)"},
    "--unknown": {
        "action": "append",
        "metavar": "NAME=SIZE",
        "help": "what the measurement adds, known to within SIZE (a standard deviation), inferred "
        f"with the answer: {', '.join(UNKNOWN)}; offset in tesla with --lattice-nm, else "
        "rad/plaquette, background in e^2/h",
    },
    "--antidots": {
        "metavar": "K",
        "help": "how many antidots the wire has, or may have: 3, or 1,2,3 (default: what the "
        "weights know, 2 without); three and more are searched, a minute a curve",
    },
    "--temperature": {
        "metavar": "T",
        "help": "of the wire, in kelvin with a device file in laboratory units, else k_B T in t; "
        "or what it may be, such as 0,0.1,0.3 (default: the device file's, or 0)",
    },
    "--device": {
        "metavar": "FILE.yaml",
        "help": "of another wire, see `qfp device`: the exact solver alone, or with the network of "
        "--weights; one in laboratory units says what its curves are, too (tesla, spin, "
        "--temperature, --unknown, --antidots)",
    },
}


def add_measurement(sub):
    """Arguments that say what the curves are of."""
    for name, settings in OPTIONS.items():
        sub.add_argument(name, **settings)


def measured(arguments):
    """Options of `in_blocks` that say what the curves are of: from the arguments, else from a
    device file in laboratory units."""
    device, found = None, None
    if arguments.device is not None:
        device, found = described(arguments.device, warm=True)
    lattice = arguments.lattice_nm
    if lattice is not None and not LATTICES[0] <= lattice <= LATTICES[1]:
        raise SettingsError(
            f"--lattice-nm {lattice}: a lattice constant in nm is wanted, such as 5"
        )
    if lattice is None and found is not None:
        lattice = found.lattice
    spin = arguments.spin if arguments.spin is not None else found.spin if found else 1
    numbers = found.antidots if found else None
    if arguments.antidots is not None:
        numbers = numbers_of(arguments.antidots)
    kelvin = None if found is None else found.kelvin
    temperature = 0.0 if found is None else found.thermal
    if arguments.temperature is not None:
        temperature = temperatures_of(arguments.temperature, kelvin)
    sizes = {} if found is None else {n.removesuffix("_tesla"): v for n, v in found.unknown.items()}
    sizes |= unknown_of(arguments.unknown or ())
    return {
        **{name: getattr(arguments, name) for name in ("siemens", "units", "columns")},
        "device": device,
        "lattice_nm": lattice,
        "spin": spin,
        "offset": offset_of(arguments.offset),
        "numbers": numbers,
        "temperature": temperature,
        "kelvin": kelvin,
        "nuisance": nuisance_of(sizes, lattice, spin) if sizes else None,
    }


def numbers_of(text):
    """Numbers of antidots of a text such as '1,2'."""
    try:
        numbers = tuple(sorted({int(part) for part in text.split(",")}))
    except ValueError:
        numbers = ()
    if not numbers or numbers[0] < 1 or numbers[-1] > MOST:
        raise SettingsError(
            f"--antidots {text}: expected numbers from 1 to {MOST}, such as 2 or 1,2,3"
        )
    return numbers


def temperatures_of(text, kelvin):
    """Temperatures k_B T [t] of a text such as '0.3' or '0,0.1,0.3', in kelvin where `kelvin`, one
    of them [t], is known."""
    try:
        return sorted({float(part) * (kelvin or 1.0) for part in text.split(",")})
    except ValueError:
        raise SettingsError(
            f"--temperature {text}: expected numbers, 0 or more, such as 0.01 or 0,0.005,0.01"
        ) from None


def offset_of(text):
    """Number of a text such as '0.02', or 'auto'."""
    try:
        return text if text == "auto" else float(text)
    except ValueError:
        raise SettingsError(f"--offset {text}: expected a field such as 0.02, or auto") from None


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
    from qfp.inference.nuisance import Nuisance
    from qfp.physics.units import SIEMENS, per_tesla

    return Nuisance(
        gain=sizes.get("gain", 0.0),
        series=SIEMENS * spin * sizes.get("series_ohm", 0.0),
        offset=(1.0 if lattice_nm is None else per_tesla(lattice_nm)) * sizes.get("offset", 0.0),
        background=sizes.get("background", 0.0) / spin,
    )
