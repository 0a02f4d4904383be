"""Whether a measured curve is one that the decoder can read: its order, range and conductances."""

import numpy as np

from qfp.physics.leads import lead_modes
from qfp.tools import SettingsError

SAME = 1e-7  # fields closer than this are one point [rad/plaquette]
GAP = 4  # widest gap between points, in steps between the decoder's fields
NOISES = 5  # a conductance may lie this many standard deviations outside its bounds


def check_order(path, lines, field, shown):
    """Fields rise or fall, each once. shown: in the file's unit."""
    change = np.where(np.abs(np.diff(field)) < SAME, 0, np.sign(np.diff(field)))
    turns = np.flatnonzero(change * next((c for c in change if c), 1) < 0)
    if len(turns):
        line = lines[turns[0] + 1]
        raise SettingsError(
            f"{path}, line {line}: the field turns, it must rise or fall throughout (one sweep a "
            "file)"
        )
    if not change.all():
        k = int(np.argmin(np.abs(change)))
        raise SettingsError(
            f"{path}: field {shown[k]:g} stands on lines {lines[k]} and {lines[k + 1]}: give each "
            "field once"
        )


def check_range(path, field, scale, unit, device):
    """The whole sweep must be covered, but for half a step of the decoder's fields at the top,
    without wide gaps (around 0 the curve's mirror image counts). field, in units of `scale`
    [rad/plaquette]."""
    top, step = device.field_max / scale, device.fields[1] / scale
    folded = np.sort(np.abs(field))
    tesla = (
        " (is it in tesla? Then give --lattice-nm A, the lattice constant in nm)"
        if unit != "T" and folded[-1] > 2 * top
        else ""
    )
    low, high, wanted = folded[0], folded[-1], f"all of 0 to {top:.4g} {unit}"
    if unit != "T" and high > 20 * top:
        raise SettingsError(
            f"{path}: field goes up to {high:g} {unit}, the decoder needs {wanted}{tesla}"
        )
    if unit != "T" and np.isclose(high, top / (2 * np.pi), rtol=1e-3):
        raise SettingsError(
            f"{path}: field goes up to {high:g}, the decoder needs {wanted}: is it in flux quanta "
            "per plaquette? Multiply by 2 pi"
        )
    if 2 * low > GAP * step or high < top - step / 2:
        raise SettingsError(
            f"{path}: field covers {low:.4g} to {high:.4g}, the decoder needs {wanted}"
        )
    inside = int((folded < top + SAME / scale).sum())
    if inside < device.field_points // 2:
        raise SettingsError(
            f"{path}: {inside} points between 0 and {top:.4g} {unit} are too few: the decoder has "
            f"{device.field_points} fields, give at least {device.field_points // 2}{tesla}"
        )
    gaps = np.diff(folded)[:inside]
    if gaps.max() > GAP * step:
        start = folded[gaps.argmax()]
        raise SettingsError(
            f"{path}: no points between {start:.4g} and {start + gaps.max():.4g} {unit}: at most "
            f"{GAP * step:.2g} may lie between two"
        )


def check_conductance(path, conductance, noise, device, siemens):
    """0 <= G <= the open modes at b = 0 (they only close in a field), or as far outside as the
    noise allows."""
    modes = lead_modes(device, 0.0).open_modes
    if not siemens and conductance.max() < 1e-2:
        raise SettingsError(
            f"{path}: conductance is {conductance.max():g} e^2/h at most: is it in siemens? Then "
            "give --siemens"
        )
    allowed = NOISES * np.broadcast_to(noise, conductance.shape) + 1e-6
    outside = np.maximum(-conductance, conductance - modes) - allowed
    if outside.max() > 0:
        value = conductance[outside.argmax()]
        hint = (
            "; is it in e^2/h? Then leave out --siemens"
            if siemens and value > 100 * modes
            else f", by more than {NOISES} times its noise"
            if np.ndim(noise)
            else "; where this is noise, add a column noise, its standard deviation"
        )
        raise SettingsError(
            f"{path}: conductance {value:g} lies outside 0 to {modes} e^2/h, the open modes of "
            f"this wire{hint}"
        )
