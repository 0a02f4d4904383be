"""How contestants are timed, and what a training step of each is.

Contestants take turns in rounds whose order rotates, so that what else the machine does meets them
all alike; a ratio is the median over rounds of the ratio within a round. Weights and data are
random where only time counts.
"""

import dataclasses
import time

import numpy as np
import torch

from qfp.data import dataset, normalise
from qfp.model.diffusion import Schedule
from qfp.model.precision import keep_memory
from qfp.studies import intervals
from qfp.tools import progress_bar, stream
from qfp.training.batches import Batches, supplied
from qfp.training.loss import closure_of
from qfp.training.optimise import average, optimiser

PAIRS = 256  # configurations of random numbers from which batches are made


def clock(device):
    """Which clock is read: 'processor', time of this process on its processor, where one thread
    computes; 'wall' otherwise."""
    return "processor" if device == "cpu" and torch.get_num_threads() == 1 else "wall"


def timed(function, device):
    """Seconds of a call."""
    tick = {"processor": time.process_time, "wall": time.perf_counter}[clock(device)]
    wait = torch.cuda.synchronize if device == "cuda" else lambda: None
    wait()
    start = tick()
    function()
    wait()
    return tick() - start


def settled(function, device):
    """Seconds of a call, the median of three after one in which memory is found."""
    return float(np.median([timed(function, device) for _ in range(4)][1:]))


def take_turns(contestants, rounds, device):
    """Seconds (rounds,) of each of {name: function}; a first round, in which memory is found and
    kernels are chosen, is not counted."""
    names, seconds = list(contestants), {name: [] for name in contestants}
    for r in progress_bar(range(-1, rounds), desc="rounds", unit="round"):
        turn = r % len(names)
        for name in names[turn:] + names[:turn]:
            seconds[name].append(timed(contestants[name], device))
    return {name: np.array(values[1:]) for name, values in seconds.items()}


def ratio(slow, fast, seed):
    """How many times as long `slow` takes, from seconds (rounds,) of the same rounds."""
    return {
        "ratio": float(np.median(slow / fast)),
        "ratio_interval": list(intervals.bootstrap(slow / fast, np.median, seed)),
    }


def toy(config):
    """Pairs of random numbers: their values do not matter to the clock."""
    (orbits, antidots), device = (part[:PAIRS] for part in dataset.choose(config)), config.device
    rng, shape = stream("race", config.seed), (config.dataset.potentials, len(antidots))
    curves = rng.random((*shape, device.field_points), np.float32)
    images = rng.random((*shape, device.length, device.width), np.float32).astype(np.float16)
    V = np.zeros((shape[0], *images.shape[2:]))
    return dataset.Pairs(antidots, orbits, V, device.fields, curves, images, device, "random")


def training_step(model, config, averaged, device):
    """A function that takes a training step as `qfp train` does: batch, loss, clipping, AdamW, and
    where `averaged` the mean of the weights."""
    keep_memory()
    # a preparation, no step
    training = dataclasses.replace(config.training, curve_neighbours=0, curve_errors=0.0)
    config = dataclasses.replace(config, training=training)
    model = model.to(device).train()
    ema = average(model, training.ema) if averaged else None
    _, optimizer = optimiser(model, training)
    pairs = toy(config)
    rows = np.stack(np.divmod(np.arange(pairs.conductance[..., 0].size), len(pairs.antidots)), -1)
    batches = Batches(config, pairs, rows, normalise.normalisation(pairs, rows), device)
    supply, schedule = supplied(batches, 0, device), Schedule.of(config.diffusion)

    def step():
        optimizer.step(closure_of(model, schedule, next(supply), training, []))
        if ema is not None:
            ema.update_parameters(model)

    return step
