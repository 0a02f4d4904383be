"""From the points of a sweep to a curve at the decoder's fields: the noise, how branches agree, the
average, and what is told of them."""

from typing import NamedTuple

import numpy as np

from qfp.data import smoothing, sweeps

OWN = 0.01  # a point this near to one of the decoder's fields, in steps between them, stands on it
DENSE = 4  # points in a step from which on neighbours tell noise from structure
DOUBT = 1.5  # times a declared noise, from which on its neighbours' scatter is told
MANY = 20  # branches from which on a file has no order


class Averaged(NamedTuple):
    """A curve at the decoder's fields."""

    conductance: np.ndarray  # (F,) [e^2/h]
    covariance: np.ndarray  # (F, F) [(e^2/h)^2]


def averaged(points, known, grid, auto, told, notes):
    """Averaged of measured Points at fields grid (F,).

    Parameters
    ----------
    points : Points
        With the variance of the file where it is `known`.
    known : bool
    grid : array (F,)
    auto : bool
        Whether an offset of the field and a lag of the branches are taken off.
    told : callable
        Fields [rad/plaquette] in the file's words, the second one the error of the first.
    notes : list of str
        Grows by what was done.
    """
    step = grid[1]
    new = (np.diff(points.field) != 0) | (np.diff(points.conductance) != 0)
    if not new.all():  # no repeats: they would have noise
        notes.append(f"{(~new).sum()} lines that say what the one before says left out")
        points = points.part(np.concatenate([[True], new]))
    sweep = sweeps.branches(points.field, step)
    points = points._replace(up=sweep.up)
    own = on_grid(points, grid)
    single = own is not None and len(own) == len(grid)
    _tell_sweep(sweep, points, told, notes)
    if not known:
        size = 0.0 if single else _noise(points, step, notes)
        points = points._replace(
            variance=np.full(len(points.field), max(size, smoothing.QUIET) ** 2)
        )
    if single:
        notes += ["one branch of one sign says nothing of an offset"] if auto else []
        mean = np.empty(len(grid))
        mean[own] = points.conductance
        variance = np.zeros(len(grid))
        variance[own] = points.variance if known else 0.0
        return Averaged(mean, np.diag(variance))
    if known:
        _tell_doubt(points, step, notes)
    cells = points.averaged(step / smoothing.CELL)
    rate = smoothing.likeliest_rate(legs(cells), step)
    aligned = _aligned(cells, rate, step, auto, told, notes)
    widened = _compared(aligned if auto else cells, aligned, rate, grid, notes)
    if own is not None and not (auto and aligned is not cells):
        return _at_own(points, own, widened)
    found = smoothing.path((aligned if auto else cells).folded(), rate, grid)
    covariance = widened * found.covariance
    notes.append(
        f"{len(points.field)} points averaged onto the decoder's {len(grid)} fields; errors of "
        f"about {np.sqrt(np.trace(covariance) / len(grid)):.2g} e^2/h remain"
    )
    return Averaged(found.mean, covariance)


def on_grid(points, grid):
    """Index (n,) of the field of a grid (F,) that each of Points stands on; None where one stands
    on none, or one of the grid is missing."""
    place = np.abs(points.field) / grid[1]
    own = np.round(place).astype(int)
    if np.abs(place - own).max() > OWN or not np.array_equal(np.unique(own), np.arange(len(grid))):
        return None
    return own


def _at_own(points, own, widened):
    """Averaged of Points that all stand on the grid: nothing is asked of its other fields."""
    w = 1 / points.variance
    total = np.bincount(own, w)
    return Averaged(np.bincount(own, w * points.conductance) / total, np.diag(widened / total))


def legs(points):
    """Folded Points of each branch and sign of the field that has two or more."""
    keys = 2 * points.up + (points.field < 0)
    own = [points.part(keys == key).folded() for key in np.unique(keys)]
    return [leg for leg in own if len(leg.field) > 1]


def _noise(points, step, notes):
    """Standard deviation of a point [e^2/h], from neighbours, or from repeats where these say less:
    neighbours count narrow structure as noise, repeats what branches differ by."""
    near = smoothing.neighbours_noise(legs(points))
    same = smoothing.repeats_noise(points.folded(), OWN * step)
    repeats = near.size > same.size + 2 * np.hypot(near.error, same.error)
    size, error = same if repeats else near
    if not np.isfinite(size):
        return 0.0
    if size > smoothing.QUIET:
        narrow = "" if repeats or _dense(points, step) else ", or structure as narrow as they are"
        notes.append(
            f"noise of a point estimated from {'repeats' if repeats else 'neighbours'}: "
            f"{size:.2g} +- {error:.1g} e^2/h{narrow}"
        )
    return size


def _dense(points, step):
    """Whether neighbours can tell noise from structure."""
    return max(np.median(np.diff(leg.field)) for leg in legs(points)) < step / DENSE


def _tell_doubt(points, step, notes):
    """Note where neighbours scatter by more than the declared noise."""
    scaled = points._replace(conductance=points.conductance / np.sqrt(points.variance))
    size, error = smoothing.neighbours_noise(legs(scaled))
    if _dense(points, step) and DOUBT < size - 3 * error < np.inf:
        notes.append(f"neighbours scatter by {size:.1f} times what the column noise says")


def _tell_sweep(sweep, points, told, notes):
    """Notes about how the field ran."""
    if sweep.branches > MANY:
        notes.append(f"the field turns {sweep.branches - 1} times: points averaged in any order")
    elif sweep.branches > 1:
        notes.append(f"{sweep.branches} branches, rising and falling, averaged")
    if sweep.back and sweep.branches <= MANY:
        kind = "one sweep" if sweep.branches == 1 else f"{sweep.branches} branches"
        notes.append(
            f"{kind}, whose field runs back {sweep.back} times, by {told(sweep.farthest)} at most"
        )
    if (points.field < 0).any():
        notes.append("negative fields folded onto positive ones, G(-b) = G(b)")


def _aligned(cells, rate, step, auto, told, notes):
    """Cells with offset and lag taken off, which are told; the same ones where there is neither."""
    centre, lag = sweeps.offsets(cells, rate, step)
    if auto and centre is None and lag is None:
        notes.append("no offset of the field found")
    remedy = "taken off" if auto else "--offset auto takes it off"
    if centre is not None:
        size = told(centre.value, centre.error)
        notes.append(f"the curve is symmetric about {size} and not about 0: {remedy}")
    if lag is not None:
        size = told(2 * lag.value, 2 * lag.error)
        notes.append(f"rising and falling branches lie {size} apart (hysteresis): {remedy}")
    if centre is lag is None:
        return cells
    return cells.shifted(*(0.0 if found is None else found.value for found in (centre, lag)))


def _compared(cells, aligned, rate, grid, notes):
    """How many times wider the covariance is than noise makes it: by what rising and falling
    branches, and both signs of the field, differ by once they are aligned. An offset that is not
    taken off widens nothing: it must not make a wrong curve look explained."""
    widest = 1.0
    for what, one in (
        ("rising and falling branches", lambda cells: cells.up),
        ("the halves at -b and +b", lambda cells: cells.field < 0),
    ):
        found, left = (sweeps.agreement(own, one(own), rate, grid) for own in (cells, aligned))
        if found is None or left is None:
            continue
        verdict = "within their errors"
        if found.chi2 > sweeps.AGREE:
            verdict = f"{np.sqrt(found.chi2):.1f} times their errors"
        if left.chi2 > sweeps.AGREE:
            widest = max(widest, left.chi2)
            verdict += f", which are widened {np.sqrt(left.chi2):.1f} times"
        notes.append(f"{what} differ by {found.rms:.2g} e^2/h rms, {verdict}")
    return widest
