"""Configurations, symmetries and rings."""

import dataclasses

import numpy as np
import pytest

import qfp
from qfp.config import load_preset
from qfp.data import simulate
from qfp.physics import geometry
from qfp.tools import SettingsError

DEVICE = load_preset("laptop").device


def brute_force_orbit(pair):
    """The symmetry group applied site by site: translations along y, inversion of x, inversion of
    y."""
    copies = set()
    for flip_x in (False, True):
        for flip_y in (False, True):
            points = [(49 - x if flip_x else x, -y if flip_y else y) for x, y in pair]
            points.sort(key=lambda p: (p[1], p[0]))
            (x1, y1), (x2, y2) = points
            copies.add((x1, x2, y2 - y1))
    return min(copies)


def test_the_paper_s_number_of_configurations():
    orbits, antidots = geometry.configurations(DEVICE)
    assert len(orbits) == 16170
    assert len(np.unique(orbits, axis=0)) == 16170
    assert all(
        tuple(o) == brute_force_orbit(p)
        for o, p in zip(orbits[::37].tolist(), antidots[::37].tolist())
    )
    names = {brute_force_orbit(p) for p in antidots.tolist()}
    assert len(names) == 16170  # no two share an orbit


def test_canonical_placement_is_inside_the_wire_and_idempotent():
    orbits, antidots = geometry.configurations(DEVICE)
    x, y = antidots[..., 0], antidots[..., 1]
    assert (x.min(), x.max(), y.min(), y.max()) == (6, 43, 6, 53)
    distance = np.linalg.norm((antidots[:, 0] - antidots[:, 1]).astype(float), axis=-1)
    assert distance.min() > 12
    assert np.array_equal(geometry.canonical(antidots, DEVICE), antidots)
    assert np.array_equal(antidots[:, 0, 1], (59 - orbits[:, 2]) // 2)
    assert all(geometry.in_dataset(p, DEVICE) for p in antidots[::501])
    assert not geometry.in_dataset([[10, 20], [20, 20]], DEVICE)


def test_copies_belong_to_one_orbit_and_stay_in_the_wire():
    pairs = geometry.configurations(DEVICE)[1][::40]
    copies = geometry.copies(pairs, DEVICE)
    assert copies.shape == (4, *pairs.shape) and (copies[0] == pairs).all()
    assert (geometry.orbit(copies, DEVICE) == geometry.orbit(pairs, DEVICE)).all()
    r = geometry.clearance(DEVICE)
    assert copies.min() >= r and (copies < [50 - r, 60 - r]).all()
    moved = (copies[3] != pairs).any(axis=(1, 2))
    assert 0 < moved.mean() < 1 and (copies[3] - pairs == [0, 3])[moved].all()


def test_disc_and_ring_have_the_known_sizes():
    assert len(geometry.disc(5)) == 81
    mask = geometry.removed_mask([[20, 20]], DEVICE)
    assert mask.sum() == 81 and len(geometry.ring(mask)) == 28


def test_ring_is_the_removed_sites_with_a_neighbour_outside():
    rng = np.random.default_rng(1)
    mask = rng.random((60, 50)) < 0.7
    expected = []
    for y, x in zip(*np.nonzero(mask)):
        neighbours = [(y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)]
        # rows -1 and 60 are leads
        if any((not 0 <= j < 60) or (0 <= i < 50 and not mask[j, i]) for j, i in neighbours):
            expected.append(y * 50 + x)
    assert geometry.ring(mask).tolist() == expected


def test_many_at_once_equals_one_by_one():
    _, antidots = geometry.configurations(DEVICE)
    chosen = antidots[::997]
    masks = np.stack([geometry.removed_mask(p, DEVICE) for p in chosen])
    assert np.array_equal(geometry.removed_masks(chosen, DEVICE), masks)
    assert np.array_equal(
        geometry.rings(chosen, DEVICE), np.stack([geometry.ring(m) for m in masks])
    )


@pytest.mark.parametrize(
    "antidots, word",
    [
        ([[3, 20], [30, 20]], "leaves the wire"),
        ([[10, 5], [30, 20]], "end row"),
        ([[10, 54], [30, 70]], "leaves the wire"),
    ],
)
def test_bad_antidots_are_named(antidots, word):
    with pytest.raises(SettingsError, match=word):
        geometry.removed_mask(antidots, DEVICE)


def test_another_wire_has_its_own_configurations():
    small = dataclasses.replace(DEVICE, width=20, length=30, radius=3)
    orbits, antidots = geometry.configurations(small)
    assert len(orbits) > 0 and len(np.unique(orbits, axis=0)) == len(orbits)
    assert antidots[..., 0].min() == 4 and antidots[..., 0].max() == 15


def test_half_a_site_in_the_radius():
    """Discs of two sites and a half: more places than those of three and fewer than those of two,
    no two rings with a common site, curves as the solver for any shape has them."""
    wire = qfp.Device(18, 22, 0.9, 2.5, 0.2, 3, 0.05)
    antidots = geometry.configurations(wire)[1].astype(int)
    two, three = (
        len(geometry.configurations(dataclasses.replace(wire, radius=r))[1]) for r in (2, 3)
    )
    assert three < len(antidots) < two
    assert len(geometry.disc(2.5)) == 21 and len(geometry.disc(2)) == 13
    for pair in antidots[::40]:
        ring, single = geometry.rings(pair[None], wire)[0], geometry.removed_mask(pair, wire)
        np.testing.assert_array_equal(ring, geometry.ring(single))
    swept = simulate.curves(wire, antidots[::40], 4)
    V = qfp.random_potential(4, wire)
    solved = [qfp.solve(wire, pair, V)[0] for pair in antidots[::40]]
    np.testing.assert_allclose(swept, solved, rtol=0, atol=1e-9)
