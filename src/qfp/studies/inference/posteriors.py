"""Posteriors of one wire after the other: under noise, other potentials, fields, temperatures."""

import numpy as np

from qfp.inference import library as libraries
from qfp.inference.infer import infer
from qfp.inference.likelihood import combined, judge, probabilities
from qfp.physics import geometry, green, thermal
from qfp.physics.response import fluctuation, response
from qfp.physics.rows import Rows
from qfp.physics.wire import random_potential
from qfp.tools import stream

CANDIDATES = 40  # the nearest configurations of the library; all others are left out
QUIET = 0.01  # [e^2/h], the noise where something else is varied
NOISE = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)  # [e^2/h]
STRENGTH = (0.5, 1.0, 2.0, 4.0)  # of the device's amplitude
STRIDES = (1, 2, 4, 8, 16, 32, 63)  # of 127 fields: 127, 64, 32, ...
RANGE = (127, 63, 31, 15, 7)  # the first of these fields
SETTINGS = (
    [("noise", value) for value in NOISE]
    + [("fields", value) for value in STRIDES]
    + [("range", value) for value in RANGE]
)
TEMPERATURE = {0.003: 4, 0.01: 8, 0.03: 8}  # k_B T [t]: energies of the average
WARM = 100, 12  # candidates at a temperature: the nearest of so many, and how many of these
TOGETHER = 4  # wires whose candidates share the clean wires of the energies


def with_truth(pairs, truth):
    """Pairs (C, 2, 2), the last of them the true one (2, 2) where it is not among them."""
    if not (pairs == truth).all(axis=(1, 2)).any():
        pairs[-1] = truth
    return pairs


def one_wire(device, library, truth, curve, k):
    """Posteriors (settings, 1 + 4, CANDIDATES) of wire number k (2, 2) under SETTINGS: probability,
    and x1, y1, x2, y2. curve (F,) [e^2/h]: without noise, at twice as many fields as the
    library's."""
    blurred = np.full(library.curves.shape[1], 0.1)
    order = np.argsort(library.distances(curve[::2], blurred))[:CANDIDATES]
    pairs = with_truth(library.antidots[order], truth)
    expected = combined(response(device, pairs), fluctuation(device, pairs))
    noise = stream("noise of what a curve fixes", k).standard_normal(device.field_points)
    rows = []
    for name, value in SETTINGS:
        some = slice(None, None, value) if name == "fields" else slice(None)
        some = slice(value) if name == "range" else some
        sigma = value if name == "noise" else QUIET
        log = judge((curve + sigma * noise)[some], expected.fields(some), sigma).log
        rows.append(_posterior(probabilities(log), pairs))
    return np.stack(rows)


def shaken(device, curves, part):
    """Posteriors (B, 1 + 4, MOST) of the wires of a part (slice), by `infer` where the second order
    may not do. curves (.., F) [e^2/h]: without noise."""
    numbers = range(part.start, part.stop)
    noise = [
        stream("noise of what a curve fixes", k).standard_normal(curves.shape[1]) for k in numbers
    ]
    measured = curves[part] + QUIET * np.stack(noise)
    found = infer(measured, device, np.full(curves.shape[1], QUIET), certificate=False)
    rows = []
    for one in found:
        missing = libraries.MOST - len(one.antidots)
        pairs = np.concatenate([one.antidots, np.repeat(one.antidots[:1], missing, axis=0)])
        rows.append(_posterior(np.pad(one.probability, (0, missing)), pairs))
    return np.stack(rows)


def warm(device, library, truth, seeds, part, temperature):
    """Posteriors (B, 1 + 4, WARM[1]) of the wires of a part (slice) at a temperature [t]; see
    `one_wire`."""
    energies = thermal.energies(device, temperature, TEMPERATURE[temperature])
    cold, device = device, thermal.averaged(device, energies)
    blurred = np.full(device.field_points, 0.1)

    measured, named = [], []
    for k in range(part.start, part.stop):
        V = random_potential(int(seeds[k]), device)
        removed = geometry.removed_mask(truth[k], device)
        own = Rows(cold, removed).conductance(V)
        order = np.argsort(library.distances(own, blurred))[: WARM[0]]
        noise = stream("noise of what a curve fixes", k).standard_normal(device.field_points)
        measured.append(Rows(device, removed).conductance(V) + QUIET * noise)
        named.append(with_truth(library.antidots[order], truth[k]))
    near = green.clean_curves(device, np.concatenate(named))
    near = near.reshape(len(named), -1, device.field_points)
    pairs = _nearest(device, library, np.array(measured), np.array(named), near)
    pairs = [with_truth(own, truth[part.start + k]) for k, own in enumerate(pairs)]
    every, size = np.concatenate(pairs), WARM[1] * TOGETHER
    found = response(device, every, batch=size)
    second = fluctuation(device, every, batch=size)
    expected = combined(found, second)
    rows = []
    for k, (curve, own) in enumerate(zip(measured, pairs, strict=True)):
        here = expected.part(slice(k * WARM[1], (k + 1) * WARM[1]))
        rows.append(_posterior(probabilities(judge(curve, here, QUIET).log), own))
    return np.stack(rows)


def _nearest(device, library, measured, named, near):
    """Of pairs (B, N, 2, 2) with curves `near` (B, N, F) at V = 0 those that measured curves (B, F)
    could be of, (B, WARM[1], 2, 2): what potentials do is taken from the first guess."""
    blurred = np.full(device.field_points, 0.1)
    left = measured[:, None] - near
    guess = libraries.robust(((left - library.shift) / blurred).reshape(-1, device.field_points))
    best = guess.reshape(left.shape[:2]).argmin(axis=1)
    changes = response(device, named[np.arange(len(named)), best], batch=len(named))
    found = []
    for own, shift, covariance, pairs in zip(left, changes.shift, changes.covariance, named):
        root = libraries.whitening(covariance, QUIET)
        found.append(pairs[np.argsort(libraries.robust((own - shift) @ root.T))[: WARM[1]]])
    return found


def _posterior(p, pairs):
    """Probabilities (C,) and pairs (C, 2, 2) as one array (1 + 4, C)."""
    return np.vstack([p, pairs.reshape(-1, 4).T])
