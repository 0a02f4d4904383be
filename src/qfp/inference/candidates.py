"""Which configurations a curve could be of: from the library, a search, or a network's samples."""

import threading

import numpy as np

from qfp.inference import library as libraries
from qfp.inference.search import from_search
from qfp.physics import geometry, green, symmetry
from qfp.physics.response import response
from qfp.tools import stream

ONCE = threading.Lock()  # two curves that need the library make it once
APART = 0.05  # [e^2/h], how far potentials take a curve, roughly
LISTED = 2  # antidots of which all configurations are in a library; of more they are searched


def of_number(device, curve, noise, number=2, seed=(), named=None, proposals=None):
    """Candidates (C, K, 2) of so many antidots: from the library of all configurations, or from a
    search, which begins with proposals (S, K, 2), whose chains have a seed, and which is not
    repeated where it has `named` some."""
    if number > LISTED and named is not None:
        return named
    if number > LISTED:
        rng = stream("search", number, *seed)
        return from_search(device, curve, noise, number, rng, proposals)
    with ONCE:
        library = libraries.library(device, number)
    return library.antidots[library.candidates(curve, noise)]


def from_proposals(device, curve, noise, proposals):
    """Candidates (C, K, 2) among proposals (S, K, 2) and their neighbours."""
    named = without_copies(geometry.canonical(np.asarray(proposals, int), device))
    near = without_copies(np.concatenate([symmetry.neighbours(pair, device) for pair in named]))
    left = curve - green.clean_curves(device, near)
    first = near[libraries.robust(left / APART).argmin()]
    changes = response(device, first[None])  # of neighbours they are much the same
    root = libraries.whitening(changes.covariance[0], noise)
    return near[libraries.chosen(libraries.robust((left - changes.shift[0]) @ root.T))]


def without_copies(antidots):
    """Antidots (C, K, 2), none twice, in their order."""
    return np.stack(list({own.tobytes(): own for own in np.asarray(antidots, int)}.values()))
