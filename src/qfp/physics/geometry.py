# long: discs, rings, symmetries and the rule of the configurations, one after the other
"""Antidots, rings and the symmetries that leave a conductance curve unchanged (Sec. III).

Sites are (x, y), x across the wire and y along it; arrays over sites are indexed [y, x].
"""

import math

import numpy as np
import scipy.ndimage

from qfp.tools import SettingsError, stream

LISTED = 1e7  # places of antidots up to which all configurations are listed
DRAWS = 100_000  # of hard discs until there is no place for them


def disc(radius):
    """Offsets (dx, dy) of the sites of an antidot, dx^2 + dy^2 <= radius^2; shape (S, 2)."""
    span = np.arange(-int(radius), int(radius) + 1)
    dy, dx = np.meshgrid(span, span, indexing="ij")
    inside = dx**2 + dy**2 <= radius**2
    return np.stack([dx[inside], dy[inside]], axis=-1)


def removed_mask(antidots, device, radii=None):
    """Sites removed by antidots, bool (length, width); they may touch or overlap.

    antidots: (K, 2) integer centres (x, y); radii: (K,) or None for the device's. Raises
    SettingsError where a disc leaves the wire or takes sites of an end row (see check_mask)."""
    antidots = np.asarray(antidots)
    radii = [device.radius] * len(antidots) if radii is None else radii
    if not all(0 <= radius < device.length for radius in radii):
        raise SettingsError(
            f"antidot radii {', '.join(f'{r:g}' for r in radii)}: expected numbers of sites, 0 or "
            "more"
        )
    mask = np.zeros((device.length, device.width), dtype=bool)
    for (x, y), radius in zip(antidots, radii, strict=True):
        dx, dy = disc(radius).T
        reach = dy.max()
        if not (reach <= x < device.width - reach and reach < y < device.length - 1 - reach):
            raise SettingsError(
                f"antidot at {x},{y} (radius {radius:g}) leaves the wire or takes sites of an end "
                "row: its centre must have "
                f"x in {reach}..{device.width - 1 - reach} and y in "
                f"{reach + 1}..{device.length - 2 - reach}"
            )
        mask[y + dy, x + dx] = True
    return mask


def check_mask(mask, device):
    """The mask of removed sites as bool (length, width). Raises SettingsError where it is no such
    array of 0 and 1, or takes sites of an end row: there a lead begins, and Kwant's attach_lead
    would fill them again."""
    mask = np.asarray(mask)
    shape = (device.length, device.width)
    if mask.shape != shape or not np.isin(mask, (0, 1)).all():
        raise SettingsError(
            f"mask of removed sites: expected 0 and 1 of shape {shape}, indexed [y, x]; got "
            f"{mask.dtype} {mask.shape}"
        )
    if mask[[0, -1]].any():
        raise SettingsError(
            f"mask of removed sites: rows 0 and {device.length - 1} must stay whole, the leads "
            "begin there"
        )
    return mask.astype(bool)


def with_pockets(mask):
    """The mask of removed sites, end rows whole, and the sites that it cuts off from both leads: no
    scattering state reaches them, and a level of theirs at the energy would only spoil the
    solution."""
    piece, _ = scipy.ndimage.label(~mask)
    return ~np.isin(piece, piece[[0, -1], 0])


def ring(mask):
    """Removed sites that have a neighbour outside the removed set, as flat indices y * width + x in
    rising order.

    Cutting them isolates the interior, so they alone enter the finite-rank update of `green`. The
    leads count as outside: a removed site of an end row belongs to the ring."""
    padded = np.pad(mask, ((1, 1), (0, 0)))  # the leads
    # beyond the side walls there is nothing
    padded = np.pad(padded, ((0, 0), (1, 1)), constant_values=True)
    inner = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return np.flatnonzero(mask & ~inner)


def _sites_at(antidots, offsets, device):
    """Flat indices of sites at offsets (S, 2) from the centres (N, K, 2) of configurations: (N, K *
    S), rising."""
    xy = np.asarray(antidots, dtype=np.int64)[:, :, None, :] + offsets
    return np.sort((xy[..., 1] * device.width + xy[..., 0]).reshape(len(xy), -1), axis=1)


def removed_masks(antidots, device):
    """Removed masks (N, length, width) of many configurations of the dataset at once; positions are
    not checked."""
    masks = np.zeros((len(antidots), device.length * device.width), dtype=bool)
    np.put_along_axis(masks, _sites_at(antidots, disc(device.radius), device), True, axis=1)
    return masks.reshape(-1, device.length, device.width)


def rings(antidots, device):
    """Rings (N, R) int64 of many configurations of the dataset at once.

    Discs that keep a site of clearance share no neighbour, so the ring of the union is the union of
    the rings."""
    r = clearance(device)
    sites = disc(device.radius) + r
    alone = np.zeros((2 * r + 1, 2 * r + 1), dtype=bool)
    alone[sites[:, 1], sites[:, 0]] = True
    y, x = np.divmod(ring(alone), 2 * r + 1)
    return _sites_at(antidots, np.stack([x, y], axis=-1) - r, device)


def clearance(device):
    """Sites from an antidot's centre to the walls and ends at least: its reach and one more."""
    return int(device.radius) + 1


def spacing(device):
    """Two centres are further apart than this [site]: twice the hard disc, a site more than an
    antidot."""
    return 2 * (device.radius + 1)


def ordered(antidots):
    """Antidots (..., K, 2) with the lowest first, by x where some have the same y."""
    antidots = np.asarray(antidots)
    order = np.lexsort((antidots[..., 0], antidots[..., 1]), axis=-1)
    return np.take_along_axis(antidots, order[..., None], axis=-2)


def inversions(antidots, device):
    """Antidots (..., K, 2) and what the two inversions make of them, ordered, the lowest at y = 0:
    (4, ..., K, 2). Identity, inversion of y, inversion of x, both."""
    mirror = [device.width - 1, 0]
    turns = [(0, (1, 1)), (0, (1, -1)), (mirror, (-1, 1)), (mirror, (-1, -1))]
    found = np.stack([ordered(shift + np.asarray(antidots) * sign) for shift, sign in turns])
    found[..., 1] -= found[..., :1, 1]
    return found


def orbit(antidots, device):
    """(x1, ..., xK, y2 - y1, ..., yK - y1) that names antidots (..., K, 2) modulo translation along
    y and the two inversions; shape (..., 2 K - 1). The lexicographically smallest of the orbit."""
    images = inversions(antidots, device)
    names = np.concatenate([images[..., 0], images[..., 1:, 1]], axis=-1)
    best = names[0]
    for other in names[1:]:
        change = other - best
        first = np.take_along_axis(change, (change != 0).argmax(axis=-1)[..., None], axis=-1)
        best = np.where(first < 0, other, best)
    return best


def copies(pairs, device, shift=3):
    """Pairs (N, 2, 2) and what shares their curves at V = 0: itself, its inversion of y, its
    inversion of x, and it moved by `shift` sites along y where there is room; (4, N, 2, 2)."""
    pairs = np.asarray(pairs, dtype=np.int64)
    inverted_y = (pairs * [1, -1] + [0, device.length - 1])[:, ::-1]
    inverted_x = pairs * [-1, 1] + [device.width - 1, 0]
    room = pairs[..., 1].max(axis=1) + shift < device.length - clearance(device)
    moved = pairs + [0, shift] * room[:, None, None]
    return np.stack([pairs, inverted_y, inverted_x, moved])


def placement(orbits, device):
    """Canonical antidots (..., K, 2) of orbits (..., 2 K - 1): centred along the wire."""
    orbits = np.asarray(orbits)
    K = (orbits.shape[-1] + 1) // 2
    y = np.concatenate([np.zeros_like(orbits[..., :1]), orbits[..., K:]], axis=-1)
    y = y + (device.length - 1 - y.max(axis=-1, keepdims=True)) // 2
    return np.stack([orbits[..., :K], y], axis=-1)


def canonical(antidots, device):
    """The canonical placement of antidots, (..., K, 2): what a curve can determine at best."""
    return placement(orbit(antidots, device), device)


def listable(device, number=2):
    """Whether the configurations of so many antidots are few enough to be listed."""
    sizes = np.subtract([device.width, device.length], 2 * clearance(device))
    across, along = np.log(np.maximum(sizes, 1))  # six antidots are more than an integer holds
    return number * across + (number - 1) * along <= np.log(LISTED)


def configurations(device, number=2):
    """All configurations of antidots of a wire, modulo translation along y and two inversions.

    Source: Sec. III, for two antidots.

    The rule: an antidot is a hard disc of its radius plus one site, inside the wire, centre
    distance strictly above two such radii.

    Parameters
    ----------
    device : Device
    number : int
        K, of antidots.

    Returns
    -------
    orbits : ndarray, int16 (N, 2 K - 1)
        (x1, ..., xK, y2 - y1, ..., yK - y1) [sites] that name each.
    antidots : ndarray, int16 (N, K, 2)
        Centres (x, y) of the canonical placement, the lowest first.

    Raises
    ------
    SettingsError
        Where there are too many to be listed: then see `sampled`.

    Examples
    --------
    >>> orbits, antidots = qfp.configurations(qfp.load_preset("paper").device)
    >>> len(antidots)
    16170
    >>> len(qfp.configurations(qfp.load_preset("paper").device, 1)[1])
    19
    """
    r, K = clearance(device), number
    x, dy = np.arange(r, device.width - r), np.arange(device.length - 2 * r)
    if not listable(device, K):
        raise SettingsError(
            f"configurations of {K} antidots: too many to be listed in a wire of {device.width} x "
            f"{device.length} sites, which exact inference and datasets need; try fewer antidots"
        )
    names = np.meshgrid(*[x] * K, *[dy] * (K - 1), indexing="ij")
    antidots = placement(np.stack([v.ravel() for v in names], axis=-1), device)
    orbits = orbit(antidots[apart(antidots, device)], device)
    # rising as the names do, and faster to sort than rows
    single = np.ravel_multi_index(orbits.T, [device.width] * K + [device.length] * (K - 1))
    orbits = orbits[np.unique(single, return_index=True)[1]]
    return orbits.astype(np.int16), placement(orbits, device).astype(np.int16)


def count(device, number):
    """How many configurations of so many antidots there are; to 2 % where they cannot be listed.

    Names (x1, ..., xK, y2 - y1, ...) of any order are drawn: each configuration has 4 (K - 1)!."""
    if number <= 2 and listable(device, number):
        return len(configurations(device, number)[0])
    r, draws = clearance(device), 100_000
    wide, reach = device.width - 2 * r, device.length - 2 * r
    rng = stream("count of configurations", number)
    x, dy = rng.integers(wide, size=(draws, number)), rng.integers(reach, size=(draws, number))
    dy[:, 0] = 0  # the first one is the lowest
    share = apart(np.stack([x, dy], axis=-1), device).mean()
    names = float(wide) ** number * float(reach) ** (number - 1)
    return share * names / (4 * math.factorial(number - 1))


def sampled(device, number, index, seed=0):
    """Antidots (K, 2) drawn as hard discs, in canonical placement: a pure function of seed and
    index. SettingsError where no place for them is found."""
    return canonical(hard_discs(device, number, index, seed), device)


def hard_discs(device, number, index, seed=0):
    """As `sampled`, but where they were drawn: many are faster placed together."""
    r = clearance(device)
    rng = stream("hard discs", number, seed, index)
    low, high = [r, r], [device.width - r, device.length - r]
    for _ in range(DRAWS if min(np.subtract(high, low)) > 0 else 0):
        antidots = rng.integers(low, high, (number, 2))
        if apart(antidots, device):
            return antidots
    raise SettingsError(
        f"{number} antidots of radius {device.radius}: no place for them was found in a wire of "
        f"{device.width} x {device.length} sites"
    )


def apart(antidots, device):
    """Whether the hard discs of antidots (..., K, 2) keep clear of each other: bool (...)."""
    xy = np.asarray(antidots, dtype=int)
    one, other = np.triu_indices(xy.shape[-2], 1)
    squares = np.square(xy[..., one, :] - xy[..., other, :]).sum(axis=-1)
    return (squares > spacing(device) ** 2).all(axis=-1)


def in_dataset(antidots, device):
    """Whether antidots (K, 2) obey the hard-disc rule of the dataset (the canonical copy of a pair
    is one of the 16,170)."""
    xy = np.asarray(antidots)
    if xy.ndim != 2 or xy.shape[1] != 2:
        return False
    r = clearance(device)
    inside = (xy >= r).all() and (xy < np.subtract([device.width, device.length], r)).all()
    return bool(inside and apart(xy, device))
