"""`qfp device`: what a device file describes, and what follows from it."""

import math
import time

HELP = "explain a device file: lattice, modes, lengths, energies, costs"


def add(sub):
    """Its arguments."""
    sub.add_argument("file", metavar="FILE.yaml", help="in laboratory or lattice units")


def run(arguments):
    """Print what the file describes. Raises SettingsError where no lattice can stand for it."""
    from qfp.physics import device_file
    from qfp.physics.wire import Device

    print(as_lines(explained(*device_file.read(arguments.file, Device))))


def explained(device, found, potentials=5):
    """(name, text) of what a device file describes, and of what it costs."""
    rows = lattice_rows(device) if found is None else laboratory_rows(found)
    return [*rows, *costs(device, potentials)]


def as_lines(rows):
    """(name, text) as lines in two columns."""
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:<{width}}  {text}" for name, text in rows)


def lattice_rows(device):
    """(name, text) of a device in lattice units."""
    from qfp.physics import leads

    modes = leads.lead_modes(device, 0.0).open_modes
    return [
        ("wire", f"{device.width} x {device.length} sites, antidots of {device.radius}"),
        ("energy", f"{device.energy:.6g} t, {modes} open modes"),
        ("field", f"0 to {device.field_max:g} rad a plaquette, {device.field_points} points"),
        ("disorder", f"uniform in +-{device.amplitude:g} t"),
    ]


def laboratory_rows(found):
    """(name, text) of a Laboratory."""
    device, a = found.device, found.lattice
    sizes = " x ".join(f"{n * a:g}" for n in (device.width, device.length))
    off = found.energy / found.fermi_energy - 1
    free, long = found.mean_free_path, device.length * a
    disorder = f"uniform in +-{device.amplitude:.4f} t = {device.amplitude * found.hopping:.3g} meV"
    if device.amplitude:
        kind = "ballistic" if free > long else "diffusive"
        disorder += f", mean free path {free:.4g} nm = {free / long:.3g} lengths: {kind}"
    heat = found.thermal * found.hopping / found.thouless_energy
    return [
        ("wire", f"{device.width} x {device.length} sites of {a:g} nm: {sizes} nm"),
        ("antidots", radius_text(found)),
        ("hopping", f"t = {found.hopping:.4g} meV, effective mass {found.mass:g}"),
        (
            "energy",
            f"{device.energy:.4f} t = {found.energy:.4g} meV for {found.density:.4g} per m2; "
            f"continuum {found.fermi_energy:.4g} meV, the grid is {off:+.1%} off",
        ),
        (
            "wavelength",
            f"{found.wavelength:.4g} nm = {found.wavelength / a:.1f} sites, {found.open_modes} "
            f"open modes; k_F is {found.anisotropy:.1%} longer along the lattice's axes",
        ),
        (
            "field",
            f"0 to {found.tesla:.4g} T, {device.field_points} points: {device.field_max:.4f} rad a "
            f"plaquette, cyclotron radius {found.cyclotron_radius:.4g} nm at the largest",
        ),
        ("disorder", disorder),
        (
            "temperature",
            f"{found.temperature:g} K: k_B T = {found.thermal:.4f} t, {heat:.2g} of the Thouless "
            f"energy {found.thouless_energy:.3g} meV",
        ),
        ("curves", curves_text(found)),
    ]


def radius_text(found):
    """The radius of the antidots of a Laboratory, and that of its file where it is another one."""
    n, a = found.device.radius, found.lattice
    told = f"radius {n} sites = {n * a:.4g} nm"
    if abs(n * a - found.radius) < 0.01 * found.radius:
        return told
    finer = found.radius / math.ceil(found.radius / a)
    return f"{told}, not the {found.radius:g} of the file: lattice_nm {finer:.4g} would give that"


def curves_text(found):
    """What the curves of a Laboratory are, in words."""
    numbers = " or ".join(map(str, found.antidots))
    known = ", ".join(f"{name} +-{size:g}" for name, size in found.unknown.items())
    return (
        f"in tesla, conductance of {found.spin} spin{'s' * (found.spin > 1)}, {numbers} "
        f"antidot{'s' * (found.antidots != (1,))}; inferred with them: {known or 'nothing'}"
    )


def costs(device, potentials, some=1000):
    """(name, text): configurations of two antidots and what their curves cost, from a field
    measured here."""
    from qfp.data import dataset
    from qfp.physics import geometry, sweep

    number = int(geometry.count(device, 2))
    if not geometry.listable(device):
        told = f"about {number:,} configurations of two antidots, too many to be listed"
        return [("pairs", f"{told}: no library, no network")]
    antidots, b = geometry.configurations(device)[1].astype(int), float(device.fields[-1])
    held = dataset.affordable(device, potentials)

    def seconds(wires, seed):
        """Of all fields of so many configurations."""
        part, times = antidots[:some], []
        for few in (part[:1], part[:1], part):  # the first one also loads what it needs
            start = time.perf_counter()
            sweep.curves_at(device, few, seed, b)
            times.append(time.perf_counter() - start)
        rest = max(wires - len(part), 0) / len(part) * max(times[2] - times[1], 0)
        return device.field_points * (times[2] + rest)

    images = potentials * held * device.length * device.width * 2
    return [
        ("pairs", f"{number:,} configurations of two antidots"),
        (
            "library",
            f"about {seconds(number, None):.0f} s of one core, "
            f"{number * device.field_points * 4 / 2**20:.1f} MiB: what `qfp decode` needs",
        ),
        (
            "dataset",
            f"{held:,} of them under {potentials} potentials: about "
            f"{potentials * seconds(held, 0):.0f} s of one core, {images / 2**20:.0f} MiB: what a "
            "network of this wire learns from, see `qfp new`",
        ),
    ]
