"""What is recorded along the network's own generations, curve by curve, and beside its controls."""

import functools
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch

from qfp.decoding import positions
from qfp.decoding.decode import Decoder
from qfp.model.condition import GRID
from qfp.model.exported import network_of
from qfp.model.precision import for_samples
from qfp.studies import frame
from qfp.studies.attention import marks, watch
from qfp.tools import kept_arrays, progress_bar

STEPS = 50  # DDIM steps of a generation
LEVELS = (30.0, 10.0, 5.0, 2.0, 1.0, 0.5, 0.1)  # σ/α of the controls, beside the first step
HEADS = (10.0, 2.0, 0.5)  # those of the heads' preferences, beside the first step


class Wires(NamedTuple):
    """The wires that are looked at, and the noise that their images begin with."""

    rows: np.ndarray  # (B, 2) of (potential, configuration)
    curves: np.ndarray  # (B, F) [e^2/h]
    antidots: np.ndarray  # (B, 2, 2)
    seeds: list  # (B,)

    @classmethod
    def of(cls, run, rows):
        """The wires of rows of a run's pairs."""
        p, n = rows.T
        seeds = [s for (s,) in frame.noise_seeds(rows, 1, run.seed)]
        return cls(rows, run.pairs.conductance[p, n], run.pairs.antidots[n], seeds)


@dataclass(frozen=True)
class Path:
    """The steps of a generation, and those of them at which more is recorded."""

    times: list  # (S,) diffusion steps
    ratio: np.ndarray  # (S,) σ/α
    places: dict  # {'controls', 'heads'}: indices of steps

    @classmethod
    def of(cls, schedule):
        """That of a schedule."""
        times = schedule.respaced(min(STEPS, schedule.steps))
        ratio, levels = schedule.ratio.numpy()[times], {"controls": LEVELS, "heads": HEADS}
        return cls(times, ratio, {name: near(ratio, some) for name, some in levels.items()})


def near(ratio, levels):
    """Rising indices of the steps of a generation with σ/α `ratio` (S,): the first, and those
    nearest to levels."""
    return sorted({0, *(int(abs(np.log(ratio / level)).argmin()) for level in levels)})


def in_blocks(folder, name, number, make):
    """Arrays of make(slice) over blocks of `number` curves, {name: (S, B, ...)}, each block kept in
    a file of `folder`."""
    blocks = []
    for start in progress_bar(range(0, number, frame.BLOCK), desc=name, unit="block"):
        part = slice(start, min(start + frame.BLOCK, number))
        path = folder / f"{name}_{start:05d}.npz"
        blocks.append(kept_arrays(path, functools.partial(make, part)))
    return {key: np.concatenate([block[key] for block in blocks], axis=1) for key in blocks[0]}


def arrays_of(path):
    """What is kept of a watch.Trajectory: images averaged over cells, dark to light, and B_j of
    each layer."""
    return {
        "x_t": -marks.cell_means(path.x),
        "x0": -marks.cell_means(path.x0),
        **{f"importance {name}": B for name, B in path.importance.items()},
    }


def partners(potentials):
    """For each curve the next of the same potential, int (B,); itself where there is no other."""
    found = np.arange(len(potentials))
    for p in np.unique(potentials):
        here = np.flatnonzero(potentials == p)
        found[here] = np.roll(here, -1)
    return found


def generate(
    decoder, curves, seeds, keep=None, steps=None, sampler="ddim", weights_at=(), across=GRID
):
    """watch.Trajectory of the generations of curves (B, F) from seeds (B,); curves None: without
    any (γ = 0)."""
    model, schedule = decoder.model, decoder.schedule
    steps, more = (
        steps or min(STEPS, schedule.steps),
        {"keep": keep, "weights_at": weights_at, "across": across},
    )
    with torch.no_grad(), for_samples(schedule):
        if curves is None:
            condition = model.null(len(seeds))
        else:
            condition = model.encode(decoder.normal.curve(curves))
        return watch.importance_trajectory(
            model, schedule, condition, seeds, steps, sampler, **more
        )


def untrained(config, seed):
    """A fresh network of a Config, a pure function of the seed."""
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(seed)
        return network_of(config).eval()


@dataclass(frozen=True)
class Examined:
    """What `examine` is given of a study, besides the block of curves."""

    decoder: Decoder
    fresh: torch.nn.Module  # an untrained network
    places: dict  # as Path.places


def without_curve(given, seeds, last):
    """Arrays of generations without a curve: the antidots of their images, and B_j at the controls.

    last: index of the last step."""
    decoder, places = given.decoder, given.places["controls"]
    free = generate(decoder, None, seeds, [*places, last])
    images = decoder.normal.ldos(torch.from_numpy(free.x0[-1])[:, None])
    found = {"antidots": positions.recover(images, decoder.config.device)[None]}
    return found | {f"null {name}": B[: len(places)] for name, B in free.importance.items()}


def at_the_same_images(given, path, curves, following):
    """Arrays of B_j at the noisy images of a Trajectory: with the next curves' condition, and in a
    network without training."""
    decoder, found = given.decoder, {}
    encode = decoder.normal.curve
    with for_samples(decoder.schedule):
        conditions = {
            "other": (decoder.model, decoder.model.encode(encode(following))),
            "untrained": (given.fresh, given.fresh.encode(encode(curves))),
        }
        for kind, (network, condition) in conditions.items():
            passes = []
            for i in given.places["controls"]:
                x, t = torch.from_numpy(path.x[i])[:, None], int(path.t[i])
                passes.append(watch.importance_at(network, x, t, condition))
            for name in passes[0]:
                found[f"{kind} {name}"] = np.stack([one[name] for one in passes])
    return found


@torch.no_grad()
def examine(given, curves, following, seeds):
    """One block of curves: arrays {name: (S, B, ...)}; following (B, F): the next curves."""
    path = generate(given.decoder, curves, seeds)
    return (
        arrays_of(path)
        | without_curve(given, seeds, len(path.t) - 1)
        | at_the_same_images(given, path, curves, following)
    )
