"""Whether a measured curve is one that the decoder can read: its range and its conductances; and
in which units it would be, by the size of its numbers."""

import numpy as np

from qfp.physics.leads import leads_cached
from qfp.physics.units import unit_of
from qfp.tools import SettingsError

SAME = 1e-7  # fields closer than this are one point [rad/plaquette]
FEWEST = 4  # fields of a wire whose curves are read
GAP = 4  # widest gap between points, in steps between the decoder's fields
NOISES = 5  # a conductance may lie this many standard deviations outside its bounds
SMALL = 0.01  # [e^2/h] below which a whole curve is in another unit
LEAST = 0.15  # of the open modes, that the largest conductance of a curve is in a likely unit
TESLA = 20.0  # [T] a field that magnets of most laboratories reach; above it stand mT, then Oe


def check_range(path, field, measured, device):
    """The whole sweep must be covered by fields (n,) [rad/plaquette], but for half a step of the
    decoder's fields at the top, without wide gaps (around 0 the curve's mirror image counts).
    measured: Measured of the file, in whose units this is told."""
    if device.field_points < FEWEST:
        raise SettingsError(
            f"{path}: curves need a wire of at least {FEWEST} fields, this one has "
            f"{device.field_points}"
        )
    scale, top, step = measured.scale, device.field_max, device.fields[1]
    unit = shown_unit(measured)
    folded = np.unique(np.abs(field))
    folded = folded[np.diff(folded, prepend=-np.inf) > SAME]
    wanted = f"the decoder needs all of 0 to {top / scale:.4g} {unit}"
    low, high = folded[0], folded[-1]
    hint = field_hint(high, measured, device)
    covers = f"{path}: field covers {low / scale:.4g} to {high / scale:.4g} {unit}, {wanted}"
    if high > 20 * top and hint or np.isclose(high, top / (2 * np.pi), rtol=1e-3):
        raise SettingsError(covers + hint)
    if 2 * low > GAP * step or high < top - step / 2:
        raise SettingsError(covers + hint)
    inside = int((folded < top + SAME).sum())
    if inside < device.field_points // 2:
        raise SettingsError(
            f"{path}: {inside} points between 0 and {top / scale:.4g} {unit} are too few: the "
            f"decoder has {device.field_points} fields, give at least "
            f"{device.field_points // 2}{hint}"
        )
    gaps = np.diff(folded)[:inside]
    if gaps.max() > GAP * step:
        start = folded[gaps.argmax()] / scale
        raise SettingsError(
            f"{path}: no points between {start:.4g} and {start + gaps.max() / scale:.4g} {unit}: "
            f"at most {GAP * step / scale:.2g} may lie between two"
        )


def shown_unit(measured):
    """Unit in which fields of a file are told; its `scale` takes them to rad/plaquette."""
    return "rad/plaquette" if measured.units["field"].kind == "flux" else "T"


def field_hint(high, measured, device):
    """In which unit the largest field [rad/plaquette] would fit the device, in words, or ''."""
    unit, top = measured.units["field"], device.field_max
    if np.isclose(high, top / (2 * np.pi), rtol=1e-3):
        return ": is it in flux quanta per plaquette? Multiply by 2 pi"
    number = high / measured.scale / (unit.size if unit.kind == "field" else 1.0)  # as it stands
    if unit.kind == "field":
        for name in ("T", "mT", "Oe"):
            ratio = number * unit_of(name).size * measured.scale / top
            if name != unit.name and 0.9 < ratio < 4:
                return f" (is it in {name}? Then give --units {name})"
        return ""
    if high <= 2 * top:
        return ""
    name = next((n for n in ("T", "mT") if number * unit_of(n).size <= TESLA), "Oe")
    told, more = ("tesla", "") if name == "T" else (name, f", and --units {name}")
    return f" (is it in {told}? Then give --lattice-nm A, the lattice constant in nm{more})"


def check_conductance(path, curve, unit, spin, device):
    """0 <= G <= the open modes at b = 0 (they only close in a field), or as far outside as the
    errors allow, for a Curve that was read in a Unit for so many spins."""
    modes = leads_cached(device, 0.0).open_modes
    G, error = curve.conductance, curve.error
    if not np.median(error) < modes:
        raise SettingsError(
            f"{path}: the noise leaves {np.median(error):.3g} e^2/h, more than all conductances "
            f"from 0 to {modes}: such a curve says nothing"
        )
    outside = np.maximum(-G, G - modes) - NOISES * error - 1e-6
    hint = conductance_hint(G, unit, spin, modes)
    if hint and G.max() < SMALL:
        raise SettingsError(f"{path}: conductance is {G.max():.3g} e^2/h at most{hint}")
    beyond = f", by more than {NOISES} times its error" if error.any() else ""
    if outside.max() > 0:
        raise SettingsError(
            f"{path}: conductance {G[outside.argmax()]:.4g} lies outside 0 to {modes} e^2/h, the "
            f"open modes of this wire{beyond}{hint}"
        )


def conductance_hint(G, unit, spin, modes):
    """In which unit a curve (F,) [e^2/h] that was read in another one would fit, in words or ''."""

    def fits(values):
        return LEAST * modes < values.max() <= 1.05 * modes and values.min() > -0.05 * modes

    if spin == 1 and G.max() > modes and fits(G / 2):
        return ": does it count both spins? Then give --spin 2"
    safe = np.where(G == 0, 1e-30, G)
    numbers = (spin * G if unit.kind == "conductance" else spin / safe) / unit.size  # of the file
    for name in ("e^2/h", "S", "uS", "ohm", "kohm"):
        own = unit_of(name)
        values = numbers * own.size
        if own.kind == "resistance":
            values = 1 / np.where(values == 0, 1e-30, values)
        if (own.kind, own.size) != (unit.kind, unit.size) and fits(values / spin):
            what = "a resistance in " if own.kind == "resistance" else "in "
            told = "siemens" if name == "S" else name
            option = "--siemens" if name == "S" else f"--units {name}"
            option += " and no --siemens" if name == "e^2/h" else ""
            return f": is it {what}{told}? Then give {option}"
    return ""
