"""`qfp device`: what a device file describes, and what follows from it."""

import time

HELP = "explain a device file: lattice, modes, lengths, energies, costs"


def add(sub):
    """Its arguments."""
    sub.add_argument("file", metavar="FILE.yaml", help="in laboratory or lattice units")


def run(arguments):
    """Print what the file describes. Raises SettingsError where no lattice can stand for it."""
    from qfp.physics import device_file
    from qfp.physics.wire import Device

    device, found = device_file.read(arguments.file, Device)
    rows = [*(lattice_rows(device) if found is None else laboratory_rows(found)), *costs(device)]
    width = max(len(name) for name, _ in rows)
    print("".join(f"{name:<{width}}  {text}\n" for name, text in rows), end="")


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
        ("antidots", f"radius {device.radius} sites = {device.radius * a:g} nm"),
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


def curves_text(found):
    """What the curves of a Laboratory are, in words."""
    numbers = " or ".join(map(str, found.antidots))
    known = ", ".join(f"{name} +-{size:g}" for name, size in found.unknown.items())
    return (
        f"in tesla, conductance of {found.spin} spin{'s' * (found.spin > 1)}, {numbers} "
        f"antidot{'s' * (found.antidots != (1,))}; inferred with them: {known or 'nothing'}"
    )


def costs(device, some=1000):
    """(name, text): configurations and what their curves at V = 0 cost, from a field measured
    here."""
    from qfp.physics import geometry, sweep

    antidots = geometry.configurations(device)[1].astype(int)
    number, b, times = len(antidots), float(device.fields[-1]), []
    for part in (antidots[:1], antidots[:1], antidots[:some]):
        start = time.perf_counter()
        sweep.curves_at(device, part, None, b)
        times.append(time.perf_counter() - start)
    _, once, all_of_some = times  # the first one also loads what it needs
    rest = max(number - some, 0) / some * max(all_of_some - once, 0)
    seconds, size = device.field_points * (all_of_some + rest), number * device.field_points * 4
    return [
        ("pairs", f"{number:,} configurations of two antidots"),
        (
            "library",
            f"about {seconds:.0f} s of one core, {size / 2**20:.1f} MiB: what `qfp.infer` needs",
        ),
    ]
