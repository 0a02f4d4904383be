"""Who races: our network and its peers, with random weights, and what a step of each needs."""

import dataclasses
import os
import re
import resource
from pathlib import Path

import torch

from qfp.data.workers import processes
from qfp.model.exported import network_of
from qfp.studies import timing
from qfp.studies.speed import peer

OURS = {
    "ours": "as `qfp train` has it, with the further curves that teach the path of the curve, and "
    "the averaged weights",
    "ours, diffusion alone": "the same network by the diffusion loss alone, the peer's work, and "
    "the averaged weights",
}
PEERS = {name: text for name, (_, _, text) in peer.KINDS.items()}
KINDS = {
    "convolutions": "conv",
    "matrix products": r"::(add|b)?mm$",
    "copies and casts": "copy_",
    "normalisations": "_norm",
}


def network(name, config, widths, plain):
    """A contestant's network with random weights; widths None: ours."""
    return network_of(config) if widths is None else peer.Peer(config, name, widths, plain)


def trainee(name, config, widths, precision, plain, device):
    """A function that takes a training step of a contestant, as `qfp train` does."""
    training = dataclasses.replace(config.training, precision=precision)
    if name != "ours":
        alone = {"curve_target": "none", "curve_batch": 0, "curve_mixing": 0.0}
        training = dataclasses.replace(training, **alone)
    model = network(name, config, widths, plain)
    config = dataclasses.replace(config, training=training)
    return timing.training_step(model, config, widths is None, device)


def shares(step):
    """Parts of a step's processor time by kind of operation: {kind: share}, the rest last. See
    NOTES."""
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # torch's profiler writes lines about itself
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as found:
        step()
    times = {event.key: event.self_cpu_time_total for event in found.key_averages()}
    parts = {
        kind: sum(time for key, time in times.items() if re.search(pattern, key))
        / sum(times.values())
        for kind, pattern in KINDS.items()
    }
    return parts | {"all else": 1 - sum(parts.values())}


def _peak(device):
    """Largest memory of this process so far [GiB]."""
    if device == "cuda":
        return torch.cuda.max_memory_allocated() / 2**30
    status = Path("/proc/self/status")
    if status.is_file():  # getrusage of a new process begins with what its parent has
        return (
            next(
                int(line.split()[1])
                for line in status.read_text().splitlines()
                if line.startswith("VmHWM")
            )
            / 2**20
        )
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**30  # bytes, on macOS


def _alone(name, config, widths, precision, plain, device):
    """Worker: seconds of a contestant's step, and the largest memory [GiB]. Name None: of imports
    alone."""
    if name is None:
        _ = None if widths is None else peer.library().UNet2DConditionModel
        return 0.0, _peak(device)
    step = trainee(name, config, widths, precision, plain, device)
    return timing.settled(step, device), _peak(device)


def alone(*arguments):
    """`_alone` in a process of its own."""
    with processes(1) as submit:
        return submit(_alone, *arguments).result()


def sizes(config):
    """Parameters of our network, and the widths of each peer {name: widths}."""
    ours = peer.parameters(network_of(config))
    return ours, {name: peer.widths(config, name, ours) for name in PEERS}
