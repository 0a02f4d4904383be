"""Branches of a measured sweep: which points rise and which fall, whether branches agree, and what
offset of the field makes them agree."""

from typing import NamedTuple

import numpy as np

from qfp.data.smoothing import path

REACH = 10  # steps of the decoder's fields within which an offset is sought
TRIED = 8  # offsets tried in a step
WIDE = 0.5  # steps around the best offset whose parabola gives the offset
GAIN = 10.0  # nats that an offset must bring to be believed
FINEST = 0.01  # steps, least error of an offset
TINY = 1e-6  # [(e^2/h)^2], of a difference that is none
SMALLEST = 0.02  # of an offset that is told, in steps
AGREE = 1.5  # chi2 for each field up to which two branches agree


class Sweep(NamedTuple):
    """How the field of a file ran."""

    up: np.ndarray  # bool (n,), on a branch that rises
    branches: int
    back: int  # points at which the field falls back within a branch
    farthest: float  # by how much, at most [rad/plaquette]


def branches(field, turn):
    """Sweep of fields (n,); a branch ends where the field has gone back by more than `turn`: less
    is the jitter of a field that is read back."""
    ends, last, rising = [0], 0, None  # last: where the field was farthest
    low = high = 0
    for k, b in enumerate(field.tolist()):
        if rising is None:
            low, high = (k if b < field[low] else low), (k if b > field[high] else high)
            if field[high] - field[low] > turn:
                rising, last = high > low, max(low, high)
            continue
        if (b - field[last]) * (1 if rising else -1) >= 0:
            last = k
        elif abs(b - field[last]) > turn:
            ends.append(last)
            rising, last = not rising, k
    way = np.ones(len(field), bool)
    first = rising is None or rising == bool(len(ends) % 2)
    for n, (start, stop) in enumerate(zip(ends, [*ends[1:], len(field)], strict=True)):
        way[start + (n > 0) : stop + 1] = first == (n % 2 == 0)
    inner = way[1:] == way[:-1]
    back = np.where(way[1:], -np.diff(field), np.diff(field)) * inner
    return Sweep(way, len(ends), int((back > 1e-9 * turn).sum()), float(max(back.max(), 0.0)))


class Agreement(NamedTuple):
    """How two groups of points compare."""

    chi2: float  # of their difference, for each field
    rms: float  # of their difference [e^2/h]


def agreement(points, some, rate, grid):
    """Agreement of Points of which bool (n,) are one group and the rest the other, at those fields
    grid (F,) that both have; None where these are few."""
    groups = [points.part(own).folded() for own in (some, ~some)]
    if min(len(own.field) for own in groups) < 2:
        return None
    low, high = (f(own.field[end] for own in groups) for f, end in ((max, 0), (min, -1)))
    both = grid[(grid >= low) & (grid <= high)]
    if len(both) < len(grid) // 8:
        return None
    one, other = (path(own, rate, both) for own in groups)
    left = one.mean - other.mean
    chi2 = left @ np.linalg.solve(one.covariance + other.covariance, left)
    return Agreement(float(chi2) / len(both), float(np.sqrt(np.mean(left**2))))


class Offset(NamedTuple):
    """An offset of the field, or a lag of the branches."""

    value: float  # [rad/plaquette]
    error: float  # its standard deviation


def offsets(points, rate, step):
    """(Offset about which Points are symmetric, or None; Offset by which each of the two branches
    lags, or None), where they explain what halves and branches differ by."""
    centre = lag = None
    if points.up.any() and not points.up.all():
        rising, falling = (smooth(points.part(own), rate, step) for own in (points.up, ~points.up))
        low, high = (f(rising[0][k], falling[0][k]) for f, k in ((max, 0), (min, -1)))

        def apart(h):
            x = np.arange(low + abs(h), high - abs(h), step / TRIED)
            return np.interp(x + h, *rising) - np.interp(x - h, *falling)

        if high - low > 4 * step:
            lag = smallest(apart, step, min(REACH * step, (high - low) / 4))
            points = points if lag is None else points.shifted(0.0, lag.value)
    half = min(points.field.max(), -points.field.min())
    if half > 2 * step:
        curve = smooth(points, rate, step)

        def odd(b):
            x = np.arange(0, half - abs(b), step / TRIED)
            return np.interp(b + x, *curve) - np.interp(b - x, *curve)

        centre = smallest(odd, step, min(REACH * step, half / 4))
    return centre, lag


def smooth(points, rate, step):
    """Fields, TRIED in a step, and the mean of Points there (k,) [e^2/h]; signs are kept."""
    order = np.argsort(points.field, kind="stable")
    field = np.arange(points.field.min(), points.field.max(), step / TRIED)
    return field, path(points.part(order), rate, field, spread=False).mean


def smallest(difference, step, reach):
    """Offset at which the mean square of a difference is smallest; None where it is not smaller
    than without one by more than chance would have it, fields a step apart being independent."""
    tried = np.arange(-round(reach / step * TRIED), round(reach / step * TRIED) + 1) / TRIED
    left = [difference(value * step) for value in tried]
    square = np.array([np.mean(own**2) for own in left])
    best, independent = int(square.argmin()), len(left[0]) / TRIED
    near = np.abs(tried - tried[best]) <= WIDE
    bend, slope, _ = np.polyfit(tried[near], square[near], 2)
    least, none = square[best] + TINY, square[len(square) // 2]
    if bend <= 0 or (none / least - 1) * independent < 2 * GAIN:
        return None
    value, error = -slope / (2 * bend), np.hypot(np.sqrt(least / (bend * independent)), FINEST)
    if abs(value) < max(SMALLEST, 3 * error):
        return None
    return Offset(float(value * step), float(error * step))
