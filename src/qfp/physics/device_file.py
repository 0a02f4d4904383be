"""Device files (YAML), in laboratory or in lattice units: read, checked, refused with a remedy.

The Fermi line of the lattice that stands for a wire is no circle: the energy is chosen so that it
holds the density of electrons, which with spin is n = 2 (area in k space) / (4 pi^2).
"""

import dataclasses
import math
from pathlib import Path

import numpy as np
from scipy import constants

from qfp.files import yaml_of
from qfp.physics import geometry, leads
from qfp.physics.laboratory import Laboratory
from qfp.physics.units import MEV, NM, fermi_wavenumber, hopping, lattice_energy, per_tesla
from qfp.tools import SettingsError
from qfp.values import fitted, halves, told

FINE, COARSE, LONG = 7.0, 5.0, 1000.0  # sites of a Fermi wavelength: aimed at, least, most
FLUX = 0.3  # [rad], largest phase around a plaquette
KEYS = {  # of a device file in laboratory units: what must stand in it, and defaults
    "width_nm": None,
    "length_nm": None,
    "radius_nm": None,
    "effective_mass": None,  # in units of the electron's
    "density_per_m2": 0.0,
    "fermi_energy_mev": 0.0,  # in place of the density
    "field_max_tesla": None,
    "field_points": 64,
    "lattice_nm": 0.0,  # 0: chosen
    "disorder_mev": 0.0,  # amplitude of the random potential, uniform in +-
    "mean_free_path_nm": 0.0,  # in place of it
    "temperature_kelvin": 0.0,
    # of the measurement
    "spin": 1,  # spins that the conductance counts
    "antidots": 2,  # how many there are, or a list of how many there may be
    "gain": 0.0,  # what is not known exactly: standard deviations, see inference.nuisance
    "series_ohm": 0.0,
    "offset_tesla": 0.0,
    "background": 0.0,  # [e^2/h]
}
UNKNOWN = "gain", "series_ohm", "offset_tesla", "background"
POSITIVE = ("width_nm", "length_nm", "radius_nm", "effective_mass", "field_max_tesla")


def read(path, kind):
    """Device (of class `kind`) and Laboratory of a device file (YAML): the keys of KEYS, or the
    fields of the device in lattice units, which leave the Laboratory None. SettingsError names what
    does not fit."""
    path = Path(path)
    values = yaml_of(path, "device file")
    if isinstance(values, dict) and set(values) == {"device"}:  # a section of a preset
        values = values["device"]
    if not isinstance(values, dict) or not values:
        raise SettingsError(f"device file {path}: expected lines such as 'width_nm: 500'")
    if not set(values) & {field.name for field in dataclasses.fields(kind)} - set(KEYS):
        found = of_units(values, path.name, kind)
        return found.device, found
    device = of_lattice(values, path.name, kind)
    device.check_size(path.name)
    check_fit(device, path.name)
    return off_threshold(device), None


def of_lattice(values, where, kind):
    """Device (of class `kind`) of a mapping with its fields, in lattice units."""
    fields = {field.name: field for field in dataclasses.fields(kind)}
    unknown, missing = (
        sorted(set(values) - set(fields), key=str),
        [k for k in fields if k not in values],
    )
    if unknown:
        mixed = " (laboratory and lattice units cannot be mixed)" if unknown[0] in KEYS else ""
        known = ", ".join(fields)
        raise SettingsError(f"{where}: unknown key {unknown[0]!r}{mixed}; known: {known}")
    if missing:
        raise SettingsError(f"{where}: missing key {missing[0]!r}")
    made = {}
    for name, field in fields.items():
        value = values[name]
        if field.type is int and isinstance(value, float) and value.is_integer():
            value = int(value)  # 14.0
        made[name] = fitted(field, value, where)
        if made[name] < 0:
            raise SettingsError(f"{where}: {name} must be 0 or more; got {told(value)}")
    return kind(**made)


def is_number(value):
    """Whether a value of a file is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def of_units(values, where, kind):
    """Laboratory, its device of class `kind`, of a mapping with the keys of KEYS. SettingsError
    names what does not fit."""
    given = checked(values, where)
    mass, density = given["effective_mass"], density_of(given)
    a = lattice_of(given, density, where)
    t, flux = hopping(mass, a), given["field_max_tesla"] * per_tesla(a)
    ka = fermi_wavenumber(density) * a * NM
    amplitude = given["disorder_mev"] / t
    if given["mean_free_path_nm"]:
        amplitude = math.sqrt(12 * ka * a / given["mean_free_path_nm"])
    device = kind(
        round(given["width_nm"] / a),
        round(given["length_nm"] / a),
        lattice_energy(ka),
        halves(given["radius_nm"] / a),
        flux,
        given["field_points"],
        amplitude,
    )
    sites = {
        field.name: fitted(field, getattr(device, field.name), where)
        for field in dataclasses.fields(kind)
    }
    kind(**sites).check_size(where)
    check_fit(device, where, a)
    return Laboratory(
        off_threshold(device),
        a,
        mass,
        density,
        given["temperature_kelvin"],
        given["antidots"],
        given["spin"],
        {name: given[name] for name in UNKNOWN if given[name]},
        given["radius_nm"],
    )


def density_of(given):
    """Density of electrons [1/m^2], both spins: n = m* E_F / (pi hbar^2) where E_F is given."""
    energy = given["effective_mass"] * constants.m_e * given["fermi_energy_mev"] * MEV
    return given["density_per_m2"] or energy / (math.pi * constants.hbar**2)


def lattice_of(given, density, where):
    """The lattice constant [nm]. SettingsError where wavelength or field do not fit it."""
    wavelength = 2 * math.pi / fermi_wavenumber(density) / NM
    a = given["lattice_nm"] or chosen_lattice(given, wavelength)
    if not COARSE * a <= wavelength <= LONG * a:
        largest = math.floor(100 * wavelength / COARSE) / 100
        least = f"at least {COARSE:g} are needed, lattice_nm {largest:g} or less"
        raise SettingsError(
            f"{where}: lattice_nm {a:g} leaves {wavelength / a:.1f} sites a Fermi wavelength "
            f"({wavelength:.1f} nm): {f'at most {LONG:g} fit' if wavelength > a * LONG else least}"
        )
    flux = given["field_max_tesla"] * per_tesla(a)
    if flux > FLUX:
        raise SettingsError(
            f"{where}: field_max_tesla {given['field_max_tesla']:g} is {flux:.2f} rad a plaquette "
            f"of {a:g} nm: at most {FLUX:g} stand for a field; field_max_tesla "
            f"{FLUX / per_tesla(a):.3g} or a smaller lattice_nm"
        )
    return a


def checked(values, where):
    """All of KEYS from a mapping, numbers of the right sign."""
    unknown = sorted(set(values) - set(KEYS), key=str)
    if unknown:
        raise SettingsError(f"{where}: unknown key {unknown[0]!r}; known: {', '.join(KEYS)}")
    given = {name: values.get(name, default) for name, default in KEYS.items()}
    given["antidots"] = whole_numbers(given["antidots"], where)
    for name, value in given.items():
        if name == "antidots":
            continue
        if value is None:
            raise SettingsError(f"{where}: missing key {name!r}")
        if name == "radius_nm" and isinstance(value, list):
            raise SettingsError(
                f"{where}: radius_nm must be one number: inference and networks list antidots of "
                "one radius; `qfp solve --radius 4 6` solves wires with several"
            )
        if not is_number(value) or value < 0:
            raise SettingsError(f"{where}: {name} must be a number, 0 or more; got {told(value)}")
        if name in POSITIVE and value == 0:
            raise SettingsError(f"{where}: {name} must be above 0")
    points = given["field_points"]
    if points != int(points) or points < 2:
        raise SettingsError(
            f"{where}: field_points must be a whole number, 2 or more; got {points}"
        )
    given["field_points"] = int(points)
    if given["spin"] not in (1, 2):
        raise SettingsError(f"{where}: spin must be 1 or 2; got {given['spin']!r}")
    for one, other in (
        ("density_per_m2", "fermi_energy_mev"),
        ("disorder_mev", "mean_free_path_nm"),
    ):
        if given[one] and given[other]:
            raise SettingsError(f"{where}: give {one} or {other}, not both")
    if not given["density_per_m2"] and not given["fermi_energy_mev"]:
        raise SettingsError(f"{where}: give density_per_m2 or fermi_energy_mev")
    return given


def whole_numbers(value, where):
    """Numbers of antidots of a value, one or a list."""
    numbers = value if isinstance(value, list) else [value]
    if not numbers or not all(type(n) is int and 1 <= n <= 6 for n in numbers):
        wanted = "a number from 1 to 6 or a list of them"
        raise SettingsError(f"{where}: antidots must be {wanted}; got {told(value)}")
    return tuple(sorted(set(numbers)))


def chosen_lattice(given, wavelength):
    """The lattice constant [nm] with about FINE sites a wavelength in which width, length and
    radius are most nearly whole numbers of sites."""
    sizes = np.array([given[name] for name in ("width_nm", "length_nm", "radius_nm")])
    least = math.ceil(FINE * given["width_nm"] / wavelength)
    options = given["width_nm"] / np.arange(least, math.ceil(1.3 * least) + 1)
    sites = sizes / options[:, None]
    off = (abs(sites - sites.round()) / sites).max(axis=1)
    return float(options[off.argmin()])


def check_fit(device, where, lattice=None):
    """SettingsError where two antidots do not fit."""
    r, unit = geometry.clearance(device), "" if lattice is None else f" ({lattice:g} nm a site)"
    if device.radius < 1 or min(device.width, device.length) <= 2 * r:
        raise SettingsError(
            f"{where}: antidots of {device.radius} sites in a wire of {device.width} x "
            f"{device.length}{unit}: the radius must lie between 1 and "
            f"{(min(device.width, device.length) - 1) // 2 - 1} sites"
        )
    # at opposite corners of the room that centres have
    width, length = device.width - 2 * r - 1, device.length - 2 * r - 1
    if width**2 + length**2 <= geometry.spacing(device) ** 2:
        raise SettingsError(
            f"{where}: no two antidots of radius {device.radius} that keep a site of clearance fit "
            f"into {device.width} x {device.length} sites{unit}: make them smaller"
        )


def off_threshold(device):
    """The device, or one with its energy moved by some 1e-6 t where a mode of the leads opens at
    the first field, as it does at b = 0 for energies that are easily typed."""
    for step in (0.0, 1e-6, -1e-6, 1e-5):
        moved = dataclasses.replace(device, energy=device.energy + step)
        try:
            leads.leads_cached(moved, float(moved.fields[0]))
            return moved
        except SettingsError as error:
            last = error
    raise last
