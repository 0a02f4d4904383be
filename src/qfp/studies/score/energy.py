"""Line integrals of a score: does it have an energy, beta E = -∫ s . dx, and where is that a
parabola (Sec. VI)?

Fields, points and steps as in forcefield: x (B, 1, 60, 60), a field is a callable x -> s(x).
Everything is at a fixed noise level but `work`.
"""

import numpy as np
import torch
from scipy.interpolate import CubicSpline

TOLERANCE = 0.1  # relative departure from a parabola
FITTED = 0.25  # part of a profile to which the parabola is fitted


def clenshaw_curtis(intervals):
    """Nodes and weights (intervals + 1,) of Clenshaw and Curtis on [0, 1]; every second node
    belongs to half the intervals.

    intervals even. Polynomials up to that degree are integrated exactly: cos(k θ) has the integral
    1/(1 - k^2), k even."""
    angle = np.pi * np.arange(intervals + 1) / intervals
    k = np.arange(0, intervals + 1, 2)
    terms = np.cos(np.outer(angle, k)) * 2 / (1.0 - k**2)
    terms[:, [0, -1]] /= 2
    weights = terms.sum(axis=1) / intervals
    weights[[0, -1]] /= 2
    return (1 - np.cos(angle)) / 2, weights


@torch.no_grad()
def along(score, start, step, fractions):
    """s(start + f step) . step at fractions f (P,): numpy (B, P)."""
    return np.stack(
        [
            (score(start + float(f) * step).double() * step.double()).sum((1, 2, 3)).numpy()
            for f in fractions
        ],
        -1,
    )


def side(score, start, step, intervals=8):
    """∫ s . dx from start to start + step, (B,), by Clenshaw-Curtis with `intervals` and with half
    of them."""
    nodes, weights = clenshaw_curtis(intervals)
    values = along(score, start, step, nodes)
    return values @ weights, values[:, ::2] @ clenshaw_curtis(intervals // 2)[1]


def circulation(score, x, u, w, intervals=8):
    """∮ s . dx around the rectangles x, x + u, x + u + w, x + w: what a field with an energy has as
    0. Dict of numpy (B,).

    'loop': the difference of the ways over both sides; 'size': mean |∫ s . dx| of the four sides;
    'error': how much `loop` changes when the points on each side are halved."""
    sides = [side(score, *place, intervals) for place in ((x, u), (x + u, w), (x, w), (x + w, u))]
    fine, coarse = np.transpose(sides, (1, 2, 0))  # (B, 4)
    sign = np.array([1, 1, -1, -1])
    return {
        "loop": abs(fine @ sign),
        "size": abs(fine).mean(axis=1),
        "error": abs((fine - coarse) @ sign),
    }


def profile(score, start, step, fractions):
    """beta E(start + f step) - beta E(start) at rising fractions f (P,), f[0] = 0 and P odd: numpy
    (B, P), and the largest change (B,) when every second point is left out. Integrals of cubic
    splines through s . step."""
    force = along(score, start, step, fractions)
    fine = -CubicSpline(fractions, force, axis=1).antiderivative()(fractions)
    coarse = -CubicSpline(fractions[::2], force[:, ::2], axis=1).antiderivative()(fractions[::2])
    return fine, abs(fine[:, ::2] - coarse).max(axis=1)


def parabola(fractions, energy):
    """Parabolas g f + c f^2 / 2 fitted to profiles (B, P) within the first FITTED of their range:
    their values (B, P), curvatures c (B,), and the largest fraction (B,) up to which the profile
    stays within TOLERANCE of them, relative to their height there or, where that is larger, at the
    end of the fitted range."""
    near = fractions <= FITTED * fractions[-1]
    terms = np.stack([fractions, fractions**2 / 2], axis=-1)
    fit = np.linalg.lstsq(terms[near], energy[:, near].T, rcond=None)[0]  # (2, B)
    fitted = (terms @ fit).T
    height = np.maximum(abs(fitted), abs(fitted[:, near][:, -1:])) + 1e-9 * abs(energy).max()
    away = abs(energy - fitted) > TOLERANCE * height
    last = np.where(away.any(axis=1), away.argmax(axis=1) - 1, len(fractions) - 1)
    return fitted, fit[1], fractions[last]


def work(scores, points):
    """Work of the score along a path of S points (S, B, 1, 60, 60): cumulative sum of mean score
    times step, numpy (S, B).

    Along a generation the scores (S, B, 1, 60, 60) belong to S different noise levels, so this is a
    work done by a force that changes in time, and no difference of one energy."""
    steps = (scores[1:] + scores[:-1]) / 2 * (points[1:] - points[:-1])
    return np.pad(steps.double().sum((2, 3, 4)).cumsum(0).numpy(), ((1, 0), (0, 0)))
