"""Antidots, rings and the symmetries that leave a conductance curve unchanged (Sec. III).

Sites are (x, y), x across the wire and y along it; arrays over sites are indexed [y, x].
"""

import numpy as np
import scipy.ndimage

from qfp.tools import SettingsError


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
    """Radius of the hard disc that an antidot of the dataset is: a site more than its own."""
    return device.radius + 1


def ordered(antidots):
    """Antidots (..., 2, 2) with the lower one first, by x where both have the same y."""
    antidots = np.asarray(antidots)
    (x1, y1), (x2, y2) = np.moveaxis(antidots, (-2, -1), (0, 1))
    swap = (y1 > y2) | ((y1 == y2) & (x1 > x2))
    return np.where(swap[..., None, None], antidots[..., ::-1, :], antidots)


def orbit_copies(antidots, device):
    """The four (x1, x2) of a pair under the two inversions, and dy; shapes (4, ..., 2) and (...).

    x1 belongs to the lower antidot. Identity, inversion of y, inversion of x, both."""
    pair = ordered(antidots)
    x, dy = pair[..., 0], pair[..., 1, 1] - pair[..., 0, 1]
    mirrored = device.width - 1 - x
    copies = np.stack([x, x[..., ::-1], mirrored, mirrored[..., ::-1]])
    level = (dy == 0)[..., None]  # at dy = 0 lower and upper are ordered by x
    return np.where(level, np.sort(copies, axis=-1), copies), dy


def orbit(antidots, device):
    """(x1, x2, dy) that names a pair modulo translation along y and the two inversions; shape (...,
    3).

    (x1, x2) is the lexicographically smallest of the orbit."""
    copies, dy = orbit_copies(antidots, device)
    rank = copies[..., 0] * device.width + copies[..., 1]
    best = np.take_along_axis(copies, rank.argmin(axis=0)[None, ..., None], axis=0)[0]
    return np.concatenate([best, dy[..., None]], axis=-1)


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
    """Canonical antidots (..., 2, 2) of orbits (..., 3): the pair centred along the wire."""
    x1, x2, dy = np.moveaxis(np.asarray(orbits), -1, 0)
    y = (device.length - 1 - dy) // 2
    return np.stack([np.stack([x1, y], axis=-1), np.stack([x2, y + dy], axis=-1)], axis=-2)


def canonical(antidots, device):
    """The canonical placement of a pair, (..., 2, 2): what a curve can determine at best."""
    return placement(orbit(antidots, device), device)


def configurations(device):
    """All pairs of antidots of a wire, modulo translation along y and two inversions.

    Source: Sec. III.

    The rule: an antidot is a hard disc of its radius plus one site, inside the wire, centre
    distance strictly above two such radii.

    Parameters
    ----------
    device : Device

    Returns
    -------
    orbits : ndarray, int16 (N, 3)
        (x1, x2, dy) [sites] that name each pair.
    antidots : ndarray, int16 (N, 2, 2)
        Centres (x, y) of the canonical placement, the lower antidot first.

    Examples
    --------
    >>> orbits, antidots = qfp.configurations(qfp.load_preset("paper").device)
    >>> len(antidots)
    16170
    """
    r = clearance(device)
    x = np.arange(r, device.width - r)
    dy = np.arange(device.length - 2 * r)
    x1, x2, dy = (a.ravel() for a in np.meshgrid(x, x, dy, indexing="ij"))
    apart = (x1 - x2) ** 2 + dy**2 > (2 * r) ** 2
    orbits = orbit(placement(np.stack([x1, x2, dy], axis=-1)[apart], device), device)
    # rising as the triples do, and faster to sort
    names = orbits @ (device.width * device.length, device.length, 1)
    orbits = orbits[np.unique(names, return_index=True)[1]]
    return orbits.astype(np.int16), placement(orbits, device).astype(np.int16)


def in_dataset(antidots, device):
    """Whether a pair obeys the hard-disc rule of the dataset (its canonical copy is one of the
    16,170)."""
    antidots = np.asarray(antidots)
    if antidots.shape != (2, 2):
        return False
    r = clearance(device)
    (x1, y1), (x2, y2) = antidots
    inside = all(r <= x < device.width - r for x in (x1, x2)) and all(
        r <= y < device.length - r for y in (y1, y2)
    )
    return bool(inside and (x1 - x2) ** 2 + (y1 - y2) ** 2 > (2 * r) ** 2)
