"""Which configurations a curve could be of: from the library or from samples of a network."""

import threading

import numpy as np

from qfp.inference import library as libraries
from qfp.physics import geometry, green, symmetry
from qfp.physics.response import response

ONCE = threading.Lock()  # two curves that need the library make it once
APART = 0.05  # [e^2/h], how far potentials take a curve, roughly


def from_library(device, curve, noise, number=2):
    """Candidates (C, K, 2) from the library of all configurations of so many antidots."""
    with ONCE:
        library = libraries.library(device, number)
    return library.antidots[library.candidates(curve, noise)]


def from_proposals(device, curve, noise, proposals):
    """Candidates (C, 2, 2) among proposals (S, 2, 2) and their neighbours."""
    named = without_copies(geometry.canonical(np.asarray(proposals, int), device))
    near = without_copies(np.concatenate([symmetry.neighbours(pair, device) for pair in named]))
    left = curve - green.clean_curves(device, near)
    first = near[libraries.robust(left / APART).argmin()]
    changes = response(device, first[None])  # of neighbours they are much the same
    root = libraries.whitening(changes.covariance[0], noise)
    return near[libraries.chosen(libraries.robust((left - changes.shift[0]) @ root.T))]


def without_copies(antidots):
    """Antidots (C, 2, 2), none twice, in their order."""
    return np.stack(list({pair.tobytes(): pair for pair in np.asarray(antidots, int)}.values()))
