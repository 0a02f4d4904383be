"""`qfp solve`: one exact curve, and if wanted its LDOS, of a device that the command line
describes."""

import json
import sys
import time

import numpy as np

from qfp.commands.settings import add_settings, config_of
from qfp.files import array_of, output_file
from qfp.tools import SettingsError, write_atomic

HELP = "exact conductance curve of a device"
FIELDS = 10**5  # at most: as many as a preset's
ENERGIES = 16  # of an average: 0.001 to 0.008 e^2/h off where k_B T is 0.0045 to 0.02 t


def add(sub):
    """Its arguments."""
    add_settings(sub)
    holes = sub.add_mutually_exclusive_group(required=True)
    holes.add_argument(
        "--antidots", nargs="+", metavar="X,Y", help="centres, in sites; they may touch or overlap"
    )
    holes.add_argument(
        "--mask",
        metavar="FILE.npy",
        help="removed sites instead, (length, width) of 0 and 1, indexed [y, x]",
    )
    sub.add_argument(
        "--radius",
        nargs="+",
        type=float,
        metavar="R",
        help="one, or one for each antidot (default: the preset's)",
    )
    sub.add_argument(
        "--width", type=int, metavar="W", help="sites across the wire (default: the preset's)"
    )
    sub.add_argument("--length", type=int, metavar="L", help="sites along it")
    sub.add_argument("--energy", type=float, metavar="E", help="[t], the band begins at 0")
    potential = sub.add_mutually_exclusive_group()
    potential.add_argument(
        "--potential-seed", type=int, metavar="S", help="0 to 4 are the dataset's; default V = 0"
    )
    potential.add_argument(
        "--potential", metavar="FILE.npy", help="(length, width) in t, indexed [y, x]"
    )
    sub.add_argument(
        "--temperature",
        type=float,
        metavar="KT",
        help=f"k_B T [t]: the average over {ENERGIES} energies",
    )
    sub.add_argument("--fields", metavar="A:B:N", help="numpy.linspace(A, B, N) [rad/plaquette]")
    sub.add_argument("--method", choices=("fast", "kwant"), default="fast")
    sub.add_argument("--ldos", metavar="OUT.npy", help="write the LDOS at b = 0 there")
    sub.add_argument("--json", action="store_true")


def parse_antidots(texts):
    """Centres (K, 2) from texts 'x,y'."""
    try:
        return np.array([[int(part) for part in text.split(",")] for text in texts]).reshape(
            len(texts), 2
        )
    except ValueError:
        raise SettingsError(
            f"--antidots {' '.join(texts)}: expected centres X,Y in whole sites, such as 10,20 "
            "33,41"
        ) from None


def parse_fields(text):
    """Fields (n,) from 'a:b:n' [rad/plaquette]."""
    try:
        start, stop, number = text.split(":")
        start, stop, number = float(start), float(stop), int(number)
        if not 1 <= number <= FIELDS or not np.isfinite([start, stop]).all():
            raise ValueError
    except ValueError:
        raise SettingsError(
            f"--fields {text}: expected FIRST:LAST:NUMBER, such as 0:0.05:64 [rad/plaquette], the "
            f"number 1 to {FIELDS}"
        ) from None
    return np.linspace(start, stop, number)


def wire_of(arguments, device):
    """Removed sites, bool (length, width), and potential (length, width) [t] or None, of `qfp
    solve`'s arguments."""
    from qfp.physics import geometry, wire

    shape = (device.length, device.width)
    if arguments.mask is not None:
        if arguments.radius is not None:
            raise SettingsError(
                "--radius is that of --antidots; --mask names the removed sites one by one"
            )
        mask = geometry.check_mask(
            array_of(arguments.mask, shape, "--mask", "0 and 1 (removed)"), device
        )
    else:
        antidots = parse_antidots(arguments.antidots)
        radii = arguments.radius or [device.radius]
        if len(radii) not in (1, len(antidots)):
            raise SettingsError(
                f"--radius {' '.join(map(str, radii))}: expected one radius, or one for each of "
                "the "
                f"{len(antidots)} antidots"
            )
        radii *= len(antidots) // len(radii)
        mask = geometry.removed_mask(antidots, device, radii)
        if set(radii) != {device.radius} or not geometry.in_dataset(antidots, device):
            print(
                f"note: outside the dataset's rule (two antidots of radius {device.radius} that "
                "keep a site of clearance)",
                file=sys.stderr,
            )
    if arguments.potential_seed is not None:
        if arguments.potential_seed < 0:
            raise SettingsError(f"--potential-seed {arguments.potential_seed}: must be 0 or more")
        return mask, wire.random_potential(arguments.potential_seed, device)
    if arguments.potential is not None:
        return mask, array_of(
            arguments.potential, shape, "--potential", "finite numbers [t]"
        ).astype(float)
    return mask, None


def device_of(arguments):
    """Device of the settings and of --width, --length and --energy."""
    shape = {name: getattr(arguments, name) for name in ("width", "length", "energy")}
    given = (f"device.{name}={value}" for name, value in shape.items() if value is not None)
    return config_of({**vars(arguments), "set": [*(arguments.set or ()), *given]}).device


def run(arguments):
    """Solve what the arguments say, and print it. Raises SettingsError for bad ones."""
    device = device_of(arguments)
    if arguments.temperature:
        from qfp.physics import thermal

        thermal.warm(device, arguments.temperature)  # refused where that is none
        nodes = thermal.energies(device, arguments.temperature, ENERGIES)
        device = thermal.averaged(device, nodes)
    fields = device.fields if arguments.fields is None else parse_fields(arguments.fields)
    mask, potential = wire_of(arguments, device)
    if arguments.ldos is not None:
        output_file(arguments.ldos, "--ldos")
    from qfp.physics import green, kwant_model, thermal  # a second to load, behind what is refused

    start = time.perf_counter()
    if arguments.method == "fast":
        G, modes, image = green.solve_mask(
            device, mask, potential, fields, image=arguments.ldos is not None
        )
    else:
        system = kwant_model.build(device, mask, potential)
        G = thermal.average(
            device, lambda own: np.array([kwant_model.conductance(system, own, b) for b in fields])
        )
        modes = np.array([kwant_model.open_modes(system, device, b) for b in fields])
        image = None
        if arguments.ldos:
            image = thermal.average(device, lambda own: kwant_model.ldos(system, own))
    show(arguments, fields, G, modes, time.perf_counter() - start)
    if image is not None:  # behind the curve, which a full disk does not cost then
        write_atomic(arguments.ldos, lambda handle: np.save(handle, image))


def show(arguments, fields, G, modes, seconds):
    """Print a curve."""
    if arguments.json:
        found = {
            "fields": list(fields),
            "conductance": list(G),
            "open_modes": modes.tolist(),
            "method": arguments.method,
            "seconds": round(seconds, 4),
        }
        print(json.dumps(found), flush=True)
        return
    print("field,conductance,open_modes")
    for b, value, n in zip(fields, G, modes, strict=True):
        print(f"{b:.9f},{value:.9f},{n}")
    sys.stdout.flush()
