"""Is a curve unlike anything in training? `qfp decode` answers any curve; the novelty says when its
answer means nothing.

A posterior predictive check: if the answer is right, the curve is the exact one of these antidots
at V = 0 and a change that a random potential of the trained strength makes. With m and C the mean
and the covariance of such changes over the fields (training configurations alone) and r = curve -
predicted - m,

    distance = r^T S^-1 r / F,    S = C + diag(floor + (shift steepness)^2 + noise^2)
    novelty = min distance / (threshold + tr(S^-1 diag(noise^2)) / F)

over the answer and what lies within one site of it. A small share of genuine development curves,
which have no noise, exceeds the threshold; the other term is what declared noise adds to the
distance on average. The steepness of the predicted curve is its local difference over one field
step: potentials move narrow resonances along the field, which the covariance of all curves knows
nothing of. Neighbours are tried because an answer one site off is no sign of a foreign curve,
though neighbours' curves differ by more than what potentials change.
"""

import json
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from qfp.data.workers import one_torch_thread
from qfp.model.exported import weights_hash, weights_path
from qfp.physics import green, symmetry
from qfp.physics.wire import Device
from qfp.tools import SettingsError, as_dict, write_json

DIGITS = 8  # decimals of what the file keeps, in e^2/h and its square: the floor is far above


@dataclass(frozen=True)
class Reference:
    """What genuine curves differ by from the exact ones at V = 0, for one set of weights."""

    weights_sha256: str
    device: Device
    mean: np.ndarray  # (F,) [e^2/h], of the changes by random potentials
    covariance: np.ndarray  # (F, F) [(e^2/h)^2]
    floor: float  # [(e^2/h)^2], variance added at every field
    shift: float  # [field steps], by how much resonances may move
    threshold: float  # distance from which on a curve is flagged
    quantile: float  # share of the development curves below it


class Judgement(NamedTuple):
    """What `judge` says of B curves."""

    novelty: np.ndarray  # (B,); above 1: unlike anything in training
    flagged: np.ndarray  # (B,) bool
    predicted: np.ndarray  # (B, F) [e^2/h], the exact curves of the consensus at V = 0


# --- the file beside the weights


def file_of(weights):
    """Path of the reference of weights, a name in models/ or a .safetensors file."""
    return weights_path(weights).with_suffix(".novelty.json")


def save(reference, weights):
    """Write a reference beside its weights; returns the path. Of the covariance the lower triangle
    is kept."""
    place = np.tril_indices(len(reference.mean))
    values = {
        "weights_sha256": reference.weights_sha256,
        "device": as_dict(reference.device),
        "floor": reference.floor,
        "shift": reference.shift,
        "threshold": reference.threshold,
        "quantile": reference.quantile,
        "mean": np.round(reference.mean, DIGITS).tolist(),
        "covariance": np.round(reference.covariance[place], DIGITS).tolist(),
    }
    write_json(file_of(weights), values)
    return file_of(weights)


def load(weights):
    """Reference of weights (a name in models/ or a .safetensors file), None where there is none for
    them.

    Raises SettingsError where the file is not readable, or was made for other weights of that name.
    """
    file = file_of(weights)
    if not file.is_file():
        return None
    again = f"make it again with `qfp study novelty --weights {weights}`"
    try:
        values = json.loads(file.read_text())
        device, mean = Device(**values["device"]), np.array(values["mean"], float)
        triangle = np.zeros((len(mean), len(mean)))
        triangle[np.tril_indices(len(mean))] = values["covariance"]
        covariance = triangle + np.tril(triangle, -1).T
        reference = Reference(
            values["weights_sha256"],
            device,
            mean,
            covariance,
            *(float(values[name]) for name in ("floor", "shift", "threshold", "quantile")),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise SettingsError(
            f"{file} is no reference of novelty ({type(error).__name__} {error}): {again}"
        ) from None
    if reference.weights_sha256 != weights_hash(weights):
        name = weights_path(weights).name
        raise SettingsError(f"{file} belongs to other weights than {name}: {again}")
    return reference


# --- the score


def explained(device, antidots):
    """Exact curves at V = 0 of each of pairs (B, 2, 2) and its neighbours: a list of (K, F)
    [e^2/h], the pair's own first."""
    near = [symmetry.neighbours(pair, device) for pair in antidots]
    with one_torch_thread():  # the matrices are small: more threads take longer
        curves = green.clean_curves(device, np.concatenate(near))
    return np.split(curves, np.cumsum([len(pairs) for pairs in near])[:-1])


def steepness(curves):
    """Root mean square of the differences to the next field on either side, (..., F) [e^2/h per
    field step]."""
    square = np.square(np.diff(curves))
    square = np.concatenate([square[..., :1], square, square[..., -1:]], axis=-1)
    return np.sqrt((square[..., 1:] + square[..., :-1]) / 2)


def novelties(reference, curves, exact, noise=None):
    """Novelty (B,) of curves (B, F) [e^2/h]: of the nearest of their exact curves, as `explained`
    gives them.

    noise (B, F) or None: standard deviations [e^2/h] of the curves' errors."""
    found = []
    for b, (curve, own) in enumerate(zip(curves, exact, strict=True)):
        error = np.zeros(len(curve)) if noise is None else np.square(noise[b])
        variance = reference.floor + np.square(reference.shift * steepness(own)) + error  # (K, F)
        allowed = reference.covariance + variance[:, :, None] * np.eye(len(curve))  # (K, F, F)
        r = curve - own - reference.mean
        distance = (r * np.linalg.solve(allowed, r[:, :, None])[:, :, 0]).mean(axis=1)
        if error.any():  # what errors add on average
            expected = np.einsum("kff,f->k", np.linalg.inv(allowed), error) / len(curve)
        else:
            expected = 0.0
        # far, where there is none
        found.append((distance / (reference.threshold + expected)).min(initial=np.inf))
    return np.array(found)


def judge(reference, curves, decoded, noise=None):
    """Judgement of curves (B, F) [e^2/h] and their answers, a decode.Decoded.

    noise (B, F) or None: standard deviations [e^2/h] of the curves' errors; they widen what is
    tolerated."""
    exact = explained(reference.device, decoded.consensus)
    novelty = novelties(reference, np.asarray(curves, float), exact, noise)
    return Judgement(novelty, novelty > 1, np.stack([own[0] for own in exact]))
